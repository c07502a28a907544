-- The tasks of the works about messages, for whatever carries them between two processes of Lua.
--
--     messages.tasks { WIRE = open, … }
--
-- gives the tasks WIRE_WORK_SIZE, as in `channel_round_trip_64`: those of the same name in drivers/messages.c.
--
-- open(name, seat, size) -> outgoing, incoming, argument
--     what the process at that seat sends to and receives from:
--         outgoing:send(message)                   outgoing:send_many(list)       for the work `bulk`
--         incoming:receive(argument) -> message    incoming:receive_many(most)
--
-- A message is one of a few that take turns. The whole of it is compared with the one that is due; of a large one
-- the length and both ends.

local shmipc = require "shmipc"

local messages = {}

messages.CAPACITY = 1 << 20 -- bytes that may be under way in a direction, for those that have a say in it

local CYCLE = 4 -- a power of 2
local BATCH = 64 -- messages of a call, a multiple of it
local LARGE = 1 << 14
local ASLEEP_AFTER = 100e-6 -- seconds

local LETTERS = "abcd"

-- The one due at turn i is at (i & CYCLE - 1) + 1.
local function cycle_of(size)
  local cycle = {}
  for i = 1, CYCLE do cycle[i] = LETTERS:sub(i, i):rep(size) end
  return cycle
end

local function batch_of(cycle)
  local batch = {}
  for i = 1, BATCH do batch[i] = cycle[(i & CYCLE - 1) + 1] end
  return batch
end

-- ---- parts of a round trip: the first process asks, the second one answers

local function ask(count, wire)
  local outgoing, incoming, argument, cycle, right = wire.outgoing, wire.incoming, wire.argument, wire.cycle, 0
  for i = 1, count do
    local message = cycle[(i & CYCLE - 1) + 1]
    outgoing:send(message)
    if incoming:receive(argument) == message then right = right + 1 end
  end
  return right
end

-- Takes the time of each, and waits before it. Returns the nanoseconds as well.
local function ask_timed(count, wire, wait)
  local outgoing, incoming, argument, cycle, right = wire.outgoing, wire.incoming, wire.argument, wire.cycle, 0
  local clock, times = shmipc.clock, {}
  for i = 1, count do times[i] = 0.0 end
  for i = 1, count do
    local message = cycle[(i & CYCLE - 1) + 1]
    local begun = clock()
    local awake_until = begun + wait
    while begun < awake_until do begun = clock() end
    outgoing:send(message)
    local reply = incoming:receive(argument)
    times[i] = clock() - begun
    if reply == message then right = right + 1 end
  end
  for i = 1, count do times[i] = math.floor(times[i] * 1e9) end
  return right, times
end

local function answer(count, wire)
  local outgoing, incoming, argument = wire.outgoing, wire.incoming, wire.argument
  for _ = 1, count do
    local message = incoming:receive(argument)
    outgoing:send(message)
  end
end

-- ---- parts of one way: the first process receives, the second one sends

local function send(count, wire)
  local outgoing, cycle = wire.outgoing, wire.cycle
  for i = 1, count do outgoing:send(cycle[(i & CYCLE - 1) + 1]) end
end

local function receive(count, wire)
  local incoming, argument, cycle, right = wire.incoming, wire.argument, wire.cycle, 0
  for i = 1, count do
    if incoming:receive(argument) == cycle[(i & CYCLE - 1) + 1] then right = right + 1 end
  end
  return right
end

local function receive_large(count, wire)
  local incoming, argument, right = wire.incoming, wire.argument, 0
  local byte, letters, size = string.byte, { LETTERS:byte(1, CYCLE) }, wire.size
  for i = 1, count do
    local message, letter = incoming:receive(argument), letters[(i & CYCLE - 1) + 1]
    if #message == size and byte(message) == letter and byte(message, -1) == letter then right = right + 1 end
  end
  return right
end

local function send_batches(count, wire)
  local outgoing, batch = wire.outgoing, batch_of(wire.cycle)
  for _ = 1, count // BATCH do
    if outgoing:send_many(batch) ~= BATCH then error "not all of a batch was sent" end
  end
  outgoing:send_many(table.move(batch, 1, count % BATCH, 1, {}))
end

local function receive_batches(count, wire)
  local incoming, cycle, received, right = wire.incoming, wire.cycle, 0, 0
  while received < count do
    local list = incoming:receive_many(BATCH)
    for i = 1, #list do
      if list[i] == cycle[(received + i & CYCLE - 1) + 1] then right = right + 1 end
    end
    received = received + #list
  end
  return right
end

-- Each gives the parts of the first and of the second process for messages of that size.
local works = {
  round_trip = function() return ask, answer end,
  latency = function() return function(count, wire) return ask_timed(count, wire, 0) end, answer end,
  asleep = function() return function(count, wire) return ask_timed(count, wire, ASLEEP_AFTER) end, answer end,
  one_way = function(size) return size < LARGE and receive or receive_large, send end,
  bulk = function() return receive_batches, send_batches end,
}

local function task(open, work, size)
  local parts = { work(size) }
  return {
    prepare = function(name, seat)
      local wire = { size = size, cycle = cycle_of(size) }
      wire.outgoing, wire.incoming, wire.argument = open(name, seat, size)
      return wire
    end,
    part = function(count, wire, seat) return parts[seat](count, wire) end,
    expected = function(count) return count end,
  }
end

--- The tasks, made when they are asked for.
function messages.tasks(wires)
  return setmetatable({}, {
    __index = function(_, name)
      local wire, work, size = name:match "^(%a+)_([%a_]+)_(%d+)$"
      if wires[wire] and works[work] then return task(wires[wire], works[work], tonumber(size)) end
    end,
  })
end

return messages
