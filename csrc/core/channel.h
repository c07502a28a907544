/* Channels: a bounded queue of messages between any number of senders and receivers, in shared memory. What stands
 * there, and what a death leaves, is in channel.c. */
#ifndef SHMIPC_CORE_CHANNEL_H
#define SHMIPC_CORE_CHANNEL_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

#define SHMIPC_CAPACITY_MIN (UINT32_C(1) << 12) /* bytes */
#define SHMIPC_CAPACITY_MAX (UINT32_C(1) << 30)
#define SHMIPC_CAPACITY_USUAL (UINT32_C(1) << 20)

/* How long to look again and again before a sleep: learned from how it went before. */
struct shmipc_patience {
  uint64_t budget;      /* nanoseconds; 0: never */
  unsigned doubts;      /* how many short waits it takes until it is worth a try again */
  unsigned short_waits; /* in a row */
  unsigned streak;      /* of messages that came at once */
  unsigned lag;         /* rests before the first look, so that a few messages gather while they come in a stream */
  unsigned lag_streak;  /* that long a streak is worth the next try of a lag */
};

/* One handle. */
struct shmipc_channel {
  struct os_arena *arena; /* NULL: closed */
  size_t capacity;        /* bytes, a power of two */
  int created;            /* by the call that gave this handle */
  int has_slept;          /* the last look: others may sleep still, and need to know of what it leaves */
  struct shmipc_patience receiving, sending;
};

struct shmipc_channel_creation {
  unsigned mode;
  size_t capacity; /* bytes, rounded up to a power of two; SHMIPC_CAPACITY_MIN to _MAX */
};

/* Each fills *out. Failures as in os.h. */
struct shmipc_result shmipc_channel_create(const struct os_name *name, const struct shmipc_channel_creation *creation,
                                           uint64_t deadline, struct shmipc_channel *out);
struct shmipc_result shmipc_channel_open(const struct os_name *name, uint64_t deadline, struct shmipc_channel *out);
struct shmipc_result shmipc_channel_open_or_create(const struct os_name *name,
                                                   const struct shmipc_channel_creation *creation, uint64_t deadline,
                                                   struct shmipc_channel *out);

void shmipc_channel_close(struct shmipc_channel *channel);

/* The length of the longest message, in bytes. */
size_t shmipc_channel_largest(const struct shmipc_channel *channel);

struct shmipc_message {
  const char *bytes;
  size_t length;
};

/* Sends the messages in their order, as many at a time as there is space for, and adds to *sent how many it was; also
 * when it fails: TIMEOUT (there is no space for the next one), CLOSED, CORRUPT. pre: each is at most the largest
 * long. */
struct shmipc_result shmipc_channel_send(struct shmipc_channel *channel, const struct shmipc_message *messages,
                                         size_t count, uint64_t deadline, size_t *sent);

/* Receiving takes no lock. A message is looked at where it lies, copied, and then taken; if somebody else has taken it
 * meanwhile, the copy may be of anything and is worth nothing. */
struct shmipc_look {
  uint64_t from;                 /* where the messages begin that this look is at */
  uint64_t to;                   /* where the last of them ends */
  struct shmipc_message message; /* the last one, in shared memory */
};

/* A deadline for looking: so long as one looks again and again without a look at the clock, about 1 us. */
#define SHMIPC_GLANCE 1

/* Waits for a message and looks at it. TIMEOUT; CLOSED: the channel was shut down, and there is none left; CORRUPT. */
struct shmipc_result shmipc_channel_look(struct shmipc_channel *channel, uint64_t deadline, struct shmipc_look *look);

/* Goes on to the message behind, if there is one. */
int shmipc_channel_look_further(const struct shmipc_channel *channel, struct shmipc_look *look);

/* Takes all messages that were looked at. 0: somebody else has taken some, or the memory has vanished; look anew. */
int shmipc_channel_take(struct shmipc_channel *channel, const struct shmipc_look *look);

/* Nothing can be sent any more, and receivers find the end behind the last message. TIMEOUT, CORRUPT. */
struct shmipc_result shmipc_channel_shut_down(struct shmipc_channel *channel, uint64_t deadline);

/* What is in it at about this moment. */
struct shmipc_channel_state {
  uint64_t sent, received; /* messages since it was created */
  uint64_t depth;          /* messages in it */
  size_t bytes;            /* of the capacity that are in use */
  int is_shut_down;
  int senders_wait, receivers_wait; /* whether anybody seems to sleep: one that was killed does so for a while */
};

/* Opens it only for shmipc_channel_inspect, and as no holder (os_arena_peek). */
struct shmipc_result shmipc_channel_peek(const struct os_name *name, struct shmipc_channel *out);

/* Takes no lock. CORRUPT. */
struct shmipc_result shmipc_channel_inspect(const struct shmipc_channel *channel, struct shmipc_channel_state *out);

SHMIPC_HIDDEN_END

#endif
