return {
  place = 5,
  title = "Read 1 MiB as a string",
  program = "text",
  definition = [[
A mebibyte of named shared memory is made a string (in Python a bytes object), which nobody keeps: the collector's
work is part of the figure. The last one is compared, byte by byte, outside the time. "C in Lua" is
`lua_pushlstring` and nothing else: a memcpy and the creation of a string. LuaJIT takes only some of a string's bytes
for its hash.]],
  contenders = {
    { peer = "shmipc", task = "read", label = "`view:read(0, 1 << 20)`" },
    { peer = "luajit", task = "read", label = "`ffi.string(pointer, n)`" },
    { peer = "python", task = "read", label = "`bytes(memoryview[0:n])`" },
    { peer = "lua_c", task = "read", label = "`lua_pushlstring`" },
  },
  targets = {
    { ours = "shmipc/read", other = "lua_c/read", at_least = 0.8 },
  },
}
