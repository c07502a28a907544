/* What stands at the other end of Mumble's Link plugin, and knows nothing of shmipc: a game, or Mumble. Each line on
 * its standard input is a command; each is answered by lines that end with "ok" or "error". */
#define _GNU_SOURCE

#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

struct LinkedMem {
  uint32_t uiVersion;
  uint32_t uiTick;
  float fAvatarPosition[3];
  float fAvatarFront[3];
  float fAvatarTop[3];
  wchar_t name[256];
  float fCameraPosition[3];
  float fCameraFront[3];
  float fCameraTop[3];
  wchar_t identity[256];
  uint32_t context_len;
  unsigned char context[256];
  wchar_t description[2048];
};

static char path[300] = "/"; /* the name of the mapping follows */
static struct LinkedMem *linked;

#ifdef _WIN32

#include <windows.h>

static int map(HANDLE mapping) {
  linked = mapping ? MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, sizeof *linked) : NULL;
  return linked ? 0 : -1;
}

static int create_link(void) {
  return map(CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, sizeof *linked, path + 1));
}

static int open_link(void) { return map(OpenFileMappingA(FILE_MAP_ALL_ACCESS, FALSE, path + 1)); }

static int take_name_away(void) { return 0; } /* it goes with this process */

#else

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static int map(int descriptor) {
  void *memory = mmap(NULL, sizeof *linked, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  linked = memory != MAP_FAILED ? memory : NULL;
  close(descriptor);
  return linked ? 0 : -1;
}

static int create_link(void) {
  int descriptor = shm_open(path, O_RDWR | O_CREAT, S_IRUSR | S_IWUSR);
  return descriptor < 0 || ftruncate(descriptor, sizeof *linked) != 0 ? -1 : map(descriptor);
}

static int open_link(void) {
  int descriptor = shm_open(path, O_RDWR, 0);
  return descriptor < 0 ? -1 : map(descriptor);
}

static int take_name_away(void) { return shm_unlink(path); }

#endif

static int show_offsets(void) {
#define SHOW(field) printf("%s %zu\n", #field, offsetof(struct LinkedMem, field))
  printf("size %zu\n", sizeof(struct LinkedMem));
  SHOW(uiVersion);
  SHOW(uiTick);
  SHOW(fAvatarPosition);
  SHOW(fAvatarFront);
  SHOW(fAvatarTop);
  SHOW(name);
  SHOW(fCameraPosition);
  SHOW(fCameraFront);
  SHOW(fCameraTop);
  SHOW(identity);
  SHOW(context_len);
  SHOW(context);
  SHOW(description);
#undef SHOW
  return 0;
}

static void set(float *vector, float x, float y, float z) {
  vector[0] = x;
  vector[1] = y;
  vector[2] = z;
}

static int publish(void) {
  if (!linked) return -1;
  set(linked->fAvatarPosition, 1.25f, -2.5f, 1024.75f);
  set(linked->fAvatarFront, -1, 0, 0);
  set(linked->fAvatarTop, 0, 1, 0);
  set(linked->fCameraPosition, 4.5f, 8.25f, -16);
  set(linked->fCameraFront, 0, 0, -1);
  set(linked->fCameraTop, 0, 0.5f, 0.25f);
  wcscpy(linked->name, L"H\u00f6hlenforscher \u2014 \u6d1e\u7a9f");
  wcscpy(linked->description,
         L"\u0394\u03b5\u03bd \u03b5\u03af\u03bd\u03b1\u03b9 \u03c0\u03b1\u03b9\u03c7\u03bd\u03af\u03b4\u03b9");
  wcscpy(linked->identity, L"{\"name\": \"Zo\u00eb\", \"ears\": \"\U0001F3A7\"}");
  memcpy(linked->context, "cave\0\1\2", 7);
  linked->context_len = 7;
  linked->uiVersion = 2;
  linked->uiTick = 42;
  return 0;
}

static void show_vector(const char *title, const float *vector) {
  printf("%s %.9g %.9g %.9g\n", title, (double)vector[0], (double)vector[1], (double)vector[2]);
}

/* The code units, in hexadecimal. */
static void show_text(const char *title, const wchar_t *text) {
  fputs(title, stdout);
  for (; *text; text++) printf(" %lx", (unsigned long)*text);
  putchar('\n');
}

static int show(void) {
  if (!linked) return -1;
  printf("uiVersion %" PRIu32 "\n", linked->uiVersion);
  printf("uiTick %" PRIu32 "\n", linked->uiTick);
  show_vector("fAvatarPosition", linked->fAvatarPosition);
  show_vector("fAvatarFront", linked->fAvatarFront);
  show_vector("fAvatarTop", linked->fAvatarTop);
  show_text("name", linked->name);
  show_vector("fCameraPosition", linked->fCameraPosition);
  show_vector("fCameraFront", linked->fCameraFront);
  show_vector("fCameraTop", linked->fCameraTop);
  show_text("identity", linked->identity);
  printf("context %.*s\n", (int)linked->context_len, (const char *)linked->context);
  show_text("description", linked->description);
  return 0;
}

/* What the plugin does with a link that it drops. */
static int empty(void) {
  if (linked) memset(linked, 0, sizeof *linked);
  return linked ? 0 : -1;
}

static int tick(void) {
  if (linked) linked->uiTick++;
  return linked ? 0 : -1;
}

static int run(const char *command) {
  if (sscanf(command, "name %255s", path + 1) == 1) return 0;
  if (strcmp(command, "offsets") == 0) return show_offsets();
  if (strcmp(command, "create") == 0) return create_link();
  if (strcmp(command, "open") == 0) return open_link();
  if (strcmp(command, "publish") == 0) return publish();
  if (strcmp(command, "tick") == 0) return tick();
  if (strcmp(command, "show") == 0) return show();
  if (strcmp(command, "empty") == 0) return empty();
  if (strcmp(command, "unlink") == 0) return take_name_away();
  return -1;
}

int main(void) {
  char line[512];
  while (fgets(line, sizeof line, stdin)) {
    line[strcspn(line, "\r\n")] = 0;
    puts(run(line) == 0 ? "ok" : "error");
    fflush(stdout);
  }
  return 0;
}
