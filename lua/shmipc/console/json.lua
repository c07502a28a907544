-- JSON. Integers keep all their digits, which a 64-bit counter needs; a list may be empty and still be one.

local json = {}

local list = {} -- the metatable of what is a list even when it is empty

--- Marks a table as a list.
function json.list(values)
  return setmetatable(values, list)
end

local escapes = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escaped(byte)
  return escapes[byte] or ("\\u%04x"):format(byte:byte())
end

-- Bytes that are no UTF-8 become the character that stands for such.
local function valid(raw)
  local at = 1
  while true do
    local _, bad = utf8.len(raw, at)
    if not bad then return raw end
    raw = raw:sub(1, bad - 1) .. "\u{FFFD}" .. raw:sub(bad + 1)
    at = bad
  end
end

local encode

local function encode_number(value)
  if value ~= value or value == math.huge or value == -math.huge then return "null" end
  if math.type(value) == "integer" then return ("%d"):format(value) end
  local short = ("%.15g"):format(value)
  return tonumber(short) == value and short or ("%.17g"):format(value)
end

local function encode_table(value)
  local parts, keys = {}, {}
  if getmetatable(value) == list or value[1] ~= nil then
    for i, element in ipairs(value) do parts[i] = encode(element) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys)
  for i, key in ipairs(keys) do parts[i] = encode(key) .. ":" .. encode(value[key]) end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(value)
  local kind = type(value)
  if kind == "table" then return encode_table(value) end
  if kind == "number" then return encode_number(value) end
  if kind == "string" then return '"' .. valid(value):gsub('[%c"\\\127]', escaped) .. '"' end
  return kind == "nil" and "null" or tostring(value)
end

json.encode = encode

return json
