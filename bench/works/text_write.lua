return {
  place = 6,
  is_detail = true,
  title = "Write a string of 1 MiB",
  program = "text",
  definition = [[
A string of a mebibyte is written to named shared memory. What stands there is compared, byte by byte, at the end,
outside the time. "C in Lua" is `lua_tolstring`, a memcpy, and nothing else.]],
  contenders = {
    { peer = "shmipc", task = "write", label = "`view:write(0, string)`" },
    { peer = "luajit", task = "write", label = "`ffi.copy(pointer, string, n)`" },
    { peer = "python", task = "write", label = "`memoryview[0:n] = bytes`" },
    { peer = "lua_c", task = "write", label = "`memcpy`" },
  },
  targets = {
    { ours = "shmipc/write", other = "lua_c/write", at_least = 0.8 },
  },
}
