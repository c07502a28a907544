/* A C program that embeds Lua with shmipc inside, and runs a role beside its own code on the same memory:
 *
 *     host MEMORY SCRIPT [ARGUMENT…]        host ShareMemory examples/creator.lua --limit 50
 *
 * The script creates the memory, or opens it; the C code, a producer in a thread, knows nothing of shmipc: shm_open and
 * mmap find the same bytes by the same name. It takes no lock, so it adds 1 by compare and exchange, which never writes
 * over the -1 that ends the game. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>
#include <shmipc.h>

static atomic_int script_is_over;

static void nap(void) { nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); }

static _Atomic int32_t *share(const char *name) {
  char path[256];
  void *memory;
  int file;
  snprintf(path, sizeof path, "/%s", name);
  while ((file = shm_open(path, O_RDWR, 0)) < 0 && !atomic_load(&script_is_over)) nap();
  if (file < 0) {
    fprintf(stderr, "host: there is no memory %s\n", name);
    return NULL;
  }
  memory = mmap(NULL, sizeof(int32_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? NULL : memory;
}

static void *produce(void *name) {
  _Atomic int32_t *shared = share(name);
  int32_t value;
  int added = 0, over;
  if (!shared) return NULL;
  for (;;) {
    over = atomic_load(&script_is_over); /* looked at first: then the value is the script's last */
    value = atomic_load(shared);
    if (value == -1 || over) break;
    added += atomic_compare_exchange_strong(shared, &value, value + 1);
    nap();
  }
  printf("host      added %d times, and saw %d\n", added, value);
  munmap((void *)shared, sizeof(int32_t));
  return NULL;
}

/* Runs the script as the interpreter would, with `arg` set. */
static int run(lua_State *L, int argc, char **argv) {
  int i, status;
  luaL_openlibs(L);
  shmipc_preload(L); /* from here on `require "shmipc"` works, whatever is installed */
  lua_createtable(L, argc - 1, 1);
  for (i = 0; i < argc; i++) {
    lua_pushstring(L, argv[i]);
    lua_rawseti(L, -2, i);
  }
  lua_setglobal(L, "arg");
  status = luaL_dofile(L, argv[0]);
  if (status != LUA_OK) fprintf(stderr, "host: %s\n", luaL_tolstring(L, -1, NULL));
  return status == LUA_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv) {
  lua_State *L = luaL_newstate();
  pthread_t producer;
  int status;
  if (argc < 3 || !L) {
    fprintf(stderr, argc < 3 ? "usage: host MEMORY SCRIPT [ARGUMENT...]\n" : "host: out of memory\n");
    return EXIT_FAILURE;
  }
  if (pthread_create(&producer, NULL, produce, argv[1]) != 0) return EXIT_FAILURE;
  status = run(L, argc - 2, argv + 2);
  atomic_store(&script_is_over, 1);
  pthread_join(producer, NULL);
  lua_close(L);
  return status;
}
