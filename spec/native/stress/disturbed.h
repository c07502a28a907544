/* The platform file with its system calls disturbed: the process may pause or die before and after each of them. And
 * with bugs planted into the calls' answers, so that the stress test shows that it would see such a bug. */
#ifndef DISTURBED_H
#define DISTURBED_H

#include <stdint.h>

#include "os/os.h"

/* X(name, what goes wrong) */
#define PLANTED_BUGS(X)                                                                                                \
  X(NO_BUG, "nothing")                                                                                                 \
  X(LINKS_LIE, "every inode seems to have a name")                                                                     \
  X(NAME_UNCHECKED, "a name is removed without a look at whose it is")                                                 \
  X(CLOSER_UPGRADES, "a closer keeps its shared lock while it tries the exclusive one")                                \
  X(READER_ALWAYS, "every object seems to be held")                                                                    \
  X(HELD_LATE, "a new object is held only after it has its name")                                                      \
  X(SEIZED_ALWAYS, "an exclusive lock is always granted")                                                              \
  X(FILLED_LATE, "a new object has its size only after it has its name")                                               \
  X(MARKED_LATE, "a new object is marked only after it has its name")                                                  \
  X(WRITTEN_LATE, "a new mutex is initialised only after it has its name")                                             \
  X(NAME_KEPT, "names are not removed")

enum planted_bug {
#define X(name, meaning) name,
  PLANTED_BUGS(X)
#undef X
      PLANTED_BUGS_END
};

extern const char *const planted_bug_meaning[PLANTED_BUGS_END];

/* What happens at each point between two system calls, in this process. A rate of n is once in n points (0: never), and
 * 16 times as often around the calls that decide: linkat, unlink, lstat, the exclusive lock. */
struct disturbance {
  uint64_t pause;
  uint64_t death;
  enum planted_bug bug;
  void (*before_death)(void);
};
extern struct disturbance disturbance;

/* Which object a handle is of: inode numbers on tmpfs are not used twice. */
uint64_t disturbed_section_inode(const struct os_section *section);
uint64_t disturbed_mutex_inode(const struct os_mutex *mutex);

#endif
