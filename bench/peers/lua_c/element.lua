-- The floor under array[i]: a C function that Lua calls for [i], and that checks nothing.

local memory = assert(package.loadlib(os.getenv "BENCH_MEMORY", "luaopen_bench_memory"))()
local sums = require "drivers.sums"

local ELEMENTS = 1024

return {
  unchecked_read = {
    prepare = function(name)
      local address = memory.create(name, 4 * ELEMENTS)
      local numbers = {}
      for e = 1, ELEMENTS do numbers[e] = e end
      memory.set(address, numbers, ELEMENTS)
      return memory.elements(address)
    end,
    loop = function(count, array)
      local sum = 0
      for i = 1, count do sum = sum + array[(i & 1023) + 1] end
      return sum
    end,
    expected = sums.of_reads,
  },
}
