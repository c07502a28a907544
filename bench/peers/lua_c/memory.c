/* A Lua module: the least that a C function for Lua has to do to move bytes between shared memory and Lua's values. It
 * checks nothing. */
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((visibility("default"))) int luaopen_bench_memory(lua_State *L);

/* create(name, size) -> address: zeros; the name goes at once. */
static int create(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  size_t size = (size_t)luaL_checkinteger(L, 2);
  int descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  void *address;
  if (descriptor < 0 || shm_unlink(name) != 0 || ftruncate(descriptor, (off_t)size) != 0)
    return luaL_error(L, "no memory named %s", name);
  address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  close(descriptor);
  if (address == MAP_FAILED) return luaL_error(L, "no map of %s", name);
  lua_pushlightuserdata(L, address);
  return 1;
}

/* read(address, length) -> string */
static int read_string(lua_State *L) {
  lua_pushlstring(L, lua_touserdata(L, 1), (size_t)lua_tointeger(L, 2));
  return 1;
}

/* write(address, string) */
static int write_string(lua_State *L) {
  size_t length;
  const char *text = lua_tolstring(L, 2, &length);
  memcpy(lua_touserdata(L, 1), text, length);
  return 0;
}

/* get(address, n) -> table */
static int get(lua_State *L) {
  const int32_t *elements = lua_touserdata(L, 1);
  int n = (int)lua_tointeger(L, 2);
  lua_createtable(L, n, 0);
  for (int e = 0; e < n; e++) {
    lua_pushinteger(L, elements[e]);
    lua_rawseti(L, -2, e + 1);
  }
  return 1;
}

/* set(address, table, n) */
static int set(lua_State *L) {
  int32_t *elements = lua_touserdata(L, 1);
  int n = (int)lua_tointeger(L, 3);
  for (int e = 0; e < n; e++) {
    lua_rawgeti(L, 2, e + 1);
    elements[e] = (int32_t)lua_tointeger(L, -1);
    lua_pop(L, 1);
  }
  return 0;
}

/* The __index of what `elements` gives: looks neither at who it is nor at the index. */
static int index_unchecked(lua_State *L) {
  int32_t **elements = lua_touserdata(L, 1);
  lua_pushinteger(L, (*elements)[lua_tointegerx(L, 2, NULL) - 1]);
  return 1;
}

static int newindex_unchecked(lua_State *L) {
  int32_t **elements = lua_touserdata(L, 1);
  (*elements)[lua_tointegerx(L, 2, NULL) - 1] = (int32_t)lua_tointegerx(L, 3, NULL);
  return 0;
}

/* elements(address) -> something whose [i] is element i, from 1 */
static int elements(lua_State *L) {
  int32_t **userdata = lua_newuserdatauv(L, sizeof *userdata, 0);
  *userdata = lua_touserdata(L, 1);
  lua_newtable(L);
  lua_pushcfunction(L, index_unchecked);
  lua_setfield(L, -2, "__index");
  lua_pushcfunction(L, newindex_unchecked);
  lua_setfield(L, -2, "__newindex");
  lua_setmetatable(L, -2);
  return 1;
}

static int lock_unchecked(lua_State *L) {
  lua_pushboolean(L, pthread_mutex_lock(*(pthread_mutex_t **)lua_touserdata(L, 1)) == 0);
  return 1;
}

static int unlock_unchecked(lua_State *L) {
  lua_pushboolean(L, pthread_mutex_unlock(*(pthread_mutex_t **)lua_touserdata(L, 1)) == 0);
  return 1;
}

/* mutex(address) -> something with lock() and unlock(): a robust mutex of pthread's, and no guard */
static int mutex(lua_State *L) {
  static const luaL_Reg methods[] = {{"lock", lock_unchecked}, {"unlock", unlock_unchecked}, {NULL, NULL}};
  pthread_mutex_t **userdata = lua_newuserdatauv(L, sizeof *userdata, 0);
  pthread_mutexattr_t attributes;
  *userdata = lua_touserdata(L, 1);
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  if (pthread_mutex_init(*userdata, &attributes) != 0) return luaL_error(L, "no mutex");
  lua_newtable(L);
  luaL_newlib(L, methods);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  return 1;
}

int luaopen_bench_memory(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"create", create}, {"read", read_string},  {"write", write_string}, {"get", get},
      {"set", set},       {"elements", elements}, {"mutex", mutex},        {NULL, NULL},
  };
  luaL_newlib(L, functions);
  return 1;
}
