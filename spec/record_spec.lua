local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local typed = require "support.typed"

local raises = objects.raises
local new_view, new_views, whole, computed = typed.new_view, typed.new_views, typed.whole, typed.computed
local snapshot, assign = shmipc.record.snapshot, shmipc.record.assign
local on_linux = shmipc.platform == "linux"
local nan, inf = 0 / 0, math.huge
local closed = "attempt to use a closed shmipc.view"

-- A record of a new view that is as large as it. The view is given as well: the test closes it.
local function new_record(declaration, options)
  local layout = shmipc.layout(declaration, options)
  local view = new_view(layout.size)
  return view:record(layout), view, layout
end

local function write_field(record, field, value) record[field] = value end
local function read_field(record, field) return record[field] end

describe("a record", function()
  after_each(objects.check_none_left)

  it("reads and writes the fields of a C struct in shared memory", function()
    local point = shmipc.layout "struct point { int32_t x, y; char label[8]; };"
    local memory = assert(shmipc.mapping.create(objects.name(), point.size))
    local p = assert(memory:view()):record(point)
    p.x, p.label = 3, "here"
    assert.equal(3, p.x)
    assert.equal("here", p.label)
  end)
end)

describe("a field", function()
  after_each(objects.check_none_left)

  for _, element in ipairs(typed.elements) do
    local c_type, width = element.c_type, element.width

    it("of type " .. c_type .. " brings every value back, refuses others, and touches nothing else", function()
      for _, options in ipairs { { pack = 1 }, {} } do
        local record, view, layout = new_record(("char a; %s field; char b;"):format(c_type), options)
        local offset = layout:offset "field"
        for _, value in ipairs(element.fitting) do
          view:fill(0xA5)
          record.field = value
          assert.equal(value, record.field)
          assert.equal(element.is_float and "float" or "integer", math.type(record.field))
          assert.equal(("\xA5"):rep(offset) .. typed.bytes_of(element, value)
            .. ("\xA5"):rep(#view - width - offset), whole(view))
        end
        view:fill(0xA5)
        local before = whole(view)
        for _, value in ipairs(element.others) do
          raises("record: field must be a", write_field, record, "field", value)
          raises("shmipc.record.assign: field must be a", assign, record, { field = value })
        end
        for _, value in ipairs(typed.not_numbers) do
          raises("record: field must be a", write_field, record, "field", value)
          raises("shmipc.record.assign: field must be a", assign, record, { field = value })
        end
        raises("record: field must be a", write_field, record, "field", nil)
        assert.equal(before, whole(view))
        view:close()
      end
    end)
  end

  it("of type float or double may be a NaN, and keeps the sign of zero", function()
    local record, view = new_record "float single; double twice;"
    for _, field in ipairs { "single", "twice" } do
      record[field] = nan
      assert.is_true(record[field] ~= record[field])
      record[field] = -0.0
      assert.equal(-inf, 1 / record[field])
    end
    view:close()
  end)

  it("of type bool is true for any byte but 0, and is written as 0 or 1", function()
    local record, view = new_record "uint8_t a; bool flag; uint8_t b;"
    for byte, flag in pairs { [0] = false, true, true, [128] = true, [255] = true } do
      view:fill(byte)
      assert.equal(flag, record.flag)
    end
    record.flag = false
    assert.equal("\255\0\255", whole(view))
    record.flag = true
    assert.equal("\255\1\255", whole(view))
    for _, value in ipairs { 0, 1, "true", {} } do
      raises("record: flag must be true or false, got ", write_field, record, "flag", value)
    end
    raises("record: flag must be true or false, got nil", write_field, record, "flag", nil)
    assert.equal("\255\1\255", whole(view))
    view:close()
  end)

  it("of an enum or a pointer is a number", function()
    local record, view = new_record "enum { OFF, ON } state; void *next;"
    record.state, record.next = 1, 0x7fff12345678
    assert.equal(1, record.state)
    assert.equal(0x7fff12345678, record.next)
    raises("record: state must be an integer", write_field, record, "state", "ON")
    view:close()
  end)
end)

describe("a text in a record", function()
  local record, view

  before_each(function()
    record, view = new_record "uint8_t a; char name[8]; uint8_t b;"
    view:fill(0xA5)
  end)
  after_each(function()
    view:close()
    objects.check_none_left()
  end)

  it("ends at its NUL, and is followed by zeros", function()
    record.name = "longer"
    assert.equal("\xA5longer\0\0\xA5", whole(view))
    record.name = "ab"
    assert.equal("ab", record.name)
    assert.equal("\xA5ab\0\0\0\0\0\0\xA5", whole(view))
  end)

  it("may be empty", function()
    record.name = ""
    assert.equal("", record.name)
    assert.equal("\xA5\0\0\0\0\0\0\0\0\xA5", whole(view))
  end)

  it("may be as long as leaves room for the NUL", function()
    record.name = "1234567"
    assert.equal("1234567", record.name)
    assert.equal("\xA51234567\0\xA5", whole(view))
    raises("record: name: a text of 8 bytes and its NUL do not fit in 8", write_field, record, "name", "12345678")
    raises("record: name: a text of 5000 bytes and its NUL do not fit in 8", write_field, record, "name",
           ("x"):rep(5000))
    assert.equal("1234567", record.name)
  end)

  it("has no NUL inside", function()
    for _, text in ipairs { "\0", "a\0", "a\0b", "\0\0\0\0\0\0\0\0\0\0" } do
      raises("record: name must be a string without a NUL, got ", write_field, record, "name", text)
    end
    assert.equal(("\xA5"):rep(10), whole(view))
  end)

  it("is read to its end when there is no NUL in memory", function()
    view:write(1, "12345678")
    assert.equal("12345678", record.name)
    view:write(1, "123\00056\0008")
    assert.equal("123", record.name)
  end)

  it("may have any bytes", function()
    record.name = "\xFF\x80\x01"
    assert.equal("\xFF\x80\x01", record.name)
  end)

  it("is a string", function()
    for _, wrong in ipairs { 1, true, {}, print } do
      raises("record: name must be a string, got ", write_field, record, "name", wrong)
    end
    raises("record: name must be a string, got nil", write_field, record, "name", nil)
    assert.equal(("\xA5"):rep(10), whole(view))
  end)

  it("may be long, or have room for its NUL only", function()
    local other, memory = new_record "char nothing[1]; char long_one[5000];"
    local text = ("long text "):rep(499)
    other.long_one = text
    assert.is_true(other.long_one == text)
    assert.equal(("\0"):rep(10), memory:read(4991, 10))
    other.nothing = ""
    assert.equal("", other.nothing)
    raises("record: nothing: a text of 1 bytes and its NUL do not fit in 1", write_field, other, "nothing", "x")
    memory:close()
  end)
end)

-- Both kinds of wide characters: what C calls them, and how a text is made of units.
for _, wide in ipairs {
  { c_type = "char16_t", format = "=I2", pair = { 0xD83D, 0xDE00 } },
  { c_type = "char32_t", format = "=I4", pair = { 0x1F600 } },
  { c_type = "wchar_t", format = on_linux and "=I4" or "=I2", pair = on_linux and { 0x1F600 } or { 0xD83D, 0xDE00 } },
} do
  describe("a text of " .. wide.c_type .. " in a record", function()
    local record, view

    local function units(...)
      local text = {}
      for i, unit in ipairs { ... } do text[i] = string.pack(wide.format, unit) end
      return table.concat(text)
    end
    local width = #units(0)

    before_each(function()
      record, view = new_record(wide.c_type .. " title[6]; uint32_t after;")
      view:fill(0xA5)
    end)
    after_each(function()
      view:close()
      objects.check_none_left()
    end)

    it("is UTF-8 in Lua", function()
      for text, codes in pairs {
        [""] = {}, ["a"] = { 0x61 }, ["aé€"] = { 0x61, 0xE9, 0x20AC }, ["\u{80}\u{7FF}\u{800}\u{FFFF}\u{7F}"] =
          { 0x80, 0x7FF, 0x800, 0xFFFF, 0x7F },
        ["\u{D7FF}\u{E000}\u{FFFD}"] = { 0xD7FF, 0xE000, 0xFFFD },
      } do
        record.title = text
        assert.equal(text, record.title)
        assert.equal(units(table.unpack(codes)), view:read(0, width * #codes))
        assert.equal(("\0"):rep(width * (6 - #codes)), view:read(width * #codes, width * (6 - #codes)))
        assert.equal(0xA5A5A5A5, record.after)
      end
    end)

    it("may go beyond the first 65536 characters", function()
      record.title = "x😀y"
      assert.equal("x😀y", record.title)
      local bytes = units(0x78) .. units(table.unpack(wide.pair)) .. units(0x79)
      assert.equal(bytes, view:read(0, #bytes))
      record.title = "\u{10FFFF}\u{10000}"
      assert.equal("\u{10FFFF}\u{10000}", record.title)
    end)

    it("counts its length in units", function()
      record.title = "12345"
      assert.equal("12345", record.title)
      record.title = "ééééé"
      assert.equal("ééééé", record.title)
      raises("record: title: a text of 6 ", write_field, record, "title", "123456")
      raises("record: title: a text of 6 ", write_field, record, "title", "éééééé")
      if #wide.pair == 2 then
        record.title = "😀😀"
        raises("record: title: a text of 6 ", write_field, record, "title", "😀😀😀")
        assert.equal("😀😀", record.title)
        raises("record: title: a text of 6 ", write_field, record, "title", "1234😀") -- one half would fit
        assert.equal("😀😀", record.title)
      else
        record.title = "😀😀😀😀😀"
        raises("record: title: a text of 6 ", write_field, record, "title", "😀😀😀😀😀😀")
        assert.equal("😀😀😀😀😀", record.title)
      end
    end)

    it("ends at its NUL, or where there is none at its last unit", function()
      view:write(0, units(0x61, 0, 0x62, 0, 0x63, 0x64))
      assert.equal("a", record.title)
      view:write(0, units(0x61, 0x62, 0x63, 0x64, 0x65, 0xE9))
      assert.equal("abcdeé", record.title)
    end)

    it("reads what is no character as U+FFFD", function()
      view:write(0, units(0xD800, 0x61, 0xDC00, 0x62, 0xDBFF, 0))
      assert.equal("\u{FFFD}a\u{FFFD}b\u{FFFD}", record.title)
      view:write(0, units(0xDC00, 0xD800, 0xD800, 0, 0, 0))
      assert.equal("\u{FFFD}\u{FFFD}\u{FFFD}", record.title)
      view:write(0, units(0x61, 0x62, 0x63, 0x64, 0x65, 0xD83D)) -- the other half would be in the next field
      assert.equal("abcde\u{FFFD}", record.title)
      if width == 4 then
        view:write(0, units(0x110000, 0xFFFFFFFF, 0x80000000, 0xD83D, 0xDE00, 0x61))
        assert.equal(("\u{FFFD}"):rep(5) .. "a", record.title)
      end
    end)

    it("refuses what is no UTF-8, and a NUL", function()
      for _, text in ipairs { "\x80", "\xC3", "\xC0\x80", "\xC1\xBF", "\xE0\x9F\xBF", "\xED\xA0\x80",
                              "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xF8\x90\x80\x80", "\xFF",
                              "\xF8\x88\x80\x80\x80", "a\xE2\x82", "ab\xE2\x28\xA1", ("x"):rep(100) .. "\xFF" } do
        raises("record: title must be a string in UTF-8, got ", write_field, record, "title", text)
      end
      raises("record: title must be a string without a NUL, got ", write_field, record, "title", "a\0b")
      raises("record: title must be a string, got 1", write_field, record, "title", 1)
      assert.equal(("\xA5"):rep(#view), whole(view))
    end)

    it("may be long", function()
      local other, memory = new_record(wide.c_type .. " text[3000];")
      local text = ("é€x"):rep(999)
      other.text = text
      assert.is_true(other.text == text)
      memory:close()
    end)
  end)
end

describe("structs and arrays in a record", function()
  local declaration = [[
    struct wheel { float speed; int16_t load[2]; char tag[4]; };
    struct car {
      uint32_t id;
      struct wheel spare;
      struct wheel wheels[2][3];
      int32_t table[2][3];
      int8_t cube[2][2][2];
      char names[3][4];
      bool flags[3];
      wchar_t titles[2][4];
    };
  ]]
  local record, view, layout

  before_each(function()
    record, view, layout = new_record(declaration)
  end)
  after_each(function()
    view:close()
    record, view = nil, nil
    objects.check_none_left()
  end)

  it("are windows on the same bytes", function()
    record.spare.speed = 0.5
    record.spare.load[2] = 7
    record.spare.tag = "abc"
    assert.equal(0.5, view:read_f32(layout:offset "spare.speed"))
    assert.equal(7, view:read_i16(layout:offset "spare.load" + 2))
    assert.equal("abc", view:read_cstring(layout:offset "spare.tag"))
  end)

  it("of several dimensions lie in C's order", function()
    for i = 1, 2 do
      for j = 1, 3 do
        record.table[i][j] = 10 * i + j
        record.wheels[i][j].load[1] = 100 * i + j
      end
      for j = 1, 2 do
        for k = 1, 2 do record.cube[i][j][k] = 4 * i + 2 * j + k end
      end
    end
    assert.same({ 11, 12, 13, 21, 22, 23 }, view:array("i32", layout:offset "table", 6):get())
    assert.same({ 7, 8, 9, 10, 11, 12, 13, 14 }, view:array("i8", layout:offset "cube", 8):get())
    local inner = layout:fields()[2].layout
    for i = 0, 5 do
      local offset = layout:offset "wheels" + i * inner.size + inner:offset "load"
      assert.equal(100 * (i // 3 + 1) + i % 3 + 1, view:read_i16(offset))
    end
    assert.equal(2, #record.table)
    assert.equal(3, #record.table[1])
    assert.is_nil(record.table[3])
    assert.is_nil(record.table[1][4])
    assert.equal(2, #record.cube[1][2])
  end)

  it("may be texts and booleans", function()
    record.names[2] = "abc"
    assert.equal("abc", record.names[2])
    assert.equal("\0\0\0\0abc\0\0\0\0\0", view:read(layout:offset "names", 12))
    raises("array: [1]: a text of 4 bytes and its NUL do not fit in 4", function() record.names[1] = "abcd" end)
    record.titles[2] = "é"
    assert.equal("é", record.titles[2])
    record.flags[3] = true
    assert.same({ false, false, true }, record.flags:get())
    assert.same({ "", "abc", "" }, record.names:get())
    record.names:fill("x", 2)
    assert.same({ "", "x", "x" }, record.names:get())
    record.names:set(1, { "a", "b" })
    assert.same({ "a", "b", "x" }, record.names:get())
    raises("array:set: [2]: a text of 5 bytes and its NUL do not fit in 4", record.names.set, record.names, 1,
           { "c", "12345" })
    assert.same({ "a", "b", "x" }, record.names:get())
  end)

  it("are the same object at every touch", function()
    assert.is_true(rawequal(record.spare, record.spare))
    assert.is_true(rawequal(record.wheels, record.wheels))
    local row = record.wheels[2]
    assert.is_true(rawequal(row, record.wheels[2]))
    local wheel = row[3]
    assert.is_true(rawequal(wheel, record.wheels[2][3]))
    assert.is_true(rawequal(wheel.load, wheel.load))
    assert.is_false(rawequal(record.wheels[1], record.wheels[2]))
  end)

  it("stay the same object when nobody else holds it", function()
    local seen = setmetatable({ [record.spare] = true, [record.table] = true }, { __mode = "k" })
    collectgarbage()
    assert.is_true(seen[record.spare])
    assert.is_true(seen[record.table])
  end)

  it("cost no memory when they are touched in a loop", function()
    local wheels = record.wheels
    local row = wheels[2]
    local function touch(times)
      for i = 1, times do
        record.spare.speed = i
        record.spare.load[1] = record.spare.load[2] + 1
        record.table[2][3] = 5
        wheels[2][3].speed = row[3].speed
      end
    end
    touch(10)
    collectgarbage()
    collectgarbage "stop"
    touch(10)
    local before = collectgarbage "count"
    touch(1000)
    local grown = collectgarbage "count" - before
    collectgarbage "restart"
    assert.equal(0, grown)
  end)

  it("are written from tables, partly or wholly", function()
    view:fill(0xA5)
    record.spare = { speed = 0.25, load = { 1, 2 }, tag = "abc" }
    assert.same({ speed = 0.25, load = { 1, 2 }, tag = "abc" }, snapshot(record.spare))
    record.spare = { load = { 9 } }
    assert.same({ speed = 0.25, load = { 9, 2 }, tag = "abc" }, snapshot(record.spare))
    record.spare = {}
    assert.same({ speed = 0.25, load = { 9, 2 }, tag = "abc" }, snapshot(record.spare))
    record.table = { { 1, 2, 3 }, { 4 } }
    assert.same({ 1, 2, 3 }, record.table[1]:get())
    assert.equal(4, record.table[2][1])
    assert.equal(-0x5A5A5A5B, record.table[2][2])
    record.table[2] = { 7, 8, 9 }
    assert.same({ { 1, 2, 3 }, { 7, 8, 9 } }, record.table:get())
    record.wheels = { { { tag = "a" }, { tag = "b" } } }
    assert.equal("b", record.wheels[1][2].tag)
    record.flags = { true, false, true }
    assert.same({ true, false, true }, record.flags:get())
    assert.equal(0xA5A5A5A5, record.id)
  end)

  it("are not half written when one value is wrong", function()
    view:fill(0xA5)
    local before = whole(view)
    raises("record: spare.tag: a text of 4 bytes", write_field, record, "spare", { speed = 1, tag = "abcd" })
    raises("record: spare.load[2] must be an integer", write_field, record, "spare", { speed = 1, load = { 1, 0.5 } })
    raises("record: spare.load has 2 elements, got a table of 3", write_field, record, "spare", { load = { 1, 2, 3 } })
    raises("record: table[2][3] must be an integer", write_field, record, "table", { { 1, 2, 3 }, { 4, 5, "6" } })
    raises("record: table has 2 elements, got a table of 3", write_field, record, "table", { {}, {}, {} })
    raises("record: wheels[1][2].load[1] must be an integer", write_field, record, "wheels",
           { { { speed = 1 }, { load = { 1 << 20 } } } })
    raises("record: flags[2] must be true or false", write_field, record, "flags", { true, 1 })
    raises("record: spare must be a table, got 5", write_field, record, "spare", 5)
    raises("record: spare must be a table, got nil", write_field, record, "spare", nil)
    raises("record: table must be a table, got \"text\"", write_field, record, "table", "text")
    raises("record: wheels[1][1] must be a table, got 5", write_field, record, "wheels", { { 5 } })
    raises("array: [2][1] must be an integer", function() record.table[2] = { "x" } end)
    assert.equal(before, whole(view))
  end)

  it("are copied from a record of the same layout and from arrays", function()
    record.spare = { speed = 3, load = { 1, 2 }, tag = "abc" }
    record.wheels[2][1] = record.spare
    assert.same(snapshot(record.spare), snapshot(record.wheels[2][1]))
    record.table[1] = { 1, 2, 3 }
    record.table[2] = record.table[1]
    assert.same({ { 1, 2, 3 }, { 1, 2, 3 } }, record.table:get())
    record.wheels[1] = record.wheels[2]
    assert.equal("abc", record.wheels[1][1].tag)
    record.wheels[1]:fill(record.spare, 2)
    assert.equal("abc", record.wheels[1][3].tag)
    record.wheels[2]:set(2, { record.spare, { tag = "z" } })
    assert.equal("abc", record.wheels[2][2].tag)
    assert.equal("z", record.wheels[2][3].tag)
    raises("record: spare must be a table, or a record of the same layout, got ", write_field, record, "spare", record)
    raises("record: spare must be a table, got ", write_field, record, "spare", record.wheels)
    raises("record: table must be a table, got ", write_field, record, "table", record.spare)
  end)

  it("are tables in array:get", function()
    record.wheels[2][1].tag = "abc"
    local wheels = record.wheels:get()
    assert.equal("abc", wheels[2][1].tag)
    assert.equal(3, #wheels[1])
    assert.equal("table", type(wheels[1][1].load))
    assert.same({ { speed = 0.0, load = { 0, 0 }, tag = "abc" } }, record.wheels[2]:get(1, 1))
  end)
end)

describe("unions and anonymous members", function()
  after_each(objects.check_none_left)

  it("share and lend their places", function()
    local record, view = new_record [[
      struct event {
        uint8_t kind;
        union { int32_t code; float level; uint8_t bytes[4]; };
        struct { int16_t x, y; };
        union { int64_t number; struct { int32_t low, high; } halves; } value;
      };
    ]]
    record.level = 1.0
    assert.equal(0x3F800000, record.code)
    assert.equal(string.pack("=f", 1.0), string.char(table.unpack(record.bytes:get())))
    record.x, record.y = 1, 2
    assert.equal(2, record.y)
    record.value.number = 5 << 32 | 7
    assert.equal(5, record.value.halves.high)
    assert.equal(7, record.value.halves.low)
    record.value = { halves = { low = 9 } }
    assert.equal(5 << 32 | 9, record.value.number)
    view:close()
  end)

  it("of which a table gives several take the last", function()
    local record, view = new_record "union { int32_t code; float level; };"
    assign(record, { level = 1.0, code = 5 })
    assert.equal(1.0, record.level)
    view:close()
  end)

  it("of which a table gives some keep the bytes of the others", function()
    local record, view = new_record [[
      union all_of_them { struct { int8_t x; int32_t y; }; int64_t number; char text[12]; int16_t list[6]; bool on; };
    ]]
    local untouched = ("\xA5"):rep(12)
    for written, table in pairs {
      [untouched] = {},
      ["\5" .. untouched:sub(2)] = { x = 5 },
      [untouched:sub(1, 4) .. string.pack("=i4", 7) .. untouched:sub(9)] = { y = 7 },
      ["\5" .. untouched:sub(2, 4) .. string.pack("=i4", 7) .. untouched:sub(9)] = { x = 5, y = 7 },
      [string.pack("=i8", -2) .. untouched:sub(9)] = { number = -2 },
      ["ab" .. ("\0"):rep(10)] = { text = "ab", x = 3, number = -2 },
      [string.pack("=i2i2", 1, 2) .. untouched:sub(5)] = { list = { 1, 2 } },
      ["\1" .. untouched:sub(2)] = { on = true },
      [string.pack("=i8", 256 | 1) .. untouched:sub(9)] = { number = 256, on = true },
    } do
      view:fill(0xA5)
      assign(record, table)
      assert.equal(written, view:read(0, 12))
    end
    view:close()
  end)

  it("of which a nested one is written keep the bytes of the others", function()
    local record, view = new_record "uint8_t before; union { int8_t small; int32_t large; } value; uint8_t after;"
    view:fill(0xA5)
    record.value = { small = 1 }
    assert.equal("\xA5\xA5\xA5\xA5\1\xA5\xA5\xA5\xA5\xA5\xA5\xA5", whole(view))
    record.value = { small = 1, large = 2 }
    assert.equal(2, record.value.large)
    view:close()
  end)
end)

describe("the name of a field", function()
  after_each(objects.check_none_left)

  local names = { "end", "nil", "close", "size", "__index", "__gc", "__newindex", "name", "get", "set", "fill",
                  "offset", "n", "record", "self", "_", "A1" }

  it("may be any that C allows", function()
    local record, view, layout = new_record("int32_t " .. table.concat(names, ", ") .. ";")
    for i, name in ipairs(names) do
      record[name] = i
      assert.equal(i, view:read_i32(layout:offset(name)))
    end
    for i, name in ipairs(names) do assert.equal(i, record[name]) end
    view:close()
  end)

  it("may be long", function()
    local long, longer = ("field_"):rep(10), ("field_"):rep(1000)
    local declaration = ("int32_t %s, %sx, %s; struct { int32_t %s; } part;"):format(long, long, longer, long)
    local record, view = new_record(declaration)
    record[("field_"):rep(10)] = 1 -- made anew: Lua keeps several copies of a long string
    record[("field_"):rep(10) .. "x"] = 2
    record[("field_"):rep(1000)] = 3
    record.part[("field_"):rep(10)] = 4
    assert.same({ 1, 2, 3, 4 }, view:array("i32"):get())
    assert.equal(1, record[("field_"):rep(5) .. ("field_"):rep(5)])
    assign(record, { [("field_"):rep(10)] = 9 })
    assert.equal(9, view:read_i32(0))
    raises("has no field", read_field, record, ("field_"):rep(11))
    view:close()
  end)

  it("is one of very many", function()
    local declaration = {}
    for i = 1, 3000 do declaration[i] = ("int32_t field%d;"):format(i) end
    local record, view = new_record(table.concat(declaration, " "))
    for i = 1, 3000 do record["field" .. i] = i end
    for i = 1, 3000 do assert.equal(i, view:read_i32(4 * (i - 1))) end
    raises('has no field "field3001"', read_field, record, "field3001")
    view:close()
  end)

  it("that there is not raises, and the nearest is named", function()
    local record, view = new_record "struct motor { int32_t speed, position; struct { int32_t inner; } part; };"
    view:fill(0xA5)
    local before = whole(view)
    local near = 'struct motor has no field "positon"; did you mean "position"?'
    raises("record: " .. near, read_field, record, "positon")
    raises("record: " .. near, write_field, record, "positon", 1)
    raises("shmipc.record.assign: " .. near, assign, record, { positon = 1 })
    raises("shmipc.record.assign: " .. near, assign, record, { speed = 1, positon = 1 })
    raises('has no field "iner"; did you mean "inner"?', write_field, record, "part", { iner = 1 })
    raises('has no field "iner"; did you mean "inner"?', assign, record, { part = { iner = 1 } })
    local message = raises('record: struct motor has no field "zzz"', read_field, record, "zzz")
    assert.is_nil(message:find("did you mean", 1, true))
    assert.equal(before, whole(view))
    view:close()
  end)

  it("is a string", function()
    local record, view = new_record "int32_t a, inf, nan;"
    for _, key in ipairs { 1, 0, -1, 1.5, inf, nan, true, {}, print, "a\0", "a\0b", "", " a" } do
      raises("has no field", read_field, record, key)
      raises("has no field", write_field, record, key, 1)
      if key == key then raises("has no field", assign, record, { [key] = 1 }) end
    end
    raises("has no field", read_field, record, nil)
    raises("has no field", write_field, record, nil, 1)
    assert.equal(("\0"):rep(12), whole(view))
    view:close()
  end)
end)

describe("shmipc.record.snapshot and assign", function()
  after_each(objects.check_none_left)

  local declaration = [[
    struct snapshot_part { uint64_t big; char text[6]; };
    struct snapshot_all {
      int8_t a; double b; bool c; wchar_t d[5]; struct snapshot_part e; struct snapshot_part f[2]; int16_t g[2][3];
    };
  ]]
  local values = {
    a = -5, b = 0.125, c = true, d = "aé", e = { big = -1, text = "hello" },
    f = { { big = 1, text = "" }, { big = 2, text = "two" } }, g = { { 1, 2, 3 }, { 4, 5, 6 } },
  }

  it("read and write the whole struct", function()
    local record, view, layout = new_record(declaration)
    assign(record, values)
    assert.same(values, snapshot(record))
    local other = new_view(layout.size)
    assign(other:record(layout), snapshot(record))
    assert.same(values, snapshot(other:record(layout)))
    assert.equal(whole(view), whole(other))
    view:close()
    other:close()
  end)

  it("give tables that one may change", function()
    local record, view = new_record(declaration)
    assign(record, values)
    local copy = snapshot(record)
    copy.e.big, copy.g[1][1], copy.a = 5, 5, 5
    assert.same(values, snapshot(record))
    record.a = 1
    assert.equal(5, copy.a)
    view:close()
  end)

  it("write what is given, and leave the rest", function()
    local record, view = new_record(declaration)
    assign(record, values)
    local before = whole(view)
    assign(record, {})
    assert.equal(before, whole(view))
    assign(record, { a = 1, f = { { text = "one" } }, g = { {}, { 9 } } })
    assert.equal(1, record.a)
    assert.same({ { big = 1, text = "one" }, { big = 2, text = "two" } }, record.f:get())
    assert.same({ { 1, 2, 3 }, { 9, 5, 6 } }, record.g:get())
    assert.equal(0.125, record.b)
    view:close()
  end)

  it("write all or nothing", function()
    local record, view = new_record(declaration)
    view:fill(0xA5)
    local before = whole(view)
    raises("shmipc.record.assign: a must be an integer from -128 to 127, got 128", assign, record, { a = 128, b = 1 })
    raises("shmipc.record.assign: f[2].text: a text of 6 bytes", assign, record,
           { a = 1, f = { { big = 1 }, { text = "123456" } } })
    raises("shmipc.record.assign: g[2][3] must be an integer", assign, record, { a = 1, g = { {}, { 1, 2, "3" } } })
    raises("shmipc.record.assign: d must be a string in UTF-8", assign, record, { a = 1, d = "\xFF" })
    raises("shmipc.record.assign: e must be a table, got 5", assign, record, { a = 1, e = 5 })
    assert.equal(before, whole(view))
    view:close()
  end)

  it("take a record of the same layout for a table", function()
    local record, view, layout = new_record(declaration)
    local other = new_view(layout.size + 3)
    assign(record, values)
    assign(other:record(layout, 3), record)
    assert.same(values, snapshot(other:record(layout, 3)))
    assign(record, record)
    assert.same(values, snapshot(record))
    raises("a record of the same layout", assign, record, record.e)
    raises("a record of the same layout", assign, record.e, record)
    view:close()
    other:close()
  end)

  it("want a record and a table", function()
    local record, view = new_record(declaration)
    for _, wrong in ipairs { 1, "text", {}, view } do
      raises("shmipc.record.snapshot: self must be a shmipc.record, got ", snapshot, wrong)
      raises("shmipc.record.assign: self must be a shmipc.record, got ", assign, wrong, {})
    end
    for _, wrong in ipairs { 1, "text", true, view, record.g } do
      raises("shmipc.record.assign: value must be a table, got ", assign, record, wrong)
    end
    raises("shmipc.record.assign: value must be a table, got nil", assign, record)
    view:close()
  end)

  it("work for a packed struct at any place", function()
    local layout = shmipc.layout("uint8_t a; uint64_t b; double c; wchar_t d[3];", { pack = 1 })
    local view = new_view(64)
    for offset = 0, 16 do
      view:fill()
      local record = view:record(layout, offset)
      local all = { a = 1, b = 1 << 63, c = 0.5, d = "é€" }
      assign(record, all)
      assert.same(all, snapshot(record))
      assert.equal("\1" .. string.pack("=I8d", 1 << 63, 0.5), view:read(offset, 17))
    end
    view:close()
  end)
end)

describe("a table with metamethods, written to a record,", function()
  local declaration = "struct { int32_t x; int32_t list[3]; struct { int32_t y; } part; };"
  local record, view

  before_each(function()
    record, view = new_record(declaration)
  end)
  after_each(function()
    view:close()
    record, view = nil, nil
    objects.check_none_left()
  end)

  local function with_index(f) return setmetatable({}, { __index = f }) end

  it("is read by them", function()
    local squares = computed(3, function(i) return i * i end)
    local fields = { x = 1, list = squares, part = with_index(function() return 7 end) }
    assign(record, with_index(function(_, field) return fields[field] end))
    assert.same({ x = 1, list = { 1, 4, 9 }, part = { y = 7 } }, snapshot(record))
    record.list = computed(2, function() return 5 end)
    record.part = with_index(function() return 8 end)
    assert.same({ x = 1, list = { 5, 5, 9 }, part = { y = 8 } }, snapshot(record))
  end)

  it("that raise or yield in the middle leaves all as it was", function()
    local function stop() error "stop here" end
    raises("stop here", assign, record, { x = 1, list = computed(3, stop) })
    raises("stop here", assign, record, { x = 1, part = with_index(stop) })
    raises("stop here", write_field, record, "list", setmetatable({ 1 }, { __len = stop }))
    raises("yield across a C-call boundary", coroutine.wrap(function()
      assign(record, { x = 1, list = computed(3, coroutine.yield) })
    end))
    assert.equal(("\0"):rep(#view), whole(view))
  end)

  it("that close the view in the middle finds it closed", function()
    local function writing(write)
      local layout = shmipc.layout(declaration)
      local ours, theirs = new_views(layout.size)
      local function close()
        ours:close()
        collectgarbage()
        return 1
      end
      raises(closed, write, ours:record(layout), close)
      assert.equal(("\0"):rep(layout.size), whole(theirs))
      theirs:close()
    end
    writing(function(ours, close) assign(ours, { x = 1, list = computed(3, close) }) end)
    writing(function(ours, close) assign(ours, { x = 1, part = with_index(close) }) end)
    writing(function(ours, close) ours.list = computed(3, close) end)
    writing(function(ours, close) ours.part = with_index(close) end)
    writing(function(ours, close) ours.list:set(1, computed(3, close)) end)
  end)

  it("that close the view of a record in it finds that closed", function()
    local layout = shmipc.layout(declaration)
    local memory = new_view(layout.size)
    local target, source = view:record(layout), memory:record(layout)
    local list = computed(3, function()
      memory:close()
      return 1
    end)
    raises(closed, assign, target, { x = 1, list = list, part = source.part })
    raises(closed, assign, target, source)
    assert.equal(("\0"):rep(#view), whole(view))
  end)
end)

describe("pairs of a record", function()
  after_each(objects.check_none_left)

  it("goes through the fields in their order", function()
    local record, view = new_record [[
      int32_t z; char a[4]; struct { int32_t q; } m; int32_t list[2]; bool b; union { int32_t u; float v; };
    ]]
    record.z, record.a, record.b, record.u = 1, "abc", true, 7
    local names, values = {}, {}
    for name, value in pairs(record) do
      names[#names + 1], values[name] = name, value
    end
    assert.same({ "z", "a", "m", "list", "b", "u", "v" }, names)
    assert.equal(1, values.z)
    assert.equal("abc", values.a)
    assert.is_true(rawequal(record.m, values.m))
    assert.is_true(rawequal(record.list, values.list))
    assert.is_true(values.b)
    assert.equal(7, values.u)
    view:close()
  end)

  it("may write in the loop", function()
    local record, view = new_record "int32_t a, b, c;"
    for name, value in pairs(record) do record[name] = value + 1 end
    assert.same({ a = 1, b = 1, c = 1 }, snapshot(record))
    view:close()
  end)

  it("ends with an error when the view is closed in the loop", function()
    local record, view = new_record "int32_t a, b;"
    raises(closed, function()
      for _ in pairs(record) do view:close() end
    end)
  end)

  it("has a next that does not crash", function()
    local record, view = new_record "int32_t a, b;"
    local step = pairs(record)
    assert.same({ "b", 0 }, { step(record, "a") })
    assert.is_nil(step(record, "b"))
    assert.same({ "a", 0 }, { step(record) })
    for _, wrong in ipairs { 1, "c", true, {} } do raises("has no field", step, record, wrong) end
    for _, wrong in ipairs { 1, "text", {}, view } do raises("pairs: self must be a shmipc.record", step, wrong) end
    view:close()
  end)
end)

describe("a record shows", function()
  after_each(objects.check_none_left)

  it("its name, place, type and fields", function()
    local layout = shmipc.layout [[
      struct shown_record {
        int32_t x; float y; bool on; char name[8]; int32_t list[3]; struct { int32_t q; } part; uint8_t many[20];
      };
    ]]
    local memory <close> = assert(shmipc.mapping.create(objects.name(), 128))
    local view = assert(memory:view(16))
    local record = view:record(layout, 4)
    record.x, record.y, record.on, record.name = -5, 0.5, true, "ab"
    local first, last = 20, 20 + layout.size
    assert.equal(('shmipc.record "%s" %d..%d struct shown_record {x = -5, y = 0.5, on = true, name = "ab", '
      .. 'list = {0, 0, 0}, part = {q = 0}, many = {0, 0, 0, 0, 0, 0, 0, 0, …}}'):format(memory:name(), first, last),
      tostring(record))
    assert.matches("struct shown_record%[2%] rw$", tostring(view:records(layout, 0, 2)))
    assert.matches("int32_t%[3%] rw$", (tostring(record.list):gsub("i32", "int32_t")))
    view:close()
    assert.equal(('shmipc.record "%s" (closed)'):format(memory:name()), tostring(record))
  end)

  it("no control characters", function()
    local record, view = new_record "char name[8];"
    record.name = "a\n\27[1m"
    assert.is_nil(tostring(record):find "%c")
    view:close()
  end)

  it("hides its metatable", function()
    local record, view = new_record "int32_t a;"
    assert.equal("shmipc.record", getmetatable(record))
    assert.has_error(function() setmetatable(record, {}) end)
    view:close()
  end)
end)

describe("view:record and view:records", function()
  after_each(objects.check_none_left)

  local layout = shmipc.layout "struct entry { int32_t key; int16_t value; };"

  it("lie at an offset, the start by default", function()
    local view <close> = new_view(30)
    view:record(layout).key = 1
    view:record(layout, 8).key = 2
    view:record(layout, 22).key = 3
    assert.equal(1, view:read_i32(0))
    assert.equal(2, view:read_i32(8))
    assert.equal(3, view:read_i32(22))
    local list = view:records(layout)
    assert.equal(3, #list)
    list[3].value = 9
    assert.equal(9, view:read_i16(20))
    assert.equal(3, #view:records(layout, 6))
    assert.equal(2, #view:records(layout, 7))
    assert.equal(1, #view:records(layout, nil, 1))
    assert.equal(0, #view:records(layout, 30))
    assert.is_nil(list[4])
    assert.is_nil(list[0])
  end)

  it("lie in the view", function()
    local view <close> = new_view(30)
    for _, wrong in ipairs { -1, 23, 30, 1 << 32, math.maxinteger, math.mininteger, 0.5, nan, inf, "0", true, {} } do
      raises("view:record: offset must be an integer from 0 to 22, got ", view.record, view, layout, wrong)
    end
    for _, wrong in ipairs { -1, 31, math.maxinteger, 0.5, "0" } do
      raises("view:records: offset must be an integer from 0 to 30, got ", view.records, view, layout, wrong)
    end
    for _, wrong in ipairs { -1, 4, 1 << 61, math.maxinteger, 0.5, nan, "1" } do
      raises("view:records: count must be an integer from 0 to 3, got ", view.records, view, layout, 0, wrong)
    end
    local small <close> = new_view(7)
    raises("view:record: a struct of 8 bytes does not fit in a view of 7", small.record, small, layout)
    assert.equal(0, #small:records(layout))
  end)

  it("are written, read and iterated as lists", function()
    local view <close> = new_view(24)
    local list = view:records(layout)
    list:set(1, { { key = 1, value = 10 }, { key = 2 }, { value = 30 } })
    assert.same({ { key = 1, value = 10 }, { key = 2, value = 0 }, { key = 0, value = 30 } }, list:get())
    list[2] = { value = 20 }
    list[3] = list[1]
    assert.same({ { key = 2, value = 20 }, { key = 1, value = 10 } }, list:get(2))
    list:fill({ value = 5 })
    assert.same({ { key = 1, value = 5 }, { key = 2, value = 5 }, { key = 1, value = 5 } }, list:get())
    for i, entry in ipairs(list) do entry.key = 10 * i end
    for i, entry in pairs(list) do assert.equal(10 * i, entry.key) end
    local before = whole(view)
    raises("array:set: [2].value must be an integer", list.set, list, 1, { { key = 7 }, { value = 1 << 15 } })
    raises("array:fill: value must be a table, got 5", list.fill, list, 5)
    raises("array:fill: key must be an integer", list.fill, list, { key = "x" })
    raises('array: struct entry has no field "kez"; did you mean "key"?', function() list[1] = { kez = 1 } end)
    assert.equal(before, whole(view))
  end)

  it("let go of elements that nobody holds", function()
    local view <close> = new_view(8 * 10000)
    local list = view:records(layout)
    for i = 1, 100 do list[i].key = i end
    collectgarbage()
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 10000 do list[i].key = i end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 300)
    assert.equal(10000, list[10000].key)
  end)
end)

describe("a record of a view", function()
  after_each(objects.check_none_left)

  local layout = shmipc.layout [[
    struct access { int32_t number; char text[4]; bool flag; int32_t list[2]; struct { int32_t x; } part; };
  ]]

  local reading = {
    function(record) return record.number end,
    function(record) return record.text end,
    function(record) return record.flag end,
    function(record) return record.list[1] end,
    function(record) return record.part.x end,
    function(record) return snapshot(record) end,
    function(record) for _ in pairs(record) do assert(true) end end,
  }
  local writing = {
    function(record) record.number = 1 end,
    function(record) record.text = "a" end,
    function(record) record.flag = true end,
    function(record) record.list[1] = 1 end,
    function(record) record.list = {} end,
    function(record) record.list = { 1 } end,
    function(record) record.part.x = 1 end,
    function(record) record.part = { x = 1 } end,
    function(record) assign(record, { number = 1 }) end,
    function(record) assign(record, {}) end,
  }

  it("for reading only can be read, and not written", function()
    local view, read_only = new_views(layout.size)
    local record = read_only:record(layout)
    view:record(layout).text = "abc"
    assert.equal("abc", record.text)
    for _, read in ipairs(reading) do read(record) end
    for _, write in ipairs(writing) do raises("the view is read-only (access \"r\")", write, record) end
    view:close()
    read_only:close()
  end)

  it("for copying on write changes its own bytes", function()
    local memory <close> = assert(shmipc.mapping.create(objects.name(), layout.size))
    local view <close> = assert(memory:view())
    local copy <close> = assert(memory:view(0, layout.size, "cow"))
    for _, write in ipairs(writing) do write(copy:record(layout)) end
    assert.equal(1, copy:record(layout).part.x)
    assert.equal(("\0"):rep(layout.size), whole(view))
  end)

  it("that is closed can do nothing any more", function()
    local view = new_view(layout.size)
    local record = view:record(layout)
    local list, part = record.list, record.part
    view:close()
    for _, use in ipairs(reading) do raises(closed, use, record) end
    for _, use in ipairs(writing) do raises(closed, use, record) end
    raises(closed, function() return list[1] end)
    raises(closed, function() return part.x end)
    raises(closed, function() return record.list end)
    raises(closed, view.record, view, layout)
    raises(closed, view.records, view, layout)
  end)

  it("that a finaliser closes in the middle is closed", function()
    -- The names are more than a hundredth of whatever the specs before this one have left behind: so much of the heap
    -- has to be new for a turn of the collector.
    local large = shmipc.layout [[
      struct finalised { int32_t number; char text[65536]; wchar_t wide[65536]; char names[64][65536]; };
    ]]
    local memory <close> = assert(shmipc.mapping.create(objects.name(), large.size))
    local function try(use, by_itself)
      typed.close_by_finaliser(memory, function(view) return view:record(large) end, use, by_itself)
    end
    for _, use in ipairs {
      function(record) return snapshot(record), record.number end,
      function(record) return record.names:get() end,
      function(record) record.names = { "a" } end,
      function(record) assign(record, record) end,
    } do
      try(use)
      try(use, "by itself")
    end
    try(function(record) return record.text, record.number end)
    try(function(record) return record.wide, record.number end)
    try(function(record) return record.names[2], record.number end)
    try(function(record) for _ in pairs(record) do assert(true) end end)
  end)

  it("keeps it alive, and so do its parts", function()
    local record = new_view(layout.size):record(layout)
    local list = new_view(layout.size):record(layout).list
    local part = new_view(layout.size):records(layout)[1].part
    collectgarbage()
    collectgarbage()
    record.number, list[2], part.x = 1, 2, 3
    assert.same({ 1, 2, 3 }, { record.number, list[2], part.x })
  end)
end)

describe("a record in memory that was truncated", function()
  local foreign, peer

  before_each(function()
    if not on_linux then return end
    local name = objects.name()
    foreign = process.foreign(name)
    peer = process.peer()
    peer:run([[
      mapping = assert(shmipc.mapping.create(..., 8192))
      layout = shmipc.layout "int32_t a; char text[2000]; wchar_t wide[300]; bool b; struct { int32_t x; } part;"
    ]], name)
  end)

  after_each(function()
    if foreign then foreign:close() end
    if peer then peer:close() end
    foreign, peer = nil, nil
    objects.check_none_left()
  end)

  it("is an error for whoever touches it", function()
    if not foreign then pending("this system refuses to truncate what is mapped") end
    for _, chunk in ipairs { "return r.a", "return r.text", "return r.wide", "return r.b", "return r.part.x", "r.a = 1",
                             "r.text = 'x'", "r.b = true", "r.part = {x = 1}", "shmipc.record.snapshot(r)",
                             "shmipc.record.assign(r, {a = 1})", "shmipc.record.assign(r2, r)",
                             "for _ in pairs(r) do end" } do
      peer:run("view = mapping:view() r, r2 = view:record(layout), mapping:view():record(layout, 4096)")
      foreign:run("truncate 0")
      local ok, message = peer:run(("pcall(function() %s end)"):format(chunk))
      assert.is_false(ok)
      assert.matches("mapping was truncated", message, 1, true)
      assert.matches("^shmipc.record .*%(truncated%)$", (peer:run("tostring(r)")))
      peer:run("view, r, r2 = nil collectgarbage()")
      foreign:run("truncate 8192")
    end
  end)
end)
