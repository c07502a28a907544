/* Atomic operations on words of shared memory, sequentially consistent. A word is 1, 2, 4 or 8 bytes at an address that
 * is a multiple of that; its bits are passed as the low ones of a uint64_t. */
#ifndef SHMIPC_CORE_ATOMIC_H
#define SHMIPC_CORE_ATOMIC_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

/* Whether words of that width are atomic between processes on this machine. */
int shmipc_atomic_is_native(size_t width);

uint64_t shmipc_atomic_load(const char *address, size_t width);
void shmipc_atomic_store(char *address, size_t width, uint64_t bits);

/* Each returns the bits that stood there before. The sum and the difference wrap at the width. */
uint64_t shmipc_atomic_exchange(char *address, size_t width, uint64_t bits);
uint64_t shmipc_atomic_fetch_add(char *address, size_t width, uint64_t bits);
uint64_t shmipc_atomic_fetch_sub(char *address, size_t width, uint64_t bits);
uint64_t shmipc_atomic_fetch_and(char *address, size_t width, uint64_t bits);
uint64_t shmipc_atomic_fetch_or(char *address, size_t width, uint64_t bits);
uint64_t shmipc_atomic_fetch_xor(char *address, size_t width, uint64_t bits);

/* Writes `desired` and returns 1 if *expected stood there; else leaves it, puts what stood there into *expected and
 * returns 0. */
int shmipc_atomic_compare_exchange(char *address, size_t width, uint64_t *expected, uint64_t desired);

SHMIPC_HIDDEN_END

#endif
