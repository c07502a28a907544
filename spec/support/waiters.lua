--- Processes that wait for an event or a semaphore.
--
--     local waiter <close> = waiters.start("event", name, "object:wait()")
--     event:set()
--     assert.is_true(waiter:receive())

local process = require "support.process"
local shmipc = require "shmipc"

local waiters = {}

local MOMENT = 0.15 -- seconds: more than one sleep of a waiter

--- Starts a peer that opens the object and is asleep in the call, where the system tells; else it is about to be.
function waiters.start(kind, name, call)
  local peer = process.peer()
  peer:run(("object = assert(shmipc.%s.open(...))"):format(kind), name)
  peer:send("print 'waiting' return " .. call)
  assert(peer:read_line() == "waiting")
  peer:await_sleep()
  return peer
end

--- Starts several at a time: they end when the list goes out of scope.
function waiters.start_many(count, kind, name, call)
  local list = setmetatable({}, {
    __close = function(self)
      for _, peer in ipairs(self) do peer:close() end
    end,
  })
  for i = 1, count do list[i] = waiters.start(kind, name, call) end
  return list
end

local function goes_on(peer, seconds)
  local ok, result = pcall(peer.receive, peer, seconds)
  return ok and result == true
end

--- Takes those out of the list who go on, as many as `expected` or more, and says how many there were.
function waiters.count_released(list, expected)
  local released = 0
  local deadline = shmipc.clock() + 10
  local function look(seconds)
    for i = #list, 1, -1 do
      if goes_on(list[i], seconds) then
        table.remove(list, i):close()
        released = released + 1
      end
    end
  end
  while released < expected and shmipc.clock() < deadline do look(0.001) end
  shmipc.sleep(MOMENT) -- for one too many to show itself
  look(0)
  return released
end

return waiters
