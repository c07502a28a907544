#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include "stress.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PRINTED_FAILURES 8

static const char *program;
static struct stress_option *known;
static size_t known_count;
static pid_t program_id;
static _Atomic(unsigned) *failures;
static uint64_t random_state, seed, children;

static void usage(void) {
  size_t i;
  fprintf(stderr, "usage: %s [key=value] ...\n", program);
  for (i = 0; i < known_count; i++) {
    fprintf(stderr, "  %-12s %s (", known[i].key, known[i].meaning);
    if (known[i].text)
      fprintf(stderr, "%s)\n", known[i].text);
    else
      fprintf(stderr, "%llu)\n", (unsigned long long)known[i].value);
  }
  exit(2);
}

static struct stress_option *find_option(const char *key, size_t length) {
  size_t i;
  for (i = 0; i < known_count; i++)
    if (strlen(known[i].key) == length && memcmp(known[i].key, key, length) == 0) return &known[i];
  return NULL;
}

void stress_begin(int argc, char **argv, struct stress_option *options, size_t count) {
  const char *slash = strrchr(argv[0], '/');
  int i;
  program = slash ? slash + 1 : argv[0];
  program_id = getpid();
  known = options;
  known_count = count;
  for (i = 1; i < argc; i++) {
    const char *equals = strchr(argv[i], '=');
    struct stress_option *option = equals ? find_option(argv[i], (size_t)(equals - argv[i])) : NULL;
    char *end;
    if (!option || equals[1] == '\0') usage();
    if (option->text) {
      option->text = equals + 1;
      continue;
    }
    option->value = strtoull(equals + 1, &end, 10);
    if (*end != '\0') usage();
  }
  failures = stress_share(sizeof *failures);
  seed = find_option("seed", 4) ? stress_option("seed") : 1;
  random_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static const struct stress_option *option_of(const char *key) {
  const struct stress_option *option = find_option(key, strlen(key));
  if (!option) stress_give_up(2, "there is no option %s", key);
  return option;
}

uint64_t stress_option(const char *key) { return option_of(key)->value; }
const char *stress_option_text(const char *key) { return option_of(key)->text; }

/* One write(2), so that the lines of several processes do not mix, and none is printed twice by a fork. */
static void print_line(const char *prefix, const char *format, va_list arguments) {
  char line[1024];
  int used = snprintf(line, sizeof line - 1, "%s: %s", program, prefix);
  used += vsnprintf(line + used, sizeof line - 1 - (size_t)used, format, arguments);
  if (used > (int)sizeof line - 2) used = (int)sizeof line - 2;
  line[used] = '\n';
  if (write(STDOUT_FILENO, line, (size_t)used + 1) < 0) return;
}

void stress_fail(const char *format, ...) {
  va_list arguments;
  if (atomic_fetch_add(failures, 1) >= PRINTED_FAILURES) return;
  va_start(arguments, format);
  print_line("broken: ", format, arguments);
  va_end(arguments);
}

unsigned stress_failures(void) { return atomic_load(failures); }

int stress_end(const char *format, ...) {
  unsigned found = atomic_load(failures);
  char prefix[40] = "ok: ";
  va_list arguments;
  if (found > 0) snprintf(prefix, sizeof prefix, "%u broken promises: ", found);
  va_start(arguments, format);
  print_line(prefix, format, arguments);
  va_end(arguments);
  return found > 0;
}

const char *stress_status(enum shmipc_status status) {
  static const char *const status_names[] = {"OK",
#define X(name, text) #name,
                                             SHMIPC_CODES(X) SHMIPC_RAISED(X)
#undef X
  };
  return status_names[status];
}

void stress_give_up(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  print_line("cannot run: ", format, arguments);
  va_end(arguments);
  _exit(status);
}

uint64_t stress_random(void) { /* xorshift64* */
  random_state ^= random_state >> 12;
  random_state ^= random_state << 25;
  random_state ^= random_state >> 27;
  return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t stress_below(uint64_t limit) { return (stress_random() >> 11) % limit; }

uint64_t stress_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * STRESS_SECOND + (uint64_t)now.tv_nsec;
}

void stress_sleep(uint64_t duration) {
  struct timespec time = {(time_t)(duration / STRESS_SECOND), (long)(duration % STRESS_SECOND)};
  nanosleep(&time, NULL);
}

void *stress_share(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) stress_give_up(2, "mmap: %s", strerror(errno));
  return memory;
}

pid_t stress_fork(void (*body)(void *context), void *context) {
  pid_t parent = getpid(), child;
  children++;
  fflush(stdout);
  child = fork();
  if (child < 0) stress_give_up(2, "fork: %s", strerror(errno));
  if (child > 0) return child;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(2);
  random_state = (random_state ^ children) * UINT64_C(0x9e3779b97f4a7c15) + 1;
  stress_random();
  body(context);
  _exit(0);
}

int stress_wait(pid_t child, uint64_t limit) {
  const uint64_t until = stress_clock() + limit;
  uint64_t pause = 20000;
  int status, hangs = 0;
  for (;;) {
    pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    if (ended < 0 && errno != EINTR) stress_give_up(2, "waitpid: %s", strerror(errno));
    if (!hangs && stress_clock() > until) {
      stress_fail("a process hangs");
      kill(child, SIGKILL);
      hangs = 1;
    }
    stress_sleep(pause);
    if (pause < 1000000) pause *= 2;
  }
}

void stress_kill(pid_t child) {
  int status;
  kill(child, SIGKILL);
  do {
    while (waitpid(child, &status, 0) < 0)
      if (errno != EINTR) stress_give_up(2, "waitpid: %s", strerror(errno));
  } while (!WIFEXITED(status) && !WIFSIGNALED(status)); /* a traced child may have stopped first */
}

int stress_sleeps(pid_t process) {
  char path[40], line[512], *state;
  FILE *file;
  size_t count;
  snprintf(path, sizeof path, "/proc/%d/stat", (int)process);
  file = fopen(path, "re");
  if (!file) return 0;
  count = fread(line, 1, sizeof line - 1, file);
  fclose(file);
  line[count] = '\0';
  state = strrchr(line, ')'); /* the program's name stands before it, in parentheses (proc(5)) */
  return state && state[1] == ' ' && state[2] == 'S';
}

void stress_name(char name[STRESS_NAME], const char *tag) {
  snprintf(name, STRESS_NAME, "%s_%d_%s", program, (int)program_id, tag);
}

static void name_path(char path[STRESS_NAME + 16], const char *name) {
  snprintf(path, STRESS_NAME + 16, "/dev/shm/%s", name);
}

int stress_name_exists(const char *name) {
  char path[STRESS_NAME + 16];
  struct stat status;
  name_path(path, name);
  return lstat(path, &status) == 0;
}

void stress_name_remove(const char *name) {
  char path[STRESS_NAME + 16];
  name_path(path, name);
  unlink(path);
}
