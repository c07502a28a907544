local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local typed = require "support.typed"

local atomic = shmipc.atomic
local raises = objects.raises
local new_view, new_views, whole = typed.new_view, typed.new_views, typed.whole
local nan, inf = 0 / 0, math.huge
local closed = "attempt to use a closed shmipc.view"

describe("an atomic operation", function()
  after_each(objects.check_none_left)

  it("changes a number in shared memory in one step", function()
    local memory = assert(shmipc.mapping.create(objects.name(), 64))
    local counts = assert(memory:view()):array("i64")
    assert.equal(0, shmipc.atomic.fetch_add(counts, 1, 5))
    assert.equal(5, shmipc.atomic.load(counts, 1))
  end)
end)

local bool = { name = "bool", c_type = "bool", width = 1, fitting = { true, false }, others = {} }

-- Calls f with an element of an array, and with a field: target, key, the view, the offset in it.
local function for_each_target(element, f)
  local view <close> = new_view(24)
  f(view:array(element.name, 0, 3), 2, view, element.width)
  local layout = shmipc.layout(("uint64_t before; %s word; uint64_t after;"):format(element.c_type))
  f(view:record(layout), "word", view, 8)
end

-- What an integer element makes of the low bits of a number.
local function wrapped(element, number)
  local low = element.width < 8 and number & (1 << 8 * element.width) - 1 or number
  return (string.unpack(element.format, string.pack("=I" .. element.width, low)))
end

local fetches = {
  fetch_add = function(a, b) return a + b end,
  fetch_sub = function(a, b) return a - b end,
  fetch_and = function(a, b) return a & b end,
  fetch_or = function(a, b) return a | b end,
  fetch_xor = function(a, b) return a ~ b end,
}

for _, element in ipairs(typed.elements) do
  describe("atomic operations on " .. element.name, function()
    after_each(objects.check_none_left)

    it("load, store and exchange every value", function()
      for_each_target(element, function(target, key, view, offset)
        for _, value in ipairs(element.fitting) do
          view:fill(0xA5)
          local before = target[key]
          assert.equal(before, atomic.load(target, key))
          assert.equal(before, atomic.exchange(target, key, value))
          assert.equal(value, atomic.load(target, key))
          assert.equal(("\xA5"):rep(offset) .. typed.bytes_of(element, value)
            .. ("\xA5"):rep(24 - offset - element.width), whole(view))
          target[key] = 0
          assert.equal(0, select("#", atomic.store(target, key, value)))
          assert.equal(value, target[key])
          assert.equal(element.is_float and "float" or "integer", math.type(atomic.load(target, key)))
        end
      end)
    end)

    it("refuse what does not fit, and change nothing", function()
      for_each_target(element, function(target, key, view)
        view:fill(0xA5)
        local before = whole(view)
        local function refuse(value)
          for _, name in ipairs { "store", "exchange" } do
            raises(("shmipc.atomic.%s: value must be a"):format(name), atomic[name], target, key, value)
          end
          if element.is_float then return end
          raises("shmipc.atomic.compare_exchange: expected must be a", atomic.compare_exchange, target, key, value, 1)
          raises("shmipc.atomic.compare_exchange: desired must be a", atomic.compare_exchange, target, key,
                 target[key], value)
        end
        for _, value in ipairs(element.others) do refuse(value) end
        for _, value in ipairs(typed.not_numbers) do refuse(value) end
        refuse(nil)
        raises("shmipc.atomic.store: value must be a", atomic.store, target, key)
        assert.equal(before, whole(view))
      end)
    end)

    if element.is_float then
      it("do no more than that", function()
        for_each_target(element, function(target, key)
          for name in pairs(fetches) do
            raises(("shmipc.atomic.%s: the element must be an integer"):format(name), atomic[name], target, key, 1)
          end
          raises("shmipc.atomic.compare_exchange: the element must be an integer", atomic.compare_exchange, target, key,
                 0, 1)
          assert.equal(0, target[key])
        end)
      end)

      it("keep a NaN, and the sign of zero", function()
        for_each_target(element, function(target, key)
          atomic.store(target, key, nan)
          local value = atomic.exchange(target, key, -0.0)
          assert.is_true(value ~= value)
          assert.equal(-inf, 1 / atomic.load(target, key))
        end)
      end)
      return
    end

    it("compare and exchange", function()
      for_each_target(element, function(target, key, view, offset)
        for _, value in ipairs(element.fitting) do
          view:fill(0xA5)
          local old = target[key]
          assert.same({ true, n = 1 }, table.pack(atomic.compare_exchange(target, key, old, value)))
          assert.equal(value, target[key])
          assert.equal(("\xA5"):rep(offset) .. typed.bytes_of(element, value)
            .. ("\xA5"):rep(24 - offset - element.width), whole(view))
          local results = table.pack(atomic.compare_exchange(target, key, old, 7))
          assert.same({ false, math.tointeger(value), n = 2 }, results)
          assert.equal(value, target[key])
        end
      end)
    end)

    for name, model in pairs(fetches) do
      it(name .. " the value, give the one before, and wrap", function()
        for_each_target(element, function(target, key, view, offset)
          for _, a in ipairs(element.fitting) do
            for _, b in ipairs(element.fitting) do
              view:fill(0xA5)
              target[key] = a
              assert.equal(a, atomic[name](target, key, b))
              local expected = wrapped(element, model(math.tointeger(a), math.tointeger(b)))
              assert.equal(expected, target[key])
              assert.equal(("\xA5"):rep(offset) .. typed.bytes_of(element, expected)
                .. ("\xA5"):rep(24 - offset - element.width), whole(view))
            end
          end
        end)
      end)

      it(name .. " take operands of the element's width, signed or not", function()
        local lowest = element.width < 8 and -(1 << 8 * element.width - 1) or math.mininteger
        local highest = element.width < 8 and (1 << 8 * element.width) - 1 or math.maxinteger
        for_each_target(element, function(target, key)
          for _, operand in ipairs { lowest, -1, highest, 1.0 } do
            target[key] = 1
            assert.equal(1, atomic[name](target, key, operand))
            assert.equal(wrapped(element, model(1, math.tointeger(operand))), target[key])
          end
          target[key] = 1
          local wrong = { 0.5, nan, inf, 2.0 ^ 64, "1", true, {} }
          if element.width < 8 then
            table.insert(wrong, lowest - 1)
            table.insert(wrong, highest + 1)
          end
          for _, operand in ipairs(wrong) do
            raises(("shmipc.atomic.%s: value must be an integer"):format(name), atomic[name], target, key, operand)
          end
          raises(("shmipc.atomic.%s: value must be an integer"):format(name), atomic[name], target, key)
          assert.equal(1, target[key])
        end)
      end)
    end
  end)
end

describe("atomic operations on bool", function()
  after_each(objects.check_none_left)

  it("load, store, exchange and compare", function()
    for_each_target(bool, function(target, key, view, offset)
      assert.is_false(atomic.exchange(target, key, true))
      assert.is_true(atomic.load(target, key))
      assert.equal(1, view:read_u8(offset))
      assert.same({ true, n = 1 }, table.pack(atomic.compare_exchange(target, key, true, false)))
      assert.same({ false, false, n = 2 }, table.pack(atomic.compare_exchange(target, key, true, false)))
      atomic.store(target, key, true)
      assert.is_true(target[key])
      view:write_u8(offset, 2)
      assert.is_true(atomic.load(target, key))
      assert.is_true(atomic.exchange(target, key, false))
    end)
  end)

  it("take true and false only, and do not reckon", function()
    for_each_target(bool, function(target, key)
      for _, value in ipairs { 0, 1, "true", {} } do
        raises("shmipc.atomic.store: value must be true or false, got ", atomic.store, target, key, value)
        raises("shmipc.atomic.compare_exchange: desired must be true or false", atomic.compare_exchange, target, key,
               false, value)
      end
      for name in pairs(fetches) do
        raises(("shmipc.atomic.%s: the element must be an integer"):format(name), atomic[name], target, key, 1)
      end
      assert.is_false(target[key])
    end)
  end)
end)

-- Every operation, with arguments that are good for an integer.
local operations = {
  load = {}, store = { 1 }, exchange = { 1 }, compare_exchange = { 0, 1 },
  fetch_add = { 1 }, fetch_sub = { 1 }, fetch_and = { 1 }, fetch_or = { 1 }, fetch_xor = { 1 },
}

-- Expects all of them (but those of `except`) to raise an error with the text in it, after the function's name.
local function all_raise(text, target, key, except)
  for name, arguments in pairs(operations) do
    if name ~= except then
      raises(("shmipc.atomic.%s: %s"):format(name, text), atomic[name], target, key, table.unpack(arguments))
    end
  end
end

describe("every atomic operation", function()
  after_each(objects.check_none_left)

  it("is here", function()
    for name in pairs(atomic) do assert.is_truthy(operations[name]) end
    for name in pairs(operations) do assert.is_function(atomic[name]) end
  end)

  it("wants an array or a record", function()
    local view <close> = new_view(8)
    for _, wrong in ipairs { 1, "text", true, {}, print, view, shmipc.layout "int32_t a;" } do
      all_raise("target must be a shmipc.array or a shmipc.record, got ", wrong, 1)
    end
    all_raise("target must be a shmipc.array or a shmipc.record, got nil", nil, 1)
  end)

  it("wants an index within an array", function()
    local view <close> = new_view(48)
    view:fill(0xA5)
    local before = whole(view)
    local array = view:array("i32", 16, 4)
    for _, index in ipairs { 0, 5, -1, 1 << 32, (1 << 62) + 1, math.maxinteger, math.mininteger, 1.5, nan, inf, 1e300,
                             "1", "get", true, {} } do
      all_raise("index must be an integer from 1 to 4, got ", array, index)
    end
    all_raise("index must be an integer from 1 to 4, got nil", array, nil)
    assert.equal(before, whole(view))
    assert.equal(-0x5A5A5A5B, atomic.exchange(array, 4.0, 1))
    assert.equal(1, array[4])
  end)

  it("wants a field of a record, and names the nearest", function()
    local layout = shmipc.layout "struct atomic_fields { int32_t counter; int32_t inf; };"
    local view <close> = new_view(layout.size)
    local record = view:record(layout)
    all_raise('struct atomic_fields has no field "conter"; did you mean "counter"?', record, "conter")
    for _, key in ipairs { 1, 1.5, inf, nan, true, {}, "", "counter\0" } do
      all_raise("struct atomic_fields has no field ", record, key)
    end
    raises("shmipc.atomic.load: ", atomic.load, record)
    raises("shmipc.atomic.load: ", atomic.load, record, nil)
    assert.equal(("\0"):rep(8), whole(view))
  end)

  it("wants a single number or bool", function()
    local layout = shmipc.layout [[
      struct atomic_parts {
        char text[8]; wchar_t wide[4]; int32_t list[2]; struct { int32_t x; } part; char names[2][4];
      };
    ]]
    local view <close> = new_view(2 * layout.size)
    local record = view:record(layout)
    for _, field in ipairs { "text", "wide", "list", "part", "names" } do
      all_raise("only a number or a bool can be used atomically", record, field)
    end
    all_raise("only a number or a bool can be used atomically", view:records(layout), 1)
    all_raise("only a number or a bool can be used atomically", record.names, 1)
    assert.equal(0, atomic.fetch_add(record.list, 2, 1))
    assert.equal(0, atomic.fetch_add(record.part, "x", 1))
    assert.equal(1, record.list[2])
    assert.equal(1, record.part.x)
  end)

  it("wants an element whose place in memory is a multiple of its size", function()
    local view <close> = new_view(64)
    for _, element in ipairs(typed.elements) do
      for offset = 0, 8 do
        local array = view:array(element.name, offset, 2)
        if offset % element.width == 0 then
          assert.equal(0, atomic.load(array, 2))
          atomic.store(array, 2, 0)
        else
          local text = ("byte %d of the mapping is not aligned to %d"):format(offset + element.width, element.width)
          raises("shmipc.atomic.load: " .. text, atomic.load, array, 2)
          raises("shmipc.atomic.store: " .. text, atomic.store, array, 2, 1)
          if not element.is_float then all_raise(text, array, 2) end
        end
      end
    end
    local record = view:record(shmipc.layout("uint8_t kind; uint32_t count; bool flag;", { pack = 1 }))
    all_raise("byte 1 of the mapping is not aligned to 4", record, "count")
    assert.is_false(atomic.load(record, "flag"))
    assert.equal(("\0"):rep(64), whole(view))
    local part = assert(assert(shmipc.mapping.create(objects.name(), 64)):view(6, 50))
    assert.equal(0, atomic.fetch_add(part:array("u16"), 1, 1)) -- it is the mapping's bytes that count
    assert.equal(0, atomic.fetch_add(part:array("u64", 2), 1, 1))
    raises("byte 6 of the mapping is not aligned to 4", atomic.load, part:array("u32"), 1)
    part:close()
  end)

  it("but load wants a view for writing", function()
    local layout = shmipc.layout "int32_t count;"
    local view, read_only = new_views(8)
    view:write_i32(0, 5)
    for target, key in pairs { [read_only:array "i32"] = 1, [read_only:record(layout)] = "count" } do
      assert.equal(5, atomic.load(target, key))
      all_raise('the view is read-only (access "r")', target, key, "load")
    end
    assert.equal(5, view:read_i32(0))
    view:close()
    read_only:close()
  end)

  it("changes one's own bytes only through a view that copies on writing", function()
    local memory <close> = assert(shmipc.mapping.create(objects.name(), 8))
    local copy <close> = assert(memory:view(0, 8, "cow"))
    local view <close> = assert(memory:view())
    assert.equal(0, atomic.fetch_add(copy:array "i32", 1, 5))
    assert.equal(5, atomic.load(copy:array "i32", 1))
    assert.equal(0, view:read_i32(0))
  end)

  it("finds a closed view closed", function()
    local layout = shmipc.layout "int32_t count;"
    local view = new_view(8)
    local array, record = view:array "i32", view:record(layout)
    view:close()
    for name, arguments in pairs(operations) do
      raises(closed, atomic[name], array, 1, table.unpack(arguments))
      raises(closed, atomic[name], record, "count", table.unpack(arguments))
    end
  end)

  it("tells that the memory was truncated", function()
    if shmipc.platform ~= "linux" then pending("this system refuses to truncate what is mapped") end
    local name = objects.name()
    local foreign <close> = process.foreign(name)
    local peer <close> = process.peer()
    peer:run("mapping = assert(shmipc.mapping.create(..., 8192))", name)
    for operation, arguments in pairs(operations) do
      peer:run("array = mapping:view():array 'i32'")
      foreign:run("truncate 0")
      local ok, message = peer:run("pcall(shmipc.atomic[...], array, 1, select(2, ...))", operation,
                                   table.unpack(arguments))
      assert.is_false(ok)
      assert.matches("mapping was truncated", message, 1, true)
      peer:run("array = nil collectgarbage()")
      foreign:run("truncate 8192")
    end
  end)
end)

-- ---- between processes

-- What the chunks of all peers have at hand: the element that they fight for, and a gate at which all wait for all, so
-- that they do run at once.
local prelude = [[
  local name, peers, type = ...
  atomic = shmipc.atomic
  view = assert(shmipc.mapping.open(name)):view()
  words = view:array(type, 64, 8)
  record = view:record(shmipc.layout "uint8_t kind; uint64_t total;", 128)
  local arrivals, passed = view:array("i32", 0, 1), 0
  function pass_gate()
    passed = passed + peers
    atomic.fetch_add(arrivals, 1, 1)
    local spins = 0
    while atomic.load(arrivals, 1) < passed do
      spins = spins + 1
      if spins % 1000 == 0 then shmipc.sleep(0.0001) end
    end
  end
]]

-- Runs a chunk in that many processes at once, and gives what each of them gave; then their view is left to look at.
-- The chunk's arguments: the process's number from 1, and what else is given.
local function run_at_once(count, element_type, chunk, ...)
  local name = objects.name()
  local memory <close> = assert(shmipc.mapping.create(name, 256))
  local peers, results = {}, {}
  for i = 1, count do
    peers[i] = process.peer()
    peers[i]:run(prelude, name, count, element_type)
  end
  for i, peer in ipairs(peers) do peer:send("pass_gate() " .. chunk, i, ...) end
  for i, peer in ipairs(peers) do results[i] = table.pack(peer:receive()) end
  for _, peer in ipairs(peers) do peer:close() end
  return results, assert(memory:view())
end

describe("processes that", function()
  after_each(objects.check_none_left)

  local add = "for i = 1, select(2, ...) do atomic.fetch_add(words, 1, 1) end"

  for _, case in ipairs { { 2, "i64" }, { 4, "i64" }, { 2, "i32" }, { 4, "u32" } } do
    local count, element_type = table.unpack(case)
    it(("add to one %s, %d of them a million times each, lose nothing"):format(element_type, count), function()
      local _, view = run_at_once(count, element_type, add, 1000000)
      assert.equal(count * 1000000, view:array(element_type, 64, 1)[1])
      view:close()
    end)
  end

  it("add to one byte wrap it together", function()
    for _, element in ipairs { typed.elements[1], typed.elements[2] } do
      local _, view = run_at_once(2, element.name, add, 300007)
      assert.equal(wrapped(element, 600014), view:array(element.name, 64, 1)[1])
      assert.equal(0, view:read_u8(65))
      view:close()
    end
  end)

  it("add to a field of a record and take from it lose nothing", function()
    local _, view = run_at_once(2, "i64", [[
      for i = 1, 500000 do
        atomic.fetch_add(record, "total", 3)
        atomic.fetch_sub(record, "total", 1)
      end
    ]])
    assert.equal(2 * 500000 * 2, view:read_u64(136))
    view:close()
  end)

  it("take tickets get each one once, in rising order", function()
    local results, view = run_at_once(2, "u32", [[
      local last, sum = -1, 0
      for i = 1, 200000 do
        local ticket = atomic.fetch_add(words, 1, 1)
        if ticket <= last then return "a ticket went backwards" end
        last, sum = ticket, sum + ticket
      end
      return sum
    ]])
    assert.equal(400000 * 399999 // 2, results[1][1] + results[2][1])
    view:close()
  end)

  it("add by compare_exchange lose nothing", function()
    local _, view = run_at_once(2, "i32", [[
      local expected = 0
      for i = 1, 1000000 do
        local done, actual
        repeat
          done, actual = atomic.compare_exchange(words, 1, expected, expected + 1)
          expected = done and expected + 1 or actual
        until done
      end
    ]])
    assert.equal(2000000, view:array("i32", 64, 1)[1])
    view:close()
  end)

  for _, element_type in ipairs { "u32", "i64", "f32", "f64" } do
    it(("exchange values of one %s neither lose nor double any"):format(element_type), function()
      local rounds = 500000
      local results, view = run_at_once(2, element_type, [[
        local number, rounds = ...
        local sum = 0
        for i = 1, rounds do sum = sum + atomic.exchange(words, 1, 2 * i - number % 2) end
        return sum
      ]], rounds)
      local taken = results[1][1] + results[2][1] + view:array(element_type, 64, 1)[1]
      assert.equal(2 * rounds * (2 * rounds + 1) // 2, taken)
      view:close()
    end)
  end

  it("set, clear and turn over bits find their own as they left them", function()
    local results, view = run_at_once(2, "u64", [[
      local number = ...
      local mine, turned, wrong = 0x5555555555555555 << number - 1, 0, 0
      for i = 1, 500000 do
        local bit = 1 << 2 * (i % 32) + number - 1
        if atomic.fetch_or(words, 1, bit) & mine ~= 0 then wrong = wrong + 1 end
        if atomic.fetch_and(words, 1, ~bit) & mine ~= bit then wrong = wrong + 1 end
        if atomic.fetch_xor(words, 2, bit) & mine ~= turned then wrong = wrong + 1 end
        turned = turned ~ bit
      end
      return wrong, turned
    ]])
    local words = view:array("u64", 64, 2)
    assert.same({ 0, 0 }, { results[1][1], results[2][1] })
    assert.equal(0, words[1])
    assert.equal(results[1][2] | results[2][2], words[2])
    view:close()
  end)
end)
