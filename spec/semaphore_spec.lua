local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local waiters = require "support.waiters"

local semaphores = shmipc.semaphore
local refused, raises = objects.refused, objects.raises
local on_linux = shmipc.platform == "linux"

local LARGEST = (1 << 31) - 1

local function it_on_linux(title, body, why)
  if on_linux then return it(title, body) end
  pending(("%s: %s"):format(title, why))
end

-- Takes all there is, and says how much it was.
local function take_all(semaphore)
  local count = 0
  while semaphore:acquire(0) do count = count + 1 end
  return count
end

describe("a semaphore", function()
  after_each(objects.check_none_left)

  it("lets as many in as there are places, and others when somebody leaves", function()
    local name = objects.name()
    local places <close> = assert(shmipc.semaphore.create(name, 2))
    assert.is_true(places:acquire())
    assert.is_true(places:acquire(0))
    local waiter <close> = waiters.start("semaphore", name, "object:acquire()")
    assert.equal(0, places:release())
    assert.is_true(waiter:receive())
  end)

  describe("that is created", function()
    it("has its name, its count, and says that it is new", function()
      local name = objects.name()
      local ours <close> = assert(semaphores.create(name, 3))
      local theirs <close> = assert(semaphores.open(name))
      assert.equal(name, ours:name())
      assert.equal(name, theirs:name())
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
      assert.equal(3, take_all(theirs))
      assert.equal(0, take_all(ours))
    end)

    it("is EXISTS when the name is taken, and NOT_FOUND to open when it is not", function()
      local name = objects.name()
      refused("NOT_FOUND", semaphores.open(name))
      local ours <close> = assert(semaphores.create(name, 1, 1))
      refused("EXISTS", semaphores.create(name, 5))
      assert.equal(1, take_all(ours))
    end)

    it("stays as it is when open_or_create finds it", function()
      local name = objects.name()
      local ours <close> = assert(semaphores.open_or_create(name, 1, 2))
      local theirs <close> = assert(semaphores.open_or_create(name, 7, 9))
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
      refused("LIMIT", theirs:release(2))
      assert.equal(1, take_all(theirs))
    end)

    it("may have any count from 0 to its maximum, and that from 1 to 2^31-1", function()
      for _, pair in ipairs { { 0, 1 }, { 1, 1 }, { 0, LARGEST }, { LARGEST, LARGEST }, { 3.0, 4.0 } } do
        local ours <close> = assert(semaphores.create(objects.name(), pair[1], pair[2]))
        if pair[1] < pair[2] then assert.equal(pair[1], ours:release(pair[2] - pair[1])) end
        refused("LIMIT", ours:release())
      end
      for _, pair in ipairs { { -1, 1 }, { 2, 1 }, { LARGEST + 1 }, { 0.5 }, { 0 / 0 }, { "1" }, {} } do
        raises("shmipc.semaphore.create: initial must be an integer from 0 to ", semaphores.create, objects.name(),
          pair[1], pair[2])
      end
      for _, maximum in ipairs { 0, -1, LARGEST + 1, 1.5, "2", {}, true } do
        raises("shmipc.semaphore.create: maximum must be an integer from 1 to 2147483647, got ", semaphores.create,
          objects.name(), 0, maximum)
      end
    end)

    it_on_linux("has exactly the mode that was asked for, and 0600 without one", function()
      local lfs = require "lfs"
      local open <close> = assert(semaphores.create(objects.name(), 0, nil, { mode = 0x1b6 }))
      local plain <close> = assert(semaphores.create(objects.name(), 0, 1))
      assert.equal("rw-rw-rw-", lfs.attributes(objects.path(open:name()), "permissions"))
      assert.equal("rw-------", lfs.attributes(objects.path(plain:name()), "permissions"))
    end, "permission bits are a thing of Linux")
  end)

  describe("lives", function()
    it("until its last handle is closed, collected or out of scope", function()
      local name = objects.name()
      local first, second = assert(semaphores.create(name, 5)), assert(semaphores.open(name))
      first:close()
      assert(semaphores.open(name)):close()
      assert.equal(5, take_all(second))
      second = nil
      collectgarbage()
      assert.is_nil(second)
      refused("NOT_FOUND", semaphores.open(name))
    end)

    it("not longer than its last holder who is killed", function()
      local name = objects.name()
      local holder <close> = process.peer()
      holder:run("semaphore = assert(shmipc.semaphore.create(..., 5))", name)
      holder:kill()
      refused("NOT_FOUND", semaphores.open(name))
      local fresh <close> = assert(semaphores.create(name, 1))
      assert.equal(1, take_all(fresh))
    end)

    it("on without a name after unlink", function()
      local name = objects.name()
      local ours <close> = assert(semaphores.create(name, 1))
      if not on_linux then
        refused("NOT_SUPPORTED", semaphores.unlink(name))
        return
      end
      assert.is_true(semaphores.unlink(name))
      refused("NOT_FOUND", semaphores.open(name))
      refused("NOT_FOUND", semaphores.unlink(name))
      assert.equal(1, ours:release())
    end)
  end)

  describe("released", function()
    it("gives the count as it was before", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 0))
      assert.equal(0, semaphore:release())
      assert.equal(1, semaphore:release(4))
      assert.equal(5, semaphore:release(nil))
      assert.equal(6, take_all(semaphore))
    end)

    it("beyond its maximum is LIMIT, and nothing is added", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 1, 3))
      refused("LIMIT", semaphore:release(3))
      refused("LIMIT", semaphore:release(LARGEST))
      assert.equal(1, semaphore:release(2))
      local message = refused("LIMIT", semaphore:release())
      assert.is_truthy(message:find(semaphore:name(), 1, true), message)
      assert.equal(3, take_all(semaphore))
    end)

    it("to the largest count of all is not torn", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 0))
      assert.equal(0, semaphore:release(LARGEST))
      refused("LIMIT", semaphore:release())
      assert.is_true(semaphore:acquire(0))
      assert.equal(LARGEST - 1, semaphore:release())
    end)

    it("by what is no such number raises", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 0))
      for _, n in ipairs { 0, -1, LARGEST + 1, 0.5, "1", {}, true, math.mininteger, math.huge } do
        raises("semaphore:release: n must be an integer from 1 to 2147483647, got ", semaphore.release, semaphore, n)
      end
      assert.equal(0, take_all(semaphore))
    end)

    it("lets as many waiters go on", function()
      local name = objects.name()
      local semaphore <close> = assert(semaphores.create(name, 0))
      local list <close> = waiters.start_many(4, "semaphore", name, "object:acquire()")
      semaphore:release(2)
      assert.equal(2, waiters.count_released(list, 2))
      semaphore:release()
      assert.equal(1, waiters.count_released(list, 1))
      semaphore:release(2)
      assert.equal(1, waiters.count_released(list, 1))
      assert.equal(1, take_all(semaphore))
    end)

    it_on_linux("lets another one go on when a waiter is stopped or killed", function()
      local name = objects.name()
      local semaphore <close> = assert(semaphores.create(name, 0))
      local stopped <close> = waiters.start("semaphore", name, "object:acquire()")
      local victim <close> = waiters.start("semaphore", name, "object:acquire()")
      local other <close> = waiters.start("semaphore", name, "object:acquire()")
      stopped:stop()
      victim:kill()
      semaphore:release()
      assert.is_true(other:receive(2))
      semaphore:release()
      stopped:continue()
      assert.is_true(stopped:receive(2))
    end, "here the kernel hands it to a stopped process, too")
  end)

  describe("acquired with a timeout", function()
    it("waits so long, and not much longer", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 0))
      for _, timeout in ipairs { 0, 0.001, 0.05, 0.25 } do
        local began = shmipc.clock()
        local message = refused("TIMEOUT", semaphore:acquire(timeout))
        local took = shmipc.clock() - began
        assert.is_true(took >= timeout and took < timeout + 1, ("%f took %f"):format(timeout, took))
        assert.is_truthy(message:find(semaphore:name(), 1, true), message)
      end
    end)

    it("of any length gets at once what is there", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 8))
      for _, timeout in ipairs { 0.0, 0.001, 1, 1e300, math.huge, math.maxinteger, 5e-324 } do
        assert.is_true(semaphore:acquire(timeout))
      end
      assert.is_true(semaphore:acquire(nil))
      assert.equal(0, take_all(semaphore))
    end)

    it("raises for one that is no time", function()
      local semaphore <close> = assert(semaphores.create(objects.name(), 1))
      for _, timeout in ipairs { -1, -0.001, -math.huge, 0 / 0, "1", true, {}, print } do
        raises("semaphore:acquire: timeout must be a number of seconds, 0 or more, got ", semaphore.acquire, semaphore,
          timeout)
      end
      assert.equal(1, take_all(semaphore))
    end)
  end)

  it("has lost what a killed process had acquired", function()
    local name = objects.name()
    local semaphore <close> = assert(semaphores.create(name, 2, 2))
    local holder <close> = process.peer()
    holder:run("semaphore = assert(shmipc.semaphore.open(...)) assert(semaphore:acquire())", name)
    holder:kill()
    assert.equal(1, take_all(semaphore))
    assert.equal(0, semaphore:release(2)) -- whoever knows may give it back
  end)

  it("prints itself with its name, and as closed after", function()
    local semaphore = assert(semaphores.create(objects.name(), 1))
    local name = semaphore:name()
    assert.equal(('shmipc.semaphore "%s"'):format(name), tostring(semaphore))
    semaphore:close()
    assert.equal(('shmipc.semaphore "%s" (closed)'):format(name), tostring(semaphore))
  end)

  it("counts what many processes release and acquire", function()
    local name, done_name = objects.name(), objects.name()
    local items <close> = assert(semaphores.create(name, 0))
    local done <close> = assert(semaphores.create(done_name, 0))
    local each = on_linux and 20000 or 1000
    local workers <close> = waiters.start_many(2, "semaphore", name, [[ (function()
      local taken = 0
      while object:acquire(0.5) do taken = taken + 1 end
      return taken
    end)()]])
    local releaser <close> = process.peer()
    releaser:send([[
      local name, done_name, each = ...
      local items, done = assert(shmipc.semaphore.open(name)), assert(shmipc.semaphore.open(done_name))
      for _ = 1, each do assert(items:release()) end
      assert(done:release())
    ]], name, done_name, each)
    for _ = 1, each // 4 do assert(items:release(4)) end
    assert.is_true(done:acquire(20))
    assert.equal(2 * each, workers[1]:receive() + workers[2]:receive() + take_all(items))
    releaser:receive()
  end)

  describe("whose bytes another program destroyed", function()
    local semaphore, view, name

    before_each(function()
      if not on_linux then return end
      name = objects.name()
      semaphore = assert(semaphores.create(name, 1, 5))
      local file <close> = assert(shmipc.mapping.file(objects.path(name)))
      view = assert(file:view())
    end)

    after_each(function()
      if not on_linux then return end
      view:close()
      semaphore:close()
    end)

    local NO_BYTES = "here a semaphore has no bytes that another program can reach"

    it_on_linux("is CORRUPT", function()
      for _, bytes in ipairs { ("\255"):rep(4096), ("\0"):rep(4096), ("\1\2\3\4\5\6\7\8"):rep(512) } do
        view:write(0, bytes)
        refused("CORRUPT", semaphores.open(name))
        refused("CORRUPT", semaphore:release())
        refused("CORRUPT", semaphore:acquire())
      end
    end, NO_BYTES)

    it_on_linux("is CORRUPT for who waits meanwhile", function()
      assert.equal(1, take_all(semaphore))
      local waiter <close> = waiters.start("semaphore", name, "select(3, object:acquire())")
      view:fill(0x55)
      assert.equal("CORRUPT", waiter:receive(2))
    end, NO_BYTES)

    it_on_linux("is CORRUPT when it was cut off", function()
      objects.overwrite(objects.path(name), "")
      refused("CORRUPT", semaphore:acquire(0.2))
      refused("CORRUPT", semaphores.open(name))
    end, NO_BYTES)

    it_on_linux("is CORRUPT when the count is more than the maximum, or that is none", function()
      view:write_u32(68, 6)
      refused("CORRUPT", semaphore:acquire(0))
      refused("CORRUPT", semaphore:release())
      for _, maximum in ipairs { 0, 1 << 31, (1 << 32) - 1 } do
        view:write_u32(64, maximum)
        refused("CORRUPT", semaphores.open(name))
      end
    end, NO_BYTES)

    it_on_linux("never holds anybody beyond the deadline, whatever stands in its words", function()
      for _ = 1, 50 do
        for offset = 64, 76, 4 do view:write_u32(offset, math.random(0, 0xFFFFFFFF) >> math.random(0, 31)) end
        local began = shmipc.clock()
        local done, message, code = semaphore:acquire(0.01)
        if not done then assert.is_true(code == "TIMEOUT" or code == "CORRUPT", message) end
        done, message, code = semaphore:release()
        if not done then assert.is_true(code == "LIMIT" or code == "CORRUPT", message) end
        assert.is_true(shmipc.clock() - began < 2)
      end
    end, NO_BYTES)

    it_on_linux("is NOT_SUPPORTED when another version has made it", function()
      view:write_u32(8, view:read_u32(8) + 1)
      refused("NOT_SUPPORTED", semaphores.open(name))
      refused("NOT_SUPPORTED", semaphore:acquire(0))
    end, NO_BYTES)
  end)
end)
