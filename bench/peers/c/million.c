/* A million elements of an int32_t array in named shared memory at once. */
#include <stdatomic.h>

#include "../../drivers/driver.h"

enum { MILLION = 1000000 };

static void *zeros(const char *name) { return driver_private_memory(name, MILLION * sizeof(int32_t)); }

static int64_t fill(int64_t count, void *subject) {
  int32_t *elements = subject;
  for (int64_t i = 0; i < count; i++) {
    for (int32_t e = 0; e < MILLION; e++) elements[e] = 7;
    atomic_signal_fence(memory_order_seq_cst); /* or the compiler would leave all rounds but one out */
  }
  return 0;
}

static int64_t sum_of_elements(void *subject) {
  const int32_t *elements = subject;
  int64_t sum = 0;
  for (int32_t e = 0; e < MILLION; e++) sum += elements[e];
  return sum;
}

static int64_t sevens(int64_t count) {
  (void)count;
  return 7 * (int64_t)MILLION;
}

static const struct driver_task tasks[] = {
    {"fill", zeros, fill, sum_of_elements, sevens, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv) { return driver_main(argc, argv, tasks, BENCH_VERSION); }
