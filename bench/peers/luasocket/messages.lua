-- Messages by a Unix socket.

local unix = require "socket.unix"
local messages = require "drivers.messages"
local patience = require "drivers.patience"

-- The first process waits for the second one to connect. The socket's name is needed no longer then.
local function accept(path)
  local server = assert(unix.stream())
  assert(server:bind(path))
  assert(server:listen(1))
  server:settimeout(patience.SECONDS)
  local socket = assert(server:accept())
  os.remove(path)
  return socket
end

local function connect(path)
  return patience.try(function()
    local socket = assert(unix.stream())
    return socket:connect(path) and socket
  end)
end

return messages.tasks {
  socket = function(name, seat, size)
    local path = ("/dev/shm/%s-socket"):format(name) -- where what is left would be looked for
    local socket = seat == 1 and accept(path) or connect(path)
    return socket, socket, size
  end,
}
