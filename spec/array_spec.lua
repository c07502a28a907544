local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local typed = require "support.typed"

local raises = objects.raises
local new_view, new_views, whole, computed = typed.new_view, typed.new_views, typed.whole, typed.computed
local nan, inf = 0 / 0, math.huge
local closed = "attempt to use a closed shmipc.view"

-- What an array holds, as a list.
local function list(array) return table.move(array, 1, #array, 1, {}) end

describe("an array", function()
  after_each(objects.check_none_left)

  it("reads and writes numbers in shared memory by their index", function()
    local memory = assert(shmipc.mapping.create(objects.name(), 32))
    local counts = assert(memory:view()):array("i32")
    counts[1] = counts[1] + 5
    assert.equal(5, counts[1])
    assert.equal(8, #counts)
  end)
end)

for _, element in ipairs(typed.elements) do
  local name, width = element.name, element.width

  describe("an array of " .. name, function()
    after_each(objects.check_none_left)

    it("brings every value back, at every alignment, in native byte order, and touches nothing else", function()
      local view <close> = new_view(4 * width + 8)
      for offset = 0, 8 do
        local array = view:array(name, offset, 4)
        for _, value in ipairs(element.fitting) do
          for _, i in ipairs { 1, 3, 4 } do
            view:fill(0xA5)
            array[i] = value
            assert.equal(value, array[i])
            local before = offset + (i - 1) * width
            assert.equal(("\xA5"):rep(before) .. typed.bytes_of(element, value)
              .. ("\xA5"):rep(#view - before - width), whole(view))
          end
        end
      end
    end)

    it("gives a Lua " .. (element.is_float and "float" or "integer"), function()
      local view <close> = new_view(2 * width)
      local array = view:array(name)
      array[1], array[2] = 3, 3.0
      assert.same({ 3, 3 }, array:get())
      for i = 1, 2 do
        assert.equal(element.is_float and "float" or "integer", math.type(array[i]))
        assert.equal(element.is_float and "float" or "integer", math.type(array:get()[i]))
      end
    end)

    it("refuses a value that does not fit, in every way to write one, and changes nothing", function()
      local view <close> = new_view(3 * width)
      view:fill(0xA5)
      local before = whole(view)
      local array = view:array(name)
      local function assign(value) array[2] = value end
      local function refuse(value)
        raises("array: [2] must be a", assign, value)
        raises("array:fill: value must be a", array.fill, array, value)
        raises("array:set: [3] must be a", array.set, array, 1, { 1, 1, value })
        local one_wrong = computed(3, function(i) return i == 2 and value or 1 end)
        raises("array:set: [2] must be a", array.set, array, 1, one_wrong)
      end
      for _, value in ipairs(element.others) do refuse(value) end
      for _, value in ipairs(typed.not_numbers) do
        if value then refuse(value) end
      end
      raises("array: [2] must be a", assign, false)
      raises("array: [2] must be a", assign, nil)
      raises("array:fill: value must be a", array.fill, array, nil)
      raises("array:set: [2] must be a", array.set, array, 1, { 1, nil, 1 })
      assert.equal(before, whole(view))
    end)

    it("gets, sets and fills as one by one", function()
      local view <close> = new_view(7 * width + 1)
      for offset = 0, 1 do
        local array = view:array(name, offset, 7)
        local values = {}
        for i = 1, 7 do values[i] = element.fitting[i % #element.fitting + 1] end
        array:set(1, values)
        assert.same(values, array:get())
        assert.same(values, list(array))
        for _, value in ipairs(element.fitting) do
          array:fill(value, 2, 6)
          for i = 2, 6 do values[i] = value end
          assert.same(values, array:get())
        end
        array:fill(0)
        assert.equal(("\0"):rep(7 * width), view:read(offset, 7 * width))
      end
    end)
  end)
end

describe("an array of bool", function()
  after_each(objects.check_none_left)

  it("reads any byte but 0 as true, and writes 0 and 1", function()
    local view <close> = new_view(4)
    view:write(0, "\0\1\2\255")
    local flags = view:array("bool")
    assert.same({ false, true, true, true }, flags:get())
    assert.is_false(flags[1])
    assert.is_true(flags[4])
    flags[1], flags[4] = true, false
    assert.equal("\1\1\2\0", whole(view))
    flags:set(2, { false, true })
    assert.equal("\1\0\1\0", whole(view))
    flags:fill(true, 2)
    assert.equal("\1\1\1\1", whole(view))
  end)

  it("goes through all of its elements with pairs, and to the end with ipairs", function()
    local view <close> = new_view(3)
    local flags = view:array("bool")
    flags[2] = true
    local seen = {}
    for i, flag in pairs(flags) do seen[i] = flag end
    assert.same({ false, true, false }, seen)
    seen = {}
    for i, flag in ipairs(flags) do seen[i] = flag end
    assert.same({ false, true, false }, seen)
  end)

  it("takes true and false only", function()
    local view <close> = new_view(2)
    local flags = view:array("bool")
    for _, value in ipairs { 0, 1, "true", {} } do
      raises("array: [1] must be true or false, got ", function() flags[1] = value end)
      raises("array:fill: value must be true or false, got ", flags.fill, flags, value)
      raises("array:set: [2] must be true or false, got ", flags.set, flags, 1, { true, value })
    end
    raises("array: [1] must be true or false, got nil", function() flags[1] = nil end)
    assert.equal("\0\0", whole(view))
  end)
end)

describe("a floating-point element", function()
  after_each(objects.check_none_left)

  it("may be a NaN or infinite, and keeps the sign of zero", function()
    local view <close> = new_view(32)
    for _, name in ipairs { "f32", "f64" } do
      local array = view:array(name, 0, 4)
      array:set(1, { nan, inf, -inf, -0.0 })
      assert.is_true(array[1] ~= array[1])
      assert.equal(inf, array[2])
      assert.equal(-inf, array[3])
      assert.equal(-inf, 1 / array[4])
      array:fill(nan)
      assert.is_true(array[4] ~= array[4])
      array:fill(-0.0)
      assert.equal(-inf, 1 / array[1])
    end
  end)

  it("of type f32 is rounded as C rounds it", function()
    local view <close> = new_view(4)
    local array = view:array "f32"
    array[1] = 0.1
    assert.equal(0x1.99999ap-4, array[1])
    array[1] = 0x1.fffffe8p127 -- overflows if it is rounded up, but goes to the nearest
    assert.equal(0x1.fffffep127, array[1])
    raises("array: [1] must be", function() array[1] = 0x1.ffffffp127 end)
    assert.equal(0x1.fffffep127, array[1])
  end)
end)

describe("an index", function()
  after_each(objects.check_none_left)

  local inside = { 1, 2, 4, 2.0, 4.0 }
  local outside = { 0, 5, -1, -4, 1 << 31, 1 << 32, (1 << 32) + 1, (1 << 62) + 1, math.maxinteger, math.mininteger,
                    -0.0, 5.0, 2.0 ^ 53, -2.0 ^ 63 }
  local no_index = { 1.5, nan, inf, -inf, 2.0 ^ 63, 1e300, "1", "x", "", "__index", "count", true, false, {} }

  for _, name in ipairs { "u8", "i64", "bool" } do
    it(("of an array of %s within it finds an element"):format(name), function()
      local view <close> = new_view(32)
      local array = view:array(name, 0, 4)
      for _, i in ipairs(inside) do assert.is_truthy(array[i] == 0 or array[i] == false) end
    end)

    it(("of an array of %s outside reads nil and cannot be written"):format(name), function()
      local view <close> = new_view(64)
      view:fill(0xA5)
      local before = whole(view)
      local array = view:array(name, 16, 4)
      for _, i in ipairs(outside) do
        assert.is_nil(array[i])
        raises("array: index must be an integer from 1 to 4, got ", function() array[i] = array[1] end)
      end
      assert.equal(before, whole(view))
    end)

    it(("of an array of %s that is no integer raises"):format(name), function()
      local view <close> = new_view(64)
      local array = view:array(name, 16, 4)
      for _, i in ipairs(no_index) do
        raises("array: index must be an integer from 1 to 4, got ", function() return array[i] end)
        raises("array: index must be an integer from 1 to 4, got ", function() array[i] = array[1] end)
      end
      raises("array: index must be an integer from 1 to 4, got nil", function() return array[nil] end)
      raises("array: index must be an integer from 1 to 4, got nil", function() array[nil] = array[1] end)
      raises("array: index must be an integer from 1 to 4, got ", function() array.get = array[1] end)
      assert.equal(("\0"):rep(64), whole(view))
    end)
  end
end)

describe("view:array", function()
  after_each(objects.check_none_left)

  it("takes all that fits without an offset and a count", function()
    local view <close> = new_view(23)
    assert.equal(23, #view:array("u8"))
    assert.equal(5, #view:array("i32"))
    assert.equal(2, #view:array("f64"))
    assert.equal(4, #view:array("i32", 4))
    assert.equal(4, #view:array("i32", 7, nil))
    assert.equal(3, #view:array("i32", 8))
    assert.equal(5, #view:array("i32", nil))
    assert.equal(2, #view:array("i32", nil, 2))
    assert.equal(2, #view:array("i32", 3.0, 2.0))
  end)

  it("reaches the last byte", function()
    local view <close> = new_view(23)
    local last = view:array("u8", 22)
    last[1] = 7
    assert.equal(7, view:read_u8(22))
    local number = view:array("f64", 15)
    number[1] = 0.5
    assert.equal(0.5, view:read_f64(15))
    assert.equal(1, #number)
  end)

  it("may give an empty array", function()
    local view <close> = new_view(8)
    for _, array in ipairs { view:array("i32", 8), view:array("i64", 1), view:array("u8", 3, 0) } do
      assert.equal(0, #array)
      assert.is_nil(array[1])
      assert.is_nil(array[0])
      assert.same({}, array:get())
      array:set(1, {})
      array:fill(1)
      for _ in pairs(array) do error "there is an element" end
      for _ in ipairs(array) do error "there is an element" end
      raises("array: index: no value is allowed here, got 1", function() array[1] = 1 end)
      raises("array:set: 1 values do not fit at index 1 of an array of 0", array.set, array, 1, { 1 })
    end
    assert.equal(("\0"):rep(8), whole(view))
  end)

  it("counts offsets from the start of the view", function()
    local view <close> = new_view(64, 20, 8)
    local array = view:array("u16", 2)
    array:fill(1)
    assert.equal(3, #array)
    assert.equal("\0\0" .. string.pack("=I2I2I2", 1, 1, 1), whole(view))
  end)

  it("names the types that there are when it is asked for another", function()
    local view <close> = new_view(8)
    for _, wrong in ipairs { "int", "I32", "", "i32 ", "text8", "record", 5, true, {} } do
      raises("view:array: type must be one of i8, u8, i16, u16, i32, u32, i64, u64, f32, f64, bool, got ", view.array,
             view, wrong)
    end
    raises("view:array: type must be one of ", view.array, view)
    raises("view:array: type must be one of ", view.array, view, nil, 0, 1)
  end)

  it("refuses offsets and counts out of range", function()
    local view <close> = new_view(16)
    for _, wrong in ipairs { -1, 17, 1 << 32, math.maxinteger, math.mininteger, 0.5, nan, inf, "0", true, {} } do
      raises("view:array: offset must be an integer from 0 to 16, got ", view.array, view, "i32", wrong)
    end
    for _, wrong in ipairs { -1, 4, 1 << 32, 1 << 62, math.maxinteger, math.mininteger, 0.5, nan, inf, "1", {} } do
      raises("view:array: count must be an integer from 0 to 3, got ", view.array, view, "i32", 1, wrong)
    end
  end)
end)

describe("a range of an array", function()
  local view, array

  before_each(function()
    view = new_view(16)
    array = view:array "i32"
    array:set(1, { 10, 20, 30, 40 })
  end)
  after_each(function()
    view:close()
    view, array = nil, nil
    objects.check_none_left()
  end)

  it("is by default all of it, or all from an index on", function()
    assert.same({ 10, 20, 30, 40 }, array:get())
    assert.same({ 10, 20, 30, 40 }, array:get(nil, nil))
    assert.same({ 20, 30, 40 }, array:get(2))
    assert.same({ 10, 20 }, array:get(nil, 2))
    array:fill(7, 3)
    assert.same({ 10, 20, 7, 7 }, array:get())
    array:fill(8, nil, 2)
    assert.same({ 8, 8, 7, 7 }, array:get())
  end)

  it("includes both ends", function()
    assert.same({ 20, 30 }, array:get(2, 3))
    assert.same({ 40 }, array:get(4, 4))
    assert.same({ 20, 30 }, array:get(2.0, 3.0))
    array:fill(0, 2, 3)
    assert.same({ 10, 0, 0, 40 }, list(array))
  end)

  it("may be empty", function()
    assert.same({}, array:get(1, 0))
    assert.same({}, array:get(3, 2))
    assert.same({}, array:get(5, 4))
    assert.same({}, array:get(5))
    array:fill(0, 3, 2)
    array:fill(0, 5)
    array:set(5, {})
    array:set(2, {})
    assert.same({ 10, 20, 30, 40 }, array:get())
  end)

  it("lies in the array", function()
    for _, wrong in ipairs { 0, 6, -1, 1 << 32, math.maxinteger, math.mininteger, 1.5, nan, inf, "1", true, {} } do
      raises("array:get: i must be an integer from 1 to 5, got ", array.get, array, wrong)
      raises("array:fill: i must be an integer from 1 to 5, got ", array.fill, array, 0, wrong)
      raises("array:set: i must be an integer from 1 to 5, got ", array.set, array, wrong, { 0 })
    end
    for _, wrong in ipairs { 0, 5, -1, 1 << 32, math.maxinteger, math.mininteger, 1.5, nan, inf, "1", true, {} } do
      raises("array:get: j must be an integer from 1 to 4, got ", array.get, array, 2, wrong)
      raises("array:fill: j must be an integer from 1 to 4, got ", array.fill, array, 0, 2, wrong)
    end
    raises("array:set: i must be an integer from 1 to 5, got nil", array.set, array, nil, { 0 })
    assert.same({ 10, 20, 30, 40 }, array:get())
  end)

  it("is set where the list fits, and nowhere else", function()
    array:set(3, { 1 })
    assert.same({ 10, 20, 1, 40 }, array:get())
    array:set(3, { 2, 3 })
    assert.same({ 10, 20, 2, 3 }, array:get())
    raises("array:set: 3 values do not fit at index 3 of an array of 4", array.set, array, 3, { 0, 0, 0 })
    raises("array:set: 1 values do not fit at index 5 of an array of 4", array.set, array, 5, { 0 })
    assert.same({ 10, 20, 2, 3 }, array:get())
  end)

  it("is set from a list only", function()
    for _, wrong in ipairs { 5, "text", true, print, view } do
      raises("array:set: values must be a table, got ", array.set, array, 1, wrong)
    end
    raises("array:set: values must be a table, got nil", array.set, array, 1)
  end)

  it("is filled with a value only", function()
    assert.has_error(function() array:fill() end)
    assert.same({ 10, 20, 30, 40 }, array:get())
  end)
end)

describe("an array is a list for", function()
  after_each(objects.check_none_left)

  it("pairs and ipairs, in order", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    array:set(1, { 10, 20, 30 })
    for _, iterate in ipairs { pairs, ipairs } do
      local indices, values = {}, {}
      for i, value in iterate(array) do
        indices[#indices + 1], values[#values + 1] = i, value
      end
      assert.same({ 1, 2, 3 }, indices)
      assert.same({ 10, 20, 30 }, values)
    end
  end)

  it("table.unpack, concat, move and sort", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    array:set(1, { 30, 10, 20 })
    assert.same({ 30, 10, 20 }, { table.unpack(array) })
    assert.equal("30 10 20", table.concat(array, " "))
    table.sort(array)
    assert.same({ 10, 20, 30 }, array:get())
    table.move({ 1, 2 }, 1, 2, 2, array)
    assert.same({ 10, 1, 2 }, array:get())
  end)

  it("array:set of another array, of any type whose values fit", function()
    local view <close> = new_view(32)
    local integers, floats = view:array("i32", 0, 4), view:array("f32", 16, 4)
    integers:set(1, { 1, 2, 3, 4 })
    floats:set(1, integers)
    assert.same({ 1.0, 2.0, 3.0, 4.0 }, floats:get())
    floats[3] = 0.5
    raises("array:set: [3] must be an integer", integers.set, integers, 1, floats)
    assert.same({ 1, 2, 3, 4 }, integers:get())
  end)

  it("array:set of itself, overlapping", function()
    local view <close> = new_view(16)
    local array = view:array "i32"
    array:set(1, { 1, 2, 3, 4 })
    array:set(2, view:array("i32", 0, 3))
    assert.same({ 1, 1, 2, 3 }, array:get())
    array:set(1, view:array("i32", 4))
    assert.same({ 1, 2, 3, 3 }, array:get())
    array:set(1, array)
    assert.same({ 1, 2, 3, 3 }, array:get())
  end)
end)

describe("a list with metamethods", function()
  after_each(objects.check_none_left)

  it("is read by them", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    array:set(1, computed(3, function(i) return i * i end))
    assert.same({ 1, 4, 9 }, array:get())
  end)

  it("may have no length that fits, or none at all", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    for _, length in ipairs { 4, math.maxinteger } do
      raises("values do not fit at index 1 of an array of 3", array.set, array, 1,
             computed(length, function() return 1 end))
    end
    for _, length in ipairs { -1, math.mininteger, "x", "1", 0.5, inf, nan, {} } do
      raises("array:set: values must have a length from 0 on, got ", array.set, array, 1,
             computed(length, function() return 1 end))
    end
    assert.equal(("\0"):rep(12), whole(view))
  end)

  it("that raise in the middle leaves all as it was", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    raises("stop here", array.set, array, 1, computed(3, function(i) return i < 3 and 1 or error "stop here" end))
    assert.equal(("\0"):rep(12), whole(view))
  end)

  it("that yield in the middle is refused, and leaves all as it was", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    local set = coroutine.wrap(function()
      array:set(1, computed(3, function(i) return i < 3 and 1 or coroutine.yield() end))
    end)
    raises("yield across a C-call boundary", set)
    assert.equal(("\0"):rep(12), whole(view))
  end)

  it("that write to the array in the middle has the last word", function()
    local view <close> = new_view(12)
    local array = view:array "i32"
    array:set(1, computed(2, function(i)
      array[3] = 3
      return i
    end))
    assert.same({ 1, 2, 3 }, array:get())
  end)

  it("that close the view in the middle finds it closed", function()
    for _, name in ipairs { "u8", "i32", "f64", "bool" } do
      local view, other = new_views(24)
      local value = name ~= "bool" and 1
      raises(closed, view.array(view, name, 0, 3).set, view:array(name, 0, 3), 1, computed(3, function()
        view:close()
        return value
      end))
      assert.equal(("\0"):rep(24), whole(other))
      other:close()
    end
  end)

  it("that close the view of an array that is the source finds it closed", function()
    local view <close> = new_view(12)
    local other = new_view(12)
    local array = view:array "i32"
    local source = other:array "i32"
    raises(closed, array.set, array, 1, computed(3, function(i)
      other:close()
      return source[i]
    end))
    raises(closed, array.set, array, 1, source)
    assert.equal(("\0"):rep(12), whole(view))
  end)
end)

describe("an array of a view", function()
  after_each(objects.check_none_left)

  -- Every way to touch the elements.
  local reading = {
    function(array) return array[1] end,
    function(array) return array:get() end,
    function(array) return array:get(1, 0) end,
    function(array) return pairs(array)(array, 0) end,
    function(array) return ipairs(array)(array, 0) end,
  }
  local writing = {
    function(array) array[1] = array[1] end,
    function(array) array[1] = 1 end,
    function(array) array:set(1, { 1 }) end,
    function(array) array:set(1, {}) end,
    function(array) array:fill(1) end,
    function(array) array:fill(1, 1, 0) end,
  }

  it("for reading only can be read, and not written", function()
    local view, read_only = new_views(8)
    local array = read_only:array "i32"
    view:write_i32(4, 5)
    assert.same({ 0, 5 }, array:get())
    for _, read in ipairs(reading) do read(array) end
    for _, write in ipairs(writing) do raises("the view is read-only (access \"r\")", write, array) end
    assert.same({ 0, 5 }, array:get())
    view:close()
    read_only:close()
  end)

  it("for copying on write changes its own bytes", function()
    local memory <close> = assert(shmipc.mapping.create(objects.name(), 8))
    local view <close> = assert(memory:view())
    local copy <close> = assert(memory:view(0, 8, "cow"))
    local array = copy:array "i32"
    for _, write in ipairs(writing) do write(array) end
    array[1] = 5
    assert.same({ 5, 1 }, array:get())
    assert.equal(("\0"):rep(8), whole(view))
  end)

  it("that is closed can do nothing any more", function()
    local view = new_view(8)
    local array = view:array "i32"
    view:close()
    for _, use in ipairs(reading) do raises(closed, use, array) end
    for _, use in ipairs(writing) do raises(closed, use, array) end
    raises(closed, function() return #array end)
    raises(closed, function() return array.get end)
    raises(closed, view.array, view, "i32")
  end)

  it("that is closed in a loop ends it with an error", function()
    for _, iterate in ipairs { pairs, ipairs } do
      local view = new_view(8)
      local count = 0
      raises(closed, function()
        for _ in iterate(view:array "i32") do
          count = count + 1
          view:close()
        end
      end)
      assert.equal(1, count)
    end
  end)

  it("keeps it alive", function()
    local array = new_view(8):array "i32"
    collectgarbage()
    collectgarbage()
    array[2] = 7
    assert.same({ 0, 7 }, array:get())
  end)

  it("that a finaliser closes in the middle is closed", function()
    local memory <close> = assert(shmipc.mapping.create(objects.name(), 1 << 20))
    for _, by_itself in ipairs { false, "by itself" } do
      local function try(make, use) typed.close_by_finaliser(memory, make, use, by_itself) end
      for _, name in ipairs { "u8", "bool" } do
        local function make(view) return view:array(name) end
        try(make, function(array) return array:get() end)
        try(make, function(array) array:set(1, array) end)
      end
      local function make(view) return view:records(shmipc.layout "char text[1048576];") end
      try(make, function(array) return array:get() end)
      try(make, function(array) array:set(1, { {} }) end)
      try(make, function(array) array:fill({}) end)
    end
  end)

  it("shows its name, place and type", function()
    local memory <close> = assert(shmipc.mapping.create(objects.name(), 64))
    local view = assert(memory:view(16, 32))
    local name = memory:name()
    assert.equal(('shmipc.array "%s" 16..48 i32[8] rw'):format(name), tostring(view:array "i32"))
    assert.equal(('shmipc.array "%s" 20..26 u16[3] rw'):format(name), tostring(view:array("u16", 4, 3)))
    assert.equal(('shmipc.array "%s" 48..48 bool[0] rw'):format(name), tostring(view:array("bool", 32)))
    local array = assert(memory:view(0, 8, "r")):array("f64")
    assert.equal(('shmipc.array "%s" 0..8 f64[1] r'):format(name), tostring(array))
    array = view:array "i32"
    view:close()
    assert.equal(('shmipc.array "%s" (closed)'):format(name), tostring(array))
  end)

  it("hides its metatable", function()
    local view <close> = new_view(8)
    local array = view:array "i32"
    assert.equal("shmipc.array", getmetatable(array))
    assert.has_error(function() setmetatable(array, {}) end)
  end)

  it("has methods that want an array", function()
    local view <close> = new_view(8)
    local array = view:array "i32"
    for _, method in ipairs { "get", "set", "fill" } do
      for _, wrong in ipairs { 1, "text", {}, view } do
        raises(("array:%s: self must be a shmipc.array, got "):format(method), array[method], wrong, 1, {})
      end
    end
  end)
end)

describe("an array in memory that was truncated", function()
  local foreign, peer

  before_each(function()
    if shmipc.platform ~= "linux" then return end
    local name = objects.name()
    foreign = process.foreign(name)
    peer = process.peer()
    peer:run("mapping = assert(shmipc.mapping.create(..., 8192)) return nil", name)
  end)

  after_each(function()
    if foreign then foreign:close() end
    if peer then peer:close() end
    foreign, peer = nil, nil
    objects.check_none_left()
  end)

  it("is an error for whoever touches it", function()
    if not foreign then pending("this system refuses to truncate what is mapped") end
    for _, name in ipairs { "i32", "f64", "bool" } do
      local value = name == "bool" and "true" or "1"
      for _, chunk in ipairs { "return array[1]", "return array:get()", "array[1] = " .. value,
                               "array:fill(" .. value .. ")", "array:set(1, {" .. value .. "})",
                               "for i, v in pairs(array) do return end" } do
        peer:run("array = mapping:view():array(...)", name)
        foreign:run("truncate 0")
        local ok, message = peer:run(("pcall(function() %s end)"):format(chunk))
        assert.is_false(ok)
        assert.matches("mapping was truncated", message, 1, true)
        peer:run("array = nil collectgarbage()")
        foreign:run("truncate 8192")
      end
    end
  end)
end)
