/* shmipc.guard: one level of a mutex, given back when its scope ends.
 * It has no finaliser: a lock whose guard nobody kept stays locked.
 * Each lock makes a guard, so a guard is small: it finds its mutex's handle, and keeps it, by its metatable. Each
 * handle has one for its guards: a copy of the type's, with the handle in HANDLE. */
#include "binding.h"

#define TYPE "shmipc.guard"
#define HANDLE 1

/***
A guard: one level of a locked mutex, given by `mutex:lock`.

When its scope ends, by an error too, it takes its level off, unless that was unlocked by hand before. It has no
finaliser: a bare `mutex:lock()` stays locked.
@classmod guard
@usage
local guard <close> = assert(mutex:lock(0.5))
*/

void shmipc_guard_metatable_push(lua_State *L, int mutex, int metatable) {
  lua_createtable(L, 1, 8);
  lua_pushnil(L);
  while (lua_next(L, metatable)) {
    lua_pushvalue(L, -2);
    lua_insert(L, -2);
    lua_rawset(L, -4);
  }
  lua_pushvalue(L, mutex);
  lua_rawseti(L, -2, HANDLE);
}

struct shmipc_guard *shmipc_guard_push(lua_State *L) {
  struct shmipc_guard *guard = lua_newuserdatauv(L, sizeof *guard, 0);
  guard->handle.type = &shmipc_guard_type;
  guard->serial = 0;
  lua_getiuservalue(L, 1, SHMIPC_MUTEX_GUARDS);
  lua_setmetatable(L, -2);
  return guard;
}

/* Pushes the mutex's handle. NULL, and something else is pushed: the debug library has taken the guard apart. */
static struct shmipc_mutex_handle *push_handle(lua_State *L) {
  if (lua_getmetatable(L, 1))
    lua_rawgeti(L, -1, HANDLE);
  else
    lua_pushnil(L);
  return shmipc_to(L, -1, &shmipc_mutex_type);
}

/***
Takes the level off. A second call does nothing.
@function close
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `CORRUPT`
@usage
local guard = assert(mutex:lock())
guard:close()
*/
static int guard_close(lua_State *L) {
  static const char function[] = "guard:close";
  struct shmipc_guard *guard = shmipc_to(L, 1, &shmipc_guard_type);
  struct shmipc_result result = {SHMIPC_OK, 0};
  struct shmipc_mutex_handle *holder;
  if (!guard) return shmipc_wrong_self(L, function, &shmipc_guard_type);
  holder = push_handle(L);
  if (holder && holder->mutex.lock && guard->serial != 0)
    result = shmipc_mutex_unlock_level(&holder->mutex, guard->serial);
  guard->serial = 0;
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, NULL, result);
  lua_pushboolean(L, 1);
  return 1;
}

/* An error on its way out of the scope goes before one of ours. */
static int guard_leave(lua_State *L) {
  int is_on_error = !lua_isnoneornil(L, 2), results = guard_close(L);
  if (results > 1 && !is_on_error) return luaL_error(L, "%s", lua_tostring(L, -results + 1));
  return 0;
}

static int guard_tostring(lua_State *L) {
  const struct shmipc_guard *guard = shmipc_to(L, 1, &shmipc_guard_type);
  const char *name;
  if (!guard) return shmipc_wrong_self(L, "tostring", &shmipc_guard_type);
  name = push_handle(L) ? shmipc_push_quoted_name(L, lua_gettop(L)) : "?";
  lua_pushfstring(L, guard->serial != 0 ? TYPE " %s" : TYPE " %s (closed)", name);
  return 1;
}

static const luaL_Reg methods[] = {{"close", guard_close}, {NULL, NULL}};
static const luaL_Reg metamethods[] = {{"__close", guard_leave}, {"__tostring", guard_tostring}, {NULL, NULL}};

const struct shmipc_type shmipc_guard_type = {TYPE, sizeof(struct shmipc_guard), 0, 0, methods, metamethods};
