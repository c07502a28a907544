-- Random calls with random arguments at everything that the module has, in an interpreter of its own:
--
--     lua spec/support/fuzz.lua SEED CALLS PREFIX [FAKE_CORE]
--
-- PREFIX     of all names (a mutex PREFIX_held may be held by another process); nothing of it is left afterwards
-- FAKE_CORE  the core.so of the fake platform (spec/native/fake), whose calls then fail at random
--
-- With SHMIPC_FUZZ_TRACE set, each call is told on standard error before it is made. A call may succeed, fail as the
-- environment does (nil, message, code), or raise an error that names the function. A view whose bytes are also kept
-- here, and a channel beside a queue, are compared all the time. The native core's own tables and its layout function
-- are misused, too.
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
local declarations = require "support.declarations"
local ring = require "support.ring"

local is_traced = os.getenv "SHMIPC_FUZZ_TRACE"
local directory = os.getenv "TMPDIR" or os.getenv "TEMP" or "/tmp"

local LARGE, IMPOSSIBLE = 1 << 20, 1 << 50 -- bytes: sizes between them would cost real memory
local WAIT = 0.0005 -- seconds
local DEPTH = 3 -- of calls within calls

local function one_of(list) return list[random(#list)] end
local function chance(percent) return random(100) <= percent end

-- ---- what can be declared

local types = { -- by name: the format of string.pack, and of integers the lowest and the highest
  i8 = { "b", -0x80, 0x7F }, u8 = { "B", 0, 0xFF }, i16 = { "h", -0x8000, 0x7FFF }, u16 = { "H", 0, 0xFFFF },
  i32 = { "i4", -0x80000000, 0x7FFFFFFF }, u32 = { "I4", 0, 0xFFFFFFFF },
  i64 = { "j", math.mininteger, math.maxinteger }, u64 = { "j", math.mininteger, math.maxinteger },
  f32 = { "f" }, f64 = { "d" },
}
local type_names = {}
for name in pairs(types) do type_names[#type_names + 1] = name end
table.sort(type_names)

local usual_declarations = {
  "char c;",
  "int32_t count; char label[12]; double x; bool flag; uint64_t word; float inf;",
  "struct point { int32_t x, y; }; struct line { struct point ends[2]; wchar_t label[8]; };",
  "union { int32_t x; double y; char label[20]; struct { int8_t a, b; } z; };",
  "char label[3000]; uint16_t x;",
  "int16_t x[3][4][2]; struct { char label[2][9]; bool flag; } grid[2][3];",
  "char16_t label[600]; char32_t y[5]; int8_t x;",
}

local random_declarations = declarations.generator(seed)

local function mutated(text)
  local from, until_ = random(#text), random(0, 12)
  local part = text:sub(from, from + until_)
  local instead = one_of { "", part .. part, one_of { ";", "}", "[", "*", "int", "struct s1", "\0", "(", "1" } }
  return text:sub(1, from - 1) .. instead .. text:sub(from + until_ + 1)
end

local function declaration()
  if chance(60) then return one_of(usual_declarations) end
  local text = random_declarations:next().text
  return chance(40) and mutated(text) or text
end

-- ---- what there is to call

local pool = {} -- slots: {kind =, handle = one of any kind, or nil}
local keep -- puts arguments into the pool; forward
local description -- of a layout, as the core takes it; forward
local codec -- of a channel; forward

local layouts = {} -- some that were made: making one takes long
local is_crude = setmetatable({}, { __mode = "k" }) -- layouts whose description is not what the Lua half makes

local makers
makers = {
  mapping = function(name) return shmipc.mapping.open_or_create(name, random(5000)) end,
  view = function(name)
    local mapping <close> = shmipc.mapping.open_or_create(name, random(5000))
    return mapping and mapping:view(0, nil, one_of { "rw", "rw", "r", "cow" })
  end,
  mutex = function(name) return shmipc.mutex.open_or_create(name) end,
  event = function(name)
    return shmipc.event.open_or_create(name, { manual = chance(30), set = chance(30) })
  end,
  semaphore = function(name) return shmipc.semaphore.open_or_create(name, random(0, 3), 3) end,
  channel = function(name)
    local form = random(10)
    return shmipc.channel.open_or_create(name, {
      capacity = one_of { 1, 4096, 8192 },
      codec = form <= 3 and codec() or nil,
      layout = form >= 8 and makers.layout() or nil,
    })
  end,
  guard = function(name)
    local mutex = shmipc.mutex.open_or_create(name)
    return mutex and mutex:lock(0)
  end,
  layout = function()
    layouts[1] = layouts[1] or shmipc.layout "char c;" -- it fits anywhere
    if chance(80) then return one_of(layouts) end
    local made, layout
    if chance(30) then
      made, layout = pcall(core.layout, description())
      if made then is_crude[layout] = true end
    else
      made, layout = pcall(shmipc.layout, declaration(), { pack = one_of { 1, 2, 4, 8, 16 } })
    end
    if not made then return layouts[1] end
    layouts[#layouts < 40 and #layouts + 1 or random(2, 40)] = layout
    return layout
  end,
  array = function(name)
    local view = makers.view(name)
    if not view then return nil end
    keep(view)
    local layout = makers.layout()
    if chance(40) and layout.size < #view then return view:records(layout) end
    return view:array(one_of(type_names), random(0, math.min(3, #view)))
  end,
  record = function(name)
    local view = makers.view(name)
    if not view then return nil end
    keep(view)
    local layout = makers.layout()
    if layout.size > #view then layout = layouts[1] end
    return view:record(layout, random(0, #view - layout.size))
  end,
}

-- The argument that says how long; all methods that may wait for another process.
local timeouts = {
  ["shmipc.sleep"] = 1, ["mutex:lock"] = 2, ["mutex:with"] = 2, ["event:wait"] = 2, ["semaphore:acquire"] = 2,
  ["channel:send"] = 3, ["channel:send_many"] = 3, ["channel:receive"] = 2, ["channel:receive_many"] = 3,
  ["channel:shutdown"] = 2,
}

-- Those that wait for what this process may never do itself.
local waits_for_others = {
  ["event:wait"] = true, ["semaphore:acquire"] = true, ["channel:send"] = true, ["channel:send_many"] = true,
  ["channel:receive"] = true, ["channel:receive_many"] = true, ["channel:shutdown"] = true,
}

-- Arguments that make sense. Letters: see `generators`.
local shapes = {
  ["shmipc.sleep"] = "t",
  ["shmipc.gc"] = "n",
  ["shmipc.list"] = "o",
  ["shmipc.mapping.create"] = "nso",
  ["shmipc.mapping.open"] = "no",
  ["shmipc.mapping.open_or_create"] = "nso",
  ["shmipc.mapping.peek"] = "n",
  ["shmipc.mapping.file"] = "Po",
  ["shmipc.mapping.unlink"] = "n",
  ["shmipc.mutex.create"] = "no",
  ["shmipc.mutex.open"] = "n",
  ["shmipc.mutex.open_or_create"] = "no",
  ["shmipc.mutex.unlink"] = "n",
  ["shmipc.event.create"] = "no",
  ["shmipc.event.open"] = "n",
  ["shmipc.event.open_or_create"] = "no",
  ["shmipc.event.unlink"] = "n",
  ["shmipc.semaphore.create"] = "niio",
  ["shmipc.semaphore.open"] = "n",
  ["shmipc.semaphore.open_or_create"] = "niio",
  ["shmipc.semaphore.unlink"] = "n",
  ["shmipc.channel.create"] = "no",
  ["shmipc.channel.open"] = "no",
  ["shmipc.channel.open_or_create"] = "no",
  ["shmipc.channel.unlink"] = "n",
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
  ["view:array"] = "Tii",
  ["view:record"] = "Li",
  ["view:records"] = "Lii",
  ["array:get"] = "ii",
  ["array:set"] = "iS",
  ["array:fill"] = "Sii",
  ["array.__index"] = "k",
  ["array.__newindex"] = "kS",
  ["record.__index"] = "k",
  ["record.__newindex"] = "kS",
  ["array.next"] = "k",
  ["record.next"] = "k",
  ["mutex.expect"] = "x",
  ["layout:offset"] = "k",
  ["layout.__index"] = "k",
  ["layout.description"] = "x",
  ["shmipc.layout"] = "Dp",
  ["core.layout"] = "d",
  ["shmipc.record.snapshot"] = "W",
  ["shmipc.record.assign"] = "WS",
  ["shmipc.atomic.load"] = "Wk",
  ["shmipc.atomic.compare_exchange"] = "Wkvv",
  ["mutex:lock"] = "t",
  ["mutex:with"] = "tF",
  ["event:wait"] = "t",
  ["semaphore:acquire"] = "t",
  ["semaphore:release"] = "i",
  ["channel:send"] = "mt",
  ["channel:send_many"] = "lt",
  ["channel:receive"] = "tR",
  ["channel:receive_many"] = "it",
  ["channel:shutdown"] = "t",
}

-- A guess from the name, for those that are not listed.
local function shape_of(name)
  if shapes[name] then return shapes[name] end
  if name:find ":read_" then return "i" end
  if name:find ":write_" then return "iv" end
  if name:find "%.atomic%." then return "Wkv" end
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
local metamethod_names = {
  __len = ":size", __index = ":", __newindex = ":", __gc = ":close", __close = ":close", __pairs = "pairs",
  next = "", __tostring = "tostring", describe = "tostring", description = "", expect = "",
}

local function find_functions()
  add_module("shmipc", shmipc)
  add_function("core.layout", core.layout, nil, "")
  for _, kind in ipairs(kinds) do
    assert(makers[kind], "no maker for the kind " .. kind .. ": add one to fuzz.lua")
    for key, method in pairs(core.kinds[kind].methods) do add_function(kind .. ":" .. key, method, kind) end
    for key, value in pairs(core.kinds[kind]) do
      if type(value) == "function" then
        local says = kind == "channel" and key == "next" and "channel:messages" or metamethod_names[key] or key
        add_function(kind .. "." .. key, value, kind, says:sub(1, 1) == ":" and kind or says)
      end
    end
  end
  collectgarbage()
  table.sort(functions, function(a, b) return a.name < b.name end)
end

-- The view that an array or a record is a window on; other handles are their own.
local function owner_of(handle)
  local name = type(handle) == "userdata" and (debug.getmetatable(handle) or {}).__name
  return (name == "shmipc.array" or name == "shmipc.record") and debug.getuservalue(handle, 1) or handle
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
for i = 1, 40 do pool[i] = { kind = kinds[i % #kinds + 1] } end

local complaints, complained = 0, {}
local depth = 0

local function nested()
  if depth < DEPTH then one() end
end

local function is_closed(handle)
  return tostring(owner_of(handle)):find "%(closed%)$" ~= nil
end

local function refill(slot)
  slot.handle = makers[slot.kind](one_of(names))
end

-- One of the kind, which mostly is open, and sometimes one of any other kind.
local function handle_of(kind)
  if chance(5) then return one_of(pool).handle end
  local start = random(#pool)
  for i = start, start + #pool - 1 do
    local slot = pool[i % #pool + 1]
    if slot.kind == kind then
      if chance(50) and (slot.handle == nil or is_closed(slot.handle)) then refill(slot) end
      return slot.handle
    end
  end
end

local anything -- forward

local MARK = "a mistake of the caller's own"

local function close_one()
  local handle = owner_of(one_of(pool).handle)
  if handle then handle:close() end
end

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
  { __index = function() pcall(close_one) return 1 end, __len = function() return random(0, 4) end },
  { __index = function() nested() return "text" end, __len = function() pcall(close_one) return 2 end },
  { __index = function(_, key) return key end, __len = function() return 3 end },
}

local option_fields = {
  "access", "mode", "persistent", "owned", "size", "manual", "set", "capacity", "codec", "layout", "junk",
}
local option_values = {
  access = { "r", "rw", "rw", "cow", 1 },
  mode = { 384, 384, 420, 0, 511, 512, -1, 1.5, "600", math.maxinteger },
  persistent = { true, false, 1 },
  owned = { true, true, false, "yes" },
  manual = { true, true, false, 1 },
  set = { true, true, false, "set" },
  size = { 1, 100, 5000, 70000, 0, -1, 1 << 62, math.maxinteger, 0.5, 64.0, "9" },
  capacity = { 1, 4096, 5000.0, 70000, 0, -1, (1 << 30) + 1, math.maxinteger, 0.5, "9" },
  junk = { 1, true },
}

function codec()
  local made = {
    encode = function(value)
      nested()
      return type(value) .. tostring(math.type(value))
    end,
    decode = function(bytes)
      nested()
      return one_of { bytes, #bytes, false }
    end,
  }
  if chance(20) then made[one_of { "encode", "decode" }] = one_of { nested, function() error(MARK, 0) end, 5 } end
  if chance(10) then setmetatable(made, one_of(strange_metatables)) end
  return made
end

local function option_value(field)
  if field == "codec" then return chance(90) and codec() or 5 end
  if field == "layout" then return handle_of "layout" end
  return one_of(option_values[field])
end

local function options()
  if chance(30) then return nil end
  local t = {}
  for _ = 1, random(0, 2) do
    local field = option_fields[chance(90) and random(#option_fields - 1) or #option_fields]
    t[field] = option_value(field)
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

-- What a window, or a layout, may be asked for.
local usual_fields = {
  "x", "y", "z", "a", "count", "label", "flag", "word", "inf", "grid", "ends", "m2", "z.a", "ends.x", "size", "align",
  "get", ("long"):rep(20),
}

local function field_of(record)
  local found = {}
  pcall(function()
    for name in pairs(record) do
      found[#found + 1] = name
      if #found == 8 then break end
    end
  end)
  return one_of(#found > 0 and found or usual_fields)
end

local function key_of(subject)
  if chance(5) then return one_of(floats) end
  if type(subject) == "userdata" and getmetatable(subject) == "shmipc.record" then
    return chance(90) and field_of(subject) or one_of(usual_fields)
  end
  if type(subject) == "userdata" and getmetatable(subject) == "shmipc.layout" then return one_of(usual_fields) end
  return chance(80) and random(0, 12) or one_of(integers)
end

-- A whole record or array as tables, with something else in one place.
local function damaged_copy(window)
  local taken, copy = pcall(function()
    return getmetatable(window) == "shmipc.array" and window:get(1, math.min(#window, random(0, 12)))
      or shmipc.record.snapshot(window)
  end)
  if not taken then return {} end
  local inner = copy
  while type(inner) == "table" and chance(70) do
    local key, value = next(inner)
    if type(value) ~= "table" then
      if key and chance(60) then inner[key] = anything() end
      break
    end
    inner = value
  end
  return copy
end

local content_names = { "bool", "text8", "text16", "text32", "i128", "", "u8\0", table.unpack(type_names) }
local sizes = { 1, 2, 3, 4, 8, 12, 16, 64, 100, 1000, 0, -1, 1 << 31, 1 << 61, 1 << 62, math.maxinteger, 2.0, "4", 0.5 }

local function dimensions()
  local counts = {}
  for i = 1, one_of { 0, 1, 2, 3, 63, 64, 65 } do counts[i] = chance(95) and one_of { 1, 1, 1, 2 } or one_of(sizes) end
  return counts
end

local function described_field(i)
  local field = {
    name = chance(90) and one_of { "x", "y", "z", "f" .. i } or text(),
    offset = one_of(sizes),
    type = chance(70) and one_of(content_names) or handle_of "layout",
  }
  if chance(40) then field.units = one_of(sizes) end
  if chance(30) then field.dims = chance(90) and dimensions() or anything() end
  if chance(10) then field[one_of { "name", "offset", "type", "units", "dims" }] = anything() end
  return field
end

function description()
  local described = {
    name = chance(95) and "struct s" or text(),
    size = one_of(sizes),
    align = chance(90) and one_of { 1, 2, 4, 8 } or one_of(sizes),
    fields = {},
  }
  for i = 1, random(0, 4) do described.fields[i] = described_field(i) end
  if chance(5) then described[one_of { "name", "size", "align", "fields" }] = anything() end
  if chance(2) then described.fields[#described.fields + 1] = described end
  if chance(2) then described.fields = described end
  return described
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
  function() return damaged_copy(handle_of(one_of { "array", "record" })) end,
  function() return description() end,
}
function anything() return one_of(anything_list)() end

generators = {
  n = function() return one_of(names) end,
  P = function() return one_of(paths) end,
  p = function() return one_of { {}, { pack = one_of { 1, 2, 4, 8, 16, 3, "1" } }, options() } end,
  o = options,
  a = function() return one_of { "r", "rw", "cow" } end,
  b = function() return random(0, 255) end,
  f = function() return one_of(formats) end,
  x = text,
  t = function() return one_of { 0, 0.0, WAIT, 1e-9, math.huge } end,
  F = function_value,
  V = function() return handle_of "view" end,
  L = function() return handle_of "layout" end,
  W = function() return handle_of(one_of { "array", "record" }) end,
  T = function() return one_of(type_names) end,
  D = declaration,
  d = function() return description() end,
  k = key_of,
  S = function(subject)
    if chance(40) then return generators.v() end
    local copy = damaged_copy(chance(70) and subject or handle_of(one_of { "array", "record" }))
    return one_of { copy, copy, copy[key_of(subject)], text(), chance(50), anything() }
  end,
  R = function() return chance(30) and handle_of "record" or nil end,
  m = function(subject) return chance(50) and text() or generators.S(subject) end,
  l = function(subject)
    local list = {}
    for i = 1, one_of { 0, 1, 2, 3, 3, 130, 300 } do list[i] = i < 4 and generators.m(subject) or text() end
    return list
  end,
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
  for i = 1, letters do put(chance(88) and generators[entry.shape:sub(i, i)](arguments[1]) or anything()) end
  while chance(8) do put(anything()) end
  arguments.n = n
  return arguments
end

local function is_held_elsewhere(value)
  return fake or type(value) == "userdata" and tostring(value):find(held, 1, true) ~= nil
end

-- Whether it is a function like shmipc.mapping.create.
local function takes_name(entry)
  local kind = core.kinds[entry.name:match "^shmipc%.(%a+)%."]
  return kind ~= nil and kind.methods.close ~= nil
end

-- A channel from which one may receive without a limit: it comes to an end. Another value as it is.
local function ending(channel)
  if type(channel) ~= "userdata" or getmetatable(channel) ~= "shmipc.channel" then return channel end
  local ends = pcall(channel.shutdown, channel, WAIT) and channel:stats()
  return ends and ends.shutdown and channel or io.stdout
end

-- Keeps a call from costing real memory or time, and from names that are not ours.
local function tame(entry, arguments)
  local is_module_function = takes_name(entry)
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
  if entry.name == "channel.next" then arguments[1] = ending(arguments[1]) end
  local at = timeouts[entry.name]
  if not at then return end
  local timeout = arguments[at]
  if entry.name == "shmipc.sleep" or waits_for_others[entry.name] or is_held_elsewhere(arguments[1]) then
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
  if getmetatable(value) == "shmipc.layout" then return "layout of " .. value.size end
  if getmetatable(value) == "shmipc.record" then return (core.kinds.record.describe(value)) end -- without the fields
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

-- An array that was given as a value tells of itself.
local function is_about_value(entry, message)
  return entry.shape:find "[Sml]" and type(message) == "string" and message:find "^array: " ~= nil
end

-- The caller's position in front of what these raise may be another's.
local lacks_position = { [""] = true, tostring = true, ["mutex:with"] = true }

local is_taken_apart = false -- whether something of the core is not what it was

local function check(entry, shown, ok, first, message, code, native)
  if is_taken_apart then return end
  if entry.name == "mutex:with" and first ~= nil and not tostring(first):find "mutex:with" then return end -- f's own
  if not ok then
    local is_own = first == MARK or type(first) == "table" or type(first) == "string" and first:find(MARK, 1, true)
    local is_memory = fake and type(first) == "string" and first:find "not enough memory"
    if is_own or is_memory or is_about_value(entry, first) then return end
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
      if type(handle) == "userdata" and handle ~= io.stdout and chance(70) then
        owner_of(handle):close()
      else
        nested()
      end
    end,
  })
  collectgarbage "restart"
  local results = table.pack(f(...))
  collectgarbage("incremental", 200, 100, 13)
  return table.unpack(results, 1, results.n)
end

function keep(...)
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
  if entry.f == core.layout and results[1] then is_crude[results[2]] = true end
  if not is_crude[arguments[1] or false] then check(entry, shown, table.unpack(results, 1, 5)) end
  if results[1] then keep(table.unpack(results, 2, results.n)) end
end

-- ---- other things that scripts do with handles

local function change_kind()
  local slot = one_of(pool)
  slot.kind = one_of(kinds)
  refill(slot)
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
  if handle == nil then return change_kind() end
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

-- From a window to a part of it, which may outlive it.
local function go_into()
  local window = handle_of(one_of { "array", "record" })
  local key = key_of(window)
  if is_traced then io.stderr:write(("  "):rep(depth), show(window), "[", show(key), "]\n") end
  if chance(30) then window[key] = generators.S(window) end
  for _ = 1, random(3) do
    window = window[key]
    keep(window)
    key = key_of(window)
  end
end

-- Something else in a place of the core's own tables, for a few calls.
local function take_apart()
  local place = one_of { core.companions, core.kinds.array, core.kinds.record, core.kinds.layout,
    core.kinds.array.methods, core.kinds.layout.methods, core.companions[3] }
  local keys = {}
  for key in next, place do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  local key = one_of(keys)
  local whole, instead = place[key], anything()
  if key == "next" and type(instead) == "function" then instead = nil end -- it might never come to an end
  if is_traced then io.stderr:write(("  "):rep(depth), "in place of ", show(key), ": ", show(instead), "\n") end
  local was_taken_apart = is_taken_apart
  is_taken_apart, place[key] = true, instead
  for _ = 1, random(8) do
    pcall(chance(50) and go_into or nested)
    pcall(makers[one_of { "array", "record", "layout" }], one_of(names))
  end
  is_taken_apart, place[key] = was_taken_apart, whole
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
  if chance(20) then pcall(fake.set_waitable, name, one_of { "whole", "destroyed" }) end
  if chance(5) then pcall(fake.truncate, name) end
  if chance(20) then change_thread() end
  if chance(5) then change_process() end
end

-- ---- a view of which we know every byte

local SIZE = 3000 -- enough for the C library to copy in several portions
local model_view, model_alias, model
local ALIAS = 37 -- where the second view of the same bytes begins

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

-- Typed windows on the same bytes.

local ORIGIN = 3 -- where the view begins in its mapping: addresses are aligned from there

local function size_of(type_name) return string.packsize(types[type_name][1]) end

-- An array somewhere in the view: the array, the name of its type, where it begins.
local function model_array()
  local type_name = one_of(type_names)
  local offset = random(0, SIZE - 8)
  if chance(50) then offset = offset - (ORIGIN + offset) % size_of(type_name) end
  if offset < 0 then offset = 0 end
  local array = model_view:array(type_name, offset, random(0, math.min(30, (SIZE - offset) // size_of(type_name))))
  return array, type_name, offset
end

local function model_index(count)
  if chance(85) and count > 0 then return random(count) end
  return one_of { 0, count + 1, -1, 2.0, 0.5, "1", one_of(integers), one_of(floats) }
end

local function shown_at(type_name, offset, index) return ("%s %d[%s]"):format(type_name, offset, show(index)) end

local bits = { i8 = 8, u8 = 8, i16 = 16, u16 = 16, i32 = 32, u32 = 32, i64 = 64, u64 = 64 }

-- The integer's low bits as the type reads them.
local function wrapped(type_name, value)
  local bytes = string.pack("<j", value):sub(1, bits[type_name] // 8)
  return (string.unpack("<" .. types[type_name][1], bytes))
end

local fetches = {
  fetch_add = function(a, b) return a + b end,
  fetch_sub = function(a, b) return a - b end,
  fetch_and = function(a, b) return a & b end,
  fetch_or = function(a, b) return a | b end,
  fetch_xor = function(a, b) return a ~ b end,
}
local fetch_names = { "fetch_add", "fetch_sub", "fetch_and", "fetch_or", "fetch_xor" }

-- Where an atomic operation on the element would go, or nil if it must raise.
local function atomic_place(array, type_name, offset, index)
  local whole = in_range(index, 1, #array)
  local at = whole and offset + (whole - 1) * size_of(type_name)
  return at and (ORIGIN + at) % size_of(type_name) == 0 and at or nil
end

local function value_at(type_name, at) return (string.unpack(types[type_name][1], model, at + 1)) end

local function set_element(array, index, value) array[index] = value end
local function get_element(array, index) return array[index] end

local window_steps = {
  function()
    local array, type_name, offset = model_array()
    local index, value = model_index(#array), value_for(type_name)
    local at, bytes = in_range(index, 1, #array), packed(type_name, value)
    local what = shown_at(type_name, offset, index) .. " = " .. show(value)
    if expect(at and bytes, what, pcall(set_element, array, index, value)) then
      splice(offset + (at - 1) * #bytes, bytes)
    end
  end,
  function()
    local array, type_name, offset = model_array()
    local index = model_index(#array)
    local what = shown_at(type_name, offset, index)
    local ok, value = pcall(get_element, array, index)
    if not expect(math.type(index) and math.tointeger(index), what, ok, value) or not ok then return end
    local at = in_range(index, 1, #array)
    local expected = at and value_at(type_name, offset + (at - 1) * size_of(type_name))
    if not same(value, expected or nil) then complain("element", "%s is %s", what, show(value)) end
  end,
  function()
    local array, type_name, offset = model_array()
    local i, values, bytes = random(#array + 1), {}, {}
    for k = 1, random(0, 4) do
      values[k] = value_for(type_name)
      bytes[#bytes + 1] = packed(type_name, values[k]) or nil
    end
    local fits = #bytes == #values and #values <= #array - i + 1
    local what = ("%s:set of %d values"):format(shown_at(type_name, offset, i), #values)
    if expect(fits, what, pcall(array.set, array, i, values)) then
      splice(offset + (i - 1) * size_of(type_name), table.concat(bytes))
    end
  end,
  function()
    local array, type_name, offset = model_array()
    local i, j, value = random(0, #array + 1), random(0, #array + 1), value_for(type_name)
    local bytes = packed(type_name, value)
    local fits = bytes and i >= 1 and j >= i - 1 and j <= #array
    local what = ("%s:fill(%s, %d, %d)"):format(shown_at(type_name, offset, 1), show(value), i, j)
    if expect(fits, what, pcall(array.fill, array, value, i, j)) then
      splice(offset + (i - 1) * #bytes, bytes:rep(j - i + 1))
    end
  end,
  function()
    local array, type_name, offset = model_array()
    local values = array:get()
    for i = 1, #array do
      if not same(values[i], value_at(type_name, offset + (i - 1) * size_of(type_name))) then
        complain("element", "%s:get gave %s", shown_at(type_name, offset, i), show(values[i]))
      end
    end
    if #values ~= #array then complain("element", "%s:get gave %d", shown_at(type_name, offset, 1), #values) end
  end,
  function()
    local array, type_name, offset = model_array()
    local operation, index, value = one_of(fetch_names), model_index(#array), value_for "i64"
    if bits[type_name] and chance(60) then value = random(-1, 100) end
    local at = bits[type_name] and atomic_place(array, type_name, offset, index)
    local lowest, highest = math.mininteger, math.maxinteger
    if at and bits[type_name] < 64 then
      lowest, highest = -(1 << bits[type_name] - 1), (1 << bits[type_name]) - 1
    end
    local operand = in_range(value, lowest, highest)
    local what = ("%s(%s, %s)"):format(operation, shown_at(type_name, offset, index), show(value))
    local ok, before = pcall(shmipc.atomic[operation], array, index, value)
    if not expect(at and operand, what, ok, before) or not ok then return end
    local expected = value_at(type_name, at)
    if not same(before, expected) then complain("atomic", "%s gave %s", what, show(before)) end
    splice(at, string.pack(types[type_name][1], wrapped(type_name, fetches[operation](expected, operand))))
  end,
  function()
    local array, type_name, offset = model_array()
    local index, value = model_index(#array), value_for(type_name)
    local at, bytes = atomic_place(array, type_name, offset, index), packed(type_name, value)
    local what = ("exchange(%s, %s)"):format(shown_at(type_name, offset, index), show(value))
    local ok, before = pcall(shmipc.atomic.exchange, array, index, value)
    if not expect(at and bytes, what, ok, before) or not ok then return end
    if not same(before, value_at(type_name, at)) then complain("atomic", "%s gave %s", what, show(before)) end
    splice(at, bytes)
  end,
  function()
    local array, type_name, offset = model_array()
    local index, wanted = model_index(#array), value_for(type_name)
    local at, bytes = atomic_place(array, type_name, offset, index), packed(type_name, wanted)
    local there = at and value_at(type_name, at)
    local expected = chance(70) and there or value_for(type_name)
    local is_fit = at and bits[type_name] and bytes and packed(type_name, expected)
    local what = ("compare_exchange(%s, %s, %s)"):format(shown_at(type_name, offset, index), show(expected),
      show(wanted))
    local ok, done, actual = pcall(shmipc.atomic.compare_exchange, array, index, expected, wanted)
    if not expect(is_fit, what, ok, done) or not ok then return end
    local is_there = packed(type_name, expected) == packed(type_name, there)
    if done ~= is_there or not done and not same(actual, there) then
      complain("atomic", "%s gave %s, %s", what, show(done), show(actual))
    end
    if done then splice(at, bytes) end
  end,
}

-- Records: members that do not overlap, each with what its value becomes in bytes, or nil if it does not fit.

local c_names = {
  i8 = "int8_t", u8 = "uint8_t", i16 = "int16_t", u16 = "uint16_t", i32 = "int32_t", u32 = "uint32_t", i64 = "int64_t",
  u64 = "uint64_t", f32 = "float", f64 = "double",
}

local function number_member(name)
  local type_name = one_of(type_names)
  return {
    name = name,
    declared = ("%s %s;"):format(c_names[type_name], name),
    value = function() return value_for(type_name) end,
    bytes = function(value) return packed(type_name, value) end,
    read = function(at) return value_at(type_name, at) end,
  }
end

local function text_member(name)
  local length = random(1, 12)
  return {
    name = name,
    declared = ("char %s[%d];"):format(name, length),
    value = function() return one_of { "", ("x"):rep(random(0, 13)), "a\0b", 5, text() } end,
    bytes = function(value)
      local is_fit = type(value) == "string" and #value < length and not value:find("\0", 1, true)
      return is_fit and value .. ("\0"):rep(length - #value)
    end,
    read = function(at) return model:sub(at + 1, at + length):match "^[^\0]*" end,
  }
end

local function bool_member(name)
  return {
    name = name,
    declared = ("bool %s;"):format(name),
    value = function() return one_of { true, false, 1 } end,
    bytes = function(value) return type(value) == "boolean" and (value and "\1" or "\0") end,
    read = function(at) return model:byte(at + 1) ~= 0 end,
  }
end

-- A record of random members somewhere in the view: the record, its members, where it begins.
local function model_record()
  local members, declared = {}, {}
  for i = 1, random(5) do
    local member = one_of { number_member, number_member, text_member, bool_member }("m" .. i)
    members[i], declared[i] = member, member.declared
  end
  local layout = shmipc.layout(table.concat(declared), { pack = one_of { 1, 2, 8 } })
  for _, member in ipairs(members) do member.offset = layout:offset(member.name) end
  local offset = random(0, SIZE - layout.size)
  return model_view:record(layout, offset), members, offset
end

local record_steps = {
  function()
    local record, members, offset = model_record()
    local member = one_of(members)
    local value = member.value()
    local bytes = member.bytes(value)
    local what = ("%s at %d = %s"):format(member.declared, offset + member.offset, show(value))
    if expect(bytes, what, pcall(set_element, record, member.name, value)) then
      splice(offset + member.offset, bytes)
    end
  end,
  function()
    local record, members, offset = model_record()
    local copy = shmipc.record.snapshot(record)
    for _, member in ipairs(members) do
      local expected = member.read(offset + member.offset)
      local value = record[member.name]
      if not same(value, expected) or not same(copy[member.name], expected) then
        complain("member", "%s at %d is %s", member.declared, offset + member.offset, show(value))
      end
    end
  end,
  function()
    local record, members, offset = model_record()
    local values, fits = {}, true
    for _, member in ipairs(members) do
      if chance(60) then
        values[member.name] = member.value()
        fits = fits and member.bytes(values[member.name])
      end
    end
    if not expect(fits, "assign", pcall(shmipc.record.assign, record, values)) or not fits then return end
    for _, member in ipairs(members) do
      local value = values[member.name]
      if value ~= nil then splice(offset + member.offset, member.bytes(value)) end
    end
  end,
}

-- A channel beside a queue that knows what there is space for.

local model_channel, model_queue

local function model_message()
  return chance(80) and ("m"):rep(random(0, 100)) or one_of { text(), ("m"):rep(random(0, 2032)), ("m"):rep(2033), 5 }
end

local function is_message(value) return type(value) == "string" and #value <= 2032 end

local channel_steps = {
  function()
    local message = model_message()
    local what = ("send(%s)"):format(show(message))
    local ok, sent = pcall(model_channel.send, model_channel, message, 0)
    if not expect(is_message(message), what, ok, sent) or not ok then return end
    if (sent == true) ~= model_queue:send(message) then complain("channel", "%s gave %s", what, show(sent)) end
  end,
  function()
    local list, are_messages, expected = {}, true, 0
    for i = 1, random(0, 150) do
      list[i] = chance(99) and ("m"):rep(random(0, 40)) or model_message()
      are_messages = are_messages and is_message(list[i])
    end
    local ok, sent = pcall(model_channel.send_many, model_channel, list, 0)
    if not expect(are_messages, "send_many", ok, sent) or not ok then return end
    while list[expected + 1] and model_queue:send(list[expected + 1]) do expected = expected + 1 end
    if (sent or 0) ~= expected then complain("channel", "send_many gave %s for %d", show(sent), expected) end
  end,
  function()
    local message, expected = model_channel:receive(0), model_queue:receive()
    if message ~= expected then complain("channel", "received %s for %s", show(message), show(expected)) end
  end,
  function()
    for _, message in ipairs(model_channel:receive_many(random(100), 0) or {}) do
      local expected = model_queue:receive()
      if message ~= expected then complain("channel", "received %s for %s", show(message), show(expected)) end
    end
  end,
  function()
    local stats = model_channel:stats()
    local is_right = stats.depth == model_queue:depth() and stats.bytes == model_queue:bytes()
      and stats.sent == model_queue.last and stats.received == model_queue.first - 1
    if not is_right then complain("channel", "its statistics are %s", show(stats)) end
  end,
}

for _, step in ipairs(channel_steps) do table.insert(model_steps, step) end
for _, step in ipairs(window_steps) do table.insert(model_steps, step) end
for _, step in ipairs(record_steps) do table.insert(model_steps, step) end

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
  model_view = assert(mapping:view(ORIGIN, SIZE))
  model_alias = assert(mapping:view(ORIGIN + ALIAS, SIZE - ALIAS, "r"))
  model = ("\0"):rep(SIZE)
  model_channel = assert(shmipc.channel.create(prefix .. "_queue", { capacity = 4096 }))
  model_queue = ring.new(4096)
end

local is_model_busy = false

local function step_model()
  if is_model_busy or is_taken_apart then return end -- busy: a finaliser in the middle of such a step
  is_model_busy = true
  if fake then fake.fail_at(0) end
  one_of(model_steps)()
  compare()
  is_model_busy = false
end

-- ---- the run

local steps = { { 60, call_function }, { 20, step_model }, { 8, go_into }, { 6, change_kind }, { 4, use_operator },
  { 2, close_one }, { 2, drop_one }, { 1, in_coroutine }, { 1, in_finaliser }, { 2, in_hook }, { 1, collect },
  { 1, take_apart } }
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
  layouts = {}
  model_view:close()
  model_alias:close()
  model_channel:close()
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
