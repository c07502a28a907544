-- The pages about the command, and the shells' completions, from what the subcommands say of themselves.
--
--     lua5.4 scripts/lib/pages.lua          writes them
--     lua5.4 scripts/lib/pages.lua check    fails when one is not what it would write

local command = require "shmipc.command"
local shmipc = require "shmipc"

local argparse = require "argparse"

-- ---- what argparse knows of a subcommand

local function parser_of(name)
  local parser = argparse("shmipc " .. name)
  parser:usage_max_width(78)
  local entry = command.find(name)
  if entry.options then entry.options(parser) end
  return parser, entry
end

-- "-k KIND, --kind KIND"
local function option_title(option)
  local parts = {}
  for i, alias in ipairs(option._aliases) do
    local argument = option._argname or option._choices and table.concat(option._choices, "|")
      or option._maxargs ~= 0 and alias:gsub("^%-+", ""):upper()
    parts[i] = option._maxargs == 0 and alias or alias .. " " .. (type(argument) == "table" and argument[1] or argument)
  end
  return table.concat(parts, ", ")
end

local function option_text(option)
  local default = option._default
  return option._description .. (default and (" (default: %s)"):format(default) or "")
end

-- f(title, text) for each argument and option.
local function each_option(parser, f)
  for _, argument in ipairs(parser._arguments) do
    local choices = argument._choices and table.concat(argument._choices, "|")
    f(choices or argument._name:upper(), argument._description)
  end
  for _, option in ipairs(parser._options) do f(option_title(option), option_text(option)) end
end

local function usage_of(parser)
  return (parser:get_usage():gsub("^Usage: ", ""):gsub("\n%s+", "\n    "):gsub("%[%-h%] ", ""))
end

-- ---- docs/command.md

local function about(entry) return entry.summary .. (entry.description and " " .. entry.description or "") end

local function markdown()
  local lines = {
    "# The command",
    "",
    "`shmipc` looks into what processes share. This page is made by `lua5.4 scripts/lib/pages.lua` from what the",
    "subcommands, which are the scripts in [lua/shmipc/command](../lua/shmipc/command), say of themselves.",
    "[Look inside](../README.md#look-inside) shows what it looks like, and",
    "[a decision](decisions/0008-looking.md) says how it looks without disturbing.",
    "",
  }
  local function add(...) for _, line in ipairs { ... } do lines[#lines + 1] = line end end
  for _, name in ipairs(command.names()) do
    add(("- [`shmipc %s`](#shmipc-%s): %s"):format(name, name, command.find(name).summary))
  end
  add("", "Exit codes: 0 all is well, 1 it failed or found nothing, 2 it was used wrongly, 130 Ctrl-C ended it.",
    "Colours are for terminals only, and never shown where `NO_COLOR` is set.")
  for _, name in ipairs(command.names()) do
    local parser, entry = parser_of(name)
    add("", "## shmipc " .. name, "", about(entry), "", "```", usage_of(parser), "```", "")
    local has_options = false
    each_option(parser, function(title, text)
      if title:find "^%-h" then return end
      if not has_options then add("| | |", "|---|---|") end
      has_options = true
      add(("| `%s` | %s |"):format(title:gsub("|", "\\|"), text:gsub("|", "\\|")))
    end)
    if has_options then add "" end
    add "```"
    for _, example in ipairs(entry.examples or {}) do add(("%s    # %s"):format(example[1], example[2])) end
    add "```"
  end
  return table.concat(lines, "\n") .. "\n"
end

-- ---- docs/shmipc.1

local function roff(text)
  return (text:gsub("\\", "\\e"):gsub("%-", "\\-"):gsub('"', "\\(dq"):gsub("^([.'])", "\\&%1"))
end

local function manual()
  local lines = {
    '.\\" Made by scripts/lib/pages.lua.',
    ('.TH SHMIPC 1 "" "shmipc %s"'):format(shmipc._VERSION),
    ".SH NAME",
    "shmipc \\- look into named shared memory, locks and what else processes share by a name",
    ".SH SYNOPSIS",
    ".B shmipc", ".I command", "[\\fIoption\\fR]... [\\fIargument\\fR]...",
    ".SH COMMANDS",
  }
  local function add(...) for _, line in ipairs { ... } do lines[#lines + 1] = line end end
  for _, name in ipairs(command.names()) do
    local parser, entry = parser_of(name)
    add((".SS shmipc %s"):format(name), roff(about(entry)), ".PP", ".nf", roff(usage_of(parser)), ".fi")
    each_option(parser, function(title, text)
      if not title:find "^%-h" then add(".TP", ".B " .. roff(title), roff(text)) end
    end)
    add ".PP"
    add "Examples:"
    for _, example in ipairs(entry.examples or {}) do add(".TP", ".B " .. roff(example[1]), roff(example[2])) end
  end
  add(".SH EXIT STATUS", "0 all is well, 1 it failed or found nothing, 2 it was used wrongly, 130 Ctrl\\-C ended it.",
    ".SH ENVIRONMENT", ".TP", ".B NO_COLOR", "When it is set, no colours are shown on a terminal either.",
    ".TP", ".B LUA_PATH, LUA_CPATH", "Where Lua finds modules (see \\fBlua\\fR(1)).",
    ".SH FILES", ".TP", ".I /dev/shm", "On Linux, where named objects are.",
    ".SH SEE ALSO", ".BR lsof (8),", ".BR ipcs (1),", ".BR shm_overview (7)")
  return table.concat(lines, "\n") .. "\n"
end

-- ---- completions

local function completion(shell)
  local parser = command.parser()
  return parser[("get_%s_complete"):format(shell)](parser)
end

local pages = {
  ["docs/command.md"] = markdown,
  ["docs/shmipc.1"] = manual,
  ["completions/shmipc.bash"] = function() return completion "bash" end,
  ["completions/_shmipc"] = function() return completion "zsh" end,
  ["completions/shmipc.fish"] = function() return completion "fish" end,
}

local is_current = true
for path, make in pairs(pages) do
  local text = make()
  local file = io.open(path, "rb")
  local present = file and file:read "a"
  if file then file:close() end
  if arg[1] == "check" then
    if present ~= text then
      is_current = false
      print(path .. " is not what the subcommands say: run lua5.4 scripts/lib/pages.lua")
    end
  else
    local out <close> = assert(io.open(path, "wb"))
    assert(out:write(text))
  end
end
os.exit(is_current)
