-- An existing object is opened, mapped and closed.

local system = require "drivers.system_luajit"

local SIZE = 4096

return {
  open = {
    prepare = function(name) return { name = name, memory = system.create_memory(name, SIZE) } end,
    loop = function(count, subject)
      local name, open, close, sizes = subject.name, system.open_memory, system.close_memory, 0
      for _ = 1, count do
        local memory, length = open(name)
        sizes = sizes + length
        close(memory, length)
      end
      return sizes
    end,
    release = function(subject) system.unlink_memory(subject.name) end,
    expected = function(count) return count * SIZE end,
  },
}
