/* A program that has never heard of shmipc: it knows the Windows functions. Each line on its standard input is a
 * command; each is answered by "ok", "ok VALUE" or "error NUMBER". Numbers in memory are 32-bit integers at a byte
 * offset of the mapping that was made last. */
#include <stdio.h>
#include <string.h>

#include <windows.h>

#include <aclapi.h>

static char name[256];
static HANDLE mapping, mutex, event, semaphore, thing;
static char *memory;

static BOOL map(void) {
  memory = mapping ? MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, 0) : NULL;
  return memory != NULL;
}

static BOOL mapping_create(unsigned bytes, DWORD flags) {
  mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE | flags, 0, bytes, name);
  return map();
}

static BOOL mapping_open(void) {
  mapping = OpenFileMappingA(FILE_MAP_ALL_ACCESS, FALSE, name);
  return map();
}

static BOOL mapping_close(void) { return UnmapViewOfFile(memory) && CloseHandle(mapping); }

static BOOL mutex_create(BOOL owned) {
  mutex = CreateMutexA(NULL, owned, name);
  return mutex != NULL;
}

static BOOL mutex_open(void) {
  mutex = OpenMutexA(MUTEX_ALL_ACCESS, FALSE, name);
  return mutex != NULL;
}

static BOOL event_create(BOOL manual) {
  event = CreateEventA(NULL, manual, FALSE, name);
  return event != NULL;
}

static BOOL event_open(void) {
  event = OpenEventA(EVENT_ALL_ACCESS, FALSE, name);
  return event != NULL;
}

static BOOL semaphore_create(LONG initial, LONG maximum) {
  semaphore = CreateSemaphoreA(NULL, initial, maximum, name);
  return semaphore != NULL;
}

static BOOL semaphore_open(void) {
  semaphore = OpenSemaphoreA(SEMAPHORE_ALL_ACCESS, FALSE, name);
  return semaphore != NULL;
}

/* Puts something under the name, whatever it is good for. */
static BOOL place(const char *what) {
  if (strcmp(what, "event") == 0) thing = CreateEventA(NULL, TRUE, FALSE, name);
  if (strcmp(what, "semaphore") == 0) thing = CreateSemaphoreA(NULL, 1, 1, name);
  if (strcmp(what, "timer") == 0) thing = CreateWaitableTimerA(NULL, TRUE, name);
  return thing != NULL;
}

static BOOL is_me(PSID user) {
  union {
    TOKEN_USER user;
    char space[256];
  } me;
  HANDLE token;
  DWORD size;
  BOOL is_same = FALSE;
  if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token)) return FALSE;
  if (GetTokenInformation(token, TokenUser, &me, sizeof me, &size)) is_same = EqualSid(user, me.user.User.Sid);
  CloseHandle(token);
  return is_same;
}

/* Who may do anything with the object: how many others than this process's user; -1 when this one may not, either. */
static int count_others(HANDLE object) {
  PSECURITY_DESCRIPTOR descriptor;
  PACL list = NULL;
  int others = 0, me = 0;
  DWORD i;
  if (GetSecurityInfo(object, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &list, NULL, &descriptor) != 0)
    return 100;
  if (!list) return 1000; /* everybody */
  for (i = 0; i < list->AceCount; i++) {
    ACCESS_ALLOWED_ACE *entry;
    if (!GetAce(list, i, (void **)&entry) || entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE || entry->Mask == 0)
      continue;
    if (is_me(&entry->SidStart))
      me++;
    else
      others++;
  }
  LocalFree(descriptor);
  return me > 0 ? others : -1;
}

static BOOL run(const char *line, char *answer, size_t room) {
  unsigned bytes, offset, milliseconds;
  LONG initial, maximum, previous;
  int value;
  char word[32];
  if (sscanf(line, "name %255s", name) == 1) return TRUE;
  if (sscanf(line, "create %u", &bytes) == 1) return mapping_create(bytes, 0);
  if (sscanf(line, "reserve %u", &bytes) == 1) return mapping_create(bytes, SEC_RESERVE);
  if (strcmp(line, "open") == 0) return mapping_open();
  if (strcmp(line, "close") == 0) return mapping_close();
  if (strcmp(line, "create_mutex") == 0) return mutex_create(FALSE);
  if (strcmp(line, "create_mutex_owned") == 0) return mutex_create(TRUE);
  if (strcmp(line, "open_mutex") == 0) return mutex_open();
  if (strcmp(line, "unlock") == 0) return ReleaseMutex(mutex);
  if (strcmp(line, "close_mutex") == 0) return CloseHandle(mutex);
  if (strcmp(line, "create_event") == 0) return event_create(FALSE);
  if (strcmp(line, "create_event_manual") == 0) return event_create(TRUE);
  if (strcmp(line, "open_event") == 0) return event_open();
  if (strcmp(line, "set") == 0) return SetEvent(event);
  if (strcmp(line, "reset") == 0) return ResetEvent(event);
  if (sscanf(line, "wait %u", &milliseconds) == 1) {
    snprintf(answer, room, " %lu", WaitForSingleObject(event, milliseconds));
    return TRUE;
  }
  if (sscanf(line, "create_semaphore %ld %ld", &initial, &maximum) == 2) return semaphore_create(initial, maximum);
  if (strcmp(line, "open_semaphore") == 0) return semaphore_open();
  if (sscanf(line, "release %ld", &initial) == 1) {
    if (!ReleaseSemaphore(semaphore, initial, &previous)) return FALSE;
    snprintf(answer, room, " %ld", previous);
    return TRUE;
  }
  if (sscanf(line, "acquire %u", &milliseconds) == 1) {
    snprintf(answer, room, " %lu", WaitForSingleObject(semaphore, milliseconds));
    return TRUE;
  }
  if (strcmp(line, "leave") == 0) ExitProcess(0);
  if (sscanf(line, "place %31s", word) == 1) return place(word);
  if (sscanf(line, "lock %u", &milliseconds) == 1) {
    snprintf(answer, room, " %lu", WaitForSingleObject(mutex, milliseconds));
    return TRUE;
  }
  if (strcmp(line, "others") == 0) {
    snprintf(answer, room, " %d", count_others(mapping ? mapping : mutex ? mutex : event ? event : semaphore));
    return TRUE;
  }
  if (sscanf(line, "write %u %d", &offset, &value) == 2) {
    memcpy(memory + offset, &value, sizeof value);
    return TRUE;
  }
  if (sscanf(line, "read %u", &offset) == 1) {
    memcpy(&value, memory + offset, sizeof value);
    snprintf(answer, room, " %d", value);
    return TRUE;
  }
  SetLastError(ERROR_INVALID_PARAMETER);
  return FALSE;
}

int main(void) {
  char line[512];
  while (fgets(line, sizeof line, stdin)) {
    char answer[64] = "";
    line[strcspn(line, "\r\n")] = 0;
    if (run(line, answer, sizeof answer))
      printf("ok%s\n", answer);
    else
      printf("error %lu\n", GetLastError());
    fflush(stdout);
  }
  return 0;
}
