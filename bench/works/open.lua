return {
  place = 10,
  title = "Open, view and close an existing mapping",
  program = "open",
  definition = [[
A mapping of 4,096 bytes that exists is opened by its name, made readable and writable memory, asked for its size, and
closed; the memory is not touched. The sum of the sizes is checked. C does `shm_open`, `fstat`, `mmap`, `munmap` and
`close`.]],
  contenders = {
    { peer = "shmipc", task = "open", label = "`mapping.open`, `mapping:view`, `close`" },
    { peer = "luajit", task = "open", label = "`shm_open`, `mmap`, …" },
    { peer = "python", task = "open", label = "`SharedMemory(name).close()`" },
    { peer = "boost", task = "open", label = "`mapped_region`" },
    { peer = "c", task = "open", label = "the bare system calls" },
  },
  targets = {
    { ours = "shmipc/open", other = "c/open", at_most = 3 },
  },
}
