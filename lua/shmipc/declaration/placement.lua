-- Where the members of a struct or union lie, by the rules of gcc, clang and the compilers of Windows.

local diagnostic = require "shmipc.declaration.diagnostic"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local placement = {}

--- The largest size of anything: every byte has an offset that a number of any kind holds.
placement.LARGEST = 1 << 53

local MOST_DIMENSIONS = 16
local DEEPEST = 64 -- structs in structs, whether written in each other or by name

-- What an aligned attribute asks for counts even in a packed struct; #pragma pack limits all.
local function alignment(member, is_packed)
  local asked = member.attributes.aligned or 1
  local natural = (is_packed or member.attributes.packed) and 1 or member.type.align
  return math.min(math.max(natural, asked), member.pack)
end

local function round_up(size, align)
  return (size + align - 1) // align * align
end

-- What one member looks like to whoever reads it.
local function field(member, offset)
  local dimensions, base = types.dimensions(member.type)
  local units
  if base.text and #dimensions > 0 then units = table.remove(dimensions) end
  if #dimensions > MOST_DIMENSIONS then
    fail(member.name, "%s has more than %d dimensions", quote(member.name.text), MOST_DIMENSIONS)
  end
  return {
    name = member.name.text,
    offset = offset,
    size = member.type.size,
    type = base.record or units and base.text or base.element,
    units = units,
    dims = #dimensions > 0 and dimensions or nil,
    c_type = base.c_type,
    line = member.name.line,
    column = member.name.column,
  }
end

local function moved(original, offset)
  local copy = {}
  for key, value in pairs(original) do copy[key] = value end
  copy.offset = original.offset + offset
  return copy
end

-- The fields that a member brings: itself, or those of an anonymous struct.
local function brought(member, offset)
  if member.name then return { field(member, offset) } end
  local fields = {}
  for i, inner in ipairs(member.type.record.fields) do fields[i] = moved(inner, offset) end
  return fields
end

local function add_fields(fields, added, names)
  for _, new in ipairs(added) do
    if names[new.name] then
      fail(new, "there are two members %s, the first in line %d", quote(new.name), names[new.name].line)
    end
    names[new.name] = new
    fields[#fields + 1] = new
  end
end

local function nesting(members)
  local deepest = 0
  for _, member in ipairs(members) do
    local _, base = types.dimensions(member.type)
    if base.record then deepest = math.max(deepest, base.record.nesting) end
  end
  return deepest + 1
end

--- The description under another name and with another alignment, as a typedef may give it. The size stays.
function placement.realigned(description, name, align)
  local copy = {}
  for key, value in pairs(description) do copy[key] = value end
  copy.name, copy.align = name, align
  return copy
end

--- Describes a struct or union that stands at a place. A member is { name = its token, or nil if it is anonymous,
-- type =, pack =, attributes =, place = }.
function placement.describe(kind, members, attributes, place)
  local fields, names = {}, {}
  local size, finish, align = 0, 0, attributes.aligned or 1
  for _, member in ipairs(members) do
    local member_align = alignment(member, attributes.packed)
    local offset = kind == "union" and 0 or round_up(finish, member_align)
    finish = offset + member.type.size
    if finish > placement.LARGEST then fail(member.place, "the %s is too large", kind) end
    size, align = math.max(size, finish), math.max(align, member_align)
    add_fields(fields, brought(member, offset), names)
  end
  local depth = nesting(members)
  if depth > DEEPEST then fail(place, "structs are nested more than %d deep", DEEPEST) end
  return { kind = kind, size = round_up(size, align), align = align, fields = fields, nesting = depth }
end

return placement
