-- The examples of channels, as processes: a job queue whose workers are killed, a pipeline, the roles that wait, and
-- values in JSON.
--
--     local boss <close> = start("boss", "--jobs", "9")
--     local worker <close> = start "worker"
--     assert.is_truthy(boss:read_until "9 jobs done")

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local name, running
local has_json = pcall(require, "cjson")

-- Starts a command of an example on the test's own names.
local function start_example(example, command, ...)
  local script = process.start_script(("examples/%s.lua"):format(example), command, "--name", name, ...)
  running[#running + 1] = script
  return script
end

local function prepare()
  name, running = objects.name(), {}
end

local function tidy_up()
  for _, script in ipairs(running) do script:close() end
  objects.check_none_left()
end

local function expect_end(script, code)
  for _ in script:lines() do end
  assert.same({ "exit", code or 0 }, { script:wait() })
end

-- They end all, and none of them has to wait for who reads what another one prints.
local function expect_ends(scripts)
  process.read_all(scripts)
  for _, script in ipairs(scripts) do expect_end(script) end
end

local function await_line(script, text)
  return script:read_until(text) or error(("no line with %q from %s: %s"):format(text, script.title,
    table.concat(script.transcript, " | ")), 2)
end

-- Waits until the object is there, and opens it.
local function await_open(kind, suffix, ...)
  local handle
  local arguments = table.pack(...)
  process.await(function()
    handle = kind.open(name .. suffix, table.unpack(arguments, 1, arguments.n))
    return handle
  end, "object " .. suffix)
  return handle
end

describe("the job queue", function()
  local held

  before_each(function()
    prepare()
    held = {}
  end)

  after_each(function()
    for _, script in ipairs(running) do script:close() end
    for _, handle in ipairs(held) do handle:close() end
    tidy_up()
  end)

  local FIRST = 1000000

  local function start(command, ...) return start_example("job_queue", command, ...) end

  -- The boss and what it makes, which stays until the test is over: for a worker that comes late.
  local function start_boss(jobs, look)
    local boss = start("boss", "--jobs", tostring(jobs), "--first", tostring(FIRST), "--look", look or "0.02")
    held = { await_open(shmipc.mapping, ".claims"), await_open(shmipc.channel, ".jobs"),
      await_open(shmipc.channel, ".results") }
    return boss
  end

  -- What a killed worker leaves is its sign of life, until somebody looks for it. Returns whether it was alive.
  local function kill(worker)
    local pid = worker:pid()
    local how = worker:kill()
    objects.refused("NOT_FOUND", shmipc.event.open(("%s.alive.%d"):format(name, pid)))
    return how == "signal"
  end

  -- Waits until the worker is at the first job.
  local function await_claim(worker)
    local view <close> = assert(held[1]:view())
    process.await(function() return view:read_i64(0) == worker:pid() end, "claim")
  end

  -- The boss has every number's factors, once, and ends, and so do the workers.
  local function expect_results(boss, jobs, workers)
    expect_ends { boss, table.unpack(workers) }
    local seen = {}
    for _, line in ipairs(boss.transcript) do
      local number, factors = line:match "^boss    (%d+) = (.-)  %(job"
      if number then
        local product = 1
        for factor in factors:gmatch "%d+" do product = product * tonumber(factor) end
        assert.equal(tonumber(number), product)
        assert.is_nil(seen[product], "a result counts twice")
        seen[product] = true
      end
    end
    for job = 1, jobs do assert(seen[FIRST + job - 1], ("job %d is missing"):format(job)) end
    assert.matches(("boss    %d jobs done"):format(jobs), boss.transcript[#boss.transcript])
  end

  it("does every job, with more of them than there is space for", function()
    local boss = start_boss(400) -- 4096 bytes have space for some 170
    local workers = { start "worker", start "worker" }
    expect_results(boss, 400, workers)
    assert.is_nil(table.concat(boss.transcript, "\n"):find("has died", 1, true))
    for _, worker in ipairs(workers) do
      assert.matches("is through, with %d+ jobs$", worker.transcript[#worker.transcript])
    end
  end)

  it("does every job while its workers are killed at random", function()
    local jobs, kills = 100, 0
    math.randomseed(7)
    local boss = start_boss(jobs)
    local function start_worker() return start("worker", "--pace", "0.015") end
    local workers = { start_worker(), start_worker() }
    for _ = 1, 8 do
      local victim = math.random(#workers)
      for _ = 1, math.random(0, 4) do workers[victim]:read_line() end -- of some it is done with, or of none
      if kill(workers[victim]) then kills = kills + 1 end
      workers[victim] = start_worker()
    end
    assert.is_true(kills >= 3)
    expect_results(boss, jobs, workers)
  end)

  it("hands out a job again whose worker has claimed it and died", function()
    local boss = start_boss(5)
    local victim = start("worker", "--pace", "60")
    await_claim(victim)
    local pid = victim:pid()
    assert.is_true(kill(victim))
    assert.equal(("boss    job 1 again: worker %d has died"):format(pid), await_line(boss, "again"))
    local worker = start "worker"
    expect_results(boss, 5, { worker })
  end)

  it("hands out a job again whose worker has died before it claimed it", function()
    local boss = start_boss(5)
    local thief <close> = process.peer()
    thief:run("channel = assert(shmipc.channel.open(...))", name .. ".jobs")
    assert.matches("^1 ", thief:run "return (channel:receive())")
    thief:kill()
    local worker = start "worker"
    assert.equal("boss    job 1 again: nobody has claimed it", await_line(boss, "again"))
    expect_results(boss, 5, { worker })
  end)

  it("takes the results of a worker that died after it had sent them", function()
    local boss = start_boss(2, "0") -- it looks after each result
    process.await(function() return held[2]:stats().sent == 2 end, "hints")
    boss:stop() -- so that it finds the death and the results at once
    local worker <close> = process.peer()
    worker:run([[
      local name = ...
      jobs, results = assert(shmipc.channel.open(name .. ".jobs")), assert(shmipc.channel.open(name .. ".results"))
      local claims = assert(assert(shmipc.mapping.open(name .. ".claims")):view()):array "i64"
      for job, factors in ipairs { "2 * 2 * 2 * 2 * 2 * 2 * 5 * 5 * 5 * 5 * 5 * 5", "101 * 9901" } do
        assert(jobs:receive())
        claims[job] = shmipc.pid()
        assert(results:send(("%d %d %s"):format(job, shmipc.pid(), factors)))
      end
    ]], name)
    worker:kill()
    boss:continue()
    expect_results(boss, 2, {})
    assert.matches(" 0 times handed out again", boss.transcript[#boss.transcript])
  end)

  it("has a worker give up what one with its pid had claimed before", function()
    local worker = start "worker"
    local memory <close> = assert(shmipc.mapping.create(name .. ".claims", 8))
    local view <close> = assert(memory:view())
    view:write_i64(0, worker:pid())
    local _ <close> = assert(shmipc.event.create(name .. ".alive.boss"))
    local results <close> = assert(shmipc.channel.create(name .. ".results"))
    local jobs <close> = assert(shmipc.channel.create(name .. ".jobs"))
    assert(jobs:send "1 6")
    assert.equal(("1 %d 2 * 3"):format(worker:pid()), results:receive(20))
    jobs:shutdown()
    expect_end(worker)
  end)

  it("ends its workers when the boss was killed", function()
    local boss = start_boss(3)
    local worker = start("worker", "--pace", "0.001")
    await_line(worker, "has done")
    boss:kill()
    await_line(worker, "the boss is gone")
    expect_end(worker, 1)
    objects.refused("NOT_FOUND", shmipc.event.open(name .. ".alive.boss"))
  end)

  it("ends its workers when Ctrl-C ends the boss", function()
    local boss = start_boss(3)
    local worker = start("worker", "--pace", "0.2")
    await_line(worker, "has done")
    boss:interrupt()
    expect_end(boss)
    await_line(worker, "is through")
    expect_end(worker)
  end)

  it("goes on when a worker leaves by Ctrl-C", function()
    local boss = start_boss(3)
    local leaver = start("worker", "--pace", "60")
    await_claim(leaver)
    leaver:interrupt()
    expect_end(leaver)
    local worker = start "worker"
    expect_results(boss, 3, { worker })
  end)
end)

describe("the pipeline", function()
  before_each(prepare)
  after_each(tidy_up)

  local function start(command, ...) return start_example("sensor", command, ...) end

  -- The readings that a display has shown: number, value, mean.
  local function shown(display)
    local readings = {}
    for _, line in ipairs(display.transcript) do
      local number, value, mean = line:match "^ *(%d+) +[%d.]+ s +([%d.]+) °C, mean +([%d.]+) °C$"
      if number then readings[#readings + 1] = { tonumber(number), tonumber(value), tonumber(mean) } end
    end
    return readings
  end

  -- Starts a filter and a display, and waits until both wait for readings.
  local function start_listeners(filter_options, display_options)
    local filter = start("filter", table.unpack(filter_options or {}))
    local display = start("display", table.unpack(display_options or {}))
    for _, suffix in ipairs { ".raw", ".smooth" } do
      local channel <close> = await_open(shmipc.channel, suffix)
      process.await(function() return channel:stats().receivers_waiting end, "receiver of " .. suffix)
    end
    return filter, display
  end

  it("shows each reading with the mean, and ends with the sensor", function()
    local filter, display = start_listeners { "--over", "2" }
    local sensor = start("sensor", "--readings", "50", "--pace", "0")
    expect_ends { sensor, filter, display }
    local readings = shown(display)
    assert.equal(50, #readings)
    for i, reading in ipairs(readings) do
      assert.equal(i, reading[1])
      local last = readings[math.max(1, i - 1)]
      assert.near((reading[2] + last[2]) / 2, reading[3], 0.011)
    end
  end)

  -- Each channel has 4096 bytes, and a reading 24 and 8.
  local function fill_both()
    local filter, sensor = start "filter", start("sensor", "--readings", "400", "--pace", "0")
    local smooth = await_open(shmipc.channel, ".smooth")
    local raw = await_open(shmipc.channel, ".raw")
    process.await(function()
      return smooth:stats().senders_waiting and raw:stats().senders_waiting
    end, "channels to be full")
    assert.equal(127, smooth:stats().depth)
    raw:close()
    smooth:close()
    return filter, sensor
  end

  it("holds up filter and sensor while nobody shows anything, and loses nothing", function()
    local filter, sensor = fill_both()
    local display = start "display"
    expect_ends { sensor, filter, display }
    assert.equal(400, #shown(display))
    assert.matches("^sensor: 400 readings, waited for space %d+ times, dropped 0$", sensor.transcript[1])
  end)

  it("drops what it has no space for, when it is told so", function()
    local raw = shmipc.channel.create(name .. ".raw", { capacity = 4096 })
    local sensor = start("sensor", "--readings", "400", "--pace", "0", "--drop")
    expect_end(sensor)
    assert.equal("sensor: 400 readings, waited for space 0 times, dropped 273", sensor.transcript[1])
    raw:close()
  end)

  it("goes on with another sensor, filter or display when one was killed", function()
    local sensor, filter, display = start("sensor", "--pace", "0.001"), start "filter", start "display"
    await_line(display, "mean")
    local raw = await_open(shmipc.channel, ".raw") -- for readings that come before the next filter does
    display:kill()
    display = start "display"
    await_line(display, "mean")
    filter:kill()
    filter = start "filter"
    sensor:kill()
    sensor = start("sensor", "--readings", "20", "--pace", "0")
    expect_ends { sensor, filter, display }
    raw:close()
    local readings = shown(display)
    assert.equal(20, readings[#readings][1])
  end)

  it("ends by Ctrl-C at the sensor", function()
    local sensor, filter, display = start("sensor", "--pace", "0.001"), start "filter", start "display"
    await_line(display, "mean")
    sensor:interrupt()
    expect_ends { sensor, filter, display }
  end)

  it("shows in place when it is told so", function()
    local filter, display = start_listeners({ "--over", "1" }, { "--live" })
    local sensor = start("sensor", "--readings", "2", "--pace", "0")
    expect_ends { sensor, filter, display }
    assert.matches("^\27%[%?7l\27%[%?25l +1 .*\27%[K$", display.transcript[1])
    assert.matches("^[▁▂▃▄▅▆▇█]+\27%[K\27%[F +2 .*\27%[K$", display.transcript[2])
    assert.matches("^[▁▂▃▄▅▆▇█]+\27%[K$", display.transcript[3])
    assert.equal("\27[?7h\27[?25h", display.transcript[4])
  end)
end)

describe("the roles that wait", function()
  before_each(prepare)
  after_each(tidy_up)

  local LIMIT = "60"

  local function start(role, ...)
    if role == "consumer" then return start_example("waiting_roles", role, ...) end
    if role == "creator" then return start_example("waiting_roles", role, "--limit", LIMIT, "--patience", "20") end
    return start_example("waiting_roles", role, "--limit", LIMIT, ...)
  end

  local function values_of(script, role)
    local values = {}
    for _, line in ipairs(script.transcript) do
      values[#values + 1] = tonumber(line:match("^" .. role .. " +(%d+)$"))
    end
    return values
  end

  local function expect_each_once(values)
    for i = 1, tonumber(LIMIT) do assert.equal(i, values[i]) end
    assert.equal(tonumber(LIMIT), #values)
  end

  it("count to the limit, show each value once, and end", function()
    local consumer, producer = start "consumer", start("producer", "--pace", "0")
    local creator = start "creator"
    expect_ends { creator, producer, consumer }
    expect_each_once(values_of(consumer, "consumer"))
    expect_each_once(values_of(producer, "producer"))
    assert.equal("consumer  the end", consumer.transcript[#consumer.transcript])
    local seen = values_of(creator, "creator")
    assert.equal(tonumber(LIMIT), seen[#seen])
    for i = 2, #seen do assert.is_true(seen[i] >= seen[i - 1]) end
  end)

  it("may have several producers, one of which is killed", function()
    local creator, consumer = start "creator", start "consumer"
    local victim = start("producer", "--pace", "0.001")
    await_line(victim, "producer")
    -- For a producer that comes when the game is over.
    local _ <close> = await_open(shmipc.mutex, ".mutex")
    local _ <close> = await_open(shmipc.mapping, ".count")
    local _ <close> = await_open(shmipc.event, ".grown")
    local _ <close> = await_open(shmipc.channel, ".values")
    victim:kill()
    local producers = { start("producer", "--pace", "0.001"), start("producer", "--pace", "0") }
    expect_ends { consumer, creator, table.unpack(producers) }
    local values, last = values_of(consumer, "consumer"), 0
    for _, value in ipairs(values) do -- one may come twice, by the producer that was killed
      assert.is_true(value == last + 1 or value == last, ("%d after %d"):format(value, last))
      last = value
    end
    assert.equal(tonumber(LIMIT), last)
    assert.is_true(#values <= last + 1)
  end)

  it("keep the values for a consumer that comes late", function()
    local creator, producer = start "creator", start("producer", "--pace", "0")
    expect_end(producer)
    await_line(creator, "creator   " .. LIMIT)
    local consumer = start "consumer"
    expect_ends { consumer, creator }
    expect_each_once(values_of(consumer, "consumer"))
  end)

  it("end by Ctrl-C while they wait", function()
    local creator, consumer = start "creator", start "consumer"
    assert.equal("creator   0", creator:read_line())
    local values <close> = await_open(shmipc.channel, ".values")
    process.await(function() return values:stats().receivers_waiting end, "consumer")
    creator:interrupt()
    consumer:interrupt()
    expect_end(creator)
    expect_end(consumer)
  end)
end)

describe("the service in JSON", function()
  before_each(prepare)
  after_each(tidy_up)

  local with_json = has_json and it or function(title) pending(title .. " (needs lua-cjson)") end

  local function start(command, ...) return start_example("json_service", command, ...) end

  local function call(...)
    local caller = start("call", ...)
    expect_end(caller)
    return caller.transcript[1]
  end

  local function refuse(...)
    local caller = start("call", ...)
    expect_end(caller, 1)
    return caller.transcript[1]
  end

  with_json("answers calls, and refuses others", function()
    local service = start "serve"
    assert.equal(("serves %s; Ctrl-C ends it"):format(name), service:read_line())
    assert.equal("6.5", call("add", "1", "2", "3.5"))
    assert.equal("0", call "add")
    assert.equal('{"a":2}', call("words", "a a"))
    assert.matches("attempt to perform arithmetic on a table value", refuse("add", "[1]"))
    assert.matches("there is no function nonsense$", refuse "nonsense")
    service:interrupt()
    expect_end(service)
  end)

  with_json("goes on when a caller was killed", function()
    local service = start "serve"
    service:read_line()
    local caller <close> = process.peer()
    caller:run([[
      local name, codec = ..., { codec = require "cjson" }
      reply = assert(shmipc.channel.create(name .. ".reply", codec))
      local calls = assert(shmipc.channel.open(name .. ".calls", codec))
      assert(calls:send { name = "add", arguments = { 1 }, reply = reply:name() })
    ]], name)
    caller:kill()
    assert.equal("3", call("add", "1", "2"))
    service:interrupt()
    expect_end(service)
    objects.refused("NOT_FOUND", shmipc.channel.open(name .. ".reply"))
  end)

  it("says in a line what is missing without cjson", function()
    local path = objects.file([[
      package.preload.cjson = function() error("it is not here", 0) end
      dofile "examples/json_service.lua"
    ]], ".lua")
    local script <close> = process.start_script(path, "serve")
    expect_end(script, 1)
    assert.same({ "json_service: this example needs the module cjson (Debian: lua-cjson), which is not here" },
      script.transcript)
  end)
end)

describe("each example of channels", function()
  it("has help", function()
    for _, example in ipairs { "job_queue", "sensor", "waiting_roles", has_json and "json_service" or nil } do
      local script <close> = process.start_script(("examples/%s.lua"):format(example), "--help")
      assert.matches("^Usage: " .. example, script:read_line())
      for _ in script:lines() do end
      assert.same({ "exit", 0 }, { script:wait() })
    end
  end)
end)
