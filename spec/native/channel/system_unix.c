#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARGUMENTS_MAX 8
#define PARENT "SHMIPC_TEST_PARENT"

extern char **environ;

struct child {
  pid_t pid;
  int state;
};

void system_begin(void) {
  const struct rlimit none = {0, 0};
  const char *parent = getenv(PARENT);
  char self[24];
  setrlimit(RLIMIT_CORE, &none);
  if (parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != (pid_t)strtol(parent, NULL, 10)) _exit(2);
  } else {
    snprintf(self, sizeof self, "%d", (int)getpid());
    setenv(PARENT, self, 1);
  }
}

struct child *child_start(const char *const *arguments) {
  struct child *child = malloc(sizeof *child);
  char *list[ARGUMENTS_MAX] = {program_invocation_name};
  size_t i;
  if (!child) return NULL;
  for (i = 0; arguments[i] && i + 2 < ARGUMENTS_MAX; i++) list[i + 1] = (char *)(size_t)arguments[i];
  child->state = CHILD_RUNS;
  if (posix_spawn(&child->pid, "/proc/self/exe", NULL, NULL, list, environ) == 0) return child;
  free(child);
  return NULL;
}

static int state_of(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : CHILD_KILLED + WTERMSIG(status); }

int child_state(struct child *child) {
  int status;
  if (child->state == CHILD_RUNS && waitpid(child->pid, &status, WNOHANG) == child->pid)
    child->state = state_of(status);
  return child->state;
}

void child_stop(struct child *child) { kill(child->pid, SIGSTOP); }
void child_continue(struct child *child) { kill(child->pid, SIGCONT); }

void child_kill(struct child *child) {
  int status;
  if (child->state != CHILD_RUNS) return;
  kill(child->pid, SIGKILL);
  while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR) {
  }
  child->state = state_of(status);
}

void child_forget(struct child *child) {
  child_kill(child);
  free(child);
}

void system_die(unsigned way) {
  switch (way) {
  case 0: kill(getpid(), SIGKILL); break;
  case 1: abort();
  default: break;
  }
  _exit(3);
}

unsigned system_process_number(void) { return (unsigned)getpid(); }

void system_print(const char *line, size_t length) {
  if (write(STDOUT_FILENO, line, length) < 0) return;
}

static void path_of(char path[256], const char *name) { snprintf(path, 256, "/dev/shm/%s", name); }

char *system_map(const char *name, size_t *size) {
  struct stat status;
  char path[256];
  void *bytes = MAP_FAILED;
  int file;
  path_of(path, name);
  file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return NULL;
  if (fstat(file, &status) == 0 && status.st_size > 0)
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (bytes == MAP_FAILED) return NULL;
  *size = (size_t)status.st_size;
  return bytes;
}

void system_unmap(char *bytes, size_t size) { munmap(bytes, size); }

int system_cut(const char *name, size_t size) {
  char path[256];
  path_of(path, name);
  return truncate(path, (off_t)size) == 0;
}

int system_is_left(const char *name) {
  struct stat status;
  char path[256];
  path_of(path, name);
  return lstat(path, &status) == 0;
}
