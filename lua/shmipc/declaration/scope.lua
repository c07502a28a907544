-- What names mean: those that a text defines, those that were known before, and the platform's types.
--
-- Keys are "struct tag", "union tag", "enum tag", "constant NAME", and a typedef's name as it is.

local diagnostic = require "shmipc.declaration.diagnostic"
local nearest = require "shmipc.nearest"
local types = require "shmipc.declaration.types"

local fail, quote = diagnostic.fail, diagnostic.quote

local Scope = {}
Scope.__index = Scope

--- What a key stands for, or nil.
function Scope:find(key)
  return self.new[key] or self.known[key]
end

--- What this text has defined a key as, or nil.
function Scope:find_new(key)
  return self.new[key]
end

function Scope:define(key, meaning)
  self.new[key] = meaning
end

--- The type that a name by itself stands for, or nil.
function Scope:typedef(name)
  return self:find(name) or self.types:named(name)
end

local function add_names(list, meanings, prefix)
  for key in pairs(meanings) do
    local name = key:sub(#prefix + 1)
    if key:sub(1, #prefix) == prefix and not name:find " " then list[#list + 1] = name end
  end
end

--- The end of a message about an unknown name: what may have been meant. The prefix is that of its kind: "struct ", or
-- "" for types.
function Scope:suggestion(prefix, word)
  local list = prefix == "" and self.types:all_names() or {}
  add_names(list, self.new, prefix)
  add_names(list, self.known, prefix)
  local name = nearest(word, list)
  if not name or name == word then return "" end
  return (", did you mean %s?"):format(quote(prefix == "constant " and name or prefix .. name))
end

--- Ends the compilation: the token names no type.
function Scope:fail_unknown_type(token)
  for _, keyword in ipairs { "struct", "union", "enum" } do
    local tagged = keyword .. " " .. token.text
    if self:find(tagged) then fail(token, "unknown type %s, did you mean %s?", quote(token.text), quote(tagged)) end
  end
  fail(token, "unknown type %s%s", quote(token.text), self:suggestion("", token.text))
end

--- The type itself, or the definition of the tag that it names.
function Scope:completed(type)
  local definition = type.tag and self:find(type.tag)
  if definition and definition.size then return types.renamed(definition, type.c_type) end
  return type
end

--- The type, which must have a size.
function Scope:sized(type, place)
  local complete = self:completed(type)
  if complete.size then return complete end
  if types.is_flexible(type) then types.fail_without_length(place, "an array without a length") end
  local keyword, tag = (type.tag or ""):match "^(%S+ )(.*)$"
  fail(place, "%s %s%s", quote(type.c_type), type.lacks, tag and self:suggestion(keyword, tag) or "")
end

--- Makes what the text defined known.
function Scope:commit()
  for key, meaning in pairs(self.new) do self.known[key] = meaning end
end

return function(native, known)
  return setmetatable({ types = types.new(native), known = known, new = {} }, Scope)
end
