/* An existing object is opened, mapped and closed: the bare system calls. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../drivers/driver.h"

enum { SIZE = 4096 };

static const char *existing;

static void *prepare(const char *name) {
  existing = name;
  return driver_create_memory(name, SIZE);
}

static int64_t open_and_close(int64_t count, void *subject) {
  int64_t sizes = 0;
  (void)subject;
  for (int64_t i = 0; i < count; i++) {
    struct stat status;
    int descriptor = shm_open(existing, O_RDWR, 0);
    void *address;
    if (descriptor < 0 || fstat(descriptor, &status) != 0) driver_fail(existing);
    address = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (address == MAP_FAILED) driver_fail("mmap");
    sizes += status.st_size;
    munmap(address, (size_t)status.st_size);
    close(descriptor);
  }
  return sizes;
}

static int64_t sum_of_sizes(int64_t count) { return count * SIZE; }

static void release(void *subject, const char *name) {
  (void)subject;
  driver_unlink(name);
}

static const struct driver_task tasks[] = {
    {"open", prepare, open_and_close, NULL, sum_of_sizes, release},
    {NULL, NULL, NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv) { return driver_main(argc, argv, tasks, BENCH_VERSION); }
