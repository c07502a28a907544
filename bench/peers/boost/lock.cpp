// A counter in shared memory under a mutex of Boost.Interprocess: one that lies beside it, and one with a name.
#include <boost/interprocess/sync/interprocess_mutex.hpp>
#include <boost/interprocess/sync/named_mutex.hpp>
#include <boost/interprocess/sync/scoped_lock.hpp>
#include <new>
#include <string>

#include "../../drivers/driver.h"
#include "memory.hpp"

namespace {

using boost::interprocess::interprocess_mutex;
using boost::interprocess::named_mutex;

struct guarded {
  interprocess_mutex mutex;
  volatile std::int32_t counter = 0;
};

struct subject {
  memory::interprocess::mapped_region region;
  guarded *shared;
  std::string name_of_mutex;
  named_mutex named;
};

void *prepare(const char *name) {
  auto region = memory::create(name, sizeof(guarded));
  auto *shared = new (region.get_address()) guarded;
  auto name_of_mutex = std::string(name) + "-mutex";
  return new subject{std::move(region), shared, name_of_mutex,
                     named_mutex(boost::interprocess::create_only, name_of_mutex.c_str())};
}

template <class Mutex> void count_under(Mutex &mutex, volatile std::int32_t &counter, std::int64_t count) {
  for (std::int64_t i = 0; i < count; i++) {
    boost::interprocess::scoped_lock<Mutex> lock(mutex);
    counter = counter + 1;
  }
}

std::int64_t count_under_interprocess_mutex(std::int64_t count, void *opaque) {
  auto *shared = static_cast<subject *>(opaque)->shared;
  count_under(shared->mutex, shared->counter, count);
  return 0;
}

std::int64_t count_under_named_mutex(std::int64_t count, void *opaque) {
  auto *self = static_cast<subject *>(opaque);
  count_under(self->named, self->shared->counter, count);
  return 0;
}

std::int64_t counter(void *opaque) { return static_cast<subject *>(opaque)->shared->counter; }

void release(void *opaque, const char *name) {
  auto *self = static_cast<subject *>(opaque);
  auto name_of_mutex = self->name_of_mutex;
  delete self;
  named_mutex::remove(name_of_mutex.c_str());
  memory::remove(name);
}

const driver_task tasks[] = {
    {"interprocess_mutex", prepare, count_under_interprocess_mutex, counter, driver_itself, release},
    {"named_mutex", prepare, count_under_named_mutex, counter, driver_itself, release},
    {},
};

} // namespace

int main(int argc, char **argv) { return driver_main(argc, argv, tasks, BENCH_VERSION); }
