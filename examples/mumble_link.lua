#!/usr/bin/env lua5.4
-- Mumble Link: the memory in which a game tells Mumble, a voice chat, where its player is and looks, so that each voice
-- comes from its place. `publish` plays such a game, `watch` shows what any game publishes.
--
-- Where the facts are from: "the page" is "Integrate Mumble Positional Audio Through the Link Plugin" in the developer
-- documentation of the Mumble project; "the plugin" is plugins/link in the project's source.

local shmipc = require "shmipc"

-- The page has the struct, the units and the axes; the meaning of a version is in the plugin.
local linked_mem = shmipc.layout [[
  struct LinkedMem {
    uint32_t uiVersion;         /* 2; 1 from games that know no camera; else nobody is linked */
    uint32_t uiTick;            /* changes with each frame */
    float fAvatarPosition[3];   /* metres: x to the right, y up, z ahead */
    float fAvatarFront[3];      /* unit vector: where the eyes look */
    float fAvatarTop[3];        /* unit vector: out of the top of the head */
    wchar_t name[256];          /* the game's */
    float fCameraPosition[3];
    float fCameraFront[3];
    float fCameraTop[3];
    wchar_t identity[256];      /* tells the player from all others of the context */
    uint32_t context_len;       /* bytes of the context */
    unsigned char context[256]; /* players with the same one hear each other's places */
    wchar_t description[2048];  /* of the game */
  };
]]

-- The page: "MumbleLink" on Windows; elsewhere the number of the user follows, as getuid gives it. That is the first of
-- the four on its line (proc_pid_status(5)).
local function default_name()
  if shmipc.platform == "windows" then return "MumbleLink" end
  local status <close> = assert(io.open "/proc/self/status")
  return "MumbleLink." .. status:read("a"):match "\nUid:%s+(%d+)"
end

-- ---- a game

local UP = { 0, 1, 0 }
local RADIUS, LAP = 5, 20 -- a walk in a circle: metres, seconds a lap

-- Where the walker is after so many seconds, and where they look.
local function walk(seconds)
  local angle = 2 * math.pi * seconds / LAP
  local x, z = math.sin(angle), math.cos(angle)
  return { RADIUS * x, 0, RADIUS * z }, { z, 0, -x }
end

-- The version comes last: nobody takes up a link without its texts.
local function introduce(link, player)
  local context = "circle"
  shmipc.record.assign(link, {
    name = "A walk in a circle",
    description = "Not much of a game: examples/mumble_link.lua",
    identity = player,
    context = { context:byte(1, -1) },
    context_len = #context,
  })
  link.uiVersion = 2
end

-- Nothing guards the memory, so a reader may see half a frame. The tick comes last: with it, the frame is whole.
local function publish_frame(link, seconds)
  local position, front = walk(seconds)
  shmipc.record.assign(link, {
    fAvatarPosition = position,
    fAvatarFront = front,
    fAvatarTop = UP,
    fCameraPosition = { position[1] - 3 * front[1], 2, position[3] - 3 * front[3] }, -- behind the walker's back
    fCameraFront = front,
    fCameraTop = UP,
  })
  shmipc.atomic.fetch_add(link, "uiTick", 1) -- wraps, as in C
end

local function at_end(f)
  return setmetatable({}, { __close = f })
end

local function publish(options)
  -- Mumble has made it, or finds it when it starts: the plugin opens what is there, too.
  local memory <close> = assert(shmipc.mapping.open_or_create(options.memory, linked_mem.size))
  local view <close> = assert(memory:view(0, linked_mem.size))
  local link = view:record(linked_mem)
  -- The plugin drops a link without a version at once, and one that has only fallen silent after 5 s.
  local guard <close> = at_end(function() link.uiVersion = 0 end)

  introduce(link, options.player)
  print(("%s %s; Ctrl-C ends it"):format(memory:created() and "made" or "joined", options.memory))
  io.stdout:flush()
  for tick = 1, options.ticks do
    if link.uiVersion ~= 2 then introduce(link, options.player) end -- the plugin empties what it drops
    publish_frame(link, tick * options.pace)
    shmipc.sleep(options.pace)
  end
end

-- ---- a look at it

local function open_link(name)
  local memory <close>, message, code = shmipc.mapping.open(name, { access = "r" })
  if code == "NOT_FOUND" then
    return nil, ("%s is not there: Mumble with its Link plugin makes it, or publish"):format(name)
  end
  if not memory then return nil, message end
  if memory:size() < linked_mem.size then
    return nil, ("%s has %d bytes, a LinkedMem %d"):format(name, memory:size(), linked_mem.size)
  end
  return memory:view(0, linked_mem.size)
end

-- Gives a function that looks at what a game publishes: its values; or nil, and why there are none.
local function new_look(name, silence)
  local view, tick, last_move

  local function read()
    local message
    if not view then view, message = open_link(name) end
    if not view then return nil, message end
    local is_whole, values = pcall(shmipc.record.snapshot, view:record(linked_mem))
    if not is_whole then return nil, name .. " was cut short" end
    return values
  end

  -- Why the values are nobody's, as the plugin judges it.
  local function objection(values)
    if values.uiTick ~= tick then tick, last_move = values.uiTick, shmipc.clock() end
    if values.uiVersion ~= 1 and values.uiVersion ~= 2 then return "no game is linked" end
    if shmipc.clock() - last_move > silence then return "the game has fallen silent" end
  end

  return function()
    local values, why = read()
    if values then why = objection(values) end
    if not why then return values end
    if view then view:close() end
    view = nil -- what comes next may be another mapping of the name
    return nil, why
  end
end

-- ---- as text. Any program may have written the bytes, so nothing in them may reach the terminal as a command.

local function plain(text)
  return (text:gsub("\xC2[\x80-\x9F]", "?"):gsub("%c", "?")) -- control characters: U+0080 to U+009F, then ASCII's
end

local function context_of(values)
  local length = math.min(values.context_len, #values.context)
  local bytes = string.char(table.unpack(values.context, 1, length))
  return (bytes:gsub("[^\x20-\x7E]", function(byte) return ("\\x%02x"):format(byte:byte()) end))
end

local function number(x)
  return (math.abs(x) < 1e6 and "%.2f" or "%.3g"):format(x)
end

local function vector(v)
  return ("%s %s %s"):format(number(v[1]), number(v[2]), number(v[3]))
end

local function row(label, v)
  return ("%-12s%11s%11s%11s"):format(label, number(v[1]), number(v[2]), number(v[3]))
end

-- From above, clockwise from where z points.
local function heading(front)
  return ("%.0f°"):format((math.deg(math.atan(front[1], front[3])) + 0.5) // 1 % 360)
end

local function in_a_line(values)
  return ("tick %d, avatar %s, heading %s, %s"):format(values.uiTick, vector(values.fAvatarPosition),
    heading(values.fAvatarFront), plain(values.name))
end

local function in_full(values)
  local lines = {
    "game        " .. plain(values.name),
    "description " .. plain(values.description),
    "tick        " .. values.uiTick,
    "heading     " .. heading(values.fAvatarFront),
    ("%23s%11s%11s"):format("x", "y", "z"),
    row("avatar", values.fAvatarPosition),
    row("  front", values.fAvatarFront),
    row("  top", values.fAvatarTop),
  }
  if values.uiVersion == 1 then return lines end
  return table.move({
    row("camera", values.fCameraPosition),
    row("  front", values.fCameraFront),
    row("  top", values.fCameraTop),
    "identity    " .. plain(values.identity),
    "context     " .. context_of(values),
  }, 1, 5, #lines + 1, lines)
end

-- ---- on the screen

-- Lua does not know where its output goes. The shell does, which has the same.
local function is_terminal()
  return shmipc.platform == "linux" and os.execute "test -t 1"
end

-- Shows a look in the place of the one before.
local function new_picture()
  local height = 0
  return function(values, why)
    local lines = values and in_full(values) or { why }
    if height > 0 then io.write(("\27[%dA"):format(height)) end
    io.write(table.concat(lines, "\27[K\n"), "\27[K\n\27[J") -- each erases what is right of it, the last what is below
    io.flush()
    height = #lines
  end
end

-- Shows each change in a line of its own.
local function new_log()
  local last
  return function(values, why)
    local line = values and in_a_line(values) or why
    if line ~= last then
      io.write(line, "\n")
      io.flush()
    end
    last = line
  end
end

local function watch_once(options)
  local values, why = new_look(options.memory, options.silence)()
  if not values then error(why, 0) end
  print(table.concat(in_full(values), "\n"))
end

local function watch(options)
  if options.once then return watch_once(options) end
  local look, show = new_look(options.memory, options.silence), new_log()
  local guard <close> = at_end(function() if options.live then io.write "\27[?7h\27[?25h" end end)
  if options.live then
    io.write "\27[?7l\27[?25l" -- no line goes on in the next one, so that we can count them; no cursor
    show = new_picture()
  end
  while true do
    show(look())
    shmipc.sleep(options.pace)
  end
end

-- ---- the command line

local parser = require "argparse"("mumble_link", "Publishes a walk through Mumble's Link plugin, or watches a game.")
parser:command_target "command"

local function command(name, text)
  local made = parser:command(name, text)
  made:option("--memory", "Name of the mapping.", default_name())
  return made
end

local publisher = command("publish", "Plays a game whose player walks in a circle.")
publisher:option("--player", "The identity.", "Zoë 🎧")
publisher:option("--ticks", "Frames to publish; without end if not given.", math.huge):convert(tonumber)
publisher:option("--pace", "Seconds between two frames. Mumble looks 50 times a second.", "0.02"):convert(tonumber)

local watcher = command("watch", "Shows what a game publishes: in place on a terminal, else a line a change.")
watcher:flag("--once", "One look at all there is, and no more.")
watcher:flag("--live", "In place, where a terminal is not found out (on Windows).")
watcher:option("--pace", "Seconds between two looks.", "0.1"):convert(tonumber)
watcher:option("--silence", "Seconds without a tick after which a game is gone; Mumble's are 5.", "5"):convert(tonumber)

local options = parser:parse()
options.live = options.live or is_terminal()

local commands = { publish = publish, watch = watch }
local is_done, message = pcall(commands[options.command], options)
if not is_done and not tostring(message):find "interrupted!$" then
  io.stderr:write("mumble_link: ", tostring(message), "\n")
  os.exit(1, true)
end
