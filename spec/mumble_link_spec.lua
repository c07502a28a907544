-- examples/mumble_link.lua beside a C program that knows the interface and nothing of shmipc, and as a game and its
-- watcher in processes of their own.
--
--     local game <close> = publish()
--     local watcher <close> = watch()
--     assert.is_truthy(watcher:read_until "tick")

local declaration = require "shmipc.declaration"
local declarations = require "support.declarations"
local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local SCRIPT = "examples/mumble_link.lua"
local PARTNER = "spec/native/partners/mumble_link.c"
local is_windows = shmipc.platform == "windows"

local example_declaration = objects.contents(SCRIPT):match "shmipc%.layout %[%[(.-)%]%]"
local partner_declaration = objects.contents(PARTNER):match "struct LinkedMem %b{};"
local linked_mem = shmipc.layout(example_declaration)

describe("the Mumble Link example", function()
  local name

  before_each(function() name = objects.name() end)
  after_each(objects.check_none_left)

  -- ---- its processes

  local function start(command, ...)
    return process.start_script(SCRIPT, command, "--memory", name, ...)
  end

  local function publish(...) return start("publish", "--pace", "0.005", ...) end
  local function watch(...) return start("watch", "--pace", "0.01", ...) end

  local function expect_end(script, code)
    for _ in script:lines() do end
    assert.same({ "exit", code }, { script:wait() })
  end

  local function await_line(script, text)
    return script:read_until(text) or error(("no line with %q from %s"):format(text, script.title), 2)
  end

  -- All that `watch --once` shows.
  local function full_look()
    local script <close> = watch "--once"
    expect_end(script, 0)
    return script.transcript
  end

  local function expect_refusal(text, ...)
    local script <close> = start(...)
    await_line(script, text)
    expect_end(script, 1)
  end

  -- A C program at the other end; its commands are in its source. Gives the lines that answer one.
  local function start_partner()
    local partner = process.start_program { process.program "mumble_link" }
    local function run(command)
      local lines = {}
      partner:write_line(command)
      for line in partner:lines() do
        if line == "ok" then return lines end
        assert(line ~= "error", command)
        lines[#lines + 1] = line
      end
      error("the C program has ended", 2)
    end
    run("name " .. name)
    return partner, run
  end

  -- The partner's lines as a table of what follows the first word.
  local function by_first_word(lines)
    local found = {}
    for _, line in ipairs(lines) do
      local word, rest = line:match "^(%S+) ?(.*)$"
      found[word] = rest
    end
    return found
  end

  local function numbers(text)
    local found = {}
    for word in text:gmatch "%S+" do found[#found + 1] = tonumber(word) end
    return found
  end

  -- A text as the partner shows it: the code units of the platform's wchar_t.
  local function units_of(text)
    local units = {}
    for _, character in utf8.codes(text) do
      if is_windows and character > 0xFFFF then
        units[#units + 1] = ("%x"):format(0xD800 + (character - 0x10000 >> 10))
        character = 0xDC00 + (character - 0x10000 & 0x3FF)
      end
      units[#units + 1] = ("%x"):format(character)
    end
    return table.concat(units, " ")
  end

  -- A link that nobody has made but this test.
  local function own_link()
    local memory <close> = assert(shmipc.mapping.create(name, linked_mem.size))
    local view = assert(memory:view())
    return view, view:record(linked_mem)
  end

  -- ---- the struct

  describe("has a struct that lies", function()
    it("as in the C program", function()
      local partner <close>, run = start_partner()
      local expected = { ("size %d"):format(linked_mem.size) }
      for _, field in ipairs(linked_mem:fields()) do
        expected[#expected + 1] = ("%s %d"):format(field.name, field.offset)
      end
      assert.same(run "offsets", expected)
      assert.equal(0, #run "name unused")
      partner:end_input()
    end)

    local compilers = {
      { platform = "Linux", command = "gcc", native = declarations.linux, size = 10580 },
      { platform = "Windows", command = "x86_64-w64-mingw32-gcc", native = declarations.windows, size = 5460 },
    }

    for _, compiler in ipairs(compilers) do
      local title = ("as the compiler for %s puts it"):format(compiler.platform)
      local is_there = not is_windows and process.succeeds { compiler.command, "--version" }
      local test = is_there and it or pending
      test(is_there and title or ("%s: %s is not here"):format(title, compiler.command), function()
        local description = assert(declaration.compile(example_declaration, { native = compiler.native, known = {} }))
        local checks = declarations.checks(description, "struct LinkedMem")
        local source = objects.file(declarations.c_file(partner_declaration, checks), ".c")
        local output = objects.file(nil, ".s")
        assert.is_true(process.succeeds { compiler.command, "-std=c11", "-S", "-o", output, source })
        local answers = declarations.answers(objects.contents(output))
        assert.equal(#checks, #answers)
        for i, check in ipairs(checks) do assert(declarations.holds(check, answers[i]), check.expression) end
        assert.equal(compiler.size, description.size)
      end)
    end
  end)

  -- ---- with a foreign program

  it("shows what a C program publishes", function()
    local partner <close>, run = start_partner()
    run "create"
    run "publish"
    assert.same({
      "game        Höhlenforscher — 洞窟",
      "description Δεν είναι παιχνίδι",
      "tick        42",
      "heading     270°",
      "                      x          y          z",
      "avatar             1.25      -2.50    1024.75",
      "  front           -1.00       0.00       0.00",
      "  top              0.00       1.00       0.00",
      "camera             4.50       8.25     -16.00",
      "  front            0.00       0.00      -1.00",
      "  top              0.00       0.50       0.25",
      'identity    {"name": "Zoë", "ears": "🎧"}',
      "context     cave\\x00\\x01\\x02",
    }, full_look())
    run "unlink"
    partner:end_input()
  end)

  -- A position on the circle, a front that is a unit vector and along it, an upright head.
  local function expect_walk(shown)
    local x, y, z = table.unpack(numbers(shown.fAvatarPosition))
    local front_x, front_y, front_z = table.unpack(numbers(shown.fAvatarFront))
    assert.near(5, math.sqrt(x * x + z * z), 0.01)
    assert.equal(0, y)
    assert.equal(0, front_y)
    assert.near(1, front_x * front_x + front_z * front_z, 0.01)
    assert.near(0, x * front_x + z * front_z, 0.1)
    assert.equal("0 1 0", shown.fAvatarTop)
    assert.equal("0 1 0", shown.fCameraTop)
  end

  it("publishes what a C program reads", function()
    local game <close> = publish()
    assert.equal(("made %s; Ctrl-C ends it"):format(name), game:read_line())
    local partner <close>, run = start_partner()
    run "open"
    local shown
    process.await(function()
      shown = by_first_word(run "show")
      return tonumber(shown.uiTick) > 5
    end, "game's sixth frame")
    assert.equal("2", shown.uiVersion)
    assert.equal(units_of "A walk in a circle", shown.name)
    assert.equal(units_of "Not much of a game: examples/mumble_link.lua", shown.description)
    assert.equal(units_of "Zoë 🎧", shown.identity)
    assert.equal("circle", shown.context)
    expect_walk(shown)
    game:interrupt()
    expect_end(game, 0)
    assert.equal("0", by_first_word(run "show").uiVersion) -- the C program has its memory still
    partner:end_input()
  end)

  it("introduces its game again when the plugin has emptied the memory", function()
    local partner <close>, run = start_partner()
    run "create"
    local game <close> = publish()
    assert.matches("^joined ", game:read_line())
    for _ = 1, 2 do
      process.await(function() return by_first_word(run "show").uiVersion == "2" end, "game")
      assert.equal(units_of "Zoë 🎧", by_first_word(run "show").identity)
      run "empty"
    end
    game:kill()
    run "unlink"
    partner:end_input()
  end)

  -- ---- its game

  it("publishes as many frames as it is told, and leaves", function()
    local guard <close>, link = own_link()
    link.uiTick = 0xFFFFFFFE
    local game <close> = publish("--ticks", "3", "--player", "Anna")
    expect_end(game, 0)
    assert.equal(1, link.uiTick)
    assert.equal(0, link.uiVersion)
    assert.equal("Anna", link.identity)
  end)

  it("leaves when Ctrl-C ends it, without a complaint", function()
    local guard <close>, link = own_link()
    local game <close> = publish()
    process.await(function() return link.uiVersion == 2 and link.uiTick > 2 end, "game")
    game:interrupt()
    expect_end(game, 0)
    assert.equal(1, #game.transcript)
    assert.equal(0, link.uiVersion)
  end)

  it("refuses a player whose name does not fit", function()
    expect_refusal("identity", "publish", "--player", ("x"):rep(256))
  end)

  -- ---- its watcher

  it("takes the name of the user's link", function()
    local script <close> = process.start_script(SCRIPT, "watch", "--help")
    local uid = ""
    if not is_windows then
      local id <close> = assert(io.popen "id -ru")
      uid = "." .. id:read "l"
    end
    await_line(script, ("(default: MumbleLink%s)"):format(uid))
    expect_end(script, 0)
  end)

  it("says that there is no link, and who makes one", function()
    expect_refusal(name .. " is not there: Mumble with its Link plugin makes it", "watch", "--once")
  end)

  it("refuses what is no link", function()
    local mutex = assert(shmipc.mutex.create(name))
    expect_refusal("of another kind", "watch", "--once")
    mutex:close()
    local memory <close> = assert(shmipc.mapping.create(name, 100))
    expect_refusal(("%s has 100 bytes, a LinkedMem %d"):format(name, linked_mem.size), "watch", "--once")
    assert.is_true(memory:close())
  end)

  -- The tick of the next line that shows a game.
  local function next_tick(watcher)
    local line = await_line(watcher, "tick")
    local pattern = "^tick (%d+), avatar %-?%d%.%d%d 0%.00 %-?%d%.%d%d, heading %d+°, A walk in a circle$"
    return tonumber(line:match(pattern)) or error("not the walk: " .. line)
  end

  it("follows a game that comes, is killed, comes again and leaves", function()
    local watcher <close> = watch("--silence", "60")
    await_line(watcher, "is not there")
    local game <close> = publish()
    local first = next_tick(watcher)
    assert.is_true(next_tick(watcher) > first)
    game:kill()

    local successor <close> = publish()
    assert.matches("^joined", successor:read_line()) -- the watcher has kept it
    assert.is_true(next_tick(watcher) > first)
    successor:interrupt()
    await_line(watcher, "no game is linked")
    await_line(watcher, "is not there")
    watcher:interrupt()
    expect_end(watcher, 0)
  end)

  it("gives up a game that has fallen silent, and finds the next one", function()
    local watcher <close> = watch("--silence", "0.1")
    local game <close> = publish()
    next_tick(watcher)
    game:kill()
    await_line(watcher, "the game has fallen silent")
    await_line(watcher, "is not there")
    local successor <close> = publish()
    assert.matches("^made", successor:read_line())
    next_tick(watcher)
    watcher:interrupt()
    expect_end(watcher, 0)
    successor:interrupt()
    expect_end(successor, 0)
  end)

  it("follows a foreign game that falls silent and goes on, and a new mapping of the name", function()
    local partner <close>, run = start_partner()
    run "create"
    local watcher <close> = watch("--silence", "0.1")
    await_line(watcher, "no game is linked")
    run "publish"
    await_line(watcher, "tick 42, avatar 1.25 -2.50 1024.75, heading 270°, Höhlenforscher — 洞窟")
    await_line(watcher, "silent")
    run "tick"
    await_line(watcher, "tick 43,")
    await_line(watcher, "silent")
    run "unlink"
    run "create"
    run "publish"
    await_line(watcher, "tick 42,")
    run "unlink"
    watcher:kill()
    partner:end_input()
  end)

  local test_truncation = is_windows and pending or it
  test_truncation("outlives a mapping that is cut short (Windows does not allow that)", function()
    local partner <close>, run = start_partner()
    run "create"
    run "publish"
    local watcher <close> = watch()
    await_line(watcher, "tick 42")
    objects.overwrite(objects.path(name), "short")
    await_line(watcher, "cut short")
    await_line(watcher, "has 5 bytes")
    run "unlink"
    await_line(watcher, "is not there")
    run "create"
    run "publish"
    await_line(watcher, "tick 42")
    run "unlink"
    watcher:kill()
    partner:end_input()
  end)

  it("shows nothing but the avatar of a game that knows no more", function()
    local guard <close>, link = own_link()
    link.uiVersion, link.name, link.identity, link.fCameraPosition = 1, "old", "none", { 7, 7, 7 }
    local shown = full_look()
    assert.equal("game        old", shown[1])
    assert.equal(8, #shown)
  end)

  -- ---- hostile bytes

  -- What a terminal may get: characters, and no control among them.
  local function expect_plain(lines)
    for _, line in ipairs(lines) do
      assert.is_truthy(utf8.len(line), "no UTF-8")
      for _, character in utf8.codes(line) do
        local is_control = character < 0x20 or character >= 0x7F and character < 0xA0
        assert.is_false(is_control, ("%q"):format(line))
      end
    end
  end

  it("sends no control characters to the terminal", function()
    local guard <close>, link = own_link()
    local texts = { "\27[2J\27]0;mine\7", "\u{9B}2J\u{9D}0;mine\u{9C}", "a\nb\r\tc\b\127", "\u{A0}\u{202E}" }
    for _, text in ipairs(texts) do
      shmipc.record.assign(link, { uiVersion = 2, name = text, identity = text, description = text,
        context = { text:byte(1, -1) }, context_len = #text })
      local shown = full_look()
      assert.equal(13, #shown)
      expect_plain(shown)
    end
    assert.equal("context     \\xc2\\xa0\\xe2\\x80\\xae", full_look()[13])
  end)

  it("shows whatever bytes there are", function()
    local view <close>, link = own_link()
    local size = linked_mem.size
    math.randomseed(5)
    local function noise() return string.pack("I4", math.random(0, 0xFFFFFFFF)):rep(size // 4) end
    for _, bytes in ipairs { ("\xFF"):rep(size), ("\xD8"):rep(size), ("\x1B"):rep(size), noise(), noise(), noise() } do
      view:write(0, bytes)
      link.uiVersion = 2
      local shown = full_look()
      assert.equal(13, #shown)
      expect_plain(shown)
    end
  end)

  -- ---- the terminal

  it("shows in place when it is told so", function()
    local guard <close>, link = own_link()
    link.uiVersion, link.name = 2, "first"
    local watcher <close> = watch "--live"
    assert.equal("\27[?7l\27[?25lgame        first\27[K", watcher:read_line())
    for _ = 2, 13 do assert.matches("\27%[K$", watcher:read_line()) end
    link.name = "second"
    local redrawn = await_line(watcher, "second") -- from where the first one began
    assert.equal("\27[J\27[13Agame        second\27[K", redrawn)
    link.uiVersion = 0
    assert.equal("\27[J\27[13Ano game is linked\27[K", await_line(watcher, "no game"))
    watcher:interrupt()
    local last
    for line in watcher:lines() do last = line end
    assert.matches("\27%[%?7h\27%[%?25h$", last)
  end)

  local script_probe = { "script", "--version" }
  local test_terminal = not is_windows and process.succeeds(script_probe) and it or pending
  test_terminal("finds out that it has a terminal (needs script)", function()
    local guard <close>, link = own_link()
    link.uiVersion, link.name = 2, "first"
    local command = ("%s %s watch --memory %s"):format(arg[-1] or "lua5.4", SCRIPT, name)
    local terminal <close> = process.start_program { "script", "--quiet", "--command", command, "/dev/null" }
    await_line(terminal, "\27[?7l\27[?25lgame        first\27[K")
    terminal:write_line "\3" -- Ctrl-C
    await_line(terminal, "\27[?7h\27[?25h")
    expect_end(terminal, 0)
  end)
end)
