-- The floor under lock, array[1] = array[1] + 1, unlock: C functions that Lua calls for them, and that check nothing.

local memory = assert(package.loadlib(os.getenv "BENCH_MEMORY", "luaopen_bench_memory"))()

return {
  unchecked = {
    prepare = function(name)
      local address = memory.create(name, 4)
      return { mutex = memory.mutex(memory.create(name .. "-mutex", 256)), array = memory.elements(address) }
    end,
    loop = function(count, subject)
      local mutex, array = subject.mutex, subject.array
      for _ = 1, count do
        mutex:lock()
        array[1] = array[1] + 1
        mutex:unlock()
      end
    end,
    result = function(subject) return subject.array[1] end,
    expected = function(count) return count end,
  },
}
