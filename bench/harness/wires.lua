-- The contenders of the works about messages, by what carries the messages.

local wires = {}

local all = {
  ["shmipc/channel"] = { label = "`channel:send`, `channel:receive`" },
  ["luasocket/socket"] = { label = "Unix socket" },
  ["redis/list"] = { label = "`lpush`, `brpop` over a Unix socket" },
  ["python/simple"] = { label = "`multiprocessing.SimpleQueue`" },
  ["python/queue"] = { label = "`multiprocessing.Queue`", is_detail = true },
  ["boost/queue"] = { label = "`message_queue`" },
  ["lua_c/spin"] = { label = "C functions around one word that check nothing" },
  ["lua_c/ring"] = { label = "C functions around a ring that check nothing" },
  ["c/pipe"] = { label = "pipe", role = "peer" },
  ["c/socket"] = { label = "Unix socket", role = "peer" },
  ["c/futex"] = { label = "sleeping on a futex" },
  ["c/ring"] = { label = "a ring, spinning" },
  ["c/spin"] = { label = "spinning on one word" },
}

--- The contenders with a work's task for messages of a size. names: the keys above, in their order on the page.
function wires.contenders(work, size, names)
  local contenders = {}
  for i, name in ipairs(names) do
    local peer, wire = name:match "(.+)/(.+)"
    local contender = { peer = peer, task = ("%s_%s_%d"):format(wire, work, size) }
    for key, value in pairs(all[name]) do contender[key] = value end
    contenders[i] = contender
  end
  return contenders
end

return wires
