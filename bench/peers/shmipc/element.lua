-- One element of a shared array, or one field of a shared struct, at a time.

local shmipc = require "shmipc"
local sums = require "drivers.sums"

local ELEMENTS = 1024

local function new_view(name)
  return assert(assert(shmipc.mapping.create(name, ELEMENTS * 4)):view())
end

local function new_array(name) return new_view(name):array "i32" end

local function new_record(name)
  return new_view(name):record(shmipc.layout "int32_t id; double x, y, z; int32_t count; char label[32];")
end

-- Element e holds e.
local function counted_array(name)
  local array = new_array(name)
  for e = 1, ELEMENTS do array[e] = e end
  return array
end

local function counted_view(name)
  local view = new_view(name)
  for e = 1, ELEMENTS do view:write_i32((e - 1) * 4, e) end
  return view
end

local function sum_of_array(array)
  local sum = 0
  for e = 1, ELEMENTS do sum = sum + array[e] end
  return sum
end

local tasks = {}

tasks.array_read = {
  prepare = counted_array,
  loop = function(count, array)
    local sum = 0
    for i = 1, count do sum = sum + array[(i & 1023) + 1] end
    return sum
  end,
  expected = sums.of_reads,
}

tasks.view_read = {
  prepare = counted_view,
  loop = function(count, view)
    local sum = 0
    for i = 1, count do sum = sum + view:read_i32((i & 1023) * 4) end
    return sum
  end,
  expected = sums.of_reads,
}

tasks.record_read = {
  prepare = function(name)
    local record = new_record(name)
    record.count = 3
    return record
  end,
  loop = function(count, record)
    local sum = 0
    for _ = 1, count do sum = sum + record.count end
    return sum
  end,
  expected = function(count) return 3 * count end,
}

tasks.array_write = {
  prepare = new_array,
  loop = function(count, array)
    for i = 1, count do array[(i & 1023) + 1] = i end
  end,
  result = sum_of_array,
  expected = sums.of_writes,
}

tasks.view_write = {
  prepare = new_view,
  loop = function(count, view)
    for i = 1, count do view:write_i32((i & 1023) * 4, i) end
  end,
  result = function(view) return sum_of_array(view:array "i32") end,
  expected = sums.of_writes,
}

tasks.record_write = {
  prepare = new_record,
  loop = function(count, record)
    for i = 1, count do record.count = i end
  end,
  result = function(record) return record.count end,
  expected = function(count) return count end,
}

return tasks
