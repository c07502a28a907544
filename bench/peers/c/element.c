/* One element of an int32_t array in named shared memory, at a time. The memory is volatile: each access takes place.
 */
#include "../../drivers/driver.h"

enum { ELEMENTS = 1024 };

static void *zeros(const char *name) { return driver_private_memory(name, ELEMENTS * sizeof(int32_t)); }

static void *counted(const char *name) {
  int32_t *elements = zeros(name);
  for (int32_t i = 0; i < ELEMENTS; i++) elements[i] = i + 1;
  return elements;
}

static int64_t read_loop(int64_t count, void *subject) {
  const volatile int32_t *elements = subject;
  int64_t sum = 0;
  for (int64_t i = 1; i <= count; i++) sum += elements[i & 1023];
  return sum;
}

static int64_t write_loop(int64_t count, void *subject) {
  volatile int32_t *elements = subject;
  for (int64_t i = 1; i <= count; i++) elements[i & 1023] = (int32_t)i;
  return 0;
}

static int64_t sum_of_elements(void *subject) { return read_loop(ELEMENTS, subject); }

/* The sum of (i & 1023) + 1 for i from 1 to count. */
static int64_t sum_of_reads(int64_t count) {
  int64_t rounds = count / ELEMENTS, rest = count % ELEMENTS;
  return rounds * (ELEMENTS * (ELEMENTS + 1) / 2) + rest * (rest + 3) / 2;
}

/* The sum of zeros after i was written to the element i & 1023 for i from 1 to count. */
static int64_t sum_of_writes(int64_t count) {
  int64_t written = count < ELEMENTS ? count : ELEMENTS;
  return written * (count - written + 1 + count) / 2;
}

static const struct driver_task tasks[] = {
    {"read", counted, read_loop, NULL, sum_of_reads, NULL},
    {"write", zeros, write_loop, sum_of_elements, sum_of_writes, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv) { return driver_main(argc, argv, tasks, BENCH_VERSION); }
