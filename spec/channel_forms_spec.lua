-- What a message is on the Lua side: a value that a codec turns into a string, or a struct of a layout.

local objects = require "support.objects"
local shmipc = require "shmipc"

local channels = shmipc.channel
local refused, raises = objects.refused, objects.raises

local SMALLEST = 4096 -- bytes, a capacity

local function create(options) return assert(channels.create(objects.name(), options)) end

describe("a channel", function()
  after_each(objects.check_none_left)

  describe("with a codec", function()
    -- Tables of strings and numbers, as text.
    local by_hand = {}
    function by_hand.encode(value)
      local parts = {}
      for key, part in pairs(value) do parts[#parts + 1] = ("%s=%s"):format(key, part) end
      table.sort(parts)
      return table.concat(parts, ";")
    end
    function by_hand.decode(text)
      local value = {}
      for key, part in text:gmatch "(%w+)=([^;]*)" do value[key] = tonumber(part) or part end
      return value
    end

    local function create_with(codec)
      return create { capacity = SMALLEST, codec = codec }
    end

    it("brings what the codec makes of the values", function()
      local channel <close> = create_with(by_hand)
      local plain <close> = assert(channels.open(channel:name()))
      assert.is_true(channel:send { x = 1, y = "two" })
      assert.equal("x=1;y=two", plain:receive(0))
      assert(plain:send("z=3.5"))
      assert.same({ z = 3.5 }, channel:receive(0))
      assert.equal(2, channel:send_many { { a = 1 }, { b = 2 } })
      assert.same({ { a = 1 }, { b = 2 } }, channel:receive_many(5))
      channel:send { last = 1 }
      channel:shutdown()
      for value in channel:messages() do assert.same({ last = 1 }, value) end
    end)

    it("takes lua-cjson", function()
      local is_there, cjson = pcall(require, "cjson")
      if not is_there then return pending "lua-cjson is not installed" end
      local channel <close> = create_with(cjson)
      local value = { name = "ünï", list = { 1, 2.5, true, "x" }, nested = { { a = {} } } }
      assert(channel:send(value))
      assert.same(value, channel:receive(0))
      assert(channel:send(cjson.null))
      assert.equal(cjson.null, channel:receive(0))
      assert(channel:send(false))
      assert.is_false(channel:receive(0))
      raises("Cannot serialise function", channel.send, channel, print)
      assert.equal(0, channel:stats().depth)
    end)

    it("may be a userdata, or have its functions from a metatable", function()
      local channel <close> = create_with(setmetatable({}, { __index = by_hand }))
      assert(channel:send { x = 1 })
      assert.same({ x = 1 }, channel:receive(0))
    end)

    it("passes on the error of encode, and sends nothing", function()
      local mistake = setmetatable({}, { __tostring = function() return "a mistake" end })
      local channel <close> = create_with { encode = function() error(mistake) end, decode = tostring }
      for _, call in ipairs { { channel.send, 1 }, { channel.send_many, { 1, 2 } } } do
        local ok, message = pcall(call[1], channel, call[2])
        assert.is_false(ok)
        assert.equal(mistake, message)
      end
      assert.equal(0, channel:stats().sent)
    end)

    it("raises when encode gives no string, and sends nothing", function()
      local results = { 5, true, {}, "x" }
      local turn = 0
      local channel <close> = create_with {
        encode = function()
          turn = turn + 1
          return results[turn]
        end,
        decode = tostring,
      }
      for _ = 1, 3 do
        raises("channel:send: the codec's encode must give a string, gave ", channel.send, channel, "value")
      end
      turn = 3
      raises("channel:send_many: the codec's encode must give a string, gave nil", channel.send_many, channel,
        { "one", "two" })
      assert.equal(0, channel:stats().sent)
    end)

    it("raises when encode gives too long a string", function()
      local channel <close> = create_with { encode = function(n) return ("x"):rep(n) end, decode = string.len }
      raises("is longer than", channel.send, channel, SMALLEST)
      raises("is longer than", channel.send_many, channel, { 1, SMALLEST })
      assert(channel:send(100))
      assert.equal(100, channel:receive(0))
      assert.equal(1, channel:stats().sent)
    end)

    it("passes on the error of decode, and the message has been taken", function()
      local channel <close> = create_with {
        encode = tostring,
        decode = function(text)
          if text == "bad" then error("a mistake", 0) end
          return text
        end,
      }
      channel:send("bad")
      channel:send("good")
      local ok, message = pcall(channel.receive, channel)
      assert.is_false(ok)
      assert.equal("a mistake", message)
      assert.equal("good", channel:receive(0))
      channel:send_many { "good", "bad", "good" }
      assert.is_false((pcall(channel.receive_many, channel, 3)))
      assert.equal(0, channel:stats().depth)
    end)

    it("raises when decode gives nil, which says that there is nothing", function()
      local channel <close> = create_with { encode = tostring, decode = function() return nil end }
      channel:send_many { "one", "two", "three" }
      raises("channel:receive: the codec's decode gave nil", channel.receive, channel)
      raises("channel:receive_many: the codec's decode gave nil", channel.receive_many, channel, 1)
      raises("channel:messages: the codec's decode gave nil", function()
        for _ in channel:messages() do error "nothing came" end
      end)
    end)

    it("may use the channel itself, and close it", function()
      local channel
      channel = create_with {
        encode = function(value)
          if value == "outer" then assert(channel:send("inner")) end
          if value == "last" then channel:close() end
          return value
        end,
        decode = function(text)
          return text == "inner" and text .. " before " .. channel:receive(0) or text
        end,
      }
      assert(channel:send("outer"))
      assert.equal("inner before outer", channel:receive(0))
      raises("channel:send: attempt to use a closed shmipc.channel", channel.send, channel, "last")
    end)
  end)

  describe("with a layout", function()
    local layout = shmipc.layout [[
      struct sample { int32_t count; double values[3]; char label[12]; struct { int8_t x, y; } place; bool flag; };
    ]]
    local large = shmipc.layout "int32_t n; char text[600]; struct { int32_t x; } parts[20];"

    local function create_with(of)
      return create { capacity = 1 << 14, layout = of }
    end

    local function new_record(of)
      local mapping <close> = assert(shmipc.mapping.create(objects.name(), of.size))
      return assert(mapping:view()):record(of)
    end

    it("sends tables and gives tables", function()
      local channel <close> = create_with(layout)
      local value = { count = 5, values = { 1, 2.5, -3 }, label = "front", place = { x = -1, y = 2 }, flag = true }
      assert.is_true(channel:send(value))
      assert.same(value, channel:receive(0))
      assert.is_true(channel:send { count = 6 }) -- the rest is zero
      assert.same({ count = 6, values = { 0, 0, 0 }, label = "", place = { x = 0, y = 0 }, flag = false },
        channel:receive(0))
    end)

    it("sends the bytes that a C program would", function()
      local channel <close> = create_with(layout)
      local plain <close> = assert(channels.open(channel:name()))
      channel:send { count = 5, label = "front" }
      local bytes = plain:receive(0)
      assert.equal(layout.size, #bytes)
      assert.equal(5, (string.unpack("i4", bytes)))
      assert.equal("front\0", bytes:sub(layout:offset "label" + 1, layout:offset "label" + 6))
      plain:send(bytes)
      assert.equal("front", channel:receive(0).label)
    end)

    it("sends records, and receives into records", function()
      for _, of in ipairs { layout, large } do
        local channel <close> = create_with(of)
        local from, to = new_record(of), new_record(of)
        if of == layout then
          from.count, from.values, from.place.y = 7, { 1, 2, 3 }, 9
        else
          from.n, from.text, from.parts[20].x = 7, ("x"):rep(599), 9
        end
        assert.is_true(channel:send(from))
        assert.equal(to, channel:receive(0, to)) -- the very one
        assert.same(shmipc.record.snapshot(from), shmipc.record.snapshot(to))
        assert(channel:send(to))
        assert.same(shmipc.record.snapshot(from), channel:receive(nil, nil))
        refused("TIMEOUT", channel:receive(0, to))
      end
    end)

    it("sends and receives many", function()
      for _, of in ipairs { layout, large } do
        local channel <close> = create_with(of)
        local first = of:fields()[1].name
        local record = new_record(of)
        record[first] = 3
        assert.equal(3, channel:send_many { { [first] = 1 }, { [first] = 2 }, record })
        local list = channel:receive_many(10)
        assert.equal(3, #list)
        for i = 1, 3 do assert.equal(i, list[i][first]) end
        assert.equal(0, channel:send_many {})
      end
    end)

    it("sends nothing when a value does not fit, and says where it is", function()
      local channel <close> = create_with(layout)
      local narrow = new_record(shmipc.layout "int32_t count;")
      raises("channel:send: ", channel.send, channel)
      raises("channel:send: ", channel.send, channel, 5)
      raises("channel:send: count must be ", channel.send, channel, { count = 1 << 31 })
      raises("channel:send: place.x must be ", channel.send, channel, { place = { x = 200 } })
      raises("no_such", channel.send, channel, { no_such = 1 })
      raises("channel:send_many: messages[2].values[2] must be ", channel.send_many, channel,
        { { count = 1 }, { values = { 1, "x" } } })
      raises("channel:send_many: messages[1]", channel.send_many, channel, { 5 })
      raises("channel:send: ", channel.send, channel, narrow)
      local too_large <close> = create { capacity = SMALLEST, layout = shmipc.layout "char text[2033];" }
      raises("is longer than 2032", too_large.send, too_large, { text = "x" })
      raises("is longer than 2032", too_large.send_many, too_large, { { text = "x" } })
      assert.equal(0, channel:stats().sent)
    end)

    it("leaves what has another size where it is: WRONG_KIND", function()
      for _, of in ipairs { layout, large } do
        local channel <close> = create_with(of)
        local plain <close> = assert(channels.open(channel:name()))
        local record = new_record(of)
        plain:send("text")
        for _ = 1, 2 do
          refused("WRONG_KIND", channel:receive(0))
          refused("WRONG_KIND", channel:receive(0, record))
          refused("WRONG_KIND", channel:receive_many(3))
          raises(('channel:messages "%s": the next message does not have the %d bytes of the layout'):format(
            channel:name(), of.size), function() for _ in channel:messages() do error "it came" end end)
        end
        assert.equal("text", plain:receive(0))
        channel:send {}
        channel:send {}
        plain:send("text")
        assert.equal(2, #channel:receive_many(3)) -- as far as they are what it receives
        refused("WRONG_KIND", channel:receive_many(3))
        assert.equal("text", plain:receive(0))
      end
    end)

    it("receives into a record of the very layout only, which can be written", function()
      local channel <close> = create_with(layout)
      local plain <close> = assert(channels.open(channel:name()))
      local mapping <close> = assert(shmipc.mapping.create(objects.name(), layout.size))
      local view <close> = assert(mapping:view(0, layout.size, "r"))
      local record = new_record(layout)
      channel:send {}
      local text = "channel:receive: record must be a shmipc.record of the channel's layout, got "
      for _, wrong in ipairs { 5, "x", {}, true, view, new_record(shmipc.layout "char c;") } do
        raises(text, channel.receive, channel, 0, wrong)
      end
      raises("read-only", channel.receive, channel, 0, view:record(layout))
      raises("channel:receive: only a channel with a layout receives into a record", plain.receive, plain, 0, record)
      local other = new_record(layout)
      local gone = assert(assert(shmipc.mapping.create(objects.name(), layout.size)):view())
      local late = gone:record(layout)
      gone:close()
      raises("closed shmipc.view", channel.receive, channel, 0, late)
      assert.equal(1, channel:stats().depth)
      assert.equal(other, channel:receive(0, other))
    end)

    it("lets metamethods of a table use the channel, and close it", function()
      local channel = create_with(layout)
      assert(channel:send(setmetatable({}, {
        __index = function(_, key)
          if key ~= "count" then return nil end
          assert(channel:send { count = 1 })
          return 2
        end,
      })))
      assert.equal(1, channel:receive(0).count)
      assert.equal(2, channel:receive(0).count)
      local closes = setmetatable({}, { __index = function() channel:close() end })
      raises("channel:send: attempt to use a closed shmipc.channel", channel.send, channel, closes)
      channel = create_with(layout)
      raises("channel:send_many: attempt to use a closed shmipc.channel", channel.send_many, channel, { {}, closes })
    end)
  end)
end)
