// Named shared memory of Boost.Interprocess.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <boost/interprocess/shared_memory_object.hpp>
#include <cstdint>

namespace memory {

namespace interprocess = boost::interprocess;

inline interprocess::mapped_region create(const char *name, std::int64_t size) {
  interprocess::shared_memory_object object(interprocess::create_only, name, interprocess::read_write);
  object.truncate(size);
  return {object, interprocess::read_write};
}

inline interprocess::mapped_region open(const char *name) {
  interprocess::shared_memory_object object(interprocess::open_only, name, interprocess::read_write);
  return {object, interprocess::read_write};
}

inline void remove(const char *name) { interprocess::shared_memory_object::remove(name); }

} // namespace memory
