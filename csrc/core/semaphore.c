#include "semaphore.h"

struct shmipc_result shmipc_semaphore_create(const struct os_name *name,
                                             const struct shmipc_semaphore_creation *creation, uint64_t deadline,
                                             struct shmipc_semaphore *out) {
  const struct shmipc_result result =
      os_semaphore_create(name, creation->mode, creation->initial, creation->maximum, deadline, &out->kernel);
  if (result.status == SHMIPC_OK) out->created = 1;
  return result;
}

struct shmipc_result shmipc_semaphore_open(const struct os_name *name, uint64_t deadline,
                                           struct shmipc_semaphore *out) {
  const struct shmipc_result result = os_semaphore_open(name, deadline, &out->kernel);
  if (result.status == SHMIPC_OK) out->created = 0;
  return result;
}

struct shmipc_result shmipc_semaphore_open_or_create(const struct os_name *name,
                                                     const struct shmipc_semaphore_creation *creation,
                                                     uint64_t deadline, struct shmipc_semaphore *out) {
  for (;;) { /* it may go, or come, between the two looks */
    struct shmipc_result result = shmipc_semaphore_open(name, deadline, out);
    if (result.status != SHMIPC_NOT_FOUND) return result;
    result = shmipc_semaphore_create(name, creation, deadline, out);
    if (result.status != SHMIPC_EXISTS) return result;
    if (os_clock() >= deadline) return shmipc_result(SHMIPC_TIMEOUT);
  }
}

struct shmipc_result shmipc_semaphore_acquire(struct shmipc_semaphore *semaphore, uint64_t deadline) {
  return os_semaphore_acquire(semaphore->kernel, deadline);
}

struct shmipc_result shmipc_semaphore_release(struct shmipc_semaphore *semaphore, uint32_t count, uint32_t *before) {
  return os_semaphore_release(semaphore->kernel, count, before);
}

void shmipc_semaphore_close(struct shmipc_semaphore *semaphore) {
  os_semaphore_close(semaphore->kernel);
  semaphore->kernel = NULL;
}
