-- The processes that are looked at in the README's pictures: lua5.4 scripts/lib/screens.lua ROLE.

local shmipc = require "shmipc"

local layout = shmipc.layout [[
  struct telemetry { uint32_t tick; struct { float x, y, z; } position; float speed; char pilot[16]; };
]]

local roles = {}

local function telemetry()
  local mapping = assert(shmipc.mapping.open_or_create("telemetry", layout.size))
  return assert(mapping:view()):record(layout), assert(shmipc.mutex.open_or_create "telemetry_mutex")
end

-- Flies in circles, and publishes where it is.
function roles.simulator()
  local state, mutex = telemetry()
  state.pilot = "Ada"
  while true do
    local angle = shmipc.clock()
    do
      local guard <close> = assert(mutex:lock())
      state.tick = state.tick + 1
      state.position.x, state.position.y = 100 * math.cos(angle), 100 * math.sin(angle)
      state.position.z = 1000 + angle % 600
      state.speed = 100 + 20 * math.sin(angle / 3)
    end
    shmipc.sleep(0.01)
  end
end

-- Sits on the lock for too long.
function roles.reader()
  local state, mutex = telemetry()
  while true do
    do
      local guard <close> = assert(mutex:lock())
      local _ = state.position.x
      shmipc.sleep(0.03)
    end
    shmipc.sleep(0.05)
  end
end

function roles.writer()
  local mutex <close> = assert(shmipc.mutex.open_or_create "settings_mutex")
  local _ <close> = assert(shmipc.mapping.open_or_create("settings", 4096))
  while true do
    do
      local guard <close> = assert(mutex:lock())
      shmipc.sleep(0.001)
    end
    shmipc.sleep(0.1)
  end
end

function roles.boss()
  local jobs <close> = assert(shmipc.channel.open_or_create "jobs")
  local ready <close> = assert(shmipc.event.open_or_create("ready", { manual = true }))
  ready:set()
  for number = 1, math.huge do
    assert(jobs:send("job " .. number))
    if number % 20 == 0 then shmipc.sleep(0.01) end
  end
end

function roles.worker()
  local jobs <close> = assert(shmipc.channel.open_or_create "jobs")
  local places <close> = assert(shmipc.semaphore.open_or_create("places", 3, 4))
  while jobs:receive() do
    assert(places:acquire())
    places:release()
  end
end

function roles.victim()
  local cache = assert(shmipc.mapping.create("cache", 3 << 20))
  os.execute("kill -9 " .. shmipc.pid())
  return cache
end

roles[arg[1]]()
