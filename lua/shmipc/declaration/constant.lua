-- Constant expressions.

local diagnostic = require "shmipc.declaration.diagnostic"
local integer = require "shmipc.declaration.integer"
local literal = require "shmipc.declaration.literal"

local fail, quote = diagnostic.fail, diagnostic.quote

local constant = {}

--- What the scope puts before the name of a constant.
constant.PREFIX = "constant "

local Reader = {}
Reader.__index = Reader

-- In the parts of && || ?: that C does not evaluate, nothing is wrong.
function Reader:misuse(place, ...)
  if self.unevaluated == 0 then fail(place, ...) end
end

-- ---- operators

-- How tightly each binds.
local binding = {
  ["||"] = 1, ["&&"] = 2, ["|"] = 3, ["^"] = 4, ["&"] = 5, ["=="] = 6, ["!="] = 6, ["<"] = 7, [">"] = 7, ["<="] = 7,
  [">="] = 7, ["<<"] = 8, [">>"] = 8, ["+"] = 9, ["-"] = 9, ["*"] = 10, ["/"] = 10, ["%"] = 10,
}

function Reader:divide(operator, a, b, unsigned)
  if b ~= 0 then return integer.divide(a, b, unsigned) end
  self:misuse(operator, "division by zero")
  return 0, 0
end

-- What they make of two numbers of one type, and whether that is right as a signed one of 64 bits.
local arithmetic = {
  ["+"] = function(_, _, a, b) return integer.add(a, b) end,
  ["-"] = function(_, _, a, b) return integer.subtract(a, b) end,
  ["*"] = function(_, _, a, b) return integer.multiply(a, b) end,
  ["/"] = function(self, operator, a, b, unsigned)
    return (self:divide(operator, a, b, unsigned)), a ~= math.mininteger or b ~= -1
  end,
  ["%"] = function(self, operator, a, b, unsigned)
    return select(2, self:divide(operator, a, b, unsigned)), true
  end,
  ["&"] = function(_, _, a, b) return a & b, true end,
  ["^"] = function(_, _, a, b) return a ~ b, true end,
  ["|"] = function(_, _, a, b) return a | b, true end,
}

local comparisons = {
  ["<"] = function(a, b, unsigned) return integer.less(a, b, unsigned) end,
  [">"] = function(a, b, unsigned) return integer.less(b, a, unsigned) end,
  ["<="] = function(a, b, unsigned) return not integer.less(b, a, unsigned) end,
  [">="] = function(a, b, unsigned) return not integer.less(a, b, unsigned) end,
  ["=="] = function(a, b) return a == b end,
  ["!="] = function(a, b) return a ~= b end,
}

local function is_shift(operator)
  return operator.text == "<<" or operator.text == ">>"
end

function Reader:shift(operator, a, b)
  if b.number < 0 or b.number >= a.bits then
    self:misuse(operator, "a shift by %d is not within 0 to %d", b.number, a.bits - 1)
    return a
  end
  if operator.text == "<<" then return integer.new(a.number << b.number, a.bits, a.unsigned) end
  return integer.new(integer.shift_right(a.number, b.number, a.unsigned), a.bits, a.unsigned)
end

function Reader:calculate(operator, a, b, bits, unsigned)
  local number, is_exact = arithmetic[operator.text](self, operator, a, b, unsigned)
  local result = integer.new(number, bits, unsigned)
  if not unsigned and (result.number ~= number or not is_exact) then
    self:misuse(operator, "%s overflows", quote(operator.text))
  end
  return result
end

function Reader:apply(operator, a, b)
  if is_shift(operator) then return self:shift(operator, a, b) end
  local bits, unsigned = integer.common_type(a, b)
  local x, y = integer.wrap(a.number, bits, unsigned), integer.wrap(b.number, bits, unsigned)
  local compare = comparisons[operator.text]
  if compare then return integer.truth(compare(x, y, unsigned)) end
  return self:calculate(operator, x, y, bits, unsigned)
end

local prefixes = {
  ["+"] = function(_, _, v) return v end,
  ["-"] = function(self, operator, v) return self:apply(operator, integer.new(0, v.bits, v.unsigned), v) end,
  ["~"] = function(_, _, v) return integer.new(~v.number, v.bits, v.unsigned) end,
  ["!"] = function(_, _, v) return integer.truth(v.number == 0) end,
}

-- ---- operands

function Reader:named_type(name)
  return self.parser.scope.types:named(name)
end

local measures = {
  sizeof = "size", _Alignof = "align", alignof = "align", __alignof__ = "align", __alignof = "align",
}

-- sizeof and its like.
function Reader:measure()
  local parser, cursor = self.parser, self.parser.cursor
  local token = cursor:next()
  cursor:expect "("
  if not parser:at_type() then fail(cursor:peek(), "expected a type before %s", cursor:shown()) end
  local type = parser.scope:sized(parser:type_name(), token)
  cursor:expect ")"
  return integer.new(type[measures[token.text]], self:named_type("size_t").size * 8, true)
end

-- A cast. What is narrower than int becomes int at once.
local function cast(v, type, place)
  if type.element == "bool" then return integer.truth(v.number ~= 0) end
  local sign = not type.target and type.element and type.element:match "^[iu]"
  if not sign then fail(place, "a number cannot be cast to %s", quote(type.c_type)) end
  local bits = type.size * 8
  local number = integer.wrap(v.number, bits, sign == "u")
  if bits < integer.INT_BITS then return integer.new(number, integer.INT_BITS, false) end
  return integer.new(number, bits, sign == "u")
end

function Reader:parenthesis()
  local parser, cursor = self.parser, self.parser.cursor
  local open = cursor:expect "("
  local type = parser:at_type() and parser:type_name()
  local inner = not type and self:conditional()
  cursor:expect ")"
  return inner or cast(self:unary(), type, open)
end

function Reader:name(token)
  local scope = self.parser.scope
  local known = scope:find(constant.PREFIX .. token.text)
  if known then return known end
  fail(token, "unknown constant %s%s", quote(token.text), scope:suggestion(constant.PREFIX, token.text))
end

function Reader:operand()
  local cursor = self.parser.cursor
  local token = cursor:peek()
  if token.text == "(" then return self:parenthesis() end
  if measures[token.text] then return self:measure() end
  if token.kind == "number" then return literal.number(cursor:next(), self:named_type("long").size * 8) end
  if token.kind == "character" then return literal.character(cursor:next(), self:named_type("char").element == "u8") end
  if token.kind == "name" then return self:name(cursor:next()) end
  fail(token, "expected a number before %s", cursor:shown())
end

-- ---- expressions

function Reader:read_unary()
  local cursor = self.parser.cursor
  local apply = prefixes[cursor:peek().text]
  if not apply then return self:operand() end
  local operator = cursor:next()
  return apply(self, operator, self:unary())
end

function Reader:unary()
  return self.parser.cursor:deeper(self.read_unary, self)
end

-- Reads with a method what C evaluates only if the condition holds.
function Reader:evaluated_if(condition, method, ...)
  if condition then return method(self, ...) end
  self.unevaluated = self.unevaluated + 1
  local result = method(self, ...)
  self.unevaluated = self.unevaluated - 1
  return result
end

-- Reads what is right of && and ||.
function Reader:logical(operator, left)
  local is_open = (left.number ~= 0) == (operator.text == "&&")
  local right = self:evaluated_if(is_open, self.binary, binding[operator.text] + 1)
  return integer.truth((is_open and right or left).number ~= 0)
end

-- Reads operators that bind at least so tightly.
function Reader:binary(weakest)
  local cursor = self.parser.cursor
  local left = self:unary()
  while (binding[cursor:peek().text] or 0) >= weakest do
    local operator = cursor:next()
    if operator.text == "&&" or operator.text == "||" then
      left = self:logical(operator, left)
    else
      left = self:apply(operator, left, self:binary(binding[operator.text] + 1))
    end
  end
  return left
end

function Reader:read_conditional()
  local cursor = self.parser.cursor
  local condition = self:binary(1)
  if not cursor:accept "?" then return condition end
  local holds = condition.number ~= 0
  local first = self:evaluated_if(holds, self.conditional)
  cursor:expect ":"
  local second = self:evaluated_if(not holds, self.conditional)
  return integer.new((holds and first or second).number, integer.common_type(first, second))
end

function Reader:conditional()
  return self.parser.cursor:deeper(self.read_conditional, self)
end

-- ----

--- Reads a constant expression. Returns its value as a Lua integer; math.maxinteger if it is larger.
function constant.read(parser)
  local result = setmetatable({ parser = parser, unevaluated = 0 }, Reader):conditional()
  if result.unsigned and result.number < 0 then return math.maxinteger end
  return result.number
end

return constant
