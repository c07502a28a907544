/* The one contract between shmipc and the operating system. Exactly one file implements it in a build.
 *
 * Rules that hold for every function here:
 * - Nothing prints, aborts or calls Lua. A failure leaves nothing half done and its out-parameters untouched.
 * - Times are nanoseconds on os_clock()'s scale; a deadline is absolute, OS_NEVER is none, one in the past means "try".
 * - A function that takes a deadline may give SHMIPC_TIMEOUT before it (a signal came): the caller looks at the clock.
 * - Memory is the process's own unless a function says that it is shared. Handles belong to the caller, who closes
 *   each exactly once. One handle is used by one thread at a time; different handles by any threads.
 * - After a fork, the child may use and close what it inherited, but it is not a holder: nothing that it closes takes a
 *   name or a lock from its parent.
 */
#ifndef SHMIPC_OS_H
#define SHMIPC_OS_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

SHMIPC_HIDDEN_BEGIN

/* ---- facts about the system, as data */

struct os_facts {
  const char *platform; /* "linux", "windows" */
};
extern const struct os_facts os_facts;

/* ---- process, memory, time */

/* NULL when there is none; os_release(NULL) does nothing. */
void *os_allocate(size_t size);
void *os_reallocate(void *memory, size_t size);
void os_release(void *memory);

uint64_t os_process_id(void);

#define OS_NEVER UINT64_MAX

/* Monotonic, the same scale in every process of the machine. */
uint64_t os_clock(void);

/* Returns at the deadline, or before it when a signal came. */
void os_sleep(uint64_t deadline);

/* Lets the processor rest for some cycles, within a loop that waits. */
void os_pause(void);

/* How many processors there are: whether anybody can change a word while we look at it again and again. */
unsigned os_processors(void);

/* The system's text for a native error number, UTF-8, without a line end. Always terminates the buffer (size > 0). */
void os_error_text(int32_t native, char *buffer, size_t size);

/* One lock for the process's own tables. Not recursive; safe across a fork. */
void os_process_lock(void);
void os_process_unlock(void);

/* ---- threads */

/* A token for the calling thread: never 0, never used twice in a process, another one in a forked child.
 * 0: out of memory. */
uintptr_t os_thread_self(void);

/* Whether the token's thread is running in this process. pre: the process lock is held. */
int os_thread_is_alive(uintptr_t thread);

/* From now on `notice` is called in each thread that has called os_thread_self, when it ends (not when the process
 * ends). The last call wins. */
void os_thread_on_exit(void (*notice)(uintptr_t thread));

/* ---- names */

enum os_scope { OS_SCOPE_NONE, OS_SCOPE_LOCAL, OS_SCOPE_GLOBAL };

#define OS_NAME_MAX 200 /* bytes of a name, its prefix not counted */

/* A checked name: UTF-8, NUL-terminated, without its prefix. The system adds what it needs. */
struct os_name {
  enum os_scope scope;
  const char *base;
};

/* One namespace serves all kinds. */
enum os_kind { OS_MAPPING, OS_MUTEX, OS_EVENT, OS_SEMAPHORE, OS_CHANNEL, OS_KINDS };

/* Lifetime, for every named object: it can be found from the moment it is complete until its last holder has closed it
 * or died, in whatever way. An object that this library did not make, or made with OS_PERSISTENT, is never removed. */
enum os_lifetime { OS_WHILE_HELD, OS_PERSISTENT };

/* Takes the name away now; holders keep what they have.
 * NOT_FOUND, WRONG_KIND, ACCESS_DENIED; NOT_SUPPORTED where names cannot be taken away. */
struct shmipc_result os_unlink(const struct os_name *name, enum os_kind kind, uint64_t deadline);

/* ---- sections: memory with a name, or a file on disk, from which views are cut */

enum os_access { OS_READ, OS_READ_WRITE, OS_COPY_ON_WRITE };

struct os_section;

/* Makes zeroed memory of exactly `size` bytes (> 0), all of it backed by real space, and names it.
 * mode: permission bits where the system has them. EXISTS, WRONG_KIND (taken by another kind), NO_SPACE. */
struct shmipc_result os_section_create(const struct os_name *name, uint64_t size, unsigned mode,
                                       enum os_lifetime lifetime, uint64_t deadline, struct os_section **out);

/* access: OS_READ or OS_READ_WRITE. NOT_FOUND, WRONG_KIND, ACCESS_DENIED, TOO_SMALL (it has no bytes). */
struct shmipc_result os_section_open(const struct os_name *name, enum os_access access, uint64_t deadline,
                                     struct os_section **out);

/* The bytes of what bears the name, whatever its kind, for reading only. It is no holder: it keeps no name, and a
 * leftover stays one. (Where every handle holds, it holds while it is open, and there are only mappings.) NOT_FOUND,
 * WRONG_KIND, ACCESS_DENIED, TOO_SMALL. */
struct shmipc_result os_section_peek(const struct os_name *name, struct os_section **out);

/* A file on disk; path is UTF-8. size > 0 creates it (with mode) or grows it to at least size; 0 takes it as it is.
 * *created tells which. pre: size is 0 unless access is OS_READ_WRITE. */
struct shmipc_result os_section_file(const char *path, enum os_access access, uint64_t size, unsigned mode,
                                     struct os_section **out, int *created);

uint64_t os_section_size(const struct os_section *section);

/* pre: its views are unmapped. */
void os_section_close(struct os_section *section);

/* ---- views: a section's bytes in this process */

/* The memory at [address, address + length). When it vanishes (another process cut the file), an access does not fault:
 * it meets zeros, or goes nowhere, and `lost` becomes 1 in the accessing thread before the access ends. So: access
 * first, then look at `lost`. The struct must not move while it is mapped; other fields are the system's. */
struct os_view {
  char *address;
  size_t length;
  volatile int lost;
  uint64_t offset; /* of address in the section */
  const struct os_section *section;
  enum os_access access;
  char *base; /* what was mapped: whole pages */
  size_t span;
  void *slot;
};

/* offset and length (> 0) lie in the section; any offset will do. OS_COPY_ON_WRITE: what is written stays here. */
struct shmipc_result os_view_map(struct os_section *section, uint64_t offset, size_t length, enum os_access access,
                                 struct os_view *out);

/* Returns when the bytes at [offset, offset + length) of the view are where the section keeps them: on disk, if it is a
 * file there. */
struct shmipc_result os_view_flush(struct os_view *view, size_t offset, size_t length);

void os_view_unmap(struct os_view *view);

/* Whether the two views show the same object (perhaps different parts of it). */
int os_view_same_object(const struct os_view *a, const struct os_view *b);

/* ---- mutexes: owned by a thread, not recursive here (the core counts) */

struct os_mutex;

enum os_birth { OS_BORN_FREE, OS_BORN_OWNED };

/* OS_BORN_OWNED: the calling thread holds it from before anybody can find it. EXISTS, WRONG_KIND, NO_SPACE. */
struct shmipc_result os_mutex_create(const struct os_name *name, unsigned mode, enum os_birth birth, uint64_t deadline,
                                     struct os_mutex **out);

/* NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED (of another format, or from another pid namespace). */
struct shmipc_result os_mutex_open(const struct os_name *name, uint64_t deadline, struct os_mutex **out);

/* pre: the calling thread does not hold it. On success *abandoned says whether the last owner died with it, or gave it
 * up by os_mutex_abandon. TIMEOUT, CORRUPT. */
struct shmipc_result os_mutex_lock(struct os_mutex *mutex, uint64_t deadline, int *abandoned);

/* pre: the calling thread has locked it. CORRUPT: it is let go of as far as this process is concerned. */
struct shmipc_result os_mutex_unlock(struct os_mutex *mutex);

/* Unlocks, and the next one who locks it is told. pre: as for os_mutex_unlock. */
void os_mutex_abandon(struct os_mutex *mutex);

/* Whether two handles are of one object. */
int os_mutex_same(const struct os_mutex *a, const struct os_mutex *b);

/* Whether this process holds the object through the handle: not when a fork has brought the handle here. */
int os_mutex_is_holder(const struct os_mutex *mutex);

/* pre: no running thread of this process holds it. */
void os_mutex_close(struct os_mutex *mutex);

/* ---- events: set or not, and waited for */

struct os_event;

/* Without OS_EVENT_MANUAL a set lets one waiter go on, and is over with that; a set that finds nobody waiting stays.
 * With it a set lets all waiters go on, those that come later too, until it is reset. Belongs to the object. */
enum os_event_traits { OS_EVENT_MANUAL = 1, OS_EVENT_SET = 2 };

/* traits: of enum os_event_traits. EXISTS, WRONG_KIND, NO_SPACE. */
struct shmipc_result os_event_create(const struct os_name *name, unsigned mode, unsigned traits, uint64_t deadline,
                                     struct os_event **out);

/* NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED (of another format). */
struct shmipc_result os_event_open(const struct os_name *name, uint64_t deadline, struct os_event **out);

/* Both: CORRUPT. */
struct shmipc_result os_event_set(struct os_event *event);
struct shmipc_result os_event_reset(struct os_event *event);

/* A wait may take several calls: *since is 0 before the first of them, and the system's between them. TIMEOUT,
 * CORRUPT. */
struct shmipc_result os_event_wait(struct os_event *event, uint64_t deadline, uint32_t *since);

void os_event_close(struct os_event *event);

/* ---- semaphores: a count that is waited for while it is 0 */

struct os_semaphore;

#define OS_SEMAPHORE_MAX INT32_MAX

/* pre: 0 <= initial <= maximum, 1 <= maximum <= OS_SEMAPHORE_MAX. EXISTS, WRONG_KIND, NO_SPACE. */
struct shmipc_result os_semaphore_create(const struct os_name *name, unsigned mode, uint32_t initial, uint32_t maximum,
                                         uint64_t deadline, struct os_semaphore **out);

/* NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED (of another format). */
struct shmipc_result os_semaphore_open(const struct os_name *name, uint64_t deadline, struct os_semaphore **out);

/* Takes 1 from the count. TIMEOUT, CORRUPT. */
struct shmipc_result os_semaphore_acquire(struct os_semaphore *semaphore, uint64_t deadline);

/* Adds to the count, and tells what it was. LIMIT: that would be more than the maximum; nothing is changed. CORRUPT.
 * pre: 1 <= count <= OS_SEMAPHORE_MAX. */
struct shmipc_result os_semaphore_release(struct os_semaphore *semaphore, uint32_t count, uint32_t *before);

void os_semaphore_close(struct os_semaphore *semaphore);

/* ---- arenas: shared memory with one lock and two bells in it, from which the core builds objects of its own
 *
 * All of its bytes are zero when it is born, which must be a valid state of what the core keeps there: nobody sees it
 * before. */

enum os_bell { OS_BELL_RECEIVERS, OS_BELL_SENDERS, OS_BELLS };

#define OS_ARENA_STATE_SIZE 1024
#define OS_ARENA_GUARDED_SIZE 40

/* What the core may use of it. `state` begins, and the bells lie, in cache lines of their own; `guarded` lies in that
 * of the lock; the memory is aligned to 8 bytes at least. `lost` says as for views that the memory vanished. */
struct os_arena {
  char *memory;
  size_t size; /* bytes of `memory` */
  char *state;
  char *guarded;
  volatile uint32_t *bells[OS_BELLS];
  const volatile int *lost;
};

/* size: of the memory, rounded up to whole pages. EXISTS, WRONG_KIND, NO_SPACE; NOT_SUPPORTED (no locks here). */
struct shmipc_result os_arena_create(const struct os_name *name, enum os_kind kind, unsigned mode, size_t size,
                                     uint64_t deadline, struct os_arena **out);

/* NOT_FOUND, WRONG_KIND, ACCESS_DENIED, CORRUPT, NOT_SUPPORTED (of another format, or from another pid namespace). */
struct shmipc_result os_arena_open(const struct os_name *name, enum os_kind kind, uint64_t deadline,
                                   struct os_arena **out);

/* The same, only to read what the core keeps there, and as no holder (os_section_peek). Its lock and its bells are not
 * for use. */
struct shmipc_result os_arena_peek(const struct os_name *name, enum os_kind kind, struct os_arena **out);

/* Whether the bytes are there, and still those of an arena. CORRUPT, NOT_SUPPORTED. */
struct shmipc_result os_arena_check(const struct os_arena *arena);

/* For some instructions only, not for a wait. An owner that dies leaves it free: what it guards must be whole at every
 * instruction. TIMEOUT, CORRUPT. pre: the calling thread holds no arena. */
struct shmipc_result os_arena_lock(struct os_arena *arena, uint64_t deadline);

/* Is a full barrier. pre: the calling thread has locked it. CORRUPT: it is let go of as far as this process is
 * concerned. */
struct shmipc_result os_arena_unlock(struct os_arena *arena);

/* Sleeps while the bell's word is `value`, until it is rung or the deadline; may return before. Returns whether a ring
 * woke it. */
int os_arena_sleep(struct os_arena *arena, enum os_bell bell, uint32_t value, uint64_t deadline);

/* Wakes one who sleeps, or who is about to and has not seen that the word has changed: the one who has slept longest,
 * or any other. pre: the word has been changed. */
void os_arena_ring(struct os_arena *arena, enum os_bell bell);

void os_arena_close(struct os_arena *arena);

/* ---- looking: what there is
 *
 * Looking takes no lock, waits for nobody, writes nothing and removes nothing, and nobody becomes a holder by it. What
 * it tells was so a moment ago. What may not be seen is left out, and told to be missing. */

#define OS_FOUND_NAME_SIZE 256
#define OS_COMMAND_SIZE 64
#define OS_COMMAND_LINE_SIZE 256

struct os_process {
  uint64_t id; /* 0: not known */
  char command[OS_COMMAND_SIZE];
  char command_line[OS_COMMAND_LINE_SIZE];
};

enum os_trait {
  OS_IS_FOREIGN = 1 << 0,    /* another program has made it */
  OS_IS_PERSISTENT = 1 << 1, /* made by OS_PERSISTENT */
  OS_IS_LEFTOVER = 1 << 2,   /* ours, and nobody holds it */
  OS_IS_FILE = 1 << 3,       /* on disk */
  OS_IS_NAMELESS = 1 << 4,   /* its name was taken away */
  OS_IS_CORRUPT = 1 << 5,    /* its bytes are not those of its kind */
  OS_IS_STRANGE = 1 << 6,    /* of another version */
  OS_HAS_OWNER = 1 << 7,     /* `mode` and `user` are known */
  OS_HAS_STATE = 1 << 8,     /* what its kind has is known */
  OS_HAS_HOLDERS = 1 << 9,   /* holders were looked for, and this system tells of them */
  OS_HAS_ALL_HOLDERS = 1 << 10,
  OS_IS_LOCKED = 1 << 11,     /* from here on: of its state */
  OS_IS_ABANDONED = 1 << 12,  /* the last owner died, or gave it up, and nobody has locked it since */
  OS_IS_WAITED_FOR = 1 << 13, /* somebody seems to wait: one that was killed may do so for a while */
  OS_TELLS_WAITERS = 1 << 14, /* whether or not OS_IS_WAITED_FOR */
  OS_IS_SET = 1 << 15,
  OS_IS_MANUAL = 1 << 16
};

/* One object. */
struct os_found {
  char name[OS_FOUND_NAME_SIZE]; /* as scripts give it; "" for what was found by a handle */
  enum os_kind kind;             /* OS_KINDS: not known */
  unsigned traits;               /* of enum os_trait */
  uint64_t size;                 /* bytes */
  unsigned mode;
  uint64_t user;
  uint64_t age;            /* nanoseconds; OS_NEVER: not known */
  uint64_t handles;        /* open ones in all processes, where the system tells that instead of holders; else 0 */
  struct os_process owner; /* of the lock */
  uint64_t owner_thread;   /* 0: not known */
  uint64_t locked_at;      /* os_clock(), to some milliseconds; 0: not known */
  uint64_t count, maximum; /* of a semaphore */
};

struct os_holder {
  size_t object; /* its index in the listing */
  struct os_process process;
};

struct os_listing {
  size_t count, holder_count;
  struct os_found *objects;
  struct os_holder *holders; /* a process once for each object that it holds */
};

enum os_look { OS_LOOK_BRIEFLY, OS_LOOK_FOR_HOLDERS };

/* All named objects that can be seen, in no order. *out is the caller's, who gives it to os_listing_release. */
struct shmipc_result os_list(enum os_look look, struct os_listing **out);

/* One that is open here: a listing of one object. */
struct shmipc_result os_section_look(const struct os_section *section, struct os_listing **out);
struct shmipc_result os_mutex_look(const struct os_mutex *mutex, struct os_listing **out);
struct shmipc_result os_event_look(const struct os_event *event, struct os_listing **out);
struct shmipc_result os_semaphore_look(const struct os_semaphore *semaphore, struct os_listing **out);
struct shmipc_result os_arena_look(const struct os_arena *arena, struct os_listing **out);

void os_listing_release(struct os_listing *listing); /* NULL does nothing */

/* Removes a leftover. NOT_FOUND; EXISTS: it is held, or none of ours; ACCESS_DENIED: another user's; NOT_SUPPORTED
 * where there are none. */
struct shmipc_result os_remove_leftover(const struct os_name *name, uint64_t deadline);

SHMIPC_HIDDEN_END

#endif
