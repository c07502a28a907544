-- Ctrl-C ends every wait at once, wherever in a script it is.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local LIMIT = 0.2 -- seconds until a wait has ended

local waits = { "mutex:lock()", "mutex:lock(5)", "mutex:with(f)", "event:wait()", "event:wait(5)",
                "semaphore:acquire()", "channel:receive()", "full:send('x')", "channel:messages()",
                "shmipc.sleep(math.huge)", "shmipc.sleep(5)" }
local uncaught = { "the main chunk", "a coroutine", "a coroutine in a coroutine", "a finaliser's scope" }
local caught = { "pcall", "pcall in a coroutine", "a coroutine in pcall", "a coroutine that is resumed" }

describe("Ctrl-C", function()
  local name, mutex, event, semaphore, channel, full

  before_each(function()
    name = objects.name()
    mutex = assert(shmipc.mutex.create(name, { owned = true }))
    event = assert(shmipc.event.create(name .. "e"))
    semaphore = assert(shmipc.semaphore.create(name .. "s", 0))
    channel = assert(shmipc.channel.create(name .. "c", { capacity = 4096 }))
    full = assert(shmipc.channel.create(name .. "f", { capacity = 4096 }))
    repeat until not full:send("x", 0)
  end)

  after_each(function()
    mutex:close()
    event:close()
    semaphore:close()
    channel:close()
    full:close()
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
    objects.check_none_left()
  end)

  -- Interrupts a script in its wait; returns it, and how long it took until it said so.
  local function interrupt(wait, place)
    local script = process.start("blocked", wait, place, name)
    assert.equal("waiting", script:read_line())
    script:await_sleep()
    local before = shmipc.clock()
    script:interrupt()
    assert.is_truthy(script:read_until("interrupted!"))
    return script, shmipc.clock() - before
  end

  -- The best of a few: the machine may be busy with something else for once.
  local function expect_prompt(wait, place, check)
    local quickest = math.huge
    for _ = 1, 4 do
      local script <close>, seconds = interrupt(wait, place)
      check(script)
      quickest = math.min(quickest, seconds)
      if quickest < LIMIT then return end
    end
    error(("it took %.3f s"):format(quickest))
  end

  for _, wait in ipairs(waits) do
    for _, place in ipairs(uncaught) do
      it(("ends a script that is blocked in %s, in %s"):format(wait, place), function()
        expect_prompt(wait, place, function(script)
          for line in script:lines() do assert.not_equal("the end", line) end
          assert.same({ "exit", 1 }, { script:wait() })
        end)
        mutex:unlock()
        assert.same({}, { select(2, assert(mutex:lock(0))) }) -- the script held nothing, and took nothing
        event:set()
        assert.is_true(event:wait(0))
        semaphore:release()
        assert.is_true(semaphore:acquire(0))
        channel:send("y")
        assert.equal("y", channel:receive(0))
        assert.equal("x", full:receive(0))
        assert.is_true(full:send("y", 0))
        objects.refused("TIMEOUT", full:send("x", 0))
      end)
    end

    for _, place in ipairs(caught) do
      it(("is an error in %s that can be caught, in %s"):format(wait, place), function()
        expect_prompt(wait, place, function(script)
          assert.equal("TIMEOUT", script:read_line()) -- not interrupted again
          assert.matches("^false\t.*does not hold the lock", script:read_line())
          assert.equal("the end", script:read_line())
          assert.same({ "exit", 0 }, { script:wait() })
        end)
      end)
    end
  end

  it("takes a guard's lock back, and the next one is not told", function()
    mutex:unlock()
    local script <close> = process.peer()
    script:run("mutex = assert(shmipc.mutex.open(...))", name)
    script:send("local guard <close> = assert(mutex:lock()) shmipc.sleep(math.huge)")
    process.await(function()
      local guard <close> = mutex:lock(0)
      return not guard
    end, "script's lock")
    script:await_sleep()
    script:interrupt()
    assert.same({}, { select(2, assert(mutex:lock(5))) })
    assert.is_false((pcall(script.receive, script)))
  end)

  it("ends a script that holds a lock without a guard, and the next one is told", function()
    mutex:unlock()
    local script <close> = process.peer()
    script:run("mutex = assert(shmipc.mutex.open(...)) mutex:lock()", name)
    script:interrupt()
    script:send("shmipc.sleep(math.huge)") -- the hook that was set while it read
    script:end_input()
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
  end)
end)

describe("a wait", function()
  -- In a process of its own: hooks would disturb the specs.
  local function holds_in_peer(chunk)
    local name = objects.name()
    local mutex <close> = assert(shmipc.mutex.create(name, { owned = true }))
    local peer <close> = process.peer()
    peer:run("mutex = assert(shmipc.mutex.open(...))", name)
    assert.is_true(peer:run(chunk))
    mutex:unlock()
  end

  after_each(objects.check_none_left)

  it("leaves the script's hook as it was", function()
    holds_in_peer [[
      local hook = function() end
      for _, setting in ipairs { {"c", 0}, {"r", 0}, {"l", 0}, {"", 7}, {"crl", 7} } do
        debug.sethook(hook, setting[1], setting[2])
        assert(select(3, mutex:lock(0.15)) == "TIMEOUT")
        local now, mask, count = debug.gethook()
        debug.sethook()
        assert(now == hook and count == setting[2])
        for letter in setting[1]:gmatch "." do assert(mask:find(letter)) end
      end
      return true
    ]]
  end)

  it("leaves the hooks of a coroutine and of the main thread as they were", function()
    holds_in_peer [[
      local on_main, on_coroutine = 0, 0
      local main_hook = function() on_main = on_main + 1 end
      local own_hook = function() on_coroutine = on_coroutine + 1 end
      local thread = coroutine.create(function()
        debug.sethook(own_hook, "l")
        assert(select(3, mutex:lock(0.15)) == "TIMEOUT")
        local now, mask = debug.gethook()
        assert(now == own_hook and mask == "l")
      end)
      debug.sethook(main_hook, "cr", 5)
      assert(coroutine.resume(thread))
      local now, mask, count = debug.gethook()
      debug.sethook()
      assert(now == main_hook and mask == "cr" and count == 5)
      return on_main > 0 and on_coroutine > 0
    ]]
  end)

  it("leaves a coroutine without a hook when the main thread has one", function()
    holds_in_peer [[
      local calls, thread = 0
      debug.sethook(function() calls = calls + (coroutine.running() == thread and 1 or 0) end, "crl")
      thread = coroutine.create(function()
        assert(select(3, mutex:lock(0.15)) == "TIMEOUT")
        assert(debug.gethook() == nil)
      end)
      assert(coroutine.resume(thread))
      debug.sethook()
      return calls == 0
    ]]
  end)

  it("ends with the error of a hook that raises one, and holds nothing", function()
    holds_in_peer [[
      local start = shmipc.clock()
      debug.sethook(function()
        if shmipc.clock() < start + 0.05 then return end -- not in the wait yet
        debug.sethook()
        error("enough", 0)
      end, "c")
      local ok, message = pcall(mutex.lock, mutex, 5)
      return not ok and message == "enough" and not pcall(mutex.unlock, mutex)
    ]]
  end)

  it("raises when its own handle is closed by a hook", function()
    holds_in_peer [[
      debug.sethook(function() mutex:close() debug.sethook() end, "c")
      local ok, message = pcall(mutex.lock, mutex, 5)
      return not ok and message:find("closed", 1, true) ~= nil
    ]]
  end)

  it("for anything else ends with the error of a hook, and raises when a hook closes its handle", function()
    holds_in_peer [[
      local event = assert(shmipc.event.create(mutex:name() .. "e"))
      local semaphore = assert(shmipc.semaphore.create(mutex:name() .. "s", 0))
      local channel = assert(shmipc.channel.create(mutex:name() .. "c"))
      local full = assert(shmipc.channel.create(mutex:name() .. "f", { capacity = 4096 }))
      repeat until not full:send("x", 0)
      local waits = {
        [event.wait] = event,
        [semaphore.acquire] = semaphore,
        [channel.receive] = channel,
        [function(self, timeout) return self:send("x", timeout) end] = full,
        [function(self, timeout) return self:send_many({ "x" }, timeout) end] =
          assert(shmipc.channel.open(full:name())),
        [function(self, timeout) return self:receive_many(3, timeout) end] =
          assert(shmipc.channel.open(channel:name())),
        [function(self) for _ in self:messages() do error "one came" end end] =
          assert(shmipc.channel.open(channel:name())),
      }
      for wait, handle in pairs(waits) do
        local start = shmipc.clock()
        debug.sethook(function()
          if shmipc.clock() < start + 0.05 then return end -- not in the wait yet
          debug.sethook()
          error("enough", 0)
        end, "c")
        local ok, message = pcall(wait, handle, 5)
        assert(not ok and message == "enough", message)
        debug.sethook(function() handle:close() debug.sethook() end, "c")
        ok, message = pcall(wait, handle, 5)
        assert(not ok and message:find("closed", 1, true), message)
      end
      return true
    ]]
  end)
end)
