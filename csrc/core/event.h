/* Events by their names. */
#ifndef SHMIPC_CORE_EVENT_H
#define SHMIPC_CORE_EVENT_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

/* One handle. */
struct shmipc_event {
  struct os_event *kernel; /* NULL: closed */
  int created;             /* by the call that gave this handle */
};

struct shmipc_event_creation {
  unsigned mode;
  unsigned traits; /* enum os_event_traits */
};

/* Each fills *out. Failures as in os.h. */
struct shmipc_result shmipc_event_create(const struct os_name *name, const struct shmipc_event_creation *creation,
                                         uint64_t deadline, struct shmipc_event *out);
struct shmipc_result shmipc_event_open(const struct os_name *name, uint64_t deadline, struct shmipc_event *out);
struct shmipc_result shmipc_event_open_or_create(const struct os_name *name,
                                                 const struct shmipc_event_creation *creation, uint64_t deadline,
                                                 struct shmipc_event *out);

/* As in os.h. */
struct shmipc_result shmipc_event_set(struct shmipc_event *event);
struct shmipc_result shmipc_event_reset(struct shmipc_event *event);
struct shmipc_result shmipc_event_wait(struct shmipc_event *event, uint64_t deadline, uint32_t *since);

void shmipc_event_close(struct shmipc_event *event);

SHMIPC_HIDDEN_END

#endif
