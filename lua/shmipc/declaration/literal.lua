-- Numbers and characters as they are written.

local diagnostic = require "shmipc.declaration.diagnostic"
local integer = require "shmipc.declaration.integer"

local fail, quote = diagnostic.fail, diagnostic.quote

local literal = {}

local forms = {
  { "^0[xX](%x+)(.*)$", 16 },
  { "^0[bB]([01]+)(.*)$", 2 },
  { "^0([0-7]*)(.*)$", 8 },
  { "^(%d+)(.*)$", 10 },
}

local suffixes = {
  [""] = {},
  u = { unsigned = true },
  l = { long = true },
  ul = { unsigned = true, long = true },
  lu = { unsigned = true, long = true },
  ll = { long_long = true },
  ull = { unsigned = true, long_long = true },
  llu = { unsigned = true, long_long = true },
}

local function take_apart(text)
  for _, form in ipairs(forms) do
    local digits, suffix = text:match(form[1])
    if digits then return digits, form[2], suffixes[suffix:lower()] end
  end
end

-- The digits as a number of 64 bits without sign, or nil if they need more.
local function number_of(digits, base)
  local number, limit = 0, integer.divide(-1, base, true)
  for digit in digits:gmatch "." do
    local value = tonumber(digit, 16)
    if math.ult(limit, number) or math.ult(-1 - value, number * base) then return nil end
    number = number * base + value
  end
  return number
end

-- Whether C may take a number for an unsigned one: only if it says so, or is not decimal.
local function may_be(unsigned, suffix, base)
  if unsigned then return suffix.unsigned or base ~= 10 end
  return not suffix.unsigned
end

--- The integer that a token is: of the first type that holds it.
function literal.number(token, long_bits)
  local digits, base, suffix = take_apart(token.text)
  if not suffix then fail(token, "%s is not a whole number", quote(token.text)) end
  local number = number_of(digits, base)
  if not number then fail(token, "%s is too large", quote(token.text)) end
  local narrowest = suffix.long_long and 64 or suffix.long and long_bits or integer.INT_BITS
  for bits = narrowest, 64, 32 do
    for _, unsigned in ipairs { false, true } do
      if may_be(unsigned, suffix, base) and integer.fits(number, bits, unsigned) then
        return integer.new(number, bits, unsigned)
      end
    end
  end
  fail(token, "%s is too large", quote(token.text))
end

local escapes = {
  a = 7, b = 8, f = 12, n = 10, r = 13, t = 9, v = 11, e = 27, ["\\"] = 92, ["'"] = 39, ['"'] = 34, ["?"] = 63,
}

-- The code of what stands between the quotes, or nil.
local function code_of(text)
  if #text == 1 then return text:byte() end
  local hexadecimal, octal = text:match "^\\x(%x%x?)$", text:match "^\\([0-7][0-7]?[0-7]?)$"
  if hexadecimal then return tonumber(hexadecimal, 16) end
  if octal then return tonumber(octal, 8) end
  return escapes[text:match "^\\(.)$"]
end

--- The integer that a token in quotes is.
function literal.character(token, is_unsigned)
  local code = code_of(token.text:sub(2, -2))
  if not code or code > 255 then fail(token, "%s is not one character", quote(token.text)) end
  return integer.new(integer.wrap(code, 8, is_unsigned), integer.INT_BITS, false)
end

return literal
