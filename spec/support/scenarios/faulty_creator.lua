-- A creator with the article's faults: it stops only at the very limit, sleeps with the lock, and leaves with it.
-- faulty_creator.lua LIMIT PACE MEMORY MUTEX

local shmipc = require "shmipc"

local limit, pace, memory_name, mutex_name = ...
limit, pace = tonumber(limit), tonumber(pace)

io.stdout:setvbuf("no")

local mutex = assert(shmipc.mutex.create(mutex_name, { owned = true }))
local view = assert(shmipc.mapping.create(memory_name, 4)):view()
view:write_i32(0, 0)
mutex:unlock()

while true do
  mutex:lock()
  local value = view:read_i32(0)
  print(("creator   %d"):format(value))
  if value == limit then
    view:write_i32(0, -1)
    break
  end
  shmipc.sleep(pace)
  mutex:unlock()
end
