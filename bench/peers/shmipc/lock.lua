-- A shared counter under a named mutex.

local shmipc = require "shmipc"

local function open(name)
  local view = assert(assert(shmipc.mapping.open_or_create(name, 4)):view())
  return {
    mutex = assert(shmipc.mutex.open_or_create(name .. "-mutex")),
    view = view,
    array = view:array "i32",
  }
end

-- A task whose loop adds 1 under the lock.
local function counting(loop)
  return {
    prepare = open,
    loop = loop,
    result = function(subject) return subject.array[1] end,
    expected = function(count) return count end,
  }
end

local tasks = {}

tasks.array = counting(function(count, subject)
  local mutex, array = subject.mutex, subject.array
  for _ = 1, count do
    mutex:lock()
    array[1] = array[1] + 1
    mutex:unlock()
  end
end)

tasks.guard = counting(function(count, subject)
  local mutex, array = subject.mutex, subject.array
  for _ = 1, count do
    local guard <close> = mutex:lock()
    array[1] = array[1] + 1
  end
end)

tasks.view = counting(function(count, subject)
  local mutex, view = subject.mutex, subject.view
  for _ = 1, count do
    mutex:lock()
    view:write_i32(0, view:read_i32(0) + 1)
    mutex:unlock()
  end
end)

return tasks
