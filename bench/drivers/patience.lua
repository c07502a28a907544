-- Waiting for what another program does first.

local shmipc = require "shmipc"

local patience = {}

patience.SECONDS = 20

--- What f gives, as soon as that is true.
function patience.try(f)
  local deadline = shmipc.clock() + patience.SECONDS
  repeat
    local result = f()
    if result then return result end
    shmipc.sleep(0.001)
  until shmipc.clock() > deadline
  error("another process has not come", 0)
end

return patience
