-- shmipc gc

local json = require "shmipc.console.json"
local objects = require "shmipc.console.objects"
local shmipc = require "shmipc"
local text = require "shmipc.console.text"

local function options(parser)
  parser:argument("name", "Only leftovers of these names; * and ? stand for any characters."):args "*"
  parser:flag("-n --dry-run", "Only tell what would be removed.")
  parser:flag("--json", "For programs.")
end

-- What became of it: "removed", or why it was not.
local function remove(object, is_dry)
  if is_dry then return "leftover" end
  local is_removed, message, code = shmipc.gc(object.name)
  if is_removed then return "removed" end
  if code == "NOT_FOUND" or code == "EXISTS" then return "gone" end -- somebody else met it meanwhile
  return nil, message
end

local function run(chosen)
  local list, bytes, failed = json.list {}, 0, 0
  local user = objects.user()
  for _, object in ipairs(objects.all { holders = false }) do
    local is_meant = object.leftover and objects.matches(object.name, chosen.name)
    if is_meant and (object.uid == user or user == 0) then
      local outcome, message = remove(object, chosen.dry_run)
      if outcome == "removed" or outcome == "leftover" then bytes = bytes + object.size end
      if not outcome then failed = failed + 1 end
      list[#list + 1] = { name = object.name, size = object.size, outcome = outcome or "failed", message = message }
    end
  end
  if chosen.json then
    print(json.encode(list))
    return failed > 0 and 1 or 0
  end
  for _, entry in ipairs(list) do
    local shown = text.printable(entry.name)
    if entry.outcome == "failed" then
      io.stderr:write(("%s: %s\n"):format(shown, entry.message))
    elseif entry.outcome ~= "gone" then
      print(("%s  %s  %s"):format(chosen.dry_run and "would remove" or "removed", shown, text.bytes(entry.size)))
    end
  end
  if #list == 0 then
    print(shmipc.platform == "windows" and "no leftovers: on this system there are none" or "no leftovers")
  else
    print(text.bytes(bytes) .. (chosen.dry_run and " would come free" or " came free"))
  end
  return failed > 0 and 1 or 0
end

return {
  summary = "Removes what killed processes left behind.",
  description = "Only objects that shmipc has made and that no live process holds; never persistent or foreign ones.",
  options = options,
  examples = {
    { "shmipc gc --dry-run", "tells what it would remove" },
    { "shmipc gc", "removes it" },
  },
  run = run,
}
