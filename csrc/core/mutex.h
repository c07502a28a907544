/* Recursive mutexes over the system's: whose thread holds one, how often, through which handle. That knowledge is the
 * process's own, kept once for each object however many handles there are on it, and never in shared memory. */
#ifndef SHMIPC_CORE_MUTEX_H
#define SHMIPC_CORE_MUTEX_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

#define SHMIPC_LEVELS_INLINE 4

struct shmipc_lock;

/* One handle. A level is one lock that has not been unlocked; its serial number is never used twice. */
struct shmipc_mutex {
  struct shmipc_lock *lock;
  uint64_t holding;  /* the acquisition (of the lock) that the levels belong to */
  size_t levels;     /* how many of them this handle has */
  size_t capacity;   /* of `serials` */
  uint64_t *serials; /* `few`, or allocated */
  uint64_t few[SHMIPC_LEVELS_INLINE];
  int abandoned; /* whether the current acquisition, when through this handle, was told so */
  int created;
  struct shmipc_mutex *following, **link; /* among the lock's handles */
};

struct shmipc_mutex_creation {
  unsigned mode;
  enum os_birth birth;
};

/* Each fills *out, which must not move until it is closed. Failures as in os.h. */
struct shmipc_result shmipc_mutex_create(const struct os_name *name, const struct shmipc_mutex_creation *creation,
                                         uint64_t deadline, struct shmipc_mutex *out);
struct shmipc_result shmipc_mutex_open(const struct os_name *name, uint64_t deadline, struct shmipc_mutex *out);
struct shmipc_result shmipc_mutex_open_or_create(const struct os_name *name,
                                                 const struct shmipc_mutex_creation *creation, uint64_t deadline,
                                                 struct shmipc_mutex *out);

/* On success *serial is the new level, and *abandoned says whether the last owner died or gave it up. TIMEOUT, CORRUPT,
 * LIMIT (levels). */
struct shmipc_result shmipc_mutex_lock(struct shmipc_mutex *mutex, uint64_t deadline, uint64_t *serial, int *abandoned);

/* Takes one level off: this handle's last, or if it has none, one of another handle. NOT_OWNER, CORRUPT. */
struct shmipc_result shmipc_mutex_unlock(struct shmipc_mutex *mutex);

/* Takes that level off if it still stands, else does nothing. CORRUPT. */
struct shmipc_result shmipc_mutex_unlock_level(struct shmipc_mutex *mutex, uint64_t serial);

/* Whether the calling thread holds the lock, got it through this handle, and was told that it was abandoned. */
int shmipc_mutex_was_abandoned(const struct shmipc_mutex *mutex);

/* Levels that the handle still has are given up: the next owner is told. When another thread of this process holds the
 * lock, the object stays until that thread lets go or ends. */
/* As in os.h. */
struct shmipc_result shmipc_mutex_look(const struct shmipc_mutex *mutex, struct os_listing **out);

void shmipc_mutex_close(struct shmipc_mutex *mutex);

SHMIPC_HIDDEN_END

#endif
