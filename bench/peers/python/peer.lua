return {
  title = "Python",
  role = "peer",
  package = "python3",
  command = function(program)
    return { "python3", "-B", "bench/drivers/driver.py", ("bench/peers/python/%s.py"):format(program) }
  end,
  version = function() return { "python3", "--version" } end,
}
