local objects = require "support.objects"
local shmipc = require "shmipc"

local refused, raises = objects.refused, objects.raises
local on_linux = shmipc.platform == "linux"

-- The functions of a kind that take a name, called with whatever else they need.
local function calls(kind)
  local functions, list = shmipc[kind], {}
  list[#list + 1] = { kind .. ".create", function(name) return objects.create[kind](name) end }
  list[#list + 1] = { kind .. ".open", functions.open }
  list[#list + 1] = { kind .. ".open_or_create", function(name)
    return functions.open_or_create(name, table.unpack(objects.arguments[kind]))
  end }
  list[#list + 1] = { kind .. ".unlink", functions.unlink }
  return list
end

-- f(function's name, function) for each function of each kind
local function each_call(f)
  for kind in pairs(objects.create) do
    for _, call in ipairs(calls(kind)) do f("shmipc." .. call[1], call[2], kind) end
  end
end

describe("a name", function()
  after_each(objects.check_none_left)

  it("is what processes find each other by", function()
    local name = objects.name()
    local ours <close> = assert(shmipc.mapping.create(name, 4))
    local theirs <close> = assert(shmipc.mapping.open(name))
    assert.equal(name, ours:name())
    assert.equal(name, theirs:name())
  end)

  it("may have any character but a few", function()
    for _, part in ipairs { " with spaces ", "ünï-日本-🚀", ".hidden", "...", "a.b,c;d+e=f@g#h%i&j!k", "'(quoted)'",
                            "$HOME ~", "\u{10FFFF}", "\u{D7FF}\u{E000}" } do
      for kind, create in pairs(objects.create) do
        local name = objects.name(part)
        local ours <close> = assert(create(name))
        local theirs <close> = assert(shmipc[kind].open(name))
        assert.equal(name, ours:name())
        assert.equal(name, theirs:name())
      end
    end
  end)

  it("may begin with a dot", function()
    local name = "." .. objects.name()
    local ours <close> = assert(shmipc.mapping.create(name, 4))
    local theirs <close> = assert(shmipc.mapping.open(name))
    assert.equal(name, theirs:name())
    assert.is_true(ours:created())
  end)

  it("may have 200 bytes, and not 201", function()
    each_call(function(_, call, kind)
      local short = objects.name()
      short = short .. ("x"):rep(200 - #short)
      local other <close> = assert(objects.create[kind](short))
      assert.equal(short, other:name())
      local message = refused("INVALID_NAME", call(short .. "x"))
      assert.is_truthy(message:find("200 bytes", 1, true), message)
    end)
  end)

  it("is counted in bytes, not characters, and without its prefix", function()
    local name = objects.name()
    name = name .. ("x"):rep((200 - #name) % 2)
    name = name .. ("é"):rep((200 - #name) // 2)
    local ours <close> = assert(shmipc.mapping.create(name, 4))
    refused("INVALID_NAME", shmipc.mapping.create(name .. "é", 4))
    local theirs <close> = assert(shmipc.mapping.open("Local\\" .. name))
    assert.equal(name, ours:name())
    assert.equal("Local\\" .. name, theirs:name())
  end)

  local invalid = {
    { "", "empty" },
    { "Local\\", "empty" },
    { "Global\\", "empty" },
    { "a/b", "'/'" },
    { "/a", "'/'" },
    { "../a", "'/'" },
    { "Local\\a/b", "'/'" },
    { "a\\b", "'\\'" },
    { "\\a", "'\\'" },
    { "a\\", "'\\'" },
    { "local\\a", "'\\'" },
    { "Session\\a", "'\\'" },
    { "Local\\Global\\a", "'\\'" },
    { "a\0b", "NUL" },
    { "\0", "NUL" },
    { "Local\\a\0", "NUL" },
    { ".", "'.'" },
    { "..", "'..'" },
    { "Local\\..", "'..'" },
    { ("x"):rep(201), "200 bytes" },
    { ("x"):rep(100000), "200 bytes" },
    { "Global\\" .. ("x"):rep(201), "200 bytes" },
    { "\xff", "UTF-8" },
    { "a\x80", "UTF-8" }, -- a byte that goes on, with nothing before it
    { "\xc0\xaf", "UTF-8" }, -- a '/' in a longer form than it needs
    { "\xe0\x80\xaf", "UTF-8" },
    { "\xed\xa0\x80", "UTF-8" }, -- a surrogate
    { "\xf4\x90\x80\x80", "UTF-8" }, -- above U+10FFFF
    { "\xe2\x82", "UTF-8" }, -- cut off
    { "\xe2\x82x", "UTF-8" },
    { "\xf0\x9f\x9a", "UTF-8" },
  }

  it("that is not valid is INVALID_NAME everywhere, and the message says what is wrong", function()
    each_call(function(called, call)
      for _, pair in ipairs(invalid) do
        local name, fault = table.unpack(pair)
        local message, native = refused("INVALID_NAME", call(name))
        assert.is_truthy(message:find(fault, 1, true), ("%s: %q for %q"):format(called, message, name:sub(1, 20)))
        assert.equal(1, (message:find(called, 1, true)), message)
        assert.is_nil(native)
      end
    end)
  end)

  it("must be a string, or it raises", function()
    each_call(function(called, call)
      for _, name in ipairs { 12, 1.5, true, {}, print, io.stdout } do
        raises(called .. ": name must be a string, got ", call, name)
      end
      raises(called .. ": name must be a string, got n", call)
    end)
  end)

  it("with Local\\ in front is the same object as without", function()
    local name = objects.name()
    local ours <close> = assert(shmipc.mapping.create("Local\\" .. name, 4))
    local theirs <close> = assert(shmipc.mapping.open(name))
    assert.equal("Local\\" .. name, ours:name())
    assert.equal(name, theirs:name())
    refused("EXISTS", shmipc.mapping.create(name, 4))
    local view <close> = assert(ours:view())
    local other <close> = assert(theirs:view())
    view:write_i32(0, 8)
    assert.equal(8, other:read_i32(0))
  end)

  it("may have Global\\ in front, which means nothing on Linux", function()
    if not on_linux then pending("here it means another namespace, which takes a privilege to create in") end
    local name = objects.name()
    local ours <close> = assert(shmipc.mapping.create("Global\\" .. name, 4))
    local theirs <close> = assert(shmipc.mapping.open("Local\\" .. name))
    local mutex <close> = assert(shmipc.mutex.create("Global\\" .. objects.name()))
    assert.equal("Global\\" .. name, ours:name())
    assert.equal("Local\\" .. name, theirs:name())
    assert.equal("Global\\", mutex:name():sub(1, 7))
    refused("EXISTS", shmipc.mapping.create(name, 4))
  end)
end)

describe("one namespace", function()
  after_each(objects.check_none_left)

  it("serves all kinds: a name of one kind is WRONG_KIND to every other", function()
    for kind, create in pairs(objects.create) do
      local name = objects.name()
      local ours <close> = assert(create(name))
      for other in pairs(objects.create) do
        if other ~= kind then
          for _, call in ipairs(calls(other)) do
            if on_linux or not call[1]:find "unlink" then refused("WRONG_KIND", call[2](name)) end
          end
        end
      end
      local again <close> = assert(shmipc[kind].open(name)) -- none of them took it away
      assert.equal(ours:name(), again:name())
    end
  end)

  it("is free for every other kind once the last holder is gone", function()
    local name = objects.name()
    for _ = 1, 2 do
      for _, create in pairs(objects.create) do
        local ours <close> = assert(create(name))
        assert.is_true(ours:created())
      end
    end
  end)

  it("knows persistent memory as a mapping", function()
    if not on_linux then pending("persistent objects are not supported on this system") end
    local name = objects.name()
    assert(shmipc.mapping.create(name, 4096, { persistent = true })):close()
    for kind in pairs(objects.create) do
      if kind ~= "mapping" then
        for _, call in ipairs(calls(kind)) do refused("WRONG_KIND", call[2](name)) end
      end
    end
    assert.is_true(shmipc.mapping.unlink(name))
  end)
end)
