/* The core of channels with its steps, and with bugs planted into what it calls, so that a test shows that it would see
 * such a bug. */
#ifndef CHANNEL_PLANTED_H
#define CHANNEL_PLANTED_H

#include "core/step.h"

/* X(name, what goes wrong) */
#define PLANTED_BUGS(X)                                                                                                \
  X(NO_BUG, "nothing")                                                                                                 \
  X(TAIL_BLIND, "a receiver advances the tail without comparing it")                                                   \
  X(BYTES_LATE, "a message is published before its bytes are written")                                                 \
  X(UNLOCKED, "senders do not lock")                                                                                   \
  X(UNRECOVERED, "what a dead sender has published is written over")                                                   \
  X(NO_END, "no word is written behind the last message")                                                              \
  X(SPACE_BLIND, "senders believe that there is more space")

enum planted_bug {
#define X(name, meaning) name,
  PLANTED_BUGS(X)
#undef X
      PLANTED_BUGS_END
};

extern const char *const planted_bug_meaning[PLANTED_BUGS_END];

/* In this process. */
extern enum planted_bug planted_bug;

/* Called at each step, before anything else happens there. */
void planted_step(enum shmipc_step step);

#endif
