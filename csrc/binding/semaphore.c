/* shmipc.semaphore */
#include "binding.h"

#define TYPE "shmipc.semaphore"

struct semaphore_handle {
  struct shmipc_handle handle;
  struct shmipc_semaphore semaphore;
};

static struct shmipc_semaphore *semaphore_self(lua_State *L, const char *function) {
  struct semaphore_handle *handle = shmipc_to(L, 1, &shmipc_semaphore_type);
  if (!handle) shmipc_wrong_self(L, function, &shmipc_semaphore_type);
  if (!handle->semaphore.kernel) shmipc_closed(L, function, &shmipc_semaphore_type);
  return &handle->semaphore;
}

typedef struct shmipc_result (*make_function)(const struct os_name *name,
                                              const struct shmipc_semaphore_creation *creation, uint64_t deadline,
                                              struct shmipc_semaphore *out);

/* What stands behind the name. */
typedef struct shmipc_semaphore_creation (*arguments_function)(lua_State *L, const char *function);

/* (name, initial, maximum, options) */
static struct shmipc_semaphore_creation creation_arguments(lua_State *L, const char *function) {
  static const char *const allowed[] = {"mode", NULL};
  struct shmipc_semaphore_creation creation;
  lua_settop(L, 4);
  creation.maximum = (uint32_t)shmipc_integer_or(L, 3, function, "maximum", 1, OS_SEMAPHORE_MAX, OS_SEMAPHORE_MAX);
  creation.initial = (uint32_t)shmipc_integer(L, 2, function, "initial", 0, creation.maximum);
  shmipc_options(L, 4, function, allowed);
  creation.mode = shmipc_option_mode(L, 4, function);
  return creation;
}

/* (name, options) */
static struct shmipc_semaphore_creation opening_arguments(lua_State *L, const char *function) {
  static const char *const allowed[] = {NULL};
  const struct shmipc_semaphore_creation none = {0, 0, 0};
  lua_settop(L, 2);
  shmipc_options(L, 2, function, allowed);
  return none;
}

static int push_semaphore(lua_State *L, const char *function, make_function make, arguments_function arguments) {
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct shmipc_semaphore_creation creation;
  struct semaphore_handle *handle;
  struct shmipc_result result;
  struct os_name name;
  int results;
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  creation = arguments(L, function);
  handle = shmipc_handle_push(L, &shmipc_semaphore_type, 1, lua_upvalueindex(1));
  do {
    result = make(&name, &creation, wait.until, &handle->semaphore);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  return 1;
}

/***
Semaphores: a count of what there is, and who finds it 0 waits.

Who acquires takes 1 from the count, who releases adds to it. Nobody owns a semaphore: one process may acquire and
another release, and what a killed process had acquired is lost.

All kinds of objects share one namespace. On Windows this is the kernel's semaphore, which other programs share.
@module shmipc.semaphore
*/

/***
Creates a semaphore.

The name lives as long as any process holds the semaphore, however that process ends.
@function create
@string name as for `shmipc.mapping.create`
@int initial the count at first, 0 to `maximum`
@int[opt] maximum of the count, 1 to 2^31-1; default: 2^31-1
@tparam[opt] table options `mode` = permission bits on Linux (default `0600`)
@treturn semaphore|nil the semaphore
@treturn ?string message
@treturn ?string code `EXISTS`, `WRONG_KIND`, `INVALID_NAME`, `NO_SPACE`, `ACCESS_DENIED`, `LIMIT`, `TIMEOUT`, …
@usage
local places = assert(shmipc.semaphore.create("places", 4, 4))
assert(places:acquire())
places:release()
*/
static int semaphore_create(lua_State *L) {
  return push_semaphore(L, "shmipc.semaphore.create", shmipc_semaphore_create, creation_arguments);
}

static struct shmipc_result open_existing(const struct os_name *name, const struct shmipc_semaphore_creation *creation,
                                          uint64_t deadline, struct shmipc_semaphore *out) {
  (void)creation;
  return shmipc_semaphore_open(name, deadline, out);
}

/***
Opens a semaphore that exists.
@function open
@string name as for `shmipc.mapping.create`
@treturn semaphore|nil the semaphore
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `CORRUPT`, `NOT_SUPPORTED` (made by another version),
…
@usage
local places, message, code = shmipc.semaphore.open("places")
if not places then print(code, message) end
*/
static int semaphore_open(lua_State *L) {
  return push_semaphore(L, "shmipc.semaphore.open", open_existing, opening_arguments);
}

/***
Opens a semaphore, or creates it when there is none. `semaphore:created` tells which; the numbers say nothing when it
existed.
@function open_or_create
@string name as for `shmipc.mapping.create`
@int initial as for `create`
@int[opt] maximum as for `create`
@tparam[opt] table options as for `create`
@treturn semaphore|nil the semaphore
@treturn ?string message
@treturn ?string code those of `create` and `open`
@usage
local places = assert(shmipc.semaphore.open_or_create("places", 4, 4))
print(places:created())
*/
static int semaphore_open_or_create(lua_State *L) {
  return push_semaphore(L, "shmipc.semaphore.open_or_create", shmipc_semaphore_open_or_create, creation_arguments);
}

/***
Takes a semaphore's name away now. Who holds it keeps it.
@function unlink
@string name as for `shmipc.mapping.create`
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `INVALID_NAME`; on Windows `NOT_SUPPORTED`
@usage
local kept = assert(shmipc.semaphore.create("places", 4))
assert(shmipc.semaphore.unlink("places"))
*/
static int semaphore_unlink(lua_State *L) { return shmipc_unlink(L, "shmipc.semaphore.unlink", OS_SEMAPHORE); }

const luaL_Reg shmipc_semaphore_functions[] = {{"create", semaphore_create},
                                               {"open", semaphore_open},
                                               {"open_or_create", semaphore_open_or_create},
                                               {"unlink", semaphore_unlink},
                                               {NULL, NULL}};

/***
A semaphore, as this process holds it.
@type semaphore
*/

/***
Takes 1 from the count; waits while it is 0.
@function semaphore:acquire
@number[opt] timeout in seconds; 0 tries once; default: no limit
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `TIMEOUT`, `CORRUPT`
@usage
local places = assert(shmipc.semaphore.create("places", 1))
assert(places:acquire(0.5))
*/
static int semaphore_acquire(lua_State *L) {
  static const char function[] = "semaphore:acquire";
  struct shmipc_semaphore *semaphore = semaphore_self(L, function);
  struct shmipc_wait wait = shmipc_wait_begin(shmipc_seconds(L, 2, function, "timeout"));
  struct shmipc_result result;
  do {
    if (!semaphore->kernel) return shmipc_closed(L, function, &shmipc_semaphore_type); /* by a finaliser or a hook */
    result = shmipc_semaphore_acquire(semaphore, wait.until);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushboolean(L, 1);
  return 1;
}

/***
Adds to the count, and lets as many waiters go on. On Linux, what a waiter has been woken for counts until it runs.
@function semaphore:release
@int[opt] n how much, 1 to 2^31-1; default: 1
@treturn int|nil the count as it was before
@treturn ?string message
@treturn ?string code `LIMIT`: it would be more than the maximum, and nothing was added; `CORRUPT`
@usage
local places = assert(shmipc.semaphore.create("places", 0, 4))
assert(places:release(3) == 0)
local before, message, code = places:release(2)
assert(not before and code == "LIMIT", message)
*/
static int semaphore_release(lua_State *L) {
  static const char function[] = "semaphore:release";
  struct shmipc_semaphore *semaphore = semaphore_self(L, function);
  const lua_Integer count = shmipc_integer_or(L, 2, function, "n", 1, OS_SEMAPHORE_MAX, 1);
  uint32_t before;
  const struct shmipc_result result = shmipc_semaphore_release(semaphore, (uint32_t)count, &before);
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushinteger(L, before);
  return 1;
}

/***
Gives the name, as it was given.
@function semaphore:name
@treturn string
@usage
local places = assert(shmipc.semaphore.create("places", 4))
print(places:name())
*/
static int semaphore_name(lua_State *L) {
  semaphore_self(L, "semaphore:name");
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/***
Tells whether the call that gave this handle made the object.
@function semaphore:created
@treturn boolean
@usage
local places = assert(shmipc.semaphore.open_or_create("places", 4))
if places:created() then print("the first one here") end
*/
static int semaphore_created(lua_State *L) {
  lua_pushboolean(L, semaphore_self(L, "semaphore:created")->created);
  return 1;
}

/***
Tells what can be known of the object from outside, as a table: one of those that `shmipc.list` gives.
@function semaphore:info
@treturn table|nil what is known
@treturn ?string message
@treturn ?string code `SYSTEM`, …
@usage
local places = assert(shmipc.semaphore.create("places", 4))
print(places:info().count)
*/
static struct shmipc_result look(lua_State *L, const char *function, struct os_listing **out) {
  return os_semaphore_look(semaphore_self(L, function)->kernel, out);
}

static int semaphore_info(lua_State *L) { return shmipc_info(L, "semaphore:info", look); }

static int finalise(lua_State *L) {
  struct semaphore_handle *handle = shmipc_to(L, 1, &shmipc_semaphore_type);
  if (!handle) return shmipc_wrong_self(L, "semaphore:close", &shmipc_semaphore_type);
  if (handle->semaphore.kernel) shmipc_semaphore_close(&handle->semaphore);
  return 0;
}

/***
Lets go of the semaphore; its count stays as it is. A second call does nothing.
@function semaphore:close
@treturn boolean `true`
@usage
local places = assert(shmipc.semaphore.create("places", 4))
places:close()
*/
static int semaphore_close(lua_State *L) {
  finalise(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int semaphore_tostring(lua_State *L) {
  const struct semaphore_handle *handle = shmipc_to(L, 1, &shmipc_semaphore_type);
  const char *name;
  if (!handle) return shmipc_wrong_self(L, "tostring", &shmipc_semaphore_type);
  name = shmipc_push_quoted_name(L, 1);
  lua_pushfstring(L, handle->semaphore.kernel ? TYPE " %s" : TYPE " %s (closed)", name);
  return 1;
}

static const luaL_Reg methods[] = {{"acquire", semaphore_acquire},
                                   {"release", semaphore_release},
                                   {"name", semaphore_name},
                                   {"created", semaphore_created},
                                   {"info", semaphore_info},
                                   {"close", semaphore_close},
                                   {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", finalise}, {"__close", finalise}, {"__tostring", semaphore_tostring}, {NULL, NULL}};

const struct shmipc_type shmipc_semaphore_type = {TYPE, sizeof(struct semaphore_handle), 1, 0, methods, metamethods};
