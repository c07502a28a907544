local objects = require "support.objects"
local shmipc = require "shmipc"

local mapping, mutexes = shmipc.mapping, shmipc.mutex
local refused = objects.refused
local on_linux = shmipc.platform == "linux"

local CODES = "EXISTS NOT_FOUND ACCESS_DENIED INVALID_NAME TOO_SMALL NO_SPACE TIMEOUT WRONG_KIND CORRUPT CLOSED LIMIT "
  .. "NOT_SUPPORTED SYSTEM"

-- Expects the code, and a message that names the function and the object. Returns the native error number.
local function told(code, called, object, ...)
  local message, native = refused(code, ...)
  assert.equal(1, (message:find(('%s "%s": '):format(called, object), 1, true)), message)
  assert.is_truthy(#message > #called + #object + 10, message)
  assert.equal(native == nil and 3 or 4, select("#", ...))
  return native
end

describe("what the environment refuses", function()
  after_each(objects.check_none_left)

  it("is returned as nil, a message for people and a code for programs", function()
    local name = objects.name()
    local memory, message, code = shmipc.mapping.open(name)
    assert.is_nil(memory)
    assert.equal(('shmipc.mapping.open "%s": there is no object with this name'):format(name), message)
    assert.equal("NOT_FOUND", code)
  end)

  it("has a code of a closed list", function()
    local file = io.open "csrc/os/status.h"
    if not file then pending("the module's source is not at hand") end
    local list = file:read("a"):match "#define SHMIPC_CODES%(X%)(.-)#define"
    file:close()
    local codes = {}
    for code in list:gmatch "X%(([A-Z_]+)," do codes[#codes + 1] = code end
    assert.equal(CODES, table.concat(codes, " "))
  end)

  it("is NOT_FOUND when nothing has the name", function()
    local name, path = objects.name(), objects.file()
    told("NOT_FOUND", "shmipc.mapping.file", path, mapping.file(path))
    for kind in pairs(objects.create) do
      told("NOT_FOUND", "shmipc." .. kind .. ".open", name, shmipc[kind].open(name))
      if on_linux then told("NOT_FOUND", "shmipc." .. kind .. ".unlink", name, shmipc[kind].unlink(name)) end
    end
  end)

  it("is EXISTS when the name is taken", function()
    for kind, create in pairs(objects.create) do
      local name = objects.name()
      local ours <close> = assert(create(name))
      told("EXISTS", "shmipc." .. kind .. ".create", name, create(name))
      assert.equal(name, ours:name())
    end
  end)

  it("is WRONG_KIND when the name belongs to another kind", function()
    for kind, create in pairs(objects.create) do
      for other, create_other in pairs(objects.create) do
        if kind ~= other then
          local name = objects.name()
          local ours <close> = assert(create(name))
          told("WRONG_KIND", "shmipc." .. other .. ".create", name, create_other(name))
          told("WRONG_KIND", "shmipc." .. other .. ".open", name, shmipc[other].open(name))
          assert.equal(name, ours:name())
        end
      end
    end
  end)

  it("is WRONG_KIND when a message is not what a channel's layout says", function()
    local name = objects.name()
    local ours <close> = assert(shmipc.channel.create(name))
    local structs <close> = assert(shmipc.channel.open(name, { layout = shmipc.layout "int32_t x;" }))
    assert(ours:send("text!"))
    told("WRONG_KIND", "channel:receive", name, structs:receive(0))
    told("WRONG_KIND", "channel:receive_many", name, structs:receive_many(3, 0))
    assert.equal("text!", ours:receive(0))
  end)

  it("is CLOSED when a channel was shut down", function()
    local name = objects.name()
    local ours <close> = assert(shmipc.channel.create(name))
    assert(ours:shutdown())
    told("CLOSED", "channel:send", name, ours:send("text"))
    told("CLOSED", "channel:send_many", name, ours:send_many { "text" })
    told("CLOSED", "channel:receive", name, ours:receive())
    told("CLOSED", "channel:receive_many", name, ours:receive_many(3))
  end)

  it("is TIMEOUT when a channel is empty, or full", function()
    local name = objects.name()
    local ours <close> = assert(shmipc.channel.create(name, { capacity = 4096 }))
    told("TIMEOUT", "channel:receive", name, ours:receive(0))
    told("TIMEOUT", "channel:receive_many", name, ours:receive_many(3, 0))
    repeat until not ours:send(("x"):rep(500), 0)
    told("TIMEOUT", "channel:send", name, ours:send(("x"):rep(500), 0))
    told("TIMEOUT", "channel:send_many", name, ours:send_many({ ("x"):rep(500) }, 0))
  end)

  it("is INVALID_NAME when the name is none", function()
    for kind, create in pairs(objects.create) do
      told("INVALID_NAME", "shmipc." .. kind .. ".create", "a/b", create "a/b")
      told("INVALID_NAME", "shmipc." .. kind .. ".open", "a/b", shmipc[kind].open "a/b")
    end
    told("INVALID_NAME", "shmipc.mapping.file", "a", mapping.file "a\0b")
  end)

  it("is TOO_SMALL when there are fewer bytes than are asked for", function()
    local name, path = objects.name(), objects.file ""
    local ours <close> = assert(mapping.create(name, 4))
    told("TOO_SMALL", "shmipc.mapping.open_or_create", name, mapping.open_or_create(name, 5))
    told("TOO_SMALL", "shmipc.mapping.file", path, mapping.file(path))
    assert.equal(4, ours:size())
  end)

  it("is NO_SPACE when it does not fit", function()
    local name, path = objects.name(), objects.file()
    local native = told("NO_SPACE", "shmipc.mapping.create", name, mapping.create(name, math.maxinteger))
    assert.equal("integer", math.type(native))
    native = told("NO_SPACE", "shmipc.mapping.file", path, mapping.file(path, { size = math.maxinteger }))
    assert.equal("integer", math.type(native))
  end)

  it("is NO_SPACE when the process runs out of addresses for views", function()
    if not on_linux then pending("a file with a hole as large as this is a thing of Linux") end
    local path = objects.file()
    local sparse = assert(io.open(path, "wb"))
    if not sparse:seek("set", 1 << 43) or not sparse:write "x" or not sparse:close() then
      pending("the file system has no files as large as this")
    end
    local file <close> = assert(mapping.file(path, { access = "r" }))
    local views = {}
    repeat
      local view, message, code = file:view()
      views[#views + 1] = view
      if not view then told("NO_SPACE", "mapping:view", path, view, message, code) end
    until not view or #views > 100
    assert.is_true(#views < 100)
    for _, view in ipairs(views) do view:close() end
  end)

  it("is ACCESS_DENIED when the system says so, and harms nothing", function()
    if not on_linux then pending("what everybody is denied, an administrator too, differs between systems") end
    local running = "/proc/self/exe" -- a program that runs cannot be written to: open(2), ETXTBSY
    local native = told("ACCESS_DENIED", "shmipc.mapping.file", running, mapping.file(running))
    assert.equal("integer", math.type(native))
    local file <close> = assert(mapping.file(running, { access = "r" }))
    local view <close> = assert(file:view())
    assert.equal("\127ELF", view:read(0, 4))
  end)

  it("is CORRUPT when another program has destroyed an object", function()
    if not on_linux then pending("only on Linux does a mutex have bytes that another program can reach") end
    local name = objects.name()
    local mutex <close> = assert(mutexes.create(name))
    local file <close> = assert(mapping.file(objects.path(name)))
    local view <close> = assert(file:view())
    view:fill(0x55)
    told("CORRUPT", "shmipc.mutex.open", name, mutexes.open(name))
    told("CORRUPT", "mutex:lock", name, mutex:lock(1))
  end)

  it("is NOT_SUPPORTED when an object is of another version, or the system cannot do it", function()
    local name = objects.name()
    if not on_linux then
      told("NOT_SUPPORTED", "shmipc.mapping.create", name, mapping.create(name, 4, { persistent = true }))
      return
    end
    local mutex <close> = assert(mutexes.create(name))
    local file <close> = assert(mapping.file(objects.path(name)))
    local view <close> = assert(file:view())
    view:write_u32(8, view:read_u32(8) + 1) -- the format's number
    told("NOT_SUPPORTED", "shmipc.mutex.open", name, mutexes.open(name))
    view:write_u32(8, view:read_u32(8) - 1)
    local again <close> = assert(mutexes.open(name))
    assert.equal(mutex:name(), again:name())
  end)

  it("is nothing that layouts, arrays and records meet: what is wrong with those is misuse, and raises", function()
    local ours <close> = assert(mapping.create(objects.name(), 16))
    local view <close> = assert(ours:view())
    local record = view:record(shmipc.layout "int32_t x; char label[8];")
    for text, misuse in pairs {
      ["line 1, column 1"] = function() return shmipc.layout "no declaration" end,
      ["does not fit"] = function() return view:record(shmipc.layout "char c[17];") end,
      ["count must be"] = function() return view:array("i32", 0, 5) end,
      ["no field"] = function() return record.y end,
      ["x must be"] = function() record.x = 1 << 31 end,
      ["not aligned"] = function() return shmipc.atomic.load(view:array("i32", 1), 1) end,
    } do
      objects.raises(text, misuse)
    end
  end)

  it("comes with the native error number where there is one", function()
    local path = objects.file()
    assert.equal(2, (told("NOT_FOUND", "shmipc.mapping.file", path, mapping.file(path)))) -- on both systems
    local name = objects.name()
    local ours <close> = assert(mapping.create(name, 4))
    assert.is_nil(told("TOO_SMALL", "shmipc.mapping.open_or_create", name, mapping.open_or_create(name, 5)))
    assert.equal(4, ours:size())
  end)
end)
