/* shmipc.layout: what stands where in a C struct. The Lua half reads the declaration (lua/shmipc/layout.lua) and hands
 * over the fields; here they are checked and put into the form that records use. User value 1 is a table that keeps
 * what the form points to. */
#include "typed.h"

#include <string.h>

#define TYPE "shmipc.layout"

/***
A layout: what stands where in a C struct. Given by `shmipc.layout`, and used by `view:record` and `view:records`.

`layout.size` and `layout.align` are the struct's, in bytes. `tostring(layout)` is a table of its fields with their
offsets and sizes.
@classmod layout
@usage
local point = shmipc.layout "struct point { int32_t x, y; char label[8]; };"
print(point) --> struct point: 16 bytes, aligned to 4, …
assert(point.size == 16 and point.align == 4)
*/

/***
Tells where a field begins. (Written in Lua: lua/shmipc/layout.lua.)
@function offset
@string field its name; `"position.x"` is one in a struct inside
@treturn int bytes from 0
@usage
local point = shmipc.layout "int32_t x, y;"
assert(point:offset "y" == 4)
*/

/***
Lists the fields. (Written in Lua: lua/shmipc/layout.lua.)
@function fields
@treturn table in their order, each a table with `name`, `offset` (bytes from 0), `size` (bytes), `type` (as C says it:
`"float[3]"`), and for structs `layout`
@usage
local point = shmipc.layout "int32_t x, y;"
for _, field in ipairs(point:fields()) do print(field.offset, field.type, field.name) end
*/

static const struct {
  const char *name;
  unsigned content;
} contents[] = {
#define SHMIPC_X(name, type, class, lowest, highest) {#name, SHMIPC_ELEMENT_##name},
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
        {"bool", SHMIPC_CONTENT_BOOL},
    {"text8", SHMIPC_CONTENT_TEXT8},
    {"text16", SHMIPC_CONTENT_TEXT16},
    {"text32", SHMIPC_CONTENT_TEXT32},
    {NULL, 0}};

int shmipc_content_find(const char *name, unsigned *content) {
  size_t i;
  for (i = 0; contents[i].name; i++) {
    if (strcmp(contents[i].name, name) != 0) continue;
    *content = contents[i].content;
    return 1;
  }
  return 0;
}

void shmipc_element_names_push(lua_State *L) {
  luaL_Buffer list;
  size_t i;
  luaL_buffinit(L, &list);
  for (i = 0; contents[i].name && contents[i].content <= SHMIPC_CONTENT_BOOL; i++) {
    if (i > 0) luaL_addstring(&list, ", ");
    luaL_addstring(&list, contents[i].name);
  }
  luaL_pushresult(&list);
}

/* ---- making one */

static const char function_new[] = "layout";

#define SIZE_LIMIT ((lua_Integer)(PTRDIFF_MAX / 4)) /* of a struct: twice that is allocated */
#define FIELD_LIMIT 65536
#define DIMENSION_LIMIT 64

static lua_Integer field_integer(lua_State *L, int table, const char *key, lua_Integer lowest, lua_Integer highest) {
  lua_Integer value;
  lua_pushstring(L, key);
  lua_rawget(L, table);
  value = shmipc_integer(L, lua_gettop(L), function_new, key, lowest, highest);
  lua_pop(L, 1);
  return value;
}

/* Adds a block of memory to what the layout keeps. */
static void *keep_block(lua_State *L, int kept, size_t size) {
  void *block = lua_newuserdatauv(L, size, 0);
  memset(block, 0, size);
  lua_rawseti(L, kept, (lua_Integer)lua_rawlen(L, kept) + 1);
  return block;
}

/* The name at the key, which must be a text, kept for the layout's life. */
static const char *keep_name(lua_State *L, int kept, int table, const char *key) {
  size_t length;
  const char *name;
  lua_pushstring(L, key);
  lua_rawget(L, table);
  name = shmipc_string(L, lua_gettop(L), function_new, key, &length);
  if (length == 0 || strlen(name) != length) shmipc_raise(L, function_new, "%s must be a name", key);
  lua_rawseti(L, kept, (lua_Integer)lua_rawlen(L, kept) + 1);
  return name;
}

/* field.type: the name of an element or a text, or a layout. */
static void read_type(lua_State *L, int kept, int table, struct shmipc_layout *layout, struct shmipc_shape *shape) {
  const struct shmipc_layout_handle *nested;
  lua_pushliteral(L, "type");
  lua_rawget(L, table);
  nested = shmipc_to(L, -1, &shmipc_layout_type);
  if (nested && nested->slots) {
    shape->content = SHMIPC_CONTENT_RECORD;
    shape->layout = &nested->layout;
    shape->cell = nested->layout.size;
    if (layout->depth <= nested->layout.depth) layout->depth = nested->layout.depth + 1;
    if (layout->depth > SHMIPC_LAYOUT_DEPTH_MAX) shmipc_raise(L, function_new, "structs are nested too deeply");
    lua_rawseti(L, kept, (lua_Integer)lua_rawlen(L, kept) + 1);
    return;
  }
  if (lua_type(L, -1) != LUA_TSTRING || !shmipc_content_find(lua_tostring(L, -1), &shape->content))
    shmipc_raise(L, function_new, "type must be an element's name or a layout, got %s",
                 shmipc_push_shown(L, lua_gettop(L)));
  shape->cell = shmipc_content_unit(shape->content);
  lua_pop(L, 1);
  if (shape->content >= SHMIPC_CONTENT_TEXT8)
    shape->cell *= (size_t)field_integer(L, table, "units", 1, (lua_Integer)(layout->size / shape->cell));
}

/* field.dims: nil, or the counts of an array. */
static void read_dimensions(lua_State *L, int kept, int table, const struct shmipc_layout *layout,
                            struct shmipc_shape *shape) {
  size_t *counts;
  unsigned i;
  shape->size = shape->cell;
  lua_pushliteral(L, "dims");
  if (lua_rawget(L, table) != LUA_TNIL) {
    luaL_checktype(L, -1, LUA_TTABLE);
    if (lua_rawlen(L, -1) > DIMENSION_LIMIT) shmipc_raise(L, function_new, "too many dimensions");
    shape->dimensions = (unsigned)lua_rawlen(L, -1);
    counts = keep_block(L, kept, (shape->dimensions + 1) * sizeof *counts);
    shape->counts = counts;
    for (i = 0; i < shape->dimensions; i++) {
      lua_rawgeti(L, -1, (lua_Integer)i + 1);
      counts[i] =
          (size_t)shmipc_integer(L, lua_gettop(L), function_new, "dims", 1, (lua_Integer)(layout->size / shape->size));
      shape->size *= counts[i];
      lua_pop(L, 1);
    }
  }
  lua_pop(L, 1);
}

static void read_field(lua_State *L, int kept, int table, struct shmipc_layout *layout, struct shmipc_field *field) {
  field->name = keep_name(L, kept, table, "name");
  read_type(L, kept, table, layout, &field->shape);
  read_dimensions(L, kept, table, layout, &field->shape);
  if (field->shape.size > layout->size) shmipc_raise(L, function_new, "%s does not fit", field->name);
  field->offset = (size_t)field_integer(L, table, "offset", 0, (lua_Integer)(layout->size - field->shape.size));
}

/* More than half of the slots stay empty, so that every search ends. */
static void make_slots(lua_State *L, int kept, struct shmipc_layout_handle *handle) {
  size_t i, at, count = 4;
  struct shmipc_slot *slots;
  while (count < 2 * handle->layout.field_count + 1) count *= 2;
  slots = keep_block(L, kept, count * sizeof *slots);
  handle->slot_mask = count - 1;
  for (i = 0; i < handle->layout.field_count; i++) {
    const struct shmipc_field *field = &handle->layout.fields[i];
    for (at = shmipc_slot_start(field->name); slots[at & handle->slot_mask].key; at++)
      if (strcmp(slots[at & handle->slot_mask].key, field->name) == 0)
        shmipc_raise(L, function_new, "two fields are named %s", field->name);
    slots[at & handle->slot_mask].key = field->name;
    slots[at & handle->slot_mask].field = field;
  }
  handle->slots = slots;
}

/* layout(description): a table with name, size, align, fields = {{name, offset, type [, units] [, dims]}, …}. Upvalue 1
 * is the layouts' metatable. */
int shmipc_layout_new(lua_State *L) {
  struct shmipc_layout_handle *handle;
  struct shmipc_field *fields;
  size_t i;
  int kept, list;
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_newtable(L);
  kept = lua_gettop(L);
  handle = shmipc_handle_push(L, &shmipc_layout_type, kept, lua_upvalueindex(1));
  lua_pushvalue(L, 1);
  lua_setfield(L, kept, "description");
  handle->name = keep_name(L, kept, 1, "name");
  handle->layout.depth = 1;
  handle->layout.size = (size_t)field_integer(L, 1, "size", 1, SIZE_LIMIT);
  handle->layout.align = (size_t)field_integer(L, 1, "align", 1, SIZE_LIMIT);
  lua_pushliteral(L, "fields");
  lua_rawget(L, 1);
  list = lua_gettop(L);
  luaL_checktype(L, list, LUA_TTABLE);
  if (lua_rawlen(L, list) > FIELD_LIMIT) shmipc_raise(L, function_new, "too many fields");
  handle->layout.field_count = lua_rawlen(L, list);
  fields = keep_block(L, kept, (handle->layout.field_count + 1) * sizeof *fields);
  handle->layout.fields = fields;
  for (i = 0; i < handle->layout.field_count; i++) {
    lua_rawgeti(L, list, (lua_Integer)i + 1);
    luaL_checktype(L, -1, LUA_TTABLE);
    read_field(L, kept, lua_gettop(L), &handle->layout, &fields[i]);
    lua_settop(L, list);
  }
  make_slots(L, kept, handle);
  lua_settop(L, kept + 1);
  return 1;
}

/* ---- looking at one */

static struct shmipc_layout_handle *layout_self(lua_State *L, const char *function) {
  struct shmipc_layout_handle *handle = shmipc_to(L, 1, &shmipc_layout_type);
  if (!handle) shmipc_wrong_self(L, function, &shmipc_layout_type);
  return handle;
}

/* For the Lua half: the table that the layout was made from. */
static int layout_description(lua_State *L) {
  const char *function = luaL_checkstring(L, 2);
  if (!shmipc_to(L, 1, &shmipc_layout_type))
    shmipc_raise_beyond(L, function, "self must be a " TYPE ", got %s (called without a colon?)", luaL_typename(L, 1));
  lua_getiuservalue(L, 1, 1);
  lua_getfield(L, -1, "description");
  return 1;
}

static int is_key(lua_State *L, const char *name) {
  return lua_type(L, 2) == LUA_TSTRING && strcmp(lua_tostring(L, 2), name) == 0;
}

static int layout_index(lua_State *L) {
  const struct shmipc_layout_handle *handle = layout_self(L, "layout");
  if (is_key(L, "size"))
    lua_pushinteger(L, (lua_Integer)handle->layout.size);
  else if (is_key(L, "align"))
    lua_pushinteger(L, (lua_Integer)handle->layout.align);
  else
    shmipc_method_push(L, 2);
  return 1;
}

static const luaL_Reg methods[] = {{NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__index", layout_index}, {"description", layout_description}, {NULL, NULL}};

const struct shmipc_type shmipc_layout_type = {TYPE, sizeof(struct shmipc_layout_handle), 1, 0, methods, metamethods};
