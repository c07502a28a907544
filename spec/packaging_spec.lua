-- What others get: `cmake --install`, the CMake package for C hosts, and the rock. Each is made from the working tree
-- into a temporary folder, and used from there with nothing of the tree on any path.

local lfs = require "lfs"
local shmipc = require "shmipc"
local objects = require "support.objects"

if shmipc.platform == "windows" then
  pending("what an installation and a rock consist of: it takes a compiler and a shell, and is looked at on Linux")
  return
end

local root = lfs.currentdir()

-- Runs shell commands; returns their output, both streams. %s stands for an argument, which gets quoted.
-- The sanitizers' run-time and the paths to the working tree are for this process only.
local function sh(commands, ...)
  local quoted = {}
  for index, argument in ipairs { ... } do
    quoted[index] = "'" .. argument:gsub("'", "'\\''") .. "'"
  end
  local text = commands:format(table.unpack(quoted))
  local pipe <close> = assert(io.popen("{ unset LD_PRELOAD LUA_PATH LUA_CPATH\n" .. text .. "\n} 2>&1 </dev/null"))
  local output = pipe:read "a"
  local ok, _, code = pipe:close()
  if not ok then error(("exit code %d from: %s\n%s"):format(code, text, output), 2) end
  return output
end

local function is_here(program)
  return (os.execute("command -v " .. program .. " >/dev/null"))
end

-- The files below a folder, relative to it, sorted.
local function files_below(folder, found, prefix)
  found, prefix = found or {}, prefix or ""
  for entry in lfs.dir(folder) do
    if entry ~= "." and entry ~= ".." then
      if lfs.attributes(folder .. "/" .. entry, "mode") == "directory" then
        files_below(folder .. "/" .. entry, found, prefix .. entry .. "/")
      else
        found[#found + 1] = prefix .. entry
      end
    end
  end
  table.sort(found)
  return found
end

local function all(text, pattern)
  local found = {}
  for match in text:gmatch(pattern) do
    found[#found + 1] = match
  end
  return found
end

-- Lets a script work that finds its modules below the prefix and nowhere else.
local function use_module(prefix)
  local script = [[
    local shmipc = require "shmipc"
    local memory, mutex = ...
    local mapping <close> = assert(shmipc.mapping.create(memory, 16))
    local mutex <close> = assert(shmipc.mutex.create(mutex))
    local view = mapping:view()
    print(mutex:with(view.pack, view, 4, "<i4", 500), view:read_i32(4), shmipc._VERSION)
  ]]
  return sh("cd /; echo %s | LUA_PATH=%s LUA_CPATH=%s lua5.4 - %s %s", script,
    prefix .. "/share/lua/5.4/?.lua;" .. prefix .. "/share/lua/5.4/?/init.lua", prefix .. "/lib/lua/5.4/?.so",
    objects.name(), objects.name())
end

local expected_output = ("8\t500\t%s\n"):format(shmipc._VERSION)

-- Excluded by its tag where the suite runs under sanitizers: nothing in here would run under them.
describe("packaging #packaging", function()
  local work

  setup(function()
    work = sh("mktemp -d"):match "%S+"
  end)

  teardown(function()
    sh("rm -rf %s", work)
  end)

  after_each(objects.check_none_left)

  describe("of an installation", function()
    local prefix

    setup(function()
      sh("cmake -S %s -B %s -DCMAKE_BUILD_TYPE=Release -DSHMIPC_TESTS=OFF", root, work .. "/build")
      sh("cmake --build %s --parallel 2", work .. "/build")
      sh("cmake --install %s --prefix %s", work .. "/build", work .. "/installed")
      -- It is used in another place than the one that it was installed into.
      prefix = work .. "/moved here"
      assert(os.rename(work .. "/installed", prefix))
    end)

    it("has what Lua and C hosts need, and nothing else", function()
      local expected = {
        "bin/shmipc",
        "include/shmipc.h",
        "lib/cmake/shmipc/shmipcConfig.cmake",
        "lib/cmake/shmipc/shmipcConfigVersion.cmake",
        "lib/cmake/shmipc/shmipcTargets-release.cmake",
        "lib/cmake/shmipc/shmipcTargets.cmake",
        "lib/libshmipc.a",
        "lib/lua/5.4/shmipc/core.so",
      }
      for _, file in ipairs(files_below "lua") do
        expected[#expected + 1] = "share/lua/5.4/" .. file
      end
      for _, file in ipairs {
        "bash-completion/completions/shmipc", "fish/vendor_completions.d/shmipc.fish", "man/man1/shmipc.1",
        "zsh/site-functions/_shmipc",
      } do
        expected[#expected + 1] = "share/" .. file
      end
      table.sort(expected)
      assert.same(expected, files_below(prefix))
    end)

    it("knows no path of the tree or of the build", function()
      for _, file in ipairs(files_below(prefix)) do
        local bytes = objects.contents(prefix .. "/" .. file)
        assert.is_nil(bytes:find(root, 1, true), file)
        assert.is_nil(bytes:find(work, 1, true), file)
      end
    end)

    it("gives a module that works from the prefix alone", function()
      assert.equal(expected_output, use_module(prefix))
    end)

    it("gives a command that works from the prefix alone", function()
      assert.equal(("shmipc %s\n"):format(shmipc._VERSION), sh("cd /; %s --version", prefix .. "/bin/shmipc"))
      assert.matches('"check":"robust locks"', sh("cd /; %s doctor --json", prefix .. "/bin/shmipc"))
    end)

    it("exports nothing from the module but its entry point", function()
      local symbols = sh("nm -D --defined-only %s", prefix .. "/lib/lua/5.4/shmipc/core.so")
      assert.same({ "luaopen_shmipc_core" }, all(symbols, "(%S+)\n"))
    end)

    describe("in a C program", function()
      setup(function()
        sh("cmake -S %s -B %s -DCMAKE_PREFIX_PATH=%s -DCMAKE_C_FLAGS=%s", root .. "/examples", work .. "/host", prefix,
          "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Werror")
        sh("cmake --build %s", work .. "/host")
      end)

      it("runs the creator's role beside C code that adds", function()
        local memory, mutex = objects.name(), objects.name()
        local output = sh("cd /; timeout 20 %s %s %s --limit 50 --pace 0.001 --memory %s --mutex %s",
          work .. "/host/host", memory, root .. "/examples/creator.lua", memory, mutex)
        assert.matches("^creator   0\n", output)
        assert.matches("\ncreator   %-1\n", output)
        assert.matches("\nhost      added %d+ times, and saw %-1\n", output)
      end)

      it("runs the consumer's role beside the C code, and a creator elsewhere", function()
        local memory, mutex = objects.name(), objects.name()
        local output = sh([[
          cd /; host=%s memory=%s mutex=%s examples=%s
          options="--pace 0.001 --memory $memory --mutex $mutex"
          timeout 20 "$host" none "$examples/creator.lua" --limit 50 $options >/dev/null 2>&1 &
          timeout 20 "$host" "$memory" "$examples/consumer.lua" $options && wait $! ]],
          work .. "/host/host", memory, mutex, root .. "/examples")
        assert.matches("^consumer  %d+\n", output)
        assert.matches("\nconsumer  %-1\n", output)
        assert.matches("\nhost      added %d+ times, and saw %-1\n", output)
      end)

      it("says what is wrong with a script, and fails", function()
        local status = sh("cd /; timeout 20 %s %s /nowhere.lua || echo status $?", work .. "/host/host", objects.name())
        assert.matches("cannot open /nowhere.lua.*status 1\n$", status)
      end)
    end)
  end)

  describe("as a rock", function()
    local path = "rockspec/shmipc-scm-1.rockspec"
    local rockspec

    setup(function()
      rockspec = {}
      assert(loadfile(path, "t", rockspec))()
    end)

    it("lists every C file of the module", function()
      local expected = {}
      for _, folder in ipairs { "binding", "core" } do
        for _, file in ipairs(files_below("csrc/" .. folder)) do
          if file:match "%.c$" and file ~= "preload.c" then -- which is for hosts, not for the module that Lua loads
            expected[#expected + 1] = "csrc/" .. folder .. "/" .. file
          end
        end
      end
      for platform, file in pairs { linux = "csrc/os/linux.c", windows = "csrc/os/windows.c" } do
        expected[#expected + 1] = file
        assert.same(expected, rockspec.build.platforms[platform].modules["shmipc.core"].sources)
        table.remove(expected)
      end
    end)

    it("lists every Lua module", function()
      local expected, listed = {}, {}
      for _, file in ipairs(files_below "lua") do
        local module = file:gsub("%.lua$", ""):gsub("/init$", ""):gsub("/", ".")
        expected[module] = "lua/" .. file
      end
      for module, file in pairs(rockspec.build.modules) do
        if type(file) == "string" then listed[module] = file end
      end
      assert.same(expected, listed)
    end)

    it("exports the entry point on Windows, and links what that system has", function()
      local core = rockspec.build.platforms.windows.modules["shmipc.core"]
      assert.same({ "SHMIPC_API=__declspec(dllexport)" }, core.defines)
      assert.same({ "advapi32" }, core.libraries)
      assert.same({ "pthread", "dl" }, rockspec.build.platforms.linux.modules["shmipc.core"].libraries)
      assert.same({ "linux", "windows" }, rockspec.supported_platforms)
    end)

    it("asks for Lua 5.4 or later, and for nothing else", function()
      assert.same({ "lua >= 5.4" }, rockspec.dependencies)
    end)

    it("is built and installed by luarocks, without CMake and without a network", function()
      if not is_here "luarocks" then return pending "luarocks is not here" end
      -- In a copy: luarocks puts its object files beside the sources.
      sh("cp -R bin csrc lua docs examples rockspec %s", work)
      local network = is_here "unshare" and os.execute "unshare -n true 2>/dev/null" and "unshare -n" or ""
      sh("cd %s; HOME=$PWD " .. network .. " luarocks --lua-version 5.4 --tree %s make %s", work, work .. "/rock", path)
      assert.equal(expected_output, use_module(work .. "/rock"))
      assert.matches('"check":"robust locks"', sh("cd /; %s doctor --json", work .. "/rock/bin/shmipc"))
    end)
  end)

  it("has one version", function()
    assert.equal(shmipc._VERSION, objects.contents "CMakeLists.txt":match "project%(shmipc VERSION (%S+)")
  end)
end)
