-- The system's calls for programs in LuaJIT: x86-64 and arm64 Linux.

local ffi = require "ffi"
local C = ffi.C

ffi.cdef [[
  struct seat { volatile double arrived, begun, ended; char padding[40]; };
  struct timespec { long seconds, nanoseconds; };
  int clock_gettime(int clock, struct timespec *time);

  typedef long off_t;
  int shm_open(const char *name, int flags, unsigned mode);
  int shm_unlink(const char *name);
  int ftruncate(int descriptor, off_t length);
  off_t lseek(int descriptor, off_t offset, int whence);
  int close(int descriptor);
  void *mmap(void *address, size_t length, int protection, int flags, int descriptor, off_t offset);
  int munmap(void *address, size_t length);

  int fork(void);
  int waitpid(int pid, int *status, int options);
  void _exit(int code);

  typedef struct { char bytes[64]; } pthread_mutex_t;
  typedef struct { char bytes[16]; } pthread_mutexattr_t;
  int pthread_mutexattr_init(pthread_mutexattr_t *attributes);
  int pthread_mutexattr_setpshared(pthread_mutexattr_t *attributes, int shared);
  int pthread_mutexattr_setrobust(pthread_mutexattr_t *attributes, int robust);
  int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attributes);
  int pthread_mutex_lock(pthread_mutex_t *mutex);
  int pthread_mutex_unlock(pthread_mutex_t *mutex);
]]

local CLOCK_MONOTONIC = 1
local O_RDWR, O_CREAT, O_EXCL = 2, 64, 128
local SEEK_END = 2
local PROT_READ_WRITE, MAP_SHARED, MAP_ANONYMOUS = 3, 1, 32
local MAP_FAILED = ffi.cast("void *", -1)

local system = {}

local time = ffi.new "struct timespec"

--- Nanoseconds, monotonic.
function system.now()
  C.clock_gettime(CLOCK_MONOTONIC, time)
  return tonumber(time.seconds) * 1e9 + tonumber(time.nanoseconds)
end

local function succeeded(result, what)
  if result == -1 then error(("%s: error %d"):format(what, ffi.errno()), 2) end
  return result
end

local function map(length, flags, descriptor)
  local address = C.mmap(nil, length, PROT_READ_WRITE, flags, descriptor, 0)
  if address == MAP_FAILED then error(("mmap: error %d"):format(ffi.errno()), 2) end
  return address
end

--- Memory that children share.
function system.anonymous_memory(length)
  return map(length, MAP_SHARED + MAP_ANONYMOUS, -1)
end

--- A named object and its memory. The name stays.
function system.create_memory(name, length)
  local descriptor = succeeded(C.shm_open(name, O_RDWR + O_CREAT + O_EXCL, 384), "shm_open")
  succeeded(C.ftruncate(descriptor, length), "ftruncate")
  local address = map(length, MAP_SHARED, descriptor)
  C.close(descriptor)
  return address
end

--- The memory of a named object that exists, and its length.
function system.open_memory(name)
  local descriptor = succeeded(C.shm_open(name, O_RDWR, 0), "shm_open")
  local length = C.lseek(descriptor, 0, SEEK_END)
  local address = map(length, MAP_SHARED, descriptor)
  C.close(descriptor)
  return address, length
end

function system.close_memory(address, length) succeeded(C.munmap(address, length), "munmap") end
function system.unlink_memory(name) succeeded(C.shm_unlink(name), "shm_unlink") end

--- Runs f in a child process; returns its id.
function system.fork(f)
  local child = succeeded(C.fork(), "fork")
  if child ~= 0 then return child end
  C._exit(pcall(f) and 0 or 1)
end

function system.await_success(child)
  local status = ffi.new "int[1]"
  succeeded(C.waitpid(child, status, 0), "waitpid")
  if status[0] ~= 0 then error("another process has failed", 0) end
end

--- A robust mutex between processes, at the address.
function system.init_mutex(address)
  local attributes = ffi.new "pthread_mutexattr_t"
  C.pthread_mutexattr_init(attributes)
  C.pthread_mutexattr_setpshared(attributes, 1)
  C.pthread_mutexattr_setrobust(attributes, 1)
  local mutex = ffi.cast("pthread_mutex_t *", address)
  C.pthread_mutex_init(mutex, attributes)
  return mutex
end

return system
