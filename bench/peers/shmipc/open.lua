-- An existing mapping is opened, viewed and closed.

local shmipc = require "shmipc"

local SIZE = 4096

return {
  open = {
    prepare = function(name) return { name = name, holder = assert(shmipc.mapping.create(name, SIZE)) } end,
    loop = function(count, subject)
      local name, sizes = subject.name, 0
      for _ = 1, count do
        local mapping = shmipc.mapping.open(name)
        local view = mapping:view()
        sizes = sizes + #view
        view:close()
        mapping:close()
      end
      return sizes
    end,
    expected = function(count) return count * SIZE end,
  },
}
