/* Values between Lua and typed memory. */
#include "typed.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "../core/text.h"

/* ---- numbers */

static inline int take_integer(lua_State *L, int arg, lua_Integer *value) {
  int is_integer = 0;
  if (lua_type(L, arg) == LUA_TNUMBER) *value = lua_tointegerx(L, arg, &is_integer);
  return is_integer;
}

static inline int is_f32(double value) {
  return !(fabs(value) <= DBL_MAX) || fabs((double)(float)value) <= (double)FLT_MAX;
}

#define TAKE_INTEGER(type, lowest, highest)                                                                            \
  lua_Integer value = 0;                                                                                               \
  if (!take_integer(L, arg, &value) || value < (lua_Integer)(lowest) || value > (lua_Integer)(highest)) return 0;
#define TAKE_WORD(type, lowest, highest)                                                                               \
  lua_Integer value = 0;                                                                                               \
  if (!take_integer(L, arg, &value)) return 0;
#define TAKE_REAL(type, lowest, highest)                                                                               \
  lua_Number value = 0;                                                                                                \
  if (lua_type(L, arg) != LUA_TNUMBER) return 0;                                                                       \
  value = lua_tonumber(L, arg);                                                                                        \
  if (sizeof(type) == sizeof(float) && !is_f32(value)) return 0;

int shmipc_element_take(lua_State *L, int arg, unsigned content, char *address) {
  switch (content) {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  case SHMIPC_ELEMENT_##name: {                                                                                        \
    TAKE_##class(type, lowest, highest) shmipc_store_##name(address, (type)value);                                     \
    return 1;                                                                                                          \
  }
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  default: return 0;
  }
}

/* ---- messages */

/* Whether it is the whole of what a function was given. */
static int is_whole(const struct shmipc_place *place) { return !place->name && place->index == 0; }

/* Pushes the way to the place: "position.x", "[3].name"; "value" for the whole. */
static const char *push_path(lua_State *L, const struct shmipc_place *place) {
  const char *outer = "";
  if (place->outer && !is_whole(place->outer)) outer = push_path(L, place->outer);
  luaL_checkstack(L, 8, NULL); /* after the outer levels, each of which has left a string */
  if (is_whole(place)) return lua_pushliteral(L, "value");
  if (!place->name) return lua_pushfstring(L, "%s[%I]", outer, (LUAI_UACINT)place->index);
  return lua_pushfstring(L, *outer ? "%s.%s" : "%s%s", outer, place->name);
}

#define CHECK_INTEGER(type, lowest, highest)                                                                           \
  shmipc_integer(L, arg, place->function, what, (lua_Integer)(lowest), (lua_Integer)(highest))
#define CHECK_WORD(type, lowest, highest) shmipc_integer(L, arg, place->function, what, LUA_MININTEGER, LUA_MAXINTEGER)
#define CHECK_REAL(type, lowest, highest) shmipc_real(L, arg, place->function, what, sizeof(type))

/* Raises for a number that shmipc_element_take has refused. */
static void wrong_element(lua_State *L, int arg, unsigned content, const struct shmipc_place *place) {
  const char *what = push_path(L, place);
  switch (content) {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  case SHMIPC_ELEMENT_##name: CHECK_##class(type, lowest, highest); break;
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  default: break;
  }
}

static int wrong_value(lua_State *L, int arg, const char *wanted, const struct shmipc_place *place) {
  const char *what = push_path(L, place);
  return shmipc_raise(L, place->function, "%s must be %s, got %s", what, wanted, shmipc_push_shown(L, arg));
}

/* ---- texts */

static size_t text_units(const struct shmipc_shape *shape) { return shape->cell / shmipc_content_unit(shape->content); }

/* The buffer's allocation may run a finaliser that closes the view. */
static void check_still_open(lua_State *L, const struct shmipc_view *view) {
  if (view) shmipc_window_check(L, "record", view);
}

static void push_narrow(lua_State *L, const struct shmipc_shape *shape, const char *address,
                        const struct shmipc_view *view) {
  luaL_Buffer buffer;
  char *copy = luaL_buffinitsize(L, &buffer, shape->cell); /* other processes may be writing */
  const char *end;
  check_still_open(L, view);
  memcpy(copy, address, shape->cell);
  end = memchr(copy, 0, shape->cell);
  luaL_pushresultsize(&buffer, end ? (size_t)(end - copy) : shape->cell);
}

static void push_wide(lua_State *L, const struct shmipc_shape *shape, const char *address,
                      const struct shmipc_view *view) {
  size_t units = text_units(shape);
  luaL_Buffer buffer;
  char *utf8 = luaL_buffinitsize(L, &buffer, shape->cell + 4 * units), *copy = utf8 + 4 * units;
  check_still_open(L, view);
  memcpy(copy, address, shape->cell);
  luaL_pushresultsize(&buffer, shmipc_text_narrow(utf8, copy, units, shmipc_content_unit(shape->content)));
}

void shmipc_cell_push(lua_State *L, const struct shmipc_shape *shape, const char *address,
                      const struct shmipc_view *view) {
  if (shape->content == SHMIPC_CONTENT_BOOL)
    lua_pushboolean(L, shmipc_load_u8(address) != 0);
  else if (shape->content == SHMIPC_CONTENT_TEXT8)
    push_narrow(L, shape, address, view);
  else
    push_wide(L, shape, address, view);
}

static int text_too_long(lua_State *L, const struct shmipc_place *place, size_t used,
                         const struct shmipc_shape *shape) {
  const char *what = push_path(L, place);
  return shmipc_raise(L, place->function, "%s: a text of %I %s and its NUL do not fit in %I", what, (LUAI_UACINT)used,
                      shape->content == SHMIPC_CONTENT_TEXT8 ? "bytes" : "characters", (LUAI_UACINT)text_units(shape));
}

/* The rest of the cell becomes zeros. pre: so it is. */
static void take_text(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes,
                      const struct shmipc_place *place) {
  size_t length, used, units = text_units(shape);
  const char *text;
  if (lua_type(L, arg) != LUA_TSTRING) wrong_value(L, arg, "a string", place);
  text = lua_tolstring(L, arg, &length);
  if (memchr(text, 0, length)) wrong_value(L, arg, "a string without a NUL", place);
  used = length;
  if (shape->content != SHMIPC_CONTENT_TEXT8) {
    used = shmipc_text_widen(bytes, units, shmipc_content_unit(shape->content), text, length);
    if (used == SHMIPC_TEXT_INVALID) wrong_value(L, arg, "a string in UTF-8", place);
  }
  if (used >= units) text_too_long(L, place, used, shape);
  if (shape->content == SHMIPC_CONTENT_TEXT8) memcpy(bytes, text, length);
}

/* ---- from Lua to bytes */

lua_Integer shmipc_length(lua_State *L, int arg, const char *function, const char *what) {
  lua_Integer length = 0;
  lua_len(L, arg);
  if (!take_integer(L, lua_gettop(L), &length) || length < 0)
    shmipc_raise(L, function, "%s must have a length from 0 on, got %s", what, shmipc_push_shown(L, lua_gettop(L)));
  lua_pop(L, 1);
  return length;
}

static void take_cell(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes, char *mask,
                      const struct shmipc_place *place) {
  if (shape->content < SHMIPC_ELEMENT_COUNT) {
    if (!shmipc_element_take(L, arg, shape->content, bytes)) wrong_element(L, arg, shape->content, place);
  } else if (shape->content == SHMIPC_CONTENT_BOOL) {
    if (!lua_isboolean(L, arg)) wrong_value(L, arg, "true or false", place);
    *bytes = (char)lua_toboolean(L, arg);
  } else {
    memset(bytes, 0, shape->cell);
    take_text(L, arg, shape, bytes, place);
  }
  if (mask) memset(mask, 1, shape->cell);
}

/* lua_next wants a table, and must not have its keys turned into strings. */
static void check_keys(lua_State *L, int arg, const struct shmipc_layout_handle *layout,
                       const struct shmipc_place *place) {
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    int key = lua_gettop(L) - 1;
    if (lua_type(L, key) != LUA_TSTRING || !shmipc_field_find(L, key, layout))
      shmipc_field_unknown(L, place->function, key, layout, place->companions);
  }
}

static void take_same_record(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes, char *mask,
                             const struct shmipc_place *place) {
  const struct shmipc_record *source = shmipc_to(L, arg, &shmipc_record_type);
  if (!source) wrong_value(L, arg, "a table", place);
  if (&source->layout->layout != shape->layout) wrong_value(L, arg, "a table, or a record of the same layout", place);
  shmipc_window_check(L, place->function, source->view);
  shmipc_bytes_copy(bytes, source->address, shape->cell);
  shmipc_window_check_lost(L, place->function, source->view);
  if (mask) memset(mask, 1, shape->cell);
}

static void take_record(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes, char *mask,
                        const struct shmipc_place *place) {
  const struct shmipc_layout *layout = shape->layout;
  size_t i;
  if (!lua_istable(L, arg)) {
    take_same_record(L, arg, shape, bytes, mask, place);
    return;
  }
  check_keys(L, arg, shmipc_layout_owner(layout), place);
  for (i = 0; i < layout->field_count; i++) { /* in order, so that the last member of a union wins */
    const struct shmipc_field *field = &layout->fields[i];
    struct shmipc_place inner = {place->function, place, field->name, 0, place->companions};
    if (lua_getfield(L, arg, field->name) != LUA_TNIL)
      shmipc_value_take(L, lua_gettop(L), &field->shape, bytes + field->offset, mask ? mask + field->offset : NULL,
                        &inner);
    lua_pop(L, 1);
  }
}

static void take_array(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes, char *mask,
                       const struct shmipc_place *place) {
  struct shmipc_shape element = shmipc_shape_element(shape);
  size_t count = shape->counts[0];
  lua_Integer given, i;
  if (!lua_istable(L, arg) && !shmipc_to(L, arg, &shmipc_array_type)) wrong_value(L, arg, "a table", place);
  given = shmipc_length(L, arg, place->function, "the table");
  if ((size_t)given > count) {
    const char *what = push_path(L, place);
    shmipc_raise(L, place->function, "%s has %I elements, got a table of %I", what, (LUAI_UACINT)count,
                 (LUAI_UACINT)given);
  }
  for (i = 1; i <= given; i++) {
    struct shmipc_place inner = {place->function, place, NULL, i, place->companions};
    size_t at = (size_t)(i - 1) * element.size;
    lua_geti(L, arg, i);
    shmipc_value_take(L, lua_gettop(L), &element, bytes + at, mask ? mask + at : NULL, &inner);
    lua_pop(L, 1);
  }
}

void shmipc_value_take(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes, char *mask,
                       const struct shmipc_place *place) {
  luaL_checkstack(L, 8, NULL);
  if (shape->dimensions > 0)
    take_array(L, arg, shape, bytes, mask, place);
  else if (shape->content == SHMIPC_CONTENT_RECORD)
    take_record(L, arg, shape, bytes, mask, place);
  else
    take_cell(L, arg, shape, bytes, mask, place);
}

void shmipc_value_write(lua_State *L, int arg, const struct shmipc_shape *shape, const struct shmipc_view *view,
                        char *address, const struct shmipc_place *place) {
  char few[256], *bytes = 2 * shape->size > sizeof few ? lua_newuserdatauv(L, 2 * shape->size, 0) : few;
  char *mask = bytes + shape->size;
  memset(bytes, 0, 2 * shape->size);
  shmipc_value_take(L, arg, shape, bytes, mask, place);
  shmipc_window_check_writable(L, place->function, view); /* the value's metamethods may have closed it */
  shmipc_shape_write(shape, address, 1, bytes, mask);
  shmipc_window_check_lost(L, place->function, view);
}

/* ---- from bytes to Lua */

static void push_record(lua_State *L, const struct shmipc_layout *layout, const char *bytes) {
  size_t i;
  lua_createtable(L, 0, (int)layout->field_count);
  for (i = 0; i < layout->field_count; i++) {
    shmipc_value_push(L, &layout->fields[i].shape, bytes + layout->fields[i].offset);
    lua_setfield(L, -2, layout->fields[i].name);
  }
}

static void push_array(lua_State *L, const struct shmipc_shape *shape, const char *bytes) {
  struct shmipc_shape element = shmipc_shape_element(shape);
  size_t i, count = shape->counts[0];
  lua_createtable(L, count < INT_MAX ? (int)count : 0, 0);
  for (i = 0; i < count; i++) {
    shmipc_value_push(L, &element, bytes + i * element.size);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
}

void shmipc_value_push(lua_State *L, const struct shmipc_shape *shape, const char *bytes) {
  luaL_checkstack(L, 8, NULL);
  if (shape->dimensions > 0)
    push_array(L, shape, bytes);
  else if (shape->content == SHMIPC_CONTENT_RECORD)
    push_record(L, shape->layout, bytes);
  else if (!shmipc_element_push(L, shape->content, bytes, 0))
    shmipc_cell_push(L, shape, bytes, NULL);
}

/* ---- names */

static void add_count(lua_State *L, size_t count) {
  lua_pushfstring(L, "[%I]", (LUAI_UACINT)count);
  lua_concat(L, 2);
}

const char *shmipc_shape_push_name(lua_State *L, const struct shmipc_shape *shape, size_t count) {
  static const char *const names[SHMIPC_CONTENT_COUNT] = {
#define SHMIPC_X(name, type, class, lowest, highest) [SHMIPC_ELEMENT_##name] = #name,
      SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
          [SHMIPC_CONTENT_BOOL] = "bool",
      [SHMIPC_CONTENT_TEXT8] = "char", [SHMIPC_CONTENT_TEXT16] = "char16_t", [SHMIPC_CONTENT_TEXT32] = "char32_t"};
  unsigned i;
  luaL_checkstack(L, 4, NULL);
  lua_pushstring(L, shape->content == SHMIPC_CONTENT_RECORD ? shmipc_layout_owner(shape->layout)->name
                                                            : names[shape->content]);
  add_count(L, count);
  for (i = 0; i < shape->dimensions; i++) add_count(L, shape->counts[i]);
  if (shape->content >= SHMIPC_CONTENT_TEXT8 && shape->content <= SHMIPC_CONTENT_TEXT32)
    add_count(L, text_units(shape));
  return lua_tostring(L, -1);
}
