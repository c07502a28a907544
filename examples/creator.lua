#!/usr/bin/env lua5.4
-- The creator: makes the mutex and the shared integer, and ends the game once the integer has reached the limit.

local shmipc = require "shmipc"

local parser = require "argparse"("creator", "Makes the shared integer, and writes -1 once it has reached the limit.")
parser:option("--limit", "Where the game ends.", "500"):convert(tonumber)
parser:option("--pace", "Seconds between two turns.", "0.2"):convert(tonumber)
parser:option("--memory", "Name of the mapping.", "ShareMemory")
parser:option("--mutex", "Name of the mutex.", "mutex")
local options = parser:parse()

io.stdout:setvbuf("no")

-- The lock is ours from its birth, so nobody sees the memory before it is ready. New memory reads as zeros.
local mutex = assert(shmipc.mutex.create(options.mutex, { owned = true }))
local memory = assert(shmipc.mapping.create(options.memory, 4))
local view = assert(memory:view())
mutex:unlock()

-- One look at the integer. The guard gives the lock back at the end of the function, whatever happens in it. That the
-- lock may be "abandoned" does not matter here: a single integer is never half written.
local function turn()
  local guard <close> = assert(mutex:lock())
  local value = view:read_i32(0)
  if value >= options.limit then view:write_i32(0, -1) end -- not ==: two producers may have stepped over the limit
  return value
end

local value = turn()
print(("creator   %d"):format(value))
while value ~= -1 and value < options.limit do
  shmipc.sleep(options.pace) -- without the lock
  value = turn()
  print(("creator   %d"):format(value))
end
if value ~= -1 then print("creator   -1") end

-- The names go with their last holder. Who has started late shall find the -1, and not nothing.
shmipc.sleep(math.max(1, 2 * options.pace))
