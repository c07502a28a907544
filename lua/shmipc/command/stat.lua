-- shmipc stat

local json = require "shmipc.console.json"
local objects = require "shmipc.console.objects"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local text = require "shmipc.console.text"

local function options(parser)
  parser:argument("name", "The object.")
  parser:flag("--json", "For programs.")
end

local WHILE = 0.2 -- seconds over which a channel's rates are taken

-- How fast messages come and go, as far as that short time tells.
local function add_rates(object)
  local start = shmipc.clock()
  shmipc.sleep(WHILE)
  for _, now in ipairs(objects.all { holders = false }) do
    if now.name == object.name and now.sent then
      local seconds = shmipc.clock() - start
      object.send_rate = math.max(0, now.sent - object.sent) / seconds
      object.receive_rate = math.max(0, now.received - object.received) / seconds
    end
  end
end

local function yes_or_no(value) return value and "yes" or "no" end

local function process_lines(process)
  return text.printable(objects.process_text(process)) ..
    (process.command_line and "  (" .. text.printable(process.command_line) .. ")" or "")
end

-- What is said of each: {title, value}.
local function facts_of(object, paint)
  local facts = {}
  local function add(title, format, ...)
    facts[#facts + 1] = { title, select("#", ...) > 0 and format:format(...) or format }
  end
  add("kind", object.kind or "not known: it may not be read")
  add("size", "%d bytes", object.size)
  if object.mode then add("mode", "%04o %s", object.mode, text.mode(object.mode)) end
  if object.uid then add("owner", "%s (%d)", objects.user_name(object.uid), object.uid) end
  add("age", object.age and text.seconds(object.age) or "this system does not tell")
  local state = objects.state_text(object, paint)
  if state ~= "" then add("state", "%s", state) end
  if object.locked then
    add("locked by", "%s", process_lines(object.owner))
    if object.owner.thread then add("thread", "%d", object.owner.thread) end
    add("since", object.owner.since and text.seconds(object.owner.since) .. " ago" or "not known")
  end
  if object.manual ~= nil then add("manual", yes_or_no(object.manual)) end
  if object.sent then
    add("messages", "%d sent, %d received, %d in it", object.sent, object.received, object.depth)
    if object.send_rate then
      add("rates", "%s sent, %s received", text.rate(object.send_rate), text.rate(object.receive_rate))
    end
    add("space", "%s of %s in use", text.bytes(object.bytes), text.bytes(object.capacity))
    add("waiting", "senders: %s, receivers: %s", yes_or_no(object.senders_waiting), yes_or_no(object.receivers_waiting))
  elseif object.waiting ~= nil then
    add("waited for", yes_or_no(object.waiting))
  end
  if not object.holders then
    add("holders", "this system does not tell; %d handles in all processes", object.handles or 0)
    return facts
  end
  for _, process in ipairs(object.holders) do add("holder", "%s", process_lines(process)) end
  if not object.holders_complete then
    add("holders", "there are others, who may not be seen (root may)")
  elseif #object.holders == 0 then
    add("holders", "none")
  end
  return facts
end

local function run(chosen)
  local object = objects.find(chosen.name)
  if object.sent then add_rates(object) end
  if chosen.json then
    print(json.encode(objects.json(object)))
    return 0
  end
  local paint = style.painter()
  print(paint("title", text.printable(object.name)))
  for _, fact in ipairs(facts_of(object, paint)) do print(("  %-11s %s"):format(fact[1], fact[2])) end
end

return {
  summary = "Tells all that is known of one object.",
  description = "Of a mutex also the holder's process, thread and command line, and since when; of a channel how " ..
    "many messages are in it, and how fast they come and go. It takes no lock.",
  options = options,
  examples = {
    { "shmipc stat score_mutex", "who sits on the lock, and for how long" },
    { "shmipc stat jobs", "what is in a channel, and how fast it goes" },
    { "shmipc stat score --json", "the same for a program" },
  },
  run = run,
}
