-- What is wrong with a text: raised where it is found, caught where the compiler was called.

local diagnostic = {}

local SHOWN = 40 -- bytes of the text that a message quotes

local Diagnostic = {} -- tells ours from any other error

--- Ends the compilation. The place is a table with a line and a column: a token, for one.
function diagnostic.fail(place, message, ...)
  local text = ("line %d, column %d: " .. message):format(place.line, place.column, ...)
  error(setmetatable({ text = text }, Diagnostic), 0)
end

local function escaped(byte)
  return ("\\x%02X"):format(byte:byte())
end

--- A part of the text as messages show it.
function diagnostic.quote(text)
  if #text > SHOWN then text = text:sub(1, SHOWN) .. "..." end
  text = text:gsub("%c", escaped)
  if not utf8.len(text) then text = text:gsub("[\x80-\xFF]", escaped) end
  return '"' .. text .. '"'
end

--- Calls f. Returns its result, or nil and the message of the diagnostic that ended it.
function diagnostic.catch(f, ...)
  local ok, result = pcall(f, ...)
  if ok then return result end
  if getmetatable(result) ~= Diagnostic then error(result, 0) end
  return nil, result.text
end

return diagnostic
