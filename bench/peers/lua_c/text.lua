-- A mebibyte of shared memory as a Lua string, and back: lua_pushlstring and memcpy.

local memory = assert(package.loadlib(os.getenv "BENCH_MEMORY", "luaopen_bench_memory"))()

local SIZE = 1 << 20
local text = ("0123456789abcdef"):rep(SIZE // 16)

local function zeros(name) return memory.create(name, SIZE) end

local function filled(name)
  local address = zeros(name)
  memory.write(address, text)
  return address
end

local function yes() return true end

local tasks = {}

tasks.read = {
  prepare = filled,
  loop = function(count, address)
    local read
    for _ = 1, count do read = memory.read(address, SIZE) end
    return read
  end,
  result = function(_, read) return read == text end,
  expected = yes,
}

tasks.write = {
  prepare = zeros,
  loop = function(count, address)
    for _ = 1, count do memory.write(address, text) end
  end,
  result = function(address) return memory.read(address, SIZE) == text end,
  expected = yes,
}

return tasks
