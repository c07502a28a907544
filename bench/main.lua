-- Runs the benchmarks in bench/works. Start it by scripts/bench, which builds what it needs first.

package.path = "bench/?.lua;" .. package.path

local machine = require "harness.machine"
local measure = require "harness.measure"
local plot = require "harness.plot"
local report = require "harness.report"
local shmipc = require "shmipc"

-- The works by name: files in bench/works.
local function all_works()
  local works = {}
  for path in assert(io.popen "ls bench/works/*.lua"):lines() do
    local work = dofile(path)
    work.name = path:match "([^/]+)%.lua$"
    works[#works + 1] = work
    works[work.name] = work
  end
  table.sort(works, function(a, b) return a.place < b.place end)
  return works
end

local works = all_works()

local function list_of_works()
  local lines = { "Works:" }
  for _, work in ipairs(works) do lines[#lines + 1] = ("   %-22s %s"):format(work.name, work.title) end
  return table.concat(lines, "\n")
end

local parser = require "argparse"("scripts/bench",
  "Measures shmipc and what one would take instead, side by side. All works together, not quickly, make the page "
  .. "docs/benchmarks.md with its plots.")
parser:argument("work", "Measure only these."):args "*"
parser:flag("--quick", "3 short rounds: a rough idea.")
parser:option("--rounds", "Runs of each contender (default: 11)."):convert(tonumber)
parser:option("--seconds", "Time of a run, about (default: 0.1)."):convert(tonumber)
parser:option("--count", "Operations of a run, in place of a time."):convert(tonumber)
parser:option("--output", "The folder to write the page and the plot to.")
parser:option("--programs", "Where the compiled programs are.", "build/release/bench")
parser:epilog(list_of_works())
local options = parser:parse()

local function chosen_works()
  if #options.work == 0 then return works end
  local chosen = {}
  for i, name in ipairs(options.work) do
    chosen[i] = works[name] or parser:error("no such work: " .. name)
  end
  return chosen
end

local settings = {
  rounds = options.rounds or (options.quick and 3 or 11),
  seconds = options.seconds or (options.quick and 0.03 or 0.1),
  programs = options.programs,
  count = options.count,
  prefix = os.getenv "SHMIPC_BENCH_PREFIX" or "shmipc-bench-" .. shmipc.pid(), -- of all names of objects
}

-- A program that was ended before its time may have left names.
local function remove_names()
  os.execute(("rm -f /dev/shm/*%s*"):format(settings.prefix))
end

local function peers_of(sections)
  local peers, seen = {}, {}
  for _, section in ipairs(sections) do
    for _, entry in ipairs(section.entries) do
      local peer = measure.peer(entry.contender.peer)
      if not seen[peer] then peers[#peers + 1] = peer end
      seen[peer] = true
    end
  end
  return peers
end

local function describe_machine(load_before, sections)
  local lines = machine.describe()
  lines[#lines + 1] = { "Load before the run", load_before }
  return table.move(machine.versions(peers_of(sections), settings.programs), 1, 100, #lines + 1, lines)
end

local function write_file(path, contents)
  local file <close> = assert(io.open(path, "w"))
  assert(file:write(contents))
  print("Wrote " .. path)
end

local function write_page(folder, load_before, sections)
  local pictures = plot.pictures(sections)
  for _, picture in ipairs(pictures) do write_file(folder .. "/" .. picture.file, picture.svg) end
  write_file(folder .. "/benchmarks.md", report.page {
    command = table.concat({ "scripts/bench", table.unpack(arg) }, " "),
    date = os.date "%Y-%m-%d",
    plots = pictures,
    settings = settings,
    machine = describe_machine(load_before, sections),
    sections = sections,
  })
end

local function measure_all()
  local sections = {}
  for _, work in ipairs(chosen_works()) do
    local entries, missing = measure.work(work, settings)
    local section = { work = work, entries = entries, missing = missing, verdicts = measure.judge(work, entries) }
    print(report.section_text(section) .. "\n")
    sections[#sections + 1] = section
  end
  return sections
end

local function main()
  local load_before = machine.load()
  local sections = measure_all()
  print(report.summary(sections))
  local is_for_the_page = #options.work == 0 and not options.quick
  local folder = options.output or (is_for_the_page and "docs")
  if folder then write_page(folder, load_before, sections) end
end

io.stdout:setvbuf "line"
local is_done, message = pcall(main)
remove_names()
if not is_done then
  io.stderr:write(tostring(message), "\n")
  os.exit(1)
end
