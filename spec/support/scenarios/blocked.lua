-- Blocks in a wait that Ctrl-C shall end: blocked.lua WAIT PLACE NAME
-- Says "waiting" before, and what came of it: an uncaught error is told by the interpreter.

local shmipc = require "shmipc"

local wait_name, place_name, name = ...
local mutex = assert(shmipc.mutex.open(name))
local event = assert(shmipc.event.open(name .. "e"))
local semaphore = assert(shmipc.semaphore.open(name .. "s"))
local channel = assert(shmipc.channel.open(name .. "c"))
local full = assert(shmipc.channel.open(name .. "f"))

io.stdout:setvbuf("no") -- not "line": Windows takes that for "full"

local waits = {
  ["mutex:lock()"] = function() mutex:lock() end,
  ["mutex:lock(5)"] = function() mutex:lock(5) end,
  ["mutex:with(f)"] = function() mutex:with(print) end,
  ["event:wait()"] = function() event:wait() end,
  ["event:wait(5)"] = function() event:wait(5) end,
  ["semaphore:acquire()"] = function() semaphore:acquire() end,
  ["channel:receive()"] = function() channel:receive() end,
  ["full:send('x')"] = function() full:send("x") end,
  ["channel:messages()"] = function() for _ in channel:messages() do print "one came" end end,
  ["shmipc.sleep(math.huge)"] = function() shmipc.sleep(math.huge) end,
  ["shmipc.sleep(5)"] = function() shmipc.sleep(5) end,
}

-- After an error that was caught the script goes on: other waits are as they were.
local function go_on(ok, message)
  print(ok and "not interrupted" or message)
  local _, _, code = mutex:lock(0.12)
  print(code)
  print(pcall(mutex.unlock, mutex))
end

local places = {
  ["the main chunk"] = function(wait) wait() end,
  ["a coroutine"] = function(wait) coroutine.wrap(wait)() end,
  ["a coroutine in a coroutine"] = function(wait)
    coroutine.wrap(function() coroutine.wrap(wait)() end)()
  end,
  ["pcall"] = function(wait) go_on(pcall(wait)) end,
  ["pcall in a coroutine"] = function(wait)
    coroutine.wrap(function() go_on(pcall(wait)) end)()
  end,
  ["a coroutine in pcall"] = function(wait) go_on(pcall(coroutine.wrap(wait))) end,
  ["a coroutine that is resumed"] = function(wait) go_on(coroutine.resume(coroutine.create(wait))) end,
  ["a finaliser's scope"] = function(wait)
    local _ <close> = setmetatable({}, { __close = function() print("closed") end })
    wait()
  end,
}

print("waiting")
places[place_name](waits[wait_name])
print("the end")
