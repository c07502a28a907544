-- A place in a list of tokens, for whoever reads them in order.

local diagnostic = require "shmipc.declaration.diagnostic"
local names = require "shmipc.declaration.names"

local fail, quote = diagnostic.fail, diagnostic.quote

local DEEPEST = 100 -- parentheses, operators, structs in each other: each costs the reader a few nested calls

local Cursor = {}
Cursor.__index = Cursor

local closing = { ["("] = ")", ["["] = "]", ["{"] = "}" }

--- The token that comes next, or the one that is so many further on.
function Cursor:peek(ahead)
  local tokens = self.tokens
  return tokens[self.index + (ahead or 0)] or tokens[#tokens]
end

--- Reads a token. The last one, which is the end of the text, stays.
function Cursor:next()
  local token = self.tokens[self.index]
  if token.kind ~= "end" then self.index = self.index + 1 end
  return token
end

--- The next token as messages show it.
function Cursor:shown()
  local token = self:peek()
  return token.kind == "end" and "the end" or quote(token.text)
end

--- Reads the next token if it is this one.
function Cursor:accept(text)
  if self:peek().text == text then return self:next() end
end

--- Reads a name that a declaration may give, if one comes next.
function Cursor:accept_name()
  local token = self:peek()
  if token.kind == "name" and not names.reserved[token.text] then return self:next() end
end

--- Reads this token. Where another one is, the text is wrong.
function Cursor:expect(text)
  if self:peek().text ~= text then fail(self:peek(), "expected %s before %s", quote(text), self:shown()) end
  return self:next()
end

--- Reads a name that a declaration may give.
function Cursor:expect_name()
  return self:accept_name() or fail(self:peek(), "expected a name before %s", self:shown())
end

--- Reads a parenthesis or bracket, and everything up to its partner.
function Cursor:skip_group()
  local open = self:next()
  local partners = { closing[open.text] }
  repeat
    local token = self:next()
    if token.kind == "end" then fail(open, "%s has no partner", quote(open.text)) end
    if closing[token.text] then
      partners[#partners + 1] = closing[token.text]
    elseif token.text == partners[#partners] then
      partners[#partners] = nil
    end
  until #partners == 0
end

--- Calls f, which reads what lies one level deeper in the text. Returns its result.
function Cursor:deeper(f, ...)
  self.depth = self.depth + 1
  if self.depth > DEEPEST then fail(self:peek(), "the text is nested too deep") end
  local result = f(...)
  self.depth = self.depth - 1
  return result
end

return function(tokens)
  return setmetatable({ tokens = tokens, index = 1, depth = 0 }, Cursor)
end
