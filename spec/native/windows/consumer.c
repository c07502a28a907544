/* The article's consumer. */
#include "article.h"

int _tmain(int count, TCHAR **arguments) {
  HANDLE mutex, mapping;
  int *value;
  read_arguments(count, arguments);
  mutex = OpenMutex(MUTEX_ALL_ACCESS, FALSE, mutex_name);
  if (mutex == NULL) fail("OpenMutex");
  mapping = OpenFileMapping(FILE_MAP_ALL_ACCESS, FALSE, memory_name);
  if (mapping == NULL) fail("OpenFileMapping");
  value = (int *)MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, 0);
  if (value == NULL) fail("MapViewOfFile");
  for (;;) {
    WaitForSingleObject(mutex, INFINITE);
    printf("consumer %d\n", *value);
    fflush(stdout);
    if (*value == -1) break;
    Sleep(pace);
    ReleaseMutex(mutex);
  }
  UnmapViewOfFile(value);
  CloseHandle(mapping);
  CloseHandle(mutex);
  return 0;
}
