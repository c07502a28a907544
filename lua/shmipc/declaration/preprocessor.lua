-- Obeys the lines that begin with #: macros without parameters are replaced, and each token is told the packing in
-- force (`token.pack`: no member there is aligned to more).

local diagnostic = require "shmipc.declaration.diagnostic"
local lexer = require "shmipc.declaration.lexer"

local fail, quote = diagnostic.fail, diagnostic.quote

local preprocessor = {}

local DEEPEST = 100 -- macros in macros
local LONGEST = 1 << 19 -- tokens and replacements: a few short macros could stand for any number

local Preprocessor = {}
Preprocessor.__index = Preprocessor

-- ---- macros

-- Writes the token, or what it stands for. What comes out of a macro has the place of its use.
function Preprocessor:emit(token, place, output, depth)
  self.work = self.work + 1
  if self.work > LONGEST then fail(place, "the text is too long") end
  local macro = token.kind == "name" and self.macros[token.text]
  if macro and not macro.open then return self:expand(macro, place, output, depth + 1) end
  if token.kind == "stray" then fail(place, "stray %s", quote(token.text)) end
  output[#output + 1] = {
    kind = token.kind, text = token.text, line = place.line, column = place.column, pack = self.pack,
  }
end

function Preprocessor:expand(macro, place, output, depth)
  if depth > DEEPEST then fail(place, "macros are nested too deep") end
  if macro.parameters then fail(place, "%s is a macro with parameters, which are not supported", quote(macro.name)) end
  macro.open = true -- within itself it is not replaced
  for _, token in ipairs(macro.body) do self:emit(token, place, output, depth) end
  macro.open = false
end

-- ---- #pragma pack

local function pack_limit(token)
  local limit = token and token.kind == "number" and math.tointeger(tonumber(token.text))
  if limit == 0 then return math.maxinteger end
  if limit and limit <= 16 and limit & (limit - 1) == 0 then return limit end
end

-- The arguments between the parentheses and commas of a line.
local function pack_arguments(hash, tokens)
  local count, arguments = #tokens, {}
  local is_list = count >= 2 and (count == 2 or count % 2 == 1) and tokens[1].text == "(" and tokens[count].text == ")"
  for i = 2, count - 1 do
    if i % 2 == 0 then
      arguments[#arguments + 1] = tokens[i]
    else
      is_list = is_list and tokens[i].text == ","
    end
  end
  if not is_list then fail(hash, "expected #pragma pack(n), pack(), pack(push, n) or pack(pop)") end
  return arguments
end

function Preprocessor:push_pack(hash, label, limit)
  if #self.packs >= DEEPEST then fail(hash, "#pragma pack(push) is nested too deep") end
  table.insert(self.packs, { pack = self.pack, label = label })
  self.pack = limit or self.pack
end

function Preprocessor:pop_pack(hash, label)
  repeat
    local saved = table.remove(self.packs)
    if not saved then fail(hash, "#pragma pack(pop) without its push") end
    self.pack = saved.pack
  until not label or saved.label == label
end

function Preprocessor:pragma_pack(hash, tokens)
  local expanded = {}
  for _, token in ipairs(tokens) do self:emit(token, token, expanded, 0) end
  local arguments = pack_arguments(hash, expanded)
  local verb = arguments[1] and arguments[1].text
  local last = arguments[#arguments]
  local limit = pack_limit(last)
  local label = arguments[2] and arguments[2].kind == "name" and arguments[2].text or nil
  local count = 1 + (label and 1 or 0) + (limit and 1 or 0)
  if verb == nil then
    self.pack = self.initial_pack
  elseif verb == "push" and #arguments == count then
    self:push_pack(hash, label, limit)
  elseif verb == "pop" and #arguments == count and not limit then
    self:pop_pack(hash, label)
  elseif limit and #arguments == 1 then
    self.pack = limit
  elseif verb ~= "show" then
    fail(last, "unknown packing %s", quote(last.text))
  end
end

-- ---- directives: each gets the # and the tokens after its name

local directives = {}

function directives.define(self, hash, tokens)
  local name, first = tokens[1], tokens[2]
  if not (name and name.kind == "name") then fail(hash, "#define without a name") end
  local parameters = first and first.text == "(" and not first.spaced
  self.macros[name.text] = { name = name.text, body = table.move(tokens, 2, #tokens, 1, {}), parameters = parameters }
end

function directives.undef(self, _, tokens)
  if tokens[1] then self.macros[tokens[1].text] = nil end
end

function directives.pragma(self, hash, tokens)
  local subject = tokens[1] and tokens[1].text
  if subject == "scalar_storage_order" then fail(hash, "#pragma scalar_storage_order is not supported") end
  if subject == "pack" then self:pragma_pack(hash, table.move(tokens, 2, #tokens, 1, {})) end
end

function directives.include() end
directives.line, directives.warning, directives.ident = directives.include, directives.include, directives.include

local function condition(_, hash)
  fail(hash, "conditions (#if) are not evaluated: leave only the lines that apply")
end
for _, name in ipairs { "if", "ifdef", "ifndef", "elif", "else", "endif" } do directives[name] = condition end

function Preprocessor:directive(hash, tokens)
  local name = table.remove(tokens, 1)
  if not name then return end
  local obey = directives[name.text]
  if not obey then fail(name, "unknown directive %s", quote("#" .. name.text)) end
  obey(self, hash, tokens)
end

-- ----

-- The tokens of a line, from the given one on, and the index after them.
local function rest_of_line(tokens, i)
  local line = {}
  while not tokens[i].first do
    line[#line + 1] = tokens[i]
    i = i + 1
  end
  return line, i
end

--- The tokens that are left when all lines that begin with # are obeyed.
function preprocessor.tokens(text, pack)
  local self = setmetatable({ macros = {}, packs = {}, pack = pack, initial_pack = pack, work = 0 }, Preprocessor)
  local tokens, output, i = lexer.scan(text), {}, 1
  while i <= #tokens do
    local token = tokens[i]
    if token.first and token.text == "#" then
      local line
      line, i = rest_of_line(tokens, i + 1)
      self:directive(token, line)
    else
      self:emit(token, token, output, 0)
      i = i + 1
    end
  end
  return output
end

return preprocessor
