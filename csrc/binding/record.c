/* shmipc.record: a struct in a view. */
#include "typed.h"

#include <string.h>

#define TYPE "shmipc.record"

/***
Records: C structs in a view, as a `layout` describes them. Given by `view:record`, by elements of `view:records`, and
by fields that are structs.

`r.field` reads a field and `r.field = value` writes it; a field that does not exist raises, and the message names the
nearest that does. `pairs(r)` goes through the fields in their order, `tostring(r)` shows them.

- Integers and floating-point numbers are numbers, `bool` is a boolean; a value that does not fit raises.
- `char name[n]` is a string up to its NUL; writing one fills the rest with zeros, and raises when the text and its NUL
do not fit. `wchar_t name[n]` and its like are the same in UTF-8; what is no character reads as U+FFFD.
- A struct inside is a record, an array inside is an array (`array`): windows on the same bytes, made on the first
touch. Writing a table to it writes what the table gives, all of it or nothing.

A record holds nothing: closing its view closes it. Its fields are its only names, so that none is taken; what can be
done with the whole of it are functions of this module.
@module shmipc.record
@usage
local point = shmipc.layout "struct point { int32_t x, y; char label[8]; };"
local p = view:record(point, 0)
p.x, p.label = 3, "here"
for field, value in pairs(p) do print(field, value) end
*/

enum { COMPANIONS = 2 };

static struct shmipc_record *record_self(lua_State *L, const char *function) {
  struct shmipc_record *record = shmipc_to(L, 1, &shmipc_record_type);
  if (!record) shmipc_wrong_self(L, function, &shmipc_record_type);
  shmipc_window_check(L, function, record->view);
  return record;
}

void shmipc_record_push(lua_State *L, struct shmipc_view *memory, int view, int layout, int companions, char *address,
                        const struct shmipc_layout *shape) {
  struct shmipc_record *record;
  luaL_checkstack(L, 4, NULL);
  shmipc_companion_push(L, companions, COMPANION_RECORD);
  record = shmipc_handle_push(L, &shmipc_record_type, view, lua_gettop(L));
  record->view = memory;
  record->address = address;
  record->layout = shmipc_layout_owner(shape);
  lua_pushvalue(L, layout);
  lua_setiuservalue(L, -2, TYPED_LAYOUT);
  lua_remove(L, -2);
}

/* ---- fields */

const struct shmipc_field *shmipc_field_find_slowly(lua_State *L, int key, const struct shmipc_layout_handle *layout) {
  size_t i, length;
  const char *name = lua_tolstring(L, key, &length);
  if (strlen(name) != length) return NULL;
  for (i = 0; i < layout->layout.field_count; i++)
    if (strcmp(layout->layout.fields[i].name, name) == 0) return &layout->layout.fields[i];
  return NULL;
}

/* Pushes the field's name that is nearest to the string at the index, or nil: a Lua function knows. */
static void push_nearest(lua_State *L, int key, const struct shmipc_layout_handle *layout, int companions) {
  size_t i;
  if (lua_type(L, key) != LUA_TSTRING || lua_getfield(L, companions, "nearest") != LUA_TFUNCTION) {
    lua_pushnil(L);
    return;
  }
  lua_pushvalue(L, key);
  lua_createtable(L, (int)layout->layout.field_count, 0);
  for (i = 0; i < layout->layout.field_count; i++) {
    lua_pushstring(L, layout->layout.fields[i].name);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  if (lua_pcall(L, 2, 1, 0) != LUA_OK || lua_type(L, -1) != LUA_TSTRING) lua_pushnil(L);
}

int shmipc_field_unknown(lua_State *L, const char *function, int key, const struct shmipc_layout_handle *layout,
                         int companions) {
  const char *shown, *nearest;
  luaL_checkstack(L, 8, NULL);
  if (lua_isnone(L, key)) return shmipc_raise(L, function, "a field of %s must be named", layout->name);
  shown =
      lua_type(L, key) == LUA_TSTRING ? lua_pushfstring(L, "\"%s\"", lua_tostring(L, key)) : shmipc_push_shown(L, key);
  push_nearest(L, key, layout, companions);
  nearest = lua_tostring(L, -1);
  if (!nearest) return shmipc_raise(L, function, "%s has no field %s", layout->name, shown);
  return shmipc_raise(L, function, "%s has no field %s; did you mean \"%s\"?", layout->name, shown, nearest);
}

static const struct shmipc_field *check_field(lua_State *L, const char *function, const struct shmipc_record *record) {
  const struct shmipc_field *field = shmipc_field_find(L, 2, record->layout);
  if (!field) shmipc_field_unknown(L, function, 2, record->layout, lua_upvalueindex(COMPANIONS));
  shmipc_window_check(L, function, record->view); /* a finaliser may have closed it while we looked */
  return field;
}

static inline int is_window(const struct shmipc_shape *shape) {
  return shape->dimensions > 0 || shape->content == SHMIPC_CONTENT_RECORD;
}

static void push_field(lua_State *L, const struct shmipc_record *record, const struct shmipc_field *field) {
  char *address = record->address + field->offset;
  if (is_window(&field->shape))
    shmipc_part_push(L, record->view, lua_upvalueindex(COMPANIONS), field - record->layout->layout.fields + 1, address,
                     &field->shape, SHMIPC_PARTS_KEPT);
  else if (!shmipc_element_push(L, field->shape.content, address, 0))
    shmipc_cell_push(L, &field->shape, address, record->view);
}

static SHMIPC_APART int index_slowly(lua_State *L) {
  static const char function[] = "record";
  const struct shmipc_record *record = record_self(L, function);
  push_field(L, record, check_field(L, function, record));
  shmipc_window_check_lost(L, function, record->view);
  return 1;
}

/* r.field. What is most frequent comes first, and anything odd is left to the slow way: a number in an open view. */
static int record_index(lua_State *L) {
  const struct shmipc_record *record = shmipc_to(L, 1, &shmipc_record_type);
  if (record) {
    const struct shmipc_field *field = shmipc_field_find(L, 2, record->layout);
    if (field && record->view->mapping && field->shape.dimensions == 0 &&
        shmipc_element_push(L, field->shape.content, record->address + field->offset, 0) && !record->view->memory.lost)
      return 1;
  }
  return index_slowly(L);
}

static SHMIPC_APART int newindex_slowly(lua_State *L) {
  static const char function[] = "record";
  const struct shmipc_record *record = record_self(L, function);
  const struct shmipc_field *field = check_field(L, function, record);
  char *address = record->address + field->offset;
  shmipc_window_check_writable(L, function, record->view);
  if (field->shape.dimensions > 0 || !shmipc_element_take(L, 3, field->shape.content, address)) {
    struct shmipc_place place = {function, NULL, field->name, 0, lua_upvalueindex(COMPANIONS)};
    shmipc_value_write(L, 3, &field->shape, record->view, address, &place);
  }
  shmipc_window_check_lost(L, function, record->view);
  return 0;
}

/* r.field = v, by the same rule. */
static int record_newindex(lua_State *L) {
  const struct shmipc_record *record = shmipc_to(L, 1, &shmipc_record_type);
  if (record) {
    const struct shmipc_field *field = shmipc_field_find(L, 2, record->layout);
    if (field && record->view->mapping && record->view->memory.access != OS_READ && field->shape.dimensions == 0 &&
        shmipc_element_take(L, 3, field->shape.content, record->address + field->offset) && !record->view->memory.lost)
      return 0;
  }
  return newindex_slowly(L);
}

/* The next field after the one that index 2 names: name, value. */
static int next_field(lua_State *L) {
  const struct shmipc_record *record = record_self(L, "pairs");
  const struct shmipc_field *field = record->layout->layout.fields;
  lua_settop(L, 2);
  if (!lua_isnil(L, 2)) field = check_field(L, "pairs", record) + 1;
  if (field == record->layout->layout.fields + record->layout->layout.field_count) return 0;
  push_field(L, record, field);
  shmipc_window_check_lost(L, "pairs", record->view);
  lua_pushstring(L, field->name);
  lua_insert(L, -2);
  return 2;
}

static int record_pairs(lua_State *L) {
  record_self(L, "pairs");
  lua_getfield(L, lua_upvalueindex(1), "next");
  lua_pushvalue(L, 1);
  lua_pushnil(L);
  return 3;
}

/* ---- the whole of it */

/***
Reads the whole struct at once: one copy of its bytes, turned into tables.
@function snapshot
@tparam record record
@treturn table by field; lists for arrays, tables for structs
@usage
local point = view:record(shmipc.layout "int32_t x, y;")
local before = shmipc.record.snapshot(point)
print(before.x, before.y)
*/
static int record_snapshot(lua_State *L) {
  static const char function[] = "shmipc.record.snapshot";
  const struct shmipc_record *record = record_self(L, function);
  struct shmipc_shape shape = {SHMIPC_CONTENT_RECORD, 0, NULL, 0, 0, NULL};
  char *bytes;
  shape.layout = &record->layout->layout;
  shape.cell = shape.size = shape.layout->size;
  bytes = lua_newuserdatauv(L, shape.size, 0);
  shmipc_window_check(L, function, record->view);
  shmipc_bytes_copy(bytes, record->address, shape.size);
  shmipc_window_check_lost(L, function, record->view);
  shmipc_value_push(L, &shape, bytes);
  return 1;
}

/***
Writes the fields that a table gives: all of them, or none if one does not fit. Other fields stay as they are; of the
members of a union the last counts.
@function assign
@tparam record record
@tparam table values by field, or a record of the same layout
@usage
local point = view:record(shmipc.layout "int32_t x, y;")
shmipc.record.assign(point, {x = 3, y = 4})
*/
static int record_assign(lua_State *L) {
  static const char function[] = "shmipc.record.assign";
  const struct shmipc_record *record = record_self(L, function);
  struct shmipc_shape shape = {SHMIPC_CONTENT_RECORD, 0, NULL, 0, 0, NULL};
  struct shmipc_place place = {function, NULL, NULL, 0, lua_upvalueindex(1)};
  lua_settop(L, 2);
  shape.layout = &record->layout->layout;
  shape.cell = shape.size = shape.layout->size;
  shmipc_window_check_writable(L, function, record->view);
  shmipc_value_write(L, 2, &shape, record->view, record->address, &place);
  return 0;
}

const luaL_Reg shmipc_record_functions[] = {{"snapshot", record_snapshot}, {"assign", record_assign}, {NULL, NULL}};

/* For the Lua half's tostring: type, name and place; and whether there is anything to show. */
static int record_describe(lua_State *L) {
  const struct shmipc_record *record = shmipc_to(L, 1, &shmipc_record_type);
  const struct shmipc_view *view;
  const char *name;
  uint64_t first;
  if (!record) return shmipc_wrong_self(L, "tostring", &shmipc_record_type);
  view = record->view;
  first = view->mapping ? view->memory.offset + shmipc_window_offset(view, record->address) : 0;
  lua_getiuservalue(L, 1, TYPED_VIEW);
  name = shmipc_push_quoted_name(L, lua_gettop(L));
  if (!view->mapping)
    lua_pushfstring(L, TYPE " %s (closed)", name);
  else
    lua_pushfstring(L, TYPE " %s %I..%I %s", name, (LUAI_UACINT)first,
                    (LUAI_UACINT)(first + record->layout->layout.size), record->layout->name);
  lua_pushboolean(L, view->mapping != NULL);
  return 2;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__index", record_index},     {"__newindex", record_newindex},
                                       {"__pairs", record_pairs},     {"next", next_field},
                                       {"describe", record_describe}, {NULL, NULL}};

const struct shmipc_type shmipc_record_type = {TYPE,       sizeof(struct shmipc_record), TYPED_VALUES, 1, methods,
                                               metamethods};
