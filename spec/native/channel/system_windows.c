#include "system.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <windows.h>

#define LINE_MAX 1024
#define KILLED 0x4B494C4C /* the exit code of a program that was ended by force */
#define EXIT_MAX 255      /* more is an exception's code, or abort()'s */
#define ATTEMPTS 5

struct child {
  HANDLE process, thread;
  int state;
};

static HANDLE job;

void system_begin(void) {
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limit;
  SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX);
  job = CreateJobObjectW(NULL, NULL);
  memset(&limit, 0, sizeof limit);
  limit.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limit, sizeof limit);
}

/* No argument of ours has spaces or quotes in it; the program's own path may have spaces. */
static int line_of(char line[LINE_MAX], const char *const *arguments) {
  size_t used = 1;
  const DWORD length = GetModuleFileNameA(NULL, line + 1, LINE_MAX - 2);
  if (length == 0 || length >= LINE_MAX - 2) return 0;
  line[0] = '"';
  used += length;
  line[used++] = '"';
  line[used] = '\0';
  for (; *arguments; arguments++) {
    const int more = snprintf(line + used, LINE_MAX - used, " %s", *arguments);
    if (more < 0 || (size_t)more >= LINE_MAX - used) return 0;
    used += (size_t)more;
  }
  return 1;
}

struct child *child_start(const char *const *arguments) {
  struct child *child = malloc(sizeof *child);
  PROCESS_INFORMATION process;
  STARTUPINFOA startup;
  char line[LINE_MAX];
  BOOL ok = FALSE;
  int attempt;
  memset(&startup, 0, sizeof startup);
  startup.cb = sizeof startup;
  /* Under Wine a program can fail to begin when the addresses that it needs are taken; they differ each time. */
  for (attempt = 0; child && attempt < ATTEMPTS && !ok; attempt++) {
    ok = line_of(line, arguments) &&
         CreateProcessA(NULL, line, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL, &startup, &process);
    if (!ok && GetLastError() != ERROR_INTERNAL_ERROR) break;
  }
  if (!ok) {
    free(child);
    return NULL;
  }
  AssignProcessToJobObject(job, process.hProcess);
  ResumeThread(process.hThread);
  child->process = process.hProcess;
  child->thread = process.hThread;
  child->state = CHILD_RUNS;
  return child;
}

int child_state(struct child *child) {
  DWORD code;
  if (child->state == CHILD_RUNS && WaitForSingleObject(child->process, 0) == WAIT_OBJECT_0 &&
      GetExitCodeProcess(child->process, &code))
    child->state = code <= EXIT_MAX ? (int)code : CHILD_KILLED + (int)(code & 0xffffff);
  return child->state;
}

/* It has one thread. */
void child_stop(struct child *child) { SuspendThread(child->thread); }
void child_continue(struct child *child) { ResumeThread(child->thread); }

void child_kill(struct child *child) {
  if (child->state != CHILD_RUNS) return;
  TerminateProcess(child->process, KILLED);
  WaitForSingleObject(child->process, INFINITE);
  child_state(child);
}

void child_forget(struct child *child) {
  child_kill(child);
  CloseHandle(child->thread);
  CloseHandle(child->process);
  free(child);
}

static void end_aborted(int signal) {
  (void)signal;
  TerminateProcess(GetCurrentProcess(), KILLED); /* without a box that asks what to do */
}

void system_die(unsigned way) {
  switch (way) {
  case 0: TerminateProcess(GetCurrentProcess(), KILLED); break;
  case 1: signal(SIGABRT, end_aborted); abort();
  default: break;
  }
  ExitProcess(3);
}

unsigned system_process_number(void) { return (unsigned)GetCurrentProcessId(); }

void system_print(const char *line, size_t length) {
  DWORD written;
  WriteFile(GetStdHandle(STD_OUTPUT_HANDLE), line, (DWORD)length, &written, NULL);
}

char *system_map(const char *name, size_t *size) {
  HANDLE section = OpenFileMappingA(FILE_MAP_READ | FILE_MAP_WRITE, FALSE, name);
  MEMORY_BASIC_INFORMATION region;
  char *bytes;
  if (!section) return NULL;
  bytes = MapViewOfFile(section, FILE_MAP_READ | FILE_MAP_WRITE, 0, 0, 0);
  CloseHandle(section);
  if (!bytes || VirtualQuery(bytes, &region, sizeof region) == 0) return NULL;
  *size = region.RegionSize;
  return bytes;
}

void system_unmap(char *bytes, size_t size) {
  (void)size;
  UnmapViewOfFile(bytes);
}

int system_cut(const char *name, size_t size) {
  (void)name, (void)size;
  return 0; /* no section gets smaller */
}

int system_is_left(const char *name) {
  (void)name;
  return 0; /* a name is the last handle's */
}
