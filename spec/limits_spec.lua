-- What a process meets at the edges of what its system allows. Each is a clear nil, message, code, and never a signal,
-- an endless wait, or something left behind.

local core = require "shmipc.core"
local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local describe_on_linux = shmipc.platform == "linux" and describe or pending

-- A peer that a shell starts, after it has run the line.
local function peer_after(line)
  return process.peer { "sh", "-c", line .. ' && exec "$0" "$@"' }
end

describe_on_linux("a process at its limits", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("is not killed by a limit on the size of files", function()
    local peer <close> = peer_after "ulimit -f 10"
    assert.equal("NO_SPACE", peer:run("select(3, shmipc.mapping.create(..., 1 << 20))", name))
    assert.equal("NO_SPACE", peer:run("select(3, shmipc.mapping.file(..., {size = 1 << 20}))", objects.file()))
    assert.equal("NO_SPACE", peer:run("select(3, shmipc.channel.create(..., {capacity = 1 << 30}))", name))
    assert.equal(1000, peer:run("shmipc.mapping.create(..., 1000):size()", name))
  end)

  it("does not print into shared memory when it was started without standard files", function()
    local peer <close> = process.peer { "sh", "-c", 'exec "$0" "$@" 2>&-' }
    peer:run("io.stderr:write('at first') mapping = assert(shmipc.mapping.create(..., 16)) view = mapping:view()", name)
    peer:run("io.stderr:write('HELLO') io.stderr:flush()")
    assert.equal(("\0"):rep(16), peer:run("view:read(0, 16)"))
  end)

  it("is told LIMIT when it has too many files open, and goes on when it has closed some", function()
    local peer <close> = peer_after "ulimit -n 30"
    assert.equal("LIMIT", peer:run([[
      local name = ...
      held = { assert(shmipc.mapping.create(name, 4)) }
      while true do
        local mapping, _, code = shmipc.mapping.open(name)
        if not mapping then return code end
        held[#held + 1] = mapping
      end
    ]], name))
    peer:run("for _, mapping in ipairs(held) do mapping:close() end")
    assert.is_true(peer:run("shmipc.mapping.create(..., 4):close()", name))
  end)

  it("holds no more locks than the system gives back when it is killed", function()
    local peer <close> = peer_after "ulimit -n 8192"
    local count, code = peer:run([[
      local prefix = ...
      channel = assert(shmipc.channel.create(prefix .. "c"))
      mutexes = {}
      for i = 1, 1200 do
        mutexes[i] = assert(shmipc.mutex.create(prefix .. i))
        local guard, _, code = mutexes[i]:lock()
        if not guard then return i - 1, code end
      end
    ]], name)
    assert.equal("LIMIT", code)
    assert.is_true(count >= 1000)
    assert.is_true(peer:run("channel:send('one')")) -- the lock of a moment that sending takes is none of them
    assert.equal("one", peer:run("channel:receive(0)"))
    local first, last = assert(shmipc.mutex.open(name .. 1)), assert(shmipc.mutex.open(name .. count))
    peer:kill()
    assert.equal("abandoned", select(2, assert(first:lock(5))))
    assert.equal("abandoned", select(2, assert(last:lock(5))))
    first:close()
    last:close()
    for i = 1, count + 1 do objects.refused("NOT_FOUND", shmipc.mutex.open(name .. i)) end
    objects.refused("NOT_FOUND", shmipc.channel.open(name .. "c"))
  end)

  it("finds that a link which leads nowhere is no file", function()
    local path = objects.file()
    assert(process.succeeds { "ln", "-s", "/nowhere/at/all", path })
    objects.refused("NOT_FOUND", shmipc.mapping.file(path))
    objects.refused("NOT_FOUND", shmipc.mapping.file(path, { size = 4 }))
    assert(os.remove(path))
  end)
end)

describe("typed windows at their limits", function()
  after_each(objects.check_none_left)

  -- A view of a file with a hole of 8 TiB.
  local function huge_view()
    if shmipc.platform ~= "linux" then pending("a file with a hole as large as this is a thing of Linux") end
    local path = objects.file()
    local sparse = assert(io.open(path, "wb"))
    if not sparse:seek("set", (1 << 43) - 1) or not sparse:write "x" or not sparse:close() then
      pending("the file system has no files as large as this")
    end
    local mapping <close> = assert(shmipc.mapping.file(path))
    return assert(mapping:view())
  end

  it("reach the last element of an array with more elements than 32 bits count", function()
    local view <close> = huge_view()
    local array = view:array "u8"
    local last = 1 << 43
    assert.equal(last, #array)
    assert.equal(string.byte "x", array[last])
    assert.is_nil(array[last + 1])
    array[last - 1] = 5
    array:set(last, { 6 })
    assert.equal(5, shmipc.atomic.fetch_add(array, last - 1, 1))
    assert.same({ 6, 6 }, array:get(last - 1))
    assert.equal("\6\6", view:read(last - 2, 2))
    objects.raises("array: index must be an integer from 1 to 8796093022208", function() array[last + 1] = 1 end)
    objects.raises("array:get: i must be an integer", array.get, array, last + 2)
    assert.is_truthy(tostring(array):find("0..8796093022208 u8[8796093022208] rw", 1, true))
  end)

  it("reach a field behind more bytes than 32 bits count", function()
    local view <close> = huge_view()
    local layout = shmipc.layout "struct huge { char gap[5LL << 40]; int32_t last; };"
    local record = view:record(layout)
    record.last = 5
    assert.equal(5 << 40, layout:offset "last")
    assert.equal(5, view:read_i32(5 << 40))
    assert.equal(1, #view:records(layout))
    objects.raises("view:record: offset must be", view.record, view, layout, 1 << 43)
    objects.raises("does not fit in a view of", view.record, view, shmipc.layout "char gap[9LL << 40];")
  end)

  it("are told that memory is short when a value is larger than memory", function()
    if os.getenv "ASAN_OPTIONS" then pending("the sanitizer reports each allocation that is refused") end
    local view <close> = huge_view()
    local record = view:record(shmipc.layout "char text[1LL << 42]; char16_t wide[1LL << 40]; int8_t n;")
    for _, access in ipairs {
      function() return record.text end,
      function() return record.wide end,
      function() record.text = "x" end,
      function() return shmipc.record.snapshot(record) end,
      function() shmipc.record.assign(record, { n = 1 }) end,
      function() return view:records(shmipc.layout "char text[1LL << 42];", 0, 1):get() end,
      function() view:records(shmipc.layout "char text[1LL << 42];", 0, 1):fill { text = "x" } end,
    } do
      objects.raises("not enough memory", access)
    end
    record.n = 5
    assert.equal(5, record.n)
  end)

  it("go through as many levels as a layout may have", function()
    local ones = {}
    for i = 1, 64 do ones[i] = 1 end
    local layout = "u8"
    for _ = 1, 64 do
      layout = core.layout {
        name = "level", size = 1, align = 1, fields = { { name = "x", offset = 0, type = layout, dims = ones } },
      }
    end
    local view <close> = assert(assert(shmipc.mapping.create(objects.name(), 1)):view())
    local record = view:record(layout)
    view:write_u8(0, 5)
    local copy = shmipc.record.snapshot(record)
    view:fill()
    shmipc.record.assign(record, copy)
    assert.equal(5, view:read_u8(0))
    assert.is_truthy(tostring(record):find("{5}", 1, true))
    local cell = copy.x
    for _ = 1, 63 * 65 do cell = cell[1] or cell.x end
    while type(cell[1]) == "table" do cell = cell[1] end
    cell[1] = 256
    local message = objects.raises("must be an integer from 0 to 255", shmipc.record.assign, record, copy)
    assert.is_truthy(message:find("x" .. ("[1]"):rep(64) .. ".x", 1, true))
    assert.equal(5, view:read_u8(0))
  end)
end)
