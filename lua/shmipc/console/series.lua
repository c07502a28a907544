-- Time series of values: what changed, how fast, a record as CSV, a drawing as SVG.

local text = require "shmipc.console.text"

local series = {}

local KEPT = 100000 -- samples of a drawing

-- ---- CSV

local function csv_cell(value)
  if type(value) == "number" then
    return math.type(value) == "integer" and tostring(value) or ("%.9g"):format(value)
  end
  local word = tostring(value)
  return word:find '[",\r\n]' and '"' .. word:gsub('"', '""') .. '"' or word
end

--- A line of names; a line of a sample.
function series.csv_titles(names)
  local cells = { "time" }
  for i, name in ipairs(names) do cells[i + 1] = csv_cell(name) end
  return table.concat(cells, ",")
end

function series.csv_row(sample)
  local cells = { ("%.6f"):format(sample.time) }
  for i, value in ipairs(sample) do cells[i + 1] = csv_cell(value) end
  return table.concat(cells, ",")
end

-- ---- what becomes of each field

--- Keeps track of samples, each a list of values with its `time`.
function series.tracker(names)
  return { names = names, rates = {}, histories = {}, changed_at = {}, samples = {} }
end

function series.add(tracker, sample, history)
  local before = tracker.last
  for i, value in ipairs(sample) do
    if before and value ~= before[i] then tracker.changed_at[i] = sample.time end
    if type(value) == "number" then
      local past = tracker.histories[i] or {}
      tracker.histories[i] = past
      past[#past + 1] = value
      if #past > history then table.remove(past, 1) end
      if before and type(before[i]) == "number" and sample.time > before.time then
        local rate = (value - before[i]) / (sample.time - before.time)
        tracker.rates[i] = (tracker.rates[i] or rate) * 0.7 + rate * 0.3
      end
    end
  end
  tracker.last = sample
end

--- Remembers a sample for a drawing; of too many, every other one.
function series.keep(tracker, sample)
  local samples = tracker.samples
  samples[#samples + 1] = sample
  if #samples <= KEPT then return end
  local half = {}
  for i = 1, #samples, 2 do half[#half + 1] = samples[i] end
  tracker.samples = half
end

--- Whether the numbers are not all the same.
function series.varies(list)
  for i = 2, #list do
    if list[i] ~= list[1] then return true end
  end
  return false
end

-- ---- SVG

local WIDTH, HEIGHT, MARGIN, GAP = 720, 110, 70, 34

local function escaped(word)
  return (text.printable(word):gsub("[<>&]", { ["<"] = "&lt;", [">"] = "&gt;", ["&"] = "&amp;" }))
end

local function bounds(samples, field)
  local lowest, highest = math.huge, -math.huge
  for _, sample in ipairs(samples) do
    local value = sample[field]
    if type(value) == "number" and value == value and math.abs(value) < math.huge then
      lowest, highest = math.min(lowest, value), math.max(highest, value)
    end
  end
  return lowest, highest
end

local function panel(parts, samples, field, name, top)
  local lowest, highest = bounds(samples, field)
  if lowest > highest then return top end
  local first, last = samples[1].time, samples[#samples].time
  local function add(format, ...) parts[#parts + 1] = format:format(...) end
  local points = {}
  for _, sample in ipairs(samples) do
    local value = sample[field]
    if type(value) == "number" and value == value and math.abs(value) < math.huge then
      local x = MARGIN + (last > first and (sample.time - first) / (last - first) or 0) * WIDTH
      local y = top + HEIGHT - (highest > lowest and (value - lowest) / (highest - lowest) or 0.5) * HEIGHT
      points[#points + 1] = ("%.1f,%.1f"):format(x, y)
    end
  end
  add('<text x="%d" y="%d" class="name">%s</text>', MARGIN, top - 6, escaped(name))
  add('<path d="M%d,%d v%d h%d" class="axis"/>', MARGIN, top, HEIGHT, WIDTH)
  add('<text x="%d" y="%d" class="number">%s</text>', MARGIN - 6, top + 10, text.number(highest))
  add('<text x="%d" y="%d" class="number">%s</text>', MARGIN - 6, top + HEIGHT, text.number(lowest))
  add('<polyline points="%s"/>', table.concat(points, " "))
  return top + HEIGHT + GAP
end

-- Which fields are worth a panel: those that changed, or if none did, all.
local function chosen_fields(tracker)
  local changed, all = {}, {}
  for field in ipairs(tracker.names) do
    local lowest, highest = bounds(tracker.samples, field)
    all[#all + 1] = field
    if highest > lowest then changed[#changed + 1] = field end
  end
  return #changed > 0 and changed or all
end

--- Draws the kept samples: a panel for each field of numbers that has changed.
function series.svg(tracker, title)
  local parts, samples = {}, tracker.samples
  local top = 60
  for _, field in ipairs(chosen_fields(tracker)) do
    top = panel(parts, samples, field, tracker.names[field], top)
  end
  local seconds = #samples > 0 and samples[#samples].time - samples[1].time or 0
  local width, height = MARGIN + WIDTH + 20, top + 10
  return table.concat({
    ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="sans-serif">')
      :format(width, height, width, height),
    "<style>.name{font-size:13px;font-weight:bold}.number{font-size:11px;text-anchor:end;fill:#666}" ..
      ".axis{fill:none;stroke:#bbb}polyline{fill:none;stroke:#1f6fb2;stroke-width:1.5}</style>",
    '<rect width="100%" height="100%" fill="white"/>',
    ('<text x="%d" y="24" font-size="16">%s</text>'):format(MARGIN, escaped(title)),
    table.concat(parts, "\n"),
    ('<text x="%d" y="%d" class="number">%s</text>'):format(MARGIN + WIDTH, height - 16, text.seconds(seconds)),
    "</svg>\n",
  }, "\n")
end

return series
