local wires = dofile "bench/harness/wires.lua"

return {
  place = 13,
  title = "Round trip of 64 bytes, both sides awake: how the times are spread",
  group = "messages",
  is_detail = true,
  program = "messages",
  processes = 2,
  count = 10000,
  definition = [[
The same again, but the time of each of 10,000 round trips is taken; two readings of the clock are in each. The mean is
that of all trips of a run; 50 %, 99 % and 99.9 % of its trips took no longer than the times in these columns. All are
medians of the runs.]],
  contenders = wires.contenders("latency", 64, {
    "shmipc/channel", "luasocket/socket", "redis/list", "python/simple", "python/queue", "boost/queue", "c/pipe",
    "c/socket", "c/futex", "c/ring", "c/spin",
  }),
  targets = {},
}
