/* Events and semaphores between processes: no wake is lost, a set lets exactly one waiter go on, nothing that is
 * released is lost or doubled; and where processes are killed at random moments, the others go on.
 *
 * Unlike the binding, the waits here are not cut into short sleeps, so a wake that is lost shows: as a wait to the end
 * of its patience. Only where processes are killed they are cut, since a wake may die with its process. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/event.h"
#include "core/semaphore.h"
#include "stress.h"

#define PATIENCE (10 * STRESS_SECOND) /* for what takes microseconds, on a busy machine */
#define LIMIT (60 * STRESS_SECOND)
#define SLICE (STRESS_SECOND / 10)
#define WAITERS 4
#define PLACES 8

/* What all processes see; survives any death. */
struct board {
  _Atomic(uint64_t) round;     /* how often the setter has come to the end of a round */
  _Atomic(uint64_t) announced; /* sets or releases: counted before they are made */
  _Atomic(uint64_t) made;      /* and after */
  _Atomic(uint64_t) gone_on;   /* waits that ended well */
  _Atomic(uint64_t) claimed;   /* of what is to be acquired */
  _Atomic(int) is_over, keeps;
};

static struct board *board;
static char texts[2][STRESS_NAME];
static struct os_name names[2];
static uint64_t rounds;

static void expect_ok(const char *what, struct shmipc_result result) {
  if (result.status != SHMIPC_OK) stress_fail("%s gave %s", what, stress_status(result.status));
}

static int is_good(void) { return stress_failures() == 0 && !atomic_load(&board->is_over); }

static void dally(uint64_t most) {
  volatile uint64_t turns = stress_below(most);
  while (turns > 0) turns--;
}

/* Sometimes for so long that who waits falls asleep, or is just about to. */
static void dally_or_not(void) {
  if (stress_below(2) == 0) dally(20000);
}

/* ---- what each process does first. pre of the open ones: somebody keeps it. */

static struct shmipc_event open_event(unsigned which) {
  struct shmipc_event event = {NULL, 0};
  expect_ok("opening an event", shmipc_event_open(&names[which], os_clock() + PATIENCE, &event));
  if (!event.kernel) stress_give_up(1, "there is no event");
  return event;
}

static struct shmipc_semaphore open_semaphore(unsigned which) {
  struct shmipc_semaphore semaphore = {NULL, 0};
  expect_ok("opening a semaphore", shmipc_semaphore_open(&names[which], os_clock() + PATIENCE, &semaphore));
  if (!semaphore.kernel) stress_give_up(1, "there is no semaphore");
  return semaphore;
}

static void keep(void) {
  atomic_store(&board->keeps, 1);
  for (;;) pause();
}

static void keep_events(void *context) {
  const struct shmipc_event_creation creation = {0600, *(const unsigned *)context};
  struct shmipc_event events[2];
  unsigned i;
  for (i = 0; i < 2; i++)
    expect_ok("making an event", shmipc_event_create(&names[i], &creation, os_clock() + PATIENCE, &events[i]));
  keep();
}

static void keep_semaphores(void *context) {
  const struct shmipc_semaphore_creation creation = {0600, 0, *(const unsigned *)context};
  struct shmipc_semaphore semaphores[2];
  unsigned i;
  for (i = 0; i < 2; i++)
    expect_ok("making a semaphore",
              shmipc_semaphore_create(&names[i], &creation, os_clock() + PATIENCE, &semaphores[i]));
  keep();
}

static pid_t start_keeper(void (*body)(void *context), unsigned setting) {
  const pid_t keeper = stress_fork(body, &setting);
  while (!atomic_load(&board->keeps) && !stress_failures()) stress_sleep(100000);
  return keeper;
}

static void start_all(pid_t *children, unsigned count, void (*body)(void *context)) {
  unsigned i;
  for (i = 0; i < count; i++) children[i] = stress_fork(body, NULL);
}

static void end_all(pid_t *children, unsigned count) {
  unsigned i;
  for (i = 0; i < count; i++) stress_wait(children[i], 2 * PATIENCE);
}

/* Waits until so many have gone on, and not one more. */
static void await_gone_on(uint64_t expected) {
  const uint64_t until = stress_clock() + PATIENCE;
  uint64_t count;
  while ((count = atomic_load(&board->gone_on)) < expected && stress_clock() < until) sched_yield();
  if (count != expected)
    stress_fail("%llu went on instead of %llu", (unsigned long long)count, (unsigned long long)expected);
}

static void await_sleep(const pid_t *children, unsigned count) {
  unsigned i;
  for (i = 0; i < count; i++)
    while (!stress_sleeps(children[i]) && is_good()) sched_yield();
}

static enum shmipc_status wait_once(struct shmipc_event *event) {
  uint32_t since = 0;
  return shmipc_event_wait(event, os_clock() + PATIENCE, &since).status;
}

/* ---- two processes that take turns */

static void take_turns(unsigned first, unsigned second) {
  struct shmipc_event mine = open_event(first), others = open_event(second);
  uint64_t i;
  for (i = 0; i < rounds && is_good(); i++) {
    dally_or_not();
    if (first == 0) expect_ok("a set", shmipc_event_set(&others));
    if (wait_once(&mine) != SHMIPC_OK) stress_fail("a wake was lost");
    if (first == 1) expect_ok("a set", shmipc_event_set(&others));
    atomic_fetch_add(&board->gone_on, 1);
  }
}

static void take_semaphore_turns(unsigned first, unsigned second) {
  struct shmipc_semaphore mine = open_semaphore(first), others = open_semaphore(second);
  uint32_t before;
  uint64_t i;
  for (i = 0; i < rounds && is_good(); i++) {
    dally_or_not();
    if (first == 0) expect_ok("a release", shmipc_semaphore_release(&others, 1, &before));
    if (shmipc_semaphore_acquire(&mine, os_clock() + PATIENCE).status != SHMIPC_OK) stress_fail("a wake was lost");
    if (first == 1) expect_ok("a release", shmipc_semaphore_release(&others, 1, &before));
    atomic_fetch_add(&board->gone_on, 1);
  }
}

typedef void (*turns_function)(unsigned first, unsigned second);

static void take_first_turn(void *context) { (*(turns_function *)context)(0, 1); }
static void take_second_turn(void *context) { (*(turns_function *)context)(1, 0); }

static void run_both(turns_function take, pid_t keeper) {
  pid_t children[2];
  children[0] = stress_fork(take_first_turn, &take);
  children[1] = stress_fork(take_second_turn, &take);
  end_all(children, 2);
  stress_kill(keeper);
}

static void run_turns(void) { run_both(take_turns, start_keeper(keep_events, 0)); }
static void run_semaphore_turns(void) { run_both(take_semaphore_turns, start_keeper(keep_semaphores, PLACES)); }

/* ---- many who wait for one event: before a set some may be asleep, or all of them, or none */

static void wait_on_and_on(void *context) {
  struct shmipc_event event = open_event(0);
  (void)context;
  while (is_good()) {
    if (wait_once(&event) != SHMIPC_OK) stress_fail("a wake was lost");
    if (atomic_load(&board->is_over)) break;
    atomic_fetch_add(&board->gone_on, 1);
  }
  shmipc_event_set(&event); /* the next one ends, too */
}

static void end_waiters(struct shmipc_event *event) {
  atomic_store(&board->is_over, 1);
  shmipc_event_set(event);
}

static void set_one_by_one(void *context) {
  struct shmipc_event event = open_event(0);
  uint64_t i;
  (void)context;
  for (i = 1; i <= rounds && is_good(); i++) {
    expect_ok("a set", shmipc_event_set(&event));
    await_gone_on(i);
    dally_or_not();
  }
  end_waiters(&event);
}

static void run_crowd(void) {
  const pid_t keeper = start_keeper(keep_events, 0);
  pid_t children[WAITERS + 1];
  start_all(children, WAITERS, wait_on_and_on);
  children[WAITERS] = stress_fork(set_one_by_one, NULL);
  end_all(children, WAITERS + 1);
  stress_kill(keeper);
}

/* All are asleep; there are some sets at once; so many go on. */
static pid_t waiters[WAITERS];

static void set_in_bursts(void *context) {
  struct shmipc_event event = open_event(0);
  uint64_t i, expected = 0;
  (void)context;
  for (i = 0; i < rounds && is_good(); i++) {
    uint64_t sets = 1 + stress_below(WAITERS);
    await_sleep(waiters, WAITERS);
    expected += sets;
    while (sets-- > 0) expect_ok("a set", shmipc_event_set(&event));
    if (stress_below(2) == 0) expect_ok("a reset", shmipc_event_reset(&event)); /* which takes nothing from anybody */
    await_gone_on(expected);
  }
  end_waiters(&event);
}

static void run_bursts(void) {
  const pid_t keeper = start_keeper(keep_events, 0);
  pid_t setter;
  start_all(waiters, WAITERS, wait_on_and_on);
  setter = stress_fork(set_in_bursts, NULL);
  end_all(waiters, WAITERS);
  end_all(&setter, 1);
  stress_kill(keeper);
}

/* All are asleep; two set at the same time; two go on. */
static void set_with_leader(void *context) {
  struct shmipc_event event = open_event(0);
  uint64_t i;
  (void)context;
  for (i = 1; i <= rounds && is_good(); i++) {
    while (atomic_load(&board->round) < i && is_good()) sched_yield();
    expect_ok("a set", shmipc_event_set(&event));
  }
}

static void set_as_leader(void *context) {
  struct shmipc_event event = open_event(0);
  uint64_t i;
  (void)context;
  for (i = 1; i <= rounds && is_good(); i++) {
    await_sleep(waiters, WAITERS);
    atomic_store(&board->round, i);
    dally(400);
    expect_ok("a set", shmipc_event_set(&event));
    await_gone_on(2 * i);
  }
  end_waiters(&event);
}

static void run_together(void) {
  const pid_t keeper = start_keeper(keep_events, 0);
  pid_t setters[2];
  start_all(waiters, WAITERS, wait_on_and_on);
  setters[0] = stress_fork(set_with_leader, NULL);
  setters[1] = stress_fork(set_as_leader, NULL);
  end_all(waiters, WAITERS);
  end_all(setters, 2);
  stress_kill(keeper);
}

/* ---- a manual event that is set and reset at once lets everybody go on who waits */

static void wait_once_a_round(void *context) {
  struct shmipc_event event = open_event(0);
  uint64_t round;
  (void)context;
  for (round = 0; round < rounds && is_good(); round++) {
    if (wait_once(&event) != SHMIPC_OK) stress_fail("a wake was lost");
    atomic_fetch_add(&board->gone_on, 1);
    while (atomic_load(&board->round) == round && is_good()) sched_yield(); /* not asleep: see set_in_pulses */
  }
}

static void set_in_pulses(void *context) {
  struct shmipc_event event = open_event(0);
  uint64_t i;
  (void)context;
  for (i = 1; i <= rounds && is_good(); i++) {
    await_sleep(waiters, WAITERS);
    expect_ok("a set", shmipc_event_set(&event));
    expect_ok("a reset", shmipc_event_reset(&event));
    await_gone_on(i * WAITERS);
    atomic_store(&board->round, i);
  }
}

static void run_pulses(void) {
  const pid_t keeper = start_keeper(keep_events, OS_EVENT_MANUAL);
  pid_t setter;
  start_all(waiters, WAITERS, wait_once_a_round);
  setter = stress_fork(set_in_pulses, NULL);
  end_all(&setter, 1);
  end_all(waiters, WAITERS);
  stress_kill(keeper);
}

/* ---- semaphores: what some release others acquire */

static void release_share(void *context) {
  struct shmipc_semaphore semaphore = open_semaphore(0);
  uint64_t left = rounds;
  (void)context;
  while (left > 0 && is_good()) {
    uint32_t count = 1 + (uint32_t)stress_below(3), before;
    struct shmipc_result result;
    if (count > left) count = (uint32_t)left;
    result = shmipc_semaphore_release(&semaphore, count, &before);
    if (result.status == SHMIPC_LIMIT) {
      sched_yield();
      continue;
    }
    expect_ok("a release", result);
    if (before + count > PLACES) stress_fail("the count is beyond its maximum");
    left -= count;
    if (stress_below(8) == 0) dally_or_not();
  }
}

static void acquire_share(void *context) {
  struct shmipc_semaphore semaphore = open_semaphore(0);
  (void)context;
  while (atomic_fetch_add(&board->claimed, 1) < 2 * rounds && is_good()) {
    expect_ok("an acquire", shmipc_semaphore_acquire(&semaphore, os_clock() + PATIENCE));
    atomic_fetch_add(&board->gone_on, 1);
  }
}

static void expect_empty(void *context) {
  struct shmipc_semaphore semaphore = open_semaphore(0);
  (void)context;
  if (shmipc_semaphore_acquire(&semaphore, 0).status != SHMIPC_TIMEOUT) stress_fail("something was released twice");
}

static void run_shares(void) {
  const pid_t keeper = start_keeper(keep_semaphores, PLACES);
  pid_t children[5];
  start_all(children, 2, release_share);
  start_all(children + 2, 3, acquire_share);
  end_all(children, 5);
  stress_wait(stress_fork(expect_empty, NULL), PATIENCE);
  stress_kill(keeper);
}

/* ---- kills */

/* A wait in short sleeps. */
static int goes_on(struct shmipc_event *event, struct shmipc_semaphore *semaphore) {
  const uint64_t until = os_clock() + PATIENCE;
  struct shmipc_result result;
  uint32_t since = 0;
  do {
    const uint64_t slice = os_clock() + SLICE;
    result = event ? shmipc_event_wait(event, slice, &since) : shmipc_semaphore_acquire(semaphore, slice);
  } while (result.status == SHMIPC_TIMEOUT && os_clock() < until);
  expect_ok("a wait beside kills", result);
  return result.status == SHMIPC_OK;
}

static void wait_without_end(void *context) {
  struct shmipc_event event = open_event(0);
  (void)context;
  while (goes_on(&event, NULL)) {
    atomic_fetch_add(&board->gone_on, 1);
    dally(300);
  }
}

static void set_without_end(void *context) {
  struct shmipc_event event = open_event(0);
  (void)context;
  for (;;) {
    atomic_fetch_add(&board->announced, 1);
    expect_ok("a set", shmipc_event_set(&event));
    dally(3000);
  }
}

static void acquire_without_end(void *context) {
  struct shmipc_semaphore semaphore = open_semaphore(0);
  (void)context;
  while (goes_on(NULL, &semaphore)) {
    atomic_fetch_add(&board->gone_on, 1);
    dally(300);
  }
}

static void release_without_end(void *context) {
  struct shmipc_semaphore semaphore = open_semaphore(0);
  (void)context;
  for (;;) {
    const uint32_t count = 1 + (uint32_t)stress_below(2);
    uint32_t before;
    struct shmipc_result result;
    atomic_fetch_add(&board->announced, count);
    result = shmipc_semaphore_release(&semaphore, count, &before);
    if (result.status == SHMIPC_LIMIT) {
      atomic_fetch_sub(&board->announced, count);
    } else {
      expect_ok("a release", result);
      atomic_fetch_add(&board->made, count);
    }
    dally(3000);
  }
}

/* Two who give and two who take live as long as fate lets them. Returns how many takers were killed. */
static uint64_t kill_at_random(void (*give)(void *context), void (*take)(void *context)) {
  pid_t children[4];
  uint64_t round, takers = 0;
  unsigned i;
  for (i = 0; i < 4; i++) children[i] = stress_fork(i < 2 ? give : take, NULL);
  for (round = 0; round < rounds && !stress_failures(); round++) {
    i = (unsigned)stress_below(4);
    stress_sleep(1000 * stress_below(1500));
    stress_kill(children[i]);
    takers += i >= 2;
    children[i] = stress_fork(i < 2 ? give : take, NULL);
  }
  for (i = 0; i < 4; i++) stress_kill(children[i]);
  return takers + 2;
}

static void run_killed_events(void) {
  const pid_t keeper = start_keeper(keep_events, 0);
  kill_at_random(set_without_end, wait_without_end);
  if (atomic_load(&board->gone_on) > atomic_load(&board->announced)) stress_fail("more went on than there were sets");
  stress_kill(keeper);
}

static void take_the_rest(void *context) {
  struct shmipc_semaphore semaphore = open_semaphore(0);
  (void)context;
  while (shmipc_semaphore_acquire(&semaphore, 0).status == SHMIPC_OK) atomic_fetch_add(&board->gone_on, 1);
}

static void run_killed_semaphores(void) {
  const pid_t keeper = start_keeper(keep_semaphores, 1000);
  const uint64_t lost = kill_at_random(release_without_end, acquire_without_end);
  uint64_t taken;
  stress_wait(stress_fork(take_the_rest, NULL), PATIENCE);
  taken = atomic_load(&board->gone_on);
  if (taken > atomic_load(&board->announced)) stress_fail("more was acquired than was released");
  if (taken + lost < atomic_load(&board->made)) stress_fail("something that was released is gone");
  stress_kill(keeper);
}

/* ---- the parts */

static const struct part {
  const char *name;
  void (*run)(void);
  uint64_t rounds;
} parts[] = {
    {"turns", run_turns, 40000},
    {"semaphore_turns", run_semaphore_turns, 40000},
    {"crowd", run_crowd, 30000},
    {"bursts", run_bursts, 2000},
    {"together", run_together, 5000},
    {"pulses", run_pulses, 2000},
    {"shares", run_shares, 100000},
    {"killed_events", run_killed_events, 500},
    {"killed_semaphores", run_killed_semaphores, 500},
};

/* With all who held them gone, the names are, too. */
static void check_names(void *context) {
  struct shmipc_event event;
  struct shmipc_semaphore semaphore;
  unsigned i;
  (void)context;
  for (i = 0; i < 2; i++) {
    if (shmipc_event_open(&names[i], os_clock() + PATIENCE, &event).status != SHMIPC_NOT_FOUND ||
        shmipc_semaphore_open(&names[i], os_clock() + PATIENCE, &semaphore).status != SHMIPC_NOT_FOUND)
      stress_fail("an object outlives its holders");
    if (stress_name_exists(texts[i])) stress_fail("a name is left");
    stress_name_remove(texts[i]);
  }
}

int main(int argc, char **argv) {
  struct stress_option options[] = {{"part", 0, "which one", "turns"},
                                    {"percent", 100, "of the usual rounds", NULL},
                                    {"seed", 1, "of the random moments", NULL}};
  const size_t count = sizeof parts / sizeof parts[0];
  uint64_t begin;
  size_t i;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  for (i = 0; i < count && strcmp(parts[i].name, stress_option_text("part")) != 0; i++) continue;
  if (i == count) stress_give_up(2, "there is no part %s", stress_option_text("part"));
  rounds = parts[i].rounds * stress_option("percent") / 100;
  board = stress_share(sizeof *board);
  stress_name(texts[0], "first");
  stress_name(texts[1], "second");
  names[0].base = texts[0];
  names[1].base = texts[1];
  begin = stress_clock();
  parts[i].run();
  stress_wait(stress_fork(check_names, NULL), LIMIT);
  return stress_end("%s: %llu rounds, %llu went on, in %.1f s", parts[i].name, (unsigned long long)rounds,
                    (unsigned long long)atomic_load(&board->gone_on), (double)(stress_clock() - begin) / 1e9);
}
