return {
  title = "Lua",
  role = "peer",
  package = "lua5.4",
  command = function(program)
    return { "lua5.4", "bench/drivers/driver.lua", ("bench/peers/lua/%s.lua"):format(program) }
  end,
  version = function() return { "lua5.4", "-v" } end,
}
