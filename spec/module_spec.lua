local objects = require "support.objects"
local shmipc = require "shmipc"

local raises = objects.raises

describe("the module", function()
  after_each(objects.check_none_left)

  it("is loaded by its name, and gives a table", function()
    local module = require "shmipc"
    assert.equal("table", type(module))
    assert.equal(module, require "shmipc")
  end)

  it("has its version, and its platform", function()
    assert.is_truthy(shmipc._VERSION:find "^%d+%.%d+%.%d+$")
    assert.is_true(shmipc.platform == "linux" or shmipc.platform == "windows")
  end)

  it("leaves the global variables as they are", function()
    local before = {}
    for name, value in pairs(_G) do before[name] = value end
    package.loaded["shmipc"], package.loaded["shmipc.core"] = nil, nil
    require "shmipc"
    for name, value in pairs(_G) do assert.equal(before[name], value) end
    for name, value in pairs(before) do assert.equal(_G[name], value) end
  end)

  it("can be loaded again: the two share objects and handles", function()
    package.loaded["shmipc"], package.loaded["shmipc.core"] = nil, nil
    local again = require "shmipc"
    assert.are_not.equal(shmipc, again)
    local name = objects.name()
    local ours <close> = assert(shmipc.mapping.create(name, 8))
    local theirs <close> = assert(again.mapping.open(name))
    local one <close> = assert(ours:view())
    local other <close> = assert(theirs:view())
    one:write_i32(0, 6)
    assert.equal(6, other:read_i32(0))
    assert.equal(6, one.read_i32(other, 0))
    one:copy(4, other, 0, 4)
    assert.equal(6, other:read_i32(4))

    local mutex <close> = assert(shmipc.mutex.create(objects.name()))
    local same <close> = assert(again.mutex.open(mutex:name()))
    mutex:lock()
    same:lock(0):close()
    assert.is_true(same:unlock())
    raises("does not hold the lock", mutex.unlock, mutex)
  end)
end)

describe("shmipc.clock", function()
  it("tells seconds that only grow", function()
    local before = shmipc.clock()
    assert.equal("float", math.type(before))
    local last = before
    for _ = 1, 1000 do
      local now = shmipc.clock()
      assert.is_true(now >= last)
      last = now
    end
    shmipc.sleep(0.05)
    local passed = shmipc.clock() - before
    assert.is_true(passed >= 0.05 and passed < 5, passed)
  end)
end)

describe("shmipc.sleep", function()
  it("sleeps for as many seconds, and not less", function()
    for _, seconds in ipairs { 0.001, 0.02, 0.15 } do
      local began = shmipc.clock()
      assert.equal(0, select("#", shmipc.sleep(seconds)))
      local passed = shmipc.clock() - began
      assert.is_true(passed >= seconds and passed < seconds + 5, passed)
    end
  end)

  it("returns at once for 0", function()
    local began = shmipc.clock()
    for _ = 1, 1000 do shmipc.sleep(0) end
    for _ = 1, 100 do shmipc.sleep(5e-324) end
    assert.is_true(shmipc.clock() - began < 1)
  end)

  it("raises for what is no time", function()
    for _, seconds in ipairs { -1, -0.001, -math.huge, 0 / 0, "1", true, {}, print } do
      raises("shmipc.sleep: seconds must be a number of seconds, 0 or more, got ", shmipc.sleep, seconds)
    end
    raises("shmipc.sleep: seconds must be a number", shmipc.sleep)
    raises("shmipc.sleep: seconds must be a number", shmipc.sleep, nil)
  end)

  it("works in a coroutine", function()
    local began = shmipc.clock()
    coroutine.wrap(function() shmipc.sleep(0.02) end)()
    assert.is_true(shmipc.clock() - began >= 0.02)
  end)

  it("ends soon when a hook raises, as the interpreter's does at Ctrl-C", function()
    local began = shmipc.clock()
    debug.sethook(function()
      if shmipc.clock() < began + 0.05 then return end
      debug.sethook()
      error("interrupted!", 0)
    end, "", 1)
    local ok, message = pcall(shmipc.sleep, 20)
    debug.sethook()
    assert.is_false(ok)
    assert.equal("interrupted!", message)
    assert.is_true(shmipc.clock() - began < 1)
  end)
end)

describe("shmipc.pid", function()
  it("is the process's id", function()
    assert.equal("integer", math.type(shmipc.pid()))
    assert.is_true(shmipc.pid() > 0)
    assert.equal(shmipc.pid(), shmipc.pid())
    if shmipc.platform == "linux" then
      local file <close> = assert(io.open "/proc/self/stat")
      assert.equal(file:read "n", shmipc.pid())
    end
  end)
end)
