-- A mebibyte of named shared memory as a Lua string, and back.

local ffi = require "ffi"
local system = require "drivers.system_luajit"

local SIZE = 2 ^ 20
local text = ("0123456789abcdef"):rep(SIZE / 16)

local function new_memory(name)
  local memory = system.create_memory(name, SIZE)
  system.unlink_memory(name)
  return memory
end

local function yes() return true end

return {
  read = {
    prepare = function(name)
      local memory = new_memory(name)
      ffi.copy(memory, text, SIZE)
      return memory
    end,
    loop = function(count, memory)
      local read
      for _ = 1, count do read = ffi.string(memory, SIZE) end
      return read
    end,
    result = function(_, read) return read == text end,
    expected = yes,
  },

  write = {
    prepare = new_memory,
    loop = function(count, memory)
      for _ = 1, count do ffi.copy(memory, text, SIZE) end
    end,
    result = function(memory) return ffi.string(memory, SIZE) == text end,
    expected = yes,
  },
}
