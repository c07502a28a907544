return {
  place = 8,
  is_detail = true,
  title = "Write a million elements",
  program = "million",
  definition = [[
A table of a million integers (in Python a list) is written to named shared memory, 32 bits each. The memory's sum is
checked at the end. "C in Lua" checks neither that the values are integers nor that they fit.]],
  contenders = {
    { peer = "shmipc", task = "set", label = "`array:set(1, table)`" },
    { peer = "lua", task = "overwrite_loop", label = "a loop from table to table (not shared)" },
    { peer = "python", task = "set_list", label = '`memoryview[:] = array("i", list)`' },
    { peer = "lua_c", task = "set", label = "`lua_rawgeti`" },
  },
  targets = {},
}
