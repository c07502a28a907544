-- Declarations: what a text declares, one after the other.

local attributes = require "shmipc.declaration.attributes"
local declarators = require "shmipc.declaration.declarators"
local diagnostic = require "shmipc.declaration.diagnostic"
local names = require "shmipc.declaration.names"
local placement = require "shmipc.declaration.placement"
local specifiers = require "shmipc.declaration.specifiers"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local Parser = {}
Parser.__index = Parser

-- ---- names of types, as sizeof and casts have them

function Parser:at_type()
  return specifiers.begin(self)
end

function Parser:read_type_name()
  local last_record = self.last_record -- a struct defined here is none that anybody asks for
  local _, type = declarators.read(self, specifiers.read(self).type, "abstract")
  self.last_record = last_record
  return type
end

function Parser:type_name()
  return self.cursor:deeper(self.read_type_name, self)
end

-- ---- declarations with names

local function differs(a, b)
  return a.size ~= b.size or a.align ~= b.align or a.element ~= b.element or a.record ~= b.record
end

-- A typedef may align anew, even to less.
local function check_typedef_alignment(type, name, own, place)
  if own.packed then fail(place, "packed has no effect on a typedef: write it behind the closing brace") end
  if own.alignas then fail(place, "_Alignas has no place in a typedef") end
  if own.aligned and not type.size then fail(name, "an alignment needs a type with a size") end
end

local function define_typedef(self, found, name, type, own)
  check_typedef_alignment(type, name, own, found.attribute or name)
  local new, old = types.renamed(type, name.text, own.aligned), self.scope:find_new(name.text)
  if old and old.size and differs(old, self.scope:completed(new)) then
    fail(name, "%s is defined twice", quote(name.text))
  end
  if found.defines == "record" and type == found.type then type.record.name = type.record.name or name.text end
  if own.aligned and type.record and type.record == self.last_record then
    self.last_record = placement.realigned(type.record, name.text, own.aligned)
  end
  self.scope:define(name.text, new)
end

local function add_member(self, members, name, type, own)
  type = self.scope:sized(type, name)
  if own.alignas and own.alignas < type.align then
    fail(name, "_Alignas cannot lower the alignment of %s, which is %d", quote(name.text), type.align)
  end
  table.insert(members, { name = name, place = name, type = type, attributes = own, pack = name.pack })
end

local function refuse_bits_and_values(token)
  if token.text == ":" then fail(token, "bit-fields are not supported") end
  if token.text == "=" then fail(token, "a value is no part of a layout") end
end

-- Reads one name, and declares it.
local function declare(self, found, members)
  local cursor = self.cursor
  refuse_bits_and_values(cursor:peek())
  if found.defines and names.reserved[cursor:peek().text] then cursor:expect ";" end
  local name, type = declarators.read(self, found.type)
  refuse_bits_and_values(cursor:peek())
  local own = {}
  attributes.read(self, own)
  own = attributes.both(own, found.attributes)
  if found.typedef then
    define_typedef(self, found, name, type, own)
  else
    add_member(self, members, name, type, own)
  end
end

-- ---- declarations without names

local function add_anonymous(self, members, found)
  local pack = self.cursor:peek().pack
  table.insert(members, { place = found.place, type = found.type, attributes = found.attributes, pack = pack })
end

-- An anonymous member, or only the definition of a tag or of constants.
local function declare_nameless(self, found, members, is_inside)
  if found.typedef then fail(found.typedef, "the typedef has no name") end
  if found.defines == "record" then return add_anonymous(self, members, found) end
  attributes.refuse(found.attributes, found.attribute, "write this attribute behind the closing brace")
  if found.defines == "tag" and is_inside then
    fail(found.place, "a member without a name has no tag: compilers differ in what that means")
  end
  if not found.defines then fail(found.place, "this declares nothing") end
end

-- ----

local function read_declaration(self, members, is_inside)
  local found = specifiers.read(self)
  if found.typedef and is_inside then fail(found.typedef, "a typedef inside a struct is not supported") end
  if self.cursor:peek().text == ";" then return declare_nameless(self, found, members, is_inside) end
  repeat declare(self, found, members) until not self.cursor:accept ","
end

local function skip_assertion(cursor)
  local word = cursor:peek().text
  if word ~= "_Static_assert" and word ~= "static_assert" or cursor:peek(1).text ~= "(" then return false end
  cursor:next()
  cursor:skip_group()
  return true
end

-- Reads up to a semicolon. What is declared joins the members.
local function read_line(self, members, is_inside)
  if self.cursor:accept ";" then return end
  if not skip_assertion(self.cursor) then read_declaration(self, members, is_inside) end
  self.cursor:expect ";"
end

--- Reads the members of a struct, up to its closing brace.
function Parser:members()
  local members = {}
  while self.cursor:peek().text ~= "}" and self.cursor:peek().kind ~= "end" do read_line(self, members, "inside") end
  return members
end

--- Reads everything. Returns the description of the members outside all braces, or of the last struct or union.
function Parser:text()
  local members, place = {}, self.cursor:peek()
  while self.cursor:peek().kind ~= "end" do read_line(self, members) end
  if #members > 0 then return placement.describe("struct", members, {}, place) end
  if self.last_record then return self.last_record end
  fail(self.cursor:peek(), "there are no members and no struct")
end

--- A parser of what a cursor reads. What that defines goes into the scope.
return function(cursor, scope)
  return setmetatable({ cursor = cursor, scope = scope }, Parser)
end
