/* Waiting in slices, so that Ctrl-C works: between two of them Lua's hooks get a chance. */
#include "binding.h"

#include <math.h>

#define SLICE (UINT64_C(100) * 1000 * 1000) /* 0.1 s: the bound for every sleep of the project */

static const char chance_key = 0;

void shmipc_wait_prepare(lua_State *L) {
  if (luaL_loadstring(L, "return") != LUA_OK) lua_error(L);
  lua_rawsetp(L, LUA_REGISTRYINDEX, &chance_key);
}

/* A stand-alone interpreter answers Ctrl-C by setting a hook on the main thread, which then raises an error. Calling
 * any function lets a hook fire; in a coroutine, the main thread's is lent to it for that call. */
static void give_hooks_a_chance(lua_State *L) {
  lua_State *main_thread;
  lua_Hook hook, own_hook = lua_gethook(L);
  int own_mask = lua_gethookmask(L), own_count = lua_gethookcount(L), status;
  luaL_checkstack(L, 8, NULL);
  lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
  main_thread = lua_tothread(L, -1);
  lua_pop(L, 1);
  hook = lua_gethook(main_thread);
  if (!hook && !own_hook) return;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &chance_key);
  if (main_thread == L || !hook) {
    lua_call(L, 0, 0);
    return;
  }
  lua_sethook(L, hook, lua_gethookmask(main_thread), lua_gethookcount(main_thread));
  status = lua_pcall(L, 0, 0, 0);
  lua_sethook(L, own_hook, own_mask, own_count);
  if (status == LUA_OK) return;
  if (lua_gethook(main_thread) == hook) lua_sethook(main_thread, NULL, 0, 0); /* it has fired */
  lua_error(L);
}

static uint64_t deadline_after(uint64_t now, double seconds) {
  double nanoseconds = ceil(seconds * 1e9);
  return nanoseconds < 9e18 ? now + (uint64_t)nanoseconds : OS_NEVER;
}

/* 0: the time is up. */
static int next_slice(struct shmipc_wait *wait) {
  uint64_t now = os_clock();
  if (wait->deadline == 0) wait->deadline = deadline_after(now, wait->seconds);
  if (now >= wait->deadline) return 0;
  wait->until = wait->deadline - now < SLICE ? wait->deadline : now + SLICE;
  return 1;
}

struct shmipc_wait shmipc_wait_for_decision(void) {
  struct shmipc_wait wait = shmipc_wait_begin(1);
  next_slice(&wait);
  return wait;
}

int shmipc_wait_more(lua_State *L, struct shmipc_wait *wait) {
  if (wait->seconds <= 0) return 0;
  if (wait->deadline != 0) give_hooks_a_chance(L); /* not before the first sleep */
  return next_slice(wait);
}
