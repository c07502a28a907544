-- A million elements of a shared array in one call.

local shmipc = require "shmipc"
local sums = require "drivers.sums"

local MILLION = 1000000

local function new_array(name)
  return assert(assert(shmipc.mapping.create(name, MILLION * 4)):view()):array "i32"
end

local function counted_table()
  local t = {}
  for e = 1, MILLION do t[e] = e end
  return t
end

local tasks = {}

tasks.get = {
  prepare = function(name)
    local array = new_array(name)
    array:set(1, counted_table())
    return array
  end,
  loop = function(count, array)
    local copy
    for _ = 1, count do copy = array:get(1, MILLION) end
    return copy
  end,
  result = function(_, copy) return sums.of(copy) end,
  expected = sums.of_a_million,
}

tasks.set = {
  prepare = function(name) return { array = new_array(name), table = counted_table() } end,
  loop = function(count, subject)
    local array, t = subject.array, subject.table
    for _ = 1, count do array:set(1, t) end
  end,
  result = function(subject) return sums.of(subject.array) end,
  expected = sums.of_a_million,
}

tasks.fill = {
  prepare = new_array,
  loop = function(count, array)
    for _ = 1, count do array:fill(7) end
  end,
  result = function(array) return sums.of(array) end,
  expected = sums.of_a_million_sevens,
}

return tasks
