-- C declarations become offsets and sizes.

local declaration = require "shmipc.declaration"
local declarations = require "support.declarations"
local nearest = require "shmipc.nearest"

local linux, windows = declarations.linux, declarations.windows

local function compile(text, options)
  options = options or {}
  return declaration.compile(text, {
    native = options.native or linux,
    pack = options.pack,
    known = options.known or {},
  })
end

local function layout(text, options)
  local description, message = compile(text, options)
  return description or error(message, 2)
end

local function field(text, options)
  local fields = layout(text, options).fields
  return fields[#fields]
end

-- "a@0 b@4 c@8 =12": names and offsets, and the size.
local function places(text, options)
  local description, parts = layout(text, options), {}
  for i, member in ipairs(description.fields) do parts[i] = ("%s@%d"):format(member.name, member.offset) end
  return ("%s =%d"):format(table.concat(parts, " "), description.size)
end

local function refuses(message, text, options)
  local description, given = compile(text, options)
  assert.is_nil(description)
  assert.equal(message, given)
end

-- The same, wherever it is.
local function refuses_with(part, text, options)
  local description, given = compile(text, options)
  assert.is_nil(description)
  assert.truthy(given:find(part, 1, true), ("%q has no %q"):format(given, part))
end

it("gives the offsets and sizes of a pasted struct", function()
  assert.equal("version@0 tick@4 position@8 name@24 =56", places [[
    struct telemetry {
      uint32_t version;
      int tick;        // of the simulation
      double position[2];
      char name[32];   /* ends with NUL */
    };
  ]])
end)

describe("what is described", function()
  it("is a struct by its tag", function()
    local description = layout "struct point { int x, y; };"
    assert.same({ "struct", "point", 8, 4 },
      { description.kind, description.name, description.size, description.align })
  end)

  it("is a struct by its typedef", function()
    assert.equal("Point", layout("typedef struct { int x, y; } Point, *PointPointer;").name)
  end)

  it("is a union", function()
    local description = layout "union word { uint32_t whole; uint8_t bytes[4]; };"
    assert.same({ "union", "word", 4, 4 }, { description.kind, description.name, description.size, description.align })
  end)

  it("is the last struct when there are several", function()
    assert.equal("b", layout("struct a { int x; }; struct b { struct a a; }; struct c; enum e { E };").name)
  end)

  it("is what stands outside all braces, if anything does", function()
    local description = layout "struct point { int x, y; }; struct point from, to; char c;"
    assert.same({ "struct", nil, 20 }, { description.kind, description.name, description.size })
    assert.equal("from", description.fields[1].name)
  end)

  it("has its fields in order, with the place of each name in the text", function()
    local fields = layout("int a;\n  char *b, c[3];").fields
    assert.same({ name = "a", offset = 0, size = 4, type = "i32", c_type = "int", line = 1, column = 5 }, fields[1])
    assert.same({ name = "b", offset = 8, size = 8, type = "u64", c_type = "char *", line = 2, column = 9 }, fields[2])
    assert.same(
      { name = "c", offset = 16, size = 3, type = "text8", units = 3, c_type = "char", line = 2, column = 12 },
      fields[3])
  end)
end)

describe("types", function()
  it("may be spelled in any order", function()
    for _, spelling in ipairs { "unsigned long int", "long unsigned", "int long unsigned", "unsigned long",
      "long const unsigned int volatile" } do
      local description = field(spelling .. " x;")
      assert.same({ "u64", "unsigned long" }, { description.type, description.c_type }, spelling)
    end
    assert.equal("i64", field("int long signed long x;").type)
    assert.equal("u32", field("unsigned x;").type)
  end)

  it("are as wide as on the platform", function()
    assert.equal("i64", field("long x;", { native = linux }).type)
    assert.equal("i32", field("long x;", { native = windows }).type)
  end)

  it("of Windows are as wide as there, everywhere", function()
    assert.equal("a@0 b@4 c@8 d@16 e@24 f@26 =32", places "LONG a; DWORD b; HANDLE c; ULONGLONG d; WORD e; BYTE f;")
  end)

  it("bool is a boolean, and BOOL is a number", function()
    assert.same({ "bool", 1 }, { field("bool x;").type, field("_Bool x;").size })
    assert.same({ "i32", 4 }, { field("BOOL x;").type, field("BOOL x;").size })
  end)

  it("are texts as arrays of characters", function()
    for spelling, expected in pairs { char = "text8", CHAR = "text8", wchar_t = "text32", WCHAR = "text16",
      char16_t = "text16", char32_t = "text32" } do
      local text = field(spelling .. " x[12];")
      assert.same({ expected, 12, nil }, { text.type, text.units, text.dims }, spelling)
    end
    assert.equal("text16", field("wchar_t x[12];", { native = windows }).type)
  end)

  it("are numbers as arrays of bytes", function()
    for _, spelling in ipairs { "unsigned char", "signed char", "uint8_t", "BYTE" } do
      local bytes = field(spelling .. " x[12];")
      assert.truthy(bytes.type == "u8" or bytes.type == "i8")
      assert.same({ 12 }, bytes.dims)
    end
  end)

  it("a single character is a number", function()
    assert.same({ "i8", "i32" }, { field("char x;").type, field("wchar_t x;").type })
  end)

  it("enums are ints", function()
    local description = field "enum color { RED, GREEN } x;"
    assert.same({ "i32", "enum color" }, { description.type, description.c_type })
    assert.equal("u32", field("enum { HIGH = 0x80000000 } x;").type)
  end)

  it("pointers of all kinds are the address", function()
    local written = {
      ["char *x"] = "char *",
      ["const struct unknown *x"] = "struct unknown *",
      ["void (*x)(int, char)"] = "void (*)()",
      ["int (*x)[4]"] = "int (*)[4]",
      ["int *(*(*x)(void))[2]"] = "int *(*(*)())[2]",
      ["void (WINAPI *x)(int (*)(char))"] = "void (*)()",
      ["float **const x"] = "float **",
    }
    for text, c_type in pairs(written) do
      local description = field(text .. ";")
      assert.same({ "u64", 8, c_type }, { description.type, description.size, description.c_type }, text)
    end
    assert.same({ 3 }, field("int (*x[3])(void);").dims)
  end)

  it("an array of pointers to char is no text", function()
    local names = field "char *names[4];"
    assert.same({ "u64", { 4 } }, { names.type, names.dims })
  end)

  it("may be defined again by the text", function()
    assert.equal("u16", field("typedef unsigned short BYTE; BYTE x;").type)
    assert.equal("u8", field("typedef unsigned char bool; bool x;").type)
  end)

  it("_Atomic ones lie as the others", function()
    assert.equal("a@0 b@8 c@16 =24", places "char a; _Atomic long b; _Atomic(int) c;")
  end)
end)

describe("arrays", function()
  it("keep their dimensions in C's order", function()
    local description = field "float x[2][3][4];"
    assert.same({ "f32", { 2, 3, 4 }, 96 }, { description.type, description.dims, description.size })
  end)

  it("of texts have the texts' length last", function()
    local description = field "char x[4][16];"
    assert.same({ "text8", { 4 }, 16, 64 },
      { description.type, description.dims, description.units, description.size })
  end)

  it("of a typedef's arrays are one array", function()
    assert.same({ 2, 3 }, field("typedef int row[3]; row x[2];").dims)
    local names = field "typedef char name_t[32]; name_t x[5];"
    assert.same({ "text8", { 5 }, 32 }, { names.type, names.dims, names.units })
  end)

  it("take parentheses around the name", function()
    assert.same({ 2, 3 }, field("int ((x)[2])[3];").dims)
  end)
end)

describe("structs in structs", function()
  it("are one description, however often they are used", function()
    local description = layout "struct p { int x, y; }; struct line { struct p from; struct p via[2], to; };"
    local from, via, to = table.unpack(description.fields)
    assert.equal("p", from.type.name)
    assert.equal(from.type, via.type)
    assert.equal(from.type, to.type)
    assert.same({ "struct p", 24 }, { from.c_type, to.offset })
  end)

  it("without a name lend their fields", function()
    assert.equal("tag@0 i@8 f@8 low@8 high@12 last@16 =24",
      places "char tag; union { long i; float f; struct { int low, high; }; }; char last;")
  end)

  it("without a tag are described all the same", function()
    local description = field "struct { char c; short s; } pair[2];"
    assert.same({ "struct", 4, 2 }, { description.c_type, description.type.size, #description.type.fields })
  end)

  it("may point to themselves and to what comes later", function()
    assert.equal("next@0 owner@8 =16", places "struct node { struct node *next; struct later *owner; };")
  end)

  it("may have their typedef first", function()
    assert.equal("inner@0 =4", places "typedef struct inner inner_t; struct inner { int x; }; inner_t inner;")
  end)
end)

describe("earlier texts", function()
  local known
  before_each(function() known = {} end)

  it("define tags, typedefs and constants for later ones", function()
    layout("enum { COUNT = 3 }; typedef struct point { int x, y; } Point; union u { int i; };", { known = known })
    assert.equal("a@0 b@8 c@16 d@40 =44",
      places("struct point a; Point b; Point c[COUNT]; union u d;", { known = known }))
  end)

  it("lend the very same description", function()
    local point = layout("struct point { int x, y; };", { known = known })
    assert.equal(point, field("struct point p;", { known = known }).type)
  end)

  it("give way to newer definitions", function()
    layout("struct point { int x, y; };", { known = known })
    layout("struct point { double x, y; };", { known = known })
    assert.equal(16, field("struct point p;", { known = known }).size)
  end)

  it("may leave a struct for later ones to define", function()
    layout("typedef struct node node_t; node_t *first;", { known = known })
    layout("struct node { int x; };", { known = known })
    assert.equal(12, field("node_t nodes[3];", { known = known }).size)
  end)

  it("do not hide that a struct within itself has no end", function()
    layout("struct point { int x, y; };", { known = known })
    refuses('line 1, column 29: "struct point" is not defined', "struct point { struct point p; };",
      { known = known })
  end)

  it("define nothing when they are refused", function()
    compile("struct point { int x, y; }; flaot f;", { known = known })
    assert.same({}, known)
  end)

  it("do not define macros for later ones", function()
    layout("#define COUNT 3\nint x[COUNT];", { known = known })
    refuses('line 1, column 7: unknown constant "COUNT"', "int x[COUNT];", { known = known })
  end)
end)

describe("packing", function()
  it("is an option", function()
    assert.equal("a@0 b@1 c@9 =13", places("char a; double b; int c;", { pack = 1 }))
    assert.equal("a@0 b@2 c@10 =14", places("struct s { char a; double b; int c; };", { pack = 2 }))
    assert.equal("a@0 b@8 c@16 =24", places("char a; double b; int c;", { pack = 16 }))
  end)

  it("is what #pragma pack says last", function()
    assert.equal("a@0 b@1 =5", places "#pragma pack(1)\nstruct s { char a; int b; };")
    assert.equal("a@0 b@4 =8", places "#pragma pack(1)\n#pragma pack()\nstruct s { char a; int b; };")
    assert.equal("a@0 b@2 =6", places "#pragma pack(push, 2)\nstruct s { char a; int b; };\n#pragma pack(pop)")
    assert.equal("a@0 b@4 =8", places "#pragma pack(push)\n#pragma pack(1)\n#pragma pack(pop)\nchar a; int b;")
    assert.equal("a@0 b@4 =8", places "#pragma pack(push, label, 1)\n#pragma pack(pop, label)\nchar a; int b;")
  end)

  it("may be named by a macro", function()
    assert.equal("a@0 b@1 =5", places "#define TIGHT 1\n#pragma pack(TIGHT)\nstruct s { char a; int b; };")
  end)

  it("goes back to the option", function()
    assert.equal("a@0 b@2 =6", places("#pragma pack(1)\n#pragma pack()\nstruct s { char a; int b; };", { pack = 2 }))
  end)

  it("applies to bare members where they stand", function()
    assert.equal("a@0 b@1 c@8 =12", places "#pragma pack(push, 1)\nchar a; int b;\n#pragma pack(pop)\nint c;")
  end)

  it("is an attribute of a struct at either place, or of a member", function()
    assert.equal("a@0 b@1 =5", places "struct __attribute__((packed)) s { char a; int b; };")
    assert.equal("a@0 b@1 =5", places "struct s { char a; int b; } __attribute__((__packed__));")
    assert.equal("a@0 b@1 c@8 =12", places "struct s { char a; int b __attribute__((packed)); int c; };")
  end)

  it("may hide in a macro", function()
    assert.equal("a@0 b@1 =5", places "#define PACKED __attribute__((packed))\nstruct s { char a; int b; } PACKED;")
  end)

  it("that changes within the braces and back is not for single members", function()
    assert.equal("a@0 b@4 =8",
      places "struct s { char a;\n#pragma pack(push, 1)\nint b;\n#pragma pack(pop)\n};")
  end)

  it("does not reach into structs in structs", function()
    assert.equal(8, layout("struct i { char a; int b; }; struct s { char c; struct i i; } __attribute__((packed));")
      .fields[2].type.size)
  end)
end)

describe("alignment", function()
  it("is raised by _Alignas, alignas, __attribute__ and __declspec", function()
    for _, text in ipairs { "_Alignas(16) int", "alignas(16) int", "int __attribute__((aligned(16)))",
      "__attribute__((aligned)) int", "__declspec(align(16)) int" } do
      assert.equal("c@0 x@16 =32", places(("struct s { char c; %s x; };"):format(text)), text)
    end
  end)

  it("may be that of a type", function()
    assert.equal("c@0 x@8 =16", places "char c; _Alignas(double) int x;")
  end)

  it("of a struct rounds its size", function()
    local description = layout "struct s { char c; } __attribute__((aligned(64)));"
    assert.same({ 64, 64 }, { description.size, description.align })
  end)

  it("counts in packed structs too, where it is asked for", function()
    assert.equal("c@0 x@2 =6",
      places "struct s { char c; int x __attribute__((aligned(2))); } __attribute__((packed));")
  end)

  it("is limited by #pragma pack", function()
    assert.equal("c@0 x@2 =6", places "#pragma pack(2)\nstruct s { char c; int x __attribute__((aligned(16))); };")
  end)

  it("may belong to a typedef, and be lower there", function()
    local description = layout "typedef struct { int x; } Point __attribute__((aligned(16)));"
    assert.same({ "Point", 4, 16 }, { description.name, description.size, description.align })
    assert.equal("c@0 x@2 =6", places "typedef int narrow __attribute__((aligned(2))); char c; narrow x;")
    assert.equal("c@0 x@16 =32", places "typedef int wide __attribute__((aligned(16))); char c; wide x;")
  end)
end)

describe("constant expressions", function()
  local function length(expression, options)
    return field(("char x[%s];"):format(expression), options).units
  end

  it("have all of C's numbers", function()
    for text, number in pairs { ["10"] = 10, ["0x1F"] = 31, ["017"] = 15, ["0b101"] = 5, ["10u"] = 10, ["10ULL"] = 10,
      ["'A'"] = 65, ["'\\n'"] = 10, ["'\\x41'"] = 65, ["'\\101'"] = 65, ["'\\''"] = 39 } do
      assert.equal(number, length(text), text)
    end
  end)

  it("have C's operators, each as tight as there", function()
    for text, number in pairs { ["2 + 3 * 4"] = 14, ["(2 + 3) * 4"] = 20, ["20 - 5 - 3"] = 12, ["100 / 10 / 2"] = 5,
      ["17 % 5"] = 2, ["1 << 2 + 1"] = 8, ["64 >> 2"] = 16, ["1 | 6 & 4 ^ 1"] = 5, ["!0 + !5"] = 1, ["~-4"] = 3,
      ["3 > 2 == 1"] = 1, ["1 < 2 && 2 <= 2 || 0"] = 1, ["0 ? 3 : 1 ? 4 : 5"] = 4, ["- -3"] = 3 } do
      assert.equal(number, length(text), text)
    end
  end)

  it("divide towards zero", function()
    assert.equal(3, length "-7 / -2")
    assert.equal(7, length "10 + -7 / 2")
    assert.equal(9, length "10 + -7 % 2")
  end)

  it("have C's types", function()
    assert.equal(1, length "-1 > 0u")
    assert.equal(1, length "~0u == 0xFFFFFFFF")
    assert.equal(5, length "0xFFFFFFFFu + 6")
    assert.equal(2, length "(0x80000000L + 0x80000000 != 0) + 1", { native = linux })
    assert.equal(1, length("(0x80000000L + 0x80000000 != 0) + 1", { native = windows }))
  end)

  it("have sizeof, _Alignof and casts", function()
    assert.equal(12, length "sizeof(int[3])")
    assert.equal(8, length "sizeof(char (*)[3])")
    assert.equal(2, length "_Alignof(short)")
    assert.equal(44, length "(uint8_t)300")
    assert.equal(16, field("struct s { int a; double d; }; char x[sizeof(struct s)];").units)
  end)

  it("have the constants of enums and macros", function()
    assert.equal(10, field("#define N (2 * M)\n#define M 5\nchar x[N];").units)
    assert.equal(6, field("enum { A = 5, B, C = A + B }; char x[B];").units)
    assert.equal(11, field("enum { A = 5, B, C = A + B }; char x[C];").units)
  end)

  it("ignore what C does not evaluate", function()
    assert.equal(2, length "1 ? 2 : 1 / 0")
    assert.equal(1, length "1 || 1 / 0")
    assert.equal(1, length "!(0 && 1 << 99)")
  end)

  it("are refused where C has no value for them", function()
    refuses('line 1, column 10: division by zero', "char x[1 / 0];")
    refuses('line 1, column 10: a shift by 32 is not within 0 to 31', "char x[1 << 32];")
    refuses('line 1, column 19: "+" overflows', "char x[2147483647 + 1];")
    refuses('line 1, column 8: "1.5" is not a whole number', "char x[1.5];")
    refuses('line 1, column 8: "18446744073709551616" is too large', "char x[18446744073709551616];")
  end)
end)

describe("the preprocessor", function()
  it("ignores includes and other pragmas", function()
    assert.equal("x@0 =4", places "#include <it's.h>\n#pragma once\n# pragma warning(disable: 4201)\nint x;")
  end)

  it("goes on in the next line after a backslash", function()
    assert.equal(3, field("#define N \\\n  3\nchar x[N]; // \\\n char y;").units)
    assert.equal(3, field("#define N \\\r\n  3\r\nchar x[N];").units)
  end)

  it("does not replace a macro within itself", function()
    refuses('line 3, column 8: unknown constant "A"', "#define A B\n#define B A\nchar x[A];")
  end)

  it("forgets what is undefined", function()
    refuses('line 3, column 8: unknown constant "N"', "#define N 3\n#undef N\nchar x[N];")
  end)
end)

it("takes comments, assertions, empty declarations and a byte order mark", function()
  assert.equal("x@0 =4", places "\xEF\xBB\xBF;; _Static_assert(1, \"an int; of 4\"); /* int y; */ int x; //")
end)

describe("it says with line and column that it does not take", function()
  local cases = {
    ["an unknown type"] = { 'line 2, column 3: unknown type "foo"', "int a;\n  foo b;" },
    ["a misspelt type, with the nearest"] = {
      'line 1, column 1: unknown type "uint23_t", did you mean "uint32_t"?', "uint23_t a;" },
    ["a tag without its keyword"] = {
      'line 1, column 26: unknown type "point", did you mean "struct point"?', "struct point { int x; }; point p;" },
    ["a misspelt tag"] = {
      'line 1, column 39: "struct piont" is not defined, did you mean "struct point"?',
      "struct point { int x; }; struct piont p;" },
    ["a misspelt constant"] = {
      'line 1, column 24: unknown constant "LENGHT", did you mean "LENGTH"?', "enum { LENGTH }; int x[LENGHT];" },
    ["bit-fields"] = { "line 1, column 7: bit-fields are not supported", "int a : 3;" },
    ["unnamed bit-fields"] = { "line 1, column 5: bit-fields are not supported", "int : 3;" },
    ["flexible array members"] = {
      "line 1, column 13: an array without a length is not supported: leave it out, and use view:array or view:read " ..
      "at its offset", "int n; char data[];" },
    ["arrays of length 0"] = {
      "line 1, column 8: an array of length 0 is not supported: leave it out, and use view:array or view:read at " ..
      "its offset", "char x[0];" },
    ["arrays of negative length"] = { "line 1, column 8: the length of the array is -1", "char x[-1];" },
    ["arrays without end"] = { "line 1, column 7: the array is too large", "char x[4][1ll << 52];" },
    ["structs without end"] = {
      "line 1, column 51: the struct is too large", "struct s { char x[1ll << 53]; }; struct s a; char y;" },
    ["long double"] = { 'line 1, column 1: the type "long double" is not supported', "long double x;" },
    ["_Complex"] = { 'line 1, column 1: the type "double _Complex" is not supported', "double _Complex x;" },
    ["__int128"] = { 'line 1, column 1: the type "unsigned __int128" is not supported', "unsigned __int128 x;" },
    ["words that make no type"] = { 'line 1, column 1: the type "short double" is not supported', "short double x;" },
    ["void"] = { 'line 1, column 6: "void" has no size', "void x;" },
    ["functions"] = { 'line 1, column 5: "int ()" is a function', "int f(void);" },
    ["structs that nobody defined"] = { 'line 1, column 12: "struct foo" is not defined', "struct foo x;" },
    ["enums that nobody defined"] = { 'line 1, column 6: "enum foo" is not defined', "enum foo x;" },
    ["enums wider than 32 bits"] = {
      'line 1, column 8: with the constant "BIG" the enum needs more than 32 bits', "enum { BIG = 1ll << 32 } x;" },
    ["empty structs"] = { "line 1, column 10: the struct is empty", "struct s {};" },
    ["a text of nothing"] = { "line 1, column 4: there are no members and no struct", "  ;" },
    ["two members of one name"] = {
      'line 2, column 16: there are two members "a", the first in line 1', "int a;\nstruct { float a; };" },
    ["two structs of one tag"] = {
      'line 1, column 31: "struct s" is defined twice', "struct s { int a; };   struct s { int b; };" },
    ["two constants of one name"] = { 'line 1, column 11: the constant "A" is defined twice', "enum { A, A } x;" },
    ["two typedefs of one name that differ"] = {
      'line 1, column 29: "t" is defined twice', "typedef int t; typedef char t; t x;" },
    ["a missing semicolon"] = { 'line 2, column 1: expected ";" before "int"', "int a\nint b;" },
    ["a missing semicolon after a struct"] = {
      'line 2, column 1: expected ";" before "struct"', "struct s { int a; }\nstruct t { int a; };" },
    ["a missing semicolon at the end"] = { 'line 1, column 6: expected ";" before the end', "int a" },
    ["a missing brace"] = { 'line 1, column 18: expected "}" before the end', "struct s { int a;" },
    ["a missing parenthesis"] = { 'line 1, column 9: "(" has no partner', "int (*f)(int, char;" },
    ["a missing name"] = { 'line 1, column 6: expected a name before ";"', "int *;" },
    ["a keyword as a tag"] = { 'line 1, column 8: expected "{" before "int"', "struct int { int a; };" },
    ["operators that change a value"] = { 'line 1, column 8: expected a number before "--"', "char x[--1];" },
    ["a keyword as a name"] = { 'line 1, column 5: expected a name before "while"', "int while;" },
    ["nothing at all"] = { "line 1, column 1: this declares nothing", "int;" },
    ["comments without an end"] = { "line 1, column 8: this comment has no end", "int a; /* and so on" },
    ["stray characters"] = { 'line 1, column 5: stray "@"', "int @a;" },
    ["stray characters of Unicode"] = { 'line 1, column 5: stray "ü"', "int übel;" },
    ["NUL bytes"] = { 'line 1, column 6: stray "\\x00"', "int a\0;" },
    ["conditions"] = {
      "line 1, column 1: conditions (#if) are not evaluated: leave only the lines that apply",
      "#ifdef X\nint a;\n#endif" },
    ["macros with parameters"] = {
      'line 2, column 1: "INT" is a macro with parameters, which are not supported', "#define INT(x) int x\nINT(a);" },
    ["unknown directives"] = { 'line 1, column 2: unknown directive "#embed"', "#embed <x>\nint a;" },
    ["odd packings"] = { 'line 1, column 14: unknown packing "3"', "#pragma pack(3)\nint a;" },
    ["a pop without its push"] = {
      "line 1, column 1: #pragma pack(pop) without its push", "#pragma pack(pop)\nint a;" },
    ["a packing that changes within a struct"] = {
      "line 3, column 1: #pragma pack changes within the struct: compilers differ in what that means",
      "struct s { char a;\n#pragma pack(1)\n};" },
    ["a tag without a member's name"] = {
      "line 1, column 12: a member without a name has no tag: compilers differ in what that means",
      "struct s { struct t { int a; }; int b; };" },
    ["a typedef that is packed"] = {
      "line 1, column 28: packed has no effect on a typedef: write it behind the closing brace",
      "typedef struct { char a; } t __attribute__((packed));" },
    ["a packed enum"] = {
      "line 1, column 1: a packed or aligned enum is not supported", "enum __attribute__((packed)) { A } x;" },
    ["unknown attributes"] = {
      'line 1, column 22: unknown attribute "vector_size"', "int x __attribute__((vector_size(16)));" },
    ["alignments that are none"] = {
      "line 1, column 10: 3 is no alignment: it must be a power of two up to 2^28", "_Alignas(3) int x;" },
    ["an alignment below the type's"] = {
      'line 1, column 17: _Alignas cannot lower the alignment of "x", which is 4', "_Alignas(1) int x;" },
    ["_Alignas in a typedef"] = {
      "line 1, column 9: _Alignas has no place in a typedef", "typedef _Alignas(8) int wide; wide x;" },
    ["an alignment of what has no size"] = {
      "line 1, column 18: an alignment needs a type with a size",
      "typedef struct s S __attribute__((aligned(8))); S *x;" },
    ["a struct within itself"] = {
      'line 1, column 19: "struct s" is defined twice', "struct s { struct s { int a; } b; };" },
    ["characters that are several"] = { "line 1, column 8: \"'ab'\" is not one character", "char x['ab'];" },
    ["bytes that are no text"] = { 'line 1, column 5: stray "\\xFF"', "int \xFF;" },
    ["arrays that break an alignment"] = {
      'line 1, column 54: "wide" is aligned to 16, which its size of 4 does not allow in an array',
      "typedef int wide __attribute__((aligned(16))); wide x[2];" },
    ["values"] = { "line 1, column 7: a value is no part of a layout", "int a = 3;" },
    ["static, extern and their like"] = { 'line 1, column 1: "static" is not supported in a layout', "static int a;" },
    ["classes"] = { 'line 1, column 1: "class" is not supported in a layout', "class c { int a; };" },
    ["sections of classes"] = {
      'line 1, column 12: "public" is not supported in a layout', "struct s { public: int a; };" },
    ["references"] = { "line 1, column 5: references are not supported", "int &a;" },
    ["base classes"] = { "line 1, column 10: base classes are not supported", "struct s : t { int a; };" },
    ["enums with a type of their own"] = {
      "line 1, column 8: an enum with a type of its own is not supported", "enum e : char { A };" },
    ["typedefs inside a struct"] = {
      "line 1, column 12: a typedef inside a struct is not supported", "struct s { typedef int t; t a; };" },
    ["_Atomic structs"] = {
      "line 1, column 22: _Atomic is supported for numbers and pointers only",
      "struct s { int a; }; _Atomic struct s x;" },
  }
  for title, case in pairs(cases) do
    it(title, function() refuses(case[1], case[2]) end)
  end
end)

describe("a text of any kind", function()
  local deep = 10000

  it("is refused when it is too long", function()
    refuses("line 1, column 1: the text is longer than 262144 bytes", ("int a; "):rep(50000))
  end)

  it("is refused when it is nested too deep", function()
    for _, text in ipairs {
      ("struct { "):rep(deep) .. "int a;" .. (" };"):rep(deep),
      "int " .. ("("):rep(deep) .. "a" .. (")"):rep(deep) .. ";",
      "int " .. ("*"):rep(deep) .. "a;",
      "int a" .. ("[1]"):rep(deep) .. ";",
      "int a[" .. ("("):rep(deep) .. "1" .. (")"):rep(deep) .. "];",
      "int a[" .. ("- "):rep(deep) .. "1];",
      "int a[" .. ("1 ? 1 : "):rep(deep) .. "1];",
      "int a[" .. ("sizeof(int["):rep(deep) .. "1" .. ("])"):rep(deep) .. "];",
      "int a[" .. ("(int)"):rep(deep) .. "1];",
      ("_Atomic("):rep(deep) .. "int" .. (")"):rep(deep) .. " a;",
    } do
      local description, message = compile(text)
      assert.is_nil(description)
      assert.truthy(message:find "too deep" or message:find "too complicated" or message:find "dimensions", message)
    end
  end)

  it("is refused when structs lie in structs too deep by their names", function()
    local lines = { "struct s0 { int a; };" }
    for i = 1, 100 do lines[#lines + 1] = ("struct s%d { struct s%d s; };"):format(i, i - 1) end
    refuses_with("structs are nested more than 64 deep", table.concat(lines, "\n"))
  end)

  it("is refused when its macros stand for too much", function()
    local lines = { "#define M0 ;;;;;;;;;;" }
    for i = 1, 20 do lines[#lines + 1] = ("#define M%d %s"):format(i, ("M" .. i - 1 .. " "):rep(10)) end
    refuses_with("the text is too long", table.concat(lines, "\n") .. "\nM20")
    lines = { "#define M0 1" }
    for i = 1, 1000 do lines[#lines + 1] = ("#define M%d M%d"):format(i, i - 1) end
    refuses_with("macros are nested too deep", table.concat(lines, "\n") .. "\nint a[M1000];")
  end)

  it("takes no longer when it is odd", function()
    for _, piece in ipairs { '"\\', "'", "/*/ */", "//\\\n", "\\\n", "#", "#define\n", "a ", "int a;", "\n", "\0", "1",
      "{", "[(", "#pragma pack(push)\n", ";", "enum{", "A,", "__attribute__(("} do
      local start = os.clock()
      compile("int a; " .. piece:rep(65536 // #piece))
      assert.truthy(os.clock() - start < 10, piece)
    end
  end)

  local pieces = {
    "{", "}", "(", ")", "[", "]", ";", ",", "*", ":", "=", "#", "\n", "\\", '"', "'", "/*", "//", "\0", "\xFF", "0",
    "-1", "<<", "?", "struct ", "union ", "enum ", "typedef ", "int ", "long ", "unsigned ", "char ", "sizeof(",
    "_Alignas(", "__attribute__((aligned(", "#pragma pack(", "#define ", "_Atomic ", "const ", "...",
  }

  -- One random change.
  local function change(random, text)
    local at, length = random(#text), random(12)
    local way = random(4)
    if way == 1 then return text:sub(1, at - 1) .. text:sub(at + length) end
    if way == 2 then return text:sub(1, at) .. pieces[random(#pieces)] .. text:sub(at + 1) end
    if way == 3 then return text:sub(1, at) .. text:sub(at, at + length) .. text:sub(at + 1) end
    return text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at + 1)
  end

  it("is compiled or refused with line and column, and defines nothing when it is refused", function()
    local seed = math.tointeger(tonumber(os.getenv "SHMIPC_DECLARATIONS_SEED" or 1))
    local seconds = tonumber(os.getenv "SHMIPC_DECLARATIONS_SECONDS" or 2)
    local generator, random = declarations.generator(seed), declarations.random(seed)
    local finish = os.clock() + seconds
    repeat
      local known = {}
      local text = generator:next().text
      for _ = 1, random(6) do text = change(random, text .. " ") end
      local ok, description, message = pcall(compile, text, { known = known })
      if not ok then error(("seed %d: %s\n%q"):format(seed, description, text)) end
      if not description then
        assert.truthy(message:find "^line %d+, column %d+: ", message)
        assert.is_nil(next(known))
      end
    until os.clock() > finish
  end)
end)

describe("the nearest name", function()
  it("is the one that few letters make the word", function()
    local names = { "position", "velocity", "name", "id" }
    assert.equal("position", nearest("postion", names))
    assert.equal("velocity", nearest("velcoity", names))
    assert.equal("name", nearest("nmae", names))
  end)

  it("is none when all are far", function()
    assert.is_nil(nearest("rotation_matrix", { "position", "name" }))
    assert.is_nil(nearest("x", { "y" }))
    assert.is_nil(nearest("id", { "ip" }))
    assert.is_nil(nearest(("a"):rep(1000), { ("a"):rep(1001) }))
    assert.is_nil(nearest("name", {}))
  end)

  it("is the first of the alphabet of several", function()
    assert.equal("cat", nearest("bat", { "hat", "cat", "fat" }))
  end)
end)
