// An existing shared_memory_object is opened, mapped and closed.
#include "../../drivers/driver.h"
#include "memory.hpp"

namespace {

constexpr std::int64_t size = 4096;
const char *existing;

void *prepare(const char *name) {
  existing = name;
  return new memory::interprocess::mapped_region(memory::create(name, size));
}

std::int64_t open_and_close(std::int64_t count, void *) {
  std::int64_t sizes = 0;
  for (std::int64_t i = 0; i < count; i++) {
    auto region = memory::open(existing);
    sizes += static_cast<std::int64_t>(region.get_size());
  }
  return sizes;
}

std::int64_t sum_of_sizes(std::int64_t count) { return count * size; }

void release(void *subject, const char *name) {
  delete static_cast<memory::interprocess::mapped_region *>(subject);
  memory::remove(name);
}

const driver_task tasks[] = {
    {"open", prepare, open_and_close, nullptr, sum_of_sizes, release},
    {},
};

} // namespace

int main(int argc, char **argv) { return driver_main(argc, argv, tasks, BENCH_VERSION); }
