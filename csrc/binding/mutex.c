/* shmipc.mutex */
#include "binding.h"

#include <math.h>

#define TYPE "shmipc.mutex"

static struct shmipc_mutex *mutex_self(lua_State *L, const char *function) {
  struct shmipc_mutex_handle *handle = shmipc_to(L, 1, &shmipc_mutex_type);
  if (!handle) shmipc_wrong_self(L, function, &shmipc_mutex_type);
  if (!handle->mutex.lock) shmipc_closed(L, function, &shmipc_mutex_type);
  return &handle->mutex;
}

typedef struct shmipc_result (*make_function)(const struct os_name *name, const struct shmipc_mutex_creation *creation,
                                              uint64_t deadline, struct shmipc_mutex *out);

static const char *const creation_options[] = {"owned", "mode", NULL};
static const char *const no_options[] = {NULL};

/* Pushes a handle that has no lock yet. */
static struct shmipc_mutex_handle *push_handle(lua_State *L, int name, int metatable) {
  struct shmipc_mutex_handle *handle = shmipc_handle_push(L, &shmipc_mutex_type, name, metatable);
  int self = lua_gettop(L);
  if (lua_getfield(L, metatable, "guard") != LUA_TTABLE) luaL_error(L, "shmipc.core was taken apart");
  shmipc_guard_metatable_push(L, self, self + 1);
  lua_setiuservalue(L, self, SHMIPC_MUTEX_GUARDS);
  lua_settop(L, self);
  return handle;
}

static int push_mutex(lua_State *L, const char *function, make_function make, const char *const *allowed) {
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct shmipc_mutex_creation creation;
  struct shmipc_mutex_handle *handle;
  struct shmipc_result result;
  struct os_name name;
  int results;
  lua_settop(L, 2);
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  shmipc_options(L, 2, function, allowed);
  creation.mode = shmipc_option_mode(L, 2, function);
  creation.birth = shmipc_option_flag(L, 2, function, "owned") ? OS_BORN_OWNED : OS_BORN_FREE;
  handle = push_handle(L, 1, lua_upvalueindex(1));
  do {
    result = make(&name, &creation, wait.until, &handle->mutex);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  return 1;
}

/***
Mutexes: recursive locks with a name, owned by a thread of a process.

Mutexes and mappings share one namespace.
@module shmipc.mutex
*/

/***
Creates a mutex.

The name lives as long as any process holds the mutex, however that process ends.
@function create
@string name as for `shmipc.mapping.create`
@tparam[opt] table options `owned` = `true`: the caller holds it from the start; `mode` = permission bits on Linux
(default `0600`)
@treturn mutex|nil the mutex
@treturn ?string message
@treturn ?string code `EXISTS`, `WRONG_KIND`, `INVALID_NAME`, `NO_SPACE`, `ACCESS_DENIED`, `LIMIT`, `TIMEOUT`, …
@usage
local mutex = assert(shmipc.mutex.create("mutex", {owned = true}))
mutex:unlock()
*/
static int mutex_create(lua_State *L) {
  return push_mutex(L, "shmipc.mutex.create", shmipc_mutex_create, creation_options);
}

static struct shmipc_result open_existing(const struct os_name *name, const struct shmipc_mutex_creation *creation,
                                          uint64_t deadline, struct shmipc_mutex *out) {
  (void)creation;
  return shmipc_mutex_open(name, deadline, out);
}

/***
Opens a mutex that exists.
@function open
@string name as for `shmipc.mapping.create`
@treturn mutex|nil the mutex
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `CORRUPT`, `NOT_SUPPORTED` (made by another version,
or in another pid namespace), …
@usage
local mutex, message, code = shmipc.mutex.open("mutex")
if not mutex then print(code, message) end
*/
static int mutex_open(lua_State *L) { return push_mutex(L, "shmipc.mutex.open", open_existing, no_options); }

/***
Opens a mutex, or creates it when there is none. `mutex:created` tells which; `owned` says nothing when it existed.
@function open_or_create
@string name as for `shmipc.mapping.create`
@tparam[opt] table options as for `create`
@treturn mutex|nil the mutex
@treturn ?string message
@treturn ?string code those of `create` and `open`
@usage
local mutex = assert(shmipc.mutex.open_or_create("mutex"))
print(mutex:created())
*/
static int mutex_open_or_create(lua_State *L) {
  return push_mutex(L, "shmipc.mutex.open_or_create", shmipc_mutex_open_or_create, creation_options);
}

/***
Takes a mutex's name away now. Who holds it keeps it.
@function unlink
@string name as for `shmipc.mapping.create`
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `INVALID_NAME`; on Windows `NOT_SUPPORTED`
@usage
local kept = assert(shmipc.mutex.create("mutex"))
assert(shmipc.mutex.unlink("mutex"))
*/
static int mutex_unlink(lua_State *L) { return shmipc_unlink(L, "shmipc.mutex.unlink", OS_MUTEX); }

const luaL_Reg shmipc_mutex_functions[] = {{"create", mutex_create},
                                           {"open", mutex_open},
                                           {"open_or_create", mutex_open_or_create},
                                           {"unlink", mutex_unlink},
                                           {NULL, NULL}};

/***
A mutex: the lock as this process holds it. It is recursive, and owned by a thread of a process: coroutines of one
thread do not exclude each other. No fairness is promised.
@type mutex
*/

/* After a vain try. */
static SHMIPC_APART struct shmipc_result lock_slowly(lua_State *L, const char *function, struct shmipc_mutex *mutex,
                                                     double seconds, struct shmipc_guard *guard, int *abandoned,
                                                     struct shmipc_result result) {
  struct shmipc_wait wait = shmipc_wait_begin(seconds);
  while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait)) {
    if (!mutex->lock) shmipc_closed(L, function, &shmipc_mutex_type); /* by a hook meanwhile */
    result = shmipc_mutex_lock(mutex, wait.until, &guard->serial, abandoned);
  }
  return result;
}

/***
Locks.

Whoever dies while holding the lock, or closes its handle, gives it up: the next one gets it and is told `"abandoned"`,
since the data may be half written.
@function mutex:lock
@number[opt] timeout in seconds; 0 tries once; default: no limit
@treturn guard|nil unlocks when its scope ends
@treturn ?string `"abandoned"`, or the message
@treturn ?string code `TIMEOUT`, `CORRUPT`
@usage
local guard <close>, abandoned = assert(mutex:lock(0.5))
if abandoned then view:fill(0) end -- whatever makes the data whole again
*/
static int mutex_lock(lua_State *L) {
  static const char function[] = "mutex:lock";
  struct shmipc_mutex *mutex = mutex_self(L, function);
  double seconds = shmipc_seconds(L, 2, function, "timeout");
  struct shmipc_guard *guard = shmipc_guard_push(L);
  struct shmipc_result result;
  int abandoned = 0;
  if (!mutex->lock) return shmipc_closed(L, function, &shmipc_mutex_type); /* by a finaliser meanwhile */
  result = shmipc_mutex_lock(mutex, 0, &guard->serial, &abandoned);
  if (result.status == SHMIPC_TIMEOUT) result = lock_slowly(L, function, mutex, seconds, guard, &abandoned, result);
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  if (!abandoned) return 1;
  lua_pushvalue(L, lua_upvalueindex(2)); /* no allocation now: an error would keep the lock */
  return 2;
}

/***
Takes one level off. Raises when the calling thread does not hold the lock.
@function mutex:unlock
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `CORRUPT`: another program has overwritten the lock meanwhile; it is not held any more
@usage
mutex:lock()
mutex:unlock()
*/
static int mutex_unlock(lua_State *L) {
  static const char function[] = "mutex:unlock";
  struct shmipc_mutex *mutex = mutex_self(L, function);
  struct shmipc_result result = shmipc_mutex_unlock(mutex);
  if (result.status == SHMIPC_NOT_OWNER) return shmipc_raise(L, function, "the calling thread does not hold the lock");
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushboolean(L, 1);
  return 1;
}

/***
Tells whether the lock that this handle holds was got `"abandoned"`.
@function mutex:abandoned
@treturn boolean
@usage
mutex:with(function()
  if mutex:abandoned() then view:fill(0) end
end)
*/
static int mutex_abandoned(lua_State *L) {
  lua_pushboolean(L, shmipc_mutex_was_abandoned(mutex_self(L, "mutex:abandoned")));
  return 1;
}

/***
Gives the name, as it was given.
@function mutex:name
@treturn string
@usage
print(mutex:name())
*/
static int mutex_name(lua_State *L) {
  mutex_self(L, "mutex:name");
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/***
Tells whether the call that gave this handle made the object.
@function mutex:created
@treturn boolean
@usage
if mutex:created() then print("the first one here") end
*/
static int mutex_created(lua_State *L) {
  lua_pushboolean(L, mutex_self(L, "mutex:created")->created);
  return 1;
}

/***
Tells what can be known of the object from outside, as a table: one of those that `shmipc.list` gives.
@function mutex:info
@treturn table|nil what is known
@treturn ?string message
@treturn ?string code `SYSTEM`, …
@usage
local owner = mutex:info().owner
if owner then print(owner.pid, owner.since) end
*/
static struct shmipc_result look(lua_State *L, const char *function, struct os_listing **out) {
  return shmipc_mutex_look(mutex_self(L, function), out);
}

static int mutex_info(lua_State *L) { return shmipc_info(L, "mutex:info", look); }

static int finalise(lua_State *L) {
  struct shmipc_mutex_handle *handle = shmipc_to(L, 1, &shmipc_mutex_type);
  if (!handle) return shmipc_wrong_self(L, "mutex:close", &shmipc_mutex_type);
  if (handle->mutex.lock) shmipc_mutex_close(&handle->mutex);
  return 0;
}

/***
Lets go of the mutex. Levels that were locked through this handle are given up: the next one who locks is told
`"abandoned"`. A second call does nothing.
@function mutex:close
@treturn boolean `true`
@usage
mutex:close()
*/

/***
Calls a function while holding the lock, which is given back however the function ends. (Written in Lua:
lua/shmipc/init.lua.)

Within it, `mutex:abandoned` tells whether the last owner died with the lock.
@function mutex:with
@number[opt] timeout in seconds; 0 tries once; default: no limit. It may be left out altogether
@func f
@param ... its arguments
@return what the function returns; or `nil`, message, code (`TIMEOUT`, `CORRUPT`) when the lock was not got
@usage
local value = mutex:with(0.5, function() return view:read_i32(0) end)
local same = mutex:with(view.read_i32, view, 0)
*/
static int mutex_close(lua_State *L) {
  finalise(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int mutex_tostring(lua_State *L) {
  const struct shmipc_mutex_handle *handle = shmipc_to(L, 1, &shmipc_mutex_type);
  const char *name;
  if (!handle) return shmipc_wrong_self(L, "tostring", &shmipc_mutex_type);
  name = shmipc_push_quoted_name(L, 1);
  lua_pushfstring(L, handle->mutex.lock ? TYPE " %s" : TYPE " %s (closed)", name);
  return 1;
}

static int is_closed(const void *self) { return ((const struct shmipc_mutex_handle *)self)->mutex.lock == NULL; }

/* For the methods that are written in Lua: (self, function). */
static int mutex_expect(lua_State *L) {
  shmipc_expect(L, &shmipc_mutex_type, is_closed);
  return 0;
}

static const luaL_Reg methods[] = {
    {"lock", mutex_lock},       {"unlock", mutex_unlock}, {"name", mutex_name},   {"abandoned", mutex_abandoned},
    {"created", mutex_created}, {"info", mutex_info},     {"close", mutex_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", finalise}, {"__close", finalise}, {"__tostring", mutex_tostring}, {"expect", mutex_expect}, {NULL, NULL}};

const struct shmipc_type shmipc_mutex_type = {TYPE, sizeof(struct shmipc_mutex_handle), 2, 1, methods, metamethods};
