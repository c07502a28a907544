/* shmipc.view */
#include "binding.h"

#include <math.h>
#include <string.h>

#include "../core/element.h"
#include "typed.h"

#define TYPE "shmipc.view"

/***
A view: bytes of a mapping, as this process sees them. Given by `mapping:view`.

Offsets are bytes from 0. `#view` is the size. Reads and writes of numbers are in native byte order. At an address
aligned to the number's size they are single loads and stores on 64-bit systems: never torn.

An offset out of range, a value that does not fit, a write through a read-only view, and any access to a closed view
raise. So does an access to memory that vanished because another process truncated the file: `mapping was truncated`.
@classmod view
*/

static struct shmipc_view *view_self(lua_State *L, const char *function) {
  struct shmipc_view_handle *handle = shmipc_to(L, 1, &shmipc_view_type);
  if (!handle) shmipc_wrong_self(L, function, &shmipc_view_type);
  if (!handle->view.mapping) shmipc_closed(L, function, &shmipc_view_type);
  return &handle->view;
}

static struct shmipc_view *writable_self(lua_State *L, const char *function) {
  struct shmipc_view *view = view_self(L, function);
  if (view->memory.access == OS_READ) shmipc_raise(L, function, "the view is read-only (access \"r\")");
  return view;
}

int shmipc_truncated(lua_State *L, const char *function) {
  return shmipc_raise(L, function, "mapping was truncated by another process, or has no space behind it");
}

static void check_lost(lua_State *L, const char *function, const struct shmipc_view *view) {
  if (shmipc_view_is_lost(view)) shmipc_truncated(L, function);
}

static int wrong_offset(lua_State *L, const char *function, const struct shmipc_view *view, size_t length) {
  if (view->memory.length < length)
    return shmipc_raise(L, function, "%I bytes do not fit in a view of %I", (LUAI_UACINT)length,
                        (LUAI_UACINT)view->memory.length);
  shmipc_integer(L, 2, function, "offset", 0, (lua_Integer)(view->memory.length - length));
  return 0;
}

/* The offset at index 2 for an access to `length` bytes. */
static inline size_t element_offset(lua_State *L, const char *function, const struct shmipc_view *view, size_t length) {
  size_t size = view->memory.length;
  lua_Integer offset;
  if (lua_isinteger(L, 2)) {
    offset = lua_tointeger(L, 2);
    if (offset >= 0 && size >= length && (lua_Unsigned)offset <= size - length) return (size_t)offset;
  } else if (lua_type(L, 2) == LUA_TNUMBER && size >= length) {
    return (size_t)shmipc_integer(L, 2, function, "offset", 0, (lua_Integer)(size - length));
  }
  wrong_offset(L, function, view, length);
  return 0;
}

/* The value at index 3, by the classes of core/element.h. */

#define check_INTEGER(L, function, type, lowest, highest)                                                              \
  shmipc_integer(L, 3, function, "value", (lua_Integer)(lowest), (lua_Integer)(highest))
#define check_WORD(L, function, type, lowest, highest)                                                                 \
  shmipc_integer(L, 3, function, "value", LUA_MININTEGER, LUA_MAXINTEGER)
#define check_REAL(L, function, type, lowest, highest) shmipc_real(L, 3, function, "value", sizeof(type))

/***
Reads a signed 8-bit integer.
@function read_i8
@int offset in bytes from 0
@treturn int
*/

/***
Reads an unsigned 8-bit integer.
@function read_u8
@int offset in bytes from 0
@treturn int
*/

/***
Reads a signed 16-bit integer.
@function read_i16
@int offset in bytes from 0
@treturn int
*/

/***
Reads an unsigned 16-bit integer.
@function read_u16
@int offset in bytes from 0
@treturn int
*/

/***
Reads a signed 32-bit integer.
@function read_i32
@int offset in bytes from 0
@treturn int
@usage
local value = view:read_i32(0)
*/

/***
Reads an unsigned 32-bit integer.
@function read_u32
@int offset in bytes from 0
@treturn int
*/

/***
Reads a signed 64-bit integer.
@function read_i64
@int offset in bytes from 0
@treturn int
*/

/***
Reads an unsigned 64-bit integer.
@function read_u64
@int offset in bytes from 0
@treturn int above 2^63-1: the Lua integer with the same bits
*/

/***
Reads a 32-bit floating-point number.
@function read_f32
@int offset in bytes from 0
@treturn number
*/

/***
Reads a 64-bit floating-point number.
@function read_f64
@int offset in bytes from 0
@treturn number
*/

/***
Writes a signed 8-bit integer.
@function write_i8
@int offset in bytes from 0
@int value from -128 to 127
*/

/***
Writes an unsigned 8-bit integer.
@function write_u8
@int offset in bytes from 0
@int value from 0 to 255
*/

/***
Writes a signed 16-bit integer.
@function write_i16
@int offset in bytes from 0
@int value from -32768 to 32767
*/

/***
Writes an unsigned 16-bit integer.
@function write_u16
@int offset in bytes from 0
@int value from 0 to 65535
*/

/***
Writes a signed 32-bit integer.
@function write_i32
@int offset in bytes from 0
@int value from -2^31 to 2^31-1
@usage
view:write_i32(0, 500)
*/

/***
Writes an unsigned 32-bit integer.
@function write_u32
@int offset in bytes from 0
@int value from 0 to 2^32-1
*/

/***
Writes a signed 64-bit integer.
@function write_i64
@int offset in bytes from 0
@int value any
*/

/***
Writes an unsigned 64-bit integer.
@function write_u64
@int offset in bytes from 0
@int value any, taken by its bits: -1 is 2^64-1
*/

/***
Writes a 32-bit floating-point number.
@function write_f32
@int offset in bytes from 0
@number value rounded to the nearest; a finite one that overflows raises
*/

/***
Writes a 64-bit floating-point number.
@function write_f64
@int offset in bytes from 0
@number value any
*/

#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  static int view_read_##name(lua_State *L) {                                                                          \
    static const char function[] = "view:read_" #name;                                                                 \
    struct shmipc_view *view = view_self(L, function);                                                                 \
    size_t offset = element_offset(L, function, view, sizeof(type));                                                   \
    type value = shmipc_load_##name(view->memory.address + offset);                                                    \
    if (view->memory.lost) return shmipc_truncated(L, function);                                                       \
    SHMIPC_PUSH_##class(L, value);                                                                                     \
    return 1;                                                                                                          \
  }                                                                                                                    \
  static int view_write_##name(lua_State *L) {                                                                         \
    static const char function[] = "view:write_" #name;                                                                \
    struct shmipc_view *view = writable_self(L, function);                                                             \
    size_t offset = element_offset(L, function, view, sizeof(type));                                                   \
    type value = (type)check_##class(L, function, type, lowest, highest);                                              \
    shmipc_store_##name(view->memory.address + offset, value);                                                         \
    if (view->memory.lost) return shmipc_truncated(L, function);                                                       \
    return 0;                                                                                                          \
  }
SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X

/* A range of the view that starts with the argument `first`: offset, length. Absent: from the start, to the end. */
static void check_range(lua_State *L, const char *function, const struct shmipc_view *view, int first, size_t *offset,
                        size_t *length) {
  lua_Integer size = (lua_Integer)view->memory.length;
  *offset = (size_t)shmipc_integer_or(L, first, function, "offset", 0, size, 0);
  size -= (lua_Integer)*offset;
  *length = (size_t)shmipc_integer_or(L, first + 1, function, "length", 0, size, size);
}

/* Pushes bytes that other processes may be changing. Lua takes a short string apart more than once, so it gets a copy
 * of our own; a long one it copies once. */
static void push_bytes(lua_State *L, const struct shmipc_view *view, size_t offset, size_t length) {
  char copy[256];
  if (length <= sizeof copy) {
    shmipc_view_read(view, offset, copy, length);
    lua_pushlstring(L, copy, length);
  } else {
    lua_pushlstring(L, view->memory.address + offset, length);
  }
}

/***
Reads bytes.
@function read
@int offset in bytes from 0
@int length in bytes
@treturn string
@usage
local bytes = view:read(0, 4)
*/
static int view_read(lua_State *L) {
  static const char function[] = "view:read";
  const struct shmipc_view *view = view_self(L, function);
  lua_Integer size = (lua_Integer)view->memory.length;
  lua_Integer offset = shmipc_integer(L, 2, function, "offset", 0, size);
  lua_Integer length = shmipc_integer(L, 3, function, "length", 0, size - offset);
  push_bytes(L, view, (size_t)offset, (size_t)length);
  check_lost(L, function, view);
  return 1;
}

/* The string at index 3, which must fit behind the offset at 2. */
static const char *check_text(lua_State *L, const char *function, const struct shmipc_view *view, size_t *offset,
                              size_t *length) {
  lua_Integer size = (lua_Integer)view->memory.length;
  const char *text;
  *offset = (size_t)shmipc_integer(L, 2, function, "offset", 0, size);
  text = shmipc_string(L, 3, function, "string", length);
  if (*length > view->memory.length - *offset)
    shmipc_raise(L, function, "a string of %I bytes does not fit at offset %I of a view of %I", (LUAI_UACINT)*length,
                 (LUAI_UACINT)*offset, (LUAI_UACINT)size);
  return text;
}

/***
Writes bytes.
@function write
@int offset in bytes from 0
@string string must fit
@usage
view:write(0, "\1\2\3\4")
*/
static int view_write(lua_State *L) {
  static const char function[] = "view:write";
  struct shmipc_view *view = writable_self(L, function);
  size_t offset, length;
  const char *text = check_text(L, function, view, &offset, &length);
  shmipc_view_write(view, offset, text, length);
  check_lost(L, function, view);
  return 0;
}

/***
Reads a text up to its NUL, or up to the limit.
@function read_cstring
@int offset in bytes from 0
@int[opt] limit in bytes; default: to the end of the view
@treturn string without the NUL
@usage
local name = view:read_cstring(16, 32)
*/
static int view_read_cstring(lua_State *L) {
  static const char function[] = "view:read_cstring";
  const struct shmipc_view *view = view_self(L, function);
  lua_Integer size = (lua_Integer)view->memory.length;
  lua_Integer offset = shmipc_integer(L, 2, function, "offset", 0, size);
  lua_Integer limit = shmipc_integer_or(L, 3, function, "limit", 0, size - offset, size - offset);
  const char *text, *end;
  size_t length;
  push_bytes(L, view, (size_t)offset, shmipc_view_cstring_length(view, (size_t)offset, (size_t)limit));
  check_lost(L, function, view);
  text = lua_tolstring(L, -1, &length);
  end = memchr(text, 0, length); /* written meanwhile by another process */
  if (end) lua_pushlstring(L, text, (size_t)(end - text));
  return 1;
}

/***
Writes a text and a NUL after it.
@function write_cstring
@int offset in bytes from 0
@string string without a NUL; must fit with one
@int limit in bytes, the NUL included
@usage
view:write_cstring(16, "left motor", 32)
*/
static int view_write_cstring(lua_State *L) {
  static const char function[] = "view:write_cstring";
  struct shmipc_view *view = writable_self(L, function);
  size_t offset, length;
  const char *text = check_text(L, function, view, &offset, &length);
  lua_Integer limit = shmipc_integer(L, 4, function, "limit", 1, (lua_Integer)(view->memory.length - offset));
  if (length >= (size_t)limit)
    shmipc_raise(L, function, "a string of %I bytes and its NUL do not fit in %I", (LUAI_UACINT)length,
                 (LUAI_UACINT)limit);
  if (memchr(text, 0, length)) shmipc_raise(L, function, "string must be without a NUL, got one inside");
  shmipc_view_write(view, offset, text, length + 1); /* Lua's strings end with a NUL of their own */
  check_lost(L, function, view);
  return 0;
}

/* The functions of Lua's string library, as upvalues of all methods; the fifth is for typed windows. */
enum { STRING_PACK = 2, STRING_UNPACK = 3, STRING_PACKSIZE = 4 };

/* After a protected call of one of them: its error under the method's name. What is no text was raised by a hook. */
static int string_failed(lua_State *L, const char *function, int status) {
  const char *text = lua_tostring(L, -1);
  const char *tail = text && strncmp(text, "bad argument #", strlen("bad argument #")) == 0 ? strchr(text, '(') : NULL;
  if (status == LUA_ERRMEM || !text) return lua_error(L);
  return shmipc_raise(L, function, "%s", tail ? tail : text);
}

static int failed_for(lua_State *L, const char *reason) {
  const char *text = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : NULL;
  return text && strstr(text, reason) != NULL;
}

static size_t check_format_at(lua_State *L, const char *function, const struct shmipc_view *view) {
  lua_Integer offset = shmipc_integer(L, 2, function, "offset", 0, (lua_Integer)view->memory.length);
  size_t length;
  shmipc_string(L, 3, function, "format", &length);
  return (size_t)offset;
}

/***
Writes values as `string.pack` lays them out. Alignment (`!`) counts from `offset`.
@function pack
@int offset in bytes from 0
@string format of `string.pack`
@param ... the values
@treturn int the offset after the last byte written
@usage
local offset = view:pack(0, "<i4d", 500, 0.25)
*/
static int view_pack(lua_State *L) {
  static const char function[] = "view:pack";
  struct shmipc_view *view = writable_self(L, function);
  size_t offset = check_format_at(L, function, view), length;
  const char *bytes;
  int status;
  lua_pushvalue(L, lua_upvalueindex(STRING_PACK));
  lua_insert(L, 3);
  status = lua_pcall(L, lua_gettop(L) - 3, 1, 0);
  if (status != LUA_OK) return string_failed(L, function, status);
  if (!view->mapping)
    return shmipc_closed(L, function, &shmipc_view_type); /* a finaliser may have closed it meanwhile */
  bytes = lua_tolstring(L, -1, &length);
  if (length > view->memory.length - offset)
    return shmipc_raise(L, function, "%I bytes do not fit at offset %I of a view of %I", (LUAI_UACINT)length,
                        (LUAI_UACINT)offset, (LUAI_UACINT)view->memory.length);
  shmipc_view_write(view, offset, bytes, length);
  check_lost(L, function, view);
  lua_pushinteger(L, (lua_Integer)(offset + length));
  return 1;
}

/* How many bytes the format at index 3 takes. 0: that depends on the bytes. */
static size_t packed_size(lua_State *L, const char *function) {
  size_t size = 0;
  int status;
  lua_pushvalue(L, lua_upvalueindex(STRING_PACKSIZE));
  lua_pushvalue(L, 3);
  status = lua_pcall(L, 1, 1, 0);
  if (status == LUA_OK)
    size = (size_t)lua_tointeger(L, -1);
  else if (!failed_for(L, "variable-"))
    string_failed(L, function, status);
  lua_pop(L, 1);
  return size;
}

/***
Reads values as `string.unpack` does.
@function unpack
@int offset in bytes from 0
@string format of `string.unpack`
@return the values, and the offset after the last byte read
@usage
local count, share, offset = view:unpack(0, "<i4d")
*/
static int view_unpack(lua_State *L) {
  static const char function[] = "view:unpack";
  const struct shmipc_view *view = view_self(L, function);
  size_t offset = check_format_at(L, function, view), room = view->memory.length - offset, size, window;
  lua_Integer next;
  int status;
  lua_settop(L, 3);
  size = packed_size(L, function);
  if (size > room)
    return shmipc_raise(L, function, "%I bytes do not fit at offset %I of a view of %I", (LUAI_UACINT)size,
                        (LUAI_UACINT)offset, (LUAI_UACINT)view->memory.length);
  window = size > 0 ? size : 256;
  for (;;) { /* without a fixed size, more and more bytes are tried */
    if (window > room) window = room;
    lua_settop(L, 3);
    lua_pushvalue(L, lua_upvalueindex(STRING_UNPACK));
    lua_pushvalue(L, 3);
    if (!view->mapping) return shmipc_closed(L, function, &shmipc_view_type);
    push_bytes(L, view, offset, window);
    check_lost(L, function, view);
    status = lua_pcall(L, 2, LUA_MULTRET, 0);
    if (status == LUA_OK || size > 0 || window == room) break;
    if (!failed_for(L, "too short") && !failed_for(L, "unfinished string")) break;
    window *= 4;
  }
  if (status != LUA_OK) return string_failed(L, function, status);
  next = lua_tointeger(L, -1) - 1 + (lua_Integer)offset;
  lua_pop(L, 1);
  lua_pushinteger(L, next);
  return lua_gettop(L) - 3;
}

/***
Sets bytes to one value.
@function fill
@int[opt=0] byte 0 to 255
@int[opt=0] offset in bytes from 0
@int[opt] length in bytes; default: to the end
@usage
view:fill()
view:fill(255, 8, 4)
*/
static int view_fill(lua_State *L) {
  static const char function[] = "view:fill";
  struct shmipc_view *view = writable_self(L, function);
  int byte = (int)shmipc_integer_or(L, 2, function, "byte", 0, 255, 0);
  size_t offset, length;
  check_range(L, function, view, 3, &offset, &length);
  shmipc_view_fill(view, byte, offset, length);
  check_lost(L, function, view);
  return 0;
}

/***
Copies bytes from a view, this one or another; the two places may overlap.
@function copy
@int to offset in this view, in bytes from 0
@tparam view source
@int from offset in the source, in bytes from 0
@int length in bytes
@usage
view:copy(8, view, 0, 16)
*/
static int view_copy(lua_State *L) {
  static const char function[] = "view:copy";
  struct shmipc_view *view = writable_self(L, function);
  const struct shmipc_view_handle *given = shmipc_to(L, 3, &shmipc_view_type);
  const struct shmipc_view *source;
  lua_Integer size = (lua_Integer)view->memory.length, to, from, length, room;
  to = shmipc_integer(L, 2, function, "to", 0, size);
  if (!given) shmipc_raise(L, function, "source must be a " TYPE ", got %s", luaL_typename(L, 3));
  source = &given->view;
  if (!source->mapping) shmipc_raise(L, function, "source is a closed " TYPE);
  from = shmipc_integer(L, 4, function, "from", 0, (lua_Integer)source->memory.length);
  room = (lua_Integer)source->memory.length - from;
  if (size - to < room) room = size - to;
  length = shmipc_integer(L, 5, function, "length", 0, room);
  shmipc_view_copy(view, (size_t)to, source, (size_t)from, (size_t)length);
  check_lost(L, function, view);
  check_lost(L, function, source);
  return 0;
}

/* ---- windows: arrays and records */

enum { COMPANIONS = 5 };

static int push_array(lua_State *L, const char *function, struct shmipc_view *view, const struct shmipc_shape *element,
                      int layout) {
  lua_Integer length = (lua_Integer)view->memory.length, offset, room;
  size_t count;
  offset = shmipc_integer_or(L, 3, function, "offset", 0, length, 0);
  room = (length - offset) / (lua_Integer)element->size;
  count = (size_t)shmipc_integer_or(L, 4, function, "count", 0, room, room);
  shmipc_array_push(L, view, 1, layout, lua_upvalueindex(COMPANIONS), view->memory.address + offset, count, element);
  return 1;
}

static int wrong_element_type(lua_State *L, const char *function) {
  const char *given = shmipc_push_shown(L, 2);
  shmipc_element_names_push(L);
  return shmipc_raise(L, function, "type must be one of %s, got %s", lua_tostring(L, -1), given);
}

/***
Gives a window on elements of one type.
@function array
@string type `"i8"`, `"u8"`, `"i16"`, `"u16"`, `"i32"`, `"u32"`, `"i64"`, `"u64"`, `"f32"`, `"f64"` or `"bool"`
@int[opt=0] offset of the first element, in bytes from 0
@int[opt] count of elements; default: as many as fit
@treturn array
@usage
local array = view:array("i32", 0, 8)
array[1] = 500
*/
static int view_array(lua_State *L) {
  static const char function[] = "view:array";
  struct shmipc_view *view = view_self(L, function);
  struct shmipc_shape element = {0, 0, NULL, 0, 0, NULL};
  lua_settop(L, 4);
  if (lua_type(L, 2) != LUA_TSTRING || !shmipc_content_find(lua_tostring(L, 2), &element.content) ||
      element.content > SHMIPC_CONTENT_BOOL)
    return wrong_element_type(L, function);
  element.cell = element.size = shmipc_content_unit(element.content);
  return push_array(L, function, view, &element, 0);
}

static const struct shmipc_layout *check_layout(lua_State *L, const char *function) {
  const struct shmipc_layout_handle *handle = shmipc_to(L, 2, &shmipc_layout_type);
  if (!handle) shmipc_raise(L, function, "layout must be a shmipc.layout, got %s", shmipc_push_shown(L, 2));
  return &handle->layout;
}

/***
Gives a window on a C struct.
@function record
@tparam layout layout from `shmipc.layout`
@int[opt=0] offset of the struct, in bytes from 0
@treturn record
@usage
local record = view:record(shmipc.layout "int32_t x, y;")
record.x = 3
*/
static int view_record(lua_State *L) {
  static const char function[] = "view:record";
  struct shmipc_view *view = view_self(L, function);
  const struct shmipc_layout *layout;
  lua_Integer offset;
  lua_settop(L, 3);
  layout = check_layout(L, function);
  if (layout->size > view->memory.length)
    shmipc_raise(L, function, "a struct of %I bytes does not fit in a view of %I", (LUAI_UACINT)layout->size,
                 (LUAI_UACINT)view->memory.length);
  offset = shmipc_integer_or(L, 3, function, "offset", 0, (lua_Integer)(view->memory.length - layout->size), 0);
  shmipc_record_push(L, view, 1, 2, lua_upvalueindex(COMPANIONS), view->memory.address + offset, layout);
  return 1;
}

/***
Gives a window on C structs, one behind another.
@function records
@tparam layout layout from `shmipc.layout`
@int[opt=0] offset of the first struct, in bytes from 0
@int[opt] count of structs; default: as many as fit
@treturn array of `record`s
@usage
local records = view:records(shmipc.layout "int32_t x, y;", 0, 4)
records[4].x = 3
*/
static int view_records(lua_State *L) {
  static const char function[] = "view:records";
  struct shmipc_view *view = view_self(L, function);
  struct shmipc_shape element = {SHMIPC_CONTENT_RECORD, 0, NULL, 0, 0, NULL};
  lua_settop(L, 4);
  element.layout = check_layout(L, function);
  element.cell = element.size = element.layout->size;
  return push_array(L, function, view, &element, 2);
}

/***
Returns when the bytes are where the mapping keeps them: on disk, if it is a file there.
@function flush
@int[opt=0] offset in bytes from 0
@int[opt] length in bytes; default: to the end
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `SYSTEM`, …
@usage
assert(view:flush())
*/
static int view_flush(lua_State *L) {
  static const char function[] = "view:flush";
  struct shmipc_view *view = view_self(L, function);
  struct shmipc_result result;
  size_t offset, length;
  check_range(L, function, view, 2, &offset, &length);
  result = os_view_flush(&view->memory, offset, length);
  check_lost(L, function, view);
  if (result.status != SHMIPC_OK) {
    lua_getiuservalue(L, 1, 1);
    return shmipc_failure(L, function, lua_tostring(L, -1), result);
  }
  lua_pushboolean(L, 1);
  return 1;
}

/***
Gives the length in bytes; `#view` is the same.
@function size
@treturn int
@usage
assert(view:size() == #view)
*/
static int view_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)view_self(L, "view:size")->memory.length);
  return 1;
}

/***
Tells how it was cut.
@function access
@treturn string `"rw"`, `"r"` or `"cow"`
@usage
if view:access() == "r" then print("for reading only") end
*/
static int view_access(lua_State *L) {
  lua_pushstring(L, shmipc_access_name(view_self(L, "view:access")->memory.access));
  return 1;
}

static int finalise(lua_State *L) {
  struct shmipc_view_handle *handle = shmipc_to(L, 1, &shmipc_view_type);
  if (!handle) return shmipc_wrong_self(L, "view:close", &shmipc_view_type);
  if (handle->view.mapping) shmipc_view_close(&handle->view);
  return 0;
}

/***
Lets go of the bytes. A second call does nothing.
@function close
@treturn boolean `true`
@usage
view:close()
*/
static int view_close(lua_State *L) {
  finalise(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int view_tostring(lua_State *L) {
  const struct shmipc_view_handle *handle = shmipc_to(L, 1, &shmipc_view_type);
  const struct shmipc_view *view;
  const char *name;
  if (!handle) return shmipc_wrong_self(L, "tostring", &shmipc_view_type);
  view = &handle->view;
  name = shmipc_push_quoted_name(L, 1);
  if (view->mapping)
    lua_pushfstring(L, TYPE " %s %I..%I %s", name, (LUAI_UACINT)view->memory.offset,
                    (LUAI_UACINT)(view->memory.offset + view->memory.length), shmipc_access_name(view->memory.access));
  else
    lua_pushfstring(L, TYPE " %s (closed)", name);
  return 1;
}

static const luaL_Reg methods[] = {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  {"read_" #name, view_read_##name}, {"write_" #name, view_write_##name},
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
        {"read", view_read},
    {"write", view_write},
    {"read_cstring", view_read_cstring},
    {"write_cstring", view_write_cstring},
    {"pack", view_pack},
    {"unpack", view_unpack},
    {"fill", view_fill},
    {"copy", view_copy},
    {"flush", view_flush},
    {"array", view_array},
    {"record", view_record},
    {"records", view_records},
    {"size", view_size},
    {"access", view_access},
    {"close", view_close},
    {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", finalise}, {"__close", finalise}, {"__len", view_size}, {"__tostring", view_tostring}, {NULL, NULL}};

const struct shmipc_type shmipc_view_type = {TYPE, sizeof(struct shmipc_view_handle), 1, 4, methods, metamethods};
