-- A million elements of shared memory as a Lua table, and back: lua_rawseti and lua_rawgeti.

local memory = assert(package.loadlib(os.getenv "BENCH_MEMORY", "luaopen_bench_memory"))()
local sums = require "drivers.sums"

local MILLION = 1000000

local function counted_table()
  local t = {}
  for e = 1, MILLION do t[e] = e end
  return t
end

local function zeros(name) return memory.create(name, MILLION * 4) end

local tasks = {}

tasks.get = {
  prepare = function(name)
    local address = zeros(name)
    memory.set(address, counted_table(), MILLION)
    return address
  end,
  loop = function(count, address)
    local copy
    for _ = 1, count do copy = memory.get(address, MILLION) end
    return copy
  end,
  result = function(_, copy) return sums.of(copy) end,
  expected = sums.of_a_million,
}

tasks.set = {
  prepare = function(name) return { address = zeros(name), table = counted_table() } end,
  loop = function(count, subject)
    local address, t = subject.address, subject.table
    for _ = 1, count do memory.set(address, t, MILLION) end
  end,
  result = function(subject) return sums.of(memory.get(subject.address, MILLION)) end,
  expected = sums.of_a_million,
}

return tasks
