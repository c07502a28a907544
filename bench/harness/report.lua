-- What a run found: in the terminal, and as a page of the documentation.
--
-- A section is {work, entries, missing, verdicts}, as harness.measure gives them.

local format = require "harness.format"
local measure = require "harness.measure"
local statistics = require "harness.statistics"

local report = {}

local function title_of(contender) return measure.peer(contender.peer).title end

local function name_of(contender) return title_of(contender) .. ": " .. contender.label end

-- The cells of an entry: who, how, the median, from the fastest to the slowest run, the time by that of the first; and
-- percentiles, if there are any.
local function cells_of(entry, first)
  local samples = statistics.sorted(entry.samples)
  local cells = {
    title_of(entry.contender),
    entry.contender.label,
    format.time(entry.median),
    ("%s … %s"):format(format.time(samples[1]), format.time(samples[#samples])),
    format.ratio(statistics.median_ratio(entry.samples, first.samples)),
  }
  for _, time in ipairs(entry.percentiles or {}) do cells[#cells + 1] = format.time(time) end
  return cells
end

-- What stands above them.
local function header_of(section)
  local first = section.entries[1]
  if not (first and first.percentiles) then return { "", "", "median", "fastest … slowest", "by the first" } end
  return { "", "", "mean", "fastest … slowest", "by the first", "50 %", "99 %", "99.9 %" }
end

local function rows_of(section)
  local rows = {}
  for i, entry in ipairs(section.entries) do rows[i] = cells_of(entry, section.entries[1]) end
  return rows
end

-- What a target asks for, in words.
local function target_text(verdict)
  local target = verdict.target
  local other = verdict.other and name_of(verdict.other.contender) or target.other
  if target.at_most then return ("at most %g × the time of %s"):format(target.at_most, other) end
  return ("at least %g × as fast as %s"):format(target.at_least, other)
end

local function verdict_word(verdict)
  if not verdict.ratio then return "not measured" end
  return verdict.is_met and "met" or "missed"
end

-- The cells of a target: whose, what it is to be, what it is, the verdict.
local function target_cells(verdict)
  return {
    verdict.ours and verdict.ours.contender.label or verdict.target.ours,
    target_text(verdict),
    verdict.ratio and format.ratio(verdict.ratio) or "",
    verdict_word(verdict),
  }
end

local function missing_text(section)
  local names = {}
  for i, contender in ipairs(section.missing) do
    names[i] = ("%s (package %s)"):format(name_of(contender), measure.peer(contender.peer).package)
  end
  return "Not measured, since it is not installed: " .. table.concat(names, "; ")
end

-- ---- in the terminal

local function plain(rows)
  for _, row in ipairs(rows) do
    for i, cell in ipairs(row) do row[i] = format.plain(cell) end
  end
  return rows
end

--- Lines about one section.
function report.section_text(section)
  local rows, right = plain(rows_of(section)), { [3] = true, [5] = true, [6] = true, [7] = true, [8] = true }
  local header = header_of(section)
  if #header > 5 then table.insert(rows, 1, header) end
  local lines = { section.work.title, format.columns(rows, right) }
  if #section.missing > 0 then lines[#lines + 1] = "  " .. format.plain(missing_text(section)) end
  if #section.verdicts > 0 then
    local targets = {}
    for i, verdict in ipairs(section.verdicts) do targets[i] = target_cells(verdict) end
    lines[#lines + 1] = "  Targets"
    lines[#lines + 1] = format.columns(plain(targets), { [3] = true })
  end
  return table.concat(lines, "\n")
end

--- A line about all targets.
function report.summary(sections)
  local counts = { met = 0, missed = 0, ["not measured"] = 0 }
  for _, section in ipairs(sections) do
    for _, verdict in ipairs(section.verdicts) do
      local word = verdict_word(verdict)
      counts[word] = counts[word] + 1
    end
  end
  return ("Targets: %d met, %d missed, %d not measured"):format(counts.met, counts.missed, counts["not measured"])
end

-- ---- as a page

local function markdown_table(header, rows)
  local function line(cells)
    local escaped = {}
    for i, cell in ipairs(cells) do escaped[i] = cell:gsub("|", "\\|") end
    return "| " .. table.concat(escaped, " | ") .. " |"
  end
  local lines = { line(header), "|" .. ("---|"):rep(#header) }
  for _, row in ipairs(rows) do lines[#lines + 1] = line(row) end
  return table.concat(lines, "\n")
end

local function targets_part(sections)
  local rows = {}
  for _, section in ipairs(sections) do
    for _, verdict in ipairs(section.verdicts) do
      local cells = target_cells(verdict)
      table.insert(cells, 1, section.work.title)
      rows[#rows + 1] = cells
    end
  end
  return markdown_table({ "Work", "", "Target", "Measured", "" }, rows)
end

local function section_part(section)
  local parts = {
    "## " .. section.work.title,
    section.work.definition,
    markdown_table(header_of(section), rows_of(section)),
  }
  if #section.missing > 0 then parts[#parts + 1] = missing_text(section) .. "." end
  return table.concat(parts, "\n\n")
end

local introduction = [[
# Benchmarks

Made by `%s` on %s; it measures shmipc and what one would take instead, in the same run.]]

local picture = "![%s: times of an operation, in logarithmic scale](%s)"

local method = [[
## How it is measured

Each figure is the median of %d runs. A run is a new process (or two, where a work says so; never threads) that does as
many operations as take about %g s, and takes the time around all of them: the loop is part of the figure. What is
prepared before and checked after is not. Every result is checked, and a wrong one ends the benchmark. The contenders of
a work take turns, round after round, and ratios are taken within a round: the median of those is shown. "By the first"
is a contender's time by that of the first line.

shmipc and C are built with the optimizations of a release; everything else is as the distribution packs it. LuaIPC
(lua-luaipc) and cpp-ipc are not among the contenders: the distribution does not have them. `bench/` holds the
programs.]]

--- The page. run: command, date, plots (a list of titles and files), settings, machine (lines of what and value),
-- sections.
function report.page(run)
  local parts = { introduction:format(run.command, run.date) }
  for _, plot in ipairs(run.plots) do parts[#parts + 1] = picture:format(plot.title, plot.file) end
  for _, part in ipairs {
    "## Targets",
    targets_part(run.sections),
    method:format(run.settings.rounds, run.settings.seconds),
    markdown_table({ "", "" }, run.machine),
  } do parts[#parts + 1] = part end
  for _, section in ipairs(run.sections) do parts[#parts + 1] = section_part(section) end
  return table.concat(parts, "\n\n") .. "\n"
end

return report
