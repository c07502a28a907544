return {
  place = 9,
  is_detail = true,
  title = "Fill a million elements",
  program = "million",
  definition = [[
A million integers of 32 bits in named shared memory are set to 7. The memory's sum is checked at the end.]],
  contenders = {
    { peer = "shmipc", task = "fill", label = "`array:fill(7)`" },
    { peer = "lua", task = "fill_loop", label = "a loop over a table (not shared)" },
    { peer = "python", task = "fill", label = '`memoryview[:] = array("i", [7]) * n`' },
    { peer = "c", task = "fill", label = "a loop" },
  },
  targets = {},
}
