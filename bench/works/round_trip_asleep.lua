local wires = dofile "bench/harness/wires.lua"

return {
  place = 14,
  title = "Round trip of 64 bytes, the receiver asleep",
  group = "messages",
  program = "messages",
  processes = 2,
  count = 1000,
  definition = [[
Before each of 1,000 round trips the process that asks reads the clock for 100 µs, so that the other one has gone to
sleep; then it takes the time of the trip alone. It may itself wait for the answer as it likes. "Sleeping on a futex"
does not spin, neither here nor there.]],
  contenders = wires.contenders("asleep", 64, {
    "shmipc/channel", "luasocket/socket", "boost/queue", "c/pipe", "c/socket", "c/futex",
  }),
  targets = {
    { ours = "shmipc/channel_asleep_64", other = "c/futex_asleep_64", at_most = 1.2 },
  },
}
