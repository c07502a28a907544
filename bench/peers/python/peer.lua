local shell = require "harness.shell"

-- The distribution's rather than one that somebody built otherwise.
local python = shell.has "/usr/bin/python3" and "/usr/bin/python3" or "python3"

return {
  title = "Python",
  role = "peer",
  package = "python3",
  command = function(program)
    return { python, "-B", "bench/drivers/driver.py", ("bench/peers/python/%s.py"):format(program) }
  end,
  version = function() return { python, "--version" } end,
}
