local objects = require "support.objects"
local shmipc = require "shmipc"

local mapping, mutexes = shmipc.mapping, shmipc.mutex
local refused, raises = objects.refused, objects.raises
local on_linux = shmipc.platform == "linux"

local not_held = "mutex:unlock: the calling thread does not hold the lock"

-- Two handles on one new mutex, to be closed by the test.
local function new_pair(options)
  local name = objects.name()
  return assert(mutexes.create(name, options)), assert(mutexes.open(name))
end

-- Unlocks until nothing is left to unlock: how many levels there were.
local function take_all_levels(mutex)
  local levels = 0
  while pcall(mutex.unlock, mutex) do levels = levels + 1 end
  raises(not_held, mutex.unlock, mutex)
  return levels
end

-- Locks and unlocks: what the next owner is told.
local function what_the_next_is_told(mutex)
  local guard, told = mutex:lock(1)
  assert(guard, told)
  guard:close()
  return told
end

describe("a mutex", function()
  after_each(objects.check_none_left)

  it("is held from lock until the scope ends", function()
    local mutex = assert(shmipc.mutex.create(objects.name()))
    do
      local guard <close> = assert(mutex:lock(0.5))
      assert.is_truthy(guard)
    end
    raises(not_held, mutex.unlock, mutex)
  end)

  describe("that is created", function()
    it("has its name, and says that it is new", function()
      local name = objects.name()
      local ours <close> = assert(mutexes.create(name))
      local theirs <close> = assert(mutexes.open(name))
      assert.equal(name, ours:name())
      assert.equal(name, theirs:name())
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
    end)

    it("is EXISTS when the name is taken, and NOT_FOUND to open when it is not", function()
      local name = objects.name()
      refused("NOT_FOUND", mutexes.open(name))
      local ours <close> = assert(mutexes.create(name))
      refused("EXISTS", mutexes.create(name))
      refused("EXISTS", mutexes.create(name, { owned = true }))
      assert.equal(0, take_all_levels(ours))
    end)

    it("is opened by open_or_create when it exists", function()
      local name = objects.name()
      local ours <close> = assert(mutexes.open_or_create(name))
      local theirs <close> = assert(mutexes.open_or_create(name))
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
    end)

    it("is free", function()
      local ours <close> = assert(mutexes.create(objects.name()))
      raises(not_held, ours.unlock, ours)
    end)

    it("is held once by its creator when it is owned", function()
      local ours <close> = assert(mutexes.create(objects.name(), { owned = true }))
      assert.is_true(ours:unlock())
      raises(not_held, ours.unlock, ours)
      assert.is_nil(what_the_next_is_told(ours))
      local other <close> = assert(mutexes.open_or_create(objects.name(), { owned = true }))
      assert.equal(1, take_all_levels(other))
    end)

    it("is not held by who asks for an owned one that existed", function()
      local name = objects.name()
      local ours <close> = assert(mutexes.create(name))
      local theirs <close> = assert(mutexes.open_or_create(name, { owned = true }))
      raises(not_held, theirs.unlock, theirs)
      raises(not_held, ours.unlock, ours)
    end)

    it("has exactly the mode that was asked for, and 0600 without one", function()
      if not on_linux then pending("permission bits are a thing of Linux") end
      local lfs = require "lfs"
      local open <close> = assert(mutexes.create(objects.name(), { mode = 0x1b6 }))
      local plain <close> = assert(mutexes.create(objects.name()))
      assert.equal("rw-rw-rw-", lfs.attributes(objects.path(open:name()), "permissions"))
      assert.equal("rw-------", lfs.attributes(objects.path(plain:name()), "permissions"))
    end)
  end)

  describe("lives", function()
    it("until its last handle is closed, collected or out of scope", function()
      local name = objects.name()
      local first, second = assert(mutexes.create(name)), assert(mutexes.open(name))
      first:close()
      assert(mutexes.open(name)):close()
      assert.is_false(second:created())
      second = nil
      collectgarbage()
      assert.is_nil(second)
      refused("NOT_FOUND", mutexes.open(name))
      do
        local third <close> = assert(mutexes.create(name))
        assert.equal(name, third:name())
      end
      refused("NOT_FOUND", mutexes.open(name))
    end)

    it("until its last handle is closed, even if that one holds the lock", function()
      local name = objects.name()
      local ours = assert(mutexes.create(name, { owned = true }))
      ours:lock()
      ours:close()
      refused("NOT_FOUND", mutexes.open(name))
      local fresh <close> = assert(mutexes.create(name))
      assert.is_nil(what_the_next_is_told(fresh))
    end)

    it("on without a name after unlink", function()
      if not on_linux then
        local ours <close> = assert(mutexes.create(objects.name()))
        refused("NOT_SUPPORTED", mutexes.unlink(ours:name()))
        return
      end
      local name = objects.name()
      local ours <close> = assert(mutexes.create(name))
      assert.is_true(mutexes.unlink(name))
      refused("NOT_FOUND", mutexes.open(name))
      refused("NOT_FOUND", mutexes.unlink(name))
      local other <close> = assert(mutexes.create(name))
      ours:lock()
      raises(not_held, other.unlock, other)
      ours:unlock()
      ours:close()
      assert(mutexes.open(name)):close()
    end)
  end)

  describe("is recursive:", function()
    it("it is free after as many unlocks as locks", function()
      local mutex <close> = assert(mutexes.create(objects.name()))
      for _ = 1, 3 do assert.is_truthy(mutex:lock()) end
      for _ = 1, 3 do assert.is_true(mutex:unlock()) end
      raises(not_held, mutex.unlock, mutex)
    end)

    it("through guards as well, at any depth", function()
      local mutex <close> = assert(mutexes.create(objects.name()))
      local function nested(depth)
        local guard <close> = assert(mutex:lock(0))
        assert.is_truthy(guard)
        if depth > 1 then nested(depth - 1) end
      end
      nested(150)
      raises(not_held, mutex.unlock, mutex)
      for _ = 1, 1000 do mutex:lock() end
      assert.equal(1000, take_all_levels(mutex))
    end)

    it("through two handles of a process, which are one mutex", function()
      local first, second = new_pair()
      first:lock()
      second:lock(0)
      first:unlock()
      second:unlock()
      raises(not_held, first.unlock, first)
      raises(not_held, second.unlock, second)
      first:lock()
      second:unlock()
      raises(not_held, first.unlock, first)
      first:close()
      second:close()
    end)
  end)

  describe("locked with a timeout", function()
    it("of 0 tries, and gets it when it is free", function()
      local mutex <close> = assert(mutexes.create(objects.name()))
      local guard <close> = assert(mutex:lock(0))
      assert.is_truthy(guard)
      assert.equal(2, 1 + take_all_levels(mutex))
    end)

    it("of any length gets it at once when it is free", function()
      local mutex <close> = assert(mutexes.create(objects.name()))
      local began = shmipc.clock()
      for _, timeout in ipairs { 0, 0.0, 0.001, 1, 1e300, math.huge, math.maxinteger, 5e-324 } do
        mutex:lock(timeout):close()
      end
      mutex:lock(nil):close()
      assert.is_true(shmipc.clock() - began < 1)
    end)

    it("raises for one that is no time", function()
      local mutex <close> = assert(mutexes.create(objects.name()))
      for _, timeout in ipairs { -1, -0.001, -math.huge, 0 / 0, "1", true, {}, print } do
        raises("mutex:lock: timeout must be a number of seconds, 0 or more, got ", mutex.lock, mutex, timeout)
      end
      raises(not_held, mutex.unlock, mutex)
    end)
  end)

  describe("unlocked", function()
    it("by who does not hold it raises", function()
      local mutex <close> = assert(mutexes.create(objects.name()))
      raises(not_held, mutex.unlock, mutex)
      mutex:lock()
      mutex:unlock()
      raises(not_held, mutex.unlock, mutex)
    end)
  end)

  describe("given up while it is held", function()
    it("by close tells the next owner, once", function()
      local first <const>, second <close> = new_pair()
      first:lock()
      first:close()
      local guard, told = second:lock(1)
      assert.is_truthy(guard)
      assert.equal("abandoned", told)
      assert.is_true(second:abandoned())
      guard:close()
      assert.is_false(second:abandoned())
      assert.is_nil(what_the_next_is_told(second))
    end)

    it("by collection tells the next owner", function()
      local first, second = new_pair()
      first:lock()
      assert.is_true(first:created())
      first = nil
      collectgarbage()
      assert.is_nil(first)
      assert.equal("abandoned", what_the_next_is_told(second))
      assert.is_nil(what_the_next_is_told(second))
      second:close()
    end)

    it("by the end of its scope tells the next owner", function()
      local name = objects.name()
      local second <close> = assert(mutexes.create(name))
      do
        local first <close> = assert(mutexes.open(name))
        first:lock()
      end
      assert.equal("abandoned", what_the_next_is_told(second))
    end)

    it("at several levels is free all the same", function()
      local first, second = new_pair { owned = true }
      first:lock()
      first:lock()
      first:close()
      assert.equal("abandoned", what_the_next_is_told(second))
      raises(not_held, second.unlock, second)
      second:close()
    end)

    it("by one handle stays with the other's levels, and tells the next owner after them", function()
      local first, second = new_pair()
      first:lock()
      first:lock()
      second:lock()
      first:close()
      assert.is_true(second:unlock())
      raises(not_held, second.unlock, second)
      assert.equal("abandoned", what_the_next_is_told(second))
      assert.is_nil(what_the_next_is_told(second))
      second:close()
    end)

    it("is remembered as abandoned by the handle that was told, until it unlocks", function()
      local name = objects.name()
      local first <close> = assert(mutexes.create(name))
      local second <close> = assert(mutexes.open(name))
      local dying = assert(mutexes.open(name))
      dying:lock()
      dying:close()
      assert.is_false(first:abandoned())
      first:lock()
      first:lock()
      assert.is_true(first:abandoned())
      assert.is_false(second:abandoned())
      assert.equal(2, take_all_levels(first))
      assert.is_false(first:abandoned())
      second:lock()
      assert.is_false(first:abandoned())
      assert.is_false(second:abandoned())
    end)

    it("tells nothing when it was unlocked before", function()
      local first, second = new_pair()
      first:lock()
      first:unlock()
      first:close()
      assert.is_nil(what_the_next_is_told(second))
      second:close()
    end)

    it("tells nothing when a handle without a level is closed", function()
      local first, second = new_pair()
      first:lock()
      second:close()
      first:unlock()
      assert.is_nil(what_the_next_is_told(first))
      first:close()
    end)

    it("holds the lock for who was told, with or without a guard", function()
      local first, second = new_pair()
      first:lock()
      first:close()
      second:lock(0)
      assert.equal(1, take_all_levels(second))
      second:close()
    end)
  end)

  describe("prints itself", function()
    it("with its name, and as closed after", function()
      local mutex = assert(mutexes.create(objects.name()))
      assert.equal(('shmipc.mutex "%s"'):format(mutex:name()), tostring(mutex))
      local guard = mutex:lock()
      assert.equal(('shmipc.guard "%s"'):format(mutex:name()), tostring(guard))
      guard:close()
      assert.equal(('shmipc.guard "%s" (closed)'):format(mutex:name()), tostring(guard))
      local name = mutex:name()
      mutex:close()
      assert.equal(('shmipc.mutex "%s" (closed)'):format(name), tostring(mutex))
    end)
  end)

  describe("whose bytes another program destroyed", function()
    it("is CORRUPT or a time-out, and nobody hangs", function()
      if not on_linux then pending("only on Linux does a mutex have bytes that another program can reach") end
      for _, bytes in ipairs { ("\255"):rep(4096), ("\0"):rep(4096), ("\1\2\3\4\5\6\7\8"):rep(512) } do
        for _, when in ipairs { "free", "held" } do
          local name = objects.name()
          local ours <close> = assert(mutexes.create(name))
          local file <close> = assert(mapping.file(objects.path(name)))
          local view <close> = assert(file:view())
          if when == "held" then ours:lock() end
          view:write(0, bytes)
          local began = shmipc.clock()
          if when == "held" then
            local ok, message, code = ours:unlock()
            if not ok then refused("CORRUPT", ok, message, code) end
          end
          local guard, message, code = ours:lock(0.2)
          if not guard and code ~= "TIMEOUT" then refused("CORRUPT", guard, message, code) end
          refused("CORRUPT", mutexes.open(name))
          assert.is_true(shmipc.clock() - began < 1.5)
        end
      end
    end)

    it("is told by the unlock of who held it meanwhile, who does not hold it any more", function()
      if not on_linux then pending("only on Linux does a mutex have bytes that another program can reach") end
      local name = objects.name()
      local ours <close> = assert(mutexes.create(name))
      local file <close> = assert(mapping.file(objects.path(name)))
      local view <close> = assert(file:view())
      local whole = view:read(0, #view)
      local function destroyed_meanwhile(f)
        local guard <close> = assert(ours:lock(0))
        view:fill(0)
        return f(guard)
      end
      raises("another program has destroyed", destroyed_meanwhile, function() return "done" end)
      view:write(0, whole)
      raises("an error that is there already", destroyed_meanwhile, function()
        error "an error that is there already"
      end)
      view:write(0, whole)
      refused("CORRUPT", destroyed_meanwhile(function(guard) return guard:close() end))
      view:write(0, whole)
      refused("CORRUPT", destroyed_meanwhile(function() return ours:unlock() end))
      raises(not_held, ours.unlock, ours)
      view:write(0, whole)
      assert.is_truthy(ours:lock(0.2)) -- whole again, it is a mutex again
      ours:unlock()
    end)

    it("lets with refuse, without calling the function", function()
      if not on_linux then pending("only on Linux does a mutex have bytes that another program can reach") end
      local name = objects.name()
      local ours <close> = assert(mutexes.create(name))
      local file <close> = assert(mapping.file(objects.path(name)))
      local view <close> = assert(file:view())
      view:fill(0x55)
      refused("CORRUPT", ours:with(0.2, error, "called"))
    end)
  end)
end)

describe("a guard", function()
  local mutex
  before_each(function() mutex = assert(mutexes.create(objects.name())) end)
  after_each(function()
    mutex:close()
    mutex = nil
    objects.check_none_left()
  end)

  it("unlocks when it is closed, once", function()
    local guard = mutex:lock()
    assert.is_true(guard:close())
    raises(not_held, mutex.unlock, mutex)
    mutex:lock()
    assert.is_true(guard:close())
    assert.equal(1, take_all_levels(mutex))
  end)

  it("unlocks when its scope ends by an error, which is a normal unlock", function()
    local ok, message = pcall(function()
      local guard <close> = assert(mutex:lock())
      error({ guard }, 0)
    end)
    assert.is_false(ok)
    assert.equal("table", type(message))
    raises(not_held, mutex.unlock, mutex)
    assert.is_nil(what_the_next_is_told(mutex))
  end)

  it("unlocks when its scope ends by return, break and goto", function()
    local function by_return()
      local guard <close> = mutex:lock()
      return tostring(guard)
    end
    by_return()
    raises(not_held, mutex.unlock, mutex)
    for _ = 1, 2 do
      local guard <close> = mutex:lock()
      if guard then break end
    end
    raises(not_held, mutex.unlock, mutex)
    do
      local guard <close> = mutex:lock()
      if guard then goto out end
    end
    ::out::
    raises(not_held, mutex.unlock, mutex)
  end)

  it("does nothing when its level was unlocked by hand", function()
    do
      local guard <close> = mutex:lock()
      assert.is_truthy(guard)
      mutex:unlock()
    end
    raises(not_held, mutex.unlock, mutex)
  end)

  it("does nothing when its level was unlocked by hand, and the mutex locked again", function()
    do
      local guard <close> = mutex:lock()
      assert.is_truthy(guard)
      mutex:unlock()
      mutex:lock()
    end
    assert.equal(1, take_all_levels(mutex))
  end)

  it("does nothing when its level, an inner one, was unlocked by hand, and another taken", function()
    mutex:lock()
    local guard = mutex:lock()
    mutex:unlock()
    mutex:lock()
    guard:close()
    assert.equal(2, take_all_levels(mutex))
  end)

  it("may be lost: a bare lock stays locked", function()
    mutex:lock()
    collectgarbage()
    collectgarbage()
    assert.equal(1, take_all_levels(mutex))
  end)

  it("takes off its own level, in whatever order guards are closed", function()
    local orders = { { 1, 2, 3 }, { 1, 3, 2 }, { 2, 1, 3 }, { 2, 3, 1 }, { 3, 1, 2 }, { 3, 2, 1 } }
    for _, order in ipairs(orders) do
      local guards = { mutex:lock(), mutex:lock(), mutex:lock() }
      for _, i in ipairs(order) do
        guards[i]:close()
        guards[i]:close()
      end
      raises(not_held, mutex.unlock, mutex)
    end
  end)

  it("and an unlock by hand share the levels: the hand takes the innermost", function()
    local outer, middle, inner = mutex:lock(), mutex:lock(), mutex:lock()
    middle:close()
    mutex:unlock()
    inner:close()
    assert.equal(1, take_all_levels(mutex))
    outer:close()
    raises(not_held, mutex.unlock, mutex)
  end)

  it("keeps its mutex alive", function()
    local name = objects.name()
    local watching <close> = assert(mutexes.create(name))
    local guard = assert(mutexes.open(name)):lock()
    collectgarbage()
    collectgarbage()
    assert.is_true(guard:close())
    assert.is_nil(what_the_next_is_told(watching))
  end)

  it("does nothing after its mutex was closed", function()
    local name = objects.name()
    local watching <close> = assert(mutexes.create(name))
    local held = assert(mutexes.open(name))
    do
      local guard <close> = held:lock()
      assert.is_truthy(guard)
      held:close()
    end
    assert.equal("abandoned", what_the_next_is_told(watching))
  end)

  it("does nothing to a lock that the thread holds through another handle", function()
    local other <close> = assert(mutexes.open(mutex:name()))
    local guard = mutex:lock()
    mutex:unlock()
    other:lock()
    guard:close()
    assert.equal(1, take_all_levels(other))
  end)

  it("of one handle is disarmed by an unlock through another", function()
    local other <close> = assert(mutexes.open(mutex:name()))
    local guard = mutex:lock()
    other:unlock()
    mutex:lock()
    guard:close()
    assert.equal(1, take_all_levels(mutex))

    mutex:lock()
    guard = mutex:lock()
    other:unlock()
    guard:close()
    assert.equal(1, take_all_levels(mutex))
  end)

  it("is the innermost one that an unlock through a handle without a level disarms", function()
    local other <close> = assert(mutexes.open(mutex:name()))
    local third <close> = assert(mutexes.open(mutex:name()))
    for _, pair in ipairs { { mutex, other }, { other, mutex } } do
      local outer, inner = pair[1]:lock(), pair[2]:lock()
      third:unlock()
      inner:close() -- must not take the outer one's level off
      assert.equal(1, take_all_levels(pair[1]))
      outer:close()
    end
  end)
end)

describe("mutex:with", function()
  local mutex
  before_each(function() mutex = assert(mutexes.create(objects.name())) end)
  after_each(function()
    mutex:close()
    mutex = nil
    objects.check_none_left()
  end)

  it("calls a function while it holds the lock", function()
    local levels
    local answer = mutex:with(function()
      levels = take_all_levels(mutex)
      mutex:lock()
      return "answer"
    end)
    assert.equal(1, levels)
    assert.equal("answer", answer)
    assert.equal(1, take_all_levels(mutex)) -- its own level was unlocked by hand, so the other one stays
  end)

  it("has given the lock back afterwards", function()
    assert.equal(1, mutex:with(function() return 1 end))
    raises(not_held, mutex.unlock, mutex)
    assert.is_nil(what_the_next_is_told(mutex))
  end)

  it("passes arguments on and results back, nils too", function()
    local function swap(...)
      assert.equal(4, select("#", ...))
      local a, b, c, d = ...
      return d, c, b, a, nil
    end
    assert.same(table.pack(nil, 3, nil, 1, nil), table.pack(mutex:with(swap, 1, nil, 3, nil)))
    assert.same(table.pack(nil, 3, nil, 1, nil), table.pack(mutex:with(0.5, swap, 1, nil, 3, nil)))
    assert.equal(0, select("#", mutex:with(function() end)))
  end)

  it("takes a function as the first argument of the function", function()
    assert.equal(print, mutex:with(function(f) return f end, print))
    assert.equal(print, mutex:with(1, function(f) return f end, print))
  end)

  it("passes an error on as it is, and has given the lock back", function()
    local problem = { "problem" }
    local ok, message = pcall(mutex.with, mutex, error, problem)
    assert.is_false(ok)
    assert.equal(problem, message)
    raises(not_held, mutex.unlock, mutex)
    assert.is_nil(what_the_next_is_told(mutex))
  end)

  it("may be nested", function()
    local levels = mutex:with(function()
      return mutex:with(0, function()
        local count = take_all_levels(mutex)
        mutex:lock()
        mutex:lock()
        return count
      end)
    end)
    assert.equal(2, levels)
    assert.equal(2, take_all_levels(mutex))
  end)

  it("lets the function see that the lock was abandoned", function()
    local other = assert(mutexes.open(mutex:name()))
    other:lock()
    other:close()
    assert.is_true(mutex:with(function() return mutex:abandoned() end))
    assert.is_false(mutex:with(function() return mutex:abandoned() end))
  end)

  it("raises without a function, and for a timeout that is none", function()
    for _, f in ipairs { 1, "print", {}, true } do
      raises("mutex:with: ", mutex.with, mutex, 0.5, f)
    end
    raises("mutex:with: f must be a function, got nil", mutex.with, mutex)
    raises("mutex:with: f must be a function, got nil", mutex.with, mutex, 0.5)
    for _, timeout in ipairs { -1, 0 / 0, "1", {}, true } do
      raises("mutex:with: timeout must be a number of seconds, 0 or more, got ", mutex.with, mutex, timeout, print)
    end
    raises(not_held, mutex.unlock, mutex)
  end)
end)

describe("coroutines of a thread", function()
  local mutex
  before_each(function() mutex = assert(mutexes.create(objects.name())) end)
  after_each(function()
    mutex:close()
    mutex = nil
    objects.check_none_left()
  end)

  it("do not exclude each other", function()
    mutex:lock()
    local other = coroutine.wrap(function()
      assert(mutex:lock(0))
      coroutine.yield()
      mutex:unlock()
      mutex:unlock()
    end)
    other()
    other()
    raises(not_held, mutex.unlock, mutex)
  end)

  it("may leave a coroutine in the middle of with, and come back", function()
    local other = coroutine.wrap(function(...) return mutex:with(coroutine.yield, ...) end)
    assert.same({ 1, 2 }, { other(1, 2) })
    assert.is_true(mutex:unlock()) -- held meanwhile
    mutex:lock()
    assert.same({ 3, 4 }, { other(3, 4) })
    assert.equal(1, take_all_levels(mutex))
  end)

  it("give back what a coroutine that is closed held by a guard", function()
    local other = coroutine.create(function()
      local guard <close> = mutex:lock()
      coroutine.yield(guard)
    end)
    assert(coroutine.resume(other))
    assert(coroutine.close(other))
    raises(not_held, mutex.unlock, mutex)
    assert.is_nil(what_the_next_is_told(mutex))
  end)

  it("keep what a coroutine held that is only lost: its guard has no finaliser", function()
    local other = coroutine.create(function()
      local guard <close> = mutex:lock()
      coroutine.yield(guard)
    end)
    assert(coroutine.resume(other))
    assert.equal("suspended", coroutine.status(other))
    other = nil
    collectgarbage()
    collectgarbage()
    assert.is_nil(other)
    assert.equal(1, take_all_levels(mutex))
  end)

  it("raise in themselves what is misuse there", function()
    local other = coroutine.create(function() mutex:unlock() end)
    local ok, message = coroutine.resume(other)
    assert.is_false(ok)
    assert.is_truthy(message:find(not_held, 1, true), message)
  end)
end)
