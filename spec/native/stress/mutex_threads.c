/* Mutexes beside threads, forks, and the C library's own robust mutexes, which stand on the same list of the thread's
 * locks (get_robust_list(2)). Each part is a process of its own; a neighbour, another process that was there before,
 * says what the rest of the world sees. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/mutex.h"
#include "stress.h"

#define SHORT STRESS_SECOND
#define LIMIT (60 * STRESS_SECOND)
#define OURS 3
#define THEIRS 3
#define LOCKS (OURS + THEIRS)

static char texts[OURS][STRESS_NAME];
static struct os_name names[OURS];

static void expect(const char *what, enum shmipc_status status, enum shmipc_status due) {
  if (status != due) stress_fail("%s gave %s instead of %s", what, stress_status(status), stress_status(due));
}

static void expect_abandoned(const char *what, int abandoned, int due) {
  if (!abandoned != !due) stress_fail("%s: \"abandoned\" was %stold", what, abandoned ? "" : "not ");
}

/* pre: it succeeds. */
static void open_mutex(unsigned which, struct shmipc_mutex *mutex) {
  const struct shmipc_mutex_creation creation = {0600, OS_BORN_FREE};
  const enum shmipc_status status =
      shmipc_mutex_open_or_create(&names[which], &creation, os_clock() + SHORT, mutex).status;
  if (status != SHMIPC_OK) stress_give_up(1, "open gave %s", stress_status(status));
}

static enum shmipc_status lock_for(struct shmipc_mutex *mutex, uint64_t patience, int *abandoned) {
  uint64_t serial;
  *abandoned = 0;
  return shmipc_mutex_lock(mutex, os_clock() + patience, &serial, abandoned).status;
}

static void lock(struct shmipc_mutex *mutex, int abandoned_due) {
  int abandoned;
  expect("lock", lock_for(mutex, SHORT, &abandoned), SHMIPC_OK);
  expect_abandoned("lock", abandoned, abandoned_due);
}

static void unlock(struct shmipc_mutex *mutex) { expect("unlock", shmipc_mutex_unlock(mutex).status, SHMIPC_OK); }

/* ---- the neighbour */

enum question { OPEN, LOCK, UNLOCK, CLOSE };

struct answer {
  enum shmipc_status status;
  int abandoned;
};

static int to_neighbour[2], from_neighbour[2];

static void be_neighbour(void *context) {
  static struct shmipc_mutex mutex;
  enum question question;
  (void)context;
  while (read(to_neighbour[0], &question, sizeof question) == sizeof question) {
    struct answer answer = {SHMIPC_OK, 0};
    switch (question) {
    case OPEN: answer.status = shmipc_mutex_open(&names[0], os_clock() + SHORT, &mutex).status; break;
    case LOCK: answer.status = lock_for(&mutex, SHORT / 20, &answer.abandoned); break;
    case UNLOCK: answer.status = shmipc_mutex_unlock(&mutex).status; break;
    case CLOSE: shmipc_mutex_close(&mutex); break;
    }
    if (write(from_neighbour[1], &answer, sizeof answer) != sizeof answer) break;
  }
}

static struct answer ask(enum question question) {
  struct answer answer;
  if (write(to_neighbour[1], &question, sizeof question) != sizeof question ||
      read(from_neighbour[0], &answer, sizeof answer) != sizeof answer)
    stress_give_up(2, "the neighbour is gone");
  return answer;
}

static void neighbour_is_refused(void) { expect("the neighbour's lock", ask(LOCK).status, SHMIPC_TIMEOUT); }

static void neighbour_locks(int abandoned_due) {
  const struct answer answer = ask(LOCK);
  expect("the neighbour's lock", answer.status, SHMIPC_OK);
  expect_abandoned("the neighbour's lock", answer.abandoned, abandoned_due);
  if (answer.status == SHMIPC_OK) expect("the neighbour's unlock", ask(UNLOCK).status, SHMIPC_OK);
}

/* ---- a thread that does one thing after another, when told to */

struct puppet {
  pthread_t thread;
  _Atomic(int) told, done;
  void (*deed)(void *context);
  void *context;
};

static void *be_puppet(void *context) {
  struct puppet *puppet = context;
  int done = 0;
  for (;;) {
    while (atomic_load(&puppet->told) == done) stress_sleep(20000);
    if (!puppet->deed) return NULL;
    puppet->deed(puppet->context);
    atomic_store(&puppet->done, ++done);
  }
}

static void puppet_start(struct puppet *puppet) {
  memset(puppet, 0, sizeof *puppet);
  if (pthread_create(&puppet->thread, NULL, be_puppet, puppet) != 0) stress_give_up(2, "no thread can be made");
}

static void puppet_do(struct puppet *puppet, void (*deed)(void *context), void *context) {
  int due;
  puppet->deed = deed;
  puppet->context = context;
  due = atomic_fetch_add(&puppet->told, 1) + 1;
  while (atomic_load(&puppet->done) < due) stress_sleep(20000);
}

static void puppet_end(struct puppet *puppet) {
  puppet->deed = NULL;
  atomic_fetch_add(&puppet->told, 1);
  pthread_join(puppet->thread, NULL);
}

static void deed_lock(void *context) { lock(context, 0); }
static void deed_unlock(void *context) { unlock(context); }
static void deed_unlock_vainly(void *context) {
  expect("unlock", shmipc_mutex_unlock(context).status, SHMIPC_NOT_OWNER);
}

/* ---- parts: threads */

static void thread_ends(void) {
  struct shmipc_mutex first, second;
  struct puppet puppet;
  int levels, level;
  open_mutex(0, &first);
  open_mutex(0, &second);
  ask(OPEN);
  for (levels = 1; levels <= 3; levels++) {
    puppet_start(&puppet);
    for (level = 0; level < levels; level++) puppet_do(&puppet, deed_lock, level % 2 == 0 ? &first : &second);
    neighbour_is_refused();
    puppet_end(&puppet);
    if (levels % 2 == 0)
      neighbour_locks(1);
    else
      lock(&first, 1), unlock(&first);
    neighbour_locks(0);
    lock(&second, 0);
    unlock(&second);
  }
  ask(CLOSE);
  shmipc_mutex_close(&first);
  shmipc_mutex_close(&second);
}

static void closed_by_another_thread(void) {
  struct shmipc_mutex first, second;
  struct puppet puppet;
  int abandoned;
  open_mutex(0, &first);
  open_mutex(0, &second);
  ask(OPEN);
  puppet_start(&puppet);
  puppet_do(&puppet, deed_lock, &first);
  shmipc_mutex_close(&first);
  expect("lock", lock_for(&second, 0, &abandoned), SHMIPC_TIMEOUT);
  neighbour_is_refused();
  puppet_end(&puppet);
  neighbour_locks(1);
  shmipc_mutex_close(&second);

  open_mutex(0, &first);
  open_mutex(0, &second);
  puppet_start(&puppet);
  puppet_do(&puppet, deed_lock, &first);
  shmipc_mutex_close(&first);
  puppet_do(&puppet, deed_unlock, &second); /* the lock is the thread's, whichever handle it goes through */
  puppet_do(&puppet, deed_unlock_vainly, &second);
  expect("lock", lock_for(&second, SHORT, &abandoned), SHMIPC_OK);
  unlock(&second);
  puppet_end(&puppet);
  neighbour_locks(0);
  shmipc_mutex_close(&second);
  ask(CLOSE);
}

static void last_handle_closed_by_another_thread(void) {
  struct shmipc_mutex only;
  struct puppet puppet;
  open_mutex(0, &only);
  puppet_start(&puppet);
  puppet_do(&puppet, deed_lock, &only);
  shmipc_mutex_close(&only);
  expect("open", ask(OPEN).status, SHMIPC_OK); /* the thread that has the lock is a holder */
  neighbour_is_refused();
  open_mutex(0, &only);
  if (only.created) stress_fail("a new mutex over one that is locked");
  shmipc_mutex_close(&only);
  puppet_end(&puppet);
  neighbour_locks(1);
  ask(CLOSE);
  if (stress_name_exists(texts[0])) stress_fail("the name is left");
}

static void two_handles_of_one_thread(void) {
  struct shmipc_mutex first, second;
  open_mutex(0, &first);
  open_mutex(0, &second);
  ask(OPEN);
  lock(&first, 0);
  lock(&second, 0);
  unlock(&first);
  neighbour_is_refused();
  unlock(&second);
  neighbour_locks(0);

  lock(&first, 0);
  lock(&second, 0);
  shmipc_mutex_close(&first); /* gives up its level; the other stands */
  neighbour_is_refused();
  unlock(&second);
  neighbour_locks(1);

  lock(&second, 0);
  shmipc_mutex_close(&second);
  neighbour_locks(1);
  neighbour_locks(0);
  ask(CLOSE);
}

#define ADDING_THREADS 4
#define ADDITIONS 20000

struct sum {
  volatile uint64_t value; /* under the mutex */
  _Atomic(int) processes_done;
};
static struct sum *sum;

static void *add(void *context) {
  struct shmipc_mutex mine[2];
  int i;
  (void)context;
  open_mutex(0, &mine[0]);
  open_mutex(0, &mine[1]);
  for (i = 0; i < ADDITIONS; i++) {
    lock(&mine[i % 2], 0);
    if (i % 5 == 0) {
      lock(&mine[(i + 1) % 2], 0);
      sum->value++;
      unlock(&mine[i % 2]);
      sum->value--;
    }
    sum->value++;
    unlock(&mine[i % 5 == 0 ? (i + 1) % 2 : i % 2]);
    if (i % 1000 == 999) { /* come and go: the first and the last handle of a process are special */
      shmipc_mutex_close(&mine[1]);
      open_mutex(0, &mine[1]);
    }
  }
  shmipc_mutex_close(&mine[0]);
  shmipc_mutex_close(&mine[1]);
  return NULL;
}

static void add_in_threads(void *context) {
  pthread_t threads[ADDING_THREADS];
  int i;
  (void)context;
  for (i = 0; i < ADDING_THREADS; i++)
    if (pthread_create(&threads[i], NULL, add, NULL) != 0) stress_give_up(2, "no thread can be made");
  for (i = 0; i < ADDING_THREADS; i++) pthread_join(threads[i], NULL);
}

static void threads_exclude_each_other(void) {
  pid_t children[2];
  int i;
  for (i = 0; i < 2; i++) children[i] = stress_fork(add_in_threads, NULL);
  for (i = 0; i < 2; i++)
    if (stress_wait(children[i], LIMIT) != 0) stress_fail("a process did not end well");
  if (sum->value != 2 * ADDING_THREADS * ADDITIONS)
    stress_fail("%d additions became %llu", 2 * ADDING_THREADS * ADDITIONS, (unsigned long long)sum->value);
}

/* ---- parts: processes */

/* A child that is forked before this process has anything to do with shmipc, so that it inherits nothing; it waits
 * until the mutex is there, locks it, and leaves in that way. */
static void leave_while_held(void (*leave)(void)) {
  static struct shmipc_mutex mutex;
  int begin[2];
  char byte = 0;
  pid_t child;
  if (pipe(begin) != 0) stress_give_up(2, "pipe: %s", strerror(errno));
  child = fork();
  if (child == 0) {
    close(begin[1]);
    if (read(begin[0], &byte, 1) != 1) _exit(2);
    open_mutex(0, &mutex);
    lock(&mutex, 0);
    leave();
    _exit(2);
  }
  close(begin[0]);
  open_mutex(0, &mutex);
  ask(OPEN);
  if (write(begin[1], &byte, 1) != 1) stress_give_up(2, "pipe: %s", strerror(errno));
  close(begin[1]);
  if (stress_wait(child, LIMIT) != 0) stress_fail("a process did not end well");
  neighbour_locks(1);
  lock(&mutex, 0);
  unlock(&mutex);
  ask(CLOSE);
  shmipc_mutex_close(&mutex);
}

static void by_exit(void) { exit(0); }
static void by_exec(void) { execl("/bin/true", "true", (char *)NULL); }
static void exit_abandons(void) { leave_while_held(by_exit); }
static void exec_abandons(void) { leave_while_held(by_exec); }

static void lock_and_exit(void *context) {
  static struct shmipc_mutex mutex;
  (void)context;
  open_mutex(0, &mutex);
  lock(&mutex, 0);
  exit(0);
}

static void exit_takes_the_name(void) {
  if (stress_wait(stress_fork(lock_and_exit, NULL), LIMIT) != 0) stress_fail("a process did not end well");
  if (stress_name_exists(texts[0])) stress_fail("the name is left by exit");
}

/* A forked child has what its parent had, but holds nothing; nothing that it does with it touches the parent's. */
static struct shmipc_mutex inherited;

static void child_closes(void *context) {
  (void)context;
  shmipc_mutex_close(&inherited);
  exit(0);
}

static void child_exits(void *context) {
  (void)context;
  exit(0);
}

static void child_unlocks(void *context) {
  int abandoned;
  (void)context;
  expect("the child's unlock", shmipc_mutex_unlock(&inherited).status, SHMIPC_NOT_OWNER);
  expect("the child's lock", lock_for(&inherited, SHORT / 20, &abandoned), SHMIPC_TIMEOUT);
  shmipc_mutex_close(&inherited);
}

static void fork_leaves_the_parents_lock(void) {
  void (*const deeds[])(void *context) = {child_closes, child_exits, child_unlocks};
  size_t i;
  open_mutex(0, &inherited);
  ask(OPEN);
  for (i = 0; i < sizeof deeds / sizeof deeds[0]; i++) {
    lock(&inherited, 0);
    if (stress_wait(stress_fork(deeds[i], NULL), LIMIT) != 0) stress_fail("a child did not end well");
    neighbour_is_refused();
    unlock(&inherited);
    neighbour_locks(0);
  }
  ask(CLOSE);
  if (!stress_name_exists(texts[0])) stress_fail("a child has taken its parent's name");
  shmipc_mutex_close(&inherited);
  if (stress_name_exists(texts[0])) stress_fail("the name is left");
}

static _Atomic(int) *stage;

static void wait_for_stage(int due) {
  const uint64_t until = stress_clock() + LIMIT / 2;
  while (atomic_load(stage) < due && stress_clock() < until) stress_sleep(50000);
}

static void child_opens_again(void *context) {
  static struct shmipc_mutex own;
  int abandoned;
  (void)context;
  open_mutex(0, &own);
  if (own.created) stress_fail("the child made a new mutex");
  atomic_store(stage, 1);
  wait_for_stage(2);
  expect("the child's lock", lock_for(&own, SHORT, &abandoned), SHMIPC_OK);
  atomic_store(stage, 3);
  wait_for_stage(4);
  _exit(0); /* holding it */
}

static void forked_child_that_opens_again_is_a_holder(void) {
  pid_t child;
  struct answer answer;
  open_mutex(0, &inherited);
  child = stress_fork(child_opens_again, NULL);
  wait_for_stage(1);
  shmipc_mutex_close(&inherited);
  answer = ask(OPEN);
  expect("open of what a forked child has opened", answer.status, SHMIPC_OK);
  atomic_store(stage, 2);
  wait_for_stage(3);
  if (answer.status == SHMIPC_OK) neighbour_is_refused();
  atomic_store(stage, 4);
  if (stress_wait(child, LIMIT) != 0) stress_fail("a child did not end well");
  if (answer.status == SHMIPC_OK) {
    neighbour_locks(1);
    ask(CLOSE);
  }
  if (stress_name_exists(texts[0])) stress_fail("the name is left");
}

/* ---- parts: the C library's mutexes on the same list */

struct common {
  pthread_mutex_t theirs[THEIRS];
  _Atomic(unsigned) held; /* bit i: lock i is held for certain */
  _Atomic(int) ready;
};
static struct common *common;

static void make_theirs(void) {
  pthread_mutexattr_t attributes;
  int i;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  for (i = 0; i < THEIRS; i++) {
    if (i == THEIRS - 1) pthread_mutexattr_setprotocol(&attributes, PTHREAD_PRIO_INHERIT); /* marked in the list */
    pthread_mutex_init(&common->theirs[i], &attributes);
  }
  pthread_mutexattr_destroy(&attributes);
}

/* Entries on the calling thread's list; -1: it does not come to an end, or something is pending. */
static int listed(void) {
  struct robust_list_head *head;
  struct robust_list *entry;
  size_t size;
  int count = 0;
  if (syscall(SYS_get_robust_list, 0, &head, &size) != 0 || head->list_op_pending) return -1;
  entry = head->list.next;
  while ((struct robust_list *)((uintptr_t)entry & ~(uintptr_t)1) != &head->list) {
    entry = ((struct robust_list *)((uintptr_t)entry & ~(uintptr_t)1))->next;
    if (++count > LOCKS) return -1;
  }
  return count;
}

static void lock_which(unsigned which, struct shmipc_mutex ours[OURS]) {
  int abandoned, error = 0;
  if (which < OURS) {
    expect("lock", lock_for(&ours[which], SHORT, &abandoned), SHMIPC_OK);
  } else {
    error = pthread_mutex_lock(&common->theirs[which - OURS]);
    if (error != 0) stress_fail("the C library's lock: %s", strerror(error));
  }
  atomic_fetch_or(&common->held, 1u << which);
}

static void unlock_which(unsigned which, struct shmipc_mutex ours[OURS]) {
  atomic_fetch_and(&common->held, ~(1u << which));
  if (which < OURS)
    unlock(&ours[which]);
  else
    pthread_mutex_unlock(&common->theirs[which - OURS]);
}

static void toggle(struct shmipc_mutex ours[OURS]) {
  const unsigned which = (unsigned)stress_below(LOCKS);
  if (atomic_load(&common->held) & (1u << which))
    unlock_which(which, ours);
  else
    lock_which(which, ours);
}

static void interleaved_with_the_c_library(void) {
  static struct shmipc_mutex ours[OURS];
  unsigned i;
  int turn;
  for (i = 0; i < OURS; i++) open_mutex(i, &ours[i]);
  for (turn = 0; turn < 200000 && !stress_failures(); turn++) {
    toggle(ours);
    if (listed() != __builtin_popcount(atomic_load(&common->held)))
      stress_fail("%d locks are listed, %d are held", listed(), __builtin_popcount(atomic_load(&common->held)));
  }
  for (i = 0; i < LOCKS; i++)
    if (atomic_load(&common->held) & (1u << i)) unlock_which(i, ours);
  if (listed() != 0) stress_fail("the list of held locks is not empty");
  for (i = 0; i < OURS; i++) shmipc_mutex_close(&ours[i]);
}

static void toggle_without_end(void *context) {
  static struct shmipc_mutex ours[OURS];
  unsigned i;
  (void)context;
  for (i = 0; i < OURS; i++) open_mutex(i, &ours[i]);
  atomic_store(&common->ready, 1);
  for (;;) toggle(ours);
}

static void check_dead(struct shmipc_mutex ours[OURS]) {
  const unsigned held = atomic_load(&common->held);
  unsigned i;
  for (i = 0; i < OURS; i++) {
    int abandoned;
    expect("lock", lock_for(&ours[i], SHORT, &abandoned), SHMIPC_OK);
    if ((held & (1u << i)) && !abandoned) stress_fail("the owner of ours died, and nobody was told");
    unlock(&ours[i]);
  }
  for (i = OURS; i < LOCKS; i++) {
    struct timespec until;
    int error;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    error = pthread_mutex_timedlock(&common->theirs[i - OURS], &until);
    if ((held & (1u << i)) && error != EOWNERDEAD) stress_fail("the owner of theirs died: %s", strerror(error));
    if (error == EOWNERDEAD) pthread_mutex_consistent(&common->theirs[i - OURS]);
    if (error == 0 || error == EOWNERDEAD)
      pthread_mutex_unlock(&common->theirs[i - OURS]);
    else
      stress_fail("theirs cannot be locked: %s", strerror(error));
  }
}

/* In a process that was forked before this one had to do with shmipc. */
static void killed_beside_the_c_library(void) {
  static struct shmipc_mutex ours[OURS];
  pid_t parent = getpid(), keeper;
  unsigned round, i;
  int orders[2], answers[2];
  char byte = 0;
  if (pipe(orders) != 0 || pipe(answers) != 0) stress_give_up(2, "pipe: %s", strerror(errno));
  keeper = fork();
  if (keeper == 0) {
    close(orders[1]);
    for (i = 0; i < OURS; i++) open_mutex(i, &ours[i]);
    if (write(answers[1], &byte, 1) != 1) _exit(2);
    while (getppid() == parent && read(orders[0], &byte, 1) == 1) {
      check_dead(ours);
      if (write(answers[1], &byte, 1) != 1) _exit(2);
    }
    for (i = 0; i < OURS; i++) shmipc_mutex_close(&ours[i]);
    _exit(0);
  }
  close(orders[0]);
  if (read(answers[0], &byte, 1) != 1) stress_give_up(2, "the keeper is gone");
  for (round = 0; round < 300 && !stress_failures(); round++) {
    const uint64_t until = stress_clock() + LIMIT / 2;
    pid_t child;
    atomic_store(&common->held, 0);
    atomic_store(&common->ready, 0);
    child = stress_fork(toggle_without_end, NULL);
    while (!atomic_load(&common->ready) && stress_clock() < until) stress_sleep(20000);
    stress_sleep(stress_below(300000));
    stress_kill(child);
    if (write(orders[1], &byte, 1) != 1 || read(answers[0], &byte, 1) != 1) stress_give_up(2, "the keeper is gone");
  }
  close(orders[1]);
  if (stress_wait(keeper, LIMIT) != 0) stress_fail("the keeper did not end well");
}

/* ---- */

static const struct part {
  const char *name;
  void (*run)(void);
} parts[] = {
    {"thread_ends", thread_ends},
    {"closed_by_another_thread", closed_by_another_thread},
    {"last_handle_closed_by_another_thread", last_handle_closed_by_another_thread},
    {"two_handles_of_one_thread", two_handles_of_one_thread},
    {"threads_exclude_each_other", threads_exclude_each_other},
    {"exit_abandons", exit_abandons},
    {"exec_abandons", exec_abandons},
    {"exit_takes_the_name", exit_takes_the_name},
    {"fork_leaves_the_parents_lock", fork_leaves_the_parents_lock},
    {"forked_child_that_opens_again_is_a_holder", forked_child_that_opens_again_is_a_holder},
    {"interleaved_with_the_c_library", interleaved_with_the_c_library},
    {"killed_beside_the_c_library", killed_beside_the_c_library},
};

static void run_part(void *context) { ((const struct part *)context)->run(); }

int main(int argc, char **argv) {
  struct stress_option options[] = {{"part", 0, "which one, or all", "all"},
                                    {"seed", 1, "of the random decisions", NULL}};
  static const char *const tags[OURS] = {"a", "b", "c"};
  const size_t count = sizeof parts / sizeof parts[0];
  const char *wanted;
  uint64_t begin;
  pid_t neighbour;
  size_t i, run = 0;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  wanted = stress_option_text("part");
  begin = stress_clock();
  for (i = 0; i < OURS; i++) {
    stress_name(texts[i], tags[i]);
    names[i].base = texts[i];
  }
  sum = stress_share(sizeof *sum);
  stage = stress_share(sizeof *stage);
  common = stress_share(sizeof *common);
  make_theirs();
  if (pipe(to_neighbour) != 0 || pipe(from_neighbour) != 0) stress_give_up(2, "pipe: %s", strerror(errno));
  neighbour = stress_fork(be_neighbour, NULL);
  for (i = 0; i < count; i++) {
    struct part part = parts[i];
    int status;
    if (strcmp(wanted, "all") != 0 && strcmp(wanted, part.name) != 0) continue;
    status = stress_wait(stress_fork(run_part, &part), LIMIT);
    if (status != 0) stress_fail("%s ended with wait status %#x", part.name, (unsigned)status);
    run++;
  }
  stress_kill(neighbour);
  for (i = 0; i < OURS; i++) {
    if (stress_name_exists(texts[i])) stress_fail("a name is left");
    stress_name_remove(texts[i]);
  }
  if (run == 0) stress_give_up(2, "there is no part %s", wanted);
  return stress_end("%s, in %.1f s", wanted, (double)(stress_clock() - begin) / 1e9);
}
