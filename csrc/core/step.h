/* Points at which a test's process can be killed: named steps of what several processes do to one object. Nothing in
 * the product; a test that defines SHMIPC_STEPS brings the function. */
#ifndef SHMIPC_CORE_STEP_H
#define SHMIPC_CORE_STEP_H

/* X(name): in the order in which a process comes by. */
#define SHMIPC_STEP_LIST(X)                                                                                            \
  X(SEND_LOCKED)                                                                                                       \
  X(SEND_RECOVERED)                                                                                                    \
  X(SEND_HALF_WRITTEN)                                                                                                 \
  X(SEND_WRITTEN)                                                                                                      \
  X(SEND_ENDED)                                                                                                        \
  X(SEND_PUBLISHED)                                                                                                    \
  X(SEND_COUNTED)                                                                                                      \
  X(SEND_ADVANCED)                                                                                                     \
  X(SEND_UNLOCKED)                                                                                                     \
  X(SEND_RUNG)                                                                                                         \
  X(SPACE_ANNOUNCED)                                                                                                   \
  X(SPACE_SLEPT)                                                                                                       \
  X(RECEIVE_SEEN)                                                                                                      \
  X(RECEIVE_TAKEN)                                                                                                     \
  X(RECEIVE_RUNG)                                                                                                      \
  X(MESSAGE_ANNOUNCED)                                                                                                 \
  X(MESSAGE_SLEPT)                                                                                                     \
  X(BELL_CLEARED)                                                                                                      \
  X(BELL_WOKEN)                                                                                                        \
  X(SHUTDOWN_MARKED)                                                                                                   \
  X(SHUTDOWN_UNLOCKED)

#ifdef SHMIPC_STEPS
enum shmipc_step {
#define SHMIPC_X(name) SHMIPC_STEP_##name,
  SHMIPC_STEP_LIST(SHMIPC_X)
#undef SHMIPC_X
      SHMIPC_STEPS_END
};
void shmipc_step(enum shmipc_step step);
#define SHMIPC_STEP(name) shmipc_step(SHMIPC_STEP_##name)
#else
#define SHMIPC_STEP(name) ((void)0)
#endif

#endif
