/* Semaphores by their names. */
#ifndef SHMIPC_CORE_SEMAPHORE_H
#define SHMIPC_CORE_SEMAPHORE_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

/* One handle. */
struct shmipc_semaphore {
  struct os_semaphore *kernel; /* NULL: closed */
  int created;                 /* by the call that gave this handle */
};

struct shmipc_semaphore_creation {
  unsigned mode;
  uint32_t initial; /* 0 to maximum */
  uint32_t maximum; /* 1 to OS_SEMAPHORE_MAX */
};

/* Each fills *out. Failures as in os.h. */
struct shmipc_result shmipc_semaphore_create(const struct os_name *name,
                                             const struct shmipc_semaphore_creation *creation, uint64_t deadline,
                                             struct shmipc_semaphore *out);
struct shmipc_result shmipc_semaphore_open(const struct os_name *name, uint64_t deadline, struct shmipc_semaphore *out);
struct shmipc_result shmipc_semaphore_open_or_create(const struct os_name *name,
                                                     const struct shmipc_semaphore_creation *creation,
                                                     uint64_t deadline, struct shmipc_semaphore *out);

/* As in os.h. */
struct shmipc_result shmipc_semaphore_acquire(struct shmipc_semaphore *semaphore, uint64_t deadline);
struct shmipc_result shmipc_semaphore_release(struct shmipc_semaphore *semaphore, uint32_t count, uint32_t *before);

void shmipc_semaphore_close(struct shmipc_semaphore *semaphore);

SHMIPC_HIDDEN_END

#endif
