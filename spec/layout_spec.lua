local objects = require "support.objects"
local shmipc = require "shmipc"
local typed = require "support.typed"

local raises = objects.raises
local on_linux = shmipc.platform == "linux"
local nan, inf = 0 / 0, math.huge

-- The fields of a layout, one text each: "name offset size type".
local function summary(layout)
  local lines = {}
  for i, field in ipairs(layout:fields()) do
    lines[i] = ("%s %d %d %s"):format(field.name, field.offset, field.size, field.type)
  end
  return lines
end

describe("a layout", function()
  it("says what stands where in a C struct", function()
    local point = shmipc.layout "struct point { int16_t x; double y; char label[5]; };"
    assert.equal(24, point.size)
    assert.equal(8, point.align)
    assert.equal(8, point:offset "y")
  end)

  it("has the members alone, the whole struct, or its typedef", function()
    local members = "int32_t a; int64_t b;"
    for _, form in ipairs { "%s", "struct { %s };", "struct s { %s };", "typedef struct { %s } s;" } do
      local text = form:format(members)
      local layout = shmipc.layout(text)
      assert.same({ "a 0 4 int32_t", "b 8 8 int64_t" }, summary(layout))
      assert.equal(16, layout.size)
    end
  end)

  it("lists its fields in order, with offset, size, type, and layout where it is a struct", function()
    local layout = shmipc.layout [[
      struct lidar_inner { uint8_t kind; float angle; };
      struct lidar {
        uint64_t stamp;
        char name[12];
        wchar_t title[4];
        bool valid;
        struct lidar_inner head;
        struct lidar_inner heads[2][3];
        double grid[3][4];
        const char *next;
        unsigned int flags;
      };
    ]]
    local wide = on_linux and 4 or 2
    local names, sizes, types = {}, {}, {}
    for i, field in ipairs(layout:fields()) do
      names[i], sizes[i], types[i] = field.name, field.size, field.type
      assert.equal(layout:offset(field.name), field.offset)
      assert.equal(field.name:find "^head" ~= nil, field.layout ~= nil)
    end
    assert.same({ "stamp", "name", "title", "valid", "head", "heads", "grid", "next", "flags" }, names)
    assert.same({ 8, 12, 4 * wide, 1, 8, 48, 96, 8, 4 }, sizes)
    assert.equal("uint64_t", types[1])
    assert.equal("char[12]", types[2])
    assert.equal("wchar_t[4]", types[3])
    assert.equal("struct lidar_inner", types[5])
    assert.equal("struct lidar_inner[2][3]", types[6])
    assert.equal("double[3][4]", types[7])
    assert.equal(8, layout:fields()[5].layout.size)
    assert.same({ "kind 0 1 uint8_t", "angle 4 4 float" }, summary(layout:fields()[5].layout))
  end)

  it("gives a list of fields that one may change", function()
    local layout = shmipc.layout "int32_t a; int32_t b;"
    layout:fields()[1].offset = 100
    layout:fields()[2] = nil
    assert.same({ "a 0 4 int32_t", "b 4 4 int32_t" }, summary(layout))
    assert.equal(0, layout:offset "a")
  end)

  it("finds fields of structs in it by their path", function()
    local layout = shmipc.layout [[
      struct path_leaf { int16_t x, y; };
      struct path_branch { int64_t a; struct path_leaf leaf; };
      struct path_tree { int32_t a; struct path_branch branch; struct path_leaf leaves[2]; union { int8_t u; }; };
    ]]
    assert.equal(8, layout:offset "branch")
    assert.equal(8 + 8 + 2, layout:offset "branch.leaf.y")
    assert.equal(24, layout:offset "leaves")
    assert.equal(32, layout:offset "u")
  end)

  it("shows itself with offsets and sizes", function()
    local layout = shmipc.layout [[
      struct shown { uint8_t kind; const char *next; int32_t counts[2][3]; char name[6]; };
    ]]
    assert.equal(table.concat({
      "struct shown: 48 bytes, aligned to 8",
      "  offset     size  field",
      "       0        1  uint8_t kind",
      "       8        8  char *next",
      "      16       24  int32_t counts[2][3]",
      "      40        6  char name[6]",
    }, "\n"), tostring(layout))
  end)

  it("is as this system's C compiler lays it out", function()
    local layout = shmipc.layout "struct sizes { char c; long l; wchar_t w; void *p; size_t n; char d; };"
    local offsets = {}
    for i, field in ipairs(layout:fields()) do offsets[i] = field.offset end
    assert.same(on_linux and { 0, 8, 16, 24, 32, 40 } or { 0, 4, 8, 16, 24, 32 }, offsets)
    assert.equal(on_linux and 48 or 40, layout.size)
    assert.equal(on_linux and 4 or 2, shmipc.layout("wchar_t w;").size)
    assert.equal(on_linux and 8 or 4, shmipc.layout("long l;").size)
    assert.equal(4, shmipc.layout("DWORD d;").size)
    assert.equal(16, shmipc.layout("WCHAR title[8];").size)
  end)

  it("of a union has all members at its start", function()
    local layout = shmipc.layout "union word { uint8_t bytes[5]; int32_t number; char text[7]; };"
    assert.same({ "bytes 0 5 uint8_t[5]", "number 0 4 int32_t", "text 0 7 char[7]" }, summary(layout))
    assert.equal(8, layout.size)
    assert.equal(4, layout.align)
    assert.matches("^union word: 8 bytes", tostring(layout))
  end)

  it("has nothing else", function()
    local layout = shmipc.layout "int32_t a;"
    assert.is_nil(layout.a)
    assert.is_nil(layout.close)
    assert.is_nil(layout[1])
    assert.is_nil(layout.description)
    assert.has_error(function() layout.size = 5 end)
    assert.has_error(function() layout.a = 5 end)
    assert.equal(4, layout.size)
    assert.equal("shmipc.layout", getmetatable(layout))
  end)

  it("has methods that want a layout", function()
    local layout = shmipc.layout "int32_t a;"
    for _, wrong in ipairs { 1, "text", {}, io.stdout } do
      raises("layout:offset: self must be a shmipc.layout, got ", layout.offset, wrong, "a")
      raises("layout:fields: self must be a shmipc.layout, got ", layout.fields, wrong)
    end
    raises("layout:fields: self must be a shmipc.layout, got nil", layout.fields)
  end)
end)

describe("layout:offset", function()
  local layout = shmipc.layout [[
    struct offset_inner { int32_t speed, heading; };
    struct offset_outer { int32_t position; struct offset_inner motion; struct offset_inner many[2]; };
  ]]

  it("names the nearest field for a misspelt one", function()
    raises('layout:offset: struct offset_outer has no field "positon"', layout.offset, layout, "positon")
    raises('did you mean "position"?', layout.offset, layout, "positon")
    raises('layout:offset: struct offset_inner has no field "hedding"', layout.offset, layout, "motion.hedding")
    raises('did you mean "heading"?', layout.offset, layout, "motion.hedding")
    local message = raises('struct offset_outer has no field "zzz"', layout.offset, layout, "zzz")
    assert.is_nil(message:find("did you mean", 1, true))
  end)

  it("does not go into what is no struct", function()
    for _, path in ipairs { "position.x", "many.speed", "motion.speed.x", "motion.", ".motion", "motion..speed", ".",
                            "", "motion\0", ("x"):rep(100000) } do
      raises("layout:offset: ", layout.offset, layout, path)
    end
  end)

  it("wants a field's name", function()
    for _, wrong in ipairs { 1, true, {}, print } do
      raises("layout:offset: field must be a string, got ", layout.offset, layout, wrong)
    end
    raises("layout:offset: field must be a string, got nil", layout.offset, layout)
  end)

  it("names the caller's line", function()
    local message = raises("layout:offset", function() return (layout:offset "x") end)
    assert.matches("^spec[/\\]layout_spec.lua:%d+: layout:offset: ", message)
  end)
end)

describe("the option pack", function()
  local text = "uint8_t kind; uint64_t stamp; uint16_t tail;"

  it("limits every field's alignment", function()
    local sizes, offsets = {}, {}
    for i, pack in ipairs { 1, 2, 4, 8, 16 } do
      local layout = shmipc.layout(text, { pack = pack })
      sizes[i], offsets[i] = layout.size, layout:offset "stamp"
    end
    assert.same({ 11, 12, 16, 24, 24 }, sizes)
    assert.same({ 1, 2, 4, 8, 8 }, offsets)
    assert.equal(24, shmipc.layout(text, {}).size)
    assert.equal(24, shmipc.layout(text, nil).size)
    assert.equal(12, shmipc.layout(text, { pack = 2.0 }).size)
    assert.equal(1, shmipc.layout(text, { pack = 1 }).align)
  end)

  it("has no other values", function()
    for _, wrong in ipairs { 0, 3, -1, 32, 1.5, nan, inf, "1", true, false, {} } do
      raises("shmipc.layout: pack must be 1, 2, 4, 8 or 16, got ", shmipc.layout, text, { pack = wrong })
    end
  end)

  it("is the only one", function()
    raises("shmipc.layout: options may have pack, got ", shmipc.layout, text, { packed = 1 })
    raises("shmipc.layout: options may have pack, got ", shmipc.layout, text, { 1 })
    for _, wrong in ipairs { 1, "pack", true } do
      raises("shmipc.layout: options must be a table, got ", shmipc.layout, text, wrong)
    end
  end)
end)

describe("a declaration", function()
  it("is a text", function()
    for _, wrong in ipairs { 1, true, {}, print } do
      raises("shmipc.layout: c_declaration must be a string, got ", shmipc.layout, wrong)
    end
    raises("shmipc.layout: c_declaration must be a string, got nil", shmipc.layout)
  end)

  it("that is wrong is refused with line and column, and the caller's line", function()
    raises("shmipc.layout: line 3, column 9: ", shmipc.layout, "struct wrong {\n  int32_t a;\n  float 1b;\n};\n")
    local message = raises("shmipc.layout: line 1, column ", function() return (shmipc.layout "int32_t a") end)
    assert.matches("^spec[/\\]layout_spec.lua:%d+: shmipc.layout: ", message)
    for _, text in ipairs { "", ";", "struct s;", "int a; int a;", "int a[0];", "int a[-1];", "unknown_type a;", "\0",
                            "int a; }", "struct s { int a;", "int a%d;" } do
      message = raises("shmipc.layout: line ", shmipc.layout, text)
      assert.matches("line 1, column %d+: ", message)
    end
  end)

  it("may name structs, types and constants of earlier ones", function()
    shmipc.layout [[
      enum { LAYOUT_SPEC_AXES = 3 };
      typedef float layout_spec_angle;
      struct layout_spec_arm { layout_spec_angle joints[LAYOUT_SPEC_AXES]; };
    ]]
    local layout = shmipc.layout "struct layout_spec_arm left, right; layout_spec_angle neck[LAYOUT_SPEC_AXES];"
    assert.equal(36, layout.size)
    assert.equal(12, layout:offset "right")
    assert.equal(24, layout:offset "neck")
  end)

  it("gives the layout of a struct that an earlier one described", function()
    local inner = shmipc.layout "struct layout_spec_shared { int32_t a; };"
    local one = shmipc.layout "struct layout_spec_shared x;"
    local other = shmipc.layout "struct layout_spec_shared y[2];"
    assert.equal(inner, one:fields()[1].layout)
    assert.equal(inner, other:fields()[1].layout)
  end)

  it("replaces an older one of that name, for later ones only", function()
    local old = shmipc.layout "struct layout_spec_version { int32_t a; };"
    local user = shmipc.layout "struct layout_spec_version v;"
    local new = shmipc.layout "struct layout_spec_version { int64_t a, b; };"
    assert.equal(4, old.size)
    assert.equal(4, user.size)
    assert.equal(16, new.size)
    assert.equal(16, shmipc.layout("struct layout_spec_version v;").size)
    assert.equal(4, user:fields()[1].layout.size)
  end)

  it("that is refused defines nothing", function()
    raises("shmipc.layout: ", shmipc.layout, "struct layout_spec_refused { int32_t a; }; struct other { nothing b; };")
    raises("layout_spec_refused", shmipc.layout, "struct layout_spec_refused x;")
  end)

  it("may have any names for its fields", function()
    local layout = shmipc.layout "int32_t end, close, size, align, offset, __index, __gc, fields, nil, self;"
    assert.equal(40, layout.size)
    assert.equal(12, layout:offset "align")
    assert.equal(20, layout:offset "__index")
  end)

  it("may describe structs within structs, up to a limit", function()
    local text = { "struct layout_spec_deep1 { int8_t x; };" }
    for depth = 2, 64 do
      text[depth] = ("struct layout_spec_deep%d { struct layout_spec_deep%d in; };"):format(depth, depth - 1)
    end
    local layout = shmipc.layout(table.concat(text, "\n"))
    assert.equal(0, layout:offset(("in."):rep(63) .. "x"))
    local deeper = "struct layout_spec_deep65 { struct layout_spec_deep64 in; }; struct layout_spec_deep65 x;"
    raises("shmipc.layout: ", shmipc.layout, deeper)
  end)
end)

describe("layouts, views and windows", function()
  after_each(objects.check_none_left)

  it("may be collected in any order while parts of them live", function()
    local text = [[
      struct collected_leaf { int32_t x; char name[8]; };
      struct collected_tree { struct collected_leaf leaf; struct collected_leaf leaves[2][3]; int32_t numbers[4]; };
    ]]
    local keepers = {
      function(record) return record.leaf, function(part) return part.x end end,
      function(record) return record.leaves, function(part) return part[2][3].x end end,
      function(record) return record.leaves[2], function(part) return part[3].x end end,
      function(record) return record.leaves[2][3], function(part) return part.x end end,
      function(record) return record.numbers, function(part) return part[4] end end,
      function(record) return record, function(part) return part.numbers[4] end end,
    }
    for _, keep in ipairs(keepers) do
      local view = typed.new_view(256)
      view:fill(1)
      local part, read = keep(view:records(shmipc.layout(text), 0, 2)[1])
      view = nil
      for _ = 1, 3 do
        collectgarbage()
        assert.equal(0x01010101, read(part))
      end
      assert.is_nil(view)
      assert.is_truthy(tostring(part))
    end
  end)

  it("let go of what nobody uses", function()
    local function make(i)
      local layout = shmipc.layout(("struct { int32_t a[%d]; struct { int32_t x; } parts[4]; };"):format(i))
      local view <close> = typed.new_view(layout.size)
      local record = view:record(layout)
      for part = 1, 4 do record.parts[part].x = record.a[i] end
    end
    for i = 1, 20 do make(i) end
    collectgarbage()
    collectgarbage()
    local before = collectgarbage "count"
    for i = 1, 200 do make(i) end
    collectgarbage()
    collectgarbage()
    assert.is_true(collectgarbage "count" - before < 100) -- the objects' names are kept; the layouts would be 400
  end)

  it("find the layout wrong that is none", function()
    local view <close> = typed.new_view(64)
    for _, wrong in ipairs { 1, "int32_t a;", {}, view, true } do
      raises("view:record: layout must be a shmipc.layout, got ", view.record, view, wrong)
      raises("view:records: layout must be a shmipc.layout, got ", view.records, view, wrong)
    end
    raises("view:record: layout must be a shmipc.layout, got nil", view.record, view)
  end)
end)
