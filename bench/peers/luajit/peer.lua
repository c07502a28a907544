return {
  title = "LuaJIT's FFI",
  role = "peer",
  package = "luajit",
  command = function(program)
    return { "luajit", "bench/drivers/driver_luajit.lua", ("bench/peers/luajit/%s.lua"):format(program) }
  end,
  version = function() return { "luajit", "-v" } end,
}
