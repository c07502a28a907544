-- Layouts: what stands where in a C struct. The declaration is read here; csrc/binding/layout.c makes the form that
-- records use.

local core = require "shmipc.core"
local nearest = require "shmipc.nearest"

-- LDoc takes one module a file: the blocks of these functions stand in csrc/binding/layout.c.

local layout = core.kinds.layout
local description_of = layout.description
local methods = layout.methods

local known = {} -- what the declarations of this Lua state have defined, by name
local made = setmetatable({}, { __mode = "k" }) -- layouts by their compiled declarations

local function misuse(func, text, ...)
  error(func .. ": " .. text:format(...), 3)
end

-- A value in a message, as the messages of the C half show it.
local function shown(value)
  if type(value) == "string" then return ('"%s" (a string)'):format(value:sub(1, 40):gsub("%c", "?")) end
  return math.type(value) and tostring(value) or type(value)
end

-- ---- making one

local packs = { [1] = true, [2] = true, [4] = true, [8] = true, [16] = true }

local function pack_of(options)
  if options == nil then return nil end
  if type(options) ~= "table" then error("options must be a table, got " .. shown(options), 0) end
  for option in next, options do
    if option ~= "pack" then error(("options may have pack, got %s"):format(shown(option)), 0) end
  end
  local pack = rawget(options, "pack")
  if pack ~= nil and not (math.type(pack) and packs[pack]) then
    error(("pack must be 1, 2, 4, 8 or 16, got %s"):format(shown(pack)), 0)
  end
  return pack and math.tointeger(pack)
end

local make -- of a compiled struct, the structs in it first

local function make_field(field)
  local described = {}
  for key, value in pairs(field) do described[key] = value end
  if type(field.type) == "table" then described.type = make(field.type) end
  return described
end

function make(struct)
  if made[struct] then return made[struct] end
  local fields = {}
  for i, field in ipairs(struct.fields) do fields[i] = make_field(field) end
  made[struct] = core.layout {
    name = struct.name and struct.kind .. " " .. struct.name or struct.kind,
    size = struct.size,
    align = struct.align,
    fields = fields,
  }
  return made[struct]
end

local function new(text, options)
  if type(text) ~= "string" then
    misuse("shmipc.layout", "c_declaration must be a string, got %s", shown(text))
  end
  local is_good, pack = pcall(pack_of, options)
  if not is_good then misuse("shmipc.layout", "%s", pack) end
  local declaration = require "shmipc.declaration" -- not before it is needed: it is large
  local struct, message = declaration.compile(text, { native = core.native, pack = pack, known = known })
  if not struct then misuse("shmipc.layout", "%s", message) end
  return make(struct)
end

-- ---- looking at one

local function find(fields, name)
  for _, field in ipairs(fields) do
    if field.name == name then return field end
  end
end

local function names_of(fields)
  local names = {}
  for i, field in ipairs(fields) do names[i] = field.name end
  return names
end

-- The offset of a field, or of one in a struct inside ("position.x").
function methods.offset(self, path)
  local inner = description_of(self, "layout:offset")
  if type(path) ~= "string" then misuse("layout:offset", "field must be a string, got %s", shown(path)) end
  local offset, outer = 0, nil
  for name in (path .. "."):gmatch "([^.]*)%." do
    if not inner then misuse("layout:offset", "%q is no struct, and has no field %q", outer, name) end
    local field = find(inner.fields, name)
    if not field then
      local near = nearest(name, names_of(inner.fields))
      misuse("layout:offset", "%s has no field %q%s", inner.name, name,
        near and ('; did you mean "%s"?'):format(near) or "")
    end
    outer = name
    offset = offset + field.offset
    inner = type(field.type) == "userdata" and not field.dims and description_of(field.type, "layout:offset")
  end
  return offset
end

-- Bytes of the whole field.
local function size_of(field)
  local element = core.native.elements[field.type]
  local size
  if type(field.type) == "userdata" then
    size = field.type.size
  elseif field.units then
    size = field.units * tonumber(field.type:match "%d+") // 8
  else
    size = element and element.size or 1
  end
  for _, count in ipairs(field.dims or {}) do size = size * count end
  return size
end

-- "[3][4]", with the length of a text as the last.
local function brackets_of(field)
  local counts = table.move(field.dims or {}, 1, #(field.dims or {}), 1, {})
  counts[#counts + 1] = field.units
  return #counts > 0 and "[" .. table.concat(counts, "][") .. "]" or ""
end

function methods.fields(self)
  local list = {}
  for i, field in ipairs(description_of(self, "layout:fields").fields) do
    list[i] = {
      name = field.name,
      offset = field.offset,
      size = size_of(field),
      type = field.c_type .. brackets_of(field),
      layout = type(field.type) == "userdata" and field.type or nil,
    }
  end
  return list
end

function layout.__tostring(self)
  local description = description_of(self, "tostring")
  local lines = {
    ("%s: %d bytes, aligned to %d"):format(description.name, description.size, description.align),
    ("%8s %8s  %s"):format("offset", "size", "field"),
  }
  for _, field in ipairs(description.fields) do
    local gap = field.c_type:match "%*$" and "" or " "
    lines[#lines + 1] = ("%8d %8d  %s%s%s%s"):format(field.offset, size_of(field), field.c_type, gap, field.name,
      brackets_of(field))
  end
  return table.concat(lines, "\n")
end

return new
