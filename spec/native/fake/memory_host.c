/* A C program that embeds Lua with shmipc linked in, and that runs a Lua task again and again while the 1st, 2nd,
 * 3rd ... allocation or system call in it fails, until the task makes fewer.
 *
 *     memory_host FACULTY COUNT PREFIX TASK [STRIDE]
 *       FACULTY  lua: memory for Lua; memory: malloc, mmap and the like in shmipc; calls: system calls in shmipc
 *       COUNT    how many fail in a row; 0: all from there on
 *       PREFIX   of the names of the task's objects
 *       TASK     a chunk, called with PREFIX. It has the globals arm() and disarm(), between which calls fail,
 * preload(), which is shmipc_preload, and check(...), which returns its arguments or raises what the module tells as
 * nil, message, code. never_abandons = true: the task lets go of the lock in any case.
 *       STRIDE   only every so many-th is the first to fail; default: 1
 *
 * After each run the task has succeeded, or has raised "not enough memory", or was told a code. Nothing is left:
 * memory, maps, descriptors, names, locks. A process beside it holds the mapping PREFIX_shared and the mutex
 * PREFIX_lock; it must get the lock each time. Where process-wide state is at stake, each run has a process of its own.
 */
#define _GNU_SOURCE

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <pthread.h>
#include <shmipc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum faculty { LUA_MEMORY, MEMORY, CALLS };

static struct {
  enum faculty faculty;
  unsigned long first, count, calls;
  int is_armed;
  const char *failed;
} plan;

/* What shmipc has at the moment. */
static struct resources { long allocations, mapped, descriptors; } live;

static int fails(enum faculty faculty, const char *what) {
  if (!plan.is_armed || plan.faculty != faculty) return 0;
  if (++plan.calls < plan.first || plan.calls - plan.first >= plan.count) return 0;
  plan.failed = what;
  return 1;
}

/* ---- what shmipc calls (the linker's --wrap leads here, from there only) */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__real_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __real_munmap(void *address, size_t length);
int __real_pthread_setspecific(pthread_key_t key, const void *value);
int __real_pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int __real_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __real_atexit(void (*action)(void));
int __real_open(const char *path, int flags, ...);
int __real_fcntl(int fd, int command, ...);
int __real_fstat(int fd, struct stat *status);
int __real_lstat(const char *path, struct stat *status);
int __real_fstatvfs(int fd, struct statvfs *status);
int __real_fchmod(int fd, mode_t mode);
int __real_linkat(int from, const char *path, int to, const char *name, int flags);
int __real_unlink(const char *path);
int __real_posix_fallocate(int fd, off_t offset, off_t length);
int __real_msync(void *address, size_t length, int flags);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);
void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
void *__wrap_mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int __wrap_munmap(void *address, size_t length);
int __wrap_pthread_setspecific(pthread_key_t key, const void *value);
int __wrap_pthread_key_create(pthread_key_t *key, void (*destroy)(void *));
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));
int __wrap_atexit(void (*action)(void));
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fstat(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status);
int __wrap_lstat(const char *path, struct stat *status);
int __wrap_lstat64(const char *path, struct stat *status);
int __wrap_fstatvfs(int fd, struct statvfs *status);
int __wrap_fstatvfs64(int fd, struct statvfs *status);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_linkat(int from, const char *path, int to, const char *name, int flags);
int __wrap_unlink(const char *path);
int __wrap_posix_fallocate(int fd, off_t offset, off_t length);
int __wrap_posix_fallocate64(int fd, off_t offset, off_t length);
int __wrap_msync(void *address, size_t length, int flags);

static void *allocated(void *memory) {
  if (memory) live.allocations++;
  return memory;
}

static int no_memory(const char *what) {
  if (!fails(MEMORY, what)) return 0;
  errno = ENOMEM;
  return 1;
}

void *__wrap_malloc(size_t size) { return no_memory("malloc") ? NULL : allocated(__real_malloc(size)); }

void *__wrap_calloc(size_t count, size_t size) {
  return no_memory("calloc") ? NULL : allocated(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size) {
  if (no_memory("realloc")) return NULL;
  return memory ? __real_realloc(memory, size) : allocated(__real_realloc(NULL, size));
}

void __wrap_free(void *memory) {
  if (memory) live.allocations--;
  __real_free(memory);
}

char *__wrap_strndup(const char *text, size_t length) {
  size_t size = strnlen(text, length);
  char *copy = no_memory("strndup") ? NULL : allocated(__real_malloc(size + 1));
  if (!copy) return NULL;
  memcpy(copy, text, size);
  copy[size] = 0;
  return copy;
}

char *__wrap_strdup(const char *text) { return __wrap_strndup(text, SIZE_MAX); }

void *__wrap_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  void *base = no_memory("mmap") ? MAP_FAILED : __real_mmap(address, length, protection, flags, fd, offset);
  if (base != MAP_FAILED && !(flags & MAP_FIXED)) live.mapped += (long)length;
  return base;
}

void *__wrap_mmap64(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return __wrap_mmap(address, length, protection, flags, fd, offset);
}

int __wrap_munmap(void *address, size_t length) {
  live.mapped -= (long)length;
  return __real_munmap(address, length);
}

int __wrap_pthread_setspecific(pthread_key_t key, const void *value) {
  return no_memory("pthread_setspecific") ? ENOMEM : __real_pthread_setspecific(key, value);
}

int __wrap_pthread_key_create(pthread_key_t *key, void (*destroy)(void *)) {
  return no_memory("pthread_key_create") ? ENOMEM : __real_pthread_key_create(key, destroy);
}

int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
  return no_memory("pthread_atfork") ? ENOMEM : __real_pthread_atfork(prepare, parent, child);
}

int __wrap_atexit(void (*action)(void)) { return no_memory("atexit") ? -1 : __real_atexit(action); }

static int call_fails(const char *what) {
  if (!fails(CALLS, what)) return 0;
  errno = EIO;
  return 1;
}

int __wrap_open(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  return call_fails("open") ? -1 : __real_open(path, flags, mode);
}

int __wrap_open64(const char *path, int flags, ...) {
  mode_t mode = 0;
  if (flags & (O_CREAT | O_TMPFILE)) {
    va_list arguments;
    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t);
    va_end(arguments);
  }
  return __wrap_open(path, flags, mode);
}

/* Its locks only: they take a pointer. */
int __wrap_fcntl(int fd, int command, ...) {
  va_list arguments;
  void *lock;
  va_start(arguments, command);
  lock = va_arg(arguments, void *);
  va_end(arguments);
  return call_fails("fcntl") ? -1 : __real_fcntl(fd, command, lock);
}

int __wrap_fcntl64(int fd, int command, ...) {
  va_list arguments;
  void *lock;
  va_start(arguments, command);
  lock = va_arg(arguments, void *);
  va_end(arguments);
  return __wrap_fcntl(fd, command, lock);
}

int __wrap_fstat(int fd, struct stat *status) { return call_fails("fstat") ? -1 : __real_fstat(fd, status); }
int __wrap_fstat64(int fd, struct stat *status) { return __wrap_fstat(fd, status); }
int __wrap_lstat(const char *path, struct stat *status) {
  return call_fails("lstat") ? -1 : __real_lstat(path, status);
}
int __wrap_lstat64(const char *path, struct stat *status) { return __wrap_lstat(path, status); }

int __wrap_fstatvfs(int fd, struct statvfs *status) {
  return call_fails("fstatvfs") ? -1 : __real_fstatvfs(fd, status);
}
int __wrap_fstatvfs64(int fd, struct statvfs *status) { return __wrap_fstatvfs(fd, status); }

int __wrap_fchmod(int fd, mode_t mode) { return call_fails("fchmod") ? -1 : __real_fchmod(fd, mode); }

int __wrap_linkat(int from, const char *path, int to, const char *name, int flags) {
  return call_fails("linkat") ? -1 : __real_linkat(from, path, to, name, flags);
}

int __wrap_unlink(const char *path) { return call_fails("unlink") ? -1 : __real_unlink(path); }

int __wrap_posix_fallocate(int fd, off_t offset, off_t length) {
  return call_fails("posix_fallocate") ? EIO : __real_posix_fallocate(fd, offset, length);
}
int __wrap_posix_fallocate64(int fd, off_t offset, off_t length) { return __wrap_posix_fallocate(fd, offset, length); }

int __wrap_msync(void *address, size_t length, int flags) {
  return call_fails("msync") ? -1 : __real_msync(address, length, flags);
}

/* ---- Lua */

/* Lua relies on shrinking to succeed (lua_Alloc). */
static void *allocate_for_lua(void *context, void *memory, size_t old_size, size_t size) {
  (void)context;
  if (size == 0) {
    __real_free(memory);
    return NULL;
  }
  if ((!memory || size > old_size) && fails(LUA_MEMORY, "memory for Lua")) return NULL;
  return __real_realloc(memory, size);
}

static int arm(lua_State *L) {
  (void)L;
  plan.is_armed = 1;
  return 0;
}

static int disarm(lua_State *L) {
  (void)L;
  plan.is_armed = 0;
  return 0;
}

static int preload(lua_State *L) {
  shmipc_preload(L);
  return 0;
}

static const char prelude[] = "function check(value, message, code)\n"
                              "  if value then return value, message, code end\n"
                              "  error({message, code}, 0)\n"
                              "end\n";

static lua_State *new_state(void) {
  lua_State *L = lua_newstate(allocate_for_lua, NULL);
  if (!L) abort();
  luaL_openlibs(L);
  lua_register(L, "arm", arm);
  lua_register(L, "disarm", disarm);
  lua_register(L, "preload", preload);
  if (luaL_dostring(L, prelude) != LUA_OK) abort();
  return L;
}

static const char *const codes[] = {
    "EXISTS",     "NOT_FOUND", "ACCESS_DENIED", "INVALID_NAME", "TOO_SMALL", "NO_SPACE",      "TIMEOUT",
    "WRONG_KIND", "CORRUPT",   "CLOSED",        "LIMIT",        "SYSTEM",    "NOT_SUPPORTED", NULL};

/* The error at the top of the stack: is it one that a failure may bring? */
static int is_expected(lua_State *L, int status) {
  const char *const *code;
  if (status == LUA_ERRMEM) return 1;
  if (lua_type(L, -1) == LUA_TSTRING) {
    static const char expected[] = "not enough memory";
    size_t length;
    const char *text = lua_tolstring(L, -1, &length);
    return length >= sizeof expected - 1 && strcmp(text + length - (sizeof expected - 1), expected) == 0;
  }
  if (lua_type(L, -1) != LUA_TTABLE || lua_rawgeti(L, -1, 1) != LUA_TSTRING || lua_rawgeti(L, -2, 2) != LUA_TSTRING)
    return 0;
  for (code = codes; *code; code++)
    if (strcmp(*code, lua_tostring(L, -1)) == 0) return 1;
  return 0;
}

/* ---- runs */

static const char *prefix, *task;
static unsigned long stride = 1;
static int to_holder, from_holder;

static int complain(const char *what, const char *detail) {
  printf("failure %lu (%s): %s%s%s\n", plan.first, plan.failed ? plan.failed : "none", what, detail ? ": " : "",
         detail ? detail : "");
  fflush(stdout);
  return 0;
}

static int call_task(lua_State *L) {
  if (luaL_loadbuffer(L, task, strlen(task), "=task") != LUA_OK) return lua_error(L);
  lua_pushstring(L, prefix);
  lua_call(L, 1, 0);
  return 0;
}

static long count_descriptors(void) {
  DIR *directory = opendir("/proc/self/fd");
  long count = 0;
  if (!directory) return 0;
  while (readdir(directory)) count++;
  closedir(directory);
  return count;
}

/* Complains about a name of the task's on /dev/shm, and takes it away, so that only its own run is blamed. */
static int no_name_is_left(void) {
  DIR *directory = opendir("/dev/shm");
  const struct dirent *entry;
  char path[300];
  int is_good = 1;
  if (!directory) return 1;
  while ((entry = readdir(directory))) {
    const char *rest = entry->d_name + strlen(prefix);
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    if (strcmp(rest, "_shared") == 0 || strcmp(rest, "_lock") == 0) continue; /* the holder's */
    is_good = complain("a name is left", entry->d_name);
    snprintf(path, sizeof path, "/dev/shm/%s", entry->d_name);
    unlink(path);
  }
  closedir(directory);
  return is_good;
}

/* Whether the holder gets the lock: 'y', 'a' (and was told "abandoned"), 'n'. */
static char ask_holder(void) {
  char answer = 'l';
  if (write(to_holder, &answer, 1) != 1 || read(from_holder, &answer, 1) != 1) return '?';
  return answer;
}

/* 1: all is as it has to be. */
static int run(unsigned long first, unsigned long count) {
  lua_State *L = new_state();
  int status, is_good = 1, never_abandons;
  char answer;
  plan.first = first;
  plan.count = count;
  plan.calls = 0;
  plan.failed = NULL;
  lua_pushcfunction(L, call_task);
  status = lua_pcall(L, 0, 0, 0);
  plan.is_armed = 0;
  if (status != LUA_OK && (!plan.failed || !is_expected(L, status)))
    is_good = complain("unexpected error", luaL_tolstring(L, -1, NULL));
  lua_getglobal(L, "never_abandons");
  never_abandons = lua_toboolean(L, -1);
  lua_close(L);
  live.descriptors = count_descriptors();
  if (plan.faculty != CALLS) is_good = no_name_is_left() && is_good;
  answer = ask_holder();
  if (answer == 'n') is_good = complain("the lock is held", NULL);
  if (answer == 'a' && never_abandons) is_good = complain("the lock was abandoned", NULL);
  if (answer == '?') is_good = complain("the holder is gone", NULL);
  return is_good;
}

static int compare(struct resources before) {
  char text[128];
  if (before.allocations == live.allocations && before.mapped == live.mapped && before.descriptors == live.descriptors)
    return 1;
  snprintf(text, sizeof text, "%ld allocations, %ld bytes of maps, %ld descriptors",
           live.allocations - before.allocations, live.mapped - before.mapped, live.descriptors - before.descriptors);
  return complain("leaked", text);
}

/* One run after another in this process, which has used the module before. */
static int run_all_here(unsigned long count, unsigned long *failures) {
  struct resources before;
  unsigned long first;
  int is_good = run(0, 0);
  before = live;
  *failures = 0;
  for (first = 1; is_good; first += stride) {
    is_good = run(first, count) && compare(before);
    if (!plan.failed) break;
    ++*failures;
  }
  return is_good && run(0, 0) && compare(before);
}

enum outcome { ALL_IS_GOOD, NOTHING_FAILED, BAD };

/* In a process that has never used the module: after the failure it must work, and have no more than a process without
 * failures has after two runs. */
static enum outcome run_in_fresh_process(unsigned long first, unsigned long count, struct resources *usual) {
  int is_good = run(first, count), has_failed = plan.failed != NULL;
  is_good = run(0, 0) && is_good;
  plan.first = first;
  is_good = no_name_is_left() && is_good;
  if (first == 0)
    *usual = live;
  else
    is_good = compare(*usual) && is_good;
  if (!is_good) return BAD;
  return has_failed ? ALL_IS_GOOD : NOTHING_FAILED;
}

/* first: 0 is the process without failures. */
static int run_all_apart(unsigned long count, unsigned long *failures) {
  struct resources *usual = __real_mmap(NULL, sizeof *usual, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned long first;
  if (usual == MAP_FAILED) return 0;
  for (first = 0;; first += first == 0 ? 1 : stride) {
    int status;
    pid_t child;
    plan.first = first;
    fflush(stdout);
    child = fork();
    if (child == 0) exit((int)run_in_fresh_process(first, count, usual));
    if (child < 0 || waitpid(child, &status, 0) != child) return complain("no process", NULL);
    if (!WIFEXITED(status)) return complain("it died", strsignal(WTERMSIG(status)));
    if (WEXITSTATUS(status) == (int)NOTHING_FAILED && first > 0) return 1;
    if (WEXITSTATUS(status) == (int)BAD) return complain("so it did not go well", NULL);
    *failures = first;
  }
}

/* ---- the process beside it */

static const char holder_script[] =
    "local prefix, try, answer = ...\n"
    "preload()\n"
    "local shmipc = require 'shmipc'\n"
    "local view <close> = check(shmipc.mapping.create(prefix .. '_shared', 64)):view()\n"
    "local mutex <close> = check(shmipc.mutex.create(prefix .. '_lock'))\n"
    "answer 'y'\n"
    "while try() do\n"
    "  local guard <close>, told = mutex:lock(0)\n"
    "  answer(not guard and 'n' or told and 'a' or 'y')\n"
    "end\n";

static int holder_try(lua_State *L) {
  char byte;
  lua_pushboolean(L, read(from_holder, &byte, 1) == 1);
  return 1;
}

static int holder_answer(lua_State *L) {
  if (write(to_holder, luaL_checkstring(L, 1), 1) != 1) return luaL_error(L, "nobody listens");
  return 0;
}

static int be_holder(void) {
  lua_State *L = new_state();
  int status = luaL_loadstring(L, holder_script);
  if (status == LUA_OK) {
    lua_pushstring(L, prefix);
    lua_pushcfunction(L, holder_try);
    lua_pushcfunction(L, holder_answer);
    status = lua_pcall(L, 3, 0, 0);
  }
  if (status != LUA_OK) printf("holder: %s\n", luaL_tolstring(L, -1, NULL));
  lua_close(L);
  return status == LUA_OK ? 0 : 1;
}

static pid_t start_holder(void) {
  int down[2], up[2];
  pid_t child;
  char ready;
  if (pipe(down) != 0 || pipe(up) != 0) return -1;
  child = fork();
  from_holder = child == 0 ? down[0] : up[0];
  to_holder = child == 0 ? up[1] : down[1];
  close(child == 0 ? down[1] : down[0]);
  close(child == 0 ? up[0] : up[1]);
  if (child == 0) exit(be_holder());
  return read(from_holder, &ready, 1) == 1 ? child : -1;
}

int main(int argc, char **argv) {
  unsigned long count, failures = 0;
  pid_t holder;
  int is_good, status;
  if (argc != 5 && argc != 6) return 2;
  plan.faculty = strcmp(argv[1], "lua") == 0 ? LUA_MEMORY : strcmp(argv[1], "memory") == 0 ? MEMORY : CALLS;
  count = strtoul(argv[2], NULL, 10);
  if (count == 0) count = (unsigned long)-1;
  prefix = argv[3];
  task = argv[4];
  if (argc == 6) stride = strtoul(argv[5], NULL, 10);
  holder = start_holder();
  if (holder < 0) return 2;
  is_good = plan.faculty == LUA_MEMORY ? run_all_here(count, &failures) : run_all_apart(count, &failures);
  close(to_holder);
  is_good = waitpid(holder, &status, 0) == holder && status == 0 && is_good;
  printf("%lu failures\n", failures);
  return is_good ? 0 : 1;
}
