-- What a system can put in the way: other users, no space, and things under a name that are no shared memory. Each is a
-- clear nil, message, code.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local function describe_on_linux(title, body)
  if shmipc.platform == "linux" then return describe(title, body) end
  pending(title .. ": only on Linux is a named object a file that may be something else")
end

-- A launcher can be used when a script gets on with it: this user may do it, and reads the module there.
local function works(launcher)
  if shmipc.platform ~= "linux" then return false end
  local peer <close> = process.peer(launcher)
  return (pcall(peer.run, peer, "require 'shmipc'"))
end

local as_nobody = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
local in_one_mebibyte = {
  "unshare", "-m", "sh", "-c",
  'mount -t tmpfs -o size=1m,mode=1777 tmpfs /dev/shm && exec "$0" "$@"',
}

local describe_with_nobody = works(as_nobody) and describe or pending -- their titles say what they need
local describe_in_one_mebibyte = works(in_one_mebibyte) and describe or pending

describe_with_nobody("another user (needs root and setpriv)", function()
  local name, nobody

  before_each(function()
    name = objects.name()
    nobody = process.peer(as_nobody)
  end)

  after_each(function()
    nobody:close()
    objects.check_none_left()
  end)

  local function refused_to_nobody(code, chunk)
    local result, message, given = nobody:run(chunk, name)
    assert.equal(code, given)
    assert.is_nil(result)
    assert.is_string(message)
  end

  it("is denied what is the owner's alone", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 4))
    refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.open(...)")
    refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.open(..., {access = 'r'})")
    refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.open_or_create(..., 4)")
    refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.unlink(...)")
    refused_to_nobody("EXISTS", "shmipc.mapping.create(..., 4)")
    assert(shmipc.mapping.open(name)):close()
    assert.is_true(mapping:close())
  end)

  it("is denied a lock that is the owner's alone", function()
    for _, mode in ipairs { tonumber("600", 8), tonumber("644", 8) } do
      local mutex <close> = assert(shmipc.mutex.create(name, { mode = mode }))
      refused_to_nobody("ACCESS_DENIED", "shmipc.mutex.open(...)")
      refused_to_nobody("ACCESS_DENIED", "shmipc.mutex.open_or_create(...)")
      refused_to_nobody("EXISTS", "shmipc.mutex.create(...)")
      assert(mutex:lock(0))
      mutex:unlock()
    end
  end)

  it("is denied a channel that is the owner's alone, and uses one that is everybody's", function()
    for _, mode in ipairs { tonumber("600", 8), tonumber("644", 8) } do
      local channel <close> = assert(shmipc.channel.create(name, { mode = mode }))
      refused_to_nobody("ACCESS_DENIED", "shmipc.channel.open(...)")
      refused_to_nobody("ACCESS_DENIED", "shmipc.channel.open_or_create(...)")
      refused_to_nobody("ACCESS_DENIED", "shmipc.channel.unlink(...)")
      refused_to_nobody("EXISTS", "shmipc.channel.create(...)")
      assert(channel:send("x"))
    end
    local channel <close> = assert(shmipc.channel.create(name, { mode = tonumber("666", 8) }))
    channel:send("to everybody")
    nobody:run("channel = assert(shmipc.channel.open(...))", name)
    assert.equal("to everybody", nobody:run("channel:receive()"))
    nobody:run("channel:send('from nobody') channel:shutdown()")
    assert.equal("from nobody", channel:receive(0))
    refused_to_nobody("CLOSED", "channel:receive()")
    nobody:run("channel:close()")
  end)

  it("reads what the mode lets it read", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 4, { mode = tonumber("644", 8) }))
    mapping:view():write_i32(0, 11)
    refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.open(...)")
    assert.equal(11, nobody:run("shmipc.mapping.open(..., {access = 'r'}):view():read_i32(0)", name))
    refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.unlink(...)")
  end)

  it("is a holder when it only reads, and its end is the name's", function()
    local mapping = assert(shmipc.mapping.create(name, 4, { mode = tonumber("644", 8) }))
    nobody:run("view = shmipc.mapping.open(..., {access = 'r'}):view()", name)
    mapping:close()
    collectgarbage()
    assert(shmipc.mapping.open(name)):close()
    assert.equal(0, nobody:run("view:read_i32(0)"))
    nobody:kill()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)

  it("writes and locks where the mode lets it", function()
    local everybody = { mode = tonumber("666", 8) }
    local mapping <close> = assert(shmipc.mapping.create(name, 4, everybody))
    local mutex <close> = assert(shmipc.mutex.create(name .. "x", everybody))
    nobody:run("view = shmipc.mapping.open(...):view()", name)
    nobody:run("mutex = shmipc.mutex.open(... .. 'x')", name)
    nobody:run("mutex:lock() view:write_i32(0, 12)")
    objects.refused("TIMEOUT", mutex:lock(0))
    nobody:kill()
    assert.equal("abandoned", select(2, assert(mutex:lock(5))))
    assert.equal(12, mapping:view():read_i32(0))
    collectgarbage()
  end)

  it("does not find what a killed owner left, and the owner can begin anew", function()
    for _, mode in ipairs { "666", "644" } do
      local owner <close> = process.peer()
      owner:run("local name, mode = ... mapping = shmipc.mapping.create(name, 4, {mode = mode})", name,
        tonumber(mode, 8))
      owner:kill()
      refused_to_nobody("NOT_FOUND", "shmipc.mapping.open(..., {access = 'r'})")
      refused_to_nobody("ACCESS_DENIED", "shmipc.mapping.create(..., 4)") -- only the owner takes the name away
      assert(shmipc.mapping.create(name, 4)):close()
    end
  end)

  it("takes its own name away, though it could only read when it was the last", function()
    nobody:run("mapping = assert(shmipc.mapping.create(..., 4, {mode = 292}))", name) -- 0444
    local reader <close> = process.peer(as_nobody)
    reader:run("mapping = assert(shmipc.mapping.open(..., {access = 'r'}))", name)
    nobody:run("mapping:close()")
    assert(shmipc.mapping.open(name, { access = "r" })):close()
    reader:run("mapping:close()")
    assert.is_nil(io.open(objects.path(name)))
  end)

  it("may be the last to close: then nobody finds it", function()
    local mapping = assert(shmipc.mapping.create(name, 4, { mode = tonumber("666", 8) }))
    nobody:run("mapping = assert(shmipc.mapping.open(...))", name)
    mapping:close()
    assert(shmipc.mapping.open(name)):close()
    nobody:run("mapping:close()")
    refused_to_nobody("NOT_FOUND", "shmipc.mapping.open(...)")
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)

  it("leaves something when it is killed: nobody finds that either", function()
    nobody:run("mapping = assert(shmipc.mapping.create(..., 4))", name)
    nobody:kill()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)

  -- Root reads and writes everything; this user does not.
  for what, modes in pairs {
    ["begins anew over its own leftovers"] = { "600", "400", "444" },
    ["begins anew over its own leftovers, even when their mode kept it from reading them"] = { "200", "0" },
  } do
    it(what, function()
      for _, mode in ipairs(modes) do
        local owner <close> = process.peer(as_nobody)
        owner:run("local name, mode = ... mapping = assert(shmipc.mapping.create(name, 4, {mode = mode}))", name,
          tonumber(mode, 8))
        owner:kill()
        assert.equal("NOT_FOUND", nobody:run("select(3, shmipc.mapping.open(..., {access = 'r'}))", name), mode)
        nobody:run("shmipc.mapping.create(..., 4):close()", name)
      end
    end)
  end

  it("is denied a file of the owner's", function()
    local path = objects.file("data")
    assert(process.succeeds { "chmod", "600", path })
    assert.equal("ACCESS_DENIED", nobody:run("select(3, shmipc.mapping.file(...))", path))
    assert.equal("ACCESS_DENIED", nobody:run("select(3, shmipc.mapping.file(..., {size = 100}))", path))
    assert(process.succeeds { "chmod", "644", path })
    assert.equal("ACCESS_DENIED", nobody:run("select(3, shmipc.mapping.file(...))", path))
    assert.equal("data", nobody:run("shmipc.mapping.file(..., {access = 'r'}):view():read(0, 4)", path))
  end)
end)

describe_in_one_mebibyte("no space (needs root and unshare)", function()
  local peer

  before_each(function() peer = process.peer(in_one_mebibyte) end)
  after_each(function() peer:close() end)

  local function code(chunk) return (peer:run("select(3, " .. chunk .. ")")) end

  it("is told by create, not by a fault", function()
    assert.equal("NO_SPACE", code "shmipc.mapping.create('large', 2 << 20)")
    assert.equal("NO_SPACE", code "shmipc.mapping.open_or_create('large', 2 << 20)")
    assert.equal("NO_SPACE", code "shmipc.mapping.create('large', math.maxinteger)")
    assert.equal("NOT_FOUND", code "shmipc.mapping.open('large')")
    assert.is_true(peer:run [[
      local view = assert(shmipc.mapping.create("all", 1 << 20)):view()
      view:fill(1)
      return view:read_u8((1 << 20) - 1) == 1
    ]])
    assert.equal("NO_SPACE", code "shmipc.mapping.create('one more', 1)")
    assert.equal("NO_SPACE", code "shmipc.mutex.create('one more')")
    assert.equal("NO_SPACE", code "shmipc.mutex.open_or_create('one more')")
    assert.equal("NO_SPACE", code "shmipc.channel.create('one more', {capacity = 1})")
    assert.equal("NO_SPACE", code "shmipc.channel.open_or_create('large', {capacity = 1 << 30})")
    assert.equal("NOT_FOUND", code "shmipc.channel.open('large')")
  end)

  it("ends when somebody lets go", function()
    peer:run("all = shmipc.mapping.create('all', 1 << 20)")
    assert.equal("NO_SPACE", code "shmipc.mapping.create('one more', 1)")
    peer:run("all:close()")
    assert.is_truthy(peer:run("shmipc.mapping.create('one more', 1)"))
  end)

  it("is not for want of what a killed owner left under the name", function()
    peer:run [[
      local chunk = "local shmipc = require 'shmipc' shmipc.mapping.create('left', 700 << 10) " ..
        "os.execute('kill -9 ' .. shmipc.pid())"
      assert(not os.execute(("'%s' -e \"%s\" 2>/dev/null"):format(arg[-1], chunk)))
      assert(io.open "/dev/shm/left"):close()
    ]]
    assert.is_truthy(peer:run("shmipc.mapping.create('left', 700 << 10)"))
  end)

  it("leaves nothing half done", function()
    peer:run("most = shmipc.mapping.create('most', (1 << 20) - 8192)")
    for _ = 1, 20 do assert.equal("NO_SPACE", code "shmipc.mapping.create('large', 16384)") end
    assert.equal("NOT_FOUND", code "shmipc.mapping.open('large')")
    assert.is_truthy(peer:run("shmipc.mapping.create('small', 8192)"))
  end)

  it("for a file is told when it is made or grown", function()
    assert.equal("NO_SPACE", code "shmipc.mapping.file('/dev/shm/file', {size = 2 << 20})")
    assert.equal("NOT_FOUND", code "shmipc.mapping.file('/dev/shm/file')")
    peer:run("file = assert(shmipc.mapping.file('/dev/shm/file', {size = 8192}))")
    assert.equal("NO_SPACE", code "shmipc.mapping.file('/dev/shm/file', {size = 2 << 20})")
    assert.equal(8192, peer:run("file:size()"))
  end)

  it("behind a foreign object's bytes is an error in whoever writes there", function()
    local ok, message = peer:run [[
      local file <close> = assert(io.open("/dev/shm/sparse", "w"))
      file:seek("set", 2 << 20)
      assert(file:write("x"):flush())
      local view <close> = assert(shmipc.mapping.open("sparse")):view()
      return pcall(view.fill, view, 1)
    ]]
    assert.is_false(ok)
    assert.matches("truncated", message)
    assert.is_truthy(peer:run("require 'shmipc'"))
  end)
end)

describe_on_linux("under the name of an object", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = process.foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.check_none_left()
  end)

  for _, what in ipairs { "directory", "fifo", "symlink", "socket" } do
    it(("a %s is of another kind, and stays"):format(what), function()
      foreign:run("place " .. what)
      objects.refused("WRONG_KIND", shmipc.mapping.open(name))
      objects.refused("WRONG_KIND", shmipc.mapping.open(name, { access = "r" }))
      objects.refused("WRONG_KIND", shmipc.mapping.create(name, 4))
      objects.refused("WRONG_KIND", shmipc.mapping.open_or_create(name, 4))
      objects.refused("WRONG_KIND", shmipc.mapping.unlink(name))
      objects.refused("WRONG_KIND", shmipc.mutex.open(name))
      objects.refused("WRONG_KIND", shmipc.mutex.create(name))
      objects.refused("WRONG_KIND", shmipc.mutex.open_or_create(name))
      objects.refused("WRONG_KIND", shmipc.mutex.unlink(name))
      objects.refused("WRONG_KIND", shmipc.channel.open(name))
      objects.refused("WRONG_KIND", shmipc.channel.create(name))
      objects.refused("WRONG_KIND", shmipc.channel.unlink(name))
      foreign:run("remove")
    end)
  end

  -- Where linux.c has its holders' locks: a program that takes one passes for a holder of a mutex.
  local MUTEX_LOCK = "lock " .. 0x73686d6970630000 + 1
  local CHANNEL_LOCK = "lock " .. 0x73686d6970630000 + 4

  for _, content in ipairs {
    { "nothing", "create 0" },
    { "a few bytes", "create 3" },
    { "a page of zeros", "create 4096" },
    { "a page of garbage", "create 4096", "write 0 1852400243", "write 4080 -1", "write 4084 -1" },
    { "more than a page", "create 10000" },
  } do
    local what = content[1]

    local function make()
      for i = 2, #content do foreign:run(content[i]) end
    end

    it(("a file with %s is no lock, and stays"):format(what), function()
      make()
      objects.refused("WRONG_KIND", shmipc.mutex.open(name))
      objects.refused("WRONG_KIND", shmipc.mutex.create(name))
      objects.refused("WRONG_KIND", shmipc.mutex.open_or_create(name))
      foreign:run("unlink")
    end)

    it(("a file with %s and our mark is a leftover"):format(what), function()
      for _, kind in ipairs { "mutex", "mapping" } do
        make()
        foreign:run("mode 1600")
        objects.refused("NOT_FOUND", shmipc[kind].open(name))
        make() -- so the name was free
        foreign:run("mode 1600")
        assert(shmipc[kind].create(name, kind == "mapping" and 4 or nil)):close()
        make()
        foreign:run("unlink")
      end
    end)

    it(("a file with %s, our mark and a holder is CORRUPT"):format(what), function()
      make()
      foreign:run("mode 1600")
      foreign:run(MUTEX_LOCK)
      objects.refused("CORRUPT", shmipc.mutex.open(name))
      objects.refused("CORRUPT", shmipc.mutex.open_or_create(name))
      objects.refused("EXISTS", shmipc.mutex.create(name))
      objects.refused("WRONG_KIND", shmipc.mapping.open(name))
      objects.refused("WRONG_KIND", shmipc.mapping.create(name, 4))
      foreign:run("unlink")
    end)
  end

  it("a lock of another format, word size or page size is NOT_SUPPORTED", function()
    for _, place in ipairs { 8, 16, 20, 24 } do -- format, word size, page size, pid namespace
      local mutex <close> = assert(shmipc.mutex.create(name))
      foreign:run("open")
      foreign:run("write %d 77", place)
      objects.refused("NOT_SUPPORTED", shmipc.mutex.open(name))
      objects.refused("NOT_SUPPORTED", shmipc.mutex.open_or_create(name))
      assert.is_true(mutex:close())
    end
  end)

  it("a channel of another format, word size, page size or pid namespace is NOT_SUPPORTED", function()
    for _, place in ipairs { 8, 16, 20, 24 } do
      local channel <close> = assert(shmipc.channel.create(name))
      foreign:run("open")
      foreign:run("write %d 77", place)
      objects.refused("NOT_SUPPORTED", shmipc.channel.open(name))
      objects.refused("NOT_SUPPORTED", shmipc.channel.open_or_create(name))
      assert.is_true(channel:close())
    end
  end)

  it("a file that is no channel, but has our mark and a channel's holder, is CORRUPT", function()
    for _, size in ipairs { 0, 3, 4096, 8192, 3 * 4096 } do
      foreign:run("create %d", size)
      foreign:run("mode 1600")
      foreign:run(CHANNEL_LOCK)
      objects.refused("CORRUPT", shmipc.channel.open(name))
      objects.refused("CORRUPT", shmipc.channel.open_or_create(name))
      objects.refused("EXISTS", shmipc.channel.create(name))
      objects.refused("WRONG_KIND", shmipc.mutex.open(name))
      foreign:run("unlink")
    end
  end)

  it("an object that is locked beyond all kinds is of another kind", function()
    foreign:run("create 4096")
    foreign:run("mode 1600")
    foreign:run("lock %d", 0x73686d6970630000 + 9)
    objects.refused("WRONG_KIND", shmipc.mutex.open(name))
    objects.refused("WRONG_KIND", shmipc.mapping.open(name))
    foreign:run("unlink")
  end)
end)
