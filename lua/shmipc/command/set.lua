-- shmipc set

local command = require "shmipc.command"
local fields = require "shmipc.console.fields"
local shmipc = require "shmipc"

-- argparse takes a negative number for an option: it goes by in disguise.
local DISGUISE = "\1"

local function disguise(arguments)
  local list = {}
  for i, word in ipairs(arguments) do list[i] = word:find "^%-[%d.]" and DISGUISE .. word or word end
  return list
end

local function undisguise(word) return (word:gsub("^" .. DISGUISE, "")) end

local function options(parser)
  parser:argument("name", "The shared memory.")
  parser:argument("field", "A field of the layout (position.x, laps[2]); with --as the number of an element, from 1.")
  parser:argument("value", "What to write: a number, true or false, or a text."):convert(undisguise)
  fields.options(parser)
  fields.lock_options(parser)
end

local function write(view, chosen)
  if chosen.as == "text" then
    local limit = #view - chosen.offset
    return command.attempt(view.write_cstring, view, chosen.offset, chosen.value, limit)
  end
  fields.set(fields.source(view, chosen), chosen.field, chosen.value)
end

local function run(chosen)
  if not chosen.layout and not chosen.as then command.fail "say what the bytes are: --as TYPE or --layout FILE" end
  local mapping <close> = command.expect(shmipc.mapping.open(chosen.name))
  local view <close> = command.expect(mapping:view())
  fields.locked(chosen, write, view, chosen)
end

return {
  summary = "Writes one field of shared memory.",
  description = "The value must fit; nothing is written otherwise. It takes no lock unless one is named.",
  options = options,
  prepare = disguise,
  examples = {
    { "shmipc set ShareMemory 1 -1 --as i32", "writes -1 into the first four bytes" },
    { "shmipc set telemetry pilot Ada --layout telemetry.h --lock telemetry_mutex", "a text, under a lock" },
  },
  run = run,
}
