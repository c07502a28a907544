-- shmipc ls

local json = require "shmipc.console.json"
local objects = require "shmipc.console.objects"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local text = require "shmipc.console.text"

local kinds = { "mapping", "mutex", "event", "semaphore", "channel" }

local function options(parser)
  parser:argument("name", "Only objects of these names; * and ? stand for any characters."):args "*"
  parser:flag("-a --all", "Those of other users, too.")
  parser:option("-k --kind", "Only objects of this kind."):choices(kinds)
  parser:flag("--leftover", "Only what killed processes have left behind.")
  parser:flag("--json", "For programs: a list of all that is known.")
end

-- Those that were asked for; how many of other users were left out.
local function choose(chosen)
  local user, list, others = objects.user(), json.list {}, 0
  for _, object in ipairs(objects.all()) do
    local is_meant = objects.matches(object.name, chosen.name) and (not chosen.kind or object.kind == chosen.kind)
      and (not chosen.leftover or object.leftover)
    if is_meant and not chosen.all and object.uid and object.uid ~= user then
      others = others + 1
    elseif is_meant then
      list[#list + 1] = object
    end
  end
  return list, others
end

local function row_of(object, with_owner, paint)
  local row = {
    object.kind or "?",
    { text.printable(object.name), "name" },
    objects.size_text(object),
    object.mode and text.mode(object.mode) or "-",
    object.age and text.seconds(object.age) or "-",
    objects.holders_text(object, 3),
    objects.state_text(object, paint),
  }
  if with_owner then table.insert(row, 5, object.uid and objects.user_name(object.uid) or "-") end
  return row
end

local function show(list, with_owner)
  local paint = style.painter()
  local columns = {
    { "KIND" }, { "NAME" }, { "SIZE", right = true }, { "MODE" }, { "AGE", right = true }, { "HOLDERS" }, { "STATE" },
  }
  if with_owner then table.insert(columns, 5, { "OWNER" }) end
  local rows = {}
  for i, object in ipairs(list) do rows[i] = row_of(object, with_owner, paint) end
  for _, line in ipairs(text.columns(columns, rows, paint)) do print(line) end
end

local function run(chosen)
  local list, others = choose(chosen)
  if chosen.json then
    for i, object in ipairs(list) do list[i] = objects.json(object) end
    print(json.encode(list))
    return #list == 0 and #chosen.name > 0 and 1 or 0
  end
  if #list > 0 then show(list, chosen.all and shmipc.platform == "linux") end
  if #list == 0 then io.stderr:write(#chosen.name > 0 and "no such object\n" or "no objects\n") end
  if others > 0 then io.stderr:write(("%d of other users: -a shows them\n"):format(others)) end
  if list[1] and not list[1].holders then
    io.stderr:write("this system does not tell who holds an object, only how many handles there are\n")
  end
  return #list == 0 and #chosen.name > 0 and 1 or 0
end

return {
  summary = "Lists named objects: what there is, who holds it, who has the lock.",
  description = "A question mark among the holders: there are others, whom only root may see.",
  options = options,
  examples = {
    { "shmipc ls", "lists your objects, and foreign shared memory of yours" },
    { "shmipc ls -a 'game*'", "those of all users whose names begin with game" },
    { "shmipc ls --json | jq '.[] | select(.leftover).name'", "names of leftovers, for a script" },
  },
  run = run,
}
