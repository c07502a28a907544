/* shmipc.array: elements of one type, one behind another. */
#include "typed.h"

#include <limits.h>
#include <string.h>

#define TYPE "shmipc.array"

/***
An array: elements of one type in a view, one behind another. Given by `view:array` and `view:records`, and by fields
that are arrays.

Indices count from 1. `a[i]` reads an element, `nil` outside; `a[i] = v` writes one, and raises outside and for a value
that does not fit. `#a` is how many there are; `ipairs(a)` and `pairs(a)` go through them. An element that is a struct
is a `record`, one that is an array is an array; writing a table to it writes what the table gives.

An array holds nothing: closing its view closes it.
@classmod array
@usage
local counts = view:array("i32", 0, 8)
counts[1] = counts[1] + 1
for i, count in ipairs(counts) do print(i, count) end
*/

enum { COMPANIONS = 2 };

static struct shmipc_array *array_self(lua_State *L, const char *function) {
  struct shmipc_array *array = shmipc_to(L, 1, &shmipc_array_type);
  if (!array) shmipc_wrong_self(L, function, &shmipc_array_type);
  shmipc_window_check(L, function, array->view);
  return array;
}

void shmipc_companion_push(lua_State *L, int companions, int which) {
  if (lua_rawgeti(L, companions, which) != LUA_TTABLE) luaL_error(L, "shmipc.core was taken apart");
}

void shmipc_array_push(lua_State *L, struct shmipc_view *memory, int view, int layout, int companions, char *address,
                       size_t count, const struct shmipc_shape *element) {
  struct shmipc_array *array;
  luaL_checkstack(L, 4, NULL);
  shmipc_companion_push(L, companions, COMPANION_ARRAY);
  array = shmipc_handle_push(L, &shmipc_array_type, view, lua_gettop(L));
  array->view = memory;
  array->address = address;
  array->count = count;
  array->element = *element;
  if (layout != 0) {
    lua_pushvalue(L, layout);
    lua_setiuservalue(L, -2, TYPED_LAYOUT);
  }
  lua_remove(L, -2);
}

/* Pushes the table of the parts that have been touched. */
static void push_parts(lua_State *L, int companions, enum shmipc_parts parts) {
  if (lua_getiuservalue(L, 1, TYPED_PARTS) == LUA_TTABLE) return;
  lua_newtable(L);
  if (parts == SHMIPC_PARTS_COLLECTABLE) {
    shmipc_companion_push(L, companions, COMPANION_WEAK);
    lua_setmetatable(L, -2);
  }
  lua_pushvalue(L, -1);
  lua_setiuservalue(L, 1, TYPED_PARTS);
}

void shmipc_part_push(lua_State *L, struct shmipc_view *memory, int companions, lua_Integer key, char *address,
                      const struct shmipc_shape *shape, enum shmipc_parts parts) {
  int table, view, layout;
  luaL_checkstack(L, 8, NULL);
  push_parts(L, companions, parts);
  table = lua_gettop(L);
  if (lua_rawgeti(L, table, key) != LUA_TNIL) return;
  lua_getiuservalue(L, 1, TYPED_VIEW);
  view = lua_gettop(L);
  lua_getiuservalue(L, 1, TYPED_LAYOUT);
  layout = lua_gettop(L);
  if (shape->dimensions > 0) {
    struct shmipc_shape element = shmipc_shape_element(shape);
    shmipc_array_push(L, memory, view, layout, companions, address, shape->counts[0], &element);
  } else {
    shmipc_record_push(L, memory, view, layout, companions, address, shape->layout);
  }
  lua_pushvalue(L, -1);
  lua_rawseti(L, table, key);
}

static int wrong_index(lua_State *L, const struct shmipc_array *array) {
  shmipc_integer(L, 2, "array", "index", 1, (lua_Integer)array->count);
  return 0;
}

/* The element at index 2, from 0; or the count for none. */
static inline size_t element_index(lua_State *L, const struct shmipc_array *array) {
  int is_integer = 0;
  lua_Unsigned index = 0;
  if (lua_type(L, 2) == LUA_TNUMBER) index = (lua_Unsigned)lua_tointegerx(L, 2, &is_integer) - 1;
  return is_integer && index < array->count ? (size_t)index : array->count;
}

static int index_otherwise(lua_State *L, const struct shmipc_array *array) {
  int is_integer = 0;
  if (lua_type(L, 2) == LUA_TSTRING) {
    shmipc_method_push(L, 2);
    if (!lua_isnil(L, -1)) return 1;
  }
  if (lua_type(L, 2) == LUA_TNUMBER) lua_tointegerx(L, 2, &is_integer);
  if (!is_integer) return wrong_index(L, array);
  lua_pushnil(L);
  return 1;
}

static void push_other(lua_State *L, const struct shmipc_array *array, size_t index) {
  const struct shmipc_shape *element = &array->element;
  char *address = array->address + index * element->size;
  if (element->dimensions > 0 || element->content == SHMIPC_CONTENT_RECORD)
    shmipc_part_push(L, array->view, lua_upvalueindex(COMPANIONS), (lua_Integer)index + 1, address, element,
                     SHMIPC_PARTS_COLLECTABLE);
  else
    shmipc_cell_push(L, element, address, array->view);
}

static SHMIPC_APART int index_slowly(lua_State *L) {
  static const char function[] = "array";
  struct shmipc_array *array = array_self(L, function);
  const struct shmipc_shape *element = &array->element;
  size_t index = element_index(L, array);
  if (index == array->count) return index_otherwise(L, array);
  if (element->dimensions > 0 || !shmipc_element_push(L, element->content, array->address, index))
    push_other(L, array, index);
  shmipc_window_check_lost(L, function, array->view);
  return 1;
}

/* a[i]. What is most frequent comes first, and anything odd is left to the slow way: a number in an open view. */
static int array_index(lua_State *L) {
  const struct shmipc_array *array = shmipc_to(L, 1, &shmipc_array_type);
  if (array && array->view->mapping && lua_isinteger(L, 2)) {
    size_t index = (size_t)lua_tointeger(L, 2) - 1;
    if (index < array->count && array->element.dimensions == 0 &&
        shmipc_element_push(L, array->element.content, array->address, index) && !array->view->memory.lost)
      return 1;
  }
  return index_slowly(L);
}

static SHMIPC_APART int newindex_slowly(lua_State *L) {
  static const char function[] = "array";
  struct shmipc_array *array = array_self(L, function);
  size_t index;
  char *address;
  shmipc_window_check_writable(L, function, array->view);
  index = element_index(L, array);
  if (index == array->count) return wrong_index(L, array);
  address = array->address + index * array->element.size;
  if (array->element.dimensions > 0 || !shmipc_element_take(L, 3, array->element.content, address)) {
    struct shmipc_place place = {function, NULL, NULL, (lua_Integer)index + 1, lua_upvalueindex(COMPANIONS)};
    shmipc_value_write(L, 3, &array->element, array->view, address, &place);
  }
  shmipc_window_check_lost(L, function, array->view);
  return 0;
}

/* a[i] = v, by the same rule. */
static int array_newindex(lua_State *L) {
  const struct shmipc_array *array = shmipc_to(L, 1, &shmipc_array_type);
  if (array && array->view->mapping && array->view->memory.access != OS_READ && lua_isinteger(L, 2)) {
    size_t index = (size_t)lua_tointeger(L, 2) - 1;
    if (index < array->count && array->element.dimensions == 0 &&
        shmipc_element_take(L, 3, array->element.content, array->address + index * array->element.size) &&
        !array->view->memory.lost)
      return 0;
  }
  return newindex_slowly(L);
}

static int array_length(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)array_self(L, "array")->count);
  return 1;
}

/* The optional arguments that bound a range, from 0: *first, and how many from there. */
static size_t check_range(lua_State *L, const char *function, const struct shmipc_array *array, int first,
                          size_t *start) {
  lua_Integer count = (lua_Integer)array->count, i, j;
  i = shmipc_integer_or(L, first, function, "i", 1, count + 1, 1);
  j = shmipc_integer_or(L, first + 1, function, "j", i - 1, count, count);
  *start = (size_t)(i - 1);
  return (size_t)(j - i + 1);
}

static void push_elements(lua_State *L, unsigned content, const char *address, size_t count) {
  size_t i;
  switch (content) {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  case SHMIPC_ELEMENT_##name:                                                                                          \
    for (i = 0; i < count; i++) {                                                                                      \
      SHMIPC_PUSH_##class(L, shmipc_load_##name(address + i * sizeof(type)));                                          \
      lua_rawseti(L, -2, (lua_Integer)i + 1);                                                                          \
    }                                                                                                                  \
    break;
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  default: break;
  }
}

/* Into the table at the top. One copy is made of all the bytes. */
static void push_values(lua_State *L, struct shmipc_array *array, size_t start, size_t count) {
  const struct shmipc_shape *element = &array->element;
  char *bytes = lua_newuserdatauv(L, count * element->size, 0);
  size_t i;
  shmipc_window_check(L, "array:get", array->view); /* a finaliser may have closed it */
  shmipc_bytes_copy(bytes, array->address + start * element->size, count * element->size);
  for (i = 0; i < count; i++) {
    shmipc_value_push(L, element, bytes + i * element->size);
    lua_rawseti(L, -3, (lua_Integer)i + 1);
  }
  lua_pop(L, 1);
}

/***
Reads many elements at once.
@function get
@int[opt=1] i the first, from 1
@int[opt] j the last; default: the array's last
@treturn table the values from index 1 on; tables for structs and arrays
@usage
local values = counts:get(1, 4)
*/
static int array_get(lua_State *L) {
  static const char function[] = "array:get";
  struct shmipc_array *array = array_self(L, function);
  size_t start, count = check_range(L, function, array, 2, &start);
  if (count > INT_MAX) shmipc_raise(L, function, "%I values are too many for a table", (LUAI_UACINT)count);
  lua_createtable(L, (int)count, 0);
  shmipc_window_check(L, function, array->view); /* a finaliser may have closed it */
  if (array->element.dimensions == 0 && array->element.content < SHMIPC_ELEMENT_COUNT)
    push_elements(L, array->element.content, array->address + start * array->element.size, count);
  else if (count > 0)
    push_values(L, array, start, count);
  shmipc_window_check_lost(L, function, array->view);
  return 1;
}

/***
Writes many elements at once: all of them, or none if one does not fit.
@function set
@int i where the first goes, from 1
@tparam table values a list (or an array) that fits behind `i`
@usage
counts:set(1, {10, 20, 30})
*/
static int array_set(lua_State *L) {
  static const char function[] = "array:set";
  struct shmipc_array *array = array_self(L, function);
  lua_Integer given, i, first = shmipc_integer(L, 2, function, "i", 1, (lua_Integer)array->count + 1);
  size_t size = array->element.size, room = array->count - (size_t)(first - 1);
  int is_number = array->element.dimensions == 0 && array->element.content < SHMIPC_ELEMENT_COUNT;
  char *bytes, *mask;
  lua_settop(L, 3);
  if (!lua_istable(L, 3) && !shmipc_to(L, 3, &shmipc_array_type))
    shmipc_raise(L, function, "values must be a table, got %s", shmipc_push_shown(L, 3));
  given = shmipc_length(L, 3, function, "values");
  if ((size_t)given > room)
    shmipc_raise(L, function, "%I values do not fit at index %I of an array of %I", (LUAI_UACINT)given,
                 (LUAI_UACINT)first, (LUAI_UACINT)array->count);
  bytes = lua_newuserdatauv(L, (is_number ? 1 : 2) * (size_t)given * size, 0);
  mask = is_number ? NULL : bytes + (size_t)given * size;
  if (mask) memset(bytes, 0, 2 * (size_t)given * size);
  for (i = 1; i <= given; i++) {
    size_t at = (size_t)(i - 1) * size;
    lua_geti(L, 3, i);
    if (!is_number || !shmipc_element_take(L, 5, array->element.content, bytes + at)) {
      struct shmipc_place place = {function, NULL, NULL, i, lua_upvalueindex(COMPANIONS)};
      shmipc_value_take(L, 5, &array->element, bytes + at, mask ? mask + at : NULL, &place);
    }
    lua_settop(L, 4);
  }
  shmipc_window_check_writable(L, function, array->view);
  shmipc_shape_write(&array->element, array->address + (size_t)(first - 1) * size, (size_t)given, bytes, mask);
  shmipc_window_check_lost(L, function, array->view);
  return 0;
}

/***
Writes one value to many elements.
@function fill
@param value as for `a[i] = value`
@int[opt=1] i the first, from 1
@int[opt] j the last; default: the array's last
@usage
counts:fill(0)
*/
static int array_fill(lua_State *L) {
  static const char function[] = "array:fill";
  struct shmipc_array *array = array_self(L, function);
  struct shmipc_place place = {function, NULL, NULL, 0, lua_upvalueindex(COMPANIONS)};
  size_t start, count, size = array->element.size;
  char *bytes, *mask = NULL;

  lua_settop(L, 4);
  count = check_range(L, function, array, 3, &start);
  bytes = lua_newuserdatauv(L, 2 * size, 0);
  memset(bytes, 0, 2 * size);
  if (array->element.dimensions > 0 || array->element.content >= SHMIPC_ELEMENT_COUNT) mask = bytes + size;
  shmipc_value_take(L, 2, &array->element, bytes, mask, &place);
  shmipc_window_check_writable(L, function, array->view);
  shmipc_shape_fill(&array->element, array->address + start * size, count, bytes, mask);
  shmipc_window_check_lost(L, function, array->view);
  return 0;
}

static int array_tostring(lua_State *L) {
  const struct shmipc_array *array = shmipc_to(L, 1, &shmipc_array_type);
  const struct shmipc_view *view;
  const char *name, *what;
  uint64_t first;
  if (!array) return shmipc_wrong_self(L, "tostring", &shmipc_array_type);
  view = array->view;
  lua_getiuservalue(L, 1, TYPED_VIEW);
  name = shmipc_push_quoted_name(L, lua_gettop(L));
  if (!view->mapping) {
    lua_pushfstring(L, TYPE " %s (closed)", name);
    return 1;
  }
  what = shmipc_shape_push_name(L, &array->element, array->count);
  first = view->memory.offset + shmipc_window_offset(view, array->address);
  lua_pushfstring(L, TYPE " %s %I..%I %s %s", name, (LUAI_UACINT)first,
                  (LUAI_UACINT)(first + array->count * array->element.size), what,
                  shmipc_access_name(view->memory.access));
  return 1;
}

/* The element after that with the index 2 (0: the first): index, value. */
static int next_element(lua_State *L) {
  const struct shmipc_array *array = array_self(L, "pairs");
  lua_Integer index = shmipc_integer(L, 2, "pairs", "index", 0, (lua_Integer)array->count);
  if ((size_t)index == array->count) return 0;
  lua_pushinteger(L, index + 1);
  lua_geti(L, 1, index + 1);
  return 2;
}

static int array_pairs(lua_State *L) {
  array_self(L, "pairs");
  lua_getfield(L, lua_upvalueindex(1), "next");
  lua_pushvalue(L, 1);
  lua_pushinteger(L, 0);
  return 3;
}

static const luaL_Reg methods[] = {{"get", array_get}, {"set", array_set}, {"fill", array_fill}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__index", array_index},
                                       {"__newindex", array_newindex},
                                       {"__len", array_length},
                                       {"__pairs", array_pairs},
                                       {"next", next_element},
                                       {"__tostring", array_tostring},
                                       {NULL, NULL}};

const struct shmipc_type shmipc_array_type = {TYPE, sizeof(struct shmipc_array), TYPED_VALUES, 1, methods, metamethods};
