local shell = require "harness.shell"

return {
  title = "Redis",
  role = "peer",
  package = "redis-server, lua-redis",
  is_here = function()
    return shell.has "redis-server"
      and shell.first_line { "lua5.4", "-e", "require 'socket.unix' print(require 'redis'._VERSION)" } ~= nil
  end,
  command = function(program)
    return { "lua5.4", "bench/drivers/driver.lua", ("bench/peers/redis/%s.lua"):format(program) }
  end,
  version = function() return { "sh", "-c", "redis-server --version | cut -d ' ' -f 1-3" } end,
}
