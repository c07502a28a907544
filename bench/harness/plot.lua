-- The times as bars in SVG, a panel a work, in logarithmic scale. The colours are such that they can be read on a light
-- and on a dark background.

local format = require "harness.format"
local measure = require "harness.measure"

local plot = {}

local WIDTH, LABELS, VALUES = 880, 330, 70 -- of all; of the column left of the bars; of the one right of them
local ROW, BAR, TITLE, GAP = 20, 13, 30, 22 -- heights
local MARGIN = 10

local text_colour, line_colour = "#717a84", "#8b949e"
local colours = { ours = "#e06c00", peer = "#3d85c6", limit = "#7d8894" }
local legend = { { "ours", "shmipc" }, { "peer", "what one would take instead" }, { "limit", "the limit: C" } }

-- The pictures, by the works' groups.
local groups = {
  { title = "Memory and locks", file = "benchmarks.svg" },
  { name = "messages", title = "Messages", file = "benchmarks-messages.svg" },
}

local escapes = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;" }

local function text(x, y, words, attributes)
  return ('<text x="%.1f" y="%.1f" %s>%s</text>'):format(x, y, attributes or "", (words:gsub('[&<>"]', escapes)))
end

local function bar(x, y, width, height, colour)
  return ('<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" rx="2" fill="%s"/>'):format(x, y, width, height, colour)
end

local function line(x, y, height)
  return ('<path d="M%.1f %.1fv%.1f" stroke="%s" stroke-opacity="0.35"/>'):format(x, y, height, line_colour)
end

-- What of a section is shown, the shortest time first.
local function shown(section)
  local entries = {}
  for _, entry in ipairs(section.entries) do
    if not entry.contender.is_detail then entries[#entries + 1] = entry end
  end
  table.sort(entries, function(a, b) return a.median < b.median end)
  return entries
end

-- A function from a time to a width, and the decades within the scale. It begins well below the shortest time, so that
-- every bar is seen.
local function scale_of(entries)
  local lowest = math.floor(math.log(entries[1].median, 10) - 0.3)
  local highest = math.log(entries[#entries].median, 10)
  local unit = (WIDTH - LABELS - VALUES) / (highest - lowest)
  local decades = {}
  for decade = lowest, math.floor(highest) do decades[#decades + 1] = decade end
  return function(time) return (math.log(time, 10) - lowest) * unit end, decades
end

-- The drawing of a section, from y on; and where it ends.
local function panel(section, y)
  local entries, parts = shown(section), {}
  local width_of, decades = scale_of(entries)
  parts[#parts + 1] = text(MARGIN, y + 16, section.work.title, 'class="title"')
  local top, height = y + TITLE, #entries * ROW
  for _, decade in ipairs(decades) do
    local x = LABELS + width_of(10.0 ^ decade)
    parts[#parts + 1] = line(x, top, height)
    parts[#parts + 1] = text(x, top + height + 11, format.decade(decade), 'class="scale" text-anchor="middle"')
  end
  for i, entry in ipairs(entries) do
    local peer, middle = measure.peer(entry.contender.peer), top + (i - 0.5) * ROW
    local role = entry.contender.role or peer.role
    local width = width_of(entry.median)
    local label = peer.title .. ": " .. format.plain(entry.contender.label)
    local class = role == "ours" and 'class="ours"' or ""
    parts[#parts + 1] = text(LABELS - 8, middle + 4, label, class .. ' text-anchor="end"')
    parts[#parts + 1] = bar(LABELS, middle - BAR / 2, width, BAR, colours[role])
    parts[#parts + 1] = text(LABELS + width + 6, middle + 4, format.time(entry.median), class)
  end
  return table.concat(parts, "\n"), top + height + GAP
end

local function legend_line(y)
  local parts, x = {}, LABELS
  for _, item in ipairs(legend) do
    parts[#parts + 1] = bar(x, y, BAR, BAR, colours[item[1]])
    parts[#parts + 1] = text(x + BAR + 6, y + 11, item[2])
    x = x + BAR + 26 + 7 * #item[2]
  end
  return table.concat(parts, "\n")
end

local frame = [[
<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img">
<title>%s: times of an operation; shorter is better</title>
<style>
text { font: 12px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: %s }
.title { font-size: 14px; font-weight: 600 }
.ours { font-weight: 600; fill: %s }
.scale { font-size: 10px }
</style>
%s
</svg>
]]

local function sections_of(name, sections)
  local found = {}
  for _, section in ipairs(sections) do
    if section.work.group == name and not section.work.is_detail then found[#found + 1] = section end
  end
  return found
end

local function svg(title, sections)
  local heading = title .. ", time of an operation: shorter is better"
  local parts, y = { text(MARGIN, 21, heading, 'class="title"'), legend_line(32) }, 64
  for _, section in ipairs(sections) do parts[#parts + 1], y = panel(section, y) end
  return frame:format(WIDTH, y, WIDTH, y, title, text_colour, colours.ours, table.concat(parts, "\n"))
end

--- The pictures of the sections that are not details: a list of {title, file, svg}.
function plot.pictures(sections)
  local pictures = {}
  for _, group in ipairs(groups) do
    local shown_sections = sections_of(group.name, sections)
    if #shown_sections > 0 then
      pictures[#pictures + 1] = { title = group.title, file = group.file, svg = svg(group.title, shown_sections) }
    end
  end
  return pictures
end

return plot
