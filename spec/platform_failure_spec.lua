-- The contract with the system (csrc/os/os.h) has a third implementation, spec/native/fake, which lives in one process
-- and fails where it is told to. Here every function of the module meets the failure of every call that it makes.

local process = require "support.process"

local core = (os.getenv "SHMIPC_NATIVE" or "build/dev/spec/native") .. "/fake/shmipc/core"
  .. process.module "x":match "%.%a+$"

-- Runs drive.lua to its end; its lines.
local function drive(what)
  local lines = {}
  local driver <close> = process.start_script("spec/native/fake/drive.lua", core, what)
  for line in driver:lines() do lines[#lines + 1] = line end
  local how, code = driver:wait()
  if how ~= "exit" or code ~= 0 then
    error(("%s (%s %d)"):format(table.concat(lines, "\n"), how, code), 0)
  end
  return lines
end

describe("when the system fails", function()
  for _, what in ipairs(drive "list") do
    if what:find "^[%w_.:]+$" then
      it(what .. " tells it, leaves nothing behind, and works the next time", function() drive(what) end)
    end
  end
end)

describe("on the fake system", function()
  for _, what in ipairs(drive "list") do
    if not what:find "^[%w_.:]+$" then
      it(what, function() drive(what) end)
    end
  end
end)
