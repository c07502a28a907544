-- `kill -9` at each step of a life with a lock: whoever comes next gets the lock, and is told when the data may be half
-- written.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local waiters = require "support.waiters"

-- What a victim does, step by step. Killed after `holds`, it dies with the lock.
local steps = {
  { "has created the lock", "mutex = assert(shmipc.mutex.open_or_create(...))" },
  { "has opened it again", "again = assert(shmipc.mutex.open(...))" },
  { "has locked", "guard = assert(mutex:lock())", holds = true },
  { "has written a half", "view:write_i32(0, view:read_i32(0) + 1)", holds = true },
  { "has written it all", "view:write_i32(4, view:read_i32(4) + 1)", holds = true },
  { "has locked again", "assert(again:lock())", holds = true },
  { "has unlocked the one level", "again:unlock()", holds = true },
  { "has unlocked", "guard:close()" },
  { "has locked and unlocked again", "assert(mutex:lock()) mutex:unlock()" },
}

-- A victim that has come to the step; memory and lock have the same name but for a letter.
local function victim_at(step, name)
  local victim = process.peer()
  victim:run("view = shmipc.mapping.open(...):view()", name .. "m")
  for i = 1, step do victim:run(steps[i][2], name) end
  return victim
end

-- How long it takes from the kill until each waiter has the lock; each gives it to the next.
local function seconds_to_pass_on(victim, peers)
  local before = shmipc.clock()
  victim:kill()
  local told = {}
  for _, waiter in ipairs(peers) do told[#told + 1] = waiter:receive() end
  return shmipc.clock() - before, told
end

local function start_waiting(peer, name)
  peer:run("mutex = assert(shmipc.mutex.open(...))", name)
  peer:send("local guard <close>, told = assert(mutex:lock()) return told or 'fine'")
  peer:await_sleep()
end

describe("kill -9", function()
  local name, mapping, view, mutex

  before_each(function()
    name = objects.name()
    mapping = assert(shmipc.mapping.create(name .. "m", 8))
    view = assert(mapping:view())
  end)

  after_each(function()
    view:close()
    mapping:close()
    if mutex then mutex:close() end
    mutex = nil
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
    objects.check_none_left()
  end)

  for i, step in ipairs(steps) do
    local what, told = step[1], step.holds and "abandoned" or nil

    it(("of one who %s: the next one gets the lock%s"):format(what, told and " and is told" or ""), function()
      local victim <close> = victim_at(i, name)
      mutex = assert(shmipc.mutex.open(name))
      victim:kill()
      assert.same({ told }, { select(2, assert(mutex:lock(5))) })
      assert.equal(told ~= nil, mutex:abandoned())
      mutex:unlock()
      assert.same({}, { select(2, assert(mutex:lock(0))) }) -- told once
      mutex:unlock()
    end)

    it(("of one who %s and was alone: the lock is gone, a new one is free"):format(what), function()
      local victim <close> = victim_at(i, name)
      victim:kill()
      objects.refused("NOT_FOUND", shmipc.mutex.open(name))
      mutex = assert(shmipc.mutex.create(name))
      assert.same({}, { select(2, assert(mutex:lock(0))) })
      mutex:unlock()
    end)

    if step.holds then
      it(("of one who %s: who waits gets the lock at once"):format(what), function()
        local quickest = math.huge
        for _ = 1, 3 do -- the machine may be busy with something else for once
          local victim <close> = victim_at(i, name)
          local first <close> = process.peer()
          local second <close> = process.peer()
          start_waiting(first, name)
          start_waiting(second, name)
          local seconds, tellings = seconds_to_pass_on(victim, { first, second })
          table.sort(tellings)
          assert.same({ "abandoned", "fine" }, tellings)
          quickest = math.min(quickest, seconds)
          if quickest < 0.1 then break end
        end
        assert.is_true(quickest < 0.1, ("it took %.3f s"):format(quickest))
      end)
    end
  end

  it("of one who holds a lock that was born owned: the next one is told", function()
    local victim <close> = process.peer()
    victim:run("mutex = assert(shmipc.mutex.create(..., {owned = true}))", name)
    mutex = assert(shmipc.mutex.open(name))
    objects.refused("TIMEOUT", mutex:lock(0))
    victim:kill()
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
  end)

  it("of one who waits harms nobody", function()
    mutex = assert(shmipc.mutex.create(name, { owned = true }))
    for _ = 1, 3 do
      local victim <close> = process.peer()
      local other <close> = process.peer()
      start_waiting(victim, name)
      start_waiting(other, name)
      victim:kill()
      mutex:unlock()
      assert.equal("fine", other:receive())
      assert.same({}, { select(2, assert(mutex:lock(5))) })
    end
    mutex:unlock()
  end)

  it("of one who was just woken harms nobody", function()
    mutex = assert(shmipc.mutex.create(name, { owned = true }))
    local victim <close> = process.peer()
    local other <close> = process.peer()
    start_waiting(victim, name)
    victim:stop() -- the lock's end wakes it, but it cannot take the lock
    start_waiting(other, name)
    mutex:unlock()
    assert.equal("fine", other:receive())
    victim:kill()
    assert.same({}, { select(2, assert(mutex:lock(5))) })
    mutex:unlock()
  end)

  it("is not needed for a waiter to be quick: an unlock wakes it", function()
    mutex = assert(shmipc.mutex.create(name, { owned = true }))
    local quickest = math.huge
    for _ = 1, 5 do
      local waiter <close> = process.peer()
      start_waiting(waiter, name)
      local before = shmipc.clock()
      mutex:unlock()
      assert.equal("fine", waiter:receive())
      quickest = math.min(quickest, shmipc.clock() - before)
      assert(mutex:lock(5))
    end
    mutex:unlock()
    assert.is_true(quickest < 0.05, ("it took %.3f s"):format(quickest))
  end)

  it("is not what has come to one who is only stopped", function()
    local sleeper <close> = victim_at(3, name)
    mutex = assert(shmipc.mutex.open(name))
    sleeper:stop()
    objects.refused("TIMEOUT", mutex:lock(0.05))
    sleeper:continue()
    sleeper:run("guard:close()")
    assert.same({}, { select(2, assert(mutex:lock(5))) })
    mutex:unlock()
  end)

  it("of the one who took over from a killed one: the next one is told again", function()
    local first <close> = victim_at(3, name)
    local second <close> = process.peer()
    second:run("mutex = assert(shmipc.mutex.open(...))", name)
    mutex = assert(shmipc.mutex.open(name))
    first:kill()
    assert.equal("abandoned", second:run("select(2, mutex:lock())"))
    second:kill()
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
  end)

  it("of one who holds many locks: each one's next owner is told", function()
    local mutexes = {}
    local victim <close> = process.peer()
    victim:run("mutexes = {}")
    for i = 1, 50 do
      local each = ("%s-%d"):format(name, i)
      victim:run("mutexes[#mutexes + 1] = assert(shmipc.mutex.create(...)) assert(mutexes[#mutexes]:lock())", each)
      mutexes[i] = assert(shmipc.mutex.open(each))
    end
    victim:run("for i = 1, 50, 2 do mutexes[i]:unlock() end")
    victim:kill()
    for i = 1, 50 do
      assert.equal(i % 2 == 0 and "abandoned" or nil, (select(2, assert(mutexes[i]:lock(5)))))
      mutexes[i]:unlock()
      mutexes[i]:close()
    end
  end)

  it("at any moment: two numbers that change together differ only when that is told", function()
    mutex = assert(shmipc.mutex.create(name))
    for _ = 1, 40 do
      local victim <close> = process.peer()
      victim:run("view = shmipc.mapping.open(...):view()", name .. "m")
      victim:run("mutex = assert(shmipc.mutex.open(...))", name)
      victim:send([[
        while true do
          local guard <close> = assert(mutex:lock())
          view:write_i32(0, view:read_i32(0) + 1)
          view:write_i32(4, view:read_i32(4) + 1)
        end
      ]])
      local goal = view:read_i32(0) + math.random(50, 2000)
      process.await(function() return view:read_i32(0) >= goal end, "victim's work")
      victim:kill()
      local _, told = assert(mutex:lock(5))
      local first, second = view:read_i32(0), view:read_i32(4)
      if first ~= second then assert.equal("abandoned", told) end
      assert.is_true(first == second or first == second + 1)
      view:write_i32(4, first)
      mutex:unlock()
    end
  end)
end)

describe("kill -9 of one who uses a channel", function()
  local name, channel

  before_each(function()
    name = objects.name()
    channel = assert(shmipc.channel.create(name, { capacity = 4096 }))
  end)

  after_each(function()
    channel:close()
    objects.refused("NOT_FOUND", shmipc.channel.open(name))
    objects.check_none_left()
  end)

  it("while it waits for a message: the others get what comes", function()
    for _ = 1, 3 do
      local victim <close> = waiters.start("channel", name, "object:receive()")
      local other <close> = waiters.start("channel", name, "object:receive()")
      victim:kill()
      assert(channel:send("for who lives"))
      assert.equal("for who lives", other:receive(5))
    end
  end)

  it("when it was just woken for a message: another one gets it", function()
    local victim <close> = waiters.start("channel", name, "object:receive()")
    victim:stop() -- it is woken, but it cannot take the message
    local other <close> = waiters.start("channel", name, "object:receive()")
    assert(channel:send("for who lives"))
    assert.equal("for who lives", other:receive(5))
    victim:kill()
    objects.refused("TIMEOUT", channel:receive(0))
  end)

  it("while it waits for space: it has sent nothing, and the others go on", function()
    local count = 0
    while channel:send(("x"):rep(1016), 0) do count = count + 1 end
    local victim <close> = waiters.start("channel", name, "object:send(('v'):rep(1016))")
    local other <close> = waiters.start("channel", name, "object:send(('o'):rep(1016))")
    victim:kill()
    for _ = 1, count do assert.equal(("x"):rep(1016), channel:receive(5)) end
    assert.equal(("o"):rep(1016), channel:receive(5))
    assert.is_true(other:receive(5))
    objects.refused("TIMEOUT", channel:receive(0))
  end)

  it("at any moment of sending: what it has sent is there, in its order, with no gap", function()
    local last = 0
    for round = 1, 20 do
      local victim <close> = process.peer()
      victim:run("channel = assert(shmipc.channel.open(...))", name)
      victim:send([[
        local i, is_many = ...
        while is_many do
          local list = {}
          for k = 1, 20 do list[k] = tostring(i + k) .. (" "):rep((i + k) % 90) end
          i = i + assert(channel:send_many(list))
        end
        while true do
          i = i + 1
          assert(channel:send(tostring(i) .. (" "):rep(i % 90)))
        end
      ]], last, round % 2 == 0)
      local function receive(timeout)
        local message = channel:receive(timeout)
        if not message then return false end
        last = last + 1
        assert(message == last .. (" "):rep(last % 90), message)
        return true
      end
      for _ = 1, math.random(20, 500) do assert(receive(10)) end
      victim:kill()
      while receive(0) do end
      assert.equal(last, channel:stats().received)
    end
  end)

  it("at any moment of receiving: the others go on, and at most what it had taken is lost", function()
    local sent = 0
    for round = 1, 20 do
      local victim <close> = process.peer()
      victim:run("channel = assert(shmipc.channel.open(...))", name)
      victim:send(("while true do channel:%s end"):format(round % 2 == 0 and "receive_many(9)" or "receive()"))
      for _ = 1, math.random(20, 500) do
        sent = sent + 1
        assert(channel:send(tostring(sent), 10))
      end
      victim:kill()
      local stats = channel:stats()
      assert.equal(sent, stats.sent)
      local expected = stats.received
      for _ = 1, stats.depth do
        expected = expected + 1
        assert.equal(tostring(expected), channel:receive(0))
      end
      assert.equal(sent, expected)
    end
  end)

  it("is not what has come to a sender who is only stopped: others receive, and send or hear of it in time", function()
    for _ = 1, 10 do
      local sleeper <close> = process.peer()
      sleeper:run("channel = assert(shmipc.channel.open(...))", name)
      sleeper:send("for i = 1, ... do channel:send(tostring(i)) end", 2000)
      local last = 0
      for _ = 1, math.random(20, 500) do last = tonumber(channel:receive(10)) end
      sleeper:stop()
      local began = shmipc.clock()
      while channel:receive(0) do last = last + 1 end
      local sent, message, code = channel:send("mine", 0.05)
      if not sent then assert.equal("TIMEOUT", code, message) end
      assert.is_true(shmipc.clock() - began < 2)
      if sent then assert.equal("mine", channel:receive(0)) end
      sleeper:continue()
      for i = last + 1, 2000 do assert.equal(tostring(i), channel:receive(10)) end
      sleeper:receive()
    end
  end)

  it("is not needed to go on without a receiver who is stopped", function()
    for _ = 1, 10 do
      local sleeper <close> = process.peer()
      sleeper:run("channel = assert(shmipc.channel.open(...))", name)
      sleeper:send("while true do channel:receive() end")
      for _ = 1, math.random(20, 200) do assert(channel:send("x", 10)) end
      sleeper:stop()
      while channel:receive(0) do end
      assert.is_true(channel:send("y", 5))
      assert.equal("y", channel:receive(0))
      sleeper:kill()
    end
  end)
end)
