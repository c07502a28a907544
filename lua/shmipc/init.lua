-- The public module: the native core, and what is better said in Lua.

local core = require "shmipc.core"

local view, mutex = core.kinds.view.methods, core.kinds.mutex.methods
local expect_view, expect_mutex = core.kinds.view.expect, core.kinds.mutex.expect
local pack, packsize, unpack = string.pack, string.packsize, string.unpack

-- Raises at the place that called the method; level counts from here.
local function misuse(level, method, text, ...)
  error(method .. ": " .. text:format(...), level + 1)
end

local function check_format(method, format)
  if type(format) ~= "string" then
    misuse(3, method, "format must be a string, got %s", type(format))
  end
end

local function check_offset(method, offset, size)
  local whole = math.type(offset) and math.tointeger(offset)
  if not whole or whole < 0 or whole > size then
    misuse(3, method, "offset must be an integer from 0 to %d, got %s", size, tostring(offset))
  end
  return whole
end

-- The results of a protected call of string.pack or its like, or its error under the method's name.
local function checked(method, ok, ...)
  if not ok then
    misuse(3, method, "%s", tostring((...)):gsub("^bad argument #%d+ to '[^']*' ", ""))
  end
  return ...
end

-- The methods' blocks for LDoc, which takes one module a file, stand among the type's others in csrc/binding.

function view.pack(self, offset, format, ...)
  local size = expect_view(self, "view:pack")
  local start = check_offset("view:pack", offset, size)
  check_format("view:pack", format)
  if self:access() == "r" then misuse(2, "view:pack", 'the view is read-only (access "r")') end
  local bytes = checked("view:pack", pcall(pack, format, ...))
  if #bytes > size - start then
    misuse(2, "view:pack", "%d bytes do not fit at offset %d of a view of %d", #bytes, start, size)
  end
  self:write(start, bytes)
  return start + #bytes
end

-- How many bytes a format without a fixed size needs is not known before it is tried.
local function unpack_growing(self, start, room, format)
  local window = 256
  while window < room do
    local results = table.pack(pcall(unpack, format, self:read(start, window)))
    if results[1] then return table.unpack(results, 1, results.n) end
    window = window * 4
  end
  return pcall(unpack, format, self:read(start, room))
end

local function with_offset(start, ...)
  local results = table.pack(...)
  results[results.n] = results[results.n] + start - 1
  return table.unpack(results, 1, results.n)
end

function view.unpack(self, offset, format)
  local size = expect_view(self, "view:unpack")
  local start = check_offset("view:unpack", offset, size)
  check_format("view:unpack", format)
  local is_fixed, needed = pcall(packsize, format)
  if is_fixed and needed > size - start then
    misuse(2, "view:unpack", "%d bytes do not fit at offset %d of a view of %d", needed, start, size)
  end
  if is_fixed then return with_offset(start, unpack(format, self:read(start, needed))) end
  return with_offset(start, checked("view:unpack", unpack_growing(self, start, size - start, format)))
end

local function locked_call(self, timeout, f, ...)
  local guard <close>, message, code = self:lock(timeout)
  if not guard then return nil, message, code end
  return f(...)
end

function mutex.with(self, ...)
  expect_mutex(self, "mutex:with")
  local first, second = ...
  if type(first) == "function" then return locked_call(self, nil, ...) end
  if first ~= nil and not (math.type(first) and first >= 0) then
    misuse(2, "mutex:with", "timeout must be a number of seconds, 0 or more, got %s", tostring(first))
  end
  if type(second) ~= "function" then
    misuse(2, "mutex:with", "f must be a function, got %s", type(second))
  end
  return locked_call(self, ...)
end

return {
  _VERSION = core._VERSION,
  platform = core.platform,
  sleep = core.sleep,
  clock = core.clock,
  pid = core.pid,
  mapping = core.mapping,
  mutex = core.mutex,
}
