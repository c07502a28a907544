-- Nothing that a script does can crash the interpreter: random calls with random arguments (spec/support/fuzz.lua).
--
-- SHMIPC_FUZZ_SEED repeats a run, SHMIPC_FUZZ_CALLS sets its length, and SHMIPC_FUZZ_TRACE tells each call before it is
-- made.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local seed = tonumber(os.getenv "SHMIPC_FUZZ_SEED") or math.random(1 << 31)
local calls = tonumber(os.getenv "SHMIPC_FUZZ_CALLS") or 20000
local fake_core = (os.getenv "SHMIPC_NATIVE" or "build/dev/spec/native") .. "/fake/shmipc/core"
  .. process.module "x":match "%.%a+$"

-- Runs the calls in a process of its own; anything but a good end is told with what it printed.
local function fuzz(...)
  local lines = {}
  local child <close> = process.start_script("spec/support/fuzz.lua", tostring(seed), tostring(calls), ...)
  for line in child:lines(600) do lines[#lines + 1] = line end
  local how, code = child:wait()
  if how ~= "exit" or code ~= 0 then
    error(("%s\n%s %d; repeat it with SHMIPC_FUZZ_SEED=%d SHMIPC_FUZZ_CALLS=%d"):format(table.concat(lines, "\n"), how,
      code, seed, calls), 0)
  end
end

describe("random calls", function()
  after_each(objects.check_none_left)

  setup(function() print(("SHMIPC_FUZZ_SEED=%d SHMIPC_FUZZ_CALLS=%d"):format(seed, calls)) end)

  it("crash nothing, and tell what is wrong", function()
    local prefix = objects.name()
    local name = prefix .. "_held"
    local peer <close> = process.peer()
    peer:run("mutex = assert(shmipc.mutex.create(...)) mutex:lock()", name)
    fuzz(prefix)
    peer:run("assert(mutex:unlock())") -- nobody has taken it away
    local mutex <close> = assert(shmipc.mutex.open(name))
    local guard, told = mutex:lock(0)
    assert.is_userdata(guard)
    assert.is_nil(told)
  end)

  it("leave nothing behind on a system that fails at random", function()
    fuzz(objects.name(), fake_core)
  end)
end)
