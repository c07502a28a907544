-- A consumer with the article's faults: it sleeps with the lock, and leaves with it.
-- faulty_consumer.lua LIMIT PACE MEMORY MUTEX

local shmipc = require "shmipc"

local _, pace, memory_name, mutex_name = ...
pace = tonumber(pace)

io.stdout:setvbuf("no")

local mutex = assert(shmipc.mutex.open(mutex_name))
local view = assert(shmipc.mapping.open(memory_name, { access = "r" })):view()

while true do
  mutex:lock()
  local value = view:read_i32(0)
  print(("consumer  %d"):format(value))
  if value == -1 then break end
  shmipc.sleep(pace)
  mutex:unlock()
end
