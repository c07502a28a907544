/* A process is killed at every single instruction of an operation: it is traced (ptrace(2)), stops before the
 * operation, does some instructions of it, and is killed; then another process looks whether every promise still holds.
 * That is repeated with one instruction more each time until the operation is over, or with so many more (stride), from
 * another first one each time (phase).
 *
 * Three processes take part: the main one traces; the victim, a new one each time; and the witness, which prepares and
 * inspects. */
#define _GNU_SOURCE
#define _FILE_OFFSET_BITS 64

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/channel.h"
#include "core/mapping.h"
#include "core/mutex.h"
#include "stress.h"

#define SIZE 4096
#define MARK 42
#define SHORT (STRESS_SECOND)     /* enough for any lock that is free, and any decision about a name */
#define LONG (10 * STRESS_SECOND) /* nothing of all this takes so long */
#define A_MOMENT (STRESS_SECOND / 50)
#define CALLS_MAX 200
#define TEXT_MAX 32

/* What all three see. */
struct board {
  _Atomic(int) over;         /* the victim has come to the operation's end */
  _Atomic(int) holds;        /* from after the victim has got the lock to before it gives it back */
  volatile uint64_t pair[2]; /* protected by the mutex: equal when nobody holds it */
  _Atomic(int) waits;        /* the second waiter is about to lock */
  _Atomic(int) got, got_abandoned;
  _Atomic(uint64_t) got_at;
};

static struct board *board;
static char mutex_text[STRESS_NAME], section_text[STRESS_NAME], first_text[STRESS_NAME], channel_text[STRESS_NAME];
static struct os_name mutex_name, section_name, first_name, channel_name;

/* ---- the victim's operations. begin: before it is stepped. */

static struct shmipc_mutex mutex;
static struct shmipc_mapping *mapping;
static struct shmipc_channel channel;

static void expect_ok(struct shmipc_result result, const char *what) {
  if (result.status != SHMIPC_OK) stress_fail("%s gave %s", what, stress_status(result.status));
}

static void lock(uint64_t patience) {
  uint64_t serial;
  int abandoned;
  if (shmipc_mutex_lock(&mutex, os_clock() + patience, &serial, &abandoned).status == SHMIPC_OK)
    atomic_store(&board->holds, 1);
}

static void unlock(void) {
  atomic_store(&board->holds, 0);
  shmipc_mutex_unlock(&mutex);
}

/* What happens once in a process is not part of an operation. */
static void begin_nothing(void) {
  const struct shmipc_creation creation = {SIZE, 0600, OS_WHILE_HELD};
  struct shmipc_mapping *first;
  struct shmipc_view view;
  expect_ok(shmipc_mapping_create(&first_name, &creation, OS_READ_WRITE, os_clock() + SHORT, &first), "create");
  expect_ok(shmipc_view_open(first, 0, SIZE, OS_READ_WRITE, &view), "a view");
  shmipc_view_close(&view);
  shmipc_mapping_release(first);
}

static void begin_open(void) { expect_ok(shmipc_mutex_open(&mutex_name, os_clock() + SHORT, &mutex), "open"); }

static void begin_locked(void) {
  begin_open();
  lock(SHORT);
}

static void act_lock(void) { lock(SHORT); }
static void act_unlock(void) { unlock(); }
static void act_abandon(void) { shmipc_mutex_close(&mutex); }
static void act_wait(void) { lock(A_MOMENT); }
static void act_wait_long(void) { lock(LONG); }

static void act_recursive(void) {
  uint64_t serial;
  int abandoned;
  lock(SHORT);
  shmipc_mutex_lock(&mutex, 0, &serial, &abandoned);
  shmipc_mutex_unlock(&mutex);
  unlock();
}

static void act_write(void) {
  lock(SHORT);
  board->pair[0]++;
  board->pair[1]++;
  unlock();
}

static void act_create_owned(void) {
  const struct shmipc_mutex_creation creation = {0600, OS_BORN_OWNED};
  if (shmipc_mutex_create(&mutex_name, &creation, os_clock() + SHORT, &mutex).status == SHMIPC_OK)
    atomic_store(&board->holds, 1);
}

static void act_create(void) {
  const struct shmipc_creation creation = {SIZE, 0600, OS_WHILE_HELD};
  shmipc_mapping_create(&section_name, &creation, OS_READ_WRITE, os_clock() + SHORT, &mapping);
}

static void act_open(void) {
  mapping = NULL;
  shmipc_mapping_open(&section_name, OS_READ_WRITE, os_clock() + SHORT, &mapping);
}

static void begin_section_open(void) {
  act_open();
  if (!mapping) stress_fail("a mapping that is held cannot be opened");
}

static void begin_section_create(void) {
  mapping = NULL;
  act_create();
  if (!mapping) stress_fail("a mapping cannot be created");
}

static void act_close(void) { shmipc_mapping_release(mapping); }

static void begin_channel(void) { expect_ok(shmipc_channel_open(&channel_name, os_clock() + SHORT, &channel), "open"); }

static void send_text(struct shmipc_channel *through, const char *text) {
  const struct shmipc_message message = {text, strlen(text)};
  size_t sent = 0;
  expect_ok(shmipc_channel_send(through, &message, 1, os_clock() + SHORT, &sent), "send");
}

/* 0: there is none. */
static int receive_text(struct shmipc_channel *through, char text[TEXT_MAX]) {
  struct shmipc_look look;
  if (shmipc_channel_look(through, 0, &look).status != SHMIPC_OK) return 0;
  if (look.message.length >= TEXT_MAX) stress_fail("a message of %u bytes", (unsigned)look.message.length);
  memset(text, 0, TEXT_MAX);
  memcpy(text, look.message.bytes, look.message.length < TEXT_MAX ? look.message.length : TEXT_MAX - 1);
  return shmipc_channel_take(through, &look);
}

static void act_send(void) { send_text(&channel, "the victim's"); }

static void act_receive(void) {
  char text[TEXT_MAX];
  receive_text(&channel, text);
}

/* ---- the witness: prepare, before there is a victim; observe, while the victim stands still; inspect, when it is
 * dead. What it keeps while one operation is tried again and again: */

static struct shmipc_mutex kept_mutex;
static struct shmipc_mapping *kept_mapping;
static struct shmipc_channel kept_channel;

static void prepare_nothing(void) {}

static void prepare_mutex(void) {
  const struct shmipc_mutex_creation creation = {0600, OS_BORN_FREE};
  if (!kept_mutex.lock)
    expect_ok(shmipc_mutex_create(&mutex_name, &creation, os_clock() + SHORT, &kept_mutex), "create");
}

static int witness_lock(void) {
  uint64_t serial;
  int abandoned = 0;
  expect_ok(shmipc_mutex_lock(&kept_mutex, os_clock() + SHORT, &serial, &abandoned), "the next owner's lock");
  return abandoned;
}

static void prepare_locked_mutex(void) {
  prepare_mutex();
  witness_lock();
}

static void release_mutex(void) { expect_ok(shmipc_mutex_unlock(&kept_mutex), "the next owner's unlock"); }

static void write_mark(struct shmipc_mapping *written) {
  struct shmipc_view view;
  expect_ok(shmipc_view_open(written, 0, SIZE, OS_READ_WRITE, &view), "a view");
  view.memory.address[0] = MARK;
  view.memory.address[SIZE - 1] = MARK;
  shmipc_view_close(&view);
}

static void check_bytes(struct shmipc_mapping *read, char expected) {
  struct shmipc_view view;
  expect_ok(shmipc_view_open(read, 0, SIZE, OS_READ_WRITE, &view), "a view");
  if (view.memory.address[0] != expected || view.memory.address[SIZE - 1] != expected)
    stress_fail("the bytes are not what they were");
  shmipc_view_close(&view);
}

static void prepare_mapping(void) {
  const struct shmipc_creation creation = {SIZE, 0600, OS_WHILE_HELD};
  if (kept_mapping) return;
  expect_ok(shmipc_mapping_create(&section_name, &creation, OS_READ_WRITE, os_clock() + SHORT, &kept_mapping),
            "create");
  if (kept_mapping) write_mark(kept_mapping);
}

static void prepare_channel(void) {
  const struct shmipc_channel_creation creation = {0600, SHMIPC_CAPACITY_MIN};
  if (!kept_channel.arena)
    expect_ok(shmipc_channel_create(&channel_name, &creation, os_clock() + SHORT, &kept_channel), "create");
}

static void prepare_messages(void) {
  prepare_channel();
  send_text(&kept_channel, "first");
  send_text(&kept_channel, "second");
}

/* Receives: what was expected (1), or else the other one (0). */
static int is_next(const char *expected, const char *or_else) {
  char text[TEXT_MAX] = "";
  if (!receive_text(&kept_channel, text)) stress_fail("a message is lost");
  if (strcmp(text, expected) == 0) return 1;
  if (!or_else || strcmp(text, or_else) != 0) stress_fail("a message is \"%s\"", text);
  return 0;
}

/* The dead one has left no lock, and nothing behind what can be seen. */
static void inspect_channel(void) {
  char text[TEXT_MAX];
  is_next("the witness's", NULL);
  if (receive_text(&kept_channel, text)) stress_fail("a message came late, or twice: \"%s\"", text);
}

static void inspect_sent(void) {
  send_text(&kept_channel, "the witness's");
  if (is_next("the victim's", "the witness's")) {
    inspect_channel();
  } else {
    if (atomic_load(&board->over)) stress_fail("a message is lost that was sent");
    send_text(&kept_channel, "the witness's");
    inspect_channel();
  }
}

static void inspect_received(void) {
  if (is_next("first", "second")) {
    if (atomic_load(&board->over)) stress_fail("a message was taken, and is there");
    is_next("second", NULL);
  }
  send_text(&kept_channel, "the witness's");
  inspect_channel();
}

static void inspect_mutex(void) {
  const int abandoned = witness_lock();
  if (board->pair[0] != board->pair[1] && !abandoned) stress_fail("a half written pair, and nobody was told");
  if (atomic_load(&board->holds) && !abandoned) stress_fail("the victim died with the lock, and nobody was told");
  if (atomic_load(&board->over) && !atomic_load(&board->holds) && abandoned)
    stress_fail("\"abandoned\" after a normal unlock");
  board->pair[1] = board->pair[0];
  release_mutex();
  if (witness_lock()) stress_fail("\"abandoned\" is told twice");
  release_mutex();
}

/* The witness has held it all the time. */
static void inspect_waited(void) {
  release_mutex();
  if (witness_lock()) stress_fail("a dead waiter abandoned what it did not have");
  release_mutex();
}

static void inspect_waited_for(void) {
  if (witness_lock()) stress_fail("\"abandoned\" is told twice");
  release_mutex();
}

static int opened_beside_victim;

static void observe_created_mutex(void) {
  uint64_t serial;
  int abandoned;
  const enum shmipc_status status = shmipc_mutex_open(&mutex_name, os_clock() + SHORT, &kept_mutex).status;
  opened_beside_victim = status == SHMIPC_OK;
  if (status == SHMIPC_OK) {
    if (shmipc_mutex_lock(&kept_mutex, 0, &serial, &abandoned).status != SHMIPC_TIMEOUT)
      stress_fail("a mutex can be found before it is owned");
  } else if (status != SHMIPC_NOT_FOUND) {
    stress_fail("a mutex that is being made gave %s", stress_status(status));
  }
}

static void inspect_created_mutex(void) {
  const struct shmipc_mutex_creation creation = {0600, OS_BORN_FREE};
  if (opened_beside_victim) {
    if (!witness_lock()) stress_fail("the creator died with the lock, and nobody was told");
    release_mutex();
    shmipc_mutex_close(&kept_mutex);
  } else if (atomic_load(&board->over)) {
    stress_fail("a created mutex could not be found");
  }
  if (shmipc_mutex_open(&mutex_name, os_clock() + SHORT, &kept_mutex).status != SHMIPC_NOT_FOUND)
    stress_fail("a mutex outlives its holders");
  expect_ok(shmipc_mutex_create(&mutex_name, &creation, os_clock() + SHORT, &kept_mutex), "create");
  if (witness_lock()) stress_fail("a new mutex is abandoned");
  release_mutex();
  shmipc_mutex_close(&kept_mutex);
  if (stress_name_exists(mutex_text)) stress_fail("the name is left");
}

static void observe_created(void) {
  struct shmipc_mapping *found;
  const enum shmipc_status status =
      shmipc_mapping_open(&section_name, OS_READ_WRITE, os_clock() + SHORT, &found).status;
  if (status == SHMIPC_OK) {
    if (found->size != SIZE) stress_fail("a mapping can be found before it has its size");
    check_bytes(found, 0);
    shmipc_mapping_release(found);
  } else if (status != SHMIPC_NOT_FOUND || atomic_load(&board->over)) {
    stress_fail("a mapping that is being made gave %s", stress_status(status));
  }
}

/* Nobody holds it any more. */
static void inspect_gone(void) {
  const struct shmipc_creation creation = {SIZE, 0600, OS_WHILE_HELD};
  struct shmipc_mapping *found;
  if (stress_below(2) == 0 &&
      shmipc_mapping_open(&section_name, OS_READ_WRITE, os_clock() + SHORT, &found).status != SHMIPC_NOT_FOUND)
    stress_fail("a mapping outlives its holders");
  found = NULL;
  expect_ok(shmipc_mapping_create(&section_name, &creation, OS_READ_WRITE, os_clock() + SHORT, &found), "create");
  if (!found) return;
  check_bytes(found, 0);
  write_mark(found);
  shmipc_mapping_release(found);
  if (stress_name_exists(section_text)) stress_fail("the name is left");
}

/* The witness holds it. */
static void inspect_kept(void) {
  const struct shmipc_creation creation = {SIZE, 0600, OS_WHILE_HELD};
  struct shmipc_mapping *found = NULL;
  expect_ok(shmipc_mapping_open(&section_name, OS_READ_WRITE, os_clock() + SHORT, &found), "opening what is held");
  if (found) {
    check_bytes(found, MARK);
    shmipc_mapping_release(found);
  }
  if (shmipc_mapping_create(&section_name, &creation, OS_READ_WRITE, os_clock() + SHORT, &found).status !=
      SHMIPC_EXISTS)
    stress_fail("a new mapping over one that is held");
}

static void witness_ends(void) {
  if (kept_mutex.lock) shmipc_mutex_close(&kept_mutex);
  if (kept_mapping) shmipc_mapping_release(kept_mapping);
  if (kept_channel.arena) shmipc_channel_close(&kept_channel);
  if (stress_name_exists(mutex_text) || stress_name_exists(section_text) || stress_name_exists(channel_text))
    stress_fail("a name is left");
}

/* ---- the operations */

struct operation {
  const char *name;
  void (*prepare)(void);
  void (*precede)(void); /* by a process that is killed then: it leaves a name without a holder */
  void (*begin)(void);
  void (*act)(void);
  void (*observe)(void);
  void (*inspect)(void);
};

static const struct operation operations[] = {
    {"lock", prepare_mutex, NULL, begin_open, act_lock, NULL, inspect_mutex},
    {"unlock", prepare_mutex, NULL, begin_locked, act_unlock, NULL, inspect_mutex},
    {"abandon", prepare_mutex, NULL, begin_locked, act_abandon, NULL, inspect_mutex},
    {"recursive", prepare_mutex, NULL, begin_open, act_recursive, NULL, inspect_mutex},
    {"write", prepare_mutex, NULL, begin_open, act_write, NULL, inspect_mutex},
    {"wait", prepare_locked_mutex, NULL, begin_open, act_wait, NULL, inspect_waited},
    {"woken", prepare_locked_mutex, NULL, begin_open, act_wait_long, NULL, inspect_waited_for},
    {"unlock_waited", prepare_mutex, NULL, begin_locked, act_unlock, NULL, inspect_waited_for},
    {"create_owned", prepare_nothing, NULL, begin_nothing, act_create_owned, observe_created_mutex,
     inspect_created_mutex},
    {"create", prepare_nothing, NULL, begin_nothing, act_create, observe_created, inspect_gone},
    {"create_over", prepare_nothing, begin_section_create, begin_nothing, act_create, NULL, inspect_gone},
    {"open", prepare_mapping, NULL, begin_nothing, act_open, NULL, inspect_kept},
    {"open_leftover", prepare_nothing, begin_section_create, begin_nothing, act_open, NULL, inspect_gone},
    {"close", prepare_nothing, NULL, begin_section_create, act_close, NULL, inspect_gone},
    {"close_shared", prepare_mapping, NULL, begin_section_open, act_close, NULL, inspect_kept},
    {"send", prepare_channel, NULL, begin_channel, act_send, NULL, inspect_sent},
    {"receive", prepare_messages, NULL, begin_channel, act_receive, NULL, inspect_received},
};

static const struct operation *operation;

/* ---- the witness's process does what it is told through a pipe, and answers when it is done */

enum order { PREPARE, RELEASE, OBSERVE, INSPECT, END };

static int to_witness[2], from_witness[2];

static void serve(void *context) {
  enum order given;
  (void)context;
  while (read(to_witness[0], &given, sizeof given) == sizeof given) {
    switch (given) {
    case PREPARE: operation->prepare(); break;
    case RELEASE: release_mutex(); break;
    case OBSERVE: operation->observe(); break;
    case INSPECT: operation->inspect(); break;
    case END: witness_ends(); break;
    }
    if (write(from_witness[1], &given, sizeof given) != sizeof given) break;
  }
}

static void order(enum order given) {
  if (write(to_witness[1], &given, sizeof given) != sizeof given ||
      read(from_witness[0], &given, sizeof given) != sizeof given)
    stress_give_up(2, "the witness is gone");
}

/* ---- tracing */

static void leave_a_name(void *context) {
  (void)context;
  operation->precede();
  raise(SIGKILL);
}

static void be_victim(void *context) {
  (void)context;
  operation->begin();
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) _exit(STRESS_CANNOT);
  raise(SIGSTOP);
  operation->act();
  atomic_store(&board->over, 1);
  for (;;) pause();
}

static void check_stop(int status, int expected) {
  if (WIFEXITED(status) && WEXITSTATUS(status) == STRESS_CANNOT)
    stress_give_up(STRESS_CANNOT, "tracing is not permitted here");
  if (!WIFSTOPPED(status) || WSTOPSIG(status) != expected)
    stress_give_up(1, "the victim has wait status %#x", (unsigned)status);
}

static void wait_for_stop(pid_t victim, int expected) {
  int status;
  while (waitpid(victim, &status, 0) < 0)
    if (errno != EINTR) stress_give_up(2, "waitpid: %s", strerror(errno));
  check_stop(status, expected);
}

enum pace { INSTRUCTIONS, CALLS };

static void let_go_on(pid_t victim, enum pace pace) {
  if ((pace == CALLS ? ptrace(PTRACE_SYSCALL, victim, NULL, NULL) : ptrace(PTRACE_SINGLESTEP, victim, NULL, NULL)) != 0)
    stress_give_up(STRESS_CANNOT, "single steps are not possible here: %s", strerror(errno));
}

/* So many instructions, or to so many beginnings and ends of system calls; less when the operation is over. Returns how
 * many. */
static uint64_t go_on(pid_t victim, enum pace pace, uint64_t count) {
  uint64_t done = 0;
  while (done < count && !atomic_load(&board->over)) {
    let_go_on(victim, pace);
    wait_for_stop(victim, SIGTRAP);
    done++;
  }
  return done;
}

static pid_t start_victim(void) {
  pid_t victim;
  atomic_store(&board->over, 0);
  atomic_store(&board->holds, 0);
  order(PREPARE);
  if (operation->precede) stress_wait(stress_fork(leave_a_name, NULL), LONG);
  victim = stress_fork(be_victim, NULL);
  wait_for_stop(victim, SIGSTOP);
  return victim;
}

/* Kills in the place that is so many calls and then so many instructions after the beginning. Returns how many of the
 * instructions there were before the operation was over. */
static uint64_t try_one(uint64_t calls, uint64_t instructions) {
  const pid_t victim = start_victim();
  uint64_t done;
  go_on(victim, CALLS, calls);
  done = go_on(victim, INSTRUCTIONS, instructions);
  if (operation->observe) order(OBSERVE);
  stress_kill(victim);
  order(INSPECT);
  return done;
}

/* Going to a call at full speed and stepping only from there makes the work grow with the square of the distance
 * between two calls, not with that of the whole length. So first: how many instructions are left after each call? */
static size_t measure(uint64_t left[CALLS_MAX]) {
  size_t count = 0;
  do {
    if (count == CALLS_MAX) stress_give_up(2, "the operation has too many system calls");
    left[count] = try_one(count, UINT64_MAX);
  } while (left[count++] > 0);
  return count;
}

static uint64_t try_all(uint64_t first, uint64_t stride, uint64_t *tried) {
  uint64_t left[CALLS_MAX];
  const uint64_t more = 8; /* no two victims do exactly the same: there are numbers in names */
  const size_t calls = measure(left);
  uint64_t next = first, place = 0, instruction;
  size_t call;
  for (call = 0; call + 1 < calls; call++) {
    const uint64_t until = (left[call] > left[call + 1] ? left[call] - left[call + 1] : 0) + more;
    for (instruction = 0; instruction <= until && !stress_failures(); instruction++, place++) {
      if (place != next) continue;
      next += stride;
      ++*tried;
      try_one(call, instruction);
    }
  }
  return left[0];
}

/* ---- a second waiter must get the lock soon, whether the first one, which has been woken, dies before it takes it, or
 * the owner dies while it unlocks: the wake must not die with them */

static void wait_second(void *context) {
  uint64_t serial;
  int abandoned = 0;
  struct shmipc_result result;
  (void)context;
  begin_open();
  atomic_store(&board->waits, 1);
  result = shmipc_mutex_lock(&mutex, os_clock() + LONG, &serial, &abandoned);
  atomic_store(&board->got_at, stress_clock());
  expect_ok(result, "the second waiter's lock");
  atomic_store(&board->got_abandoned, abandoned);
  if (result.status == SHMIPC_OK) expect_ok(shmipc_mutex_unlock(&mutex), "the second waiter's unlock");
}

/* By system calls: it sleeps in one, and will stop at its end. */
static void go_on_until_asleep(pid_t victim) {
  for (;;) {
    unsigned looks = 0;
    int status;
    let_go_on(victim, CALLS);
    while (waitpid(victim, &status, WNOHANG) == 0)
      if (++looks % 64 == 0 && stress_sleeps(victim)) return;
    check_stop(status, SIGTRAP);
    if (atomic_load(&board->over)) stress_give_up(1, "the waiter does not sleep");
  }
}

static int try_one_waited(uint64_t count) {
  const pid_t victim = start_victim();
  pid_t second;
  uint64_t died_at;
  int over;
  if (operation->act == act_wait_long) go_on_until_asleep(victim);
  atomic_store(&board->waits, 0);
  second = stress_fork(wait_second, NULL);
  while (!atomic_load(&board->waits) || !stress_sleeps(second)) stress_sleep(50000);
  if (operation->act == act_wait_long) {
    order(RELEASE);
    wait_for_stop(victim, SIGTRAP);
  }
  go_on(victim, INSTRUCTIONS, count);
  over = atomic_load(&board->over);
  died_at = stress_clock();
  stress_kill(victim);
  if (stress_wait(second, 2 * LONG) != 0) stress_fail("the second waiter did not end well");
  if (atomic_load(&board->got_at) > died_at + SHORT) stress_fail("a wake died with a process");
  if (atomic_load(&board->holds) && !atomic_load(&board->got_abandoned))
    stress_fail("the victim died with the lock, and nobody was told");
  if (over && !atomic_load(&board->holds) && atomic_load(&board->got_abandoned))
    stress_fail("\"abandoned\" after a normal unlock");
  order(INSPECT);
  return over;
}

/* Each step is two switches between processes: between processors they would take twice as long. */
static void stay_on_one_processor(void) {
  cpu_set_t here;
  const int processor = sched_getcpu();
  CPU_ZERO(&here);
  if (processor < 0) return;
  CPU_SET((size_t)processor, &here);
  sched_setaffinity(0, sizeof here, &here);
}

static uint64_t try_all_waited(uint64_t first, uint64_t stride, uint64_t *tried) {
  uint64_t next = first;
  int over;
  do {
    over = try_one_waited(next);
    next += stride;
    ++*tried;
  } while (!over && !stress_failures());
  return next - stride;
}

int main(int argc, char **argv) {
  struct stress_option options[] = {{"operation", 0, "which one", "lock"},
                                    {"stride", 1, "kill at every so many-th instruction", NULL},
                                    {"phase", 0, "the first, modulo the stride", NULL}};
  const size_t count = sizeof operations / sizeof operations[0];
  uint64_t instructions, first, stride, tried = 0, begin;
  pid_t witness;
  size_t i;
  stress_begin(argc, argv, options, sizeof options / sizeof options[0]);
  for (i = 0; i < count && strcmp(operations[i].name, stress_option_text("operation")) != 0; i++) continue;
  if (i == count) stress_give_up(2, "there is no operation %s", stress_option_text("operation"));
  if (STRESS_SANITIZED) stress_give_up(STRESS_CANNOT, "the instructions here are mostly those of the sanitizer");
  operation = &operations[i];
  stride = stress_option("stride");
  if (stride == 0) stress_give_up(2, "the stride must not be 0");
  first = stress_option("phase") % stride;
  begin = stress_clock();
  board = stress_share(sizeof *board);
  stress_name(mutex_text, "mutex");
  stress_name(section_text, "section");
  mutex_name.base = mutex_text;
  section_name.base = section_text;
  stress_name(channel_text, "channel");
  channel_name.base = channel_text;
  stress_name(first_text, "first");
  first_name.base = first_text;
  if (pipe(to_witness) != 0 || pipe(from_witness) != 0) stress_give_up(2, "pipe: %s", strerror(errno));
  stay_on_one_processor();
  witness = stress_fork(serve, NULL);
  instructions =
      operation->inspect == inspect_waited_for ? try_all_waited(first, stride, &tried) : try_all(first, stride, &tried);
  order(END);
  stress_kill(witness);
  stress_name_remove(mutex_text);
  stress_name_remove(section_text);
  stress_name_remove(channel_text);
  return stress_end("%s: killed %llu times in its %llu instructions, in %.1f s", operation->name,
                    (unsigned long long)tried, (unsigned long long)instructions,
                    (double)(stress_clock() - begin) / 1e9);
}
