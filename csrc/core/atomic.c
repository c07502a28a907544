#include "atomic.h"

#include <stdatomic.h>

#define AT(type, address) ((volatile _Atomic(type) *)(volatile void *)(address))

int shmipc_atomic_is_native(size_t width) {
  static const int always = 2; /* C11, 7.17.1: what the macros are for a type that always is */
  return ATOMIC_INT_LOCK_FREE == always && (width < sizeof(uint64_t) || ATOMIC_LLONG_LOCK_FREE == always);
}

uint64_t shmipc_atomic_load(const char *address, size_t width) {
  char *word = (char *)(uintptr_t)address; /* C11 forgot the const */
  switch (width) {
  case 1: return atomic_load(AT(uint8_t, word));
  case 2: return atomic_load(AT(uint16_t, word));
  case 4: return atomic_load(AT(uint32_t, word));
  default: return atomic_load(AT(uint64_t, word));
  }
}

void shmipc_atomic_store(char *address, size_t width, uint64_t bits) {
  switch (width) {
  case 1: atomic_store(AT(uint8_t, address), (uint8_t)bits); break;
  case 2: atomic_store(AT(uint16_t, address), (uint16_t)bits); break;
  case 4: atomic_store(AT(uint32_t, address), (uint32_t)bits); break;
  default: atomic_store(AT(uint64_t, address), bits); break;
  }
}

#define OPERATION(name, operation)                                                                                     \
  uint64_t shmipc_atomic_##name(char *address, size_t width, uint64_t bits) {                                          \
    switch (width) {                                                                                                   \
    case 1: return operation(AT(uint8_t, address), (uint8_t)bits);                                                     \
    case 2: return operation(AT(uint16_t, address), (uint16_t)bits);                                                   \
    case 4: return operation(AT(uint32_t, address), (uint32_t)bits);                                                   \
    default: return operation(AT(uint64_t, address), bits);                                                            \
    }                                                                                                                  \
  }
OPERATION(exchange, atomic_exchange)
OPERATION(fetch_add, atomic_fetch_add)
OPERATION(fetch_sub, atomic_fetch_sub)
OPERATION(fetch_and, atomic_fetch_and)
OPERATION(fetch_or, atomic_fetch_or)
OPERATION(fetch_xor, atomic_fetch_xor)

#define COMPARE_EXCHANGE(type)                                                                                         \
  {                                                                                                                    \
    type word = (type)*expected;                                                                                       \
    int done = atomic_compare_exchange_strong(AT(type, address), &word, (type)desired);                                \
    *expected = word;                                                                                                  \
    return done;                                                                                                       \
  }

int shmipc_atomic_compare_exchange(char *address, size_t width, uint64_t *expected, uint64_t desired) {
  switch (width) {
  case 1: COMPARE_EXCHANGE(uint8_t)
  case 2: COMPARE_EXCHANGE(uint16_t)
  case 4: COMPARE_EXCHANGE(uint32_t)
  default: COMPARE_EXCHANGE(uint64_t)
  }
}
