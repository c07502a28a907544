#!/usr/bin/env lua5.4
-- The consumer: shows the shared integer, until it finds that the game is over.

local shmipc = require "shmipc"

local parser = require "argparse"("consumer", "Shows the shared integer at each turn, until it is -1.")
parser:option("--limit", "Warns of a count beyond it."):convert(tonumber)
parser:option("--pace", "Seconds between two turns.", "0.2"):convert(tonumber)
parser:option("--memory", "Name of the mapping.", "ShareMemory")
parser:option("--mutex", "Name of the mutex.", "mutex")
parser:option("--patience", "Seconds to wait for the creator.", "60"):convert(tonumber)
local options = parser:parse()

io.stdout:setvbuf("no")

-- Opens what the creator makes; it may not have started yet.
local function open(kind, name, ...)
  local deadline = shmipc.clock() + options.patience
  local handle, message, code
  repeat
    handle, message, code = kind.open(name, ...)
    if code ~= "NOT_FOUND" then return assert(handle, message) end
    shmipc.sleep(0.02)
  until shmipc.clock() > deadline
  error(message, 0)
end

local mutex = open(shmipc.mutex, options.mutex)
local view = assert(open(shmipc.mapping, options.memory, { access = "r" }):view())

local value = 0
repeat
  local last = value
  value = mutex:with(view.read_i32, view, 0)
  print(("consumer  %d"):format(value))
  if options.limit and value > options.limit then io.stderr:write("consumer: the count is beyond the limit\n") end
  local is_over = value == -1 or value < last -- a count that goes back: a producer has added to the -1
  if not is_over then shmipc.sleep(options.pace) end
until is_over
