/* A Lua module for the specs, as launch_unix.c: starts programs, talks with them through pipes that are their standard
 * input, output and error, stops them, ends them. Every call has a deadline. No program outlives this one: they are in
 * a job that ends with it. */
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#include <lauxlib.h>
#include <lua.h>

#define TYPE "launch.child"
#define KILLED 0x4B494C4C /* the exit code of a program that was ended by force */

struct child {
  HANDLE process; /* NULL: none */
  HANDLE output, input;
  DWORD pid;
  DWORD code; /* once it is closed */
};

static HANDLE job;

static struct child *to_child(lua_State *L) { return luaL_checkudata(L, 1, TYPE); }

static int fail(lua_State *L, const char *what) { return luaL_error(L, "%s: error %d", what, (int)GetLastError()); }

static double now(void) { return (double)GetTickCount64() / 1000; }

/* One argument as the C runtime's parser takes it back: quotes and the backslashes before them are escaped. */
static void add_argument(luaL_Buffer *line, const char *argument) {
  size_t backslashes = 0;
  luaL_addchar(line, '"');
  for (; *argument; argument++) {
    if (*argument == '"')
      for (backslashes++; backslashes > 0; backslashes--) luaL_addchar(line, '\\');
    backslashes = *argument == '\\' ? backslashes + 1 : 0;
    luaL_addchar(line, *argument);
  }
  for (; backslashes > 0; backslashes--) luaL_addchar(line, '\\');
  luaL_addchar(line, '"');
}

/* Pushes UTF-8 as wide text. */
static wchar_t *push_wide(lua_State *L, const char *text) {
  int length = MultiByteToWideChar(CP_UTF8, 0, text, -1, NULL, 0);
  wchar_t *wide = lua_newuserdatauv(L, (size_t)length * sizeof *wide, 0);
  MultiByteToWideChar(CP_UTF8, 0, text, -1, wide, length);
  return wide;
}

/* A pipe of which the program inherits one end. */
static BOOL make_pipe(HANDLE *ours, HANDLE *theirs, BOOL is_input) {
  SECURITY_ATTRIBUTES inherited = {sizeof inherited, NULL, TRUE};
  HANDLE reading, writing;
  if (!CreatePipe(&reading, &writing, &inherited, 1 << 16)) return FALSE;
  *ours = is_input ? writing : reading;
  *theirs = is_input ? reading : writing;
  return SetHandleInformation(*ours, HANDLE_FLAG_INHERIT, 0);
}

/* start(list of the program and its arguments) -> child */
static int launch_start(lua_State *L) {
  STARTUPINFOW startup;
  PROCESS_INFORMATION process;
  HANDLE their_input = NULL, their_output = NULL;
  struct child *child;
  lua_Integer count, i;
  luaL_Buffer line;
  wchar_t *wide;
  BOOL ok;
  int attempt;
  luaL_checktype(L, 1, LUA_TTABLE);
  count = luaL_len(L, 1);
  luaL_buffinit(L, &line);
  for (i = 1; i <= count; i++) {
    size_t length;
    char *copy;
    lua_geti(L, 1, i);
    copy = _strdup(luaL_checklstring(L, -1, &length));
    lua_pop(L, 1);
    if (i > 1) luaL_addchar(&line, ' ');
    add_argument(&line, copy);
    free(copy);
  }
  luaL_pushresult(&line);
  wide = push_wide(L, lua_tostring(L, -1));
  child = lua_newuserdatauv(L, sizeof *child, 0);
  memset(child, 0, sizeof *child);
  luaL_setmetatable(L, TYPE);
  if (!make_pipe(&child->output, &their_output, FALSE) || !make_pipe(&child->input, &their_input, TRUE))
    return fail(L, "CreatePipe");
  memset(&startup, 0, sizeof startup);
  startup.cb = sizeof startup;
  startup.dwFlags = STARTF_USESTDHANDLES;
  startup.hStdInput = their_input;
  startup.hStdOutput = startup.hStdError = their_output;
  /* Under Wine a program can fail to begin when the addresses that it needs are taken; they differ each time. */
  for (attempt = 0, ok = FALSE; attempt < 5 && !ok; attempt++) {
    ok = CreateProcessW(NULL, wide, NULL, NULL, TRUE, CREATE_SUSPENDED | CREATE_NO_WINDOW, NULL, NULL, &startup,
                        &process);
    if (!ok && GetLastError() != ERROR_INTERNAL_ERROR) break;
  }
  CloseHandle(their_input);
  CloseHandle(their_output);
  if (!ok) return fail(L, "CreateProcess");
  AssignProcessToJobObject(job, process.hProcess);
  ResumeThread(process.hThread);
  CloseHandle(process.hThread);
  child->process = process.hProcess;
  child->pid = process.dwProcessId;
  return 1;
}

static int child_pid(lua_State *L) {
  lua_pushinteger(L, to_child(L)->pid);
  return 1;
}

/* read(seconds) -> some bytes; "" at the end; nil when the time is up. Line ends are as Lua's text files have them. */
static int child_read(lua_State *L) {
  struct child *child = to_child(L);
  double deadline = now() + luaL_checknumber(L, 2);
  char bytes[4096];
  DWORD count, kept = 0, i;
  for (;;) {
    if (!PeekNamedPipe(child->output, NULL, 0, NULL, &count, NULL)) {
      lua_pushliteral(L, "");
      return 1;
    }
    if (count > 0) break;
    if (now() >= deadline) return 0;
    Sleep(1);
  }
  if (!ReadFile(child->output, bytes, sizeof bytes, &count, NULL)) count = 0;
  for (i = 0; i < count; i++)
    if (bytes[i] != '\r') bytes[kept++] = bytes[i];
  if (count > 0 && kept == 0) return child_read(L);
  lua_pushlstring(L, bytes, kept);
  return 1;
}

/* write(text) -> true, or nothing when the program reads no more */
static int child_write(lua_State *L) {
  struct child *child = to_child(L);
  size_t length;
  const char *text = luaL_checklstring(L, 2, &length);
  DWORD written;
  if (!child->input || !WriteFile(child->input, text, (DWORD)length, &written, NULL)) return 0;
  lua_pushboolean(L, 1);
  return 1;
}

static void close_input(struct child *child) {
  if (child->input) CloseHandle(child->input);
  child->input = NULL;
}

/* The program finds the end of its input. */
static int child_end_input(lua_State *L) {
  close_input(to_child(L));
  return 0;
}

/* Events of Ctrl-C on their way to this process, which is meant by none of them. */
static volatile LONG expected_events;

static BOOL WINAPI on_event(DWORD event) {
  LONG expected = expected_events;
  if (event != CTRL_C_EVENT || expected == 0) return FALSE;
  InterlockedDecrement(&expected_events);
  return TRUE;
}

/* Ctrl-C goes to all programs of a console: each program that was started here has one of its own, where we join it for
 * a moment. */
static int interrupt(lua_State *L, DWORD pid) {
  BOOL ok;
  FreeConsole();
  if (!AttachConsole(pid)) return fail(L, "AttachConsole");
  InterlockedIncrement(&expected_events);
  ok = GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0);
  FreeConsole();
  if (!ok) return fail(L, "GenerateConsoleCtrlEvent");
  return 0;
}

typedef LONG(WINAPI *process_function)(HANDLE);

/* NtSuspendProcess, NtResumeProcess: what debuggers use. */
static int call_native(lua_State *L, const char *name, HANDLE process) {
  FARPROC found = GetProcAddress(GetModuleHandleA("ntdll.dll"), name);
  process_function function;
  if (!found) return luaL_error(L, "%s is not there", name);
  memcpy(&function, &found, sizeof function);
  if (function(process) < 0) return luaL_error(L, "%s failed", name);
  return 0;
}

/* signal("kill" | "interrupt" | "stop" | "continue") */
static int child_signal(lua_State *L) {
  static const char *const names[] = {"kill", "interrupt", "stop", "continue", NULL};
  struct child *child = to_child(L);
  if (!child->process) return luaL_error(L, "the process has ended");
  switch (luaL_checkoption(L, 2, NULL, names)) {
  case 0: TerminateProcess(child->process, KILLED); return 0;
  case 1: return interrupt(L, child->pid);
  case 2: return call_native(L, "NtSuspendProcess", child->process);
  default: return call_native(L, "NtResumeProcess", child->process);
  }
}

/* wait(seconds) -> "exit", code | "signal", 9; nothing when the time is up */
static int child_wait(lua_State *L) {
  struct child *child = to_child(L);
  lua_Number seconds = luaL_checknumber(L, 2);
  DWORD code = child->code;
  if (child->process && WaitForSingleObject(child->process, (DWORD)(seconds > 0 ? seconds * 1000 : 0)) != WAIT_OBJECT_0)
    return 0;
  if (child->process) GetExitCodeProcess(child->process, &code);
  lua_pushstring(L, code == KILLED ? "signal" : "exit");
  lua_pushinteger(L, code == KILLED ? 9 : (lua_Integer)code);
  return 2;
}

/* is_asleep() -> true: this system does not tell. Who needs more than a hint needs another sign. */
static int child_is_asleep(lua_State *L) {
  lua_pushboolean(L, to_child(L)->process != NULL);
  return 1;
}

/* Ends the program if it still runs. */
static int child_close(lua_State *L) {
  struct child *child = to_child(L);
  if (child->process) {
    TerminateProcess(child->process, KILLED);
    WaitForSingleObject(child->process, INFINITE);
    GetExitCodeProcess(child->process, &child->code);
    CloseHandle(child->process);
    child->process = NULL;
  }
  close_input(child);
  if (child->output) CloseHandle(child->output);
  child->output = NULL;
  return 0;
}

__declspec(dllexport) int luaopen_launch(lua_State *L) {
  static const luaL_Reg methods[] = {
      {"pid", child_pid},       {"read", child_read}, {"write", child_write},         {"end_input", child_end_input},
      {"signal", child_signal}, {"wait", child_wait}, {"is_asleep", child_is_asleep}, {"close", child_close},
      {"__gc", child_close},    {NULL, NULL}};
  static const luaL_Reg functions[] = {{"start", launch_start}, {NULL, NULL}};
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;
  if (!job) {
    job = CreateJobObjectW(NULL, NULL);
    memset(&limit, 0, sizeof limit);
    limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
    SetConsoleCtrlHandler(NULL, FALSE); /* programs inherit whether Ctrl-C is ignored */
    SetConsoleCtrlHandler(on_event, TRUE);
  }
  luaL_newmetatable(L, TYPE);
  luaL_setfuncs(L, methods, 0);
  lua_pushvalue(L, -1);
  lua_setfield(L, -2, "__index");
  luaL_newlib(L, functions);
  return 1;
}
