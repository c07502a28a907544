-- Memory that runs out, and states that are closed, in C programs that embed Lua (spec/native/fake/*_host.c).

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

if shmipc.platform ~= "linux" then
  pending("memory that runs out, and closed states: their C programs replace the C library's calls, as Linux lets them")
  return
end

local folder = (os.getenv "SHMIPC_NATIVE" or "build/dev/spec/native") .. "/fake/"

-- Runs a program to its success; the last line that it prints.
local function run(program, ...)
  local lines = {}
  local host <close> = process.start_program { folder .. program, ... }
  for line in host:lines(60) do lines[#lines + 1] = line end
  local how, code = host:wait()
  if how ~= "exit" or code ~= 0 then error(("%s (%s %d)"):format(table.concat(lines, "\n"), how, code), 0) end
  return lines[#lines]
end

-- Each is run with the 1st, 2nd, 3rd ... allocation in it failing, until it ends as it does here. Where there are
-- thousands of them, every so many-th is the first to fail: the number after the task.
local tasks = {
  { "loading the module", [[
    arm()
    preload()
    local shmipc = require "shmipc"
    assert(shmipc.pid() > 0)
  ]] },

  { "making and opening objects", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    arm()
    local mapping <close> = check(shmipc.mapping.create(prefix .. "_a", 5000))
    local again <close> = check(shmipc.mapping.open_or_create(prefix .. "_a", 4, {access = "r"}))
    assert(mapping:created() and not again:created())
    local shared <close> = check(shmipc.mapping.open(prefix .. "_shared"))
    local mutex <close> = check(shmipc.mutex.create(prefix .. "_b", {owned = true}))
    local other <close> = check(shmipc.mutex.open_or_create(prefix .. "_c"))
    local event <close> = check(shmipc.event.create(prefix .. "_e", {set = true}))
    local same <close> = check(shmipc.event.open_or_create(prefix .. "_e"))
    check(same:wait(0))
    local codec = {encode = tostring, decode = tostring}
    local channel <close> = check(shmipc.channel.create(prefix .. "_n", {capacity = 5000, codec = codec}))
    local equal <close> = check(shmipc.channel.open_or_create(prefix .. "_n"))
    assert(channel:created() and not equal:created())
    local semaphore <close> = check(shmipc.semaphore.open_or_create(prefix .. "_s", 1))
    check(semaphore:acquire(0))
    check(semaphore:release(2))
    check(shmipc.mutex.unlink(prefix .. "_b"))
  ]] },

  { "the first use of all", [[
    arm()
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local lock <close> = check(shmipc.mutex.open(prefix .. "_lock"))
    do local guard <close> = check(lock:lock()) end
    local view <close> = check(check(shmipc.mapping.open(prefix .. "_shared")):view())
    view:write_i32(0, 42)
    assert(view:read_i32(0) == 42)
  ]] },

  { "reading and writing", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", 5000)):view(1, 4000))
    arm()
    view:write_i32(1, 42)
    view:write_f64(8, 0.5)
    assert(view:read_i32(1) == 42 and view:read_f64(8) == 0.5)
    local text = ("x"):rep(1000)
    view:write(16, text)
    assert(view:read(16, 1000) == text)
    assert(view:pack(2000, "<i4zs2", 1, "abc", text) == 3010)
    local number, short, long, next_offset = view:unpack(2000, "<i4zs2")
    assert(number == 1 and short == "abc" and long == text and next_offset == 3010)
    view:write_cstring(0, "hello", 10)
    assert(view:read_cstring(0) == "hello" and tostring(view):find(prefix, 1, true))
    view:copy(100, view, 0, 10)
    view:fill(7, 200, 10)
    check(view:flush())
    local part <close> = check(check(shmipc.mapping.open(prefix .. "_a")):view(0, 10, "cow"))
    assert(#part == 10)
  ]] },

  { "locking", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local lock <close> = check(shmipc.mutex.open(prefix .. "_lock"))
    arm()
    local guard <close> = check(lock:lock())
    for _ = 1, 20 do check(lock:lock(0.5)) end
    for _ = 1, 20 do lock:unlock() end
    assert(tostring(guard):find(prefix, 1, true) and not lock:abandoned())
  ]] },

  { "messages, of which none is lost", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local layout = shmipc.layout "int32_t n; char text[300]; struct { int32_t x; } parts[3];"
    local plain <close> = check(shmipc.channel.create(prefix .. "_n", {capacity = 16384}))
    local structs <close> = check(shmipc.channel.open(prefix .. "_n", {layout = layout}))
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", layout.size)):view())
    local record, text = view:record(layout), ("x"):rep(3000)
    local function whole(change, f, channel, ...) -- by so many messages the channel has more, or nothing is changed
      local before = plain:stats().depth
      arm()
      local done, value, message, code = pcall(f, channel, ...)
      disarm()
      local after = plain:stats().depth
      if not done then assert(after == before) error(value, 0) end
      if not value then assert(after == before) end
      assert(check(value, message, code) and after == before + change)
      return value
    end
    whole(1, plain.send, plain, text, 0)
    whole(2, plain.send_many, plain, {"short", text}, 0)
    assert(whole(-1, plain.receive, plain, 0) == text)
    local list = whole(-2, plain.receive_many, plain, 5, 0)
    assert(#list == 2 and list[1] == "short" and list[2] == text)
    whole(1, structs.send, structs, {n = 5, text = "abc", parts = {{x = 1}}}, 0)
    whole(2, structs.send_many, structs, {{n = 6}, record}, 0)
    assert(whole(-1, structs.receive, structs, 0).parts[1].x == 1)
    assert(whole(-1, structs.receive, structs, 0, record) == record and record.n == 6)
    assert(whole(-1, structs.receive_many, structs, 5, 0)[1].n == 0)
    plain:send("last")
    plain:shutdown()
    arm()
    for message in plain:messages() do assert(message == "last") end
    assert(plain:stats().received == 7 and tostring(plain):find(prefix, 1, true))
  ]] },

  { "values of a codec", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local codec = {encode = function(t) return table.concat(t, " ") end, decode = function(s) return {s} end}
    local channel <close> = check(shmipc.channel.create(prefix .. "_n", {capacity = 4096, codec = codec}))
    arm()
    check(channel:send({"one", "two"}, 0))
    check(channel:send_many({{"three"}, {"four", "five"}}, 0))
    assert(check(channel:receive(0))[1] == "one two")
    assert(check(channel:receive_many(9, 0))[2][1] == "four five")
  ]] },

  { "a protected call under the lock", [[
    never_abandons = true
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local lock <close> = check(shmipc.mutex.open(prefix .. "_lock"))
    arm()
    assert(check(lock:with(0.5, function()
      local texts = {}
      for i = 1, 20 do texts[i] = tostring(lock) .. i end
      return table.concat(texts)
    end)))
  ]] },

  { "files", [[
    preload()
    local path, shmipc = os.tmpname(), require "shmipc"
    os.remove(path)
    local removal <close> = setmetatable({}, {__close = function() os.remove(path) end})
    arm()
    local file <close> = check(shmipc.mapping.file(path, {size = 100}))
    local view <close> = check(file:view())
    check(view:flush())
    local larger <close> = check(shmipc.mapping.file(path, {size = 10000}))
    assert(not larger:created())
    local all <close> = check(larger:view(20, 9000))
    check(all:flush())
  ]] },

  { "more views than the first table of them has room for", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local mapping <close> = check(shmipc.mapping.create(prefix .. "_a", 300))
    local views = {}
    for i = 1, 120 do views[i] = check(mapping:view(i)) end
    arm()
    for i = 121, 140 do views[i] = check(mapping:view(i)) end
    assert(#views[140] == 160)
  ]] },

  { "looking", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local mapping <close> = check(shmipc.mapping.create(prefix .. "_a", 5000))
    local mutex <close> = check(shmipc.mutex.create(prefix .. "_b", {owned = true}))
    arm()
    local found = 0
    for _, object in ipairs(check(shmipc.list())) do
      if object.name:sub(1, #prefix) == prefix then found = found + 1 end
    end
    assert(found >= 2)
    assert(check(mapping:info()).size == 5000)
    assert(check(mutex:info()).locked)
    local glance <close> = check(shmipc.mapping.peek(prefix .. "_a"))
    assert(check(glance:info()).size == 5000)
  ]] },

  { "a persistent object", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    arm()
    local done, mapping, message, code = pcall(shmipc.mapping.create, prefix .. "_a", 5000, {persistent = true})
    disarm()
    if not done then error(mapping, 0) end
    check(mapping, message, code):close()
    check(shmipc.mapping.unlink(prefix .. "_a"))
  ]] },

  { "telling what was wrong", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local mapping <close> = check(shmipc.mapping.create(prefix .. "_a", 100))
    local view <close> = check(mapping:view())
    arm()
    local function told(pattern, f, ...)
      local done, message = pcall(f, ...)
      assert(not done)
      if not message:find "not enough memory" then assert(message:find(pattern), message) end
    end
    told("offset", view.read_i32, view, -1)
    told("offset", view.pack, view, 101, "i4", 1)
    told("self", view.unpack, mapping, 0, "i4")
    told("options", shmipc.mapping.open, "x", {nothing = 1})
    told("size", shmipc.mapping.create, "x", {})
    local _, _, code = shmipc.mapping.open(prefix .. "_b")
    assert(code == "NOT_FOUND" or code == "SYSTEM")
    _, _, code = shmipc.mutex.create(prefix .. "/")
    assert(code == "INVALID_NAME")
  ]] },

  { "the first layout, which loads the compiler", [[
    preload()
    local shmipc = require "shmipc"
    arm()
    assert(shmipc.layout "int32_t x;".size == 4)
  ]], 23 },

  { "layouts", [[
    preload()
    local shmipc = require "shmipc"
    shmipc.layout "char c;"
    arm()
    local layout = shmipc.layout "struct s { int32_t x[2]; char label[8]; struct { int8_t y; wchar_t z[4]; } inner; };"
    assert(layout:offset "inner" == 16 and #layout:fields() == 3 and tostring(layout):find("label[8]", 1, true))
  ]], 5 },

  { "arrays", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", 5000)):view())
    arm()
    local numbers, doubles = view:array("i32", 0, 100), view:array("f64", 400, 100)
    numbers[1] = 5
    assert(numbers[1] == 5 and numbers[101] == nil and tostring(numbers):find("i32[100]", 1, true))
    numbers:fill(7)
    numbers:set(50, numbers:get(1, 20))
    doubles:set(1, numbers)
    local sum = 0
    for _, double in ipairs(doubles) do sum = sum + double end
    assert(sum == 700 and select("#", pairs(doubles)) == 3)
    assert(shmipc.atomic.fetch_add(numbers, 3, 1) == 7 and shmipc.atomic.exchange(doubles, 3, 0.5) == 7)
  ]] },

  { "records", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local layout = shmipc.layout "struct { int8_t y; wchar_t text[500]; } in[2]; char text[2000]; int32_t n, m[2][2];"
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", 20000)):view())
    arm()
    local record, records = view:record(layout), view:records(layout, 8000)
    record.n, record.m[2][1], record["in"][2].y = 1, 2, 3
    record.text = ("x"):rep(1999)
    record["in"][1].text = ("\u{20AC}"):rep(499)
    assert(#record.text == 1999 and utf8.len(record["in"][1].text) == 499)
    records[1].m = {{4, 5}}
    shmipc.record.assign(records[1], shmipc.record.snapshot(record))
    assert(records[1].m[2][1] == 2 and records[1].text == record.text)
    local count = 0
    for _ in pairs(record) do count = count + 1 end
    assert(count == 4 and #records:get() == #records)
  ]], 5 },

  { "writing much at once", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local layout = shmipc.layout "int32_t first; char text[1500]; struct { int32_t x; } parts[20]; int32_t last;"
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", 5000)):view())
    local record, numbers = view:record(layout), view:array("i32", 4000, 200)
    local parts, many = {}, {}
    for i = 1, 20 do parts[i] = setmetatable({}, {__index = function() return #tostring({}) end}) end
    for i = 1, 200 do many[i] = 1 end
    local lazy = setmetatable({}, {__len = function() return 200 end, __index = function(_, i) return #{i} end})
    local function whole(f, ...) -- all of it is written, or nothing
      local before = view:read(0, 5000)
      arm()
      local done, message = pcall(f, ...)
      disarm()
      local after = view:read(0, 5000)
      if not done then assert(before == after) error(message, 0) end
      assert(before ~= after)
    end
    whole(shmipc.record.assign, record, {first = 1, text = ("x"):rep(1400), parts = parts, last = 1})
    whole(function() record.parts = {{x = 1}, {x = 2}} end)
    whole(numbers.set, numbers, 1, many)
    view:fill()
    whole(numbers.set, numbers, 1, lazy)
    view:fill()
    whole(numbers.fill, numbers, 5)
    local records = view:records(layout, 0, 2)
    whole(records.fill, records, {first = 7, last = 7})
    whole(records.set, records, 1, {{first = 8}, {last = 9}})
  ]] },

  { "writing a record under the lock", [[
    never_abandons = true
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local layout = shmipc.layout "int32_t n; char text[300]; int32_t m[10];"
    local record = check(check(shmipc.mapping.open(prefix .. "_shared")):view()):array("i32")
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", 1000)):view())
    local lock <close> = check(shmipc.mutex.open(prefix .. "_lock"))
    arm()
    assert(check(lock:with(0.5, function()
      local mine = view:record(layout)
      mine.m = record:get(1, 10)
      shmipc.record.assign(mine, {text = tostring(mine):sub(1, 200)})
      shmipc.atomic.fetch_add(record, 1, 1)
      return shmipc.record.snapshot(mine)
    end)))
  ]] },

  { "telling what was wrong with windows", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local layout = shmipc.layout "struct sample { int32_t count; char label[8]; int16_t more[2]; };"
    local view <close> = check(check(shmipc.mapping.create(prefix .. "_a", 100)):view())
    local record, array = view:record(layout), view:array("i32", 0, 4)
    arm()
    local function told(pattern, f, ...)
      local done, message = pcall(f, ...)
      assert(not done)
      if not message:find "not enough memory" then assert(message:find(pattern), message) end
    end
    told("has no field", function() return record.coutn end)
    told("count", function() record.count = "x" end)
    told("more%[2%]", shmipc.record.assign, record, {more = {1, "x"}})
    told("fit", function() record.label = "too long a text" end)
    told("index", function() array[5] = 1 end)
    told("%[3%]", array.set, array, 1, {1, 2, 1 << 40})
    told("target", shmipc.atomic.load, view, 1)
    told("only a number", shmipc.atomic.store, record, "label", 1)
    told("type", view.array, view, "i128")
    told("line 1, column 5", shmipc.layout, "int 5;")
    view:close()
    told("closed", function() return array[1] end)
    assert(tostring(record):find "closed")
  ]], 5 },

  { "collecting windows", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local layout = shmipc.layout "struct { struct { int32_t x[4]; } b[4]; } a[4];"
    local view = check(check(shmipc.mapping.create(prefix .. "_a", 5000)):view())
    local part = view:records(layout)[2].a[3].b[4].x
    arm()
    part[4] = 5
    layout, view = nil, nil
    collectgarbage()
    collectgarbage()
    assert(part[4] == 5)
    part = nil
    collectgarbage()
    collectgarbage()
    disarm()
    check(shmipc.mapping.create(prefix .. "_a", 5000)):close()
  ]] },

  { "collecting handles", [[
    preload()
    local prefix, shmipc = ..., require "shmipc"
    local mutex = check(shmipc.mutex.create(prefix .. "_b"))
    mutex:lock()
    local view = check(check(shmipc.mapping.create(prefix .. "_a", 5000)):view())
    arm()
    mutex, view = nil, nil
    collectgarbage()
    collectgarbage()
    disarm()
    check(shmipc.mapping.create(prefix .. "_a", 5000)):close()
  ]] },
}

-- faculty, how many fail in a row (0: all)
local ways = {
  { "an allocation of Lua's", "lua", 1 }, -- it succeeds after a collection
  { "an allocation of Lua's for good", "lua", 2 },
  { "all of Lua's allocations from one on", "lua", 0 },
  { "an allocation of the module's", "memory", 1 },
  { "all of the module's allocations from one on", "memory", 0 },
  { "a system call", "calls", 1 },
  { "all system calls from one on", "calls", 0 },
}

describe("when memory runs out", function()
  after_each(objects.check_none_left)

  for _, task in ipairs(tasks) do
    for _, way in ipairs(ways) do
      it(("%s survives the failure of %s"):format(task[1], way[1]), function()
        run("memory_host", way[2], tostring(way[3]), objects.name(), task[2], tostring(task[3] or 1))
      end)
    end
  end

  it("hundreds of allocations fail", function()
    local failures = run("memory_host", "lua", "2", objects.name(), tasks[1][2]):match "^(%d+) failures$"
    assert.is_true(tonumber(failures) > 100)
  end)
end)

describe("a program that closes its Lua states", function()
  after_each(objects.check_none_left)

  local scenes = {
    { "closed_states", "forks, faults and opens others" },
    { "truncated_files", "keeps its own handler for faults, and scripts hear of truncated files" },
    { "default_faults", "dies of a fault that nobody handles" },
    { "ignored_signals", "goes on ignoring a SIGBUS that somebody sends" },
    { "ending_threads", "ends the threads that used the module" },
    { "open_at_exit", "may leave one open when it ends" },
  }
  for _, scene in ipairs(scenes) do
    it(scene[2] .. " (linked in)", function() run("state_host", scene[1], objects.name()) end)
    it(scene[2] .. " (loaded)", function()
      run("state_host", scene[1], objects.name(), package.path, package.cpath)
    end)
  end

  it("goes on when the loader has no memory to keep the module", function()
    run("state_host", "refused_reopening", objects.name(), package.path, package.cpath)
  end)
end)
