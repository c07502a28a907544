/* Runs one task of a program in C or C++ and prints what it took, as driver.lua does.
 *
 *     PROGRAM TASK COUNT PROCESSES NAME       the arguments of driver.lua
 *     PROGRAM version                         prints what the program was built with
 */
#ifndef SHMIPC_BENCH_DRIVER_H
#define SHMIPC_BENCH_DRIVER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct driver_task {
  const char *name;
  void *(*prepare)(const char *name);               /* what is not measured; gives the subject */
  int64_t (*loop)(int64_t count, void *subject);    /* what is measured */
  int64_t (*result)(void *subject);                 /* NULL: what the loop gave */
  int64_t (*expected)(int64_t count);               /* of `count` operations, those of all processes together */
  void (*release)(void *subject, const char *name); /* takes names away; may be NULL */

  /* In place of the loop, when the process at each seat has a part of its own in the same `count` operations; seats
   * count from 0. The first one's outcome is the result. */
  int64_t (*part)(int64_t count, void *subject, int seat, int64_t *times);
  int is_timed; /* the first process's part puts the nanoseconds of each operation into `times`, which is NULL else */
};

/* The tasks end with one whose name is NULL. When a process fails, all of them end. */
int driver_main(int argc, char **argv, const struct driver_task *tasks, const char *version);

/* Prints the message, with the system's error, and ends the process. */
void driver_fail(const char *message);

/* A new named object and its memory, zeros. The name stays. */
void *driver_create_memory(const char *name, size_t size);

/* The same without the name: it goes at once, the memory stays. */
void *driver_private_memory(const char *name, size_t size);

void driver_unlink(const char *name);

/* Nanoseconds, monotonic. */
int64_t driver_now(void);

int64_t driver_itself(int64_t count);

#ifdef __cplusplus
}
#endif

#endif
