#!/usr/bin/env lua5.4
-- A live pipeline of three processes: a sensor measures, a filter smooths, a display shows. Readings go from one to the
-- next as C structs, without becoming strings.
--
--   sensor --NAME.raw--> filter --NAME.smooth--> display
--
-- Both channels are small. When the display is slow, the second one is full after a moment, then the filter waits, then
-- the first one is full, and then the sensor waits too (or drops readings, as it likes): that is back-pressure. The
-- sensor's end comes down the same way: it shuts its channel down, and each of the others does so when it has drained
-- the one before.

local shmipc = require "shmipc"

local reading = shmipc.layout [[
  struct reading {
    double seconds;  /* since the sensor began */
    uint32_t number; /* 1, 2, …; a gap where one was dropped */
    float celsius;
    float mean;      /* the filter's */
  };
]]

-- Whoever comes first makes a channel, so the three may start in any order.
local function open(options, name)
  return assert(shmipc.channel.open_or_create(options.name .. name, { layout = reading, capacity = 4096 }))
end

local function at_end(f)
  return setmetatable({}, { __close = f })
end

-- ---- the sensor

local function measure(seconds)
  return 20 + 3 * math.sin(seconds / 2) + math.random() - 0.5
end

local function sensor(options)
  local raw <close> = open(options, ".raw")
  local guard <close> = at_end(function() raw:shutdown() end) -- by Ctrl-C, too
  local begin, waits, dropped = shmipc.clock(), 0, 0
  local number = 0
  while number < options.readings do
    local seconds = shmipc.clock() - begin
    number = number + 1
    local value = { number = number, seconds = seconds, celsius = measure(seconds) }
    local is_sent, message, code = raw:send(value, 0)
    if code == "TIMEOUT" and options.drop then
      dropped = dropped + 1
    elseif code == "TIMEOUT" then
      waits = waits + 1
      assert(raw:send(value))
    else
      assert(is_sent, message)
    end
    shmipc.sleep(options.pace)
  end
  print(("sensor: %d readings, waited for space %d times, dropped %d"):format(number, waits, dropped))
end

-- ---- the filter

-- Gives a function that adds a value and gives the mean of the last ones.
local function new_mean(count)
  local values, sum, next_one = {}, 0, 1
  return function(value)
    sum = sum + value - (values[next_one] or 0)
    values[next_one] = value
    next_one = next_one % count + 1
    return sum / #values
  end
end

local function filter(options)
  local raw <close> = open(options, ".raw")
  local smooth <close> = open(options, ".smooth")
  local mean = new_mean(options.over)
  for value in raw:messages() do
    value.mean = mean(value.celsius)
    assert(smooth:send(value))
  end
  assert(smooth:shutdown())
end

-- ---- the display

local function in_a_line(value)
  return ("%6d %8.2f s %7.2f °C, mean %6.2f °C"):format(value.number, value.seconds, value.celsius, value.mean)
end

-- Lua does not know where its output goes. The shell does, which has the same.
local function is_terminal()
  return shmipc.platform == "linux" and os.execute "test -t 1"
end

local BARS = { "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█" }
local LOW, HIGH, WIDTH = 16, 24, 60 -- °C, and how many means are in the picture

local function bar(celsius)
  local height = math.floor((celsius - LOW) / (HIGH - LOW) * #BARS) + 1
  return BARS[math.max(1, math.min(#BARS, height))]
end

-- Shows a reading in the place of the one before, over a picture of the last means.
local function new_picture()
  local bars, is_begun = {}, false
  return function(value)
    bars[#bars + 1] = bar(value.mean)
    if #bars > WIDTH then table.remove(bars, 1) end
    if is_begun then io.write "\27[F" end -- to the begin of the line above
    io.write(in_a_line(value), "\27[K\n", table.concat(bars), "\27[K")
    io.flush()
    is_begun = true
  end
end

local function display(options)
  local smooth <close> = open(options, ".smooth")
  local guard <close> = at_end(function() if options.live then io.write "\n\27[?7h\27[?25h" end end)
  local show = print
  if options.live then
    io.write "\27[?7l\27[?25l" -- no line goes on in the next one; no cursor
    show = new_picture()
  end
  for value in smooth:messages() do
    show(options.live and value or in_a_line(value))
    if options.pace > 0 then shmipc.sleep(options.pace) end
  end
end

-- ---- the command line

local parser = require "argparse"("sensor", "A sensor, a filter and a display, each a process.")
parser:command_target "command"

local function command(name, text)
  local made = parser:command(name, text)
  made:option("--name", "What the names of the channels begin with.", "thermometer")
  return made
end

local for_sensor = command("sensor", "Measures, and ends the pipeline when it ends.")
for_sensor:option("--readings", "How many; without end if not given.", math.huge):convert(tonumber)
for_sensor:option("--pace", "Seconds between two readings.", "0.05"):convert(tonumber)
for_sensor:flag("--drop", "Drops a reading for which there is no space, instead of waiting.")

command("filter", "Adds the mean of the last readings."):option("--over", "How many.", "20"):convert(tonumber)

local for_display = command("display", "Shows the readings: in place on a terminal, else a line each.")
for_display:option("--pace", "Seconds it takes for each, to see what a slow display does.", "0"):convert(tonumber)
for_display:flag("--live", "In place, where a terminal is not found out (on Windows).")

local options = parser:parse()
options.live = options.command == "display" and (options.live or is_terminal())
io.stdout:setvbuf(options.live and "full" or "no")

local commands = { sensor = sensor, filter = filter, display = display }
local is_done, message = pcall(commands[options.command], options)
if not is_done and not tostring(message):find "interrupted!$" then
  io.stderr:write("sensor: ", tostring(message), "\n")
  os.exit(1, true)
end
