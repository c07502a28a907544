-- One element of what Lua has itself, at a time; nothing of it is shared.

local sums = require "drivers.sums"

local ELEMENTS = 1024

local function counted_table()
  local t = {}
  for e = 1, ELEMENTS do t[e] = e end
  return t
end

local function zeros()
  local t = {}
  for e = 1, ELEMENTS do t[e] = 0 end
  return t
end

local function packed() return string.pack("<" .. ("i4"):rep(ELEMENTS), table.unpack(counted_table())) end

local tasks = {}

tasks.empty_loop = {
  prepare = function() return true end,
  loop = function(count)
    local sum = 0
    for i = 1, count do sum = sum + ((i & 1023) + 1) end
    return sum
  end,
  expected = sums.of_reads,
}

tasks.table_read = {
  prepare = counted_table,
  loop = function(count, t)
    local sum = 0
    for i = 1, count do sum = sum + t[(i & 1023) + 1] end
    return sum
  end,
  expected = sums.of_reads,
}

tasks.field_read = {
  prepare = function() return { id = 1, x = 0.0, y = 0.0, z = 0.0, count = 3, label = "" } end,
  loop = function(count, t)
    local sum = 0
    for _ = 1, count do sum = sum + t.count end
    return sum
  end,
  expected = function(count) return 3 * count end,
}

tasks.unpack = {
  prepare = packed,
  loop = function(count, text)
    local unpack, sum = string.unpack, 0
    for i = 1, count do sum = sum + unpack("<i4", text, (i & 1023) * 4 + 1) end
    return sum
  end,
  expected = sums.of_reads,
}

tasks.table_write = {
  prepare = zeros,
  loop = function(count, t)
    for i = 1, count do t[(i & 1023) + 1] = i end
  end,
  result = sums.of,
  expected = sums.of_writes,
}

tasks.field_write = {
  prepare = function() return { id = 1, x = 0.0, y = 0.0, z = 0.0, count = 0, label = "" } end,
  loop = function(count, t)
    for i = 1, count do t.count = i end
  end,
  result = function(t) return t.count end,
  expected = function(count) return count end,
}

return tasks
