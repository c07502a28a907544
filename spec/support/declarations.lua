--- Random C declarations, what two platforms say about their types, and what a C compiler makes of a declaration.

local declarations = {}

-- ---- platforms, as the native core describes its own

local elements = {
  i8 = { size = 1, align = 1 }, u8 = { size = 1, align = 1 },
  i16 = { size = 2, align = 2 }, u16 = { size = 2, align = 2 },
  i32 = { size = 4, align = 4 }, u32 = { size = 4, align = 4 },
  i64 = { size = 8, align = 8 }, u64 = { size = 8, align = 8 },
  f32 = { size = 4, align = 4 }, f64 = { size = 8, align = 8 },
}

local function platform(differences)
  local types = {
    char = "i8", ["signed char"] = "i8", ["unsigned char"] = "u8", short = "i16", ["unsigned short"] = "u16",
    int = "i32", ["unsigned int"] = "u32", ["long long"] = "i64", ["unsigned long long"] = "u64",
    float = "f32", double = "f64", bool = "bool",
    size_t = "u64", ptrdiff_t = "i64", intptr_t = "i64", uintptr_t = "u64", intmax_t = "i64", uintmax_t = "u64",
    time_t = "i64",
  }
  for _, bits in ipairs { "8", "16", "32", "64" } do
    for _, form in ipairs { "int%s_t", "int_least%s_t", "int_fast%s_t" } do
      types[form:format(bits)], types["u" .. form:format(bits)] = "i" .. bits, "u" .. bits
    end
  end
  for name, element in pairs(differences) do types[name] = element end
  return { elements = elements, types = types, pointer = "u64" }
end

declarations.linux = platform {
  long = "i64", ["unsigned long"] = "u64", wchar_t = "i32", int_fast16_t = "i64", uint_fast16_t = "u64",
  int_fast32_t = "i64", uint_fast32_t = "u64",
}
declarations.windows = platform {
  long = "i32", ["unsigned long"] = "u32", wchar_t = "u16", int_fast16_t = "i16", uint_fast16_t = "u16",
  int_fast32_t = "i32", uint_fast32_t = "u32",
}

-- ---- chance

-- A generator of its own, so that nobody else's use of math.random changes what a seed means.
local function new_chance(seed)
  local state = seed * 0x9E3779B97F4A7C15 | 1
  local chance = {}

  function chance.number(least, greatest)
    state = state ~ (state << 13)
    state = state ~ (state >> 7)
    state = state ~ (state << 17)
    return least + (state >> 1) % (greatest - least + 1)
  end

  function chance.one_in(n) return chance.number(1, n) == 1 end

  function chance.pick(list) return list[chance.number(1, #list)] end

  function chance.shuffled(list)
    local copy = table.move(list, 1, #list, 1, {})
    for i = #copy, 2, -1 do
      local j = chance.number(1, i)
      copy[i], copy[j] = copy[j], copy[i]
    end
    return copy
  end

  return chance
end

-- ---- random declarations

local spellings = {
  { "char" }, { "signed", "char" }, { "unsigned", "char" }, { "short" }, { "short", "int" }, { "signed", "short" },
  { "signed", "short", "int" }, { "unsigned", "short" }, { "unsigned", "short", "int" }, { "int" }, { "signed" },
  { "signed", "int" }, { "unsigned" }, { "unsigned", "int" }, { "long" }, { "long", "int" }, { "signed", "long" },
  { "signed", "long", "int" }, { "unsigned", "long" }, { "unsigned", "long", "int" }, { "long", "long" },
  { "long", "long", "int" }, { "signed", "long", "long" }, { "signed", "long", "long", "int" },
  { "unsigned", "long", "long" }, { "unsigned", "long", "long", "int" }, { "float" }, { "double" }, { "_Bool" },
  { "bool" }, { "size_t" }, { "ptrdiff_t" }, { "intptr_t" }, { "uintptr_t" }, { "intmax_t" }, { "uintmax_t" },
  { "wchar_t" }, { "char16_t" }, { "char32_t" }, { "time_t" }, { "int8_t" }, { "uint8_t" }, { "int16_t" },
  { "uint16_t" }, { "int32_t" }, { "uint32_t" }, { "int64_t" }, { "uint64_t" }, { "int_least16_t" },
  { "uint_least32_t" }, { "int_fast8_t" }, { "uint_fast16_t" }, { "int_fast32_t" }, { "uint_fast64_t" },
}

local gaps = { " ", " ", " ", " ", " ", "  ", "\n  ", " /* ; int */ ", " // } *\n  ", " \\\n  ", "\t" }

local Generator = {}
Generator.__index = Generator

function Generator:fresh(prefix)
  self.count = self.count + 1
  return prefix .. self.count
end

function Generator:line(text, ...)
  table.insert(self.lines, text:format(...))
end

-- The words with a gap between them that a compiler must not care about.
function Generator:spaced(words)
  local parts = {}
  for i, word in ipairs(words) do
    parts[#parts + 1] = word
    if i < #words then parts[#parts + 1] = self.is_directive and " " or self.chance.pick(gaps) end
  end
  return table.concat(parts)
end

function Generator:scalar()
  local words = self.chance.shuffled(self.chance.pick(spellings))
  if self.chance.one_in(8) then table.insert(words, self.chance.number(1, #words + 1), "const") end
  if self.chance.one_in(12) then table.insert(words, self.chance.number(1, #words + 1), "volatile") end
  if self.chance.one_in(40) then table.insert(words, 1, "_Atomic") end -- at the end it could be before a parenthesis
  return self:spaced(words)
end

-- An expression of a small whole number above 0, in a way of writing it.
function Generator:length()
  local chance, n = self.chance, self.chance.number(1, 5)
  local ways = {
    function() return tostring(n) end,
    function() return ("0x%X"):format(n) end,
    function() return ("0%o"):format(n) end,
    function() return ("%du"):format(n) end,
    function() return ("(%d + %d)"):format(n, chance.number(0, 3)) end,
    function() return ("%d * 2 - %d"):format(n, n) end,
    function() return ("(1 << %d)"):format(n % 4) end,
    function() return ("sizeof(%s)"):format(self:scalar()) end,
    function() return ("sizeof(%s *[%d]) / sizeof(void *)"):format(self:scalar(), n) end,
    function() return ("'%s' - '@'"):format(string.char(64 + n)) end,
    function() return ("(%d > %d ? %d : 3)"):format(n, chance.number(1, 5), n) end,
    function() return ("(-%d > 0u) + (~0u / 0x7fffffff) + !%d"):format(n, n) end,
    function() return ("(-1ll + 0u < 0) + %d"):format(n) end,
    function() return ("10 + -7 / %d + -7 %% %d"):format(n, n) end,
    function() return ("(%d & 3 | 4 ^ 1) + (5 && 0 || 1)"):format(n) end,
    function() return ("(uint8_t)(%d - 256)"):format(n) end,
    function() return ("(-1L >> 31) + %d + (0x80000000 + 0x80000000L != 0) + 1"):format(n) end,
    function() return #self.constants > 0 and chance.pick(self.constants) or tostring(n) end,
    function() return #self.tags > 0 and ("_Alignof(%s)"):format(chance.pick(self.tags).name) or tostring(n) end,
  }
  return chance.pick(ways)()
end

local pointers = { "*NAME", "**NAME", "*const NAME", "(*NAME)(int, void (*)(char))", "(*NAME)[4]", "*(*NAME)(void)",
  "(*NAME)(void)" }

-- The declarator of a member, its name in it.
function Generator:declarator(name, allow_array)
  local chance = self.chance
  local text = name
  if chance.one_in(12) then text = "(" .. text .. ")" end
  if allow_array and chance.one_in(3) then
    for _ = 1, chance.pick { 1, 1, 1, 2, 2, 3 } do text = ("%s[%s]"):format(text, self:length()) end
  end
  if not chance.one_in(8) then return text end
  local pointer = chance.pick(pointers)
  if pointer:find "%[" and not allow_array then return text end
  return (pointer:gsub("NAME", function() return text end))
end

function Generator:member_attribute()
  local chance = self.chance
  if not chance.one_in(15) then return "" end
  return chance.pick { " __attribute__((packed))", " __attribute__((aligned(%d)))", " __attribute__((__aligned__(%d)))",
    " __attribute__((packed, aligned(%d)))", " __attribute__((aligned))", " __attribute__((unused))" }
    :format(1 << chance.number(0, 5))
end

-- Attributes of a struct at one of their two places.
function Generator:record_attributes()
  local chance = self.chance
  if not chance.one_in(5) then return "", "" end
  local attribute = chance.pick { "packed", "__packed__", "aligned(%d)", "packed, aligned(%d)" }
    :format(1 << chance.number(0, 5))
  local text = (" __attribute__((%s))"):format(attribute)
  if chance.one_in(2) then return text, "" end
  return "", text
end

function Generator:enum()
  local name, constants = self:fresh "e", {}
  for i = 1, self.chance.number(1, 4) do
    local constant = self:fresh "K"
    constants[i] = constant
    if i == 1 or self.chance.one_in(2) then constants[i] = ("%s = %s"):format(constant, self:length()) end
    table.insert(self.new_constants, constant)
  end
  if self.chance.one_in(4) then table.insert(constants, self:fresh "N" .. " = -5") end
  return ("enum %s { %s%s }"):format(name, table.concat(constants, ", "), self.chance.pick { "", "," }), "enum " .. name
end

-- A line of members of a struct. Each is noted as { name =, members = of its own struct }.
function Generator:member(depth, noted)
  local chance = self.chance
  local kind = chance.number(1, 20)
  if kind <= 3 and depth < 4 then return self:inner_member(depth, noted) end
  if kind <= 5 and #self.tags > 0 then return self:tagged_member(noted) end
  if kind == 6 and #self.typedefs > 0 then return self:typedef_member(noted) end
  if kind == 7 and chance.one_in(2) then return self:enum_member(noted) end
  local names = {}
  local base = self:scalar()
  if chance.one_in(20) then base = ("_Alignas(%d) %s"):format(16 << chance.number(0, 1), base) end
  for i = 1, chance.pick { 1, 1, 1, 1, 2, 3 } do
    local name = self:fresh "m"
    noted[#noted + 1] = { name = name }
    names[i] = self:declarator(name, true) .. self:member_attribute()
  end
  local leading = chance.one_in(40) and "__attribute__((packed)) " or ""
  return leading .. base .. chance.pick(gaps) .. table.concat(names, ", ") .. ";"
end

function Generator:inner_member(depth, noted)
  local chance = self.chance
  local inner = {}
  local text = self:record(chance.pick { "struct", "struct", "union" }, "", depth + 1, inner)
  if chance.one_in(2) then -- anonymous
    table.move(inner, 1, #inner, #noted + 1, noted)
    return text .. ";"
  end
  local name = self:fresh "m"
  noted[#noted + 1] = { name = name, members = inner }
  local length = chance.one_in(3) and ("[%s]"):format(self:length()) or ""
  return ("%s %s%s%s;"):format(text, name, length, self:member_attribute())
end

function Generator:tagged_member(noted)
  local tag, name = self.chance.pick(self.tags), self:fresh "m"
  local declarator = self:declarator(name, true)
  noted[#noted + 1] = { name = name, members = not declarator:find "%*" and tag.members or nil }
  return ("%s %s%s;"):format(tag.name, declarator, self:member_attribute())
end

function Generator:typedef_member(noted)
  local typedef, name = self.chance.pick(self.typedefs), self:fresh "m"
  noted[#noted + 1] = { name = name }
  if typedef.is_array then return ("%s %s[%s];"):format(typedef.name, name, self:length()) end
  return ("%s %s;"):format(typedef.name, self:declarator(name, not typedef.is_aligned))
end

function Generator:enum_member(noted)
  local name = self:fresh "m"
  noted[#noted + 1] = { name = name }
  return ("%s %s;"):format((self:enum()), name)
end

-- A packing within the braces is for structs that begin and end within it, and not for single members.
function Generator:packed_member(depth, noted)
  local text = "  " .. self:member(depth, noted)
  if not self.chance.one_in(30) then return text end
  return ("#pragma pack(push, %d)\n%s\n#pragma pack(pop)"):format(1 << self.chance.number(0, 4), text)
end

-- A struct or union with braces.
function Generator:record(keyword, tag, depth, noted)
  local before, after = self:record_attributes()
  local members = {}
  for i = 1, self.chance.number(1, depth == 0 and 8 or 4) do members[i] = self:packed_member(depth, noted) end
  return ("%s%s %s {\n%s\n}%s"):format(keyword, before, tag, table.concat(members, "\n"), after)
end

-- What a later line of the text, or a later text, may use.
function Generator:preliminary()
  local chance = self.chance
  local ways = {
    function()
      local name = self:fresh "D"
      self.is_directive = true
      self:line("#define %s (%s)", name, self:length())
      self.is_directive = false
      table.insert(self.constants, name)
    end,
    function()
      local definition = self:enum()
      self:line("%s;", definition)
    end,
    function()
      local name = self:fresh "T"
      local declarator = self:declarator(name, true)
      self:line("typedef %s %s;", self:scalar(), declarator)
      table.insert(self.typedefs, { name = name, is_array = declarator:find "%[" })
    end,
    function()
      local name = self:fresh "T"
      self:line("typedef int32_t %s __attribute__((aligned(%d)));", name, 1 << chance.number(0, 5))
      table.insert(self.typedefs, { name = name, is_aligned = true })
    end,
    function()
      local name = self:fresh "E"
      self:line("typedef %s %s;", (self:enum()), name)
      table.insert(self.typedefs, { name = name })
    end,
    function() self:definition() end,
  }
  chance.pick(ways)()
  table.move(self.new_constants, 1, #self.new_constants, #self.constants + 1, self.constants)
  self.new_constants = {}
end

-- A struct or union that ends the text, or that others may use. Returns its name in C and its members.
function Generator:definition()
  local chance, members = self.chance, {}
  local keyword = chance.pick { "struct", "struct", "struct", "union" }
  local tag = self:fresh "s"
  local is_packed = chance.one_in(4)
  local name = keyword .. " " .. tag
  if is_packed then self:line("#pragma pack(push, %d)", 1 << chance.number(0, 4)) end
  local is_aligned = chance.one_in(12)
  if chance.one_in(4) or is_aligned then
    name = self:fresh "T"
    local attribute = is_aligned and (" __attribute__((aligned(%d)))"):format(1 << chance.number(0, 5)) or ""
    self:line("typedef %s %s%s;", self:record(keyword, chance.pick { "", tag }, 0, members), name, attribute)
  else
    self:line("%s;", self:record(keyword, tag, 0, members))
  end
  if is_packed then self:line "#pragma pack(pop)" end
  if not is_aligned then table.insert(self.tags, { name = name, members = members }) end -- arrays of it may be none
  return name, members
end

-- The members of a struct without the braces. The compiler is to see them in braces.
function Generator:bare_members()
  local members, lines, tag = {}, {}, self:fresh "s"
  for i = 1, self.chance.number(1, 8) do lines[i] = "  " .. self:member(0, members) end
  local before, text = table.concat(self.lines, "\n") .. "\n", table.concat(lines, "\n")
  return {
    text = before .. text,
    c = ("%sstruct %s {\n%s\n};"):format(before, tag, text),
    name = "struct " .. tag,
    members = members,
  }
end

function Generator:whole_definition()
  local name, members = self:definition()
  local text = table.concat(self.lines, "\n")
  return { text = text, c = text, name = name, members = members }
end

--- The next declaration: { text = for the layout compiler, pack = its option, c = for a C compiler, name = of the
-- struct in C, members = a list of { name =, members = } }. It may use what earlier ones defined.
function Generator:next()
  self.lines, self.new_constants, self.constants = {}, {}, {}
  if #self.tags > 20 then self.tags, self.typedefs = {}, {} end
  for _ = 1, self.chance.number(0, 3) do self:preliminary() end
  local made = self.chance.one_in(4) and self:bare_members() or self:whole_definition()
  if self.chance.one_in(6) then
    made.pack = 1 << self.chance.number(0, 4)
    made.c = ("#pragma pack(push, %d)\n%s\n#pragma pack(pop)"):format(made.pack, made.c)
  end
  return made
end

--- A source of random declarations.
function declarations.generator(seed)
  local generator = { chance = new_chance(seed), count = 0, tags = {}, typedefs = {} }
  return setmetatable(generator, Generator)
end

--- A function that gives whole numbers from 1 to its argument.
function declarations.random(seed)
  local chance = new_chance(seed)
  return function(greatest) return chance.number(1, greatest) end
end

-- ---- what a C compiler says

local prelude = [[
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <uchar.h>
#define POINTER(type, path) (((type *)0)->path)
#define KIND(x) _Generic((x), _Bool: 1, char: 2, signed char: 2, unsigned char: 3, short: 4, unsigned short: 5, \
  int: 6, unsigned int: 7, long: sizeof(long) == 4 ? 6 : 8, unsigned long: sizeof(long) == 4 ? 7 : 9, long long: 8, \
  unsigned long long: 9, float: 10, double: 11, default: 12)
]]

-- The kinds that a field of each type may have there. Pointers and unions are 12 (Windows has integers that are
-- unions); enums are signed or not, as the compiler likes.
local kinds = {
  bool = "1", i8 = "2", u8 = "3", i16 = "4", u16 = "5", i32 = "6", u32 = "7", i64 = "8 12", u64 = "9 12", f32 = "10",
  f64 = "11", text8 = "2 3", text16 = "5", text32 = "6 7", enum = "6 7",
}

local function is_kind(field, kind)
  local type = field.type
  if type == "i32" and field.c_type:find "^[eE]" then type = "enum" end
  return (" " .. kinds[type] .. " "):find((" %d "):format(kind), 1, true) ~= nil
end

-- The dimensions of a field with those of its texts.
local function all_dimensions(field)
  local dimensions = table.move(field.dims or {}, 1, #(field.dims or {}), 1, {})
  dimensions[#dimensions + 1] = field.units
  return dimensions
end

local Checks = {}
Checks.__index = Checks

-- What a C expression must be: a number, or whatever a function accepts.
function Checks:expect(expression, ours)
  table.insert(self.list, { expression = expression, ours = ours })
end

function Checks:field(field, path, offset, noted)
  local name = self.name
  path, offset = path .. field.name, offset + field.offset
  self:expect(("offsetof(%s, %s)"):format(name, path), offset)
  self:expect(("sizeof POINTER(%s, %s)"):format(name, path), field.size)
  local size, count = field.size, 1
  for _, length in ipairs(all_dimensions(field)) do -- the last element says whether each dimension is right
    path, size, count = ("%s[%d]"):format(path, length - 1), size // length, count * length
    self:expect(("sizeof POINTER(%s, %s)"):format(name, path), size)
  end
  offset = offset + (count - 1) * size
  self:expect(("offsetof(%s, %s)"):format(name, path), offset)
  if type(field.type) == "table" then
    self:fields(field.type, path .. ".", offset, noted and noted.members)
  else
    self:expect(("KIND(POINTER(%s, %s))"):format(name, path), function(kind) return is_kind(field, kind) end)
  end
end

function Checks:fields(description, path, offset, noted)
  for i, field in ipairs(description.fields) do
    local expected = noted and (noted[i] or {})
    if expected and expected.name ~= field.name then
      error(("the member %s is taken for %s"):format(expected.name, field.name))
    end
    self:field(field, path, offset, expected)
  end
  if noted and #noted > #description.fields then
    error(("the member %s was lost"):format(noted[#description.fields + 1].name))
  end
end

--- What must hold of a description of the struct that C knows by the name: a list of { expression =, ours = }. With the
-- members that the text was made of, also whether all of them are there, in order.
function declarations.checks(description, name, members)
  local checks = setmetatable({ name = name, list = {} }, Checks)
  checks:expect(("sizeof(%s)"):format(name), description.size)
  checks:expect(("_Alignof(%s)"):format(name), description.align)
  checks:fields(description, "", 0, members)
  return checks.list
end

--- The C file whose numbers answer the checks.
function declarations.c_file(declared, checks)
  local lines = { prelude, declared, "const unsigned long long results[] = {" }
  for _, check in ipairs(checks) do
    lines[#lines + 1] = ("  %s + 1ull,"):format(check.expression) -- no zeros, which are written in another way
  end
  lines[#lines + 1] = "};\n"
  return table.concat(lines, "\n")
end

--- The numbers in the assembly that a compiler made of such a file.
function declarations.answers(assembly)
  local numbers = {}
  for digits in assembly:gmatch "%.quad%s+(%d+)" do numbers[#numbers + 1] = math.tointeger(tonumber(digits)) - 1 end
  return numbers
end

--- Whether a check holds.
function declarations.holds(check, answer)
  if type(check.ours) == "function" then return check.ours(answer) end
  return check.ours == answer
end

return declarations
