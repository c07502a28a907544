#!/usr/bin/env lua5.4
-- The producer: adds 1 to the shared integer, until it finds that the game is over.

local shmipc = require "shmipc"

local parser = require "argparse"("producer", "Adds 1 to the shared integer at each turn, until it is -1.")
parser:option("--limit", "Where it lets the creator look before it goes on.", "500"):convert(tonumber)
parser:option("--pace", "Seconds between two turns.", "0.2"):convert(tonumber)
parser:option("--memory", "Name of the mapping.", "ShareMemory")
parser:option("--mutex", "Name of the mutex.", "mutex")
parser:option("--patience", "Seconds to wait for the creator.", "60"):convert(tonumber)
local options = parser:parse()

io.stdout:setvbuf("no")

-- Opens what the creator makes; it may not have started yet.
local function open(kind, name)
  local deadline = shmipc.clock() + options.patience
  local handle, message, code
  repeat
    handle, message, code = kind.open(name)
    if code ~= "NOT_FOUND" then return assert(handle, message) end
    shmipc.sleep(0.02)
  until shmipc.clock() > deadline
  error(message, 0)
end

local mutex = open(shmipc.mutex, options.mutex)
local view = assert(open(shmipc.mapping, options.memory):view())

-- Over is over: -1, or a count that has gone back. That happens when another producer adds to the -1 without looking.
local last = 0
local function is_over(value)
  return value == -1 or value < last
end

-- At the limit it waits a little, so that a creator which compares with == sees it, however slow it is.
local patience = math.max(2, 10 * options.pace)
local waiting_since
local function may_add(value)
  if is_over(value) then return false end
  if value ~= options.limit then return true end
  waiting_since = waiting_since or shmipc.clock()
  return shmipc.clock() - waiting_since > patience
end

local function turn()
  local guard <close> = assert(mutex:lock())
  local value = view:read_i32(0)
  if may_add(value) then view:write_i32(0, value + 1) end -- looks first, then adds
  return value
end

local value = turn()
print(("producer  %d"):format(value))
while not is_over(value) do
  last = value
  shmipc.sleep(options.pace) -- without the lock
  value = turn()
  print(("producer  %d"):format(value))
end
