/* The article's three programs, as an ordinary Windows programmer writes them, with their faults: they hold the lock
 * while they sleep, leave their loop without giving it back, compare with ==, and add before they look. They know
 * nothing of shmipc. TEXT() and the plain names give the ANSI or the wide functions (-DUNICODE).
 * Arguments: pace in milliseconds, limit, name of the mapping, name of the mutex. */
#include <stdio.h>
#include <stdlib.h>
#include <tchar.h>
#include <windows.h>

static DWORD pace = 200;
static int limit = 500;
static const TCHAR *memory_name = TEXT("ShareMemory");
static const TCHAR *mutex_name = TEXT("mutex");

static void read_arguments(int count, TCHAR **arguments) {
  if (count > 1) pace = (DWORD)_ttoi(arguments[1]);
  if (count > 2) limit = _ttoi(arguments[2]);
  if (count > 3) memory_name = arguments[3];
  if (count > 4) mutex_name = arguments[4];
}

static void fail(const char *call) {
  printf("%s failed: %lu\n", call, GetLastError());
  exit(1);
}
