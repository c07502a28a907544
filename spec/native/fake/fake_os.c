#include "fake_os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../../csrc/os/os.h"

#define MEMORY_MAX (UINT64_C(64) << 20) /* of one object: what this system has */
#define MAPPABLE_MAX (SIZE_MAX / 2)
#define NOBODY ((uintptr_t)0)
#define ELSEWHERE UINTPTR_MAX
#define PARENT (UINTPTR_MAX - 1)

const struct os_facts os_facts = {"fake"};

/* ---- control */

static struct {
  unsigned long calls, first, count;
  struct shmipc_result with;
  const char *failed;
  const char *violation;
  uint64_t longest_wait;
  struct fake_live live; /* names and locks are counted when asked for */
} control;

static uint64_t now = 1000000000;

void fake_fail_at(unsigned long first, unsigned long count, struct shmipc_result with) {
  control.calls = 0;
  control.first = first;
  control.count = count;
  control.with = with;
  control.failed = NULL;
}

unsigned long fake_calls(void) { return control.calls; }
const char *fake_failed(void) { return control.failed; }
const char *fake_violation(void) { return control.violation; }
uint64_t fake_longest_wait(void) { return control.longest_wait; }

static int fails(const char *function) {
  unsigned long call = ++control.calls;
  if (control.first == 0 || call < control.first || call - control.first >= control.count) return 0;
  if (!control.failed) control.failed = function;
  return 1;
}

static void expect(int condition, const char *violation) {
  if (!condition && !control.violation) control.violation = violation;
}

static void wait_until(uint64_t deadline) {
  expect(deadline != OS_NEVER, "a wait without an end");
  if (deadline == OS_NEVER || deadline <= now) return;
  if (deadline - now > control.longest_wait) control.longest_wait = deadline - now;
  now = deadline;
}

/* The failure of a function that waits. */
static struct shmipc_result failure(uint64_t deadline) {
  if (control.with.status == SHMIPC_TIMEOUT) wait_until(deadline);
  return control.with;
}

/* ---- process, memory, time */

void *os_allocate(size_t size) {
  void *memory = fails(__func__) ? NULL : malloc(size);
  if (!memory) return NULL;
  control.live.allocations++;
  return memset(memory, 0xA5, size); /* so that nobody takes it for zeros */
}

void *os_reallocate(void *memory, size_t size) {
  void *moved = fails(__func__) ? NULL : realloc(memory, size);
  if (moved && !memory) control.live.allocations++;
  return moved;
}

void os_release(void *memory) {
  if (!memory) return;
  control.live.allocations--;
  free(memory);
}

uint64_t os_process_id(void) { return 4711; }
uint64_t os_clock(void) { return now += 1000; }
void os_sleep(uint64_t deadline) { wait_until(deadline); }
void os_pause(void) { now += 10; }
unsigned os_processors(void) { return 2; } /* so that everything is tried, although nobody else is there */

void os_error_text(int32_t native, char *buffer, size_t size) { snprintf(buffer, size, "fake error %d", (int)native); }

static int process_is_locked;

void os_process_lock(void) {
  expect(!process_is_locked, "the process lock was taken twice");
  process_is_locked = 1;
}

void os_process_unlock(void) {
  expect(process_is_locked, "the process lock was given back without having been taken");
  process_is_locked = 0;
}

/* ---- threads */

enum thread_state { UNKNOWN, RUNNING, ENDED };

static enum thread_state *threads; /* by token - 1 */
static uintptr_t thread_count, current_thread;
static void (*exit_notice)(uintptr_t thread);

uintptr_t fake_enter_thread(uintptr_t thread) {
  if (thread == 0) {
    enum thread_state *more = realloc(threads, (thread_count + 1) * sizeof *threads);
    if (!more) abort();
    threads = more;
    threads[thread_count] = UNKNOWN;
    thread = ++thread_count;
  }
  if (thread > thread_count || threads[thread - 1] == ENDED) abort();
  return current_thread = thread;
}

/* Only a thread that is not known yet needs memory for that. */
uintptr_t os_thread_self(void) {
  enum thread_state *state;
  if (current_thread == 0) fake_enter_thread(0);
  state = &threads[current_thread - 1];
  if (*state == UNKNOWN && fails(__func__)) return 0;
  *state = RUNNING;
  return current_thread;
}

int os_thread_is_alive(uintptr_t thread) {
  expect(process_is_locked, "os_thread_is_alive without the process lock");
  return thread > 0 && thread <= thread_count && threads[thread - 1] == RUNNING;
}

void os_thread_on_exit(void (*notice)(uintptr_t thread)) { exit_notice = notice; }

/* ---- objects */

struct object {
  enum os_kind kind;
  char *name; /* NULL: it has none any more */
  int is_file, stays, is_left;
  char *bytes;
  uint64_t size;
  unsigned users;   /* handles of this process, inherited ones too */
  unsigned holders; /* without those */
  int in_parent;    /* a process that has forked this one holds it */
  uintptr_t owner;
  const void *locked_through; /* a mutex or an arena */
  int abandoned, corrupt;
  unsigned traits;         /* of an event: enum os_event_traits */
  uint32_t count, maximum; /* of a semaphore */
  struct object *following;
};

static struct object *objects;
static unsigned generation; /* how many forks have led here */

struct os_section {
  struct object *object;
  unsigned generation;
  enum os_access access;
  unsigned views;
};

struct os_mutex {
  struct object *object;
  unsigned generation;
};

static int is_thread(uintptr_t owner) { return owner != NOBODY && owner != ELSEWHERE && owner != PARENT; }

static struct object *find(const char *name, int is_file) {
  struct object *object;
  for (object = objects; object; object = object->following)
    if (object->name && object->is_file == is_file && strcmp(object->name, name) == 0) return object;
  return NULL;
}

static void object_forget_name(struct object *object) {
  free(object->name);
  object->name = NULL;
}

/* Frees it if nobody can reach it any more. */
static void object_check(struct object *object) {
  struct object **link = &objects;
  if (object->holders == 0 && !object->in_parent && !object->stays) object_forget_name(object);
  if (object->users > 0 || object->name) return;
  while (*link != object) link = &(*link)->following;
  *link = object->following;
  free(object->bytes);
  free(object);
}

static struct object *object_new(const char *name, enum os_kind kind, uint64_t size) {
  struct object *object = calloc(1, sizeof *object);
  if (!object) abort();
  object->name = malloc(strlen(name) + 1);
  object->bytes = calloc(1, (size_t)size); /* of exactly that size, so that a sanitizer sees its bounds */
  if (!object->name || !object->bytes) abort();
  strcpy(object->name, name);
  object->kind = kind;
  object->size = size;
  object->following = objects;
  objects = object;
  return object;
}

static void take_up(struct object *object) {
  object->users++;
  object->holders++;
}

static void drop(struct object *object, unsigned since) {
  object->users--;
  if (since == generation) object->holders--;
  object_check(object);
}

void fake_forget(void) {
  struct object *object = objects;
  while (object) {
    struct object *following = object->following;
    object->stays = 0;
    object_check(object);
    object = following;
  }
}

struct fake_live fake_live(void) {
  struct fake_live live = control.live;
  const struct object *object;
  for (object = objects; object; object = object->following) {
    if (object->name && !object->is_file) live.names++;
    if (is_thread(object->owner)) live.locks++;
  }
  return live;
}

int fake_create_foreign(const char *name, size_t size) {
  if (find(name, 0)) return 0;
  object_new(name, OS_MAPPING, size)->stays = 1;
  return 1;
}

int fake_leave_behind(const char *name) {
  if (!fake_create_foreign(name, 1)) return 0;
  return find(name, 0)->is_left = 1;
}

int fake_set_mutex(const char *name, enum fake_mutex_state state) {
  struct object *object = find(name, 0);
  if (!object || (object->kind != OS_MUTEX && (object->kind != OS_CHANNEL || state == FAKE_CORRUPT))) return 0;
  object->corrupt = state == FAKE_CORRUPT;
  if (is_thread(object->owner)) return object->corrupt;
  object->owner = state == FAKE_HELD_ELSEWHERE ? ELSEWHERE : NOBODY;
  object->abandoned = state == FAKE_ABANDONED;
  return 1;
}

void fake_end_thread(uintptr_t thread) {
  struct object *object;
  if (thread == 0 || thread > thread_count || thread == current_thread) abort();
  if (threads[thread - 1] == RUNNING && exit_notice) {
    uintptr_t other = current_thread;
    current_thread = thread;
    exit_notice(thread);
    current_thread = other;
  }
  threads[thread - 1] = ENDED;
  for (object = objects; object; object = object->following) {
    if (object->owner != thread) continue;
    object->owner = NOBODY;
    object->abandoned = 1;
  }
}

uintptr_t fake_fork(void) {
  const int is_known = current_thread != 0 && threads[current_thread - 1] == RUNNING;
  struct object *object;
  uintptr_t thread;
  for (thread = 1; thread <= thread_count; thread++) threads[thread - 1] = ENDED;
  fake_enter_thread(0);
  if (is_known) threads[current_thread - 1] = RUNNING;
  for (object = objects; object; object = object->following) {
    object->in_parent = object->in_parent || object->holders > 0;
    object->holders = 0;
    if (is_thread(object->owner)) object->owner = PARENT;
  }
  generation++;
  return current_thread;
}

void fake_end_parent(void) {
  struct object *object = objects;
  while (object) {
    struct object *following = object->following;
    if (object->owner == PARENT) {
      object->owner = NOBODY;
      object->abandoned = 1;
    }
    object->in_parent = 0;
    object_check(object);
    object = following;
  }
}

static void check_name(const struct os_name *name) {
  size_t length = strlen(name->base);
  expect(length > 0 && length <= OS_NAME_MAX && !strchr(name->base, '/') && !strchr(name->base, '\\'),
         "a name that was not checked");
}

static struct shmipc_result look_up(const struct os_name *name, enum os_kind kind, struct object **out) {
  struct object *object = find(name->base, 0);
  check_name(name);
  if (!object) return shmipc_result(SHMIPC_NOT_FOUND);
  if (object->kind != kind) return shmipc_result(SHMIPC_WRONG_KIND);
  *out = object;
  return shmipc_result(SHMIPC_OK);
}

static struct shmipc_result make(const struct os_name *name, enum os_kind kind, uint64_t size, struct object **out) {
  const struct object *other = find(name->base, 0);
  check_name(name);
  expect(size > 0, "an object of no bytes");
  if (other) return shmipc_result(other->kind == kind ? SHMIPC_EXISTS : SHMIPC_WRONG_KIND);
  if (size > MEMORY_MAX) return shmipc_result(SHMIPC_NO_SPACE);
  *out = object_new(name->base, kind, size);
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_unlink(const struct os_name *name, enum os_kind kind, uint64_t deadline) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  result = look_up(name, kind, &object);
  if (result.status != SHMIPC_OK) return result;
  object_forget_name(object);
  object_check(object);
  return result;
}

/* ---- sections */

static struct os_section *section_new(struct object *object, enum os_access access) {
  struct os_section *section = calloc(1, sizeof *section);
  if (!section) abort();
  expect(access != OS_COPY_ON_WRITE, "a section of copy on write");
  section->object = object;
  section->generation = generation;
  section->access = access;
  take_up(object);
  control.live.sections++;
  return section;
}

struct shmipc_result os_section_create(const struct os_name *name, uint64_t size, unsigned mode,
                                       enum os_lifetime lifetime, uint64_t deadline, struct os_section **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  expect((mode & ~0777U) == 0, "a mode of more than permission bits");
  result = make(name, OS_MAPPING, size, &object);
  if (result.status != SHMIPC_OK) return result;
  object->stays = lifetime == OS_PERSISTENT;
  *out = section_new(object, OS_READ_WRITE);
  return result;
}

struct shmipc_result os_section_open(const struct os_name *name, enum os_access access, uint64_t deadline,
                                     struct os_section **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  result = look_up(name, OS_MAPPING, &object);
  if (result.status == SHMIPC_OK) *out = section_new(object, access);
  return result;
}

struct shmipc_result os_section_file(const char *path, enum os_access access, uint64_t size, unsigned mode,
                                     struct os_section **out, int *created) {
  struct object *object = find(path, 1);
  int made;
  if (fails(__func__)) return failure(now);
  expect(size == 0 || access == OS_READ_WRITE, "a file to be grown without write access");
  expect((mode & ~0777U) == 0, "a mode of more than permission bits");
  if (!object && size == 0) return shmipc_result(SHMIPC_NOT_FOUND);
  if (size > MEMORY_MAX) return shmipc_result(SHMIPC_NO_SPACE);
  made = !object;
  if (!object) {
    object = object_new(path, OS_MAPPING, size);
    object->is_file = object->stays = 1;
  } else if (object->size < size) {
    if (object->users > 0) return shmipc_result(SHMIPC_NOT_SUPPORTED); /* its bytes cannot move */
    object->bytes = realloc(object->bytes, (size_t)size);
    if (!object->bytes) abort();
    memset(object->bytes + object->size, 0, (size_t)(size - object->size));
    object->size = size;
  }
  *created = made;
  *out = section_new(object, access);
  return shmipc_result(SHMIPC_OK);
}

uint64_t os_section_size(const struct os_section *section) { return section->object->size; }

void os_section_close(struct os_section *section) {
  expect(section->views == 0, "a section was closed before its views");
  drop(section->object, section->generation);
  control.live.sections--;
  free(section);
}

/* ---- views */

struct view_entry {
  struct os_view *view;
  struct os_section *section;
  struct view_entry *following;
};

static struct view_entry *views;

struct shmipc_result os_view_map(struct os_section *section, uint64_t offset, size_t length, enum os_access access,
                                 struct os_view *out) {
  struct view_entry *entry;
  if (fails(__func__)) return failure(now);
  expect(length > 0 && offset <= section->object->size && length <= section->object->size - offset,
         "a view beyond its section");
  expect(access != OS_READ_WRITE || section->access == OS_READ_WRITE, "a view with more access than its section");
  if (length > MAPPABLE_MAX) return shmipc_result(SHMIPC_NO_SPACE);
  entry = malloc(sizeof *entry);
  if (!entry) abort();
  out->base = NULL;
  out->address = section->object->bytes + offset;
  if (access == OS_COPY_ON_WRITE) {
    out->base = malloc(length);
    if (!out->base) abort();
    out->address = memcpy(out->base, out->address, length);
  }
  out->length = out->span = length;
  out->lost = 0;
  out->offset = offset;
  out->section = section;
  out->access = access;
  out->slot = entry;
  entry->view = out;
  entry->section = section;
  entry->following = views;
  views = entry;
  section->views++;
  control.live.views++;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_view_flush(struct os_view *view, size_t offset, size_t length) {
  if (fails(__func__)) return failure(now);
  expect(offset <= view->length && length <= view->length - offset, "a flush beyond the view");
  return shmipc_result(SHMIPC_OK);
}

void os_view_unmap(struct os_view *view) {
  struct view_entry *entry = view->slot, **link = &views;
  while (*link != entry) link = &(*link)->following;
  *link = entry->following;
  expect(entry->view == view, "a view has moved while it was mapped");
  entry->section->views--;
  control.live.views--;
  free(view->base);
  free(entry);
  view->address = NULL;
}

int os_view_same_object(const struct os_view *a, const struct os_view *b) {
  return a->section->object == b->section->object;
}

struct arena {
  struct os_arena shared; /* first: it is what the core has */
  struct object *object;
  unsigned generation;
  volatile int lost;
  struct arena *following;
};

static struct arena *arenas;

/* The bytes stay where they are, as zeros: that is what an access meets. */
int fake_truncate(const char *name) {
  struct object *object = find(name, 0);
  struct view_entry *entry;
  struct arena *arena;
  if (!object) object = find(name, 1);
  if (!object || (object->kind != OS_MAPPING && object->kind != OS_CHANNEL)) return 0;
  memset(object->bytes, 0, (size_t)object->size);
  for (entry = views; entry; entry = entry->following)
    if (entry->section->object == object) entry->view->lost = 1;
  for (arena = arenas; arena; arena = arena->following)
    if (arena->object == object) arena->lost = 1;
  return 1;
}

/* ---- mutexes */

static struct os_mutex *mutex_new(struct object *object) {
  struct os_mutex *mutex = malloc(sizeof *mutex);
  if (!mutex) abort();
  mutex->object = object;
  mutex->generation = generation;
  take_up(object);
  control.live.mutexes++;
  return mutex;
}

struct shmipc_result os_mutex_create(const struct os_name *name, unsigned mode, enum os_birth birth, uint64_t deadline,
                                     struct os_mutex **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  expect((mode & ~0777U) == 0, "a mode of more than permission bits");
  result = make(name, OS_MUTEX, 1, &object);
  if (result.status != SHMIPC_OK) return result;
  *out = mutex_new(object);
  if (birth == OS_BORN_OWNED) {
    object->owner = current_thread;
    object->locked_through = *out;
  }
  return result;
}

struct shmipc_result os_mutex_open(const struct os_name *name, uint64_t deadline, struct os_mutex **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  result = look_up(name, OS_MUTEX, &object);
  if (result.status == SHMIPC_OK) *out = mutex_new(object);
  return result;
}

struct shmipc_result os_mutex_lock(struct os_mutex *mutex, uint64_t deadline, int *abandoned) {
  struct object *object = mutex->object;
  if (fails(__func__)) return failure(deadline);
  expect(!process_is_locked, "a wait with the process lock");
  expect(object->owner != current_thread, "a thread locked a mutex that it holds");
  if (object->corrupt) return shmipc_result(SHMIPC_CORRUPT);
  if (object->owner != NOBODY) {
    wait_until(deadline);
    return shmipc_result(SHMIPC_TIMEOUT);
  }
  object->owner = current_thread;
  object->locked_through = mutex;
  *abandoned = object->abandoned;
  object->abandoned = 0;
  return shmipc_result(SHMIPC_OK);
}

/* Let go of in any case, as the contract says. */
static struct shmipc_result mutex_give(struct os_mutex *mutex) {
  struct object *object = mutex->object;
  expect(object->owner == current_thread && object->locked_through == mutex,
         "a thread unlocked a mutex that it does not hold");
  object->owner = NOBODY;
  return shmipc_result(object->corrupt ? SHMIPC_CORRUPT : SHMIPC_OK);
}

struct shmipc_result os_mutex_unlock(struct os_mutex *mutex) {
  struct shmipc_result result = mutex_give(mutex);
  return fails(__func__) ? failure(now) : result;
}

void os_mutex_abandon(struct os_mutex *mutex) {
  mutex_give(mutex);
  mutex->object->abandoned = 1;
}

int os_mutex_same(const struct os_mutex *a, const struct os_mutex *b) { return a->object == b->object; }

int os_mutex_is_holder(const struct os_mutex *mutex) { return mutex->generation == generation; }

void os_mutex_close(struct os_mutex *mutex) {
  uintptr_t owner = mutex->object->owner;
  expect(mutex->object->locked_through != mutex || !is_thread(owner) || threads[owner - 1] != RUNNING,
         "a mutex was closed while a thread of this process held it");
  drop(mutex->object, mutex->generation);
  control.live.mutexes--;
  free(mutex);
}

/* ---- events and semaphores: nobody else sets or releases anything, so a wait for what is not there is in vain */

struct os_event {
  struct object *object;
  unsigned generation;
};

struct os_semaphore {
  struct object *object;
  unsigned generation;
};

/* Twice, and they are what they were. */
static void turn_bytes(struct object *object) {
  uint64_t i;
  for (i = 0; i < object->size; i++) object->bytes[i] ^= 0x5A;
}

int fake_set_waitable(const char *name, enum fake_bytes bytes) {
  const int is_destroyed = bytes == FAKE_DESTROYED;
  struct object *object = find(name, 0);
  if (!object || (object->kind != OS_EVENT && object->kind != OS_SEMAPHORE && object->kind != OS_CHANNEL)) return 0;
  if (object->corrupt != is_destroyed) turn_bytes(object);
  object->corrupt = is_destroyed;
  return 1;
}

static struct shmipc_result wait_in_vain(uint64_t deadline) {
  expect(!process_is_locked, "a wait with the process lock");
  wait_until(deadline);
  return shmipc_result(SHMIPC_TIMEOUT);
}

static struct os_event *event_new(struct object *object) {
  struct os_event *event = malloc(sizeof *event);
  if (!event) abort();
  event->object = object;
  event->generation = generation;
  take_up(object);
  control.live.events++;
  return event;
}

struct shmipc_result os_event_create(const struct os_name *name, unsigned mode, unsigned traits, uint64_t deadline,
                                     struct os_event **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  expect((mode & ~0777U) == 0, "a mode of more than permission bits");
  expect((traits & ~(unsigned)(OS_EVENT_MANUAL | OS_EVENT_SET)) == 0, "traits that do not exist");
  result = make(name, OS_EVENT, 1, &object);
  if (result.status != SHMIPC_OK) return result;
  object->traits = traits;
  *out = event_new(object);
  return result;
}

struct shmipc_result os_event_open(const struct os_name *name, uint64_t deadline, struct os_event **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  result = look_up(name, OS_EVENT, &object);
  if (result.status == SHMIPC_OK) *out = event_new(object);
  return result;
}

struct shmipc_result os_event_set(struct os_event *event) {
  if (fails(__func__)) return failure(now);
  event->object->traits |= OS_EVENT_SET;
  return shmipc_result(event->object->corrupt ? SHMIPC_CORRUPT : SHMIPC_OK);
}

struct shmipc_result os_event_reset(struct os_event *event) {
  if (fails(__func__)) return failure(now);
  event->object->traits &= ~(unsigned)OS_EVENT_SET;
  return shmipc_result(event->object->corrupt ? SHMIPC_CORRUPT : SHMIPC_OK);
}

#define SINCE_HERE 7 /* so that we see whether it is kept from call to call */

struct shmipc_result os_event_wait(struct os_event *event, uint64_t deadline, uint32_t *since) {
  struct object *object = event->object;
  if (fails(__func__)) return failure(deadline);
  expect(*since == 0 || *since == SINCE_HERE, "a wait that goes on, with another wait's notes");
  if (object->corrupt) return shmipc_result(SHMIPC_CORRUPT);
  *since = SINCE_HERE;
  if (!(object->traits & OS_EVENT_SET)) return wait_in_vain(deadline);
  if (!(object->traits & OS_EVENT_MANUAL)) object->traits &= ~(unsigned)OS_EVENT_SET;
  return shmipc_result(SHMIPC_OK);
}

void os_event_close(struct os_event *event) {
  drop(event->object, event->generation);
  control.live.events--;
  free(event);
}

static struct os_semaphore *semaphore_new(struct object *object) {
  struct os_semaphore *semaphore = malloc(sizeof *semaphore);
  if (!semaphore) abort();
  semaphore->object = object;
  semaphore->generation = generation;
  take_up(object);
  control.live.semaphores++;
  return semaphore;
}

struct shmipc_result os_semaphore_create(const struct os_name *name, unsigned mode, uint32_t initial, uint32_t maximum,
                                         uint64_t deadline, struct os_semaphore **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  expect((mode & ~0777U) == 0, "a mode of more than permission bits");
  expect(initial <= maximum && maximum >= 1 && maximum <= OS_SEMAPHORE_MAX, "a semaphore of impossible numbers");
  result = make(name, OS_SEMAPHORE, 1, &object);
  if (result.status != SHMIPC_OK) return result;
  object->count = initial;
  object->maximum = maximum;
  *out = semaphore_new(object);
  return result;
}

struct shmipc_result os_semaphore_open(const struct os_name *name, uint64_t deadline, struct os_semaphore **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  result = look_up(name, OS_SEMAPHORE, &object);
  if (result.status == SHMIPC_OK) *out = semaphore_new(object);
  return result;
}

struct shmipc_result os_semaphore_acquire(struct os_semaphore *semaphore, uint64_t deadline) {
  struct object *object = semaphore->object;
  if (fails(__func__)) return failure(deadline);
  if (object->corrupt) return shmipc_result(SHMIPC_CORRUPT);
  if (object->count == 0) return wait_in_vain(deadline);
  object->count--;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_semaphore_release(struct os_semaphore *semaphore, uint32_t count, uint32_t *before) {
  struct object *object = semaphore->object;
  if (fails(__func__)) return failure(now);
  expect(count >= 1 && count <= OS_SEMAPHORE_MAX, "a release of an impossible number");
  if (object->corrupt) return shmipc_result(SHMIPC_CORRUPT);
  if (count > object->maximum - object->count) return shmipc_result(SHMIPC_LIMIT);
  *before = object->count;
  object->count += count;
  return shmipc_result(SHMIPC_OK);
}

void os_semaphore_close(struct os_semaphore *semaphore) {
  drop(semaphore->object, semaphore->generation);
  control.live.semaphores--;
  free(semaphore);
}

/* ---- arenas: a page of what is not the arena's memory, then that. Nobody else rings, so a sleep is in vain */

#define ARENA_PAGE 4096
#define LINES 128
#define BELLS_AT LINES
#define STATE_AT (BELLS_AT + OS_BELLS * LINES)

static struct arena *arena_of(struct os_arena *arena) { return (void *)arena; }

static struct os_arena *arena_new(struct object *object) {
  struct arena *arena = calloc(1, sizeof *arena);
  int i;
  if (!arena) abort();
  arena->object = object;
  arena->generation = generation;
  arena->shared.memory = object->bytes + ARENA_PAGE;
  arena->shared.size = (size_t)object->size - ARENA_PAGE;
  arena->shared.guarded = object->bytes;
  arena->shared.state = object->bytes + STATE_AT;
  for (i = 0; i < OS_BELLS; i++) arena->shared.bells[i] = (void *)(object->bytes + BELLS_AT + (ptrdiff_t)i * LINES);
  arena->shared.lost = &arena->lost;
  arena->following = arenas;
  arenas = arena;
  take_up(object);
  control.live.arenas++;
  return &arena->shared;
}

struct shmipc_result os_arena_create(const struct os_name *name, enum os_kind kind, unsigned mode, size_t size,
                                     uint64_t deadline, struct os_arena **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  expect((mode & ~0777U) == 0, "a mode of more than permission bits");
  expect(kind == OS_CHANNEL, "an arena of a kind that is none");
  expect(size > 0 && size % ARENA_PAGE == 0, "an arena that is not of whole pages");
  result = make(name, kind, (uint64_t)size + ARENA_PAGE, &object);
  if (result.status == SHMIPC_OK) *out = arena_new(object);
  return result;
}

struct shmipc_result os_arena_open(const struct os_name *name, enum os_kind kind, uint64_t deadline,
                                   struct os_arena **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(deadline);
  expect(kind == OS_CHANNEL, "an arena of a kind that is none");
  result = look_up(name, kind, &object);
  if (result.status == SHMIPC_OK) *out = arena_new(object);
  return result;
}

static int arena_is_ours(const struct arena *arena) {
  return is_thread(arena->object->owner) && arena->object->owner == current_thread;
}

/* Whether its bytes are what they should be. */
static struct shmipc_result arena_condition(const struct arena *arena) {
  return shmipc_result(arena->lost || arena->object->corrupt ? SHMIPC_CORRUPT : SHMIPC_OK);
}

struct shmipc_result os_arena_check(const struct os_arena *arena) {
  return fails(__func__) ? failure(now) : arena_condition((const struct arena *)arena);
}

struct shmipc_result os_arena_lock(struct os_arena *shared, uint64_t deadline) {
  struct arena *arena = arena_of(shared);
  struct object *object = arena->object;
  uintptr_t thread;
  if (fails(__func__)) return failure(deadline);
  expect(!process_is_locked, "a wait with the process lock");
  expect(!arena_is_ours(arena), "a thread locked an arena that it holds");
  thread = os_thread_self();
  if (thread == 0) return shmipc_result(SHMIPC_NO_MEMORY);
  if (arena_condition(arena).status != SHMIPC_OK) return arena_condition(arena);
  if (object->owner != NOBODY) {
    wait_until(deadline);
    return shmipc_result(SHMIPC_TIMEOUT);
  }
  object->owner = thread;
  object->locked_through = arena;
  object->abandoned = 0;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_arena_unlock(struct os_arena *shared) {
  struct arena *arena = arena_of(shared);
  expect(arena_is_ours(arena) && arena->object->locked_through == arena,
         "a thread unlocked an arena that it does not hold");
  arena->object->owner = NOBODY;
  return fails(__func__) ? failure(now) : arena_condition(arena);
}

int os_arena_sleep(struct os_arena *arena, enum os_bell bell, uint32_t value, uint64_t deadline) {
  expect(!process_is_locked, "a wait with the process lock");
  expect(!arena_is_ours(arena_of(arena)), "a sleep with an arena's lock");
  if (*arena->bells[bell] == value) wait_until(deadline);
  return 0; /* there is nobody else who could have rung */
}

void os_arena_ring(struct os_arena *arena, enum os_bell bell) {
  (void)bell;
  expect(!arena_is_ours(arena_of(arena)), "a ring with an arena's lock");
}

void os_arena_close(struct os_arena *shared) {
  struct arena *arena = arena_of(shared), **link = &arenas;
  expect(arena->object->locked_through != arena || !arena_is_ours(arena), "an arena was closed with its lock");
  while (*link != arena) link = &(*link)->following;
  *link = arena->following;
  drop(arena->object, arena->generation);
  control.live.arenas--;
  free(arena);
}

/* ---- looking: the holders are this process and, after a fork, its parent */

#define PARENT_ID 4710

void os_listing_release(struct os_listing *listing) {
  if (!listing) return;
  control.live.listings--;
  free(listing->objects);
  free(listing->holders);
  free(listing);
}

static void found_fill(const struct object *object, struct os_found *found) {
  memset(found, 0, sizeof *found);
  found->kind = object->kind;
  found->size = object->size;
  found->mode = 0600;
  found->age = now;
  found->traits = OS_HAS_OWNER | OS_HAS_HOLDERS | OS_HAS_ALL_HOLDERS;
  if (object->is_file) found->traits |= OS_IS_FILE;
  if (!object->name) found->traits |= OS_IS_NAMELESS;
  if (object->is_left)
    found->traits |= OS_IS_LEFTOVER;
  else if (object->stays && !object->is_file)
    found->traits |= OS_IS_FOREIGN;
  if (object->corrupt) found->traits |= OS_IS_CORRUPT;
  if (object->kind == OS_MAPPING || object->corrupt) return;
  found->traits |= OS_HAS_STATE;
  if (object->owner != NOBODY) found->traits |= OS_IS_LOCKED;
  if (is_thread(object->owner)) found->owner.id = os_process_id();
  if (object->abandoned) found->traits |= OS_IS_ABANDONED;
  if (object->traits & OS_EVENT_SET) found->traits |= OS_IS_SET;
  if (object->traits & OS_EVENT_MANUAL) found->traits |= OS_IS_MANUAL;
  found->count = object->count;
  found->maximum = object->maximum;
}

static void holder_add(struct os_listing *listing, uint64_t process) {
  struct os_holder *holder = &listing->holders[listing->holder_count++];
  memset(holder, 0, sizeof *holder);
  holder->object = listing->count;
  holder->process.id = process;
  strcpy(holder->process.command, "fake");
}

/* Of all that have a name, or of the one. */
static struct os_listing *listing_new(const struct object *only) {
  struct os_listing *listing = calloc(1, sizeof *listing);
  const struct object *object;
  size_t count = 0;
  for (object = objects; object; object = object->following) count++;
  if (!listing) abort();
  listing->objects = calloc(count + 1, sizeof *listing->objects);
  listing->holders = calloc(count * 2 + 1, sizeof *listing->holders);
  if (!listing->objects || !listing->holders) abort();
  for (object = objects; object; object = object->following) {
    if (only ? object != only : !object->name || object->is_file) continue;
    if (object->holders > 0) holder_add(listing, os_process_id());
    if (object->in_parent) holder_add(listing, PARENT_ID);
    found_fill(object, &listing->objects[listing->count]);
    if (!only) snprintf(listing->objects[listing->count].name, OS_FOUND_NAME_SIZE, "%s", object->name);
    listing->count++;
  }
  control.live.listings++;
  return listing;
}

struct shmipc_result os_list(enum os_look look, struct os_listing **out) {
  if (fails(__func__)) return failure(now);
  *out = listing_new(NULL);
  if (look == OS_LOOK_BRIEFLY) (*out)->holder_count = 0;
  return shmipc_result(SHMIPC_OK);
}

static struct shmipc_result object_look(const char *function, const struct object *object, struct os_listing **out) {
  if (fails(function)) return failure(now);
  *out = listing_new(object);
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_section_look(const struct os_section *section, struct os_listing **out) {
  return object_look(__func__, section->object, out);
}

struct shmipc_result os_mutex_look(const struct os_mutex *mutex, struct os_listing **out) {
  return object_look(__func__, mutex->object, out);
}

struct shmipc_result os_event_look(const struct os_event *event, struct os_listing **out) {
  return object_look(__func__, event->object, out);
}

struct shmipc_result os_semaphore_look(const struct os_semaphore *semaphore, struct os_listing **out) {
  return object_look(__func__, semaphore->object, out);
}

struct shmipc_result os_remove_leftover(const struct os_name *name, uint64_t deadline) {
  struct object *object = find(name->base, 0);
  if (fails(__func__)) return failure(deadline);
  check_name(name);
  if (!object) return shmipc_result(SHMIPC_NOT_FOUND);
  if (!object->is_left) return shmipc_result(SHMIPC_EXISTS);
  object->stays = 0;
  object_check(object);
  return shmipc_result(SHMIPC_OK);
}

/* A section that does not hold; its object must be held by somebody else as long as it is used. */
struct shmipc_result os_section_peek(const struct os_name *name, struct os_section **out) {
  struct object *object = find(name->base, 0);
  if (fails(__func__)) return failure(now);
  check_name(name);
  if (!object) return shmipc_result(SHMIPC_NOT_FOUND);
  *out = section_new(object, OS_READ);
  (*out)->generation = generation - 1; /* as a forked child's: it is no holder */
  object->holders--;
  return shmipc_result(SHMIPC_OK);
}

struct shmipc_result os_arena_peek(const struct os_name *name, enum os_kind kind, struct os_arena **out) {
  struct object *object;
  struct shmipc_result result;
  if (fails(__func__)) return failure(now);
  result = look_up(name, kind, &object);
  if (result.status != SHMIPC_OK) return result;
  *out = arena_new(object);
  arena_of(*out)->generation = generation - 1;
  object->holders--;
  return result;
}

struct shmipc_result os_arena_look(const struct os_arena *arena, struct os_listing **out) {
  return object_look(__func__, ((const struct arena *)arena)->object, out);
}
