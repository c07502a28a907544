return {
  place = 3,
  title = "Lock, add 1, unlock: one process",
  program = "lock",
  definition = [[
A mutex between processes is locked, 1 is added to an integer of 32 bits in named shared memory, the mutex is
unlocked. Nobody else wants it. The integer is checked at the end.]],
  contenders = {
    { peer = "shmipc", task = "array", label = "`mutex:lock`, `array[1] = array[1] + 1`" },
    { peer = "shmipc", task = "guard", label = "with `local guard <close>`", is_detail = true },
    { peer = "shmipc", task = "view", label = "with `view:read_i32`, `view:write_i32`", is_detail = true },
    { peer = "lua_c", task = "unchecked", label = "C functions around `pthread_mutex_t` that check nothing" },
    { peer = "luajit", task = "mutex", label = "robust `pthread_mutex_t`" },
    { peer = "python", task = "lock", label = "`multiprocessing.Lock`" },
    { peer = "boost", task = "interprocess_mutex", label = "`interprocess_mutex`" },
    { peer = "boost", task = "named_mutex", label = "`named_mutex`", is_detail = true },
    { peer = "c", task = "mutex", label = "robust `pthread_mutex_t`" },
  },
  targets = {
    { ours = "shmipc/array", other = "python/lock", at_least = 4 },
  },
}
