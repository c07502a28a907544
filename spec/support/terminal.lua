--- A real terminal for the specs (tmux): a command runs in it, keys are sent, the screen is read.
--
--     local terminal <close> = terminals.open({ "lua5.4", "bin/shmipc", "top" }, { columns = 100, rows = 20 })
--     terminal:await "KIND"
--     terminal:send "q"

local process = require "support.process"
local shmipc = require "shmipc"

local terminals = {}

local PATIENCE = 20 -- seconds
local ENDED = "THE COMMAND ENDED"
local count = 0

local terminal = {}
terminal.__index = terminal

local function quoted(word) return "'" .. word:gsub("'", "'\\''") .. "'" end

-- The sanitizers' run-time is for the command in the terminal, not for tmux.
local function tmux(self, ...)
  local words = { "env", "-u", "LD_PRELOAD", "tmux", "-L", self.socket, "-f", "/dev/null" }
  for _, word in ipairs { ... } do words[#words + 1] = word end
  local client <close> = process.start_program(words)
  local lines = {}
  for line in client:lines() do lines[#lines + 1] = line end
  local _, code = client:wait()
  return code == 0, table.concat(lines, "\n")
end

--- Whether there are terminals here.
function terminals.are_here()
  return shmipc.platform == "linux" and process.succeeds { "tmux", "-V" }
end

--- Starts a command (a list of words) in a terminal. environment: assignments ("NO_COLOR=1"), a list.
function terminals.open(words, options)
  count = count + 1
  local self = setmetatable({ socket = ("shmipc-spec-%d-%d"):format(shmipc.pid(), count) }, terminal)
  local line = { "env" }
  if os.getenv "LD_PRELOAD" then line[2] = "LD_PRELOAD=" .. quoted(os.getenv "LD_PRELOAD") end
  for _, assignment in ipairs(options.environment or {}) do line[#line + 1] = quoted(assignment) end
  for _, word in ipairs(words) do line[#line + 1] = quoted(word) end
  local is_open, message = tmux(self, "new-session", "-d", "-x", tostring(options.columns or 100), "-y",
    tostring(options.rows or 24), table.concat(line, " ") .. "; echo " .. ENDED .. " $?; stty -a; exec sleep 60")
  assert(is_open, message)
  return self
end

function terminal:close()
  if self.is_closed then return end
  self.is_closed = true
  tmux(self, "kill-server")
end
terminal.__close = terminal.close

--- What the screen shows. with_colours: the escape sequences, too.
function terminal:screen(with_colours)
  local _, shown = tmux(self, "capture-pane", "-p", with_colours and "-e" or "-J")
  return shown
end

--- Waits until the screen shows the text, or what the function returns is true for it. Returns the screen.
function terminal:await(wanted, with_colours)
  local shown
  local deadline = shmipc.clock() + PATIENCE
  repeat
    shown = self:screen(with_colours)
    local is_there = type(wanted) == "function" and wanted(shown) or type(wanted) == "string"
      and shown:find(wanted, 1, true)
    if is_there then return shown end
    shmipc.sleep(0.02)
  until shmipc.clock() > deadline
  error(("waited in vain for %s; the screen shows:\n%s"):format(tostring(wanted), shown), 2)
end

--- Types: texts, or names of keys as tmux has them ("Enter", "C-c").
function terminal:send(...)
  assert(tmux(self, "send-keys", ...))
end

--- Waits for the end of the command: its exit code, and what the screen shows then, the terminal's settings behind it.
function terminal:await_end()
  local shown = self:await(function(screen) return screen:find(ENDED .. " %d+\n.*icanon") end)
  return tonumber(shown:match(ENDED .. " (%d+)")), shown
end

return terminals
