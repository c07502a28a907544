-- Structs, unions and enums: what has a tag, and braces.

local attributes = require "shmipc.declaration.attributes"
local constant = require "shmipc.declaration.constant"
local diagnostic = require "shmipc.declaration.diagnostic"
local integer = require "shmipc.declaration.integer"
local placement = require "shmipc.declaration.placement"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local INT_MIN, INT_MAX, UINT_MAX = -(1 << 31), (1 << 31) - 1, (1 << 32) - 1

local tagged = {}

-- ---- structs and unions

-- The name is unknown until the closing brace, whatever it meant before.
local function announce(scope, key, place)
  if scope:find_new(key) then fail(place, "%s is defined twice", quote(key)) end
  scope:define(key, types.incomplete(key))
end

-- The members between the braces.
local function read_members(parser, keyword)
  local cursor = parser.cursor
  local open = cursor:expect "{"
  local members = cursor:deeper(parser.members, parser)
  local close = cursor:expect "}"
  if #members == 0 then fail(open, "the %s is empty", keyword.text) end
  if open.pack ~= close.pack then
    fail(close, "#pragma pack changes within the %s: compilers differ in what that means", keyword.text)
  end
  for _, member in ipairs(members) do member.pack = close.pack end
  return members
end

local function define_record(parser, keyword, tag, own)
  local key = tag and keyword.text .. " " .. tag.text
  if key then announce(parser.scope, key, tag) end
  local members = read_members(parser, keyword)
  attributes.read(parser, own)
  local description = placement.describe(keyword.text, members, own, keyword)
  description.name = tag and tag.text
  local type = types.record(description, key or keyword.text)
  if key then parser.scope:define(key, type) end
  parser.last_record = description
  return type
end

local function refer_to_record(parser, keyword, tag)
  if parser.cursor:peek().text == ":" then fail(parser.cursor:peek(), "base classes are not supported") end
  local key = keyword.text .. " " .. tag.text
  return parser.scope:find(key) or types.incomplete(key)
end

--- Reads a struct or union, or only the name of one. Returns the type, and "record" for one without a tag, else "tag".
function tagged.record(parser)
  local keyword, own = parser.cursor:next(), {}
  local place = attributes.read(parser, own)
  local tag = parser.cursor:accept_name()
  if not tag or parser.cursor:peek().text == "{" then
    return define_record(parser, keyword, tag, own), tag and "tag" or "record"
  end
  attributes.refuse(own, place, "an attribute of a struct stands at its definition")
  return refer_to_record(parser, keyword, tag), "tag"
end

-- ---- enums

local function define_constant(scope, name, number)
  local key = constant.PREFIX .. name.text
  if scope:find_new(key) then fail(name, "the constant %s is defined twice", quote(name.text)) end
  scope:define(key, integer.new(number, integer.INT_BITS, number > INT_MAX))
end

-- The constants between the braces. Returns the element that holds them all.
local function read_constants(parser)
  local cursor = parser.cursor
  local number, least, greatest = -1, 0, 0
  cursor:expect "{"
  repeat
    local name = cursor:expect_name()
    number = cursor:accept "=" and constant.read(parser) or number + 1
    least, greatest = math.min(least, number), math.max(greatest, number)
    if least < INT_MIN or greatest > UINT_MAX or least < 0 and greatest > INT_MAX then
      fail(name, "with the constant %s the enum needs more than 32 bits", quote(name.text))
    end
    define_constant(parser.scope, name, number)
  until not cursor:accept "," or cursor:peek().text == "}"
  cursor:expect "}"
  return greatest > INT_MAX and "u32" or "i32"
end

local function define_enum(parser, tag, own)
  local key = tag and "enum " .. tag.text
  local element = read_constants(parser)
  attributes.read(parser, own)
  local type = parser.scope.types:element(element, key or "enum")
  if key then parser.scope:define(key, type) end
  return type
end

local function refer_to_enum(parser, tag)
  local key = "enum " .. tag.text
  local type = parser.scope:find(key)
  if not type then fail(tag, "%s is not defined%s", quote(key), parser.scope:suggestion("enum ", tag.text)) end
  return type
end

--- Reads an enum, or only the name of one. Returns the type, and "enum" for a definition.
function tagged.enum(parser)
  local keyword, own = parser.cursor:next(), {}
  attributes.read(parser, own)
  local tag = parser.cursor:accept_name()
  local after = parser.cursor:peek()
  if after.text == ":" then fail(after, "an enum with a type of its own is not supported") end
  local defines = not tag or after.text == "{"
  local type = defines and define_enum(parser, tag, own) or refer_to_enum(parser, tag)
  attributes.refuse(own, keyword, "a packed or aligned enum is not supported")
  return type, defines and "enum" or nil
end

return tagged
