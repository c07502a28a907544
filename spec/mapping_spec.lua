local lfs = require "lfs"
local objects = require "support.objects"
local shmipc = require "shmipc"

local mapping = shmipc.mapping
local refused, raises = objects.refused, objects.raises
local on_linux = shmipc.platform == "linux"

local function zeros(count) return ("\0"):rep(count) end

local function permissions(path) return (assert(lfs.attributes(path, "permissions"))) end

describe("a mapping", function()
  after_each(objects.check_none_left)

  it("is memory with a name, which every process that opens it shares", function()
    local name = objects.name()
    local ours = assert(mapping.create(name, 4))
    local view = assert(ours:view())
    view:write_i32(0, 500)

    local theirs = assert(mapping.open(name)) -- in another process as well as here
    assert.equal(500, theirs:view():read_i32(0))
  end)

  describe("that is created", function()
    it("reads as zeros, all of it", function()
      for _, size in ipairs { 1, 3, 4096, 4097, 3 * 1024 * 1024 + 1 } do
        local ours <close> = assert(mapping.create(objects.name(), size))
        local view <close> = assert(ours:view())
        assert.is_true(view:read(0, size) == zeros(size), size)
      end
    end)

    it("has exactly the size that was asked for, for its creator and for who opens it", function()
      for _, size in ipairs { 1, 3, 4096, 4097, 3 * 1024 * 1024 + 1 } do
        local name = objects.name()
        local ours <close> = assert(mapping.create(name, size))
        local theirs <close> = assert(mapping.open(name))
        local view <close> = assert(theirs:view())
        assert.equal(size, ours:size())
        assert.equal(size, theirs:size())
        assert.equal(size, #view)
      end
    end)

    it("takes a whole float for its size", function()
      local ours <close> = assert(mapping.create(objects.name(), 16.0))
      assert.equal("integer", math.type(ours:size()))
      assert.equal(16, ours:size())
    end)

    it("raises for a size that is none", function()
      local name = objects.name()
      for _, size in ipairs { 0, -1, 1.5, 0 / 0, math.huge, -math.huge, 2.0 ^ 63, math.mininteger, "4", true, {} } do
        raises("shmipc.mapping.create: size must be an integer from 1 to 9223372036854775807, got ",
               mapping.create, name, size)
      end
      raises("shmipc.mapping.create: size must be", mapping.create, name)
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("has no header: its first byte is the user's first byte", function()
      if not on_linux then pending("only on Linux is a named object to be seen as a file") end
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 5))
      local view <close> = assert(ours:view())
      view:write(0, "bytes")
      assert.equal("bytes", objects.contents(objects.path(name)))
    end)

    it("has exactly the mode that was asked for, whatever the umask", function()
      if not on_linux then pending("permission bits are a thing of Linux") end
      local wanted = { [0x1b6] = "rw-rw-rw-", [0x1ff] = "rwxrwxrwx", [0x1a4] = "rw-r--r--", [0x120] = "r--r-----" }
      for mode, shown in pairs(wanted) do
        local name = objects.name()
        local ours <close> = assert(mapping.create(name, 4, { mode = mode }))
        assert.equal(shown, permissions(objects.path(name)))
        local again <close> = assert(mapping.open_or_create(objects.name(), 4, { mode = mode }))
        assert.equal(shown, permissions(objects.path(again:name())))
        assert.is_true(ours:created())
      end
    end)

    it("is its owner's alone without a mode", function()
      if not on_linux then pending("permission bits are a thing of Linux") end
      local ours <close> = assert(mapping.create(objects.name(), 4))
      assert.equal("rw-------", permissions(objects.path(ours:name())))
    end)

    it("keeps the mode that it has when others open or create it", function()
      if not on_linux then pending("permission bits are a thing of Linux") end
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4, { mode = 0x1a0 }))
      local theirs <close> = assert(mapping.open_or_create(name, 4, { mode = 0x1ff }))
      assert.equal("rw-r-----", permissions(objects.path(name)))
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
    end)

    it("raises for a mode that is none", function()
      for _, mode in ipairs { -1, 0x200, 0x3ff, 1.5, "600", true } do
        raises("shmipc.mapping.create: mode must be an integer from 0 to 511, got ",
               mapping.create, objects.name(), 4, { mode = mode })
      end
    end)
  end)

  describe("whose name is taken", function()
    it("is EXISTS to create, and what is there stays as it is", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4))
      local view <close> = assert(ours:view())
      view:write_i32(0, 7)
      refused("EXISTS", mapping.create(name, 4))
      refused("EXISTS", mapping.create(name, 4096, { access = "r" }))
      assert.equal(7, view:read_i32(0))
      local theirs <close> = assert(mapping.open(name))
      assert.equal(4, theirs:size())
    end)

    it("is opened by open_or_create, which says so", function()
      local name = objects.name()
      local ours <close> = assert(mapping.open_or_create(name, 8))
      local theirs <close> = assert(mapping.open_or_create(name, 8))
      assert.is_true(ours:created())
      assert.is_false(theirs:created())
      local written <close> = assert(ours:view())
      local read <close> = assert(theirs:view())
      written:write(0, "together")
      assert.equal("together", read:read(0, 8))
    end)

    it("may be larger than open_or_create asks for", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 100))
      local theirs <close> = assert(mapping.open_or_create(name, 1))
      assert.equal(100, ours:size())
      assert.equal(100, theirs:size())
    end)

    it("is TOO_SMALL for open_or_create when it has fewer bytes", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 100))
      refused("TOO_SMALL", mapping.open_or_create(name, 101))
      refused("TOO_SMALL", mapping.open_or_create(name, math.maxinteger))
      assert.equal(100, ours:size())
      local theirs <close> = assert(mapping.open(name))
      assert.equal(100, theirs:size())
    end)
  end)

  describe("that does not exist", function()
    it("is NOT_FOUND to open", function()
      refused("NOT_FOUND", mapping.open(objects.name()))
      refused("NOT_FOUND", mapping.open(objects.name(), { access = "r" }))
    end)

    it("is created by who opens or creates", function()
      local name = objects.name()
      local ours <close> = assert(mapping.open_or_create(name, 12))
      assert.is_true(ours:created())
      assert.equal(12, ours:size())
      local theirs <close> = assert(mapping.open(name))
      assert.is_false(theirs:created())
    end)
  end)

  describe("for which there is no space", function()
    local too_large = { 1 << 40, math.maxinteger - 4096, math.maxinteger }

    it("is NO_SPACE at once, and no name appears", function()
      local began = shmipc.clock()
      for _, size in ipairs(too_large) do
        local name = objects.name()
        refused("NO_SPACE", mapping.create(name, size))
        refused("NO_SPACE", mapping.open_or_create(name, size))
        refused("NO_SPACE", mapping.create(name, size, { persistent = on_linux }))
        refused("NOT_FOUND", mapping.open(name))
      end
      assert.is_true(shmipc.clock() - began < 1)
    end)

    it("leaves the name free for one that fits", function()
      local name = objects.name()
      refused("NO_SPACE", mapping.create(name, math.maxinteger))
      local ours <close> = assert(mapping.create(name, 4))
      assert.equal(4, ours:size())
    end)
  end)

  describe("with access", function()
    it("rw is what it has when nothing is said", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4))
      local theirs <close> = assert(mapping.open(name))
      assert.equal("rw", ours:access())
      assert.equal("rw", theirs:access())
    end)

    it("r gives views that only read, and sees what others write", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4))
      local theirs <close> = assert(mapping.open(name, { access = "r" }))
      local writing <close> = assert(ours:view())
      local reading <close> = assert(theirs:view())
      assert.equal("r", theirs:access())
      assert.equal("r", reading:access())
      writing:write_i32(0, 42)
      assert.equal(42, reading:read_i32(0))
      raises("read-only", reading.write_i32, reading, 0, 1)
      assert.equal(42, writing:read_i32(0))
    end)

    it("r refuses views that write", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4, { access = "r" }))
      assert.equal("r", ours:access())
      raises('mapping:view: access must be "r" or "cow"', ours.view, ours, 0, 4, "rw")
      local copy <close> = assert(ours:view(0, 4, "cow"))
      copy:write_i32(0, 1)
      local plain <close> = assert(ours:view())
      assert.equal(0, plain:read_i32(0))
    end)

    it("r or rw, and nothing else", function()
      for _, access in ipairs { "w", "cow", "", "RW", "r\0w", 1, true, {} } do
        raises('shmipc.mapping.create: access must be "r" or "rw", got ',
               mapping.create, objects.name(), 4, { access = access })
        raises('shmipc.mapping.open: access must be "r" or "rw", got ',
               mapping.open, objects.name(), { access = access })
      end
    end)
  end)

  describe("lives", function()
    it("until it is closed", function()
      local name = objects.name()
      local ours = assert(mapping.create(name, 4))
      assert.is_true(ours:close())
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("until its scope ends", function()
      local name = objects.name()
      do
        local ours <close> = assert(mapping.create(name, 4))
        local theirs <close> = assert(mapping.open(name))
        assert.equal(ours:size(), theirs:size())
      end
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("until it is collected", function()
      local name = objects.name()
      local ours = assert(mapping.create(name, 4))
      assert.equal(4, ours:size())
      ours = nil
      collectgarbage()
      assert.is_nil(ours)
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("as long as another handle holds it", function()
      local name = objects.name()
      local first = assert(mapping.create(name, 4))
      local second = assert(mapping.open(name))
      first:view():write_i32(0, 9)
      collectgarbage()
      first:close()
      local third = assert(mapping.open(name))
      second:close()
      assert.equal(9, third:view():read_i32(0))
      collectgarbage()
      assert(mapping.open(name)):close()
      third:close()
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("as long as a view holds it", function()
      local name = objects.name()
      local ours = assert(mapping.create(name, 4))
      local view = assert(ours:view())
      ours:close()
      view:write_i32(0, 11)
      local theirs = assert(mapping.open(name))
      assert.equal(11, theirs:view():read_i32(0))
      collectgarbage()
      theirs:close()
      assert.equal(11, view:read_i32(0))
      view:close()
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("as long as the last of its views, whose mapping was collected", function()
      local name = objects.name()
      local first = assert(assert(mapping.create(name, 8)):view(0, 4))
      local second = assert(assert(mapping.open(name)):view(4, 4))
      collectgarbage()
      first:close()
      assert(mapping.open(name)):close()
      second:close()
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("again under its old name, as fresh zeros", function()
      local name = objects.name()
      for round = 1, 3 do
        local ours <close> = assert(mapping.create(name, 4))
        local view <close> = assert(ours:view())
        assert.equal(0, view:read_i32(0))
        view:write_i32(0, round)
      end
    end)
  end)

  describe("that is persistent", function()
    it("is not supported on Windows", function()
      if on_linux then pending("this system supports it") end
      refused("NOT_SUPPORTED", mapping.create(objects.name(), 4, { persistent = true }))
      refused("NOT_SUPPORTED", mapping.open_or_create(objects.name(), 4, { persistent = true }))
    end)

    it("stays without a holder, until it is unlinked", function()
      if not on_linux then pending("persistent objects are not supported on this system") end
      local name = objects.name()
      local ours = assert(mapping.create(name, 4, { persistent = true }))
      local view = assert(ours:view())
      view:write_i32(0, 77)
      view:close()
      ours:close()
      for _ = 1, 2 do -- who only opens it does not take it away either
        local theirs <close> = assert(mapping.open(name))
        local their_view <close> = assert(theirs:view())
        assert.equal(77, their_view:read_i32(0))
        assert.equal(4, theirs:size())
      end
      refused("EXISTS", mapping.create(name, 4))
      assert.is_true(mapping.unlink(name))
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("is only persistent if it was new", function()
      if not on_linux then pending("persistent objects are not supported on this system") end
      local name = objects.name()
      local ours = assert(mapping.create(name, 4))
      local theirs = assert(mapping.open_or_create(name, 4, { persistent = true }))
      ours:close()
      theirs:close()
      refused("NOT_FOUND", mapping.open(name))
    end)

    it("raises for an answer that is neither true nor false", function()
      raises("shmipc.mapping.create: persistent must be true or false, got ",
             mapping.create, objects.name(), 4, { persistent = 1 })
    end)
  end)

  describe("that is unlinked", function()
    it("is not supported on Windows", function()
      if on_linux then pending("this system supports it") end
      local ours <close> = assert(mapping.create(objects.name(), 4))
      refused("NOT_SUPPORTED", mapping.unlink(ours:name()))
    end)

    it("cannot be found any more, and its holders keep their memory", function()
      if not on_linux then pending("names cannot be taken away on this system") end
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4))
      local view <close> = assert(ours:view())
      view:write_i32(0, 5)
      assert.is_true(mapping.unlink(name))
      refused("NOT_FOUND", mapping.open(name))
      refused("NOT_FOUND", mapping.unlink(name))
      assert.equal(5, view:read_i32(0))
      local later <close> = assert(ours:view())
      assert.equal(5, later:read_i32(0))
    end)

    it("leaves the name to another, which the first one's holders do not take away", function()
      if not on_linux then pending("names cannot be taken away on this system") end
      local name = objects.name()
      local old = assert(mapping.create(name, 4))
      old:view():write_i32(0, 5)
      collectgarbage()
      assert(mapping.unlink(name))
      local new <close> = assert(mapping.create(name, 4))
      local view <close> = assert(new:view())
      assert.equal(0, view:read_i32(0))
      old:close()
      local again <close> = assert(mapping.open(name))
      assert.is_false(again:created())
    end)

    it("must exist", function()
      if not on_linux then pending("names cannot be taken away on this system") end
      refused("NOT_FOUND", mapping.unlink(objects.name()))
    end)
  end)

  describe("opened twice in one process", function()
    it("shows the same bytes through both, both ways", function()
      local name = objects.name()
      local first <close> = assert(mapping.create(name, 8))
      local second <close> = assert(mapping.open(name))
      local one <close> = assert(first:view())
      local other <close> = assert(second:view())
      one:write_i32(0, 1)
      other:write_i32(4, 2)
      assert.equal(1, other:read_i32(0))
      assert.equal(2, one:read_i32(4))
    end)
  end)

  describe("that shmipc did not create", function()
    it("is shared as it is, and never removed", function()
      if not on_linux then pending("only on Linux can a plain file stand for a foreign program's object") end
      local name = objects.name()
      objects.overwrite(objects.path(name), "foreign")
      do
        local theirs <close> = assert(mapping.open(name))
        local view <close> = assert(theirs:view())
        assert.equal(7, theirs:size())
        assert.is_false(theirs:created())
        assert.equal("foreign", view:read(0, 7))
        view:write(0, "F")
        refused("EXISTS", mapping.create(name, 4))
        refused("TOO_SMALL", mapping.open_or_create(name, 8))
      end
      assert.equal("Foreign", objects.contents(objects.path(name)))
      assert.is_true(mapping.unlink(name))
    end)

    it("is TOO_SMALL while it has no bytes, after a moment", function()
      if not on_linux then pending("only on Linux can a plain file stand for a foreign program's object") end
      local name = objects.name()
      objects.overwrite(objects.path(name), "")
      local began = shmipc.clock()
      refused("TOO_SMALL", mapping.open(name))
      assert.is_true(shmipc.clock() - began < 1.5)
      assert.equal("", objects.contents(objects.path(name)))
      assert(os.remove(objects.path(name)))
    end)

    it("is WRONG_KIND when it is no memory at all", function()
      if not on_linux then pending("only on Linux are named objects in a directory of files") end
      local directory, link, file_link = objects.name(), objects.name(), objects.name()
      assert(lfs.mkdir(objects.path(directory)))
      assert(lfs.link(objects.path(directory), objects.path(link), true))
      assert(lfs.link(objects.file "some text", objects.path(file_link), true))
      for _, name in ipairs { directory, link, file_link } do
        refused("WRONG_KIND", mapping.open(name))
        refused("WRONG_KIND", mapping.create(name, 4))
        refused("WRONG_KIND", mapping.open_or_create(name, 4))
        refused("WRONG_KIND", mapping.unlink(name))
      end
      assert(os.remove(objects.path(link)))
      assert(os.remove(objects.path(file_link)))
      assert(lfs.rmdir(objects.path(directory)))
    end)
  end)

  describe("prints itself", function()
    it("with its name, its size and its access", function()
      local name = objects.name()
      local ours <close> = assert(mapping.create(name, 4, { access = "r" }))
      assert.equal(('shmipc.mapping "%s" 4 bytes r'):format(name), tostring(ours))
    end)

    it("as closed, after", function()
      local name = objects.name()
      local ours = assert(mapping.create(name, 4))
      ours:close()
      assert.equal(('shmipc.mapping "%s" (closed)'):format(name), tostring(ours))
    end)

    it("on one line, whatever its name has in it", function()
      local ours <close> = assert(mapping.create(objects.name "\n\t\27[31m", 4))
      assert.is_nil(tostring(ours):find "%c")
    end)
  end)
end)

describe("a mapping of a file", function()
  after_each(objects.check_none_left)

  it("is a file on disk, whose bytes the view reads and writes", function()
    local path = objects.file()
    local file = assert(mapping.file(path, { size = 4096 }))
    local view = assert(file:view())
    view:write(0, "kept")
    view:close()
    file:close()
    assert.equal("kept" .. zeros(4092), objects.contents(path))
  end)

  it("is created by a size, and stays after the last holder", function()
    local path = objects.file()
    local file = assert(mapping.file(path, { size = 5 }))
    assert.is_true(file:created())
    assert.equal(5, file:size())
    assert.equal(path, file:name())
    file:close()
    assert.equal(zeros(5), objects.contents(path))
    local again <close> = assert(mapping.file(path))
    assert.is_false(again:created())
    assert.equal(5, again:size())
  end)

  it("grows to the size, keeping what it holds", function()
    local path = objects.file "some text"
    local file <close> = assert(mapping.file(path, { size = 10000 }))
    local view <close> = assert(file:view())
    assert.is_false(file:created())
    assert.equal(10000, file:size())
    assert.is_true(view:read(0, 10000) == "some text" .. zeros(9991))
  end)

  it("does not shrink", function()
    local path = objects.file "some text"
    local file <close> = assert(mapping.file(path, { size = 4 }))
    assert.equal(9, file:size())
    assert.equal("some text", objects.contents(path))
  end)

  it("is taken as it is without a size, at any length", function()
    for _, bytes in ipairs { "x", ("ab"):rep(2048), ("abc"):rep(4001) } do
      local file <close> = assert(mapping.file(objects.file(bytes)))
      local view <close> = assert(file:view())
      assert.equal(#bytes, file:size())
      assert.is_true(view:read(0, #view) == bytes)
    end
  end)

  it("only reads when asked to", function()
    local path = objects.file "some text"
    local file <close> = assert(mapping.file(path, { access = "r" }))
    local view <close> = assert(file:view())
    assert.equal("r", file:access())
    assert.equal("some text", view:read(0, 9))
    raises("read-only", view.write, view, 0, "x")
    assert.equal("some text", objects.contents(path))
  end)

  it("cannot be made or grown by who only reads", function()
    local path = objects.file()
    raises('shmipc.mapping.file: size needs access "rw", got "r"', mapping.file, path, { size = 4, access = "r" })
    assert.is_nil(lfs.attributes(path))
  end)

  it("may have any path", function()
    if not on_linux then pending("Lua's own functions, which remove the file, know only paths in the system's code") end
    for _, suffix in ipairs { " with spaces", "-ünï-日本-🚀", "\\", ("x"):rep(200) } do
      local path = objects.file(nil, suffix)
      local file <close> = assert(mapping.file(path, { size = 4 }))
      local again <close> = assert(mapping.file(path))
      assert.equal(path, again:name())
      assert.equal(4, again:size())
      assert.is_true(file:created())
      assert.equal(4, lfs.attributes(path, "size"))
    end
  end)

  it("is private to a view that copies on write", function()
    local path = objects.file "some text"
    local file <close> = assert(mapping.file(path, { access = "r" }))
    local view <close> = assert(file:view(0, 9, "cow"))
    view:write(0, "SOME")
    assert.equal("SOME text", view:read(0, 9))
    assert.equal("some text", objects.contents(path))
  end)

  it("has exactly the mode that was asked for, and 0600 without one", function()
    if not on_linux then pending("permission bits are a thing of Linux") end
    local open_path, plain_path = objects.file(), objects.file()
    local open <close> = assert(mapping.file(open_path, { size = 4, mode = 0x1b6 }))
    local plain <close> = assert(mapping.file(plain_path, { size = 4 }))
    assert.equal("rw-rw-rw-", permissions(open_path))
    assert.equal("rw-------", permissions(plain_path))
    assert.equal(open:size(), plain:size())
  end)

  it("shares its bytes with another mapping of the file", function()
    local path = objects.file "0000"
    local first <close> = assert(mapping.file(path))
    local second <close> = assert(mapping.file(path))
    local one <close> = assert(first:view())
    local other <close> = assert(second:view())
    one:write(1, "1")
    assert.equal("0100", other:read(0, 4))
  end)

  it("is NOT_FOUND when there is none, and no size was given", function()
    local path = objects.file()
    refused("NOT_FOUND", mapping.file(path))
    refused("NOT_FOUND", mapping.file(path, { access = "r" }))
    refused("NOT_FOUND", mapping.file(path .. "/no/such/directory", { size = 4 }))
    assert.is_nil(lfs.attributes(path))
  end)

  it("is WRONG_KIND when it is a directory", function()
    local path = objects.file()
    assert(lfs.mkdir(path))
    refused("WRONG_KIND", mapping.file(path))
    refused("WRONG_KIND", mapping.file(path, { access = "r" }))
    refused("WRONG_KIND", mapping.file(path, { size = 4 }))
  end)

  it("is TOO_SMALL when it is empty, and grows when a size is given", function()
    local path = objects.file ""
    refused("TOO_SMALL", mapping.file(path))
    refused("TOO_SMALL", mapping.file(path, { access = "r" }))
    local file <close> = assert(mapping.file(path, { size = 4 }))
    assert.equal(4, file:size())
    assert.is_false(file:created())
  end)

  it("is NO_SPACE when it does not fit on the disk, and nothing is left half done", function()
    local absent, present = objects.file(), objects.file "some text"
    refused("NO_SPACE", mapping.file(absent, { size = math.maxinteger }))
    refused("NO_SPACE", mapping.file(present, { size = math.maxinteger }))
    assert.is_nil(lfs.attributes(absent))
    assert.equal("some text", objects.contents(present))
  end)

  it("is INVALID_NAME for a path with a NUL, and nothing is made", function()
    local path = objects.file()
    local message = refused("INVALID_NAME", mapping.file(path .. "\0.bin", { size = 4 }))
    assert.is_truthy(message:find("NUL", 1, true), message)
    assert.is_nil(lfs.attributes(path))
  end)

  it("is no named object", function()
    local path = objects.file "some text"
    local file <close> = assert(mapping.file(path))
    refused("INVALID_NAME", mapping.open(path))
    assert.equal(9, file:size())
  end)
end)
