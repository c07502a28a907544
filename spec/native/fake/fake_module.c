/* The fake platform's controls for Lua: package.loadlib(core, "luaopen_shmipc_fake")(). */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "fake_os.h"

static const char *const status_names[] = {"OK",
#define SHMIPC_X(name, text) #name,
                                           SHMIPC_CODES(SHMIPC_X) SHMIPC_RAISED(SHMIPC_X)
#undef SHMIPC_X
                                               NULL};

/* fail_at(first [, status [, native [, count]]]): see fake_os.h; count's default is 1. */
static int fail_at(lua_State *L) {
  lua_Integer first = luaL_checkinteger(L, 1);
  struct shmipc_result with = {(enum shmipc_status)luaL_checkoption(L, 2, "NO_MEMORY", status_names),
                               (int32_t)luaL_optinteger(L, 3, 0)};
  lua_Integer count = luaL_optinteger(L, 4, 1);
  luaL_argcheck(L, first >= 0, 1, "negative");
  luaL_argcheck(L, count >= 1, 4, "not positive");
  fake_fail_at((unsigned long)first, (unsigned long)count, with);
  return 0;
}

static int calls(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fake_calls());
  return 1;
}

static int failed(lua_State *L) {
  lua_pushstring(L, fake_failed());
  return 1;
}

static int violation(lua_State *L) {
  lua_pushstring(L, fake_violation());
  return 1;
}

static int live(lua_State *L) {
  const struct fake_live now = fake_live();
  lua_createtable(L, 0, 10);
#define PUT(field) (lua_pushinteger(L, (lua_Integer)now.field), lua_setfield(L, -2, #field))
  PUT(allocations);
  PUT(sections);
  PUT(views);
  PUT(mutexes);
  PUT(events);
  PUT(semaphores);
  PUT(arenas);
  PUT(listings);
  PUT(names);
  PUT(locks);
#undef PUT
  return 1;
}

/* In seconds. */
static int longest_wait(lua_State *L) {
  lua_pushnumber(L, (lua_Number)fake_longest_wait() / 1e9);
  return 1;
}

static int set_mutex(lua_State *L) {
  static const char *const states[] = {"free", "held", "abandoned", "corrupt", NULL};
  const char *name = luaL_checkstring(L, 1);
  int state = luaL_checkoption(L, 2, NULL, states);
  luaL_argcheck(L, fake_set_mutex(name, (enum fake_mutex_state)state), 1, "no such mutex or channel");
  return 0;
}

static int set_waitable(lua_State *L) {
  static const char *const states[] = {"whole", "destroyed", NULL};
  const char *name = luaL_checkstring(L, 1);
  int state = luaL_checkoption(L, 2, NULL, states);
  luaL_argcheck(L, fake_set_waitable(name, (enum fake_bytes)state), 1, "no such event, semaphore or channel");
  return 0;
}

static int truncate_object(lua_State *L) {
  luaL_argcheck(L, fake_truncate(luaL_checkstring(L, 1)), 1, "no such mapping or channel");
  return 0;
}

static int create_foreign(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  lua_Integer size = luaL_checkinteger(L, 2);
  luaL_argcheck(L, size > 0, 2, "not positive");
  luaL_argcheck(L, fake_create_foreign(name, (size_t)size), 1, "the name is taken");
  return 0;
}

static int leave_behind(lua_State *L) {
  luaL_argcheck(L, fake_leave_behind(luaL_checkstring(L, 1)), 1, "the name is taken");
  return 0;
}

/* thread([number]) -> number */
static int enter_thread(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fake_enter_thread((uintptr_t)luaL_optinteger(L, 1, 0)));
  return 1;
}

static int end_thread(lua_State *L) {
  fake_end_thread((uintptr_t)luaL_checkinteger(L, 1));
  return 0;
}

/* fork() -> the number of the one thread that goes on */
static int fork_process(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)fake_fork());
  return 1;
}

static int end_parent(lua_State *L) {
  (void)L;
  fake_end_parent();
  return 0;
}

static int forget(lua_State *L) {
  (void)L;
  fake_forget();
  return 0;
}

SHMIPC_API int luaopen_shmipc_fake(lua_State *L);

SHMIPC_API int luaopen_shmipc_fake(lua_State *L) {
  static const luaL_Reg functions[] = {{"fail_at", fail_at},
                                       {"calls", calls},
                                       {"failed", failed},
                                       {"violation", violation},
                                       {"live", live},
                                       {"longest_wait", longest_wait},
                                       {"set_mutex", set_mutex},
                                       {"set_waitable", set_waitable},
                                       {"truncate", truncate_object},
                                       {"create_foreign", create_foreign},
                                       {"leave_behind", leave_behind},
                                       {"thread", enter_thread},
                                       {"end_thread", end_thread},
                                       {"fork", fork_process},
                                       {"end_parent", end_parent},
                                       {"forget", forget},
                                       {NULL, NULL}};
  const char *const *name;
  luaL_newlib(L, functions);
  lua_newtable(L); /* statuses: every one but OK */
  for (name = status_names + 1; *name; name++) {
    lua_pushstring(L, *name);
    lua_rawseti(L, -2, (lua_Integer)(name - status_names));
  }
  lua_setfield(L, -2, "statuses");
  return 1;
}
