-- Constant expressions, with the integer types that C gives them: 32 or 64 bits, signed or unsigned.

local diagnostic = require "shmipc.declaration.diagnostic"

local fail, quote = diagnostic.fail, diagnostic.quote

local constant = {}

--- What the scope puts before the name of a constant.
constant.PREFIX = "constant "

-- ---- values: { number = a Lua integer, with the same bits if it is unsigned, bits =, unsigned = }

local INT_BITS = 32

local function value(number, bits, unsigned)
  return { number = number, bits = bits, unsigned = unsigned or false }
end

local function truth(condition)
  return value(condition and 1 or 0, INT_BITS, false)
end

-- The number that is left in so many bits.
local function wrap(number, bits, unsigned)
  if bits == 64 then return number end
  number = number & ((1 << bits) - 1)
  if not unsigned and number >> (bits - 1) == 1 then number = number - (1 << bits) end
  return number
end

local function convert(v, bits, unsigned)
  return value(wrap(v.number, bits, unsigned), bits, unsigned)
end

-- The type that two operands are brought to: the wider one's, and unsigned if one of that width is.
local function common_type(a, b)
  if a.bits ~= b.bits then
    local wider = a.bits > b.bits and a or b
    return wider.bits, wider.unsigned
  end
  return a.bits, a.unsigned or b.unsigned
end

-- ---- arithmetic on Lua integers; each says as a second result whether a signed 64-bit result is right

local function add(a, b)
  local sum = a + b
  return sum, (a ~ sum) & (b ~ sum) >= 0
end

local function subtract(a, b)
  local difference = a - b
  return difference, (a ~ b) & (a ~ difference) >= 0
end

local function multiply(a, b)
  local product = a * b
  local overflows = a == -1 and b == math.mininteger or a ~= 0 and a ~= -1 and (product // a ~= b or product % a ~= 0)
  return product, not overflows
end

-- Quotient and rest, towards zero.
local function divide_signed(a, b)
  if b == -1 then return -a, 0 end
  local quotient = a // b
  if quotient < 0 and quotient * b ~= a then quotient = quotient + 1 end
  return quotient, a - quotient * b
end

local function divide_unsigned(a, b)
  if b < 0 then
    if math.ult(a, b) then return 0, a end
    return 1, a - b
  end
  local quotient = ((a >> 1) // b) << 1
  local rest = a - quotient * b
  if not math.ult(rest, b) then return quotient + 1, rest - b end
  return quotient, rest
end

local function less(a, b, unsigned)
  if unsigned then return math.ult(a, b) end
  return a < b
end

-- ---- the reader of one expression

local Reader = {}
Reader.__index = Reader

-- In the part of && || ?: that C does not evaluate, anything goes.
function Reader:misuse(place, ...)
  if self.unevaluated == 0 then fail(place, ...) end
end

function Reader:result(operator, bits, unsigned, number, is_exact)
  local wrapped = wrap(number, bits, unsigned)
  if not unsigned and (wrapped ~= number or not is_exact) then
    self:misuse(operator, "%s overflows", quote(operator.text))
  end
  return value(wrapped, bits, unsigned)
end

function Reader:divide(operator, a, b, unsigned)
  if b == 0 then
    self:misuse(operator, "division by zero")
    return 0, 0
  end
  return (unsigned and divide_unsigned or divide_signed)(a, b)
end

function Reader:shift(operator, a, b)
  if b.number < 0 or b.number >= a.bits then
    self:misuse(operator, "a shift by %d is not within 0 to %d", b.number, a.bits - 1)
    return a
  end
  local shifted
  if operator.text == "<<" then
    shifted = a.number << b.number
  elseif a.number >= 0 or a.unsigned then
    shifted = a.number >> b.number
  else
    shifted = ~(~a.number >> b.number)
  end
  return convert(value(shifted, a.bits, a.unsigned), a.bits, a.unsigned)
end

-- What an operator makes of two numbers of one type.
local arithmetic = {
  ["+"] = function(_, _, a, b) return add(a, b) end,
  ["-"] = function(_, _, a, b) return subtract(a, b) end,
  ["*"] = function(_, _, a, b) return multiply(a, b) end,
  ["/"] = function(self, operator, a, b, unsigned)
    return (self:divide(operator, a, b, unsigned)), not (a == math.mininteger and b == -1)
  end,
  ["%"] = function(self, operator, a, b, unsigned)
    local _, rest = self:divide(operator, a, b, unsigned)
    return rest, true
  end,
  ["&"] = function(_, _, a, b) return a & b, true end,
  ["^"] = function(_, _, a, b) return a ~ b, true end,
  ["|"] = function(_, _, a, b) return a | b, true end,
}

local comparisons = {
  ["<"] = function(a, b, unsigned) return less(a, b, unsigned) end,
  [">"] = function(a, b, unsigned) return less(b, a, unsigned) end,
  ["<="] = function(a, b, unsigned) return not less(b, a, unsigned) end,
  [">="] = function(a, b, unsigned) return not less(a, b, unsigned) end,
  ["=="] = function(a, b) return a == b end,
  ["!="] = function(a, b) return a ~= b end,
}

-- How tightly an operator binds.
local binding = {
  ["||"] = 1, ["&&"] = 2, ["|"] = 3, ["^"] = 4, ["&"] = 5, ["=="] = 6, ["!="] = 6, ["<"] = 7, [">"] = 7, ["<="] = 7,
  [">="] = 7, ["<<"] = 8, [">>"] = 8, ["+"] = 9, ["-"] = 9, ["*"] = 10, ["/"] = 10, ["%"] = 10,
}

function Reader:apply(operator, a, b)
  if operator.text == "<<" or operator.text == ">>" then return self:shift(operator, a, b) end
  local bits, unsigned = common_type(a, b)
  local x, y = wrap(a.number, bits, unsigned), wrap(b.number, bits, unsigned)
  local compare = comparisons[operator.text]
  if compare then return truth(compare(x, y, unsigned)) end
  return self:result(operator, bits, unsigned, arithmetic[operator.text](self, operator, x, y, unsigned))
end

-- ---- literals

local bases = { { "^0[xX](%x+)(.*)$", 16 }, { "^0[bB]([01]+)(.*)$", 2 }, { "^0([0-7]*)(.*)$", 8 },
  { "^(%d+)(.*)$", 10 } }

local suffixes = { [""] = "", u = "u", l = "l", ul = "ul", lu = "ul", ll = "ll", ull = "ull", llu = "ull" }

-- The value of the digits as an unsigned number of 64 bits, or nil if they need more.
local function unsigned_number(digits, base)
  local limit, number = divide_unsigned(-1, base), 0
  for digit in digits:gmatch "." do
    local d = tonumber(digit, 16)
    if math.ult(limit, number) or math.ult(-1 - d, number * base) then return nil end
    number = number * base + d
  end
  return number
end

local function digits_and_suffix(text)
  for _, base in ipairs(bases) do
    local digits, suffix = text:match(base[1])
    if digits then return digits, base[2], suffixes[suffix:lower()] end
  end
end

local function fits(number, bits, unsigned)
  if unsigned then return bits == 64 or number >> bits == 0 end
  return number >> (bits - 1) == 0
end

function Reader:number(token)
  local digits, base, suffix = digits_and_suffix(token.text)
  if not suffix then fail(token, "%s is not a whole number", quote(token.text)) end
  local number = unsigned_number(digits, base)
  local narrowest = INT_BITS
  if suffix:find "ll" then
    narrowest = 64
  elseif suffix:find "l" then
    narrowest = self.parser.types:named("long").size * 8
  end
  for bits = narrowest, 64, 32 do
    for _, unsigned in ipairs { false, true } do
      local is_allowed = suffix:find "u" and unsigned or not suffix:find "u" and (base ~= 10 or not unsigned)
      if number and is_allowed and fits(number, bits, unsigned) then return value(number, bits, unsigned) end
    end
  end
  fail(token, "%s is too large", quote(token.text))
end

local escapes = { a = 7, b = 8, f = 12, n = 10, r = 13, t = 9, v = 11, e = 27, ["\\"] = 92, ["'"] = 39, ['"'] = 34,
  ["?"] = 63 }

local function character_code(text)
  if #text == 1 then return text:byte() end
  local hexadecimal, octal = text:match "^\\x(%x%x?)$", text:match "^\\([0-7][0-7]?[0-7]?)$"
  if hexadecimal then return tonumber(hexadecimal, 16) end
  if octal then return tonumber(octal, 8) end
  return escapes[text:match "^\\(.)$"]
end

function Reader:character(token)
  local code = character_code(token.text:sub(2, -2))
  if not code or code > 255 then fail(token, "%s is not one character", token.text) end
  return value(wrap(code, 8, self.parser.types:named("char").element == "u8"), INT_BITS, false)
end

-- ---- operands

function Reader:size(value_of)
  local parser = self.parser
  local token = parser.cursor:next()
  parser.cursor:expect "("
  if not parser:at_type() then fail(parser.cursor:peek(), "expected a type before %s", parser.cursor:shown()) end
  local type = parser:sized(parser:type_name(), token)
  parser.cursor:expect ")"
  return value(type[value_of], parser.types:named("size_t").size * 8, true)
end

function Reader:cast(place)
  local type = self.parser:type_name()
  self.parser.cursor:expect ")"
  local operand = self:unary()
  if type.element == "bool" then return truth(operand.number ~= 0) end
  local sign = not type.target and type.element and type.element:match "^[iu]"
  if not sign then fail(place, "a number cannot be cast to %s", quote(type.c_type)) end
  local number = wrap(operand.number, type.size * 8, sign == "u")
  return value(number, math.max(type.size * 8, INT_BITS), sign == "u" and type.size * 8 >= INT_BITS)
end

function Reader:parenthesis()
  local parser = self.parser
  local open = parser.cursor:expect "("
  if parser:at_type() then return self:cast(open) end
  local result = self:conditional()
  parser.cursor:expect ")"
  return result
end

function Reader:name(token)
  local parser = self.parser
  local known = parser.scope[constant.PREFIX .. token.text]
  if known then return value(known.number, known.bits, known.unsigned) end
  fail(token, "unknown constant %s%s", quote(token.text), parser:suggestion(constant.PREFIX, token.text))
end

local prefix = {
  ["+"] = function(_, _, v) return v end,
  ["-"] = function(self, operator, v) return self:apply(operator, value(0, v.bits, v.unsigned), v) end,
  ["~"] = function(_, _, v) return convert(value(~v.number, v.bits, v.unsigned), v.bits, v.unsigned) end,
  ["!"] = function(_, _, v) return truth(v.number == 0) end,
}

local measures = {
  sizeof = "size", _Alignof = "align", alignof = "align", __alignof__ = "align", __alignof = "align",
}

function Reader:operand()
  local cursor = self.parser.cursor
  local token = cursor:peek()
  if token.text == "(" then return self:parenthesis() end
  if measures[token.text] then return self:size(measures[token.text]) end
  if token.kind == "number" then return self:number(cursor:next()) end
  if token.kind == "character" then return self:character(cursor:next()) end
  if token.kind == "name" then return self:name(cursor:next()) end
  fail(token, "expected a number before %s", cursor:shown())
end

function Reader:read_unary()
  local cursor = self.parser.cursor
  local apply = prefix[cursor:peek().text]
  if not apply then return self:operand() end
  local operator = cursor:next()
  return apply(self, operator, self:unary())
end

function Reader:unary()
  return self.parser.cursor:deeper(self, "read_unary")
end

-- Reads what is right of && and ||, whose value may not be asked for.
function Reader:right_of(operator, left)
  local decided = operator.text == "&&" and left.number == 0 or operator.text == "||" and left.number ~= 0
  local right = self:unless(decided, "binary", binding[operator.text] + 1)
  if decided then return truth(left.number ~= 0) end
  return truth(right.number ~= 0)
end

-- Reads a part that counts only when the condition is false.
function Reader:unless(condition, method, ...)
  self.unevaluated = self.unevaluated + (condition and 1 or 0)
  local result = self[method](self, ...)
  self.unevaluated = self.unevaluated - (condition and 1 or 0)
  return result
end

-- Reads operators that bind at least so tightly.
function Reader:binary(weakest)
  local cursor = self.parser.cursor
  local left = self:unary()
  while (binding[cursor:peek().text] or 0) >= weakest do
    local operator = cursor:next()
    if operator.text == "&&" or operator.text == "||" then
      left = self:right_of(operator, left)
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
  local first = self:unless(not holds, "conditional")
  cursor:expect ":"
  local second = self:unless(holds, "conditional")
  return convert(holds and first or second, common_type(first, second))
end

function Reader:conditional()
  return self.parser.cursor:deeper(self, "read_conditional")
end

-- ----

--- Reads a constant expression. Returns its value: { number =, bits =, unsigned = }.
function constant.read(parser)
  return setmetatable({ parser = parser, unevaluated = 0 }, Reader):conditional()
end

--- Whether the value is below zero, or so large that no Lua integer holds it; and that it is shown as.
function constant.as_integer(v)
  if v.unsigned and v.number < 0 then return math.maxinteger end
  return v.number
end

--- A constant of a whole number.
constant.value = value

return constant
