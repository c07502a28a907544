-- The benchmarks run, check what they compute, and make their report. Nothing here looks at a time.

local lfs = require "lfs"
local shmipc = require "shmipc"
local objects = require "support.objects"
local process = require "support.process"

if shmipc.platform ~= "linux" then
  return pending("the benchmarks: they and those that they compare with are Linux programs")
elseif os.getenv "LD_PRELOAD" then
  return pending("the benchmarks: what they compare with is not built with sanitizers")
end

local PATIENCE = 120 -- seconds, for all works together

-- Its output and its exit code.
local function run(arguments)
  local program <close> = process.start_program(arguments)
  local lines = {}
  for line in program:lines(PATIENCE) do lines[#lines + 1] = line end
  local _, code = program:wait()
  return table.concat(lines, "\n"), code
end

local function succeed(arguments)
  local output, code = run(arguments)
  assert(code == 0, output)
  return output
end

local function names_with(prefix)
  local found = {}
  for entry in lfs.dir "/dev/shm" do
    if entry:find(prefix, 1, true) then found[#found + 1] = entry end
  end
  return found
end

-- A folder that goes with its variable.
local function temporary_folder()
  local path = objects.file()
  assert(lfs.mkdir(path))
  return setmetatable({ path = path }, { __close = function() succeed { "rm", "-rf", path } end })
end

local function works()
  local found = {}
  for entry in lfs.dir "bench/works" do
    if entry:find "%.lua$" then found[#found + 1] = dofile("bench/works/" .. entry) end
  end
  return found
end

describe("the benchmarks #programs", function()
  after_each(objects.check_none_left)

  it("measure every work, and make a page and plots", function()
    local folder <close> = temporary_folder()
    local prefix = objects.name()
    succeed { "cmake", "-S", "bench", "-B", folder.path, "-DSHMIPC_WERROR=ON" }
    succeed { "cmake", "--build", folder.path, "--parallel", "2" }
    succeed {
      "env", "SHMIPC_BENCH_PREFIX=" .. prefix, "lua5.4", "bench/main.lua", "--count", "3", "--rounds", "1",
      "--programs", folder.path, "--output", folder.path,
    }
    assert.same({}, names_with(prefix))

    local page = objects.contents(folder.path .. "/benchmarks.md")
    local plots = objects.contents(folder.path .. "/benchmarks.svg")
      .. objects.contents(folder.path .. "/benchmarks-messages.svg")
    for _, work in ipairs(works()) do
      assert(page:find("\n## " .. work.title .. "\n", 1, true), work.title .. " is not on the page")
      assert(work.is_detail or plots:find(work.title, 1, true), work.title .. " is in no plot")
      for _, contender in ipairs(work.contenders) do -- with figures, or as missing
        assert(page:find(contender.label, 1, true), contender.label .. " is not on the page")
      end
    end
    assert.is_nil(page:find("nan", 1, true))
    assert.is_nil(plots:find("nan", 1, true))
  end)

  it("know their works by name", function()
    local output, code = run { "lua5.4", "bench/main.lua", "no_such_work" }
    assert.not_equal(0, code)
    assert.matches("no such work: no_such_work", output)
  end)

  -- The task of the program with that text, 100 times in two processes.
  local function drive(text, task)
    return run { "lua5.4", "bench/drivers/driver.lua", objects.file(text), task, "100", "2", objects.name() }
  end

  it("have percentiles where a program times each operation", function()
    local output, code = drive([[
      return {
        count = {
          prepare = function() end,
          part = function(count)
            local times = {}
            for i = count, 1, -1 do times[i] = i end
            return count, times
          end,
          expected = function(count) return count end,
        },
      }
    ]], "count")
    assert.equal("5050\t100\t50\t99\t100", output)
    assert.equal(0, code)
  end)

  describe("end", function()
    local program = objects.contents "bench/peers/shmipc/lock.lua"

    -- Two processes count under a lock.
    local function count_with(text) return drive(text, "view") end

    it("well when the result is right", function()
      local output, code = count_with(program)
      assert.matches("^%d+%s+200$", output)
      assert.equal(0, code)
    end)

    it("with an error when the result is wrong", function()
      local wrong, changes = program:gsub("view:read_i32%(0%) %+ 1", "view:read_i32(0) + 2")
      assert.equal(1, changes)
      local output, code = count_with(wrong)
      assert.matches("the result is 400, it should be 200", output)
      assert.not_equal(0, code)
    end)

    it("with an error when a message is not the one that is due", function()
      local text, changes = objects.contents("bench/peers/shmipc/messages.lua")
        :gsub("open%(name, 3 %- seat%)", "{ receive = function() return 'another' end }")
      assert.equal(1, changes)
      local output, code = drive(text, "channel_round_trip_8")
      assert.matches("the result is 0, it should be 100", output)
      assert.not_equal(0, code)
    end)

    it("with an error when another of their processes fails", function()
      local failing = program:gsub("for _ = 1, count do", "if arg[6] == '2' then error 'no' end\n%0")
      local output, code = count_with(failing)
      assert.matches("another process has failed", output)
      assert.not_equal(0, code)
    end)

    for seat, who in ipairs { "first", "second" } do
      it(("with an error when the %s process fails, for which the other one waits"):format(who), function()
        local output, code = drive(([[
          return {
            wait = {
              prepare = function() end,
              part = function(_, _, seat)
                if seat == %d then error "on purpose" end
                repeat until false
              end,
              expected = function(count) return count end,
            },
          }
        ]]):format(seat), "wait")
        assert.matches("on purpose", output)
        assert.not_equal(0, code)
      end)
    end
  end)
end)
