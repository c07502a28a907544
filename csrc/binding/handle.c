/* What all handles have in common. */
#include "binding.h"

#include <string.h>

/* Into the table at the top. Upvalues: the metatable, and the `companions` values below it. */
static void set_functions(lua_State *L, const luaL_Reg *functions, int metatable, int companions) {
  int i;
  lua_pushvalue(L, metatable);
  for (i = 0; i < companions; i++) lua_pushvalue(L, metatable - companions + i);
  luaL_setfuncs(L, functions, companions + 1);
}

/* Pushes a table with twice the room that the functions need. In Lua's tables a key is found at the first look that was
 * put in before others of its hash, unless the table has grown since; and in a roomy one few others have its hash. */
static void push_roomy_table(lua_State *L, const luaL_Reg *functions) {
  int count = 4; /* what each type has besides, and what the Lua half adds */
  for (; functions->name; functions++) count++;
  lua_createtable(L, 0, 2 * count);
}

void shmipc_type_push(lua_State *L, const struct shmipc_type *type) {
  int metatable;
  push_roomy_table(L, type->metamethods);
  metatable = lua_gettop(L);
  push_roomy_table(L, type->methods);
  lua_pushvalue(L, -1);
  lua_setfield(L, metatable, "__index"); /* first of all; a type's own takes its place */
  set_functions(L, type->methods, metatable, type->companions);
  lua_setfield(L, metatable, "methods");
  set_functions(L, type->metamethods, metatable, type->companions);
  lua_pushstring(L, type->name);
  lua_setfield(L, metatable, "__name");
  lua_pushstring(L, type->name); /* scripts see this instead of the metatable, and cannot take it apart */
  lua_setfield(L, metatable, "__metatable");
}

void *shmipc_handle_push(lua_State *L, const struct shmipc_type *type, int kept, int metatable) {
  struct shmipc_handle *handle = lua_newuserdatauv(L, type->size, type->values);
  memset(handle, 0, type->size);
  handle->type = type;
  lua_pushvalue(L, kept);
  lua_setiuservalue(L, -2, 1);
  lua_pushvalue(L, metatable);
  lua_setmetatable(L, -2);
  return handle;
}

void shmipc_method_push(lua_State *L, int key) {
  if (lua_getfield(L, lua_upvalueindex(1), "methods") != LUA_TTABLE) luaL_error(L, "shmipc.core was taken apart");
  lua_pushvalue(L, key);
  lua_rawget(L, -2);
}

int shmipc_wrong_self(lua_State *L, const char *function, const struct shmipc_type *type) {
  return shmipc_raise(L, function, "self must be a %s, got %s (called without a colon?)", type->name,
                      luaL_typename(L, 1));
}

int shmipc_closed(lua_State *L, const char *function, const struct shmipc_type *type) {
  return shmipc_raise(L, function, "attempt to use a closed %s", type->name);
}

void shmipc_expect(lua_State *L, const struct shmipc_type *type, shmipc_is_closed is_closed) {
  const char *function = luaL_checkstring(L, 2);
  const void *self = shmipc_to(L, 1, type);
  if (!self)
    shmipc_raise_beyond(L, function, "self must be a %s, got %s (called without a colon?)", type->name,
                        luaL_typename(L, 1));
  if (is_closed(self)) shmipc_raise_beyond(L, function, "attempt to use a closed %s", type->name);
}

const char *shmipc_push_quoted_name(lua_State *L, int arg) {
  size_t length, i;
  const char *name;
  luaL_Buffer quoted;
  luaL_checkstack(L, 8, NULL);
  lua_getiuservalue(L, arg, 1);
  name = lua_tolstring(L, -1, &length);
  luaL_buffinit(L, &quoted);
  luaL_addchar(&quoted, '"');
  for (i = 0; i < length; i++) luaL_addchar(&quoted, (unsigned char)name[i] < ' ' || name[i] == 127 ? '?' : name[i]);
  luaL_addchar(&quoted, '"');
  luaL_pushresult(&quoted);
  lua_remove(L, -2);
  return lua_tostring(L, -1);
}

int shmipc_unlink(lua_State *L, const char *function, enum os_kind kind) {
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct shmipc_result result;
  struct os_name name;
  int results;
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  do {
    result = os_unlink(&name, kind, wait.until);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  lua_pushboolean(L, 1);
  return 1;
}
