/* A Lua module: the least that C functions for Lua have to do to carry messages between two processes. They check
 * nothing, nobody can be killed, and there is one sender and one receiver, who are always awake. */
#include "../../drivers/wires.h"

#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((visibility("default"))) int luaopen_bench_wires(lua_State *L);

struct wire {
  void *memory;
  size_t size;   /* of a message */
  uint64_t last; /* the last number: of who sends, or of who receives */
};

static void *open_memory(lua_State *L, const char *name, size_t size) {
  int descriptor = shm_open(name, O_RDWR | O_CREAT, 0600);
  void *address;
  if (descriptor < 0 || ftruncate(descriptor, (off_t)size) != 0) luaL_error(L, "no memory named %s", name);
  address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, descriptor, 0);
  close(descriptor);
  if (address == MAP_FAILED) luaL_error(L, "no map of %s", name);
  return address;
}

static int place_send(lua_State *L) {
  struct wire *wire = lua_touserdata(L, 1);
  place_put(wire->memory, ++wire->last, lua_tostring(L, 2), wire->size);
  return 0;
}

static int place_receive(lua_State *L) {
  struct wire *wire = lua_touserdata(L, 1);
  struct place *place = wire->memory;
  wire->last = place_await(place, wire->last);
  lua_pushlstring(L, (const char *)place->rest, wire->size);
  return 1;
}

static int ring_send(lua_State *L) {
  struct wire *wire = lua_touserdata(L, 1);
  ring_put(wire->memory, lua_tostring(L, 2), wire->size);
  return 0;
}

static int ring_receive(lua_State *L) {
  struct wire *wire = lua_touserdata(L, 1);
  lua_pushlstring(L, ring_await(wire->memory, wire->size), wire->size);
  ring_done(wire->memory);
  return 1;
}

/* (name, size) -> something with send(message) and receive(); the name stays until unlink */
static int open_wire(lua_State *L, size_t memory_size, const luaL_Reg *methods) {
  struct wire *wire = lua_newuserdatauv(L, sizeof *wire, 0);
  wire->memory = open_memory(L, luaL_checkstring(L, 1), memory_size);
  wire->size = (size_t)luaL_checkinteger(L, 2);
  wire->last = 0;
  lua_newtable(L);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_setmetatable(L, -2);
  return 1;
}

static int place(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", place_send}, {"receive", place_receive}, {NULL, NULL}};
  return open_wire(L, sizeof(struct place), methods);
}

static int ring(lua_State *L) {
  static const luaL_Reg methods[] = {{"send", ring_send}, {"receive", ring_receive}, {NULL, NULL}};
  return open_wire(L, sizeof(struct ring), methods);
}

static int unlink_wire(lua_State *L) {
  lua_pushboolean(L, shm_unlink(luaL_checkstring(L, 1)) == 0);
  return 1;
}

int luaopen_bench_wires(lua_State *L) {
  static const luaL_Reg functions[] = {{"place", place}, {"ring", ring}, {"unlink", unlink_wire}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
