#!/usr/bin/env lua5.4
-- Lua values as messages: a service that others call, with lua-cjson as the channels' codec.
--
--   NAME.calls         a channel, any number of callers to the service: {name = …, arguments = […], reply = CHANNEL}
--   NAME.reply.PID     a channel, the service to a caller: {result = …} or {failure = …}

local shmipc = require "shmipc"

local has_json, json = pcall(require, "cjson")
if not has_json then
  io.stderr:write("json_service: this example needs the module cjson (Debian: lua-cjson), which is not here\n")
  os.exit(1, true)
end

-- ---- the service

local functions = {}

function functions.add(...)
  local sum = 0
  for _, value in ipairs { ... } do sum = sum + value end
  return sum
end

-- How often each word comes.
function functions.words(text)
  local counts = {}
  for word in text:gmatch "%w+" do counts[word] = (counts[word] or 0) + 1 end
  return counts
end

local function answer(call)
  local f = functions[call.name]
  if not f then return { failure = "there is no function " .. tostring(call.name) } end
  local ok, result = pcall(f, table.unpack(call.arguments))
  return ok and { result = result } or { failure = result }
end

local function at_end(f)
  return setmetatable({}, { __close = f })
end

local function serve(options)
  local calls <close> = assert(shmipc.channel.create(options.name .. ".calls", { codec = json }))
  local guard <close> = at_end(function() calls:shutdown() end)
  print(("serves %s; Ctrl-C ends it"):format(options.name))
  for call in calls:messages() do
    -- A caller that has gone, or has no space, must not stop the service.
    local reply <close> = shmipc.channel.open(call.reply, { codec = json })
    if reply then reply:send(answer(call), 0) end
  end
end

-- ---- a caller

-- A word of the command line that is JSON is taken for it; any other one is a text.
local function value_of(word)
  local is_json, value = pcall(json.decode, word)
  return is_json and value or word
end

local function call(options)
  local calls <close> = assert(shmipc.channel.open(options.name .. ".calls", { codec = json }))
  local reply <close> = assert(shmipc.channel.create(("%s.reply.%d"):format(options.name, shmipc.pid()),
    { codec = json }))
  local arguments = setmetatable({}, json.array_mt)
  for i, word in ipairs(options.arguments) do arguments[i] = value_of(word) end
  assert(calls:send({ name = options["function"], arguments = arguments, reply = reply:name() }, options.timeout))
  local result = assert(reply:receive(options.timeout))
  if result.failure then error(result.failure, 0) end
  print(json.encode(result.result))
end

-- ---- the command line

local parser = require "argparse"("json_service", "Functions in another process, called by messages in JSON.")
parser:command_target "command"

local function command(name, text)
  local made = parser:command(name, text)
  made:option("--name", "What the names of the channels begin with.", "json")
  return made
end

command("serve", "Answers calls: add NUMBER…, words TEXT.")

local for_call = command("call", "Calls a function of the service, and shows its result.")
for_call:argument("function", "Its name.")
for_call:argument("arguments", "JSON, or a text."):args "*"
for_call:option("--timeout", "Seconds to wait for space, and for the reply.", "5"):convert(tonumber)

local options = parser:parse()
io.stdout:setvbuf("no")

local commands = { serve = serve, call = call }
local is_done, message = pcall(commands[options.command], options)
if not is_done and not tostring(message):find "interrupted!$" then
  io.stderr:write("json_service: ", tostring(message), "\n")
  os.exit(1, true)
end
