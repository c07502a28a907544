-- shmipc run

local command = require "shmipc.command"

local function options(parser)
  parser:argument("script", "A Lua script.")
  parser:argument("argument", "What the script gets."):args "*"
end

-- The script's own `arg`, as under the interpreter itself.
local function own_arguments(arguments)
  local own, first = {}, 0
  while arg[first - 1] do first = first - 1 end
  for i = 1, #arguments do own[i - 1] = arguments[i] end
  own[-1] = arg[first] -- the interpreter
  return own
end

local function run(arguments)
  local path = arguments[1]
  if not path then command.fail "which script? (see shmipc run --help)" end
  local script, message = loadfile(path)
  if not script then command.fail("%s", message) end
  _G.arg = own_arguments(arguments)
  local is_done, problem = xpcall(script, function(raised)
    if tostring(raised):find "interrupted!" then return raised end
    return type(raised) == "string" and debug.traceback(raised, 2) or tostring(raised)
  end, table.unpack(arguments, 2))
  if is_done then return 0 end
  if tostring(problem):find "interrupted!" then error(problem, 0) end
  io.stderr:write(path, ": ", problem, "\n")
  return 1
end

return {
  summary = "Runs a script that finds the module shmipc, wherever it was installed.",
  options = options,
  examples = {
    { "shmipc run creator.lua --limit 500", "runs a role with its own options" },
  },
  raw = true,
  run = run,
}
