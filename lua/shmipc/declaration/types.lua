-- The types that declarations are made of, as tables of this shape:
--   c_type   how a person would write it
--   size, align   nil in a type without a size; then `lacks` says why
--   element  an element's name, "bool", or of a pointer the element that holds it
--   text     "text8", "text16" or "text32" of characters, whose arrays are texts
--   of, count   the element and the length of an array
--   record   the description of a struct or union
--   tag      the key in the scope of a struct or union that was not defined where it was named
--   target   what a pointer points to

local diagnostic = require "shmipc.declaration.diagnostic"
local names = require "shmipc.declaration.names"

local Types = {}
Types.__index = Types

local FLEXIBLE = "has no length"

function Types:element(element, c_type, is_character)
  local shape = element == "bool" and { size = 1, align = 1 } or self.native.elements[element]
  return {
    c_type = c_type,
    element = element,
    size = shape.size,
    align = shape.align,
    text = is_character and "text" .. shape.size * 8 or nil,
  }
end

--- The type of a native name or an alias, or nil.
function Types:named(name)
  local native, target, is_character = self.native, name, names.characters[name]
  while not native.types[target] and names.aliases[target] and not native.elements[target] do
    target = names.aliases[target]
    is_character = is_character or names.characters[target]
  end
  if target == "pointer" then return self:element(native.pointer, name) end
  local element = native.elements[target] and target or native.types[target]
  if element then return self:element(element, name, is_character) end
end

--- Every name that named() knows.
function Types:all_names()
  local list = {}
  for _, source in ipairs { self.native.types, names.aliases, names.words } do
    for name in pairs(source) do list[#list + 1] = name end
  end
  return list
end

function Types.void()
  return { c_type = "void", lacks = "has no size" }
end

--- A struct or union of which only the tag is known.
function Types.incomplete(tag)
  return { c_type = tag, tag = tag, lacks = "is not defined" }
end

function Types.record(description, c_type)
  return { c_type = c_type, record = description, size = description.size, align = description.align }
end

--- A copy under another name, with an alignment of its own if one is given.
function Types.renamed(type, c_type, align)
  local copy = {}
  for key, value in pairs(type) do copy[key] = value end
  copy.c_type, copy.spell, copy.is_suffixed = c_type, nil, nil
  copy.align = type.align and align or type.align
  return copy
end

-- ---- derived types. Each has its part of what a person would write around the name: `int (*)[4]`.

local function spelled(type, inner)
  if type.spell then return type:spell(inner) end
  local space = inner ~= "" and inner:sub(1, 1) ~= "[" and " " or ""
  return type.c_type .. space .. inner
end

local function spell_pointer(type, inner)
  inner = "*" .. inner
  if type.target.is_suffixed then inner = "(" .. inner .. ")" end
  return spelled(type.target, inner)
end

local function spell_array(type, inner)
  return spelled(type.of, ("%s[%s]"):format(inner, type.count or ""))
end

local function spell_function(type, inner)
  return spelled(type.result, inner .. "()")
end

local function named_as_spelled(type)
  type.c_type = spelled(type, "")
  return type
end

function Types:pointer(target)
  local type = self:element(self.native.pointer, nil)
  type.target, type.spell = target, spell_pointer
  return named_as_spelled(type)
end

--- An array of a type that has a size; without a count it has none itself.
function Types.array(of, count)
  return named_as_spelled {
    of = of,
    count = count,
    size = count and of.size * count,
    align = of.align,
    lacks = not count and FLEXIBLE or nil,
    is_suffixed = true,
    spell = spell_array,
  }
end

function Types.func(result)
  return named_as_spelled { result = result, lacks = "is a function", is_suffixed = true, spell = spell_function }
end

--- Ends the compilation: what is at the place has no size, and can only be the end of something.
function Types.fail_without_length(place, what)
  diagnostic.fail(place, "%s is not supported: leave it out, and use view:array or view:read at its offset", what)
end

--- Whether it is an array whose length was left open.
function Types.is_flexible(type)
  return type.lacks == FLEXIBLE
end

--- The dimensions of a type, the outermost first, and the type that they are dimensions of.
function Types.dimensions(type)
  local list = {}
  while type.of do
    list[#list + 1] = type.count
    type = type.of
  end
  return list, type
end

--- The types of a platform.
function Types.new(native)
  return setmetatable({ native = native }, Types)
end

return Types
