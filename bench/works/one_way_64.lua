local wires = dofile "bench/harness/wires.lua"

local contenders = wires.contenders("one_way", 64, {
  "shmipc/channel", "lua_c/ring", "luasocket/socket", "redis/list", "python/simple", "python/queue", "boost/queue",
  "c/pipe", "c/socket", "c/ring",
})
table.insert(contenders, 2,
  { peer = "shmipc", task = "channel_bulk_64", label = "`send_many`, `receive_many` by 64" })

return {
  place = 15,
  title = "Messages of 64 bytes, one way",
  group = "messages",
  program = "messages",
  processes = 2,
  definition = [[
One process sends messages of 64 bytes, one call a message where the label does not say otherwise; another one
receives each of them and checks it (in C and C++ its number, in Lua and Python all bytes). The time is that from the
first one's begin to the last one's end, by message. Channels, the ring and `message_queue` hold 1 MiB; the others have
the capacity that they have.

"C: a ring" has one sender and one receiver, slots of whole lines of the cache, and its two indices on lines of their
own, each stored with release and loaded with acquire. Each end keeps what it last saw of the other's index and looks
again only when that says full or empty; then it spins, with the processor's `pause`, and gives the processor away once
in 500 turns. Messages are copied in and copied out. "C functions around a ring" are two that Lua calls, which take a
string and make a string, and check nothing.]],
  contenders = contenders,
  targets = {
    { ours = "shmipc/channel_one_way_64", other = "c/ring_one_way_64", at_least = 0.85 },
    { ours = "shmipc/channel_one_way_64", other = "boost/queue_one_way_64", at_least = 2 },
    { ours = "shmipc/channel_bulk_64", other = "c/ring_one_way_64", at_least = 1.5 },
  },
}
