/* The platform contract on Linux (os.h). Every trick names the manual page it rests on. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include "os.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
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

#define SHM_DIRECTORY "/dev/shm"
#define NANOSECONDS UINT64_C(1000000000)

const struct os_facts os_facts = {"linux"};

/* ---- process, memory, time */

void *os_allocate(size_t size) { return malloc(size); }
void *os_reallocate(void *memory, size_t size) { return realloc(memory, size); }
void os_release(void *memory) { free(memory); }

uint64_t os_process_id(void) { return (uint64_t)getpid(); }

uint64_t os_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

static struct timespec to_timespec(uint64_t nanoseconds) {
  struct timespec time = {(time_t)(nanoseconds / NANOSECONDS), (long)(nanoseconds % NANOSECONDS)};
  return time;
}

void os_sleep(uint64_t deadline) {
  struct timespec until = to_timespec(deadline);
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
}

void os_error_text(int32_t native, char *buffer, size_t size) {
  snprintf(buffer, size, "%s", strerrordesc_np(native) ? strerrordesc_np(native) : "unknown error");
}

void os_pause(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ __volatile__("yield");
#endif
}

unsigned os_processors(void) {
  const long count = sysconf(_SC_NPROCESSORS_ONLN);
  return count > 0 ? (unsigned)count : 1;
}

static struct shmipc_result from_errno(int error) {
  struct shmipc_result result = {SHMIPC_SYSTEM, error};
  switch (error) {
  case EEXIST: result.status = SHMIPC_EXISTS; break;
  case ENOENT:
  case ENOTDIR: result.status = SHMIPC_NOT_FOUND; break;
  case EACCES:
  case EPERM:
  case EROFS:
  case ETXTBSY: result.status = SHMIPC_ACCESS_DENIED; break;
  case ENAMETOOLONG: result.status = SHMIPC_INVALID_NAME; break;
  case ENOSPC:
  case EFBIG:
  case EDQUOT:
  case ENOMEM: result.status = SHMIPC_NO_SPACE; break;
  case EMFILE:
  case ENFILE:
  case ENOLCK: result.status = SHMIPC_LIMIT; break;
  case EISDIR:
  case ELOOP:
  case ENXIO:
  case ENODEV: result.status = SHMIPC_WRONG_KIND; break;
  case EOPNOTSUPP:
  case ENOSYS: result.status = SHMIPC_NOT_SUPPORTED; break;
  default: break;
  }
  return result;
}

/* ---- threads, and what a fork does to them */

struct list_node { /* as glibc and musl lay it out: the kernel sees `next`, and `previous` stands right before it */
  void *previous;
  void *next;
};

struct thread {
  uintptr_t token;
  pid_t id;
  struct robust_list_head *robust; /* NULL: the C library has registered none */
  unsigned listed;                 /* locks of ours on its list */
  struct thread *following;
};

static pthread_mutex_t process_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t thread_key;
static struct thread *threads;         /* under process_lock */
static uintptr_t last_token;           /* under process_lock */
static void (*exit_notice)(uintptr_t); /* under process_lock */
static unsigned fork_generation;       /* written only by a forked child, before it runs anything else */

/* Asked for at every lock and unlock. glibc keeps room for such variables of libraries that are loaded later (ld.so(8),
 * glibc.rtld.optional_static_tls), so that a look takes no call; others do not. */
#ifdef __GLIBC__
__attribute__((tls_model("initial-exec")))
#endif
static _Thread_local struct thread *self;

static void objects_disinherit(void);
static int watch_sigbus(void);
static void remove_names_at_exit(void);

static void fork_prepare(void) { pthread_mutex_lock(&process_lock); }
static void fork_parent(void) { pthread_mutex_unlock(&process_lock); }

static void thread_describe(struct thread *thread) {
  size_t size = 0;
  thread->id = (pid_t)syscall(SYS_gettid);
  thread->token = ++last_token;
  thread->listed = 0;
  if (syscall(SYS_get_robust_list, 0, &thread->robust, &size) != 0 || size != sizeof *thread->robust)
    thread->robust = NULL;
}

static void fork_child(void) { /* only the forking thread lives on, under a new id */
  struct thread *thread = threads;
  fork_generation++;
  threads = NULL;
  while (thread) {
    struct thread *following = thread->following;
    if (thread != self) free(thread);
    thread = following;
  }
  if (self) {
    thread_describe(self);
    self->following = NULL;
    threads = self;
  }
  objects_disinherit();
  pthread_mutex_unlock(&process_lock);
}

static void thread_ends(void *ending) {
  struct thread *thread = ending, **link;
  void (*notice)(uintptr_t);
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
  self = NULL;
  free(thread);
}

/* A host that closes its Lua state unloads the module; what we leave with the C library must stay callable
 * (dlopen(3), RTLD_NODELETE). */
static int stay_loaded(void) {
  Dl_info here, program;
  if (dladdr(&os_facts, &here) == 0) return 1; /* a static program */
  if (dladdr((void *)getauxval(AT_ENTRY), &program) != 0 && program.dli_fbase == here.dli_fbase) return 1;
  return dlopen(here.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE) != NULL;
}

/* What the process needs once. Each step may fail for want of memory; the next call goes on from there. */
static int process_ready(void) {
  static int step;
  os_process_lock();
  if (step == 0 && stay_loaded()) step++;
  if (step == 1 && pthread_key_create(&thread_key, thread_ends) == 0) step++;
  if (step == 2 && pthread_atfork(fork_prepare, fork_parent, fork_child) == 0) step++;
  if (step == 3 && atexit(remove_names_at_exit) == 0) step++;
  if (step == 4 && watch_sigbus() == 0) step++;
  os_process_unlock();
  return step == 5;
}

void os_process_lock(void) { pthread_mutex_lock(&process_lock); }
void os_process_unlock(void) { pthread_mutex_unlock(&process_lock); }

static SHMIPC_APART struct thread *thread_begin(void) {
  struct thread *thread = process_ready() ? calloc(1, sizeof *thread) : NULL;
  if (!thread) return NULL;
  os_process_lock();
  if (pthread_setspecific(thread_key, thread) != 0) {
    os_process_unlock();
    free(thread);
    return NULL;
  }
  thread_describe(thread);
  thread->following = threads;
  threads = thread;
  os_process_unlock();
  self = thread;
  return thread;
}

static inline struct thread *thread_self(void) {
  struct thread *thread = self;
  return thread ? thread : thread_begin();
}

uintptr_t os_thread_self(void) {
  struct thread *thread = thread_self();
  return thread ? thread->token : 0;
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

/* ---- truncated files: SIGBUS becomes a mark
 *
 * An access beyond the end of a mapped file raises SIGBUS with BUS_ADRERR (mmap(2), sigaction(2)). The handler finds
 * the range in a table, puts private zero pages from the fault to the range's end, and marks the range lost.
 *
 * The table is read by the handler in any thread at any time, so it takes no lock: chunks are only ever added, and a
 * slot is published by its `base`, written last on entry and first on removal. A thread faults only in a range that it
 * is using, whose slot therefore stands still; a slot that is changing meanwhile is seen with a base of 0, or twice
 * with another base, and is passed over. */

struct range {
  _Atomic(uintptr_t) base; /* 0: free */
  _Atomic(size_t) span;
  _Atomic(int) protection;
  _Atomic(volatile int *) lost;
  struct range *following; /* among the free ones, under process_lock */
};

struct range_chunk {
  struct range ranges[128];
  struct range_chunk *following; /* written before the chunk is published */
};

static _Atomic(struct range_chunk *) range_chunks;
static struct range *free_ranges; /* under process_lock */
static struct sigaction sigbus_before;

static int range_rescue(uintptr_t fault) {
  struct range_chunk *chunk;
  for (chunk = atomic_load(&range_chunks); chunk; chunk = chunk->following) {
    size_t i;
    for (i = 0; i < sizeof chunk->ranges / sizeof chunk->ranges[0]; i++) {
      struct range *range = &chunk->ranges[i];
      uintptr_t base = atomic_load(&range->base), page = fault & ~((uintptr_t)sysconf(_SC_PAGESIZE) - 1);
      size_t span = atomic_load(&range->span);
      int protection = atomic_load(&range->protection);
      volatile int *lost = atomic_load(&range->lost);
      if (base == 0 || fault < base || fault - base >= span || atomic_load(&range->base) != base) continue;
      if (mmap((void *)page, base + span - page, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
          MAP_FAILED)
        return 0;
      *lost = 1;
      return 1;
    }
  }
  return 0;
}

static void on_sigbus(int signal, siginfo_t *info, void *context) {
  int saved = errno;
  if (info->si_code == BUS_ADRERR && range_rescue((uintptr_t)info->si_addr)) {
    errno = saved;
    return;
  }
  errno = saved;
  /* Not ours: it goes to whoever handled it before us, or meets what the kernel does with it by itself. */
  if (sigbus_before.sa_flags & SA_SIGINFO) {
    sigbus_before.sa_sigaction(signal, info, context);
  } else if (sigbus_before.sa_handler != SIG_DFL && sigbus_before.sa_handler != SIG_IGN) {
    sigbus_before.sa_handler(signal);
  } else if (sigbus_before.sa_handler == SIG_DFL || info->si_code > 0) { /* a fault cannot be ignored */
    struct sigaction fallback;
    memset(&fallback, 0, sizeof fallback);
    fallback.sa_handler = SIG_DFL;
    sigaction(SIGBUS, &fallback, NULL);
    if (info->si_code <= 0) raise(signal); /* sent by kill(2): there is no access to repeat */
  }
}

static int watch_sigbus(void) {
  struct sigaction ours;
  memset(&ours, 0, sizeof ours);
  ours.sa_sigaction = on_sigbus;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&ours.sa_mask);
  return sigaction(SIGBUS, &ours, &sigbus_before);
}

/* pre: process_lock. 0: out of memory. */
static int ranges_add(void) {
  struct range_chunk *chunk = calloc(1, sizeof *chunk);
  size_t i;
  if (!chunk) return 0;
  for (i = 0; i < sizeof chunk->ranges / sizeof chunk->ranges[0]; i++) {
    chunk->ranges[i].following = free_ranges;
    free_ranges = &chunk->ranges[i];
  }
  chunk->following = atomic_load(&range_chunks);
  atomic_store(&range_chunks, chunk);
  return 1;
}

/* A thread that maps something of ours must hear of its faults: one that blocks the signal would be killed. */
static struct range *range_watch(char *base, size_t span, int protection, volatile int *lost) {
  struct range *range = NULL;
  sigset_t fault;
  sigemptyset(&fault);
  sigaddset(&fault, SIGBUS);
  pthread_sigmask(SIG_UNBLOCK, &fault, NULL);
  os_process_lock();
  if (free_ranges || ranges_add()) {
    range = free_ranges;
    free_ranges = range->following;
  }
  os_process_unlock();
  if (!range) return NULL;
  atomic_store(&range->span, span);
  atomic_store(&range->protection, protection);
  atomic_store(&range->lost, lost);
  atomic_store(&range->base, (uintptr_t)base);
  return range;
}

static void range_forget(struct range *range) {
  atomic_store(&range->base, 0);
  os_process_lock();
  range->following = free_ranges;
  free_ranges = range;
  os_process_unlock();
}

/* ---- named objects: files on /dev/shm whose name lives as long as a holder
 *
 * Two facts about an object's inode decide everything:
 * - Who holds it: each holder keeps a shared open-file-description lock (F_OFD_SETLK, fcntl(2)), which the kernel drops
 *   with the process however it ends. The locked byte says the kind. The bytes lie far beyond any file, so that they
 *   meet no lock on real data; but another program's lock on the whole file, to infinity, covers them too.
 * - Whether it is ours: the sticky bit, which means nothing on a Linux file (inode(7)), set before it has a name.
 *   A persistent object has no mark, and is thereby like a foreign one: never removed. So that people can tell it from
 *   one, it has the set-group-ID bit where that means nothing either, on a file that no group may execute (inode(7)).
 * No decision rests on that.
 *
 * A name is taken away only by a process that holds the byte LOCK_REMOVAL exclusively and has seen, under that lock,
 * that the name still is this inode; so nobody removes the name of a younger object.
 *
 * What a death leaves behind: before linkat(2) a file without a name, which is gone at once; after it an object without
 * holders, a leftover, which is removed by whoever meets it. */

#define LOCK_BASE ((off_t)0x73686d6970630000) /* "shmipc" */
#define LOCK_SPAN ((off_t)16)                 /* LOCK_BASE + kind: the holders */
#define LOCK_REMOVAL (LOCK_SPAN - 1)
#define MARK S_ISVTX
#define MARK_PERSISTENT S_ISGID

struct object {
  int fd;
  int is_ours;  /* marked, and to be held by a lock of ours */
  int can_seal; /* the descriptor is open for writing, as an exclusive lock needs (fcntl(2)) */
  unsigned generation;
  enum os_kind kind;
  uint64_t size;
  dev_t device;
  ino_t inode;
  struct object *following, **link; /* in `objects`, under process_lock, while the object is held */
  char path[sizeof SHM_DIRECTORY + 1 + OS_NAME_MAX];
};

static struct object *objects;

static int lock_range(int fd, int command, short type, off_t first, off_t count, struct flock *answer) {
  struct flock lock;
  int failed;
  memset(&lock, 0, sizeof lock);
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = LOCK_BASE + first;
  lock.l_len = count;
  failed = fcntl(fd, command, &lock);
  if (answer) *answer = lock;
  return failed ? -1 : 0;
}

static int hold(int fd, enum os_kind kind) { return lock_range(fd, F_OFD_SETLK, F_RDLCK, (off_t)kind, 1, NULL); }
static int seize(int fd) { return lock_range(fd, F_OFD_SETLK, F_WRLCK, 0, LOCK_SPAN, NULL); }
static int let_go(int fd) { return lock_range(fd, F_OFD_SETLK, F_UNLCK, 0, LOCK_SPAN, NULL); }

/* close(2), keeping errno. */
static void close_quietly(int fd) {
  int saved = errno;
  close(fd);
  errno = saved;
}

/* A descriptor that a program has closed before it started us must not become a shared object: 0 to 2 are skipped. */
static int above_standard(int fd) {
  int moved;
  if (fd < 0 || fd > 2) return fd;
  moved = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
  close_quietly(fd);
  return moved;
}

/* Another open file description of the same inode: locks belong to the description (fcntl(2)). -1: errno. */
static int reopen(int fd, int flags) {
  char path[40];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return above_standard(open(path, flags | O_CLOEXEC | O_NONBLOCK));
}

enum verdict {
  ALIVE,       /* it was held, and has its name still: *kind */
  LEFTOVER,    /* nobody holds it; now we do, exclusively */
  LEFTOVER_RO, /* nobody holds it, but the descriptor cannot lock exclusively */
  FOREIGN,     /* not ours, or persistent */
  UNDECIDED    /* somebody is deciding, or its name has just gone: look again */
};

static enum verdict judge(int fd, enum os_kind *kind) {
  struct flock seen;
  struct stat status;
  if (lock_range(fd, F_OFD_GETLK, F_WRLCK, 0, LOCK_SPAN, &seen) != 0) return UNDECIDED;
  if (fstat(fd, &status) != 0 || status.st_nlink == 0) return UNDECIDED;
  if (!(status.st_mode & MARK)) return FOREIGN;
  if (seen.l_type == F_WRLCK) return UNDECIDED;
  if (seen.l_type == F_RDLCK) {
    /* Another program's shared lock on all of the file hides the byte: then the kind is what the caller takes it for.
     */
    if (seen.l_start >= LOCK_BASE && seen.l_start < LOCK_BASE + LOCK_SPAN)
      *kind = (enum os_kind)(seen.l_start - LOCK_BASE);
    return ALIVE;
  }
  if (seize(fd) == 0) return LEFTOVER;
  return errno == EBADF ? LEFTOVER_RO : UNDECIDED;
}

/* Takes the name away if it still is this inode's. pre: fd holds LOCK_REMOVAL exclusively. */
static int remove_name(int fd, const char *path) {
  struct stat mine, named;
  if (fstat(fd, &mine) != 0 || mine.st_nlink == 0 || lstat(path, &named) != 0) return 0;
  if (mine.st_ino != named.st_ino || mine.st_dev != named.st_dev) return 0;
  return unlink(path);
}

/* Waits a little before another look. 0: the deadline has passed. */
static int look_again(unsigned *tries, uint64_t deadline) {
  if (++*tries < 64) {
    sched_yield();
  } else {
    struct timespec moment = {0, 50000};
    nanosleep(&moment, NULL);
  }
  return os_clock() < deadline;
}

/* Whether anybody has a lock of an open file description on the inode (proc(5), /proc/locks). */
static int is_locked(dev_t device, ino_t inode) {
  unsigned major_number, minor_number;
  unsigned long long number;
  char line[256];
  int found = 0;
  FILE *file = fopen("/proc/locks", "re");
  if (!file) return 1;
  while (!found && fgets(line, sizeof line, file)) {
    found = sscanf(line, "%*s OFDLCK %*s %*s %*s %x:%x:%llu", &major_number, &minor_number, &number) == 3 &&
            major_number == major(device) && minor_number == minor(device) && number == inode;
  }
  fclose(file);
  return found;
}

/* Opens a leftover of our own that its mode keeps us from opening. -1: errno. */
static int open_as_owner(const char *path) {
  int handle = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd = -1, error = EACCES;
  struct stat status;
  char self_path[40];
  if (handle < 0) return -1;
  if (fstat(handle, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & MARK) && status.st_uid == geteuid() &&
      !is_locked(status.st_dev, status.st_ino)) {
    const mode_t mode = status.st_mode & 07777;
    snprintf(self_path, sizeof self_path, "/proc/self/fd/%d", handle);
    if (chmod(self_path, mode | S_IRUSR | S_IWUSR) == 0) {
      fd = reopen(handle, O_RDWR);
      error = errno;
      chmod(self_path, mode);
    }
  }
  close(handle);
  errno = error;
  return fd;
}

/* Removes a leftover. 0: the name is free now, or was no longer this inode's. */
static int bury(int fd, const char *path) {
  int failed = remove_name(fd, path), saved = errno;
  let_go(fd);
  errno = saved;
  return failed;
}

/* The same where the mode forbids what it takes to lock exclusively. */
static int bury_as_owner(const char *path) {
  int fd = open_as_owner(path), failed = -1;
  enum os_kind kind;
  if (fd < 0) return -1;
  errno = EACCES;
  if (judge(fd, &kind) == LEFTOVER) failed = bury(fd, path);
  close_quietly(fd);
  return failed;
}

/* Opens what bears the name, for writing where that is permitted. -1: errno. */
static int open_named(const char *path, int *can_seal) {
  int flags = O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  int fd = above_standard(open(path, O_RDWR | flags));
  struct stat status;
  *can_seal = fd >= 0;
  if (fd < 0 && (errno == EACCES || errno == EROFS)) fd = above_standard(open(path, O_RDONLY | flags));
  if (fd < 0 && errno == EACCES) errno = bury_as_owner(path) == 0 ? ENOENT : EACCES;
  if (fd >= 0 && fstat(fd, &status) == 0 && !S_ISREG(status.st_mode)) {
    close(fd);
    errno = EISDIR;
    return -1;
  }
  return fd;
}

/* More than the machine can give: asking tmpfs for it would bring the kernel to kill somebody for want of memory. */
static int exceeds_memory(uint64_t size) {
  unsigned long long available = 0, swap = 0;
  char line[128];
  FILE *file;
  if (size < UINT64_C(64) << 20) return 0;
  file = fopen("/proc/meminfo", "re");
  if (!file) return 0;
  while (fgets(line, sizeof line, file)) {
    sscanf(line, "MemAvailable: %llu", &available);
    sscanf(line, "SwapFree: %llu", &swap);
  }
  fclose(file);
  return available > 0 && size / 1024 >= available + swap;
}

/* Reserves real space, so that no access ever faults for want of it (posix_fallocate(3)). */
static int reserve_space(int fd, uint64_t from, uint64_t size) {
  const uint64_t portion = UINT64_C(64) << 20; /* so that signals cannot keep a large request from ending */
  struct statvfs space;
  struct rlimit limit;
  if (size > (uint64_t)INT64_MAX) return EFBIG;
  /* Beyond this limit there is not only an error but a signal that kills (setrlimit(2)). */
  if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur) return EFBIG;
  if (fstatvfs(fd, &space) == 0 && space.f_blocks > 0 && (size - from) / space.f_frsize > space.f_bavail) return ENOSPC;
  while (from < size) {
    uint64_t count = size - from < portion ? size - from : portion;
    int error = posix_fallocate(fd, (off_t)from, (off_t)count);
    if (error == EINTR) continue;
    if (error != 0) return error;
    from += count;
  }
  return 0;
}

/* A file of `size` zero bytes in the directory, without a name (open(2), O_TMPFILE). -1: errno. */
static int make_unnamed(const char *directory, uint64_t size, mode_t mode) {
  int fd = above_standard(open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  int error;
  if (fd < 0) return -1;
  error = reserve_space(fd, 0, size);
  if (error == 0 && fchmod(fd, mode) != 0) error = errno;
  if (error == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

/* Gives the file its name: its birth. */
static int give_name(int fd, const char *path) {
  char unnamed[40];
  snprintf(unnamed, sizeof unnamed, "/proc/self/fd/%d", fd);
  if (linkat(AT_FDCWD, unnamed, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == 0) return 0;
  if (errno != ENOENT) return -1;
  return linkat(fd, "", AT_FDCWD, path, AT_EMPTY_PATH); /* without /proc; needs a privilege before Linux 6.10 */
}

/* Becomes a holder, and known to a fork, in one step. */
static int object_hold(struct object *object) {
  int failed;
  os_process_lock();
  failed = hold(object->fd, object->kind);
  if (!failed) {
    object->following = objects;
    object->link = &objects;
    if (objects) objects->link = &object->following;
    objects = object;
  }
  os_process_unlock();
  return failed;
}

/* pre: process_lock. */
static void object_delist(struct object *object) {
  *object->link = object->following;
  if (object->following) object->following->link = object->link;
  object->link = NULL;
}

/* Lets go of an object that has no name, or not this one any more. */
static void object_unhold(struct object *object) {
  os_process_lock();
  if (object->link) object_delist(object);
  let_go(object->fd);
  os_process_unlock();
}

/* Maps the object through an open file description of its own. The holder's lock lives as long as its description,
 * which a map keeps: in a forked child too, long after the holder is dead. */
static void *object_map(const struct object *object, void *at, size_t span, int protection, int flags, off_t offset) {
  int own = object->is_ours ? reopen(object->fd, object->can_seal ? O_RDWR : O_RDONLY) : -1;
  void *base = mmap(at, span, protection, flags, own >= 0 ? own : object->fd, offset);
  if (own >= 0) close_quietly(own);
  return base;
}

/* In a forked child: what it inherited must not keep its parent's locks, if that one is killed. */
static void objects_disinherit(void) {
  struct object *object;
  for (object = objects; object; object = object->following) {
    int own = reopen(object->fd, object->can_seal ? O_RDWR : O_RDONLY);
    if (own < 0) { /* it can cut no more views */
      close(object->fd);
      object->fd = -1;
    } else {
      dup3(own, object->fd, O_CLOEXEC);
      close(own);
    }
  }
}

static struct object *object_new(const struct os_name *name, enum os_kind kind) {
  struct object *object = process_ready() ? calloc(1, sizeof *object) : NULL;
  if (!object) return NULL;
  object->fd = -1;
  object->kind = kind;
  object->generation = fork_generation;
  if (name) snprintf(object->path, sizeof object->path, "%s/%s", SHM_DIRECTORY, name->base);
  return object;
}

static void object_discard(struct object *object) {
  if (object->link) object_unhold(object);
  if (object->fd >= 0) close(object->fd);
  free(object);
}

static int object_describe(struct object *object) {
  struct stat status;
  if (fstat(object->fd, &status) != 0) return -1;
  object->size = (uint64_t)status.st_size;
  object->device = status.st_dev;
  object->inode = status.st_ino;
  return 0;
}

/* What stands in the way of a new object of this name? OK: nothing any more; TIMEOUT: look again. */
static struct shmipc_result clear_way(const char *path, enum os_kind kind) {
  int can_seal, fd = open_named(path, &can_seal);
  struct shmipc_result result = {SHMIPC_OK, 0};
  enum os_kind found = kind;
  enum verdict verdict;
  if (fd < 0) {
    result = from_errno(errno);
    if (result.status == SHMIPC_NOT_FOUND) return shmipc_result(SHMIPC_OK);
    if (result.status == SHMIPC_ACCESS_DENIED) result.status = SHMIPC_EXISTS;
    return result;
  }
  verdict = judge(fd, &found);
  switch (verdict) {
  case ALIVE: result.status = found == kind ? SHMIPC_EXISTS : SHMIPC_WRONG_KIND; break;
  case FOREIGN: result.status = kind == OS_MAPPING ? SHMIPC_EXISTS : SHMIPC_WRONG_KIND; break;
  case LEFTOVER:
  case LEFTOVER_RO:
    if ((verdict == LEFTOVER ? bury(fd, path) : bury_as_owner(path)) != 0) result = from_errno(errno);
    break;
  case UNDECIDED: result.status = SHMIPC_TIMEOUT; break;
  }
  close(fd);
  return result;
}

static struct shmipc_result clear_way_until(const char *path, enum os_kind kind, uint64_t deadline) {
  struct shmipc_result result;
  unsigned tries = 0;
  do {
    result = clear_way(path, kind);
  } while (result.status == SHMIPC_TIMEOUT && look_again(&tries, deadline));
  return result;
}

static mode_t mark_of(mode_t mode, enum os_lifetime lifetime) {
  if (lifetime == OS_WHILE_HELD) return MARK;
  return mode & S_IXGRP ? 0 : MARK_PERSISTENT;
}

/* A new object, held and of its size, that nobody can find yet. */
static struct shmipc_result object_make(const struct os_name *name, enum os_kind kind, uint64_t size, unsigned mode,
                                        enum os_lifetime lifetime, uint64_t deadline, struct object **out) {
  struct object *object = object_new(name, kind);
  struct shmipc_result result;
  if (!object) return shmipc_result(SHMIPC_NO_MEMORY);
  result = clear_way_until(object->path, kind, deadline); /* first: a leftover may have the space that we need */
  if (result.status != SHMIPC_OK) goto fail;
  if (exceeds_memory(size)) {
    result = from_errno(ENOSPC);
    goto fail;
  }
  object->is_ours = lifetime == OS_WHILE_HELD;
  object->can_seal = 1;
  object->fd = make_unnamed(SHM_DIRECTORY, size, mode | mark_of(mode, lifetime));
  if (object->fd < 0 || object_describe(object) != 0) {
    result = from_errno(errno);
    if (result.status == SHMIPC_WRONG_KIND || result.status == SHMIPC_NOT_FOUND) result.status = SHMIPC_NOT_SUPPORTED;
    goto fail;
  }
  if (object->is_ours && object_hold(object) != 0) {
    result = from_errno(errno);
    goto fail;
  }
  *out = object;
  return shmipc_result(SHMIPC_OK);
fail:
  object_discard(object);
  return result;
}

/* Its birth: from here on it can be found. */
static struct shmipc_result object_publish(struct object *object, uint64_t deadline) {
  while (give_name(object->fd, object->path) != 0) {
    struct shmipc_result result = from_errno(errno);
    if (result.status == SHMIPC_EXISTS) result = clear_way_until(object->path, object->kind, deadline);
    if (result.status != SHMIPC_OK) return result;
  }
  return shmipc_result(SHMIPC_OK);
}

/* One look at what bears the name. OK: it is held (or foreign) and described; TIMEOUT: look again. */
static struct shmipc_result object_try_open(struct object *object) {
  struct shmipc_result result = {SHMIPC_TIMEOUT, 0};
  enum os_kind found = object->kind;
  enum verdict verdict;
  struct stat status;
  object->fd = open_named(object->path, &object->can_seal);
  if (object->fd < 0) return from_errno(errno);
  verdict = judge(object->fd, &found);
  switch (verdict) {
  case UNDECIDED: break;
  case FOREIGN:
    if (object->kind == OS_MAPPING && object_describe(object) == 0) return shmipc_result(SHMIPC_OK);
    result.status = SHMIPC_WRONG_KIND;
    break;
  case LEFTOVER:
  case LEFTOVER_RO: /* another user's cannot be removed, and is not found all the same */
    (void)(verdict == LEFTOVER ? bury(object->fd, object->path) : bury_as_owner(object->path));
    result = from_errno(ENOENT);
    break;
  case ALIVE:
    if (found != object->kind) {
      result.status = SHMIPC_WRONG_KIND;
      break;
    }
    /* Refused: its last holder is just closing it. No name: that one has closed it. */
    if (object_hold(object) != 0 || fstat(object->fd, &status) != 0 || status.st_nlink == 0 ||
        object_describe(object) != 0)
      break;
    object->is_ours = 1;
    return shmipc_result(SHMIPC_OK);
  }
  object_unhold(object);
  close(object->fd);
  object->fd = -1;
  return result;
}

static struct shmipc_result object_open(const struct os_name *name, enum os_kind kind, uint64_t deadline,
                                        struct object **out) {
  struct object *object = object_new(name, kind);
  struct shmipc_result result;
  unsigned tries = 0;
  if (!object) return shmipc_result(SHMIPC_NO_MEMORY);
  do {
    result = object_try_open(object);
  } while (result.status == SHMIPC_TIMEOUT && look_again(&tries, deadline));
  if (result.status != SHMIPC_OK) {
    object_discard(object);
    return result;
  }
  *out = object;
  return result;
}

/* Stops holding the object; the last one takes the name away. First drop the own shared lock, then try the exclusive
 * one: two who instead upgraded at the same time would refuse each other, and the name would stay. */
static void object_leave(struct object *object) {
  let_go(object->fd);
  if (!object->can_seal) {
    bury_as_owner(object->path);
  } else if (seize(object->fd) == 0) {
    remove_name(object->fd, object->path);
    let_go(object->fd); /* by hand: a forked child's copy of the descriptor would keep the lock */
  }
}

static void object_close(struct object *object) {
  os_process_lock(); /* the process may be at its exit in another thread */
  if (object->link) {
    if (object->generation == fork_generation) object_leave(object);
    object_delist(object);
  }
  os_process_unlock();
  object_discard(object);
}

/* A normal exit that leaves handles open, as os.exit() does. */
static void remove_names_at_exit(void) {
  struct object *object;
  os_process_lock();
  for (object = objects; object; object = object->following)
    if (object->generation == fork_generation) object_leave(object);
  os_process_unlock();
}

struct shmipc_result os_unlink(const struct os_name *name, enum os_kind kind, uint64_t deadline) {
  struct object *object;
  struct shmipc_result result = object_open(name, kind, deadline, &object);
  unsigned tries = 0;
  if (result.status != SHMIPC_OK) return result;
  while (object->can_seal && lock_range(object->fd, F_OFD_SETLK, F_WRLCK, LOCK_REMOVAL, 1, NULL) != 0) {
    if (!look_again(&tries, deadline)) {
      object_close(object);
      return shmipc_result(SHMIPC_TIMEOUT);
    }
  }
  if (remove_name(object->fd, object->path) != 0) result = from_errno(errno);
  let_go(object->fd);
  object_close(object);
  return result;
}

/* ---- sections */

struct os_section {
  struct object *object;
};

struct shmipc_result os_section_create(const struct os_name *name, uint64_t size, unsigned mode,
                                       enum os_lifetime lifetime, uint64_t deadline, struct os_section **out) {
  struct os_section *section = malloc(sizeof *section); /* before there is a name, which a failure would leave behind */
  struct shmipc_result result = {SHMIPC_NO_MEMORY, 0};
  if (section) result = object_make(name, OS_MAPPING, size, mode, lifetime, deadline, &section->object);
  if (result.status == SHMIPC_OK) {
    result = object_publish(section->object, deadline);
    if (result.status != SHMIPC_OK) object_discard(section->object);
  }
  if (result.status == SHMIPC_OK)
    *out = section;
  else
    free(section);
  return result;
}

static struct shmipc_result section_wrap(struct object *object, struct os_section **out) {
  struct os_section *section = malloc(sizeof *section);
  if (!section) {
    object_close(object);
    return shmipc_result(SHMIPC_NO_MEMORY);
  }
  section->object = object;
  *out = section;
  return shmipc_result(SHMIPC_OK);
}

/* A program that does shm_open and then ftruncate shows its object for a moment with no bytes. */
static struct shmipc_result wait_for_bytes(struct object *object) {
  const uint64_t until = os_clock() + NANOSECONDS / 10;
  unsigned tries = 0;
  while (object->size == 0) {
    if (object_describe(object) != 0) return from_errno(errno);
    if (object->size == 0 && !look_again(&tries, until)) return shmipc_result(SHMIPC_TOO_SMALL);
  }
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_section_open(const struct os_name *name, enum os_access access, uint64_t deadline,
                                     struct os_section **out) {
  struct object *object;
  struct shmipc_result result = object_open(name, OS_MAPPING, deadline, &object);
  if (result.status != SHMIPC_OK) return result;
  if (access == OS_READ_WRITE && !object->can_seal)
    result = from_errno(EACCES);
  else
    result = wait_for_bytes(object);
  if (result.status == SHMIPC_OK) return section_wrap(object, out);
  object_close(object);
  return result;
}

/* Opens what bears the name, to read it, and as no holder. */
static struct shmipc_result object_peek(const struct os_name *name, enum os_kind kind, struct object **out) {
  struct object *object = object_new(name, kind);
  struct shmipc_result result = {SHMIPC_OK, 0};
  struct stat status;
  if (!object) return shmipc_result(SHMIPC_NO_MEMORY);
  object->fd = above_standard(open(object->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  if (object->fd < 0 || fstat(object->fd, &status) != 0 || object_describe(object) != 0)
    result = from_errno(errno);
  else if (!S_ISREG(status.st_mode))
    result = from_errno(EISDIR);
  if (result.status == SHMIPC_OK)
    *out = object;
  else
    object_discard(object);
  return result;
}

struct shmipc_result os_section_peek(const struct os_name *name, struct os_section **out) {
  struct object *object;
  struct shmipc_result result = object_peek(name, OS_MAPPING, &object);
  if (result.status != SHMIPC_OK) return result;
  result = wait_for_bytes(object);
  if (result.status == SHMIPC_OK) return section_wrap(object, out);
  object_discard(object);
  return result;
}

/* The directory part of a path; "." when there is none. */
static char *directory_of(const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) return strdup(".");
  return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

/* Makes the file complete before it has its name, where the file system can. -1: errno. */
static int make_file(const char *path, uint64_t size, mode_t mode) {
  char *directory = directory_of(path);
  int fd, error;
  if (!directory) {
    errno = ENOMEM;
    return -1;
  }
  fd = make_unnamed(directory, size, mode);
  free(directory);
  if (fd >= 0) {
    if (give_name(fd, path) == 0) return fd;
    close_quietly(fd);
    return -1;
  }
  if (errno != EOPNOTSUPP && errno != EISDIR) return -1;
  fd = above_standard(open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (fd < 0) return -1;
  error = reserve_space(fd, 0, size);
  if (error == 0 && fchmod(fd, mode) != 0) error = errno;
  if (error == 0) return fd;
  unlink(path);
  close(fd);
  errno = error;
  return -1;
}

struct shmipc_result os_section_file(const char *path, enum os_access access, uint64_t size, unsigned mode,
                                     struct os_section **out, int *created) {
  int flags = O_CLOEXEC | O_NONBLOCK | O_NOCTTY | (access == OS_READ_WRITE ? O_RDWR : O_RDONLY);
  struct os_section *section = malloc(sizeof *section); /* before there is a file, which a failure would leave behind */
  struct object *object = section ? object_new(NULL, OS_MAPPING) : NULL;
  struct shmipc_result result;
  struct stat status;
  int made = 0;
  if (!object) {
    free(section);
    return shmipc_result(SHMIPC_NO_MEMORY);
  }
  object->fd = open(path, flags);
  if (object->fd < 0 && errno == ENOENT && size > 0) {
    object->fd = make_file(path, size, mode);
    made = object->fd >= 0;
    if (!made && errno == EEXIST) object->fd = open(path, flags); /* somebody else has made it meanwhile */
  }
  object->fd = above_standard(object->fd);
  if (object->fd < 0 || fstat(object->fd, &status) != 0) {
    result = from_errno(errno);
    goto fail;
  }
  if (!S_ISREG(status.st_mode)) {
    result = from_errno(EISDIR);
    goto fail;
  }
  if ((uint64_t)status.st_size < size) {
    int error = reserve_space(object->fd, (uint64_t)status.st_size, size);
    if (error != 0) {
      result = from_errno(error);
      goto fail;
    }
  }
  if (object_describe(object) != 0) {
    result = from_errno(errno);
    goto fail;
  }
  result = wait_for_bytes(object);
  if (result.status != SHMIPC_OK) goto fail;
  section->object = object;
  *out = section;
  *created = made;
  return result;
fail:
  object_discard(object);
  free(section);
  return result;
}

uint64_t os_section_size(const struct os_section *section) { return section->object->size; }

void os_section_close(struct os_section *section) {
  object_close(section->object);
  free(section);
}

/* ---- views */

struct shmipc_result os_view_map(struct os_section *section, uint64_t offset, size_t length, enum os_access access,
                                 struct os_view *out) {
  const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), before = offset % page;
  const int protection = access == OS_READ ? PROT_READ : PROT_READ | PROT_WRITE;
  const int flags = access == OS_COPY_ON_WRITE ? MAP_PRIVATE : MAP_SHARED;
  size_t span = length + (size_t)before;
  char *base;
  if (length > SIZE_MAX - 2 * (size_t)page) return from_errno(ENOMEM);
  span = (span + (size_t)page - 1) / (size_t)page * (size_t)page;
  base = object_map(section->object, NULL, span, protection, flags, (off_t)(offset - before));
  if (base == MAP_FAILED) return from_errno(errno);
  out->lost = 0;
  out->slot = range_watch(base, span, protection, &out->lost);
  if (!out->slot) {
    munmap(base, span);
    return shmipc_result(SHMIPC_NO_MEMORY);
  }
  out->address = base + before;
  out->length = length;
  out->offset = offset;
  out->section = section;
  out->access = access;
  out->base = base;
  out->span = span;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_view_flush(struct os_view *view, size_t offset, size_t length) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *first = view->address + offset;
  size_t before = (size_t)(first - view->base) % page;
  if (view->access != OS_READ_WRITE) return shmipc_result(SHMIPC_OK); /* nothing of ours to bring anywhere */
  if (msync(first - before, length + before, MS_SYNC) != 0) return from_errno(errno);
  return shmipc_result(SHMIPC_OK);
}

void os_view_unmap(struct os_view *view) {
  range_forget(view->slot);
  munmap(view->base, view->span);
  view->address = NULL;
}

int os_view_same_object(const struct os_view *a, const struct os_view *b) {
  const struct object *first = a->section->object, *second = b->section->object;
  return first->device == second->device && first->inode == second->inode;
}

/* ---- blocks: objects whose bytes are this library's own
 *
 * A block begins with a header, which is written before the object has its name, and never again. It refuses what
 * another version has made, or a build for another word size. Private pages may follow the shared ones in memory. */

struct block_header {
  char magic[8];
  uint32_t format;
  uint32_t kind;
  uint32_t word_size;
  uint32_t page_size;
  uint64_t pid_namespace; /* of a kind that has thread ids in its words; else 0 */
};

/* Part of what stands for an object in the process, which sets kind, size, behind and more; the rest is zero at first.
 * It must not move while it is open. */
struct block {
  enum os_kind kind;
  size_t size;    /* of the shared bytes: whole pages */
  size_t behind;  /* of the private bytes after them: whole pages */
  uint64_t more;  /* of the object's bytes beyond `size`, mapped by whoever uses them. ANY_MORE: found by open */
  int protection; /* of the shared bytes, for mmap(2); 0: for reading and writing */
  struct object *object;
  struct block_header header; /* what the shared one must be */
  char *base;
  struct range *slot;
  volatile int lost;
};

#define ANY_MORE UINT64_MAX

static const char block_magic[8] = "shmipc\x1a\n";
static const uint32_t block_formats[OS_KINDS] = {[OS_MUTEX] = 2, [OS_EVENT] = 1, [OS_SEMAPHORE] = 1, [OS_CHANNEL] = 1};

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* Thread ids mean something only inside one pid namespace (pid_namespaces(7)). 0: unknown. */
static uint64_t pid_namespace(void) {
  struct stat status;
  return stat("/proc/self/ns/pid", &status) == 0 ? (uint64_t)status.st_ino : 0;
}

static struct block_header block_header_here(enum os_kind kind) {
  struct block_header header = {{0},
                                block_formats[kind],
                                (uint32_t)kind,
                                (uint32_t)sizeof(void *),
                                (uint32_t)page_size(),
                                kind == OS_MUTEX || kind == OS_CHANNEL ? pid_namespace() : 0};
  memcpy(header.magic, block_magic, sizeof header.magic);
  return header;
}

/* Whether the bytes are there, and the header is what it must be. */
static struct shmipc_result block_check(const struct block *block) {
  struct block_header found;
  memcpy(&found, block->base, sizeof found);
  if (block->lost || memcmp(found.magic, block->header.magic, sizeof found.magic) != 0 ||
      found.kind != block->header.kind)
    return shmipc_result(SHMIPC_CORRUPT);
  if (memcmp(&found, &block->header, sizeof found) != 0) return shmipc_result(SHMIPC_NOT_SUPPORTED);
  return shmipc_result(SHMIPC_OK);
}

static int block_protection(const struct block *block) {
  return block->protection != 0 ? block->protection : PROT_READ | PROT_WRITE;
}

/* Maps the object over the front of private pages. */
static struct shmipc_result block_map(struct block *block) {
  const int protection = block_protection(block);
  void *pages = mmap(NULL, block->size + block->behind, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) return from_errno(errno);
  block->base = pages;
  if (object_map(block->object, pages, block->size, protection, MAP_SHARED | MAP_FIXED, 0) == MAP_FAILED)
    return from_errno(errno);
  block->slot = range_watch(block->base, block->size, protection, &block->lost);
  if (!block->slot) return shmipc_result(SHMIPC_NO_MEMORY);
  block->header = block_header_here(block->kind);
  return shmipc_result(SHMIPC_OK);
}

/* Also after a failure: whatever there is of it. */
static void block_close(struct block *block) {
  if (block->slot) range_forget(block->slot);
  if (block->base) munmap(block->base, block->size + block->behind);
  if (block->object) object_close(block->object);
}

/* A new block, which nobody can find before block_publish. Its bytes are zero but for the header. */
static struct shmipc_result block_make(struct block *block, const struct os_name *name, unsigned mode,
                                       uint64_t deadline) {
  struct shmipc_result result =
      object_make(name, block->kind, block->size + block->more, mode, OS_WHILE_HELD, deadline, &block->object);
  if (result.status == SHMIPC_OK) result = block_map(block);
  if (result.status == SHMIPC_OK) memcpy(block->base, &block->header, sizeof block->header);
  return result;
}

static struct shmipc_result block_publish(struct block *block, uint64_t deadline) {
  return object_publish(block->object, deadline);
}

/* Maps what was opened. CORRUPT: it has another size than it should, or no header. */
static struct shmipc_result block_begin(struct block *block) {
  struct shmipc_result result;
  if (block->object->size < block->size) return shmipc_result(SHMIPC_CORRUPT);
  if (block->more == ANY_MORE) block->more = block->object->size - block->size;
  if (block->object->size != block->size + block->more) return shmipc_result(SHMIPC_CORRUPT);
  result = block_map(block);
  return result.status == SHMIPC_OK ? block_check(block) : result;
}

static struct shmipc_result block_open(struct block *block, const struct os_name *name, uint64_t deadline) {
  struct shmipc_result result = object_open(name, block->kind, deadline, &block->object);
  if (result.status != SHMIPC_OK) return result;
  if (!block->object->can_seal) return from_errno(EACCES);
  return block_begin(block);
}

/* The same for reading only, and as no holder. */
static struct shmipc_result block_peek(struct block *block, const struct os_name *name) {
  struct shmipc_result result = object_peek(name, block->kind, &block->object);
  block->protection = PROT_READ;
  return result.status == SHMIPC_OK ? block_begin(block) : result;
}

/* ---- futexes, between processes (futex(2)) */

/* Returns how many it has woken. */
static unsigned futex_wake(_Atomic(uint32_t) *word, unsigned count) {
  long woken = syscall(SYS_futex, word, FUTEX_WAKE, count < INT_MAX ? (int)count : INT_MAX, NULL, NULL, 0);
  return woken > 0 ? (unsigned)woken : 0;
}

/* Sleeps while the word is `value`, until the deadline, a wake, or a signal. Returns whether it was a wake. */
static int futex_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
  const struct timespec until = to_timespec(deadline);
  return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, value, &until, NULL, FUTEX_BITSET_MATCH_ANY) == 0;
}

#define SPINS 100 /* looks before a sleep */

/* ---- mutexes: one futex word on the kernel's robust list
 *
 * The object is a block of one page, with the lock's two words near its end.
 * The list node that the kernel follows when a thread dies (get_robust_list(2)) lies at a fixed distance from the word,
 * which the C library has registered (futex_offset). The word's place makes that distance reach beyond the page's end,
 * into a private page mapped right after it: no pointer that anybody follows ever lies in shared bytes.
 *
 * The word, shared by all processes:
 *   0                        free
 *   tid [| FUTEX_WAITERS]    held by that thread
 *   FUTEX_OWNER_DIED [| …]   free, and its last owner died or gave it up: the next one is told
 *   FUTEX_WAITERS            free (nobody leaves it so, but it harms nobody)
 * Written by compare-and-swap only: from free to one's own tid, from one's own tid to free, to add FUTEX_WAITERS; and
 * by the kernel for a dead owner. A waiter that dies leaves FUTEX_WAITERS, which costs one vain wake. An owner that
 * dies leaves what the kernel writes, at any instruction: before the node is listed (after it is taken out) the list's
 * `list_op_pending` names it. A word that another program destroyed is told by its thread: one that does not exist.
 *
 * `hungry`: 1 when somebody has waited for long. Set by waiters; exchanged to 0 by an unlocker, who then stands back
 * for a moment, so that one who locks again at once (and sleeps with the lock) does not keep all others out for ever. A
 * waiter that died leaves a 1 that one unlocker clears. Any other value does no harm.
 *
 * `locked_at`: when the owner got the lock, for who looks at it from outside; a mutex's only, since an arena's lock is
 * held for no time that anybody would look at. Written by the owner right after it has the word, so for some
 * instructions (for good, if it is killed there) it may be of the one before. Nothing else reads it. */

#define LOCK_FROM_END 16
#define LOCKS_PER_THREAD 1024 /* the kernel frees 2,048 of a dead thread's at most, and the C library has some too */
#define HUNGRY_AFTER (NANOSECONDS / 1000) /* a waiter's patience: 1 ms */
#define LET_PASS (2 * HUNGRY_AFTER)       /* how long an unlocker stands back */

struct lock_words {
  _Atomic uint32_t word;
  _Atomic uint32_t hungry;
  _Atomic uint64_t locked_at;
};

struct os_mutex {
  struct block block; /* the shared page, then the private one */
  struct lock_words *lock;
  struct list_node *node;
  _Atomic uintptr_t listed_by; /* the thread whose list the node is on, or is about to be put on; 0: none */
};

static struct shmipc_result mutex_new(enum os_kind kind, struct os_mutex **out) {
  const struct thread *thread = thread_self();
  struct os_mutex *mutex;
  if (!thread) return shmipc_result(SHMIPC_NO_MEMORY);
  /* The node, its `previous` included, must lie behind the shared page, and in the next one. On 32-bit systems glibc's
   * lists have no `previous`. */
  if (sizeof(void *) < 8 || !thread->robust || thread->robust->futex_offset > -(long)(LOCK_FROM_END + sizeof(void *)) ||
      thread->robust->futex_offset < -1024)
    return shmipc_result(SHMIPC_NOT_SUPPORTED);
  mutex = calloc(1, sizeof *mutex);
  if (!mutex) return shmipc_result(SHMIPC_NO_MEMORY);
  mutex->block.kind = kind;
  mutex->block.size = mutex->block.behind = page_size();
  *out = mutex;
  return shmipc_result(SHMIPC_OK);
}

/* pre: the block is mapped; mutex_new was called by this thread. */
static void mutex_place_lock(struct os_mutex *mutex) {
  mutex->lock = (void *)(mutex->block.base + mutex->block.size - LOCK_FROM_END);
  mutex->node = (void *)((char *)&mutex->lock->word - self->robust->futex_offset - offsetof(struct list_node, next));
}

void os_mutex_close(struct os_mutex *mutex) {
  block_close(&mutex->block);
  free(mutex);
}

/* The list's entries are the addresses of the nodes' `next`; the lowest bit of a pointer says something to the kernel
 * about the entry (FUTEX_LOCK_PI) and is passed on as it is. `previous` points to the `next` (or the head's `list`)
 * that points here. All of it is this thread's; the kernel looks only when the thread has died. */
static struct list_node *entry_node(void *entry) {
  return (void *)(((uintptr_t)entry & ~(uintptr_t)1) - offsetof(struct list_node, next));
}

static void list_announce(struct thread *thread, struct os_mutex *mutex) {
  *(void *volatile *)&thread->robust->list_op_pending = &mutex->node->next;
  atomic_signal_fence(memory_order_seq_cst);
}

static void list_done(struct thread *thread) {
  atomic_signal_fence(memory_order_seq_cst);
  *(void *volatile *)&thread->robust->list_op_pending = NULL;
}

/* pre: node_claim. */
static void list_insert(struct thread *thread, struct os_mutex *mutex) {
  void **head = (void **)&thread->robust->list;
  struct list_node *node = mutex->node;
  node->next = *head;
  node->previous = head;
  atomic_signal_fence(memory_order_seq_cst);
  if (((uintptr_t)*head & ~(uintptr_t)1) != (uintptr_t)head) entry_node(*head)->previous = &node->next;
  *(void *volatile *)head = &node->next;
  thread->listed++;
}

static void list_remove(struct thread *thread, struct os_mutex *mutex) {
  void **head = (void **)&thread->robust->list;
  struct list_node *node = mutex->node;
  if (((uintptr_t)node->next & ~(uintptr_t)1) != (uintptr_t)head) entry_node(node->next)->previous = node->previous;
  *(void *volatile *)(void **)node->previous = node->next;
  atomic_store_explicit(&mutex->listed_by, 0, memory_order_release);
  thread->listed--;
  atomic_signal_fence(memory_order_seq_cst);
}

/* After a vain wait: does the thread that the word names exist? When it does not, the kernel has long since written
 * what a dead owner leaves, so an unchanged word was not written by a lock. */
static int owner_is_garbage(struct os_mutex *mutex, uint32_t value) {
  return (value & FUTEX_TID_MASK) != 0 && syscall(SYS_tkill, value & FUTEX_TID_MASK, 0) != 0 && errno == ESRCH &&
         atomic_load(&mutex->lock->word) == value;
}

/* From any free value to ours; whoever has slept leaves FUTEX_WAITERS, since others may still sleep. */
static int word_take(struct os_mutex *mutex, uint32_t mine, int *abandoned) {
  uint32_t value = atomic_load_explicit(&mutex->lock->word, memory_order_relaxed);
  if ((value & FUTEX_TID_MASK) != 0) return 0;
  if (!atomic_compare_exchange_strong(&mutex->lock->word, &value, mine | (value & FUTEX_WAITERS))) return 0;
  *abandoned = (value & FUTEX_OWNER_DIED) != 0;
  return 1;
}

/* After a vain try. */
static SHMIPC_APART struct shmipc_result word_wait(struct os_mutex *mutex, uint32_t tid, uint64_t deadline,
                                                   int *abandoned) {
  uint32_t mine = tid;
  unsigned spins = 0;
  uint64_t now = 0, hungry_at = os_clock();
  if (deadline <= hungry_at) return shmipc_result(SHMIPC_TIMEOUT);
  hungry_at += HUNGRY_AFTER;
  while (spins++ < SPINS) {
    os_pause();
    if (word_take(mutex, mine, abandoned)) return shmipc_result(SHMIPC_OK);
  }
  mine |= FUTEX_WAITERS;
  for (;;) {
    uint32_t value = atomic_load(&mutex->lock->word), waited = value | FUTEX_WAITERS;
    if (block_check(&mutex->block).status != SHMIPC_OK) return shmipc_result(SHMIPC_CORRUPT);
    if ((value & FUTEX_TID_MASK) == tid) return shmipc_result(SHMIPC_CORRUPT); /* we do not hold it: pre */
    if ((value & FUTEX_TID_MASK) != 0 &&
        (value == waited || atomic_compare_exchange_strong(&mutex->lock->word, &value, waited)))
      futex_wait(&mutex->lock->word, waited, deadline);
    if (word_take(mutex, mine, abandoned)) return shmipc_result(SHMIPC_OK);
    now = os_clock();
    if (now >= hungry_at) atomic_store(&mutex->lock->hungry, 1);
    if (now >= deadline) return shmipc_result(owner_is_garbage(mutex, waited) ? SHMIPC_CORRUPT : SHMIPC_TIMEOUT);
  }
}

/* os_clock() at the system's last tick: some nanoseconds instead of some tens (clock_gettime(2)). */
static uint64_t coarse_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* After an unlock: leaves the lock to who has waited for long. */
static void let_pass(struct os_mutex *mutex, uint32_t left) {
  const uint64_t until = os_clock() + LET_PASS;
  struct timespec moment = {0, 50000};
  while (atomic_load(&mutex->lock->word) == left && os_clock() < until) nanosleep(&moment, NULL);
}

/* The node is claimed already: by a thread that died with the lock; or by one that has the lock, and the word lied
 * about being free. */
static SHMIPC_APART int node_claim_from(struct os_mutex *mutex, uintptr_t listed_by, uintptr_t token) {
  int running;
  os_process_lock();
  running = os_thread_is_alive(listed_by);
  os_process_unlock();
  return !running && atomic_compare_exchange_strong(&mutex->listed_by, &listed_by, token);
}

/* The word is shared, and another program's write may tell two threads of this process that it is free. The node is
 * ours: one of them gets it, before it is put on any list; else it would be on two. 0: not the calling thread. */
static inline int node_claim(struct os_mutex *mutex, uintptr_t token) {
  uintptr_t listed_by = 0;
  return atomic_compare_exchange_strong(&mutex->listed_by, &listed_by, token) ||
         node_claim_from(mutex, listed_by, token);
}

/* Lets go of a word that was taken by a lie. */
static SHMIPC_APART void word_return(struct os_mutex *mutex, uint32_t tid) {
  uint32_t ours = atomic_load(&mutex->lock->word);
  if ((ours & FUTEX_TID_MASK) == tid) atomic_compare_exchange_strong(&mutex->lock->word, &ours, FUTEX_OWNER_DIED);
}

struct shmipc_result os_mutex_lock(struct os_mutex *mutex, uint64_t deadline, int *abandoned) {
  struct thread *thread = thread_self();
  struct shmipc_result result = {SHMIPC_OK, 0};
  uint32_t tid;
  if (!thread) return shmipc_result(SHMIPC_NO_MEMORY);
  if (thread->listed >= LOCKS_PER_THREAD) return shmipc_result(SHMIPC_LIMIT);
  tid = (uint32_t)thread->id;
  list_announce(thread, mutex);
  if (!word_take(mutex, tid, abandoned)) result = word_wait(mutex, tid, deadline, abandoned);
  if (mutex->block.lost) result.status = SHMIPC_CORRUPT;
  if (result.status == SHMIPC_OK) {
    if (node_claim(mutex, thread->token)) {
      list_insert(thread, mutex);
    } else {
      word_return(mutex, tid);
      result.status = SHMIPC_CORRUPT;
    }
  }
  list_done(thread);
  if (result.status == SHMIPC_OK) atomic_store_explicit(&mutex->lock->locked_at, coarse_clock(), memory_order_relaxed);
  return result;
}

/* Leaves the word at `value` (free). pre: announced; the node is on no list. */
static inline struct shmipc_result word_give(struct os_mutex *mutex, struct thread *thread, uint32_t value) {
  struct shmipc_result result = {SHMIPC_OK, 0};
  uint32_t found = atomic_load_explicit(&mutex->lock->word, memory_order_relaxed);
  do {
    if ((found & FUTEX_TID_MASK) != (uint32_t)thread->id) { /* another program wrote here: it is not ours to free */
      result.status = SHMIPC_CORRUPT;
      break;
    }
  } while (!atomic_compare_exchange_weak(&mutex->lock->word, &found, value));
  if (found & FUTEX_WAITERS) futex_wake(&mutex->lock->word, 1);
  list_done(thread);
  if ((found & FUTEX_WAITERS) && result.status == SHMIPC_OK && atomic_exchange(&mutex->lock->hungry, 0) != 0)
    let_pass(mutex, value);
  return result;
}

static struct shmipc_result mutex_give(struct os_mutex *mutex, uint32_t value) {
  struct thread *thread = thread_self();
  list_announce(thread, mutex);
  list_remove(thread, mutex);
  return word_give(mutex, thread, value);
}

struct shmipc_result os_mutex_unlock(struct os_mutex *mutex) {
  return mutex_give(mutex, 0);
}

void os_mutex_abandon(struct os_mutex *mutex) { mutex_give(mutex, FUTEX_OWNER_DIED); }

struct shmipc_result os_mutex_create(const struct os_name *name, unsigned mode, enum os_birth birth, uint64_t deadline,
                                     struct os_mutex **out) {
  struct os_mutex *mutex;
  struct shmipc_result result = mutex_new(OS_MUTEX, &mutex);
  int abandoned;
  if (result.status != SHMIPC_OK) return result;
  result = block_make(&mutex->block, name, mode, deadline);
  if (result.status == SHMIPC_OK) {
    mutex_place_lock(mutex);
    if (birth == OS_BORN_OWNED) result = os_mutex_lock(mutex, 0, &abandoned);
  }
  if (result.status == SHMIPC_OK) result = block_publish(&mutex->block, deadline);
  if (result.status == SHMIPC_OK) {
    *out = mutex;
  } else {
    if (mutex->listed_by != 0) os_mutex_unlock(mutex);
    os_mutex_close(mutex);
  }
  return result;
}

struct shmipc_result os_mutex_open(const struct os_name *name, uint64_t deadline, struct os_mutex **out) {
  struct os_mutex *mutex;
  struct shmipc_result result = mutex_new(OS_MUTEX, &mutex);
  if (result.status != SHMIPC_OK) return result;
  result = block_open(&mutex->block, name, deadline);
  if (result.status == SHMIPC_OK) {
    mutex_place_lock(mutex);
    *out = mutex;
  } else {
    os_mutex_close(mutex);
  }
  return result;
}

int os_mutex_same(const struct os_mutex *a, const struct os_mutex *b) {
  const struct object *first = a->block.object, *second = b->block.object;
  return first->device == second->device && first->inode == second->inode;
}

int os_mutex_is_holder(const struct os_mutex *mutex) { return mutex->block.object->generation == fork_generation; }

/* ---- wait words: a value, and those who sleep until it changes
 *
 *   value     the futex. Its owner says what it means
 *   sleepers  at least as many as are asleep. Whoever is going to sleep adds 1, and takes it off afterwards. One who is
 *             killed in its sleep leaves its 1 there for good: from then on each wake is a call to the kernel, maybe in
 *             vain, and nothing worse
 *
 * No wake is lost: a sleeper counts itself and then has the kernel compare the value; a waker changes the value and
 * then looks at the count. All of these are sequentially consistent, so one of the two sees the other. A waker that
 * dies between its two steps leaves the sleepers to their deadlines. */

struct wait_word {
  _Atomic(uint32_t) value;
  _Atomic(uint32_t) sleepers;
};

#define EVERYBODY UINT_MAX

/* Returns how many it has woken. pre: the value has been changed. */
static unsigned word_wake(struct wait_word *word, unsigned count) {
  return atomic_load(&word->sleepers) != 0 ? futex_wake(&word->value, count) : 0;
}

static void word_sleep(struct wait_word *word, uint32_t value, uint64_t deadline) {
  atomic_fetch_add(&word->sleepers, 1);
  futex_wait(&word->value, value, deadline);
  atomic_fetch_sub(&word->sleepers, 1);
}

/* ---- waitables: what events and semaphores have in common
 *
 * The object is a block of one page:
 *   constant  an event's traits, a semaphore's maximum: written before the object has its name, never again. Read once,
 *             by open
 *   word      there is something to take, or there is nothing. Who waits looks, takes what there is by
 * compare-and-swap, and sleeps while there is nothing. Nothing is ever handed to a sleeper: one that is killed, even
 * after it was woken, has taken nothing, and who still sleeps finds that at its next look */

#define WORDS_AT 64 /* behind the header, in a cache line of their own */

struct waitable_words {
  uint32_t constant;
  struct wait_word word;
};

/* Its kind, and the constant of a new one, are set at first; the rest is zero. */
struct waitable {
  struct block block;
  uint32_t constant;
  struct wait_word *word;
};

/* One look after another. */
struct look {
  int has_slept;
  uint32_t *since; /* of a wait for an event */
  uint32_t seen;   /* the value that had nothing */
};

/* OK, TIMEOUT: there is nothing, and look->seen is set; CORRUPT. */
typedef enum shmipc_status (*take_function)(struct waitable *waitable, struct look *look);

static struct waitable_words *waitable_words(struct waitable *waitable) {
  return (void *)(waitable->block.base + WORDS_AT);
}

static struct shmipc_result waitable_create(struct waitable *waitable, const struct os_name *name, unsigned mode,
                                            uint32_t value, uint64_t deadline) {
  struct shmipc_result result;
  waitable->block.size = page_size();
  result = block_make(&waitable->block, name, mode, deadline);
  if (result.status == SHMIPC_OK) {
    waitable_words(waitable)->constant = waitable->constant;
    waitable->word = &waitable_words(waitable)->word;
    atomic_store(&waitable->word->value, value);
    result = block_publish(&waitable->block, deadline);
  }
  if (result.status != SHMIPC_OK) block_close(&waitable->block);
  return result;
}

static struct shmipc_result waitable_open(struct waitable *waitable, const struct os_name *name, uint32_t lowest,
                                          uint32_t highest, uint64_t deadline) {
  struct shmipc_result result;
  waitable->block.size = page_size();
  result = block_open(&waitable->block, name, deadline);
  if (result.status == SHMIPC_OK) {
    waitable->constant = *(const volatile uint32_t *)&waitable_words(waitable)->constant;
    waitable->word = &waitable_words(waitable)->word;
    if (waitable->constant < lowest || waitable->constant > highest) result.status = SHMIPC_CORRUPT;
  }
  if (result.status != SHMIPC_OK) block_close(&waitable->block);
  return result;
}

static struct shmipc_result waitable_take(struct waitable *waitable, take_function take, uint32_t *since,
                                          uint64_t deadline) {
  struct look look = {0, since, 0};
  unsigned spins = 0;
  for (;;) {
    const enum shmipc_status status = take(waitable, &look);
    const struct shmipc_result whole = block_check(&waitable->block);
    if (whole.status != SHMIPC_OK) return whole;
    if (status != SHMIPC_TIMEOUT || os_clock() >= deadline) return shmipc_result(status);
    if (spins++ < SPINS) {
      os_pause();
    } else {
      word_sleep(waitable->word, look.seen, deadline);
      look.has_slept = 1;
    }
  }
}

/* ---- events
 *
 * The word's value:
 *   SET     bit 0. Written to 1 by set; to 0 by reset, and of an automatic event by the one who takes it
 *   GRANTS  bits 1 to 15, of an automatic event: for so many sets a sleeper was woken that has not run yet. They are as
 *           good as SET for everybody, but a reset leaves them, and the next set is one more: without them, two sets
 *           would let only one of two sleepers go on. Added to by set when it has woken somebody, subtracted by takers
 *   TURN    bits 16 to 31: how often SET has become 1. Of a manual event, whoever waits and finds another turn than at
 *           first goes on: a reset right after the set keeps nobody back
 *
 * A set that dies leaves SET, or nothing; or SET where a grant should be, which only merges it with the next set; or
 * sleepers that are not woken, who find it at their next look. A sleeper that is killed after it was woken leaves its
 * grant to the next one. */

#define EVENT_SET UINT32_C(1)
#define EVENT_GRANT UINT32_C(2)
#define EVENT_GRANTS UINT32_C(0xfffe)
#define EVENT_TURN UINT32_C(0x10000)
#define EVENT_TURNS UINT32_C(0xffff0000)

struct os_event {
  struct waitable waitable;
};

static struct os_event *event_new(uint32_t constant) {
  struct os_event *event = calloc(1, sizeof *event);
  if (!event) return NULL;
  event->waitable.block.kind = OS_EVENT;
  event->waitable.constant = constant;
  return event;
}

struct shmipc_result os_event_create(const struct os_name *name, unsigned mode, unsigned traits, uint64_t deadline,
                                     struct os_event **out) {
  struct os_event *event = event_new(traits & OS_EVENT_MANUAL);
  struct shmipc_result result = {SHMIPC_NO_MEMORY, 0};
  if (event) result = waitable_create(&event->waitable, name, mode, traits & OS_EVENT_SET ? EVENT_SET : 0, deadline);
  if (result.status == SHMIPC_OK)
    *out = event;
  else
    free(event);
  return result;
}

struct shmipc_result os_event_open(const struct os_name *name, uint64_t deadline, struct os_event **out) {
  struct os_event *event = event_new(0);
  struct shmipc_result result = {SHMIPC_NO_MEMORY, 0};
  if (event) result = waitable_open(&event->waitable, name, 0, OS_EVENT_MANUAL, deadline);
  if (result.status == SHMIPC_OK)
    *out = event;
  else
    free(event);
  return result;
}

void os_event_close(struct os_event *event) {
  block_close(&event->waitable.block);
  free(event);
}

/* The set has woken a sleeper, and is that one's. */
static void event_grant(struct wait_word *word, uint32_t before, uint32_t after) {
  uint32_t value = after;
  if (before & EVENT_SET) { /* by another set, whose own sleeper is still to be woken */
    atomic_fetch_add(&word->value, EVENT_GRANT);
    word_wake(word, 1); /* the one that was woken may have looked too early */
    return;
  }
  while ((value & EVENT_SET) && (value & EVENT_TURNS) == (after & EVENT_TURNS))
    if (atomic_compare_exchange_weak(&word->value, &value, value - EVENT_SET + EVENT_GRANT)) return;
}

struct shmipc_result os_event_set(struct os_event *event) {
  struct wait_word *word = event->waitable.word;
  uint32_t before = atomic_load(&word->value), after;
  do {
    after = before & EVENT_SET ? before : (before + EVENT_TURN) | EVENT_SET;
  } while (!atomic_compare_exchange_weak(&word->value, &before, after));
  if (event->waitable.constant & OS_EVENT_MANUAL)
    word_wake(word, EVERYBODY);
  else if (word_wake(word, 1) > 0)
    event_grant(word, before, after);
  return block_check(&event->waitable.block);
}

struct shmipc_result os_event_reset(struct os_event *event) {
  atomic_fetch_and(&event->waitable.word->value, ~EVENT_SET);
  return block_check(&event->waitable.block);
}

/* What to take: a sleeper what it may have been woken for, so that a reset finds the rest; others rather leave that. */
static uint32_t event_token(uint32_t value, int has_slept) {
  const uint32_t set = value & EVENT_SET, grant = value & EVENT_GRANTS ? EVENT_GRANT : 0;
  return grant && (has_slept || !set) ? grant : set;
}

static enum shmipc_status event_take_automatic(struct waitable *event, struct look *look) {
  uint32_t value = atomic_load(&event->word->value), token;
  do {
    token = event_token(value, look->has_slept);
    look->seen = value;
    if (!token) return SHMIPC_TIMEOUT;
  } while (!atomic_compare_exchange_weak(&event->word->value, &value, value - token));
  return SHMIPC_OK;
}

#define SINCE_KNOWN UINT32_C(1) /* beside the turn, so that it is not 0 */

static enum shmipc_status event_take_manual(struct waitable *event, struct look *look) {
  const uint32_t value = atomic_load(&event->word->value), now = (value & EVENT_TURNS) | SINCE_KNOWN;
  look->seen = value;
  if (*look->since == 0) *look->since = now;
  return (value & EVENT_SET) || *look->since != now ? SHMIPC_OK : SHMIPC_TIMEOUT;
}

struct shmipc_result os_event_wait(struct os_event *event, uint64_t deadline, uint32_t *since) {
  const int is_manual = (event->waitable.constant & OS_EVENT_MANUAL) != 0;
  return waitable_take(&event->waitable, is_manual ? event_take_manual : event_take_automatic, since, deadline);
}

/* ---- semaphores
 *
 * The word's value is the count, from 0 to the maximum. Added to by release, subtracted from by who acquires, both by
 * compare-and-swap. A death leaves it as it was before or after; what its holder does not give back is lost. */

struct os_semaphore {
  struct waitable waitable; /* the constant: the maximum */
};

static struct os_semaphore *semaphore_new(uint32_t constant) {
  struct os_semaphore *semaphore = calloc(1, sizeof *semaphore);
  if (!semaphore) return NULL;
  semaphore->waitable.block.kind = OS_SEMAPHORE;
  semaphore->waitable.constant = constant;
  return semaphore;
}

struct shmipc_result os_semaphore_create(const struct os_name *name, unsigned mode, uint32_t initial, uint32_t maximum,
                                         uint64_t deadline, struct os_semaphore **out) {
  struct os_semaphore *semaphore = semaphore_new(maximum);
  struct shmipc_result result = {SHMIPC_NO_MEMORY, 0};
  if (semaphore) result = waitable_create(&semaphore->waitable, name, mode, initial, deadline);
  if (result.status == SHMIPC_OK)
    *out = semaphore;
  else
    free(semaphore);
  return result;
}

struct shmipc_result os_semaphore_open(const struct os_name *name, uint64_t deadline, struct os_semaphore **out) {
  struct os_semaphore *semaphore = semaphore_new(0);
  struct shmipc_result result = {SHMIPC_NO_MEMORY, 0};
  if (semaphore) result = waitable_open(&semaphore->waitable, name, 1, OS_SEMAPHORE_MAX, deadline);
  if (result.status == SHMIPC_OK)
    *out = semaphore;
  else
    free(semaphore);
  return result;
}

void os_semaphore_close(struct os_semaphore *semaphore) {
  block_close(&semaphore->waitable.block);
  free(semaphore);
}

static enum shmipc_status semaphore_take(struct waitable *semaphore, struct look *look) {
  uint32_t count = atomic_load(&semaphore->word->value);
  do {
    look->seen = count;
    if (count == 0) return SHMIPC_TIMEOUT;
    if (count > semaphore->constant) return SHMIPC_CORRUPT;
  } while (!atomic_compare_exchange_weak(&semaphore->word->value, &count, count - 1));
  return SHMIPC_OK;
}

struct shmipc_result os_semaphore_acquire(struct os_semaphore *semaphore, uint64_t deadline) {
  return waitable_take(&semaphore->waitable, semaphore_take, NULL, deadline);
}

struct shmipc_result os_semaphore_release(struct os_semaphore *semaphore, uint32_t count, uint32_t *before) {
  struct wait_word *word = semaphore->waitable.word;
  const uint32_t maximum = semaphore->waitable.constant;
  uint32_t value = atomic_load(&word->value);
  do {
    if (value > maximum) return shmipc_result(SHMIPC_CORRUPT);
    if (count > maximum - value) return shmipc_result(SHMIPC_LIMIT);
  } while (!atomic_compare_exchange_weak(&word->value, &value, value + count));
  *before = value;
  word_wake(word, count);
  return block_check(&semaphore->waitable.block);
}

/* ---- arenas: a mutex's block with more behind it
 *
 * The object's first page is a block like a mutex's: the header, then what the core keeps there, then the lock near the
 * page's end. The other pages are the arena's memory, mapped apart from the first, which has the private page of the
 * lock's list node behind it.
 *
 *   0            the header
 *   BELLS_AT     the bells' words, a cache line each; what they mean is the core's
 *   STATE_AT     the core's
 *   from the page's end: what the lock guards, and the lock, in one cache line */

#define LINE 64
#define BELLS_AT ((ptrdiff_t)2 * LINE)
#define STATE_AT (BELLS_AT + (ptrdiff_t)OS_BELLS * 2 * LINE) /* two lines apart: processors fetch them in pairs */

struct arena {
  struct os_arena shared; /* first: it is what the core has */
  struct os_mutex *mutex;
  struct range *slot;
};

static struct arena *arena_of(struct os_arena *arena) { return (void *)arena; }

static void arena_discard(struct arena *arena) {
  if (arena->slot) range_forget(arena->slot);
  if (arena->shared.memory) munmap(arena->shared.memory, arena->shared.size);
  if (arena->mutex) os_mutex_close(arena->mutex);
  free(arena);
}

/* Its lock's block, which is neither made nor opened yet. */
static struct shmipc_result arena_new(enum os_kind kind, uint64_t more, struct arena **out) {
  struct arena *arena = calloc(1, sizeof *arena);
  struct shmipc_result result;
  if (!arena) return shmipc_result(SHMIPC_NO_MEMORY);
  result = mutex_new(kind, &arena->mutex);
  if (result.status != SHMIPC_OK) {
    free(arena);
    return result;
  }
  arena->mutex->block.more = more;
  *out = arena;
  return result;
}

/* pre: the block is mapped. */
static struct shmipc_result arena_map(struct arena *arena) {
  struct block *block = &arena->mutex->block;
  const int protection = block_protection(block);
  char *lock;
  void *memory;
  int i;
  if (block->more == 0 || block->more > SIZE_MAX || block->more % page_size() != 0)
    return shmipc_result(SHMIPC_CORRUPT);
  memory = object_map(block->object, NULL, (size_t)block->more, protection, MAP_SHARED, (off_t)block->size);
  if (memory == MAP_FAILED) return from_errno(errno);
  arena->shared.memory = memory;
  arena->shared.size = (size_t)block->more;
  arena->slot = range_watch(memory, arena->shared.size, protection, &block->lost);
  if (!arena->slot) return shmipc_result(SHMIPC_NO_MEMORY);
  mutex_place_lock(arena->mutex);
  lock = (char *)arena->mutex->lock;
  arena->shared.state = block->base + STATE_AT;
  arena->shared.guarded = lock - (uintptr_t)lock % LINE;
  for (i = 0; i < OS_BELLS; i++) arena->shared.bells[i] = (void *)(block->base + BELLS_AT + (ptrdiff_t)i * 2 * LINE);
  arena->shared.lost = &block->lost;
  return shmipc_result(SHMIPC_OK);
}

/* The end of making or opening it, which has come to `result`. */
static struct shmipc_result arena_give(struct arena *arena, struct shmipc_result result, struct os_arena **out) {
  if (result.status == SHMIPC_OK)
    *out = &arena->shared;
  else
    arena_discard(arena);
  return result;
}

struct shmipc_result os_arena_create(const struct os_name *name, enum os_kind kind, unsigned mode, size_t size,
                                     uint64_t deadline, struct os_arena **out) {
  const size_t within_page = page_size() - 1;
  struct arena *arena;
  struct shmipc_result result = arena_new(kind, (size + within_page) & ~within_page, &arena);
  if (result.status != SHMIPC_OK) return result;
  result = block_make(&arena->mutex->block, name, mode, deadline);
  if (result.status == SHMIPC_OK) result = arena_map(arena);
  if (result.status == SHMIPC_OK) result = block_publish(&arena->mutex->block, deadline);
  return arena_give(arena, result, out);
}

struct shmipc_result os_arena_open(const struct os_name *name, enum os_kind kind, uint64_t deadline,
                                   struct os_arena **out) {
  struct arena *arena;
  struct shmipc_result result = arena_new(kind, ANY_MORE, &arena);
  if (result.status != SHMIPC_OK) return result;
  result = block_open(&arena->mutex->block, name, deadline);
  if (result.status == SHMIPC_OK) result = arena_map(arena);
  return arena_give(arena, result, out);
}

struct shmipc_result os_arena_peek(const struct os_name *name, enum os_kind kind, struct os_arena **out) {
  struct arena *arena;
  struct shmipc_result result = arena_new(kind, ANY_MORE, &arena);
  if (result.status != SHMIPC_OK) return result;
  result = block_peek(&arena->mutex->block, name);
  if (result.status == SHMIPC_OK) result = arena_map(arena);
  return arena_give(arena, result, out);
}

struct shmipc_result os_arena_check(const struct os_arena *arena) {
  return block_check(&((const struct arena *)arena)->mutex->block);
}

/* The lock is held for one call's length, and no other is taken meanwhile. So it needs no list: from before the word is
 * taken until after it is free again, `list_op_pending` names it, and the kernel looks there, too (get_robust_list(2)).
 */
struct shmipc_result os_arena_lock(struct os_arena *arena, uint64_t deadline) {
  struct os_mutex *mutex = arena_of(arena)->mutex;
  struct thread *thread = thread_self();
  struct shmipc_result result = {SHMIPC_OK, 0};
  int abandoned;
  if (!thread) return shmipc_result(SHMIPC_NO_MEMORY);
  list_announce(thread, mutex);
  if (!word_take(mutex, (uint32_t)thread->id, &abandoned))
    result = word_wait(mutex, (uint32_t)thread->id, deadline, &abandoned);
  if (mutex->block.lost) result.status = SHMIPC_CORRUPT;
  if (result.status != SHMIPC_OK) list_done(thread);
  return result;
}

struct shmipc_result os_arena_unlock(struct os_arena *arena) {
  const struct shmipc_result result = word_give(arena_of(arena)->mutex, self, 0);
#if !defined(__x86_64__)
  atomic_thread_fence(memory_order_seq_cst); /* the unlock was only a release; on x86-64 it is a locked instruction */
#endif
  return result;
}

static _Atomic(uint32_t) *bell_word(struct os_arena *arena, enum os_bell bell) { return (void *)arena->bells[bell]; }

int os_arena_sleep(struct os_arena *arena, enum os_bell bell, uint32_t value, uint64_t deadline) {
  return futex_wait(bell_word(arena, bell), value, deadline);
}

void os_arena_ring(struct os_arena *arena, enum os_bell bell) { futex_wake(bell_word(arena, bell), 1); }

void os_arena_close(struct os_arena *arena) { arena_discard(arena_of(arena)); }

/* ---- looking
 *
 * Nothing here opens anything for writing, takes a lock, or maps: bytes are read (pread(2)), so a file that shrinks
 * meanwhile is no danger. Two sources tell who holds:
 * - F_OFD_GETLK and /proc/locks: whether, and how many descriptions; anybody may ask.
 * - /proc/PID/fdinfo (proc(5)): a lock stands with the very descriptions that have it, so a forked child, whose
 *   descriptors are others, does not pass for a holder. One sees those of one's own processes; root sees all.
 * The two numbers together tell whether somebody was not seen. Of an object without locks, a foreign one, the holders
 * are those who have it open or mapped. */

#define HOLDER_LOCKS ((int64_t)OS_KINDS) /* from LOCK_BASE on */
#define SHM_PREFIX SHM_DIRECTORY "/"
#define NOT_COUNTED SIZE_MAX

/* What is found beside what is told. */
struct trace {
  int doubtful; /* a descriptor of one that nobody seems to hold; -1: it was decided */
  dev_t device;
  ino_t inode;
  size_t locks; /* holders' locks, of all processes */
  size_t holds; /* holders' locks, of those that may be seen */
};

struct survey {
  struct os_listing *listing;
  struct trace *traces; /* one an object */
  size_t capacity, holder_capacity;
  size_t doubtful;  /* traces that have one */
  int is_partial;   /* there are processes that may not be looked into */
  int has_lockless; /* objects whose holders have no locks */
};

/* A stream has one reader, so readdir(3) will do. */
static const struct dirent *next_entry(DIR *directory) {
  return readdir(directory); /* NOLINT(concurrency-mt-unsafe) */
}

void os_listing_release(struct os_listing *listing) {
  if (!listing) return;
  free(listing->objects);
  free(listing->holders);
  free(listing);
}

static struct shmipc_result survey_begin(struct survey *survey) {
  memset(survey, 0, sizeof *survey);
  survey->listing = calloc(1, sizeof *survey->listing);
  return shmipc_result(survey->listing ? SHMIPC_OK : SHMIPC_NO_MEMORY);
}

static struct shmipc_result survey_end(struct survey *survey, struct shmipc_result result, struct os_listing **out) {
  size_t i;
  for (i = 0; survey->doubtful > 0 && i < survey->listing->count; i++) /* after a failure */
    if (survey->traces[i].doubtful >= 0) close(survey->traces[i].doubtful);
  free(survey->traces);
  if (result.status == SHMIPC_OK)
    *out = survey->listing;
  else
    os_listing_release(survey->listing);
  return result;
}

/* Makes room for one more. 0: out of memory. */
static int survey_grow(struct survey *survey) {
  struct os_listing *listing = survey->listing;
  const size_t capacity = survey->capacity * 2 + 8;
  void *founds, *traces;
  if (listing->count < survey->capacity) return 1;
  founds = realloc(listing->objects, capacity * sizeof *listing->objects);
  if (founds) listing->objects = founds;
  traces = realloc(survey->traces, capacity * sizeof *survey->traces);
  if (traces) survey->traces = traces;
  if (!founds || !traces) return 0;
  survey->capacity = capacity;
  return 1;
}

/* ---- an object's own facts */

static uint64_t wall_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* Since its birth (statx(2)); where the file system keeps none, since its bytes or its inode were changed last. */
static uint64_t age_of(int fd, const struct stat *status) {
  const struct timespec *oldest = &status->st_ctim;
  const uint64_t now = wall_clock();
  struct statx more;
  uint64_t birth;
  if (status->st_mtim.tv_sec < oldest->tv_sec) oldest = &status->st_mtim;
  birth = (uint64_t)oldest->tv_sec * NANOSECONDS + (uint64_t)oldest->tv_nsec;
  if (fd >= 0 && statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &more) == 0 && (more.stx_mask & STATX_BTIME))
    birth = (uint64_t)more.stx_btime.tv_sec * NANOSECONDS + more.stx_btime.tv_nsec;
  return now > birth ? now - birth : 0;
}

static void found_describe(struct os_found *found, int fd, const struct stat *status) {
  found->kind = OS_KINDS;
  found->size = (uint64_t)status->st_size;
  found->mode = status->st_mode & 0777;
  found->user = status->st_uid;
  found->age = age_of(fd, status);
  found->traits = OS_HAS_OWNER;
  if (status->st_nlink == 0) found->traits |= OS_IS_NAMELESS;
  if (status->st_mode & MARK) return;
  found->kind = OS_MAPPING;
  found->traits |=
      (status->st_mode & MARK_PERSISTENT) && !(status->st_mode & S_IXGRP) ? OS_IS_PERSISTENT : OS_IS_FOREIGN;
}

/* A kind as a holder's lock tells it. */
static enum os_kind kind_of_lock(int64_t start) {
  return start >= LOCK_BASE && start < LOCK_BASE + HOLDER_LOCKS ? (enum os_kind)(start - LOCK_BASE) : OS_KINDS;
}

/* Whether anybody has a lock on the bytes of holders; a kind that it tells goes to *kind. */
static int is_held(int fd, enum os_kind *kind) {
  struct flock seen;
  if (lock_range(fd, F_OFD_GETLK, F_WRLCK, 0, LOCK_SPAN, &seen) != 0 || seen.l_type != F_UNLCK) {
    if (seen.l_type == F_RDLCK) *kind = kind_of_lock(seen.l_start);
    return 1;
  }
  return 0;
}

static int has_name(int fd) {
  struct stat status;
  return fstat(fd, &status) == 0 && status.st_nlink > 0;
}

/* Who closes last lets go before it takes the name away: so two looks, and this much between them, make a leftover. */
static void wait_for_closers(void) {
  const struct timespec moment = {0, 2000000};
  nanosleep(&moment, NULL);
}

static int is_leftover(int fd, enum os_kind *kind) {
  if (is_held(fd, kind) || !has_name(fd)) return 0;
  wait_for_closers();
  return !is_held(fd, kind) && has_name(fd);
}

/* ---- what stands in a block */

static int read_at(int fd, void *to, size_t size, uint64_t from) {
  return pread(fd, to, size, (off_t)from) == (ssize_t)size;
}

/* A file of /proc, with its end cut off if it is too long; NUL-terminated. -1: it cannot be read. */
static ssize_t read_text(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t length;
  if (fd < 0) return -1;
  length = read(fd, text, size - 1);
  close(fd);
  if (length >= 0) text[length] = '\0';
  return length;
}

static void process_describe(uint64_t id, struct os_process *out) {
  char path[64];
  ssize_t length, i;
  memset(out, 0, sizeof *out);
  out->id = id;
  snprintf(path, sizeof path, "/proc/%llu/comm", (unsigned long long)id);
  if (read_text(path, out->command, sizeof out->command) > 0) out->command[strcspn(out->command, "\n")] = '\0';
  snprintf(path, sizeof path, "/proc/%llu/cmdline", (unsigned long long)id);
  length = read_text(path, out->command_line, sizeof out->command_line);
  while (length > 0 && out->command_line[length - 1] == '\0') length--;
  for (i = 0; i < length; i++) /* between its arguments */
    if (out->command_line[i] == '\0') out->command_line[i] = ' ';
}

/* The process that the thread belongs to. 0: it may not be seen. */
static uint64_t process_of(uint64_t thread) {
  unsigned long long id = 0;
  char path[64], text[512];
  const char *line;
  snprintf(path, sizeof path, "/proc/%llu/status", (unsigned long long)thread);
  if (read_text(path, text, sizeof text) <= 0) return 0;
  line = strstr(text, "\nTgid:");
  return line && sscanf(line, "\nTgid: %llu", &id) == 1 ? id : 0;
}

static int is_gone(uint32_t thread) { return syscall(SYS_tkill, thread, 0) != 0 && errno == ESRCH; }

static void look_at_owner(struct os_found *found, uint32_t thread) {
  const uint64_t process = process_of(thread);
  found->owner_thread = thread;
  if (process != 0) process_describe(process, &found->owner);
}

static void look_at_lock(int fd, const struct block_header *header, struct os_found *found) {
  const uint64_t at = page_size() - LOCK_FROM_END, now = os_clock();
  uint32_t words[2];
  uint64_t locked_at;
  if (!read_at(fd, words, sizeof words, at) || !read_at(fd, &locked_at, sizeof locked_at, at + sizeof words)) {
    found->traits |= OS_IS_CORRUPT;
    return;
  }
  found->traits |= OS_HAS_STATE | OS_TELLS_WAITERS;
  if (words[0] & FUTEX_WAITERS) found->traits |= OS_IS_WAITED_FOR;
  if ((words[0] & FUTEX_TID_MASK) == 0) {
    if (words[0] & FUTEX_OWNER_DIED) found->traits |= OS_IS_ABANDONED;
    return;
  }
  found->traits |= OS_IS_LOCKED;
  if (locked_at <= now) found->locked_at = locked_at;
  if (header->pid_namespace != pid_namespace()) return; /* the thread's id means nothing here */
  if (is_gone(words[0] & FUTEX_TID_MASK)) {
    uint32_t again = words[0];
    if (read_at(fd, &again, sizeof again, at) && again == words[0]) found->traits |= OS_IS_CORRUPT;
  } else {
    look_at_owner(found, words[0] & FUTEX_TID_MASK);
  }
}

static void look_at_words(int fd, struct os_found *found) {
  struct {
    uint32_t constant, value, sleepers;
  } words;
  if (!read_at(fd, &words, sizeof words, WORDS_AT)) {
    found->traits |= OS_IS_CORRUPT;
    return;
  }
  found->traits |= OS_HAS_STATE | OS_TELLS_WAITERS;
  if (words.sleepers > 0) found->traits |= OS_IS_WAITED_FOR;
  if (found->kind == OS_EVENT) {
    if (words.constant & OS_EVENT_MANUAL) found->traits |= OS_IS_MANUAL;
    if (words.value & (EVENT_SET | EVENT_GRANTS)) found->traits |= OS_IS_SET;
  } else {
    found->count = words.value;
    found->maximum = words.constant;
    if (words.value > words.constant) found->traits |= OS_IS_CORRUPT;
  }
}

/* The kind that a header tells; OS_KINDS: it is none. */
static enum os_kind kind_of_header(const struct block_header *header) {
  const uint32_t kind = header->kind;
  if (memcmp(header->magic, block_magic, sizeof block_magic) != 0 || kind == OS_MAPPING || kind >= OS_KINDS)
    return OS_KINDS;
  return (enum os_kind)kind;
}

/* pre: the kind is known, unless nobody holds it: then it is what the bytes tell. */
static void look_into(int fd, struct os_found *found) {
  struct block_header header;
  struct block_header expected;
  const int is_whole = read_at(fd, &header, sizeof header, 0) && found->size >= page_size();
  const enum os_kind told = is_whole ? kind_of_header(&header) : OS_KINDS;
  if (found->kind == OS_KINDS) found->kind = told == OS_KINDS ? OS_MAPPING : told;
  if (found->kind == OS_MAPPING) return;
  if (told != found->kind) {
    found->traits |= OS_IS_CORRUPT;
    return;
  }
  expected = block_header_here(found->kind);
  if (header.format != expected.format || header.word_size != expected.word_size ||
      header.page_size != expected.page_size)
    found->traits |= OS_IS_STRANGE;
  else if (found->kind == OS_CHANNEL)
    found->traits |= OS_HAS_STATE; /* which the core reads (os_arena_peek) */
  else if (found->kind == OS_MUTEX)
    look_at_lock(fd, &header, found);
  else
    look_at_words(fd, found);
}

/* ---- all of them */

/* Takes the last one into the place of one that has gone. */
static void survey_drop(struct survey *survey, size_t object) {
  const size_t last = --survey->listing->count;
  survey->listing->objects[object] = survey->listing->objects[last];
  survey->traces[object] = survey->traces[last];
}

/* Decides about all that nobody seemed to hold, after one wait for all of them. */
static void survey_decide(struct survey *survey) {
  size_t i = survey->listing->count;
  if (survey->doubtful == 0) return;
  wait_for_closers();
  while (i-- > 0) {
    struct os_found *found = &survey->listing->objects[i];
    const int fd = survey->traces[i].doubtful;
    if (fd < 0) continue;
    survey->traces[i].doubtful = -1;
    if (has_name(fd)) {
      if (!is_held(fd, &found->kind)) found->traits |= OS_IS_LEFTOVER;
      look_into(fd, found);
    } else {
      survey_drop(survey, i);
    }
    close(fd);
  }
  survey->doubtful = 0;
}

#define DOUBTFUL_MAX 64 /* descriptors that are open at a time */

/* One entry of the directory. What is no regular file, or has just gone, is left out. */
static struct shmipc_result survey_entry(struct survey *survey, int directory, const char *name) {
  const int fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  struct os_found *found;
  struct trace *trace;
  struct stat status;
  const int is_there = fd >= 0 ? fstat(fd, &status) == 0 : fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (fd >= 0 && !is_there) {
    const struct shmipc_result result = from_errno(errno);
    close(fd);
    return result;
  }
  if (!is_there || !S_ISREG(status.st_mode) || status.st_nlink == 0) {
    if (fd >= 0) close(fd);
    return shmipc_result(SHMIPC_OK);
  }
  if (!survey_grow(survey)) {
    if (fd >= 0) close(fd);
    return shmipc_result(SHMIPC_NO_MEMORY);
  }
  found = &survey->listing->objects[survey->listing->count];
  trace = &survey->traces[survey->listing->count++];
  memset(found, 0, sizeof *found);
  memset(trace, 0, sizeof *trace);
  trace->doubtful = -1;
  snprintf(found->name, sizeof found->name, "%s", name);
  trace->device = status.st_dev;
  trace->inode = status.st_ino;
  found_describe(found, fd, &status);
  if (found->traits & (OS_IS_FOREIGN | OS_IS_PERSISTENT)) survey->has_lockless = 1;
  if (fd < 0) return shmipc_result(SHMIPC_OK);
  if (found->kind == OS_KINDS && !is_held(fd, &found->kind)) {
    trace->doubtful = fd;
    if (++survey->doubtful == DOUBTFUL_MAX) survey_decide(survey);
    return shmipc_result(SHMIPC_OK);
  }
  if (!(found->traits & (OS_IS_FOREIGN | OS_IS_PERSISTENT))) look_into(fd, found);
  close(fd);
  return shmipc_result(SHMIPC_OK);
}

static struct shmipc_result survey_directory(struct survey *survey) {
  const int fd = open(SHM_DIRECTORY, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
  struct shmipc_result result = {SHMIPC_OK, 0};
  const struct dirent *entry;
  if (!directory) {
    result = errno == ENOMEM ? shmipc_result(SHMIPC_NO_MEMORY) : from_errno(errno);
    if (fd >= 0) close(fd);
    if (result.status == SHMIPC_NOT_FOUND) result.status = SHMIPC_NOT_SUPPORTED;
    return result;
  }
  while (result.status == SHMIPC_OK && (entry = next_entry(directory)) != NULL)
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
      result = survey_entry(survey, fd, entry->d_name);
  if (result.status == SHMIPC_OK) survey_decide(survey);
  closedir(directory);
  return result;
}

static struct trace *trace_of(const struct survey *survey, unsigned major_number, unsigned minor_number,
                              unsigned long long inode, size_t *index) {
  const dev_t device = makedev(major_number, minor_number);
  for (*index = 0; *index < survey->listing->count; ++*index) {
    struct trace *trace = &survey->traces[*index];
    if (trace->inode == inode && trace->device == device) return trace;
  }
  return NULL;
}

/* Counts the holders' locks that the system has. Of two counts, before and after the holders were looked for, the lower
 * one is kept: so one that came or left meanwhile is not missed. */
static void survey_locks(struct survey *survey) {
  const size_t count = survey->listing->count;
  size_t *locks = calloc(count + 1, sizeof *locks), i;
  FILE *file = fopen("/proc/locks", "re");
  unsigned major_number, minor_number;
  unsigned long long inode;
  long long start;
  char line[256];
  while (file && locks && fgets(line, sizeof line, file)) {
    if (sscanf(line, "%*s OFDLCK %*s READ %*s %x:%x:%llu %lld", &major_number, &minor_number, &inode, &start) != 4 ||
        kind_of_lock(start) == OS_KINDS || !trace_of(survey, major_number, minor_number, inode, &i))
      continue;
    locks[i]++;
    if (survey->listing->objects[i].kind == OS_KINDS) survey->listing->objects[i].kind = kind_of_lock(start);
  }
  for (i = 0; i < count; i++) {
    struct trace *trace = &survey->traces[i];
    const size_t seen = file && locks ? locks[i] : NOT_COUNTED;
    if (seen < trace->locks) trace->locks = seen;
  }
  if (file) fclose(file);
  free(locks);
}

static struct shmipc_result survey_holder(struct survey *survey, size_t object, uint64_t process) {
  struct os_listing *listing = survey->listing;
  size_t i;
  for (i = listing->holder_count; i-- > 0 && listing->holders[i].process.id == process;)
    if (listing->holders[i].object == object) return shmipc_result(SHMIPC_OK);
  if (listing->holder_count == survey->holder_capacity) {
    const size_t capacity = survey->holder_capacity * 2 + 8;
    void *holders = realloc(listing->holders, capacity * sizeof *listing->holders);
    if (!holders) return shmipc_result(SHMIPC_NO_MEMORY);
    listing->holders = holders;
    survey->holder_capacity = capacity;
  }
  listing->holders[listing->holder_count].object = object;
  process_describe(process, &listing->holders[listing->holder_count++].process);
  return shmipc_result(SHMIPC_OK);
}

static int is_lockless(const struct survey *survey, size_t object) {
  return (survey->listing->objects[object].traits & (OS_IS_FOREIGN | OS_IS_PERSISTENT)) != 0;
}

/* One descriptor of a process, which is of something on /dev/shm. */
static struct shmipc_result survey_descriptor(struct survey *survey, uint64_t process, const char *number) {
  struct shmipc_result result = {SHMIPC_OK, 0};
  char path[64], line[256];
  struct stat status;
  unsigned major_number, minor_number;
  unsigned long long inode;
  long long start;
  struct trace *trace;
  size_t object;
  FILE *file;
  snprintf(path, sizeof path, "/proc/%llu/fd/%.20s", (unsigned long long)process, number);
  if (stat(path, &status) == 0 &&
      trace_of(survey, major(status.st_dev), minor(status.st_dev), status.st_ino, &object) &&
      is_lockless(survey, object))
    return survey_holder(survey, object, process);
  snprintf(path, sizeof path, "/proc/%llu/fdinfo/%.20s", (unsigned long long)process, number);
  file = fopen(path, "re");
  while (file && result.status == SHMIPC_OK && fgets(line, sizeof line, file)) {
    if (sscanf(line, "lock: %*s OFDLCK %*s READ %*s %x:%x:%llu %lld", &major_number, &minor_number, &inode, &start) !=
            4 ||
        kind_of_lock(start) == OS_KINDS)
      continue;
    trace = trace_of(survey, major_number, minor_number, inode, &object);
    if (!trace) continue;
    trace->holds++;
    result = survey_holder(survey, object, process);
  }
  if (file) fclose(file);
  return result;
}

/* A process that may not be looked into, unless it has just ended. */
static void survey_miss(struct survey *survey) {
  if (errno != ENOENT && errno != ESRCH) survey->is_partial = 1;
}

static struct shmipc_result survey_descriptors(struct survey *survey, uint64_t process) {
  struct shmipc_result result = {SHMIPC_OK, 0};
  char path[64], target[sizeof SHM_PREFIX];
  const struct dirent *entry;
  DIR *directory;
  snprintf(path, sizeof path, "/proc/%llu/fd", (unsigned long long)process);
  directory = opendir(path);
  if (!directory) {
    survey_miss(survey);
    return result;
  }
  while (result.status == SHMIPC_OK && (entry = next_entry(directory)) != NULL) {
    const ssize_t length = readlinkat(dirfd(directory), entry->d_name, target, sizeof target - 1);
    if (length == (ssize_t)sizeof target - 1 && memcmp(target, SHM_PREFIX, sizeof target - 1) == 0)
      result = survey_descriptor(survey, process, entry->d_name);
  }
  closedir(directory);
  return result;
}

/* Who has mapped what has no locks. Needed only where there is such a thing: the kernel makes this file under a lock of
 * the process's own. */
static struct shmipc_result survey_maps(struct survey *survey, uint64_t process) {
  struct shmipc_result result = {SHMIPC_OK, 0};
  unsigned major_number, minor_number;
  unsigned long long inode;
  char path[64], line[512];
  size_t object;
  FILE *file;
  snprintf(path, sizeof path, "/proc/%llu/maps", (unsigned long long)process);
  file = fopen(path, "re");
  if (!file) survey_miss(survey);
  while (file && result.status == SHMIPC_OK && fgets(line, sizeof line, file)) {
    if (sscanf(line, "%*s %*s %*s %x:%x %llu", &major_number, &minor_number, &inode) == 3 && inode != 0 &&
        trace_of(survey, major_number, minor_number, inode, &object) && is_lockless(survey, object))
      result = survey_holder(survey, object, process);
  }
  if (file) fclose(file);
  return result;
}

static struct shmipc_result survey_processes(struct survey *survey) {
  struct shmipc_result result = {SHMIPC_OK, 0};
  DIR *directory = opendir("/proc");
  const struct dirent *entry;
  if (!directory) survey->is_partial = 1;
  while (directory && result.status == SHMIPC_OK && (entry = next_entry(directory)) != NULL) {
    const uint64_t process = strtoull(entry->d_name, NULL, 10); /* 0: no process's entry */
    if (process == 0) continue;
    result = survey_descriptors(survey, process);
    if (result.status == SHMIPC_OK && survey->has_lockless) result = survey_maps(survey, process);
  }
  if (directory) closedir(directory);
  return result;
}

static struct shmipc_result survey_holders(struct survey *survey) {
  struct shmipc_result result;
  size_t i;
  for (i = 0; i < survey->listing->count; i++) survey->traces[i].locks = NOT_COUNTED;
  survey_locks(survey);
  result = survey_processes(survey);
  survey_locks(survey);
  for (i = 0; i < survey->listing->count; i++) {
    struct os_found *found = &survey->listing->objects[i];
    const struct trace *trace = &survey->traces[i];
    const int is_counted = !is_lockless(survey, i) && trace->locks != NOT_COUNTED;
    found->traits |= OS_HAS_HOLDERS;
    if (found->kind == OS_KINDS && trace->locks == 0) found->traits |= OS_IS_LEFTOVER; /* one that may not be read */
    if (is_counted ? trace->holds >= trace->locks : !survey->is_partial) found->traits |= OS_HAS_ALL_HOLDERS;
  }
  return result;
}

struct shmipc_result os_list(enum os_look look, struct os_listing **out) {
  struct survey survey;
  struct shmipc_result result = survey_begin(&survey);
  if (result.status != SHMIPC_OK) return result;
  result = survey_directory(&survey);
  if (result.status == SHMIPC_OK && look == OS_LOOK_FOR_HOLDERS) result = survey_holders(&survey);
  return survey_end(&survey, result, out);
}

/* ---- one of them */

static struct shmipc_result survey_object(struct survey *survey, const struct object *object) {
  struct os_found *found;
  struct stat status;
  if (fstat(object->fd, &status) != 0) return from_errno(errno);
  if (!survey_grow(survey)) return shmipc_result(SHMIPC_NO_MEMORY);
  found = &survey->listing->objects[survey->listing->count];
  memset(found, 0, sizeof *found);
  memset(&survey->traces[survey->listing->count++], 0, sizeof *survey->traces);
  survey->traces->doubtful = -1;
  survey->traces->device = status.st_dev;
  survey->traces->inode = status.st_ino;
  found_describe(found, object->fd, &status);
  if (object->path[0] == '\0') {
    found->traits = (found->traits & ~(unsigned)(OS_IS_FOREIGN | OS_IS_PERSISTENT)) | OS_IS_FILE;
    found->kind = OS_MAPPING;
    return shmipc_result(SHMIPC_OK);
  }
  survey->has_lockless = is_lockless(survey, 0);
  if (found->kind == OS_KINDS) {
    if (object->is_ours)
      found->kind = object->kind;
    else if (is_leftover(object->fd, &found->kind)) /* it is only peeked at */
      found->traits |= OS_IS_LEFTOVER;
    look_into(object->fd, found);
  }
  return survey_holders(survey);
}

static struct shmipc_result object_look(const struct object *object, struct os_listing **out) {
  struct survey survey;
  struct shmipc_result result = survey_begin(&survey);
  if (result.status == SHMIPC_OK) result = survey_end(&survey, survey_object(&survey, object), out);
  return result;
}

struct shmipc_result os_section_look(const struct os_section *section, struct os_listing **out) {
  return object_look(section->object, out);
}

struct shmipc_result os_mutex_look(const struct os_mutex *mutex, struct os_listing **out) {
  return object_look(mutex->block.object, out);
}

struct shmipc_result os_event_look(const struct os_event *event, struct os_listing **out) {
  return object_look(event->waitable.block.object, out);
}

struct shmipc_result os_semaphore_look(const struct os_semaphore *semaphore, struct os_listing **out) {
  return object_look(semaphore->waitable.block.object, out);
}

struct shmipc_result os_arena_look(const struct os_arena *arena, struct os_listing **out) {
  return object_look(((const struct arena *)arena)->mutex->block.object, out);
}

/* ---- and away with it */

struct shmipc_result os_remove_leftover(const struct os_name *name, uint64_t deadline) {
  char path[sizeof SHM_PREFIX + OS_NAME_MAX];
  struct shmipc_result result;
  struct stat status;
  snprintf(path, sizeof path, SHM_PREFIX "%s", name->base);
  if (lstat(path, &status) != 0) return from_errno(errno);
  if (!S_ISREG(status.st_mode) || !(status.st_mode & MARK)) return shmipc_result(SHMIPC_EXISTS);
  result = clear_way_until(path, OS_MAPPING, deadline);
  if (result.status == SHMIPC_WRONG_KIND) result.status = SHMIPC_EXISTS;
  if (result.native == EACCES) result.status = SHMIPC_ACCESS_DENIED; /* it may not even be opened */
  return result;
}
