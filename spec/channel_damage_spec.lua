-- Channels whose bytes are not as a call leaves them: a sender was killed, or another program has written there.

local objects = require "support.objects"
local process = require "support.process"
local ring = require "support.ring"
local shmipc = require "shmipc"
local waiters = require "support.waiters"

if shmipc.platform ~= "linux" then
  pending("a channel whose bytes another program writes: native_channel_spec.lua reaches them on this system, too")
  return
end

local channels = shmipc.channel
local refused, raises = objects.refused, objects.raises

local SMALLEST = 4096 -- bytes, a capacity

local function create(options)
  return assert(channels.create(objects.name(), options or { capacity = SMALLEST }))
end

-- Receives all there is.
local function drain(channel)
  local list = {}
  repeat
    local message = channel:receive(0)
    list[#list + 1] = message
  until message == nil
  return list
end

local function fill(channel, message)
  repeat until not channel:send(message, 0)
end

describe("a channel whose bytes another program writes", function()
  local GUARDED = 4096 - 64 -- beside the lock: where the messages end, how many there were, the tail that was seen
  local RING = 4096 -- behind the first page
  local TAIL = 384 -- its word
  local channel, view, name

  before_each(function()
    channel = create()
    name = channel:name()
    local file <close> = assert(shmipc.mapping.file(objects.path(name)))
    view = assert(file:view())
  end)

  after_each(function()
    view:close()
    channel:close()
    objects.check_none_left()
  end)

  -- Sends, and leaves what a sender leaves that dies after it has published, before it could say so.
  local function send_and_die(messages)
    local before = view:read(GUARDED, 16) -- it looks at the tail before
    assert.equal(#messages, channel:send_many(messages, 0))
    view:write(GUARDED, before)
  end

  describe("as a sender does that is killed after it has published", function()
    it("has its messages", function()
      send_and_die { "one", "two", "three" }
      local stats = channel:stats()
      assert.same({ 3, 0, 3 }, { stats.sent, stats.received, stats.depth })
      assert.equal(ring.room_of "one" + ring.room_of "two" + ring.room_of "three", stats.bytes)
      assert(channel:send("four"))
      assert.equal(4, channel:stats().depth)
      assert.same({ "one", "two", "three", "four" }, drain(channel))
      assert.equal(4, channel:stats().received)
    end)

    it("is as good as before, wherever that was, and whatever was received of them until somebody sends", function()
      local sent = 0
      for round = 1, 300 do
        local count = round % 4 + 1
        local messages = {}
        for i = 1, count do messages[i] = ("x"):rep(math.random(0, 300)) end
        assert(channel:send("before")) -- whoever comes next writes down what the last one left
        assert.equal("before", channel:receive(0))
        send_and_die(messages)
        sent = sent + 1 + count
        for i = 1, math.random(0, count) do
          assert.equal(messages[1], channel:receive(0), i)
          table.remove(messages, 1)
        end
        if round % 3 == 0 then
          local ok, _, code = channel:send(("y"):rep(2000), 0) -- there may be space for it or not
          if ok then
            messages[#messages + 1], sent = ("y"):rep(2000), sent + 1
          else
            assert.equal("TIMEOUT", code)
          end
        end
        assert.equal(#messages, channel:stats().depth)
        assert.same(messages, drain(channel))
        assert.equal(sent, channel:stats().received)
      end
    end)

    it("takes more messages when some of them were received and there was no space", function()
      send_and_die { "a", "b", ("x"):rep(2000), ("y"):rep(1900) }
      assert.equal("a", channel:receive(0))
      assert.equal("b", channel:receive(0))
      refused("TIMEOUT", channel:send(("z"):rep(1000), 0))
      assert(channel:send("c", 0))
      assert.same({ ("x"):rep(2000), ("y"):rep(1900), "c" }, drain(channel))
    end)

    it("can be shut down, and says so", function()
      send_and_die { "one", "two" }
      assert(channel:shutdown())
      assert.is_true(channel:stats().shutdown)
      assert.same({ "one", "two" }, drain(channel))
      refused("CLOSED", channel:receive())
      refused("CLOSED", channel:send("three"))
      assert.is_true(channel:stats().shutdown)
    end)
  end)

  it("is CORRUPT, or waits no longer than it may, when they are all the same", function()
    for _, bytes in ipairs { "\255", "\0", "\1\2\3\4\5\6\7\8", "\x55" } do
      view:write(0, bytes:rep(4096 * 2 // #bytes))
      local began = shmipc.clock()
      refused("CORRUPT", channels.open(name))
      refused("CORRUPT", channel:receive(0.05))
      refused("CORRUPT", channel:receive_many(5, 0.05))
      refused("CORRUPT", channel:stats())
      local ok, message, code = channel:send("x", 0.05)
      if not ok then assert.is_true(code == "CORRUPT" or code == "TIMEOUT", message) end
      view:write(0, bytes:rep(4096 * 2 // #bytes))
      ok, message, code = channel:shutdown(0.05)
      if not ok then assert.is_true(code == "CORRUPT" or code == "TIMEOUT", message) end
      assert.is_true(shmipc.clock() - began < 2)
    end
    view:write(0, ("\x55"):rep(8192))
    raises(('channel:messages "%s": another program has destroyed'):format(name), function()
      for _ in channel:messages() do error "one came" end
    end)
  end)

  it("is CORRUPT for who waits meanwhile", function()
    local receiver <close> = waiters.start("channel", name, "select(3, object:receive())")
    view:fill(0x55)
    assert.equal("CORRUPT", receiver:receive(2))
  end)

  it("is CORRUPT for who waits for space meanwhile", function()
    fill(channel, ("x"):rep(1000))
    local sender <close> = waiters.start("channel", name, "select(3, object:send(('y'):rep(1000)))")
    view:fill(0x55)
    assert.equal("CORRUPT", sender:receive(2))
  end)

  it("is CORRUPT when a message has a length that cannot be", function()
    channel:send("one")
    channel:send("two")
    local good = view:read_u64(RING)
    for _, length in ipairs { 2034, SMALLEST, 0x7fffffff, 0xfffffff0 } do
      view:write_u64(RING, length)
      refused("CORRUPT", channel:receive(0))
      refused("CORRUPT", channel:receive_many(2, 0))
      refused("CORRUPT", channel:stats())
    end
    view:write_u64(RING, 0xffffffff) -- to be skipped, and nothing is at the beginning
    refused("CORRUPT", channel:receive(0))
    view:write_u64(RING, good)
    assert.same({ "one", "two" }, drain(channel))
  end)

  it("is CORRUPT when it is at no place where a message may begin", function()
    channel:send("one")
    view:write_u64(TAIL, 3)
    refused("CORRUPT", channel:receive(0))
    refused("CORRUPT", channel:stats())
    view:write_u64(TAIL, 0)
    view:write_u64(GUARDED, 5)
    refused("CORRUPT", channel:send("two", 0))
    refused("CORRUPT", channel:shutdown(0))
    assert.equal("one", channel:receive(0))
  end)

  it("is NOT_SUPPORTED when another version has made it", function()
    view:write_u32(8, view:read_u32(8) + 1)
    refused("NOT_SUPPORTED", channels.open(name))
    refused("NOT_SUPPORTED", channel:receive(0))
    refused("NOT_SUPPORTED", channel:stats())
  end)

  it("is CORRUPT when it was cut off, whole or in part", function()
    for _, size in ipairs { 0, 1, 4096 } do
      local other = create()
      other:send("one")
      objects.overwrite(objects.path(other:name()), ("\0"):rep(size))
      refused("CORRUPT", channels.open(other:name()))
      refused("CORRUPT", other:receive(0.05))
      refused("CORRUPT", other:send("x", 0.05))
      refused("CORRUPT", other:stats())
      refused("CORRUPT", other:shutdown(0.05))
      other:close()
    end
  end)

  it("is CORRUPT when a message is cut off in its middle: no zeros are received in its place", function()
    local codec = { encode = tostring, decode = tostring }
    local layout = shmipc.layout "char text[8000];"
    local mapping <close> = assert(shmipc.mapping.create(objects.name(), layout.size))
    local record = assert(mapping:view()):record(layout)
    for _, way in ipairs {
      { nil, "receive", 0.05 }, { nil, "receive_many", 3, 0.05 },
      { { codec = codec }, "receive", 0.05 }, { { codec = codec }, "receive_many", 3, 0.05 },
      { { layout = layout }, "receive", 0.05 }, { { layout = layout }, "receive_many", 3, 0.05 },
      { { layout = layout }, "receive", 0.05, record },
    } do
      local sender <close> = create { capacity = 1 << 14 }
      local receiver <close> = assert(channels.open(sender:name(), way[1]))
      local foreign <close> = process.foreign(sender:name())
      foreign:run("open")
      assert(sender:send(("x"):rep(8000)))
      foreign:run("truncate 8192")
      refused("CORRUPT", receiver[way[2]](receiver, table.unpack(way, 3)))
      assert.equal("", record.text)
    end
  end)

  it("never holds anybody beyond the deadline, whatever stands there", function()
    for _ = 1, 60 do
      for _ = 1, math.random(4) do
        local at = ({ TAIL, GUARDED, GUARDED + 8, GUARDED + 16, TAIL + 128, 128, 256 })[math.random(7)]
        view:write_u64(at, math.random(0) >> math.random(0, 63))
      end
      for _ = 1, 10 do view:write_u64(RING + math.random(0, 511) * 8, math.random(0) >> math.random(0, 63)) end
      local began = shmipc.clock()
      for _, call in ipairs {
        function() return channel:send("x", 0.01) end,
        function() return channel:receive(0.01) end,
        function() return channel:send_many({ "x", "y" }, 0.01) end,
        function() return channel:receive_many(1000, 0.01) end,
        function() return channel:stats() end,
      } do
        local done, message, code = call()
        if not done then assert.is_true(code == "TIMEOUT" or code == "CORRUPT" or code == "CLOSED", message) end
      end
      assert.is_true(shmipc.clock() - began < 2)
    end
  end)
end)
