-- Channels for a long time: opened, used and closed again and again, while processes that use them are killed. Nothing
-- grows: neither Lua's memory, nor the process's, nor its descriptors and maps, nor what lies on /dev/shm.
--
-- SHMIPC_SOAK   so many times longer (1: some seconds)

local lfs = require "lfs"
local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local on_linux = shmipc.platform == "linux"
local is_sanitized = os.getenv "ASAN_OPTIONS" ~= nil -- it keeps freed memory for a while
local rounds = math.max(1, math.floor(tonumber(os.getenv "SHMIPC_SOAK" or "1") * (on_linux and 100 or 8)))

-- What the observed process knows: round(), which uses channels in all ways, and measure().
local observed = [[
  local name = ...
  local lfs = require "lfs"
  local layout = shmipc.layout "int32_t n; char text[500]; struct { double x; } parts[3];"
  local codec = { encode = function(t) return table.concat(t, ",") end, decode = function(s) return { s } end }
  local record = assert(assert(shmipc.mapping.create(name .. "-record", layout.size)):view()):record(layout)
  main = assert(shmipc.channel.create(name, { capacity = 1 << 14 }))

  local function use(options, value, is_collected)
    local own = assert(shmipc.channel.create(name .. "-own", options))
    local other = assert(shmipc.channel.open(name .. "-own", { codec = options.codec, layout = options.layout }))
    assert(own:send(value, 0))
    assert(other:send_many({ value, value, value }, 0) == 3)
    assert(other:receive(0))
    assert(#own:receive_many(2, 0) == 2)
    assert(own:receive(0, options.layout and record or nil))
    assert(select(3, own:receive(0)) == "TIMEOUT")
    assert(not pcall(own.send, own, print))
    assert(not shmipc.channel.create(name .. "-own"))
    own:shutdown()
    for _ in other:messages() do error "one is left" end
    if is_collected then return end
    own:close()
    other:close()
  end

  function round()
    for i = 1, 10 do
      use({ capacity = 1 << 12 + i % 6 }, ("x"):rep(i * 100), i % 3 == 0)
      collectgarbage()
      use({ capacity = 1 << 14, codec = codec }, { "one", i }, false)
      use({ capacity = 1 << 14, layout = layout }, { n = i, parts = { { x = 1 } } }, false)
    end
    for _ = 1, 300 do main:send(("y"):rep(100), 0) end -- more than it takes, unless somebody receives
    for _ = 1, 300 do main:receive(0) end
  end

  local function entries(folder)
    local count = 0
    for _ in lfs.dir(folder) do count = count + 1 end
    return count
  end

  local function lines(path)
    local count = 0
    for _ in io.lines(path) do count = count + 1 end
    return count
  end

  function measure()
    collectgarbage()
    collectgarbage()
    local kilobytes = collectgarbage "count"
    if shmipc.platform ~= "linux" then return kilobytes, 0, 0, 0 end
    local file <close> = io.open "/proc/self/statm"
    local _, resident = file:read("n", "n")
    return kilobytes, resident * 4, entries "/proc/self/fd", lines "/proc/self/maps"
  end
]]

-- What processes are doing when they are killed.
local victims = {
  "while true do channel:send(('v'):rep(math.random(0, 300))) end",
  "while true do channel:receive() end",
  "while true do channel:send_many { 'a', 'b', 'c' } channel:receive_many(5, 0) end",
  "while true do local again <close> = shmipc.channel.open(...) again:send('v', 0.001) end",
}

local function objects_of(name)
  local count = 0
  for entry in lfs.dir "/dev/shm" do
    if entry:find(name, 1, true) then count = count + 1 end
  end
  return count
end

describe("channels for a long time", function()
  after_each(objects.check_none_left)

  it("leave memory, descriptors and /dev/shm as they were", function()
    local name = objects.name()
    local peer <close> = process.peer()
    peer:run(observed, name)

    local function go_on(count)
      for i = 1, count do
        local victim <close> = process.peer()
        victim:run("channel = assert(shmipc.channel.open(...))", name)
        victim:run("own = assert(shmipc.channel.create(...)) own:send('left behind')", name .. "-victim")
        victim:send(victims[i % #victims + 1], name)
        peer:run("round()")
        victim:kill()
        objects.refused("NOT_FOUND", shmipc.channel.open(name .. "-victim"))
        peer:run("while main:receive(0) do end")
      end
    end

    go_on(8) -- until all is as large as it gets
    local kilobytes, resident, descriptors, maps = peer:run("measure()")
    local left = on_linux and objects_of(name)
    go_on(rounds)
    local kilobytes_then, resident_then, descriptors_then, maps_then = peer:run("measure()")
    local grown = ("from %.0f to %.0f KiB of Lua's, from %d to %d KiB of the process's"):format(kilobytes,
      kilobytes_then, resident, resident_then)
    assert.is_true(kilobytes_then < kilobytes + 20, grown)
    assert.is_true(is_sanitized or resident_then < resident + 1000, grown)
    assert.equal(descriptors, descriptors_then)
    assert.is_true(maps_then <= maps + 2, ("from %d to %d maps"):format(maps, maps_then)) -- malloc's heap may be two
    if on_linux then assert.equal(left, objects_of(name)) end
    assert.equal("TIMEOUT", peer:run("select(3, main:receive(0))"))
  end)
end)
