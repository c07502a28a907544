-- Memory that vanishes because another process cuts the file short: an error, not the process's death.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local function describe_on_linux(title, body)
  if shmipc.platform == "linux" then return describe(title, body) end
  pending(title .. ": this system refuses to truncate a file that is mapped, and has no such signal")
end

local PAGE = 4096
local TRUNCATED = "mapping was truncated"

-- Every way to touch a view's bytes at an offset; `healthy` is a view of other memory.
local accesses = {}
for _, element in ipairs { "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64" } do
  accesses["read_" .. element] = ("view:read_%s(offset)"):format(element)
  accesses["write_" .. element] = ("view:write_%s(offset, 1)"):format(element)
end
accesses["read"] = "view:read(offset, 10)"
accesses["write"] = "view:write(offset, 'some bytes')"
accesses["fill"] = "view:fill(1, offset)"
accesses["copy, as the target,"] = "view:copy(offset, healthy, 0, 10)"
accesses["copy, as the source,"] = "healthy:copy(0, view, offset, 10)"
accesses["copy within"] = "view:copy(offset, view, offset + 4, 10)"
accesses["read_cstring"] = "view:read_cstring(offset)"
accesses["write_cstring"] = "view:write_cstring(offset, 'text', 10)"
accesses["pack"] = "view:pack(offset, '<i4', 1)"
accesses["unpack"] = "view:unpack(offset, '<i4')"
accesses["unpack of a string"] = "view:unpack(offset, 'z')"

describe_on_linux("truncation", function()
  local name, foreign, peer

  -- Three pages of shared memory, in a peer, which another program can cut.
  before_each(function()
    name = objects.name()
    foreign = process.foreign(name)
    peer = process.peer()
    peer:run([[
      mapping = assert(shmipc.mapping.create(..., 3 * 4096))
      healthy = assert(shmipc.mapping.create(... .. "-healthy", 4096)):view()
      healthy:fill(7)
    ]], name)
  end)

  after_each(function()
    foreign:close()
    peer:close()
    objects.check_none_left()
  end)

  -- Runs a chunk with `view` and `offset`, and expects the error.
  local function expect_truncated(chunk, offset)
    local ok, message = peer:run([[
      local chunk, offset = ...
      return pcall(assert(load("local view, healthy, offset = ... return " .. chunk)), view, healthy, offset)
    ]], chunk, offset)
    assert.is_false(ok)
    assert.matches(TRUNCATED, message, 1, true)
  end

  it("is an error for whoever looks", function()
    peer:run("view = assert(mapping:view())")
    foreign:run("truncate 0")
    expect_truncated("view:read_i32(offset)", 0)
    assert.equal(7, peer:run("healthy:read_u8(0)"))
  end)

  for what, chunk in pairs(accesses) do
    it(("is an error for %s"):format(what), function()
      for _, offset in ipairs { 0, 1, PAGE - 3, 2 * PAGE + 8 } do
        peer:run("view = assert(shmipc.mapping.open_or_create(..., 3 * 4096)):view()", name)
        foreign:run("truncate 0")
        expect_truncated(chunk, offset)
        expect_truncated(chunk, offset) -- the first one does not mend it
        foreign:run("truncate %d", 3 * PAGE)
      end
      assert.equal(7, peer:run("healthy:read_u8(100)"))
    end)
  end

  it("is an error for a view of any access, at any place", function()
    for _, access in ipairs { "r", "rw", "cow" } do
      for _, range in ipairs { { 0, 3 * PAGE }, { 5000, 100 }, { PAGE - 2, 4 }, { 3 * PAGE - 1, 1 } } do
        peer:run("view = assert(mapping:view(...))", range[1], range[2], access)
        foreign:run("truncate 0")
        expect_truncated("view:read_u8(offset)", 0)
        expect_truncated("view:read_u8(offset)", range[2] - 1)
        foreign:run("truncate %d", 3 * PAGE)
      end
    end
  end)

  it("leaves the pages that are there, until the first look beyond", function()
    peer:run("view = assert(mapping:view()) view:write_i32(0, 5) view:write_i32(4096, 6)")
    foreign:run("truncate %d", PAGE + 1)
    assert.equal(5, peer:run("view:read_i32(0)"))
    assert.equal(6, peer:run("view:read_i32(4096) == 6 and 6 or view:read_u8(4096)"))
    expect_truncated("view:read(offset, 10000)", 0)
  end)

  it("leaves other views as they are", function()
    peer:run("view = assert(mapping:view()) first = assert(mapping:view(0, 4096)) first:write_i32(0, 5)")
    foreign:run("truncate %d", PAGE)
    expect_truncated("view:read_i32(offset)", PAGE)
    assert.equal(5, peer:run("first:read_i32(0)"))
    peer:run("first:write_i32(0, 8) again = assert(mapping:view(0, 8))")
    assert.equal(8, peer:run("again:read_i32(0)"))
  end)

  it("does not let what is written to a lost view reach anybody", function()
    foreign:run("open")
    peer:run("view = assert(mapping:view())")
    foreign:run("truncate 0")
    expect_truncated("view:write_i32(offset, 3)", 0)
    foreign:run("truncate %d", 3 * PAGE)
    pcall(peer.run, peer, "view:write_i32(0, 3)")
    assert.equal(0, foreign:run("read 0"))
  end)

  it("can be followed by a close, and by new views once the memory is there again", function()
    peer:run("view = assert(mapping:view())")
    foreign:run("truncate 0")
    expect_truncated("view:read_i32(offset)", 0)
    peer:run("view:close()")
    foreign:run("truncate %d", 3 * PAGE)
    assert.equal(0, peer:run("view = assert(mapping:view()) return view:read_i32(8192)"))
  end)

  it("is an error in each of many views", function()
    peer:run("views = {} for i = 1, 300 do views[i] = assert(mapping:view(i, 1)) end")
    foreign:run("truncate 0")
    assert.equal(300, peer:run([[
      local count = 0
      for _, view in ipairs(views) do
        local ok, message = pcall(view.read_u8, view, 0)
        if not ok and message:find("mapping was truncated", 1, true) then count = count + 1 end
      end
      return count
    ]]))
  end)

  it("is an error for a file on disk as well", function()
    local path = objects.file(("x"):rep(3 * PAGE))
    peer:run("mapping = assert(shmipc.mapping.file(...)) view = mapping:view()", path)
    assert.equal("xx", peer:run("view:read(8000, 2)"))
    objects.overwrite(path, "short")
    expect_truncated("view:read(offset, 2)", 8000)
    assert.equal("short", objects.contents(path))
  end)

  it("in the middle of a long write is an error", function()
    local path = objects.file(("x"):rep(64 << 20))
    peer:run("mapping = assert(shmipc.mapping.file(...)) view = mapping:view()", path)
    peer:send("while true do view:fill(1) end")
    process.await(function()
      local file <close> = assert(io.open(path, "rb"))
      return file:read(1) == "\1"
    end, "first byte")
    objects.overwrite(path, "")
    assert.matches(TRUNCATED, objects.raises(TRUNCATED, peer.receive, peer), 1, true)
  end)
end)

describe_on_linux("truncation of a lock", function()
  local name, foreign, peer

  before_each(function()
    name = objects.name()
    foreign = process.foreign(name)
    peer = process.peer()
    peer:run("mutex = assert(shmipc.mutex.create(...))", name)
  end)

  after_each(function()
    foreign:close()
    peer:close()
    objects.check_none_left()
  end)

  it("is CORRUPT for the next one", function()
    foreign:run("truncate 0")
    assert.equal("CORRUPT", peer:run("select(3, mutex:lock())"))
    assert.equal("CORRUPT", peer:run("select(3, mutex:lock(0))"))
    assert.is_false(peer:run("(pcall(mutex.unlock, mutex))"))
    objects.refused("CORRUPT", shmipc.mutex.open(name))
  end)

  it("is CORRUPT for the owner, who has it no more", function()
    peer:run("guard = mutex:lock()")
    foreign:run("truncate 0")
    assert.equal("CORRUPT", peer:run("select(3, mutex:unlock())"))
    assert.equal("CORRUPT", peer:run("select(3, mutex:lock())"))
    assert.is_true(peer:run("guard:close()"))
  end)

  it("is an error at the end of a guard's scope", function()
    peer:run("guard = mutex:lock()")
    foreign:run("truncate 0")
    objects.raises("destroyed", peer.run, peer, "local scope <close> = guard")
  end)

  it("is CORRUPT for who waits", function()
    local waiter <close> = process.peer()
    peer:run("mutex:lock()")
    waiter:run("mutex = assert(shmipc.mutex.open(...))", name)
    waiter:send("select(3, mutex:lock())")
    waiter:await_sleep()
    foreign:run("truncate 0")
    assert.equal("CORRUPT", waiter:receive())
  end)

  it("lets its owner close it, and end", function()
    peer:run("mutex:lock()")
    foreign:run("truncate 0")
    peer:run("mutex:close() mutex = nil collectgarbage()")
    peer:end_input()
    assert.same({ "exit", 0 }, { peer:wait() })
  end)

  it("lets its owner be killed", function()
    peer:run("other = assert(shmipc.mutex.create(... .. 'x')) mutex:lock() other:lock()", name)
    local other <close> = assert(shmipc.mutex.open(name .. "x"))
    foreign:run("truncate 0")
    peer:kill()
    assert.equal("abandoned", select(2, assert(other:lock(5))))
    other:unlock()
    objects.refused("NOT_FOUND", shmipc.mutex.open(name))
  end)
end)

describe_on_linux("a SIGBUS of somebody else's", function()
  local name

  -- A program with a handler of its own, which loads the module after that.
  local function host_with(handler)
    local host = process.peer_in(process.program "host")
    if handler then host:run("host.handle_sigbus(...)", handler) end
    host:run("view = shmipc.mapping.create(..., 4096):view()", name)
    return host
  end

  before_each(function() name = objects.name() end)
  after_each(function()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    objects.check_none_left()
  end)

  -- What a fault did to the host: with a sanitizer in the process it is that one's handler that ends it.
  local function dies(host)
    local how, number = host:wait()
    return how == "signal" and number == 7 or how == "exit" and number ~= 0
  end

  it("kills, as it did before", function()
    for _, handler in ipairs { false, "ignore" } do
      local host <close> = host_with(handler)
      host:send("host.fault()")
      assert.is_true(dies(host))
    end
  end)

  it("kills when it was sent, too", function()
    local host <close> = host_with(false)
    host:send("host.send_sigbus()")
    assert.is_true(dies(host))
  end)

  it("goes to the handler that was there before", function()
    for handler, told in pairs { siginfo = "siginfo handler, fault", plain = "plain handler" } do
      local host <close> = host_with(handler)
      for _ = 1, 3 do assert.equal(told, host:run("host.fault()")) end
    end
  end)

  it("that was sent goes to the handler that was there before", function()
    for handler, told in pairs { siginfo = "siginfo handler, sent", plain = "plain handler", ignore = "nobody" } do
      local host <close> = host_with(handler)
      for _ = 1, 3 do assert.equal(told, host:run("host.send_sigbus()"), handler) end
    end
  end)

  it("goes to the handler that was there before, and ours to us, in turn", function()
    local cut = objects.name()
    local host <close> = host_with("siginfo")
    local foreign <close> = process.foreign(cut)
    for _ = 1, 3 do
      assert.equal("siginfo handler, fault", host:run("host.fault()"))
      host:run("view = shmipc.mapping.open_or_create(..., 4096):view()", cut)
      foreign:run("truncate 0")
      objects.raises(TRUNCATED, host.run, host, "view:read_i32(0)")
      assert.equal("siginfo handler, sent", host:run("host.send_sigbus()"))
      foreign:run("truncate 4096")
    end
  end)

  it("goes to the handler that was there before when every state with the module is closed", function()
    local host <close> = process.peer_in(process.program "host")
    host:run("host.handle_sigbus('siginfo')")
    for _ = 1, 2 do
      host:run([[
        local thread = host.thread("require 'shmipc'")
        assert(thread:result())
        thread:join(true)
      ]])
      assert.equal("siginfo handler, fault", host:run("host.fault()"))
    end
  end)
end)
