-- shmipc dump

local command = require "shmipc.command"
local fields = require "shmipc.console.fields"
local json = require "shmipc.console.json"
local shmipc = require "shmipc"
local style = require "shmipc.console.style"
local values = require "shmipc.console.values"

local ROW = 16
local PORTION = 1 << 16 -- bytes read at once

local function options(parser)
  parser:argument("name", "The object; on Linux of any kind.")
  fields.options(parser)
  parser:option("--length", "How many bytes; default: to the end."):convert(function(word)
    return math.tointeger(tonumber(word))
  end):argname "BYTES"
  fields.lock_options(parser)
  parser:flag("--all", "Show rows that are the same as the one before, too.")
  parser:flag("--json", "For programs: with --as or --layout.")
end

-- "00000010  48 65 6c 6c 6f …  |Hello…|"
local function hex_row(offset, bytes, paint)
  local hex = {}
  for i = 1, ROW do
    local byte = bytes:byte(i)
    hex[i] = not byte and "  " or byte == 0 and paint("dim", "00") or ("%02x"):format(byte)
  end
  local left, right = table.concat(hex, " ", 1, ROW // 2), table.concat(hex, " ", ROW // 2 + 1)
  return ("%s  %s  %s  |%s|"):format(paint("name", ("%08x"):format(offset)), left, right,
    (bytes:gsub("[^ -~]", ".")))
end

local function dump_bytes(view, chosen)
  local paint = style.painter()
  local last = chosen.offset + chosen.length
  local before, is_skipping
  for from = chosen.offset, last - 1, PORTION do
    local bytes = command.attempt(view.read, view, from, math.min(PORTION, last - from))
    for at = 1, #bytes, ROW do
      local row = bytes:sub(at, at + ROW - 1)
      if row == before and not chosen.all then
        if not is_skipping then print "*" end
        is_skipping = true
      else
        print(hex_row(from + at - 1, row, paint))
        before, is_skipping = row, false
      end
    end
  end
  print(("%08x"):format(last))
end

-- "     0  float x = 1.5"
local function dump_struct(source, chosen)
  local types, offsets = {}, {}
  for _, field in ipairs(source.order:fields()) do
    types[field.name], offsets[field.name] = field.type, field.offset
  end
  local paint, shown = style.painter(), nil
  for _, entry in ipairs(fields.flat(source.read(), source.order)) do
    local first = entry[1]:match "^[%w_]+"
    local is_new = first ~= shown
    shown = first
    print(("%s  %-14s %s = %s"):format(is_new and ("%8d"):format(chosen.offset + offsets[first]) or (" "):rep(8),
      is_new and types[first] or "", paint("name", entry[1]), values.quoted(entry[2])))
  end
end

local function dump_elements(source, chosen)
  local list = source.read()
  if type(list) == "string" then return print(values.shown(list)) end
  local size = chosen.as == "bool" and 1 or tonumber(chosen.as:match "%d+") // 8
  local per_row = math.max(1, 16 // size)
  for i = 1, #list, per_row do
    local row = {}
    for j = i, math.min(i + per_row - 1, #list) do row[#row + 1] = values.shown(list[j]) end
    print(("%8d  [%d]  %s"):format(chosen.offset + (i - 1) * size, i, table.concat(row, "  ")))
  end
end

local function dump(view, chosen)
  local left = #view - chosen.offset
  if left < 0 or chosen.offset < 0 then
    command.fail("--offset must be from 0 to %d, got %d", #view, chosen.offset)
  end
  chosen.length = chosen.length or left
  if chosen.length < 0 or chosen.length > left then
    command.fail("--length must be from 0 to %d, got %d", left, chosen.length)
  end
  if not chosen.as and not chosen.layout then
    if chosen.json then command.fail "--json needs --as or --layout" end
    return dump_bytes(view, chosen)
  end
  if chosen.as and chosen.as ~= "text" then
    chosen.elements = chosen.length // (chosen.as == "bool" and 1 or tonumber(chosen.as:match "%d+") // 8)
  end
  local source = fields.source(view, chosen)
  if chosen.json then return print(json.encode(source.read())) end
  if source.order then return dump_struct(source, chosen) end
  dump_elements(source, chosen)
end

local function run(chosen)
  local mapping <close> = command.expect(shmipc.mapping.peek(chosen.name))
  local view <close> = command.expect(mapping:view())
  fields.locked(chosen, dump, view, chosen)
end

return {
  summary = "Shows bytes: in hexadecimal and as text, as numbers, or as a C struct.",
  description = "It reads without holding the memory, so what a killed process left behind can be looked at and stays.",
  options = options,
  examples = {
    { "shmipc dump ShareMemory", "all of it" },
    { "shmipc dump ShareMemory --offset 0x100 --length 64 --as f32", "sixteen numbers from byte 256 on" },
    { "shmipc dump telemetry --layout telemetry.h --struct Telemetry", "each field with its offset and type" },
  },
  run = run,
}
