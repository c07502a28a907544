local wires = dofile "bench/harness/wires.lua"

return {
  place = 17,
  title = "Messages of 64 KiB, one way",
  group = "messages",
  program = "messages",
  processes = 2,
  definition = [[
The same with messages of 65,536 bytes. Of these Lua and Python check the length and both ends. "C: a ring" is 16 slots,
a copy in and a copy out.]],
  contenders = wires.contenders("one_way", 1 << 16, {
    "shmipc/channel", "luasocket/socket", "redis/list", "python/simple", "python/queue", "boost/queue", "c/pipe",
    "c/socket", "c/ring",
  }),
  targets = {
    { ours = "shmipc/channel_one_way_65536", other = "c/ring_one_way_65536", at_least = 0.8 },
  },
}
