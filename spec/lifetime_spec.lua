-- How long a name lives: as long as any process holds the object, however that process ends.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local function it_on_linux(title, body)
  if shmipc.platform == "linux" then return it(title, body) end
  pending(title .. ": this system has neither unlink nor persistent objects")
end

-- The chunks by which a peer comes to hold an object as `handle`.
local create = {
  mapping = "handle = assert(shmipc.mapping.create(..., 8))",
  mutex = "handle = assert(shmipc.mutex.create(...))",
  channel = "handle = assert(shmipc.channel.create(...)) handle:send('a message')",
}
local open = {
  mapping = "handle = assert(shmipc.mapping.open(...))",
  mutex = "handle = assert(shmipc.mutex.open(...))",
  channel = "handle = assert(shmipc.channel.open(...))",
}

local function leave_by_chunk(chunk)
  return function(peer)
    peer:send(chunk)
    peer:wait()
  end
end

-- All ways in which a process stops holding what it holds.
local ways = {
  { "closes it", function(peer) peer:run("handle:close()") end },
  { "loses it to the collector", function(peer) peer:run("handle = nil collectgarbage() collectgarbage()") end },
  {
    "comes to the end of its script",
    function(peer)
      peer:end_input()
      assert.same({ "exit", 0 }, { peer:wait() })
    end,
  },
  { "calls os.exit(true, true)", leave_by_chunk "os.exit(true, true)" },
  { "calls os.exit(true, false)", leave_by_chunk "os.exit(true, false)" },
  { "ends with an error", leave_by_chunk "last_words = 'a mistake'" },
  { "is killed", function(peer) assert.same({ "signal", 9 }, { peer:kill() }) end },
}

describe("lifetime", function()
  after_each(objects.check_none_left)

  it("ends with the last holder", function()
    local name = objects.name()
    local peer <close> = process.peer()
    peer:run("mapping = assert(shmipc.mapping.create(..., 4))", name)
    assert(shmipc.mapping.open(name)):close()
    peer:kill()
    objects.refused("NOT_FOUND", shmipc.mapping.open(name))
  end)

  for kind, make in pairs(create) do
    describe("of a " .. kind, function()
      for _, way in ipairs(ways) do
        local what, leave = way[1], way[2]

        it(("is over when its last holder %s"):format(what), function()
          local name = objects.name()
          local peer <close> = process.peer()
          peer:run(make, name)
          objects.refused("EXISTS", shmipc[kind].create(name, kind == "mapping" and 8 or nil))
          leave(peer)
          if what ~= "is killed" and shmipc.platform == "linux" then
            assert.is_nil((io.open(objects.path(name)))) -- whoever can still do something tidies up
          end
          objects.refused("NOT_FOUND", shmipc[kind].open(name))
        end)

        it(("goes on when its creator %s and another holds it"):format(what), function()
          local name = objects.name()
          local creator <close> = process.peer()
          creator:run(make, name)
          local handle <close> = assert(shmipc[kind].open(name))
          leave(creator)
          assert(shmipc[kind].open(name)):close()
          handle:close()
          objects.refused("NOT_FOUND", shmipc[kind].open(name))
        end)

        it(("goes on when one who opened it %s"):format(what), function()
          local name = objects.name()
          local creator <close> = process.peer()
          local opener <close> = process.peer()
          creator:run(make, name)
          opener:run(open[kind], name)
          leave(opener)
          assert(shmipc[kind].open(name)):close()
          creator:kill()
          objects.refused("NOT_FOUND", shmipc[kind].open(name))
        end)
      end

      it("can begin anew at once over what a killed holder left", function()
        local name = objects.name()
        for _ = 1, 5 do
          local peer <close> = process.peer()
          peer:run(make, name) -- not EXISTS
          peer:kill()
        end
        objects.refused("NOT_FOUND", shmipc[kind].open(name))
      end)

      it("can begin anew as another kind", function()
        local name = objects.name()
        local peer <close> = process.peer()
        local other <close> = process.peer()
        peer:run(make, name)
        local other_kind = kind == "mapping" and "mutex" or "mapping"
        objects.refused("WRONG_KIND", shmipc[other_kind].open(name))
        objects.refused("WRONG_KIND", shmipc[other_kind].create(name, other_kind == "mapping" and 8 or nil))
        peer:kill()
        other:run(create[other_kind], name)
        objects.refused("WRONG_KIND", shmipc[kind].open(name))
      end)

      it("is one object for all who open_or_create it at once", function()
        local name = objects.name()
        local peers = {}
        for i = 1, 4 do
          peers[i] = process.peer()
          peers[i]:run("shmipc.pid()")
        end
        for _, peer in ipairs(peers) do
          peer:send("handle = assert(shmipc[...].open_or_create(select(2, ...))) return handle:created()", kind, name,
            kind == "mapping" and 8 or nil)
        end
        local creators = 0
        for _, peer in ipairs(peers) do
          if peer:receive() then creators = creators + 1 end
        end
        for _, peer in ipairs(peers) do peer:close() end
        assert.equal(1, creators)
        objects.refused("NOT_FOUND", shmipc[kind].open(name))
      end)

      it_on_linux("is over by unlink, though it is held", function()
        local name = objects.name()
        local peer <close> = process.peer()
        peer:run(make, name)
        assert.is_true(shmipc[kind].unlink(name))
        objects.refused("NOT_FOUND", shmipc[kind].open(name))
        objects.refused("NOT_FOUND", shmipc[kind].unlink(name))
        local younger <close> = assert(shmipc[kind].create(name, kind == "mapping" and 8 or nil))
        peer:run("handle:close()")
        assert(shmipc[kind].open(name)):close() -- the older one's last holder took nothing from the younger
        assert.is_true(younger:close())
      end)

      it_on_linux("of a leftover is over by unlink, which does not find it", function()
        local name = objects.name()
        local peer <close> = process.peer()
        peer:run(make, name)
        peer:kill()
        objects.refused("NOT_FOUND", shmipc[kind].unlink(name))
      end)
    end)
  end

  describe("of memory", function()
    it("goes on while there is a view", function()
      local name = objects.name()
      local peer <close> = process.peer()
      peer:run([[
        local mapping <close> = assert(shmipc.mapping.create(..., 8192))
        view = assert(mapping:view(5000, 4))
      ]], name)
      local mapping = assert(shmipc.mapping.open(name))
      mapping:view(5000):write_i32(0, 7)
      mapping:close()
      collectgarbage()
      assert.equal(7, peer:run("view:read_i32(0)"))
      peer:run("view:close()")
      objects.refused("NOT_FOUND", shmipc.mapping.open(name))
    end)

    it("goes on while there is a view, and is over when that one's process is killed", function()
      for _, access in ipairs { "r", "rw", "cow" } do
        local name = objects.name()
        local peer <close> = process.peer()
        peer:run([[
          local name, access = ...
          local mapping <close> = assert(shmipc.mapping.create(name, 4))
          view = assert(mapping:view(0, 4, access))
        ]], name, access)
        assert(shmipc.mapping.open(name)):close()
        peer:kill()
        objects.refused("NOT_FOUND", shmipc.mapping.open(name))
      end
    end)

    it("that a killed holder left leaves nothing in the new one", function()
      local name = objects.name()
      local peer <close> = process.peer()
      peer:run("view = shmipc.mapping.create(..., 4096):view() view:fill(255)", name)
      peer:kill()
      local mapping <close> = assert(shmipc.mapping.open_or_create(name, 10000))
      assert.is_true(mapping:created())
      assert.equal(10000, mapping:size())
      local view <close> = mapping:view()
      assert.equal(("\0"):rep(10000), view:read(0, 10000))
    end)

    it_on_linux("that is persistent goes on without anybody", function()
      local name = objects.name()
      for _, way in ipairs(ways) do
        local peer <close> = process.peer()
        peer:run([[
          handle = assert(shmipc.mapping.create(..., 4, {persistent = true}))
          handle:view():write_i32(0, 7)
        ]], name)
        way[2](peer)
        local view <close> = assert(shmipc.mapping.open(name)):view()
        assert.equal(7, view:read_i32(0), way[1])
        objects.refused("EXISTS", shmipc.mapping.create(name, 4))
        assert.is_true(shmipc.mapping.unlink(name))
        objects.refused("NOT_FOUND", shmipc.mapping.open(name))
        assert.equal(7, view:read_i32(0))
      end
    end)

    it_on_linux("that is persistent goes on when one who opened it is killed", function()
      local name = objects.name()
      local peer <close> = process.peer()
      assert(shmipc.mapping.create(name, 4, { persistent = true })):close()
      peer:run("handle = assert(shmipc.mapping.open(...))", name)
      peer:kill()
      assert(shmipc.mapping.open(name)):close()
      shmipc.mapping.unlink(name)
    end)

    it_on_linux("that was unlinked goes on for those who hold it, each object its own bytes", function()
      local name = objects.name()
      local peer <close> = process.peer()
      local other <close> = process.peer()
      peer:run("view = shmipc.mapping.create(..., 4):view() view:write_i32(0, 1)", name)
      other:run("view = shmipc.mapping.open(...):view()", name)
      shmipc.mapping.unlink(name)
      local younger <close> = assert(shmipc.mapping.create(name, 4)):view()
      other:run("view:write_i32(0, 2)")
      assert.equal(2, peer:run("view:read_i32(0)"))
      assert.equal(0, younger:read_i32(0))
    end)

    it("in a file on disk goes on for ever", function()
      local path = objects.file()
      local peer <close> = process.peer()
      peer:run("shmipc.mapping.file(..., {size = 4}):view():write(0, 'data')", path)
      peer:kill()
      assert.equal("data", objects.contents(path))
    end)
  end)

  describe("of a lock", function()
    it_on_linux("that was unlinked goes on for those who hold it, each object its own lock", function()
      local name = objects.name()
      local peer <close> = process.peer()
      local other <close> = process.peer()
      peer:run("handle = shmipc.mutex.create(..., {owned = true})", name)
      other:run("handle = shmipc.mutex.open(...)", name)
      shmipc.mutex.unlink(name)
      local younger <close> = assert(shmipc.mutex.create(name))
      assert(younger:lock(0))
      assert.equal("TIMEOUT", other:run("select(3, handle:lock(0))"))
      peer:run("handle:unlock()")
      assert.is_truthy(other:run("handle:lock(0)"))
      younger:unlock()
    end)
  end)
end)
