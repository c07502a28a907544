/* Typed memory in Lua: arrays, records, the layouts they follow, and the values in them. All of them are windows on a
 * view: they hold nothing of their own, and closing the view closes them. */
#ifndef SHMIPC_BINDING_TYPED_H
#define SHMIPC_BINDING_TYPED_H

#include "../core/layout.h"
#include "binding.h"

SHMIPC_HIDDEN_BEGIN

/* ---- the handles. User values: 1 the view, 2 the windows that were made of parts of this one (or nil), 3 the layout
 * that the shape points into (or nil). */

enum { TYPED_VIEW = 1, TYPED_PARTS, TYPED_LAYOUT, TYPED_VALUES = TYPED_LAYOUT };

struct shmipc_array {
  struct shmipc_handle handle;
  struct shmipc_view *view;
  char *address; /* of element 1, as long as the view is open: an access waits for one load less than by an offset */
  size_t count;
  struct shmipc_shape element;
};

struct shmipc_record {
  struct shmipc_handle handle;
  struct shmipc_view *view;
  char *address;
  const struct shmipc_layout_handle *layout;
};

/* The offset in the view. */
static inline size_t shmipc_window_offset(const struct shmipc_view *view, const char *address) {
  return (size_t)(address - view->memory.address);
}

/* Finds a field by the address of its name: Lua keeps one copy of each short string. */
struct shmipc_slot {
  const char *key; /* NULL: empty */
  const struct shmipc_field *field;
};

struct shmipc_layout_handle {
  struct shmipc_handle handle;
  struct shmipc_layout layout;
  const char *name; /* "struct point" */
  size_t slot_mask; /* their number, a power of two, less 1 */
  const struct shmipc_slot *slots;
};

extern const struct shmipc_type shmipc_array_type;
extern const struct shmipc_type shmipc_record_type;
extern const struct shmipc_type shmipc_layout_type;

/* The companion of the types that make windows: a table with these, two metatables and one for weak tables, and with
 * `nearest`, a Lua function (word, list) that gives the name nearest to a word, or nil. */
enum { COMPANION_ARRAY = 1, COMPANION_RECORD, COMPANION_WEAK };

/* Pushes one of them. */
void shmipc_companion_push(lua_State *L, int companions, int which);

/* Push a window on a part of the view whose handle is at `view`; layout: the index of what keeps the shape, or 0.
 * companions: the index of the companions' table. */
void shmipc_array_push(lua_State *L, struct shmipc_view *memory, int view, int layout, int companions, char *address,
                       size_t count, const struct shmipc_shape *element);
void shmipc_record_push(lua_State *L, struct shmipc_view *memory, int view, int layout, int companions, char *address,
                        const struct shmipc_layout *shape);

/* Pushes the part of the window at index 1 that `key` numbers, an array or a record, made on the first touch.
 * parts: whether it is kept for the window's life, or until the collector comes. */
enum shmipc_parts { SHMIPC_PARTS_KEPT, SHMIPC_PARTS_COLLECTABLE };
void shmipc_part_push(lua_State *L, struct shmipc_view *memory, int companions, lua_Integer key, char *address,
                      const struct shmipc_shape *shape, enum shmipc_parts parts);

/* ---- fields */

static inline const struct shmipc_layout_handle *shmipc_layout_owner(const struct shmipc_layout *layout) {
  return (const struct shmipc_layout_handle *)(const void *)((const char *)layout -
                                                             offsetof(struct shmipc_layout_handle, layout));
}

/* Lua's strings lie 16 bytes apart or more. */
static inline size_t shmipc_slot_start(const char *key) { return (size_t)((uintptr_t)key >> 4 ^ (uintptr_t)key >> 12); }

/* The field that the value at the index names, or NULL. Only strings name one. */
const struct shmipc_field *shmipc_field_find_slowly(lua_State *L, int key, const struct shmipc_layout_handle *layout);

static inline const struct shmipc_field *shmipc_field_find(lua_State *L, int key,
                                                           const struct shmipc_layout_handle *layout) {
  const char *name;
  const struct shmipc_slot *slot;
  size_t at;
  if (lua_type(L, key) != LUA_TSTRING) return NULL; /* lua_tostring would make one of a number: "inf" */
  name = lua_tostring(L, key);
  at = shmipc_slot_start(name);
  slot = &layout->slots[at & layout->slot_mask];
  while (slot->key) {
    if (slot->key == name) return slot->field;
    slot = &layout->slots[++at & layout->slot_mask];
  }
  return shmipc_field_find_slowly(L, key, layout);
}

/* Raises for a key that names no field, and says which name is near. */
SHMIPC_COLD int shmipc_field_unknown(lua_State *L, const char *function, int key,
                                     const struct shmipc_layout_handle *layout, int companions);

/* ---- values */

/* The length of the table or array at the index, by its __len if it has one. */
lua_Integer shmipc_length(lua_State *L, int arg, const char *function, const char *what);

/* Where a value goes, for messages: a field (`name`), or an element, of what `outer` says. */
struct shmipc_place {
  const char *function;
  const struct shmipc_place *outer;
  const char *name;
  lua_Integer index;
  int companions;
};

#define SHMIPC_PUSH_INTEGER(L, value) lua_pushinteger(L, (lua_Integer)(value))
#define SHMIPC_PUSH_WORD(L, value) lua_pushinteger(L, (lua_Integer)(value))
#define SHMIPC_PUSH_REAL(L, value) lua_pushnumber(L, (lua_Number)(value))

/* Pushes the number with that index (from 0) behind the address, by one load; 0 for other contents, which push nothing.
 */
static inline int shmipc_element_push(lua_State *L, unsigned content, const char *address, size_t index) {
  switch (content) {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  case SHMIPC_ELEMENT_##name: SHMIPC_PUSH_##class(L, shmipc_load_##name(address + index * sizeof(type))); return 1;
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  default: return 0;
  }
}

/* Stores the number at arg by one store if the content is an element and the number fits; else returns 0. */
int shmipc_element_take(lua_State *L, int arg, unsigned content, char *address);

/* Pushes a boolean, or a text. view: whose memory it is; NULL for memory of our own. pre: the content is one. */
void shmipc_cell_push(lua_State *L, const struct shmipc_shape *shape, const char *address,
                      const struct shmipc_view *view);

/* Pushes what the bytes are, with tables for arrays and records. They are memory of our own. */
void shmipc_value_push(lua_State *L, const struct shmipc_shape *shape, const char *bytes);

/* The other way round: turns the value at arg into bytes in memory of our own, and marks those that it gives (in
 * `mask`, which may be NULL). Raises at what does not fit. May run any Lua code. */
void shmipc_value_take(lua_State *L, int arg, const struct shmipc_shape *shape, char *bytes, char *mask,
                       const struct shmipc_place *place);

/* Takes the value at arg and, when all of it fits, writes it. May leave a value on the stack. */
void shmipc_value_write(lua_State *L, int arg, const struct shmipc_shape *shape, const struct shmipc_view *view,
                        char *address, const struct shmipc_place *place);

/* Pushes the values of the whole record at once: one copy of its bytes. */
void shmipc_record_snapshot(lua_State *L, const char *function, const struct shmipc_record *record);

/* ---- what all windows have in common */

static inline void shmipc_window_check(lua_State *L, const char *function, const struct shmipc_view *view) {
  if (!view->mapping) shmipc_closed(L, function, &shmipc_view_type);
}

SHMIPC_COLD int shmipc_truncated(lua_State *L, const char *function);

/* After an access. */
static inline void shmipc_window_check_lost(lua_State *L, const char *function, const struct shmipc_view *view) {
  if (view->memory.lost) shmipc_truncated(L, function);
}

static inline void shmipc_window_check_writable(lua_State *L, const char *function, const struct shmipc_view *view) {
  shmipc_window_check(L, function, view);
  if (view->memory.access == OS_READ) shmipc_raise(L, function, "the view is read-only (access \"r\")");
}

/* Pushes the type of an array of `count` such elements, as "i32[4]". */
const char *shmipc_shape_push_name(lua_State *L, const struct shmipc_shape *element, size_t count);

/* The content that a layout's field type or an element's type names; 0: none. */
int shmipc_content_find(const char *name, unsigned *content);

/* Pushes the names of the elements, "i8, u8, …". */
void shmipc_element_names_push(lua_State *L);

/* The functions of the modules' tables; upvalue 1 is the companions' table, for a layout its metatable. */
extern const luaL_Reg shmipc_record_functions[];
extern const luaL_Reg shmipc_atomic_functions[];
int shmipc_layout_new(lua_State *L);

/* Pushes what this machine's C types are: {elements = {i32 = {size, align}, …}, types = {["long"] = "i64", …}, pointer
 * = "u64"}. */
void shmipc_native_push(lua_State *L);

SHMIPC_HIDDEN_END

#endif
