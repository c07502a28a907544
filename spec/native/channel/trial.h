/* What the programs of this folder share: options, chance, and what they report.
 *
 * A program prints its result in one line and exits with 0, or with 1 when a promise was broken; 2: it could not run.
 */
#ifndef CHANNEL_TRIAL_H
#define CHANNEL_TRIAL_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "os/os.h"

#if defined(__MINGW_PRINTF_FORMAT)
#define TRIAL_PRINTS __attribute__((format(__MINGW_PRINTF_FORMAT, 1, 2)))
#else
#define TRIAL_PRINTS __attribute__((format(printf, 1, 2)))
#endif

#define TRIAL_SECOND UINT64_C(1000000000) /* times are nanoseconds */
#define TRIAL_NAME 64

/* `key=value` on the command line. */
struct trial_option {
  const char *key;
  uint64_t value; /* unless it is given */
  const char *meaning;
  const char *text; /* the same for a value that is not a number; else NULL */
};

/* Exits with 2 and a usage when they are wrong. */
void trial_options(int argc, char **argv, struct trial_option *options, size_t count);
uint64_t trial_option(const char *key);
const char *trial_option_text(const char *key);

void trial_seed(uint64_t seed);
uint64_t trial_random(void);
uint64_t trial_below(uint64_t limit); /* 0 … limit - 1 */

/* Well mixed bits of a number. */
uint64_t trial_mix(uint64_t value);

/* Where broken promises are counted from now on, of all processes. */
void trial_count_in(_Atomic(uint32_t) *failures);

/* A broken promise. The first few are printed; any process may call it. */
void trial_fail(const char *format, ...) TRIAL_PRINTS;
unsigned trial_failures(void);

/* Prints the program's one line; gives the exit status. */
int trial_end(const char *format, ...) TRIAL_PRINTS;

/* The program cannot go on: prints why and exits. */
_Noreturn void trial_give_up(const char *format, ...) TRIAL_PRINTS;

const char *trial_status(enum shmipc_status status);

/* A name for an object that no other run of any program uses. */
void trial_name(char name[TRIAL_NAME], const char *tag);

/* Zeroed memory with a name, for the program's own processes; it stays mapped. */
void *trial_board_create(const char *name, size_t size);
void *trial_board_open(const char *name);

#endif
