-- Runs the chunks that it is sent, one a line, and prints their results. A chunk that sets `last_words` makes the
-- script end with that error, uncaught.

-- Loaded when a chunk first speaks of it: some have to do something before.
setmetatable(_G, {
  __index = function(_, key)
    if key == "shmipc" then return require "shmipc" end
  end,
})

io.stdout:setvbuf("no") -- not "line": Windows takes that for "full"

local function quoted(value)
  local kind = type(value)
  if kind ~= "nil" and kind ~= "boolean" and kind ~= "number" and kind ~= "string" then value = tostring(value) end
  return (("%q"):format(value):gsub("\\\n", "\\n"))
end

local function answer(ok, ...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = quoted((select(i, ...))) end
  io.stdout:write(ok and "= " or "! ", table.concat(words, ", "), "\n")
end

local function run(chunk, ...)
  return (load("return " .. chunk, "=peer") or assert(load(chunk, "=peer")))(...)
end

for line in io.lines() do
  answer(pcall(load("return run(" .. line .. ")", "=line", "t", { run = run })))
  local last_words = rawget(_G, "last_words")
  if last_words then error(last_words) end
end
