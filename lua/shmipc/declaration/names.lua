-- The names of types. What a native type is on a platform, the platform says; this is what else people write.

local names = {}

--- The words of each native type, in the order of the alphabet, and what the platform calls it.
names.spellings = {
  ["char"] = "char",
  ["char signed"] = "signed char",
  ["char unsigned"] = "unsigned char",
  ["short"] = "short",
  ["int short"] = "short",
  ["short signed"] = "short",
  ["int short signed"] = "short",
  ["short unsigned"] = "unsigned short",
  ["int short unsigned"] = "unsigned short",
  ["int"] = "int",
  ["signed"] = "int",
  ["int signed"] = "int",
  ["unsigned"] = "unsigned int",
  ["int unsigned"] = "unsigned int",
  ["long"] = "long",
  ["int long"] = "long",
  ["long signed"] = "long",
  ["int long signed"] = "long",
  ["long unsigned"] = "unsigned long",
  ["int long unsigned"] = "unsigned long",
  ["long long"] = "long long",
  ["int long long"] = "long long",
  ["long long signed"] = "long long",
  ["int long long signed"] = "long long",
  ["long long unsigned"] = "unsigned long long",
  ["int long long unsigned"] = "unsigned long long",
  ["__int8"] = "signed char",
  ["__int8 signed"] = "signed char",
  ["__int8 unsigned"] = "unsigned char",
  ["__int16"] = "short",
  ["__int16 signed"] = "short",
  ["__int16 unsigned"] = "unsigned short",
  ["__int32"] = "int",
  ["__int32 signed"] = "int",
  ["__int32 unsigned"] = "unsigned int",
  ["__int64"] = "long long",
  ["__int64 signed"] = "long long",
  ["__int64 unsigned"] = "unsigned long long",
  ["float"] = "float",
  ["double"] = "double",
  ["_Bool"] = "bool",
  ["void"] = "void",
}

--- The words that native types are written with, each as the spellings have it.
names.words = {
  void = "void", char = "char", short = "short", int = "int", long = "long", float = "float", double = "double",
  signed = "signed", __signed = "signed", __signed__ = "signed", unsigned = "unsigned", _Bool = "_Bool",
  __int8 = "__int8", __int16 = "__int16", __int32 = "__int32", __int64 = "__int64",
  _Complex = "_Complex", __complex__ = "_Complex", _Imaginary = "_Imaginary", __int128 = "__int128",
}

--- Words that say nothing about where a member lies.
names.qualifiers = {
  const = true, __const = true, __const__ = true, volatile = true, __volatile = true, __volatile__ = true,
  restrict = true, __restrict = true, __restrict__ = true, __extension__ = true, __ptr64 = true, __unaligned = true,
}

--- How a function is called, as it stands in a pointer to one.
names.conventions = {
  __cdecl = true, __stdcall = true, __fastcall = true, __thiscall = true, __vectorcall = true, _cdecl = true,
  _stdcall = true, WINAPI = true, CALLBACK = true, APIENTRY = true, WINAPIV = true, STDMETHODCALLTYPE = true,
}

--- Types whose arrays are texts.
names.characters = { char = true, wchar_t = true, char8_t = true, char16_t = true, char32_t = true }

--- Names that stand for an element, for a native type, for another name of this list, or for a "pointer". Those of
-- Windows have the size that they have there, on every platform.
names.aliases = {
  char8_t = "u8",
  char16_t = "u16",
  char32_t = "u32",
  ssize_t = "ptrdiff_t",
  float32_t = "f32",
  float64_t = "f64",

  i8 = "i8", u8 = "u8", i16 = "i16", u16 = "u16", i32 = "i32", u32 = "u32", i64 = "i64", u64 = "u64",
  f32 = "f32", f64 = "f64",
  s8 = "i8", s16 = "i16", s32 = "i32", s64 = "i64",
  int8 = "i8", int16 = "i16", int32 = "i32", int64 = "i64",
  uint8 = "u8", uint16 = "u16", uint32 = "u32", uint64 = "u64",
  __s8 = "i8", __s16 = "i16", __s32 = "i32", __s64 = "i64",
  __u8 = "u8", __u16 = "u16", __u32 = "u32", __u64 = "u64",
  u_int8_t = "u8", u_int16_t = "u16", u_int32_t = "u32", u_int64_t = "u64",
  uchar = "unsigned char", u_char = "unsigned char",
  ushort = "unsigned short", u_short = "unsigned short",
  uint = "unsigned int", u_int = "unsigned int",
  ulong = "unsigned long", u_long = "unsigned long",
  byte = "u8",

  CHAR = "char", CCHAR = "char", WCHAR = "char16_t",
  BYTE = "u8", UCHAR = "u8", BOOLEAN = "u8", UINT8 = "u8", INT8 = "i8",
  SHORT = "i16", INT16 = "i16", VARIANT_BOOL = "i16",
  USHORT = "u16", WORD = "u16", UINT16 = "u16", ATOM = "u16", LANGID = "u16",
  INT = "i32", LONG = "i32", BOOL = "i32", INT32 = "i32", LONG32 = "i32", HRESULT = "i32", NTSTATUS = "i32",
  UINT = "u32", ULONG = "u32", DWORD = "u32", UINT32 = "u32", ULONG32 = "u32", DWORD32 = "u32", COLORREF = "u32",
  LCID = "u32",
  LONGLONG = "i64", INT64 = "i64", LONG64 = "i64", LARGE_INTEGER = "i64",
  ULONGLONG = "u64", UINT64 = "u64", ULONG64 = "u64", DWORD64 = "u64", DWORDLONG = "u64", QWORD = "u64",
  ULARGE_INTEGER = "u64",
  FLOAT = "f32", DOUBLE = "f64",
  INT_PTR = "intptr_t", LONG_PTR = "intptr_t", SSIZE_T = "intptr_t", LPARAM = "intptr_t", LRESULT = "intptr_t",
  UINT_PTR = "uintptr_t", ULONG_PTR = "uintptr_t", DWORD_PTR = "uintptr_t", SIZE_T = "uintptr_t", WPARAM = "uintptr_t",
  HANDLE = "pointer", HWND = "pointer", HMODULE = "pointer", HINSTANCE = "pointer", HICON = "pointer",
  HBITMAP = "pointer", HBRUSH = "pointer", HCURSOR = "pointer", HDC = "pointer", HFONT = "pointer", HGLOBAL = "pointer",
  HKEY = "pointer", HLOCAL = "pointer", HMENU = "pointer", HMONITOR = "pointer",
  PVOID = "pointer", LPVOID = "pointer", LPCVOID = "pointer",
  PSTR = "pointer", LPSTR = "pointer", PCSTR = "pointer", LPCSTR = "pointer",
  PWSTR = "pointer", LPWSTR = "pointer", PCWSTR = "pointer", LPCWSTR = "pointer",
}

local function set(words)
  local found = {}
  for word in words:gmatch "%S+" do found[word] = true end
  return found
end

--- Words that begin declarations which are no part of a layout.
names.foreign = set [[
  asm auto class constexpr decltype explicit extern friend inline mutable namespace operator private protected public
  register static template thread_local typename typeof using virtual
  _BitInt _Generic _Noreturn _Thread_local __asm__ __inline __inline__ __typeof__
]]

--- Words that are no names of members.
names.reserved = set [[
  auto break case char const continue default do double else enum extern float for goto if inline int long register
  restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
  _Alignas _Alignof _Atomic _Bool _Complex _Generic _Imaginary _Noreturn _Static_assert _Thread_local
  __attribute__ __declspec
]]

return names
