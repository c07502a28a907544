std = "lua54"
max_line_length = 120
exclude_files = { "build" }
ignore = { "211/guard" } -- it works by going out of scope
files["spec"] = { std = "lua54+busted" }
