-- Beside programs that know nothing of shmipc and call Windows' own functions: the article's three programs, with their
-- faults, and one that obeys commands.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

if shmipc.platform ~= "windows" then
  pending("Windows programs beside scripts: they run on Windows only")
  return
end

local LIMIT, PACE = 12, 0.01
local WAIT_OBJECT_0, WAIT_ABANDONED, WAIT_TIMEOUT = 0, 0x80, 0x102

local function program(name) return process.program("../windows/" .. name) end
local function start_foreign(name) return process.foreign(name, { program "foreign" }) end

describe("the article's programs", function()
  local memory, mutex, running

  before_each(function()
    memory, mutex, running = objects.name("memory"), objects.name("mutex"), {}
  end)

  after_each(function()
    for _, role in ipairs(running) do role:close() end
    objects.refused("NOT_FOUND", shmipc.mapping.open(memory))
    objects.refused("NOT_FOUND", shmipc.mutex.open(mutex))
    objects.check_none_left()
  end)

  local function keep(script)
    running[#running + 1] = script
    return script
  end

  local function start_ours(role)
    return keep(process.start_script(("examples/%s.lua"):format(role), "--limit", tostring(LIMIT), "--pace",
      tostring(PACE), "--memory", memory, "--mutex", mutex))
  end

  local function start_native(role, ...)
    local pace = ("%.0f"):format(PACE * 1000)
    return keep(process.start_program { program(role), pace, tostring(LIMIT), memory, mutex, ... })
  end

  -- Waits until it has had its first turn. Nothing moves before a producer does.
  local function in_game(script)
    assert.is_string(script:read_line())
    return script
  end

  local function expect_end(script)
    for _ in script:lines() do end
    assert.same({ "exit", 0 }, { script:wait() }, script.title)
  end

  -- Which of them end, whatever the others do. A producer that adds before it looks turns the -1 into 0, and goes on
  -- for ever. A consumer that looks for -1 only may then never see it. A creator that compares with == may never see
  -- the limit when a producer does not wait for it: then there is no end, for anybody.
  local function must_end(role, native)
    if native.creator and native.producer then return false end
    if native.producer then return not native[role] or role == "creator" end
    return true
  end

  for _, variant in ipairs { "", "_wide" } do
    for mix = 1, 7 do
      local native = { creator = mix & 1 ~= 0, producer = mix & 2 ~= 0, consumer = mix & 4 ~= 0 }
      local names = {}
      for _, role in ipairs { "creator", "producer", "consumer" } do
        if native[role] then names[#names + 1] = role .. variant end
      end

      it(("run with ours: %s"):format(table.concat(names, ", ")), function()
        local scripts = {}
        for _, role in ipairs { "creator", "consumer", "producer" } do
          scripts[role] = native[role] and start_native(role .. variant) or start_ours(role)
          in_game(scripts[role])
        end
        for role, script in pairs(scripts) do
          if must_end(role, native) then expect_end(script) end
        end
        if native.creator and native.producer and not native.consumer then
          -- Ours has its turns all the same, or has come to the end.
          for _ = 1, 2 * LIMIT do
            if not scripts.consumer:read_line() then break end
          end
          if scripts.consumer.has_ended then assert.same({ "exit", 0 }, { scripts.consumer:wait() }) end
        end
        for role, script in pairs(scripts) do
          if not must_end(role, native) then script:close() end
        end
      end)
    end
  end

  it("run with ours when the creator maps a file on disk", function()
    local path = objects.file()
    local creator = in_game(start_native("creator", path))
    local consumer, producer = in_game(start_ours "consumer"), in_game(start_ours "producer")
    for _, each in ipairs { creator, consumer, producer } do expect_end(each) end
    assert.equal(("i4"):pack(-1), objects.contents(path))
  end)

  it("leave a lock that ours take over", function()
    local creator = in_game(start_ours "creator")
    local consumer = in_game(start_native "consumer")
    process.await(function()
      consumer:kill() -- it sleeps with the lock, but may be killed without it
      local handle <close> = assert(shmipc.mutex.open(mutex))
      local _, told = assert(handle:lock(5))
      handle:unlock()
      if not told then consumer = in_game(start_native "consumer") end
      return told == "abandoned"
    end, "death with the lock")
    expect_end(in_game(start_ours "producer"))
    expect_end(creator)
  end)
end)

describe("a mutex shared with a Windows program", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = start_foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
    objects.check_none_left()
  end)

  it("excludes both ways", function()
    local mutex <close> = assert(shmipc.mutex.create(name, { owned = true }))
    foreign:run("open_mutex")
    assert.equal(WAIT_TIMEOUT, foreign:run("lock 0"))
    mutex:unlock()
    assert.equal(WAIT_OBJECT_0, foreign:run("lock 1000"))
    objects.refused("TIMEOUT", mutex:lock(0.01))
    foreign:run("unlock")
    assert.same({}, { select(2, assert(mutex:lock(1))) })
    mutex:unlock()
  end)

  it("may be the program's own", function()
    foreign:run("create_mutex_owned")
    local mutex <close> = assert(shmipc.mutex.open_or_create(name))
    assert.is_false(mutex:created())
    objects.refused("EXISTS", shmipc.mutex.create(name))
    objects.refused("TIMEOUT", mutex:lock(0))
    foreign:run("unlock")
    assert.same({}, { select(2, assert(mutex:lock(1))) })
    mutex:unlock()
  end)

  for _, way in ipairs { "leave", "kill" } do
    it(("is abandoned by a program that holds it and goes: %s"):format(way), function()
      local mutex <close> = assert(shmipc.mutex.create(name))
      foreign:run("open_mutex")
      assert.equal(WAIT_OBJECT_0, foreign:run("lock 1000"))
      if way == "kill" then foreign:kill() else foreign:write_line "leave" end
      assert.equal("abandoned", select(2, assert(mutex:lock(5))))
      mutex:unlock()
      assert.same({}, { select(2, assert(mutex:lock(0))) }) -- told once
      mutex:unlock()
    end)
  end

  it("is abandoned for the program, too, when a script is killed", function()
    local peer <close> = process.peer()
    peer:run("mutex = assert(shmipc.mutex.create(..., {owned = true}))", name)
    foreign:run("open_mutex")
    peer:kill()
    assert.equal(WAIT_ABANDONED, foreign:run("lock 5000"))
    foreign:run("unlock")
  end)

  it("is free for the program, and abandoned for scripts, when a script closes it under lock", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    local peer <close> = process.peer()
    peer:run("mutex = assert(shmipc.mutex.open(...)) assert(mutex:lock()) mutex:close()", name)
    foreign:run("open_mutex")
    assert.equal(WAIT_OBJECT_0, foreign:run("lock 1000"))
    foreign:run("unlock")
    assert.equal("abandoned", select(2, assert(mutex:lock(1))))
    mutex:unlock()
  end)

  it("lets in nobody but its maker's user", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    foreign:run("open_mutex")
    assert.equal(0, foreign:run("others"))
    assert.is_false(mutex:abandoned())
  end)
end)

describe("an event shared with a Windows program", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = start_foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.refused("NOT_FOUND", shmipc.event.open(name))
    objects.check_none_left()
  end)

  it("lets the program go on when a script sets it, and the other way round", function()
    local event <close> = assert(shmipc.event.create(name))
    foreign:run("open_event")
    assert.equal(WAIT_TIMEOUT, foreign:run("wait 0"))
    event:set()
    assert.equal(WAIT_OBJECT_0, foreign:run("wait 5000"))
    objects.refused("TIMEOUT", event:wait(0))
    foreign:run("set")
    assert.is_true(event:wait(5))
  end)

  it("is manual or automatic as the program has made it", function()
    foreign:run("create_event_manual")
    local event <close> = assert(shmipc.event.open_or_create(name, { manual = false }))
    assert.is_false(event:created())
    foreign:run("set")
    assert.is_true(event:wait(0))
    assert.is_true(event:wait(0))
    event:reset()
    assert.equal(WAIT_TIMEOUT, foreign:run("wait 0"))
    objects.refused("EXISTS", shmipc.event.create(name))
  end)

  it("lets in nobody but its maker's user", function()
    local event <close> = assert(shmipc.event.create(name))
    foreign:run("open_event")
    assert.equal(0, foreign:run("others"))
    assert.is_true(event:created())
  end)
end)

describe("a semaphore shared with a Windows program", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = start_foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.refused("NOT_FOUND", shmipc.semaphore.open(name))
    objects.check_none_left()
  end)

  it("has one count for both", function()
    local semaphore <close> = assert(shmipc.semaphore.create(name, 1, 3))
    foreign:run("open_semaphore")
    assert.equal(WAIT_OBJECT_0, foreign:run("acquire 0"))
    objects.refused("TIMEOUT", semaphore:acquire(0))
    assert.equal(0, foreign:run("release 2"))
    assert.is_true(semaphore:acquire(5))
    assert.equal(1, semaphore:release(2))
    objects.refused("LIMIT", semaphore:release())
    assert.equal(WAIT_OBJECT_0, foreign:run("acquire 0"))
  end)

  it("has the maximum that the program has given it", function()
    foreign:run("create_semaphore 0 2")
    local semaphore <close> = assert(shmipc.semaphore.open_or_create(name, 7, 9))
    assert.is_false(semaphore:created())
    objects.refused("LIMIT", semaphore:release(3))
    assert.equal(0, semaphore:release(2))
    assert.equal(WAIT_OBJECT_0, foreign:run("acquire 0"))
  end)

  it("lets in nobody but its maker's user", function()
    local semaphore <close> = assert(shmipc.semaphore.create(name, 1))
    foreign:run("open_semaphore")
    assert.equal(0, foreign:run("others"))
    assert.is_true(semaphore:created())
  end)
end)

describe("a mapping shared with a Windows program", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = start_foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    objects.check_none_left()
  end)

  it("has the script's bytes from the first one on, mapped with length 0", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    local view <close> = assert(mapping:view())
    view:write_i32(0, 500)
    foreign:run("open")
    assert.equal(500, foreign:run("read 0"))
    foreign:run("write 4 -1")
    assert.equal(-1, view:read_i32(4))
  end)

  it("has the program's bytes, and the size that the system tells", function()
    foreign:run("create 5")
    foreign:run("write 0 12345")
    local mapping <close> = assert(shmipc.mapping.open(name))
    assert.equal(4096, mapping:size())
    assert.equal(12345, assert(mapping:view()):read_i32(0))
    objects.refused("EXISTS", shmipc.mapping.create(name, 5))
    objects.refused("TOO_SMALL", shmipc.mapping.open_or_create(name, 4097))
    collectgarbage()
  end)

  it("has only the bytes that are there, when the program has reserved more", function()
    foreign:run("reserve 1000000")
    local mapping, _, code = shmipc.mapping.open(name)
    if mapping then -- a system that gives all of it
      local view <close> = assert(mapping:view())
      view:fill(1)
      mapping:close()
    else
      assert.equal("TOO_SMALL", code)
    end
  end)

  it("has the size that its script asked for, in another script", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 5))
    foreign:run("open")
    local peer <close> = process.peer()
    assert.equal(5, peer:run("shmipc.mapping.open(...):size()", name))
    assert.equal(5, mapping:size())
  end)

  it("is gone with its last holder, and not before", function()
    local peer <close> = process.peer()
    peer:run("view = shmipc.mapping.create(..., 4):view() view:write_i32(0, 9)", name)
    foreign:run("open")
    peer:kill()
    assert.equal(9, foreign:run("read 0"))
    do
      local view <close> = assert(assert(shmipc.mapping.open(name)):view())
      assert.equal(9, view:read_i32(0))
    end
    collectgarbage()
    foreign:run("close")
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)

  it("is gone with its last holder when that is killed", function()
    local peer <close> = process.peer()
    peer:run("mapping = assert(shmipc.mapping.create(..., 4))", name)
    peer:kill()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)

  it("lets in nobody but its maker's user", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    foreign:run("open")
    assert.equal(0, foreign:run("others"))
    assert.equal(8, mapping:size())
  end)

  for _, thing in ipairs { "event", "semaphore", "timer" } do
    it(("is of another kind than a foreign %s"):format(thing), function()
      foreign:run("place %s", thing)
      for kind, list in pairs(objects.arguments) do
        if kind ~= thing then
          objects.refused("WRONG_KIND", shmipc[kind].open(name))
          objects.refused("WRONG_KIND", shmipc[kind].create(name, table.unpack(list)))
          objects.refused("WRONG_KIND", shmipc[kind].open_or_create(name, table.unpack(list)))
        end
      end
      foreign:close()
    end)
  end
end)

describe("a channel beside a Windows program", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = start_foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.refused("NOT_FOUND", shmipc.channel.open(name))
    objects.check_none_left()
  end)

  local function works()
    local channel <close> = assert(shmipc.channel.create(name))
    local peer <close> = process.peer()
    peer:run("channel = assert(shmipc.channel.open(...))", name)
    assert(channel:send("a message", 1))
    assert.equal("a message", peer:run "channel:receive(5)")
  end

  it("is of another kind than a foreign mapping", function()
    foreign:run("create 4096")
    objects.refused("WRONG_KIND", shmipc.channel.open(name))
    objects.refused("WRONG_KIND", shmipc.channel.create(name))
    objects.refused("WRONG_KIND", shmipc.channel.open_or_create(name))
    foreign:run("close")
    works()
  end)

  it("lets in nobody but its maker's user", function()
    local channel <close> = assert(shmipc.channel.create(name))
    foreign:run("open")
    assert.equal(0, foreign:run("others"))
    foreign:run("close")
    assert(channel:send("a message", 1))
  end)

  for _, companion in ipairs { "lock", "receivers", "senders" } do
    it(("cannot be had when %s beside its name is something foreign"):format(companion), function()
      foreign:run("name %s/%s", name, companion)
      foreign:run("place timer")
      objects.refused("WRONG_KIND", shmipc.channel.create(name))
      objects.refused("NOT_FOUND", shmipc.channel.open(name))
      foreign:close()
      works()
    end)
  end

  it("holds nobody up when a foreign program has its lock", function()
    foreign:run("name %s/lock", name)
    foreign:run("create_mutex_owned")
    local channel <close> = assert(shmipc.channel.create(name))
    objects.refused("TIMEOUT", channel:send("a message", 0.05))
    objects.refused("TIMEOUT", channel:receive(0))
    foreign:close() -- with the lock
    assert(channel:send("a message", 5))
    assert.equal("a message", channel:receive(0))
  end)
end)

describe("a view of a file that cannot be read any more", function()
  local fault = assert(package.loadlib((program "fault":gsub("%.exe$", ".dll")), "luaopen_fault"))()

  after_each(objects.check_none_left)

  it("is lost: its use is an error, and other views go on", function()
    local path = objects.file(("the bytes of a file that goes"):rep(100))
    local mapping <close> = assert(shmipc.mapping.file(path))
    local lost <close> = assert(mapping:view())
    local other <close> = assert(shmipc.mapping.create(objects.name(), 8)):view()
    fault("the bytes of a file")
    objects.raises("truncated", lost.read_i32, lost, 0)
    objects.raises("truncated", lost.write_i32, lost, 0, 1)
    other:write_i32(0, 1)
    assert.equal(1, other:read_i32(0))
    collectgarbage()
  end)
end)
