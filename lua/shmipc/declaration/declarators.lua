-- A name, and what stands around it: `*name`, `name[3]`, `(*name)(void)`.

local attributes = require "shmipc.declaration.attributes"
local constant = require "shmipc.declaration.constant"
local diagnostic = require "shmipc.declaration.diagnostic"
local names = require "shmipc.declaration.names"
local placement = require "shmipc.declaration.placement"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local MOST_DERIVATIONS = 64 -- stars, brackets and parentheses of one name

local declarators = {}

-- ---- reading: a list of what is derived, from the name outwards

-- Whether a word may stand among the stars, and means nothing there.
local function is_idle(text)
  return names.qualifiers[text] or names.conventions[text] or text == "_Atomic"
end

-- The stars left of a name.
local function read_pointers(parser)
  local cursor, stars = parser.cursor, {}
  while true do
    local token, ignored = cursor:peek(), {}
    if attributes.read(parser, ignored) then
      attributes.refuse(ignored, token, "this attribute is not supported here: write it behind the name")
    elseif token.text == "*" then
      stars[#stars + 1] = { derive = "pointer", place = cursor:next() }
    elseif is_idle(token.text) then
      cursor:next()
    else
      return stars
    end
  end
end

local function read_length(parser)
  local place = parser.cursor:peek()
  if place.text == "]" then return nil end
  local length = constant.read(parser)
  if length < 0 then fail(place, "the length of the array is %d", length) end
  if length == 0 then types.fail_without_length(place, "an array of length 0") end
  return length
end

-- The brackets and parameters right of a name.
local function read_suffixes(parser, derivations)
  local cursor = parser.cursor
  while true do
    local token = cursor:peek()
    if token.text == "[" then
      cursor:next()
      table.insert(derivations, { derive = "array", count = read_length(parser), place = token })
      cursor:expect "]"
    elseif token.text == "(" then
      cursor:skip_group()
      table.insert(derivations, { derive = "func", place = token })
    else
      return
    end
  end
end

local group_starts = { ["*"] = true, ["("] = true, ["["] = true }

-- Whether a parenthesis here is around a declarator. Without a name it may be around parameters.
local function at_group(cursor, is_abstract)
  if cursor:peek().text ~= "(" then return false end
  local inner = cursor:peek(1).text
  return not is_abstract or group_starts[inner] or names.conventions[inner]
end

-- Reads a declarator, and appends what it derives. Returns the name, unless it is abstract.
local function read_derivations(parser, derivations, is_abstract)
  local cursor = parser.cursor
  local stars = read_pointers(parser)
  local name
  if at_group(cursor, is_abstract) then
    cursor:next()
    name = cursor:deeper(read_derivations, parser, derivations, is_abstract)
    cursor:expect ")"
  elseif cursor:peek().text == "&" then
    fail(cursor:peek(), "references are not supported")
  elseif not is_abstract then
    name = cursor:expect_name()
  end
  read_suffixes(parser, derivations)
  table.move(stars, 1, #stars, #derivations + 1, derivations)
  if #derivations > MOST_DERIVATIONS then fail(derivations[1].place, "the declaration is too complicated") end
  return name
end

-- ---- deriving

local derive = {}

function derive.pointer(scope, target) return scope.types:pointer(target) end

function derive.func(_, result) return types.func(result) end

function derive.array(scope, element, derivation)
  local of, place = scope:sized(element, derivation.place), derivation.place
  if of.size % of.align ~= 0 then
    fail(place, "%s is aligned to %d, which its size of %d does not allow in an array", quote(of.c_type), of.align,
      of.size)
  end
  if (derivation.count or 0) > placement.LARGEST // of.size then fail(place, "the array is too large") end
  return types.array(of, derivation.count)
end

--- Reads a declarator. Returns the name, unless it is abstract, and the type that it makes of the base.
function declarators.read(parser, base, is_abstract)
  local derivations, type = {}, base
  local name = read_derivations(parser, derivations, is_abstract)
  for i = #derivations, 1, -1 do type = derive[derivations[i].derive](parser.scope, type, derivations[i]) end
  return name, type
end

return declarators
