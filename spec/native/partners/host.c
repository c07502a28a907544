/* A C program that embeds Lua, with more states than one in more threads than one, and with signal handlers and memory
 * of its own. `host SCRIPT …` runs the script with a library `host` added:
 *
 *   host.thread(code, ...) -> thread       a new state in a new thread runs the code with those strings
 *   thread:result() -> true | nil, error   waits until the code has run; the thread and its state stay
 *   thread:close()                         closes that state, from the calling thread
 *   thread:join([closing])                 lets the thread end; when closing, it first closes its state
 *   host.post(i)  host.wait(i)             semaphores 1 to 8 between the threads
 *   host.handle_sigbus("siginfo" | "plain" | "ignore")
 *   host.fault() -> text                   touches memory of its own that is gone; what the handler said about it
 *   host.send_sigbus() -> text             the same for a signal that kill(2) sent
 */
#define _GNU_SOURCE

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#define THREAD "host.thread"
#define SEMAPHORES 8
#define PATIENCE_SECONDS 20

static sem_t semaphores[SEMAPHORES];

static int host_post(lua_State *L) {
  sem_post(&semaphores[luaL_checkinteger(L, 1) - 1]);
  return 0;
}

static void wait_for(lua_State *L, sem_t *semaphore) {
  struct timespec until;
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += PATIENCE_SECONDS;
  while (sem_timedwait(semaphore, &until) != 0)
    if (errno != EINTR) luaL_error(L, "waited in vain: %s", strerror(errno));
}

static int host_wait(lua_State *L) {
  wait_for(L, &semaphores[luaL_checkinteger(L, 1) - 1]);
  return 0;
}

/* ---- threads */

struct thread {
  lua_State *L; /* NULL: closed */
  pthread_t id;
  int is_running; /* not joined */
  int closing;
  int status;
  sem_t ready, leave;
};

static void open_state(lua_State *L);

static struct thread *to_thread(lua_State *L) { return luaL_checkudata(L, 1, THREAD); }

static void *thread_main(void *argument) {
  struct thread *thread = argument;
  thread->status = lua_pcall(thread->L, lua_gettop(thread->L) - 1, 0, 0);
  sem_post(&thread->ready);
  while (sem_wait(&thread->leave) != 0) {
  }
  if (thread->closing && thread->L) {
    lua_close(thread->L);
    thread->L = NULL;
  }
  return NULL;
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
  sem_init(&thread->ready, 0, 0);
  sem_init(&thread->leave, 0, 0);
  if (pthread_create(&thread->id, NULL, thread_main, thread) != 0) return luaL_error(L, "no thread");
  thread->is_running = 1;
  return 1;
}

static int thread_result(lua_State *L) {
  struct thread *thread = to_thread(L);
  wait_for(L, &thread->ready);
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
  sem_post(&thread->leave);
  pthread_join(thread->id, NULL);
  thread->is_running = 0;
  return 0;
}

/* ---- SIGBUS */

static sigjmp_buf after_fault;
static const char *volatile told;

static void on_sigbus_siginfo(int signal, siginfo_t *info, void *context) {
  (void)signal;
  (void)context;
  if (info->si_code == SI_USER || info->si_code == SI_TKILL) {
    told = "siginfo handler, sent";
    return;
  }
  told = "siginfo handler, fault";
  siglongjmp(after_fault, 1);
}

static void on_sigbus_plain(int signal) {
  (void)signal;
  told = "plain handler";
  siglongjmp(after_fault, 1);
}

static int host_handle_sigbus(lua_State *L) {
  const char *kind = luaL_checkstring(L, 1);
  struct sigaction action;
  memset(&action, 0, sizeof action);
  if (strcmp(kind, "siginfo") == 0) {
    action.sa_sigaction = on_sigbus_siginfo;
    action.sa_flags = SA_SIGINFO;
  } else {
    action.sa_handler = strcmp(kind, "plain") == 0 ? on_sigbus_plain : SIG_IGN;
  }
  sigaction(SIGBUS, &action, NULL);
  return 0;
}

static int host_fault(lua_State *L) {
  long page = sysconf(_SC_PAGESIZE);
  int file = memfd_create("host", MFD_CLOEXEC);
  volatile char *memory;
  if (file < 0 || ftruncate(file, page) != 0) return luaL_error(L, "no memory file");
  memory = mmap(NULL, (size_t)page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (memory == MAP_FAILED || ftruncate(file, 0) != 0) return luaL_error(L, "no mapping");
  close(file);
  told = "nobody";
  if (sigsetjmp(after_fault, 1) == 0) *memory = 1;
  munmap((void *)(size_t)memory, (size_t)page);
  lua_pushstring(L, told);
  return 1;
}

static int host_send_sigbus(lua_State *L) {
  told = "nobody";
  if (sigsetjmp(after_fault, 1) == 0) raise(SIGBUS);
  lua_pushstring(L, told);
  return 1;
}

/* ---- */

static void open_state(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"result", thread_result}, {"close", thread_close}, {"join", thread_join}, {NULL, NULL}};
  static const luaL_Reg functions[] = {{"thread", host_thread},
                                       {"post", host_post},
                                       {"wait", host_wait},
                                       {"handle_sigbus", host_handle_sigbus},
                                       {"fault", host_fault},
                                       {"send_sigbus", host_send_sigbus},
                                       {NULL, NULL}};
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
  for (i = 0; i < SEMAPHORES; i++) sem_init(&semaphores[i], 0, 0);
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
