/* A hostile process writes random bytes over a mutex, or cuts its file, while it is free, held, or fought for. Calls
 * may then fail with CORRUPT or TIMEOUT; but no process may crash, no call may last longer than its deadline and a
 * little more, the C library's own robust mutexes must stay right, and when all are gone the name must serve again. One
 * case a seed, several at a time, since they mostly wait. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mutex.h"
#include "stress.h"

#define CASES_AT_A_TIME 6
#define PATIENCE (STRESS_SECOND / 40)     /* for a lock that may never come */
#define DECISION (STRESS_SECOND)          /* for a name */
#define A_LITTLE (STRESS_SECOND * 3 / 10) /* more than the deadline */
#define LIMIT (20 * STRESS_SECOND)        /* for a whole case */
#define FIGHTERS 2
#define THREADS 2
#define ROUNDS 8
#define HEADER 64 /* bytes at the page's beginning */

enum target { WHOLE, WORD, HEAD, CUT, CUT_AND_REGROWN, TARGETS };
enum situation { WHILE_FREE, WHILE_HELD, WHILE_FOUGHT_FOR, SITUATIONS };

/* One case, shared by its processes. */
struct scene {
  char name[STRESS_NAME];
  enum target target;
  enum situation situation;
  _Atomic(unsigned) asked, done; /* scribbles */
  _Atomic(uint32_t) owner;       /* thread id that stands in the word while the hostile process looks for it */
  _Atomic(size_t) word;          /* where it stands */
  _Atomic(uint32_t) written;     /* there, last */
  _Atomic(int) ready;            /* victims that have opened */
};

static struct scene *scene;
static _Atomic(uint64_t) *calls, *refused; /* of all cases */

/* ---- the hostile process */

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

static void scribble(char *from, size_t count) {
  while (count-- > 0) *(volatile char *)from++ = (char)stress_below(256);
}

/* Values that mean something to somebody, and random ones. */
static uint32_t nasty_word(uint32_t owner) {
  const uint32_t words[] = {0,
                            owner,
                            owner | FUTEX_WAITERS,
                            owner + 1,
                            FUTEX_WAITERS,
                            FUTEX_OWNER_DIED,
                            FUTEX_OWNER_DIED | FUTEX_WAITERS | owner,
                            UINT32_MAX,
                            1,
                            (uint32_t)getpid(),
                            (uint32_t)stress_random()};
  return words[stress_below(sizeof words / sizeof words[0])];
}

/* From the end: the same number may stand in the header by chance, and the words that change stand after it. */
static size_t find_word(const char *page, uint32_t owner) {
  size_t i = page_size();
  while (i >= sizeof owner) {
    uint32_t found;
    i -= sizeof owner;
    memcpy(&found, page + i, sizeof found);
    if ((found & FUTEX_TID_MASK) == owner) return i;
  }
  stress_give_up(1, "the owner's thread id does not stand in the mutex");
}

static void attack(int fd, char *page) {
  switch (scene->target) {
  case WHOLE: scribble(page, page_size()); break;
  case WORD: {
    const uint32_t value = nasty_word(atomic_load(&scene->owner));
    atomic_store(&scene->written, value);
    memcpy(page + atomic_load(&scene->word), &value, sizeof value);
    break;
  }
  case HEAD: scribble(page + stress_below(HEADER), 1 + stress_below(8)); break;
  case CUT:
    if (ftruncate(fd, 0) != 0) stress_give_up(2, "ftruncate: %s", strerror(errno));
    break;
  case CUT_AND_REGROWN:
    if (ftruncate(fd, 0) != 0 || ftruncate(fd, (off_t)page_size()) != 0)
      stress_give_up(2, "ftruncate: %s", strerror(errno));
    if (pwrite(fd, &scene->owner, sizeof scene->owner, (off_t)stress_below(HEADER)) < 0) return;
    break;
  default: break;
  }
}

/* The first that it is asked is to find the word. */
static void be_hostile(void *context) {
  char path[STRESS_NAME + 16], *page = NULL;
  unsigned done = 0;
  int fd = -1;
  (void)context;
  for (;;) {
    while (atomic_load(&scene->asked) == done) stress_sleep(20000);
    if (!page) {
      snprintf(path, sizeof path, "/dev/shm/%s", scene->name);
      fd = open(path, O_RDWR | O_CLOEXEC);
      page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
      if (fd < 0 || page == MAP_FAILED) stress_give_up(2, "%s: %s", path, strerror(errno));
      atomic_store(&scene->word, find_word(page, atomic_load(&scene->owner)));
    } else {
      attack(fd, page);
    }
    atomic_store(&scene->done, ++done);
    if (scene->situation == WHILE_FOUGHT_FOR && done > 1) { /* then without being asked again */
      for (;;) {
        stress_sleep(stress_below(300000));
        attack(fd, page);
      }
    }
  }
}

static void ask_hostile(void) {
  const unsigned due = atomic_fetch_add(&scene->asked, 1) + 1;
  const uint64_t until = stress_clock() + LIMIT / 2;
  while (atomic_load(&scene->done) < due) {
    if (stress_clock() > until) stress_give_up(2, "the hostile process is gone");
    stress_sleep(20000);
  }
}

/* ---- the victims */

static void check_call(const char *call, uint64_t began, uint64_t patience, enum shmipc_status status,
                       enum shmipc_status other) {
  const uint64_t lasted = stress_clock() - began;
  atomic_fetch_add(calls, 1);
  if (status != SHMIPC_OK) atomic_fetch_add(refused, 1);
  if (lasted > patience + A_LITTLE)
    stress_fail("%s lasted %.3f s, target %d, situation %d", call, (double)lasted / 1e9, (int)scene->target,
                (int)scene->situation);
  if (status != SHMIPC_OK && status != SHMIPC_CORRUPT && status != other)
    stress_fail("%s gave %s, target %d, situation %d", call, stress_status(status), (int)scene->target,
                (int)scene->situation);
}

static int try_lock(struct shmipc_mutex *mutex) {
  const uint64_t began = stress_clock(), patience = stress_below(4) == 0 ? 0 : PATIENCE;
  uint64_t serial;
  int abandoned;
  const enum shmipc_status status = shmipc_mutex_lock(mutex, os_clock() + patience, &serial, &abandoned).status;
  check_call("lock", began, patience, status, SHMIPC_TIMEOUT);
  return status == SHMIPC_OK;
}

static enum shmipc_status unlock(struct shmipc_mutex *mutex) {
  const uint64_t began = stress_clock();
  const enum shmipc_status status = shmipc_mutex_unlock(mutex).status;
  check_call("unlock", began, 0, status, SHMIPC_OK);
  return status;
}

/* What stands in the word has been written while the calling thread had the lock. */
static void unlock_scribbled(struct shmipc_mutex *mutex) {
  const uint32_t owner = atomic_load(&scene->written) & FUTEX_TID_MASK;
  const enum shmipc_status status = unlock(mutex);
  if (scene->target == WORD && (status == SHMIPC_OK) != (owner == atomic_load(&scene->owner)))
    stress_fail("unlock gave %s where %u was written over %u", stress_status(status), owner,
                atomic_load(&scene->owner));
  if (scene->target == CUT && status == SHMIPC_OK) stress_fail("a mutex without memory was unlocked");
}

static void close_mutex(struct shmipc_mutex *mutex) {
  const uint64_t began = stress_clock();
  shmipc_mutex_close(mutex);
  check_call("close", began, 0, SHMIPC_OK, SHMIPC_OK);
}

static int try_open(struct shmipc_mutex *mutex) {
  const struct os_name name = {OS_SCOPE_NONE, scene->name};
  const uint64_t began = stress_clock();
  const enum shmipc_status status = shmipc_mutex_open(&name, os_clock() + DECISION, mutex).status;
  check_call("open", began, DECISION, status, SHMIPC_NOT_SUPPORTED);
  return status == SHMIPC_OK;
}

static void create(struct shmipc_mutex *mutex) {
  const struct os_name name = {OS_SCOPE_NONE, scene->name};
  const struct shmipc_mutex_creation creation = {0600, OS_BORN_FREE};
  const enum shmipc_status status = shmipc_mutex_create(&name, &creation, os_clock() + DECISION, mutex).status;
  if (status != SHMIPC_OK) stress_give_up(1, "create gave %s", stress_status(status));
}

static pthread_mutex_t robust;

static void make_robust(void) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&robust, &attributes);
  pthread_mutexattr_destroy(&attributes);
}

/* The thread's own list of the locks that it holds (get_robust_list(2)). */
static int robust_list_is_empty(void) {
  struct robust_list_head *head;
  size_t size;
  return syscall(SYS_get_robust_list, 0, &head, &size) == 0 && head->list.next == &head->list &&
         head->list_op_pending == NULL;
}

static void show_word(struct shmipc_mutex *mutex) {
  atomic_store(&scene->owner, (uint32_t)syscall(SYS_gettid));
  if (!try_lock(mutex)) stress_give_up(1, "a new mutex cannot be locked");
  ask_hostile();
  unlock(mutex);
}

/* One process, one thread. */
static void suffer(void *context) {
  static struct shmipc_mutex first, second;
  int has_second, holds;
  (void)context;
  make_robust();
  create(&first);
  show_word(&first);
  has_second = stress_below(2) == 0 && try_open(&second);
  holds = scene->situation == WHILE_HELD && try_lock(&first);
  pthread_mutex_lock(&robust);
  ask_hostile();
  if (holds && stress_below(2) == 0 && try_lock(has_second ? &second : &first)) unlock(&first);
  if (holds) unlock_scribbled(&first);
  holds = try_lock(&first);
  if (holds && scene->target == CUT) stress_fail("a mutex without memory was locked");
  if (!has_second) has_second = try_open(&second);
  if (stress_below(2) == 0) ask_hostile();
  if (pthread_mutex_unlock(&robust) != 0) stress_fail("the C library's mutex cannot be unlocked");
  if (has_second && try_lock(&second)) unlock(&second);
  if (stress_below(2) == 0) exit(0); /* as it is, perhaps holding */
  if (has_second) close_mutex(&second);
  close_mutex(&first);
  if (pthread_mutex_lock(&robust) != 0 || pthread_mutex_unlock(&robust) != 0)
    stress_fail("the C library's mutex cannot be locked again");
  if (!robust_list_is_empty()) stress_fail("the list of held locks is not empty");
}

static void *fight(void *context) {
  struct shmipc_mutex *mutex = context;
  int round;
  for (round = 0; round < ROUNDS; round++) {
    if (!try_lock(mutex)) continue;
    if (stress_below(2) == 0) stress_sleep(stress_below(1000000));
    unlock(mutex);
  }
  if (!robust_list_is_empty()) stress_fail("the list of held locks is not empty");
  return NULL;
}

/* One of several processes with several threads, each with a handle of its own; the first creates. */
static void suffer_together(void *context) {
  static struct shmipc_mutex mutexes[THREADS];
  const int is_first = *(const int *)context == 0;
  const uint64_t until = stress_clock() + LIMIT / 2;
  pthread_t threads[THREADS];
  int i;
  if (is_first) create(&mutexes[0]);
  for (i = is_first ? 1 : 0; i < THREADS; i++)
    if (!try_open(&mutexes[i])) stress_give_up(1, "a sound mutex cannot be opened");
  if (is_first) show_word(&mutexes[0]);
  atomic_fetch_add(&scene->ready, 1);
  while (atomic_load(&scene->ready) < FIGHTERS && stress_clock() < until) stress_sleep(20000);
  if (is_first) ask_hostile();
  for (i = 0; i < THREADS; i++)
    if (pthread_create(&threads[i], NULL, fight, &mutexes[i]) != 0) stress_give_up(2, "no thread can be made");
  for (i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
  for (i = 0; i < THREADS; i++) close_mutex(&mutexes[i]);
}

static void use_again(void *context) {
  static struct shmipc_mutex mutex;
  (void)context;
  create(&mutex);
  if (!try_lock(&mutex)) stress_fail("a new mutex cannot be locked");
  unlock(&mutex);
  close_mutex(&mutex);
  if (stress_name_exists(scene->name)) stress_fail("the name is left");
}

/* ---- a case */

static void wait_well(pid_t child) {
  const int status = stress_wait(child, LIMIT);
  if (status != 0)
    stress_fail("a process ended with wait status %#x, target %d, situation %d", (unsigned)status, (int)scene->target,
                (int)scene->situation);
}

static void run_case(void *context) {
  const uint64_t seed = *(const uint64_t *)context;
  pid_t victims[FIGHTERS], hostile;
  char tag[24];
  int i, count;
  scene = stress_share(sizeof *scene);
  snprintf(tag, sizeof tag, "%llu", (unsigned long long)seed);
  stress_name(scene->name, tag);
  scene->target = (enum target)(seed % TARGETS);
  scene->situation = (enum situation)(seed / TARGETS % SITUATIONS);
  hostile = stress_fork(be_hostile, NULL);
  count = scene->situation == WHILE_FOUGHT_FOR ? FIGHTERS : 1;
  for (i = 0; i < count; i++) {
    if (i > 0) { /* what the first has made */
      const uint64_t until = stress_clock() + LIMIT / 2;
      while (!atomic_load(&scene->ready) && stress_clock() < until) stress_sleep(20000);
    }
    victims[i] = stress_fork(count == 1 ? suffer : suffer_together, &i);
  }
  for (i = 0; i < count; i++) wait_well(victims[i]);
  stress_kill(hostile);
  wait_well(stress_fork(use_again, NULL));
  stress_name_remove(scene->name);
}

int main(int argc, char **argv) {
  struct stress_option options[] = {{"cases", 300, "how many", NULL}, {"seed", 1, "of the first case", NULL}};
  uint64_t seed, begin, end;
  unsigned running = 0;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  calls = stress_share(sizeof *calls);
  refused = stress_share(sizeof *refused);
  begin = stress_clock();
  seed = stress_option("seed");
  end = seed + stress_option("cases");
  while (running > 0 || (seed < end && !stress_failures())) {
    if (running < CASES_AT_A_TIME && seed < end && !stress_failures()) {
      stress_fork(run_case, &seed);
      seed++;
      running++;
    } else {
      int status;
      if (wait(&status) < 0) stress_give_up(2, "wait: %s", strerror(errno));
      if (status != 0) stress_fail("a case ended with wait status %#x", (unsigned)status);
      running--;
    }
  }
  return stress_end("%llu cases, %llu calls, of which %llu failed as they may, in %.1f s",
                    (unsigned long long)(seed - stress_option("seed")), (unsigned long long)atomic_load(calls),
                    (unsigned long long)atomic_load(refused), (double)(stress_clock() - begin) / 1e9);
}
