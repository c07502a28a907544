/* A program that has never heard of shmipc: it knows shm_open, mmap and the rest of POSIX. Each line on its standard
 * input is a command; each is answered by "ok", "ok VALUE" or "error TEXT".
 *
 * Objects are named as for shm_open, without the slash; numbers are 32-bit integers at a byte offset of the mapping
 * that was made last. */
#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static char path[300], file[320];
static int descriptor = -1;
static char *memory;
static size_t size;

static int map(void) {
  struct stat status;
  if (fstat(descriptor, &status) != 0) return -1;
  size = (size_t)status.st_size;
  memory = size > 0 ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0) : NULL;
  return memory == MAP_FAILED ? -1 : 0;
}

static int shm_make(long bytes) {
  descriptor = shm_open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
  if (descriptor < 0) return -1;
  if (bytes == 0) return 0;
  return ftruncate(descriptor, bytes) != 0 ? -1 : map();
}

/* As a program that is slow between its shm_open and its ftruncate. */
static int shm_make_slowly(long bytes) {
  const struct timespec pause = {0, 20000000};
  if (shm_make(0) != 0) return -1;
  puts("ok"); /* an answer of its own: now there is an object without bytes */
  fflush(stdout);
  nanosleep(&pause, NULL);
  return ftruncate(descriptor, bytes) != 0 ? -1 : map();
}

static int shm_attach(void) {
  descriptor = shm_open(path, O_RDWR, 0);
  return descriptor < 0 ? -1 : map();
}

static int set_mode(unsigned mode) { return chmod(file, mode); }

static int make_socket(void) {
  struct sockaddr_un address = {AF_UNIX, {0}};
  int result, made = socket(AF_UNIX, SOCK_STREAM, 0);
  if (made < 0) return -1;
  if (strlen(file) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(address.sun_path, file, strlen(file));
  result = bind(made, (const struct sockaddr *)&address, sizeof address);
  close(made);
  return result;
}

/* Puts something under the name that is no shared memory. */
static int place(const char *what) {
  if (strcmp(what, "directory") == 0) return mkdir(file, 0700);
  if (strcmp(what, "fifo") == 0) return mkfifo(file, 0600);
  if (strcmp(what, "symlink") == 0) return symlink("/dev/null", file);
  if (strcmp(what, "socket") == 0) return make_socket();
  errno = EINVAL;
  return -1;
}

/* Locks a byte of the file that was opened last, as a holder of an object does. */
static int lock_byte(uint64_t byte) {
  struct flock lock;
  memset(&lock, 0, sizeof lock);
  lock.l_type = F_RDLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = (off_t)byte;
  lock.l_len = 1;
  return fcntl(descriptor, F_OFD_SETLK, &lock);
}

static int fits(size_t offset) {
  if (memory && offset <= size && size - offset >= sizeof(int32_t)) return 1;
  errno = ERANGE;
  return 0;
}

static int run(const char *line, char *answer, size_t room) {
  char name[256], word[32];
  uint64_t byte;
  size_t offset;
  long bytes;
  unsigned mode;
  int32_t value;
  if (sscanf(line, "name %255s", name) == 1) {
    snprintf(path, sizeof path, "/%s", name);
    snprintf(file, sizeof file, "/dev/shm/%s", name);
    return 0;
  }
  if (sscanf(line, "create %ld", &bytes) == 1) return shm_make(bytes);
  if (sscanf(line, "create_slowly %ld", &bytes) == 1) return shm_make_slowly(bytes);
  if (strcmp(line, "open") == 0) return shm_attach();
  if (sscanf(line, "truncate %ld", &bytes) == 1) return truncate(file, bytes);
  if (strcmp(line, "unlink") == 0) return shm_unlink(path);
  if (strcmp(line, "remove") == 0) return remove(file);
  if (sscanf(line, "mode %o", &mode) == 1) return set_mode(mode);
  if (sscanf(line, "place %31s", word) == 1) return place(word);
  if (sscanf(line, "lock %" SCNu64, &byte) == 1) return lock_byte(byte);
  if (sscanf(line, "write %zu %" SCNd32, &offset, &value) == 2) {
    if (!fits(offset)) return -1;
    memcpy(memory + offset, &value, sizeof value);
    return 0;
  }
  if (sscanf(line, "read %zu", &offset) == 1) {
    if (!fits(offset)) return -1;
    memcpy(&value, memory + offset, sizeof value);
    snprintf(answer, room, " %" PRId32, value);
    return 0;
  }
  errno = EINVAL;
  return -1;
}

int main(void) {
  char line[512];
  while (fgets(line, sizeof line, stdin)) {
    char answer[64] = "";
    line[strcspn(line, "\n")] = 0;
    if (run(line, answer, sizeof answer) == 0)
      printf("ok%s\n", answer);
    else
      printf("error %s\n", strerror(errno));
    fflush(stdout);
  }
  return 0;
}
