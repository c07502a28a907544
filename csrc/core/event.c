#include "event.h"

struct shmipc_result shmipc_event_create(const struct os_name *name, const struct shmipc_event_creation *creation,
                                         uint64_t deadline, struct shmipc_event *out) {
  const struct shmipc_result result = os_event_create(name, creation->mode, creation->traits, deadline, &out->kernel);
  if (result.status == SHMIPC_OK) out->created = 1;
  return result;
}

struct shmipc_result shmipc_event_open(const struct os_name *name, uint64_t deadline, struct shmipc_event *out) {
  const struct shmipc_result result = os_event_open(name, deadline, &out->kernel);
  if (result.status == SHMIPC_OK) out->created = 0;
  return result;
}

struct shmipc_result shmipc_event_open_or_create(const struct os_name *name,
                                                 const struct shmipc_event_creation *creation, uint64_t deadline,
                                                 struct shmipc_event *out) {
  for (;;) { /* it may go, or come, between the two looks */
    struct shmipc_result result = shmipc_event_open(name, deadline, out);
    if (result.status != SHMIPC_NOT_FOUND) return result;
    result = shmipc_event_create(name, creation, deadline, out);
    if (result.status != SHMIPC_EXISTS) return result;
    if (os_clock() >= deadline) return shmipc_result(SHMIPC_TIMEOUT);
  }
}

struct shmipc_result shmipc_event_set(struct shmipc_event *event) {
  return os_event_set(event->kernel);
}
struct shmipc_result shmipc_event_reset(struct shmipc_event *event) {
  return os_event_reset(event->kernel);
}

struct shmipc_result shmipc_event_wait(struct shmipc_event *event, uint64_t deadline, uint32_t *since) {
  return os_event_wait(event->kernel, deadline, since);
}

void shmipc_event_close(struct shmipc_event *event) {
  os_event_close(event->kernel);
  event->kernel = NULL;
}
