-- What stands before the names that a declaration declares: `static const unsigned long`, `typedef struct { … }`.

local attributes = require "shmipc.declaration.attributes"
local diagnostic = require "shmipc.declaration.diagnostic"
local names = require "shmipc.declaration.names"
local tagged = require "shmipc.declaration.tagged"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local specifiers = {}

local tagged_readers = { struct = tagged.record, union = tagged.record, enum = tagged.enum }

local function read_atomic(parser, found, has_type)
  found.atomic = parser.cursor:next()
  if has_type or not parser.cursor:accept "(" then return end
  found.type = parser:type_name()
  parser.cursor:expect ")"
end

-- Reads one specifier, and says whether there was one.
local function read_one(parser, found)
  local cursor = parser.cursor
  local text = cursor:peek().text
  local has_type = found.type or #found.words > 0
  local attribute = attributes.read(parser, found.attributes)
  if attribute then
    found.attribute = attribute
  elseif text == "typedef" and not found.typedef then
    found.typedef = cursor:next()
  elseif names.qualifiers[text] then
    cursor:next()
  elseif text == "_Atomic" then
    read_atomic(parser, found, has_type)
  elseif names.words[text] and not found.type then
    table.insert(found.words, cursor:next())
  elseif tagged_readers[text] and not has_type then
    found.type, found.defines = tagged_readers[text](parser)
  elseif cursor:peek().kind == "name" and not has_type and parser.scope:typedef(text) then
    found.type = parser.scope:typedef(cursor:next().text)
  else
    return false
  end
  return true
end

-- The type that is spelled with so many words.
local function native_type(scope, words)
  local spelling, written = {}, {}
  for i, word in ipairs(words) do spelling[i], written[i] = names.words[word.text], word.text end
  table.sort(spelling)
  local name = names.spellings[table.concat(spelling, " ")]
  if name == "void" then return types.void() end
  local type = name and scope.types:named(name)
  if not type then fail(words[1], "the type %s is not supported", quote(table.concat(written, " "))) end
  return type
end

local function atomic(type, place)
  if not type.element then fail(place, "_Atomic is supported for numbers and pointers only") end
  return types.renamed(type, type.c_type, math.max(type.align, type.size))
end

local function fail_without_type(parser)
  local token = parser.cursor:peek()
  if names.foreign[token.text] then fail(token, "%s is not supported in a layout", quote(token.text)) end
  if token.kind == "name" and not names.reserved[token.text] then parser.scope:fail_unknown_type(token) end
  fail(token, "expected a type before %s", parser.cursor:shown())
end

--- Reads all of them. Returns { type =, attributes =, place = the first token, typedef = its token, attribute = the
-- last one's token, defines = what braces or a tag here define: "record", "tag" or "enum" }.
function specifiers.read(parser)
  local found = { place = parser.cursor:peek(), attributes = {}, words = {} }
  repeat until not read_one(parser, found)
  if #found.words > 0 then found.type = native_type(parser.scope, found.words) end
  if not found.type then fail_without_type(parser) end
  if found.atomic then found.type = atomic(found.type, found.atomic) end
  return found
end

--- Whether the name of a type begins here.
function specifiers.begin(parser)
  local token = parser.cursor:peek()
  if token.kind ~= "name" then return false end
  local text = token.text
  return names.words[text] or names.qualifiers[text] or tagged_readers[text] or text == "_Atomic"
    or parser.scope:typedef(text) ~= nil
end

return specifiers
