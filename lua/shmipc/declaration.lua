-- The layout compiler: C declarations to offsets and sizes.

local diagnostic = require "shmipc.declaration.diagnostic"
local new_cursor = require "shmipc.declaration.cursor"
local new_parser = require "shmipc.declaration.parser"
local new_scope = require "shmipc.declaration.scope"
local preprocessor = require "shmipc.declaration.preprocessor"

local declaration = {}

local LONGEST = 1 << 18 -- bytes of a text

local function describe(text, scope, pack)
  if #text > LONGEST then
    diagnostic.fail({ line = 1, column = 1 }, "the text is longer than %d bytes", LONGEST)
  end
  local byte_order_mark = "^\xEF\xBB\xBF"
  local tokens = preprocessor.tokens(text:gsub(byte_order_mark, ""), pack or math.maxinteger)
  return new_parser(new_cursor(tokens), scope):text()
end

--- Compiles C declarations: the members of a struct, or whole definitions, of which the last one is meant.
--
-- Options:
--    native   what the platform says about its types: elements["i32"] = { size =, align = } and so on, types["unsigned
--             int"] = "u32" (or "bool") for each name in C, pointer = "u64"
--    pack     as in #pragma pack(n), or nil
--    known    a table of what earlier texts defined, which grows by what this one defines
--
-- Returns a description:
--    { kind = "struct" or "union", name = its tag or typedef, size =, align =, nesting = 1 without inner structs,
--      fields = { { name =, offset =, size =, type =, dims = { 3, 4 }, units =, c_type =, line =, column = } } }
-- The type of a field is an element's name, "bool", "text8", "text16" or "text32" of so many units, or a description.
-- Fields of anonymous structs and unions stand among the others, with their absolute offsets.
--
-- Or returns nil and a message with line and column; then `known` is as it was.
function declaration.compile(text, options)
  local scope = new_scope(options.native, options.known)
  local description, message = diagnostic.catch(describe, text, scope, options.pack)
  if not description then return nil, message end
  scope:commit()
  return description
end

return declaration
