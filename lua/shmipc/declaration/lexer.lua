-- The text as tokens: { kind =, text =, line =, column =, first = true at the start of a line, spaced = true after a
-- space }. A byte that begins no token is a token of the kind "stray", since a line that nobody looks at may hold it.

local diagnostic = require "shmipc.declaration.diagnostic"

local lexer = {}

local SPLICE = "^\\\r?\n()" -- a line that goes on in the next one

local patterns = {
  { "name", "^[%a_][%w_]*" },
  { "number", "^%.?%d[%w_.]*" },
  { "character", "^'\\?[^\n][^'\n]*'" },
  { "punctuation", "^%.%.%." },
  { "punctuation", "^[<>=!]=" },
  { "punctuation", "^<<" },
  { "punctuation", "^>>" },
  { "punctuation", "^%+%+" },
  { "punctuation", "^%-%-" },
  { "punctuation", "^&&" },
  { "punctuation", "^||" },
  { "punctuation", "^::" },
  { "punctuation", "^[][{}()<>;:,.*+/%%&|^~!?=#-]" },
  { "stray", "^[^\x80-\xFF]" },
  { "stray", "^[\xC2-\xF4][\x80-\xBF]+" },
  { "stray", "^." },
}

-- Kind and end of the string that starts at a position. One without an end is stray up to the end of the line.
local function string_at(text, start)
  local position = start + 1
  while true do
    local found = text:find('["\\\n]', position) or #text + 1
    local byte = text:sub(found, found)
    if byte == '"' then return "string", found end
    if byte ~= "\\" then return "stray", found - 1 end
    position = found + 2
  end
end

local function token_at(text, position)
  if text:find('^"', position) then return string_at(text, position) end
  for _, pattern in ipairs(patterns) do
    local _, finish = text:find(pattern[2], position)
    if finish then return pattern[1], finish end
  end
end

local Scanner = {}
Scanner.__index = Scanner

-- Everything before the position was read.
function Scanner:advance(position)
  while self.newline < position do
    self.line, self.line_start = self.line + 1, self.newline + 1
    self.newline = self.text:find("\n", self.line_start, true) or math.huge
  end
  self.position = position
end

function Scanner:place()
  return { line = self.line, column = self.position - self.line_start + 1 }
end

-- The end of the line, or of the one that it goes on in.
function Scanner:after_line_comment()
  local position = self.position
  while true do
    local newline = self.text:find("\n", position, true)
    if not newline then return #self.text + 1 end
    if not self.text:sub(newline - 2, newline - 1):find "\\\r?$" then return newline end
    position = newline + 1
  end
end

function Scanner:after_block_comment()
  local _, finish = self.text:find("*/", self.position + 2, true)
  if not finish then diagnostic.fail(self:place(), "this comment has no end") end
  return finish + 1
end

-- The position after the space, the comment or the end of the line at the present one, or nil.
function Scanner:after_space()
  local text, position = self.text, self.position
  local after = text:match("^[ \t\r\f\v]+()", position) or text:match(SPLICE, position)
  if after then return after end
  if text:find("^//", position) then return self:after_line_comment() end
  if text:find("^/%*", position) then return self:after_block_comment() end
  if text:find("^\n", position) then
    self.at_line_start = true
    return position + 1
  end
end

function Scanner:skip_space()
  local start = self.position
  while true do
    local after = self:after_space()
    if not after then return self.position > start end
    self:advance(after)
  end
end

function Scanner:next_token()
  local spaced = self:skip_space()
  local token = self:place()
  if self.position > #self.text then
    token.kind, token.text, token.first = "end", "", true
    return token
  end
  local kind, finish = token_at(self.text, self.position)
  token.kind, token.text, token.spaced = kind, self.text:sub(self.position, finish), spaced
  token.first, self.at_line_start = self.at_line_start, false
  self:advance(finish + 1)
  return token
end

--- All tokens of the text. The last one is of the kind "end".
function lexer.scan(text)
  local scanner = setmetatable({ text = text, position = 1, line = 1, line_start = 1, at_line_start = true }, Scanner)
  scanner.newline = text:find("\n", 1, true) or math.huge
  local tokens = {}
  repeat
    tokens[#tokens + 1] = scanner:next_token()
  until tokens[#tokens].kind == "end"
  return tokens
end

return lexer
