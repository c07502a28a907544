-- The public module: the native core, and what is better said in Lua.

local core = require "shmipc.core"

local mutex, expect_mutex = core.kinds.mutex.methods, core.kinds.mutex.expect

-- The methods' blocks for LDoc, which takes one module a file, stand among the type's others in csrc/binding.

-- Raises at the place that called the method.
local function misuse(text, ...)
  error("mutex:with: " .. text:format(...), 3)
end

local function locked_call(self, timeout, f, ...)
  local guard <close>, message, code, native = self:lock(timeout)
  if not guard then return nil, message, code, native end
  return f(...)
end

function mutex.with(self, ...)
  expect_mutex(self, "mutex:with")
  local first, second = ...
  if type(first) == "function" then return locked_call(self, nil, ...) end
  if first ~= nil and not (math.type(first) and first >= 0) then
    misuse("timeout must be a number of seconds, 0 or more, got %s", tostring(first))
  end
  if type(second) ~= "function" then
    misuse("f must be a function, got %s", type(second))
  end
  return locked_call(self, ...)
end

local layout = require "shmipc.layout"
require "shmipc.record"
core.companions.nearest = require "shmipc.nearest" -- which field was meant by a misspelt one

return {
  _VERSION = core._VERSION,
  platform = core.platform,
  sleep = core.sleep,
  clock = core.clock,
  pid = core.pid,
  list = core.list,
  gc = core.gc,
  mapping = core.mapping,
  mutex = core.mutex,
  event = core.event,
  semaphore = core.semaphore,
  channel = core.channel,
  layout = layout,
  record = core.record,
  atomic = core.atomic,
}
