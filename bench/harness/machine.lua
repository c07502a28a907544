-- What a run ran on, as lines {what, value}.

local shell = require "harness.shell"

local machine = {}

local function first_match(path, pattern)
  local file <close> = io.open(path)
  return file and file:read("a"):match(pattern)
end

local function processor()
  local model = first_match("/proc/cpuinfo", "model name%s*:%s*([^\n]+)")
    or shell.first_line { "uname", "-m" }
  return ("%s, %s processors"):format(model, shell.first_line { "nproc" })
end

local function memory()
  local kibibytes = tonumber(first_match("/proc/meminfo", "MemTotal:%s*(%d+)") or 0)
  return ("%.0f GiB"):format(kibibytes / 2 ^ 20)
end

local function system()
  local distribution = first_match("/etc/os-release", 'PRETTY_NAME="([^"]+)"') or "Linux"
  return ("%s, kernel %s, %s"):format(distribution, shell.first_line { "uname", "-r" },
    shell.first_line { "getconf", "GNU_LIBC_VERSION" } or "another C library")
end

--- The load before the run: others may have been at work on the machine.
function machine.load()
  return first_match("/proc/loadavg", "^%S+") or "unknown"
end

function machine.describe()
  return {
    { "Processor", processor() },
    { "Memory", memory() },
    { "System", system() },
  }
end

local function without_copyright(version) return (version:gsub("[%s-]+Copyright.*", "")) end

--- The peers' versions, those that say one, in the order in which the works name them.
function machine.versions(peers, programs)
  local lines = {}
  for _, peer in ipairs(peers) do
    local version = peer.version and shell.first_line(peer.version(programs))
    if version then lines[#lines + 1] = { peer.title, without_copyright(version) } end
  end
  return lines
end

return machine
