-- shmipc rm

local command = require "shmipc.command"
local objects = require "shmipc.console.objects"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local text = require "shmipc.console.text"

local function options(parser)
  parser:argument("name", "The objects."):args "+"
  parser:flag("-f --force", "Ask nothing, and remove foreign objects, too.")
end

-- What there is to know before one says yes.
local function describe(object)
  local parts = { object.kind or "object" }
  if object.leftover then table.insert(parts, 1, "leftover") end
  if object.foreign then table.insert(parts, 1, "foreign") end
  if object.persistent then table.insert(parts, 1, "persistent") end
  local holders = objects.holders_text(object, 3)
  return table.concat(parts, " ") .. (holders ~= "-" and ", held by " .. holders or "")
end

local function is_agreed(object, chosen, can_ask)
  if chosen.force then return true end
  if not can_ask then
    if not object.foreign then return true end
    io.stderr:write(("shmipc rm: %s is foreign: it is removed with --force only\n"):format(text.printable(object.name)))
    return false, 1
  end
  io.stderr:write(("remove %s (%s)? [y/N] "):format(text.printable(object.name), describe(object)))
  return (io.read "l" or ""):lower():find "^%s*y" ~= nil, 0
end

local function remove(object)
  if object.leftover then return shmipc.gc(object.name) end
  if not object.kind or not shmipc[object.kind] then return nil, object.name .. ": it may not be read" end
  return shmipc[object.kind].unlink(object.name)
end

local function run(chosen)
  if shmipc.platform == "windows" then
    command.fail "on Windows a name goes with its last handle, and cannot be taken away before"
  end
  local can_ask = style.is_terminal(0)
  local status = 0
  local found = {}
  for _, name in ipairs(chosen.name) do found[#found + 1] = objects.find(name) end
  for _, object in ipairs(found) do
    local is_meant, failed = is_agreed(object, chosen, can_ask)
    if is_meant then
      local is_removed, message = remove(object)
      if not is_removed then
        io.stderr:write("shmipc rm: ", (message:gsub("^shmipc[%w_.:]* ", "")), "\n")
        status = 1
      end
    elseif failed == 1 then
      status = 1
    end
  end
  return status
end

return {
  summary = "Takes away names; who holds an object keeps it.",
  description = "On a terminal it asks first. Elsewhere it removes shmipc's own objects, and foreign ones with " ..
    "--force only.",
  options = options,
  examples = {
    { "shmipc rm score", "asks, then takes the name away" },
    { "shmipc rm --force old_segment", "a foreign one, without asking" },
  },
  run = run,
}
