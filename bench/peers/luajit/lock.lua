-- A counter under a robust pthread mutex, both in named shared memory.

local ffi = require "ffi"
local system = require "drivers.system_luajit"

return {
  mutex = {
    prepare = function(name)
      local memory = system.create_memory(name, 128)
      system.unlink_memory(name)
      return { mutex = system.init_mutex(memory), counter = ffi.cast("volatile int32_t *", memory) + 16 }
    end,
    loop = function(count, subject)
      local C, mutex, counter = ffi.C, subject.mutex, subject.counter
      for _ = 1, count do
        C.pthread_mutex_lock(mutex)
        counter[0] = counter[0] + 1
        C.pthread_mutex_unlock(mutex)
      end
    end,
    result = function(subject) return subject.counter[0] end,
    expected = function(count) return count end,
  },
}
