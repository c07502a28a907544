-- The command shmipc, as a person uses it and as a script does: piped, and in a real terminal; on names that are
-- absent, foreign, left over, held and corrupt.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"
local terminals = require "support.terminal"

local on_linux = shmipc.platform == "linux"

local function it_on_linux(title, body)
  if on_linux then return it(title, body) end
  pending(title .. ": only Linux has it, or has the programs for the test")
end

local function interpreter()
  local first = 0
  while arg[first - 1] do first = first - 1 end
  return arg[first] or "lua5.4"
end

-- What a program prints, on both streams, and its exit code.
local function output_of(child)
  local lines = {}
  for line in child:lines() do lines[#lines + 1] = (line:gsub("\r$", "")) end
  local _, code = child:wait()
  return table.concat(lines, "\n"), code
end

-- Runs the command.
local function run(...)
  local child <close> = process.start_script("bin/shmipc", ...)
  return output_of(child)
end

local function succeed(...)
  local output, code = run(...)
  if code ~= 0 then error(("exit code %d from %s:\n%s"):format(code, table.concat({ ... }, " "), output), 2) end
  return output
end

local function fail(code, text, ...)
  local output, given = run(...)
  if given ~= code or not output:find(text, 1, true) then
    error(("expected %d, %q from %s, got %s:\n%s"):format(code, text, table.concat({ ... }, " "), given, output), 2)
  end
  assert.is_nil(output:find("traceback", 1, true), output)
  return output
end

-- What another program finds in the JSON: the value of an expression of Python over `v`.
local function python(expression, ...)
  local words = {}
  for i, word in ipairs { interpreter(), "bin/shmipc", ... } do words[i] = "'" .. word:gsub("'", "'\\''") .. "'" end
  local reader = 'env -u LD_PRELOAD python3 -c "import json, sys; v = json.load(sys.stdin); print($0)"'
  local child <close> = process.start_program {
    "sh", "-c", table.concat(words, " ") .. " | " .. reader, expression,
  }
  return (output_of(child))
end

local LAYOUT = [[
#ifndef TELEMETRY_H
#define TELEMETRY_H
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
typedef struct Telemetry {
  uint32_t tick;
  struct { float x, y; } position;
  char pilot[16];
  int16_t laps[3];
  uint64_t total;
} Telemetry;
struct other { int i; };
#ifdef __cplusplus
}
#endif
#endif
]]

local function telemetry(name)
  local layout = shmipc.layout [[struct t { uint32_t tick; struct { float x, y; } position; char pilot[16];
    int16_t laps[3]; uint64_t total; };]]
  local mapping = assert(shmipc.mapping.create(name, layout.size))
  local record = assert(mapping:view()):record(layout)
  record.tick, record.position.x, record.pilot, record.total = 7, 0.1, "Ada", 2 ^ 62 | 1
  record.laps = { 1, -2, 3 }
  return mapping, record
end

describe("the command", function()
  after_each(objects.check_none_left)

  it("says what it can do, and each of its commands how it is used", function()
    local help = succeed "--help"
    local command = require "shmipc.command"
    local names = command.names()
    assert.is_true(#names >= 13)
    for _, name in ipairs(names) do
      assert(help:find("\n   " .. name .. " ", 1, true), name)
      local entry = command.find(name)
      assert.matches("%.$", entry.summary)
      assert(entry.examples and #entry.examples > 0, name)
      local own = succeed(name, "--help")
      assert(own:find("Usage: shmipc " .. name, 1, true), own)
      for _, example in ipairs(entry.examples) do assert(own:find(example[1], 1, true), example[1]) end
      assert.equal(own, succeed("help", name))
    end
    assert.equal("shmipc " .. shmipc._VERSION, succeed "--version")
  end)

  it("is misused with exit code 2, and says how it is used", function()
    fail(2, "Usage: shmipc")
    fail(2, 'there is no command "lss", did you mean "ls"?', "lss")
    fail(2, "there is no command", "../evil")
    fail(2, "unknown option '--nonsense'", "ls", "--nonsense")
    fail(2, "missing argument 'name'", "stat")
  end)

  it_on_linux("finds a new command by its name alone", function()
    local folder = objects.file()
    assert(process.succeeds { "mkdir", "-p", folder .. "/shmipc/command" })
    objects.overwrite(folder .. "/shmipc/command/hello.lua",
      'return { summary = "Greets.", run = function() print "hello" end }')
    local child <close> = process.start_program {
      "env", ("LUA_PATH=%s/?.lua;%s"):format(folder, package.path), interpreter(), "bin/shmipc", "hello",
    }
    assert.equal("hello", (output_of(child)))
    assert(process.succeeds { "rm", "-r", folder })
  end)

  it_on_linux("says in one line what is not installed", function()
    for missing, environment in pairs {
      ["module argparse is missing"] = { "LUA_PATH=lua/?.lua;lua/?/init.lua" },
      ["module 'shmipc.core' not found (build it, or set LUA_CPATH)"] = { "LUA_CPATH=/nowhere/?.so" },
    } do
      -- From elsewhere, so that no build of the tree is found.
      local folder = objects.file()
      assert(process.succeeds { "mkdir", folder })
      local attempt <close> = process.start_program {
        "sh", "-c", 'cp -R bin lua "$1" && cd "$1" && exec env "$2" "$3" bin/shmipc ls', "sh", folder, environment[1],
        interpreter(),
      }
      local output, code = output_of(attempt)
      assert(process.succeeds { "rm", "-r", folder })
      assert.equal(1, code)
      assert(output:find(missing, 1, true), output)
      assert.is_nil(output:find("\n", 1, true), output)
    end
  end)

  it_on_linux("has pages and completions that say what it does", function()
    local child <close> = process.start_script("scripts/lib/pages.lua", "check")
    assert.same({ "", 0 }, { output_of(child) })
    assert(process.succeeds { "bash", "-n", "completions/shmipc.bash" })
    assert.equal(objects.contents "completions/shmipc.bash", succeed("completion", "bash") .. "\n")
  end)
end)

describe("shmipc ls", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("has a line for each object, without colours where it is no terminal", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 1500))
    local mutex <close> = assert(shmipc.mutex.create(name .. "x", { owned = true }))
    local event <close> = assert(shmipc.event.create(name .. "e", { set = true }))
    local output = succeed("ls", name .. "*")
    assert.is_nil(output:find("\27", 1, true))
    assert.matches("^KIND +NAME +SIZE ", output)
    assert.matches("\nmapping +" .. name:gsub("%p", "%%%0") .. " +1.5 KiB ", output)
    assert.matches("\nmutex +" .. name:gsub("%p", "%%%0") .. "x .*locked", output)
    assert.matches("\nevent +" .. name:gsub("%p", "%%%0") .. "e .*set", output)
    if on_linux then assert.matches(("rw%%-%%-%%-%%-%%-%%-%%- .*%d %%S"):format(shmipc.pid()), output) end
    assert.matches("event", succeed("ls", "--kind", "event", name .. "*"))
    assert.is_nil(succeed("ls", "--kind", "event", name .. "*"):find "mutex")
    assert.is_true(mapping:close())
    event:close()
    mutex:unlock()
  end)

  it("tells what is not there", function()
    fail(1, "no such object", "ls", name)
    fail(1, "[]", "ls", "--json", name)
  end)

  it("shows names as names, whatever is in them", function()
    local odd = objects.name "a\27[31mb\226\130\172"
    local mapping <close> = assert(shmipc.mapping.create(odd, 1))
    local output = succeed "ls"
    assert(output:find([[a\x1B[31mb€]], 1, true), output)
    assert.is_nil(output:find("\27", 1, true))
    assert.is_true(mapping:close())
  end)

  it_on_linux("gives JSON that another program reads", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 1500))
    local mutex <close> = assert(shmipc.mutex.create(name .. "x", { owned = true }))
    assert.equal(("mapping 1500 0600 %d True []"):format(shmipc.pid()), python(
      "*(lambda o: [o['kind'], o['size'], o['mode'], o['holders'][0]['pid'], o['holders_complete'], []])(v[0])",
      "ls", "--json", name))
    assert.equal(("True %d"):format(shmipc.pid()),
      python("v['locked'], v['owner']['pid']", "stat", "--json", name .. "x"):gsub("[(),]", "") .. "")
    assert.equal("[]", python("v", "ls", "--json", "--leftover", name))
    assert.is_true(mapping:close())
    mutex:unlock()
  end)

  it_on_linux("keeps what belongs to other users for -a", function()
    local as_nobody = { "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups" }
    local nobody = process.peer(as_nobody)
    if not pcall(nobody.run, nobody, "shmipc.pid()") then return nobody:close() end
    nobody:run("mapping = assert(shmipc.mapping.create(..., 8))", name)
    fail(1, "of other users: -a shows them", "ls", name)
    assert.matches("nobody", succeed("ls", "-a", name))
    nobody:close()
  end)
end)

describe("shmipc stat", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("tells who sits on a lock", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    assert.matches("state +free", succeed("stat", name))
    assert(mutex:lock())
    local output = succeed("stat", name)
    assert.matches("kind +mutex", output)
    assert.matches("locked by +%d* ?", output)
    if on_linux then
      assert.matches(("locked by +%d "):format(shmipc.pid()), output)
      assert.matches(("thread +%d\n"):format(shmipc.pid()), output)
      assert.matches("since +%d+ ms ago\n", output)
      assert.matches("waited for +no\n", output)
    else
      assert.matches("holders +this system does not tell", output)
    end
    mutex:unlock()
  end)

  it("tells what is in a channel, and how fast it goes", function()
    local channel <close> = assert(shmipc.channel.create(name, { capacity = 8192 }))
    channel:send "one"
    local output = succeed("stat", name)
    assert.matches("messages +1 sent, 0 received, 1 in it\n", output)
    assert.matches("rates +0 /s sent, 0 /s received\n", output)
    assert.matches("space +16 B of 8 KiB in use\n", output)
    assert.matches("waiting +senders: no, receivers: no\n", output)
  end)

  it("has a guess at a name that was mistyped", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 1))
    fail(1, ('did you mean "%s"?'):format(name), "stat", name .. "x")
    assert.is_true(mapping:close())
  end)
end)

describe("shmipc dump, get and set", function()
  local name, header

  before_each(function()
    name = objects.name()
    header = objects.file(LAYOUT)
  end)
  after_each(objects.check_none_left)

  local function typed(...) return "--layout", header, "--struct", "Telemetry", ... end

  it("show bytes, and rows that are alike once", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 100))
    assert(mapping:view()):write(3, "Hello\27[31m")
    assert.equal(table.concat({
      "00000000  00 00 00 48 65 6c 6c 6f  1b 5b 33 31 6d 00 00 00  |...Hello.[31m...|",
      "00000010  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|",
      "*",
      "00000060  00 00 00 00                                       |....|",
      "00000064",
    }, "\n"), succeed("dump", name))
    assert.matches("^00000003  48 65  .*|He|\n00000005$",
      (succeed("dump", name, "--offset", "3", "--length", "2"):gsub("   +", "  ")))
    assert.equal(8, select(2, succeed("dump", "--all", name):gsub("\n", "")) + 1)
    assert.equal("Hello\\x1B[31m", succeed("get", name, "--as", "text", "--offset", "3"))
    fail(1, "--offset must be from 0 to 100, got 101", "dump", name, "--offset", "101")
    fail(1, "--length must be from 0 to 97, got 98", "dump", name, "--offset", "3", "--length", "98")
    assert.is_true(mapping:close())
  end)

  it("show numbers", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 20))
    local array = assert(mapping:view()):array "i32"
    array:set(1, { 1, -2, 3, 4, 5 })
    assert.equal("       0  [1]  1  -2  3  4\n      16  [5]  5", succeed("dump", name, "--as", "i32"))
    assert.equal("       4  [1]  -2  3", succeed("dump", name, "--as", "i32", "--offset", "4", "--length", "8"))
    assert.equal("[1,-2,3,4,5]", succeed("dump", name, "--as", "i32", "--json"))
    assert.equal("-2", succeed("get", name, "2", "--as", "i32"))
    assert.equal("1", succeed("get", name, "--as", "i32"))
    assert.equal("", succeed("set", name, "2", "-77", "--as", "i32"))
    assert.equal(-77, array[2])
    fail(1, 'there is no "6"', "get", name, "6", "--as", "i32")
    fail(1, "must be an integer from -2147483648", "set", name, "1", "2147483648", "--as", "i32")
    fail(1, '"1" must be a number, got "many"', "set", name, "1", "many", "--as", "i32")
    fail(1, "say what the bytes are", "get", name)
    assert.equal(1, array[1])
    assert.is_true(mapping:close())
  end)

  it("show and write the fields of a struct out of a header with its guards", function()
    local mapping <close>, record = telemetry(name)
    local output = succeed("dump", name, typed())
    assert.matches("       0  uint32_t       tick = 7\n       4  struct         position.x = 0.1\n", output)
    assert.matches('      12  char%[16%]       pilot = "Ada"\n', output)
    assert.matches("laps%[2%] = %-2\n", output)
    assert.equal("0.1", succeed("get", name, "position.x", typed()))
    assert.equal("-2", succeed("get", name, "laps[2]", typed()))
    assert.equal("x\t0.1\ny\t0", succeed("get", name, "position", typed()))
    succeed("set", name, "pilot", "Grace", typed())
    succeed("set", name, "laps[3]", "-9", typed())
    assert.same({ "Grace", -9 }, { record.pilot, record.laps[3] })
    fail(1, 'has no field "pilott"', "get", name, "pilott", typed())
    fail(1, 'there is no "laps[4]"', "set", name, "laps[4]", "1", typed())
    fail(1, "do not fit in 16", "set", name, "pilot", ("x"):rep(17), typed())
    fail(1, "has parts", "set", name, "position", "1", typed())
    fail(1, "names no field", "get", name, "laps[", typed())
    fail(1, "has no struct Tele", "get", name, "--layout", header, "--struct", "Tele")
    fail(1, "No such file", "get", name, "--layout", header .. "x")
    assert.equal("7", succeed("get", name, "n", "--layout", "struct { uint32_t n; };"))
    assert.is_true(mapping:close())
  end)

  it_on_linux("give JSON with all digits", function()
    local mapping <close> = telemetry(name)
    assert.equal("4611686018427387905 Ada [1, -2, 3]",
      python("v['total'], v['pilot'], v['laps']", "get", name, "--json", typed()):gsub("^%((.*)%)$", "%1")
        :gsub("'", ""):gsub("^(%d+), (%a+), ", "%1 %2 ") .. "")
    assert.is_true(mapping:close())
  end)

  it("do it under a lock if one is named, and only then", function()
    local mapping <close>, record = telemetry(name)
    local mutex <close> = assert(shmipc.mutex.create(name .. "x", { owned = true }))
    assert.equal("7", succeed("get", name, "tick", typed()))
    fail(1, "the time ran out", "get", name, "tick", typed("--lock", name .. "x", "--timeout", "0"))
    fail(1, "the time ran out", "set", name, "tick", "8", typed("--lock", name .. "x", "--timeout", "0.1"))
    assert.equal(7, record.tick)
    mutex:unlock()
    succeed("set", name, "tick", "8", typed("--lock", name .. "x"))
    assert.equal(8, record.tick)
    assert(mutex:lock(0))
    mutex:unlock()
    assert.is_true(mapping:close())
  end)
end)

describe("shmipc watch", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  it("prints CSV where it is no terminal", function()
    local mapping <close> = telemetry(name)
    local output = succeed("watch", name, "--layout", objects.file(LAYOUT), "--struct", "Telemetry", "--count", "2",
      "--interval", "0.01")
    local lines = {}
    for line in output:gmatch "[^\n]+" do lines[#lines + 1] = line end
    assert.equal("time,tick,position.x,position.y,pilot,laps[1],laps[2],laps[3],total", lines[1])
    assert.matches("^%d+%.%d+,7,0.1[%d]*,0,Ada,1,%-2,3,4611686018427387905$", lines[3])
    assert.equal(3, #lines)
    assert.matches("^time,bytes\n%d+%.%d+,07000000" .. ("%x"):rep(8) .. "00000000416461%x+$",
      succeed("watch", name, "--count", "1"))
    assert.is_true(mapping:close())
  end)

  it("keeps a record, and draws it", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    local array = assert(mapping:view()):array "f64"
    local record, plot = objects.file(), objects.file()
    local watcher <close> = process.start_script("bin/shmipc", "watch", name, "--as", "f64", "--interval", "0.005",
      "--count", "40", "--record", record, "--plot", plot)
    while not watcher.has_ended do
      array[1] = array[1] + 1
      watcher:read_line(0.5)
    end
    local how, code = watcher:wait()
    assert.same({ "exit", 0 }, { how, code })
    local csv, svg = objects.contents(record), objects.contents(plot)
    os.remove(record)
    os.remove(plot)
    assert.equal(41, select(2, csv:gsub("\n", "")))
    assert.matches("^time,%[1%]\n", csv)
    assert.matches("^<svg ", svg)
    assert.matches("</svg>\n$", svg)
    assert.is_true(mapping:close())
  end)

  it_on_linux("goes on with a new object of the name", function()
    local first = assert(shmipc.mapping.create(name, 4))
    assert(first:view()):write_i32(0, 11)
    local watcher <close> = process.start_script("bin/shmipc", "watch", name, "--as", "i32", "--interval", "0.01")
    assert.matches(",11$", watcher:read_until ",11")
    first:close()
    collectgarbage()
    local second <close> = assert(shmipc.mapping.create(name, 4))
    assert(second:view()):write_i32(0, 22)
    assert.matches(",22$", watcher:read_until ",22")
    watcher:interrupt()
    for _ in watcher:lines() do end
    assert.same({ "exit", 130 }, { watcher:wait() })
    assert.is_true(second:close())
  end)
end)

describe("shmipc top", function()
  after_each(objects.check_none_left)

  it("gives one picture where it is no terminal", function()
    local name = objects.name()
    local mutex <close> = assert(shmipc.mutex.create(name, { owned = true }))
    local output = succeed("top", "--interval", "0.1", "--sort", "locked")
    local plain = name:gsub("%p", "%%%0")
    assert.matches("LOCKED↓", output)
    assert.matches("\nmutex +" .. plain .. " .* 100 %% ", output)
    assert.matches('"locked_share":1[,}]', succeed("top", "--interval", "0.1", "--json"))
    mutex:unlock()
    assert.matches("\nmutex +" .. plain .. " .* 0 %% ", succeed("top", "--interval", "0.1"))
  end)

  it_on_linux("tells the rates of channels", function()
    if not shmipc.channel then return end
    local name = objects.name()
    local sender <close> = process.peer()
    sender:run("channel = shmipc.channel.create(...)", name)
    sender:send("for _ = 1, 1e9 do channel:send('x') channel:receive() end")
    local rate = python(("[o['send_rate'] > 100 for o in v if o['name'] == '%s']"):format(name), "top", "--interval",
      "0.2", "--json")
    assert.equal("[True]", rate)
    sender:kill()
    assert.is_true(shmipc.gc(name))
  end)
end)

describe("names that are absent, foreign, left over, held and corrupt", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  local readers = {
    { "stat" }, { "dump" }, { "get", "--as", "i32" }, { "watch", "--count", "1" },
  }

  local function each_reader(f)
    for _, words in ipairs(readers) do f(words[1], name, table.unpack(words, 2)) end
  end

  it("absent", function()
    each_reader(function(...) fail(1, "there is no object", ...) end)
    fail(1, "there is no object", "set", name, "1", "1", "--as", "i32")
    if on_linux then
      fail(1, "there is no object", "rm", name)
      assert.equal("no leftovers", succeed("gc", name))
    end
  end)

  it_on_linux("foreign", function()
    local foreign <close> = process.foreign(name)
    foreign:run("create 64")
    each_reader(function(...) succeed(...) end)
    assert.matches("state +foreign", succeed("stat", name))
    succeed("set", name, "1", "11", "--as", "i32")
    assert.equal("11", succeed("get", name, "--as", "i32"))
    assert.equal("no leftovers", succeed("gc", name))
    fail(1, "is foreign: it is removed with --force only", "rm", name)
    assert.matches("foreign", succeed("ls", name))
    assert.equal("", succeed("rm", "--force", name))
    fail(1, "no such object", "ls", name)
  end)

  it_on_linux("left over", function()
    local function leave()
      local owner <close> = process.peer()
      owner:run("shmipc.mapping.create(..., 64):view():write_i32(0, 12) collectgarbage()", name)
      owner:run("mapping = shmipc.mapping.create(..., 64) mapping:view():write_i32(0, 12)", name)
      owner:kill()
    end
    leave()
    for _ = 1, 2 do each_reader(function(...) succeed(...) end) end
    assert.matches("state +leftover", succeed("stat", name))
    assert.equal("12", succeed("get", name, "--as", "i32"))
    assert.equal(("would remove  %s  64 B\n64 B would come free"):format(name), succeed("gc", "--dry-run", name))
    assert.matches("leftover", succeed("ls", "--leftover", name))
    assert.equal("[{'name': '" .. name .. "', 'outcome': 'removed', 'size': 64}]",
      python("v", "gc", "--json", name))
    fail(1, "no such object", "ls", name)
    leave()
    assert.equal("", succeed("rm", name))
    leave()
    fail(1, "there is no object", "set", name, "1", "1", "--as", "i32") -- and it is gone, as for any script
    fail(1, "no such object", "ls", name)
  end)

  it("held", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 64))
    each_reader(function(...) succeed(...) end)
    succeed("set", name, "1", "11", "--as", "i32")
    assert.equal(11, mapping:view():read_i32(0))
    if on_linux then
      assert.equal("no leftovers", succeed("gc", name))
      assert.equal("", succeed("rm", name))
      assert.is_true(mapping:info().unlinked)
    else
      fail(1, "a name goes with its last handle", "rm", name)
    end
    collectgarbage()
    assert.is_true(mapping:close())
  end)

  it_on_linux("corrupt", function()
    local mutex <close> = assert(shmipc.mutex.create(name))
    local foreign <close> = process.foreign(name)
    foreign:run("open")
    foreign:run("write 0 12345")
    each_reader(function(...) succeed(...) end)
    assert.matches("state +corrupt", succeed("stat", name))
    assert.equal("12345", succeed("get", name, "--as", "i32"))
    fail(1, "of another kind", "set", name, "1", "1", "--as", "i32")
    assert.equal("no leftovers", succeed("gc", name))
    assert.equal("", succeed("rm", name))
    assert.is_true(mutex:info().unlinked)
  end)
end)

describe("shmipc run and new", function()
  after_each(objects.check_none_left)

  it("write a role that works, and run it", function()
    local folder = objects.file():gsub("[^/]*$", "")
    local name = ("shmipc_spec_%d_role"):format(shmipc.pid())
    local path = folder .. name .. ".lua"
    assert.matches("wrote .*; run it: shmipc run", succeed("new", "role", folder .. name))
    fail(1, "exists; --force writes over it", "new", "role", path)
    succeed("new", "role", "--force", path)
    assert.matches("^%d+: the count is 1\n%d+: the count is 2$", succeed("run", path, "2"))
    os.remove(path)
    fail(1, "the name must be letters", "new", "role", "a-b")
  end)

  it("give a script its arguments, and tell its errors", function()
    local script = objects.file 'print(arg[0]:match "[^/]*$", arg[1], ..., require "shmipc".pid() > 0)'
    assert.equal(("%s\t--json\t--json\ttrue"):format(script:match "[^/]*$"), succeed("run", script, "--json"))
    local faulty = objects.file "error 'no luck'"
    local output, code = run("run", faulty)
    assert.equal(1, code)
    assert.matches("no luck", output)
    fail(1, "cannot open", "run", faulty .. "x")
    fail(1, "which script?", "run")
  end)
end)

describe("shmipc doctor", function()
  after_each(objects.check_none_left)

  it("finds that this machine will do", function()
    local output = succeed "doctor"
    for _, check in ipairs { "versions", "shared memory", "robust locks", "waiting" } do
      assert.matches("ok +" .. check, output)
    end
  end)

  it_on_linux("gives JSON that another program reads", function()
    assert.equal("True", python("all(c['verdict'] in ('ok', 'warning') for c in v)", "doctor", "--json"))
  end)

  it_on_linux("warns of a small /dev/shm", function()
    local child <close> = process.start_program {
      "unshare", "-m", "sh", "-c",
      'mount -t tmpfs -o size=8m,mode=777 tmpfs /dev/shm && exec "$0" bin/shmipc doctor', interpreter(),
    }
    local output = output_of(child)
    if not output:find "^ok" then return end -- it needs root
    assert.matches("warning  /dev/shm +8 MiB", output)
    assert.matches("docker run %-%-shm%-size", output)
    assert.matches("warning  permissions +mode 777", output)
  end)
end)

local describe_in_a_terminal = terminals.are_here() and describe or pending

describe_in_a_terminal("in a terminal (needs tmux)", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  local function open(words, options)
    table.insert(words, 1, "bin/shmipc")
    table.insert(words, 1, interpreter())
    return terminals.open(words, options or {})
  end

  it("ls has colours, unless NO_COLOR is set", function()
    local mutex <close> = assert(shmipc.mutex.create(name, { owned = true }))
    do
      local terminal <close> = open { "ls", name }
      terminal:await_end()
      assert.matches("\27%[36m" .. name:gsub("%p", "%%%0"), terminal:screen(true))
    end
    local terminal <close> = open({ "ls", name }, { environment = { "NO_COLOR=1" } })
    local code, screen = terminal:await_end()
    assert.equal(0, code)
    assert(screen:find(name, 1, true))
    assert.is_nil(terminal:screen(true):find("\27[36m", 1, true))
    mutex:unlock()
  end)

  it("watch shows the fields and what changes, and gives the terminal back", function()
    local mapping <close>, record = telemetry(name)
    local terminal <close> = open { "watch", name, "--layout", LAYOUT, "--struct", "Telemetry", "-n", "0.05" }
    local screen = terminal:await "laps[3]"
    assert.matches("FIELD +VALUE +RATE", screen)
    assert.matches('pilot +"Ada"', screen)
    assert(screen:find(("held by %d"):format(shmipc.pid()), 1, true), screen)
    local last = 7
    terminal:await(function(colours) -- what changes is highlighted
      last = last + 1
      record.tick = last
      return colours:find "\27%[[%d;]*33m%d+" and colours:find "/s" and colours:find "[▁-█]"
    end, true)
    assert.equal(last, record.tick)
    terminal:send "q"
    local code, after = terminal:await_end()
    assert.equal(0, code)
    assert.is_nil(after:find("FIELD", 1, true), after) -- that was the other screen
    assert.matches(" icanon", after)
    assert.matches(" echo ", after)
    assert.is_true(mapping:close())
  end)

  it("watch shows bytes, and ends by Ctrl-C", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 20))
    local view = assert(mapping:view())
    local terminal <close> = open { "watch", name }
    terminal:await "00000010"
    view:write(0, "Hello")
    terminal:await "48 65 6c 6c 6f"
    terminal:send "C-c"
    local code, after = terminal:await_end()
    assert.equal(0, code)
    assert.matches(" icanon", after)
    assert.matches(" echo ", after)
    view:close()
    assert.is_true(mapping:close())
  end)

  it("watch tells when the object is gone, and when it is back", function()
    local mapping = assert(shmipc.mapping.create(name, 4))
    local terminal <close> = open { "watch", name, "--as", "i32", "-n", "0.05" }
    terminal:await "held by"
    mapping:close()
    terminal:await "gone; waiting for it to come back"
    local again <close> = assert(shmipc.mapping.create(name, 4))
    assert(again:view()):write_i32(0, 4711)
    terminal:await "4711"
    collectgarbage()
    terminal:send "q"
    assert.equal(0, (terminal:await_end()))
    assert.is_true(again:close())
  end)

  it("top sorts by the column that one chooses", function()
    local small <close> = assert(shmipc.mapping.create(name .. "small", 1))
    local mutex <close> = assert(shmipc.mutex.create(name .. "mutex", { owned = true }))
    local terminal <close> = open({ "top", "--sort", "name", "-n", "0.2" }, { columns = 140 })
    local screen = terminal:await(name .. "small")
    assert.matches("NAME↓", screen)
    assert.is_true(screen:find(name .. "mutex", 1, true) < screen:find(name .. "small", 1, true))
    terminal:await "100 %"
    terminal:send "r"
    terminal:await(function(shown)
      local first, second = shown:find(name .. "small", 1, true), shown:find(name .. "mutex", 1, true)
      return shown:find "NAME↑" and first and second and first < second
    end)
    terminal:send ">"
    terminal:await "SIZE"
    terminal:await(function(shown) return shown:find "SIZE↑" end)
    terminal:send "C-c"
    local code, after = terminal:await_end()
    assert.equal(0, code)
    assert.is_nil(after:find("SIZE", 1, true))
    mutex:unlock()
    assert.is_true(small:close())
  end)

  it("rm asks, and does what one says", function()
    local mapping <close> = assert(shmipc.mapping.create(name, 8))
    do
      local terminal <close> = open { "rm", name }
      terminal:await(("remove %s (mapping, held by %d"):format(name, shmipc.pid()))
      terminal:send("n", "Enter")
      assert.equal(0, (terminal:await_end()))
      assert.is_false(mapping:info().unlinked)
    end
    local terminal <close> = open { "rm", name }
    terminal:await "[y/N]"
    terminal:send("y", "Enter")
    assert.equal(0, (terminal:await_end()))
    assert.is_true(mapping:info().unlinked)
    assert.is_true(mapping:close())
  end)
end)
