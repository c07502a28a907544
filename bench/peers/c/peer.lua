return {
  title = "C",
  role = "limit",
  package = "gcc",
  command = function(program, folder) return { ("%s/c_%s"):format(folder, program) } end,
  version = function(folder) return { folder .. "/c_element", "version" } end,
}
