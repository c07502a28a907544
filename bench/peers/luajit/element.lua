-- One element of an int32_t array in named shared memory, at a time.

local bit = require "bit"
local ffi = require "ffi"
local sums = require "drivers.sums"
local system = require "drivers.system_luajit"

local ELEMENTS = 1024

-- The name goes at once: the memory lasts as long as the process.
local function new_elements(name)
  local elements = ffi.cast("volatile int32_t *", system.create_memory(name, ELEMENTS * 4))
  system.unlink_memory(name)
  return elements
end

local function sum_of(elements)
  local sum = 0
  for i = 0, ELEMENTS - 1 do sum = sum + elements[i] end
  return sum
end

local tasks = {}

tasks.read = {
  prepare = function(name)
    local elements = new_elements(name)
    for i = 0, ELEMENTS - 1 do elements[i] = i + 1 end
    return elements
  end,
  loop = function(count, elements)
    local band, sum = bit.band, 0
    for i = 1, count do sum = sum + elements[band(i, 1023)] end
    return sum
  end,
  expected = sums.of_reads,
}

tasks.write = {
  prepare = new_elements,
  loop = function(count, elements)
    local band = bit.band
    for i = 1, count do elements[band(i, 1023)] = i end
  end,
  result = sum_of,
  expected = sums.of_writes,
}

return tasks
