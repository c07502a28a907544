--- Other processes for the specs: starts them, talks with them line by line, kills them.
-- Whatever depends on the system is in here and in the native module `launch`. Everything has a deadline.
--
--     local peer <close> = process.peer()
--     peer:run("mutex = assert(shmipc.mutex.open(...))", name)
--     peer:kill()

local shmipc = require "shmipc"

local process = {}

local PATIENCE = 20 -- seconds; nothing takes that long unless it hangs

local native = (os.getenv("SHMIPC_NATIVE") or "build/dev/spec/native") .. "/partners/"
local is_windows = shmipc.platform == "windows"

--- The path of a native program of the specs.
function process.program(name)
  return native .. name .. (is_windows and ".exe" or "")
end

--- The path of a native Lua module of the specs.
function process.module(name)
  return native .. name .. (is_windows and ".dll" or ".so")
end

local launch = assert(package.loadlib(process.module "launch", "luaopen_launch"))()

local function interpreter()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return first < 0 and arg[first] or "lua5.4"
end

-- ---- children

local child = {}
child.__index = child

-- For messages: the last lines that it has printed.
local function tail(self)
  return table.concat(self.transcript, " | ", math.max(1, #self.transcript - 9))
end

-- Takes in what the process has printed, at least something or the end; false when the time is up.
local function take_in(self, seconds)
  local bytes = self.native:read(math.max(0, seconds))
  if not bytes then return false end
  self.unread = self.unread .. bytes
  self.has_ended = bytes == ""
  return true
end

local function next_line(self)
  local line, rest = self.unread:match("^([^\n]*)\n(.*)$")
  if not line and self.has_ended and self.unread ~= "" then line, rest = self.unread, "" end
  if not line then return nil end
  self.unread = rest
  self.transcript[#self.transcript + 1] = line
  return line
end

--- Reads a line that the process prints, on its standard output or error; nil when it prints no more.
function child:read_line(seconds)
  local deadline = shmipc.clock() + (seconds or PATIENCE)
  while true do
    local line = next_line(self)
    if line or self.has_ended then return line end
    if not take_in(self, deadline - shmipc.clock()) then
      error(("no line from %s; before: %s"):format(self.title, tail(self)), 2)
    end
  end
end

--- The lines to the process's end.
function child:lines(seconds)
  local deadline = shmipc.clock() + (seconds or PATIENCE)
  return function() return self:read_line(deadline - shmipc.clock()) end
end

--- Reads lines until one contains the text (plainly), and returns that one; nil when none did.
function child:read_until(text, seconds)
  for line in self:lines(seconds) do
    if line:find(text, 1, true) then return line end
  end
end

--- Sends a line to the process's standard input.
function child:write_line(text)
  return self.native:write(text .. "\n")
end

function child:end_input()
  self.native:end_input()
end

function child:pid()
  return self.native:pid()
end

--- Ends the process as `kill -9` does, and waits until it is gone.
function child:kill()
  self.native:signal("kill")
  return self:wait()
end

--- What Ctrl-C does.
function child:interrupt()
  self.native:signal("interrupt")
end

--- Stops the process; when this returns it does nothing more until it is continued.
function child:stop()
  self.native:signal("stop")
  self:await_sleep()
end

function child:continue()
  self.native:signal("continue")
end

--- Waits until the process sleeps in the system: it has said what it is going to wait for, and then does.
function child:await_sleep()
  process.await(function() return self.native:is_asleep() end, "sleep of " .. self.title)
end

--- Waits for the process's end: "exit", code or "signal", number.
function child:wait(seconds)
  local how, number = self.native:wait(seconds or PATIENCE)
  if not how then
    error(("%s does not end; before: %s"):format(self.title, tail(self)), 2)
  end
  return how, number
end

--- Ends the process if it has not ended.
function child:close()
  self.native:close()
end
child.__close = child.close

local function start(arguments, title)
  return setmetatable({
    native = launch.start(arguments),
    title = title,
    unread = "",
    transcript = {},
    has_ended = false,
  }, child)
end

--- Starts any program: a list of its path and arguments.
function process.start_program(arguments)
  return start(arguments, arguments[1])
end

--- Starts the running interpreter on a script.
function process.start_script(path, ...)
  return start({ interpreter(), path, ... }, path)
end

local function scenario(name)
  return ("spec/support/scenarios/%s.lua"):format(name)
end

--- Starts the running interpreter on `spec/support/scenarios/NAME.lua`.
function process.start(name, ...)
  return process.start_script(scenario(name), ...)
end

--- Whether the program exists and ends with success.
function process.succeeds(arguments)
  local is_there, attempt = pcall(process.start_program, arguments) -- an error where starting it tells
  if not is_there then return false end
  local _ <close> = attempt
  for _ in attempt:lines() do end -- so that it does not wait for a reader
  local how, code = attempt:wait()
  return how == "exit" and code == 0
end

--- Polls the condition.
function process.await(condition, what)
  local deadline = shmipc.clock() + PATIENCE
  while not condition() do
    if shmipc.clock() > deadline then error("waited in vain for the " .. what, 2) end
    shmipc.sleep(0.001)
  end
end

--- Takes in what several processes print until all of them print no more, so that none waits for a reader.
function process.read_all(children)
  local deadline = shmipc.clock() + PATIENCE
  local running
  repeat
    running = 0
    for _, each in ipairs(children) do
      if not each.has_ended then
        running = running + 1
        take_in(each, 0.001)
      end
      if shmipc.clock() > deadline then error(("%s prints without end"):format(each.title), 2) end
    end
  until running == 0
end

-- ---- peers: processes that run what they are told, chunk by chunk

local peer = setmetatable({}, { __index = child })
peer.__index = peer

--- Lets the peer come to its end, so that it tidies up as any script does; ends it when it is busy.
function peer:close()
  self:end_input()
  self.native:wait(5)
  child.close(self)
end
peer.__close = peer.close

--- Starts a process that waits for chunks; its globals last. launcher: a list of a program that becomes the interpreter
-- ({"setpriv", …}) and its arguments.
function process.peer(launcher)
  local arguments = table.move(launcher or {}, 1, #(launcher or {}), 1, {})
  arguments[#arguments + 1] = interpreter()
  arguments[#arguments + 1] = scenario "remote"
  return setmetatable(start(arguments, "peer"), peer)
end

--- The same in a program that is an interpreter.
function process.peer_in(program)
  return setmetatable(start({ program, scenario "remote" }, "peer"), peer)
end

-- As %q does, in one line.
local function quoted(value)
  return (("%q"):format(value):gsub("\\\n", "\\n"))
end

--- Sends a chunk (or an expression) and its arguments.
function peer:send(chunk, ...)
  local words = { quoted(chunk) }
  for i = 1, select("#", ...) do words[i + 1] = quoted((select(i, ...))) end
  self:write_line(table.concat(words, ", "))
end

--- The results of the last chunk; handles come as text. An error there is one here.
function peer:receive(seconds)
  for line in self:lines(seconds) do
    local kind, rest = line:match("^([=!]) (.*)$")
    if kind == "=" then return assert(load("return " .. rest))() end
    if kind == "!" then error(assert(load("return " .. rest))(), 2) end
  end
  local how, number = self:wait()
  error(("the peer has ended (%s %d): %s"):format(how, number, tail(self)), 2)
end

function peer:run(chunk, ...)
  self:send(chunk, ...)
  return self:receive()
end

-- ---- foreign: a program that knows nothing of shmipc

local foreign = setmetatable({}, { __index = child })
foreign.__index = foreign
foreign.__close = child.close

--- Starts `spec/native/partners/foreign.c`, or another program that obeys its commands, which is to work on the object
-- of that name.
function process.foreign(name, arguments)
  local self = setmetatable(start(arguments or { process.program "foreign" }, "foreign"), foreign)
  self:run("name " .. name)
  return self
end

--- Has it run a command: the value that it answers, if any. Its failure is an error here.
function foreign:run(command, ...)
  self:write_line(command:format(...))
  local line = self:read_line()
  if not line or line:sub(1, 2) ~= "ok" then error(("%s: %s"):format(command, line), 2) end
  return tonumber(line:match("^ok (.+)$"))
end

return process
