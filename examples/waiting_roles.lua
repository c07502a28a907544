#!/usr/bin/env lua5.4
-- The article's three roles once more, and nobody looks again and again: who has nothing to do sleeps until there is
-- something. One producer, or several, count to the limit in a shared integer.
--
--   NAME.count    the integer
--   NAME.mutex    who adds has it
--   NAME.grown    an event. The creator needs to know only the newest count, so sets that come together may be one
--   NAME.values   a channel. The consumer shows each value, so none may be missed; its end is the article's -1
--   NAME.seen     an event: the consumer has seen the end

local shmipc = require "shmipc"

-- Opens what the creator makes; it may not have started yet.
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

local function creator(options)
  local mutex <close> = assert(shmipc.mutex.create(options.name .. ".mutex", { owned = true }))
  local memory <close> = assert(shmipc.mapping.create(options.name .. ".count", 4))
  local grown <close> = assert(shmipc.event.create(options.name .. ".grown"))
  local values <close> = assert(shmipc.channel.create(options.name .. ".values"))
  local seen <close> = assert(shmipc.event.create(options.name .. ".seen"))
  local count = assert(memory:view()):array "i32"
  mutex:unlock() -- everything is there: they may begin

  local value = count[1]
  print(("creator   %d"):format(value))
  while value < options.limit do
    assert(grown:wait())
    value = count[1]
    print(("creator   %d"):format(value))
  end
  assert(values:shutdown())
  seen:wait(options.patience) -- what the consumer has not received yet would go with us, if nobody else held it
end

local function producer(options)
  local mutex <close> = open(shmipc.mutex, options.name .. ".mutex", options.patience)
  mutex:with(function() end) -- its first owner lets go of it when all the others are there
  local memory <close> = open(shmipc.mapping, options.name .. ".count", 0)
  local grown <close> = open(shmipc.event, options.name .. ".grown", 0)
  local values <close> = open(shmipc.channel, options.name .. ".values", 0)
  local count = assert(memory:view()):array "i32"

  -- The value is sent before it counts, and both under the lock: so values come in order, and none behind the end.
  -- Space is waited for with the lock, too; but only other producers want that, and they would wait for the same.
  -- A producer that is killed after it has sent, and before it has counted, makes that value come twice.
  local function turn()
    local guard <close> = assert(mutex:lock())
    local value = count[1] + 1
    if value > options.limit or not values:send(tostring(value)) then return nil end
    count[1] = value
    return value
  end

  for value in turn do
    print(("producer  %d"):format(value))
    grown:set()
    shmipc.sleep(options.pace)
  end
  grown:set() -- for one that was killed between its last count and its set
end

local function consumer(options)
  local mutex <close> = open(shmipc.mutex, options.name .. ".mutex", options.patience)
  mutex:with(function() end)
  local values <close> = open(shmipc.channel, options.name .. ".values", 0)
  local seen <close> = open(shmipc.event, options.name .. ".seen", 0)
  for value in values:messages() do print(("consumer  %s"):format(value)) end
  print("consumer  the end")
  seen:set()
end

local parser = require "argparse"("waiting_roles", "Counts in shared memory, in three roles, each in a process.")
parser:command_target "command"

local function command(name, text)
  local made = parser:command(name, text)
  made:option("--name", "What the names of all objects begin with.", "waiting")
  return made
end

local function limit(made)
  made:option("--limit", "Where the game ends.", "500"):convert(tonumber)
end

local for_creator = command("creator", "Makes what they share, and ends the game at the limit.")
limit(for_creator)
for_creator:option("--patience", "Seconds to wait for the consumer at the end.", "5"):convert(tonumber)

local for_producer = command("producer", "Adds 1 at each turn, up to the limit.")
limit(for_producer)
for_producer:option("--pace", "Seconds between two turns.", "0.01"):convert(tonumber)
for_producer:option("--patience", "Seconds to wait for the creator.", "60"):convert(tonumber)

local for_consumer = command("consumer", "Shows each value.")
for_consumer:option("--patience", "Seconds to wait for the creator.", "60"):convert(tonumber)

local options = parser:parse()
io.stdout:setvbuf("no")

local commands = { creator = creator, producer = producer, consumer = consumer }
local is_done, message = pcall(commands[options.command], options)
if not is_done and not tostring(message):find "interrupted!$" then
  io.stderr:write("waiting_roles: ", tostring(message), "\n")
  os.exit(1, true)
end
