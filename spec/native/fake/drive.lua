-- Runs in an interpreter of its own; CORE is the fake platform's core.so.
--
--     lua drive.lua CORE list     prints what there is to drive: functions, methods, metamethods, and scenes
--     lua drive.lua CORE WHAT     drives one of them; its exit code says whether all went well
--
-- A function is called again and again while the 1st, 2nd, 3rd ... call that it makes to the system fails, until it
-- makes fewer. Each time it must tell the failure, leave nothing behind, and do its work the next time.

local core_path, wanted = ...
local fake = assert(package.loadlib(core_path, "luaopen_shmipc_fake"))()
package.preload["shmipc.core"] = assert(package.loadlib(core_path, "luaopen_shmipc_core"))
local core = require "shmipc.core"
local shmipc = require "shmipc"

local NATIVE = 4242 -- an error number that only a failure of ours has
local FOREVER = math.maxinteger
local MEMORY = { os_allocate = true, os_reallocate = true, os_thread_self = true } -- they can fail in one way only

local function show(results)
  local texts = {}
  for i = 1, results.n do texts[i] = tostring(results[i]) end
  return "(" .. table.concat(texts, ", ") .. ")"
end

-- ---- what there is, found in the module itself

local function mapping(options) return assert(shmipc.mapping.create("m", 64, options)) end

local function view(access)
  local whole <close> = mapping()
  return assert(whole:view(0, 64, access))
end

local function mutex() return assert(shmipc.mutex.create("x")) end

local function event() return assert(shmipc.event.create("e", { set = true, manual = true })) end

local function semaphore() return assert(shmipc.semaphore.create("s", 1, 1000)) end

local function channel() return assert(shmipc.channel.create("c", { capacity = 4096 })) end

local function guard(self) return assert(self:lock()) end

local function layout()
  return shmipc.layout "struct sample { int32_t count; char label[12]; bool flag; int16_t more[2][2]; };"
end

-- One of each kind, and what has to be closed with it.
local makers = {
  mapping = mapping,
  view = view,
  mutex = mutex,
  event = event,
  semaphore = semaphore,
  channel = channel,
  guard = function()
    local owner = mutex()
    return guard(owner), owner
  end,
  layout = layout,
  array = function()
    local owner = view()
    return owner:array "i32", owner
  end,
  record = function()
    local owner = view()
    return owner:record(layout()), owner
  end,
}

-- Closes those of the values that can be closed.
local function close_all(...)
  for _, value in pairs { ... } do
    local metatable = type(value) == "userdata" and debug.getmetatable(value)
    if metatable and metatable.__gc then metatable.__gc(value) end
  end
end

local function functions_of_the_module()
  local found = {}
  local function add(prefix, t)
    for key, value in pairs(t) do
      if type(value) == "function" then
        found[prefix .. "." .. key] = value
      elseif type(value) == "table" then
        add(prefix .. "." .. key, value)
      end
    end
  end
  add("shmipc", shmipc)
  for kind, parts in pairs(core.kinds) do
    assert(makers[kind], "no maker for the kind " .. kind .. ": add one to drive.lua")
    for key, value in pairs(parts.methods) do found[kind .. ":" .. key] = value end
    local self, other = makers[kind]()
    for key, value in pairs(debug.getmetatable(self)) do
      if type(value) == "function" then found[kind .. "." .. key] = value end
    end
    close_all(self, other)
  end
  return found
end

-- ---- how each is called
--
-- A variant: {call = function(self, other) -> results, ...} with
--   self     makes what `call` gets, unfailing; default: one of the method's kind
--   retried  {[status] = part of a name}: that failure, when it happens once in a function so named, is overcome
--   silent   no failure shows: the work cannot fail
--   overlooked  part of a name: failures of functions so named do not show
--   says     what a message begins with; default: the function's name
--   raised   failures of os_mutex_unlock arrive as errors
--   endless  it waits for ever, so that time-outs which never cease would keep it
--   undo     takes away what a success leaves on purpose
--   tidy     the same, whatever came of it
--   thread   "same": the call is made by the thread that made `self`; else by one that is new to the module

local cases = {}

local function case(what, ...) cases[what] = { ... } end

local transient = { TIMEOUT = "" }
local locking = { TIMEOUT = "os_mutex_lock" }
local opening_or_creating = { TIMEOUT = "", NOT_FOUND = "_open", EXISTS = "_create" }

case("shmipc.sleep", { call = function() shmipc.sleep(0.25) return true end })
case("shmipc.clock", { call = shmipc.clock })
case("shmipc.pid", { call = shmipc.pid })

-- The kinds that have names: theirs here, what their makers need behind it, and options that make a difference.
local named = {
  mapping = { name = "m", arguments = { 64 }, special = { persistent = true } },
  mutex = { name = "x", arguments = {}, special = { owned = true } },
  event = { name = "e", arguments = {}, special = { manual = true, set = true } },
  semaphore = { name = "s", arguments = { 1, 1000 }, special = { mode = 384 } },
  channel = { name = "c", arguments = {}, special = { capacity = 4096, mode = 384 } },
}

for kind, one in pairs(named) do
  local module, name = shmipc[kind], one.name
  local function call(f, options)
    return function()
      local list = table.move(one.arguments, 1, #one.arguments, 1, {})
      list[#list + 1] = options
      return module[f](name, table.unpack(list))
    end
  end
  local prefix = "shmipc." .. kind
  local existing = makers[kind]
  local none = function() return nil end
  local special = one.special
  local undo = special.persistent and function() module.unlink(name) end
  case(prefix .. ".create", { self = none, call = call "create", retried = transient },
    { self = none, call = call("create", special), retried = transient, undo = undo })
  local function inherited()
    local self = existing()
    fake.fork()
    return self
  end
  case(prefix .. ".open", { self = existing, call = function() return module.open(name) end, retried = transient },
    { self = inherited, call = function() return module.open(name) end, retried = transient })
  case(prefix .. ".open_or_create",
    { self = none, call = call "open_or_create", retried = opening_or_creating },
    { self = existing, call = call "open_or_create", retried = opening_or_creating },
    { self = none, call = call("open_or_create", special), retried = opening_or_creating, undo = undo })
  case(prefix .. ".unlink", { self = existing, call = function() return module.unlink(name) end, retried = transient })
end

case("shmipc.mapping.file",
  { self = function() return nil end, call = function() return shmipc.mapping.file("m", { size = 64 }) end },
  { self = function() return assert(shmipc.mapping.file("m", { size = 64 })) end,
    call = function() return shmipc.mapping.file("m", { access = "r" }) end })

case("mapping:view", { call = function(self) return self:view() end },
  { call = function(self) return self:view(3, 7, "r") end },
  { call = function(self) return self:view(60, nil, "cow") end })

for _, method in ipairs { "name", "size", "access", "created" } do
  for _, kind in ipairs { "mapping", "view", "mutex", "event", "semaphore", "channel" } do
    if core.kinds[kind].methods[method] then
      case(kind .. ":" .. method, { call = function(self) return self[method](self) ~= nil end })
    end
  end
end

for kind in pairs(makers) do
  case(kind .. ":close", { call = function(self) return self:close() end, silent = true })
  case(kind .. ".__gc", { call = function(self) debug.getmetatable(self).__gc(self) return true end, silent = true })
  case(kind .. ".__close", { call = function(self) debug.getmetatable(self).__close(self) return true end,
    silent = true })
  case(kind .. ".__tostring", { call = tostring, thread = "same" })
end
for _, kind in ipairs { "mapping", "mutex", "event", "semaphore", "channel" } do
  case(kind .. ":info", { call = function(self) return self:info() end, overlooked = "os_arena_check" })
end
case("shmipc.list", { self = mapping, call = function() return shmipc.list() end },
  { self = mutex, call = function() return shmipc.list { holders = false } end },
  { self = channel, call = function() return shmipc.list() end, overlooked = "os_arena" })
case("shmipc.gc", { self = function() fake.leave_behind "m" end, call = function() return shmipc.gc "m" end,
  retried = transient, tidy = fake.forget })
case("shmipc.mapping.peek", { self = mapping, call = function() return shmipc.mapping.peek "m" end,
  retried = transient })

local locked = {
  self = function()
    local self = mutex()
    guard(self)
    return self
  end,
  call = function(self) return self:close() end, silent = true, thread = "same",
}
table.insert(cases["mutex:close"], locked)
case("guard:close", { call = function(self) return self:close() end, thread = "same" })
case("guard.__close", { call = cases["guard.__close"][1].call, thread = "same", raised = true, says = "guard:close" })

for name, method in pairs(core.kinds.view.methods) do
  if name:find "^read_[iuf]%d+$" then
    case("view:" .. name, { call = function(self) return method(self, 8) end })
  elseif name:find "^write_[iuf]%d+$" then
    case("view:" .. name, { call = function(self) method(self, 8, 1) return true end })
  end
end
case("view.__len", { call = function(self) return #self end })
case("view:read", { call = function(self) return self:read(0, 64) end })
case("view:write", { call = function(self) self:write(0, "abc") return true end })
case("view:read_cstring", { call = function(self) return self:read_cstring(0) end })
case("view:write_cstring", { call = function(self) self:write_cstring(0, "abc", 4) return true end })
case("view:pack", { call = function(self) return self:pack(0, "<i4z", 1, "abc") end })
case("view:unpack", { call = function(self) return self:unpack(0, "<i4") end },
  { call = function(self) return self:unpack(0, "z") end })
case("view:fill", { call = function(self) self:fill(7) return true end })
case("view:copy", { call = function(self) self:copy(0, self, 8, 16) return true end })
case("view:flush", { call = function(self) return self:flush() end })

-- Typed windows ask nothing of the system, whatever is done with them.

local atomic, record = shmipc.atomic, shmipc.record

local array_accesses = {
  ["array.__index"] = function(self) return self[1] end,
  ["array.__newindex"] = function(self) self[1] = 5 return true end,
  ["array.next"] = function(self) return core.kinds.array.next(self, 0) end,
  ["array:get"] = function(self) return self:get() end,
  ["array:set"] = function(self) self:set(1, { 1, 2, 3 }) return true end,
  ["array:fill"] = function(self) self:fill(5) return true end,
  ["shmipc.atomic.load"] = function(self) return atomic.load(self, 1) end,
  ["shmipc.atomic.store"] = function(self) atomic.store(self, 1, 5) return true end,
  ["shmipc.atomic.exchange"] = function(self) return atomic.exchange(self, 1, 5) end,
  ["shmipc.atomic.compare_exchange"] = function(self) return atomic.compare_exchange(self, 1, 0, 5) end,
}
for _, operation in ipairs { "fetch_add", "fetch_sub", "fetch_and", "fetch_or", "fetch_xor" } do
  array_accesses["shmipc.atomic." .. operation] = function(self) return atomic[operation](self, 1, 5) end
end

local record_accesses = {
  ["record.__index"] = function(self) return self.count end,
  ["record.__newindex"] = function(self) self.count = 5 return true end,
  ["record.next"] = function(self) return core.kinds.record.next(self, "count") end,
  ["shmipc.record.snapshot"] = record.snapshot,
  ["shmipc.record.assign"] = function(self) record.assign(self, { label = "x", more = { { 1, 2 } } }) return true end,
}

for what, access in pairs(array_accesses) do case(what, { self = makers.array, call = access }) end
for what, access in pairs(record_accesses) do case(what, { self = makers.record, call = access }) end
case("array.__len", { call = function(self) return #self end })
case("array.__pairs", { call = function(self) return pairs(self) end })
case("record.__pairs", { call = function(self) return pairs(self) end })
case("record.describe", { call = core.kinds.record.describe })
case("view:array", { call = function(self) return self:array("u16", 1) end })
case("view:record", { call = function(self) return self:record(layout(), 3) end })
case("view:records", { call = function(self) return self:records(layout()) end })
case("shmipc.layout", { call = function() return layout() end })
case("layout:offset", { call = function(self) return self:offset "count" end })
case("layout:fields", { call = function(self) return self:fields() end })
case("layout.__index", { call = function(self) return self.size end })
case("layout.description", { call = function(self) return core.kinds.layout.description(self, "x") end })
case("mutex.expect", { call = function(self) core.kinds.mutex.expect(self, "x") return true end })

local function lock_deep(self)
  for _ = 1, 20 do
    local got, message, code, native = self:lock()
    if not got then return got, message, code, native end
  end
  return true
end

case("mutex:lock", { call = function(self) return self:lock() end, retried = locking, endless = true },
  { call = function(self) return self:lock(0.35) end, retried = locking },
  { call = function(self) return self:lock(0) end },
  { call = lock_deep, retried = locking, endless = true })
case("mutex:unlock", {
  self = locked.self,
  call = function(self) return self:unlock() end, thread = "same",
})
case("mutex:abandoned", { call = function(self) return self:abandoned() == false end })
case("mutex:with",
  { call = function(self) return self:with(function() return true end) end, retried = locking, says = "mutex:lock",
    raised = true, endless = true },
  { call = function(self) return self:with(0, function(...) return ... end, true) end, says = "mutex:lock",
    raised = true })

case("event:set", { call = function(self) return self:set() end })
case("event:reset", { call = function(self) return self:reset() end })
local waiting = { TIMEOUT = "os_event_wait" }
case("event:wait", { call = function(self) return self:wait() end, retried = waiting, endless = true },
  { call = function(self) return self:wait(0.35) end, retried = waiting },
  { call = function(self) return self:wait(0) end })
local acquiring = { TIMEOUT = "os_semaphore_acquire" }
case("semaphore:acquire", { call = function(self) return self:acquire() end, retried = acquiring, endless = true },
  { call = function(self) return self:acquire(0.35) end, retried = acquiring },
  { call = function(self) return self:acquire(0) end })
case("semaphore:release", { call = function(self) return self:release(2) end })

local function full_channel()
  local self = channel()
  assert(self:send_many { "one", "two", "three" })
  return self
end
local sending = { TIMEOUT = "os_arena_" }

-- What was sent before a failure is counted, also when it was all.
local function send_two(self)
  local count, message, code, native = self:send_many { "one", "two" }
  if code then return nil, message, code, native end
  return count
end

case("channel:send", { call = function(self) return self:send "one" end, retried = sending, endless = true },
  { call = function(self) return self:send("one", 0.35) end, retried = sending })
case("channel:send_many", { call = send_two, retried = sending, endless = true })
case("channel:receive", { self = full_channel, call = function(self) return self:receive() end },
  { self = full_channel, call = function(self) return self:receive(0) end })
case("channel:receive_many", { self = full_channel, call = function(self) return self:receive_many(2) end })
case("channel:messages", { self = full_channel, call = function(self) return self:messages() end })
case("channel.next",
  { self = full_channel, call = function(self) return core.kinds.channel.next(self) end })
case("channel:shutdown", { call = function(self) return self:shutdown() end, retried = sending, endless = true })
case("channel:stats", { call = function(self) return self:stats() end })

-- ---- driving

local function check_nothing_is_left(context)
  for what, count in pairs(fake.live()) do
    if count ~= 0 then error(("%s: %d %s left"):format(context, count, what), 0) end
  end
  if fake.violation() then error(context .. ": " .. fake.violation(), 0) end
  fake.forget() -- a file that the call made stays, as files do
end

local function check_success(results)
  return results[1] and results[2] and true, "success"
end

local function check_memory_error(results)
  return not results[1] and type(results[2]) == "string" and results[2]:find "not enough memory$" ~= nil,
    'the error "not enough memory"'
end

local function check_failure(results, says, status)
  local message = results[3]
  local whole = results.n == 5 and results[1] and results[2] == nil and results[4] == status and results[5] == NATIVE
  return whole and type(message) == "string" and message:sub(1, #says) == says and #message > #says,
    ("nil, %q..., %q, %d"):format(says, status, NATIVE)
end

local function check_raised(results, says)
  return not results[1] and type(results[2]) == "string" and results[2]:find(says, 1, true) ~= nil,
    ("an error with %q"):format(says)
end

-- What must come of the failure of one call, and whether it did.
local function check(variant, what, results, status, count)
  local failed, says = fake.failed(), variant.says or what
  if not failed or variant.silent then return check_success(results) end
  if variant.overlooked and failed:find(variant.overlooked, 1, true) then return check_success(results) end
  if MEMORY[failed] or status == "NO_MEMORY" then return check_memory_error(results) end
  if count > 1 and check_memory_error(results) then return true end -- on the way from one failure to the next
  local overcome = count == 1 and variant.retried and variant.retried[status]
  if overcome and failed:find(overcome, 1, true) then return check_success(results) end
  if variant.raised and failed == "os_mutex_unlock" then return check_raised(results, "guard:close") end
  return check_failure(results, says, status)
end

-- Closes what there is and looks that nothing else is there.
local function clear(variant, context, results, self, other)
  close_all(table.unpack(results, 2, results.n))
  close_all(self, other)
  if variant.undo and check_success(results) then variant.undo() end
  if variant.tidy then variant.tidy() end
  fake.end_parent()
  check_nothing_is_left(context)
end

local function drive_one(what, variant, make, first, status, count)
  local context = ("%s, %s at call %d%s"):format(what, status, first, count > 1 and " and later" or "")
  fake.thread()
  local self, other = make()
  if variant.thread ~= "same" then fake.thread() end
  fake.fail_at(first, status, NATIVE, count)
  local results = table.pack(pcall(variant.call, self, other))
  local reached = fake.calls() >= first
  local ok, expected = check(variant, what, results, status, count)
  if fake.failed() then context = context .. ", " .. fake.failed() end
  fake.fail_at(0)
  if not ok then error(("%s: expected %s, got %s"):format(context, expected, show(results)), 0) end
  clear(variant, context, results, self, other)

  fake.thread()
  local again, another = make()
  if variant.thread ~= "same" then fake.thread() end
  results = table.pack(pcall(variant.call, again, another))
  if not check_success(results) then error(context .. ": the next attempt gave " .. show(results), 0) end
  clear(variant, context .. ", the next attempt", results, again, another)
  return reached
end

local function drive(what)
  assert(cases[what], "no case for " .. what .. ": add one to drive.lua")
  for _, variant in ipairs(cases[what]) do
    local make = variant.self or makers[what:match "^(%a+)[:.]"] or function() return nil end
    for _, status in ipairs(fake.statuses) do
      for _, count in ipairs { 1, FOREVER } do
        local first = 1
        local senseless = status == "NOT_OWNER" or variant.endless and count > 1 and status == "TIMEOUT"
        while not senseless and drive_one(what, variant, make, first, status, count) do first = first + 1 end
      end
    end
  end
end

-- ---- scenes: what else a fake can show

local scenes = {}

-- name -> a function that must raise what matches the pattern
local function raises(pattern, f, ...)
  local ok, message = pcall(f, ...)
  if ok or not tostring(message):find(pattern) then
    error(("expected an error with %q, got %s, %s"):format(pattern, ok, message), 2)
  end
end

local function equal(expected, got)
  if expected ~= got then error(("expected %s, got %s"):format(expected, got), 2) end
end

scenes["every access to a view whose memory vanished raises"] = function()
  local harmless = { close = true, size = true, access = true, array = true, record = true, records = true }
  for name in pairs(core.kinds.view.methods) do
    local self <close> = view()
    fake.truncate "m"
    local call = cases["view:" .. name][1].call
    if harmless[name] then
      call(self)
    else
      raises("view:" .. name .. ": mapping was truncated", call, self)
    end
  end
end

scenes["every access through a window on memory that vanished raises"] = function()
  for kind, accesses in pairs { array = array_accesses, record = record_accesses } do
    for what, access in pairs(accesses) do
      local self, owner = makers[kind]()
      fake.truncate "m"
      local pattern = what:find "^shmipc" and what .. ": mapping was truncated" or ": mapping was truncated"
      raises(pattern, access, self)
      owner:close()
    end
  end
end

scenes["a record whose memory vanished shows so"] = function()
  local self, owner = makers.record()
  assert(tostring(self):find("count = 0", 1, true))
  fake.truncate "m"
  assert(tostring(self):find("(truncated)", 1, true))
  owner:close()
end

scenes["what a forked child does through its windows reaches its parent's memory, and takes nothing away"] = function()
  local self, owner = makers.record()
  fake.fork()
  self.count = 5
  equal(5, atomic.fetch_add(self, "count", 1))
  self = nil
  collectgarbage()
  equal(6, owner:read_i32(0))
  owner:close()
  equal(1, fake.live().names)
  fake.end_parent()
  equal(nil, self)
end

scenes["a wait ends when the time is over, in sleeps of at most 0.1 s"] = function()
  local self <close> = mutex()
  fake.set_mutex("x", "held")
  for _, seconds in ipairs { 0, 0.05, 0.35, 3600 } do
    local began = shmipc.clock()
    local got, message, code = self:lock(seconds)
    equal(nil, got)
    equal("TIMEOUT", code)
    assert(message:find('mutex:lock "x"', 1, true), message)
    local took = shmipc.clock() - began
    assert(took >= seconds and took < seconds + 0.1, ("%f s took %f"):format(seconds, took))
  end
  local began = shmipc.clock()
  shmipc.sleep(3600)
  assert(math.abs(shmipc.clock() - began - 3600) < 0.1)
  assert(fake.longest_wait() <= 0.1, fake.longest_wait())
end

scenes["a channel waits for a message or for space in sleeps of at most 0.1 s"] = function()
  local self <close> = channel()
  for _, seconds in ipairs { 0, 0.05, 0.35, 3600 } do
    local began = shmipc.clock()
    local got, _, code = self:receive(seconds)
    equal(nil, got)
    equal("TIMEOUT", code)
    local took = shmipc.clock() - began
    assert(took >= seconds and took < seconds + 0.1, ("%f s took %f"):format(seconds, took))
  end
  local block = ("x"):rep(1000)
  while self:send(block, 0) do end
  local began = shmipc.clock()
  local _, _, code = self:send(block, 3600)
  equal("TIMEOUT", code)
  assert(math.abs(shmipc.clock() - began - 3600) < 0.1)
  assert(fake.longest_wait() <= 0.1, fake.longest_wait())
end

scenes["a channel's lock is waited for, and let go of by its owner's end"] = function()
  local self <close> = channel()
  fake.set_mutex("c", "held")
  local sent, _, code = self:send("one", 0.35)
  equal(nil, sent)
  equal("TIMEOUT", code)
  fake.set_mutex("c", "abandoned")
  assert(self:send "one")
  equal("one", self:receive(0))
end

scenes["a channel whose bytes are destroyed, or whose memory vanished, is CORRUPT"] = function()
  local self <close> = channel()
  assert(self:send "one")
  local function refused()
    for _, call in ipairs { self.send, self.receive, self.stats } do
      local got, _, code = call(self, call == self.send and "two" or nil)
      equal(nil, got)
      equal("CORRUPT", code)
    end
  end
  fake.set_waitable("c", "destroyed")
  refused()
  fake.set_waitable("c", "whole")
  equal("one", self:receive(0))
  fake.truncate "c"
  refused()
end

scenes["a wait for an event or a semaphore is one wait in many sleeps"] = function()
  local unset <close> = assert(shmipc.event.create "e")
  local empty <close> = assert(shmipc.semaphore.create("s", 0))
  for _, wait in ipairs { function() return unset:wait(3600) end, function() return empty:acquire(3600) end } do
    local began = shmipc.clock()
    local got, _, code = wait()
    equal(nil, got)
    equal("TIMEOUT", code)
    assert(math.abs(shmipc.clock() - began - 3600) < 0.1)
  end
  assert(fake.longest_wait() <= 0.1, fake.longest_wait())
end

scenes["destroyed events and semaphores are told"] = function()
  local one <close>, other <const> = event(), semaphore()
  fake.set_waitable("e", "destroyed")
  fake.set_waitable("s", "destroyed")
  for _, method in ipairs { "set", "reset", "wait" } do equal("CORRUPT", select(3, one[method](one))) end
  for _, method in ipairs { "acquire", "release" } do equal("CORRUPT", select(3, other[method](other))) end
  other:close()
end

scenes["abandoned and destroyed mutexes are told"] = function()
  local self <close> = mutex()
  fake.set_mutex("x", "abandoned")
  local first, told = self:lock()
  equal("abandoned", told)
  equal(true, self:abandoned())
  first:close()
  local second, silence = self:lock()
  equal(nil, silence)
  fake.set_mutex("x", "corrupt")
  local done, _, code = self:unlock()
  equal(nil, done)
  equal("CORRUPT", code)
  second:close()
  raises("does not hold", self.unlock, self)
  local got, _, why = self:lock()
  equal(nil, got)
  equal("CORRUPT", why)
end

scenes["a lock belongs to the thread that took it"] = function()
  local one <close> = mutex()
  local two <close> = assert(shmipc.mutex.open "x")
  local a, b = fake.thread(), fake.thread()
  fake.thread(a)
  one:lock()
  fake.thread(b)
  raises("does not hold", one.unlock, one)
  local got, _, code = two:lock(0)
  equal(nil, got)
  equal("TIMEOUT", code)
  fake.thread(a)
  two:unlock() -- the lock is the thread's, whichever handle it was taken through
  fake.thread(b)
  assert(two:lock(0)):close()
end

scenes["each of many guards takes its own level off"] = function()
  local self <close> = mutex()
  local guards = {}
  for i = 1, 20 do guards[i] = assert(self:lock()) end
  for _, i in ipairs { 7, 20, 1, 13, 12 } do table.remove(guards, math.min(i, #guards)):close() end
  for _, one in ipairs(guards) do
    equal(1, fake.live().locks)
    one:close()
  end
  equal(0, fake.live().locks)
end

scenes["a thread that ends gives up what it had locked"] = function()
  local self <close> = mutex()
  local a, b = fake.thread(), fake.thread()
  fake.thread(a)
  self:lock()
  fake.thread(b)
  fake.end_thread(a)
  local got, told = self:lock(0)
  equal("abandoned", told)
  got:close()
end

scenes["a handle closed by another thread than the owner leaves the lock to the owner"] = function()
  local a, b = fake.thread(), fake.thread()
  fake.thread(a)
  local self = mutex()
  self:lock()
  fake.thread(b)
  self:close()
  equal(1, fake.live().locks)
  local again <close> = assert(shmipc.mutex.open "x")
  equal(nil, (again:lock(0)))
  fake.end_thread(a)
  local got, told = again:lock(0)
  equal("abandoned", told)
  got:close()
end

scenes["what a forked child closes stays its parent's"] = function()
  local one, other = mapping(), mutex()
  local third = assert(one:view())
  fake.fork()
  close_all(one, other, third)
  equal(2, fake.live().names)
  fake.end_parent()
  equal(0, fake.live().names)
end

scenes["a forked child that opens again is a holder"] = function()
  local self = mutex()
  fake.fork()
  self:lock(0):close()
  local again = assert(shmipc.mutex.open "x")
  fake.end_parent()
  again:lock(0):close()
  self:close()
  equal(1, fake.live().names)
  again:lock(0):close()
  again:close()
  equal(0, fake.live().names)
end

scenes["a forked child waits for what its parent has locked"] = function()
  local self <close> = mutex()
  self:lock()
  fake.fork()
  raises("does not hold", self.unlock, self)
  equal("TIMEOUT", (select(3, self:lock(0))))
  fake.end_parent()
  equal("abandoned", (select(2, self:lock(0))))
end

scenes["a foreign mapping keeps its name"] = function()
  fake.create_foreign("m", 64)
  for _ = 1, 2 do
    local self <close> = assert(shmipc.mapping.open "m")
    equal(64, self:size())
  end
  equal("EXISTS", select(3, shmipc.mapping.create("m", 1)))
  equal("TOO_SMALL", select(3, shmipc.mapping.open_or_create("m", 65)))
  equal("WRONG_KIND", select(3, shmipc.mutex.create "m"))
  equal(1, fake.live().names)
  equal(true, shmipc.mapping.unlink "m")
end

-- ---- main

if wanted == "list" then
  local names = {}
  for name in pairs(functions_of_the_module()) do names[#names + 1] = name end
  for name in pairs(scenes) do names[#names + 1] = name end
  table.sort(names)
  print(table.concat(names, "\n"))
elseif scenes[wanted] then
  scenes[wanted]()
  collectgarbage()
  check_nothing_is_left(wanted)
else
  drive(wanted)
end
