-- Declarations: what a text declares, one declaration after the other.

local attributes = require "shmipc.declaration.attributes"
local constant = require "shmipc.declaration.constant"
local diagnostic = require "shmipc.declaration.diagnostic"
local names = require "shmipc.declaration.names"
local nearest = require "shmipc.nearest"
local placement = require "shmipc.declaration.placement"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local MOST_DERIVATIONS = 64 -- stars, brackets and parentheses of one declarator
local CONSTANT = constant.PREFIX
local BEYOND = "leave it out, and use view:array or view:read at its offset"
local INT_MIN, INT_MAX, UINT_MAX = -(1 << 31), (1 << 31) - 1, (1 << 32) - 1

local Parser = {}
Parser.__index = Parser

-- ---- what names mean. The scope has "struct tag", "union tag", "enum tag", "constant NAME", and typedefs by their
-- names.

function Parser:typedef(name)
  return self.scope[name] or self.types:named(name)
end

local function add_names_of_kind(list, scope, prefix)
  for key in pairs(scope) do
    local name = key:sub(#prefix + 1)
    if key:sub(1, #prefix) == prefix and not name:find " " then list[#list + 1] = name end
  end
end

--- The end of a message about an unknown name: what may have been meant. The prefix is that of its kind in the scope.
function Parser:suggestion(prefix, word)
  local list = prefix == "" and self.types:all_names() or {}
  add_names_of_kind(list, self.scope, prefix)
  add_names_of_kind(list, self.known, prefix)
  local name = nearest(word, list)
  if not name or name == word then return "" end
  return (", did you mean %s?"):format(quote(prefix == CONSTANT and name or prefix .. name))
end

local function unknown_type(self, token)
  for _, keyword in ipairs { "struct", "union", "enum" } do
    local tagged = keyword .. " " .. token.text
    if self.scope[tagged] then fail(token, "unknown type %s, did you mean %s?", quote(token.text), quote(tagged)) end
  end
  fail(token, "unknown type %s%s", quote(token.text), self:suggestion("", token.text))
end

-- The same type, or the definition of the tag that it names.
local function completed(self, type)
  local definition = type.tag and self.scope[type.tag]
  if definition and definition.size then return types.renamed(definition, type.c_type) end
  return type
end

--- The type, which must have a size.
function Parser:sized(type, place)
  local complete = completed(self, type)
  if complete.size then return complete end
  if types.is_flexible(type) then
    fail(place, "an array without a length is not supported: " .. BEYOND)
  end
  local keyword, tag = (type.tag or ""):match "^(%S+ )(.*)$"
  fail(place, "%s %s%s", quote(type.c_type), type.lacks, tag and self:suggestion(keyword, tag) or "")
end

-- ---- structs and unions

local function refuse_alignment(found, place, message)
  if found.packed or found.aligned then fail(place, message) end
end

-- A struct or union between its braces.
function Parser:members()
  local members = {}
  while self.cursor:peek().text ~= "}" and self.cursor:peek().kind ~= "end" do
    self:declaration(members, "inside")
  end
  return members
end

-- The name is unknown until the closing brace, whatever it meant before.
local function announce_record(self, key, place)
  local old = rawget(self.scope, key)
  if old and old.size then fail(place, "%s is defined twice", quote(key)) end
  self.scope[key] = types.incomplete(key)
end

local function define_record(self, keyword, tag, own)
  local cursor = self.cursor
  local key = tag and keyword.text .. " " .. tag.text
  if key then announce_record(self, key, tag) end
  local open = cursor:expect "{"
  local members = cursor:deeper(self, "members")
  local close = cursor:expect "}"
  attributes.read(self, own)
  if #members == 0 then fail(open, "the %s is empty", keyword.text) end
  if open.pack ~= close.pack then
    fail(close, "#pragma pack changes within the %s: compilers differ in what that means", keyword.text)
  end
  for _, member in ipairs(members) do member.pack = close.pack end
  local description = placement.describe(keyword.text, members, own, keyword)
  description.name = tag and tag.text
  local type = types.record(description, key or keyword.text)
  if key then self.scope[key] = type end
  self.last_record = description
  return type
end

local function record_specifier(self, found)
  local keyword, own = self.cursor:next(), {}
  local place = attributes.read(self, own)
  local tag = self.cursor:accept_name()
  if self.cursor:peek().text == "{" then
    found.type, found.defines = define_record(self, keyword, tag, own), tag and "tag" or "record"
  elseif tag then
    if self.cursor:peek().text == ":" then fail(self.cursor:peek(), "base classes are not supported") end
    refuse_alignment(own, place, "an attribute of a struct stands at its definition")
    local key = keyword.text .. " " .. tag.text
    found.type, found.defines = self.scope[key] or types.incomplete(key), "tag"
  else
    self.cursor:expect "{"
  end
end

-- ---- enums

local function declared_name(self)
  local token = self.cursor:accept_name()
  if not token then fail(self.cursor:peek(), "expected a name before %s", self.cursor:shown()) end
  if names.reserved[token.text] then fail(token, "expected a name before %s", quote(token.text)) end
  return token
end

local function define_constant(self, name, number)
  local key = CONSTANT .. name.text
  if rawget(self.scope, key) then fail(name, "the constant %s is defined twice", quote(name.text)) end
  self.scope[key] = constant.value(number, 32, number > INT_MAX)
end

-- The constants between the braces. Returns the least and the greatest.
local function enumerators(self)
  local number, least, greatest = -1, 0, 0
  self.cursor:expect "{"
  repeat
    local name = declared_name(self)
    number = self.cursor:accept "=" and constant.as_integer(constant.read(self)) or number + 1
    least, greatest = math.min(least, number), math.max(greatest, number)
    if least < INT_MIN or greatest > UINT_MAX or least < 0 and greatest > INT_MAX then
      fail(name, "with the constant %s the enum needs more than 32 bits", quote(name.text))
    end
    define_constant(self, name, number)
  until not self.cursor:accept "," or self.cursor:peek().text == "}"
  self.cursor:expect "}"
  return least, greatest
end

local function enum_specifier(self, found)
  self.cursor:next()
  local own = {}
  local place = attributes.read(self, own)
  local tag = self.cursor:accept_name()
  local key = "enum" .. (tag and " " .. tag.text or "")
  if self.cursor:peek().text == ":" then
    fail(self.cursor:peek(), "an enum with a type of its own is not supported")
  elseif self.cursor:peek().text == "{" then
    local _, greatest = enumerators(self)
    place = attributes.read(self, own) or place
    found.type, found.defines = self.types:element(greatest > INT_MAX and "u32" or "i32", key), "enum"
    if tag then self.scope[key] = found.type end
  else
    found.type = tag and self.scope[key]
    if not tag then self.cursor:expect "{" end
    if not found.type then fail(tag, "%s is not defined%s", quote(key), self:suggestion("enum ", tag.text)) end
  end
  refuse_alignment(own, place, "a packed or aligned enum is not supported")
end

-- ---- specifiers: what stands before the names

local function atomic(type, place)
  if not type.element then fail(place, "_Atomic is supported for numbers and pointers only") end
  return types.renamed(type, type.c_type, math.max(type.align, type.size))
end

local function atomic_specifier(self, found)
  found.atomic = self.cursor:next()
  if self.cursor:accept "(" then
    found.type = self:type_name()
    self.cursor:expect ")"
  end
end

-- Specifiers that are a type by themselves.
local type_readers = { struct = record_specifier, union = record_specifier, enum = enum_specifier }

-- Reads one specifier if there is one.
local function read_specifier(self, found)
  local token = self.cursor:peek()
  local has_type = found.type or #found.words > 0
  local place = attributes.read(self, found.attributes)
  if place then
    found.attribute_place = place
  elseif token.text == "typedef" and not found.typedef then
    found.typedef = self.cursor:next()
  elseif names.qualifiers[token.text] then
    self.cursor:next()
  elseif token.text == "_Atomic" then
    atomic_specifier(self, found)
  elseif names.words[token.text] and not found.type then
    table.insert(found.words, self.cursor:next())
  elseif type_readers[token.text] and not has_type then
    type_readers[token.text](self, found)
  elseif token.kind == "name" and not has_type and self:typedef(token.text) then
    found.type = self:typedef(self.cursor:next().text)
  else
    return false
  end
  return true
end

local function native_type(self, words)
  local spelling, written = {}, {}
  for i, word in ipairs(words) do spelling[i], written[i] = names.words[word.text], word.text end
  table.sort(spelling)
  local name = names.spellings[table.concat(spelling, " ")]
  if name == "void" then return types.void() end
  local type = name and self.types:named(name)
  if not type then fail(words[1], "the type %s is not supported", quote(table.concat(written, " "))) end
  return type
end

local function no_type(self)
  local token = self.cursor:peek()
  if names.foreign[token.text] then fail(token, "%s is not supported in a layout", quote(token.text)) end
  if token.kind == "name" and not names.reserved[token.text] then unknown_type(self, token) end
  fail(token, "expected a type before %s", self.cursor:shown())
end

-- Returns { type =, attributes =, typedef = its token, defines = "tag", "record" or "enum", place = }.
local function specifiers(self)
  local found = { place = self.cursor:peek(), attributes = {}, words = {} }
  repeat until not read_specifier(self, found)
  if #found.words > 0 then found.type = native_type(self, found.words) end
  if not found.type then no_type(self) end
  if found.atomic then found.type = atomic(found.type, found.atomic) end
  return found
end

--- Whether a type begins here.
function Parser:at_type()
  local token = self.cursor:peek()
  if token.kind ~= "name" then return false end
  local text = token.text
  return names.words[text] or names.qualifiers[text] or type_readers[text] or text == "_Atomic" or self:typedef(text)
end

-- ---- declarators: a name and what stands around it

-- Appends what is left of a name: the deepest of what it derives.
local function pointers(self)
  local stars, unused = {}, {}
  while true do
    local token = self.cursor:peek()
    local place = attributes.read(self, unused)
    refuse_alignment(unused, place, "an alignment is not supported here: write it behind the name")
    if token.text == "*" then
      stars[#stars + 1] = { derive = "pointer", place = token }
    elseif token.text == "&" or token.text == "&&" then
      fail(token, "references are not supported")
    elseif not names.qualifiers[token.text] and not names.conventions[token.text] and token.text ~= "_Atomic" then
      if not place then return stars end
    end
    if not place then self.cursor:next() end
  end
end

local function array_length(self)
  if self.cursor:peek().text == "]" then return nil end
  local place = self.cursor:peek()
  local length = constant.as_integer(constant.read(self))
  if length < 0 then fail(place, "the length of the array is %d", length) end
  if length == 0 then
    fail(place, "an array of length 0 is not supported: " .. BEYOND)
  end
  return length
end

-- Appends what is right of a name.
local function suffixes(self, derivations)
  while true do
    local token = self.cursor:peek()
    if token.text == "[" then
      self.cursor:next()
      table.insert(derivations, { derive = "array", count = array_length(self), place = token })
      self.cursor:expect "]"
    elseif token.text == "(" then
      self.cursor:skip_group()
      table.insert(derivations, { derive = "func", place = token })
    else
      return
    end
  end
end

local opens_group = { ["*"] = true, ["("] = true, ["["] = true }

-- Whether a parenthesis here is around a declarator, and not around parameters.
local function at_group(self, is_abstract)
  if self.cursor:peek().text ~= "(" then return false end
  local text = self.cursor:peek(1).text
  return not is_abstract or opens_group[text] or names.conventions[text]
end

--- Reads a declarator, and appends what it derives, from the name outwards. Returns the name, if it is not abstract.
function Parser:read_declarator(derivations, is_abstract)
  local stars = pointers(self)
  local name
  if at_group(self, is_abstract) then
    self.cursor:next()
    name = self.cursor:deeper(self, "read_declarator", derivations, is_abstract)
    self.cursor:expect ")"
  elseif not is_abstract then
    name = declared_name(self)
  end
  suffixes(self, derivations)
  table.move(stars, 1, #stars, #derivations + 1, derivations)
  if #derivations > MOST_DERIVATIONS then fail(derivations[1].place, "the declaration is too complicated") end
  return name
end

local derive = {}

function derive.pointer(self, type) return self.types:pointer(type) end

function derive.func(_, type) return types.func(type) end

function derive.array(self, type, derivation)
  local element, place = self:sized(type, derivation.place), derivation.place
  if element.size % element.align ~= 0 then
    fail(place, "%s is aligned to %d, which its size of %d does not allow in an array", quote(element.c_type),
      element.align, element.size)
  end
  if (derivation.count or 0) > placement.LARGEST // element.size then fail(place, "the array is too large") end
  return types.array(element, derivation.count)
end

-- Returns the name and the type of what is declared.
local function declarator(self, base, is_abstract)
  local derivations, type = {}, base
  local name = self:read_declarator(derivations, is_abstract)
  for i = #derivations, 1, -1 do type = derive[derivations[i].derive](self, type, derivations[i]) end
  return name, type
end

function Parser:read_type_name()
  local last_record = self.last_record -- a struct defined here is none that anybody asks for
  local found = specifiers(self)
  local _, type = declarator(self, found.type, "abstract")
  self.last_record = last_record
  return type
end

--- Reads the name of a type, as sizeof and casts have it.
function Parser:type_name()
  return self.cursor:deeper(self, "read_type_name")
end

-- ---- declarations

local function differs(a, b)
  return a.size ~= b.size or a.align ~= b.align or a.element ~= b.element or a.record ~= b.record
end

local function define_typedef(self, found, name, type, own)
  refuse_alignment({ packed = own.packed }, found.attribute_place or name,
    "packed has no effect on a typedef: write it behind the closing brace")
  local new, old = types.renamed(type, name.text, own.aligned), rawget(self.scope, name.text)
  if old and old.size and differs(old, completed(self, new)) then
    fail(name, "%s is defined twice", quote(name.text))
  end
  if found.defines == "record" and type == found.type then type.record.name = type.record.name or name.text end
  self.scope[name.text] = new
end

local function add_member(self, members, name, type, own)
  type = self:sized(type, name)
  if own.alignas and own.alignas < type.align then
    fail(name, "_Alignas cannot lower the alignment of %s, which is %d", quote(name.text), type.align)
  end
  table.insert(members, { name = name, place = name, type = type, attributes = own, pack = name.pack })
end

local function refuse_extras(self)
  local token = self.cursor:peek()
  if token.text == ":" then fail(token, "bit-fields are not supported") end
  if token.text == "=" then fail(token, "a value is no part of a layout") end
end

-- One name of a declaration.
local function declared(self, found, members)
  refuse_extras(self)
  local name, type = declarator(self, found.type)
  refuse_extras(self)
  local own = {}
  attributes.read(self, own)
  own = attributes.both(own, found.attributes)
  if found.typedef then
    define_typedef(self, found, name, type, own)
  else
    add_member(self, members, name, type, own)
  end
end

local function add_anonymous(self, members, found)
  table.insert(members,
    { place = found.place, type = found.type, attributes = found.attributes, pack = self.cursor:peek().pack })
end

-- A declaration without a name: an anonymous member, or only the definition of a tag or of constants.
local function nameless(self, found, members, is_inside)
  if found.typedef then fail(found.typedef, "the typedef has no name") end
  if found.defines == "record" then return add_anonymous(self, members, found) end
  refuse_alignment(found.attributes, found.attribute_place, "write this attribute behind the closing brace")
  if found.defines == "tag" and is_inside then
    fail(found.place, "a member without a name has no tag: compilers differ in what that means")
  end
  if not found.defines then fail(found.place, "this declares nothing") end
end

local assertions = { _Static_assert = true, static_assert = true }

--- Reads one declaration. What it declares joins the members.
function Parser:declaration(members, is_inside)
  if self.cursor:accept ";" then return end
  if assertions[self.cursor:peek().text] and self.cursor:peek(1).text == "(" then
    self.cursor:next()
    self.cursor:skip_group()
  else
    local found = specifiers(self)
    if found.typedef and is_inside then fail(found.typedef, "a typedef inside a struct is not supported") end
    if self.cursor:peek().text == ";" then
      nameless(self, found, members, is_inside)
    else
      repeat declared(self, found, members) until not self.cursor:accept ","
    end
  end
  self.cursor:expect ";"
end

--- Reads everything. Returns the description of the members outside all braces, or of the last struct or union.
function Parser:text()
  local members, place = {}, self.cursor:peek()
  while self.cursor:peek().kind ~= "end" do self:declaration(members) end
  if #members > 0 then return placement.describe("struct", members, {}, place) end
  if self.last_record then return self.last_record end
  fail(self.cursor:peek(), "there are no members and no struct")
end

--- A parser of the tokens. What they define goes into the scope, whose names are also looked up in the table of those
-- known before.
return function(cursor, native, scope, known)
  return setmetatable({ cursor = cursor, types = types.new(native), scope = scope, known = known }, Parser)
end
