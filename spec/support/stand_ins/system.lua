-- In the place of busted's native module of this name, on a system where the distribution has none.

local shmipc = require "shmipc"

local start, began = os.time(), shmipc.clock()

return {
  gettime = function() return start + (shmipc.clock() - began) end,
  monotime = shmipc.clock,
  sleep = shmipc.sleep,
}
