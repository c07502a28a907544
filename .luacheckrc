std = "lua54"
max_line_length = 120
exclude_files = { "build", "docs/api" }
-- A `local guard <close>` is used by going out of scope.
ignore = { "211/guard", "211/.*_<close>" }
files["spec"] = { std = "lua54+busted" }
