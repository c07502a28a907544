/* shmipc.core: the native half of the module, which lua/shmipc/init.lua completes. */
#include "../include/shmipc.h"
#include "typed.h"

#include <lualib.h>

/***
Named shared memory between processes.

Memory and files: @{shmipc.mapping}, and the `view`s cut from them. What is in them: `array`s, and `record`s after a C
struct's @{layout}, with functions in @{shmipc.record} and @{shmipc.atomic}. Locks: @{shmipc.mutex}. Waiting for each
other: @{shmipc.event} and @{shmipc.semaphore}. Messages: @{shmipc.channel}. They are tables of this module: there is
one `require`.

What the environment refuses is returned as `nil, message, code`, and as a fourth value the native error number where
there is one. The code is one of `EXISTS NOT_FOUND ACCESS_DENIED INVALID_NAME TOO_SMALL NO_SPACE TIMEOUT WRONG_KIND
CORRUPT CLOSED LIMIT NOT_SUPPORTED SYSTEM`, and stays the same from version to version; the message may change.

Misuse raises an error: a wrong type, an offset out of range, a value that does not fit, a closed handle, an option that
does not exist. Numbers are numbers: `"3"` raises, `3.0` is 3, NaN raises.

Every handle has `close()`, which may be called again, works with `<close>`, is closed by the collector, and shows
itself by `tostring`. Times are seconds, fractions allowed. Byte offsets count from 0.
@module shmipc
@usage
local shmipc = require "shmipc"
*/

/***
The version, as a string.
@field _VERSION
*/

/***
The system: `"linux"` or `"windows"`.
@field platform
*/

/***
Sleeps. Ctrl-C ends it.
@function sleep
@number seconds 0 or more, fractions allowed; `math.huge` sleeps for ever
@usage
shmipc.sleep(0.2)
*/
static int module_sleep(lua_State *L) {
  static const char function[] = "shmipc.sleep";
  struct shmipc_wait wait;
  if (lua_isnoneornil(L, 1)) return shmipc_raise(L, function, "seconds must be a number, got %s", luaL_typename(L, 1));
  wait = shmipc_wait_begin(shmipc_seconds(L, 1, function, "seconds"));
  while (shmipc_wait_more(L, &wait)) os_sleep(wait.until);
  return 0;
}

/***
Reads a monotonic clock, the same for all processes of the machine.
@function clock
@treturn number seconds since some moment
@usage
local start = shmipc.clock()
print(("%.3f s"):format(shmipc.clock() - start))
*/
static int module_clock(lua_State *L) {
  lua_pushnumber(L, (lua_Number)os_clock() / 1e9);
  return 1;
}

/***
Gives the process's id.
@function pid
@treturn int
@usage
print(shmipc.pid())
*/
static int module_pid(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)os_process_id());
  return 1;
}

/***
Reads a C declaration: what stands where in a struct, as this system's C compiler puts it. (Written in Lua:
lua/shmipc/layout.lua.)

The text is the members of a struct, or declarations as a header has them, of which the last struct or union counts. It
may have: C's integer, floating-point and character types in all spellings, `bool`, the types of stdint.h and stddef.h,
common ones of Windows and Linux (`DWORD`, `__u32`), structs and unions, named, anonymous and nested, enums, arrays of
any dimensions, pointers (unsigned integers here), `typedef`, `#define` of constants, `#pragma pack`, alignment and
`packed` attributes, comments. What one call defines, later calls may use. What it does not know, bit-fields among it,
raises, with line and column.
@function layout
@string c_declaration
@tparam[opt] table options `pack` = 1, 2, 4, 8 or 16: as `#pragma pack` in front
@treturn layout
@usage
local point = shmipc.layout "struct point { double x, y; };"
local line = shmipc.layout "struct line { struct point from, to; char name[16]; };"
*/

/***
Lists the named objects that can be seen: a table each, in no order. It takes no lock, and nobody becomes a holder by
it.

A table has, as far as the system tells: `name`; `kind`, one of `"mapping"`, `"mutex"`, `"event"`, `"semaphore"`,
`"channel"`; `size` in bytes; `mode` and `uid` of its owner (Linux); `age` in seconds. True or false: `foreign`, made by
another program; `persistent`; `leftover`, held by nobody any more; `corrupt`; `unsupported`, made by another version;
`unlinked`, its name was taken away; `file`, on disk. `holders`, a list of `{pid, command, command_line}`, and
`holders_complete`, false when there are others who may not be seen; on Windows instead `handles`, how many there are in
all processes. `waiting`, whether anybody seems to wait (on Linux; one that was killed may seem so for a while).

Of a mutex also `locked`, `abandoned`, and when it is locked `owner`, a table with `pid`, `thread`, `command`,
`command_line`, and `since`, for how many seconds, to some milliseconds. Of an event `set`, `manual`; of a semaphore
`count`, `maximum`; of a channel what `channel:stats` tells.
@function list
@tparam[opt] table options `holders` = `false`: without them, which is quicker
@treturn {table,...}|nil the objects
@treturn ?string message
@treturn ?string code `ACCESS_DENIED`, `NOT_SUPPORTED`, `SYSTEM`, …
@usage
for _, object in ipairs(assert(shmipc.list())) do print(object.kind, object.name, object.size) end
*/

/***
Removes what killed processes left behind under a name. Whoever opens or creates the name does so anyway.
@function gc
@string name
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `NOT_FOUND`; `EXISTS`: somebody holds it, or it is none of ours; `ACCESS_DENIED`: another user's;
on Windows `NOT_SUPPORTED`
@usage
for _, object in ipairs(shmipc.list({holders = false})) do
  if object.leftover then print(object.name, shmipc.gc(object.name)) end
end
*/

/* Pushes the type's metatable. kinds[name] is the metatable, where the Lua half finds a type's `methods` and other
 * things, and adds its own. */
static void add_kind(lua_State *L, int kinds, const char *name, const struct shmipc_type *type) {
  shmipc_type_push(L, type);
  lua_pushvalue(L, -1);
  lua_setfield(L, kinds, name);
}

/* module[name] = a table of the functions. Pops what becomes their upvalue 1. */
static void add_functions(lua_State *L, int module, const char *name, const luaL_Reg *functions) {
  lua_newtable(L);
  lua_insert(L, -2);
  luaL_setfuncs(L, functions, 1);
  lua_setfield(L, module, name);
}

/* string.pack, string.unpack, string.packsize; the library is loaded if the host has not done it. */
static void push_string_functions(lua_State *L) {
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  if (lua_getfield(L, -1, LUA_STRLIBNAME) != LUA_TTABLE) luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
  lua_getfield(L, -1, "pack");
  lua_getfield(L, -2, "unpack");
  lua_getfield(L, -3, "packsize");
}

/* Arrays, records and layouts, which know each other by the table module.companions. */
static void add_windows(lua_State *L, int module, int kinds) {
  int companions;
  lua_newtable(L);
  companions = lua_gettop(L);
  lua_pushvalue(L, companions);
  lua_setfield(L, module, "companions");
  lua_newtable(L);
  lua_pushliteral(L, "v");
  lua_setfield(L, -2, "__mode");
  lua_rawseti(L, companions, COMPANION_WEAK);

  lua_pushvalue(L, companions);
  add_kind(L, kinds, "array", &shmipc_array_type);
  lua_rawseti(L, companions, COMPANION_ARRAY);
  add_kind(L, kinds, "record", &shmipc_record_type);
  lua_rawseti(L, companions, COMPANION_RECORD);
  add_kind(L, kinds, "layout", &shmipc_layout_type);
  lua_pushcclosure(L, shmipc_layout_new, 1);
  lua_setfield(L, module, "layout");

  lua_settop(L, companions);
  lua_pushvalue(L, companions);
  add_functions(L, module, "record", shmipc_record_functions);
  add_functions(L, module, "atomic", shmipc_atomic_functions);
  shmipc_native_push(L);
  lua_setfield(L, module, "native");
}

SHMIPC_API int luaopen_shmipc_core(lua_State *L) {
  static const luaL_Reg functions[] = {{"sleep", module_sleep}, {"clock", module_clock}, {"pid", module_pid},
                                       {"list", shmipc_list},   {"gc", shmipc_gc},       {NULL, NULL}};
  int module, kinds;
  shmipc_wait_prepare(L);
  luaL_newlib(L, functions);
  module = lua_gettop(L);
  lua_pushliteral(L, SHMIPC_VERSION);
  lua_setfield(L, module, "_VERSION");
  lua_pushstring(L, os_facts.platform);
  lua_setfield(L, module, "platform");
  lua_newtable(L);
  kinds = lua_gettop(L);
  lua_pushvalue(L, kinds);
  lua_setfield(L, module, "kinds");

  add_windows(L, module, kinds);
  push_string_functions(L);
  lua_getfield(L, module, "companions");
  add_kind(L, kinds, "view", &shmipc_view_type);
  add_kind(L, kinds, "mapping", &shmipc_mapping_type);
  add_functions(L, module, "mapping", shmipc_mapping_functions);

  add_kind(L, kinds, "guard", &shmipc_guard_type);
  lua_pushliteral(L, "abandoned");
  add_kind(L, kinds, "mutex", &shmipc_mutex_type);
  lua_getfield(L, kinds, "guard");
  lua_setfield(L, -2, "guard");
  add_functions(L, module, "mutex", shmipc_mutex_functions);

  add_kind(L, kinds, "event", &shmipc_event_type);
  add_functions(L, module, "event", shmipc_event_functions);
  add_kind(L, kinds, "semaphore", &shmipc_semaphore_type);
  add_functions(L, module, "semaphore", shmipc_semaphore_functions);
  lua_getfield(L, module, "companions");
  add_kind(L, kinds, "channel", &shmipc_channel_type);
  add_functions(L, module, "channel", shmipc_channel_functions);
  lua_settop(L, module);
  return 1;
}
