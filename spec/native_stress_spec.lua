-- The promises about lifetime and locks under load, kills and hostile neighbours: native programs, since they stop a
-- process between any two system calls, or at any instruction.
--
-- SHMIPC_NATIVE   the build's folder of native programs (build/dev/spec/native)
-- SHMIPC_SOAK     a factor: so many times longer, and so many times finer steps (1)

local folder = (os.getenv("SHMIPC_NATIVE") or "build/dev/spec/native") .. "/stress/"
local soak = tonumber(os.getenv("SHMIPC_SOAK") or "1")
local seed = os.time() % 100000

local CANNOT = 77 -- what a program exits with when the system does not let it

local function arguments(settings)
  local list = {}
  for key, value in pairs(settings) do
    list[#list + 1] = ("%s=%s"):format(key, math.type(value) == "float" and math.ceil(value) or value)
  end
  table.sort(list)
  return table.concat(list, " ")
end

--- Gives what the program printed, and its exit code.
local function run(program, settings)
  local command = ("timeout -k 5 %d %s%s %s 2>&1"):format(math.ceil(60 + 200 * soak), folder, program,
    arguments(settings))
  local pipe = assert(io.popen(command))
  local output = pipe:read("a")
  local _, reason, code = pipe:close()
  if reason == "exit" and code == CANNOT then pending(output) end
  return ("%s\n%s(%s %d)"):format(command, output, reason, code), reason == "exit" and code
end

local function holds(program, settings)
  local output, code = run(program, settings)
  assert.message(output).are.equal(0, code)
end

local describe_here = package.config:sub(1, 1) == "/" and describe or pending

describe_here("named objects", function()
  it("live as long as a holder, whoever is killed when", function()
    holds("lifetime_stress", { seconds = 6 * soak, seed = seed })
  end)

  it("do so too while names are taken away by hand", function()
    holds("lifetime_stress", { seconds = 4 * soak, seed = seed, unlink = 1 })
  end)

  for closers = 2, 4 do
    it(("lose their name when %d processes let go together"):format(closers), function()
      holds("twoclose", { rounds = 5000 * soak, closers = closers })
    end)
  end
end)

describe_here("the stress of named objects", function()
  local planted = {
    "every inode seems to have a name",
    "a name is removed without a look at whose it is",
    "a closer keeps its shared lock while it tries the exclusive one",
    "every object seems to be held",
    "a new object is held only after it has its name",
    "an exclusive lock is always granted",
    "a new object has its size only after it has its name",
    "a new object is marked only after it has its name",
    "a new mutex is initialised only after it has its name",
    "names are not removed",
  }

  local function notices(program, settings)
    local output, code = run(program, settings)
    assert.message(output).are.equal(1, code)
    assert.message(output).is_truthy(output:find("planted: " .. planted[settings.bug], 1, true))
    assert.message(output).is_nil(output:find("cannot run", 1, true))
  end

  for bug, meaning in ipairs(planted) do
    it("notices when " .. meaning, function() notices("lifetime_stress", { seconds = 20, bug = bug, seed = seed }) end)
  end

  it("notices by closing together, too", function() notices("twoclose", { rounds = 5000, bug = 3 }) end)
end)

describe_here("a process killed at any instruction", function()
  -- an operation, how many instructions lie between two kills, and what it is
  local operations = {
    { "lock", 1, "of a lock" },
    { "unlock", 1, "of an unlock" },
    { "unlock_waited", 1, "of an unlock that somebody waits for" },
    { "abandon", 3, "of closing a mutex that it holds" },
    { "recursive", 5, "of locking twice" },
    { "write", 3, "of a write under the lock" },
    { "wait", 23, "of waiting for a lock that another one holds" },
    { "woken", 1, "of taking a lock for which it was woken" },
    { "create_owned", 61, "of making a mutex that it owns" },
    { "create", 47, "of making a mapping" },
    { "create_over", 61, "of making a mapping over a leftover" },
    { "open", 37, "of opening a mapping" },
    { "open_leftover", 37, "of opening a leftover" },
    { "close", 5, "of closing a mapping, its last holder" },
    { "close_shared", 5, "of closing a mapping that others hold" },
    { "send", 1, "of sending a message" },
    { "receive", 1, "of receiving a message" },
  }

  for _, operation in ipairs(operations) do
    local name, stride, meaning = table.unpack(operation)
    it(meaning .. " breaks no promise", function()
      holds("step_kill", { operation = name, stride = math.max(1, stride // soak), phase = seed })
    end)
  end
end)

describe_here("between processes", function()
  local parts = {
    { "turns", "no wake by an event is lost" },
    { "semaphore_turns", "no wake by a semaphore is lost" },
    { "crowd", "a set lets exactly one of those go on who wait or are about to" },
    { "bursts", "as many go on as there are sets at once, whatever is reset" },
    { "together", "two sets at the same time let two go on" },
    { "pulses", "a manual event lets all go on who wait, even if it is reset at once" },
    { "shares", "what is released is acquired, once" },
    { "killed_events", "events go on working when those who set and wait are killed at random" },
    { "killed_semaphores", "semaphores lose no more than killed processes had acquired" },
  }
  for _, part in ipairs(parts) do
    it(part[2], function() holds("waiting", { part = part[1], percent = 100 * soak, seed = seed }) end)
  end
end)

describe_here("a mutex", function()
  it("is never stuck nor lies when its users are killed at random", function()
    holds("mutex_kill", { rounds = 1000 * soak, seed = seed })
  end)

  it("whose bytes are destroyed crashes nobody and holds nobody up", function()
    holds("mutex_scribble", { cases = 600 * soak, seed = seed })
  end)

  local parts = {
    { "thread_ends", "is abandoned by a thread that ends" },
    { "closed_by_another_thread", "stays its owner's when another thread closes the handle" },
    { "last_handle_closed_by_another_thread", "stays its owner's when another thread closes the last handle" },
    { "two_handles_of_one_thread", "counts the levels of two handles of one thread together" },
    { "threads_exclude_each_other", "excludes threads and processes alike" },
    { "exit_abandons", "is abandoned by an exit" },
    { "exec_abandons", "is abandoned by an exec" },
    { "exit_takes_the_name", "loses its name by an exit that leaves it open" },
    { "fork_leaves_the_parents_lock", "stays its owner's whatever a forked child does" },
    { "forked_child_that_opens_again_is_a_holder", "is held by a forked child that has opened it again" },
    { "interleaved_with_the_c_library", "shares the list of held locks with the C library's robust mutexes" },
    { "killed_beside_the_c_library", "is abandoned together with the C library's robust mutexes" },
  }

  for _, part in ipairs(parts) do
    it(part[2], function() holds("mutex_threads", { part = part[1], seed = seed }) end)
  end
end)
