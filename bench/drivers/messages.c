#define _GNU_SOURCE
#include "messages.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "driver.h"

enum { SPINS = 500, ASLEEP_AFTER = 100000 /* nanoseconds */ };

/* What the task's name says. */
static const struct messages_wire *wire;
static size_t size;

struct message {
  _Alignas(64) unsigned char bytes[MESSAGES_SIZE_MAX];
};

static int64_t number_of(const struct message *message) {
  int64_t number;
  memcpy(&number, message->bytes, sizeof number);
  return number;
}

static void set_number(struct message *message, int64_t number) { memcpy(message->bytes, &number, sizeof number); }

static void relax(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

void messages_spin(int *turns) {
  if (++*turns % SPINS == 0) {
    sched_yield();
  } else {
    relax();
  }
}

static void stay_awake(int64_t nanoseconds) {
  int64_t end = driver_now() + nanoseconds;
  while (driver_now() < end) relax();
}

static void *prepare(const char *name) { return wire->open(name, size); }

static void answer(int64_t count, void *subject) {
  static struct message message;
  for (int64_t i = 1; i <= count; i++) {
    wire->receive(subject, 0, message.bytes, size);
    wire->send(subject, 1, message.bytes, size);
  }
}

/* Gives the number of right answers. */
static int64_t ask(int64_t count, void *subject) {
  static struct message question, reply;
  int64_t right = 0;
  for (int64_t i = 1; i <= count; i++) {
    set_number(&question, i);
    wire->send(subject, 0, question.bytes, size);
    wire->receive(subject, 1, reply.bytes, size);
    right += number_of(&reply) == i;
  }
  return right;
}

/* Takes the time of each, and waits before it. */
static int64_t ask_timed(int64_t count, void *subject, int64_t *times, int64_t wait) {
  static struct message question, reply;
  int64_t right = 0;
  for (int64_t i = 1; i <= count; i++) {
    int64_t begun;
    set_number(&question, i);
    if (wait) stay_awake(wait);
    begun = driver_now();
    wire->send(subject, 0, question.bytes, size);
    wire->receive(subject, 1, reply.bytes, size);
    times[i - 1] = driver_now() - begun;
    right += number_of(&reply) == i;
  }
  return right;
}

static int64_t round_trip(int64_t count, void *subject, int seat, int64_t *times) {
  (void)times;
  if (seat == 0) return ask(count, subject);
  answer(count, subject);
  return 0;
}

static int64_t timed_round_trip(int64_t count, void *subject, int seat, int64_t *times) {
  if (seat == 0) return ask_timed(count, subject, times, 0);
  answer(count, subject);
  return 0;
}

static int64_t asleep_round_trip(int64_t count, void *subject, int seat, int64_t *times) {
  if (seat == 0) return ask_timed(count, subject, times, ASLEEP_AFTER);
  answer(count, subject);
  return 0;
}

/* The first process receives, and gives the number of right messages; the second one sends. */
static int64_t one_way(int64_t count, void *subject, int seat, int64_t *times) {
  static struct message message;
  int64_t right = 0;
  (void)times;
  for (int64_t i = 1; i <= count; i++) {
    if (seat == 0) {
      wire->receive(subject, 1, message.bytes, size);
      right += number_of(&message) == i;
    } else {
      set_number(&message, i);
      wire->send(subject, 1, message.bytes, size);
    }
  }
  return right;
}

static const struct driver_task works[] = {
    {"round_trip", prepare, .expected = driver_itself, .part = round_trip},
    {"latency", prepare, .expected = driver_itself, .part = timed_round_trip, .is_timed = 1},
    {"asleep", prepare, .expected = driver_itself, .part = asleep_round_trip, .is_timed = 1},
    {"one_way", prepare, .expected = driver_itself, .part = one_way},
    {NULL},
};

/* Whether the text is WIRE_WORK_SIZE for that wire and that work. Sets the size. */
static int is_called(const char *text, const char *wire_name, const char *work_name) {
  char format[64], end;
  snprintf(format, sizeof format, "%s_%s_%%zu%%c", wire_name, work_name);
  return sscanf(text, format, &size, &end) == 1 && size % 8 == 0 && size > 0 && size <= MESSAGES_SIZE_MAX;
}

/* The work with the task's own name, or one without a name. */
static struct driver_task find(const char *text, const struct messages_wire *wires) {
  for (wire = wires; wire->name; wire++) {
    for (const struct driver_task *work = works; work->name; work++) {
      struct driver_task task = *work;
      task.name = text;
      if (is_called(text, wire->name, work->name)) return task;
    }
  }
  return (struct driver_task){NULL};
}

int messages_main(int argc, char **argv, const struct messages_wire *wires, const char *version) {
  struct driver_task tasks[2] = {{NULL}, {NULL}};
  if (argc > 1) tasks[0] = find(argv[1], wires);
  return driver_main(argc, argv, tasks, version);
}
