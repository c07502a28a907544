/* Typed values in raw memory. A new element type is one line of SHMIPC_ELEMENTS.
 *
 * An access at an address aligned to the type's size is one load or store where the processor has one of that width
 * (volatile, so that the compiler neither splits nor repeats it); elsewhere it is bytes. */
#ifndef SHMIPC_CORE_ELEMENT_H
#define SHMIPC_CORE_ELEMENT_H

#include <float.h>
#include <stdint.h>
#include <string.h>

/* X(name, C type, class, lowest, highest): INTEGER values fit from lowest to highest; WORD is an integer all of whose
 * 64-bit patterns are values; REAL is a floating-point number. */
#define SHMIPC_ELEMENTS(X)                                                                                             \
  X(i8, int8_t, INTEGER, INT8_MIN, INT8_MAX)                                                                           \
  X(u8, uint8_t, INTEGER, 0, UINT8_MAX)                                                                                \
  X(i16, int16_t, INTEGER, INT16_MIN, INT16_MAX)                                                                       \
  X(u16, uint16_t, INTEGER, 0, UINT16_MAX)                                                                             \
  X(i32, int32_t, INTEGER, INT32_MIN, INT32_MAX)                                                                       \
  X(u32, uint32_t, INTEGER, 0, UINT32_MAX)                                                                             \
  X(i64, int64_t, WORD, INT64_MIN, INT64_MAX)                                                                          \
  X(u64, uint64_t, WORD, 0, 0)                                                                                         \
  X(f32, float, REAL, -FLT_MAX, FLT_MAX)                                                                               \
  X(f64, double, REAL, -DBL_MAX, DBL_MAX)

enum shmipc_element {
#define SHMIPC_X(name, type, class, lowest, highest) SHMIPC_ELEMENT_##name,
  SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
      SHMIPC_ELEMENT_COUNT
};

/* Bytes, one volatile access each. */
static inline void shmipc_bytes_load(void *to, const volatile char *from, size_t count) {
  char *bytes = to;
  while (count-- > 0) *bytes++ = *from++;
}

static inline void shmipc_bytes_store(volatile char *to, const void *from, size_t count) {
  const char *bytes = from;
  while (count-- > 0) *to++ = *bytes++;
}

#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  static inline type shmipc_load_##name(const volatile char *address) {                                                \
    type value;                                                                                                        \
    if ((uintptr_t)address % sizeof value == 0) return *(const volatile type *)(const volatile void *)address;         \
    shmipc_bytes_load(&value, address, sizeof value);                                                                  \
    return value;                                                                                                      \
  }                                                                                                                    \
  static inline void shmipc_store_##name(volatile char *address, type value) {                                         \
    if ((uintptr_t)address % sizeof value == 0)                                                                        \
      *(volatile type *)(volatile void *)address = value;                                                              \
    else                                                                                                               \
      shmipc_bytes_store(address, &value, sizeof value);                                                               \
  }
SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X

#endif
