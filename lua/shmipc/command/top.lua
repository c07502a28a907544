-- shmipc top

local json = require "shmipc.console.json"
local objects = require "shmipc.console.objects"
local screens = require "shmipc.console.screen"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local text = require "shmipc.console.text"

local SAMPLE = 0.02 -- seconds between two looks at the locks

-- The columns that it can be sorted by; `value` is compared, the largest first where `falls` says so.
local sorts = {
  { name = "kind", value = function(o) return o.kind or "" end },
  { name = "name", value = function(o) return o.name end },
  { name = "size", falls = true, value = function(o) return o.size end },
  { name = "age", falls = true, value = function(o) return o.age or 0 end },
  { name = "holders", falls = true, value = function(o) return o.holders and #o.holders or o.handles or 0 end },
  { name = "locked", falls = true, value = function(o) return o.locked_share or -1 end },
  { name = "waited", falls = true, value = function(o) return o.waited_share or -1 end },
  { name = "rate", falls = true, value = function(o) return (o.send_rate or -1) + (o.receive_rate or 0) end },
}

local function sort_number(name)
  for i, sort in ipairs(sorts) do
    if sort.name == name then return i end
  end
end

local function positive(word)
  local number = tonumber(word)
  return number and number > 0 and number or nil
end

local function options(parser)
  local names = {}
  for i, sort in ipairs(sorts) do names[i] = sort.name end
  parser:option("-n --interval", "Seconds between two pictures.", "1"):convert(positive):argname "SECONDS"
  parser:option("--count", "End after so many pictures; where standard output is no terminal: 1."):convert(positive)
    :argname "N"
  parser:option("-s --sort", "By which column."):choices(names):default "waited"
  parser:flag("-r --reverse", "The other way round.")
  parser:flag("-a --all", "Objects of other users, too.")
  parser:flag("--json", "For programs: a list for each picture, a line each.")
end

-- ---- sampling: how often a lock was found held, and waited for, in one interval

local function sample(counts)
  for _, object in ipairs(objects.all { holders = false }) do
    local count = counts[object.name] or { looks = 0, locked = 0, waited = 0 }
    counts[object.name] = count
    count.looks = count.looks + 1
    if object.locked then count.locked = count.locked + 1 end
    if object.waiting then count.waited = count.waited + 1 end
  end
end

-- What channels have sent and received since the picture before.
local function rates(object, before, seconds)
  if not object.sent or not before or not before.sent or seconds <= 0 then return end
  object.send_rate = (object.sent - before.sent) / seconds
  object.receive_rate = (object.received - before.received) / seconds
end

local function picture(state, counts, chosen)
  local now, list = shmipc.clock(), json.list {}
  local user = objects.user()
  for _, object in ipairs(objects.all()) do
    local count = counts[object.name]
    if chosen.all or not object.uid or object.uid == user then list[#list + 1] = object end
    if count and object.locked ~= nil and object.kind == "mutex" then
      object.locked_share = count.locked / count.looks
    end
    if count and object.waiting ~= nil then
      object.waited_share = count.waited / count.looks
    end
    rates(object, state.before[object.name], now - (state.pictured_at or now))
  end
  state.before, state.pictured_at = {}, now
  for _, object in ipairs(list) do state.before[object.name] = object end
  return list
end

local function sort(list, number, is_reversed)
  local by = sorts[number]
  local falls = (by.falls or false) ~= is_reversed
  table.sort(list, function(a, b)
    local first, second = by.value(a), by.value(b)
    if first == second then return a.name < b.name end
    if falls then return first > second end
    return first < second
  end)
end

-- ---- showing

local function share_cell(share)
  if not share then return "" end
  local shown = ("%.0f %%"):format(share * 100)
  if share >= 0.5 then return { shown, "bad" } end
  if share > 0 then return { shown, "warning" } end
  return { shown, "dim" }
end

local function rate_text(object)
  if not object.send_rate then return "" end
  return ("%s in, %s out"):format(text.rate(object.send_rate), text.rate(object.receive_rate))
end

local function lines_of(list, state, paint)
  local columns = {
    { "KIND" }, { "NAME" }, { "SIZE", right = true }, { "AGE", right = true }, { "HOLDERS", right = true },
    { "LOCKED", right = true }, { "WAITED", right = true }, { "RATE", right = true }, { "STATE" },
  }
  columns[state.sort][1] = columns[state.sort][1] .. (state.is_reversed and "↑" or "↓")
  local rows = {}
  for i, object in ipairs(list) do
    local holders = object.holders and #object.holders or object.handles
    rows[i] = {
      object.kind or "?", { text.printable(object.name), "name" }, objects.size_text(object),
      object.age and text.seconds(object.age) or "-",
      holders and ("%d%s"):format(holders, object.holders_complete == false and "+?" or "") or "?",
      share_cell(object.locked_share), share_cell(object.waited_share), rate_text(object),
      objects.state_text(object, paint),
    }
  end
  return text.columns(columns, rows, paint)
end

local function summary_line(list)
  local kinds, bytes, leftovers = {}, 0, 0
  for _, object in ipairs(list) do
    kinds[object.kind or "?"] = (kinds[object.kind or "?"] or 0) + 1
    bytes = bytes + object.size
    if object.leftover then leftovers = leftovers + 1 end
  end
  return ("objects: %d, of %s; mappings: %d, mutexes: %d, channels: %d, leftovers: %d"):format(#list, text.bytes(bytes),
    kinds.mapping or 0, kinds.mutex or 0, kinds.channel or 0, leftovers)
end

local function show(list, state, chosen)
  if chosen.json then
    for i, object in ipairs(list) do list[i] = objects.json(object) end
    print(json.encode(list))
    io.stdout:flush()
    return
  end
  sort(list, state.sort, state.is_reversed)
  local lines = lines_of(list, state, state.paint)
  if not state.screen then
    for _, line in ipairs(lines) do print(line) end
    io.stdout:flush()
    return
  end
  table.insert(lines, 1, state.paint("title", "shmipc top") .. "  " .. summary_line(list))
  table.insert(lines, 2, state.paint("dim", "< > choose the column to sort by, r turns it round, q ends"))
  table.insert(lines, 3, "")
  state.screen:draw(lines)
end

-- Whether it goes on.
local function obey(state, keys)
  for key in keys:gmatch "." do
    if key:find "[qQ\3]" then return false end
    if key == "r" then state.is_reversed = not state.is_reversed end
    if key == "<" or key == "," then state.sort = (state.sort - 2) % #sorts + 1 end
    if key == ">" or key == "." then state.sort = state.sort % #sorts + 1 end
  end
  return true
end

-- Samples until the moment; a key ends it early. false: the end.
local function wait(state, counts, moment)
  repeat
    sample(counts)
    local until_when = math.min(moment, shmipc.clock() + SAMPLE)
    if state.screen then
      local keys = state.screen:wait(until_when)
      if keys ~= "" then return obey(state, keys) end
    else
      shmipc.sleep(math.max(0, until_when - shmipc.clock()))
    end
  until shmipc.clock() >= moment
  return true
end

local function loop(state, chosen)
  local pictures = 0
  local first = chosen.count and chosen.interval or math.min(chosen.interval, 0.2) -- it comes soon where others follow
  local counts, moment = {}, shmipc.clock() + first
  picture(state, counts, chosen) -- for the rates of the first one that is shown
  while wait(state, counts, moment) do
    show(picture(state, counts, chosen), state, chosen)
    if shmipc.clock() >= moment then
      pictures = pictures + 1
      counts, moment = {}, math.max(moment + chosen.interval, shmipc.clock())
    end
    if pictures >= (chosen.count or math.huge) then return end
  end
end

local function run(chosen)
  local is_live = not chosen.json and style.is_terminal(1)
  local state = {
    sort = sort_number(chosen.sort), is_reversed = chosen.reverse or false, before = {}, paint = style.painter(),
  }
  if not is_live then chosen.count = chosen.count or 1 end
  local is_done, message
  do
    local screen <close> = is_live and screens.open() or nil
    state.screen = screen
    is_done, message = pcall(loop, state, chosen)
  end
  if not is_done and not (is_live and tostring(message):find "interrupted!") then error(message, 0) end
end

return {
  summary = "Shows objects live: who holds how many, which locks are fought for, how fast channels go.",
  description = "LOCKED and WAITED say in how many of the looks, 50 a second, a lock was held, and waited for. No " ..
    "lock is taken for that.",
  options = options,
  examples = {
    { "shmipc top", "the locks that are waited for come first" },
    { "shmipc top --sort size", "the largest first" },
    { "shmipc top --count 1 --interval 5 | cat", "one picture of five seconds, for a log" },
  },
  run = run,
}
