-- A lock whose owner does not unlock it: whatever the way, the next one who locks gets it, and is told "abandoned".

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

-- Chunks that end the holding, or the whole process, without an unlock.
local ways = {
  { "closes its handle", "mutex:close()" },
  { "loses its handle to the collector", "mutex = nil collectgarbage() collectgarbage()" },
  { "leaves the scope of a handle that is to be closed", "local handle <close> = mutex" },
  { "calls os.exit(true, true)", "os.exit(true, true)", exit = 0 },
  { "calls os.exit(true, false)", "os.exit(true, false)", exit = 0 },
  { "calls os.exit(3)", "os.exit(3)", exit = 3 },
  { "ends with an error", "last_words = 'a mistake'", exit = 1 },
  { "comes to the end of its script", nil, exit = 0 },
}

-- A peer that holds the lock through `mutex`; other holders keep the object.
local function holder(name)
  local peer = process.peer()
  peer:run("mutex = assert(shmipc.mutex.open(...)) assert(mutex:lock(0))", name)
  return peer
end

local function go(way, peer)
  if not way[2] then
    peer:end_input()
  elseif way.exit then
    peer:send(way[2])
  else
    peer:run(way[2])
  end
  if way.exit then assert.same({ "exit", way.exit }, { peer:wait() }) end
end

describe("a lock whose owner", function()
  local name, mutex

  before_each(function()
    name = objects.name()
    mutex = assert(shmipc.mutex.create(name))
  end)

  after_each(function()
    mutex:close()
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
    objects.check_none_left()
  end)

  for _, way in ipairs(ways) do
    local what = way[1]

    it(what .. " goes to the next one, who is told once", function()
      local peer <close> = holder(name)
      objects.refused("TIMEOUT", mutex:lock(0))
      go(way, peer)
      assert.equal("abandoned", select(2, assert(mutex:lock(5))))
      mutex:unlock()
      assert.same({}, { select(2, assert(mutex:lock(0))) })
      mutex:unlock()
    end)

    it(what .. " goes to one who waits", function()
      local peer <close> = holder(name)
      local waiter <close> = process.peer()
      waiter:run("mutex = assert(shmipc.mutex.open(...))", name)
      waiter:send("local guard <close>, told = assert(mutex:lock()) return told")
      waiter:await_sleep()
      go(way, peer)
      assert.equal("abandoned", waiter:receive())
    end)

    it(what .. " while it holds several levels goes to the next one", function()
      local peer <close> = holder(name)
      peer:run("for _ = 1, 10 do mutex:lock() end mutex:unlock()")
      go(way, peer)
      assert.equal("abandoned", select(2, assert(mutex:lock(5))))
      mutex:unlock()
    end)
  end

  it("unlocks before it leaves is like any other", function()
    for _, way in ipairs(ways) do
      local peer <close> = holder(name)
      peer:run("mutex:unlock()")
      go(way, peer)
      assert.same({}, { select(2, assert(mutex:lock(5))) }, way[1])
      mutex:unlock()
    end
  end)

  it("leaves a guard's scope by an error has unlocked it", function()
    local peer <close> = process.peer()
    peer:run("mutex = assert(shmipc.mutex.open(...))", name)
    peer:send("local guard <close> = assert(mutex:lock()) error('a mistake')")
    assert.has_error(function() peer:receive() end)
    assert.same({}, { select(2, assert(mutex:lock(0))) })
    mutex:unlock()
  end)

  it("leaves a guard to the collector keeps it", function()
    local peer <close> = holder(name)
    peer:run("collectgarbage() collectgarbage()")
    objects.refused("TIMEOUT", mutex:lock(0))
    peer:run("mutex:unlock()")
  end)

  it("closes its handle after its object was unlinked is known to those who still have it", function()
    if shmipc.platform == "windows" then pending("names cannot be taken away on this system") end
    local peer <close> = holder(name)
    assert(shmipc.mutex.unlink(name))
    peer:run("mutex:close()")
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
  end)
end)

describe("two handles on one lock in one process", function()
  local name, mutex

  before_each(function()
    name = objects.name()
    mutex = assert(shmipc.mutex.create(name))
  end)

  after_each(function()
    mutex:close()
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
    objects.check_none_left()
  end)

  local function peer_with_two()
    local peer = process.peer()
    peer:run("local name = ... a = assert(shmipc.mutex.open(name)) b = assert(shmipc.mutex.open(name))", name)
    return peer
  end

  it("are one lock with levels", function()
    local peer <close> = peer_with_two()
    peer:run("assert(a:lock(0)) assert(b:lock(0))")
    peer:run("a:unlock()")
    objects.refused("TIMEOUT", mutex:lock(0))
    peer:run("b:unlock()")
    assert.same({}, { select(2, assert(mutex:lock(0))) })
    mutex:unlock()
  end)

  it("unlock for each other", function()
    local peer <close> = peer_with_two()
    peer:run("assert(a:lock(0)) b:unlock()")
    assert.same({}, { select(2, assert(mutex:lock(0))) })
    mutex:unlock()
  end)

  it("of which the one without a level is closed: nothing happens", function()
    local peer <close> = peer_with_two()
    peer:run("assert(a:lock(0)) b:close()")
    objects.refused("TIMEOUT", mutex:lock(0))
    peer:run("a:unlock()")
    assert.same({}, { select(2, assert(mutex:lock(0))) })
    mutex:unlock()
  end)

  it("of which the one with the level is closed or collected: the next one is told", function()
    for _, chunk in ipairs { "a:close()", "a = nil collectgarbage() collectgarbage()" } do
      local peer <close> = peer_with_two()
      peer:run("assert(a:lock(0))")
      peer:run(chunk)
      assert.equal("abandoned", select(2, assert(mutex:lock(0))))
      mutex:unlock()
      peer:run("assert(b:lock(0)) b:unlock()") -- the other handle goes on
    end
  end)

  it("of which one is closed while both have levels: the lock stays, then the next one is told", function()
    local peer <close> = peer_with_two()
    peer:run("assert(a:lock(0)) assert(b:lock(0)) a:close()")
    objects.refused("TIMEOUT", mutex:lock(0))
    peer:run("b:unlock()")
    assert.equal("abandoned", select(2, assert(mutex:lock(0))))
    mutex:unlock()
  end)

  it("that are killed while both have levels: the next one is told", function()
    local peer <close> = peer_with_two()
    peer:run("assert(b:lock(0)) assert(a:lock(0))")
    peer:kill()
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
  end)

  it("leave a sound list of locks when they go in any order", function()
    local peer <close> = peer_with_two()
    for round = 1, 6 do
      local other = ("%s-%d"):format(name, round)
      peer:run([[
        local name, other, round = ...
        a = assert(shmipc.mutex.open(name))
        local mutexes = {a, assert(shmipc.mutex.create(other)), assert(shmipc.mutex.create(other .. "x"))}
        for _, mutex in ipairs(mutexes) do assert(mutex:lock(0)) end
        local orders = {{1, 2, 3}, {1, 3, 2}, {2, 1, 3}, {2, 3, 1}, {3, 1, 2}, {3, 2, 1}}
        for _, i in ipairs(orders[round]) do mutexes[i]:close() end
      ]], name, other, round)
      assert.equal("abandoned", select(2, assert(mutex:lock(0))))
      mutex:unlock()
    end
    peer:run("a = assert(shmipc.mutex.open(...)) assert(a:lock(0))", name)
    peer:kill()
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
  end)
end)
