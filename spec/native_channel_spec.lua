-- The promises of channels under kills and beside a hostile neighbour: native programs, since they die at every single
-- step of a send and a receive.
--
-- SHMIPC_NATIVE   the build's folder of native programs (build/dev/spec/native)
-- SHMIPC_SOAK     so many times over, each time from another seed (1)

local process = require "support.process"
local shmipc = require "shmipc"

local soak = math.max(1, math.floor(tonumber(os.getenv("SHMIPC_SOAK") or "1")))
local seed = os.time() % 100000
local is_windows = shmipc.platform == "windows"

--- Gives what the program printed, and its exit code.
local function run(program, ...)
  local path = process.program("../channel/" .. program)
  local trial <close> = process.start_program { path, ... }
  local seconds = 110 -- no longer than a process of the specs may live
  local lines = { table.concat({ path, ... }, " ") }
  for line in trial:lines(seconds) do lines[#lines + 1] = line end
  local how, code = trial:wait(seconds)
  lines[#lines + 1] = ("(%s %d)"):format(how, code)
  return table.concat(lines, "\n"), how == "exit" and code
end

local function holds(...)
  local output, code = run(...)
  assert.message(output).are.equal(0, code)
end

local function option(key, value) return ("%s=%d"):format(key, value) end

local function seeds()
  local turn = 0
  return function()
    turn = turn + 1
    if turn <= soak then return option("seed", seed + turn * 100000) end
  end
end

describe("a channel", function()
  it("loses nothing, whoever is killed or stopped at whatever step", function()
    for each in seeds() do holds("channel_kill", option("seconds", is_windows and 30 or 20), each) end
  end)

  it("whose bytes are destroyed crashes nobody and holds nobody up", function()
    for each in seeds() do holds("channel_scribble", option("cases", 300), each) end
  end)
end)

describe("the trial of channels", function()
  local planted = {
    "a receiver advances the tail without comparing it",
    "a message is published before its bytes are written",
    "senders do not lock",
    "what a dead sender has published is written over",
    "no word is written behind the last message",
    "senders believe that there is more space",
  }

  for bug, meaning in ipairs(planted) do
    it("notices when " .. meaning, function()
      local output, code = run("channel_kill", option("seconds", 30), option("bug", bug), option("seed", seed))
      assert.message(output).are.equal(1, code)
      assert.message(output).is_truthy(output:find("planted: " .. meaning, 1, true))
      assert.message(output).is_nil(output:find("cannot run", 1, true))
    end)
  end
end)
