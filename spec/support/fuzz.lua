-- Random calls with random arguments at everything that the module has, in an interpreter of its own:
--
--     lua spec/support/fuzz.lua SEED CALLS PREFIX [FAKE_CORE]
--
-- PREFIX     of all names (a mutex PREFIX_held may be held by another process); nothing of it is left afterwards
-- FAKE_CORE  the core.so of the fake platform (spec/native/fake), whose calls then fail at random
--
-- With SHMIPC_FUZZ_TRACE set, each call is told on standard error before it is made. A call may succeed, fail as the
-- environment does (nil, message, code), or raise an error that names the function. A view whose bytes are also kept
-- here is compared all the time.
--
-- Functions and methods are found in the module. What a new kind needs: a maker in `makers`, a line in `timeouts` for
-- each method that waits, and if chance is not good enough at its arguments, lines in `shapes`.

local seed, calls, prefix, fake_core = ...
seed, calls = tonumber(seed), tonumber(calls)
math.randomseed(seed)
local random = math.random

local fake
if fake_core then
  fake = assert(package.loadlib(fake_core, "luaopen_shmipc_fake"))()
  package.preload["shmipc.core"] = assert(package.loadlib(fake_core, "luaopen_shmipc_core"))
end
local shmipc = require "shmipc"
local core = require "shmipc.core"

local is_traced = os.getenv "SHMIPC_FUZZ_TRACE"
local directory = os.getenv "TMPDIR" or os.getenv "TEMP" or "/tmp"

local LARGE, IMPOSSIBLE = 1 << 20, 1 << 50 -- bytes: sizes between them would cost real memory
local WAIT = 0.0005 -- seconds
local DEPTH = 3 -- of calls within calls

local function one_of(list) return list[random(#list)] end
local function chance(percent) return random(100) <= percent end

-- ---- what there is to call

local makers = {
  mapping = function(name) return shmipc.mapping.open_or_create(name, random(5000)) end,
  view = function(name)
    local mapping <close> = shmipc.mapping.open_or_create(name, random(5000))
    return mapping and mapping:view(0, nil, one_of { "rw", "rw", "r", "cow" })
  end,
  mutex = function(name) return shmipc.mutex.open_or_create(name) end,
  guard = function(name)
    local mutex = shmipc.mutex.open_or_create(name)
    return mutex and mutex:lock(0)
  end,
}

-- The argument that says how long; all methods that may wait for another process.
local timeouts = { ["shmipc.sleep"] = 1, ["mutex:lock"] = 2, ["mutex:with"] = 2 }

-- Arguments that make sense. Letters: see `generators`.
local shapes = {
  ["shmipc.sleep"] = "t",
  ["shmipc.mapping.create"] = "nso",
  ["shmipc.mapping.open"] = "no",
  ["shmipc.mapping.open_or_create"] = "nso",
  ["shmipc.mapping.file"] = "po",
  ["shmipc.mapping.unlink"] = "n",
  ["shmipc.mutex.create"] = "no",
  ["shmipc.mutex.open"] = "n",
  ["shmipc.mutex.open_or_create"] = "no",
  ["shmipc.mutex.unlink"] = "n",
  ["mapping:view"] = "iia",
  ["view:read"] = "ii",
  ["view:write"] = "ix",
  ["view:read_cstring"] = "ii",
  ["view:write_cstring"] = "ixi",
  ["view:pack"] = "ifvvv",
  ["view:unpack"] = "if",
  ["view:fill"] = "bii",
  ["view:copy"] = "iVii",
  ["view:flush"] = "ii",
  ["mutex:lock"] = "t",
  ["mutex:with"] = "tF",
}

-- A guess from the name, for those that are not listed.
local function shape_of(name)
  if shapes[name] then return shapes[name] end
  if name:find ":read_" then return "i" end
  if name:find ":write_" then return "iv" end
  return ""
end

local kinds = {}
for kind in pairs(core.kinds) do kinds[#kinds + 1] = kind end
table.sort(kinds)

-- {name, f, kind of self or nil, what a message names}: in an order that is the same in every run
local functions = {}
local is_function = {}

local function add_function(name, f, kind, says)
  is_function[f] = true
  functions[#functions + 1] = { name = name, f = f, kind = kind, says = says or name, shape = shape_of(name) }
end

local function add_module(path, module)
  for key, value in pairs(module) do
    if type(value) == "function" then
      add_function(path .. "." .. key, value)
    elseif type(value) == "table" then
      add_module(path .. "." .. key, value)
    end
  end
end

-- What a metamethod calls itself in messages.
local metamethod_names = { __len = ":size", __gc = ":close", __close = ":close", __tostring = "tostring" }

local function find_functions()
  add_module("shmipc", shmipc)
  for _, kind in ipairs(kinds) do
    assert(makers[kind], "no maker for the kind " .. kind .. ": add one to fuzz.lua")
    for key, method in pairs(core.kinds[kind].methods) do add_function(kind .. ":" .. key, method, kind) end
    if core.kinds[kind].expect then add_function("expect", core.kinds[kind].expect, kind, "") end
    local handle <close> = assert(makers[kind](prefix .. "_" .. kind))
    for key, value in pairs(debug.getmetatable(handle)) do
      if type(value) == "function" then
        local says = metamethod_names[key] or key
        add_function(kind .. "." .. key, value, kind, says:sub(1, 1) == ":" and kind .. says or says)
      end
    end
  end
  collectgarbage()
  table.sort(functions, function(a, b) return a.name < b.name end)
end

-- ---- arguments

local names = {}
for i = 1, 6 do names[i] = prefix .. "_" .. i end
names[7] = "Local\\" .. prefix .. "_7"
names[8] = "Global\\" .. prefix .. "_7"
names[9] = prefix .. "_\u{20AC}"
local held = prefix .. "_held"
names[10] = held
local kept = prefix .. "_kept" -- the only one that may be persistent

local bad_names = { "", ".", "..", "a\0b", "a/b", "/" .. prefix, "a\\b", "Local\\", "\xFF", ("x"):rep(201) }
local is_bad_name = {}
for _, name in ipairs(bad_names) do is_bad_name[name] = true end

local paths = { "", directory, "/dev/null", directory .. "/nothing/here", "a\0b" }
for i = 1, 3 do paths[#paths + 1] = ("%s/%s_file%d"):format(directory, prefix, i) end
local is_path = {}
for _, path in ipairs(paths) do is_path[path] = true end

local integers = {
  0, 0, 0, 1, 2, 3, 4, 7, 8, 9, 63, 127, 128, 255, 256, 4095, 4096, 4097, 32767, 32768, 65535, 65536, 1 << 20,
  1 << 31, (1 << 31) - 1, (1 << 32) - 1, 1 << 32, 1 << 50, 1 << 53, 1 << 62, math.maxinteger, math.maxinteger - 1,
  -1, -2, -128, -129, -32769, -(1 << 31), -(1 << 31) - 1, math.mininteger,
}
local floats = {
  0.0, -0.0, 3.0, 0.5, -1.5, 1e-9, 1e308, -1e308, 5e-324, 2.0 ^ 53, 2.0 ^ 63, -2.0 ^ 63, 2.0 ^ 64, 3.5e38,
  3.4028236e38, math.huge, -math.huge, 0 / 0,
}
local words = { "rw", "r", "cow", "3", "0x10", "1e1", "", "abandoned", "size", "rw\0", "closed" }
local formats = {
  "b", "B", "i4", "I4", "<i8", ">h", "z", "s1", "s2", "s4", "!4 b i4", "!8 b Xd d", "i16", "i17", "x", "f", "d", "n",
  "j", "T", "=I3", "c5", "c0", "c", "zz", "(", "!", "Xi4", "X", "s", "i4zd", "<", " ", "bbbbbbbb", "c300", "!3", "%d",
  "i", ("b"):rep(300),
}

local one -- a random call; forward
local pool = {}
for i = 1, 24 do pool[i] = { kind = kinds[i % #kinds + 1] } end

local complaints, complained = 0, {}
local depth = 0

local function nested()
  if depth < DEPTH then one() end
end

local function handle_of(kind)
  for _ = 1, 6 do
    local slot = one_of(pool)
    if slot.handle and slot.kind == kind then return slot.handle end
  end
  return one_of(pool).handle
end

local MARK = "a mistake of the caller's own"

local strange_metatables = {
  { __tostring = function() nested() return "strange" end },
  { __tostring = function() return 42 end },
  { __name = "shmipc.view" },
  { __name = 42 },
  { __index = function() nested() return 1 end, __len = function() return 1 << 40 end },
  { __call = function() nested() return 1 end },
  { __close = function() nested() end, __gc = function() nested() end },
  { __index = function() error(MARK, 0) end, __eq = function() return true end, __lt = function() return true end },
  { __pairs = function() return next, { access = "rw" } end, __metatable = "shmipc.view" },
}

local option_fields = { "access", "mode", "persistent", "owned", "size", "junk" }
local option_values = {
  access = { "r", "rw", "rw", "cow", 1 },
  mode = { 384, 384, 420, 0, 511, 512, -1, 1.5, "600", math.maxinteger },
  persistent = { true, false, 1 },
  owned = { true, true, false, "yes" },
  size = { 1, 100, 5000, 70000, 0, -1, 1 << 62, math.maxinteger, 0.5, 64.0, "9" },
  junk = { 1, true },
}

local function options()
  if chance(30) then return nil end
  local t = {}
  for _ = 1, random(0, 2) do
    local field = option_fields[chance(90) and random(5) or 6]
    t[field] = one_of(option_values[field])
  end
  if chance(3) then t[1] = "x" end
  if chance(10) then setmetatable(t, one_of(strange_metatables)) end
  return t
end

local function function_value()
  return one_of {
    function(...) nested() return ... end,
    function() nested() end,
    function() error(MARK, 0) end,
    function() error(setmetatable({}, one_of(strange_metatables))) end,
    function() collectgarbage "step" return nil, "a message", "A_CODE" end,
    table.pack, coroutine.running,
  }
end

local function text()
  return one_of {
    function() return one_of(words) end,
    function() return one_of(names) end,
    function() return one_of(bad_names) end,
    function() return ("x"):rep(random(0, 300)) end,
    function() return ("\0y"):rep(random(0, 3000)) end,
    function() return string.pack("<j", random(0)) end,
  }()
end

local generators

local anything_list = {
  function() return nil end,
  function() return chance(50) end,
  function() return one_of(integers) end,
  function() return random(0) end,
  function() return one_of(floats) end,
  function() return text() end,
  function() return one_of(formats) end,
  function() return {} end,
  function() return options() end,
  function() return setmetatable({}, one_of(strange_metatables)) end,
  function() return function_value() end,
  function() return coroutine.create(function_value()) end,
  function() return io.stdout end,
  function() return one_of(pool).handle end,
  function() return one_of(pool).handle end,
  function() return one_of(functions).f end,
  function() return debug.getmetatable(one_of(pool).handle) end,
}
local function anything() return one_of(anything_list)() end

generators = {
  n = function() return one_of(names) end,
  p = function() return one_of(paths) end,
  o = options,
  a = function() return one_of { "r", "rw", "cow" } end,
  b = function() return random(0, 255) end,
  f = function() return one_of(formats) end,
  x = text,
  t = function() return one_of { 0, 0.0, WAIT, 1e-9, math.huge } end,
  F = function_value,
  V = function() return handle_of "view" end,
  i = function() return chance(80) and random(0, 200) or one_of(integers) end,
  s = function() return chance(95) and random(1, 8192) or random(LARGE) end,
  v = function() return chance(50) and random(-200, 300) or one_of { one_of(integers), one_of(floats), "7" } end,
}

local function arguments_for(entry)
  local arguments, n = {}, 0
  local function put(value)
    n = n + 1
    arguments[n] = value
  end
  if entry.kind then put(chance(92) and handle_of(entry.kind) or anything()) end
  local letters = #entry.shape - (chance(15) and random(0, #entry.shape) or 0)
  for i = 1, letters do put(chance(88) and generators[entry.shape:sub(i, i)]() or anything()) end
  while chance(8) do put(anything()) end
  arguments.n = n
  return arguments
end

local function is_held_elsewhere(value)
  return fake or type(value) == "userdata" and tostring(value):find(held, 1, true) ~= nil
end

-- Keeps a call from costing real memory or time, and from names that are not ours.
local function tame(entry, arguments)
  local is_module_function = not entry.kind
  local takes_path = entry.name:find "%.file$" ~= nil
  if takes_path then
    if type(arguments[1]) == "string" and not is_path[arguments[1]] then arguments[1] = one_of(paths) end
  elseif is_module_function and type(arguments[1]) == "string" and not is_bad_name[arguments[1]]
    and not arguments[1]:find(prefix, 1, true) then
    arguments[1] = prefix .. arguments[1]
  end
  if entry.name:find "%.unlink$" and arguments[1] == held then arguments[1] = names[1] end
  for i = 1, is_module_function and arguments.n or 0 do
    local value = arguments[i]
    if math.type(value) and value > LARGE and value < IMPOSSIBLE then arguments[i] = 4097 end
    if type(value) == "table" then
      local size = rawget(value, "size")
      if math.type(size) and size > LARGE and size < IMPOSSIBLE then rawset(value, "size", 4097) end
      local is_persistent = rawget(value, "persistent") == true and not takes_path
      if is_persistent and type(arguments[1]) == "string" then arguments[1] = kept end
    end
  end
  for i = 1, entry.name == "mutex:with" and arguments.n or 0 do
    if is_function[arguments[i] or false] then arguments[i] = function_value() end -- it would be called untamed
  end
  local at = timeouts[entry.name]
  if not at then return end
  local timeout = arguments[at]
  if is_module_function or is_held_elsewhere(arguments[1]) then
    if entry.name == "mutex:with" and type(timeout) == "function" then
      table.insert(arguments, at, WAIT)
      arguments.n = arguments.n + 1
    elseif math.type(timeout) and timeout > WAIT then
      arguments[at] = WAIT
    elseif timeout == nil then
      arguments[at] = WAIT
      arguments.n = math.max(arguments.n, at)
    end
  end
end

-- ---- calls, and what must be true of their results

local function show(value)
  if type(value) == "string" then return ("%q"):format(#value > 60 and value:sub(1, 60) .. "..." or value) end
  if math.type(value) == "float" then return ("%.17g"):format(value) end
  if type(value) == "table" then
    local fields = {}
    for key, field in next, value do fields[#fields + 1] = ("%s=%s"):format(key, field) end
    return (getmetatable(value) and "strange" or "") .. "{" .. table.concat(fields, ",") .. "}"
  end
  return tostring(value)
end

local function show_call(what, arguments)
  local shown = {}
  for i = 1, arguments.n do shown[i] = show(arguments[i]) end
  return ("%s(%s)"):format(what, table.concat(shown, ", "))
end

-- about: a fault is told once for each.
local function complain(about, ...)
  if complained[about] then return end
  complained[about] = true
  complaints = complaints + 1
  print(string.format(...))
end

local is_code = {}
for code in ("EXISTS NOT_FOUND ACCESS_DENIED INVALID_NAME TOO_SMALL NO_SPACE TIMEOUT WRONG_KIND CORRUPT CLOSED LIMIT "
  .. "NOT_SUPPORTED SYSTEM"):gmatch "%S+" do is_code[code] = true end

local function names_function(entry, message)
  return message:find(entry.says, 1, true) ~= nil
end

-- The caller's position in front of what these raise may be another's.
local lacks_position = { [""] = true, tostring = true, ["mutex:with"] = true }

local function check(entry, shown, ok, first, message, code, native)
  if entry.name == "mutex:with" and first ~= nil and not tostring(first):find "mutex:with" then return end -- f's own
  if not ok then
    local is_own = first == MARK or type(first) == "table" or type(first) == "string" and first:find(MARK, 1, true)
    local is_memory = fake and type(first) == "string" and first:find "not enough memory"
    if is_own or is_memory then return end
    if type(first) ~= "string" or not names_function(entry, first) then
      complain(entry, "%s raised %s", shown, show(first))
    elseif not lacks_position[entry.says] and not first:find "^[^\n]-fuzz%.lua:%d+: " then
      complain(entry, "%s raised an error without its caller's position: %s", shown, show(first))
    end
  elseif first == nil and message ~= nil and entry.name ~= "mutex:with" then
    if type(message) ~= "string" or not names_function(entry, message) or not is_code[code]
      or native ~= nil and math.type(native) ~= "integer" then
      complain(entry, "%s gave nil, %s, %s, %s", shown, show(message), show(code), show(native))
    end
  end
end

-- Its line is what misuse is reported at.
local function invoke(f, ...)
  local results = table.pack(f(...))
  return table.unpack(results, 1, results.n)
end

-- The same, and at the first allocation in the call everything is collected: a finaliser closes what the call uses.
local function invoke_amid_collection(f, ...)
  local handle = ...
  collectgarbage()
  collectgarbage("incremental", 200, 1000, 40) -- a step is a whole cycle
  collectgarbage "stop"
  setmetatable({}, {
    __gc = function()
      if type(handle) == "userdata" and handle ~= io.stdout and chance(70) then handle:close() else nested() end
    end,
  })
  collectgarbage "restart"
  local results = table.pack(f(...))
  collectgarbage("incremental", 200, 100, 13)
  return table.unpack(results, 1, results.n)
end

local function keep(...)
  for i = 1, select("#", ...) do
    local value = select(i, ...)
    local metatable = type(value) == "userdata" and debug.getmetatable(value)
    for _, kind in ipairs(kinds) do
      if metatable and metatable.__name == "shmipc." .. kind then
        local slot = one_of(pool)
        slot.handle, slot.kind = value, kind
      end
    end
  end
end

local function call_function()
  local entry = one_of(functions)
  local arguments = arguments_for(entry)
  tame(entry, arguments)
  local shown = show_call(entry.name, arguments)
  if is_traced then io.stderr:write(("  "):rep(depth), shown, "\n") end
  local call = chance(8) and invoke_amid_collection or invoke
  local results = table.pack(pcall(call, entry.f, table.unpack(arguments, 1, arguments.n)))
  check(entry, shown, table.unpack(results, 1, 5))
  if results[1] then keep(table.unpack(results, 2, results.n)) end
end

-- ---- other things that scripts do with handles

local function refill()
  local slot = one_of(pool)
  slot.kind = one_of(kinds)
  slot.handle = makers[slot.kind](one_of(names))
end

local operators = {
  function(a) return #a end,
  function(a, b) return a == b, a ~= b end,
  function(a, b) return a < b end,
  function(a, b) return a .. b end,
  function(a) return -a end,
  function(a) return a() end,
  function(a) return a[one_of(integers)] end,
  function(a) return a[anything()] end,
  function(a) a[one_of(words)] = 1 end,
  function(a) return pairs(a) end,
  function(a) return select("#", ipairs(a)(a, 0)) end,
  function(a) return tostring(a), ("%s %p"):format(a, a) end,
  function(a, b) return math.max(a, b) end,
  function(a) return { [a] = a }, setmetatable({}, { __mode = "k", [a] = 1 }) end,
  function(a) local scoped <close> = a nested() return scoped end,
  function(a) local scoped <close> = a error(MARK, 0) return scoped end,
  function(a) for _ in next, {}, nil, a do nested() end end,
}

local function use_operator()
  local handle = one_of(pool).handle
  if handle == nil then return refill() end
  if is_traced then io.stderr:write(("  "):rep(depth), "an operator on ", tostring(handle), "\n") end
  pcall(one_of(operators), handle, one_of(pool).handle)
end

local function in_coroutine()
  local thread = coroutine.create(function()
    nested()
    local scoped <close> = one_of(pool).handle
    coroutine.yield(scoped)
    nested()
  end)
  coroutine.resume(thread)
  if chance(50) then coroutine.resume(thread) end
  if chance(50) and coroutine.status(thread) == "suspended" then coroutine.close(thread) end
end

local function in_finaliser()
  setmetatable({}, { __gc = nested })
  if chance(50) then collectgarbage() end
end

local function in_hook()
  if debug.gethook() then return end
  debug.sethook(function()
    debug.sethook()
    nested()
  end, "", random(40))
  call_function()
  debug.sethook()
end

local function collect()
  one_of {
    function() collectgarbage() end,
    function() collectgarbage "step" end,
    function() collectgarbage "generational" end,
    function() collectgarbage "incremental" end,
  }()
end

local function close_one()
  local handle = one_of(pool).handle
  if handle then handle:close() end
end

local function drop_one() one_of(pool).handle = nil end

local fake_failures = { "NO_MEMORY", "NO_SPACE", "CORRUPT", "EXISTS", "NOT_FOUND", "SYSTEM" }

local threads = { fake and fake.thread() }

local function change_thread()
  if #threads < 4 then
    threads[#threads + 1] = fake.thread()
  else
    fake.thread(threads[random(2, 4)])
    if chance(30) then fake.end_thread(table.remove(threads, 1)) end
  end
end

local function change_process()
  if chance(40) then return fake.end_parent() end
  -- A lock whose handles are closed, but which another thread has, would stay in the child for good.
  if fake.live().locks == 0 then threads = { fake.fork() } end
end

-- What the fake system can do to us.
local function let_it_fail()
  if chance(50) then fake.fail_at(random(12), one_of(fake_failures), 5) end
  if chance(30) then fake.fail_at(0) end
  local name = one_of(names)
  if chance(30) then pcall(fake.set_mutex, name, one_of { "free", "abandoned", "corrupt", "held" }) end
  if chance(5) then pcall(fake.truncate, name) end
  if chance(20) then change_thread() end
  if chance(5) then change_process() end
end

-- ---- a view of which we know every byte

local SIZE = 3000 -- enough for the C library to copy in several portions
local model_view, model_alias, model
local ALIAS = 37 -- where the second view of the same bytes begins

local types = {
  i8 = { "b", -0x80, 0x7F }, u8 = { "B", 0, 0xFF }, i16 = { "h", -0x8000, 0x7FFF }, u16 = { "H", 0, 0xFFFF },
  i32 = { "i4", -0x80000000, 0x7FFFFFFF }, u32 = { "I4", 0, 0xFFFFFFFF },
  i64 = { "j", math.mininteger, math.maxinteger }, u64 = { "j", math.mininteger, math.maxinteger },
  f32 = { "f" }, f64 = { "d" },
}
local type_names = {}
for name in pairs(types) do type_names[#type_names + 1] = name end
table.sort(type_names)

local function same(a, b)
  return a == b and math.type(a) == math.type(b) or a ~= a and b ~= b
end

local function splice(at, bytes)
  model = model:sub(1, at) .. bytes .. model:sub(at + 1 + #bytes)
end

local function in_range(value, lowest, highest)
  local whole = math.type(value) and math.tointeger(value)
  return whole and whole >= lowest and whole <= highest and whole or nil
end

local last_step

-- Whether the call went as it should: with a result, or with an error.
local function expect(should_succeed, what, ok, ...)
  last_step = what
  if ok ~= (should_succeed and true or false) then
    complain(what:match "^%w+", "%s %s: %s", what, ok and "should have raised" or "raised", show((...)))
  end
  return ok
end

local function model_offset(length)
  if chance(85) then return random(0, SIZE - length) end
  return one_of { SIZE - length, SIZE - length + 1, SIZE, -1, 3.0, 0.5, one_of(integers), one_of(floats), "3" }
end

local f32_limit = string.unpack("<f", "\xFF\xFF\x7F\x7F")

local function packed(type_name, value)
  local format, lowest, highest = table.unpack(types[type_name])
  if lowest then
    local whole = in_range(value, lowest, highest)
    return whole and string.pack(format, whole)
  end
  if not math.type(value) then return nil end
  local bytes = string.pack(format, value)
  local is_overflow = type_name == "f32" and math.abs(value) < math.huge
    and math.abs(string.unpack("f", bytes)) > f32_limit
  return not is_overflow and bytes
end

local function value_for(type_name)
  local _, lowest, highest = table.unpack(types[type_name])
  if not lowest or chance(30) then return generators.v() end
  return one_of { lowest, highest, lowest - 1, highest + 1, random(lowest, highest), random(lowest, highest) }
end

local model_steps = {
  function()
    local type_name = one_of(type_names)
    local value = value_for(type_name)
    local length = string.packsize(types[type_name][1])
    local offset = model_offset(length)
    local at, bytes = in_range(offset, 0, SIZE - length), packed(type_name, value)
    local what = ("write_%s(%s, %s)"):format(type_name, show(offset), show(value))
    if expect(at and bytes, what, pcall(model_view["write_" .. type_name], model_view, offset, value)) then
      splice(at, bytes)
    end
  end,
  function()
    local type_name = one_of(type_names)
    local format = types[type_name][1]
    local length = string.packsize(format)
    local offset = model_offset(length)
    local at = in_range(offset, 0, SIZE - length)
    local what = ("read_%s(%s)"):format(type_name, show(offset))
    local ok, value = pcall(model_view["read_" .. type_name], model_view, offset)
    if expect(at, what, ok, value) and not same(value, (string.unpack(format, model, at + 1))) then
      complain(type_name, "%s is %s", what, show(value))
    end
  end,
  function()
    local offset, bytes = model_offset(20), text()
    local at = in_range(offset, 0, SIZE)
    local fits = at and #bytes <= SIZE - at
    local ok = pcall(model_view.write, model_view, offset, bytes)
    if expect(fits, ("write(%s, %d bytes)"):format(show(offset), #bytes), ok) then splice(at, bytes) end
  end,
  function()
    local offset, length = model_offset(100), generators.i()
    local at = in_range(offset, 0, SIZE)
    local count = at and in_range(length, 0, SIZE - at)
    local what = ("read(%s, %s)"):format(show(offset), show(length))
    local ok, bytes = pcall(model_view.read, model_view, offset, length)
    if expect(count, what, ok, bytes) and bytes ~= model:sub(at + 1, at + count) then
      complain("bytes", "%s is wrong", what)
    end
  end,
  function()
    local byte, offset, length = random(0, 255), random(0, SIZE), random(0, SIZE)
    local ok = pcall(model_view.fill, model_view, byte, offset, length)
    if expect(length <= SIZE - offset, ("fill(%d, %d, %d)"):format(byte, offset, length), ok) then
      splice(offset, string.char(byte):rep(length))
    end
  end,
  function() -- the source is the view itself, or another one of the same bytes
    local to, from, length = random(0, 200), random(0, 200), random(0, SIZE)
    local source, shift = model_view, 0
    if chance(50) then source, shift = model_alias, ALIAS end
    local fits = length <= SIZE - to and length <= SIZE - from - shift
    local ok = pcall(model_view.copy, model_view, to, source, from, length)
    if expect(fits, ("copy(%d, +%d, %d, %d)"):format(to, shift, from, length), ok) then
      splice(to, model:sub(from + shift + 1, from + shift + length))
    end
  end,
  function()
    local offset, limit = random(0, SIZE), random(0, SIZE)
    local what = ("read_cstring(%d, %d)"):format(offset, limit)
    local ok, bytes = pcall(model_view.read_cstring, model_view, offset, limit)
    local expected = model:sub(offset + 1, offset + limit):match "^[^\0]*"
    if expect(limit <= SIZE - offset, what, ok, bytes) and bytes ~= expected then
      complain("bytes", "%s is wrong", what)
    end
  end,
  function()
    local offset, bytes, limit = random(0, SIZE), text(), random(0, SIZE)
    local fits = limit <= SIZE - offset and #bytes < limit and not bytes:find("\0", 1, true)
    local ok = pcall(model_view.write_cstring, model_view, offset, bytes, limit)
    if expect(fits, ("write_cstring(%d, %d bytes, %d)"):format(offset, #bytes, limit), ok) then
      splice(offset, bytes .. "\0")
    end
  end,
  function()
    local offset, format = random(0, SIZE), one_of(formats)
    local values = { generators.v(), generators.v(), generators.v() }
    local can, bytes = pcall(string.pack, format, table.unpack(values))
    local fits = can and #bytes <= SIZE - offset
    local what = ("pack(%d, %q)"):format(offset, format)
    local ok, next_offset = pcall(model_view.pack, model_view, offset, format, table.unpack(values))
    if expect(fits, what, ok, next_offset) then
      splice(offset, bytes)
      if next_offset ~= offset + #bytes then complain("pack", "%s gave %s", what, show(next_offset)) end
    end
  end,
  function()
    local offset, format = random(0, SIZE), one_of(formats)
    local expected = table.pack(pcall(string.unpack, format, model:sub(offset + 1)))
    local what = ("unpack(%d, %q)"):format(offset, format)
    local values = table.pack(pcall(model_view.unpack, model_view, offset, format))
    if not expect(expected[1], what, table.unpack(values, 1, 2)) or not expected[1] then return end
    expected[expected.n] = expected[expected.n] + offset - 1
    for i = 1, math.max(values.n, expected.n) do
      if not same(values[i], expected[i]) then complain("unpack", "%s gave %s at %d", what, show(values[i]), i - 1) end
    end
  end,
}

local function compare()
  local bytes, others = model_view:read(0, SIZE), model_alias:read(0, SIZE - ALIAS)
  if bytes == model and others == model:sub(ALIAS + 1) then return end
  local at = 1
  while bytes:byte(at) == model:byte(at) do at = at + 1 end
  complain("bytes", "after %s byte %d is %s, should be %s", last_step, at - 1, bytes:byte(at), model:byte(at))
  model = bytes
end

local function begin_model()
  local mapping <close> = assert(shmipc.mapping.create(prefix .. "_model", SIZE + 10))
  model_view = assert(mapping:view(3, SIZE))
  model_alias = assert(mapping:view(3 + ALIAS, SIZE - ALIAS, "r"))
  model = ("\0"):rep(SIZE)
end

local is_model_busy = false

local function step_model()
  if is_model_busy then return end -- a finaliser in the middle of such a step
  is_model_busy = true
  if fake then fake.fail_at(0) end
  one_of(model_steps)()
  compare()
  is_model_busy = false
end

-- ---- the run

local steps = { { 60, call_function }, { 20, step_model }, { 6, refill }, { 4, use_operator }, { 2, close_one },
  { 2, drop_one }, { 1, in_coroutine }, { 1, in_finaliser }, { 2, in_hook }, { 1, collect } }
if fake then steps[#steps + 1] = { 4, let_it_fail } end
local wheel = {}
for _, step in ipairs(steps) do
  for _ = 1, step[1] do wheel[#wheel + 1] = step[2] end
end

local made = 0
function one()
  depth = depth + 1
  made = made + 1
  pcall(one_of(wheel))
  depth = depth - 1
end

local function tidy_up()
  debug.sethook()
  if fake then fake.fail_at(0) end
  depth = DEPTH -- no finaliser begins anything new
  for _, slot in ipairs(pool) do slot.handle = nil end
  model_view:close()
  model_alias:close()
  collectgarbage()
  collectgarbage()
  shmipc.mapping.unlink(kept)
  for _, path in ipairs(paths) do
    if path:find(prefix, 1, true) then os.remove(path) end
  end
  if not fake then return end
  fake.end_parent()
  fake.thread()
  for _, thread in ipairs(threads) do fake.end_thread(thread) end
  fake.forget()
  for what, count in pairs(fake.live()) do
    if count ~= 0 then complain("left", "%d %s left", count, what) end
  end
  if fake.violation() then complain("violation", "%s", fake.violation()) end
end

print("seed", seed)
find_functions()
begin_model()
while made < calls do one() end
tidy_up()
print(("%d functions, %d calls"):format(#functions, made))
os.exit(complaints == 0, true)
