/* The article's creator. A fifth argument names a file on disk to map, as the article does; without, the page file. */
#include "article.h"

int _tmain(int count, TCHAR **arguments) {
  HANDLE mutex, file = INVALID_HANDLE_VALUE, mapping;
  int *value;
  read_arguments(count, arguments);
  mutex = CreateMutex(NULL, TRUE, mutex_name);
  if (mutex == NULL) fail("CreateMutex");
  if (count > 5) {
    file = CreateFile(arguments[5], GENERIC_READ | GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE) fail("CreateFile");
  }
  mapping = CreateFileMapping(file, NULL, PAGE_READWRITE, 0, sizeof(int), memory_name);
  if (mapping == NULL) fail("CreateFileMapping");
  value = (int *)MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, 0);
  if (value == NULL) fail("MapViewOfFile");
  *value = 0;
  ReleaseMutex(mutex);
  for (;;) {
    WaitForSingleObject(mutex, INFINITE);
    printf("creator %d\n", *value);
    fflush(stdout);
    if (*value == limit) {
      *value = -1;
      break;
    }
    Sleep(pace);
    ReleaseMutex(mutex);
  }
  UnmapViewOfFile(value);
  CloseHandle(mapping);
  if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
  CloseHandle(mutex);
  return 0;
}
