-- What is said about alignment beside the types: __attribute__((packed, aligned(n))), _Alignas(n) and
-- __declspec(align(n)).

local constant = require "shmipc.declaration.constant"
local diagnostic = require "shmipc.declaration.diagnostic"

local fail, quote = diagnostic.fail, diagnostic.quote

local attributes = {}

local LARGEST = 1 << 28 -- gcc's own limit
local DEFAULT = 16 -- of aligned without a number

-- What changes nothing about where a member lies.
local harmless = {}
for name in ([[
  access alloc_align cdecl cold const copy counted_by deprecated designated_init dllexport dllimport fastcall gcc_struct
  ms_abi ms_struct noderef nonnull nonstring noreturn nothrow novtable pure returns_nonnull selectany stdcall sysv_abi
  may_alias thiscall transparent_union unavailable unused used uuid visibility warn_if_not_aligned warn_unused_result
]]):gmatch "%S+" do
  harmless[name] = true
end

-- gcc knows each name with two underscores on both sides too.
local function plain(name)
  return name:match "^__(.*)__$" or name
end

local function combine(found, aligned)
  found.aligned = math.max(found.aligned or 1, aligned)
end

local function read_alignment(parser)
  local place = parser.cursor:peek()
  local aligned = constant.read(parser)
  if aligned <= 0 or aligned > LARGEST or aligned & (aligned - 1) ~= 0 then
    fail(place, "%d is no alignment: it must be a power of two up to 2^28", aligned)
  end
  return aligned
end

local function aligned_argument(parser)
  if not parser.cursor:accept "(" then return DEFAULT end
  local aligned = read_alignment(parser)
  parser.cursor:expect ")"
  return aligned
end

local function read_attribute(parser, found)
  local cursor = parser.cursor
  local token = cursor:peek()
  if token.kind ~= "name" then fail(token, "expected an attribute before %s", cursor:shown()) end
  cursor:next()
  local name = plain(token.text)
  if name == "packed" then
    found.packed = true
  elseif name == "aligned" or name == "align" then
    combine(found, aligned_argument(parser))
  elseif not harmless[name] then
    fail(token, "unknown attribute %s", quote(token.text))
  elseif cursor:peek().text == "(" then
    cursor:skip_group()
  end
end

local function read_list(parser, found)
  local cursor = parser.cursor
  cursor:expect "("
  while not cursor:accept ")" do
    if not cursor:accept "," then read_attribute(parser, found) end
  end
end

local function read_gcc(parser, found)
  parser.cursor:expect "("
  read_list(parser, found)
  parser.cursor:expect ")"
end

-- _Alignas takes a type as well, and 0 for nothing.
local function read_alignas(parser, found)
  local cursor = parser.cursor
  local place = cursor:expect "("
  local aligned
  if parser:at_type() then
    aligned = parser.scope:sized(parser:type_name(), place).align
  elseif cursor:peek().text == "0" and cursor:peek(1).text == ")" then
    cursor:next()
  else
    aligned = read_alignment(parser)
  end
  cursor:expect ")"
  if aligned then
    combine(found, aligned)
    found.alignas = math.max(found.alignas or 1, aligned)
  end
end

local readers = {
  __attribute__ = read_gcc,
  __attribute = read_gcc,
  __declspec = read_list,
  _Alignas = read_alignas,
  alignas = read_alignas,
}

--- Reads what stands here, if anything, into the table: packed = true, aligned = n, alignas = n. Returns the first
-- token, or nil.
function attributes.read(parser, found)
  local first
  while readers[parser.cursor:peek().text] do
    local token = parser.cursor:next()
    first = first or token
    readers[token.text](parser, found)
  end
  return first
end

--- Ends the compilation if such a table asks for anything.
function attributes.refuse(found, place, message)
  if found.packed or found.aligned then fail(place, message) end
end

--- What two of these tables ask for together.
function attributes.both(a, b)
  local function larger(key) return (a[key] or b[key]) and math.max(a[key] or 1, b[key] or 1) end
  return { packed = a.packed or b.packed, aligned = larger "aligned", alignas = larger "alignas" }
end

return attributes
