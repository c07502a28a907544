#!/usr/bin/env lua5.4
-- The timekeeper, a role that the article does not have: ends the game when the time is up, whatever the count.
-- It needs no compiler, and nobody's consent but the names'.

local shmipc = require "shmipc"

local parser = require "argparse"("timekeeper", "Ends the game, by writing -1, when the time is up.")
parser:option("--seconds", "How long the game may last.", "10"):convert(tonumber)
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

local deadline = shmipc.clock() + options.seconds
local value
repeat
  value = mutex:with(view.read_i32, view, 0)
  local left = math.max(0, deadline - shmipc.clock())
  print(("timekeeper  %d, %.1f s left"):format(value, left))
  if value ~= -1 then shmipc.sleep(math.min(1, left)) end
until value == -1 or left == 0

if value ~= -1 then
  mutex:with(view.write_i32, view, 0, -1)
  print("timekeeper  -1")
end
