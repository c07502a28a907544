local core = require "shmipc.core"
local objects = require "support.objects"
local shmipc = require "shmipc"

local raises = objects.raises
local here = debug.getinfo(1, "S").short_src

-- ---- what is tried: found in the module, so that nothing new escapes; these tables say how it is used rightly

local view_of = setmetatable({}, { __mode = "k" }) -- arrays and records are open as long as their view is

-- An open one of each kind.
local specimen = {}
function specimen.mapping() return assert(shmipc.mapping.create(objects.name(), 64)) end
function specimen.view() return assert(specimen.mapping():view()) end
function specimen.mutex() return assert(shmipc.mutex.create(objects.name())) end
function specimen.event() return assert(shmipc.event.create(objects.name())) end
function specimen.semaphore() return assert(shmipc.semaphore.create(objects.name(), 1)) end
function specimen.channel() return assert(shmipc.channel.create(objects.name(), { capacity = 4096 })) end
function specimen.guard() return assert(specimen.mutex():lock()) end
function specimen.layout()
  return shmipc.layout "struct sample { int32_t count; char label[12]; int16_t more[2][2]; };"
end
function specimen.array()
  local view = specimen.view()
  local array = view:array "i32"
  view_of[array] = view
  return array
end
function specimen.record()
  local view = specimen.view()
  local record = view:record(specimen.layout())
  view_of[record] = view
  return record
end

local view_holders = { array = true, record = true }
local function is_closable(kind) return kind ~= "layout" end
local function has_close(kind) return core.kinds[kind].methods.close ~= nil end
local function close(handle) (view_of[handle] or handle):close() end

-- Arguments of methods that need some; those of the typed reads and writes are made below. None of them may be a
-- boolean or a file.
local arguments = {
  mapping = { view = { 0, 8, "rw" } },
  view = {
    read = { 0, 8 },
    write = { 0, "text" },
    read_cstring = { 0, 8 },
    write_cstring = { 0, "text", 8 },
    pack = { 0, "<i4", 1 },
    unpack = { 0, "<i4" },
    fill = { 0, 0, 8 },
    copy = { 0, specimen.view, 0, 8 },
    flush = { 0, 8 },
    array = { "i32", 0, 8 },
    record = { specimen.layout, 0 },
    records = { specimen.layout, 0, 2 },
  },
  array = {
    get = { 1, 2 },
    set = { 1, { 1, 2 } },
    fill = { 0, 1, 2 },
  },
  layout = {
    offset = { "count" },
  },
  mutex = {
    lock = { 0 },
    with = { 0, function() end },
  },
  event = {
    wait = { 0 },
  },
  semaphore = {
    acquire = { 0 },
    release = { 1 },
  },
  channel = {
    send = { "text", 0 },
    send_many = { { "text", "more" }, 0 },
    receive = { 0 },
    receive_many = { 2, 0 },
    shutdown = { 0 },
  },
}
for method in pairs(core.kinds.view.methods) do
  if method:find "^read_%a%d" then arguments.view[method] = { 0 } end
  if method:find "^write_%a%d" then arguments.view[method] = { 0, 1 } end
end

-- What must be so before the method works.
local preparation = {
  ["mutex:unlock"] = function(mutex) mutex:lock() end,
  ["channel:messages"] = function(channel) channel:send("text") end, -- its iterator waits for one
}

-- What is reached without a method: its name in messages, and arguments.
local operators = {
  view = { __len = { "view:size" } },
  array = {
    __index = { "array", 1 },
    __newindex = { "array", 1, 5 },
    __len = { "array" },
    __pairs = { "pairs" },
  },
  record = {
    __index = { "record", "count" },
    __newindex = { "record", "count", 5 },
    __pairs = { "pairs" },
    next = { "pairs", "count" },
  },
  layout = { __index = { "layout" } },
  channel = { next = { "channel:messages" } },
}

-- Functions of the module that are methods but for their names, so that no field's name is taken.
local functions = {
  record = {
    ["shmipc.record.snapshot"] = { shmipc.record.snapshot },
    ["shmipc.record.assign"] = { shmipc.record.assign, { count = 5 } },
  },
}

-- The atomic operations, with what stands behind target and key.
local operands = {
  load = {}, store = { 5 }, exchange = { 5 }, compare_exchange = { 0, 5 },
  fetch_add = { 5 }, fetch_sub = { 5 }, fetch_and = { 5 }, fetch_or = { 5 }, fetch_xor = { 5 },
}

-- The value, or a new specimen where one is meant.
local function made(value)
  return (value == specimen.view or value == specimen.layout) and value() or value
end

local function made_list(list)
  local all = {}
  for i, value in ipairs(list) do all[i] = made(value) end
  return all
end

local codec, layout = { encode = tostring, decode = tostring }, specimen.layout()

-- The functions that make handles: required arguments, and options with values that are right. A name is given as
-- `objects.name`, a path as `objects.file`.
local makers = {
  ["mapping.create"] = { { objects.name, 8 }, { access = "r", mode = 384, persistent = false } },
  ["mapping.open"] = { { objects.name }, { access = "r" } },
  ["mapping.open_or_create"] = { { objects.name, 8 }, { access = "r", mode = 384, persistent = false } },
  ["mapping.peek"] = { { objects.name } },
  ["mapping.file"] = { { objects.file }, { access = "rw", mode = 384, size = 8 } },
  ["mapping.unlink"] = { { objects.name } },
  ["mutex.create"] = { { objects.name }, { owned = true, mode = 384 } },
  ["mutex.open"] = { { objects.name }, {} },
  ["mutex.open_or_create"] = { { objects.name }, { owned = true, mode = 384 } },
  ["mutex.unlink"] = { { objects.name } },
  ["event.create"] = { { objects.name }, { manual = true, set = true, mode = 384 } },
  ["event.open"] = { { objects.name }, {} },
  ["event.open_or_create"] = { { objects.name }, { manual = true, set = true, mode = 384 } },
  ["event.unlink"] = { { objects.name } },
  ["semaphore.create"] = { { objects.name, 1, 4 }, { mode = 384 } },
  ["semaphore.open"] = { { objects.name }, {} },
  ["semaphore.open_or_create"] = { { objects.name, 1, 4 }, { mode = 384 } },
  ["semaphore.unlink"] = { { objects.name } },
  ["channel.create"] = { { objects.name }, { capacity = 4096, mode = 384, codec = codec, layout = layout } },
  ["channel.open"] = { { objects.name }, { codec = codec, layout = layout } },
  ["channel.open_or_create"] = { { objects.name }, { capacity = 4096, mode = 384, codec = codec, layout = layout } },
  ["channel.unlink"] = { { objects.name } },
  layout = { { "int32_t count;" }, { pack = 4 } },
}

local function maker_functions()
  local found = { layout = shmipc.layout }
  for kind in pairs(core.kinds) do
    if has_close(kind) then
      for name, f in pairs(shmipc[kind] or {}) do found[kind .. "." .. name] = f end
    end
  end
  return found
end

local function required_arguments(maker)
  local list = {}
  for i, value in ipairs(makers[maker][1]) do
    list[i] = type(value) == "function" and value() or value
  end
  return list
end

-- ---- helpers

-- f(method's name, method, arguments) for every method of the kind, and for what else is done with it
local function each_method(kind, f)
  for name, method in pairs(core.kinds[kind].methods) do
    f(kind .. ":" .. name, method, made_list(arguments[kind] and arguments[kind][name] or {}))
  end
  for metamethod, list in pairs(operators[kind] or {}) do
    f(list[1], core.kinds[kind][metamethod], { table.unpack(list, 2) })
  end
  for name, list in pairs(functions[kind] or {}) do f(name, list[1], { table.unpack(list, 2) }) end
end

local function with_value_at(list, position, value)
  local changed = table.move(list, 1, #list, 1, {})
  changed[position] = value
  return changed
end

-- f(arguments) for every list with a table, a boolean or a file in the place of something of another type
local function each_wrong_argument(list, f)
  for position, right in ipairs(list) do
    for _, wrong in ipairs { {}, true, io.stdout } do
      if type(wrong) ~= type(right) or type(right) == "userdata" then f(with_value_at(list, position, wrong)) end
    end
  end
end

-- Calls f so that each allocation in it runs a whole collection with its finalisers, of which that of the `which`-th
-- is `in_middle`. Returns also whether there were so many.
local function call_with_collection(which, in_middle, f, ...)
  local collections = 0
  local function count()
    collections = collections + 1
    if collections == which then in_middle() else setmetatable({}, { __gc = count }) end
  end
  local debt = {}
  collectgarbage()
  collectgarbage "stop"
  collectgarbage("incremental", 100, 400, 40)
  setmetatable({}, { __gc = count })
  collectgarbage "restart"
  rawset(debt, 1, true) -- the table grows, and the first one to ask whether it is time to collect is told so
  local ok, message = pcall(f, ...)
  collectgarbage("incremental", 200, 100, 13)
  return ok, message, collections >= which
end

describe("misuse", function()
  after_each(objects.check_none_left)

  it("raises an error that says what was called, what was given and what is allowed", function()
    local mapping <close> = assert(shmipc.mapping.create(objects.name(), 4))
    local view <close> = assert(mapping:view())
    local ok, message = pcall(function() view:write_i32(1, 500) end)
    assert.is_false(ok)
    assert.is_truthy(message:find("view:write_i32: offset must be an integer from 0 to 0, got 1", 1, true), message)
  end)

  it("is tried below of every kind, every method and every function that there is", function()
    for kind in pairs(core.kinds) do assert.is_truthy(specimen[kind], kind) end
    for maker in pairs(maker_functions()) do assert.is_truthy(makers[maker], maker) end
    for kind, methods in pairs(arguments) do
      for method in pairs(methods) do assert.is_truthy(core.kinds[kind].methods[method], method) end
    end
    for maker in pairs(makers) do assert.is_truthy(maker_functions()[maker], maker) end
    for name in pairs(shmipc.record) do assert.is_truthy(functions.record["shmipc.record." .. name], name) end
    for name in pairs(shmipc.atomic) do assert.is_truthy(operands[name], name) end
  end)
end)

for kind in pairs(core.kinds) do
  local type_name = "shmipc." .. kind
  local closed = "attempt to use a closed " .. (view_holders[kind] and "shmipc.view" or type_name)

  describe("every method of a " .. kind, function()
    after_each(objects.check_none_left)

    it("works when it is used rightly", function()
      each_method(kind, function(name, method, list)
        local handle = specimen[kind]()
        if preparation[name] then preparation[name](handle) end
        local ok, message = pcall(method, handle, table.unpack(list))
        assert.is_true(ok, message)
      end)
    end)

    it("refuses a self that is none", function()
      local wrong = { 42, 0.5, "text", true, {}, print, io.stdout, coroutine.create(print),
                      setmetatable({}, { __name = type_name, __index = core.kinds[kind].methods }) }
      for other in pairs(core.kinds) do
        if other ~= kind then wrong[#wrong + 1] = specimen[other]() end
      end
      each_method(kind, function(name, method, list)
        local expected = ("%s: self must be a %s, got "):format(name, type_name)
        raises(expected .. "n", method) -- "no value", or "nil" where the method is written in Lua
        raises(expected .. "nil", method, nil, table.unpack(list))
        for _, self in ipairs(wrong) do
          raises(expected .. type(self), method, self, table.unpack(list))
        end
      end)
    end)

    if is_closable(kind) then
      it("refuses a closed self, close itself aside", function()
        each_method(kind, function(name, method, list)
          if name == kind .. ":close" then return end
          local handle = specimen[kind]()
          close(handle)
          raises(name .. ": " .. closed, method, handle, table.unpack(list))
          raises(name .. ": " .. closed, method, handle)
        end)
      end)
    end

    it("refuses a table, a boolean or a file in the place of any argument, and does nothing", function()
      each_method(kind, function(name, method, list)
        each_wrong_argument(list, function(wrong)
          local handle = specimen[kind]()
          local before = tostring(handle)
          local message = raises(name .. ": ", method, handle, table.unpack(wrong))
          assert.is_truthy(message:find("got ", 1, true) or message:find("has no field ", 1, true), message)
          assert.equal(before, tostring(handle))
        end)
      end)
    end)

    it("raises at the place that called it", function()
      local function call(method, ...)
        local result = method(...)
        return result
      end
      each_method(kind, function(name, method, list)
        local place = here .. ":%d+: " .. name .. ": "
        local _, message = pcall(call, method, 42)
        assert.is_truthy(message:find(place), message)
        if name == kind .. ":close" then return end
        local handle = specimen[kind]()
        each_wrong_argument(list, function(wrong)
          _, message = pcall(call, method, handle, table.unpack(wrong))
          assert.is_truthy(message:find(place), message)
        end)
        if not is_closable(kind) then return end
        close(handle)
        _, message = pcall(call, method, handle, table.unpack(list))
        assert.is_truthy(message:find(place), message)
      end)
    end)

    it("survives collections in the middle", function()
      local collections = 0
      each_method(kind, function(name, method, list)
        local handle = specimen[kind]()
        if preparation[name] then preparation[name](handle) end
        local ok, message = call_with_collection(1, function() collections = collections + 1 end, method, handle,
                                                 table.unpack(list))
        assert.is_true(ok, message)
      end)
      assert.is_true(collections > 0 or kind == "guard") -- closing a guard allocates nothing
    end)

    if is_closable(kind) then
      it("survives a collection in the middle that closes its own handle", function()
        each_method(kind, function(name, method, list)
          local which, was_reached = 0, true
          while was_reached do
            which = which + 1
            local handle = specimen[kind]()
            if preparation[name] then preparation[name](handle) end
            local ok, message
            ok, message, was_reached = call_with_collection(which, function() close(handle) end, method, handle,
                                                            table.unpack(list))
            if not ok then assert.is_truthy(message:find("closed shmipc.", 1, true), message) end
            close(handle)
            assert.is_truthy(tostring(handle):find "%(closed%)$")
          end
        end)
      end)
    end
  end)

  describe("a " .. kind, function()
    after_each(objects.check_none_left)

    if has_close(kind) then
      it("can be closed again and again", function()
        local handle = specimen[kind]()
        for _ = 1, 3 do
          assert.is_true(handle:close())
          do
            local again <close> = handle
            assert.is_truthy(again)
          end
        end
        assert.is_truthy(tostring(handle):find(("^shmipc%%.%s \".*\" %%(closed%%)$"):format(kind)))
      end)
    end

    if is_closable(kind) then
      it("can be collected after it was closed, and closed while others of its kind are open", function()
        local open = specimen[kind]()
        local shut = specimen[kind]()
        close(shut)
        assert.is_truthy(tostring(shut):find(("^shmipc%%.%s \".*\" %%(closed%%)$"):format(kind)))
        shut = nil
        collectgarbage()
        assert.is_nil(shut)
        assert.is_nil(tostring(open):find "closed")
      end)
    end

    it("keeps its metatable to itself", function()
      local handle = specimen[kind]()
      assert.equal(type_name, getmetatable(handle))
      assert.has_error(function() setmetatable(handle, {}) end)
      assert.has_error(function() handle.field = 1 end)
      local ok, value = pcall(function() return handle.no_such_method end)
      assert.is_true(not ok or value == nil)
    end)

    it("has metamethods that refuse a wrong self too, when a debugger takes them out", function()
      for name, metamethod in pairs(core.kinds[kind]) do
        if type(metamethod) == "function" then
          for _, self in ipairs { 42, "text", {}, io.stdout } do
            local ok, message = pcall(metamethod, self, "text")
            assert.is_false(ok, name)
            assert.is_truthy(message:find("self must be a " .. type_name, 1, true), message)
          end
          assert.is_false((pcall(metamethod)))
        end
      end
    end)
  end)
end

describe("every atomic operation", function()
  after_each(objects.check_none_left)

  -- f(name, operation, target, operands with the key first) for each operation on an array and on a record
  local function each_operation(f)
    for name, list in pairs(operands) do
      f("shmipc.atomic." .. name, shmipc.atomic[name], specimen.array(), { 1, table.unpack(list) })
      f("shmipc.atomic." .. name, shmipc.atomic[name], specimen.record(), { "count", table.unpack(list) })
    end
  end

  it("works when it is used rightly", function()
    each_operation(function(_, operation, target, list)
      local ok, message = pcall(operation, target, table.unpack(list))
      assert.is_true(ok, message)
    end)
  end)

  it("refuses a target that is neither an array nor a record", function()
    local wrong = { 42, "text", true, {}, print, io.stdout, specimen.view(), specimen.mutex(), specimen.layout() }
    each_operation(function(name, operation, _, list)
      local expected = name .. ": target must be a shmipc.array or a shmipc.record, got "
      raises(expected .. "nothing", operation)
      raises(expected .. "nil", operation, nil, table.unpack(list))
      for _, target in ipairs(wrong) do raises(expected, operation, target, table.unpack(list)) end
    end)
  end)

  it("refuses a closed target", function()
    each_operation(function(name, operation, target, list)
      close(target)
      raises(name .. ": attempt to use a closed shmipc.view", operation, target, table.unpack(list))
      raises(name .. ": attempt to use a closed shmipc.view", operation, target)
    end)
  end)

  it("refuses keys that name no element, and values that are no numbers, and does nothing", function()
    local keys = { 0, 17, -1, 0.5, 0 / 0, math.huge, math.mininteger, "17", "counts", "", ("x"):rep(100), "count\0" }
    each_operation(function(name, operation, target, list)
      local before = view_of[target]:read(0, 64)
      local function refuses(wrong)
        raises(name .. ": ", operation, target, table.unpack(wrong))
        assert.equal(before, view_of[target]:read(0, 64))
      end
      raises(name .. ": ", operation, target)
      each_wrong_argument(list, refuses)
      for _, key in ipairs(keys) do refuses(with_value_at(list, 1, key)) end
      for position = 2, #list do
        for _, value in ipairs { "5", 0.5, 1 << 40, math.mininteger } do
          refuses(with_value_at(list, position, value))
        end
        refuses { table.unpack(list, 1, position - 1) }
      end
    end)
  end)

  it("refuses what is no single number", function()
    local view = specimen.view()
    local record = view:record(specimen.layout())
    local records = view:records(specimen.layout())
    for name, list in pairs(operands) do
      for _, field in ipairs { "label", "more" } do
        raises("only a number or a bool", shmipc.atomic[name], record, field, table.unpack(list))
      end
      raises("only a number or a bool", shmipc.atomic[name], records, 1, table.unpack(list))
      raises("only a number or a bool", shmipc.atomic[name], record.more, 1, table.unpack(list))
    end
  end)

  it("raises at the place that called it", function()
    each_operation(function(name, operation, target, list)
      local function call(...)
        local result = operation(...)
        return result
      end
      each_wrong_argument(list, function(wrong)
        local _, message = pcall(call, target, table.unpack(wrong))
        assert.is_truthy(message:find(here .. ":%d+: " .. name .. ": "), message)
      end)
    end)
  end)

  it("survives a collection in the middle that closes the view", function()
    each_operation(function(_, operation, target, list)
      local ok, message = call_with_collection(1, function() close(target) end, operation, target, table.unpack(list))
      if not ok then assert.is_truthy(message:find("closed shmipc.view", 1, true), message) end
    end)
  end)
end)

describe("every function that makes or opens", function()
  after_each(objects.check_none_left)

  it("takes the options that it has", function()
    for maker, f in pairs(maker_functions()) do
      for option, value in pairs(makers[maker][2] or {}) do
        local list = required_arguments(maker)
        list[#list + 1] = { [option] = value }
        local ok, handle, message, code = pcall(f, table.unpack(list))
        assert.is_true(ok, handle)
        if not handle then objects.refused("NOT_FOUND", handle, message, code) end
      end
    end
  end)

  it("refuses any other option, however small the difference", function()
    local accepted = {}
    for maker, f in pairs(maker_functions()) do
      local options = makers[maker][2]
      if options then
        local wrong = { { [1] = "access" }, { [0.5] = 1 }, { [true] = 1 }, { [""] = 1 }, { [{}] = 1 }, { no_such = 1 } }
        for _, known in ipairs { "access", "mode", "persistent", "owned", "size", "manual", "set", "pack", "capacity",
                                "codec", "layout" } do
          for _, typo in ipairs { known .. "s", known:sub(1, -2), known:upper(), known .. " ", known .. "\0",
                                  known .. "\0x" } do
            wrong[#wrong + 1] = { [typo] = 1 }
          end
          if options[known] == nil then wrong[#wrong + 1] = { [known] = true } end
        end
        for _, given in ipairs(wrong) do
          local list = required_arguments(maker)
          list[#list + 1] = given
          local ok, message = pcall(f, table.unpack(list))
          if ok or not message:find("shmipc." .. maker .. ": options ", 1, true) then
            accepted[#accepted + 1] = ("%s: %q"):format(maker, tostring(next(given)))
          end
        end
      end
    end
    table.sort(accepted)
    assert.same({}, accepted)
  end)

  it("names the options that it has when it refuses one", function()
    for maker, f in pairs(maker_functions()) do
      local options = makers[maker][2]
      if options and next(options) then
        local list = required_arguments(maker)
        list[#list + 1] = { no_such = 1 }
        local _, message = pcall(f, table.unpack(list))
        for option in pairs(options) do assert.is_truthy(message:find(option, 1, true), message) end
        assert.is_truthy(message:find('got "no_such"', 1, true), message)
      end
    end
  end)

  it("refuses options that are not a table, and values of a wrong type", function()
    for maker, f in pairs(maker_functions()) do
      local options = makers[maker][2]
      for _, wrong in ipairs(options and { 42, "rw", true, print, io.stdout } or {}) do
        local list = required_arguments(maker)
        list[#list + 1] = wrong
        raises("shmipc." .. maker .. ": options must be a table, got ", f, table.unpack(list))
      end
      for option, right in pairs(options or {}) do
        for _, wrong in ipairs { 0.5, "text", "384", {}, print, math.maxinteger, -1, 0 / 0,
                                 type(right) ~= "boolean" and true or 1 } do
          local may_be = option == "size" and wrong == math.maxinteger or option == "codec" and type(wrong) == "table"
          if not may_be then
            local list = required_arguments(maker)
            list[#list + 1] = { [option] = wrong }
            local message = raises("shmipc." .. maker .. ": " .. option .. " must be ", f, table.unpack(list))
            assert.is_truthy(message:find("got ", 1, true), message)
          end
        end
      end
    end
  end)

  it("refuses required arguments that are missing or of a wrong type", function()
    for maker, f in pairs(maker_functions()) do
      raises("shmipc." .. maker .. ": ", f)
      local list = required_arguments(maker)
      for position = 1, #list do
        for _, wrong in ipairs { {}, true, print, io.stdout, type(list[position]) == "string" and 8 or "8" } do
          local message = raises("shmipc." .. maker .. ": ", f, table.unpack(with_value_at(list, position, wrong)))
          assert.is_truthy(message:find(" must be ", 1, true), message)
          assert.is_truthy(message:find("got ", 1, true), message)
        end
      end
    end
  end)

  it("makes nothing when it raises", function()
    for maker, f in pairs(maker_functions()) do
      local list = required_arguments(maker)
      list[#list + 1] = { no_such = 1 }
      pcall(f, table.unpack(list))
      if maker == "mapping.file" then
        assert.is_nil(io.open(list[1]))
      elseif maker ~= "layout" then
        objects.refused("NOT_FOUND", shmipc.mapping.open(list[1]))
      end
    end
  end)

  it("survives a collection in the middle", function()
    for maker, f in pairs(maker_functions()) do
      local list = required_arguments(maker)
      local ok, message = call_with_collection(1, function() end, f, table.unpack(list))
      assert.is_true(ok, message)
    end
  end)
end)

describe("a handle that is misused from inside", function()
  after_each(objects.check_none_left)

  it("may be closed by the function that with calls", function()
    local name = objects.name()
    local other <close> = assert(shmipc.mutex.create(name))
    local mutex = assert(shmipc.mutex.open(name))
    assert.equal("done", mutex:with(function()
      mutex:close()
      return "done"
    end))
    local guard <close>, told = other:lock(1)
    assert.is_truthy(guard)
    assert.equal("abandoned", told)
  end)

  it("may be its own source, and its own holder", function()
    local view <close> = specimen.view()
    view:copy(0, view, 0, #view)
    local mutex <close> = specimen.mutex()
    mutex:with(mutex.with, mutex, mutex.close, mutex)
    assert.is_truthy(tostring(mutex):find "closed")
  end)
end)
