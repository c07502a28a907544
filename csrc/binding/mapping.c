/* shmipc.mapping */
#include "binding.h"

#include <string.h>

#define TYPE "shmipc.mapping"

struct mapping_handle {
  struct shmipc_handle handle;
  struct shmipc_mapping *mapping; /* NULL: closed */
};

static struct mapping_handle *mapping_self(lua_State *L, const char *function) {
  struct mapping_handle *handle = shmipc_to(L, 1, &shmipc_mapping_type);
  if (!handle) shmipc_wrong_self(L, function, &shmipc_mapping_type);
  return handle;
}

static struct shmipc_mapping *mapping_open_self(lua_State *L, const char *function) {
  struct mapping_handle *handle = mapping_self(L, function);
  if (!handle->mapping) shmipc_closed(L, function, &shmipc_mapping_type);
  return handle->mapping;
}

typedef struct shmipc_result (*make_function)(const struct os_name *name, const struct shmipc_creation *creation,
                                              enum os_access access, uint64_t deadline, struct shmipc_mapping **out);

/* Pushes the mapping that `make` gives, or the failure. The name stands at index 1. */
static int push_mapping(lua_State *L, const char *function, make_function make, const struct os_name *name,
                        const struct shmipc_creation *creation, enum os_access access) {
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct mapping_handle *handle = shmipc_handle_push(L, &shmipc_mapping_type, 1, lua_upvalueindex(1));
  struct shmipc_result result;
  do {
    result = make(name, creation, access, wait.until, &handle->mapping);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  return 1;
}

static int make_mapping(lua_State *L, const char *function, make_function make) {
  static const char *const allowed[] = {"access", "mode", "persistent", NULL};
  struct shmipc_creation creation;
  struct os_name name;
  enum os_access access;
  int results;
  lua_settop(L, 3);
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  creation.size = (uint64_t)shmipc_integer(L, 2, function, "size", 1, LUA_MAXINTEGER);
  shmipc_options(L, 3, function, allowed);
  access = shmipc_option_access(L, 3, function);
  creation.mode = shmipc_option_mode(L, 3, function);
  creation.lifetime = shmipc_option_flag(L, 3, function, "persistent") ? OS_PERSISTENT : OS_WHILE_HELD;
  return push_mapping(L, function, make, &name, &creation, access);
}

/***
Mappings: memory that has a name, or a file on disk.

The bytes are reached through a `view`. Mappings and mutexes share one namespace.
@module shmipc.mapping
*/

/***
Creates named memory, which reads as zeros.

The name lives as long as any process holds the mapping or a view of it through shmipc, however that process ends.
@function create
@string name UTF-8, at most 200 bytes, without `/`, `\` and NUL, not `.` or `..`; `Local\` or `Global\` may stand in
front, and is not counted
@int size in bytes, from 1
@tparam[opt] table options `access` = `"rw"` (default) or `"r"`; `mode` = permission bits on Linux, exact whatever the
umask (default `0600`, that is `tonumber("600", 8)`); `persistent` = `true` leaves the object without an owner: it stays
until `unlink`
@treturn mapping|nil the mapping
@treturn ?string message
@treturn ?string code `EXISTS`, `WRONG_KIND`, `INVALID_NAME`, `NO_SPACE`, `ACCESS_DENIED`, `LIMIT`, `TIMEOUT`, …
@usage
local mapping = assert(shmipc.mapping.create("ShareMemory", 4))
local view = assert(mapping:view())
*/
static int mapping_create(lua_State *L) { return make_mapping(L, "shmipc.mapping.create", shmipc_mapping_create); }

static struct shmipc_result open_existing(const struct os_name *name, const struct shmipc_creation *creation,
                                          enum os_access access, uint64_t deadline, struct shmipc_mapping **out) {
  (void)creation;
  return shmipc_mapping_open(name, access, deadline, out);
}

/***
Opens named memory that exists, whoever made it.
@function open
@string name as for `create`
@tparam[opt] table options `access` = `"rw"` (default) or `"r"`
@treturn mapping|nil the mapping
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `INVALID_NAME`, `TOO_SMALL` (it has no bytes), …
@usage
local mapping, message, code = shmipc.mapping.open("ShareMemory", {access = "r"})
if code == "NOT_FOUND" then print("nobody has created it yet") end
*/
static int mapping_open(lua_State *L) {
  static const char *const allowed[] = {"access", NULL};
  static const char function[] = "shmipc.mapping.open";
  struct os_name name;
  int results;
  lua_settop(L, 2);
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  shmipc_options(L, 2, function, allowed);
  return push_mapping(L, function, open_existing, &name, NULL, shmipc_option_access(L, 2, function));
}

/***
Opens named memory, or creates it when there is none. `mapping:created` tells which.
@function open_or_create
@string name as for `create`
@int size in bytes, from 1; what exists may be larger
@tparam[opt] table options as for `create`; `mode` and `persistent` matter only to a new object
@treturn mapping|nil the mapping
@treturn ?string message
@treturn ?string code `TOO_SMALL` if the one that exists is smaller, and those of `create` and `open`
@usage
local mapping = assert(shmipc.mapping.open_or_create("ShareMemory", 4))
print(mapping:created())
*/
static int mapping_open_or_create(lua_State *L) {
  return make_mapping(L, "shmipc.mapping.open_or_create", shmipc_mapping_open_or_create);
}

static struct shmipc_result peek(const struct os_name *name, const struct shmipc_creation *creation,
                                 enum os_access access, uint64_t deadline, struct shmipc_mapping **out) {
  (void)creation, (void)access, (void)deadline;
  return shmipc_mapping_peek(name, out);
}

/***
Looks into named memory without holding it, for reading only: for who watches others.

On Linux it keeps no name, finds what a killed holder left behind and leaves it there, and shows the bytes of every kind
of object. On Windows every handle holds, so this one does as long as it is open, and there are only mappings.
@function peek
@string name as for `create`
@treturn mapping|nil the mapping
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `ACCESS_DENIED`, `WRONG_KIND`, `INVALID_NAME`, `TOO_SMALL` (it has no bytes), …
@usage
local mapping = shmipc.mapping.peek("ShareMemory")
if mapping then print(mapping:size()) end
*/
static int mapping_peek(lua_State *L) {
  static const char function[] = "shmipc.mapping.peek";
  struct os_name name;
  int results;
  lua_settop(L, 1);
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  return push_mapping(L, function, peek, &name, NULL, OS_READ);
}

/***
Maps a file on disk, which is never removed.
@function file
@string path UTF-8
@tparam[opt] table options `access` = `"rw"` (default) or `"r"`; `size` in bytes, from 1: creates the file, or grows it
when it is smaller; `mode` = permission bits of a new file (default `0600`)
@treturn mapping|nil the mapping
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `ACCESS_DENIED`, `WRONG_KIND` (a directory), `NO_SPACE`, `TOO_SMALL` (empty), …
@usage
local mapping = assert(shmipc.mapping.file("state.bin", {size = 4096}))
local view = assert(mapping:view())
*/
static int mapping_file(lua_State *L) {
  static const char *const allowed[] = {"access", "size", "mode", NULL};
  static const char function[] = "shmipc.mapping.file";
  struct mapping_handle *handle;
  struct shmipc_result result;
  enum os_access access;
  size_t length;
  uint64_t size = 0;
  unsigned mode;
  const char *path;
  lua_settop(L, 2);
  path = shmipc_string(L, 1, function, "path", &length);
  shmipc_options(L, 2, function, allowed);
  access = shmipc_option_access(L, 2, function);
  mode = shmipc_option_mode(L, 2, function);
  if (shmipc_option(L, 2, "size"))
    size = (uint64_t)shmipc_integer(L, lua_gettop(L), function, "size", 1, LUA_MAXINTEGER);
  lua_pop(L, 1);
  if (size > 0 && access == OS_READ) shmipc_raise(L, function, "size needs access \"rw\", got \"r\"");
  if (strlen(path) != length) return shmipc_invalid_name(L, function, path, "it has a NUL byte");
  handle = shmipc_handle_push(L, &shmipc_mapping_type, 1, lua_upvalueindex(1));
  result = shmipc_mapping_file(path, access, size, mode, &handle->mapping);
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, path, result);
  return 1;
}

/***
Takes a name away now, a foreign or persistent object's too. Who holds the memory keeps it.
@function unlink
@string name as for `create`
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `INVALID_NAME`; on Windows `NOT_SUPPORTED`
@usage
local kept = assert(shmipc.mapping.create("ShareMemory", 4, {persistent = true}))
assert(shmipc.mapping.unlink("ShareMemory"))
*/
static int mapping_unlink(lua_State *L) { return shmipc_unlink(L, "shmipc.mapping.unlink", OS_MAPPING); }

const luaL_Reg shmipc_mapping_functions[] = {{"create", mapping_create},
                                             {"open", mapping_open},
                                             {"open_or_create", mapping_open_or_create},
                                             {"peek", mapping_peek},
                                             {"file", mapping_file},
                                             {"unlink", mapping_unlink},
                                             {NULL, NULL}};

/***
A mapping: the object as this process holds it. Given by @{create}, @{open}, @{open_or_create} and @{file}.
@type mapping
*/

/***
Cuts a view: the bytes from `offset` on, as this process sees them. A view holds the object as the mapping does.
@function mapping:view
@int[opt=0] offset in bytes from 0; any, not only multiples of a page
@int[opt] length in bytes, from 1; default: to the end
@string[opt] access `"rw"`, `"r"` or `"cow"` (copy on write: what is written stays in this view); default: the mapping's
@treturn view|nil the view
@treturn ?string message
@treturn ?string code `NO_SPACE` (of addresses), …
@usage
local whole = assert(mapping:view())
local tail = assert(mapping:view(16, 8, "r"))
*/
static int mapping_view(lua_State *L) {
  static const char function[] = "mapping:view";
  const struct mapping_handle *handle = lua_touserdata(L, 1);
  struct shmipc_mapping *mapping = mapping_open_self(L, function);
  lua_Integer size = (lua_Integer)mapping->size, offset, length;
  enum os_access access = mapping->access;
  struct shmipc_result result;
  struct shmipc_view_handle *view;
  lua_settop(L, 4);
  offset = shmipc_integer_or(L, 2, function, "offset", 0, size - 1, 0);
  length = shmipc_integer_or(L, 3, function, "length", 1, size - offset, size - offset);
  if (!lua_isnil(L, 4)) access = shmipc_access(L, 4, function, SHMIPC_COPY_ALLOWED);
  if (access == OS_READ_WRITE && mapping->access == OS_READ)
    shmipc_raise(L, function, "access must be \"r\" or \"cow\", since the mapping's is \"r\", got \"rw\"");
  lua_getiuservalue(L, 1, 1);
  if ((uint64_t)length > SIZE_MAX)
    return shmipc_failure(L, function, lua_tostring(L, -1), shmipc_result(SHMIPC_NO_SPACE));
  view = shmipc_handle_push(L, &shmipc_view_type, 5, lua_upvalueindex(2));
  mapping = handle->mapping; /* a finaliser may have closed it meanwhile */
  if (!mapping) return shmipc_closed(L, function, &shmipc_mapping_type);
  result = shmipc_view_open(mapping, (uint64_t)offset, (size_t)length, access, &view->view);
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 5), result);
  return 1;
}

/***
Gives the name or path, as it was given.
@function mapping:name
@treturn string
@usage
print(mapping:name())
*/
static int mapping_name(lua_State *L) {
  mapping_open_self(L, "mapping:name");
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/***
Gives the size that the creator asked for. (On Windows, of a foreign creator's mapping: whole pages.)
@function mapping:size
@treturn int bytes
@usage
print(mapping:size())
*/
static int mapping_size(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)mapping_open_self(L, "mapping:size")->size);
  return 1;
}

/***
Tells whether the call that gave this handle made the object.
@function mapping:created
@treturn boolean
@usage
if mapping:created() then print("the first one here") end
*/
static int mapping_created(lua_State *L) {
  lua_pushboolean(L, mapping_open_self(L, "mapping:created")->created);
  return 1;
}

/***
Tells how it was opened.
@function mapping:access
@treturn string `"rw"` or `"r"`
@usage
if mapping:access() == "r" then print("for reading only") end
*/
static int mapping_access(lua_State *L) {
  lua_pushstring(L, shmipc_access_name(mapping_open_self(L, "mapping:access")->access));
  return 1;
}

/***
Tells what can be known of the object from outside, as a table: one of those that `shmipc.list` gives.
@function mapping:info
@treturn table|nil what is known
@treturn ?string message
@treturn ?string code `SYSTEM`, …
@usage
for _, holder in ipairs(mapping:info().holders or {}) do print(holder.pid, holder.command) end
*/
static struct shmipc_result look(lua_State *L, const char *function, struct os_listing **out) {
  return os_section_look(mapping_open_self(L, function)->section, out);
}

static int mapping_info(lua_State *L) { return shmipc_info(L, "mapping:info", look); }

static void release(struct mapping_handle *handle) {
  struct shmipc_mapping *mapping = handle->mapping;
  handle->mapping = NULL;
  if (mapping) shmipc_mapping_release(mapping);
}

/***
Lets go of the mapping; its views stay usable. A second call does nothing.
@function mapping:close
@treturn boolean `true`
@usage
local view = assert(mapping:view())
mapping:close() -- the view holds the memory now
*/
static int mapping_close(lua_State *L) {
  release(mapping_self(L, "mapping:close"));
  lua_pushboolean(L, 1);
  return 1;
}

static int mapping_finalise(lua_State *L) {
  release(mapping_self(L, "mapping:close"));
  return 0;
}

static int mapping_tostring(lua_State *L) {
  const struct mapping_handle *handle = mapping_self(L, "tostring");
  const char *name = shmipc_push_quoted_name(L, 1);
  if (handle->mapping)
    lua_pushfstring(L, TYPE " %s %I bytes %s", name, (LUAI_UACINT)handle->mapping->size,
                    shmipc_access_name(handle->mapping->access));
  else
    lua_pushfstring(L, TYPE " %s (closed)", name);
  return 1;
}

static const luaL_Reg methods[] = {
    {"view", mapping_view},     {"name", mapping_name}, {"size", mapping_size},   {"created", mapping_created},
    {"access", mapping_access}, {"info", mapping_info}, {"close", mapping_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", mapping_finalise}, {"__close", mapping_finalise}, {"__tostring", mapping_tostring}, {NULL, NULL}};

const struct shmipc_type shmipc_mapping_type = {TYPE, sizeof(struct mapping_handle), 1, 1, methods, metamethods};
