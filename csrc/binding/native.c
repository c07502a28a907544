/* What C's own types are on this machine: the layout compiler reads it, so that one Lua script serves them all. */
#include <time.h>
#include <wchar.h>

#include "typed.h"

/* The element that has the type's size, and its sign. */
static const char *element_name(size_t size, int is_signed) {
  static const char *const names[2][4] = {{"u8", "u16", "u32", "u64"}, {"i8", "i16", "i32", "i64"}};
  return names[is_signed][size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3];
}

static void push_elements(lua_State *L) {
  lua_newtable(L);
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  {                                                                                                                    \
    struct in_a_struct {                                                                                               \
      char first;                                                                                                      \
      type value;                                                                                                      \
    };                                                                                                                 \
    lua_createtable(L, 0, 2);                                                                                          \
    lua_pushinteger(L, (lua_Integer)sizeof(type));                                                                     \
    lua_setfield(L, -2, "size");                                                                                       \
    lua_pushinteger(L, (lua_Integer)offsetof(struct in_a_struct, value));                                              \
    lua_setfield(L, -2, "align");                                                                                      \
    lua_setfield(L, -2, #name);                                                                                        \
  }
  SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
}

#define INTEGER_TYPES(X)                                                                                               \
  X(char)                                                                                                              \
  X(signed char)                                                                                                       \
  X(unsigned char)                                                                                                     \
  X(short)                                                                                                             \
  X(unsigned short)                                                                                                    \
  X(int)                                                                                                               \
  X(unsigned int)                                                                                                      \
  X(long)                                                                                                              \
  X(unsigned long)                                                                                                     \
  X(long long)                                                                                                         \
  X(unsigned long long)                                                                                                \
  X(wchar_t)                                                                                                           \
  X(wint_t)                                                                                                            \
  X(size_t)                                                                                                            \
  X(ptrdiff_t)                                                                                                         \
  X(time_t)                                                                                                            \
  X(intptr_t)                                                                                                          \
  X(uintptr_t)                                                                                                         \
  X(intmax_t)                                                                                                          \
  X(uintmax_t)                                                                                                         \
  X(int8_t)                                                                                                            \
  X(uint8_t)                                                                                                           \
  X(int16_t)                                                                                                           \
  X(uint16_t)                                                                                                          \
  X(int32_t)                                                                                                           \
  X(uint32_t)                                                                                                          \
  X(int64_t)                                                                                                           \
  X(uint64_t)                                                                                                          \
  X(int_least8_t)                                                                                                      \
  X(uint_least8_t)                                                                                                     \
  X(int_least16_t)                                                                                                     \
  X(uint_least16_t)                                                                                                    \
  X(int_least32_t)                                                                                                     \
  X(uint_least32_t)                                                                                                    \
  X(int_least64_t)                                                                                                     \
  X(uint_least64_t)                                                                                                    \
  X(int_fast8_t)                                                                                                       \
  X(uint_fast8_t)                                                                                                      \
  X(int_fast16_t)                                                                                                      \
  X(uint_fast16_t)                                                                                                     \
  X(int_fast32_t)                                                                                                      \
  X(uint_fast32_t)                                                                                                     \
  X(int_fast64_t)                                                                                                      \
  X(uint_fast64_t)

static void push_types(lua_State *L) {
  lua_newtable(L);
#define SHMIPC_X(type)                                                                                                 \
  lua_pushstring(L, element_name(sizeof(type), (type)-1 < (type)1));                                                   \
  lua_setfield(L, -2, #type);
  INTEGER_TYPES(SHMIPC_X)
#undef SHMIPC_X
  lua_pushliteral(L, "f32");
  lua_setfield(L, -2, "float");
  lua_pushliteral(L, "f64");
  lua_setfield(L, -2, "double");
  lua_pushliteral(L, "bool");
  lua_setfield(L, -2, "bool");
}

void shmipc_native_push(lua_State *L) {
  lua_createtable(L, 0, 3);
  push_elements(L);
  lua_setfield(L, -2, "elements");
  push_types(L);
  lua_setfield(L, -2, "types");
  lua_pushstring(L, element_name(sizeof(void *), 0));
  lua_setfield(L, -2, "pointer");
}
