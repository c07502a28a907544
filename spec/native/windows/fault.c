/* A Lua module for the specs: what the system does to who touches a mapped file that cannot be read any more. */
#include <string.h>

#include <windows.h>

#include <lauxlib.h>
#include <lua.h>

/* fault(text): finds the mapped memory that begins with the text, and raises there the error of a page that cannot be
 * read. Who handles it has the program go on. */
static int fault(lua_State *L) {
  size_t length;
  const char *text = luaL_checklstring(L, 1, &length);
  MEMORY_BASIC_INFORMATION region;
  char *at = NULL;
  while (VirtualQuery(at, &region, sizeof region) != 0) {
    int is_view = region.State == MEM_COMMIT && region.Type == MEM_MAPPED && region.Protect == PAGE_READWRITE;
    if (is_view && region.RegionSize >= length && memcmp(region.BaseAddress, text, length) == 0) {
      const DWORD unreadable = 0xC0000185; /* STATUS_IO_DEVICE_ERROR */
      ULONG_PTR about[3] = {0, (ULONG_PTR)region.BaseAddress, unreadable};
      RaiseException(EXCEPTION_IN_PAGE_ERROR, 0, 3, about);
      return 0;
    }
    at = (char *)region.BaseAddress + region.RegionSize;
  }
  return luaL_error(L, "no such memory");
}

__declspec(dllexport) int luaopen_fault(lua_State *L) {
  lua_pushcfunction(L, fault);
  return 1;
}
