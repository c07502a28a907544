-- Random structs lie as the C compilers put them: the platform's own, and the one for Windows.
--
-- SHMIPC_DECLARATIONS_SEED and SHMIPC_DECLARATIONS_COUNT choose which and how many; SHMIPC_DECLARATIONS_COMPILER and
-- SHMIPC_DECLARATIONS_WINDOWS_COMPILER take other compilers than gcc and mingw's.

local declaration = require "shmipc.declaration"
local declarations = require "support.declarations"
local objects = require "support.objects"
local shmipc = require "shmipc"

local SEED = math.tointeger(tonumber(os.getenv "SHMIPC_DECLARATIONS_SEED" or 1))
local COUNT = math.tointeger(tonumber(os.getenv "SHMIPC_DECLARATIONS_COUNT" or 1500))
local BATCH = 250 -- declarations in a file

local platforms = {
  {
    name = "Linux",
    native = declarations.linux,
    compiler = os.getenv "SHMIPC_DECLARATIONS_COMPILER" or "gcc",
    headers = "#include <sys/types.h>\n#include <linux/types.h>\n",
    header_names = [[
      ssize_t, u_int8_t, u_int16_t, u_int32_t, u_int64_t, uint, ushort, ulong, u_char, u_short, u_int, u_long,
      __u8, __s8, __u16, __s16, __u32, __s32, __u64, __s64
    ]],
  },
  {
    name = "Windows",
    native = declarations.windows,
    compiler = os.getenv "SHMIPC_DECLARATIONS_WINDOWS_COMPILER" or "x86_64-w64-mingw32-gcc",
    headers = "#include <windows.h>\n",
    header_names = [[
      ATOM, BOOL, BOOLEAN, BYTE, CCHAR, CHAR, COLORREF, DOUBLE, DWORD, DWORD32, DWORD64, DWORDLONG, DWORD_PTR,
      FLOAT, HANDLE, HBITMAP, HBRUSH, HCURSOR, HDC, HFONT, HGLOBAL, HICON, HINSTANCE, HKEY, HLOCAL, HMENU,
      HMODULE, HMONITOR, HRESULT, HWND, INT, INT16, INT32, INT64, INT8, INT_PTR, LANGID, LARGE_INTEGER, LCID,
      LONG, LONG32, LONG64, LONGLONG, LONG_PTR, LPARAM, LPCSTR, LPCVOID, LPCWSTR, LPSTR, LPVOID, LPWSTR,
      LRESULT, NTSTATUS, PCSTR, PCWSTR, PSTR, PVOID, PWSTR, SHORT, SIZE_T, SSIZE_T, UCHAR, UINT, UINT16, UINT32,
      UINT64, UINT8, UINT_PTR, ULARGE_INTEGER, ULONG, ULONG32, ULONG64, ULONGLONG, ULONG_PTR, USHORT,
      VARIANT_BOOL, WCHAR, WORD, WPARAM, byte, ssize_t, unsigned __int64, __int8, __int16 unsigned, __int32
    ]],
  },
}

local function exists(program)
  return (os.execute(("command -v %s >/dev/null 2>&1"):format(program)))
end

-- A sanitizer that is loaded into this process has no business in the compiler.
local function assembly_of(compiler, c)
  local source, output, log = objects.file(c, ".c"), objects.file(nil, ".s"), objects.file("", ".log")
  local done = os.execute(("env -u LD_PRELOAD %s -std=gnu11 -w -S -o %s %s 2>%s"):format(compiler, output, source, log))
  if not done then error(objects.contents(log):sub(1, 2000), 0) end
  return objects.contents(output)
end

-- The checks of one description against the compiler, or the error that it makes.
local function checks_of(made, platform, known)
  local options = { native = platform.native, pack = made.pack, known = known }
  local description = assert(declaration.compile(made.text, options))
  return declarations.checks(description, made.name, made.members)
end

local function batch(generator, platform, size)
  local known, all, declared = {}, {}, {}
  for i = 1, size do
    local made = generator:next()
    local ok, checks = pcall(checks_of, made, platform, known)
    if not ok then error(("%s\nin (pack = %s):\n%s"):format(checks, made.pack, made.text), 0) end
    for _, check in ipairs(checks) do
      check.made = made
      all[#all + 1] = check
    end
    declared[i] = made.c
  end
  return all, table.concat(declared, "\n\n")
end

local function compare(checks, answers)
  assert.equal(#checks, #answers)
  for i, check in ipairs(checks) do
    if not declarations.holds(check, answers[i]) then
      error(("%s is %d in C, and %s here (pack = %s):\n%s"):format(check.expression, answers[i], check.ours,
        check.made.pack, check.made.text), 0)
    end
  end
end

local function ask(platform, declared, checks)
  return declarations.answers(assembly_of(platform.compiler, declarations.c_file(declared, checks)))
end

-- A struct with a member of each type, each after a char, so that its alignment shows.
local function struct_of_each(names)
  local lines = {}
  for name in names:gmatch "[%a_][%w_ ]*" do
    local n = #lines + 1
    lines[n] = ("  char gap%d; %s member%d;"):format(n, name, n)
  end
  return ("struct each {\n%s\n};"):format(table.concat(lines, "\n"))
end

local function run(platform, seed)
  local generator = declarations.generator(seed)
  for first = 1, COUNT, BATCH do
    generator.tags, generator.typedefs = {}, {} -- of another file
    local checks, declared = batch(generator, platform, math.min(BATCH, COUNT - first + 1))
    compare(checks, ask(platform, declared, checks))
  end
end

-- Where the compilers can run, a test of a platform; else what keeps it from running.
local function test(platform, title, f)
  if shmipc.platform ~= "linux" then
    pending(title .. ": the compilers run on Linux only")
  elseif not exists(platform.compiler) then
    pending(("%s: %s is not installed"):format(title, platform.compiler))
  else
    it(title, f)
  end
end

describe("the layout compiler #programs", function()
  after_each(objects.check_none_left)

  for _, platform in ipairs(platforms) do
    test(platform, ("puts the members of random structs where a compiler for %s does"):format(platform.name), function()
      local ok, message = pcall(run, platform, SEED)
      if not ok then error(("SHMIPC_DECLARATIONS_SEED=%d: %s"):format(SEED, message), 0) end
    end)

    test(platform, ("knows the types of the headers of %s"):format(platform.name), function()
      local text = struct_of_each(platform.header_names)
      local checks = checks_of({ text = text, name = "struct each" }, platform, {})
      for _, check in ipairs(checks) do check.made = { text = text } end
      compare(checks, ask(platform, platform.headers .. text, checks))
    end)
  end
end)
