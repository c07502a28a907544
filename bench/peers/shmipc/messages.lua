-- Messages by channels, one in each direction.

local shmipc = require "shmipc"
local messages = require "drivers.messages"

local function open(name, sender)
  return assert(shmipc.channel.open_or_create(("%s-%d"):format(name, sender), { capacity = messages.CAPACITY }))
end

return messages.tasks {
  channel = function(name, seat) return open(name, seat), open(name, 3 - seat) end,
}
