-- Several Lua states in several threads of one process: a lock belongs to a thread, whatever becomes of its state.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

describe("threads of one process", function()
  local name, host, mutex

  before_each(function()
    name = objects.name()
    mutex = assert(shmipc.mutex.create(name))
    host = process.peer_in(process.program "host")
    host:run([[
      name = ...
      function start(code, ...) return host.thread("local shmipc, name = require 'shmipc', ... " .. code, name, ...) end
      function join(thread, ...)
        assert(thread:result())
        thread:join(...)
      end
    ]], name)
  end)

  after_each(function()
    host:close()
    assert.same({ "exit", 0 }, { host:wait() })
    mutex:close()
    objects.check_none_left()
  end)

  it("exclude each other, and other processes", function()
    local view <close> = assert(shmipc.mapping.create(name .. "m", 8)):view()
    host:send([[
      local threads = {}
      for i = 1, 4 do
        threads[i] = start [=[
          local mutex = assert(shmipc.mutex.open(name))
          local view = assert(shmipc.mapping.open(name .. "m")):view()
          for _ = 1, 2000 do
            local guard <close> = assert(mutex:lock())
            view:write_i32(0, view:read_i32(0) + 1)
          end
        ]=]
      end
      for _, thread in ipairs(threads) do join(thread, true) end
    ]])
    for _ = 1, 2000 do
      local guard <close> = assert(mutex:lock())
      view:write_i32(0, view:read_i32(0) + 1)
    end
    host:receive()
    assert.equal(5 * 2000, view:read_i32(0))
    collectgarbage()
  end)

  it("each have levels of their own", function()
    host:run([[
      mutex = assert(shmipc.mutex.open(name))
      assert(mutex:lock(0)) assert(mutex:lock(0))
      join(start [=[
        local mutex = assert(shmipc.mutex.open(name))
        assert(select(3, mutex:lock(0)) == "TIMEOUT")
        assert(select(3, mutex:lock(0.02)) == "TIMEOUT")
        assert(not pcall(mutex.unlock, mutex))
      ]=], true)
      mutex:unlock() mutex:unlock()
      join(start "assert(select('#', assert(shmipc.mutex.open(name)):lock(0)) == 1)")
    ]])
  end)

  it("wait for each other", function()
    host:run([[
      mutex = assert(shmipc.mutex.open(name))
      mutex:lock()
      local waiter = start [=[
        local mutex = assert(shmipc.mutex.open(name))
        for _ = 1, 50 do
          host.post(1)
          local guard <close>, told = assert(mutex:lock())
          assert(not told)
          host.post(2)
        end
      ]=]
      for _ = 1, 50 do
        host.wait(1) -- it is about to wait, or does
        mutex:unlock()
        host.wait(2)
        mutex:lock()
      end
      mutex:unlock()
      join(waiter, true)
    ]])
  end)

  -- A thread that has locked; then `how` says what becomes of it.
  local function expect_abandoned(how)
    host:run("owner = start \"mutex = assert(shmipc.mutex.open(name)) assert(mutex:lock(0))\" assert(owner:result())")
    objects.refused("TIMEOUT", mutex:lock(0))
    host:run(how)
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
    assert.same({}, { select(2, assert(mutex:lock(0))) })
    mutex:unlock()
  end

  it("send to each other and to other processes, each by a handle of its own", function()
    local channel <close> = assert(shmipc.channel.create(name .. "c", { capacity = 4096 }))
    local view <close> = assert(shmipc.mapping.create(name .. "m", 16)):view()
    host:send([[
      local senders, receivers = {}, {}
      for i = 1, 3 do
        receivers[i] = start [=[
          local channel = assert(shmipc.channel.open(name .. "c"))
          local sums = assert(shmipc.mapping.open(name .. "m")):view():array "i64"
          for message in channel:messages() do
            shmipc.atomic.fetch_add(sums, 1, 1)
            shmipc.atomic.fetch_add(sums, 2, tonumber(message))
          end
        ]=]
        senders[i] = start [=[
          local channel = assert(shmipc.channel.open(name .. "c"))
          for i = 1, 1000 do assert(channel:send(tostring(i))) end
        ]=]
      end
      for _, thread in ipairs(senders) do join(thread, true) end
      assert(assert(shmipc.channel.open(name .. "c")):shutdown())
      for _, thread in ipairs(receivers) do join(thread, true) end
    ]])
    local received, sum = 0, 0
    for message in channel:messages() do
      received, sum = received + 1, sum + tonumber(message)
    end
    host:receive()
    assert.equal(3 * 1000, received + view:read_i64(0))
    assert.equal(3 * 500500, sum + view:read_i64(8))
    collectgarbage()
  end)

  it("that end while they hold the lock give it up", function()
    expect_abandoned("owner:join()")
    host:run("owner:close()")
  end)

  it("that end while they hold the lock give it up to a thread that waits", function()
    host:run([[
      local owner = start "assert(assert(shmipc.mutex.open(name)):lock(0))"
      assert(owner:result())
      local waiter = start [=[
        local mutex = assert(shmipc.mutex.open(name))
        host.post(1)
        local guard <close>, told = assert(mutex:lock(10))
        assert(told == "abandoned")
      ]=]
      host.wait(1)
      owner:join()
      join(waiter, true)
      owner:close()
    ]])
  end)

  it("that close their state while they hold the lock give it up", function()
    expect_abandoned("owner:join(true)")
  end)

  it("keep the lock when another thread closes their state, until they end", function()
    host:run("owner = start \"mutex = assert(shmipc.mutex.open(name)) assert(mutex:lock(0))\" assert(owner:result())")
    host:run("owner:close()")
    objects.refused("TIMEOUT", mutex:lock(0))
    mutex:close()
    mutex = assert(shmipc.mutex.open(name)) -- the object stays, too
    objects.refused("TIMEOUT", mutex:lock(0))
    host:run("owner:join()")
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    mutex:unlock()
    mutex:close()
    objects.refused("NOT_FOUND", shmipc.mutex.open(name)) -- and now it goes
  end)

  it("hold nothing of a lock that another thread's state still has when they are gone", function()
    host:run([[
      mutex = assert(shmipc.mutex.open(name))
      for _ = 1, 20 do
        local owner = start "mutex = assert(shmipc.mutex.open(name)) assert(mutex:lock(0))"
        join(owner)
        assert(select(2, mutex:lock(5)) == "abandoned")
        owner:close() -- its handle speaks of levels that are no more
        assert(not mutex:abandoned() or mutex:unlock())
        assert(select("#", mutex:lock(0)) == 1)
        mutex:unlock()
      end
    ]])
  end)

  it("that are killed with their process give all their locks up", function()
    local others = {}
    for i = 1, 4 do
      others[i] = assert(shmipc.mutex.create(name .. i))
      host:run("local thread = start('mutex = assert(shmipc.mutex.open(name .. select(2, ...))) mutex:lock()', ...) " ..
        "assert(thread:result()) threads = threads or {} threads[#threads + 1] = thread", tostring(i))
    end
    for i = 1, 4 do objects.refused("TIMEOUT", others[i]:lock(0)) end
    host:kill()
    for i = 1, 4 do
      assert.equal("abandoned", select(2, assert(others[i]:lock(5))))
      others[i]:unlock()
      others[i]:close()
    end
    host = process.peer_in(process.program "host")
  end)

  it("open and close the same names at once", function()
    host:run([[
      local threads = {}
      for i = 1, 4 do
        threads[i] = start [=[
          for round = 1, 300 do
            local mutex <close> = assert(shmipc.mutex.open_or_create(name .. "x"))
            local mapping <close> = assert(shmipc.mapping.open_or_create(name .. "m", 8))
            local view <close> = assert(mapping:view())
            local guard <close> = assert(mutex:lock())
            local value = view:read_i32(0)
            view:write_i32(0, value + 1)
            assert(view:read_i32(0) == value + 1)
          end
        ]=]
      end
      for _, thread in ipairs(threads) do join(thread, true) end
    ]])
    objects.refused("NOT_FOUND", shmipc.mutex.open(name .. "x"))
    objects.refused("NOT_FOUND", shmipc.mapping.open(name .. "m"))
  end)

  it("count with atomic operations and lose nothing, each by windows of its own", function()
    local layout = "struct counts { int64_t whole; int32_t half; uint8_t small; };"
    local view <close> = assert(shmipc.mapping.create(name .. "m", 64)):view()
    local record = view:record(shmipc.layout(layout), 8)
    host:send([[
      local threads = {}
      for i = 1, 4 do
        threads[i] = start([=[
          local view <close> = assert(shmipc.mapping.open(name .. "m")):view()
          local record = view:record(shmipc.layout(select(2, ...)), 8)
          local whole = view:array("i64", 8, 1)
          for _ = 1, 5000 do
            shmipc.atomic.fetch_add(whole, 1, 1)
            shmipc.atomic.fetch_sub(record, "half", 1)
            shmipc.atomic.fetch_add(record, "small", 1)
          end
        ]=], ...)
      end
      for _, thread in ipairs(threads) do join(thread, true) end
    ]], layout)
    for _ = 1, 5000 do
      shmipc.atomic.fetch_add(record, "whole", 1)
      shmipc.atomic.fetch_sub(record, "half", 1)
      shmipc.atomic.fetch_add(record, "small", 1)
    end
    host:receive()
    assert.same({ whole = 25000, half = -25000, small = 25000 % 256 }, shmipc.record.snapshot(record))
  end)

  it("keep their windows when others close theirs, and their states", function()
    host:run([[
      mapping = assert(shmipc.mapping.create(name .. "m", 4096))
      record = assert(mapping:view()):record(shmipc.layout "struct { int32_t x[4]; } parts[4];")
      for _ = 1, 20 do
        join(start [=[
          local view = assert(shmipc.mapping.open(name .. "m")):view()
          part = view:record(shmipc.layout "struct { int32_t x[4]; } parts[4];").parts[2].x
          view = nil
          collectgarbage()
          part[3] = part[3] + 1
        ]=], true)
        collectgarbage()
        assert(record.parts[2].x[3] == _)
      end
      record, mapping = nil, nil
      collectgarbage()
      collectgarbage()
      assert(select(3, shmipc.mapping.open(name .. "m")) == "NOT_FOUND")
    ]])
  end)

  it("each have an error of their own when memory is cut", function()
    if shmipc.platform == "windows" then pending("this system refuses to truncate a file that is mapped") end
    local foreign <close> = process.foreign(name .. "m")
    foreign:run("create 8192")
    host:run([[
      threads = {}
      for i = 1, 4 do
        threads[i] = start [=[
          local view = assert(shmipc.mapping.open(name .. "m")):view()
          host.post(1)
          host.wait(2)
          local ok, message = pcall(view.fill, view, 1)
          assert(not ok and message:find("mapping was truncated", 1, true), message)
          assert(not pcall(view.read_u8, view, 5000))
          local array = view:array "i32"
          ok, message = pcall(array.get, array)
          assert(not ok and message:find("array:get: mapping was truncated", 1, true), message)
        ]=]
      end
      for _ = 1, 4 do host.wait(1) end
    ]])
    foreign:run("truncate 0")
    host:run("for _ = 1, 4 do host.post(2) end for _, thread in ipairs(threads) do join(thread, true) end")
    foreign:run("unlink")
  end)

  it("have the names of their objects until the last of them is gone", function()
    host:run([[
      mapping = assert(shmipc.mapping.create(name .. "m", 8))
      local other = start "mapping = assert(shmipc.mapping.open(name .. 'm'))"
      assert(other:result())
      mapping:close()
      assert(shmipc.mapping.open(name .. "m")):close()
      other:join()
      assert(shmipc.mapping.open(name .. "m")):close() -- its state has it still
      other:close()
      assert(select(3, shmipc.mapping.open(name .. "m")) == "NOT_FOUND")
    ]])
  end)

  it("go on when other states that have loaded the module are closed", function()
    host:run([[
      for _ = 1, 20 do join(start "view = assert(shmipc.mapping.create(name .. 'm', 8)):view()", true) end
      local mutex <close> = assert(shmipc.mutex.open(name))
      assert(mutex:lock(0))
      mutex:unlock()
    ]])
  end)
end)

describe("a thread that has used a lock and closed its state", function()
  after_each(objects.check_none_left)

  it("ends in peace when the module is loaded nowhere else", function()
    local name = objects.name()
    local host <close> = process.peer_in(process.program "host")
    for _ = 1, 3 do
      host:run([[
        local thread = host.thread([=[
          local mutex = assert(require "shmipc".mutex.create(...))
          local guard <close> = mutex:lock()
        ]=], ...)
        assert(thread:result())
        thread:join(true) -- first the state, and with it the module; then the thread
      ]], name)
    end
    host:end_input()
    assert.same({ "exit", 0 }, { host:wait() })
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
  end)
end)
