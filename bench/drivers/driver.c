#define _GNU_SOURCE
#include "driver.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { NANOSECONDS = 1000000000, PATIENCE = 20, SETTLING = 20000000 /* nanoseconds */, PROCESSES_MAX = 64 };

/* Where the processes meet. Each has a cache line of its own, and alone writes to it; 0 means not yet. */
struct seat {
  _Alignas(64) _Atomic int64_t arrived;
  int64_t begun, ended;
};

void driver_fail(const char *message) {
  perror(message);
  exit(EXIT_FAILURE);
}

int64_t driver_now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * NANOSECONDS + time.tv_nsec;
}

static void *map(size_t size, int flags, int descriptor) {
  void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, descriptor, 0);
  if (address == MAP_FAILED) driver_fail("mmap");
  return address;
}

void *driver_create_memory(const char *name, size_t size) {
  int descriptor = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
  void *address;
  if (descriptor < 0 || ftruncate(descriptor, (off_t)size) != 0) driver_fail(name);
  address = map(size, MAP_SHARED | MAP_POPULATE, descriptor); /* no fault for want of a page is measured */
  close(descriptor);
  return address;
}

void driver_unlink(const char *name) {
  if (shm_unlink(name) != 0) driver_fail(name);
}

void *driver_private_memory(const char *name, size_t size) {
  void *address = driver_create_memory(name, size);
  driver_unlink(name);
  return address;
}

int64_t driver_itself(int64_t count) { return count; }

/* When all have come they stay awake for a while: the system gives each a processor of its own, if there are enough. */
static void meet(struct seat *seats, int seat, int processes) {
  int64_t arrived = driver_now(), last = arrived;
  seats[seat].arrived = arrived;
  for (int other = 0; other < processes; other++) {
    int64_t time;
    while ((time = seats[other].arrived) == 0) {
      if (driver_now() > arrived + (int64_t)PATIENCE * NANOSECONDS) driver_fail("another process has not come");
    }
    if (time > last) last = time;
  }
  while (processes > 1 && driver_now() < last + SETTLING) continue;
}

static int64_t run(const struct driver_task *task, int64_t count, void *subject, struct seat *seats, int seat,
                   int processes, int64_t *times) {
  int64_t outcome;
  meet(seats, seat, processes);
  seats[seat].begun = driver_now();
  outcome = task->part ? task->part(count, subject, seat, times) : task->loop(count, subject);
  seats[seat].ended = driver_now();
  return outcome;
}

/* From the first process's begin to the last one's end. */
static int64_t elapsed(const struct seat *seats, int processes) {
  int64_t begun = INT64_MAX, ended = 0;
  for (int seat = 0; seat < processes; seat++) {
    if (seats[seat].begun < begun) begun = seats[seat].begun;
    if (seats[seat].ended > ended) ended = seats[seat].ended;
  }
  return ended - begun;
}

static void await_others(int others) {
  for (int other = 0; other < others; other++) {
    int status;
    if (wait(&status) < 0 || status != 0) driver_fail("another process has failed");
  }
}

/* One that has a part would wait for ever for the one that has failed. */
static void end_with_child(int signal, siginfo_t *child, void *context) {
  static const char message[] = "another process has failed\n";
  (void)signal, (void)context;
  if (child->si_code == CLD_EXITED && child->si_status == EXIT_SUCCESS) return;
  if (write(STDERR_FILENO, message, sizeof message - 1) < 0) _exit(EXIT_FAILURE);
  _exit(EXIT_FAILURE);
}

static void watch_children(void) {
  struct sigaction action = {.sa_sigaction = end_with_child, .sa_flags = SA_SIGINFO | SA_RESTART | SA_NOCLDSTOP};
  if (sigaction(SIGCHLD, &action, NULL) != 0) driver_fail("sigaction");
}

static void end_with_parent(pid_t parent) {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) driver_fail("prctl");
  if (getppid() != parent) _exit(EXIT_FAILURE); /* it was dead before */
}

static int compare_times(const void *left, const void *right) {
  int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
  return (a > b) - (a < b);
}

/* Their sum, the operations, and the times within which 50 %, 99 % and 99.9 % of them were done. */
static void print_times(int64_t *times, int64_t count) {
  static const int64_t permilles[] = {500, 990, 999};
  int64_t sum = 0;
  for (int64_t i = 0; i < count; i++) sum += times[i];
  qsort(times, (size_t)count, sizeof *times, compare_times);
  printf("%" PRId64 " %" PRId64, sum, count);
  for (size_t p = 0; p < sizeof permilles / sizeof *permilles; p++) {
    printf(" %" PRId64, times[(count * permilles[p] + 999) / 1000 - 1]);
  }
  putchar('\n');
}

static int run_all(const struct driver_task *task, int64_t count, int processes, const char *name) {
  void *subject = task->prepare(name);
  struct seat *seats = map(sizeof *seats * (size_t)processes, MAP_SHARED | MAP_ANONYMOUS, -1);
  int64_t operations = task->part ? count : count * processes;
  int64_t result, expected = task->expected(operations);
  int64_t *times = NULL;
  pid_t parent = getpid();
  if (task->is_timed) {
    times = calloc((size_t)count, sizeof *times);
    if (!times) driver_fail("calloc");
  }
  watch_children();
  for (int seat = 1; seat < processes; seat++) {
    pid_t child = fork();
    if (child < 0) driver_fail("fork");
    if (child == 0) {
      end_with_parent(parent);
      run(task, count, subject, seats, seat, processes, NULL);
      _exit(EXIT_SUCCESS);
    }
  }
  result = run(task, count, subject, seats, 0, processes, times);
  await_others(processes - 1);
  if (task->result) result = task->result(subject);
  if (task->release) task->release(subject, name);
  if (result != expected) {
    fprintf(stderr, "%s: the result is %" PRId64 ", it should be %" PRId64 "\n", task->name, result, expected);
    return EXIT_FAILURE;
  }
  if (times) {
    print_times(times, operations);
  } else {
    printf("%" PRId64 " %" PRId64 "\n", elapsed(seats, processes), operations);
  }
  free(times);
  return EXIT_SUCCESS;
}

static const struct driver_task *find_task(const struct driver_task *tasks, const char *name) {
  for (; tasks->name; tasks++) {
    if (strcmp(tasks->name, name) == 0) return tasks;
  }
  return NULL;
}

int driver_main(int argc, char **argv, const struct driver_task *tasks, const char *version) {
  const struct driver_task *task;
  long processes;
  if (argc == 2 && strcmp(argv[1], "version") == 0) {
    puts(version);
    return EXIT_SUCCESS;
  }
  task = argc == 5 ? find_task(tasks, argv[1]) : NULL;
  processes = task ? strtol(argv[3], NULL, 10) : 0;
  if (processes < 1 || processes > PROCESSES_MAX) {
    fprintf(stderr, "usage: %s TASK COUNT PROCESSES NAME\n", argv[0]);
    return EXIT_FAILURE;
  }
  return run_all(task, strtoll(argv[2], NULL, 10), (int)processes, argv[4]);
}
