-- Messages by the lists of a Redis server. The first process starts it: at a socket of its own, nothing on disk.

local redis = require "redis"
local unix = require "socket.unix"
local messages = require "drivers.messages"
local patience = require "drivers.patience"

-- The shell ends the server when its input ends: with the process that opened it, however that ends.
local COMMAND = "redis-server --port 0 --unixsocket '%s' --unixsocketperm 600 --save '' --appendonly no >/dev/null & "
  .. "read end; kill $! && wait; rm -f '%s'"

local function connect(path)
  local socket = patience.try(function()
    local attempt = assert(unix.stream())
    return attempt:connect(path) and attempt
  end)
  return redis.connect { socket = socket }
end

local List = {}
List.__index = List

function List:send(message) self.client:lpush(self.key, message) end
function List:receive() return self.client:brpop(self.key, 0)[2] end

return messages.tasks {
  list = function(name, seat)
    local path = ("/dev/shm/%s-redis"):format(name) -- where what is left would be looked for
    local server = seat == 1 and assert(io.popen(COMMAND:format(path, path), "w"))
    local client = connect(path)
    return setmetatable({ client = client, key = "from " .. seat, server = server }, List),
      setmetatable({ client = client, key = "from " .. 3 - seat }, List)
  end,
}
