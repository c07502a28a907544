-- Looking at objects from outside: what there is, who holds it, who has the lock. Who looks holds nothing, takes no
-- lock and removes nothing.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local on_linux = shmipc.platform == "linux"

local function describe_on_linux(title, body)
  if on_linux then return describe(title, body) end
  pending(title .. ": this system tells only how many handles there are, and has no leftovers")
end

-- A launcher can be used when a script gets on with it: this user may do it, and reads the module there.
local as_nobody = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
local function is_root()
  if not on_linux then return false end
  local peer <close> = process.peer(as_nobody)
  return (pcall(peer.run, peer, "require 'shmipc'"))
end

-- What the list tells of a name; nil when it is not in it.
local function listed(name, options)
  for _, object in ipairs(assert(shmipc.list(options))) do
    if object.name == name then return object end
  end
end

local function pids_of(object)
  local pids = {}
  for i, holder in ipairs(object.holders) do pids[i] = holder.pid end
  table.sort(pids)
  return pids
end

describe("a list of objects", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("has what was made, with its kind and size", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 4711))
    local object = listed(name)
    assert.equal("mapping", object.kind)
    assert.equal(4711, object.size)
    for _, flag in ipairs { "foreign", "persistent", "leftover", "corrupt", "unsupported", "unlinked", "file" } do
      assert.is_false(object[flag], flag)
    end
    assert.is_true(mapping:close())
    assert.is_nil(listed(name))
  end)

  it("has every kind", function()
    for kind, create in pairs(objects.create) do
      local one <close> = assert(create(name))
      assert.equal(kind, listed(name).kind)
      assert.equal(kind, assert(one:info()).kind)
      assert.equal(name, one:info().name)
    end
  end)

  it("knows who may use it, and how old it is", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 1, { mode = tonumber("640", 8) }))
    if not on_linux then
      assert.is_nil(mapping:info().mode)
      return
    end
    assert.equal(tonumber("640", 8), listed(name).mode)
    assert.is_true(math.type(listed(name).uid) == "integer")
    local first = listed(name).age
    assert.is_true(first >= 0 and first < 20)
    process.await(function() return listed(name).age > first end, "object to grow older")
  end)

  it("tells whether an event is set", function()
    local event <close> = assert(shmipc.event.create(name, { manual = true }))
    assert.is_false(listed(name).set)
    assert.is_true(listed(name).manual)
    event:set()
    assert.is_true(listed(name).set)
    assert.is_true(event:info().set)
    assert.is_true(event:wait(0))
  end)

  it("tells a semaphore's count", function()
    local semaphore <close> = assert(shmipc.semaphore.create(name, 2, 5))
    assert.same({ 2, 5 }, { listed(name).count, listed(name).maximum })
    assert(semaphore:acquire(0))
    assert.equal(1, semaphore:info().count)
  end)

  it("tells what is in a channel, without taking part in it", function()
    local channel = assert(shmipc.channel.create(name, { capacity = 8192 }))
    for i = 1, 3 do channel:send("message " .. i) end
    channel:receive()
    for _, object in ipairs { listed(name), channel:info() } do
      assert.equal("channel", object.kind)
      assert.same({ 3, 1, 2 }, { object.sent, object.received, object.depth })
      assert.equal(8192, object.capacity)
      assert.is_false(object.receivers_waiting)
      assert.is_false(object.shutdown)
    end
    assert.equal(2, channel:stats().depth)
    channel:close()
    assert.is_nil(listed(name))
  end)

  it("tells who has a lock, and since when", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    assert.is_false(listed(name).locked)
    assert.is_nil(listed(name).owner)
    local owner <close> = process.peer()
    owner:run("mutex = assert(shmipc.mutex.open(...))", name)
    local before = shmipc.clock()
    owner:run("mutex:lock(0)")
    for _, object in ipairs { listed(name), mutex:info() } do
      assert.is_true(object.locked)
      if object.owner.pid then -- some systems do not tell of others
        assert.equal(owner:run("shmipc.pid()"), object.owner.pid)
        assert.is_string(object.owner.command)
      end
      if on_linux then
        assert.equal(owner:pid(), object.owner.thread)
        assert.matches("remote.lua", object.owner.command_line, 1, true)
        assert.is_true(object.owner.since <= shmipc.clock() - before + 0.02, object.owner.since) -- 20 ms: a slow tick
      end
    end
    owner:run("mutex:unlock()")
    assert.is_false(listed(name).locked)
    assert.is_nil(mutex:info().owner)
  end)

  it("counts the time of a lock from the moment that it was got", function()
    if not on_linux then return pending "this system does not tell since when" end
    local mutex <close> = assert(shmipc.mutex.create(name, { owned = true }))
    process.await(function() return mutex:info().owner.since > 0.05 end, "lock to have been held for 50 ms")
    mutex:unlock()
    assert(mutex:lock(0))
    assert.is_true(mutex:info().owner.since < 0.05)
    mutex:lock() -- one level more is the same lock
    process.await(function() return mutex:info().owner.since > 0.03 end, "lock to grow older")
    mutex:unlock()
    mutex:unlock()
  end)

  it("tells that a lock was left by its owner's death", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    local owner <close> = process.peer()
    owner:run("mutex = assert(shmipc.mutex.open(...)) mutex:lock(0)", name)
    assert.is_false(listed(name).abandoned)
    owner:kill()
    if on_linux then
      process.await(function() return listed(name).abandoned end, "lock to be abandoned")
      assert.is_false(listed(name).locked)
    end
    assert.equal("abandoned", (select(2, mutex:lock(5))))
    mutex:unlock()
    assert.is_false(listed(name).abandoned)
  end)

  it("may leave the holders out", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 4))
    assert.is_nil(listed(name, { holders = false }).holders)
    assert.is_nil(listed(name, { holders = false }).holders_complete)
    assert.equal(on_linux, listed(name, { holders = true }).holders ~= nil)
    assert.equal(on_linux, mapping:info().holders ~= nil)
  end)

  it("says of a file on disk what can be said", function()
    local path = objects.file("some bytes")
    local mapping <close> = assert(shmipc.mapping.file(path))
    local info = mapping:info()
    assert.is_true(info.file)
    assert.equal(path, info.name)
    assert.equal("mapping", info.kind)
    assert.equal(10, info.size)
    assert.is_false(info.foreign)
  end)
end)

describe("a look into memory that holds nothing", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("sees the bytes, and may not write", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    local glance <close> = assert(shmipc.mapping.peek(name))
    assert.equal(8, glance:size())
    assert.equal("r", glance:access())
    local view <close> = glance:view()
    assert(mapping:view()):write_i32(4, 11)
    assert.equal(11, view:read_i32(4))
    objects.raises("read-only", view.write_i32, view, 0, 1)
    objects.raises('access must be "r" or "cow"', glance.view, glance, 0, 8, "rw")
  end)

  it("is refused where there is nothing", function()
    objects.refused("NOT_FOUND", shmipc.mapping.peek(name))
    objects.refused("INVALID_NAME", shmipc.mapping.peek "a/b")
  end)

  it("keeps no name", function()
    if not on_linux then return pending "every handle holds on this system" end
    local mapping = assert(shmipc.mapping.create(name, 8))
    local glance <close> = assert(shmipc.mapping.peek(name))
    local view <close> = glance:view()
    assert.is_false(glance:info().unlinked)
    mapping:close()
    assert.is_true(glance:info().unlinked)
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    assert.equal(0, view:read_i32(0)) -- the memory is there as long as it is looked at
  end)
end)

describe_on_linux("who holds an object", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("are the processes that have opened it, each once", function()
    local one <close> = process.peer()
    local other <close> = process.peer()
    one:run("a = shmipc.mapping.create(..., 8) b = shmipc.mapping.open(...) view = b:view()", name)
    assert.same({ one:pid() }, pids_of(listed(name)))
    assert.matches("lua", listed(name).holders[1].command)
    assert.matches("remote.lua", listed(name).holders[1].command_line, 1, true)
    other:run("a = shmipc.mapping.open(..., {access = 'r'})", name)
    local both = { one:pid(), other:pid() }
    table.sort(both)
    assert.same(both, pids_of(listed(name)))
    assert.is_true(listed(name).holders_complete)
    one:run("a:close() b:close()")
    assert.same(both, pids_of(listed(name))) -- a view holds, too
    one:run("view:close()")
    assert.same({ other:pid() }, pids_of(listed(name)))
  end)

  it("are not those that died", function()
    local one <close> = process.peer()
    local other <close> = process.peer()
    one:run("a = shmipc.mutex.create(...)", name)
    other:run("a = shmipc.mutex.open(...)", name)
    one:kill()
    local object = listed(name)
    assert.same({ other:pid() }, pids_of(object))
    assert.is_true(object.holders_complete)
  end)

  it("are not forked children", function()
    local parent <close> = process.peer()
    parent:run([[
      forking = assert(package.loadlib(..., "luaopen_forking"))()
      function in_child(chunk, ...)
        local pid = forking.fork()
        if pid > 0 then return forking.wait(pid) end
        local ok, message = xpcall(assert(load(chunk)), debug.traceback, ...)
        if not ok then io.stderr:write(message, "\n") end
        forking.leave(ok and 0 or 1)
      end
    ]], process.module "forking")
    parent:run("mapping = shmipc.mapping.create(..., 8) view = mapping:view()", name)
    local how, code = parent:run([[in_child([=[
      local parent = ...
      local info = assert(mapping:info())
      assert(#info.holders == 1 and info.holders[1].pid == parent, #info.holders)
      assert(info.holders_complete)
      local mine = assert(shmipc.mapping.open(mapping:name()))
      assert(#mine:info().holders == 2)
    ]=], shmipc.pid())]])
    assert.same({ "exit", 0 }, { how, code }, table.concat(parent.transcript, "\n"))
    assert.same({ parent:pid() }, pids_of(listed(name)))
  end)

  it("are told by a handle as by the list", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    local peer <close> = process.peer()
    peer:run("mapping = shmipc.mapping.open(...)", name)
    assert.same(pids_of(listed(name)), pids_of(mapping:info()))
    assert.equal(2, #mapping:info().holders)
  end)

  it("of a foreign object are those who have it mapped or open", function()
    local foreign <close> = process.foreign(name)
    foreign:run("create 64")
    local object = listed(name)
    assert.is_true(object.foreign)
    assert.equal("mapping", object.kind)
    assert.same({ foreign:pid() }, pids_of(object))
    local mapping <close> = assert(shmipc.mapping.open(name))
    local both = { foreign:pid(), shmipc.pid() }
    table.sort(both)
    assert.same(both, pids_of(mapping:info()))
    foreign:run("unlink")
    assert.is_true(mapping:info().unlinked)
  end)
end)

describe_on_linux("who waits", function()
  after_each(objects.check_none_left)

  local function start(kind, name, wait)
    local waiter = process.peer()
    waiter:run(("object = assert(shmipc.%s.open(...))"):format(kind), name)
    waiter:send("print 'waiting' return " .. wait)
    assert(waiter:read_line() == "waiting")
    waiter:await_sleep()
    return waiter
  end

  for kind, case in pairs {
    mutex = { function(object) object:lock(0) end, "object:lock() and true", function(object) object:unlock() end },
    event = { function() end, "object:wait()", function(object) object:set() end },
    semaphore = { function(object) object:acquire(0) end, "object:acquire()", function(object) object:release() end },
  } do
    it("for a " .. kind .. " is seen, and nobody is not", function()
      local name = objects.name()
      local object <close> = assert(objects.create[kind](name))
      case[1](object)
      assert.is_false(listed(name).waiting)
      local waiter <close> = start(kind, name, case[2])
      process.await(function() return listed(name).waiting and object:info().waiting end, "waiter to be seen")
      case[3](object)
      assert.is_true(waiter:receive())
    end)
  end
end)

describe_on_linux("what nobody holds", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  local function leave(chunk, ...)
    local owner <close> = process.peer()
    owner:run(chunk, ...)
    owner:kill()
  end

  it("is a leftover when its holder was killed, and stays one while it is looked at", function()
    leave("mapping = shmipc.mapping.create(..., 8) mapping:view():write(0, 'left')", name)
    for _ = 1, 3 do
      local object = listed(name)
      assert.is_true(object.leftover)
      assert.equal("mapping", object.kind)
      assert.same({}, object.holders)
      assert.is_true(object.holders_complete)
      local glance <close> = assert(shmipc.mapping.peek(name))
      assert.equal("left", glance:view():read(0, 4))
      assert.is_true(glance:info().leftover)
    end
    collectgarbage()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    assert.is_nil(listed(name))
  end)

  it("tells its kind and its state by its bytes", function()
    leave("mutex = shmipc.mutex.create(...) mutex:lock(0)", name)
    process.await(function() return listed(name).abandoned end, "lock to be abandoned")
    assert.equal("mutex", listed(name).kind)
    leave("semaphore = shmipc.semaphore.create(..., 2, 3)", name .. "s")
    assert.equal("semaphore", listed(name .. "s").kind)
    assert.equal(2, listed(name .. "s").count)
    leave("channel = shmipc.channel.create(...) channel:send 'left'", name .. "c")
    assert.equal("channel", listed(name .. "c").kind)
    assert.equal(1, listed(name .. "c").depth)
    assert.is_true(listed(name .. "c").leftover)
    for _, suffix in ipairs { "", "s", "c" } do assert.is_true(shmipc.gc(name .. suffix)) end
  end)

  it("is removed on demand, but not what somebody holds, nor what is none of ours", function()
    leave("mapping = shmipc.mapping.create(..., 8)", name)
    assert.is_true(shmipc.gc(name))
    objects.refused("NOT_FOUND", shmipc.gc(name))
    for _, create in pairs(objects.create) do
      local held <close> = assert(create(name))
      objects.refused("EXISTS", shmipc.gc(name))
      assert.is_true(held:close())
    end
    local persistent = assert(shmipc.mapping.create(name, 8, { persistent = true }))
    persistent:close()
    objects.refused("EXISTS", shmipc.gc(name))
    assert(shmipc.mapping.unlink(name))
    local foreign <close> = process.foreign(name)
    foreign:run("create 8")
    objects.refused("EXISTS", shmipc.gc(name))
    foreign:run("unlink")
    objects.refused("INVALID_NAME", shmipc.gc "a/b")
  end)

  it("may be persistent", function()
    assert(shmipc.mapping.create(name, 8, { persistent = true, mode = tonumber("644", 8) })):close()
    local object = listed(name)
    assert.is_true(object.persistent)
    assert.is_false(object.foreign)
    assert.is_false(object.leftover)
    assert.equal(tonumber("644", 8), object.mode)
    assert(shmipc.mapping.unlink(name))
    -- One that a group may execute bears no mark: there the bit would have a meaning.
    assert(shmipc.mapping.create(name, 8, { persistent = true, mode = tonumber("750", 8) })):close()
    assert.is_true(listed(name).foreign)
    assert.equal(tonumber("750", 8), listed(name).mode)
    assert(shmipc.mapping.unlink(name))
  end)

  it("is told of many at once", function()
    leave([[
      local name, all = ..., {}
      for i = 1, 150 do all[i] = shmipc.event.create(name .. i) end
      mappings = all
    ]], name)
    local count = 0
    for _, object in ipairs(shmipc.list { holders = false }) do
      if object.name:sub(1, #name) == name and object.leftover and object.kind == "event" then count = count + 1 end
    end
    assert.equal(150, count)
    for i = 1, 150 do assert.is_true(shmipc.gc(name .. i)) end
  end)
end)

describe_on_linux("what is not as it should be", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = process.foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.check_none_left()
  end)

  it("is told to be corrupt", function()
    for _, kind in ipairs { "mutex", "event", "semaphore", "channel" } do
      local create = objects.create[kind] or shmipc[kind].create
      local object <close> = assert(create(name))
      assert.is_false(listed(name).corrupt)
      foreign:run("open")
      foreign:run("write 0 12345")
      assert.is_true(listed(name).corrupt, kind)
      assert.is_true(object:info().corrupt, kind)
      assert.equal(kind, listed(name).kind)
      assert.is_true(object:close())
    end
  end)

  it("is corrupt when a lock names a thread that is not there", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    foreign:run("open")
    foreign:run("write 4080 %d", 0x3ffffff0) -- above every process id
    assert.is_true(listed(name).corrupt)
    assert.is_true(mutex:info().corrupt)
  end)

  it("is corrupt when it was cut short", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    foreign:run("open")
    foreign:run("truncate 10")
    assert.is_true(listed(name).corrupt)
    assert.is_true(mutex:info().corrupt)
  end)

  it("is unsupported when another version made it", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    foreign:run("open")
    foreign:run("write 8 77")
    local object = listed(name)
    assert.is_true(object.unsupported)
    assert.is_false(object.corrupt)
    assert.is_nil(object.locked)
    assert.is_true(mutex:info().unsupported)
  end)

  for _, what in ipairs { "directory", "fifo", "symlink", "socket" } do
    it(("is not listed when it is a %s, and not waited for"):format(what), function()
      foreign:run("place " .. what)
      assert.is_nil(listed(name))
      objects.refused("WRONG_KIND", shmipc.mapping.peek(name))
      foreign:run("remove")
    end)
  end
end)

local describe_with_nobody = is_root() and describe or pending

describe_with_nobody("another user (needs root and setpriv)", function()
  local name, nobody

  before_each(function()
    name = objects.name()
    nobody = process.peer(as_nobody)
    nobody:run [[
      function listed(name)
        for _, object in ipairs(assert(shmipc.list())) do
          if object.name == name then return object end
        end
      end
    ]]
  end)

  after_each(function()
    nobody:close()
    objects.check_none_left()
  end)

  it("sees that there is something, what it is, and that its holders may not be seen", function()
    local mutex <close> = assert(shmipc.mutex.create(name, { owned = true }))
    nobody:run("object = listed(...)", name)
    assert.equal("mutex", nobody:run "object.kind") -- by its holder's lock, which anybody may see
    assert.equal(4096, nobody:run "object.size")
    assert.equal(0, nobody:run "object.uid")
    assert.equal(0, nobody:run "#object.holders")
    assert.is_false(nobody:run "object.holders_complete")
    assert.is_nil(nobody:run "object.locked")
    assert.is_false(nobody:run "object.leftover")
    mutex:unlock()
  end)

  it("sees its own, and root sees those", function()
    nobody:run("mapping = assert(shmipc.mapping.create(..., 8, {mode = 438}))", name) -- 0666
    nobody:run("object = listed(...)", name)
    assert.is_true(nobody:run "object.holders_complete")
    assert.equal(nobody:pid(), nobody:run "object.holders[1].pid")
    assert.same({ nobody:pid() }, pids_of(listed(name)))
    assert.equal(65534, listed(name).uid)
    local ours <close> = assert(shmipc.mapping.open(name))
    nobody:run("object = mapping:info()")
    assert.equal(1, nobody:run "#object.holders")
    assert.is_false(nobody:run "object.holders_complete") -- there is one more, who may not be seen
    assert.equal(2, #ours:info().holders)
  end)

  it("sees a leftover of another user's, and cannot remove it", function()
    for _, mode in ipairs { "600", "644" } do
      local owner <close> = process.peer()
      owner:run("local name, mode = ... mapping = shmipc.mapping.create(name, 8, {mode = mode})", name,
        tonumber(mode, 8))
      owner:kill()
      assert.is_true(nobody:run("listed(...).leftover", name), mode)
      assert.equal("ACCESS_DENIED", nobody:run("select(3, shmipc.gc(...))", name) or "removed")
      assert.is_true(listed(name).leftover)
      assert.is_true(shmipc.gc(name))
    end
  end)

  it("may not look into what it may not read", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    assert.equal("ACCESS_DENIED", nobody:run("select(3, shmipc.mapping.peek(...))", name))
    assert.is_true(mapping:close())
  end)
end)

describe_on_linux("looking all the time", function()
  after_each(objects.check_none_left)

  it("does not keep names from going", function()
    local name = objects.name()
    local watcher <close> = process.peer()
    watcher:send([[
      local name, seen, looks = ..., 0, 0
      repeat
        local is_over = false
        for _, object in ipairs(shmipc.list { holders = looks % 8 == 0 }) do
          if object.name:sub(1, #name) == name then seen = seen + 1 end
          is_over = is_over or object.name == name .. "end"
        end
        if looks == 0 then print "looking" end
        looks = looks + 1
      until is_over
      return seen
    ]], name)
    assert.equal("looking", watcher:read_line())
    for _ = 1, 300 do
      local mapping = assert(shmipc.mapping.create(name, 8))
      local mutex = assert(shmipc.mutex.create(name .. "x"))
      mapping:close()
      mutex:close()
      assert.is_nil(io.open(objects.path(name)))
      assert.is_nil(io.open(objects.path(name .. "x")))
    end
    local over <close> = assert(shmipc.mapping.create(name .. "end", 1))
    assert.is_true(watcher:receive() > 0)
    assert.is_true(over:close())
  end)
end)
