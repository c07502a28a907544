local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local waiters = require "support.waiters"

local events = shmipc.event
local refused, raises = objects.refused, objects.raises
local on_linux = shmipc.platform == "linux"

local function it_on_linux(title, body, why)
  if on_linux then return it(title, body) end
  pending(("%s: %s"):format(title, why))
end

local NO_SLEEP = "this system does not tell whether a process is asleep"
local NO_BYTES = "here an event has no bytes that another program can reach"

local function is_set(event) return event:wait(0) == true end

describe("an event", function()
  after_each(objects.check_none_left)

  it("lets another process go on", function()
    local name = objects.name()
    local event <close> = assert(shmipc.event.create(name))
    local waiter <close> = waiters.start("event", name, "object:wait()")
    assert.is_true(event:set())
    assert.is_true(waiter:receive())
  end)

  describe("that is created", function()
    it("has its name, says that it is new, and is not set", function()
      local name = objects.name()
      local ours <close> = assert(events.create(name))
      local theirs <close> = assert(events.open(name))
      assert.equal(name, ours:name())
      assert.equal(name, theirs:name())
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
      assert.is_false(is_set(ours))
    end)

    it("is set when that is asked for", function()
      local ours <close> = assert(events.create(objects.name(), { set = true }))
      assert.is_true(is_set(ours))
      assert.is_false(is_set(ours))
      local manual <close> = assert(events.create(objects.name(), { set = true, manual = true }))
      assert.is_true(is_set(manual))
      assert.is_true(is_set(manual))
    end)

    it("is EXISTS when the name is taken, and NOT_FOUND to open when it is not", function()
      local name = objects.name()
      refused("NOT_FOUND", events.open(name))
      local ours <close> = assert(events.create(name))
      refused("EXISTS", events.create(name, { set = true }))
      assert.is_false(is_set(ours))
    end)

    it("stays as it is when open_or_create finds it", function()
      local name = objects.name()
      local ours <close> = assert(events.open_or_create(name))
      local theirs <close> = assert(events.open_or_create(name, { set = true, manual = true }))
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
      assert.is_false(is_set(theirs))
      theirs:set()
      assert.is_true(is_set(theirs))
      assert.is_false(is_set(theirs)) -- not a manual one
    end)

    it_on_linux("has exactly the mode that was asked for, and 0600 without one", function()
      local lfs = require "lfs"
      local open <close> = assert(events.create(objects.name(), { mode = 0x1b6 }))
      local plain <close> = assert(events.create(objects.name()))
      assert.equal("rw-rw-rw-", lfs.attributes(objects.path(open:name()), "permissions"))
      assert.equal("rw-------", lfs.attributes(objects.path(plain:name()), "permissions"))
    end, "permission bits are a thing of Linux")
  end)

  describe("lives", function()
    it("until its last handle is closed, collected or out of scope", function()
      local name = objects.name()
      local first, second = assert(events.create(name)), assert(events.open(name))
      first:set()
      first:close()
      assert(events.open(name)):close()
      assert.is_true(is_set(second))
      second = nil
      collectgarbage()
      assert.is_nil(second)
      refused("NOT_FOUND", events.open(name))
      local third <close> = assert(events.create(name))
      assert.is_false(is_set(third))
    end)

    it("not longer than its last holder who is killed", function()
      local name = objects.name()
      local holder <close> = process.peer()
      holder:run("event = assert(shmipc.event.create(..., {set = true, manual = true}))", name)
      holder:kill()
      refused("NOT_FOUND", events.open(name))
      local fresh <close> = assert(events.create(name))
      assert.is_false(is_set(fresh))
    end)

    it("on without a name after unlink", function()
      local name = objects.name()
      local ours <close> = assert(events.create(name))
      if not on_linux then
        refused("NOT_SUPPORTED", events.unlink(name))
        return
      end
      assert.is_true(events.unlink(name))
      refused("NOT_FOUND", events.open(name))
      refused("NOT_FOUND", events.unlink(name))
      local other <close> = assert(events.create(name))
      ours:set()
      assert.is_false(is_set(other))
      assert.is_true(is_set(ours))
    end)
  end)

  describe("that is automatic", function()
    local name, event

    before_each(function()
      name = objects.name()
      event = assert(events.create(name))
    end)
    after_each(function() event:close() end)

    it("stays set until somebody takes it", function()
      event:set()
      local other <close> = assert(events.open(name))
      assert.is_true(is_set(other))
      assert.is_false(is_set(event))
    end)

    it("is set once, however often it is set meanwhile", function()
      for _ = 1, 3 do assert.is_true(event:set()) end
      assert.is_true(is_set(event))
      assert.is_false(is_set(event))
    end)

    it("is not set after a reset", function()
      event:set()
      assert.is_true(event:reset())
      assert.is_false(is_set(event))
      assert.is_true(event:reset())
      event:set()
      assert.is_true(is_set(event))
    end)

    it("lets exactly one of many go on with each set", function()
      local list <close> = waiters.start_many(3, "event", name, "object:wait()")
      for _ = 1, 3 do
        event:set()
        assert.equal(1, waiters.count_released(list, 1))
      end
      assert.is_false(is_set(event))
    end)

    it_on_linux("lets as many go on as there are sets, at once", function()
      local list <close> = waiters.start_many(4, "event", name, "object:wait()")
      for _ = 1, 3 do event:set() end
      assert.equal(3, waiters.count_released(list, 3))
      assert.is_false(is_set(event))
      event:set()
      assert.equal(1, waiters.count_released(list, 1))
    end, NO_SLEEP)

    it_on_linux("stays set when a set finds only a waiter whom another set has let go", function()
      for _ = 1, 10 do
        local waiter <close> = waiters.start("event", name, "object:wait()")
        event:set()
        event:set()
        event:set()
        assert.is_true(waiter:receive())
        assert.is_true(is_set(event))
        assert.is_false(is_set(event))
      end
    end, NO_SLEEP)

    it_on_linux("lets a waiter go on, even if it is reset at once", function()
      for _ = 1, 10 do
        local waiter <close> = waiters.start("event", name, "object:wait()")
        event:set()
        event:reset()
        assert.is_true(waiter:receive())
        assert.is_false(is_set(event))
      end
    end, NO_SLEEP)

    it_on_linux("goes to somebody else when a waiter is stopped or killed", function()
      local stopped <close> = waiters.start("event", name, "object:wait()")
      local victim <close> = waiters.start("event", name, "object:wait()")
      local other <close> = waiters.start("event", name, "object:wait()")
      stopped:stop()
      victim:kill()
      event:set()
      assert.is_true(other:receive(2))
      event:set()
      stopped:continue()
      assert.is_true(stopped:receive(2))
    end, "here the kernel hands a set to a stopped process, too")
  end)

  describe("that is manual", function()
    local name, event

    before_each(function()
      name = objects.name()
      event = assert(events.create(name, { manual = true }))
    end)
    after_each(function() event:close() end)

    it("lets everybody go on, those that come later too, until it is reset", function()
      local list <close> = waiters.start_many(3, "event", name, "object:wait()")
      event:set()
      assert.equal(3, waiters.count_released(list, 3))
      assert.is_true(is_set(event))
      assert.is_true(event:wait())
      event:reset()
      assert.is_false(is_set(event))
      local later <close> = waiters.start("event", name, "object:wait()")
      event:set()
      assert.is_true(later:receive())
    end)

    it_on_linux("lets those go on who wait, even if it is reset at once", function()
      local list <close> = waiters.start_many(3, "event", name, "object:wait()")
      event:set()
      event:reset()
      assert.equal(3, waiters.count_released(list, 3))
      assert.is_false(is_set(event))
    end, "who is between two sleeps misses it here")

    it("is the same for who opened it", function()
      local other <close> = assert(events.open(name))
      event:set()
      assert.is_true(is_set(other))
      assert.is_true(is_set(other))
      other:reset()
      assert.is_false(is_set(event))
    end)
  end)

  describe("waited for with a timeout", function()
    it("of 0 tries", function()
      local event <close> = assert(events.create(objects.name()))
      local began = shmipc.clock()
      refused("TIMEOUT", event:wait(0))
      event:set()
      assert.is_true(event:wait(0))
      assert.is_true(shmipc.clock() - began < 1)
    end)

    it("waits so long, and not much longer", function()
      local event <close> = assert(events.create(objects.name()))
      for _, timeout in ipairs { 0.001, 0.05, 0.25 } do
        local began = shmipc.clock()
        local message = refused("TIMEOUT", event:wait(timeout))
        local took = shmipc.clock() - began
        assert.is_true(took >= timeout and took < timeout + 1, ("%f took %f"):format(timeout, took))
        assert.is_truthy(message:find(event:name(), 1, true), message)
      end
    end)

    it("of any length goes on at once when it is set", function()
      local event <close> = assert(events.create(objects.name(), { manual = true, set = true }))
      for _, timeout in ipairs { 0.0, 0.001, 1, 1e300, math.huge, math.maxinteger, 5e-324 } do
        assert.is_true(event:wait(timeout))
      end
      assert.is_true(event:wait(nil))
    end)

    it("raises for one that is no time", function()
      local event <close> = assert(events.create(objects.name()))
      for _, timeout in ipairs { -1, -0.001, -math.huge, 0 / 0, "1", true, {}, print } do
        raises("event:wait: timeout must be a number of seconds, 0 or more, got ", event.wait, event, timeout)
      end
    end)
  end)

  describe("prints itself", function()
    it("with its name, and as closed after", function()
      local event = assert(events.create(objects.name()))
      local name = event:name()
      assert.equal(('shmipc.event "%s"'):format(name), tostring(event))
      event:close()
      assert.equal(('shmipc.event "%s" (closed)'):format(name), tostring(event))
    end)
  end)

  describe("whose bytes another program destroyed", function()
    local event, view, name

    local function make(options)
      name = objects.name()
      event = assert(events.create(name, options))
      local file <close> = assert(shmipc.mapping.file(objects.path(name)))
      view = assert(file:view())
    end

    local function close()
      view:close()
      event:close()
    end

    it_on_linux("is CORRUPT", function()
      for _, options in ipairs { {}, { manual = true }, { set = true } } do
        for _, bytes in ipairs { ("\255"):rep(4096), ("\0"):rep(4096), ("\1\2\3\4\5\6\7\8"):rep(512) } do
          make(options)
          view:write(0, bytes)
          refused("CORRUPT", events.open(name))
          refused("CORRUPT", event:set())
          refused("CORRUPT", event:reset())
          refused("CORRUPT", event:wait())
          refused("CORRUPT", events.open_or_create(name))
          close()
        end
      end
    end, NO_BYTES)

    it_on_linux("is CORRUPT for who waits meanwhile", function()
      make()
      local waiter <close> = waiters.start("event", name, "select(3, object:wait())")
      view:fill(0x55)
      assert.equal("CORRUPT", waiter:receive(2))
      refused("CORRUPT", event:wait(0))
      close()
    end, NO_BYTES)

    it_on_linux("is CORRUPT when it was cut off", function()
      for _, method in ipairs { "set", "reset", "wait" } do
        make()
        objects.overwrite(objects.path(name), "")
        refused("CORRUPT", event[method](event))
        refused("CORRUPT", events.open(name))
        close()
      end
    end, NO_BYTES)

    it_on_linux("is CORRUPT when it says that it is neither automatic nor manual", function()
      make()
      view:write_u32(64, 2)
      refused("CORRUPT", events.open(name))
      assert.is_true(event:set()) -- who has read it already goes by that
      close()
    end, NO_BYTES)

    it_on_linux("never holds anybody beyond the deadline, whatever stands in its words", function()
      for _, options in ipairs { {}, { manual = true } } do
        make(options)
        for _ = 1, 50 do
          for offset = 64, 76, 4 do view:write_u32(offset, math.random(0, 0xFFFFFFFF)) end
          local began = shmipc.clock()
          local done, message, code = event:wait(0.01)
          if not done then assert.equal("TIMEOUT", code, message) end
          assert.is_true(event:set())
          assert.is_true(is_set(event))
          assert.is_true(event:reset())
          assert.is_true(shmipc.clock() - began < 2)
        end
        close()
      end
    end, NO_BYTES)

    it_on_linux("is NOT_SUPPORTED when another version has made it", function()
      make()
      view:write_u32(8, view:read_u32(8) + 1)
      refused("NOT_SUPPORTED", events.open(name))
      refused("NOT_SUPPORTED", event:wait(0))
      close()
    end, NO_BYTES)
  end)
end)

describe("two processes that wait for each other", function()
  after_each(objects.check_none_left)

  it("take turns, and none misses its turn", function()
    local ping_name, pong_name = objects.name(), objects.name()
    local ping <close> = assert(events.create(ping_name))
    local pong <close> = assert(events.create(pong_name))
    local partner <close> = process.peer()
    local rounds = on_linux and 5000 or 500
    partner:send([[
      local ping_name, pong_name, rounds = ...
      local ping, pong = assert(shmipc.event.open(ping_name)), assert(shmipc.event.open(pong_name))
      for _ = 1, rounds do assert(ping:wait(10)) pong:set() end
      return "done"
    ]], ping_name, pong_name, rounds)
    local slow = 0
    for round = 1, rounds do
      ping:set()
      local began = shmipc.clock()
      assert.message(round).is_true(pong:wait(10))
      if shmipc.clock() - began > 0.09 then slow = slow + 1 end -- as if only the next look had found it
    end
    assert.equal("done", partner:receive())
    assert.is_true(slow < rounds / 100, slow)
  end)

  it("go on when a process that sets is killed", function()
    local name = objects.name()
    local event <close> = assert(events.create(name))
    for _ = 1, 5 do
      local setter <close> = process.peer()
      setter:run("event = assert(shmipc.event.open(...))", name)
      setter:send("while true do event:set() end")
      for _ = 1, 100 do assert.is_true(event:wait(10)) end
      setter:kill()
      repeat until not is_set(event)
      event:set()
      assert.is_true(event:wait(0))
    end
  end)
end)
