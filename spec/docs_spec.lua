-- The documentation says what the code does: it names every function and nothing else, its snippets run, its links lead
-- somewhere.

local lfs = require "lfs"
local core = require "shmipc.core"
local shmipc = require "shmipc"
local objects = require "support.objects"
local process = require "support.process"

-- Whether there is a file or a folder, which may be written with a slash at its end.
local function exists(path) return lfs.attributes((path:gsub("/$", "")), "mode") ~= nil end

-- The files of a folder, those of its folders included, that the filter takes.
local function files_in(folder, filter, found)
  found = found or {}
  for entry in lfs.dir(folder) do
    local path = folder .. "/" .. entry
    if entry:sub(1, 1) ~= "." then
      if lfs.attributes(path, "mode") == "directory" then
        files_in(path, filter, found)
      elseif filter(entry) then
        found[#found + 1] = path
      end
    end
  end
  table.sort(found)
  return found
end

local pages = { "README.md", "CONTRIBUTING.md", "CHANGELOG.md" }
table.move(files_in("docs", function(name) return name:find "%.md$" end), 1, 100, #pages + 1, pages)

local function sorted_keys(set)
  local keys = {}
  for key in pairs(set) do keys[#keys + 1] = key end
  table.sort(keys)
  return keys
end

-- ---- three accounts of the module: the run time's, LDoc's, the language server's

-- What a script can call or read: name -> true.
local function names_at_run_time()
  local names = {}
  for name, value in pairs(shmipc) do
    if type(value) == "table" then
      for inner in pairs(value) do names[("shmipc.%s.%s"):format(name, inner)] = true end
    else
      names["shmipc." .. name] = true
    end
  end
  for kind, parts in pairs(core.kinds) do
    for method in pairs(parts.methods) do names[kind .. ":" .. method] = true end
  end
  return names
end

local function ldoc_files()
  local config = {}
  assert(loadfile("config.ld", "t", config))()
  return config.file
end

local parameter_tags = { int = true, number = true, string = true, func = true, bool = true, tab = true }

-- The name of the parameter that a line declares.
local function parameter(line)
  local tag, modifier, rest = line:match "^@(%l+)(%b[]) (.*)$"
  if not tag then tag, rest = line:match "^@(%l+) (.*)$" end
  if tag == "tparam" then return rest:match "^%S+ (%S+)", modifier end
  if tag == "param" or parameter_tags[tag] then return rest:match "^%S+", modifier end
end

-- The blocks of LDoc in the sources: name -> {parameters, usage, text}, and the text of the modules' and types' blocks.
local function ldoc_blocks()
  local blocks, others = {}, {}
  for _, path in ipairs(ldoc_files()) do
    local source, module, class = objects.contents(path), nil, nil
    for text in source:gmatch "/%*%*%*\n(.-)\n%*/" do
      module = text:match "\n@module (%S+)" or module
      class = text:match "\n@classmod (%S+)" or class
      local kind, name = text:match "\n@(%l+) ([%w_:]+)"
      if kind == "function" or kind == "field" then
        local qualified = name:find(":", 1, true) and name
          or class and class .. ":" .. name
          or module .. "." .. name
        local parameters = {}
        for line in text:gmatch "[^\n]+" do parameters[#parameters + 1] = parameter(line) end
        assert(not blocks[qualified], qualified .. " has two blocks")
        blocks[qualified] = { parameters = parameters, usage = text:match "\n@usage\n(.*)$", text = text, path = path }
      else
        others[#others + 1] = { usage = text:match "\n@usage\n(.*)$", text = text, path = path }
      end
    end
  end
  return blocks, others
end

-- The definitions: name -> {parameters}, and class -> {fields, parent}.
local function definitions()
  local names, classes, class = {}, {}, nil
  for line in io.lines "library/shmipc.d.lua" do
    local begun, parent = line:match "^%-%-%-@class ([%w_.]+):?%s*([%w_.]*)"
    if begun then
      class = { fields = {}, parent = parent ~= "" and parent or nil }
      classes[begun] = class
      class.name = begun
    end
    local field = line:match "^%-%-%-@field ([%w_]+)"
    if field then class.fields[field] = true end
    if field and class.name == "shmipc" then names["shmipc." .. field] = { parameters = {} } end
    local name, list = line:match "^function ([%w_.:]+)%((.*)%) end$"
    if name then
      local parameters = {}
      for word in list:gmatch "[^, ]+" do parameters[#parameters + 1] = word end
      assert(not names[name], name .. " is defined twice")
      names[name] = { parameters = parameters }
    end
  end
  return names, classes
end

local function parameters_of(account)
  local lists = {}
  for name, entry in pairs(account) do lists[name] = table.concat(entry.parameters, ", ") end
  return lists
end

-- The options that a function takes, as its message about one that it does not take tells them.
local function options_of(f, ...)
  local arguments = table.pack(...)
  arguments.n = arguments.n + 1
  arguments[arguments.n] = { no_such_option = true }
  local _, message = pcall(f, table.unpack(arguments, 1, arguments.n))
  local options = {}
  for option in message:match("options may have (.-), got"):gmatch "[%w_]+" do options[option] = true end
  return sorted_keys(options)
end

local function fields_of(classes, name)
  local fields = {}
  while name do
    for field in pairs(classes[name].fields) do fields[field] = true end
    name = classes[name].parent
  end
  return sorted_keys(fields)
end

-- The codes that scripts may see, from the list that makes them.
local function codes()
  local list = objects.contents("csrc/os/status.h"):match "#define SHMIPC_CODES%(X%)(.-)#define"
  local found = {}
  for code in list:gmatch "X%(([A-Z_]+)," do found[code] = true end
  return sorted_keys(found)
end

local function words(text, pattern)
  local found = {}
  for word in text:gmatch(pattern) do found[word] = true end
  return sorted_keys(found)
end

describe("the reference", function()
  after_each(objects.check_none_left)

  it("has a block for every function and field, and for nothing else", function()
    assert.same(sorted_keys(names_at_run_time()), sorted_keys((ldoc_blocks())))
  end)

  it("shows how each function is used, but for the typed accesses, which are all alike", function()
    for name, block in pairs(ldoc_blocks()) do
      local is_alike = name:find "^view:%l+_[iuf]%d+$" or block.text:find "\n@field "
      assert(block.usage or is_alike, name .. " has no @usage")
    end
  end)

  it("builds without a warning, and has a place for each function", function()
    if not process.succeeds { "sh", "-c", "command -v ldoc" } then return pending "LDoc is not installed" end
    local folder <close> = setmetatable({ path = os.tmpname() }, {
      __close = function(self) os.execute(("rm -rf '%s'"):format(self.path)) end,
    })
    os.remove(folder.path)
    local ldoc <close> = process.start_program {
      "env", "-u", "LUA_PATH", "-u", "LUA_CPATH", "-u", "LD_PRELOAD",
      "ldoc", "--fatalwarnings", "--testing", "--dir", folder.path, ".",
    }
    local output = {}
    for line in ldoc:lines() do output[#output + 1] = line end
    local _, code = ldoc:wait()
    assert(code == 0, table.concat(output, "\n"))
    local html = {}
    for _, path in ipairs(files_in(folder.path, function(name) return name:find "%.html$" end)) do
      html[#html + 1] = objects.contents(path)
    end
    html = table.concat(html)
    assert.is_nil(html:find("???", 1, true), "a reference leads nowhere")
    for name in pairs(ldoc_blocks()) do
      local anchor = name:match ":" and name or name:match "[^.]+$"
      assert(html:find(('<a name = "%s">'):format(anchor), 1, true), name .. " is not in the pages")
    end
  end)
end)

describe("the definitions for the language server", function()
  after_each(objects.check_none_left)

  it("are Lua", function()
    assert(loadfile "library/shmipc.d.lua")
  end)

  it("name every function and field, and nothing else", function()
    assert.same(sorted_keys(names_at_run_time()), sorted_keys((definitions())))
  end)

  it("give the parameters the names that the reference gives them", function()
    assert.same(parameters_of((ldoc_blocks())), parameters_of((definitions())))
  end)

  it("know the options", function()
    local _, classes = definitions()
    local name, file = objects.name(), objects.file()
    local mapping, mutex, event, semaphore = shmipc.mapping, shmipc.mutex, shmipc.event, shmipc.semaphore
    local channel = shmipc.channel
    assert.same(options_of(mapping.create, name, 1), fields_of(classes, "shmipc.mapping.create_options"))
    assert.same(options_of(mapping.open_or_create, name, 1), fields_of(classes, "shmipc.mapping.create_options"))
    assert.same(options_of(mapping.open, name), fields_of(classes, "shmipc.mapping.open_options"))
    assert.same(options_of(mapping.file, file), fields_of(classes, "shmipc.mapping.file_options"))
    assert.same(options_of(mutex.create, name), fields_of(classes, "shmipc.mutex.create_options"))
    assert.same(options_of(mutex.open_or_create, name), fields_of(classes, "shmipc.mutex.create_options"))
    assert.same(options_of(event.create, name), fields_of(classes, "shmipc.event.create_options"))
    assert.same(options_of(event.open_or_create, name), fields_of(classes, "shmipc.event.create_options"))
    assert.same(options_of(semaphore.create, name, 1, 1), fields_of(classes, "shmipc.semaphore.create_options"))
    assert.same(options_of(semaphore.open_or_create, name, 1, 1), fields_of(classes, "shmipc.semaphore.create_options"))
    assert.same(options_of(channel.create, name), fields_of(classes, "shmipc.channel.create_options"))
    assert.same(options_of(channel.open_or_create, name), fields_of(classes, "shmipc.channel.create_options"))
    assert.same(options_of(channel.open, name), fields_of(classes, "shmipc.channel.open_options"))
    assert.same(options_of(shmipc.list), fields_of(classes, "shmipc.list_options"))
    assert.same(options_of(shmipc.layout, "int i;"), fields_of(classes, "shmipc.layout_options"))
  end)
end)

describe("the codes of failures", function()
  it("are the same in the definitions, the reference and the page about failures", function()
    local _, others = ldoc_blocks()
    assert.same(codes(), words(objects.contents "library/shmipc.d.lua", '\n%-%-%-| "([A-Z_]+)" #'))
    assert.same(codes(), words(others[1].text:match "The code is one of `(.-)`", "[A-Z_]+"))
    assert.same(codes(), words(objects.contents "docs/errors.md", "\n| `([A-Z_]+)` |"))
  end)

  it("mean in the definitions what they say at run time", function()
    local texts = {}
    for code, text in objects.contents("csrc/os/status.h"):gmatch 'X%(([A-Z_]+), "(.-)"%)' do texts[code] = text end
    for code, text in objects.contents("library/shmipc.d.lua"):gmatch '| "([A-Z_]+)" # (.-)\n' do
      assert.equal(texts[code], text)
    end
  end)
end)

-- ---- snippets

-- The Lua code between fences in a page.
local function snippets_of(page)
  local found = {}
  for code in objects.contents(page):gmatch "\n```lua\n(.-\n)```" do found[#found + 1] = code end
  return found
end

-- The code with names of objects and files that are this test's own; and a function that puts the original ones back.
local function with_own_names(code)
  local own, original = {}, {}
  local function replace(call, file, name)
    if not own[name] then
      own[name] = file == "file" and objects.file() or objects.name()
      original[#original + 1] = name
    end
    return ('%s%s("%s"'):format(call, file, own[name])
  end
  code = code:gsub('(shmipc%.%l+%.)([%l_]+)%("([^"]+)"', replace)
  return code, function(text)
    for _, name in ipairs(original) do text = text:gsub(own[name]:gsub("%p", "%%%0"), (name:gsub("%%", "%%%%"))) end
    return text
  end
end

-- Runs a snippet with a mapping, a view, an array and a mutex at hand, and returns what it has printed, a line a call.
local function run_snippet(code, title)
  local mapping <close> = assert(shmipc.mapping.create(objects.name(), 64))
  local view <close> = assert(mapping:view())
  local mutex <close> = assert(shmipc.mutex.create(objects.name()))
  local printed = {}
  local given = { shmipc = shmipc, mapping = mapping, view = view, mutex = mutex, counts = view:array "i64" }
  function given.print(...)
    local texts = table.pack(...)
    for i = 1, texts.n do texts[i] = tostring(texts[i]) end
    printed[#printed + 1] = table.concat(texts, "\t")
  end
  local own_code, restore = with_own_names(code)
  assert(load(own_code, "=" .. title, "t", setmetatable(given, { __index = _G })))()
  collectgarbage()
  for i, line in ipairs(printed) do printed[i] = restore(line) end
  return printed
end

-- Writes the code to a file of its own.
local function as_script(code)
  local path = objects.file()
  objects.overwrite(path, code)
  return path
end

-- Pages whose first snippets are files, to be run in processes of their own: those are below.
local files_on = { ["README.md"] = 5, ["docs/channels.md"] = 2 }

-- What a snippet needs and this machine may not have.
local function is_runnable(code)
  local module = code:match 'require "(cjson)"'
  return not module or pcall(require, module)
end

describe("a snippet", function()
  after_each(objects.check_none_left)

  for _, page in ipairs(pages) do
    local snippets = snippets_of(page)
    for number = (files_on[page] or 0) + 1, #snippets do
      local code = snippets[number]
      local title = ("%s, number %d"):format(page, number)
      local test = is_runnable(code) and it or pending
      test("runs, and prints what it says: " .. title, function()
        local printed, said = run_snippet(code, title), {}
        for text in code:gmatch "%-%-> ([^\n]*)" do said[#said + 1] = text end
        assert.same(said, printed)
      end)
    end
  end

  -- What a system does not support it says; other specs see to that.
  local function runs_here(code)
    return shmipc.platform ~= "windows" or not (code:find "unlink" or code:find "persistent" or code:find "shmipc.gc")
  end

  it("of the reference runs", function()
    local blocks, others = ldoc_blocks()
    for _, other in ipairs(others) do blocks[#blocks + 1] = other end
    for name, block in pairs(blocks) do
      if block.usage and runs_here(block.usage) then run_snippet(block.usage, tostring(name)) end
    end
  end)

  -- The README's two scripts that share four bytes, with a NUL between them.
  local function first_look()
    local snippets = snippets_of "README.md"
    assert.equal(5, #snippets)
    return snippets[1] .. "\0" .. snippets[2]
  end

  it("of the README reads and writes a struct", function()
    local printed = run_snippet(snippets_of("README.md")[3], "README.md, number 3")
    assert.equal("tick\t1", printed[1])
    assert.matches("^position\tshmipc.record .*{x = 1.5, y = 0.0, z = 0.0}$", printed[2])
    assert.equal("pilot\tAda", printed[3])
    assert.matches("^lap_times\tshmipc.array .* f64%[3%] rw$", printed[4])
    assert.matches("^struct telemetry: 56 bytes, aligned to 8\n", printed[5])
    assert.equal(5, #printed)
  end)

  it("of the README works when pasted into two files", function()
    local own = with_own_names(first_look())
    local watch, add = own:match "^(.-)%z(.*)$"
    local name = watch:match 'create%("([^"]+)"'
    add = as_script(add)

    local watcher <close> = process.start_script(as_script(watch))
    process.await(function()
      local memory <close> = shmipc.mapping.open(name)
      return memory
    end, "watcher's memory")
    for _ = 1, 5 do
      local adder <close> = process.start_script(add)
      assert.is_nil(adder:read_line())
      assert.same({ "exit", 0 }, { adder:wait() })
    end
    assert.equal("the score is\t5", watcher:read_line())
    assert.same({ "exit", 0 }, { watcher:wait() })
  end)

  it("of the README tells of an owner that died", function()
    local own = with_own_names(first_look())
    local memory, mutex = own:match 'open%("([^"]+)".-open_or_create%("([^"]+)"'
    local score <close> = assert(shmipc.mapping.create(memory, 4))
    local witness <close> = assert(shmipc.mutex.create(mutex))
    local owner <close> = process.peer()
    owner:run("assert(assert(shmipc.mutex.open(...)):lock())", mutex)
    owner:kill()
    local adder <close> = process.start_script(as_script(own:match "%z(.*)$"))
    assert.equal("the last owner died while it held the lock", adder:read_line())
    assert.same({ "exit", 0 }, { adder:wait() })
    assert.equal(1, assert(score:view()):read_i32(0))
    local guard <close>, abandoned = assert(witness:lock(0))
    assert.is_nil(abandoned)
  end)
end)

-- The two scripts that pass jobs through a channel, on pages that show them.
describe("two scripts and a channel", function()
  after_each(objects.check_none_left)

  for page, first in pairs { ["README.md"] = 4, ["docs/channels.md"] = 1 } do
    it("work when pasted into two files: " .. page, function()
      local snippets = snippets_of(page)
      local own = with_own_names(snippets[first] .. "\0" .. snippets[first + 1])
      local serve, ask = own:match "^(.-)%z(.*)$"
      local name = serve:match 'create%("([^"]+)"'
      ask = as_script(ask)

      local server <close> = process.start_script(as_script(serve))
      process.await(function()
        local channel <close> = shmipc.channel.open(name)
        return channel
      end, "server's channel")
      local function run(...)
        local asker <close> = process.start_script(ask, ...)
        assert.is_nil(asker:read_line())
        assert.same({ "exit", 0 }, { asker:wait() })
      end
      run("feed the cat", "buy milk")
      assert.equal("to do: feed the cat", server:read_line())
      assert.equal("to do: buy milk", server:read_line())
      run()
      assert.equal("that was all", server:read_line())
      assert.same({ "exit", 0 }, { server:wait() })
    end)
  end
end)

-- ---- a promise of the README's table that no other file looks at

describe("an aligned number", function()
  after_each(objects.check_none_left)

  local on_64_bits = string.packsize "T" == 8 and it or pending

  for type, bytes in pairs { i16 = 2, u32 = 4, i64 = 8, f64 = 8 } do
    on_64_bits(("is never torn: %s"):format(type), function()
      local name = objects.name()
      local mapping <close> = assert(shmipc.mapping.create(name, 16))
      local view <close> = assert(mapping:view())
      local read = view["read_" .. type]
      -- Two values that differ in each byte, and are no mixture of each other.
      local values = { ("\x11"):rep(bytes), ("\x22"):rep(bytes) }
      view:write(0, values[1])
      local first = read(view, 0)
      view:write(0, values[2])
      local second = read(view, 0)

      local writer <close> = process.peer()
      writer:send([[
        local name, type, first, second = ...
        local view <close> = assert(assert(shmipc.mapping.open(name)):view())
        local write = view["write_" .. type]
        repeat
          for _ = 1, 100 do
            write(view, 0, first)
            write(view, 0, second)
          end
        until view:read_u8(8) == 1
      ]], name, type, first, second)
      local seen = { [first] = 0, [second] = 0 }
      process.await(function()
        for _ = 1, 1000 do
          local value = read(view, 0)
          assert(seen[value], ("%s is neither %s nor %s"):format(value, first, second))
          seen[value] = seen[value] + 1
        end
        return seen[first] > 5000 and seen[second] > 5000
      end, "other values")
      view:write_u8(8, 1)
      writer:receive()
    end)
  end
end)

-- ---- what the pages lead to

describe("the documentation", function()
  it("has links that lead somewhere", function()
    for _, page in ipairs(pages) do
      local folder = page:match "^(.*/)" or ""
      for target in objects.contents(page):gmatch "%]%(([^)#]+)[^)]*%)" do
        local is_there = target:find "^https?://" or exists(folder .. target)
        assert(is_there, ("%s links to %s"):format(page, target))
      end
    end
  end)

  it("names files of the tree that exist", function()
    for _, page in ipairs(pages) do
      local text = objects.contents(page)
      for before, folder, rest in text:gmatch "([^%w_./-])(%l+)(/[%w_./-]*)" do
        local path = (folder .. rest):gsub("[.]+$", "")
        local is_ours = lfs.attributes(folder, "mode") == "directory" and folder ~= "build"
        assert(not is_ours or exists(path), ("%s names %s%s"):format(page, before, path))
      end
    end
  end)

  it("tells of every example", function()
    local text = {}
    for _, page in ipairs(pages) do text[#text + 1] = objects.contents(page) end
    text = table.concat(text)
    local function is_example(name) return name ~= "CMakeLists.txt" end
    for _, path in ipairs(files_in("examples", is_example)) do
      assert(text:find(path, 1, true), path .. " is not mentioned")
    end
  end)

  it("knows the presets and the names that the build uses", function()
    local presets = objects.contents "CMakePresets.json"
    for _, page in ipairs(pages) do
      for preset in objects.contents(page):gmatch "%-%-preset (%l+)" do
        assert(presets:find(('"name": "%s"'):format(preset), 1, true), ("%s names the preset %s"):format(page, preset))
      end
    end
  end)

  it("and the code have no path of anybody's machine", function()
    local suspects = { "/ho" .. "me/", "/ro" .. "ot/", "/wo" .. "rk/", "/Us" .. "ers/", "C:\\Us" .. "ers" }
    local files = table.move(pages, 1, #pages, 1, { "config.ld", "CMakeLists.txt" })
    local function any() return true end
    for _, folder in ipairs { "library", "examples", "scripts", "rockspec", "lua", "csrc" } do
      files_in(folder, any, files)
    end
    for _, path in ipairs(files) do
      local text = objects.contents(path)
      for _, suspect in ipairs(suspects) do
        assert.is_nil(text:find(suspect, 1, true), ("%s has %s"):format(path, suspect))
      end
    end
  end)
end)
