local wires = dofile "bench/harness/wires.lua"

return {
  place = 11,
  title = "Round trip of 8 bytes, both sides awake",
  group = "messages",
  is_detail = true, -- the plot shows the one of 64 bytes
  program = "messages",
  processes = 2,
  definition = [[
One process sends a message of 8 bytes and waits for the answer; another one receives it and sends the same bytes back;
and so on, without a pause. Each answer is checked: in C and C++ messages bear a number, in Lua and Python they are
four in turn, all of whose bytes are compared.

"C: spinning on one word" is the least that two processes can do: in each direction a message has one place in shared
memory, aligned to a line of the cache. Its first 8 bytes are its number. The sender copies the rest to its place,
then stores the number (release); the receiver loads the number again and again (acquire, with the processor's `pause`
between), until it is a new one, then copies the rest out. The ring is that of the one-way works, one in each direction.
"Sleeping on a futex" has a count in place of the number: who waits calls `FUTEX_WAIT` at once, who sends calls
`FUTEX_WAKE` each time. A Redis server is a third process.

"C functions around one word" are that for Lua: two C functions that take a string and make a string, called as a
channel's methods are. They check nothing, know one sender and one receiver, and never sleep. No module for Lua can take
less.

Where the two processors are threads of one core, the word goes over and back in some 80 ns; between two cores it takes
some 400. What Lua's interpreter needs for the four calls of a trip, about 35 ns each, is the same on both.]],
  contenders = wires.contenders("round_trip", 8, {
    "shmipc/channel", "lua_c/spin", "luasocket/socket", "redis/list", "python/simple", "python/queue", "boost/queue",
    "c/pipe", "c/socket", "c/futex", "c/ring", "c/spin",
  }),
  targets = {
    { ours = "shmipc/channel_round_trip_8", other = "c/spin_round_trip_8", at_most = 2.5 },
    { ours = "shmipc/channel_round_trip_8", other = "boost/queue_round_trip_8", at_least = 1 },
    { ours = "shmipc/channel_round_trip_8", other = "luasocket/socket_round_trip_8", at_least = 20 },
  },
}
