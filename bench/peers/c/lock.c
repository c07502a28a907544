/* A counter under a robust mutex of pthread's, both in named shared memory. */
#include <errno.h>
#include <pthread.h>

#include "../../drivers/driver.h"

struct guarded {
  pthread_mutex_t mutex;
  volatile int32_t counter;
};

static void *prepare(const char *name) {
  struct guarded *guarded = driver_private_memory(name, sizeof *guarded);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  errno = pthread_mutex_init(&guarded->mutex, &attributes);
  if (errno != 0) driver_fail("pthread_mutex_init");
  return guarded;
}

static int64_t count_under_lock(int64_t count, void *subject) {
  struct guarded *guarded = subject;
  for (int64_t i = 0; i < count; i++) {
    if (pthread_mutex_lock(&guarded->mutex) != 0) driver_fail("pthread_mutex_lock");
    guarded->counter = guarded->counter + 1;
    pthread_mutex_unlock(&guarded->mutex);
  }
  return 0;
}

static int64_t counter(void *subject) { return ((struct guarded *)subject)->counter; }

static const struct driver_task tasks[] = {
    {"mutex", prepare, count_under_lock, counter, driver_itself, NULL},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv) { return driver_main(argc, argv, tasks, BENCH_VERSION); }
