-- A mebibyte of shared memory as a Lua string, and back.

local shmipc = require "shmipc"

local SIZE = 1 << 20
local text = ("0123456789abcdef"):rep(SIZE // 16)

local function new_view(name)
  return assert(assert(shmipc.mapping.create(name, SIZE)):view())
end

local function filled_view(name)
  local view = new_view(name)
  view:write(0, text)
  return view
end

local function yes() return true end

local tasks = {}

tasks.read = {
  prepare = filled_view,
  loop = function(count, view)
    local read
    for _ = 1, count do read = view:read(0, SIZE) end
    return read
  end,
  result = function(_, read) return read == text end,
  expected = yes,
}

tasks.write = {
  prepare = new_view,
  loop = function(count, view)
    for _ = 1, count do view:write(0, text) end
  end,
  result = function(view) return view:read(0, SIZE) == text end,
  expected = yes,
}

return tasks
