-- The article's three roles, run together, and beside partners that have the article's faults: one that compares with
-- ==, one that adds before it looks, all sleeping with the lock and leaving with it.

local objects = require "support.objects"
local process = require "support.process"
local shmipc = require "shmipc"

local LIMIT, PACE = 12, 0.01

describe("the roles", function()
  local memory, mutex, running

  before_each(function()
    memory, mutex, running = objects.name("memory"), objects.name("mutex"), {}
  end)

  after_each(function()
    for _, role in ipairs(running) do role:close() end
    objects.refused("NOT_FOUND", shmipc.mapping.open(memory))
    objects.refused("NOT_FOUND", shmipc.mutex.open(mutex))
    objects.check_none_left()
  end)

  local function start(role, pace)
    local script = process.start_script(("examples/%s.lua"):format(role), "--limit", tostring(LIMIT), "--pace",
      tostring(pace or PACE), "--memory", memory, "--mutex", mutex)
    running[#running + 1] = script
    return script
  end

  local function start_faulty(role)
    local script = process.start("faulty_" .. role, tostring(LIMIT), tostring(PACE), memory, mutex)
    running[#running + 1] = script
    return script
  end

  -- Waits until the role has had its first turn: it is in the game. Nothing moves before a producer does.
  local function in_game(script)
    assert.is_string(script:read_line())
    return script
  end

  -- What a role has printed, turn by turn, once it has ended well. Every line says who it is.
  local function values_of(script, role)
    local values = {}
    for _ in script:lines() do end
    for _, line in ipairs(script.transcript) do
      local who, value = line:match("^(%a+) +(%-?%d+)$")
      if line ~= "consumer: the count is beyond the limit" then
        assert.equal(role, who, line)
        values[#values + 1] = tonumber(value)
      end
    end
    assert.same({ "exit", 0 }, { script:wait() })
    return values
  end

  -- Values never go down but for the end.
  local function expect_count(values)
    for i = 2, #values - 1 do assert.is_true(values[i] >= values[i - 1]) end
  end

  it("count from 0 to the limit, then to -1, and end", function()
    local creator, consumer = in_game(start "creator"), in_game(start "consumer")
    local producer = start "producer"
    local created, consumed, produced =
      values_of(creator, "creator"), values_of(consumer, "consumer"), values_of(producer, "producer")
    assert.equal(0, created[1])
    assert.equal(0, consumed[1])
    assert.is_true(created[#created - 1] >= LIMIT)
    for _, values in ipairs { created, produced, consumed } do
      expect_count(values)
      assert.equal(-1, values[#values])
    end
    for value = 0, LIMIT - 1 do assert.equal(value, produced[value + 1]) end -- one producer: each turn adds 1
  end)

  it("end without a pace, too", function()
    local creator, consumer = in_game(start("creator", 0)), in_game(start("consumer", 0))
    local producer = start("producer", 0)
    process.read_all { creator, consumer, producer }
    for role, script in pairs { creator = creator, producer = producer, consumer = consumer } do
      local values = values_of(script, role)
      assert.equal(-1, values[#values])
    end
  end)

  it("wait for their creator", function()
    local consumer, producer = start "consumer", start "producer"
    consumer:await_sleep()
    producer:stop()
    local creator = in_game(start "creator")
    in_game(consumer)
    producer:continue()
    values_of(creator, "creator")
    values_of(consumer, "consumer")
    values_of(producer, "producer")
  end)

  it("may be more than three", function()
    local creator = in_game(start "creator")
    local _ <close> = assert(shmipc.mapping.open(memory)) -- so that the last one to come finds the end
    local _ <close> = assert(shmipc.mutex.open(mutex))
    local consumers = { in_game(start "consumer"), in_game(start "consumer") }
    local producers = { start "producer", start "producer", start "producer" }
    local function expect_end(script, role)
      local values = values_of(script, role)
      expect_count(values)
      assert.equal(-1, values[#values])
    end
    expect_end(creator, "creator")
    for _, consumer in ipairs(consumers) do expect_end(consumer, "consumer") end
    for _, producer in ipairs(producers) do expect_end(producer, "producer") end
  end)

  it("go on when one of them is killed and another takes its place", function()
    local creator, consumer = in_game(start "creator"), in_game(start "consumer")
    local victim = start "producer"
    for _ = 1, 5 do victim:read_line() end
    victim:kill()
    local producer = start "producer"
    values_of(producer, "producer")
    values_of(consumer, "consumer")
    values_of(creator, "creator")
  end)

  it("end when the timekeeper says so", function()
    local creator, producer = in_game(start("creator", 0.05)), in_game(start("producer", 0.05))
    local timekeeper = process.start_script("examples/timekeeper.lua", "--seconds", "0.2", "--memory", memory,
      "--mutex", mutex)
    running[#running + 1] = timekeeper
    local last
    for line in timekeeper:lines() do last = line end
    assert.matches("%-1$", last)
    assert.same({ "exit", 0 }, { timekeeper:wait() })
    values_of(creator, "creator")
    values_of(producer, "producer")
  end)

  it("refuse names that are not valid, and end", function()
    local script = process.start_script("examples/creator.lua", "--memory", "a/b", "--mutex", mutex)
    running[#running + 1] = script
    assert.is_truthy(script:read_until("not valid"))
    assert.same({ "exit", 1 }, { script:wait() })
  end)

  -- Every mix of ours and faulty ones. With a creator that compares with == and a producer that may step over the limit
  -- at any time there need not be an end: that mix is left out.
  local mixes = {}
  for mix = 1, 7 do
    local faulty = { creator = mix & 1 ~= 0, producer = mix & 2 ~= 0, consumer = mix & 4 ~= 0 }
    if not (faulty.creator and faulty.producer) then mixes[#mixes + 1] = faulty end
  end

  for _, faulty in ipairs(mixes) do
    local names = {}
    for _, role in ipairs { "creator", "producer", "consumer" } do
      if faulty[role] then names[#names + 1] = role end
    end

    it(("end beside the article's %s"):format(table.concat(names, " and ")), function()
      local scripts = {}
      for _, role in ipairs { "creator", "consumer", "producer" } do
        scripts[role] = in_game((faulty[role] and start_faulty or start)(role))
      end
      for role, script in pairs(scripts) do
        -- A producer that adds to the -1 never ends, and a consumer that looks only for -1 may miss it.
        if not faulty[role] or not faulty.producer then values_of(script, role) end
      end
      for role, script in pairs(scripts) do
        if faulty[role] and faulty.producer then script:kill() end
      end
    end)
  end

  it("end beside the article's producer and one of ours, which stops", function()
    local creator, consumer = in_game(start "creator"), in_game(start "consumer")
    local producer, faulty = in_game(start "producer"), start_faulty "producer"
    values_of(creator, "creator")
    values_of(producer, "producer")
    values_of(consumer, "consumer")
    faulty:kill()
  end)
end)
