local shell = require "harness.shell"

return {
  title = "LuaSocket",
  role = "peer",
  package = "lua-socket",
  is_here = function() return shell.first_line { "lua5.4", "-e", "print(require 'socket.unix')" } ~= nil end,
  command = function(program)
    return { "lua5.4", "bench/drivers/driver.lua", ("bench/peers/luasocket/%s.lua"):format(program) }
  end,
  version = function() return { "lua5.4", "-e", "print(require 'socket'._VERSION)" } end,
}
