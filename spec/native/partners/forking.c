/* A Lua module for the specs: fork(2) and what belongs to it. */
#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>

/* fork() -> the child's pid; 0 in the child */
static int forking_fork(lua_State *L) {
  pid_t pid;
  fflush(NULL);
  pid = fork();
  if (pid < 0) return luaL_error(L, "fork: %s", strerror(errno));
  lua_pushinteger(L, pid);
  return 1;
}

/* wait(pid) -> "exit", code | "signal", number */
static int forking_wait(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  int status;
  while (waitpid(pid, &status, 0) < 0)
    if (errno != EINTR) return luaL_error(L, "waitpid: %s", strerror(errno));
  lua_pushstring(L, WIFEXITED(status) ? "exit" : "signal");
  lua_pushinteger(L, WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
  return 2;
}

/* leave(code): _exit(2), without any tidying */
static int forking_leave(lua_State *L) { _exit((int)luaL_checkinteger(L, 1)); }

/* kill(pid) */
static int forking_kill(lua_State *L) {
  pid_t pid = (pid_t)luaL_checkinteger(L, 1);
  if (kill(pid, SIGKILL) != 0) return luaL_error(L, "kill: %s", strerror(errno));
  return 0;
}

int luaopen_forking(lua_State *L) {
  static const luaL_Reg functions[] = {
      {"fork", forking_fork}, {"wait", forking_wait}, {"leave", forking_leave}, {"kill", forking_kill}, {NULL, NULL}};
  luaL_newlib(L, functions);
  return 1;
}
