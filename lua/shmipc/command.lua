-- The command line: finds a subcommand by its name, reads its options, runs it.
--
-- A subcommand is a module shmipc.command.NAME, and nothing else needs to know of it. It gives a table:
--   summary      a line for the list of them
--   description  more about it (optional)
--   options      function(parser): describes the options to argparse (optional)
--   examples     {{command line, what it does}, ...}
--   run          function(options): does it; its result is the exit code, default 0
--   prepare      function(list of arguments): another list, before argparse sees it (optional)
--   raw          true: run gets the list of arguments as they are

local text = require "shmipc.console.text"

local command = {}

local FAILED, MISUSED, INTERRUPTED = 1, 2, 130 -- exit codes

-- ---- failures: what is wrong in the world, as opposed to what is wrong in here

local failure = {}

--- Ends the subcommand with a line on standard error.
function command.fail(format, ...)
  error(setmetatable({ message = format:format(...) }, failure), 0)
end

--- Passes results on, or fails with the message that stands in the place of an error.
function command.expect(value, message, ...)
  if value == nil or value == false then command.fail("%s", (message:gsub("^shmipc[%w_.:]* ", ""))) end
  return value, message, ...
end

--- Calls a function of the module whose errors are the user's mistakes.
function command.attempt(f, ...)
  local results = table.pack(pcall(f, ...))
  if results[1] then return table.unpack(results, 2, results.n) end
  local message = results[2]
  if getmetatable(message) == failure or tostring(message):find "interrupted!$" then error(message, 0) end
  command.fail("%s", (tostring(message):gsub("^[^\n]-:%d+: ", "")))
end

-- ---- the subcommands

-- The folder that the subcommands are in.
local function folder()
  local path = package.searchpath("shmipc.command", package.path)
  return path and path:gsub("%.lua$", "")
end

--- The names of all subcommands, sorted.
function command.names()
  local list = package.config:sub(1, 1) == "\\" and 'dir /b "%s\\*.lua" 2>nul' or "ls '%s'"
  local pipe <close> = assert(io.popen(list:format((folder():gsub("'", "'\\''")))))
  local names = {}
  for line in pipe:lines() do names[#names + 1] = line:match "^([%w_-]+)%.lua\r?$" end
  table.sort(names)
  return names
end

--- The subcommand, or nil.
function command.find(name)
  local module = "shmipc.command." .. name
  if not name:find "^%l[%w_-]*$" then return nil end
  if not package.loaded[module] and not package.preload[module] and not package.searchpath(module, package.path) then
    return nil
  end
  return require(module)
end

local function argparse()
  local is_here, module = pcall(require, "argparse")
  if is_here then return module end
  command.fail("the module argparse is missing: install the package lua-argparse, or luarocks install argparse")
end

-- What stands at the end of a help text, and is not wrapped as argparse's epilogues are.
local function examples_of(entry)
  local lines = { "", "", "Examples:" }
  for _, example in ipairs(entry.examples or {}) do
    lines[#lines + 1] = "   " .. example[1]
    lines[#lines + 1] = "         " .. example[2]
  end
  return table.concat(lines, "\n")
end

local function describe(parser, entry)
  parser:description(entry.description and entry.summary .. " " .. entry.description or entry.summary)
  local get_help = parser.get_help
  parser.get_help = function(self) return get_help(self) .. examples_of(entry) end
  parser:help_max_width(78)
  parser:usage_max_width(78)
  if entry.options then entry.options(parser) end
end

local function misuse(parser, message)
  local title = parser:get_usage():match "^Usage: (shmipc %l*)" or "shmipc"
  io.stderr:write(parser:get_usage(), "\n\n", title, ": ", message, "\n")
  os.exit(MISUSED)
end

local function parser_of(name, entry)
  local parser = argparse()("shmipc " .. name)
  describe(parser, entry)
  parser.error = misuse
  return parser
end

--- The parser of everything: for help, completions and the manual.
function command.parser()
  local parser = argparse()("shmipc", "Looks into named shared memory, locks and what else processes share by a name.")
  parser:epilog "shmipc COMMAND --help tells more of each."
  parser:help_max_width(78)
  parser:flag("-V --version", "Show the version and exit.")
  for _, name in ipairs(command.names()) do
    local entry = command.find(name)
    local one = parser:command(name)
    describe(one, entry)
    one:summary(entry.summary)
  end
  return parser
end

-- The native half, which every subcommand needs.
local function require_core()
  local is_here, message = pcall(require, "shmipc.core")
  if not is_here then command.fail("%s (build it, or set LUA_CPATH)", message:match "^[^\n:]*not found" or message) end
end

local function unknown(name)
  local near = require "shmipc.nearest"(name, command.names())
  io.stderr:write(("shmipc: there is no command %q%s; shmipc --help lists them\n"):format(text.printable(name),
    near and (", did you mean %q?"):format(near) or ""))
  return MISUSED
end

local function show_help(name)
  if not name then
    print(command.parser():get_help())
    return 0
  end
  local entry = command.find(name)
  if not entry then return unknown(name) end
  print(parser_of(name, entry):get_help())
  return 0
end

local function run(name, arguments)
  if name == nil then
    io.stderr:write(command.parser():get_help(), "\n")
    return MISUSED
  end
  if name == "-h" or name == "--help" or name == "help" then return show_help(arguments[1]) end
  if name == "-V" or name == "--version" then
    print("shmipc " .. require "shmipc"._VERSION)
    return 0
  end
  require_core()
  local entry = command.find(name)
  if not entry then return unknown(name) end
  if entry.raw and arguments[1] ~= "-h" and arguments[1] ~= "--help" then return entry.run(arguments) end
  if entry.prepare then arguments = entry.prepare(arguments) end
  return entry.run(parser_of(name, entry):parse(arguments))
end

-- Keeps what command.fail has raised; gives anything else the place where it happened.
local function explain(message)
  if getmetatable(message) == failure then return message end
  if tostring(message):find "interrupted!$" then return message end
  return debug.traceback(tostring(message), 2)
end

--- Runs the command line. Returns the exit code.
function command.main(arguments)
  local name = arguments[1]
  local is_done, result = xpcall(run, explain, name, table.move(arguments, 2, #arguments, 1, {}))
  local is_written, problem = io.stdout:flush()
  local title = name and name:find "^%l" and "shmipc " .. text.printable(name) or "shmipc"
  if is_done and not is_written then
    io.stderr:write(title, ": ", problem, "\n")
    return FAILED
  end
  if is_done then return result or 0 end
  if getmetatable(result) == failure then
    io.stderr:write(title, ": ", text.printable(result.message), "\n")
    return FAILED
  end
  if tostring(result):find "interrupted!" then return INTERRUPTED end
  io.stderr:write(title, ": ", result, "\n")
  return FAILED
end

return command
