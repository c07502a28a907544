local core = require "shmipc.core"
local objects = require "support.objects"
local shmipc = require "shmipc"

local raises = objects.raises
local here = debug.getinfo(1, "S").short_src

-- ---- what is tried: found in the module, so that nothing new escapes; these tables say how it is used rightly

-- An open handle of each kind.
local specimen = {}
function specimen.mapping() return assert(shmipc.mapping.create(objects.name(), 64)) end
function specimen.view() return assert(specimen.mapping():view()) end
function specimen.mutex() return assert(shmipc.mutex.create(objects.name())) end
function specimen.guard() return assert(specimen.mutex():lock()) end

-- Arguments of methods that need some; those of the typed reads and writes are made below. None of them may be a
-- table, a boolean or a file.
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
  },
  mutex = {
    lock = { 0 },
    with = { 0, function() end },
  },
}
for method in pairs(core.kinds.view.methods) do
  if method:find "^read_%a%d" then arguments.view[method] = { 0 } end
  if method:find "^write_%a%d" then arguments.view[method] = { 0, 1 } end
end

-- What must be so before the method works.
local preparation = { ["mutex:unlock"] = function(mutex) mutex:lock() end }

local function arguments_of(kind, method)
  local list = {}
  for i, value in ipairs(arguments[kind] and arguments[kind][method] or {}) do
    list[i] = value == specimen.view and value() or value
  end
  return list
end

-- The functions that make handles: required arguments, and options with values that are right. A name is given as
-- `objects.name`, a path as `objects.file`.
local makers = {
  ["mapping.create"] = { { objects.name, 8 }, { access = "r", mode = 384, persistent = false } },
  ["mapping.open"] = { { objects.name }, { access = "r" } },
  ["mapping.open_or_create"] = { { objects.name, 8 }, { access = "r", mode = 384, persistent = false } },
  ["mapping.file"] = { { objects.file }, { access = "rw", mode = 384, size = 8 } },
  ["mapping.unlink"] = { { objects.name } },
  ["mutex.create"] = { { objects.name }, { owned = true, mode = 384 } },
  ["mutex.open"] = { { objects.name }, {} },
  ["mutex.open_or_create"] = { { objects.name }, { owned = true, mode = 384 } },
  ["mutex.unlink"] = { { objects.name } },
}

local function maker_functions()
  local found = {}
  for kind in pairs(core.kinds) do
    for name, f in pairs(shmipc[kind] or {}) do found[kind .. "." .. name] = f end
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

-- f(method's name, method, arguments) for every method of the kind
local function each_method(kind, f)
  for name, method in pairs(core.kinds[kind].methods) do f(kind .. ":" .. name, method, arguments_of(kind, name)) end
end

local function with_value_at(list, position, value)
  local changed = table.move(list, 1, #list, 1, {})
  changed[position] = value
  return changed
end

-- Calls f so that the first allocation in it runs a whole collection, with its finalisers, of which one is `in_middle`.
local function call_with_collection(in_middle, f, ...)
  collectgarbage()
  collectgarbage "stop"
  collectgarbage("incremental", 100, 400, 40)
  setmetatable({}, { __gc = in_middle })
  collectgarbage "restart"
  local ok, message = pcall(f, ...)
  collectgarbage("incremental", 200, 100, 13)
  return ok, message
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
  end)
end)

for kind in pairs(core.kinds) do
  local type_name = "shmipc." .. kind

  describe("every method of a " .. kind, function()
    after_each(objects.check_none_left)

    it("works when it is used rightly", function()
      each_method(kind, function(name, method, list)
        local handle <close> = specimen[kind]()
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

    it("refuses a closed self, close itself aside", function()
      each_method(kind, function(name, method, list)
        if name == kind .. ":close" then return end
        local handle = specimen[kind]()
        handle:close()
        raises(("%s: attempt to use a closed %s"):format(name, type_name), method, handle, table.unpack(list))
        raises(("%s: attempt to use a closed %s"):format(name, type_name), method, handle)
      end)
    end)

    it("refuses a table, a boolean or a file in the place of any argument, and does nothing", function()
      each_method(kind, function(name, method, list)
        for position = 1, #list do
          for _, value in ipairs { {}, true, io.stdout } do
            local handle <close> = specimen[kind]()
            local before = tostring(handle)
            local message = raises(name .. ": ", method, handle, table.unpack(with_value_at(list, position, value)))
            assert.is_truthy(message:find("got ", 1, true), message)
            assert.equal(before, tostring(handle))
          end
        end
      end)
    end)

    it("raises at the place that called it", function()
      local function call(method, ...)
        local result = method(...)
        return result
      end
      local place = here .. ":%d+: " .. kind .. ":"
      each_method(kind, function(name, method, list)
        local _, message = pcall(call, method, 42)
        assert.is_truthy(message:find(place), message)
        if name == kind .. ":close" then return end
        local handle = specimen[kind]()
        for position = 1, #list do
          _, message = pcall(call, method, handle, table.unpack(with_value_at(list, position, {})))
          assert.is_truthy(message:find(place), message)
        end
        handle:close()
        _, message = pcall(call, method, handle, table.unpack(list))
        assert.is_truthy(message:find(place), message)
      end)
    end)

    it("survives a collection in the middle", function()
      local collections = 0
      each_method(kind, function(name, method, list)
        local handle <close> = specimen[kind]()
        if preparation[name] then preparation[name](handle) end
        local ok, message = call_with_collection(function() collections = collections + 1 end, method, handle,
                                                 table.unpack(list))
        assert.is_true(ok, message)
      end)
      assert.is_true(collections > 0 or kind == "guard") -- closing a guard allocates nothing
    end)

    it("survives a collection in the middle that closes its own handle", function()
      each_method(kind, function(name, method, list)
        local handle = specimen[kind]()
        if preparation[name] then preparation[name](handle) end
        local ok, message = call_with_collection(function() handle:close() end, method, handle, table.unpack(list))
        if not ok then assert.is_truthy(message:find("closed " .. type_name, 1, true), message) end
        handle:close()
        assert.is_truthy(tostring(handle):find "%(closed%)$")
      end)
    end)
  end)

  describe("a " .. kind, function()
    after_each(objects.check_none_left)

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

    it("can be collected after it was closed, and closed while others of its kind are open", function()
      local open <close> = specimen[kind]()
      local closed = specimen[kind]()
      closed:close()
      closed = nil
      collectgarbage()
      assert.is_nil(closed)
      assert.is_nil(tostring(open):find "closed")
    end)

    it("keeps its metatable to itself", function()
      local handle <close> = specimen[kind]()
      assert.equal(type_name, getmetatable(handle))
      assert.has_error(function() setmetatable(handle, {}) end)
      assert.has_error(function() handle.field = 1 end)
      assert.is_nil(handle.no_such_method)
    end)

    it("has metamethods that refuse a wrong self too, when a debugger takes them out", function()
      local handle <close> = specimen[kind]()
      for name, metamethod in pairs(debug.getmetatable(handle)) do
        if type(metamethod) == "function" then
          for _, self in ipairs { 42, "text", {}, io.stdout } do
            local ok, message = pcall(metamethod, self, self)
            assert.is_false(ok, name)
            assert.is_truthy(message:find("self must be a " .. type_name, 1, true), message)
          end
          assert.is_false((pcall(metamethod)))
        end
      end
    end)
  end)
end

describe("every function that makes or opens", function()
  after_each(objects.check_none_left)

  it("takes the options that it has", function()
    for maker, f in pairs(maker_functions()) do
      for option, value in pairs(makers[maker][2] or {}) do
        local list = required_arguments(maker)
        list[#list + 1] = { [option] = value }
        local ok, handle, message, code = pcall(f, table.unpack(list))
        assert.is_true(ok, handle)
        if handle then
          handle:close()
        else
          objects.refused("NOT_FOUND", handle, message, code)
        end
      end
    end
  end)

  it("refuses any other option, however small the difference", function()
    local accepted = {}
    for maker, f in pairs(maker_functions()) do
      local options = makers[maker][2]
      if options then
        local wrong = { { [1] = "access" }, { [0.5] = 1 }, { [true] = 1 }, { [""] = 1 }, { [{}] = 1 }, { no_such = 1 } }
        for _, known in ipairs { "access", "mode", "persistent", "owned", "size" } do
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
          if not (option == "size" and wrong == math.maxinteger) then
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
      if maker ~= "mapping.file" then
        objects.refused("NOT_FOUND", shmipc.mapping.open(list[1]))
      else
        assert.is_nil(io.open(list[1]))
      end
    end
  end)

  it("survives a collection in the middle", function()
    for maker, f in pairs(maker_functions()) do
      local list = required_arguments(maker)
      local ok, message = call_with_collection(function() end, f, table.unpack(list))
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
