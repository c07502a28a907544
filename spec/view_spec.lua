local objects = require "support.objects"
local shmipc = require "shmipc"

local mapping = shmipc.mapping
local refused, raises = objects.refused, objects.raises
local on_linux = shmipc.platform == "linux"
local nan, inf = 0 / 0, math.huge

-- A view of new memory: offset, length and access are those of mapping:view.
local function new_view(size, ...)
  local memory <close> = assert(mapping.create(objects.name(), size))
  return assert(memory:view(...))
end

local function whole(view) return view:read(0, #view) end

-- Bytes of which no two neighbourhoods are alike, so that one in the wrong place is seen.
local period = {}
for i = 1, 251 * 256 do period[i] = string.char((i * 7 + i // 251) % 256) end
period = table.concat(period)

local function pattern(length) return period:rep(length // #period + 1):sub(1, length) end

describe("a view", function()
  after_each(objects.check_none_left)

  it("reads and writes the bytes of a mapping", function()
    local memory = assert(mapping.create(objects.name(), 16))
    local view = assert(memory:view())
    view:write_i32(0, -1)
    view:write_f64(8, 0.5)
    assert.equal(-1, view:read_i32(0))
    assert.equal(0.5, view:read_f64(8))
  end)
end)

-- name, how string.pack calls it, values that fit, values that do not
local elements = {
  { "i8", "=i1", { 0, 1, -1, 127, -128, 3.0 }, { 128, -129 } },
  { "u8", "=I1", { 0, 1, 255, 3.0 }, { 256, -1 } },
  { "i16", "=i2", { 0, 1, -1, 32767, -32768, 3.0 }, { 32768, -32769 } },
  { "u16", "=I2", { 0, 1, 65535, 3.0 }, { 65536, -1 } },
  { "i32", "=i4", { 0, 1, -1, 2147483647, -2147483648, 500.0 }, { 2147483648, -2147483649 } },
  { "u32", "=I4", { 0, 1, 4294967295, 3.0 }, { 4294967296, -1 } },
  { "i64", "=i8", { 0, 1, -1, math.maxinteger, math.mininteger, 3.0, -2.0 ^ 63 }, { 2.0 ^ 63, -2.0 ^ 64 } },
  { "u64", "=I8", { 0, 1, math.maxinteger, math.mininteger, -1, 3.0 }, { 2.0 ^ 63, 2.0 ^ 64 } },
  { "f32", "=f", { 0.0, 1, -1.5, 0x1.fffffep127, -0x1.fffffep127, 0x1p-149, inf, -inf, 3 },
    { 0x1p128, -0x1p128, 1e300, 3.5e38 } },
  { "f64", "=d", { 0.0, 1, -1.5, 0x1.fffffffffffffp1023, -0x1.fffffffffffffp1023, 0x1p-1074, inf, -inf, 3 }, {} },
}
local wrong_values = { "3", "0x10", "", true, {}, print }

for _, element in ipairs(elements) do
  local name, format, fitting, not_fitting = table.unpack(element)
  local width = string.packsize(format)
  local is_float = name:sub(1, 1) == "f"

  describe("view:read_" .. name .. " and view:write_" .. name, function()
    after_each(objects.check_none_left)

    local function read(view, offset) return view["read_" .. name](view, offset) end
    local function write(view, offset, ...) return view["write_" .. name](view, offset, ...) end

    it("bring every value back, at every alignment, in native byte order, and touch nothing else", function()
      local view <close> = new_view(32)
      for offset = 0, 32 - width do
        for _, value in ipairs(fitting) do
          view:fill(0xA5)
          write(view, offset, value)
          local bytes = string.pack(format, is_float and value or math.tointeger(value))
          assert.equal(value, read(view, offset))
          assert.equal(("\xA5"):rep(offset) .. bytes .. ("\xA5"):rep(32 - width - offset), whole(view))
        end
      end
    end)

    it("give a Lua " .. (is_float and "float" or "integer"), function()
      local view <close> = new_view(8)
      write(view, 0, 3)
      assert.equal(is_float and "float" or "integer", math.type(read(view, 0)))
      write(view, 0, 3.0)
      assert.equal(is_float and "float" or "integer", math.type(read(view, 0)))
      assert.equal(3, read(view, 0))
    end)

    it("refuse a value that does not fit, and change nothing", function()
      local view <close> = new_view(8)
      view:fill(0xA5)
      local before = whole(view)
      for _, value in ipairs(not_fitting) do
        raises("view:write_" .. name .. ": value must be ", write, view, 0, value)
      end
      for _, value in ipairs(wrong_values) do
        raises("view:write_" .. name .. ": value must be ", write, view, 0, value)
      end
      raises("view:write_" .. name .. ": value must be ", write, view, 0)
      raises("view:write_" .. name .. ": value must be ", write, view, 0, nil)
      assert.equal(before, whole(view))
    end)

    if not is_float then
      it("refuse a number that is not whole", function()
        local view <close> = new_view(8)
        for _, value in ipairs { 0.5, -1.25, nan, inf, -inf } do
          raises("view:write_" .. name .. ": value must be an integer", write, view, 0, value)
        end
        assert.equal(0, view:read_i64(0))
      end)
    end

    it("take offsets from 0 to the last that fits, whole floats too", function()
      local view <close> = new_view(32)
      local last = 32 - width
      write(view, 0, 1)
      write(view, last, 2)
      write(view, 8.0, 3)
      assert.equal(1, read(view, 0))
      assert.equal(2, read(view, last))
      assert.equal(3, read(view, 8))
      assert.equal(2, read(view, last + 0.0))
    end)

    it("refuse every other offset, and change nothing", function()
      local view <close> = new_view(32)
      local last = 32 - width
      local wrong = { last + 1, 32, 33, -1, -8, 2 ^ 31, 1 << 32, math.maxinteger, math.mininteger, math.maxinteger - 3,
                      0.5, nan, inf, -inf, 2.0 ^ 63, "0", true, {} }
      for _, offset in ipairs(wrong) do
        raises(("view:read_%s: offset must be an integer from 0 to %d, got "):format(name, last), read, view, offset)
        raises(("view:write_%s: offset must be an integer from 0 to %d, got "):format(name, last),
               write, view, offset, 1)
      end
      raises(("view:read_%s: offset must be an integer from 0 to %d, got "):format(name, last), read, view)
      assert.equal(("\0"):rep(32), whole(view))
    end)

    it("need a view that is wide enough", function()
      if width == 1 then return end -- every view is
      local view <close> = new_view(width - 1)
      raises("view:read_" .. name .. ": ", read, view, 0)
      raises("view:write_" .. name .. ": ", write, view, 0, 1)
    end)
  end)
end

describe("a typed value", function()
  after_each(objects.check_none_left)

  it("of type u64 above 2^63-1 is the Lua integer with the same bits", function()
    local view <close> = new_view(8)
    view:fill(0xFF)
    assert.equal(-1, view:read_u64(0))
    assert.equal(0xFFFFFFFFFFFFFFFF, view:read_u64(0))
    view:write_u64(0, 0x8000000000000001)
    assert.equal(string.pack("=I8", 0x8000000000000001), whole(view))
    assert.is_true(math.ult(math.maxinteger, view:read_u64(0)))
  end)

  it("of a float type may be a NaN, and keeps the sign of zero", function()
    local view <close> = new_view(8)
    for _, name in ipairs { "f32", "f64" } do
      view["write_" .. name](view, 0, nan)
      local value = view["read_" .. name](view, 0)
      assert.is_true(value ~= value)
      view["write_" .. name](view, 0, -0.0)
      assert.equal(-inf, 1 / view["read_" .. name](view, 0))
    end
  end)

  it("of type f32 is rounded as C rounds it", function()
    local view <close> = new_view(4)
    view:write_f32(0, 0.1)
    assert.equal(string.pack("=f", 0.1), whole(view))
    assert.equal(0x1.99999ap-4, view:read_f32(0))
    view:write_f32(0, 1e-60)
    assert.equal(0, view:read_f32(0))
  end)

  it("shares its bytes with the others", function()
    local view <close> = new_view(8)
    view:write_f32(0, 1.0)
    assert.equal(0x3F800000, view:read_u32(0))
    view:write_i8(0, -1)
    assert.equal(255, view:read_u8(0))
    view:write_i16(0, -2)
    assert.equal(65534, view:read_u16(0))
  end)
end)

describe("strings in a view", function()
  after_each(objects.check_none_left)

  it("are written and read whole, NULs and all", function()
    local view <close> = new_view(2000)
    for _, text in ipairs { "text", "a\0b\0", "\0", "\255\254", pattern(255), pattern(256), pattern(257),
                            pattern(1900) } do
      view:fill(0xA5)
      view:write(17, text)
      assert.is_true(view:read(17, #text) == text)
      assert.equal(0xA5, view:read_u8(16))
      assert.equal(0xA5, view:read_u8(17 + #text))
    end
  end)

  it("may be empty, at the very end too", function()
    local view <close> = new_view(4)
    view:write(0, "")
    view:write(4, "")
    assert.equal("", view:read(0, 0))
    assert.equal("", view:read(4, 0))
    assert.equal("\0\0\0\0", whole(view))
  end)

  it("may fill the view", function()
    local bytes = pattern(3 * 1024 * 1024 + 7)
    local view <close> = new_view(#bytes)
    view:write(0, bytes)
    assert.is_true(whole(view) == bytes)
  end)

  it("must fit, or nothing is written", function()
    local view <close> = new_view(4)
    raises("view:write: a string of 5 bytes does not fit at offset 0 of a view of 4", view.write, view, 0, "12345")
    raises("view:write: a string of 2 bytes does not fit at offset 3 of a view of 4", view.write, view, 3, "12")
    raises("view:write: a string of 1 bytes does not fit at offset 4 of a view of 4", view.write, view, 4, "1")
    assert.equal("\0\0\0\0", whole(view))
  end)

  it("are strings, not numbers", function()
    local view <close> = new_view(4)
    raises("view:write: string must be a string, got 12", view.write, view, 0, 12)
    raises("view:write: string must be a string, got nil", view.write, view, 0, nil)
    raises("view:write_cstring: string must be a string, got 12", view.write_cstring, view, 0, 12, 4)
  end)

  it("have offsets and lengths in range", function()
    local view <close> = new_view(4)
    for _, offset in ipairs { -1, 5, math.maxinteger, math.mininteger, 0.5, nan, inf, "0", {} } do
      raises("view:read: offset must be an integer from 0 to 4, got ", view.read, view, offset, 0)
      raises("view:write: offset must be an integer from 0 to 4, got ", view.write, view, offset, "")
      raises("view:read_cstring: offset must be an integer from 0 to 4, got ", view.read_cstring, view, offset)
      raises("view:write_cstring: offset must be an integer from 0 to 4, got ", view.write_cstring, view, offset, "", 1)
    end
    for _, length in ipairs { -1, 4, math.maxinteger, math.mininteger, 0.5, nan, inf, "1", {} } do
      raises("view:read: length must be an integer from 0 to 3, got ", view.read, view, 1, length)
    end
    raises("view:read: length must be an integer from 0 to 3, got ", view.read, view, 1)
    assert.equal("\0\0\0", view:read(1.0, 3.0))
  end)
end)

describe("a text that ends with a NUL", function()
  after_each(objects.check_none_left)

  it("is written with its NUL, and read without", function()
    local view <close> = new_view(16)
    view:fill(0xA5)
    view:write_cstring(2, "text", 8)
    assert.equal("\xA5\xA5text\0\xA5", view:read(0, 8))
    assert.equal("text", view:read_cstring(2))
    assert.equal("text", view:read_cstring(2, 8))
    assert.equal("ext", view:read_cstring(3))
  end)

  it("may be empty", function()
    local view <close> = new_view(4)
    view:fill(0xA5)
    view:write_cstring(1, "", 1)
    assert.equal("\xA5\0\xA5\xA5", whole(view))
    assert.equal("", view:read_cstring(1))
    assert.equal("", view:read_cstring(4))
    assert.equal("", view:read_cstring(0, 0))
  end)

  it("is read up to the limit when there is no NUL before", function()
    local view <close> = new_view(8)
    view:write(0, "abcdefgh")
    assert.equal("abc", view:read_cstring(0, 3))
    assert.equal("abcdefgh", view:read_cstring(0))
    assert.equal("h", view:read_cstring(7, 1))
  end)

  it("may be long", function()
    local text = ("long text "):rep(1000)
    local view <close> = new_view(#text + 9)
    view:write_cstring(1, text, #text + 1)
    assert.is_true(view:read_cstring(1) == text)
  end)

  it("must fit with its NUL, or nothing is written", function()
    local view <close> = new_view(8)
    view:write_cstring(0, "abc", 4)
    raises("a string of 4 bytes and its NUL do not fit in 4", view.write_cstring, view, 0, "defg", 4)
    raises("view:write_cstring: ", view.write_cstring, view, 0, "12345678", 8)
    raises("view:write_cstring: ", view.write_cstring, view, 5, "123", 3)
    assert.equal("abc\0\0\0\0\0", whole(view))
    view:write_cstring(4, "123", 4)
    assert.equal("abc\x00123\0", whole(view))
  end)

  it("has no NUL inside", function()
    local view <close> = new_view(8)
    raises("view:write_cstring: string must be without a NUL", view.write_cstring, view, 0, "a\0b", 8)
    raises("view:write_cstring: string must be without a NUL", view.write_cstring, view, 0, "\0", 8)
    assert.equal(("\0"):rep(8), whole(view))
  end)

  it("has a limit within the view", function()
    local view <close> = new_view(8)
    raises("view:write_cstring: limit must be an integer from 1 to 4, got 5", view.write_cstring, view, 4, "a", 5)
    raises("view:write_cstring: limit must be", view.write_cstring, view, 4, "a", 0)
    raises("view:write_cstring: limit must be", view.write_cstring, view, 4, "a")
    raises("view:write_cstring: limit must be", view.write_cstring, view, 4, "a", "2")
    raises("view:write_cstring: ", view.write_cstring, view, 8, "", 1)
    raises("view:read_cstring: limit must be an integer from 0 to 4, got 5", view.read_cstring, view, 4, 5)
    raises("view:read_cstring: limit must be", view.read_cstring, view, 4, -1)
    raises("view:read_cstring: limit must be", view.read_cstring, view, 4, "2")
  end)
end)

describe("view:pack and view:unpack", function()
  after_each(objects.check_none_left)

  it("write and read values as string.pack lays them out", function()
    local view <close> = new_view(64)
    assert.equal(13, view:pack(0, "<i4 d B", 500, 0.5, 7))
    assert.same({ 500, 0.5, 7, 13 }, { view:unpack(0, "<i4 d B") })
    assert.equal(string.pack("<i4 d B", 500, 0.5, 7), view:read(0, 13))
  end)

  it("give the offset after the last byte, where the next one goes", function()
    local view <close> = new_view(64)
    local offset = 3
    for i = 1, 5 do offset = view:pack(offset, "<i2 z", i, ("x"):rep(i)) end
    assert.equal(3 + 5 * 3 + 15, offset)
    offset = 3
    for i = 1, 5 do
      local number, text
      number, text, offset = view:unpack(offset, "<i2 z")
      assert.equal(i, number)
      assert.equal(("x"):rep(i), text)
    end
    assert.equal(3 + 5 * 3 + 15, offset)
  end)

  it("count alignment from the offset", function()
    local view <close> = new_view(64)
    assert.equal(3 + 8, view:pack(3, "<!4 i1 i4", 1, 0x04030201))
    assert.equal("\0\0\0\1\0\0\0\1\2\3\4\0", view:read(0, 12))
    assert.same({ 1, 0x04030201, 11 }, { view:unpack(3, "<!4 i1 i4") })
    assert.equal(5 + 24, view:pack(5, "<!8 i1 i8 i2 Xi8", 1, 2, 3))
    assert.same({ 1, 2, 3, 29 }, { view:unpack(5, "<!8 i1 i8 i2 Xi8") })
    assert.equal(1 + 16, view:pack(1, "<!8 s1 i8", "text", 9))
    assert.same({ "text", 9, 17 }, { view:unpack(1, "<!8 s1 i8") })
  end)

  it("know texts of any length: z, s1, s2, s4, s8 and cN", function()
    local view <close> = new_view(100000)
    for _, length in ipairs { 0, 1, 254, 255, 256, 257, 1023, 1024, 1025, 4096, 99000 } do
      local text = ("text"):rep(length // 4 + 1):sub(1, length)
      for _, format in ipairs { "z", "s1", "s2", "s4", "s8", "c" .. length } do
        if format ~= "s1" and format ~= "s2" or length < 256 ^ tonumber(format:sub(2)) then
          local bytes = string.pack(format .. " I1", text, 77)
          assert.equal(9 + #bytes, view:pack(9, format .. " I1", text, 77))
          local read, mark, offset = view:unpack(9, format .. " I1")
          assert.is_true(read == text)
          assert.equal(77, mark)
          assert.equal(9 + #bytes, offset)
        end
      end
    end
  end)

  it("know several texts in a row, longer than any one", function()
    local view <close> = new_view(5000)
    local first, second, third = ("a"):rep(300), ("b\0"):rep(700), ("c"):rep(900)
    local after = view:pack(1, "z s4 s2 i4", first, second, third, -5)
    assert.same({ first, second, third, -5, after }, { view:unpack(1, "z s4 s2 i4") })
  end)

  it("may end exactly at the view's end", function()
    local view <close> = new_view(300)
    assert.equal(300, view:pack(296, "<i4", 1))
    assert.same({ 1, 300 }, { view:unpack(296, "<i4") })
    assert.equal(300, view:pack(0, "z", ("x"):rep(299)))
    assert.same({ ("x"):rep(299), 300 }, { view:unpack(0, "z") })
    assert.equal(300, view:pack(300, ""))
    assert.same({ 300 }, { view:unpack(300, "") })
  end)

  it("write nothing when it does not fit", function()
    local view <close> = new_view(8)
    raises("view:pack: 8 bytes do not fit at offset 1 of a view of 8", view.pack, view, 1, "<i8", -1)
    raises("view:pack: 9 bytes do not fit at offset 0 of a view of 8", view.pack, view, 0, "z", "12345678")
    assert.equal(("\0"):rep(8), whole(view))
  end)

  it("read nothing from behind the end", function()
    local view <close> = new_view(8)
    view:fill(0xFF)
    raises("view:unpack: 8 bytes do not fit at offset 1 of a view of 8", view.unpack, view, 1, "<i8")
    raises("view:unpack: ", view.unpack, view, 0, "z")
    raises("view:unpack: ", view.unpack, view, 0, "s1")
    raises("view:unpack: ", view.unpack, view, 0, "s8")
    raises("view:unpack: ", view.unpack, view, 0, "c9")
    raises("view:unpack: ", view.unpack, view, 8, "z")
  end)

  it("name themselves in every error", function()
    local view <close> = new_view(32)
    view:fill(0xFF)
    view:write(8, ("\1"):rep(16))
    raises("view:pack: ", view.pack, view, 0, "<i1", 128)
    raises("view:pack: ", view.pack, view, 0, "<i4")
    raises("view:pack: ", view.pack, view, 0, "<i4", {})
    raises("view:pack: ", view.pack, view, 0, "z", "a\0b")
    raises("view:pack: ", view.pack, view, 0, "?", 1)
    raises("view:pack: ", view.pack, view, 0, "i17", 1)
    raises("view:pack: format must be a string, got ", view.pack, view, 0, nil)
    raises("view:pack: format must be a string, got ", view.pack, view, 0, 4)
    raises("view:unpack: ", view.unpack, view, 0, "?")
    raises("view:unpack: ", view.unpack, view, 8, "i16")
    raises("view:unpack: ", view.unpack, view, 8, "i16 z")
    raises("view:unpack: ", view.unpack, view, 0, "i1 XX")
    raises("view:unpack: format must be a string, got ", view.unpack, view, 0)
  end)

  it("give at most as many values as Lua can take", function()
    local view <close> = new_view(3000000)
    raises("view:unpack: ", view.unpack, view, 0, ("b"):rep(#view))
    raises("view:unpack: ", view.unpack, view, 0, ("b"):rep(#view - 1) .. "z")
  end)

  it("have offsets within the view", function()
    local view <close> = new_view(8)
    for _, offset in ipairs { -1, 9, math.maxinteger, math.mininteger, 0.5, nan, inf, "0", {} } do
      raises("view:pack: offset must be an integer from 0 to 8, got ", view.pack, view, offset, "<i1", 1)
      raises("view:unpack: offset must be an integer from 0 to 8, got ", view.unpack, view, offset, "<i1")
    end
    raises("view:pack: offset must be an integer from 0 to 8, got ", view.pack, view)
    raises("view:unpack: offset must be an integer from 0 to 8, got ", view.unpack, view)
    assert.equal(6, view:pack(4.0, "<i2", 1))
  end)

  it("show a text offset as a text", function()
    local view <close> = new_view(8)
    raises('got "0"', view.pack, view, "0", "<i1", 1)
    raises('got "0"', view.unpack, view, "0", "<i1")
  end)
end)

describe("view:fill", function()
  after_each(objects.check_none_left)

  it("sets all bytes to 0, or to the one that is given", function()
    local view <close> = new_view(5)
    view:fill(0x41)
    assert.equal("AAAAA", whole(view))
    view:fill(255.0)
    assert.equal("\255\255\255\255\255", whole(view))
    view:fill()
    assert.equal("\0\0\0\0\0", whole(view))
  end)

  it("sets a range", function()
    local view <close> = new_view(5)
    view:fill(0x41, 3)
    view:fill(0x42, 1, 2)
    view:fill(0x43, 5)
    view:fill(0x43, 0, 0)
    assert.equal("\0BBAA", whole(view))
    view:fill(nil, 2, 2)
    assert.equal("\0B\0\0A", whole(view))
  end)

  it("takes bytes and ranges that exist", function()
    local view <close> = new_view(5)
    for _, byte in ipairs { -1, 256, 0.5, nan, "0", "A", {}, true } do
      raises("view:fill: byte must be an integer from 0 to 255, got ", view.fill, view, byte)
    end
    for _, offset in ipairs { -1, 6, math.maxinteger, math.mininteger, 0.5, "0", {} } do
      raises("view:fill: offset must be an integer from 0 to 5, got ", view.fill, view, 65, offset)
    end
    for _, length in ipairs { -1, 5, math.maxinteger, math.mininteger, 0.5, "0", {} } do
      raises("view:fill: length must be an integer from 0 to 4, got ", view.fill, view, 65, 1, length)
    end
    assert.equal("\0\0\0\0\0", whole(view))
  end)
end)

describe("view:copy", function()
  after_each(objects.check_none_left)

  -- What the bytes are after a copy that behaves as if through a buffer.
  local function expected(bytes, to, from, length)
    return bytes:sub(1, to) .. bytes:sub(from + 1, from + length) .. bytes:sub(to + length + 1)
  end

  -- Overlaps by much, by little and not at all, both ways; shorter and longer than a page.
  local moves = { { 0, 1, 9999 }, { 1, 0, 9999 }, { 0, 5000, 5000 }, { 5000, 0, 5000 }, { 10, 4110, 5000 },
                  { 4110, 10, 5000 }, { 0, 0, 10000 }, { 3, 7, 100 }, { 7, 3, 100 }, { 0, 4096, 5904 },
                  { 4096, 0, 5904 }, { 10000, 0, 0 }, { 0, 10000, 0 } }

  it("copies bytes from one view to another", function()
    local source <close> = new_view(8)
    local target <close> = new_view(8)
    source:write(0, "abcdefgh")
    target:copy(1, source, 2, 5)
    assert.equal("\0cdefg\0\0", whole(target))
    assert.equal("abcdefgh", whole(source))
  end)

  it("copies within a view, whatever overlaps", function()
    local bytes = pattern(10000)
    local view <close> = new_view(10000)
    for _, move in ipairs(moves) do
      local to, from, length = table.unpack(move)
      view:write(0, bytes)
      view:copy(to, view, from, length)
      assert.is_true(whole(view) == expected(bytes, to, from, length), table.concat(move, ", "))
    end
  end)

  it("copies between two views of one object, whatever overlaps there", function()
    local bytes = pattern(10000)
    local name = objects.name()
    local memory <close> = assert(mapping.create(name, 12000))
    local same <close> = assert(mapping.open(name))
    local whole_view <close> = assert(memory:view())
    for _, pair in ipairs { { memory, memory }, { memory, same }, { same, memory } } do
      for _, places in ipairs { { 0, 0 }, { 0, 1000 }, { 1000, 0 }, { 2000, 1999 }, { 1, 2000 } } do
        local target <close> = assert(pair[1]:view(places[1], 10000))
        local source <close> = assert(pair[2]:view(places[2], 10000, "r"))
        for _, move in ipairs(moves) do
          local to, from, length = table.unpack(move)
          whole_view:fill()
          whole_view:write(1000, bytes)
          local before = whole(whole_view)
          target:copy(to, source, from, length)
          assert.is_true(whole(whole_view) == expected(before, places[1] + to, places[2] + from, length),
                         table.concat(move, ", ") .. " at " .. table.concat(places, ", "))
        end
      end
    end
  end)

  it("copies into a private view from the shared one, and the other way", function()
    local bytes = pattern(10000)
    local memory <close> = assert(mapping.create(objects.name(), 10000))
    local shared <close> = assert(memory:view())
    for _, move in ipairs(moves) do
      local to, from, length = table.unpack(move)
      local private <close> = assert(memory:view(0, 10000, "cow"))
      shared:write(0, bytes)
      private:copy(to, shared, from, length)
      assert.is_true(private:read(to, length) == bytes:sub(from + 1, from + length), table.concat(move, ", "))
      assert.is_true(whole(shared) == bytes)
      private:write(0, bytes)
      shared:fill()
      shared:copy(to, private, from, length)
      assert.is_true(shared:read(to, length) == bytes:sub(from + 1, from + length), table.concat(move, ", "))
      assert.is_true(whole(private) == bytes)
    end
  end)

  it("must fit on both sides", function()
    local source <close> = new_view(4)
    local target <close> = new_view(8)
    target:fill(1)
    raises("view:copy: length must be an integer from 0 to 4, got 5", target.copy, target, 0, source, 0, 5)
    raises("view:copy: length must be an integer from 0 to 2, got 3", target.copy, target, 0, source, 2, 3)
    raises("view:copy: length must be an integer from 0 to 1, got 2", target.copy, target, 7, source, 0, 2)
    raises("view:copy: to must be an integer from 0 to 8, got 9", target.copy, target, 9, source, 0, 0)
    raises("view:copy: from must be an integer from 0 to 4, got 5", target.copy, target, 0, source, 5, 0)
    for _, wrong in ipairs { -1, math.maxinteger, math.mininteger, 0.5, nan, "1", {} } do
      raises("view:copy: to must be", target.copy, target, wrong, source, 0, 1)
      raises("view:copy: from must be", target.copy, target, 0, source, wrong, 1)
      raises("view:copy: length must be", target.copy, target, 0, source, 0, wrong)
    end
    raises("view:copy: length must be", target.copy, target, 0, source, 0)
    assert.equal(("\1"):rep(8), whole(target))
  end)

  it("needs a source that is an open view", function()
    local memory <close> = assert(mapping.create(objects.name(), 4))
    local target <close> = assert(memory:view())
    local closed = assert(memory:view())
    closed:close()
    for _, source in ipairs { "text", 1, {}, memory } do
      raises("view:copy: source must be a shmipc.view, got ", target.copy, target, 0, source, 0, 1)
    end
    raises("view:copy: source must be a shmipc.view, got ", target.copy, target, 0, nil, 0, 1)
    raises("view:copy: source is a closed shmipc.view", target.copy, target, 0, closed, 0, 1)
  end)
end)

describe("a part of a mapping", function()
  after_each(objects.check_none_left)

  it("is a view that counts from its own start", function()
    local memory <close> = assert(mapping.create(objects.name(), 100))
    local all <close> = assert(memory:view())
    local part <close> = assert(memory:view(10, 20))
    all:write(10, pattern(20))
    assert.equal(20, #part)
    assert.equal(pattern(20), whole(part))
    part:write_u8(0, 255)
    assert.equal(255, all:read_u8(10))
    raises("offset must be an integer from 0 to 19, got 20", part.read_u8, part, 20)
  end)

  it("reaches to the end without a length", function()
    local memory <close> = assert(mapping.create(objects.name(), 100))
    local part <close> = assert(memory:view(90))
    assert.equal(10, #part)
  end)

  it("may start at any offset, and lie across pages", function()
    local bytes = pattern(20000)
    local memory <close> = assert(mapping.create(objects.name(), #bytes))
    local all <close> = assert(memory:view())
    all:write(0, bytes)
    for _, offset in ipairs { 0, 1, 3, 7, 4093, 4095, 4096, 4097, 8191, 12289, 19999 } do
      for _, length in ipairs { 1, 2, 8, 4095, 4096, 4097, 9001 } do
        if offset + length <= #bytes then
          local part <close> = assert(memory:view(offset, length))
          assert.equal(length, #part)
          assert.is_true(whole(part) == bytes:sub(offset + 1, offset + length))
        end
      end
    end
  end)

  it("takes values that lie across pages", function()
    local memory <close> = assert(mapping.create(objects.name(), 8192))
    local part <close> = assert(memory:view(4001, 200))
    part:write_i64(91, math.mininteger + 5)
    part:write_f64(95 + 5, -0.25)
    part:write_i64(91, math.mininteger + 5)
    assert.equal(math.mininteger + 5, part:read_i64(91))
    local all <close> = assert(memory:view())
    assert.equal(math.mininteger + 5, all:read_i64(4092))
  end)

  it("may overlap another, and shares its bytes", function()
    local memory <close> = assert(mapping.create(objects.name(), 12))
    local first <close> = assert(memory:view(0, 8))
    local second <close> = assert(memory:view(4, 8))
    first:write_i32(4, 99)
    assert.equal(99, second:read_i32(0))
  end)

  it("lies within the mapping, and is not empty", function()
    local memory <close> = assert(mapping.create(objects.name(), 100))
    for _, offset in ipairs { -1, 100, 101, math.maxinteger, math.mininteger, 0.5, nan, "0", {} } do
      raises("mapping:view: offset must be an integer from 0 to 99, got ", memory.view, memory, offset)
    end
    for _, length in ipairs { 0, -1, 91, math.maxinteger, math.mininteger, 0.5, nan, "1", {} } do
      raises("mapping:view: length must be an integer from 1 to 90, got ", memory.view, memory, 10, length)
    end
  end)
end)

describe("a view with access", function()
  after_each(objects.check_none_left)

  it("rw is what a mapping that writes gives", function()
    local view <close> = new_view(4)
    assert.equal("rw", view:access())
  end)

  it("r reads what others write, and refuses every write", function()
    local memory <close> = assert(mapping.create(objects.name(), 32))
    local writing <close> = assert(memory:view())
    local reading <close> = assert(memory:view(0, 32, "r"))
    assert.equal("r", reading:access())
    writing:write_i32(0, 5)
    assert.equal(5, reading:read_i32(0))
    for _, element in ipairs(elements) do
      local method = "write_" .. element[1]
      raises("view:" .. method .. ": the view is read-only", reading[method], reading, 0, 1)
    end
    raises("view:write: the view is read-only", reading.write, reading, 0, "x")
    raises("view:write: the view is read-only", reading.write, reading, 0, "")
    raises("view:write_cstring: the view is read-only", reading.write_cstring, reading, 0, "x", 2)
    raises("view:pack: the view is read-only", reading.pack, reading, 0, "<i4", 1)
    raises("view:fill: the view is read-only", reading.fill, reading)
    raises("view:copy: the view is read-only", reading.copy, reading, 0, writing, 0, 1)
    assert.equal(5, writing:read_i32(0))
  end)

  it("cow keeps what it writes to itself", function()
    local memory <close> = assert(mapping.create(objects.name(), 3 * 4096))
    local shared <close> = assert(memory:view())
    local private <close> = assert(memory:view(0, 3 * 4096, "cow"))
    local other <close> = assert(memory:view(0, 3 * 4096, "cow"))
    assert.equal("cow", private:access())
    shared:write_i32(0, 1)
    assert.equal(1, private:read_i32(0))
    private:write_i32(0, 2)
    private:fill(7, 4096, 4096)
    assert.equal(1, shared:read_i32(0))
    assert.equal(0, shared:read_u8(4096))
    assert.equal(1, other:read_i32(0))
    assert.equal(2, private:read_i32(0))
    shared:write_i32(0, 3)
    assert.equal(2, private:read_i32(0))
    local later <close> = assert(memory:view(0, 4, "cow"))
    assert.equal(3, later:read_i32(0))
  end)

  it("cow is to be had from a mapping that only reads", function()
    local name = objects.name()
    local memory <close> = assert(mapping.create(name, 4))
    local reading <close> = assert(mapping.open(name, { access = "r" }))
    local private <close> = assert(reading:view(nil, nil, "cow"))
    private:write_i32(0, 2)
    local shared <close> = assert(memory:view())
    assert.equal(0, shared:read_i32(0))
  end)

  it("r, rw or cow, and nothing else", function()
    local memory <close> = assert(mapping.create(objects.name(), 4))
    for _, access in ipairs { "w", "", "COW", "rw ", "r\0w", 1, true, {} } do
      raises('mapping:view: access must be "r", "rw" or "cow", got ', memory.view, memory, 0, 4, access)
    end
  end)
end)

describe("view:flush", function()
  after_each(objects.check_none_left)

  it("brings a file's bytes to the disk", function()
    local path = objects.file "-"
    local file <close> = assert(mapping.file(path, { size = 10000 }))
    local view <close> = assert(file:view(1, 9000))
    view:write(0, "flushed")
    assert.is_true(view:flush())
    assert.equal("-flushed", objects.contents(path):sub(1, 8))
  end)

  it("takes a range", function()
    local file <close> = assert(mapping.file(objects.file(), { size = 10000 }))
    local view <close> = assert(file:view(1, 9000))
    assert.is_true(view:flush(0, 9000))
    assert.is_true(view:flush(4095, 2))
    assert.is_true(view:flush(8999))
    assert.is_true(view:flush(9000))
    assert.is_true(view:flush(100, 0))
    for _, offset in ipairs { -1, 9001, math.maxinteger, 0.5, "0" } do
      raises("view:flush: offset must be an integer from 0 to 9000, got ", view.flush, view, offset)
    end
    for _, length in ipairs { -1, 8901, math.maxinteger, 0.5, "0" } do
      raises("view:flush: length must be an integer from 0 to 8900, got ", view.flush, view, 100, length)
    end
  end)

  it("works whatever the access, and for memory as well", function()
    local memory <close> = assert(mapping.create(objects.name(), 100))
    for _, access in ipairs { "r", "rw", "cow" } do
      local view <close> = assert(memory:view(1, 99, access))
      assert.is_true(view:flush())
    end
    local file <close> = assert(mapping.file(objects.file "some text", { access = "r" }))
    local view <close> = assert(file:view())
    assert.is_true(view:flush())
  end)
end)

describe("a view", function()
  after_each(objects.check_none_left)

  it("has its length as #view and view:size()", function()
    local view <close> = new_view(100, 10, 33)
    assert.equal(33, #view)
    assert.equal(33, view:size())
  end)

  it("prints its name, its place in the mapping and its access", function()
    local memory <close> = assert(mapping.create(objects.name(), 100))
    local all <close> = assert(memory:view())
    local part <close> = assert(memory:view(10, 33, "cow"))
    assert.equal(('shmipc.view "%s" 0..100 rw'):format(memory:name()), tostring(all))
    assert.equal(('shmipc.view "%s" 10..43 cow'):format(memory:name()), tostring(part))
    all:close()
    assert.equal(('shmipc.view "%s" (closed)'):format(memory:name()), tostring(all))
  end)

  it("raises once it is closed, and can be closed again", function()
    local view = new_view(4)
    assert.is_true(view:close())
    assert.is_true(view:close())
    raises("view:read_i32: attempt to use a closed shmipc.view", view.read_i32, view, 0)
    raises("attempt to use a closed shmipc.view", function() return #view end)
  end)

  it("is closed when its scope ends, by an error too", function()
    local kept
    raises("on purpose", function()
      local view <close> = new_view(4)
      kept = view
      error "on purpose"
    end)
    raises("attempt to use a closed shmipc.view", kept.size, kept)
  end)

  it("says that its mapping was truncated, instead of dying", function()
    if not on_linux then pending("this system refuses to truncate a file that is mapped") end
    local path = objects.file(pattern(10000))
    local file <close> = assert(mapping.file(path))
    for _, access in ipairs { "r", "rw", "cow" } do
      objects.overwrite(path, pattern(10000))
      local view <close> = assert(file:view(0, 10000, access))
      local other <close> = new_view(10000)
      objects.overwrite(path, pattern(100)) -- the rest of the first page stays there, as zeros
      assert.equal(pattern(100), view:read(0, 100))
      raises("view:read_i32: mapping was truncated", view.read_i32, view, 8000)
      raises("view:read: mapping was truncated", view.read, view, 0, 10000)
      raises("view:read_cstring: mapping was truncated", view.read_cstring, view, 5000)
      raises("view:unpack: mapping was truncated", view.unpack, view, 5000, "<i4")
      raises("view:copy: mapping was truncated", other.copy, other, 0, view, 0, 10000)
      if access ~= "r" then
        raises("view:write_f64: mapping was truncated", view.write_f64, view, 8000, 1)
        raises("view:write: mapping was truncated", view.write, view, 0, "x")
        raises("view:fill: mapping was truncated", view.fill, view)
      end
    end
  end)

  it("is not to be had of more than there is left of a file", function()
    if not on_linux then pending("this system refuses to truncate a file that is mapped") end
    local path = objects.file(pattern(10000))
    local file <close> = assert(mapping.file(path))
    objects.overwrite(path, "")
    local view, message, code = file:view(8192, 100)
    if view then
      raises("mapping was truncated", view.read, view, 0, 100)
    else
      refused("TOO_SMALL", view, message, code)
    end
  end)
end)
