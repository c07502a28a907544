-- What the programs in Lua must come to. For Lua 5.4 and LuaJIT.

local sums = {}

local ELEMENTS = 1024
local MILLION = 1000000

--- The sum of (i & 1023) + 1 for i from 1 to count.
function sums.of_reads(count)
  local rest = count % ELEMENTS
  return (count - rest) / ELEMENTS * (ELEMENTS * (ELEMENTS + 1) / 2) + rest * (rest + 3) / 2
end

--- The sum of 1024 elements, zeros at first, after i was written to the one at i & 1023 for i from 1 to count.
function sums.of_writes(count)
  local written = math.min(count, ELEMENTS)
  return written * (count - written + 1 + count) / 2
end

--- The sum of the numbers from 1 to a million.
function sums.of_a_million() return MILLION * (MILLION + 1) / 2 end

function sums.of_a_million_sevens() return 7 * MILLION end

--- The sum of a table or an array.
function sums.of(list)
  local sum = 0
  for e = 1, #list do sum = sum + list[e] end
  return sum
end

return sums
