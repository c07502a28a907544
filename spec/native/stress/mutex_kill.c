/* Three processes lock, add to two counters in a mapping, and unlock, while they are killed at random moments. A fourth
 * one, which lives, keeps the objects and locks now and then. No lock may be stuck, no two counters may differ unless
 * the next owner was told "abandoned", no addition may be lost, and in the end no name may be left. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/mapping.h"
#include "core/mutex.h"
#include "stress.h"

#define WORKERS 3
#define KEEPER WORKERS
#define SIZE 4096
#define PATIENCE (2 * STRESS_SECOND) /* for a lock that others hold for microseconds, on a busy machine */

/* In the mapping, under the mutex. */
struct counters {
  volatile uint64_t first, second;
};

/* What the main process sees; survives any death. */
struct board {
  _Atomic(uint64_t) added; /* by whole additions; written under the mutex */
  _Atomic(uint64_t) locks, told, torn;
  _Atomic(int) keeps;
};

struct work {
  struct shmipc_mutex mutex;
  struct shmipc_mapping *mapping;
  struct shmipc_view view;
};

static struct board *board;
static char mutex_name[STRESS_NAME], mapping_name[STRESS_NAME];

static void take_up(struct work *work) {
  const struct os_name mutex = {OS_SCOPE_NONE, mutex_name}, mapping = {OS_SCOPE_NONE, mapping_name};
  const struct shmipc_mutex_creation mutex_creation = {0600, OS_BORN_FREE};
  const struct shmipc_creation creation = {SIZE, 0600, OS_WHILE_HELD};
  const uint64_t deadline = os_clock() + PATIENCE;
  if (shmipc_mutex_open_or_create(&mutex, &mutex_creation, deadline, &work->mutex).status != SHMIPC_OK ||
      shmipc_mapping_open_or_create(&mapping, &creation, OS_READ_WRITE, deadline, &work->mapping).status != SHMIPC_OK ||
      shmipc_view_open(work->mapping, 0, SIZE, OS_READ_WRITE, &work->view).status != SHMIPC_OK)
    stress_fail("the objects cannot be opened");
}

/* The lock is held: are the counters as they must be? Mends them if they may be torn. */
static void look(struct counters *counters, int abandoned) {
  const uint64_t first = counters->first, second = counters->second;
  atomic_fetch_add(&board->locks, 1);
  if (abandoned) atomic_fetch_add(&board->told, 1);
  if (first == second) return;
  atomic_fetch_add(&board->torn, 1);
  if (!abandoned)
    stress_fail("the counters differ, %llu and %llu, and nobody was told", (unsigned long long)first,
                (unsigned long long)second);
  counters->second = first;
}

static int lock_and_look(struct work *work) {
  uint64_t serial;
  int abandoned = 0;
  const struct shmipc_result result = shmipc_mutex_lock(&work->mutex, os_clock() + PATIENCE, &serial, &abandoned);
  if (result.status != SHMIPC_OK) {
    stress_fail("the lock gave %s", stress_status(result.status));
    return 0;
  }
  look((struct counters *)(void *)work->view.memory.address, abandoned);
  return 1;
}

static void dally(uint64_t most) {
  volatile uint64_t turns = stress_below(most);
  while (turns > 0) turns--;
}

static void add_without_end(void *context) {
  static struct work work;
  struct counters *counters;
  (void)context;
  take_up(&work);
  counters = (struct counters *)(void *)work.view.memory.address;
  while (lock_and_look(&work)) {
    counters->first++;
    dally(400);
    counters->second++;
    atomic_fetch_add(&board->added, 1);
    if (stress_below(4) == 0) { /* a deeper level is given back first */
      uint64_t serial;
      int abandoned;
      if (shmipc_mutex_lock(&work.mutex, 0, &serial, &abandoned).status != SHMIPC_OK ||
          shmipc_mutex_unlock(&work.mutex).status != SHMIPC_OK)
        stress_fail("the owner cannot lock again");
    }
    if (shmipc_mutex_unlock(&work.mutex).status != SHMIPC_OK) stress_fail("the owner cannot unlock");
    dally(400);
  }
}

static void keep(void *context) {
  static struct work work;
  (void)context;
  take_up(&work);
  atomic_store(&board->keeps, 1);
  while (lock_and_look(&work)) {
    if (shmipc_mutex_unlock(&work.mutex).status != SHMIPC_OK) stress_fail("the owner cannot unlock");
    stress_sleep(300000);
  }
}

/* All that were added are there; each death may have left one that was not counted. */
static void check_sum(void *context) {
  static struct work work;
  struct counters *counters;
  uint64_t added;
  (void)context;
  take_up(&work);
  if (!lock_and_look(&work)) return;
  counters = (struct counters *)(void *)work.view.memory.address;
  added = atomic_load(&board->added);
  if (counters->first < added || counters->first > added + stress_option("rounds") + WORKERS)
    stress_fail("%llu additions became %llu", (unsigned long long)added, (unsigned long long)counters->first);
  shmipc_mutex_unlock(&work.mutex);
}

static void check_names(void *context) {
  const struct os_name mutex = {OS_SCOPE_NONE, mutex_name}, mapping = {OS_SCOPE_NONE, mapping_name};
  static struct work work;
  (void)context;
  if (shmipc_mutex_open(&mutex, os_clock() + PATIENCE, &work.mutex).status != SHMIPC_NOT_FOUND ||
      shmipc_mapping_open(&mapping, OS_READ_WRITE, os_clock() + PATIENCE, &work.mapping).status != SHMIPC_NOT_FOUND)
    stress_fail("an object outlives all its holders");
  take_up(&work);
  if (!work.mutex.created || !work.mapping->created) stress_fail("an object was not made anew");
  shmipc_view_close(&work.view);
  shmipc_mapping_release(work.mapping);
  shmipc_mutex_close(&work.mutex);
}

int main(int argc, char **argv) {
  struct stress_option options[] = {{"rounds", 1000, "kills", NULL},
                                    {"wait", 1500, "the longest life, microseconds", NULL},
                                    {"seed", 1, "of the random moments", NULL}};
  pid_t workers[WORKERS + 1];
  uint64_t round, begin;
  unsigned i;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  board = stress_share(sizeof *board);
  stress_name(mutex_name, "mutex");
  stress_name(mapping_name, "mapping");
  begin = stress_clock();
  workers[KEEPER] = stress_fork(keep, NULL);
  while (!atomic_load(&board->keeps) && !stress_failures()) stress_sleep(100000);
  for (i = 0; i < WORKERS; i++) workers[i] = stress_fork(add_without_end, NULL);
  for (round = 0; round < stress_option("rounds") && !stress_failures(); round++) {
    i = (unsigned)stress_below(WORKERS);
    stress_sleep(1000 * stress_below(stress_option("wait")));
    stress_kill(workers[i]);
    workers[i] = stress_fork(add_without_end, NULL);
  }
  for (i = 0; i < WORKERS; i++) stress_kill(workers[i]);
  if (!stress_failures()) stress_wait(stress_fork(check_sum, NULL), 2 * PATIENCE);
  stress_kill(workers[KEEPER]);
  stress_wait(stress_fork(check_names, NULL), 4 * PATIENCE);
  if (stress_name_exists(mutex_name) || stress_name_exists(mapping_name)) stress_fail("a name is left");
  stress_name_remove(mutex_name);
  stress_name_remove(mapping_name);
  return stress_end("%llu kills among %llu locks, \"abandoned\" told %llu times, counters torn %llu times, in %.1f s",
                    (unsigned long long)round, (unsigned long long)atomic_load(&board->locks),
                    (unsigned long long)atomic_load(&board->told), (unsigned long long)atomic_load(&board->torn),
                    (double)(stress_clock() - begin) / 1e9);
}
