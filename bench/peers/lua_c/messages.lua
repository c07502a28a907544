-- The floor under messages: C functions that Lua calls for them, and that check nothing.

local messages = require "drivers.messages"
local wires = assert(package.loadlib(os.getenv "BENCH_WIRES", "luaopen_bench_wires"))()

-- The names go when the first process ends.
local function opener(kind)
  return function(name, seat, size)
    local function open(sender)
      local full_name = ("%s-%d"):format(name, sender)
      return setmetatable({}, { __gc = function() wires.unlink(full_name) end }), wires[kind](full_name, size)
    end
    local name_of_outgoing, outgoing = open(seat)
    local name_of_incoming, incoming = open(3 - seat)
    return outgoing, incoming, { name_of_outgoing, name_of_incoming }
  end
end

return messages.tasks { spin = opener "place", ring = opener "ring" }
