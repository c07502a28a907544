-- C's integers in constant expressions: { number =, bits = 32 or 64, unsigned = }. The number is a Lua integer; for an
-- unsigned one of 64 bits, the one with the same bits.

local integer = {}

integer.INT_BITS = 32

--- The number that is left in so many bits.
function integer.wrap(number, bits, unsigned)
  if bits == 64 then return number end
  number = number & ((1 << bits) - 1)
  if not unsigned and number >> (bits - 1) == 1 then number = number - (1 << bits) end
  return number
end

--- An integer of so many bits, with what is left of the number there.
function integer.new(number, bits, unsigned)
  return { number = integer.wrap(number, bits, unsigned), bits = bits, unsigned = unsigned or false }
end

--- What C's comparisons give.
function integer.truth(condition)
  return integer.new(condition and 1 or 0, integer.INT_BITS, false)
end

--- The width and signedness that two operands are brought to: the wider one's, and unsigned if one of that width is.
function integer.common_type(a, b)
  if a.bits ~= b.bits then
    local wider = a.bits > b.bits and a or b
    return wider.bits, wider.unsigned
  end
  return a.bits, a.unsigned or b.unsigned
end

--- Whether a number of 64 bits without sign fits into fewer, or with one.
function integer.fits(number, bits, unsigned)
  if unsigned then return bits == 64 or number >> bits == 0 end
  return number >> (bits - 1) == 0
end

-- ---- arithmetic on numbers. Each says as a second result whether the first is right as a signed one of 64 bits.

function integer.add(a, b)
  local sum = a + b
  return sum, (a ~ sum) & (b ~ sum) >= 0
end

function integer.subtract(a, b)
  local difference = a - b
  return difference, (a ~ b) & (a ~ difference) >= 0
end

function integer.multiply(a, b)
  local product = a * b
  if a == 0 then return 0, true end
  if a == -1 then return product, b ~= math.mininteger end
  return product, product // a == b and product % a == 0
end

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

--- Quotient, towards zero, and rest.
function integer.divide(a, b, unsigned)
  return (unsigned and divide_unsigned or divide_signed)(a, b)
end

function integer.less(a, b, unsigned)
  if unsigned then return math.ult(a, b) end
  return a < b
end

--- The number moved to the right. The sign stays.
function integer.shift_right(number, count, unsigned)
  if number >= 0 or unsigned then return number >> count end
  return ~(~number >> count)
end

return integer
