/* Do named objects live exactly as long as a holder? Workers create, open, open_or_create, unlink and close the same
 * few names, mappings and mutexes mixed, and die: between any two system calls (disturbed.h), and at random moments.
 *
 * Each worker tells in shared memory what it holds, so that the others can judge what they meet:
 * - a seat says what its worker holds *for certain*: from after a call has given it the object to before the call that
 *   closes it. Nobody may create over it, fail to find it, or find another object under its name.
 * - a crowd says who *perhaps* holds an object of a name: from before the call that may give it to after the call that
 *   closes it, or until the worker's death is known. Who was alone there and yet met an object has met a dead one.
 * Now and then all rest: they let go of everything (no name may be left but those of the killed, and none once it was
 * looked for), and then all hold the same objects and close them at the same time (no name may be left at all). */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "disturbed.h"
#include "stress.h"

#define WORKERS 8
#define SLOTS 3 /* objects that a worker holds at a time */
#define SEATS (WORKERS * SLOTS)
#define NAMES 4 /* the last is mostly used for mutexes */
#define OBJECT_SIZE UINT64_C(8192)
#define PATIENCE (5 * STRESS_SECOND)   /* for one call */
#define HANG (10 * STRESS_SECOND)      /* without a sign of life */
#define REST_EVERY (STRESS_SECOND / 5) /* on average */
#define NO_PEACE UINT64_MAX

/* ---- what all processes share */

/* Bit i of the lower half: seat i is here. The upper half counts the arrivals. A worker adds its own bits, and takes
 * them off unless it dies; the main process takes off the bits of the dead. */
struct crowd {
  _Atomic(uint64_t) state;
};
#define ARRIVAL (UINT64_C(1) << 32)

/* Written by the seat's worker, and by the main process once that is dead. `inode` is set last and cleared first;
 * `turn` changes before each time that it is set. */
struct seat {
  _Atomic(uint64_t) turn;
  _Atomic(uint64_t) inode; /* of the object held for certain; 0: none */
  _Atomic(unsigned) name, kind;
  _Atomic(uint64_t) peace;      /* the unlinkers of its name when it began to open it; NO_PEACE: there were some */
  _Atomic(uint64_t) value_turn; /* odd while the value is being changed, here and in the object */
  _Atomic(uint64_t) value;
};

enum phase { RUN, CLEAR, GATHER, PART };
#define PHASES 10 /* RUN, CLEAR, and GATHER and PART by turns */

struct worker {
  pid_t process;
  _Atomic(int) doomed; /* set before it is killed, by whomever; cleared when its seats are */
  _Atomic(uint64_t) alive_at, operations, objects_held;
  _Atomic(uint64_t) arrived; /* at that phase */
};

struct board {
  struct crowd visitors[NAMES], unlinkers[NAMES];
  struct seat seats[SEATS];
  struct worker workers[WORKERS];
  _Atomic(uint64_t) phase; /* counts on and on */
  _Atomic(int) over;
  _Atomic(uint64_t) deaths_between, deaths_anywhere, exits, statuses[SHMIPC_NOT_OWNER + 1];
};

/* What a mapping holds. Its creator writes the first and the last word, both its inode number. */
struct content {
  _Atomic(uint64_t) first;
  _Atomic(uint64_t) values[SEATS]; /* each by its seat */
  uint64_t nothing[OBJECT_SIZE / sizeof(uint64_t) - SEATS - 2];
  _Atomic(uint64_t) last;
};

static struct board *board;
static char names[NAMES][STRESS_NAME];
static int with_unlink;

static enum phase phase_kind(uint64_t phase) {
  const uint64_t place = phase % PHASES;
  return place == 0 ? RUN : place == 1 ? CLEAR : place % 2 == 0 ? GATHER : PART;
}

/* ---- crowds and seats */

static uint64_t crowd_enter(struct crowd *crowd, unsigned seat) {
  return atomic_fetch_add(&crowd->state, ARRIVAL + (UINT64_C(1) << seat));
}

static void crowd_leave(struct crowd *crowd, unsigned seat) { atomic_fetch_and(&crowd->state, ~(UINT64_C(1) << seat)); }

/* Whether nobody else was there from one's own arrival, which gave `before`, until now. */
static int crowd_was_empty(struct crowd *crowd, uint64_t before) {
  return (uint32_t)before == 0 && (uint32_t)(atomic_load(&crowd->state) >> 32) == (uint32_t)(before >> 32) + 1;
}

/* The turn in which the seat holds an object of that name now; 0: it does not. */
static uint64_t seat_turn(struct seat *seat, unsigned name) {
  uint64_t turn = atomic_load(&seat->turn);
  return atomic_load(&seat->inode) != 0 && atomic_load(&seat->name) == name && atomic_load(&seat->turn) == turn ? turn
                                                                                                                : 0;
}

/* Whether the seat has held since that turn, alive, and nobody has begun to take the name away. */
static int seat_still_holds(unsigned index, unsigned name, uint64_t turn) {
  struct seat *seat = &board->seats[index];
  return turn != 0 && atomic_load(&seat->peace) == atomic_load(&board->unlinkers[name].state) &&
         !atomic_load(&board->workers[index / SLOTS].doomed) && seat_turn(seat, name) == turn;
}

static void note_holders(uint64_t turns[SEATS], unsigned name) {
  unsigned i;
  for (i = 0; i < SEATS; i++) turns[i] = seat_turn(&board->seats[i], name);
}

/* A seat that has held all the time since `turns` was noted; -1: none. */
static int holder_throughout(const uint64_t turns[SEATS], unsigned name) {
  int i;
  for (i = 0; i < SEATS; i++)
    if (seat_still_holds((unsigned)i, name, turns[i])) return i;
  return -1;
}

/* ---- a worker */

struct handle {
  int open;
  unsigned name;
  enum os_kind kind;
  uint64_t inode;
  struct os_section *section;
  struct os_view view;
  struct os_mutex *mutex;
  int was_written; /* the creator's words have been seen */
};

static unsigned me; /* the worker's number */
static struct handle handles[SLOTS];

static void announce_death(void) {
  atomic_store(&board->workers[me].doomed, 1);
  atomic_fetch_add(&board->deaths_between, 1);
}

static struct os_name os_name_of(const char *text) {
  struct os_name name = {OS_SCOPE_NONE, text};
  return name;
}

static struct content *content_of(const struct handle *handle) {
  return (struct content *)(void *)handle->view.address;
}

static void write_value(unsigned slot) {
  struct seat *seat = &board->seats[me * SLOTS + slot];
  uint64_t value = stress_random() | 1;
  if (handles[slot].kind != OS_MAPPING) return;
  atomic_fetch_add(&seat->value_turn, 1);
  atomic_store(&content_of(&handles[slot])->values[me * SLOTS + slot], value);
  atomic_store(&seat->value, value);
  atomic_fetch_add(&seat->value_turn, 1);
}

static void check_content(struct handle *handle) {
  struct content *content = content_of(handle);
  uint64_t first = atomic_load(&content->first), last = atomic_load(&content->last);
  if ((first != handle->inode && (first != 0 || handle->was_written)) || (last != 0 && last != handle->inode))
    stress_fail("object %llu holds the words %llu, %llu", (unsigned long long)handle->inode, (unsigned long long)first,
                (unsigned long long)last);
  handle->was_written = first != 0;
}

static void check_zeros(const struct handle *handle) {
  const struct content *content = content_of(handle);
  size_t i = 0, count = sizeof content->nothing / sizeof content->nothing[0];
  while (i < count && content->nothing[i] == 0) i++;
  if (i < count || atomic_load(&content->first) != 0 || atomic_load(&content->last) != 0)
    stress_fail("a new object is not zeroed");
}

/* The call itself. */
static struct shmipc_result acquire(struct handle *handle, int creating) {
  const struct os_name name = os_name_of(names[handle->name]);
  const uint64_t deadline = os_clock() + PATIENCE;
  struct shmipc_result result;
  if (handle->kind == OS_MUTEX) {
    const enum os_birth birth = stress_below(2) == 0 ? OS_BORN_OWNED : OS_BORN_FREE;
    result = creating ? os_mutex_create(&name, 0600, birth, deadline, &handle->mutex)
                      : os_mutex_open(&name, deadline, &handle->mutex);
    if (result.status != SHMIPC_OK) return result;
    handle->inode = disturbed_mutex_inode(handle->mutex);
    if (creating && birth == OS_BORN_OWNED && os_mutex_unlock(handle->mutex).status != SHMIPC_OK)
      stress_fail("a mutex was not born owned");
    return result;
  }
  result = creating ? os_section_create(&name, OBJECT_SIZE, 0600, OS_WHILE_HELD, deadline, &handle->section)
                    : os_section_open(&name, OS_READ_WRITE, deadline, &handle->section);
  if (result.status != SHMIPC_OK) return result;
  handle->inode = disturbed_section_inode(handle->section);
  if (os_section_size(handle->section) != OBJECT_SIZE)
    stress_fail("an object has %llu bytes", (unsigned long long)os_section_size(handle->section));
  if (os_view_map(handle->section, 0, OBJECT_SIZE, OS_READ_WRITE, &handle->view).status != SHMIPC_OK)
    stress_give_up(2, "a view cannot be mapped");
  return result;
}

static void release(struct handle *handle) {
  if (handle->kind == OS_MUTEX) {
    os_mutex_close(handle->mutex);
  } else {
    os_view_unmap(&handle->view);
    os_section_close(handle->section);
  }
  handle->open = 0;
}

/* What a call may answer, given what is known about the time of the call. */
static void judge_answer(enum shmipc_status status, const struct handle *handle, int creating, int was_alone,
                         const uint64_t turns[SEATS]) {
  const enum shmipc_status normal = creating ? SHMIPC_EXISTS : SHMIPC_NOT_FOUND;
  const char *call = creating ? "create" : "open";
  const int holder = holder_throughout(turns, handle->name);
  if (status != SHMIPC_OK && status != normal && status != SHMIPC_WRONG_KIND)
    stress_fail("%s failed with %s", call, stress_status(status));
  if (was_alone && status != (creating ? SHMIPC_OK : SHMIPC_NOT_FOUND))
    stress_fail("%s gave %s for a dead object", call, stress_status(status));
  if (holder >= 0) {
    const int same_kind = atomic_load(&board->seats[holder].kind) == (unsigned)handle->kind;
    const enum shmipc_status due = !same_kind ? SHMIPC_WRONG_KIND : creating ? SHMIPC_EXISTS : SHMIPC_OK;
    if (status != due && seat_still_holds((unsigned)holder, handle->name, turns[holder]))
      stress_fail("%s gave %s beside a live holder", call, stress_status(status));
  }
}

static void check_only_object(const struct handle *handle, unsigned own_seat) {
  unsigned i;
  uint64_t own_turn = seat_turn(&board->seats[own_seat], handle->name);
  for (i = 0; i < SEATS; i++) {
    uint64_t turn = seat_turn(&board->seats[i], handle->name);
    uint64_t inode = atomic_load(&board->seats[i].inode);
    if (turn != 0 && inode != handle->inode && seat_still_holds(i, handle->name, turn) &&
        seat_still_holds(own_seat, handle->name, own_turn))
      stress_fail("two live objects, %llu and %llu, under one name", (unsigned long long)handle->inode,
                  (unsigned long long)inode);
  }
}

static void take_seat(unsigned slot, uint64_t peace) {
  struct seat *seat = &board->seats[me * SLOTS + slot];
  const struct handle *handle = &handles[slot];
  atomic_store(&seat->name, handle->name);
  atomic_store(&seat->kind, (unsigned)handle->kind);
  atomic_store(&seat->peace, peace);
  atomic_fetch_add(&seat->turn, 1);
  atomic_store(&seat->inode, handle->inode);
  atomic_fetch_add(&board->workers[me].objects_held, 1);
  check_only_object(handle, me * SLOTS + slot);
}

/* One create or open, judged. */
static enum shmipc_status attempt(unsigned slot, unsigned name, enum os_kind kind, int creating) {
  struct handle *handle = &handles[slot];
  const unsigned seat = me * SLOTS + slot;
  const uint64_t unlinkers = atomic_load(&board->unlinkers[name].state);
  const uint64_t before = crowd_enter(&board->visitors[name], seat);
  uint64_t turns[SEATS];
  enum shmipc_status status;
  memset(handle, 0, sizeof *handle);
  handle->name = name;
  handle->kind = kind;
  note_holders(turns, name);
  status = acquire(handle, creating).status;
  judge_answer(status, handle, creating, crowd_was_empty(&board->visitors[name], before), turns);
  atomic_fetch_add(&board->statuses[status], 1);
  if (status != SHMIPC_OK) {
    crowd_leave(&board->visitors[name], seat);
    return status;
  }
  handle->open = 1;
  if (kind == OS_MAPPING) {
    if (creating) {
      check_zeros(handle);
      atomic_store(&content_of(handle)->first, handle->inode);
      atomic_store(&content_of(handle)->last, handle->inode);
    }
    check_content(handle);
    write_value(slot);
  }
  take_seat(slot, (uint32_t)unlinkers == 0 ? unlinkers : NO_PEACE);
  return status;
}

static void open_or_create(unsigned slot, unsigned name, enum os_kind kind) {
  int tries = 0;
  enum shmipc_status status;
  do {
    status = attempt(slot, name, kind, 0);
    if (status == SHMIPC_NOT_FOUND) status = attempt(slot, name, kind, 1);
  } while (status == SHMIPC_EXISTS && tries++ < 1000);
  if (tries > 1000) stress_fail("open_or_create does not come to an end");
}

static void close_handle(unsigned slot) {
  const unsigned seat = me * SLOTS + slot;
  atomic_store(&board->seats[seat].inode, 0);
  release(&handles[slot]);
  crowd_leave(&board->visitors[handles[slot].name], seat);
}

static void unlink_name(unsigned slot, unsigned name, enum os_kind kind) {
  const struct os_name named = os_name_of(names[name]);
  const unsigned seat = me * SLOTS + slot;
  const uint64_t before = crowd_enter(&board->visitors[name], seat);
  struct shmipc_result result;
  crowd_enter(&board->unlinkers[name], seat);
  result = os_unlink(&named, kind, os_clock() + PATIENCE);
  if (crowd_was_empty(&board->visitors[name], before) && result.status != SHMIPC_NOT_FOUND)
    stress_fail("unlink gave %s for a dead object", stress_status(result.status));
  if (result.status != SHMIPC_OK && result.status != SHMIPC_NOT_FOUND && result.status != SHMIPC_WRONG_KIND)
    stress_fail("unlink failed with %s", stress_status(result.status));
  crowd_leave(&board->unlinkers[name], seat);
  crowd_leave(&board->visitors[name], seat);
}

/* The name leads to what is held, and what every holder has last written can be read there. */
static void check_object(unsigned slot) {
  struct handle *handle = &handles[slot];
  struct seat *own = &board->seats[me * SLOTS + slot];
  const uint64_t own_turn = atomic_load(&own->turn);
  char path[STRESS_NAME + 16];
  struct stat status;
  unsigned i;
  snprintf(path, sizeof path, "/dev/shm/%s", names[handle->name]);
  if ((lstat(path, &status) != 0 || status.st_ino != handle->inode) &&
      seat_still_holds(me * SLOTS + slot, handle->name, own_turn))
    stress_fail("the name of a held object is gone");
  check_only_object(handle, me * SLOTS + slot);
  if (handle->kind != OS_MAPPING) return;
  check_content(handle);
  for (i = 0; i < SEATS; i++) {
    struct seat *seat = &board->seats[i];
    uint64_t turn = seat_turn(seat, handle->name), value_turn = atomic_load(&seat->value_turn), said, found;
    if (turn == 0 || value_turn % 2 != 0 || atomic_load(&seat->inode) != handle->inode) continue;
    said = atomic_load(&seat->value);
    found = atomic_load(&content_of(handle)->values[i]);
    if (said != found && atomic_load(&seat->value_turn) == value_turn && seat_turn(seat, handle->name) == turn)
      stress_fail("a value is lost");
  }
}

static void use_mutex(struct os_mutex *mutex) {
  int abandoned;
  enum shmipc_status status = os_mutex_lock(mutex, 0, &abandoned).status;
  if (status == SHMIPC_OK) status = os_mutex_unlock(mutex).status;
  if (status != SHMIPC_OK && status != SHMIPC_TIMEOUT) stress_fail("a mutex gave %s", stress_status(status));
}

static void leave_by_exit(void) {
  unsigned slot;
  for (slot = 0; slot < SLOTS; slot++) atomic_store(&board->seats[me * SLOTS + slot].inode, 0);
  atomic_fetch_add(&board->exits, 1);
  exit(0);
}

static void act(unsigned slot) {
  const unsigned name = (unsigned)stress_below(NAMES);
  const int unusual = stress_below(16) == 0;
  const enum os_kind kind = (name == NAMES - 1) != unusual ? OS_MUTEX : OS_MAPPING;
  if (!handles[slot].open) {
    if (with_unlink && stress_below(8) == 0)
      unlink_name(slot, name, kind);
    else if (stress_below(4) == 0)
      open_or_create(slot, name, kind);
    else
      attempt(slot, name, kind, stress_below(2) == 0);
  } else if (stress_below(2) == 0) {
    close_handle(slot);
  } else if (handles[slot].kind == OS_MUTEX && stress_below(2) == 0) {
    use_mutex(handles[slot].mutex);
  } else if (stress_below(2) == 0) {
    write_value(slot);
  } else {
    check_object(slot);
  }
}

static void enter_phase(uint64_t phase) {
  unsigned slot;
  disturbance.death = 0; /* who is killed at rest leaves a name that nobody would be to blame for */
  if (phase_kind(phase) == PART) disturbance.pause = stress_option("pauses") / 20;
  switch (phase_kind(phase)) {
  case CLEAR:
  case PART:
    for (slot = 0; slot < SLOTS; slot++)
      if (handles[slot].open) close_handle(slot);
    break;
  case GATHER:
    for (slot = 0; slot < SLOTS; slot++) open_or_create(slot, (slot + me) % NAMES, OS_MAPPING);
    break;
  default: break;
  }
  atomic_store(&board->workers[me].arrived, phase);
  while (atomic_load(&board->phase) == phase && !atomic_load(&board->over)) {
    atomic_store(&board->workers[me].alive_at, stress_clock());
    stress_sleep(50000);
  }
}

static uint64_t
death_rate(void) { /* an operation passes some 30 points, those around deciding calls counted 16 times */
  uint64_t kills = stress_option("kills");
  return kills == 0 ? 0 : 60000 / kills + 1;
}

static void work(void *context) {
  me = *(unsigned *)context;
  disturbance.bug = (enum planted_bug)stress_option("bug");
  disturbance.before_death = announce_death;
  while (!atomic_load(&board->over)) {
    uint64_t phase = atomic_load(&board->phase);
    atomic_store(&board->workers[me].alive_at, stress_clock());
    if (phase_kind(phase) != RUN) {
      enter_phase(phase);
      continue;
    }
    disturbance.death = death_rate();
    disturbance.pause = stress_option("pauses");
    act((unsigned)stress_below(SLOTS));
    atomic_fetch_add(&board->workers[me].operations, 1);
    if (stress_option("kills") != 0 && stress_below(2000) == 0) leave_by_exit();
  }
  enter_phase(CLEAR);
}

/* ---- the main process */

static void start(unsigned index) {
  atomic_store(&board->workers[index].alive_at, stress_clock());
  board->workers[index].process = stress_fork(work, &index);
}

static void bury_worker(unsigned index) {
  unsigned i, name;
  for (i = index * SLOTS; i < (index + 1) * SLOTS; i++) {
    struct seat *seat = &board->seats[i];
    atomic_store(&seat->inode, 0);
    if (atomic_load(&seat->value_turn) % 2 != 0) atomic_fetch_add(&seat->value_turn, 1);
    for (name = 0; name < NAMES; name++) {
      crowd_leave(&board->visitors[name], i);
      crowd_leave(&board->unlinkers[name], i);
    }
  }
  atomic_store(&board->workers[index].doomed, 0);
}

static void look_after_workers(void) {
  unsigned i;
  for (i = 0; i < WORKERS; i++) {
    struct worker *worker = &board->workers[i];
    int status;
    if (waitpid(worker->process, &status, WNOHANG) == worker->process) {
      if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status) != 0)
        stress_fail("a worker ended with wait status %#x", (unsigned)status);
      bury_worker(i);
      start(i);
    } else if (stress_clock() > atomic_load(&worker->alive_at) + HANG && !atomic_exchange(&worker->doomed, 1)) {
      stress_fail("a worker hangs");
      kill(worker->process, SIGKILL);
    }
  }
}

static uint64_t operations_done(void) {
  uint64_t sum = 0;
  unsigned i;
  for (i = 0; i < WORKERS; i++) sum += atomic_load(&board->workers[i].operations);
  return sum;
}

static void kill_somebody(void) {
  struct worker *worker = &board->workers[stress_below(WORKERS)];
  if (atomic_exchange(&worker->doomed, 1)) return; /* it is not taken away before we look, so its id is still its own */
  kill(worker->process, SIGKILL);
  atomic_fetch_add(&board->deaths_anywhere, 1);
}

static void run_until(uint64_t end) {
  while (stress_clock() < end && !stress_failures()) {
    if (operations_done() * stress_option("kills") / 2000 > atomic_load(&board->deaths_anywhere)) kill_somebody();
    look_after_workers();
    stress_sleep(stress_below(400000));
  }
}

static void next_phase(void) {
  const uint64_t phase = atomic_fetch_add(&board->phase, 1) + 1;
  unsigned i;
  if (phase_kind(phase) == RUN) return;
  for (i = 0; i < WORKERS && !stress_failures();) {
    look_after_workers();
    if (atomic_load(&board->workers[i].arrived) == phase)
      i++;
    else
      stress_sleep(50000);
  }
}

/* In a process of its own. Nobody holds anything: nothing is found, and what was left by the killed is gone then. */
static void look_for_leftovers(void *context) {
  unsigned i;
  (void)context;
  disturbance.bug = (enum planted_bug)stress_option("bug");
  for (i = 0; i < NAMES && !stress_failures(); i++) {
    const struct os_name name = os_name_of(names[i]);
    const uint64_t deadline = os_clock() + PATIENCE;
    struct os_section *section;
    struct shmipc_result result = os_section_open(&name, OS_READ_WRITE, deadline, &section);
    if (result.status != SHMIPC_NOT_FOUND) stress_fail("a dead object gave %s", stress_status(result.status));
    if (stress_name_exists(names[i])) {
      stress_fail("a name was left after it was looked for");
      return;
    }
    result = os_section_create(&name, OBJECT_SIZE, 0600, OS_WHILE_HELD, deadline, &section);
    if (result.status == SHMIPC_OK)
      os_section_close(section);
    else
      stress_fail("a free name cannot be used: %s", stress_status(result.status));
    if (stress_name_exists(names[i])) stress_fail("a name was left by its only holder");
  }
}

static void rest(void) {
  unsigned i, turn;
  next_phase(); /* CLEAR */
  if (stress_failures()) return;
  stress_wait(stress_fork(look_for_leftovers, NULL), HANG);
  for (turn = 0; turn < (PHASES - 2) / 2; turn++) {
    next_phase(); /* GATHER */
    next_phase(); /* PART */
    for (i = 0; i < NAMES && !stress_failures(); i++)
      if (stress_name_exists(names[i])) stress_fail("a name was left after all had closed it together");
  }
}

/* ---- objects that are not shmipc's to remove: one of another program, and a persistent one */

static char foreign[STRESS_NAME], persistent[STRESS_NAME];

static void make_standing(void *context) {
  const struct os_name name = os_name_of(persistent);
  struct os_section *section;
  char path[STRESS_NAME + 16];
  int fd;
  (void)context;
  snprintf(path, sizeof path, "/dev/shm/%s", foreign);
  fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
  if (fd < 0 || ftruncate(fd, OBJECT_SIZE) != 0) stress_give_up(2, "%s cannot be made", path);
  if (os_section_create(&name, OBJECT_SIZE, 0600, OS_PERSISTENT, os_clock() + PATIENCE, &section).status != SHMIPC_OK)
    stress_give_up(2, "%s cannot be made", persistent);
  os_section_close(section);
}

/* Opens and closes them without end, as everybody's neighbour; is killed in the middle of it. */
static void visit_standing(void *context) {
  (void)context;
  disturbance.pause = stress_option("pauses");
  for (;;) {
    const struct os_name name = os_name_of(stress_below(2) ? foreign : persistent);
    const uint64_t deadline = os_clock() + PATIENCE;
    struct os_section *section;
    struct os_mutex *mutex;
    enum shmipc_status status;
    switch (stress_below(3)) {
    case 0:
      status = os_section_open(&name, OS_READ_WRITE, deadline, &section).status;
      if (status != SHMIPC_OK)
        stress_fail("opening a standing object gave %s", stress_status(status));
      else
        os_section_close(section);
      break;
    case 1:
      status = os_section_create(&name, OBJECT_SIZE, 0600, OS_WHILE_HELD, deadline, &section).status;
      if (status != SHMIPC_EXISTS) stress_fail("creating over a standing object gave %s", stress_status(status));
      break;
    default:
      status = os_mutex_open(&name, deadline, &mutex).status;
      if (status != SHMIPC_WRONG_KIND) stress_fail("a standing object as a mutex gave %s", stress_status(status));
    }
  }
}

static void check_standing(void) {
  if (!stress_name_exists(foreign)) stress_fail("another program's object was removed");
  if (!stress_name_exists(persistent)) stress_fail("a persistent object was removed");
  stress_name_remove(foreign);
  stress_name_remove(persistent);
}

int main(int argc, char **argv) {
  struct stress_option options[] = {{"seconds", 5, "how long", NULL},
                                    {"kills", 10, "in 1000 operations, about", NULL},
                                    {"pauses", 1000, "one in so many points between system calls; 0: none", NULL},
                                    {"seed", 1, "of the random decisions", NULL},
                                    {"bug", 0, "the planted bug", NULL},
                                    {"unlink", 0, "1: names are also taken away by hand", NULL}};
  pid_t visitors[2];
  uint64_t begin, end, held = 0, i;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  if (stress_option("bug") >= PLANTED_BUGS_END) stress_give_up(2, "there is no such bug");
  with_unlink = stress_option("unlink") != 0;
  board = stress_share(sizeof *board);
  for (i = 0; i < NAMES; i++) {
    char tag[2] = {(char)('a' + i), '\0'};
    stress_name(names[i], tag);
  }
  stress_name(foreign, "foreign");
  stress_name(persistent, "persistent");
  if (stress_wait(stress_fork(make_standing, NULL), HANG) != 0) return 2;
  for (i = 0; i < 2; i++) visitors[i] = stress_fork(visit_standing, NULL);
  begin = stress_clock();
  end = begin + stress_option("seconds") * STRESS_SECOND;
  for (i = 0; i < WORKERS; i++) start((unsigned)i);
  for (;;) {
    uint64_t until = stress_clock() + stress_below(2 * REST_EVERY);
    run_until(until < end ? until : end);
    if (!stress_failures()) rest();
    if (stress_clock() >= end || stress_failures()) break;
    stress_kill(visitors[0]);
    visitors[0] = stress_fork(visit_standing, NULL);
    next_phase(); /* RUN */
  }
  atomic_store(&board->over, 1); /* while all rest */
  for (i = 0; i < WORKERS; i++) {
    if (stress_failures())
      stress_kill(board->workers[i].process);
    else if (stress_wait(board->workers[i].process, HANG) != 0)
      stress_fail("a worker did not end well");
    held += atomic_load(&board->workers[i].objects_held);
  }
  for (i = 0; i < 2; i++) stress_kill(visitors[i]);
  if (!stress_failures()) stress_wait(stress_fork(look_for_leftovers, NULL), HANG);
  check_standing();
  for (i = 0; i < NAMES; i++) stress_name_remove(names[i]);
  return stress_end(
      "%llu operations, %llu objects held, %llu deaths between system calls and %llu anywhere, %llu exits, "
      "in %.1f s; planted: %s",
      (unsigned long long)operations_done(), (unsigned long long)held,
      (unsigned long long)atomic_load(&board->deaths_between), (unsigned long long)atomic_load(&board->deaths_anywhere),
      (unsigned long long)atomic_load(&board->exits), (double)(stress_clock() - begin) / 1e9,
      planted_bug_meaning[stress_option("bug")]);
}
