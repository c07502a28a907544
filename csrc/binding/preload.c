/* For hosts that link shmipc in: `require` finds the modules in the program itself. */
#include "preload.h"

#include <lauxlib.h>

#include "../include/shmipc.h"

static int load_embedded(lua_State *L) {
  const struct shmipc_embedded *embedded = lua_touserdata(L, lua_upvalueindex(1));
  if (luaL_loadbufferx(L, embedded->source, embedded->length, embedded->chunk_name, "t") != LUA_OK) return lua_error(L);
  lua_pushvalue(L, 1);
  lua_call(L, 1, 1);
  return 1;
}

SHMIPC_API void shmipc_preload(lua_State *L) {
  const struct shmipc_embedded *embedded;
  luaL_checkstack(L, 4, NULL);
  luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_PRELOAD_TABLE);
  lua_pushcfunction(L, luaopen_shmipc_core);
  lua_setfield(L, -2, "shmipc.core");
  for (embedded = shmipc_embedded; embedded->module; embedded++) {
    lua_pushlightuserdata(L, (void *)embedded);
    lua_pushcclosure(L, load_embedded, 1);
    lua_setfield(L, -2, embedded->module);
  }
  lua_pop(L, 1);
}
