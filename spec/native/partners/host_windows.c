/* A C program that embeds Lua, with more states than one in more threads than one, as host.c: threads and semaphores.
 */
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#define THREAD "host.thread"
#define SEMAPHORES 8
#define PATIENCE_MILLISECONDS 20000

static HANDLE semaphores[SEMAPHORES];

static HANDLE new_semaphore(void) { return CreateSemaphoreW(NULL, 0, LONG_MAX, NULL); }

static int host_post(lua_State *L) {
  ReleaseSemaphore(semaphores[luaL_checkinteger(L, 1) - 1], 1, NULL);
  return 0;
}

static void wait_for(lua_State *L, HANDLE semaphore) {
  if (WaitForSingleObject(semaphore, PATIENCE_MILLISECONDS) != WAIT_OBJECT_0) luaL_error(L, "waited in vain");
}

static int host_wait(lua_State *L) {
  wait_for(L, semaphores[luaL_checkinteger(L, 1) - 1]);
  return 0;
}

/* ---- threads */

struct thread {
  lua_State *L; /* NULL: closed */
  HANDLE id;
  int closing;
  int status;
  HANDLE ready, leave;
};

static void open_state(lua_State *L);

static struct thread *to_thread(lua_State *L) { return luaL_checkudata(L, 1, THREAD); }

static DWORD WINAPI thread_main(void *argument) {
  struct thread *thread = argument;
  thread->status = lua_pcall(thread->L, lua_gettop(thread->L) - 1, 0, 0);
  ReleaseSemaphore(thread->ready, 1, NULL);
  WaitForSingleObject(thread->leave, INFINITE);
  if (thread->closing && thread->L) {
    lua_close(thread->L);
    thread->L = NULL;
  }
  return 0;
}

static int host_thread(lua_State *L) {
  const char *code = luaL_checkstring(L, 1);
  int i, count = lua_gettop(L);
  struct thread *thread = lua_newuserdatauv(L, sizeof *thread, 0);
  memset(thread, 0, sizeof *thread);
  luaL_setmetatable(L, THREAD);
  thread->L = luaL_newstate();
  if (!thread->L) return luaL_error(L, "not enough memory");
  open_state(thread->L);
  if (luaL_loadbuffer(thread->L, code, strlen(code), "=thread") != LUA_OK)
    return luaL_error(L, "%s", lua_tostring(thread->L, -1));
  luaL_checkstack(thread->L, count, NULL);
  for (i = 2; i <= count; i++) lua_pushstring(thread->L, luaL_checkstring(L, i));
  thread->ready = new_semaphore();
  thread->leave = new_semaphore();
  thread->id = CreateThread(NULL, 0, thread_main, thread, 0, NULL);
  if (!thread->id) return luaL_error(L, "no thread");
  return 1;
}

static int thread_result(lua_State *L) {
  struct thread *thread = to_thread(L);
  wait_for(L, thread->ready);
  if (thread->status == LUA_OK) {
    lua_pushboolean(L, 1);
    return 1;
  }
  lua_pushnil(L);
  lua_pushstring(L, lua_tostring(thread->L, -1));
  return 2;
}

static int thread_close(lua_State *L) {
  struct thread *thread = to_thread(L);
  if (thread->L) lua_close(thread->L);
  thread->L = NULL;
  return 0;
}

static int thread_join(lua_State *L) {
  struct thread *thread = to_thread(L);
  thread->closing = lua_toboolean(L, 2);
  ReleaseSemaphore(thread->leave, 1, NULL);
  WaitForSingleObject(thread->id, INFINITE);
  CloseHandle(thread->id);
  CloseHandle(thread->ready);
  CloseHandle(thread->leave);
  return 0;
}

/* ---- */

static void open_state(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"result", thread_result}, {"close", thread_close}, {"join", thread_join}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"thread", host_thread}, {"post", host_post}, {"wait", host_wait}, {NULL, NULL}};
  luaL_openlibs(L);
  luaL_newmetatable(L, THREAD);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  luaL_newlib(L, functions);
  lua_setglobal(L, "host");
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  int i, failed;
  if (!L || argc < 2) return 2;
  for (i = 0; i < SEMAPHORES; i++) semaphores[i] = new_semaphore();
  open_state(L);
  lua_createtable(L, argc, 0);
  for (i = 2; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i - 1);
  }
  lua_setglobal(L, "arg");
  failed = luaL_dofile(L, argv[1]);
  if (failed) fprintf(stderr, "%s\n", lua_tostring(L, -1));
  lua_close(L);
  return failed;
}
