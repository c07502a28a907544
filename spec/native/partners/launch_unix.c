/* A Lua module for the specs: starts programs, talks with them through a socket that is their standard input, output
 * and error, sends them signals, and waits for their end. Every call has a deadline, and so has every program. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

#define TYPE "launch.child"
#define LIFETIME_SECONDS 120 /* no program outlives that, should nobody end it */

struct child {
  pid_t pid; /* 0: none, or its end has been seen */
  int socket;
  int status;
};

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct child *to_child(lua_State *L) { return luaL_checkudata(L, 1, TYPE); }

static int fail(lua_State *L, const char *what) { return luaL_error(L, "%s: %s", what, strerror(errno)); }

/* In the child, before it becomes the program. */
static void become(char *const arguments[], int socket, pid_t parent) {
  static const int defaults[] = {SIGINT, SIGPIPE, SIGTERM, SIGBUS};
  sigset_t none;
  size_t i;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126);
  alarm(LIFETIME_SECONDS);
  for (i = 0; i < sizeof defaults / sizeof defaults[0]; i++) signal(defaults[i], SIG_DFL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  for (i = 0; i < 3; i++) dup2(socket, (int)i);
  execvp(arguments[0], arguments);
  fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
  _exit(127);
}

/* start(list of the program and its arguments) -> child */
static int launch_start(lua_State *L) {
  lua_Integer count, i;
  int sockets[2];
  struct child *child;
  char **arguments;
  pid_t parent = getpid();
  luaL_checktype(L, 1, LUA_TTABLE);
  count = luaL_len(L, 1);
  arguments = lua_newuserdatauv(L, ((size_t)count + 1) * sizeof *arguments, 0);
  luaL_checkstack(L, (int)count + 8, NULL);
  for (i = 0; i < count; i++) {
    lua_geti(L, 1, i + 1);
    arguments[i] = (char *)(size_t)luaL_checkstring(L, -1);
  }
  arguments[count] = NULL;
  child = lua_newuserdatauv(L, sizeof *child, 0);
  child->pid = 0;
  child->socket = -1;
  luaL_setmetatable(L, TYPE);
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) != 0) return fail(L, "socketpair");
  child->socket = sockets[0];
  fflush(NULL);
  child->pid = fork();
  if (child->pid == 0) become(arguments, sockets[1], parent);
  close(sockets[1]);
  if (child->pid < 0) {
    child->pid = 0;
    return fail(L, "fork");
  }
  return 1;
}

static int child_pid(lua_State *L) {
  lua_pushinteger(L, to_child(L)->pid);
  return 1;
}

/* read(seconds) -> some bytes; "" at the end; nil when the time is up */
static int child_read(lua_State *L) {
  struct child *child = to_child(L);
  double deadline = now() + luaL_checknumber(L, 2);
  char bytes[4096];
  for (;;) {
    struct pollfd waiting = {child->socket, POLLIN, 0};
    double left = deadline - now();
    int ready = poll(&waiting, 1, left > 0 ? (int)ceil(left * 1000) : 0);
    ssize_t count;
    if (ready == 0) return 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready < 0) return fail(L, "poll");
    count = read(child->socket, bytes, sizeof bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno != ECONNRESET) return fail(L, "read");
    lua_pushlstring(L, bytes, count > 0 ? (size_t)count : 0);
    return 1;
  }
}

/* write(text) -> true, or nothing when the program reads no more */
static int child_write(lua_State *L) {
  struct child *child = to_child(L);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  while (length > 0) {
    ssize_t count = send(child->socket, text, length, MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && (errno == EPIPE || errno == ECONNRESET)) return 0;
    if (count < 0) return fail(L, "send");
    text += count;
    length -= (size_t)count;
  }
  lua_pushboolean(L, 1);
  return 1;
}

/* The program finds the end of its input. */
static int child_end_input(lua_State *L) {
  shutdown(to_child(L)->socket, SHUT_WR);
  return 0;
}

/* signal("kill" | "interrupt" | "stop" | "continue") */
static int child_signal(lua_State *L) {
  static const char *const names[] = {"kill", "interrupt", "stop", "continue", NULL};
  static const int signals[] = {SIGKILL, SIGINT, SIGSTOP, SIGCONT};
  struct child *child = to_child(L);
  int which = luaL_checkoption(L, 2, NULL, names);
  if (child->pid == 0) return luaL_error(L, "the process has ended");
  if (kill(child->pid, signals[which]) != 0) return fail(L, "kill");
  return 0;
}

static void pause_a_little(void) {
  const struct timespec moment = {0, 1000000};
  nanosleep(&moment, NULL);
}

/* wait(seconds) -> "exit", code | "signal", number; nothing when the time is up */
static int child_wait(lua_State *L) {
  struct child *child = to_child(L);
  double deadline = now() + luaL_checknumber(L, 2);
  while (child->pid != 0) {
    pid_t ended = waitpid(child->pid, &child->status, WNOHANG);
    if (ended < 0 && errno != EINTR) return fail(L, "waitpid");
    if (ended == child->pid)
      child->pid = 0;
    else if (now() >= deadline)
      return 0;
    else
      pause_a_little();
  }
  lua_pushstring(L, WIFEXITED(child->status) ? "exit" : "signal");
  lua_pushinteger(L, WIFEXITED(child->status) ? WEXITSTATUS(child->status) : WTERMSIG(child->status));
  return 2;
}

/* is_asleep() -> whether its first thread waits in the kernel, or is stopped, or dead (proc(5)) */
static int child_is_asleep(lua_State *L) {
  struct child *child = to_child(L);
  char path[40], text[256], *state;
  size_t length;
  FILE *file;
  if (child->pid == 0) return luaL_error(L, "the process has ended");
  snprintf(path, sizeof path, "/proc/%d/stat", (int)child->pid);
  file = fopen(path, "re");
  if (!file) return fail(L, path);
  length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = 0;
  state = strrchr(text, ')');
  lua_pushboolean(L, state && strchr("STZ", state[2]) != NULL);
  return 1;
}

/* Ends the program if it still runs. */
static int child_close(lua_State *L) {
  struct child *child = to_child(L);
  if (child->pid != 0) {
    kill(child->pid, SIGKILL);
    while (waitpid(child->pid, &child->status, 0) < 0 && errno == EINTR) {
    }
    child->pid = 0;
  }
  if (child->socket >= 0) close(child->socket);
  child->socket = -1;
  return 0;
}

int luaopen_launch(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"pid", child_pid},       {"read", child_read}, {"write", child_write},         {"end_input", child_end_input},
      {"signal", child_signal}, {"wait", child_wait}, {"is_asleep", child_is_asleep}, {"close", child_close},
      {"__gc", child_close},    {NULL, NULL}};
  static const luaL_Reg functions[] = {{"start", launch_start}, {NULL, NULL}};
  luaL_newmetatable(L, TYPE);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}
