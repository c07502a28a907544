/* The platform contract on Windows (os.h). Named objects are the kernel's own, so that programs which know nothing of
 * this library share them; their lifetime is the kernel's too: until the last handle is closed. */
#define WIN32_LEAN_AND_MEAN
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0602 /* Windows 8 */
#endif

#include "os.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <windows.h>

#include <aclapi.h>

#define NANOSECONDS UINT64_C(1000000000)
#define MILLISECOND (NANOSECONDS / 1000)
#define ERROR_TEXT_MAX 512
#define LARGE_SECTION (UINT64_C(64) << 20)
#define BYTES_PATIENCE (100 * MILLISECOND) /* for a file without bytes */

const struct os_facts os_facts = {"windows"};

/* ---- process, memory, time */

void *os_allocate(size_t size) { return malloc(size); }
void *os_reallocate(void *memory, size_t size) { return realloc(memory, size); }
void os_release(void *memory) { free(memory); }

uint64_t os_process_id(void) { return GetCurrentProcessId(); }

uint64_t os_clock(void) {
  static LARGE_INTEGER frequency; /* fixed at boot, so whoever writes it writes the same */
  LARGE_INTEGER now;
  uint64_t whole, rest;
  if (frequency.QuadPart == 0) QueryPerformanceFrequency(&frequency);
  QueryPerformanceCounter(&now);
  whole = (uint64_t)(now.QuadPart / frequency.QuadPart);
  rest = (uint64_t)(now.QuadPart % frequency.QuadPart);
  return whole * NANOSECONDS + rest * NANOSECONDS / (uint64_t)frequency.QuadPart;
}

/* Milliseconds from now to the deadline, rounded up, for the system's waits. */
static DWORD milliseconds_until(uint64_t deadline) {
  uint64_t now = deadline == 0 ? 0 : os_clock(), left;
  if (deadline <= now) return 0;
  left = (deadline - now) / MILLISECOND + ((deadline - now) % MILLISECOND != 0);
  return left < INFINITE ? (DWORD)left : INFINITE - 1;
}

/* Sleep is as coarse as the system's tick, 15.6 ms, where nobody has asked for a finer one. A timer of this kind is
 * finer by itself, since Windows 10, version 1803; elsewhere there is none. */
#ifndef CREATE_WAITABLE_TIMER_HIGH_RESOLUTION
#define CREATE_WAITABLE_TIMER_HIGH_RESOLUTION 0x2
#endif

void os_sleep(uint64_t deadline) {
  uint64_t now = os_clock();
  LARGE_INTEGER due; /* negative: from now on, in units of 100 ns */
  HANDLE timer;
  if (deadline <= now) return;
  due.QuadPart = -(LONGLONG)((deadline - now) / 100 + 1);
  timer = CreateWaitableTimerExW(NULL, NULL, CREATE_WAITABLE_TIMER_HIGH_RESOLUTION, TIMER_MODIFY_STATE | SYNCHRONIZE);
  if (!timer || !SetWaitableTimer(timer, &due, 0, NULL, NULL, FALSE) ||
      WaitForSingleObject(timer, INFINITE) != WAIT_OBJECT_0)
    Sleep(milliseconds_until(deadline));
  if (timer) CloseHandle(timer);
}

void os_pause(void) { YieldProcessor(); }

unsigned os_processors(void) {
  SYSTEM_INFO system;
  GetSystemInfo(&system);
  return system.dwNumberOfProcessors > 0 ? system.dwNumberOfProcessors : 1;
}

/* Wide text as UTF-8, cut to the buffer between two characters. */
static void to_utf8(const wchar_t *text, char *buffer, size_t size) {
  char whole[ERROR_TEXT_MAX * 3 + 1];
  int written = WideCharToMultiByte(CP_UTF8, 0, text, -1, whole, sizeof whole, NULL, NULL);
  size_t length = written > 0 ? (size_t)written - 1 : 0;
  if (length >= size) {
    length = size - 1;
    while (length > 0 && ((unsigned char)whole[length] & 0xC0) == 0x80) length--;
  }
  memcpy(buffer, whole, length);
  buffer[length] = '\0';
}

void os_error_text(int32_t native, char *buffer, size_t size) {
  wchar_t text[ERROR_TEXT_MAX];
  DWORD length = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL, (DWORD)native, 0,
                                text, sizeof text / sizeof text[0], NULL);
  while (length > 0 && wcschr(L"\r\n .", text[length - 1])) length--;
  text[length] = L'\0';
  to_utf8(length > 0 ? text : L"unknown error", buffer, size);
}

static struct shmipc_result from_error(DWORD error) {
  struct shmipc_result result = {SHMIPC_SYSTEM, (int32_t)error};
  switch (error) {
  case ERROR_ALREADY_EXISTS:
  case ERROR_FILE_EXISTS: result.status = SHMIPC_EXISTS; break;
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND:
  case ERROR_INVALID_DRIVE:
  case ERROR_BAD_NETPATH:
  case ERROR_BAD_NET_NAME: result.status = SHMIPC_NOT_FOUND; break;
  case ERROR_ACCESS_DENIED:
  case ERROR_SHARING_VIOLATION:
  case ERROR_LOCK_VIOLATION:
  case ERROR_PRIVILEGE_NOT_HELD:
  case ERROR_USER_MAPPED_FILE:
  case ERROR_WRITE_PROTECT: result.status = SHMIPC_ACCESS_DENIED; break;
  case ERROR_INVALID_NAME:
  case ERROR_BAD_PATHNAME:
  case ERROR_NO_UNICODE_TRANSLATION:
  case ERROR_FILENAME_EXCED_RANGE: result.status = SHMIPC_INVALID_NAME; break;
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_OUTOFMEMORY:
  case ERROR_COMMITMENT_LIMIT:
  case ERROR_NOT_ENOUGH_QUOTA:
  case ERROR_PAGEFILE_QUOTA:
  case ERROR_WORKING_SET_QUOTA:
  case ERROR_DISK_FULL:
  case ERROR_HANDLE_DISK_FULL:
  case ERROR_FILE_TOO_LARGE:
  case ERROR_NO_SYSTEM_RESOURCES: result.status = SHMIPC_NO_SPACE; break;
  case ERROR_TOO_MANY_POSTS:
  case ERROR_TOO_MANY_OPEN_FILES: result.status = SHMIPC_LIMIT; break;
  case ERROR_INVALID_HANDLE: result.status = SHMIPC_WRONG_KIND; break; /* the name is of another type of object */
  case ERROR_NOT_SUPPORTED:
  case ERROR_CALL_NOT_IMPLEMENTED: result.status = SHMIPC_NOT_SUPPORTED; break;
  default: break;
  }
  return result;
}

static struct shmipc_result from_last_error(void) { return from_error(GetLastError()); }

/* UTF-8 as wide text; the caller frees it. INVALID_NAME: it is not UTF-8. */
static struct shmipc_result to_wide(const char *text, wchar_t **out) {
  int length = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
  if (length == 0) return from_last_error();
  *out = malloc((size_t)length * sizeof **out);
  if (!*out) return shmipc_result(SHMIPC_NO_MEMORY);
  MultiByteToWideChar(CP_UTF8, 0, text, -1, *out, length);
  return shmipc_result(SHMIPC_OK);
}

/* ---- the process and its threads */

struct thread {
  uintptr_t token;
  struct thread *following;
};

static SRWLOCK process_lock = SRWLOCK_INIT;
static INIT_ONCE process_once = INIT_ONCE_STATIC_INIT;
static DWORD thread_slot = FLS_OUT_OF_INDEXES;
static struct thread *threads;         /* under process_lock */
static uintptr_t last_token;           /* under process_lock */
static void (*exit_notice)(uintptr_t); /* under process_lock */

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *exception);

/* RtlDllShutdownInProgress of ntdll; NULL: it is not there. */
static BOOLEAN(NTAPI *is_process_ending)(void);

/* The system calls this for the thread that ends the process, too. Then the other threads are no more, and one of them
 * may have had the process lock; and what the process holds the kernel abandons. */
static void NTAPI thread_ends(void *ending) {
  struct thread *thread = ending, **link;
  void (*notice)(uintptr_t);
  if (is_process_ending && is_process_ending()) return;
  os_process_lock();
  notice = exit_notice;
  os_process_unlock();
  if (notice) notice(thread->token);
  os_process_lock();
  for (link = &threads; *link; link = &(*link)->following) {
    if (*link == thread) {
      *link = thread->following;
      break;
    }
  }
  os_process_unlock();
  free(thread);
}

static BOOL CALLBACK process_begin(INIT_ONCE *once, void *parameter, void **context) {
  HMODULE module; /* a host that closes its Lua state unloads the module; what the system calls back must stay */
  FARPROC found;
  (void)once, (void)parameter, (void)context;
  module = GetModuleHandleW(L"ntdll.dll");
  found = module ? GetProcAddress(module, "RtlDllShutdownInProgress") : NULL;
  memcpy(&is_process_ending, &found, sizeof found);
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS,
                     (const wchar_t *)(const void *)&os_facts, &module);
  thread_slot = FlsAlloc(thread_ends);
  AddVectoredExceptionHandler(1, on_exception);
  return TRUE;
}

void os_process_lock(void) {
  InitOnceExecuteOnce(&process_once, process_begin, NULL, NULL);
  AcquireSRWLockExclusive(&process_lock);
}

void os_process_unlock(void) { ReleaseSRWLockExclusive(&process_lock); }

uintptr_t os_thread_self(void) {
  struct thread *thread;
  InitOnceExecuteOnce(&process_once, process_begin, NULL, NULL);
  thread = FlsGetValue(thread_slot);
  if (thread) return thread->token;
  thread = malloc(sizeof *thread);
  if (!thread) return 0;
  if (!FlsSetValue(thread_slot, thread)) {
    free(thread);
    return 0;
  }
  os_process_lock();
  thread->token = ++last_token;
  thread->following = threads;
  threads = thread;
  os_process_unlock();
  return thread->token;
}

int os_thread_is_alive(uintptr_t token) {
  const struct thread *thread;
  for (thread = threads; thread; thread = thread->following)
    if (thread->token == token) return 1;
  return 0;
}

void os_thread_on_exit(void (*notice)(uintptr_t thread)) {
  os_process_lock();
  exit_notice = notice;
  os_process_unlock();
}

/* ---- names and marks
 *
 * Every object that this library makes lets in only the user who made it, and carries a mark in its security
 * descriptor: an entry that grants nothing to an identifier of our own making, whose parts say the kind and the size.
 * It is there from birth, since the descriptor is given to the creating call; it goes with the object; and foreign
 * programs never see it. */

#define NAME_SPACE 16 /* for the prefix, and a companion's suffix */

struct wide_name {
  wchar_t text[OS_NAME_MAX + NAME_SPACE * 2];
};

static void name_compose(const struct os_name *name, const wchar_t *suffix, struct wide_name *out) {
  static const wchar_t *const prefixes[] = {
      [OS_SCOPE_NONE] = L"Local\\", [OS_SCOPE_LOCAL] = L"Local\\", [OS_SCOPE_GLOBAL] = L"Global\\"};
  size_t at = wcslen(prefixes[name->scope]);
  wcscpy(out->text, prefixes[name->scope]);
  MultiByteToWideChar(CP_UTF8, 0, name->base, -1, out->text + at, OS_NAME_MAX + 1);
  wcscat(out->text, suffix);
}

#define MARK_PARTS 4 /* format, kind, size low, size high */
#define MARK_FORMAT 1

static const SID_IDENTIFIER_AUTHORITY mark_authority = {{'s', 'h', 'm', 'i', 'p', 'c'}};

struct protection {
  SECURITY_ATTRIBUTES attributes;
  SECURITY_DESCRIPTOR descriptor;
  union {
    ACL list;
    char space[512];
  } access;
  union {
    TOKEN_USER user;
    char space[256];
  } owner;
};

/* The user whose token the thread acts under. */
static int current_user(struct protection *protection) {
  HANDLE token;
  DWORD size;
  BOOL ok;
  if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, &token) &&
      !OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
    return 0;
  ok = GetTokenInformation(token, TokenUser, &protection->owner, sizeof protection->owner, &size);
  CloseHandle(token);
  return ok;
}

static int protection_make(struct protection *protection, enum os_kind kind, uint64_t size) {
  union {
    SID sid;
    char space[SECURITY_MAX_SID_SIZE];
  } mark;
  const DWORD parts[MARK_PARTS] = {MARK_FORMAT, (DWORD)kind, (DWORD)size, (DWORD)(size >> 32)};
  DWORD i;
  InitializeSid(&mark.sid, (SID_IDENTIFIER_AUTHORITY *)&mark_authority, MARK_PARTS);
  for (i = 0; i < MARK_PARTS; i++) *GetSidSubAuthority(&mark.sid, i) = parts[i];
  protection->attributes.nLength = sizeof protection->attributes;
  protection->attributes.lpSecurityDescriptor = &protection->descriptor;
  protection->attributes.bInheritHandle = FALSE;
  return current_user(protection) &&
         InitializeSecurityDescriptor(&protection->descriptor, SECURITY_DESCRIPTOR_REVISION) &&
         InitializeAcl(&protection->access.list, sizeof protection->access, ACL_REVISION) &&
         AddAccessAllowedAce(&protection->access.list, ACL_REVISION, GENERIC_ALL, protection->owner.user.User.Sid) &&
         AddAccessAllowedAce(&protection->access.list, ACL_REVISION, 0, &mark.sid) &&
         SetSecurityDescriptorDacl(&protection->descriptor, TRUE, &protection->access.list, FALSE);
}

/* The size in the object's mark, if it has one that says the kind. needs READ_CONTROL. */
static int mark_read(HANDLE handle, enum os_kind *kind, uint64_t *size) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  PACL list = NULL;
  DWORD i;
  int found = 0;
  if (GetSecurityInfo(handle, SE_KERNEL_OBJECT, DACL_SECURITY_INFORMATION, NULL, NULL, &list, NULL, &descriptor) !=
      ERROR_SUCCESS)
    return 0;
  for (i = 0; list && i < list->AceCount && !found; i++) {
    ACCESS_ALLOWED_ACE *entry;
    PSID sid;
    if (!GetAce(list, i, (void **)&entry) || entry->Header.AceType != ACCESS_ALLOWED_ACE_TYPE) continue;
    sid = &entry->SidStart;
    if (memcmp(GetSidIdentifierAuthority(sid), &mark_authority, sizeof mark_authority) != 0 ||
        *GetSidSubAuthorityCount(sid) != MARK_PARTS || *GetSidSubAuthority(sid, 0) != MARK_FORMAT)
      continue;
    *kind = (enum os_kind) * GetSidSubAuthority(sid, 1);
    *size = *GetSidSubAuthority(sid, 2) | (uint64_t)*GetSidSubAuthority(sid, 3) << 32;
    found = 1;
  }
  LocalFree(descriptor);
  return found;
}

typedef HANDLE(WINAPI *open_function)(DWORD access, BOOL inherit, const wchar_t *name);

#define QUERY_STATE 0x1 /* SECTION_QUERY, MUTANT_QUERY_STATE, EVENT_QUERY_STATE, SEMAPHORE_QUERY_STATE */

/* Opens what has the name, so that its mark and its state can be read, too; does without when that is refused. */
static HANDLE open_readably(open_function open, DWORD access, const wchar_t *name) {
  const HANDLE handle = open(access | QUERY_STATE | READ_CONTROL, FALSE, name);
  if (handle || GetLastError() != ERROR_ACCESS_DENIED) return handle;
  return open(access, FALSE, name);
}

struct shmipc_result os_unlink(const struct os_name *name, enum os_kind kind, uint64_t deadline) {
  (void)name, (void)kind, (void)deadline;
  return shmipc_result(SHMIPC_NOT_SUPPORTED); /* a name goes with the last handle, and not before */
}

/* ---- sections */

struct os_section {
  HANDLE mapping;
  HANDLE file; /* INVALID_HANDLE_VALUE: the page file */
  uint64_t size;
  int is_measured;                  /* the size is of whole pages: the section may end within the last one */
  struct wide_name name;            /* "" for a file */
  BY_HANDLE_FILE_INFORMATION about; /* the file */
};

static struct os_section *section_new(void) {
  struct os_section *section = calloc(1, sizeof *section);
  if (section) section->file = INVALID_HANDLE_VALUE;
  return section;
}

void os_section_close(struct os_section *section) {
  if (section->mapping) CloseHandle(section->mapping);
  if (section->file != INVALID_HANDLE_VALUE) CloseHandle(section->file);
  free(section);
}

static struct shmipc_result section_fail(struct os_section *section, struct shmipc_result result) {
  os_section_close(section);
  return result;
}

/* More than the system can commit: some would promise it all the same. Smaller ones are not worth a look. */
static int exceeds_memory(uint64_t size) {
  MEMORYSTATUSEX memory;
  memory.dwLength = sizeof memory;
  return size >= LARGE_SECTION && GlobalMemoryStatusEx(&memory) && size > memory.ullAvailPageFile;
}

/* The kind goes into its mark. EXISTS, WRONG_KIND (taken by another kind), NO_SPACE. */
static struct shmipc_result section_make(const struct os_name *name, enum os_kind kind, uint64_t size,
                                         struct os_section **out) {
  struct os_section *section;
  struct protection protection;
  if (exceeds_memory(size)) return from_error(ERROR_COMMITMENT_LIMIT);
  section = section_new();
  if (!section) return shmipc_result(SHMIPC_NO_MEMORY);
  if (!protection_make(&protection, kind, size)) return section_fail(section, from_last_error());
  name_compose(name, L"", &section->name);
  SetLastError(ERROR_SUCCESS);
  section->mapping = CreateFileMappingW(INVALID_HANDLE_VALUE, &protection.attributes, PAGE_READWRITE,
                                        (DWORD)(size >> 32), (DWORD)size, section->name.text);
  if (!section->mapping) return section_fail(section, from_last_error());
  if (GetLastError() == ERROR_ALREADY_EXISTS) {
    enum os_kind found = OS_MAPPING;
    uint64_t found_size;
    mark_read(section->mapping, &found, &found_size);
    return section_fail(section, found == kind ? from_error(ERROR_ALREADY_EXISTS) : shmipc_result(SHMIPC_WRONG_KIND));
  }
  section->size = size;
  *out = section;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_section_create(const struct os_name *name, uint64_t size, unsigned mode,
                                       enum os_lifetime lifetime, uint64_t deadline, struct os_section **out) {
  (void)mode, (void)deadline;
  if (lifetime == OS_PERSISTENT) return shmipc_result(SHMIPC_NOT_SUPPORTED);
  return section_make(name, OS_MAPPING, size, out);
}

/* The size of a foreign creator's section, as the system tells it: of the pages that a view of all of it has, as far as
 * there is memory behind them (a creator may have reserved pages only). */
static struct shmipc_result section_measure(struct os_section *section) {
  MEMORY_BASIC_INFORMATION region;
  void *all = MapViewOfFile(section->mapping, FILE_MAP_READ, 0, 0, 0);
  SIZE_T known;
  if (!all) return from_last_error();
  known = VirtualQuery(all, &region, sizeof region);
  UnmapViewOfFile(all);
  if (known == 0) return shmipc_result(SHMIPC_SYSTEM);
  if (region.State != MEM_COMMIT) return shmipc_result(SHMIPC_TOO_SMALL);
  section->size = region.RegionSize;
  section->is_measured = 1;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_section_open(const struct os_name *name, enum os_access access, uint64_t deadline,
                                     struct os_section **out) {
  const DWORD rights = access == OS_READ ? FILE_MAP_READ : FILE_MAP_READ | FILE_MAP_WRITE;
  enum os_kind kind = OS_MAPPING;
  struct os_section *section = section_new();
  int is_marked = 0;
  (void)deadline;
  if (!section) return shmipc_result(SHMIPC_NO_MEMORY);
  name_compose(name, L"", &section->name);
  section->mapping = OpenFileMappingW(rights | READ_CONTROL, FALSE, section->name.text);
  if (section->mapping)
    is_marked = mark_read(section->mapping, &kind, &section->size);
  else if (GetLastError() == ERROR_ACCESS_DENIED)
    section->mapping = OpenFileMappingW(rights, FALSE, section->name.text);
  if (!section->mapping) return section_fail(section, from_last_error());
  if (kind != OS_MAPPING) return section_fail(section, shmipc_result(SHMIPC_WRONG_KIND));
  if (!is_marked || section->size == 0) { /* anybody can write a mark */
    struct shmipc_result result = section_measure(section);
    if (result.status != SHMIPC_OK) return section_fail(section, result);
  }
  *out = section;
  return shmipc_result(SHMIPC_OK);
}

/* Opens the file, or makes it. */
static struct shmipc_result file_open(struct os_section *section, const wchar_t *path, enum os_access access,
                                      int may_create, int *created) {
  const DWORD rights = access == OS_READ_WRITE ? GENERIC_READ | GENERIC_WRITE : GENERIC_READ;
  const DWORD share = FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE;
  DWORD attributes = GetFileAttributesW(path);
  if (attributes != INVALID_FILE_ATTRIBUTES && (attributes & FILE_ATTRIBUTE_DIRECTORY))
    return shmipc_result(SHMIPC_WRONG_KIND);
  section->file = CreateFileW(path, rights, share, NULL, may_create ? OPEN_ALWAYS : OPEN_EXISTING, 0, NULL);
  if (section->file == INVALID_HANDLE_VALUE) return from_last_error();
  *created = may_create && GetLastError() != ERROR_ALREADY_EXISTS;
  if (GetFileType(section->file) != FILE_TYPE_DISK) { /* NUL, a pipe, ... */
    *created = 0;
    return shmipc_result(SHMIPC_WRONG_KIND);
  }
  if (!GetFileInformationByHandle(section->file, &section->about)) return from_last_error();
  return shmipc_result(SHMIPC_OK);
}

static struct shmipc_result file_resize(HANDLE file, uint64_t size) {
  LARGE_INTEGER end;
  end.QuadPart = (LONGLONG)size;
  if (size > (uint64_t)INT64_MAX) return from_error(ERROR_FILE_TOO_LARGE);
  if (!SetFilePointerEx(file, end, NULL, FILE_BEGIN)) return from_last_error();
  if (!SetEndOfFile(file)) {
    DWORD error = GetLastError();
    return from_error(error == ERROR_INVALID_PARAMETER ? ERROR_FILE_TOO_LARGE : error);
  }
  return shmipc_result(SHMIPC_OK);
}

/* Growing takes the space on NTFS; elsewhere it may promise what is not there. */
static int exceeds_volume(const wchar_t *path, uint64_t more) {
  wchar_t volume[MAX_PATH];
  ULARGE_INTEGER left;
  return GetVolumePathNameW(path, volume, MAX_PATH) && GetDiskFreeSpaceExW(volume, &left, NULL, NULL) &&
         more > left.QuadPart;
}

/* The file's size, which another program may be about to give it. */
static struct shmipc_result file_measure(HANDLE file, uint64_t *size) {
  const uint64_t until = os_clock() + BYTES_PATIENCE;
  LARGE_INTEGER found;
  for (;;) {
    if (!GetFileSizeEx(file, &found)) return from_last_error();
    if (found.QuadPart > 0) break;
    if (os_clock() >= until) return shmipc_result(SHMIPC_TOO_SMALL);
    os_sleep(os_clock() + MILLISECOND);
  }
  *size = (uint64_t)found.QuadPart;
  return shmipc_result(SHMIPC_OK);
}

/* Makes the file at least that large; *before is what it was. */
static struct shmipc_result file_grow(struct os_section *section, const wchar_t *path, uint64_t size,
                                      uint64_t *before) {
  LARGE_INTEGER found;
  struct shmipc_result result = {SHMIPC_OK, 0};
  if (!GetFileSizeEx(section->file, &found)) return from_last_error();
  *before = section->size = (uint64_t)found.QuadPart;
  if (section->size >= size) return result;
  if (exceeds_volume(path, size - section->size)) return from_error(ERROR_DISK_FULL);
  result = file_resize(section->file, size);
  if (result.status == SHMIPC_OK) section->size = size;
  return result;
}

struct shmipc_result os_section_file(const char *path, enum os_access access, uint64_t size, unsigned mode,
                                     struct os_section **out, int *created) {
  struct os_section *section = section_new();
  wchar_t *wide = NULL;
  struct shmipc_result result;
  uint64_t before = UINT64_MAX;
  int made = 0;
  (void)mode;
  if (!section) return shmipc_result(SHMIPC_NO_MEMORY);
  result = to_wide(path, &wide);
  if (result.status != SHMIPC_OK) goto fail;
  result = file_open(section, wide, access, size > 0, &made);
  if (result.status != SHMIPC_OK) goto fail;
  result = size > 0 ? file_grow(section, wide, size, &before) : file_measure(section->file, &section->size);
  if (result.status != SHMIPC_OK) goto fail;
  section->mapping =
      CreateFileMappingW(section->file, NULL, access == OS_READ_WRITE ? PAGE_READWRITE : PAGE_WRITECOPY, 0, 0, NULL);
  if (!section->mapping) {
    result = from_last_error();
    goto fail;
  }
  free(wide);
  *out = section;
  *created = made;
  return result;
fail:
  if (section->size > before) file_resize(section->file, before);
  os_section_close(section);
  if (made) DeleteFileW(wide);
  free(wide);
  return result;
}

uint64_t os_section_size(const struct os_section *section) { return section->size; }

/* ---- views
 *
 * A view starts at a multiple of the allocation granularity; what lies before the asked offset is mapped too.
 * Memory behind a view can vanish when it is a file that cannot be read any more (a network, a removed disk): the
 * access raises EXCEPTION_IN_PAGE_ERROR. A vectored handler then puts zero pages in the view's place and marks it lost.
 */

struct mapped_view {
  struct os_view *view;
  struct mapped_view *following;
};

static SRWLOCK views_lock = SRWLOCK_INIT;
static struct mapped_view *views; /* under views_lock */

static LONG CALLBACK on_exception(EXCEPTION_POINTERS *exception) {
  const EXCEPTION_RECORD *record = exception->ExceptionRecord;
  struct mapped_view *mapped;
  LONG answer = EXCEPTION_CONTINUE_SEARCH;
  if (record->ExceptionCode != EXCEPTION_IN_PAGE_ERROR || record->NumberParameters < 2) return answer;
  AcquireSRWLockExclusive(&views_lock);
  for (mapped = views; mapped; mapped = mapped->following) {
    struct os_view *view = mapped->view;
    uintptr_t fault = (uintptr_t)record->ExceptionInformation[1], base = (uintptr_t)view->base;
    if (fault < base || fault - base >= view->span) continue;
    if (!view->lost) UnmapViewOfFile(view->base);
    if (view->lost || VirtualAlloc(view->base, view->span, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE)) {
      view->lost = 1;
      answer = EXCEPTION_CONTINUE_EXECUTION;
    }
    break;
  }
  ReleaseSRWLockExclusive(&views_lock);
  return answer;
}

struct shmipc_result os_view_map(struct os_section *section, uint64_t offset, size_t length, enum os_access access,
                                 struct os_view *out) {
  static const DWORD rights[] = {
      [OS_READ] = FILE_MAP_READ, [OS_READ_WRITE] = FILE_MAP_READ | FILE_MAP_WRITE, [OS_COPY_ON_WRITE] = FILE_MAP_COPY};
  struct mapped_view *mapped = malloc(sizeof *mapped);
  uint64_t before;
  SYSTEM_INFO system;
  SIZE_T span;
  char *base;
  if (!mapped) return shmipc_result(SHMIPC_NO_MEMORY);
  os_process_lock(); /* the handler is there from now on */
  os_process_unlock();
  GetSystemInfo(&system);
  before = offset % system.dwAllocationGranularity;
  if (length > SIZE_MAX - (size_t)before) {
    free(mapped);
    return from_error(ERROR_NOT_ENOUGH_MEMORY);
  }
  /* A view that goes beyond the section's end is refused, although there is memory to the page's end. 0: to the end. */
  span = section->is_measured ? 0 : length + (size_t)before;
  base =
      MapViewOfFile(section->mapping, rights[access], (DWORD)((offset - before) >> 32), (DWORD)(offset - before), span);
  if (!base) {
    struct shmipc_result result = from_last_error();
    free(mapped);
    return result;
  }
  out->address = base + before;
  out->length = length;
  out->lost = 0;
  out->offset = offset;
  out->section = section;
  out->access = access;
  out->base = base;
  out->span = length + (size_t)before;
  out->slot = mapped;
  mapped->view = out;
  AcquireSRWLockExclusive(&views_lock);
  mapped->following = views;
  views = mapped;
  ReleaseSRWLockExclusive(&views_lock);
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_view_flush(struct os_view *view, size_t offset, size_t length) {
  HANDLE file = view->section->file;
  if (view->access != OS_READ_WRITE || length == 0) return shmipc_result(SHMIPC_OK);
  if (!FlushViewOfFile(view->address + offset, length)) return from_last_error();
  if (file != INVALID_HANDLE_VALUE && !FlushFileBuffers(file)) return from_last_error();
  return shmipc_result(SHMIPC_OK);
}

void os_view_unmap(struct os_view *view) {
  struct mapped_view *mapped = view->slot, **link = &views;
  AcquireSRWLockExclusive(&views_lock);
  while (*link != mapped) link = &(*link)->following;
  *link = mapped->following;
  ReleaseSRWLockExclusive(&views_lock);
  if (view->lost)
    VirtualFree(view->base, 0, MEM_RELEASE);
  else
    UnmapViewOfFile(view->base);
  free(mapped);
  view->address = NULL;
}

/* A name is of one object as long as a handle is open, as both are. */
int os_view_same_object(const struct os_view *a, const struct os_view *b) {
  const struct os_section *first = a->section, *second = b->section;
  if (first == second) return 1;
  if (first->name.text[0] != L'\0' || second->name.text[0] != L'\0')
    return wcscmp(first->name.text, second->name.text) == 0;
  return first->about.dwVolumeSerialNumber == second->about.dwVolumeSerialNumber &&
         first->about.nFileIndexHigh == second->about.nFileIndexHigh &&
         first->about.nFileIndexLow == second->about.nFileIndexLow;
}

/* ---- mutexes
 *
 * The kernel's, so that foreign programs share them. The kernel tells of an owner that died (WAIT_ABANDONED), but lets
 * an owner close its handle without a word. For that case a companion stands beside each mutex that this library has
 * open: a manual-reset event, set by who gives the lock up, and reset by the next of us who gets it. */

#define COMPANION L"/abandoned" /* no object of a script's has a name with a slash */

struct os_mutex {
  HANDLE handle;
  HANDLE given_up; /* the companion; NULL: it could not be had */
  struct wide_name name;
};

static struct os_mutex *mutex_new(const struct os_name *name) {
  struct os_mutex *mutex = calloc(1, sizeof *mutex);
  if (mutex) name_compose(name, L"", &mutex->name);
  return mutex;
}

void os_mutex_close(struct os_mutex *mutex) {
  if (mutex->given_up) CloseHandle(mutex->given_up);
  if (mutex->handle) CloseHandle(mutex->handle);
  free(mutex);
}

/* It is done without when somebody else has taken the name, or is the one whom it lets in. */
static struct shmipc_result companion_open(struct os_mutex *mutex, const struct os_name *name,
                                           struct protection *protection) {
  struct wide_name companion;
  DWORD error;
  name_compose(name, COMPANION, &companion);
  mutex->given_up = CreateEventW(&protection->attributes, TRUE, FALSE, companion.text);
  error = mutex->given_up ? ERROR_SUCCESS : GetLastError();
  if (mutex->given_up || error == ERROR_ACCESS_DENIED || error == ERROR_INVALID_HANDLE) return shmipc_result(SHMIPC_OK);
  return from_error(error);
}

static struct shmipc_result mutex_fail(struct os_mutex *mutex, struct shmipc_result result) {
  os_mutex_close(mutex);
  return result;
}

/* The companion comes first, so that nothing can fail once others can find the mutex. */
struct shmipc_result os_mutex_create(const struct os_name *name, unsigned mode, enum os_birth birth, uint64_t deadline,
                                     struct os_mutex **out) {
  struct os_mutex *mutex = mutex_new(name);
  struct protection protection;
  struct shmipc_result result;
  (void)mode, (void)deadline;
  if (!mutex) return shmipc_result(SHMIPC_NO_MEMORY);
  if (!protection_make(&protection, OS_MUTEX, 0)) return mutex_fail(mutex, from_last_error());
  result = companion_open(mutex, name, &protection);
  if (result.status != SHMIPC_OK) return mutex_fail(mutex, result);
  SetLastError(ERROR_SUCCESS);
  mutex->handle = CreateMutexW(&protection.attributes, birth == OS_BORN_OWNED, mutex->name.text);
  if (!mutex->handle || GetLastError() == ERROR_ALREADY_EXISTS) return mutex_fail(mutex, from_last_error());
  *out = mutex;
  return result;
}

struct shmipc_result os_mutex_open(const struct os_name *name, uint64_t deadline, struct os_mutex **out) {
  struct os_mutex *mutex = mutex_new(name);
  struct protection protection;
  struct shmipc_result result;
  (void)deadline;
  if (!mutex) return shmipc_result(SHMIPC_NO_MEMORY);
  mutex->handle = open_readably(OpenMutexW, SYNCHRONIZE | MUTEX_MODIFY_STATE, mutex->name.text);
  if (!mutex->handle) return mutex_fail(mutex, from_last_error());
  if (!protection_make(&protection, OS_MUTEX, 0)) return mutex_fail(mutex, from_last_error());
  result = companion_open(mutex, name, &protection);
  if (result.status != SHMIPC_OK) return mutex_fail(mutex, result);
  *out = mutex;
  return result;
}

struct shmipc_result os_mutex_lock(struct os_mutex *mutex, uint64_t deadline, int *abandoned) {
  switch (WaitForSingleObject(mutex->handle, milliseconds_until(deadline))) {
  case WAIT_OBJECT_0: *abandoned = 0; break;
  case WAIT_ABANDONED: *abandoned = 1; break;
  case WAIT_TIMEOUT: return shmipc_result(SHMIPC_TIMEOUT);
  default: return from_last_error();
  }
  if (mutex->given_up && WaitForSingleObject(mutex->given_up, 0) == WAIT_OBJECT_0) {
    ResetEvent(mutex->given_up);
    *abandoned = 1;
  }
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_mutex_unlock(struct os_mutex *mutex) {
  return shmipc_result(ReleaseMutex(mutex->handle) ? SHMIPC_OK : SHMIPC_CORRUPT);
}

void os_mutex_abandon(struct os_mutex *mutex) {
  if (mutex->given_up) SetEvent(mutex->given_up);
  ReleaseMutex(mutex->handle);
}

int os_mutex_same(const struct os_mutex *a, const struct os_mutex *b) {
  return wcscmp(a->name.text, b->name.text) == 0;
}

/* No process comes to a handle by a fork here. */
int os_mutex_is_holder(const struct os_mutex *mutex) {
  (void)mutex;
  return 1;
}

/* ---- events and semaphores
 *
 * The kernel's, so that foreign programs share them. There is nothing to keep but the handle, so a struct os_event and
 * a struct os_semaphore are the handle itself. */

/* The name and the protection of a new object. */
struct birth {
  struct wide_name name;
  struct protection protection;
};

static int birth_prepare(const struct os_name *name, enum os_kind kind, struct birth *out) {
  name_compose(name, L"", &out->name);
  if (!protection_make(&out->protection, kind, 0)) return 0;
  SetLastError(ERROR_SUCCESS);
  return 1;
}

/* What has come of a call that makes an object, or opens what has the name already. */
static struct shmipc_result birth_end(HANDLE handle) {
  const DWORD error = GetLastError();
  if (handle && error != ERROR_ALREADY_EXISTS) return shmipc_result(SHMIPC_OK);
  if (handle) CloseHandle(handle);
  return from_error(error);
}

static struct shmipc_result handle_wait(HANDLE handle, uint64_t deadline) {
  switch (WaitForSingleObject(handle, milliseconds_until(deadline))) {
  case WAIT_OBJECT_0: return shmipc_result(SHMIPC_OK);
  case WAIT_TIMEOUT: return shmipc_result(SHMIPC_TIMEOUT);
  default: return from_last_error();
  }
}

struct shmipc_result os_event_create(const struct os_name *name, unsigned mode, unsigned traits, uint64_t deadline,
                                     struct os_event **out) {
  struct birth birth;
  struct shmipc_result result;
  HANDLE handle;
  (void)mode, (void)deadline;
  if (!birth_prepare(name, OS_EVENT, &birth)) return from_last_error();
  handle = CreateEventW(&birth.protection.attributes, (traits & OS_EVENT_MANUAL) != 0, (traits & OS_EVENT_SET) != 0,
                        birth.name.text);
  result = birth_end(handle);
  if (result.status == SHMIPC_OK) *out = handle;
  return result;
}

struct shmipc_result os_event_open(const struct os_name *name, uint64_t deadline, struct os_event **out) {
  struct wide_name wide;
  HANDLE handle;
  (void)deadline;
  name_compose(name, L"", &wide);
  handle = open_readably(OpenEventW, SYNCHRONIZE | EVENT_MODIFY_STATE, wide.text);
  if (!handle) return from_last_error();
  *out = handle;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_event_set(struct os_event *event) {
  return SetEvent(event) ? shmipc_result(SHMIPC_OK) : from_last_error();
}

struct shmipc_result os_event_reset(struct os_event *event) {
  return ResetEvent(event) ? shmipc_result(SHMIPC_OK) : from_last_error();
}

struct shmipc_result os_event_wait(struct os_event *event, uint64_t deadline, uint32_t *since) {
  (void)since;
  return handle_wait(event, deadline);
}

void os_event_close(struct os_event *event) { CloseHandle(event); }

struct shmipc_result os_semaphore_create(const struct os_name *name, unsigned mode, uint32_t initial, uint32_t maximum,
                                         uint64_t deadline, struct os_semaphore **out) {
  struct birth birth;
  struct shmipc_result result;
  HANDLE handle;
  (void)mode, (void)deadline;
  if (!birth_prepare(name, OS_SEMAPHORE, &birth)) return from_last_error();
  handle = CreateSemaphoreW(&birth.protection.attributes, (LONG)initial, (LONG)maximum, birth.name.text);
  result = birth_end(handle);
  if (result.status == SHMIPC_OK) *out = handle;
  return result;
}

struct shmipc_result os_semaphore_open(const struct os_name *name, uint64_t deadline, struct os_semaphore **out) {
  struct wide_name wide;
  HANDLE handle;
  (void)deadline;
  name_compose(name, L"", &wide);
  handle = open_readably(OpenSemaphoreW, SYNCHRONIZE | SEMAPHORE_MODIFY_STATE, wide.text);
  if (!handle) return from_last_error();
  *out = handle;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_semaphore_acquire(struct os_semaphore *semaphore, uint64_t deadline) {
  return handle_wait(semaphore, deadline);
}

struct shmipc_result os_semaphore_release(struct os_semaphore *semaphore, uint32_t count, uint32_t *before) {
  LONG previous;
  if (!ReleaseSemaphore(semaphore, (LONG)count, &previous)) return from_last_error();
  *before = (uint32_t)previous;
  return shmipc_result(SHMIPC_OK);
}

void os_semaphore_close(struct os_semaphore *semaphore) { CloseHandle(semaphore); }

/* ---- arenas
 *
 * A section whose mark says the kind and the size: a page of what is not the arena's memory, then that. Beside it stand
 * companions of the kernel's: a mutex is the lock, and a semaphore each bell. Whoever has the section open has them
 * open, so their names mean the same objects to all.
 *
 * A ring adds 1 to the bell's semaphore, and who sleeps takes 1. So a wake is kept for one who has compared the word
 * and does not sleep yet, and two of them find two wakes (an event would make one of those). One that is not taken,
 * since nobody slept, is a vain wake of the next who does; more than BELL_MAX of them are never kept. And it may be
 * taken by one who came later, before the first one slept: the core sees to that.
 *
 *   GUARDED_AT   the core's, under the lock
 *   BELLS_AT     the bells' words; what they mean is the core's
 *   STATE_AT     the core's */

#define ARENA_PAGE 4096
#define LINES 128 /* two cache lines: processors fetch them in pairs */
#define GUARDED_AT 0
#define BELLS_AT LINES
#define STATE_AT (BELLS_AT + OS_BELLS * LINES)
#define BELL_MAX 32

_Static_assert(GUARDED_AT + OS_ARENA_GUARDED_SIZE <= BELLS_AT, "the guarded bytes do not reach the bells");
_Static_assert(STATE_AT + OS_ARENA_STATE_SIZE <= ARENA_PAGE, "all fits into the page");

struct arena {
  struct os_arena shared; /* first: it is what the core has */
  struct os_section *section;
  struct os_view view; /* no address: not mapped */
  HANDLE lock;
  HANDLE bells[OS_BELLS];
};

static struct arena *arena_of(struct os_arena *arena) { return (void *)arena; }

/* The name goes first, so that who finds it finds the companions. */
static void arena_discard(struct arena *arena) {
  int i;
  if (arena->view.address) os_view_unmap(&arena->view);
  if (arena->section) os_section_close(arena->section);
  if (arena->lock) CloseHandle(arena->lock);
  for (i = 0; i < OS_BELLS; i++)
    if (arena->bells[i]) CloseHandle(arena->bells[i]);
  free(arena);
}

/* Opens what is there, and makes what is not. */
static struct shmipc_result arena_have_companions(struct arena *arena, const struct os_name *name, enum os_kind kind) {
  static const wchar_t *const suffixes[] = {[OS_BELL_RECEIVERS] = L"/receivers", [OS_BELL_SENDERS] = L"/senders"};
  struct protection protection;
  struct wide_name companion;
  int i;
  if (!protection_make(&protection, kind, 0)) return from_last_error();
  name_compose(name, L"/lock", &companion);
  arena->lock = CreateMutexW(&protection.attributes, FALSE, companion.text);
  if (!arena->lock) return from_last_error();
  for (i = 0; i < OS_BELLS; i++) {
    name_compose(name, suffixes[i], &companion);
    arena->bells[i] = CreateSemaphoreW(&protection.attributes, 0, BELL_MAX, companion.text);
    if (!arena->bells[i]) return from_last_error();
  }
  return shmipc_result(SHMIPC_OK);
}

/* Its bytes, of which the section has said how many there are. */
static struct shmipc_result arena_map(struct arena *arena) {
  const uint64_t size = arena->section->size;
  struct shmipc_result result;
  int i;
  if (size <= ARENA_PAGE || size > SIZE_MAX) return shmipc_result(SHMIPC_CORRUPT);
  result = os_view_map(arena->section, 0, (size_t)size, OS_READ_WRITE, &arena->view);
  if (result.status != SHMIPC_OK) return result;
  arena->shared.memory = arena->view.address + ARENA_PAGE;
  arena->shared.size = (size_t)size - ARENA_PAGE;
  arena->shared.guarded = arena->view.address + GUARDED_AT;
  arena->shared.state = arena->view.address + STATE_AT;
  for (i = 0; i < OS_BELLS; i++)
    arena->shared.bells[i] = (void *)(arena->view.address + BELLS_AT + (ptrdiff_t)i * LINES);
  arena->shared.lost = &arena->view.lost;
  return shmipc_result(SHMIPC_OK);
}

/* The companions come before the section, so that only the mapping can fail once others can find it. */
struct shmipc_result os_arena_create(const struct os_name *name, enum os_kind kind, unsigned mode, size_t size,
                                     uint64_t deadline, struct os_arena **out) {
  struct arena *arena = calloc(1, sizeof *arena);
  struct shmipc_result result;
  (void)mode, (void)deadline;
  if (!arena) return shmipc_result(SHMIPC_NO_MEMORY);
  result = arena_have_companions(arena, name, kind);
  if (result.status == SHMIPC_OK) result = section_make(name, kind, (uint64_t)size + ARENA_PAGE, &arena->section);
  if (result.status == SHMIPC_OK) result = arena_map(arena);
  if (result.status == SHMIPC_OK)
    *out = &arena->shared;
  else
    arena_discard(arena);
  return result;
}

/* Anybody can write a mark: there must be as much memory as it says. */
static struct shmipc_result arena_open_section(struct arena *arena, const struct os_name *name, enum os_kind kind) {
  struct os_section *section = section_new();
  enum os_kind found = OS_MAPPING;
  struct shmipc_result result;
  uint64_t size = 0;
  if (!section) return shmipc_result(SHMIPC_NO_MEMORY);
  arena->section = section;
  name_compose(name, L"", &section->name);
  section->mapping = OpenFileMappingW(FILE_MAP_READ | FILE_MAP_WRITE | READ_CONTROL, FALSE, section->name.text);
  if (!section->mapping) return from_last_error();
  if (!mark_read(section->mapping, &found, &size) || found != kind) return shmipc_result(SHMIPC_WRONG_KIND);
  result = section_measure(section);
  if (result.status == SHMIPC_TOO_SMALL || (result.status == SHMIPC_OK && section->size < size))
    result.status = SHMIPC_CORRUPT;
  section->size = size;
  return result;
}

struct shmipc_result os_arena_open(const struct os_name *name, enum os_kind kind, uint64_t deadline,
                                   struct os_arena **out) {
  struct arena *arena = calloc(1, sizeof *arena);
  struct shmipc_result result;
  (void)deadline;
  if (!arena) return shmipc_result(SHMIPC_NO_MEMORY);
  result = arena_open_section(arena, name, kind);
  if (result.status == SHMIPC_OK) result = arena_have_companions(arena, name, kind);
  if (result.status == SHMIPC_OK) result = arena_map(arena);
  if (result.status == SHMIPC_OK)
    *out = &arena->shared;
  else
    arena_discard(arena);
  return result;
}

struct shmipc_result os_arena_check(const struct os_arena *arena) {
  return shmipc_result(*arena->lost ? SHMIPC_CORRUPT : SHMIPC_OK);
}

struct shmipc_result os_arena_lock(struct os_arena *arena, uint64_t deadline) {
  switch (WaitForSingleObject(arena_of(arena)->lock, milliseconds_until(deadline))) {
  case WAIT_OBJECT_0:
  case WAIT_ABANDONED: return shmipc_result(SHMIPC_OK);
  case WAIT_TIMEOUT: return shmipc_result(SHMIPC_TIMEOUT);
  default: return from_last_error();
  }
}

struct shmipc_result os_arena_unlock(struct os_arena *arena) {
  const BOOL was_ours = ReleaseMutex(arena_of(arena)->lock);
  MemoryBarrier();
  return shmipc_result(was_ours ? SHMIPC_OK : SHMIPC_CORRUPT);
}

int os_arena_sleep(struct os_arena *arena, enum os_bell bell, uint32_t value, uint64_t deadline) {
  return *arena->bells[bell] == value &&
         WaitForSingleObject(arena_of(arena)->bells[bell], milliseconds_until(deadline)) == WAIT_OBJECT_0;
}

void os_arena_ring(struct os_arena *arena, enum os_bell bell) {
  ReleaseSemaphore(arena_of(arena)->bells[bell], 1, NULL); /* refused when more are kept than anybody can need */
}

void os_arena_close(struct os_arena *arena) { arena_discard(arena_of(arena)); }

/* ---- looking
 *
 * The system has folders of names, and tells of its objects what ntdll's functions ask; of holders it tells only how
 * many handles there are. To read an object's mark one has to open it for a moment, and every handle holds here. */

#define DIRECTORY_QUERY 0x1
#define ENTRY_SIZE 2048

struct counted_text { /* UNICODE_STRING: in bytes, not terminated */
  USHORT length, capacity;
  wchar_t *text;
};

struct object_attributes { /* OBJECT_ATTRIBUTES */
  ULONG length;
  HANDLE root;
  struct counted_text *name;
  ULONG attributes;
  void *descriptor, *quality;
};

struct directory_entry { /* OBJECT_DIRECTORY_INFORMATION */
  struct counted_text name, type;
};

struct handle_facts { /* PUBLIC_OBJECT_BASIC_INFORMATION */
  ULONG attributes, access, handles, pointers, reserved[10];
};

typedef LONG(NTAPI *query_function)(HANDLE handle, int what, void *answer, ULONG size, void *written);

/* NULL: it is not there. */
static struct {
  LONG(NTAPI *open_directory)(HANDLE *directory, ULONG access, struct object_attributes *attributes);
  LONG(NTAPI *query_directory)
  (HANDLE directory, void *entry, ULONG size, BOOLEAN is_one, BOOLEAN is_first, ULONG *context, ULONG *written);
  query_function query_object, query_section, query_mutant, query_event, query_semaphore;
} nt;

static void nt_find(const char *name, void *function) {
  const HMODULE module = GetModuleHandleW(L"ntdll.dll");
  const FARPROC found = module ? GetProcAddress(module, name) : NULL;
  memcpy(function, &found, sizeof found);
}

static void nt_prepare(void) { /* whoever writes these writes the same */
  nt_find("NtOpenDirectoryObject", &nt.open_directory);
  nt_find("NtQueryDirectoryObject", &nt.query_directory);
  nt_find("NtQueryObject", &nt.query_object);
  nt_find("NtQuerySection", &nt.query_section);
  nt_find("NtQueryMutant", &nt.query_mutant);
  nt_find("NtQueryEvent", &nt.query_event);
  nt_find("NtQuerySemaphore", &nt.query_semaphore);
}

static int nt_query(query_function query, HANDLE handle, int what, void *answer, ULONG size) {
  return query && query(handle, what, answer, size, NULL) >= 0;
}

void os_listing_release(struct os_listing *listing) {
  if (!listing) return;
  free(listing->objects);
  free(listing);
}

static struct shmipc_result listing_new(struct os_listing **out) {
  *out = calloc(1, sizeof **out);
  nt_prepare();
  return shmipc_result(*out ? SHMIPC_OK : SHMIPC_NO_MEMORY);
}

/* One more, whose fields are zero but for what is not known. NULL: out of memory. */
static struct os_found *listing_add(struct os_listing *listing) {
  struct os_found *more = realloc(listing->objects, (listing->count + 1) * sizeof *more);
  if (!more) return NULL;
  listing->objects = more;
  more += listing->count++;
  memset(more, 0, sizeof *more);
  more->kind = OS_KINDS;
  more->age = OS_NEVER;
  return more;
}

static void process_describe(DWORD id, struct os_process *out) {
  const HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, id);
  wchar_t path[OS_COMMAND_LINE_SIZE];
  DWORD length = sizeof path / sizeof path[0];
  const wchar_t *base;
  out->id = id;
  if (!process) return;
  if (QueryFullProcessImageNameW(process, 0, path, &length)) {
    base = wcsrchr(path, L'\\');
    to_utf8(base ? base + 1 : path, out->command, sizeof out->command);
    to_utf8(path, out->command_line, sizeof out->command_line);
  }
  CloseHandle(process);
}

static void look_at_section(HANDLE handle, struct os_found *found) {
  struct {
    void *base;
    ULONG attributes;
    LARGE_INTEGER size;
  } facts;
  if (found->size == 0 && nt_query(nt.query_section, handle, 0, &facts, sizeof facts))
    found->size = (uint64_t)facts.size.QuadPart;
}

static void look_at_mutant(HANDLE handle, struct os_found *found) {
  struct {
    LONG count;
    BOOLEAN is_ours, is_abandoned;
  } facts;
  struct {
    HANDLE process, thread;
  } owner;
  if (!nt_query(nt.query_mutant, handle, 0, &facts, sizeof facts)) return;
  found->traits |= OS_HAS_STATE;
  if (facts.is_abandoned) found->traits |= OS_IS_ABANDONED;
  if (facts.count > 0) return;
  found->traits |= OS_IS_LOCKED;
  if (nt_query(nt.query_mutant, handle, 1, &owner, sizeof owner) && owner.process) {
    process_describe((DWORD)(uintptr_t)owner.process, &found->owner);
    found->owner_thread = (uint64_t)(uintptr_t)owner.thread;
  } else if (facts.is_ours) {
    process_describe(GetCurrentProcessId(), &found->owner);
    found->owner_thread = GetCurrentThreadId();
  }
}

static void look_at_event(HANDLE handle, struct os_found *found) {
  struct {
    ULONG is_automatic;
    LONG state;
  } facts;
  if (!nt_query(nt.query_event, handle, 0, &facts, sizeof facts)) return;
  found->traits |= OS_HAS_STATE;
  if (facts.state != 0) found->traits |= OS_IS_SET;
  if (!facts.is_automatic) found->traits |= OS_IS_MANUAL;
}

static void look_at_semaphore(HANDLE handle, struct os_found *found) {
  struct {
    ULONG count, maximum;
  } facts;
  if (!nt_query(nt.query_semaphore, handle, 0, &facts, sizeof facts)) return;
  found->traits |= OS_HAS_STATE;
  found->count = facts.count;
  found->maximum = facts.maximum;
}

/* The system's types, and the kinds whose objects they are by themselves. A section may by its mark be of another. */
static const struct native_type {
  const wchar_t *name;
  enum os_kind kind;
  open_function open;
  void (*look)(HANDLE handle, struct os_found *found);
} native_types[] = {{L"Section", OS_MAPPING, OpenFileMappingW, look_at_section},
                    {L"Mutant", OS_MUTEX, OpenMutexW, look_at_mutant},
                    {L"Event", OS_EVENT, OpenEventW, look_at_event},
                    {L"Semaphore", OS_SEMAPHORE, OpenSemaphoreW, look_at_semaphore}};

#define NATIVE_TYPES (sizeof native_types / sizeof native_types[0])

static void look_at(HANDLE handle, const struct native_type *type, ULONG handles_of_ours, struct os_found *found) {
  struct handle_facts facts;
  enum os_kind kind = type->kind;
  uint64_t size = 0;
  if (!mark_read(handle, &kind, &size)) found->traits |= OS_IS_FOREIGN;
  found->kind = kind < OS_KINDS ? kind : type->kind;
  found->size = size;
  if (nt_query(nt.query_object, handle, 0, &facts, sizeof facts) && facts.handles > handles_of_ours)
    found->handles = facts.handles - handles_of_ours;
  type->look(handle, found);
  if (found->kind == OS_CHANNEL) found->traits |= OS_HAS_STATE; /* which the core reads (os_arena_peek) */
}

/* A name is opened for a moment; what may not be opened is told by its name and type. */
static struct shmipc_result list_entry(struct os_listing *listing, const struct directory_entry *entry) {
  const size_t length = entry->name.length / sizeof(wchar_t), type_length = entry->type.length / sizeof(wchar_t);
  const struct native_type *type = native_types;
  struct wide_name name = {L"Local\\"};
  struct os_found *found;
  HANDLE handle;
  while (type < native_types + NATIVE_TYPES &&
         (wcslen(type->name) != type_length || wmemcmp(type->name, entry->type.text, type_length) != 0))
    type++;
  if (type == native_types + NATIVE_TYPES || length > OS_NAME_MAX) return shmipc_result(SHMIPC_OK);
  wmemcpy(name.text + wcslen(name.text), entry->name.text, length);
  if (wcschr(name.text, L'/')) return shmipc_result(SHMIPC_OK); /* a companion */
  found = listing_add(listing);
  if (!found) return shmipc_result(SHMIPC_NO_MEMORY);
  to_utf8(name.text + wcslen(L"Local\\"), found->name, sizeof found->name);
  found->kind = type->kind;
  handle = type->open(QUERY_STATE | READ_CONTROL, FALSE, name.text);
  if (handle) {
    look_at(handle, type, 1, found);
    CloseHandle(handle);
  } else if (GetLastError() == ERROR_FILE_NOT_FOUND) {
    listing->count--; /* it has just gone */
  } else {
    found->traits |= OS_IS_FOREIGN;
  }
  return shmipc_result(SHMIPC_OK);
}

/* Where Local\ leads for this process. */
static HANDLE session_directory(void) {
  wchar_t path[64] = L"\\BaseNamedObjects";
  struct object_attributes attributes = {sizeof attributes, NULL, NULL, 0, NULL, NULL};
  struct counted_text name;
  HANDLE directory;
  DWORD session;
  if (ProcessIdToSessionId(GetCurrentProcessId(), &session) && session != 0)
    _snwprintf(path, sizeof path / sizeof path[0], L"\\Sessions\\%lu\\BaseNamedObjects", (unsigned long)session);
  name.text = path;
  name.length = (USHORT)(wcslen(path) * sizeof(wchar_t));
  name.capacity = name.length;
  attributes.name = &name;
  if (!nt.open_directory || nt.open_directory(&directory, DIRECTORY_QUERY, &attributes) < 0) return NULL;
  return directory;
}

struct shmipc_result os_list(enum os_look look, struct os_listing **out) {
  union {
    struct directory_entry entry;
    char space[ENTRY_SIZE];
  } answer;
  struct os_listing *listing;
  struct shmipc_result result = listing_new(&listing);
  HANDLE directory;
  ULONG context = 0, written;
  (void)look;
  if (result.status != SHMIPC_OK) return result;
  directory = session_directory();
  if (!directory || !nt.query_directory) result.status = SHMIPC_NOT_SUPPORTED;
  while (result.status == SHMIPC_OK &&
         nt.query_directory(directory, &answer, sizeof answer, TRUE, FALSE, &context, &written) == 0)
    result = list_entry(listing, &answer.entry);
  if (directory) CloseHandle(directory);
  if (result.status == SHMIPC_OK)
    *out = listing;
  else
    os_listing_release(listing);
  return result;
}

static struct shmipc_result handle_look(HANDLE handle, enum os_kind kind, struct os_listing **out) {
  struct os_listing *listing;
  struct shmipc_result result = listing_new(&listing);
  struct os_found *found;
  if (result.status != SHMIPC_OK) return result;
  found = listing_add(listing);
  if (!found) {
    os_listing_release(listing);
    return shmipc_result(SHMIPC_NO_MEMORY);
  }
  look_at(handle, &native_types[kind], 0, found);
  *out = listing;
  return result;
}

struct shmipc_result os_section_look(const struct os_section *section, struct os_listing **out) {
  const struct shmipc_result result = handle_look(section->mapping, OS_MAPPING, out);
  if (result.status != SHMIPC_OK) return result;
  (*out)->objects->size = section->size;
  if (section->name.text[0] == L'\0') (*out)->objects->traits = OS_IS_FILE;
  return result;
}

struct shmipc_result os_mutex_look(const struct os_mutex *mutex, struct os_listing **out) {
  return handle_look(mutex->handle, OS_MUTEX, out);
}

struct shmipc_result os_event_look(const struct os_event *event, struct os_listing **out) {
  return handle_look((HANDLE)(uintptr_t)event, OS_EVENT, out);
}

struct shmipc_result os_semaphore_look(const struct os_semaphore *semaphore, struct os_listing **out) {
  return handle_look((HANDLE)(uintptr_t)semaphore, OS_SEMAPHORE, out);
}

/* There is no memory without a handle here. */
struct shmipc_result os_remove_leftover(const struct os_name *name, uint64_t deadline) {
  (void)name, (void)deadline;
  return shmipc_result(SHMIPC_NOT_SUPPORTED);
}

struct shmipc_result os_arena_peek(const struct os_name *name, enum os_kind kind, struct os_arena **out) {
  return os_arena_open(name, kind, 0, out);
}

struct shmipc_result os_arena_look(const struct os_arena *arena, struct os_listing **out) {
  return os_section_look(((const struct arena *)arena)->section, out);
}

struct shmipc_result os_section_peek(const struct os_name *name, struct os_section **out) {
  return os_section_open(name, OS_READ, 0, out);
}
