-- Texts for people: what may be shown on a terminal, sizes, times, columns.

local text = {}

--- The text without what a terminal takes for a command, and without bytes that are no UTF-8.
function text.printable(raw)
  raw = raw:gsub("[%c\127]", function(byte) return ("\\x%02X"):format(byte:byte()) end)
  local at = 1
  while true do
    local _, bad = utf8.len(raw, at)
    if not bad then break end
    raw = raw:sub(1, bad - 1) .. ("\\x%02X"):format(raw:byte(bad)) .. raw:sub(bad + 1)
    at = bad
  end
  return (raw:gsub("\xC2[\x80-\x9F]", "?"))
end

--- How many columns it takes, its colours not counted.
function text.width(line)
  local plain = line:gsub("\27%[[%d;]*m", "")
  return utf8.len(plain) or #plain
end

--- The line, cut to so many columns; colours stay whole.
function text.cut(line, columns)
  if text.width(line) <= columns then return line end
  local parts, used, at = {}, 0, 1
  while at <= #line and used < columns - 1 do
    local escape = line:match("^\27%[[%d;]*m", at)
    local part = escape or line:match("^" .. utf8.charpattern, at) or line:sub(at, at)
    parts[#parts + 1] = part
    at = at + #part
    if not escape then used = used + 1 end
  end
  return table.concat(parts) .. "…" .. (line:find("\27", 1, true) and "\27[0m" or "")
end

local function scaled(value, step, units)
  local unit = 1
  while value >= step and unit < #units do
    value, unit = value / step, unit + 1
  end
  if value >= 100 or value == math.floor(value) then return ("%.0f %s"):format(value, units[unit]) end
  return ("%.1f %s"):format(value, units[unit])
end

function text.bytes(count)
  return scaled(count, 1024, { "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" })
end

function text.rate(per_second)
  return scaled(per_second, 1000, { "/s", "k/s", "M/s", "G/s" })
end

--- A number as people write it: no more digits than it takes to know it.
function text.number(value)
  if math.type(value) == "integer" then return tostring(value) end
  local short = ("%.6g"):format(value)
  return short
end

function text.seconds(seconds)
  if seconds < 0.0995 then return ("%.0f ms"):format(seconds * 1000) end
  if seconds < 9.95 then return ("%.1f s"):format(seconds) end
  if seconds < 120 then return ("%.0f s"):format(seconds) end
  if seconds < 7200 then return ("%.0f min"):format(seconds // 60) end
  if seconds < 172800 then return ("%.0f h"):format(seconds // 3600) end
  return ("%.0f d"):format(seconds // 86400)
end

--- "rw-r-----"
function text.mode(mode)
  local letters = {}
  for bit = 8, 0, -1 do
    letters[#letters + 1] = mode & (1 << bit) ~= 0 and ("xwr"):sub(bit % 3 + 1, bit % 3 + 1) or "-"
  end
  return table.concat(letters)
end

--- Lines of a table. columns: {{title, right = boolean}, ...}; rows: lists of cells, each a text or {text, style};
-- paint: as of shmipc.console.style. The last column takes what it needs.
function text.columns(columns, rows, paint)
  local widths, lines = {}, {}
  for i, column in ipairs(columns) do
    widths[i] = text.width(column[1])
    for _, row in ipairs(rows) do
      local cell = type(row[i]) == "table" and row[i][1] or row[i]
      widths[i] = math.max(widths[i], text.width(cell))
    end
  end
  local function add(row, style)
    local cells = {}
    for i, column in ipairs(columns) do
      local cell, own_style = row[i], style
      if type(cell) == "table" then cell, own_style = cell[1], cell[2] or style end
      local gap = (" "):rep(widths[i] - text.width(cell))
      local painted = own_style and paint(own_style, cell) or cell
      cells[i] = column.right and gap .. painted or i == #columns and painted or painted .. gap
    end
    lines[#lines + 1] = table.concat(cells, "  "):gsub("%s+$", "")
  end
  local titles = {}
  for i, column in ipairs(columns) do titles[i] = column[1] end
  add(titles, "title")
  for _, row in ipairs(rows) do add(row) end
  return lines
end

local BARS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }

--- A line of bars for the last `count` numbers of a list.
function text.sparkline(values, count)
  local first = math.max(1, #values - count + 1)
  local lowest, highest = math.huge, -math.huge
  for i = first, #values do
    lowest, highest = math.min(lowest, values[i]), math.max(highest, values[i])
  end
  local bars = {}
  for i = first, #values do
    local share = highest > lowest and (values[i] - lowest) / (highest - lowest) or 0
    bars[#bars + 1] = BARS[share == share and math.floor(share * (#BARS - 1) + 0.5) + 1 or 1]
  end
  return table.concat(bars)
end

return text
