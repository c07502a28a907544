return {
  title = "shmipc",
  role = "ours",
  package = "lua5.4",
  command = function(program)
    return { "lua5.4", "bench/drivers/driver.lua", ("bench/peers/shmipc/%s.lua"):format(program) }
  end,
  version = function() return { "lua5.4", "-e", "print(require 'shmipc'._VERSION)" } end,
}
