-- A forked child: it uses the views that it inherited, and takes nothing from its parent.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local function describe_on_linux(title, body)
  if shmipc.platform == "linux" then return describe(title, body) end
  pending(title .. ": there is no fork on this system")
end

-- Ways for a child to let go of what it inherited, and to end. The child's other statements come before.
local ways = {
  { "closes everything", "view:close() mapping:close() mutex:close()" },
  { "collects everything", "guard = nil view = nil mapping = nil mutex = nil collectgarbage() collectgarbage()" },
  { "leaves with _exit", "" },
  { "calls os.exit(true, true)", "os.exit(true, true)" },
  { "calls os.exit(true, false)", "os.exit(true, false)" },
  { "is killed", "forking.kill(shmipc.pid())" },
  { "closes a guard", "guard:close()" },
  { "fails to unlock", "assert(not pcall(mutex.unlock, mutex))" },
}

describe_on_linux("a forked child", function()
  local name, parent, mutex, mapping

  -- A parent that holds memory with a 7 in it, and the lock.
  before_each(function()
    name = objects.name()
    parent = process.peer()
    parent:run([[
      forking = assert(package.loadlib(..., "luaopen_forking"))()
      -- Runs a chunk in a child, whose errors it prints; how it ended.
      function in_child(chunk, ...)
        local pid = forking.fork()
        if pid > 0 then return forking.wait(pid) end
        local ok, message = xpcall(assert(load(chunk)), debug.traceback, ...)
        if not ok then io.stderr:write(message, "\n") end
        forking.leave(ok and 0 or 1)
      end
    ]], process.module "forking")
    parent:run([[
      local name = ...
      mapping = assert(shmipc.mapping.create(name .. "m", 4096))
      view = assert(mapping:view())
      view:write_i32(0, 7)
      mutex = assert(shmipc.mutex.create(name))
      guard = assert(mutex:lock(0))
    ]], name)
  end)

  after_each(function()
    if mapping then mapping:close() end
    if mutex then mutex:close() end
    mapping, mutex = nil, nil
    parent:close()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name .. "m"))
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
    objects.check_none_left()
  end)

  local function expect_parent_unharmed()
    mapping = assert(shmipc.mapping.open(name .. "m"))
    mutex = assert(shmipc.mutex.open(name))
    objects.refused("TIMEOUT", mutex:lock(0)) -- the parent has it still
    assert.is_true(parent:run("mutex:unlock()"))
    assert.same({}, { select(2, assert(mutex:lock(0))) }) -- and gave it back as it should
    assert.equal("TIMEOUT", parent:run("select(3, mutex:lock(0))"))
    mutex:unlock()
    assert.is_truthy(parent:run("mutex:lock(0)"))
    parent:run("mutex:unlock()")
    assert.equal(7, parent:run("view:read_i32(0)"))
    mapping:close()
    mutex:close()
    mapping, mutex = nil, nil
    assert(shmipc.mapping.open(name .. "m")):close()
    assert(shmipc.mutex.open(name)):close()
  end

  it("sees what its parent writes, and the other way round", function()
    assert.same({ "exit", 0 }, { parent:run("in_child('assert(view:read_i32(0) == 7) view:write_i32(4, 8)')") })
    assert.equal(8, parent:run("view:read_i32(4)"))
  end)

  it("can cut views from a mapping that it inherited", function()
    assert.same({ "exit", 0 }, { parent:run("in_child('assert(mapping:view(0, 4):read_i32(0) == 7)')") })
    expect_parent_unharmed()
  end)

  it("uses the windows that it inherited, and cuts new ones", function()
    parent:run([[
      record = view:record(shmipc.layout "struct { int32_t x[4]; } parts[4]; int64_t count;")
      part = record.parts[2].x
    ]])
    assert.same({ "exit", 0 }, { parent:run("in_child(...)", [[
      assert(record.parts[1].x[1] == 7)
      part[3] = 5
      record.parts[4].x = {1, 2, 3, 4}
      view:array("i32", 16, 4)[4] = 6
      for _ = 1, 1000 do shmipc.atomic.fetch_add(record, "count", 1) end
    ]]) })
    assert.equal("0 0 5 6", parent:run("table.concat(part:get(), ' ')"))
    assert.equal("1 2 3 4", parent:run("table.concat(record.parts[4].x:get(), ' ')"))
    assert.equal(1000, parent:run("record.count"))
    expect_parent_unharmed()
  end)

  it("that closes the view under its windows leaves its parent's windows open", function()
    parent:run("array = view:array 'i32'")
    for _, chunk in ipairs {
      "view:close() assert(not pcall(function() return array[1] end))",
      "array, view = nil, nil collectgarbage() collectgarbage()",
    } do
      assert.same({ "exit", 0 }, { parent:run("in_child(...)", chunk) })
      assert.equal(7, parent:run("array[1]"))
    end
    expect_parent_unharmed()
  end)

  for _, way in ipairs(ways) do
    it(("that %s takes no name and no lock from its parent"):format(way[1]), function()
      local how, number = parent:run("in_child(...)", "assert(view:read_i32(0) == 7) " .. way[2])
      assert.same(way[1] == "is killed" and { "signal", 9 } or { "exit", 0 }, { how, number })
      expect_parent_unharmed()
    end)

    it(("of a child that %s takes nothing either"):format(way[1]), function()
      assert.same({ "exit", 0 }, { parent:run("in_child(...)",
        ("in_child(%q) assert(view:read_i32(0) == 7)"):format(way[2])) })
      expect_parent_unharmed()
    end)
  end

  it("uses the events and semaphores that it inherited, and takes no name from its parent", function()
    parent:run([[
      local name = ...
      event = assert(shmipc.event.create(name .. "e", { set = true }))
      semaphore = assert(shmipc.semaphore.create(name .. "s", 1))
    ]], name)
    for _, ending in ipairs { "", "event:close() semaphore:close()", "os.exit(true, true)", "os.exit(true, false)",
                              "event = nil semaphore = nil collectgarbage() collectgarbage()" } do
      assert.same({ "exit", 0 }, { parent:run("in_child(...)", [[
        assert(event:wait(0)) assert(semaphore:acquire(0))
        event:set() semaphore:release()
      ]] .. ending) })
      assert(shmipc.event.open(name .. "e")):close()
      assert(shmipc.semaphore.open(name .. "s")):close()
    end
    assert.is_true(parent:run("event:wait(0) and semaphore:acquire(0)"))
    parent:run("event:close() semaphore:close()")
    objects.refused("NOT_FOUND", shmipc.event.open(name .. "e"))
    objects.refused("NOT_FOUND", shmipc.semaphore.open(name .. "s"))
  end)

  it("uses the channels that it inherited, both ways, and takes no name from its parent", function()
    parent:run([[channel = assert(shmipc.channel.create(... .. "c", { capacity = 4096 }))]], name)
    for _, ending in ipairs { "", "channel:close()", "os.exit(true, true)", "os.exit(true, false)",
                              "channel = nil collectgarbage() collectgarbage()", "forking.kill(shmipc.pid())" } do
      parent:run("assert(channel:send('to the child'))")
      local how, number = parent:run("in_child(...)", [[
        assert(channel:receive(5) == "to the child")
        assert(channel:send_many { "from", "the child" } == 2)
      ]] .. ending)
      assert.same(ending:find "kill" and { "signal", 9 } or { "exit", 0 }, { how, number })
      assert.equal("from the child", parent:run("channel:receive(0) .. ' ' .. channel:receive(0)"))
      assert(shmipc.channel.open(name .. "c")):close()
    end
    parent:run("channel:close()")
    objects.refused("NOT_FOUND", shmipc.channel.open(name .. "c"))
  end)

  it("and its parent wait for each other at a channel that it inherited", function()
    parent:run([[
      channel = assert(shmipc.channel.create(... .. "c", { capacity = 4096 }))
      back = assert(shmipc.channel.create(... .. "d", { capacity = 4096 }))
    ]], name)
    assert.equal(2000, parent:run [[
      local pid = forking.fork()
      if pid == 0 then
        for message in channel:messages() do back:send(message) end
        back:shutdown()
        forking.leave(0)
      end
      local count = 0
      for i = 1, 2000 do
        assert(channel:send(tostring(i)))
        if i % 50 == 0 then
          for k = i - 49, i do
            assert(back:receive(5) == tostring(k))
            count = count + 1
          end
        end
      end
      channel:shutdown()
      assert(select(3, back:receive(5)) == "CLOSED")
      forking.wait(pid)
      return count
    ]])
  end)

  it("does not have its parent's lock", function()
    assert.same({ "exit", 0 }, { parent:run("in_child(...)", [[
      assert(select(3, mutex:lock(0)) == "TIMEOUT")
      assert(select(3, mutex:lock(0.05)) == "TIMEOUT")
      assert(not pcall(mutex.unlock, mutex))
      assert(guard:close())
      assert(not mutex:abandoned())
    ]]) })
    expect_parent_unharmed()
  end)

  it("that was killed with a lock of its own: its parent is told", function()
    parent:run("guard:close()")
    assert.same({ "signal", 9 }, { parent:run("in_child(...)", "mutex:lock() forking.kill(shmipc.pid())") })
    assert.equal("abandoned", parent:run("select(2, mutex:lock(5))"))
    parent:run("mutex:unlock()")
  end)

  it("that ends with a lock of its own: its parent is told", function()
    parent:run("guard:close()")
    for _, chunk in ipairs { "mutex:lock()", "mutex:lock() os.exit(true, true)", "mutex:lock() mutex:close()" } do
      assert.same({ "exit", 0 }, { parent:run("in_child(...)", chunk) })
      assert.equal("abandoned", parent:run("select(2, mutex:lock(5))"), chunk)
      parent:run("mutex:unlock()")
    end
  end)

  -- A child that first runs the chunk, and then lives until the view's fourth number changes.
  local function fork_lasting_child(chunk)
    parent:run("guard:close()")
    parent:run([[
      local name, chunk = ...
      child = forking.fork()
      if child == 0 then
        pcall(assert(load(chunk)), name)
        view:write_i32(8, 1)
        local deadline = shmipc.clock() + 20
        while view:read_i32(12) == 0 and shmipc.clock() < deadline do shmipc.sleep(0.001) end
        forking.leave(0)
      end
      while view:read_i32(8) == 0 do shmipc.sleep(0.001) end
    ]], name, chunk or "")
  end

  -- What open says of the two, without becoming a holder.
  local function found()
    local memory, _, memory_code = shmipc.mapping.open(name .. "m")
    local lock, _, lock_code = shmipc.mutex.open(name)
    if memory then memory:close() end
    if lock then lock:close() end
    return { mapping = memory_code or "found", mutex = lock_code or "found" }
  end

  local function await_end()
    process.await(function()
      local now = found()
      return now.mapping == "NOT_FOUND" and now.mutex == "NOT_FOUND"
    end, "end of the names")
  end

  it("that opens memory again is a holder", function()
    fork_lasting_child("again = assert(shmipc.mapping.open(... .. 'm'))")
    local foreign <close> = process.foreign(name .. "m")
    foreign:run("open") -- no holder, but it can talk with the child
    parent:run("mapping:close() mutex:close() view:close()")
    local now = found()
    foreign:run("write 12 1")
    parent:run("forking.wait(child)")
    await_end()
    assert.equal("found", now.mapping)
  end)

  it("that opens a lock again is a holder", function()
    fork_lasting_child("again = assert(shmipc.mutex.open(...)) assert(again:lock(5))")
    local locked = parent:run("select(3, mutex:lock(0))")
    parent:run("mutex:close()")
    local now = found()
    parent:run("view:write_i32(12, 1) forking.wait(child) view:close() mapping:close()")
    await_end()
    assert.equal("TIMEOUT", locked)
    assert.equal("found", now.mutex)
  end)

  it("that opens a channel again is a holder, and keeps its messages", function()
    parent:run("channel = assert(shmipc.channel.create(... .. 'c')) channel:send('kept')", name)
    fork_lasting_child("again = assert(shmipc.channel.open(... .. 'c'))")
    parent:run("channel:close()")
    local channel <close> = assert(shmipc.channel.open(name .. "c"))
    assert.equal("kept", channel:receive(0))
    parent:run("view:write_i32(12, 1) forking.wait(child) view:close() mapping:close() mutex:close()")
  end)

  it("does not keep its parent's names when the parent closes", function()
    fork_lasting_child()
    parent:run("mutex:close() mapping:close()")
    assert.same({ mapping = "found", mutex = "NOT_FOUND" }, found())
    parent:run("view:write_i32(12, 1) view:close()")
    assert.same({ mapping = "NOT_FOUND", mutex = "NOT_FOUND" }, found())
    parent:run("forking.wait(child)")
  end)

  it("does not keep an event's or a semaphore's name when its parent is killed", function()
    parent:run("event = shmipc.event.create(... .. 'e') semaphore = shmipc.semaphore.create(... .. 's', 0)", name)
    fork_lasting_child()
    local foreign <close> = process.foreign(name .. "m")
    foreign:run("open")
    parent:kill()
    local _, _, of_event = shmipc.event.open(name .. "e")
    local _, _, of_semaphore = shmipc.semaphore.open(name .. "s")
    foreign:run("write 12 1")
    await_end()
    assert.same({ "NOT_FOUND", "NOT_FOUND" }, { of_event, of_semaphore })
  end)

  it("does not keep its parent's names when the parent is killed, and goes on with its views", function()
    fork_lasting_child()
    local foreign <close> = process.foreign(name .. "m")
    foreign:run("open")
    parent:kill()
    local now = found()
    assert.equal(7, foreign:run("read 0"))
    foreign:run("write 12 1")
    await_end()
    assert.same({ mapping = "NOT_FOUND", mutex = "NOT_FOUND" }, now)
  end)
end)
