-- What a process meets at the edges of what its system allows. Each is a clear nil, message, code, and never a signal,
-- an endless wait, or something left behind.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local describe_on_linux = shmipc.platform == "linux" and describe or pending

-- A peer that a shell starts, after it has run the line.
local function peer_after(line)
  return process.peer { "sh", "-c", line .. ' && exec "$0" "$@"' }
end

describe_on_linux("a process at its limits", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("is not killed by a limit on the size of files", function()
    local peer <close> = peer_after "ulimit -f 10"
    assert.equal("NO_SPACE", peer:run("select(3, shmipc.mapping.create(..., 1 << 20))", name))
    assert.equal("NO_SPACE", peer:run("select(3, shmipc.mapping.file(..., {size = 1 << 20}))", objects.file()))
    assert.equal(1000, peer:run("shmipc.mapping.create(..., 1000):size()", name))
  end)

  it("does not print into shared memory when it was started without standard files", function()
    local peer <close> = process.peer { "sh", "-c", 'exec "$0" "$@" 2>&-' }
    peer:run("io.stderr:write('at first') mapping = assert(shmipc.mapping.create(..., 16)) view = mapping:view()", name)
    peer:run("io.stderr:write('HELLO') io.stderr:flush()")
    assert.equal(("\0"):rep(16), peer:run("view:read(0, 16)"))
  end)

  it("is told LIMIT when it has too many files open, and goes on when it has closed some", function()
    local peer <close> = peer_after "ulimit -n 30"
    assert.equal("LIMIT", peer:run([[
      local name = ...
      held = { assert(shmipc.mapping.create(name, 4)) }
      while true do
        local mapping, _, code = shmipc.mapping.open(name)
        if not mapping then return code end
        held[#held + 1] = mapping
      end
    ]], name))
    peer:run("for _, mapping in ipairs(held) do mapping:close() end")
    assert.is_true(peer:run("shmipc.mapping.create(..., 4):close()", name))
  end)

  it("holds no more locks than the system gives back when it is killed", function()
    local peer <close> = peer_after "ulimit -n 8192"
    local count, code = peer:run([[
      local prefix = ...
      mutexes = {}
      for i = 1, 1200 do
        mutexes[i] = assert(shmipc.mutex.create(prefix .. i))
        local guard, _, code = mutexes[i]:lock()
        if not guard then return i - 1, code end
      end
    ]], name)
    assert.equal("LIMIT", code)
    assert.is_true(count >= 1000)
    local first, last = assert(shmipc.mutex.open(name .. 1)), assert(shmipc.mutex.open(name .. count))
    peer:kill()
    assert.equal("abandoned", select(2, assert(first:lock(5))))
    assert.equal("abandoned", select(2, assert(last:lock(5))))
    first:close()
    last:close()
    for i = 1, count + 1 do objects.refused("NOT_FOUND", shmipc.mutex.open(name .. i)) end
  end)

  it("finds that a link which leads nowhere is no file", function()
    local path = objects.file()
    assert(process.succeeds { "ln", "-s", "/nowhere/at/all", path })
    objects.refused("NOT_FOUND", shmipc.mapping.file(path))
    objects.refused("NOT_FOUND", shmipc.mapping.file(path, { size = 4 }))
    assert(os.remove(path))
  end)
end)
