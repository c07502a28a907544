#!/usr/bin/env lua5.4
-- A job queue: a boss hands out numbers, workers factor them. A worker may be killed at any time: the boss notices it,
-- and hands its job out again. So each job is done at least once, and its result counts once.
--
--   NAME.jobs      a channel, boss to workers: "JOB NUMBER"
--   NAME.results   a channel, workers to boss: "JOB PID FACTORS"
--   NAME.claims    an array in shared memory, an entry a job: OPEN, DONE, or the pid of the worker that is at it
--   NAME.alive.*   what each process holds as long as it lives
--
-- The array is what counts; a message only hints at a job that is OPEN. Nobody locks it: a worker claims a job by one
-- compare-and-exchange, so whatever a death leaves there is OPEN or a pid. A hint that was lost with a worker is given
-- again, and of two hints at one job, the second one finds it claimed.

local shmipc = require "shmipc"

local OPEN, DONE = 0, -1

-- A name goes with its last holder, however that ends (by kill -9, too). So the name says that a process lives.
local function life_of(queue, who)
  return ("%s.alive.%s"):format(queue, who)
end

local function is_alive(queue, who)
  local life <close>, message, code = shmipc.event.open(life_of(queue, who))
  if not life and code ~= "NOT_FOUND" then error(message, 0) end
  return life ~= nil
end

local function at_end(f)
  return setmetatable({}, { __close = f })
end

-- ---- the boss

-- The hints that have to be given, and how they get to the workers. Nothing here waits: a boss that waits for space in
-- `jobs`, and workers that wait for space in `results`, would wait for each other.
local function new_stock(jobs, options)
  local waiting = {}
  local stock = {}

  function stock.add(job)
    waiting[#waiting + 1] = ("%d %d"):format(job, options.first + job - 1)
  end

  function stock.hand_out()
    local count, message, code = jobs:send_many(waiting, 0)
    if not count and code ~= "TIMEOUT" then error(message, 0) end
    waiting = table.move(waiting, (count or 0) + 1, #waiting, 1, {})
  end

  function stock.is_handed_out() return #waiting == 0 and jobs:stats().depth == 0 end

  return stock
end

local function boss(options)
  local _ <close> = assert(shmipc.event.create(life_of(options.name, "boss")))
  local jobs <close> = assert(shmipc.channel.create(options.name .. ".jobs", { capacity = options.capacity }))
  local results <close> = assert(shmipc.channel.create(options.name .. ".results", { capacity = options.capacity }))
  local memory <close> = assert(shmipc.mapping.create(options.name .. ".claims", 8 * options.jobs))
  local claims = assert(memory:view()):array "i64"
  local stock = new_stock(jobs, options)
  local guard <close> = at_end(function() jobs:shutdown() end) -- the workers' end
  local done, again, twice = 0, 0, 0

  local function take(result)
    local job, pid, factors = result:match "^(%d+) (%d+) (.*)$"
    job = tonumber(job)
    if claims[job] == DONE then
      twice = twice + 1
      return
    end
    claims[job] = DONE
    done = done + 1
    print(("boss    %d = %s  (job %d, by %s)"):format(options.first + job - 1, factors, job, pid))
  end

  -- The claims of the dead. Who has died may have sent a result before, so the results are looked at afterwards.
  local function find_orphans()
    local alive, orphans = {}, {}
    for job = 1, options.jobs do
      local pid = claims[job]
      if pid ~= OPEN and pid ~= DONE then
        if alive[pid] == nil then alive[pid] = is_alive(options.name, pid) end
        if not alive[pid] then orphans[job] = pid end
      end
    end
    for result in function() return results:receive(0) end do take(result) end
    return orphans
  end

  local function hand_out_again(job, why)
    again = again + 1
    stock.add(job)
    print(("boss    job %d again: %s"):format(job, why))
  end

  local function look()
    for job, pid in pairs(find_orphans()) do
      if shmipc.atomic.compare_exchange(claims, job, pid, OPEN) then
        hand_out_again(job, ("worker %d has died"):format(pid))
      end
    end
    -- Its hint is with a worker that is just about to claim it, or has died before. One too many does no harm.
    if not stock.is_handed_out() then return end
    for job = 1, options.jobs do
      if claims[job] == OPEN then hand_out_again(job, "nobody has claimed it") end
    end
  end

  for job = 1, options.jobs do stock.add(job) end
  local next_look = shmipc.clock() + options.look
  while done < options.jobs do
    stock.hand_out()
    local result, message, code = results:receive(math.max(0, next_look - shmipc.clock()))
    if result then
      take(result)
    elseif code ~= "TIMEOUT" then
      error(message, 0)
    end
    if shmipc.clock() >= next_look then
      look()
      next_look = shmipc.clock() + options.look
    end
  end
  print(("boss    %d jobs done, %d times handed out again, %d results came twice"):format(done, again, twice))
end

-- ---- a worker

local function factors_of(number)
  local factors, divisor = {}, 2
  while divisor * divisor <= number do
    if number % divisor == 0 then
      factors[#factors + 1] = divisor
      number = number // divisor
    else
      divisor = divisor == 2 and 3 or divisor + 2
    end
  end
  factors[#factors + 1] = number
  return table.concat(factors, " * ")
end

-- Opens what the boss makes; it may not have started yet.
local function open(kind, name, patience)
  local deadline = shmipc.clock() + patience
  local handle, message, code
  repeat
    handle, message, code = kind.open(name)
    if code ~= "NOT_FOUND" then return assert(handle, message) end
    shmipc.sleep(0.02)
  until shmipc.clock() > deadline
  error(message, 0)
end

-- Waits as long as the boss lives: nothing else tells that it was killed. Gives nil when the channel is shut down.
local function insist(queue, try)
  while true do
    local result, message, code = try()
    if result or code == "CLOSED" then return result end
    if code ~= "TIMEOUT" then error(message, 0) end
    if not is_alive(queue, "boss") then error("the boss is gone", 0) end
  end
end

local function worker(options)
  local claims_memory <close> = open(shmipc.mapping, options.name .. ".claims", options.patience)
  local jobs <close> = open(shmipc.channel, options.name .. ".jobs", options.patience)
  local results <close> = open(shmipc.channel, options.name .. ".results", options.patience)
  local claims = assert(claims_memory:view()):array "i64"
  local me = shmipc.pid()
  local _ <close> = assert(shmipc.event.create(life_of(options.name, me)))
  -- Pids come again. What is claimed by ours now was claimed by one that is dead.
  for job = 1, #claims do shmipc.atomic.compare_exchange(claims, job, me, OPEN) end

  local count = 0
  for hint in function() return insist(options.name, function() return jobs:receive(1) end) end do
    local job, number = hint:match "^(%d+) (%d+)$"
    if shmipc.atomic.compare_exchange(claims, tonumber(job), OPEN, me) then
      if options.pace > 0 then shmipc.sleep(options.pace) end
      local result = ("%s %d %s"):format(job, me, factors_of(tonumber(number)))
      insist(options.name, function() return results:send(result, 1) end)
      count = count + 1
      print(("worker  %d has done job %s"):format(me, job))
    end
  end
  print(("worker  %d is through, with %d jobs"):format(me, count))
end

-- ---- the command line

local parser = require "argparse"("job_queue", "A job queue whose workers may be killed at any time.")
parser:command_target "command"

local function command(name, text)
  local made = parser:command(name, text)
  made:option("--name", "What the names of all objects begin with.", "factory")
  return made
end

local for_boss = command("boss", "Hands out numbers to factor, and shows the results.")
for_boss:option("--jobs", "How many numbers.", "200"):convert(tonumber)
for_boss:option("--first", "The first of them.", "1000000000000"):convert(tonumber)
for_boss:option("--capacity", "Bytes of each channel.", "4096"):convert(tonumber)
for_boss:option("--look", "Seconds between two looks for workers that have died.", "0.2"):convert(tonumber)

local for_worker = command("worker", "Works until the boss says that it is over, or dies.")
for_worker:option("--pace", "Seconds that a job takes beside the work.", "0"):convert(tonumber)
for_worker:option("--patience", "Seconds to wait for the boss.", "60"):convert(tonumber)

local options = parser:parse()
io.stdout:setvbuf("no")

local commands = { boss = boss, worker = worker }
local is_done, message = pcall(commands[options.command], options)
if not is_done and not tostring(message):find "interrupted!$" then
  io.stderr:write("job_queue: ", tostring(message), "\n")
  os.exit(1, true)
end
