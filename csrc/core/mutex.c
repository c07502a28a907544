#include "mutex.h"

#include <string.h>

#define DEPTH_MAX UINT32_C(0x7fffffff) /* as on Windows, where a mutex counts in a LONG */

/* One for each mutex object in the process.
 * `owner` is written by the thread that holds the kernel's mutex: its token after it has got it, 0 before it lets go. A
 * thread that reads its own token there holds the lock; any other value tells it nothing but that it does not. Tokens
 * are never used twice, so the token of a thread that died here, or of the parent of a fork, is nobody's. depth,
 * acquisition, given_up and the levels of the handles belong to the owner. The rest is under the process lock. */
struct shmipc_lock {
  struct os_mutex *kernel;
  struct os_mutex
      *holding; /* of a lock that a fork brought here and that was opened again: makes us a holder. Or NULL */
  volatile uintptr_t owner;
  uint32_t depth; /* levels of all handles, and of those that were closed by another thread */
  int given_up;   /* a handle was closed while it had levels: the next owner must be told */
  uint64_t acquisition;
  uint64_t last_serial;
  struct shmipc_mutex *handles;
  struct shmipc_lock *following;
};

static struct shmipc_lock *locks;

/* pre: the process lock is held; no handle is left; no running thread holds it. */
static void lock_delist(struct shmipc_lock *lock) {
  struct shmipc_lock **link = &locks;
  while (*link != lock) link = &(*link)->following;
  *link = lock->following;
}

/* pre: delisted; the process lock is not held. */
static void lock_delete(struct shmipc_lock *lock) {
  os_mutex_close(lock->kernel);
  if (lock->holding) os_mutex_close(lock->holding);
  os_release(lock);
}

/* Gives the kernel's mutex back. pre: the calling thread owns the lock. */
static struct shmipc_result lock_give(struct shmipc_lock *lock) {
  struct shmipc_result result = {SHMIPC_OK, 0};
  lock->depth = 0;
  lock->owner = 0;
  if (lock->given_up)
    os_mutex_abandon(lock->kernel);
  else
    result = os_mutex_unlock(lock->kernel);
  return result;
}

/* A thread that ends takes its locks with it: the next owner is told. */
static void on_thread_exit(uintptr_t thread) {
  struct shmipc_lock *lock, *orphan;
  do {
    orphan = NULL;
    os_process_lock();
    for (lock = locks; lock && !orphan; lock = lock->following) {
      if (lock->owner != thread) continue;
      lock->given_up = 1;
      lock_give(lock);
      if (!lock->handles) orphan = lock;
    }
    if (orphan) lock_delist(orphan);
    os_process_unlock();
    if (orphan) lock_delete(orphan);
  } while (orphan);
}

/* pre: the process lock is held. */
static struct shmipc_lock *find_same(const struct os_mutex *kernel) {
  struct shmipc_lock *lock;
  for (lock = locks; lock; lock = lock->following)
    if (os_mutex_same(lock->kernel, kernel)) return lock;
  return NULL;
}

static int is_held(const struct shmipc_lock *lock) {
  return os_mutex_is_holder(lock->kernel) || (lock->holding && os_mutex_is_holder(lock->holding));
}

static struct shmipc_result attach(struct os_mutex *kernel, int created, struct shmipc_mutex *out) {
  struct shmipc_lock *fresh = os_allocate(sizeof *fresh), *lock;
  struct os_mutex *spare = kernel;
  if (!fresh) return shmipc_result(SHMIPC_NO_MEMORY);
  memset(fresh, 0, sizeof *fresh);
  os_thread_on_exit(on_thread_exit);
  os_process_lock();
  lock = find_same(kernel);
  if (!lock) {
    lock = fresh;
    lock->kernel = kernel;
    lock->following = locks;
    locks = lock;
    spare = NULL;
  } else if (!is_held(lock)) {
    spare = lock->holding;
    lock->holding = kernel;
  }
  memset(out, 0, sizeof *out);
  out->lock = lock;
  out->created = created;
  out->serials = out->few;
  out->capacity = SHMIPC_LEVELS_INLINE;
  out->following = lock->handles;
  out->link = &lock->handles;
  if (lock->handles) lock->handles->link = &out->following;
  lock->handles = out;
  os_process_unlock();
  if (spare) os_mutex_close(spare);
  if (lock != fresh) os_release(fresh);
  return shmipc_result(SHMIPC_OK);
}

/* 0: out of memory. */
static SHMIPC_APART int more_levels(struct shmipc_mutex *mutex) {
  size_t capacity = mutex->capacity * 2;
  uint64_t *serials = os_reallocate(mutex->serials == mutex->few ? NULL : mutex->serials, capacity * sizeof *serials);
  if (!serials) return 0;
  if (mutex->serials == mutex->few) memcpy(serials, mutex->few, sizeof mutex->few);
  mutex->serials = serials;
  mutex->capacity = capacity;
  return 1;
}

/* Levels of an acquisition that is over (its thread died, or the process forked) are nothing. */
static void forget_old_levels(struct shmipc_mutex *mutex) {
  if (mutex->holding == mutex->lock->acquisition) return;
  mutex->levels = 0;
  mutex->holding = mutex->lock->acquisition;
  mutex->abandoned = 0;
}

static uint64_t add_level(struct shmipc_mutex *mutex) {
  struct shmipc_lock *lock = mutex->lock;
  uint64_t serial = ++lock->last_serial;
  forget_old_levels(mutex);
  lock->depth++;
  mutex->serials[mutex->levels++] = serial;
  return serial;
}

static void begin_acquisition(struct shmipc_lock *lock, uintptr_t thread) {
  lock->owner = thread;
  lock->depth = 0;
  lock->given_up = 0;
  lock->acquisition++;
}

struct shmipc_result shmipc_mutex_create(const struct os_name *name, const struct shmipc_mutex_creation *creation,
                                         uint64_t deadline, struct shmipc_mutex *out) {
  struct os_mutex *kernel;
  uintptr_t thread = os_thread_self();
  struct shmipc_result result;
  if (!thread) return shmipc_result(SHMIPC_NO_MEMORY);
  result = os_mutex_create(name, creation->mode, creation->birth, deadline, &kernel);
  if (result.status != SHMIPC_OK) return result;
  result = attach(kernel, 1, out);
  if (result.status != SHMIPC_OK) {
    if (creation->birth == OS_BORN_OWNED) os_mutex_unlock(kernel);
    os_mutex_close(kernel);
    return result;
  }
  if (creation->birth == OS_BORN_OWNED) {
    begin_acquisition(out->lock, thread);
    add_level(out);
  }
  return result;
}

struct shmipc_result shmipc_mutex_open(const struct os_name *name, uint64_t deadline, struct shmipc_mutex *out) {
  struct os_mutex *kernel;
  struct shmipc_result result = os_mutex_open(name, deadline, &kernel);
  if (result.status != SHMIPC_OK) return result;
  result = attach(kernel, 0, out);
  if (result.status != SHMIPC_OK) os_mutex_close(kernel);
  return result;
}

struct shmipc_result shmipc_mutex_open_or_create(const struct os_name *name,
                                                 const struct shmipc_mutex_creation *creation, uint64_t deadline,
                                                 struct shmipc_mutex *out) {
  for (;;) {
    struct shmipc_result result = shmipc_mutex_open(name, deadline, out);
    if (result.status != SHMIPC_NOT_FOUND) return result;
    result = shmipc_mutex_create(name, creation, deadline, out);
    if (result.status != SHMIPC_EXISTS) return result;
    if (os_clock() >= deadline) return shmipc_result(SHMIPC_TIMEOUT);
  }
}

struct shmipc_result shmipc_mutex_lock(struct shmipc_mutex *mutex, uint64_t deadline, uint64_t *serial,
                                       int *abandoned) {
  struct shmipc_lock *lock = mutex->lock;
  uintptr_t thread = os_thread_self();
  struct shmipc_result result;
  if (!thread || (mutex->levels == mutex->capacity && !more_levels(mutex))) return shmipc_result(SHMIPC_NO_MEMORY);
  if (lock->owner == thread) {
    if (lock->depth == DEPTH_MAX) return shmipc_result(SHMIPC_LIMIT);
    *abandoned = 0;
    *serial = add_level(mutex);
    return shmipc_result(SHMIPC_OK);
  }
  result = os_mutex_lock(lock->kernel, deadline, abandoned);
  if (result.status != SHMIPC_OK) return result;
  begin_acquisition(lock, thread);
  *serial = add_level(mutex);
  mutex->abandoned = *abandoned;
  return result;
}

static struct shmipc_result take_level_off(struct shmipc_lock *lock) {
  if (--lock->depth > 0) return shmipc_result(SHMIPC_OK);
  return lock_give(lock);
}

/* Takes off the innermost level that any handle of the lock has. None: its handle was closed. */
static void borrow_level(struct shmipc_lock *lock) {
  struct shmipc_mutex *handle, *innermost = NULL;
  os_process_lock();
  for (handle = lock->handles; handle; handle = handle->following) {
    if (handle->holding != lock->acquisition || handle->levels == 0) continue;
    if (!innermost || handle->serials[handle->levels - 1] > innermost->serials[innermost->levels - 1])
      innermost = handle;
  }
  if (innermost) innermost->levels--;
  os_process_unlock();
}

struct shmipc_result shmipc_mutex_unlock(struct shmipc_mutex *mutex) {
  struct shmipc_lock *lock = mutex->lock;
  if (lock->owner != os_thread_self() || lock->owner == 0) return shmipc_result(SHMIPC_NOT_OWNER);
  forget_old_levels(mutex);
  if (mutex->levels > 0)
    mutex->levels--;
  else
    borrow_level(lock);
  return take_level_off(lock);
}

struct shmipc_result shmipc_mutex_unlock_level(struct shmipc_mutex *mutex, uint64_t serial) {
  struct shmipc_lock *lock = mutex->lock;
  size_t i = mutex->levels;
  if (lock->owner != os_thread_self() || mutex->holding != lock->acquisition) return shmipc_result(SHMIPC_OK);
  while (i > 0 && mutex->serials[i - 1] != serial) i--;
  if (i == 0) return shmipc_result(SHMIPC_OK);
  memmove(mutex->serials + i - 1, mutex->serials + i, (mutex->levels - i) * sizeof *mutex->serials);
  mutex->levels--;
  return take_level_off(lock);
}

int shmipc_mutex_was_abandoned(const struct shmipc_mutex *mutex) {
  const struct shmipc_lock *lock = mutex->lock;
  return lock->owner != 0 && lock->owner == os_thread_self() && mutex->holding == lock->acquisition && mutex->abandoned;
}

struct shmipc_result shmipc_mutex_look(const struct shmipc_mutex *mutex, struct os_listing **out) {
  return os_mutex_look(mutex->lock->kernel, out);
}

void shmipc_mutex_close(struct shmipc_mutex *mutex) {
  struct shmipc_lock *lock = mutex->lock;
  uintptr_t thread = os_thread_self();
  int is_over;
  os_process_lock();
  *mutex->link = mutex->following;
  if (mutex->following) mutex->following->link = mutex->link;
  if (thread != 0 && lock->owner == thread) {
    if (mutex->holding == lock->acquisition && mutex->levels > 0) {
      lock->given_up = 1;
      lock->depth -= (uint32_t)mutex->levels;
    }
    if (lock->depth == 0 || !lock->handles) {
      lock->given_up = 1;
      lock_give(lock);
    }
  }
  is_over = !lock->handles && (lock->owner == 0 || !os_thread_is_alive(lock->owner));
  if (is_over) lock_delist(lock);
  os_process_unlock();
  if (is_over) lock_delete(lock);
  if (mutex->serials != mutex->few) os_release(mutex->serials);
  mutex->lock = NULL;
}
