-- Measures a work: its contenders in turn, round after round, each time in new processes.

local shell = require "harness.shell"
local statistics = require "harness.statistics"

local measure = {}

local LARGEST_STEP = 1000 -- how much more the next attempt may do than one that took no time worth the name
local CLOSE_ENOUGH = 4 -- there is no need of another attempt

local peers = {}

--- The peer's description: bench/peers/NAME/peer.lua.
function measure.peer(name)
  peers[name] = peers[name] or dofile(("bench/peers/%s/peer.lua"):format(name))
  return peers[name]
end

-- One run: the nanoseconds in all, the operations, and, where each was timed, a list of the times within which 50 %,
-- 99 % and 99.9 % were done.
local function run(work, contender, count, settings)
  settings.runs = (settings.runs or 0) + 1
  local words = measure.peer(contender.peer).command(work.program, settings.programs)
  local name = ("%s-%d"):format(settings.prefix, settings.runs)
  for _, word in ipairs { contender.task, count, work.processes or 1, name } do words[#words + 1] = word end
  local output = assert(shell.run(words))
  local nanoseconds, operations, rest = output:match "^(%d+)%s+(%d+)([%s%d]*)$"
  assert(nanoseconds, "no figures from: " .. table.concat(words, " "))
  local percentiles = {}
  for time in rest:gmatch "%d+" do percentiles[#percentiles + 1] = tonumber(time) end
  return tonumber(nanoseconds), tonumber(operations), #percentiles > 0 and percentiles or nil
end

-- How many operations take the time that a run is to take. The quicker of two attempts counts: in one of a moment the
-- system may have been elsewhere most of the time.
local function calibrate(work, contender, settings)
  local wanted, count = settings.seconds * 1e9, 1
  while true do
    local nanoseconds = math.min(run(work, contender, count, settings), (run(work, contender, count, settings)))
    local factor = wanted / math.max(nanoseconds, 1)
    if factor <= CLOSE_ENOUGH then return math.max(1, math.floor(count * factor)) end
    count = math.ceil(count * math.min(factor, LARGEST_STEP))
  end
end

local function runs_here(contender, work, settings)
  local peer = measure.peer(contender.peer)
  if peer.is_here and not peer.is_here() then return false end
  return shell.has(peer.command(work.program, settings.programs)[1])
end

-- Of lists, one a round: the median of their first elements, of their second ones, …
local function medians_of(rounds)
  local medians = {}
  for i in ipairs(rounds[1]) do
    local column = {}
    for round, values in ipairs(rounds) do column[round] = values[i] end
    medians[i] = statistics.median(column)
  end
  return medians
end

--- Returns a list of what was measured, {contender, samples, median, percentiles} with samples in nanoseconds an
-- operation, one a round, and a list of the peers that are missing. The percentiles (50 %, 99 %, 99.9 %, medians of the
-- rounds) are there where each operation was timed.
function measure.work(work, settings)
  local entries, missing = {}, {}
  for _, contender in ipairs(work.contenders) do
    if runs_here(contender, work, settings) then
      local count = settings.count or work.count or calibrate(work, contender, settings)
      entries[#entries + 1] = { contender = contender, samples = {}, count = count, spreads = {} }
    else
      missing[#missing + 1] = contender
    end
  end
  for round = 1, settings.rounds do
    for turn = 1, #entries do
      local entry = entries[(round + turn) % #entries + 1] -- nobody is always the first
      local nanoseconds, operations, percentiles = run(work, entry.contender, entry.count, settings)
      entry.samples[round] = nanoseconds / operations
      entry.spreads[round] = percentiles
    end
  end
  for _, entry in ipairs(entries) do
    entry.median = statistics.median(entry.samples)
    entry.percentiles = entry.spreads[1] and medians_of(entry.spreads)
  end
  return entries, missing
end

local function find(entries, reference)
  for _, entry in ipairs(entries) do
    if entry.contender.peer .. "/" .. entry.contender.task == reference then return entry end
  end
end

--- What the work's targets came to: {target, ours, other, ratio, is_met}; without a ratio when a peer is missing.
-- at_most is about our time by the other's, at_least about our speed by the other's.
function measure.judge(work, entries)
  local verdicts = {}
  for _, target in ipairs(work.targets) do
    local ours, other = find(entries, target.ours), find(entries, target.other)
    local verdict = { target = target, ours = ours, other = other }
    if ours and other and target.at_most then
      verdict.ratio = statistics.median_ratio(ours.samples, other.samples)
      verdict.is_met = verdict.ratio <= target.at_most
    elseif ours and other then
      verdict.ratio = statistics.median_ratio(other.samples, ours.samples)
      verdict.is_met = verdict.ratio >= target.at_least
    end
    verdicts[#verdicts + 1] = verdict
  end
  return verdicts
end

return measure
