-- What a record shows of itself.

local core = require "shmipc.core"

local record = core.kinds.record
local describe, fields_of, elements_of = record.describe, record.__pairs, core.kinds.array.__pairs

local ELEMENTS_SHOWN = 8 -- of an array in a record

local show -- a value, as a person reads it

local function show_fields(value)
  local shown = {}
  for name, field in fields_of(value) do shown[#shown + 1] = name .. " = " .. show(field) end
  return "{" .. table.concat(shown, ", ") .. "}"
end

local function show_elements(value)
  local shown = {}
  for i, element in elements_of(value) do
    if i > ELEMENTS_SHOWN then
      shown[i] = "…"
      break
    end
    shown[i] = show(element)
  end
  return "{" .. table.concat(shown, ", ") .. "}"
end

-- Without what a terminal would take for a command: control characters, and bytes that are no text.
local function show_text(text)
  if not utf8.len(text) then text = text:gsub("[\x80-\xFF]", "?") end
  return '"' .. text:gsub("\xC2[\x80-\x9F]", "?"):gsub("[%c\"\\]", "?") .. '"'
end

function show(value)
  if type(value) == "string" then return show_text(value) end
  if type(value) ~= "userdata" then return tostring(value) end
  return getmetatable(value) == "shmipc.record" and show_fields(value) or show_elements(value)
end

function record.__tostring(self)
  local what, is_open = describe(self)
  if not is_open then return what end
  local is_shown, shown = pcall(show_fields, self)
  return what .. " " .. (is_shown and shown or "(truncated)")
end
