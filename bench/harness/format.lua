-- Numbers and texts for people.

local format = {}

local units = { { 1e9, "s" }, { 1e6, "ms" }, { 1e3, "µs" } }

-- Three digits that mean something.
local function three_digits(number)
  if number >= 100 then return ("%.0f"):format(number) end
  if number >= 10 then return ("%.1f"):format(number) end
  return ("%.2f"):format(number)
end

--- A time in nanoseconds, in the unit that suits it.
function format.time(nanoseconds)
  for _, unit in ipairs(units) do
    if nanoseconds >= unit[1] then return three_digits(nanoseconds / unit[1]) .. " " .. unit[2] end
  end
  return three_digits(nanoseconds) .. " ns"
end

--- 10 to that power in nanoseconds, in the unit that suits it.
function format.decade(power)
  local nanoseconds = 10.0 ^ power
  for _, unit in ipairs(units) do
    if nanoseconds >= unit[1] then return ("%g %s"):format(nanoseconds / unit[1], unit[2]) end
  end
  return ("%g ns"):format(nanoseconds)
end

function format.ratio(ratio) return three_digits(ratio) .. " ×" end

--- Markdown's marks taken away.
function format.plain(text) return (text:gsub("`", "")) end

--- Lines of columns, each as wide as its widest cell. right: the set of the columns that are set to the right.
function format.columns(rows, right)
  local widths = {}
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do widths[i] = math.max(widths[i] or 0, utf8.len(cell)) end
  end
  local lines = {}
  for _, row in ipairs(rows) do
    local cells = {}
    for i, cell in ipairs(row) do
      local space = (" "):rep(widths[i] - utf8.len(cell))
      cells[i] = right[i] and space .. cell or cell .. space
    end
    lines[#lines + 1] = ("  " .. table.concat(cells, "  ")):gsub(" +$", "")
  end
  return table.concat(lines, "\n")
end

return format
