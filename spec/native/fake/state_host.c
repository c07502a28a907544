/* A C program that embeds Lua, closes its states, and goes on.
 *
 *     state_host SCENE PREFIX [PATH CPATH]
 *       PREFIX      of the names it uses
 *       PATH CPATH  package.path and package.cpath: the module is loaded from files, and unloaded when its state is
 *                   closed. Without them it is linked in. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <setjmp.h>
#include <shmipc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *prefix, *path, *cpath;

static void fail(const char *what, const char *detail) {
  printf("%s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  fflush(stdout);
  _exit(1);
}

static lua_State *open_state(void) {
  lua_State *L = luaL_newstate();
  if (!L) fail("no state", NULL);
  luaL_openlibs(L);
  if (path) {
    lua_getglobal(L, "package");
    lua_pushstring(L, path);
    lua_setfield(L, -2, "path");
    lua_pushstring(L, cpath);
    lua_setfield(L, -2, "cpath");
    lua_pop(L, 1);
  } else {
    shmipc_preload(L);
  }
  lua_pushstring(L, prefix);
  lua_setglobal(L, "prefix");
  return L;
}

static void run(lua_State *L, const char *chunk) {
  if (luaL_dostring(L, chunk) != LUA_OK) fail(chunk, lua_tostring(L, -1));
}

/* Makes the objects NAME_mapping and NAME_mutex, and leaves them as the globals view and mutex. */
static void use(lua_State *L, const char *name) {
  lua_pushstring(L, name);
  lua_setglobal(L, "name");
  run(L, "local shmipc = require 'shmipc'\n"
         "view = assert(assert(shmipc.mapping.create(prefix .. name .. '_mapping', 8192)):view())\n"
         "mutex = assert(shmipc.mutex.create(prefix .. name .. '_mutex'))\n"
         "do\n"
         "  local guard <close> = assert(mutex:lock())\n"
         "  view:write_i32(4096, 42)\n"
         "  assert(view:read_i32(4096) == 42)\n"
         "end\n");
}

static int exists(const char *name) {
  char file[300];
  snprintf(file, sizeof file, "/dev/shm/%s%s", prefix, name);
  return access(file, F_OK) == 0;
}

static void expect_gone(const char *name) {
  if (exists(name)) fail("still there", name);
}

/* ---- faults of the program's own */

static sigjmp_buf after_fault;
static volatile sig_atomic_t faults;

static void on_fault(int signal) {
  (void)signal;
  faults++;
  siglongjmp(after_fault, 1);
}

static void on_fault_with_information(int signal, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  on_fault(signal);
}

static void handle_faults(void) {
  struct sigaction ours;
  memset(&ours, 0, sizeof ours);
  ours.sa_handler = on_fault;
  sigaction(SIGBUS, &ours, NULL);
}

static void handle_faults_with_information(void) {
  struct sigaction ours;
  memset(&ours, 0, sizeof ours);
  ours.sa_sigaction = on_fault_with_information;
  ours.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &ours, NULL);
}

/* Reads beyond the end of a file that shmipc knows nothing of. */
static void raise_fault(void) {
  FILE *file = tmpfile();
  volatile char *bytes;
  if (!file || ftruncate(fileno(file), 1) != 0) fail("no file", NULL);
  bytes = mmap(NULL, (size_t)65536 * 2, PROT_READ, MAP_SHARED, fileno(file), 0);
  if (bytes == MAP_FAILED) fail("no map", NULL);
  fclose(file);
  (void)bytes[65536];
}

static void expect_own_fault(const char *when) {
  sig_atomic_t before = faults;
  if (sigsetjmp(after_fault, 1) == 0) raise_fault();
  if (faults != before + 1) fail("the program's own handler was not called", when);
}

/* Runs it in a child; returns what waitpid(2) says. */
static int in_child(void (*action)(void)) {
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    action();
    exit(0);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) fail("no child", NULL);
  return status;
}

static void expect_success(int status, const char *what) {
  char text[32];
  snprintf(text, sizeof text, "status %#x", (unsigned)status);
  if (status != 0) fail(what, text);
}

/* ---- scenes */

static void use_in_new_state(void) {
  lua_State *L = open_state();
  use(L, "_child");
  run(L, "mutex:lock()");
  lua_close(L);
  expect_gone("_child_mapping");
  expect_gone("_child_mutex");
}

static void do_nothing(void) {}

/* A state is closed; the program forks, faults, and opens others. */
static void closed_states(void) {
  lua_State *first, *second;
  int i;
  handle_faults();
  for (i = 0; i < 2; i++) {
    first = open_state();
    use(first, "_a");
    expect_own_fault("while a state is open");
    run(first, "mutex:lock()");
    lua_close(first);
    expect_gone("_a_mapping");
    expect_gone("_a_mutex");
    expect_own_fault("after a state was closed");
    expect_success(in_child(use_in_new_state), "a child that opens a state");
    expect_success(in_child(do_nothing), "a child that only ends");
  }
  second = open_state();
  use(second, "_b");
  expect_success(in_child(use_in_new_state), "a child beside an open state");
  if (!exists("_b_mapping") || !exists("_b_mutex")) fail("a child took its parent's names", NULL);
  lua_close(second);
  expect_gone("_b_mapping");
}

/* Whoever handled SIGBUS before shmipc came goes on doing so; views have their own way. */
static void truncated_files(void) {
  lua_State *L;
  char file[300];
  int i;
  snprintf(file, sizeof file, "/tmp/%s_file", prefix);
  handle_faults_with_information();
  for (i = 0; i < 2; i++) {
    L = open_state();
    lua_pushstring(L, file);
    lua_setglobal(L, "file");
    run(L, "shmipc = require 'shmipc'\n"
           "view = assert(assert(shmipc.mapping.file(file, {size = 65536 * 3})):view())");
    if (truncate(file, 1) != 0) fail("no truncation", NULL);
    run(L, "local ok, message = pcall(view.read_i32, view, 65536 * 2)\n"
           "assert(not ok and message:find 'mapping was truncated', message)");
    if (faults != 2 * i) fail("the program's own handler met a view's fault", NULL);
    expect_own_fault("after a view's fault");
    lua_close(L);
    expect_own_fault("after the state was closed");
    remove(file);
  }
}

static void fault_without_handler(void) {
  signal(SIGBUS, SIG_DFL);
  use_in_new_state();
  raise_fault();
}

static void send_without_handler(void) {
  signal(SIGBUS, SIG_DFL);
  use_in_new_state();
  kill(getpid(), SIGBUS);
}

static void send_to_the_deaf(void) {
  signal(SIGBUS, SIG_IGN);
  use_in_new_state();
  kill(getpid(), SIGBUS);
}

static void default_faults(void) {
  int status = in_child(fault_without_handler);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS) fail("a fault without a handler did not kill", NULL);
  status = in_child(send_without_handler);
  if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGBUS) fail("a signal without a handler did not kill", NULL);
}

static void ignored_signals(void) { expect_success(in_child(send_to_the_deaf), "a SIGBUS that was ignored before"); }

/* ---- threads */

static pthread_mutex_t baton = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t passed = PTHREAD_COND_INITIALIZER;
static int stage;

static void advance_to(int next) {
  pthread_mutex_lock(&baton);
  stage = next;
  pthread_cond_broadcast(&passed);
  pthread_mutex_unlock(&baton);
}

static void await(int wanted) {
  pthread_mutex_lock(&baton);
  while (stage < wanted) pthread_cond_wait(&passed, &baton);
  pthread_mutex_unlock(&baton);
}

/* Its state is closed long before it ends. */
static void *lingering_thread(void *unused) {
  lua_State *L = open_state();
  use(L, "_lingering");
  lua_close(L);
  advance_to(1);
  await(2);
  return unused;
}

/* Leaves its state to another thread, the lock taken. */
static void *leaving_thread(void *place) {
  lua_State *L = open_state();
  use(L, "_left");
  run(L, "mutex:lock()");
  *(lua_State **)place = L;
  return NULL;
}

static void join(pthread_t thread) {
  if (pthread_join(thread, NULL) != 0) fail("no thread to join", NULL);
}

static void start(pthread_t *thread, void *(*action)(void *), void *context) {
  if (pthread_create(thread, NULL, action, context) != 0) fail("no thread", NULL);
}

static void ending_threads(void) {
  pthread_t lingering, leaving;
  lua_State *first, *left = NULL;
  start(&lingering, lingering_thread, NULL);
  await(1);
  expect_gone("_lingering_mapping");

  start(&leaving, leaving_thread, &left);
  join(leaving);
  first = open_state();
  run(first, "local shmipc = require 'shmipc'\n"
             "local mutex <close> = assert(shmipc.mutex.open(prefix .. '_left_mutex'))\n"
             "local guard <close>, told = assert(mutex:lock(5))\n"
             "assert(told == 'abandoned', told)");
  lua_close(left);
  expect_gone("_left_mapping");
  expect_gone("_left_mutex");
  lua_close(first);

  advance_to(2); /* no state is left: the thread ends without one */
  join(lingering);
  expect_success(in_child(use_in_new_state), "a child after the threads");
}

/* The program ends with a state open. */
static void open_at_exit(void) {
  lua_State *L = open_state();
  use(L, "_open");
  run(L, "mutex:lock()");
}

/* ---- a system that cannot keep the module loaded */

static int refuse_reopening;

/* The dynamic linker lets the program's own function go first (the program exports it). */
__attribute__((visibility("default"))) void *dlopen(const char *file, int mode) {
  void *(*real)(const char *, int);
  if (refuse_reopening && (mode & RTLD_NOLOAD)) return NULL;
  *(void **)&real = dlsym(RTLD_NEXT, "dlopen");
  return real(file, mode);
}

static void use_if_possible(void) {
  lua_State *L = open_state();
  run(L, "local ok, message = pcall(function()\n"
         "  local shmipc = require 'shmipc'\n"
         "  local mutex <close> = shmipc.mutex.create(prefix .. '_refused_mutex')\n"
         "  mutex:lock()\n"
         "  local mapping <close> = shmipc.mapping.create(prefix .. '_refused_mapping', 8192)\n"
         "  mapping:view():write_i32(0, 42)\n"
         "end)\n"
         "assert(ok or message:find 'not enough memory$', message)");
  lua_close(L);
  expect_gone("_refused_mutex");
  expect_gone("_refused_mapping");
}

static void *refused_thread(void *unused) {
  use_if_possible();
  return unused;
}

static void refused_reopening(void) {
  pthread_t thread;
  handle_faults();
  refuse_reopening = 1;
  use_if_possible();
  expect_own_fault("after a state was closed");
  expect_success(in_child(use_if_possible), "a child");
  start(&thread, refused_thread, NULL);
  join(thread);
  refuse_reopening = 0;
  closed_states();
  ending_threads();
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    void (*play)(void);
  } scenes[] = {{"closed_states", closed_states},         {"truncated_files", truncated_files},
                {"default_faults", default_faults},       {"ignored_signals", ignored_signals},
                {"ending_threads", ending_threads},       {"open_at_exit", open_at_exit},
                {"refused_reopening", refused_reopening}, {NULL, NULL}};
  size_t i;
  if (argc != 3 && argc != 5) return 2;
  prefix = argv[2];
  if (argc == 5) {
    path = argv[3];
    cpath = argv[4];
  }
  for (i = 0; scenes[i].name; i++) {
    if (strcmp(scenes[i].name, argv[1]) != 0) continue;
    scenes[i].play();
    return 0;
  }
  return 2;
}
