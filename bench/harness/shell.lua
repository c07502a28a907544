-- Other programs, run by the shell.

local shell = {}

local function quoted(word) return "'" .. tostring(word):gsub("'", "'\\''") .. "'" end

local function line_of(words)
  local line = {}
  for i, word in ipairs(words) do line[i] = quoted(word) end
  return table.concat(line, " ")
end

--- Runs a list of a program and its arguments: its standard output, or nil and a message. Errors go where ours go.
function shell.run(words)
  local line = line_of(words)
  local pipe = assert(io.popen(line .. " </dev/null"))
  local output = pipe:read "a"
  local ok, how, code = pipe:close()
  if not ok then return nil, ("%s %d from: %s"):format(how, code, line) end
  return output
end

--- The first line that a program prints, or nil.
function shell.first_line(words)
  local pipe = assert(io.popen(line_of(words) .. " 2>&1 </dev/null"))
  local line = pipe:read "l"
  pipe:read "a"
  return pipe:close() and line or nil
end

--- Whether there is such a program: a name, or a path.
function shell.has(program)
  return (os.execute(("command -v %s >/dev/null"):format(quoted(program))))
end

return shell
