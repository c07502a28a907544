-- Checks that the C sources keep to their layers: binding -> core -> os.h <- the one platform file.
-- Run in the root of the tree; prints what breaks a rule, and fails.

local standard = {}
for name in ([[
  assert float inttypes limits math stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib string time wchar
]]):gmatch "%S+" do
  standard["<" .. name .. ".h>"] = true
end
local lua = { ["<lua.h>"] = true, ["<lauxlib.h>"] = true, ["<lualib.h>"] = true }

-- What the files of a layer may include, besides their own folder's headers.
local layers = {
  ["csrc/os/*.h"] = { standard },
  ["csrc/os/*.c"] = { any_system_header = true },
  ["csrc/core/*.[ch]"] = { standard, { ['"../os/os.h"'] = true, ['"../os/status.h"'] = true } },
  ["csrc/binding/*.[ch]"] = { standard, lua, { ['"../include/shmipc.h"'] = true }, below = '^"%.%./core/[%w_]+%.h"$' },
  ["csrc/include/*.h"] = { lua },
}

-- These ask which system it is: only platform files may.
local questions = {
  "_WIN32", "_WIN64", "WIN32", "_MSC_VER", "__MINGW32__", "__CYGWIN__", "__linux__", "__linux", "__unix__", "__APPLE__",
  "__FreeBSD__", "__NetBSD__", "__OpenBSD__", "__GLIBC__", "_GNU_SOURCE", "_POSIX_C_SOURCE", "_XOPEN_SOURCE",
}

local broken, files_seen = 0, 0

local function report(where, line, text)
  broken = broken + 1
  print(("%s:%d: %s"):format(where, line, text))
end

local function run(command)
  local pipe <close> = assert(io.popen(command))
  local lines = {}
  for line in pipe:lines() do
    lines[#lines + 1] = line
  end
  return lines
end

local function may_include(layer, header)
  if header:match '^"[%w_]+%.h"$' then return true end
  if layer.any_system_header and header:match "^<" then return true end
  if layer.below and header:match(layer.below) then return true end
  for _, allowed in ipairs(layer) do
    if allowed[header] then return true end
  end
  return false
end

local function check_file(path, layer)
  files_seen = files_seen + 1
  local number = 0
  for line in io.lines(path) do
    number = number + 1
    local header = line:match '^%s*#%s*include%s*([<"][^>"]*[>"])'
    if header and not may_include(layer, header) then
      report(path, number, ("this layer may not include %s"):format(header))
    end
    if not layer.any_system_header then
      for word in line:gmatch "[%w_]+" do
        for _, question in ipairs(questions) do
          if word == question then report(path, number, ("only csrc/os/*.c may ask for %s"):format(word)) end
        end
      end
    end
  end
end

for pattern, layer in pairs(layers) do
  for _, path in ipairs(run("ls " .. pattern)) do
    check_file(path, layer)
  end
end
assert(files_seen > 20, "the sources were not found")

-- The names that the compiled core leaves open tell on it, however it came by them.
local may_call = { "^os_", "^shmipc_", "^mem%l+$", "^str%l+$", "^__stack_chk_fail$", "^_GLOBAL_OFFSET_TABLE_$" }
local symbols = run [[
  folder=$(mktemp -d)
  for file in csrc/core/*.c; do gcc -std=c11 -O2 -c $file -o $folder/$(basename $file).o || echo x U uncompilable; done
  nm -A -u $folder/*.o
  rm -r $folder
]]
assert(#symbols > 0, "the core calls nothing at all")
for _, symbol in ipairs(symbols) do
  local file, name = symbol:match "([^/]*)%.o:%s+U (%S+)$"
  local allowed = false
  for _, pattern in ipairs(may_call) do
    allowed = allowed or (name or symbol):match(pattern) ~= nil
  end
  if not allowed then report("csrc/core/" .. (file or "?"), 1, ("the core may not call %s"):format(name or symbol)) end
end

os.exit(broken == 0)
