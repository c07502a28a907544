return {
  title = "Boost.Interprocess",
  role = "peer",
  package = "libboost-dev",
  command = function(program, folder) return { ("%s/boost_%s"):format(folder, program) } end,
  version = function(folder) return { folder .. "/boost_lock", "version" } end,
}
