/* What the stress programs share.
 *
 * A program is a main process and the children that it forks. The main process never uses shmipc itself, so that each
 * child is as new to it as a started program. Children report through shared memory, which outlives any of them.
 * A program prints its result in one line and exits with 0, or with 1 when a promise was broken; 2: it could not run,
 * STRESS_CANNOT: this system does not let it. */
#ifndef STRESS_H
#define STRESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "os/status.h"

#define STRESS_CANNOT 77
#define STRESS_SECOND UINT64_C(1000000000) /* times are nanoseconds */
#define STRESS_NAME 64

/* Whether a sanitizer has added instructions of its own to everything. */
#if defined(__SANITIZE_ADDRESS__)
#define STRESS_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define STRESS_SANITIZED 1
#endif
#endif
#ifndef STRESS_SANITIZED
#define STRESS_SANITIZED 0
#endif

/* `key=value` on the command line. */
struct stress_option {
  const char *key;
  uint64_t value; /* unless it is given */
  const char *meaning;
  const char *text; /* the same for a value that is not a number; else NULL */
};

/* Reads the options, exits with 2 and a usage when they are wrong. The option "seed" also starts the random sequence.
 * pre: the first call of the program. */
void stress_begin(int argc, char **argv, struct stress_option *options, size_t count);
uint64_t stress_option(const char *key);
const char *stress_option_text(const char *key);

/* A broken promise. The first few are printed; any process may call it. */
void stress_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
unsigned stress_failures(void);

/* Prints the program's one line; gives the exit status. */
int stress_end(const char *format, ...) __attribute__((format(printf, 1, 2)));

const char *stress_status(enum shmipc_status status);

/* The program cannot go on: prints why and exits. */
_Noreturn void stress_give_up(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

uint64_t stress_random(void);
uint64_t stress_below(uint64_t limit); /* 0 … limit - 1 */

uint64_t stress_clock(void);
void stress_sleep(uint64_t duration);

/* Zeroed memory that the children forked from now on share. */
void *stress_share(size_t size);

/* A child with a random sequence of its own. It dies with its parent, and ends with 0 when body returns. */
pid_t stress_fork(void (*body)(void *context), void *context);

/* waitpid(2), except that a child which is still there after the limit is a broken promise, and is killed. */
int stress_wait(pid_t child, uint64_t limit);

/* Kills it and takes it away. */
void stress_kill(pid_t child);

/* Whether the process sleeps in the kernel. */
int stress_sleeps(pid_t process);

/* A name for an object that no other run of any program uses. */
void stress_name(char name[STRESS_NAME], const char *tag);
int stress_name_exists(const char *name);
void stress_name_remove(const char *name);

#endif
