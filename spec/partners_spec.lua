-- Beside programs that know nothing of shmipc: they share the bytes from the first one on; their objects are theirs.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local function describe_on_linux(title, body)
  if shmipc.platform == "linux" then return describe(title, body) end
  pending(title .. ": they are programs of Linux; windows_partners_spec.lua has others")
end

-- What both kinds of partners obey: a program in C, and one in Python.
local function shares(start_partner)
  local name, partner

  before_each(function()
    name = objects.name()
    partner = start_partner(name)
  end)

  after_each(function()
    partner:close()
    objects.check_none_left()
  end)

  it("opens what a script has created", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    local view <close> = assert(mapping:view())
    partner:run("open")
    view:write_i32(0, 500)
    assert.equal(500, partner:run("read 0"))
    partner:run("write 4 -1")
    assert.equal(-1, view:read_i32(4))
  end)

  it("creates what a script opens", function()
    partner:run("create 8")
    partner:run("write 0 12345")
    local mapping <close> = assert(shmipc.mapping.open(name))
    assert.equal(8, mapping:size())
    assert.is_false(mapping:created())
    local view <close> = assert(mapping:view())
    assert.equal(12345, view:read_i32(0))
    view:write_i32(4, 77)
    assert.equal(77, partner:run("read 4"))
    assert.is_true(shmipc.mapping.unlink(name))
  end)

  it("keeps its memory when the script's name is gone", function()
    local peer <close> = process.peer()
    peer:run("view = shmipc.mapping.create(..., 4):view() view:write_i32(0, 9)", name)
    partner:run("open")
    peer:kill()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    assert.equal(9, partner:run("read 0"))
    partner:run("write 0 10")
    assert.equal(10, partner:run("read 0"))
  end)

  it("has its object still when scripts have come and gone, however they went", function()
    partner:run("create 4")
    partner:run("write 0 6")
    for _, chunk in ipairs {
      "mapping:close()",
      "mapping = nil collectgarbage()",
      "os.exit(true, true)",
      "os.exit(true, false)",
      "last_words = 'a mistake'",
      false,
    } do
      local peer <close> = process.peer()
      peer:run("mapping = assert(shmipc.mapping.open_or_create(..., 4))", name)
      if chunk then peer:send(chunk) else peer:kill() end
      peer:close()
    end
    partner:close()
    local view <close> = assert(shmipc.mapping.open(name)):view()
    assert.equal(6, view:read_i32(0))
    objects.refused("EXISTS", shmipc.mapping.create(name, 4))
    assert.is_true(shmipc.mapping.unlink(name))
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)
end

describe_on_linux("a C program that knows shm_open and mmap", function()
  shares(function(name) return process.foreign(name) end)
end)

local python_probe = { "python3", "-c", "import multiprocessing.shared_memory" }
local describe_with_python = process.succeeds(python_probe) and describe_on_linux or pending

describe_with_python("a Python program with its shared_memory (needs python3)", function()
  shares(function(name) return process.foreign(name, { "python3", "spec/native/partners/shared_memory.py" }) end)
end)

describe_on_linux("a foreign object", function()
  local name, foreign

  before_each(function()
    name = objects.name()
    foreign = process.foreign(name)
  end)

  after_each(function()
    foreign:close()
    objects.check_none_left()
  end)

  it("that is smaller than asked for is TOO_SMALL, and stays", function()
    foreign:run("create 4")
    objects.refused("TOO_SMALL", shmipc.mapping.open_or_create(name, 5))
    assert(shmipc.mapping.open_or_create(name, 4)):close()
    foreign:run("unlink")
  end)

  it("is of another kind than a lock", function()
    foreign:run("create 4096")
    objects.refused("WRONG_KIND", shmipc.mutex.open(name))
    objects.refused("WRONG_KIND", shmipc.mutex.create(name))
    objects.refused("WRONG_KIND", shmipc.mutex.open_or_create(name))
    objects.refused("WRONG_KIND", shmipc.mutex.unlink(name))
    foreign:run("read 0")
    foreign:run("unlink")
  end)

  it("that has no bytes for a moment is waited for", function()
    local codes = {}
    for round = 1, 10 do -- a busy machine may make the moment a long one
      local each = name .. round
      foreign:run("name " .. each)
      local peer <close> = process.peer()
      peer:run("shmipc.pid()")
      foreign:run("create_slowly 4096")
      local code, seconds = peer:run([[
        local start = shmipc.clock()
        local mapping, _, code = shmipc.mapping.open(...)
        return code or mapping:size(), shmipc.clock() - start
      ]], each)
      assert.equal("ok", foreign:read_line())
      foreign:run("unlink")
      codes[#codes + 1] = code
      if code == 4096 and seconds > 0.001 then return end
    end
    error("never: " .. table.concat(codes, " "))
  end)

  it("that stays without bytes is TOO_SMALL", function()
    foreign:run("create 0")
    local start = shmipc.clock()
    objects.refused("TOO_SMALL", shmipc.mapping.open(name))
    objects.refused("TOO_SMALL", shmipc.mapping.open_or_create(name, 4))
    assert.is_true(shmipc.clock() - start < 2)
    objects.refused("EXISTS", shmipc.mapping.create(name, 4))
    foreign:run("unlink")
  end)

  it("may grow", function()
    foreign:run("create 4")
    local small <close> = assert(shmipc.mapping.open(name))
    foreign:run("truncate 8192")
    local large <close> = assert(shmipc.mapping.open(name))
    assert.equal(4, small:size())
    assert.equal(8192, large:size())
    large:view():write_i32(8188, 1)
    foreign:run("unlink")
  end)

  it("can take a name that a script's unlink has freed, and the script takes nothing from it", function()
    local mapping = assert(shmipc.mapping.create(name, 4))
    assert.is_true(shmipc.mapping.unlink(name))
    foreign:run("create 4")
    mapping:close()
    foreign:run("open")
    foreign:run("unlink")
  end)

  it("can take the name from a script, which then takes nothing from it", function()
    local mapping = assert(shmipc.mapping.create(name, 4))
    foreign:run("unlink")
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    foreign:run("create 4")
    mapping:close()
    collectgarbage()
    foreign:run("open")
    foreign:run("unlink")
  end)
end)
