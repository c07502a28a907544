--- A channel in Lua, to compare with: a queue that knows where in its ring each message lies.
--
--     local model = ring.new(4096)
--     assert(model:send(message) == (channel:send(message, 0) == true))

local ring = {}

local WORD = 8 -- bytes of a message's header, and what its place is a multiple of

--- The bytes that a message takes.
function ring.room_of(message)
  return WORD + (#message + WORD - 1) // WORD * WORD
end

local queue = {}
queue.__index = queue

function ring.new(capacity)
  return setmetatable({ capacity = capacity, first = 1, last = 0, head = 0, tail = 0, ends = {} }, queue)
end

--- Whether there was space for it.
function queue:send(message)
  local left, room = self.capacity - self.head % self.capacity, ring.room_of(message)
  local skip = room > left and left or 0 -- it lies in one piece
  if self.head + skip + room + WORD - self.tail > self.capacity then return false end
  self.head = self.head + skip + room
  self.last = self.last + 1
  self[self.last], self.ends[self.last] = message, self.head
  return true
end

--- The oldest message, or nil.
function queue:receive()
  if self.first > self.last then return nil end
  local message = self[self.first]
  self.tail = self.ends[self.first]
  self[self.first], self.ends[self.first] = nil, nil
  self.first = self.first + 1
  return message
end

--- How many messages are in it, and the bytes that they take.
function queue:depth() return self.last - self.first + 1 end
function queue:bytes() return self.head - self.tail end

return ring
