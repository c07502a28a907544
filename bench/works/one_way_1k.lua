local wires = dofile "bench/harness/wires.lua"

return {
  place = 16,
  title = "Messages of 1 KiB, one way",
  group = "messages",
  program = "messages",
  processes = 2,
  definition = [[
The same with messages of 1,024 bytes.]],
  contenders = wires.contenders("one_way", 1 << 10, {
    "shmipc/channel", "luasocket/socket", "redis/list", "python/simple", "python/queue", "boost/queue", "c/pipe",
    "c/socket", "c/ring",
  }),
  targets = {},
}
