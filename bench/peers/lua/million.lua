-- A million elements of a table; nothing of it is shared.

local sums = require "drivers.sums"

local MILLION = 1000000

local function counted_table()
  local t = {}
  for e = 1, MILLION do t[e] = e end
  return t
end

local tasks = {}

tasks.copy_loop = {
  prepare = counted_table,
  loop = function(count, t)
    local copy
    for _ = 1, count do
      copy = {}
      for e = 1, MILLION do copy[e] = t[e] end
    end
    return copy
  end,
  result = function(_, copy) return sums.of(copy) end,
  expected = sums.of_a_million,
}

tasks.overwrite_loop = {
  prepare = function() return { from = counted_table(), to = counted_table() } end,
  loop = function(count, subject)
    local from, to = subject.from, subject.to
    for _ = 1, count do
      for e = 1, MILLION do to[e] = from[e] end
    end
  end,
  result = function(subject) return sums.of(subject.to) end,
  expected = sums.of_a_million,
}

tasks.fill_loop = {
  prepare = counted_table,
  loop = function(count, t)
    for _ = 1, count do
      for e = 1, MILLION do t[e] = 7 end
    end
  end,
  result = sums.of,
  expected = sums.of_a_million_sevens,
}

return tasks
