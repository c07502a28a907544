-- shmipc watch

local command = require "shmipc.command"
local fields = require "shmipc.console.fields"
local objects = require "shmipc.console.objects"
local screens = require "shmipc.console.screen"
local series = require "shmipc.console.series"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local text = require "shmipc.console.text"
local values = require "shmipc.console.values"

local HISTORY = 24 -- samples in a sparkline
local SHOWN = 0.5 -- seconds that a change stays highlighted
local VALUE_WIDTH = 40
local ELEMENTS = 64 -- of each array
local BYTES = 4096 -- at most, when they are shown as they are
local ROW = 16
local ABOUT = 1 -- seconds between two looks at who holds it

local function positive(word)
  local number = tonumber(word)
  return number and number > 0 and number or nil
end

local function options(parser)
  parser:argument("name", "The shared memory.")
  fields.options(parser)
  parser:option("-n --interval", "Seconds between two looks.", "0.2"):convert(positive):argname "SECONDS"
  parser:option("--count", "End after so many looks."):convert(positive):argname "N"
  parser:option("--duration", "End after so many seconds."):convert(positive):argname "SECONDS"
  parser:option("--record", "Keep the values as CSV in this file."):argname "FILE"
  parser:option("--plot", "Draw the values into this file at the end (SVG)."):argname "FILE"
  fields.lock_options(parser)
end

-- ---- reading

-- What is watched: opened anew when the name has come to mean another object.
local function open(chosen)
  local mapping, message, code = shmipc.mapping.peek(chosen.name)
  if not mapping then return nil, message, code end
  local view = command.expect(mapping:view())
  local watched = { mapping = mapping, view = view }
  if chosen.as or chosen.layout then watched.source = fields.source(view, chosen) end
  return watched
end

local function close(watched)
  if not watched then return end
  watched.view:close()
  watched.mapping:close()
end

-- The names and values of now. Without a layout: the bytes.
local function sample(watched, chosen, start)
  local names, list = {}, {}
  if watched.source then
    local now = fields.locked(chosen, function() return command.attempt(watched.source.read) end)
    for i, entry in ipairs(fields.flat(now, watched.source.order, ELEMENTS)) do
      names[i], list[i] = entry[1] ~= "" and entry[1] or chosen.as, entry[2]
    end
  else
    local count = math.max(0, math.min(BYTES, #watched.view - chosen.offset))
    local bytes = fields.locked(chosen, function()
      return command.attempt(watched.view.read, watched.view, chosen.offset, count)
    end)
    for i = 1, #bytes do names[i], list[i] = ("byte %d"):format(chosen.offset + i - 1), bytes:byte(i) end
  end
  list.time = shmipc.clock() - start
  return names, list
end

-- ---- showing

local function is_fresh(tracker, i)
  local at = tracker.changed_at[i]
  return at and tracker.last.time - at < SHOWN
end

local function field_lines(tracker, paint)
  local rows = {}
  for i, name in ipairs(tracker.names) do
    local value = tracker.last[i]
    local past, rate = tracker.histories[i], tracker.rates[i]
    rows[i] = {
      { name, "name" },
      { text.cut(values.quoted(value), VALUE_WIDTH), is_fresh(tracker, i) and "changed" or nil },
      rate and math.abs(rate) > 1e-9 and ("%+.4g/s"):format(rate) or "",
      past and series.varies(past) and text.sparkline(past, HISTORY) or "",
    }
  end
  return text.columns({ { "FIELD" }, { "VALUE", right = true }, { "RATE", right = true }, { "" } }, rows, paint)
end

local function byte_lines(tracker, offset, paint)
  local lines = {}
  for first = 1, #tracker.last, ROW do
    local hex, shown = {}, {}
    for i = first, math.min(first + ROW - 1, #tracker.last) do
      local byte = tracker.last[i]
      local styled = is_fresh(tracker, i) and "changed" or byte == 0 and "dim"
      hex[#hex + 1] = styled and paint(styled, ("%02x"):format(byte)) or ("%02x"):format(byte)
      shown[#shown + 1] = byte >= 32 and byte < 127 and string.char(byte) or "."
    end
    local gap = ("   "):rep(ROW - #hex)
    lines[#lines + 1] = ("%s  %s%s  %s"):format(paint("name", ("%08x"):format(offset + first - 1)),
      table.concat(hex, " "), gap, table.concat(shown))
  end
  return lines
end

local function head_lines(state, chosen, paint)
  local about = state.about
  local who = about and (about.holders or about.handles) and "held by " .. objects.holders_text(about, 3) or ""
  if about and about.holders and #about.holders == 0 and about.holders_complete then who = "held by nobody" end
  if about and about.unlinked then who = paint("warning", "its name is gone") end
  if state.is_gone then who = paint("warning", "gone; waiting for it to come back") end
  return {
    ("%s  %s  %s"):format(paint("title", text.printable(chosen.name)),
      about and text.bytes(about.size) or "", who),
    paint("dim", ("every %s; q ends"):format(text.seconds(chosen.interval))), "",
  }
end

local function draw(state, chosen)
  local lines = head_lines(state, chosen, state.paint)
  local body = state.watched and state.watched.source and field_lines(state.tracker, state.paint)
    or byte_lines(state.tracker, chosen.offset, state.paint)
  table.move(body, 1, #body, #lines + 1, lines)
  state.screen:draw(lines)
end

-- ---- the loop

-- The object may end, and another of its name begin.
local function look_about(state, chosen, now)
  if state.about and now - state.looked_at < ABOUT and not state.is_gone then return end
  state.looked_at = now
  if state.watched then state.about = state.watched.mapping:info() end
  if state.watched and not (state.about and state.about.unlinked) then return end
  local again = open(chosen)
  state.is_gone = not again
  if again then
    close(state.watched)
    state.watched, state.about = again, again.mapping:info()
  end
end

-- As CSV, bytes are one column.
local function csv_form(watched, names, list)
  if watched.source then return names, list end
  return { "bytes" }, { ("%02x"):rep(#list):format(table.unpack(list)), time = list.time }
end

local function write(state, line)
  if state.record then state.record:write(line, "\n") end
  if state.prints then
    print(line)
    io.stdout:flush()
  end
end

local function take(state, chosen)
  local names, list = sample(state.watched, chosen, state.start)
  local is_new = not state.tracker or #state.tracker.names ~= #names
  if is_new then state.tracker = series.tracker(names) end
  series.add(state.tracker, list, HISTORY)
  if chosen.plot then series.keep(state.tracker, list) end
  if not state.record and not state.prints then return end
  local titles, row = csv_form(state.watched, names, list)
  if is_new then write(state, series.csv_titles(titles)) end
  write(state, series.csv_row(row))
end

local function wait(state, moment)
  if state.screen then return state.screen:wait(moment):find "[qQ\27\3]" ~= nil end
  shmipc.sleep(math.max(0, moment - shmipc.clock()))
  return false
end

local function loop(state, chosen)
  local looks, moment = 0, shmipc.clock()
  repeat
    local now = shmipc.clock()
    look_about(state, chosen, now)
    if not state.is_gone then take(state, chosen) end
    if state.screen then draw(state, chosen) end
    looks = looks + 1
    moment = math.max(moment + chosen.interval, now)
    local is_over = looks >= (chosen.count or math.huge)
      or moment - state.start > (chosen.duration or math.huge) + chosen.interval / 2
    if is_over or wait(state, moment) then return end
  until false
end

local function finish(state, chosen)
  close(state.watched)
  if state.record then state.record:close() end
  if not chosen.plot or not state.tracker then return end
  local file <close> = command.expect(io.open(chosen.plot, "wb"))
  command.expect(file:write(series.svg(state.tracker, chosen.name)))
end

local function run(chosen)
  local watched = command.expect(open(chosen))
  local state = { watched = watched, start = shmipc.clock(), paint = style.painter(), looked_at = -math.huge }
  if chosen.record then state.record = command.expect(io.open(chosen.record, "wb")) end
  local is_live = style.is_terminal(1)
  state.prints = not is_live and not chosen.record
  local is_done, message
  do
    local screen <close> = is_live and screens.open() or nil
    state.screen = screen
    is_done, message = pcall(loop, state, chosen)
  end
  finish(state, chosen)
  if not is_done and not (is_live and tostring(message):find "interrupted!") then error(message, 0) end
end

return {
  summary = "Watches shared memory live: values, what changed, how fast, and how it went.",
  description = "It reads without holding the memory, and takes no lock unless one is named. Where standard output " ..
    "is no terminal it prints CSV.",
  options = options,
  examples = {
    { "shmipc watch ShareMemory --as i32", "an integer, with its rate of change" },
    { "shmipc watch telemetry --layout telemetry.h --struct Telemetry", "the fields of a struct" },
    { "shmipc watch telemetry --layout telemetry.h --record run.csv --plot run.svg --duration 60",
      "a minute of it, kept and drawn" },
  },
  run = run,
}
