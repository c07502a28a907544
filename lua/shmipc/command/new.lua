-- shmipc new

local command = require "shmipc.command"

local role = [[
#!/usr/bin/env lua5.4
-- NAME: a role. Run it in two terminals: shmipc run NAME.lua
-- Look at it from a third one: shmipc watch NAME --layout 'struct { int32_t count; double time; };'

local shmipc = require "shmipc"

-- What stands in the memory, as a C program would declare it.
local layout = shmipc.layout "struct NAME { int32_t count; double time; };"

-- Whoever comes first makes the memory, which reads as zeros; the others open it. The names live as long as anybody
-- holds them, however that one ends.
local mutex <close> = assert(shmipc.mutex.open_or_create "NAME_mutex")
local memory <close> = assert(shmipc.mapping.open_or_create("NAME", layout.size))
local state = assert(memory:view()):record(layout)

-- One turn, under the lock. It is given back at the end of the function, by an error, too.
local function turn()
  local guard <close>, abandoned = assert(mutex:lock(5))
  if abandoned then print "the last owner died while it held the lock: is the state whole?" end
  state.count = state.count + 1
  state.time = shmipc.clock()
  return state.count
end

for _ = 1, tonumber(arg[1]) or math.huge do
  print(("%d: the count is %d"):format(shmipc.pid(), turn()))
  shmipc.sleep(0.5) -- without the lock
end
]]

local templates = { role = role }

local function options(parser)
  parser:argument("what", "What to write."):choices { "role" }
  parser:argument("name", "Its name: NAME.lua is written; objects are named after it.")
  parser:flag("-f --force", "Write over a file that exists.")
end

local function run(chosen)
  local folder, name = chosen.name:gsub("%.lua$", ""):match "^(.-)([^/\\]*)$"
  if not name:find "^[%a_][%w_]*$" then
    command.fail('the name must be letters, digits and _, and begin with no digit, got "%s"', chosen.name)
  end
  local path = folder .. name .. ".lua"
  local existing = io.open(path)
  if existing then
    existing:close()
    if not chosen.force then command.fail("%s exists; --force writes over it", path) end
  end
  local file <close> = command.expect(io.open(path, "wb"))
  command.expect(file:write((templates[chosen.what]:gsub("NAME", name))))
  print(("wrote %s; run it: shmipc run %s"):format(path, path))
end

return {
  summary = "Writes a commented starting point for a script of your own.",
  options = options,
  examples = {
    { "shmipc new role counter", "writes counter.lua: a mutex, a struct, a loop" },
  },
  run = run,
}
