-- A producer with the article's faults: it adds first and looks for -1 afterwards, sleeps with the lock, and leaves
-- with it. faulty_producer.lua LIMIT PACE MEMORY MUTEX

local shmipc = require "shmipc"

local _, pace, memory_name, mutex_name = ...
pace = tonumber(pace)

io.stdout:setvbuf("no")

local mutex = assert(shmipc.mutex.open(mutex_name))
local view = assert(shmipc.mapping.open(memory_name)):view()

while true do
  mutex:lock()
  local value = view:read_i32(0)
  print(("producer  %d"):format(value))
  value = value + 1
  view:write_i32(0, value)
  if value == -1 then break end
  shmipc.sleep(pace)
  mutex:unlock()
end
