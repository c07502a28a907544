local wires = dofile "bench/harness/wires.lua"

return {
  place = 12,
  title = "Round trip of 64 bytes, both sides awake",
  group = "messages",
  program = "messages",
  processes = 2,
  definition = [[
The same with messages of 64 bytes. To "C: spinning on one word" that is one line of the cache, the number included.]],
  contenders = wires.contenders("round_trip", 64, {
    "shmipc/channel", "lua_c/spin", "luasocket/socket", "redis/list", "python/simple", "python/queue", "boost/queue",
    "c/pipe", "c/socket", "c/futex", "c/ring", "c/spin",
  }),
  targets = {
    { ours = "shmipc/channel_round_trip_64", other = "c/spin_round_trip_64", at_most = 2.5 },
    { ours = "shmipc/channel_round_trip_64", other = "boost/queue_round_trip_64", at_least = 1 },
    { ours = "shmipc/channel_round_trip_64", other = "luasocket/socket_round_trip_64", at_least = 20 },
  },
}
