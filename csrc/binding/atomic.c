/* shmipc.atomic: operations on elements and fields that no other process sees half done. */
#include "../core/atomic.h"

#include <string.h>

#include "typed.h"

/***
Atomic operations on an element of an array or a field of a record, sequentially consistent between all processes.

The element must be a number or a `bool`, and lie at an address that is a multiple of its size; else the call raises.
Integers have all operations, floating-point numbers have `load`, `store` and `exchange`, `bool` has these and
`compare_exchange`. `load` works through a read-only view, too.
@module shmipc.atomic
@usage
local counts = view:array "i64"
shmipc.atomic.fetch_add(counts, 1, 1)
local state = view:record(shmipc.layout "uint32_t ready;")
shmipc.atomic.store(state, "ready", 1)
*/

enum { COMPANIONS = 1 };

/* An element, found and checked. */
struct word {
  const char *function;
  struct shmipc_view *view;
  char *address;
  unsigned content;
  size_t width;
};

enum purpose { TO_READ, TO_WRITE };

static void check_word(lua_State *L, struct word *word, const struct shmipc_shape *shape, char *address,
                       enum purpose purpose) {
  if (shape->dimensions > 0 || shape->content > SHMIPC_CONTENT_BOOL)
    shmipc_raise(L, word->function, "only a number or a bool can be used atomically; this is a part of several");
  if (purpose == TO_WRITE) shmipc_window_check_writable(L, word->function, word->view);
  word->address = address;
  word->content = shape->content;
  word->width = shape->cell;
  if ((uintptr_t)word->address % word->width != 0)
    shmipc_raise(L, word->function, "byte %I of the mapping is not aligned to %I, the element's size",
                 (LUAI_UACINT)(word->view->memory.offset + shmipc_window_offset(word->view, address)),
                 (LUAI_UACINT)word->width);
}

/* The element that the arguments 1 (target) and 2 (key) say. */
static struct word find_word(lua_State *L, const char *function, enum purpose purpose) {
  const struct shmipc_array *array = shmipc_to(L, 1, &shmipc_array_type);
  const struct shmipc_record *record = array ? NULL : shmipc_to(L, 1, &shmipc_record_type);
  struct word word = {function, NULL, NULL, 0, 0};
  if (array) {
    size_t index;
    word.view = array->view;
    shmipc_window_check(L, function, word.view);
    index = (size_t)shmipc_integer(L, 2, function, "index", 1, (lua_Integer)array->count) - 1;
    check_word(L, &word, &array->element, array->address + index * array->element.size, purpose);
  } else if (record) {
    const struct shmipc_field *field = shmipc_field_find(L, 2, record->layout);
    word.view = record->view;
    shmipc_window_check(L, function, word.view);
    if (!field) shmipc_field_unknown(L, function, 2, record->layout, lua_upvalueindex(COMPANIONS));
    check_word(L, &word, &field->shape, record->address + field->offset, purpose);
  } else {
    shmipc_raise(L, function, "target must be a shmipc.array or a shmipc.record, got %s", shmipc_push_shown(L, 1));
  }
  return word;
}

/* ---- bits: as many low ones as the word is wide */

static uint64_t bits_of(const char *bytes, size_t width) {
  switch (width) {
  case 1: return shmipc_load_u8(bytes);
  case 2: return shmipc_load_u16(bytes);
  case 4: return shmipc_load_u32(bytes);
  default: return shmipc_load_u64(bytes);
  }
}

static void bits_to(char *bytes, size_t width, uint64_t bits) {
  switch (width) {
  case 1: shmipc_store_u8(bytes, (uint8_t)bits); break;
  case 2: shmipc_store_u16(bytes, (uint16_t)bits); break;
  case 4: shmipc_store_u32(bytes, (uint32_t)bits); break;
  default: shmipc_store_u64(bytes, bits); break;
  }
}

static uint64_t check_bits(lua_State *L, int arg, const struct word *word, const char *what) {
  struct shmipc_shape shape = {word->content, 0, NULL, word->width, word->width, NULL};
  struct shmipc_place place = {word->function, NULL, what, 0, 0};
  uint64_t space = 0;
  char *bytes = (char *)&space;
  shmipc_value_take(L, arg, &shape, bytes, NULL, &place);
  return bits_of(bytes, word->width);
}

static int push_bits(lua_State *L, const struct word *word, uint64_t bits) {
  struct shmipc_shape shape = {word->content, 0, NULL, word->width, word->width, NULL};
  uint64_t space = 0;
  char *bytes = (char *)&space;
  shmipc_window_check_lost(L, word->function, word->view);
  bits_to(bytes, word->width, bits);
  shmipc_value_push(L, &shape, bytes);
  return 1;
}

/* ---- operations */

static int unsupported(lua_State *L, const struct word *word) {
  return shmipc_failure(L, word->function, NULL, shmipc_result(SHMIPC_NOT_SUPPORTED));
}

/***
Reads.
@function load
@param target an `array` or a `record`
@param key an index from 1, or a field's name
@return the value
@usage
local count = shmipc.atomic.load(counts, 1)
*/
static int atomic_load_value(lua_State *L) {
  struct word word = find_word(L, "shmipc.atomic.load", TO_READ);
  if (!shmipc_atomic_is_native(word.width)) return unsupported(L, &word);
  return push_bits(L, &word, shmipc_atomic_load(word.address, word.width));
}

/***
Writes.
@function store
@param target an `array` or a `record`
@param key an index from 1, or a field's name
@param value must fit
@usage
shmipc.atomic.store(counts, 1, 0)
*/
static int atomic_store_value(lua_State *L) {
  struct word word = find_word(L, "shmipc.atomic.store", TO_WRITE);
  uint64_t bits = check_bits(L, 3, &word, "value");
  if (!shmipc_atomic_is_native(word.width)) return unsupported(L, &word);
  shmipc_atomic_store(word.address, word.width, bits);
  shmipc_window_check_lost(L, word.function, word.view);
  return 0;
}

/***
Writes, and gives what stood there before.
@function exchange
@param target an `array` or a `record`
@param key an index from 1, or a field's name
@param value must fit
@return the value before
@usage
local taken = shmipc.atomic.exchange(counts, 1, 0)
*/
static int atomic_exchange_value(lua_State *L) {
  struct word word = find_word(L, "shmipc.atomic.exchange", TO_WRITE);
  uint64_t bits = check_bits(L, 3, &word, "value");
  if (!shmipc_atomic_is_native(word.width)) return unsupported(L, &word);
  return push_bits(L, &word, shmipc_atomic_exchange(word.address, word.width, bits));
}

static int is_real(unsigned content) {
#define SHMIPC_IS_INTEGER 0
#define SHMIPC_IS_WORD 0
#define SHMIPC_IS_REAL 1
  static const char real[SHMIPC_CONTENT_COUNT] = {
#define SHMIPC_X(name, type, class, lowest, highest) [SHMIPC_ELEMENT_##name] = SHMIPC_IS_##class,
      SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  };
  return real[content];
}

/***
Writes `desired` if `expected` stands there.
@function compare_exchange
@param target an `array` or a `record`; the element is an integer or a `bool`
@param key an index from 1, or a field's name
@param expected must fit
@param desired must fit
@treturn boolean whether it was written
@return when it was not: the value that stands there
@usage
local done, actual = shmipc.atomic.compare_exchange(counts, 1, 0, 1)
*/
static int atomic_compare_exchange_value(lua_State *L) {
  struct word word = find_word(L, "shmipc.atomic.compare_exchange", TO_WRITE);
  uint64_t expected, desired, wanted;
  int done;
  if (is_real(word.content)) shmipc_raise(L, word.function, "the element must be an integer or a bool");
  expected = check_bits(L, 3, &word, "expected");
  desired = check_bits(L, 4, &word, "desired");
  if (!shmipc_atomic_is_native(word.width)) return unsupported(L, &word);
  wanted = expected;
  do {
    done = shmipc_atomic_compare_exchange(word.address, word.width, &expected, desired);
  } while (!done && word.content == SHMIPC_CONTENT_BOOL && wanted != 0 && expected > 1); /* another program's true */
  lua_pushboolean(L, done);
  shmipc_window_check_lost(L, word.function, word.view);
  return done ? 1 : 1 + push_bits(L, &word, expected);
}

typedef uint64_t (*fetch_function)(char *address, size_t width, uint64_t bits);

/* The operand may be any integer whose bits the width can hold, signed or not: -1 for an unsigned element as well. */
static int fetch(lua_State *L, const char *function, fetch_function operation) {
  struct word word = find_word(L, function, TO_WRITE);
  lua_Integer lowest = LUA_MININTEGER, highest = LUA_MAXINTEGER, operand;
  if (word.content == SHMIPC_CONTENT_BOOL || is_real(word.content))
    shmipc_raise(L, function, "the element must be an integer");
  if (word.width < sizeof(uint64_t)) {
    lowest = -((lua_Integer)1 << (8 * word.width - 1));
    highest = ((lua_Integer)1 << 8 * word.width) - 1;
  }
  operand = shmipc_integer(L, 3, function, "value", lowest, highest);
  if (!shmipc_atomic_is_native(word.width)) return unsupported(L, &word);
  return push_bits(L, &word, operation(word.address, word.width, (uint64_t)operand));
}

/***
Adds, and gives what stood there before. The sum wraps at the element's width.
@function fetch_add
@param target an `array` or a `record`; the element is an integer
@param key an index from 1, or a field's name
@int value of the element's width, signed or not
@treturn int the value before
@usage
local ticket = shmipc.atomic.fetch_add(counts, 1, 1)
*/
static int atomic_fetch_add_value(lua_State *L) { return fetch(L, "shmipc.atomic.fetch_add", shmipc_atomic_fetch_add); }

/***
Subtracts, and gives what stood there before. The difference wraps at the element's width.
@function fetch_sub
@param target an `array` or a `record`; the element is an integer
@param key an index from 1, or a field's name
@int value of the element's width, signed or not
@treturn int the value before
@usage
local before = shmipc.atomic.fetch_sub(counts, 1, 1)
*/
static int atomic_fetch_sub_value(lua_State *L) { return fetch(L, "shmipc.atomic.fetch_sub", shmipc_atomic_fetch_sub); }

/***
Keeps the bits that stand in `value`, too, and gives what stood there before.
@function fetch_and
@param target an `array` or a `record`; the element is an integer
@param key an index from 1, or a field's name
@int value of the element's width, signed or not
@treturn int the value before
@usage
local before = shmipc.atomic.fetch_and(counts, 1, 1)
*/
static int atomic_fetch_and_value(lua_State *L) { return fetch(L, "shmipc.atomic.fetch_and", shmipc_atomic_fetch_and); }

/***
Sets the bits of `value`, and gives what stood there before.
@function fetch_or
@param target an `array` or a `record`; the element is an integer
@param key an index from 1, or a field's name
@int value of the element's width, signed or not
@treturn int the value before
@usage
local before = shmipc.atomic.fetch_or(counts, 1, 1 << 4)
*/
static int atomic_fetch_or_value(lua_State *L) { return fetch(L, "shmipc.atomic.fetch_or", shmipc_atomic_fetch_or); }

/***
Turns the bits of `value` over, and gives what stood there before.
@function fetch_xor
@param target an `array` or a `record`; the element is an integer
@param key an index from 1, or a field's name
@int value of the element's width, signed or not
@treturn int the value before
@usage
local before = shmipc.atomic.fetch_xor(counts, 1, 1)
*/
static int atomic_fetch_xor_value(lua_State *L) { return fetch(L, "shmipc.atomic.fetch_xor", shmipc_atomic_fetch_xor); }

const luaL_Reg shmipc_atomic_functions[] = {
    {"load", atomic_load_value},           {"store", atomic_store_value},
    {"exchange", atomic_exchange_value},   {"compare_exchange", atomic_compare_exchange_value},
    {"fetch_add", atomic_fetch_add_value}, {"fetch_sub", atomic_fetch_sub_value},
    {"fetch_and", atomic_fetch_and_value}, {"fetch_or", atomic_fetch_or_value},
    {"fetch_xor", atomic_fetch_xor_value}, {NULL, NULL}};
