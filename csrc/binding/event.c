/* shmipc.event */
#include "binding.h"

#define TYPE "shmipc.event"

struct event_handle {
  struct shmipc_handle handle;
  struct shmipc_event event;
};

static struct shmipc_event *event_self(lua_State *L, const char *function) {
  struct event_handle *handle = shmipc_to(L, 1, &shmipc_event_type);
  if (!handle) shmipc_wrong_self(L, function, &shmipc_event_type);
  if (!handle->event.kernel) shmipc_closed(L, function, &shmipc_event_type);
  return &handle->event;
}

typedef struct shmipc_result (*make_function)(const struct os_name *name, const struct shmipc_event_creation *creation,
                                              uint64_t deadline, struct shmipc_event *out);

static const char *const creation_options[] = {"manual", "set", "mode", NULL};
static const char *const no_options[] = {NULL};

static unsigned option_traits(lua_State *L, const char *function) {
  unsigned traits = 0;
  if (shmipc_option_flag(L, 2, function, "manual")) traits |= OS_EVENT_MANUAL;
  if (shmipc_option_flag(L, 2, function, "set")) traits |= OS_EVENT_SET;
  return traits;
}

static int push_event(lua_State *L, const char *function, make_function make, const char *const *allowed) {
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct shmipc_event_creation creation;
  struct event_handle *handle;
  struct shmipc_result result;
  struct os_name name;
  int results;
  lua_settop(L, 2);
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  shmipc_options(L, 2, function, allowed);
  creation.mode = shmipc_option_mode(L, 2, function);
  creation.traits = option_traits(L, function);
  handle = shmipc_handle_push(L, &shmipc_event_type, 1, lua_upvalueindex(1));
  do {
    result = make(&name, &creation, wait.until, &handle->event);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  return 1;
}

/***
Events: one process tells, others wait for it.

An event is set or it is not; who waits for it sleeps until it is set. Unless it is `manual`, a set lets exactly one
waiter go on, and the event is not set any more; a set that finds nobody waiting stays for the next one who waits, and
more sets make no difference to that. A `manual` event that is set lets all waiters go on, those that come later too,
until somebody resets it.

All kinds of objects share one namespace. On Windows this is the kernel's event, which other programs share.
@module shmipc.event
*/

/***
Creates an event.

The name lives as long as any process holds the event, however that process ends.
@function create
@string name as for `shmipc.mapping.create`
@tparam[opt] table options `manual` = `true`: it stays set until it is reset; `set` = `true`: it is set from the start;
`mode` = permission bits on Linux (default `0600`)
@treturn event|nil the event
@treturn ?string message
@treturn ?string code `EXISTS`, `WRONG_KIND`, `INVALID_NAME`, `NO_SPACE`, `ACCESS_DENIED`, `LIMIT`, `TIMEOUT`, …
@usage
local ready = assert(shmipc.event.create("ready", {manual = true}))
ready:set()
*/
static int event_create(lua_State *L) {
  return push_event(L, "shmipc.event.create", shmipc_event_create, creation_options);
}

static struct shmipc_result open_existing(const struct os_name *name, const struct shmipc_event_creation *creation,
                                          uint64_t deadline, struct shmipc_event *out) {
  (void)creation;
  return shmipc_event_open(name, deadline, out);
}

/***
Opens an event that exists.
@function open
@string name as for `shmipc.mapping.create`
@treturn event|nil the event
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `CORRUPT`, `NOT_SUPPORTED` (made by another version),
…
@usage
local event, message, code = shmipc.event.open("ready")
if not event then print(code, message) end
*/
static int event_open(lua_State *L) { return push_event(L, "shmipc.event.open", open_existing, no_options); }

/***
Opens an event, or creates it when there is none. `event:created` tells which; the options say nothing when it existed.
@function open_or_create
@string name as for `shmipc.mapping.create`
@tparam[opt] table options as for `create`
@treturn event|nil the event
@treturn ?string message
@treturn ?string code those of `create` and `open`
@usage
local event = assert(shmipc.event.open_or_create("ready"))
print(event:created())
*/
static int event_open_or_create(lua_State *L) {
  return push_event(L, "shmipc.event.open_or_create", shmipc_event_open_or_create, creation_options);
}

/***
Takes an event's name away now. Who holds it keeps it.
@function unlink
@string name as for `shmipc.mapping.create`
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `INVALID_NAME`; on Windows `NOT_SUPPORTED`
@usage
local kept = assert(shmipc.event.create("ready"))
assert(shmipc.event.unlink("ready"))
*/
static int event_unlink(lua_State *L) { return shmipc_unlink(L, "shmipc.event.unlink", OS_EVENT); }

const luaL_Reg shmipc_event_functions[] = {{"create", event_create},
                                           {"open", event_open},
                                           {"open_or_create", event_open_or_create},
                                           {"unlink", event_unlink},
                                           {NULL, NULL}};

/***
An event, as this process holds it.
@type event
*/

typedef struct shmipc_result (*change_function)(struct shmipc_event *event);

static int change(lua_State *L, const char *function, change_function change_to) {
  const struct shmipc_result result = change_to(event_self(L, function));
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushboolean(L, 1);
  return 1;
}

/***
Sets the event: one waiter goes on, or all of them when it is `manual`.
@function event:set
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `CORRUPT`
@usage
local event = assert(shmipc.event.create("ready"))
event:set()
assert(event:wait(0))
*/
static int event_set(lua_State *L) { return change(L, "event:set", shmipc_event_set); }

/***
Makes the event one that is not set. Waiters that a set has let go before go on all the same.
@function event:reset
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `CORRUPT`
@usage
local event = assert(shmipc.event.create("ready", {manual = true, set = true}))
event:reset()
*/
static int event_reset(lua_State *L) { return change(L, "event:reset", shmipc_event_reset); }

/***
Waits until the event is set.

A waiter that is killed has taken nothing: if it was the one whom a set had let go, another one goes on, within 0.1 s.
@function event:wait
@number[opt] timeout in seconds; 0 tries once; default: no limit
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `TIMEOUT`, `CORRUPT`
@usage
local event = assert(shmipc.event.create("ready"))
local done, message, code = event:wait(0.1)
assert(done or code == "TIMEOUT", message)
*/
static int event_wait(lua_State *L) {
  static const char function[] = "event:wait";
  struct shmipc_event *event = event_self(L, function);
  struct shmipc_wait wait = shmipc_wait_begin(shmipc_seconds(L, 2, function, "timeout"));
  struct shmipc_result result;
  uint32_t since = 0;
  do {
    if (!event->kernel) return shmipc_closed(L, function, &shmipc_event_type); /* by a finaliser or a hook meanwhile */
    result = shmipc_event_wait(event, wait.until, &since);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushboolean(L, 1);
  return 1;
}

/***
Gives the name, as it was given.
@function event:name
@treturn string
@usage
local event = assert(shmipc.event.create("ready"))
print(event:name())
*/
static int event_name(lua_State *L) {
  event_self(L, "event:name");
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/***
Tells whether the call that gave this handle made the object.
@function event:created
@treturn boolean
@usage
local event = assert(shmipc.event.open_or_create("ready"))
if event:created() then print("the first one here") end
*/
static int event_created(lua_State *L) {
  lua_pushboolean(L, event_self(L, "event:created")->created);
  return 1;
}

/***
Tells what can be known of the object from outside, as a table: one of those that `shmipc.list` gives.
@function event:info
@treturn table|nil what is known
@treturn ?string message
@treturn ?string code `SYSTEM`, …
@usage
local ready = assert(shmipc.event.create("ready"))
print(ready:info().set)
*/
static struct shmipc_result look(lua_State *L, const char *function, struct os_listing **out) {
  return os_event_look(event_self(L, function)->kernel, out);
}

static int event_info(lua_State *L) { return shmipc_info(L, "event:info", look); }

static int finalise(lua_State *L) {
  struct event_handle *handle = shmipc_to(L, 1, &shmipc_event_type);
  if (!handle) return shmipc_wrong_self(L, "event:close", &shmipc_event_type);
  if (handle->event.kernel) shmipc_event_close(&handle->event);
  return 0;
}

/***
Lets go of the event. A second call does nothing.
@function event:close
@treturn boolean `true`
@usage
local event = assert(shmipc.event.create("ready"))
event:close()
*/
static int event_close(lua_State *L) {
  finalise(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int event_tostring(lua_State *L) {
  const struct event_handle *handle = shmipc_to(L, 1, &shmipc_event_type);
  const char *name;
  if (!handle) return shmipc_wrong_self(L, "tostring", &shmipc_event_type);
  name = shmipc_push_quoted_name(L, 1);
  lua_pushfstring(L, handle->event.kernel ? TYPE " %s" : TYPE " %s (closed)", name);
  return 1;
}

static const luaL_Reg methods[] = {
    {"set", event_set},         {"reset", event_reset}, {"wait", event_wait},   {"name", event_name},
    {"created", event_created}, {"info", event_info},   {"close", event_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", finalise}, {"__close", finalise}, {"__tostring", event_tostring}, {NULL, NULL}};

const struct shmipc_type shmipc_event_type = {TYPE, sizeof(struct event_handle), 1, 0, methods, metamethods};
