/* Several processes let go of one object at the same moment, again and again: its name must never be left. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "disturbed.h"
#include "stress.h"

#define CLOSERS_MAX 4
#define SIZE 4096
#define PATIENCE (5 * STRESS_SECOND)

struct board {
  _Atomic(unsigned) arrived;
  _Atomic(unsigned) left; /* names, so many times */
};

static struct board *board;
static char object_name[STRESS_NAME];
static unsigned closers, meetings;

/* Nobody goes on before all are here. Spinning, so that they go on at the same moment. */
static void meet(void) {
  const unsigned all = ++meetings * closers;
  const uint64_t until = stress_clock() + PATIENCE;
  unsigned tries = 0;
  atomic_fetch_add(&board->arrived, 1);
  while (atomic_load(&board->arrived) < all) {
    if (++tries > 2000 || closers > 2) sched_yield();
    if (tries % 4096 == 0 && (stress_clock() > until || stress_failures())) {
      stress_fail("a closer has not come");
      exit(1);
    }
  }
}

static struct shmipc_result take(enum os_kind kind, int creating, struct os_section **section,
                                 struct os_mutex **mutex) {
  const struct os_name name = {OS_SCOPE_NONE, object_name};
  const uint64_t deadline = os_clock() + PATIENCE;
  if (kind == OS_MUTEX)
    return creating ? os_mutex_create(&name, 0600, OS_BORN_FREE, deadline, mutex)
                    : os_mutex_open(&name, deadline, mutex);
  return creating ? os_section_create(&name, SIZE, 0600, OS_WHILE_HELD, deadline, section)
                  : os_section_open(&name, OS_READ_WRITE, deadline, section);
}

static void let_go_together(void *context) {
  const unsigned me = *(const unsigned *)context;
  uint64_t round;
  disturbance.bug = (enum planted_bug)stress_option("bug");
  for (round = 0; round < stress_option("rounds") && !stress_failures(); round++) {
    const enum os_kind kind = round % 4 == 3 ? OS_MUTEX : OS_MAPPING;
    struct os_section *section;
    struct os_mutex *mutex;
    struct shmipc_result result;
    disturbance.pause = round % 2 == 0 ? stress_option("pauses") : 0; /* with few processors they hardly meet without */
    if (me != 0) meet();
    result = take(kind, me == 0, &section, &mutex);
    if (result.status != SHMIPC_OK)
      stress_fail("round %llu: %s", (unsigned long long)round, stress_status(result.status));
    if (me == 0) meet();
    meet();
    if (result.status == SHMIPC_OK) {
      if (kind == OS_MUTEX)
        os_mutex_close(mutex);
      else
        os_section_close(section);
    }
    meet();
    if (me == 0 && stress_name_exists(object_name)) atomic_fetch_add(&board->left, 1);
  }
}

int main(int argc, char **argv) {
  struct stress_option options[] = {{"rounds", 5000, "how often", NULL},
                                    {"closers", 2, "how many processes, 2 to 4", NULL},
                                    {"pauses", 50, "in every other round, one in so many points; 0: none", NULL},
                                    {"bug", 0, "the planted bug", NULL}};
  pid_t children[CLOSERS_MAX];
  unsigned i;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  closers = (unsigned)stress_option("closers");
  if (stress_option("bug") >= PLANTED_BUGS_END) stress_give_up(2, "there is no such bug");
  if (closers < 2 || closers > CLOSERS_MAX) stress_give_up(2, "closers must be 2 to %d", CLOSERS_MAX);
  board = stress_share(sizeof *board);
  stress_name(object_name, "object");
  for (i = 0; i < closers; i++) children[i] = stress_fork(let_go_together, &i);
  for (i = 0; i < closers; i++)
    if (stress_wait(children[i], stress_option("rounds") * STRESS_SECOND / 10 + PATIENCE) != 0)
      stress_fail("a closer did not end well");
  if (atomic_load(&board->left) > 0) stress_fail("the name was left %u times", atomic_load(&board->left));
  stress_name_remove(object_name);
  return stress_end("%llu rounds of %u closers; planted: %s", (unsigned long long)stress_option("rounds"), closers,
                    planted_bug_meaning[stress_option("bug")]);
}
