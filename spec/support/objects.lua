--- What the single-process specs share: names and files that no other run uses, the proof that a test left nothing
-- behind, and two ways to say that a call was refused.

local lfs = require "lfs"
local shmipc = require "shmipc"

local objects = {}

local prefix = ("shmipc-spec-%d-"):format(shmipc.pid())
local count = 0
local names, files = {}, {}

local function unique()
  count = count + 1
  return prefix .. count
end

--- A name that is not in use. The suffix may bring in what a test wants to have in a name.
function objects.name(suffix)
  local name = unique() .. (suffix or "")
  names[#names + 1] = name
  return name
end

--- The path of a file that does not exist. With bytes: it exists, and holds them.
function objects.file(bytes, suffix)
  local folder = (os.getenv "TMPDIR" or os.getenv "TEMP" or "/tmp"):gsub("\\", "/")
  local path = folder .. "/" .. unique() .. (suffix or "")
  files[#files + 1] = path
  if bytes then objects.overwrite(path, bytes) end
  return path
end

--- Truncates the file, and writes the bytes: what another program may do at any time.
function objects.overwrite(path, bytes)
  local file <close> = assert(io.open(path, "wb"))
  assert(file:write(bytes))
end

function objects.contents(path)
  local file <close> = assert(io.open(path, "rb"))
  return file:read "a"
end

--- Where a named object is found as a file (Linux only).
function objects.path(name)
  return "/dev/shm/" .. name
end

--- Every kind of named object, and what is needed behind the name to make one.
objects.arguments = { mapping = { 8 }, mutex = {}, event = {}, semaphore = { 1 }, channel = {} }

--- The way to make one of each kind.
objects.create = {}
for kind, list in pairs(objects.arguments) do
  objects.create[kind] = function(name) return shmipc[kind].create(name, table.unpack(list)) end
end

local function remaining()
  local found = {}
  if shmipc.platform == "linux" then
    for entry in lfs.dir "/dev/shm" do
      if entry:find(prefix, 1, true) then found[#found + 1] = entry end
    end
    for _, entry in ipairs(found) do -- so that the next test is not blamed as well
      if not os.remove(objects.path(entry)) then lfs.rmdir(objects.path(entry)) end
    end
  end
  for _, name in ipairs(names) do
    local _, _, code = shmipc.mapping.open(name)
    if code ~= "NOT_FOUND" then found[#found + 1] = ("%s (open: %s)"):format(name, code or "succeeds") end
  end
  return found
end

--- For after_each: fails when the test has left a named object; removes its files.
function objects.check_none_left()
  collectgarbage()
  collectgarbage() -- what the finalisers of the first kept alive
  local found = remaining()
  for _, path in ipairs(files) do
    if not os.remove(path) then lfs.rmdir(path) end
  end
  names, files = {}, {}
  if #found > 0 then error("left behind: " .. table.concat(found, ", "), 2) end
end

--- Expects what a function returns when the environment refuses: nil, message, code. Returns the message and the native
-- error number.
function objects.refused(code, ...)
  local result, message, given, native = ...
  if result ~= nil then error(("expected %s, got %s"):format(code, result), 2) end
  if given ~= code then error(("expected %s, got %s: %s"):format(code, given, message), 2) end
  if type(message) ~= "string" then error("the message is a " .. type(message), 2) end
  if native ~= nil and math.type(native) ~= "integer" then error("the native number is " .. tostring(native), 2) end
  return message, native
end

--- Expects that the call raises an error with the text in it. Returns the error.
function objects.raises(text, f, ...)
  local ok, message = pcall(f, ...)
  if ok then error(("expected an error with %q"):format(text), 2) end
  if type(message) ~= "string" or not message:find(text, 1, true) then
    error(("expected an error with %q, got %q"):format(text, tostring(message)), 2)
  end
  return message
end

return objects
