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

-- Each is run with the 1st, 2nd, 3rd ... allocation in it failing, until it ends as it does here.
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
        run("memory_host", way[2], tostring(way[3]), objects.name(), task[2])
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
