local lock = dofile "bench/works/lock.lua"

local contenders = {}
for _, contender in ipairs(lock.contenders) do -- what that one locks is its own process's
  if contender.peer ~= "lua_c" then contenders[#contenders + 1] = contender end
end

return {
  place = 4,
  title = "Lock, add 1, unlock: two processes fight",
  program = "lock",
  processes = 2,
  definition = [[
The same by two processes at once, on one mutex and one integer. They begin together, each does as many; the time is
that from the first one's begin to the last one's end, divided by the operations of both. The integer is checked at
the end: nothing is lost. Nobody's mutex is fair: a process that holds it on and on is quicker than two that take
turns.]],
  contenders = contenders,
  targets = {
    { ours = "shmipc/array", other = "python/lock", at_least = 5 },
  },
}
