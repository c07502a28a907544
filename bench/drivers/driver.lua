-- Runs one task of a program in Lua 5.4 and prints what it took: the nanoseconds, and the operations done in them.
-- Where each operation was timed, the times within which 50 %, 99 % and 99.9 % of them were done follow.
--
--     lua5.4 bench/drivers/driver.lua PROGRAM TASK COUNT PROCESSES NAME [SEAT]
--
-- PROGRAM    a Lua file that returns its tasks by name; a task has
--              prepare(name, seat) -> subject           what is not measured
--              loop(count, subject) -> outcome          what is
--              part(count, subject, seat) -> outcome    in place of a loop, when the process at each seat has a part of
--                                                       its own in the same COUNT operations; the first one's outcome
--                                                       counts. If it timed each operation, a list of the nanoseconds
--                                                       is its second result: their sum is what is printed then
--              result(subject, outcome) -> result       left out: the outcome is the result
--              expected(count) -> result                of `count` operations, those of all processes together
-- COUNT      operations of each process, or those that they have their parts in
-- PROCESSES  how many there are
-- NAME       for named objects; a program may append to it
-- SEAT       of this process among them; the one at seat 1 starts the others

package.path = "bench/?.lua;" .. package.path

local shmipc = require "shmipc"

local PATIENCE = 20 -- seconds, for the other processes to come
local SETTLING = 20000000 -- nanoseconds

local path, task_name, count, processes, name, seat = ...
count, processes, seat = tonumber(count), tonumber(processes), tonumber(seat or 1)
local task = assert(dofile(path)[task_name], "no such task")

local function now() return math.floor(shmipc.clock() * 1e9) end

-- ---- where the processes meet: when the one at each seat arrived, began, ended; 0 before that; and its id

local ARRIVED, BEGUN, ENDED, ID = 0, 8, 16, 24
local SEAT_SIZE = 64 -- of a cache line: looking at one seat does not disturb another

local name_of_seats = name .. "-seats"
local seats = assert(assert(shmipc.mapping.open_or_create(name_of_seats, SEAT_SIZE * processes)):view())

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

-- When all have come they stay awake for a while: the system gives each a processor of its own, if there are enough.
local function meet()
  local deadline = mark(ARRIVED) + PATIENCE * 1e9
  while times_of(ARRIVED)[1] == 0 do
    if now() > deadline then error("another process has not come", 0) end
  end
  local last = times_of(ARRIVED)[processes]
  while processes > 1 and now() < last + SETTLING do end
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

-- One that has a part would wait for ever for this one.
local function end_others()
  for other = 1, processes do
    local id = seats:read_i64((other - 1) * SEAT_SIZE + ID)
    if other ~= seat and id ~= 0 then os.execute(("kill %d 2>/dev/null"):format(id)) end
  end
end

local function take_part(subject)
  local results = table.pack(pcall(task.part, count, subject, seat))
  if not results[1] then
    end_others()
    error(results[2], 0)
  end
  return table.unpack(results, 2, results.n)
end

-- Their sum, the operations, and the times within which 50 %, 99 % and 99.9 % of them were done.
local function print_times(times)
  local sum = 0
  for _, time in ipairs(times) do sum = sum + time end
  table.sort(times)
  local function time_of(permille) return times[(#times * permille + 999) // 1000] end
  print(sum, #times, time_of(500), time_of(990), time_of(999))
end

seats:write_i64((seat - 1) * SEAT_SIZE + ID, shmipc.pid())
local others = seat == 1 and start_others() or {}
local subject = task.prepare(name, seat)
meet()
if seat == 1 then shmipc.mapping.unlink(name_of_seats) end -- all are here; one that is killed would leave it
mark(BEGUN)
local outcome, times
if task.part then
  outcome, times = take_part(subject)
else
  outcome = task.loop(count, subject)
end
mark(ENDED)
if seat > 1 then return end

await_end(others)
local operations = task.part and count or count * processes
local result = outcome
if task.result then result = task.result(subject, outcome) end
local expected = task.expected(operations)
if result ~= expected then
  error(("%s, %s: the result is %s, it should be %s"):format(path, task_name, result, expected), 0)
end
if times then
  print_times(times)
else
  print(times_of(ENDED)[processes] - times_of(BEGUN)[1], operations)
end
