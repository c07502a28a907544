-- Runs one task of a program in Lua 5.4 and prints what it took: the nanoseconds, and the operations done in them.
--
--     lua5.4 bench/drivers/driver.lua PROGRAM TASK COUNT PROCESSES NAME [SEAT]
--
-- PROGRAM    a Lua file that returns its tasks by name; a task has
--              prepare(name) -> subject                 what is not measured
--              loop(count, subject) -> outcome          what is
--              result(subject, outcome) -> result       left out: the outcome is the result
--              expected(count) -> result                of `count` operations, those of all processes together
-- COUNT      operations of each process
-- PROCESSES  how many do them at the same time
-- NAME       for named objects; a program may append to it
-- SEAT       of this process among them; the one at seat 1 starts the others

package.path = "bench/?.lua;" .. package.path

local shmipc = require "shmipc"

local PATIENCE = 20 -- seconds, for the other processes to come

local path, task_name, count, processes, name, seat = ...
count, processes, seat = tonumber(count), tonumber(processes), tonumber(seat or 1)
local task = assert(dofile(path)[task_name], "no such task")

local function now() return math.floor(shmipc.clock() * 1e9) end

-- ---- where the processes meet: when the one at each seat arrived, began, ended; 0 before that

local ARRIVED, BEGUN, ENDED = 0, 8, 16
local SEAT_SIZE = 64 -- of a cache line: looking at one seat does not disturb another

local seats = assert(assert(shmipc.mapping.open_or_create(name .. "-seats", SEAT_SIZE * processes)):view())

local function mark(what)
  local time = now()
  seats:write_i64((seat - 1) * SEAT_SIZE + what, time)
  return time
end

-- The times of all seats, the earliest first.
local function times_of(what)
  local times = {}
  for i = 1, processes do times[i] = seats:read_i64((i - 1) * SEAT_SIZE + what) end
  table.sort(times)
  return times
end

local function meet()
  local deadline = mark(ARRIVED) + PATIENCE * 1e9
  while times_of(ARRIVED)[1] == 0 do
    if now() > deadline then error("another process has not come", 0) end
  end
end

local function start_others()
  local others = {}
  for other = 2, processes do
    local words = { arg[-1], arg[0], path, task_name, count, processes, name, other }
    others[#others + 1] = assert(io.popen(table.concat(words, " ")))
  end
  return others
end

local function await_end(others)
  for _, other in ipairs(others) do assert(other:close(), "another process has failed") end
end

local others = seat == 1 and start_others() or {}
local subject = task.prepare(name)
meet()
mark(BEGUN)
local outcome = task.loop(count, subject)
mark(ENDED)
if seat > 1 then return end

await_end(others)
local operations = count * processes
local result = outcome
if task.result then result = task.result(subject, outcome) end
local expected = task.expected(operations)
if result ~= expected then
  error(("%s, %s: the result is %s, it should be %s"):format(path, task_name, result, expected), 0)
end
print(times_of(ENDED)[processes] - times_of(BEGUN)[1], operations)
