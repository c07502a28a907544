/* The one closed list of outcomes: it makes the C enum, the names and the codes that Lua sees. */
#ifndef SHMIPC_OS_STATUS_H
#define SHMIPC_OS_STATUS_H

#include <stdint.h>

/* Around declarations of what only this library's own files may see: a build may not be able to say
 * -fvisibility=hidden, and a program's function of the same name must never take the place of ours. */
#if defined(__GNUC__) && defined(__ELF__)
#define SHMIPC_HIDDEN_BEGIN _Pragma("GCC visibility push(hidden)")
#define SHMIPC_HIDDEN_END _Pragma("GCC visibility pop")
#else
#define SHMIPC_HIDDEN_BEGIN
#define SHMIPC_HIDDEN_END
#endif

/* For functions that tell of an error: kept out of the way of the others. */
#if defined(__GNUC__)
#define SHMIPC_COLD __attribute__((cold))
#else
#define SHMIPC_COLD
#endif

/* For what is done seldom, so that a function around it stays short and straight. */
#if defined(__GNUC__)
#define SHMIPC_APART __attribute__((noinline))
#else
#define SHMIPC_APART
#endif

/* X(name, text). The first group are the stable codes of the Lua API: an environment failure, returned as
 * `nil, message, code`. */
#define SHMIPC_CODES(X)                                                                                                \
  X(EXISTS, "the name is taken")                                                                                       \
  X(NOT_FOUND, "there is no object with this name")                                                                    \
  X(ACCESS_DENIED, "access is denied")                                                                                 \
  X(INVALID_NAME, "the name is not valid")                                                                             \
  X(TOO_SMALL, "the memory that exists is too small")                                                                  \
  X(NO_SPACE, "there is not enough space")                                                                             \
  X(TIMEOUT, "the time ran out")                                                                                       \
  X(WRONG_KIND, "the name belongs to an object of another kind")                                                       \
  X(CORRUPT, "another program has destroyed the object's bytes")                                                       \
  X(CLOSED, "the other side has shut down")                                                                            \
  X(LIMIT, "a limit was reached")                                                                                      \
  X(NOT_SUPPORTED, "this system does not support it")                                                                  \
  X(SYSTEM, "the operating system refused")

/* The second group never becomes a code: the binding raises an error instead. */
#define SHMIPC_RAISED(X)                                                                                               \
  X(NO_MEMORY, "not enough memory")                                                                                    \
  X(NOT_OWNER, "the calling thread does not hold the lock")

enum shmipc_status {
  SHMIPC_OK,
#define SHMIPC_X(name, text) SHMIPC_##name,
  SHMIPC_CODES(SHMIPC_X) SHMIPC_RAISED(SHMIPC_X)
#undef SHMIPC_X
};

/* What every fallible function returns: the outcome, and the native error number behind it (0: there is none). */
struct shmipc_result {
  enum shmipc_status status;
  int32_t native;
};

static inline struct shmipc_result shmipc_result(enum shmipc_status status) {
  struct shmipc_result result = {status, 0};
  return result;
}

#endif
