return {
  place = 7,
  title = "Read a million elements",
  program = "million",
  definition = [[
A million integers of 32 bits in named shared memory become a new table (in Python a list or an array), which nobody
keeps (the collector's work is part of the figure). The last one's sum is checked.]],
  contenders = {
    { peer = "shmipc", task = "get", label = "`array:get(1, n)`" },
    { peer = "lua", task = "copy_loop", label = "a loop from table to table (not shared)" },
    { peer = "python", task = "get_list", label = "`memoryview.tolist()`" },
    { peer = "python", task = "get_array", label = "`array.frombytes(memoryview)`" },
    { peer = "lua_c", task = "get", label = "`lua_rawseti`" },
  },
  targets = {},
}
