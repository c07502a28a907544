#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include "disturbed.h"

/* All that the platform file includes must come before its calls are renamed. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "stress.h"

#define ORDINARY 1
#define DECIDING 16 /* how much more often a call is disturbed */
#define DESCRIPTORS 256
#define OBJECT_BYTES_MAX 16384

const char *const planted_bug_meaning[PLANTED_BUGS_END] = {
#define X(name, meaning) meaning,
    PLANTED_BUGS(X)
#undef X
};

struct disturbance disturbance;

static int happens(uint64_t rate, uint64_t weight) {
  return rate != 0 && stress_below(rate > weight ? rate / weight : 1) == 0;
}

static void disturb(uint64_t weight) {
  int saved = errno;
  if (happens(disturbance.pause, weight)) {
    if (stress_below(2) == 0)
      sched_yield();
    else
      stress_sleep(stress_below(200000));
  }
  if (happens(disturbance.death, weight)) {
    disturbance.before_death();
    kill(getpid(), SIGKILL);
  }
  errno = saved;
}

#define DISTURBED(weight, type, call)                                                                                  \
  type answer;                                                                                                         \
  disturb(weight);                                                                                                     \
  answer = (call);                                                                                                     \
  disturb(weight);                                                                                                     \
  return answer

/* ---- what the planted bugs need to know. A worker has one thread and makes one object at a time. */

static short lock_of[DESCRIPTORS]; /* the lock that a descriptor has: F_UNLCK when none; set when it is opened */

static struct {
  int fd; /* of the newest file without a name; 0: none */
  struct flock lock;
  off_t from, count; /* space */
  mode_t mode;
  int owes_lock, owes_space, owes_mode;
} unborn;

static int seized; /* the descriptor that has been locked exclusively last; 0: none */
static struct stat seized_status;

static short *lock_slot(int fd) {
  if (fd < 0 || fd >= DESCRIPTORS) stress_give_up(2, "descriptor %d is out of range", fd);
  return &lock_of[fd];
}

static void pay_debts(void) {
  if (unborn.owes_lock) fcntl(unborn.fd, F_OFD_SETLK, &unborn.lock);
  if (unborn.owes_space) posix_fallocate(unborn.fd, unborn.from, unborn.count);
  if (unborn.owes_mode) fchmod(unborn.fd, unborn.mode);
  memset(&unborn, 0, sizeof unborn);
}

/* ---- the calls */

static int disturbed_open(const char *path, int flags, ...) {
  va_list arguments;
  mode_t mode;
  int fd;
  va_start(arguments, flags);
  mode = flags & (O_CREAT | O_TMPFILE) ? (mode_t)va_arg(arguments, int) : 0;
  va_end(arguments);
  disturb(ORDINARY);
  fd = open(path, flags, mode);
  if (fd >= 0) {
    *lock_slot(fd) = F_UNLCK;
    if (seized == fd) seized = 0;
    if ((flags & O_TMPFILE) == O_TMPFILE) {
      memset(&unborn, 0, sizeof unborn);
      unborn.fd = fd;
    }
  }
  disturb(ORDINARY);
  return fd;
}

static int disturbed_close(int fd) {
  if (unborn.fd == fd) memset(&unborn, 0, sizeof unborn);
  if (seized == fd) seized = 0;
  DISTURBED(ORDINARY, int, close(fd));
}

static int bug_in_lock(int fd, int command, struct flock *lock) {
  switch ((int)disturbance.bug) {
  case CLOSER_UPGRADES: return command == F_OFD_SETLK && lock->l_type == F_UNLCK && *lock_slot(fd) == F_RDLCK;
  case READER_ALWAYS:
    if (command != F_OFD_GETLK) return 0;
    fcntl(fd, command, lock);
    if (lock->l_type == F_UNLCK) lock->l_type = F_RDLCK;
    return 1;
  case HELD_LATE:
    if (command != F_OFD_SETLK || lock->l_type != F_RDLCK || fd != unborn.fd) return 0;
    unborn.lock = *lock;
    unborn.owes_lock = 1;
    return 1;
  case SEIZED_ALWAYS: return command == F_OFD_SETLK && lock->l_type == F_WRLCK;
  default: return 0;
  }
}

static int disturbed_lock(int fd, int command, struct flock *lock) {
  const short type = lock->l_type;
  const uint64_t weight = command == F_OFD_SETLK && type == F_WRLCK ? DECIDING : ORDINARY;
  int failed;
  disturb(weight);
  failed = bug_in_lock(fd, command, lock) ? 0 : fcntl(fd, command, lock);
  if (command == F_OFD_SETLK && !failed) {
    *lock_slot(fd) = type;
    seized = type == F_WRLCK ? fd : seized == fd ? 0 : seized;
  }
  disturb(weight);
  return failed;
}

static int disturbed_fcntl(int fd, int command, ...) {
  const int locks = command == F_OFD_SETLK || command == F_OFD_GETLK;
  va_list arguments;
  int answer;
  va_start(arguments, command);
  answer = locks ? disturbed_lock(fd, command, va_arg(arguments, struct flock *))
                 : fcntl(fd, command, va_arg(arguments, int));
  va_end(arguments);
  return answer;
}

static int disturbed_fstat(int fd, struct stat *status) {
  int failed;
  disturb(ORDINARY);
  failed = fstat(fd, status);
  if (disturbance.bug == LINKS_LIE) status->st_nlink = 1;
  if (disturbance.bug == NAME_UNCHECKED && fd == seized) status->st_nlink = 1;
  if (fd == seized) seized_status = *status;
  disturb(ORDINARY);
  return failed;
}

static int disturbed_lstat(const char *path, struct stat *status) {
  int failed;
  disturb(DECIDING);
  failed = lstat(path, status);
  if (disturbance.bug == NAME_UNCHECKED && seized) {
    *status = seized_status;
    failed = 0;
  }
  disturb(DECIDING);
  return failed;
}

static int disturbed_fchmod(int fd, mode_t mode) {
  if (disturbance.bug == MARKED_LATE && fd == unborn.fd) {
    unborn.mode = mode;
    unborn.owes_mode = 1;
    mode &= ~(mode_t)S_ISVTX;
  }
  DISTURBED(ORDINARY, int, fchmod(fd, mode));
}

static int disturbed_chmod(const char *path, mode_t mode) { DISTURBED(ORDINARY, int, chmod(path, mode)); }

static int disturbed_posix_fallocate(int fd, off_t from, off_t count) {
  if (disturbance.bug == FILLED_LATE && fd == unborn.fd) {
    unborn.from = from;
    unborn.count = count;
    unborn.owes_space = 1;
    count /= 2;
  }
  DISTURBED(ORDINARY, int, posix_fallocate(fd, from, count));
}

static int link_then_write(const char *from, const char *to, int flags) {
  static char content[OBJECT_BYTES_MAX], nothing[OBJECT_BYTES_MAX];
  ssize_t size = pread(unborn.fd, content, sizeof content, 0);
  int failed;
  if (size < 0) return -1;
  if (memcmp(content, nothing, (size_t)size) == 0) return linkat(AT_FDCWD, from, AT_FDCWD, to, flags);
  if (pwrite(unborn.fd, nothing, (size_t)size, 0) != size) return -1;
  failed = linkat(AT_FDCWD, from, AT_FDCWD, to, flags);
  disturb(DECIDING);
  if (pwrite(unborn.fd, content, (size_t)size, 0) != size) return -1;
  return failed;
}

static int disturbed_linkat(int from_directory, const char *from, int to_directory, const char *to, int flags) {
  int failed, saved;
  disturb(DECIDING);
  failed = disturbance.bug == WRITTEN_LATE ? link_then_write(from, to, flags)
                                           : linkat(from_directory, from, to_directory, to, flags);
  saved = errno;
  disturb(DECIDING);
  if (!failed) pay_debts();
  errno = saved;
  return failed;
}

static int disturbed_unlink(const char *path) {
  DISTURBED(DECIDING, int, disturbance.bug == NAME_KEPT ? 0 : unlink(path));
}

static void *disturbed_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  DISTURBED(ORDINARY, void *, mmap(address, length, protection, flags, fd, offset));
}

static int disturbed_munmap(void *address, size_t length) { DISTURBED(ORDINARY, int, munmap(address, length)); }

#define open disturbed_open
#define close disturbed_close
#define fcntl disturbed_fcntl
#define fstat disturbed_fstat
#define lstat disturbed_lstat
#define chmod disturbed_chmod
#define fchmod disturbed_fchmod
#define posix_fallocate disturbed_posix_fallocate
#define linkat disturbed_linkat
#define unlink disturbed_unlink
#define mmap disturbed_mmap
#define munmap disturbed_munmap

#include "../../../csrc/os/linux.c"

uint64_t disturbed_section_inode(const struct os_section *section) { return section->object->inode; }
uint64_t disturbed_mutex_inode(const struct os_mutex *mutex) { return mutex->block.object->inode; }
