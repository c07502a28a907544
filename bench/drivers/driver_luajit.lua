-- The same as driver.lua in LuaJIT, which has neither Lua 5.4's syntax nor its modules: shared memory, clock and
-- processes are the system's, called through the FFI. A task may have release(subject), which takes its names away.
--
--     luajit bench/drivers/driver_luajit.lua PROGRAM TASK COUNT PROCESSES NAME

package.path = "bench/?.lua;" .. package.path

local ffi = require "ffi"
local system = require "drivers.system_luajit"

local PATIENCE = 20 -- seconds, for the other processes to come
local SETTLING = 20000000 -- nanoseconds

local path, task_name, count, processes, name = ...
count, processes = tonumber(count), tonumber(processes)
local task = assert(dofile(path)[task_name], "no such task")

local subject = task.prepare(name)

-- Where the processes meet: when the one at each seat arrived, began, ended; 0 before that.
local seats = ffi.cast("struct seat *", system.anonymous_memory(ffi.sizeof "struct seat" * processes))

-- When all have come they stay awake for a while: the system gives each a processor of its own, if there are enough.
local function meet(seat)
  local arrived = system.now()
  local last = arrived
  seats[seat].arrived = arrived
  for other = 0, processes - 1 do
    while seats[other].arrived == 0 do
      if system.now() > arrived + PATIENCE * 1e9 then error("another process has not come", 0) end
    end
    last = math.max(last, seats[other].arrived)
  end
  while processes > 1 and system.now() < last + SETTLING do end
end

local function run(seat)
  meet(seat)
  seats[seat].begun = system.now()
  local outcome = task.loop(count, subject)
  seats[seat].ended = system.now()
  return outcome
end

local children = {}
for seat = 1, processes - 1 do children[seat] = system.fork(function() run(seat) end) end
local outcome = run(0)
for _, child in ipairs(children) do system.await_success(child) end

local begun, ended = math.huge, 0
for seat = 0, processes - 1 do
  begun, ended = math.min(begun, seats[seat].begun), math.max(ended, seats[seat].ended)
end

local operations = count * processes
local result = outcome
if task.result then result = task.result(subject, outcome) end
local expected = task.expected(operations)
if task.release then task.release(subject) end
if result ~= expected then
  error(("%s, %s: the result is %s, it should be %s"):format(path, task_name, tostring(result), tostring(expected)), 0)
end
print(("%.0f %.0f"):format(ended - begun, operations))
