-- Named objects, as the subcommands find and describe them.

local command = require "shmipc.command"
local json = require "shmipc.console.json"
local nearest = require "shmipc.nearest"
local shmipc = require "shmipc"
local text = require "shmipc.console.text"

local objects = {}

--- All of them, sorted by name.
function objects.all(options)
  local list = command.expect(shmipc.list(options))
  table.sort(list, function(a, b) return a.name < b.name end)
  return list
end

-- A name with * and ? as a pattern of Lua.
local function pattern_of(glob)
  return "^" .. glob:gsub("%p", "%%%0"):gsub("%%%*", ".*"):gsub("%%%?", ".") .. "$"
end

--- Whether a name is meant by a list of names, in which * and ? stand for any characters. An empty list means all.
function objects.matches(name, globs)
  for _, glob in ipairs(globs) do
    if name:find(pattern_of(glob)) then return true end
  end
  return #globs == 0
end

--- The one of that name; fails when there is none.
function objects.find(name)
  local names, base = {}, name:gsub("^Local\\", "")
  for _, object in ipairs(objects.all()) do
    if object.name == base then return object end
    names[#names + 1] = object.name
  end
  local near = nearest(base, names)
  command.fail('there is no object named "%s"%s', name, near and (', did you mean "%s"?'):format(near) or "")
end

--- The user's number, where the system has such.
function objects.user()
  if shmipc.platform ~= "linux" then return nil end
  for line in io.lines "/proc/self/status" do
    local uid = line:match "^Uid:%s+%d+%s+(%d+)"
    if uid then return tonumber(uid) end
  end
end

local user_names

--- The name of a user.
function objects.user_name(uid)
  if not user_names then
    user_names = {}
    local file <close> = io.open "/etc/passwd"
    for line in (file or io.tmpfile()):lines() do
      local name, number = line:match "^([^:]*):[^:]*:(%d+):"
      if number then user_names[tonumber(number)] = name end
    end
  end
  return user_names[uid] or tostring(uid)
end

-- "4711 lua5.4"
local function process_text(process)
  if not process.pid then return "somebody" end
  return process.command and ("%d %s"):format(process.pid, process.command) or tostring(process.pid)
end
objects.process_text = process_text

--- Its size; objects of the kernel's have none.
function objects.size_text(object)
  return object.size == 0 and object.kind ~= "mapping" and "-" or text.bytes(object.size)
end

--- Who holds it, in a line; at most `limit` of them.
function objects.holders_text(object, limit)
  if not object.holders then
    return object.handles and ("%d handle%s"):format(object.handles, object.handles == 1 and "" or "s") or "?"
  end
  local shown = {}
  for i, process in ipairs(object.holders) do
    if i > limit then
      shown[i] = ("%d more"):format(#object.holders - limit)
      break
    end
    shown[i] = process_text(process)
  end
  if not object.holders_complete then shown[#shown + 1] = #shown > 0 and "others?" or "?" end
  return #shown > 0 and table.concat(shown, ", ") or "-"
end

local function lock_text(object)
  if object.abandoned then return "abandoned" end
  if not object.locked then return "free" end
  local owner = object.owner
  local by = owner.pid and (" by %d"):format(owner.pid) or owner.thread and (" by thread %d"):format(owner.thread) or ""
  return "locked" .. by .. (owner.since and " for " .. text.seconds(owner.since) or "")
end

--- What state it is in: a list of {text, style}.
function objects.state(object)
  local parts = {}
  local function add(shown, style) parts[#parts + 1] = { shown, style } end
  if object.leftover then add("leftover", "warning") end
  if object.foreign then add("foreign", "dim") end
  if object.persistent then add("persistent", "dim") end
  if object.corrupt then add("corrupt", "bad") end
  if object.unsupported then add("of another version", "warning") end
  if object.locked ~= nil and object.kind == "mutex" then
    add(lock_text(object), (object.locked or object.abandoned) and "warning" or "dim")
  end
  if object.set ~= nil then add(object.set and "set" or "not set", object.set and "good" or "dim") end
  if object.count then add(("%d of %d"):format(object.count, object.maximum)) end
  if object.depth then add(("%d message%s"):format(object.depth, object.depth == 1 and "" or "s")) end
  if object.shutdown then add("shut down", "dim") end
  if object.leftover then return parts end -- whatever its words say, nobody is there to wait
  if object.receivers_waiting then add("receiver waits") end
  if object.senders_waiting then add("sender waits", "warning") end
  if object.waiting then add("waited for", "warning") end
  return parts
end

--- The same as one text.
function objects.state_text(object, paint)
  local parts = {}
  for i, part in ipairs(objects.state(object)) do parts[i] = part[2] and paint(part[2], part[1]) or part[1] end
  return table.concat(parts, ", ")
end

--- The object for JSON.
function objects.json(object)
  local copy = {}
  for key, value in pairs(object) do copy[key] = value end
  if copy.mode then copy.mode = ("%04o"):format(copy.mode) end
  if copy.holders then copy.holders = json.list(copy.holders) end
  return copy
end

return objects
