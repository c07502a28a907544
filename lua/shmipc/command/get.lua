-- shmipc get

local command = require "shmipc.command"
local fields = require "shmipc.console.fields"
local json = require "shmipc.console.json"
local shmipc = require "shmipc"
local values = require "shmipc.console.values"

local function options(parser)
  parser:argument("name", "The shared memory.")
  parser:argument("field", "A field of the layout (position.x, laps[2]); with --as the number of an element, from 1.")
    :args "?"
  fields.options(parser)
  fields.lock_options(parser)
  parser:flag("--json", "For programs.")
end

local function run(chosen)
  local mapping <close> = command.expect(shmipc.mapping.peek(chosen.name))
  local view <close> = command.expect(mapping:view())
  if not chosen.layout and not chosen.as then command.fail "say what the bytes are: --as TYPE or --layout FILE" end
  if chosen.as and chosen.as ~= "text" then chosen.field = chosen.field or "1" end
  local source = fields.source(view, chosen)
  local value = fields.locked(chosen, function()
    if chosen.field then return fields.get(source, chosen.field) end
    return source.read()
  end)
  if chosen.json then
    print(json.encode(value))
  elseif type(value) ~= "table" then
    print(values.shown(value))
  else
    for _, entry in ipairs(fields.flat(value, not chosen.field and source.order or nil)) do
      print(("%s\t%s"):format(entry[1], values.quoted(entry[2])))
    end
  end
end

return {
  summary = "Prints one field of shared memory, or all of a struct.",
  description = "It reads without holding the memory, and takes no lock unless one is named.",
  options = options,
  examples = {
    { "shmipc get ShareMemory --as i32", "the first four bytes as an integer" },
    { "shmipc get telemetry position.x --layout telemetry.h", "a field of the last struct in the header" },
    { "shmipc get telemetry --layout telemetry.h --struct Telemetry --lock telemetry_mutex --json",
      "the whole struct, consistent, for a program" },
  },
  run = run,
}
