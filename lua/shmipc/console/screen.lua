-- The whole terminal, for a live view: on its alternate screen, and put back as it was when the view ends, also by
-- Ctrl-C.
--
--     local screen <close> = screens.open()
--     screen:draw(lines)
--     local keys = screen:wait(until_when)

local shmipc = require "shmipc"
local text = require "shmipc.console.text"

local screens = {}

local screen = {}
screen.__index = screen

local LOOK = 0.05 -- seconds between two looks at the keyboard
local MEASURE = 1 -- seconds between two looks at the terminal's size

-- What a command of the terminal prints; "" where there is no terminal.
local function stty(arguments)
  local pipe <close> = io.popen("stty " .. arguments .. " </dev/tty 2>/dev/null")
  return pipe and pipe:read "a" or ""
end

--- Takes the terminal. Keys come at once, and unseen.
function screens.open()
  local self = setmetatable({ settings = stty "-g":match "%S+", measured = -math.huge }, screen)
  if self.settings then stty "-icanon -echo min 0 time 0" end
  io.stdout:setvbuf "full"
  io.stdout:write("\27[?1049h\27[?25l\27[2J"):flush()
  return self
end

function screen:close()
  if self.is_closed then return end
  self.is_closed = true
  io.stdout:write("\27[?25h\27[?1049l"):flush()
  if self.settings then stty(self.settings) end
end
screen.__close = screen.close

--- Rows and columns.
function screen:size()
  local now = shmipc.clock()
  if now - self.measured >= MEASURE then
    local rows, columns = stty "size":match "(%d+) (%d+)"
    self.rows, self.columns, self.measured = tonumber(rows) or 24, tonumber(columns) or 80, now
    if self.rows == 0 then self.rows, self.columns = 24, 80 end
  end
  return self.rows, self.columns
end

--- Shows the lines, as many as there is room for.
function screen:draw(lines)
  local rows, columns = self:size()
  local shown = {}
  for i = 1, math.min(#lines, rows) do shown[i] = text.cut(lines[i], columns) .. "\27[K" end
  io.stdout:write("\27[H", table.concat(shown, "\r\n"), "\27[J"):flush()
end

-- What was typed, "" if nothing was. The terminal is opened anew each time: a stream that has once seen no input keeps
-- saying that there is none.
local function typed()
  local tty <close> = io.open("/dev/tty", "rb")
  return tty and tty:read "a" or ""
end

--- Waits until the moment, or until something is typed, which is returned.
function screen:wait(moment)
  repeat
    local keys = self.settings and typed() or ""
    if keys ~= "" then return keys end
    shmipc.sleep(math.max(0, math.min(LOOK, moment - shmipc.clock())))
  until shmipc.clock() >= moment
  return ""
end

return screens
