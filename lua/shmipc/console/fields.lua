-- What stands in memory as a person names it: a field of a C struct ("position.x", "laps[2]"), an element of an array
-- of numbers ("3", counted from 1), a text. Shared by get, set, dump and watch.

local command = require "shmipc.command"
local shmipc = require "shmipc"

local fields = {}

local types = { "i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64", "f32", "f64", "bool", "text" }

local function integer(word)
  return math.tointeger(tonumber(word))
end

--- The options that say where to look and as what.
function fields.options(parser)
  parser:option("--as", "Take the bytes for elements of this type, or for a text that ends with a NUL."):choices(types)
    :argname "TYPE"
  parser:option("--layout", "Take them for a C struct: the last one in this file, or the declaration itself.")
    :argname "FILE"
  parser:option("--struct", "Which struct or type of the layout's file."):argname "NAME"
  parser:option("--pack", "As #pragma pack in front of the layout."):convert(integer):argname "N"
  parser:option("--offset", "Where to begin, in bytes from 0; 0x10 is 16.", "0"):convert(integer):argname "BYTES"
end

--- The options for a lock.
function fields.lock_options(parser)
  parser:option("--lock", "Hold this mutex meanwhile."):argname "MUTEX"
  parser:option("--timeout", "Wait so many seconds for the lock.", "5"):convert(tonumber):argname "SECONDS"
end

--- Calls a function, under the lock if one was asked for.
function fields.locked(chosen, f, ...)
  if not chosen.lock then return f(...) end
  local mutex <close> = command.expect(shmipc.mutex.open(chosen.lock))
  local guard <close>, told = command.expect(mutex:lock(chosen.timeout))
  if told then io.stderr:write(("the last owner of %s died with the lock\n"):format(chosen.lock)) end
  return f(...)
end

-- ---- layouts

local function contents(path)
  local file <close> = command.expect(io.open(path, "rb"))
  return file:read "a"
end

-- A header's usual frame, which says nothing about structs: the guard around all of it, and what is for C++ only. Lines
-- keep their numbers.
local function without_frame(declarations)
  local lines, directives = {}, {}
  for line in (declarations .. "\n"):gmatch "(.-)\r?\n" do
    lines[#lines + 1] = line
    if line:find "^%s*#%s*%l" then directives[#directives + 1] = #lines end
  end
  local function directive(n) return lines[directives[n]] or "" end
  local guard = directive(1):match "^%s*#%s*ifndef%s+([%w_]+)"
  local defined = directive(2):match "^%s*#%s*define%s+([%w_]+)%s*$"
  if guard and defined == guard and directive(#directives):find "#%s*endif" then
    for _, n in ipairs { 1, 2, #directives } do lines[directives[n]] = "" end
  end
  local is_cplusplus = false
  for i, line in ipairs(lines) do
    is_cplusplus = is_cplusplus or line:find "^%s*#%s*ifdef%s+__cplusplus" ~= nil
    if is_cplusplus then
      lines[i] = ""
      is_cplusplus = not line:find "^%s*#%s*endif"
    end
  end
  return table.concat(lines, "\n")
end

-- The layout of a type that the declarations name.
local function named_layout(declarations, name, options)
  local message
  for _, tag in ipairs { "struct ", "union ", "" } do
    local is_good, wrapper = pcall(shmipc.layout, ("%s\nstruct { %s%s it; };"):format(declarations, tag, name), options)
    local inner = is_good and wrapper:fields()[1].layout
    if inner then return inner end
    message = message or wrapper
  end
  command.fail("the layout has no struct %s: %s", name, tostring(message):gsub("^.-shmipc.layout: ", ""))
end

--- The layout that was asked for, or nil.
function fields.layout(chosen)
  if not chosen.layout then
    if chosen.struct then command.fail "--struct needs --layout" end
    return nil
  end
  local declarations = chosen.layout:find "[{;]" and chosen.layout or contents(chosen.layout)
  declarations = without_frame(declarations)
  local options = chosen.pack and { pack = chosen.pack }
  local layout = command.attempt(shmipc.layout, declarations, options)
  return chosen.struct and named_layout(declarations, chosen.struct, options) or layout
end

-- ---- what a view is taken for

--- A source: `read()` gives all values at once, as a value, list or table; `target` is what may be written to (nil: a
-- text); `order` the layout, if there is one.
function fields.source(view, chosen)
  local layout, as = fields.layout(chosen), chosen.as
  if layout and as then command.fail "--as and --layout exclude each other" end
  if layout then
    local record = command.attempt(view.record, view, layout, chosen.offset)
    return { target = record, order = layout, read = function() return shmipc.record.snapshot(record) end }
  end
  if as == "text" then
    return { read = function() return command.attempt(view.read_cstring, view, chosen.offset) end }
  end
  local array = command.attempt(view.array, view, as, chosen.offset, chosen.elements)
  return { target = array, read = function() return array:get() end }
end

-- ---- paths

-- "laps[2].time" -> {"laps", 2, "time"}; nil: it is none.
local function steps_of(path)
  local steps, at = {}, 1
  while at <= #path do
    local word, after = path:match("^%.?([%a_][%w_]*)()", at)
    local index, behind = path:match("^%[(%d+)%]()", at)
    if not index and at == 1 then index, behind = path:match "^(%d+)()$" end
    if not word and not index then return nil end
    steps[#steps + 1] = word or math.tointeger(index)
    at = after or behind
  end
  return #steps > 0 and steps or nil
end

-- Where the path leads to in a table, array or record: what contains it, and its key there.
local function follow(container, path)
  local steps = steps_of(path)
  if not steps then command.fail('"%s" names no field: names, [numbers from 1] and dots are expected', path) end
  for i = 1, #steps - 1 do
    local inner = command.attempt(function() return container[steps[i]] end)
    if type(inner) ~= "table" and type(inner) ~= "userdata" then
      command.fail('there is no "%s": "%s" has no parts', path, tostring(steps[i]))
    end
    container = inner
  end
  return container, steps[#steps]
end

--- The value of a field.
function fields.get(source, path)
  if not source.target then command.fail "a text has no fields" end
  local container, key = follow(source.target, path)
  local value = command.attempt(function() return container[key] end)
  if value == nil then command.fail('there is no "%s"', path) end
  if type(value) ~= "userdata" then return value end
  container, key = follow(source.read(), path)
  return container[key]
end

-- The text as a value of the kind that stands there.
local function converted(word, present, path)
  if type(present) == "string" then return word end
  if type(present) == "boolean" then
    if word ~= "true" and word ~= "false" then command.fail('"%s" must be true or false, got "%s"', path, word) end
    return word == "true"
  end
  if type(present) ~= "number" then command.fail('"%s" has parts: name one of them', path) end
  return tonumber(word) or command.fail('"%s" must be a number, got "%s"', path, word)
end

--- Writes a field.
function fields.set(source, path, word)
  local container, key = follow(source.target, path)
  local present = command.attempt(function() return container[key] end)
  if present == nil then command.fail('there is no "%s"', path) end
  local value = converted(word, present, path)
  command.attempt(function() container[key] = value end)
end

--- All values in a flat list of {path, value}, in their order in memory; at most `limit` elements of each array.
function fields.flat(value, layout, limit)
  local list = {}
  local function walk(inner, inner_layout, path)
    if type(inner) ~= "table" then
      list[#list + 1] = { path, inner }
    elseif inner_layout and inner[1] == nil then
      for _, field in ipairs(inner_layout:fields()) do
        walk(inner[field.name], field.layout, path == "" and field.name or path .. "." .. field.name)
      end
    elseif inner[1] == nil then -- a struct in it, whose layout the caller does not have
      local names = {}
      for name in pairs(inner) do names[#names + 1] = name end
      table.sort(names)
      for _, name in ipairs(names) do walk(inner[name], nil, path == "" and name or path .. "." .. name) end
    else
      for i = 1, math.min(#inner, limit or math.huge) do walk(inner[i], inner_layout, ("%s[%d]"):format(path, i)) end
    end
  end
  walk(value, layout, "")
  return list
end

return fields
