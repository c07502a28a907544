-- Values of shared memory, as they are shown.

local text = require "shmipc.console.text"

local values = {}

--- A number with as many digits as it takes to have it back, in the precision that it has, single or double; a text
-- without what a terminal would take for a command.
function values.shown(value)
  if type(value) == "string" then return text.printable(value) end
  if math.type(value) ~= "float" then return tostring(value) end
  local is_single = math.abs(value) <= 0x1.fffffep127 and string.unpack("f", string.pack("f", value)) == value
  for digits = 6, 16 do
    local short = ("%%.%dg"):format(digits):format(value)
    local again = tonumber(short)
    if is_single and again then again = string.unpack("f", string.pack("f", again)) end
    if again == value then return short end
  end
  return ("%.17g"):format(value)
end

--- The same beside a name, where a text has quotes.
function values.quoted(value)
  return type(value) == "string" and '"' .. values.shown(value) .. '"' or values.shown(value)
end

return values
