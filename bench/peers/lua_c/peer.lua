return {
  title = "C in Lua",
  role = "limit",
  package = "liblua5.4-dev",
  command = function(program, folder)
    return {
      "env", "BENCH_MEMORY=" .. folder .. "/bench_memory.so", "BENCH_WIRES=" .. folder .. "/bench_wires.so",
      "lua5.4", "bench/drivers/driver.lua", ("bench/peers/lua_c/%s.lua"):format(program),
    }
  end,
}
