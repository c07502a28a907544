/* shmipc for C programs that embed Lua 5.4. */
#ifndef SHMIPC_H
#define SHMIPC_H

#include <lua.h>

#ifndef SHMIPC_API /* the build of a shared library says how to export */
#define SHMIPC_API extern
#endif

/* Makes `require "shmipc"` work in the state without any file: the native core and the Lua modules are linked in. */
SHMIPC_API void shmipc_preload(lua_State *L);

/* The native core, `shmipc.core`, as Lua's loader finds it. The module `shmipc` is what scripts use. */
SHMIPC_API int luaopen_shmipc_core(lua_State *L);

#endif
