--- What the specs of arrays, records and atomics share.

local objects = require "support.objects"
local shmipc = require "shmipc"

local typed = {}

--- A view of new memory: offset, length and access are those of mapping:view.
function typed.new_view(size, ...)
  local memory <close> = assert(shmipc.mapping.create(objects.name(), size))
  return assert(memory:view(...))
end

--- Two views of the same new memory, the second one for reading only.
function typed.new_views(size)
  local memory <close> = assert(shmipc.mapping.create(objects.name(), size))
  return assert(memory:view()), assert(memory:view(0, size, "r"))
end

--- All bytes.
function typed.whole(view) return view:read(0, #view) end

local nan, inf = 0 / 0, math.huge

--- Every numeric element: how C and string.pack call it, its width in bytes, its lowest and highest values and some
-- between, and numbers that do not fit.
typed.elements = {
  { name = "i8", format = "=i1", fitting = { 0, 1, -1, 127, -128, 3.0 }, others = { 128, -129 } },
  { name = "u8", format = "=I1", fitting = { 0, 1, 255, 3.0 }, others = { 256, -1 } },
  { name = "i16", format = "=i2", fitting = { 0, 1, -1, 32767, -32768, 3.0 }, others = { 32768, -32769 } },
  { name = "u16", format = "=I2", fitting = { 0, 1, 65535, 3.0 }, others = { 65536, -1 } },
  { name = "i32", format = "=i4", fitting = { 0, 1, -1, 0x7FFFFFFF, -0x80000000, 500.0 },
    others = { 0x80000000, -0x80000001 } },
  { name = "u32", format = "=I4", fitting = { 0, 1, 0xFFFFFFFF, 3.0 }, others = { 0x100000000, -1 } },
  { name = "i64", format = "=i8", fitting = { 0, 1, -1, math.maxinteger, math.mininteger, -2.0 ^ 63 },
    others = { 2.0 ^ 63, -2.0 ^ 64 } },
  { name = "u64", format = "=I8", fitting = { 0, 1, math.maxinteger, math.mininteger, -1, 3.0 },
    others = { 2.0 ^ 63, 2.0 ^ 64 } },
  { name = "f32", format = "=f", is_float = true,
    fitting = { 0.0, 1, -1.5, 0x1.fffffep127, -0x1.fffffep127, 0x1p-149, inf, -inf },
    others = { 0x1p128, -0x1p128, 1e300, 3.5e38 } },
  { name = "f64", format = "=d", is_float = true,
    fitting = { 0.0, 1, -1.5, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023, 0x1p-1074, inf, -inf }, others = {} },
}
local c_types = { i8 = "int8_t", u8 = "uint8_t", i16 = "int16_t", u16 = "uint16_t", i32 = "int32_t", u32 = "uint32_t",
                  i64 = "int64_t", u64 = "uint64_t", f32 = "float", f64 = "double" }
for _, element in ipairs(typed.elements) do
  element.c_type = c_types[element.name]
  element.width = string.packsize(element.format)
  if not element.is_float then
    for _, number in ipairs { 0.5, -1.25, nan, inf, -inf } do table.insert(element.others, number) end
  end
end

--- The bytes of a value that fits.
function typed.bytes_of(element, value)
  return string.pack(element.format, element.is_float and value or math.tointeger(value))
end

--- What is no number at all.
typed.not_numbers = { "3", "0x10", "", true, false, {}, print }

--- A table of that length whose elements come out of a function.
function typed.computed(length, f)
  return setmetatable({}, {
    __len = function() return length end,
    __index = function(_, i) return f(i) end,
  })
end

-- Allocates without giving the collector a turn, as a table does that grows: that comes with the next allocation.
local function delay_collection()
  local grown = {}
  for i = 1, 1 << 15 do grown[i] = i end
  return #grown
end

--- Calls use(window) while a finaliser waits that closes the view, and expects no more than an error. The collector has
-- its turn at the first allocation of the call, or with `by_itself` when the call has allocated much.
-- make: gives the window, of a view.
function typed.close_by_finaliser(memory, make, use, by_itself)
  local view <close> = assert(memory:view())
  local window = make(view)
  local mode = collectgarbage "incremental"
  collectgarbage("generational", 1, 1000) -- a turn is a whole collection, and comes early,
  collectgarbage "step" -- from this turn on
  setmetatable({}, { __gc = function() view:close() end })
  if not by_itself then delay_collection() end
  local ok, message = pcall(use, window)
  collectgarbage "incremental"
  if mode == "generational" then collectgarbage("generational", 20, 100) end -- what it is without being told
  assert(not ok and tostring(message):find("attempt to use a closed shmipc.view", 1, true), message)
end

return typed
