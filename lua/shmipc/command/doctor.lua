-- shmipc doctor

local json = require "shmipc.console.json"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local text = require "shmipc.console.text"

local SMALL = 65 << 20 -- Docker gives 64 MiB
local is_linux = shmipc.platform == "linux"

local function options(parser)
  parser:flag("--json", "For programs.")
end

-- ---- what the system says

local function output_of(line)
  local pipe <close> = io.popen(line .. (is_linux and " 2>/dev/null" or " 2>nul"))
  return pipe and pipe:read "a" or ""
end

local function contents(path)
  local file <close> = io.open(path)
  return file and file:read "a"
end

-- ---- the checks: each gives "ok", "warning" or "failed", what it found, and what to do

local checks = {}

local function check(title, f) checks[#checks + 1] = { title = title, run = f } end

check("versions", function()
  local kernel = is_linux and (contents "/proc/sys/kernel/osrelease" or "?"):match "%S+" or "Windows"
  return "ok", ("shmipc %s, %s, %s"):format(shmipc._VERSION, _VERSION, is_linux and "Linux " .. kernel or kernel)
end)

if is_linux then
  check("/dev/shm", function()
    local total, free = output_of "df -Pk /dev/shm":match "\n%S+%s+(%d+)%s+%d+%s+(%d+)"
    if not total then return "failed", "there is none", "mount a tmpfs there" end
    total, free = tonumber(total) * 1024, tonumber(free) * 1024
    local found = ("%s, %s free"):format(text.bytes(total), text.bytes(free))
    if total < SMALL then
      return "warning", found, "containers often have a small one: docker run --shm-size=1g, or in Kubernetes an " ..
        "emptyDir with medium: Memory at /dev/shm"
    end
    if free < total // 10 then return "warning", found, "see shmipc ls -a for what takes the space, and shmipc gc" end
    return "ok", found
  end)

  check("permissions", function()
    local mode = output_of "stat -c %a /dev/shm":match "%d+"
    if mode == "1777" then return "ok", "mode 1777" end
    return "warning", "mode " .. (mode or "?"),
      "others may be kept from their objects, or remove yours: chmod 1777 /dev/shm"
  end)

  check("RemoveIPC", function()
    local user = tonumber(output_of "id -u":match "%d+") or 0
    local login = io.open "/run/systemd/seats"
    if login then login:close() end
    if not login then return "ok", "no systemd-logind here" end
    local setting = "yes"
    local files = output_of "cat /etc/systemd/logind.conf /etc/systemd/logind.conf.d/*.conf"
    for value in files:gmatch "\nRemoveIPC=(%a+)" do
      setting = value
    end
    if setting == "no" then return "ok", "no: objects stay when you log out" end
    if user < 1000 then return "ok", "yes, but it spares users of the system as this one is" end
    return "warning", "yes: your objects on /dev/shm vanish when you have logged out everywhere",
      "for services run as a user: set RemoveIPC=no in /etc/systemd/logind.conf, or use a system user"
  end)

  check("leftovers", function()
    local list, message = shmipc.list { holders = false }
    if not list then return "failed", message end
    local count, bytes = 0, 0
    for _, object in ipairs(list) do
      if object.leftover then count, bytes = count + 1, bytes + object.size end
    end
    if count == 0 then return "ok", "none" end
    return "warning", ("%d, of %s"):format(count, text.bytes(bytes)), "shmipc gc removes them"
  end)

  check("who holds what", function()
    if contents "/proc/self/mounts":find "\nproc /proc proc [^\n]*hidepid=[12ip]" then
      return "warning", "/proc is mounted with hidepid: processes of other users cannot be seen", "ask root to look"
    end
    return "ok", "/proc tells"
  end)
else
  check("who holds what", function()
    return "ok", "this system tells only how many handles there are"
  end)
end

local function own_name(what) return ("shmipc-doctor-%d-%s"):format(shmipc.pid(), what) end

check("shared memory", function()
  local mapping <close>, message = shmipc.mapping.create(own_name "memory", 4096)
  if not mapping then return "failed", message, "see the lines above" end
  local view <close> = mapping:view()
  view:write_i32(0, 42)
  return view:read_i32(0) == 42 and "ok" or "failed", "created, written and read"
end)

-- Runs a chunk of Lua in another process, which has the module and two names.
local function elsewhere(chunk)
  local first = 0
  while arg[first - 1] do first = first - 1 end
  local path = os.tmpname()
  local file <close> = assert(io.open(path, "w"))
  file:write(("package.path, package.cpath = %q, %q\nlocal shmipc = require 'shmipc'\n%s"):format(package.path,
    package.cpath, chunk))
  file:close()
  local interpreter = first < 0 and arg[first] or "lua5.4"
  local is_done = os.execute(is_linux and ("'%s' '%s'"):format(interpreter, path)
    or ('""%s" "%s""'):format(interpreter, path))
  os.remove(path)
  return is_done
end

check("robust locks", function()
  local name = own_name "mutex"
  local mutex <close>, message, code = shmipc.mutex.create(name)
  if not mutex then
    return "failed", message, code == "NOT_SUPPORTED" and "locks need 64 bits and a C library with robust lists" or nil
  end
  elsewhere(("assert(assert(shmipc.mutex.open(%q)):lock(5))\nos.exit(0)"):format(name))
  local guard <close>, told = mutex:lock(5)
  if guard and told == "abandoned" then return "ok", "an owner's death is told to the next one" end
  return "failed", guard and "an owner's death was not told" or "a dead owner's lock was not given on"
end)

check("waiting", function()
  local name = own_name "event"
  local event <close>, message = shmipc.event.create(name)
  if not event then return "failed", message end
  elsewhere(("assert(shmipc.event.open(%q)):set()"):format(name))
  local is_set, problem = event:wait(5)
  if is_set then return "ok", "a process wakes another one" end
  return "failed", problem
end)

-- ---- showing

local styles = { ok = "good", warning = "warning", failed = "bad" }

local function run(chosen)
  local paint, status, list = style.painter(), 0, json.list {}
  for _, one in ipairs(checks) do
    local is_done, verdict, found, advice = pcall(one.run)
    if not is_done then verdict, found, advice = "failed", verdict, nil end
    if verdict == "failed" then status = 1 end
    list[#list + 1] = { check = one.title, verdict = verdict, found = found, advice = advice }
    if not chosen.json then
      print(("%s  %-15s %s"):format(paint(styles[verdict], ("%-7s"):format(verdict)), one.title, found or ""))
      if advice then print("         -> " .. advice) end
    end
  end
  if chosen.json then print(json.encode(list)) end
  return status
end

return {
  summary = "Checks the surroundings, and says what to do about them.",
  options = options,
  examples = {
    { "shmipc doctor", "space, permissions, leftovers, locks, waiting" },
  },
  run = run,
}
