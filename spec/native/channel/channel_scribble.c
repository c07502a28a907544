/* A hostile process writes random bytes and words over a channel, or cuts its file, while two others use it. Their
 * calls may then fail, or give what nobody has sent; but no process may crash, no message may lie outside of the ring,
 * no call may last longer than its deadline and a little more, and when all are gone the name must serve again. A case
 * is tried by a group of three processes, which end with it; several groups at a time, since they mostly wait. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "system.h"
#include "trial.h"

#define GROUPS 4
#define PATIENCE (TRIAL_SECOND / 50) /* of a call */
#define A_LITTLE (TRIAL_SECOND)      /* more than the deadline, on a busy machine */
#define DECISION (5 * TRIAL_SECOND)  /* for a name */
#define LIMIT (30 * TRIAL_SECOND)    /* for one to wait for the others of its group */
#define NAP (TRIAL_SECOND / 20000)
#define CAPACITY SHMIPC_CAPACITY_MIN
#define PAGE 4096 /* all that is not the ring lies in the first one */
#define CALLS 12
#define BATCH_MAX 4
#define LARGEST (CAPACITY / 2 - 16)

enum role { FIRST, SECOND, HOSTILE, ROLES };
enum target {
  EVERYTHING,
  THE_PAGE,
  A_WORD_OF_THE_PAGE,
  THE_RING,
  A_WORD_OF_THE_RING,
  ZEROS,
  CUT,
  CUT_TO_A_PAGE,
  CUT_AND_REGROWN,
  TARGETS
};

/* One group's. */
struct group {
  char channel[TRIAL_NAME];
  _Atomic(uint64_t) now; /* the case */
  _Atomic(uint32_t) arrived;
  _Atomic(uint32_t) done; /* of FIRST and SECOND, in this case */
};

struct board {
  _Atomic(uint32_t) failures;
  _Atomic(uint64_t) calls, refused, scribbles;
  struct group groups[GROUPS];
};

static struct board *board;
static struct group *group;
static struct shmipc_channel channel;
static uint64_t now_tried;
static enum target target;

/* ---- calls */

static uint64_t call_began, call_patience;

static uint64_t call_begin(void) {
  call_patience = trial_below(4) == 0 ? 0 : PATIENCE;
  call_began = os_clock();
  return call_began + call_patience;
}

static enum shmipc_status call_end(const char *what, struct shmipc_result result) {
  const uint64_t lasted = os_clock() - call_began;
  atomic_fetch_add(&board->calls, 1);
  if (result.status != SHMIPC_OK) atomic_fetch_add(&board->refused, 1);
  if (lasted > call_patience + A_LITTLE)
    trial_fail("case %llu, target %d: %s lasted %.3f s", (unsigned long long)now_tried, (int)target, what,
               (double)lasted / 1e9);
  return result.status;
}

static void send_some(void) {
  static const char bytes[LARGEST] = {1};
  const size_t count = 1 + (size_t)trial_below(BATCH_MAX);
  struct shmipc_message messages[BATCH_MAX];
  size_t sent = 0, i;
  for (i = 0; i < count; i++) {
    messages[i].bytes = bytes;
    messages[i].length = (size_t)trial_below(trial_below(3) == 0 ? LARGEST + 1 : 100);
  }
  call_end("send", shmipc_channel_send(&channel, messages, count, call_begin(), &sent));
  if (sent > count)
    trial_fail("case %llu: of %u messages it has sent more", (unsigned long long)now_tried, (unsigned)count);
}

/* A copy of just its size, so that a sanitizer sees the bounds. */
static void copy_message(const struct shmipc_message *message) {
  const char *memory = channel.arena->memory;
  char *copy;
  if (message->length > LARGEST || message->bytes < memory || message->bytes + message->length > memory + CAPACITY) {
    trial_fail("case %llu, target %d: a message of %u bytes reaches out of the ring", (unsigned long long)now_tried,
               (int)target, (unsigned)message->length);
    return;
  }
  copy = malloc(message->length + 1);
  if (copy) memcpy(copy, message->bytes, message->length);
  free(copy);
}

static void receive_some(void) {
  struct shmipc_look look;
  size_t left = (size_t)trial_below(CAPACITY / 8);
  if (call_end("receive", shmipc_channel_look(&channel, call_begin(), &look)) != SHMIPC_OK) return;
  do copy_message(&look.message);
  while (left-- > 0 && shmipc_channel_look_further(&channel, &look));
  shmipc_channel_take(&channel, &look);
}

static void call_anything(void) {
  struct shmipc_channel_state state;
  switch (trial_below(24)) {
  case 0: call_end("shutdown", shmipc_channel_shut_down(&channel, call_begin())); break;
  case 1:
  case 2:
    call_begin();
    call_patience = 0;
    call_end("stats", shmipc_channel_inspect(&channel, &state));
    break;
  default:
    if (trial_below(2) == 0)
      send_some();
    else
      receive_some();
    break;
  }
}

static void close_channel(void) {
  call_begin();
  shmipc_channel_close(&channel);
  call_end("close", shmipc_result(SHMIPC_OK));
}

static struct os_name channel_name(void) {
  const struct os_name name = {OS_SCOPE_NONE, group->channel};
  return name;
}

static int open_channel(void) {
  const struct os_name name = channel_name();
  uint64_t deadline = call_begin() - call_patience + DECISION;
  call_patience = DECISION;
  return call_end("open", shmipc_channel_open(&name, deadline, &channel)) == SHMIPC_OK;
}

static void create_channel(void) {
  const struct os_name name = channel_name();
  const struct shmipc_channel_creation creation = {0600, CAPACITY};
  const struct shmipc_result result = shmipc_channel_create(&name, &creation, os_clock() + DECISION, &channel);
  if (result.status != SHMIPC_OK)
    trial_give_up("case %llu: create gave %s", (unsigned long long)now_tried, trial_status(result.status));
}

/* ---- the hostile process */

static uint64_t nasty_word(uint64_t found) {
  const uint64_t words[] = {0,
                            UINT64_MAX,
                            UINT64_C(0xffffffff),
                            UINT64_C(0xfffffffe),
                            1 + trial_below(LARGEST * 2),
                            found + 8,
                            found - 8,
                            found + CAPACITY,
                            found ^ UINT64_C(1) << trial_below(64),
                            trial_below(CAPACITY) & ~UINT64_C(7),
                            trial_random(),
                            found << 32 | LARGEST,
                            UINT32_MAX};
  return words[trial_below(sizeof words / sizeof words[0])];
}

static void write_word(char *from, size_t size) {
  char *at = from + trial_below(size / 8) * 8;
  uint64_t word;
  memcpy(&word, at, sizeof word);
  word = nasty_word(word);
  memcpy(at, &word, sizeof word);
}

static void scribble(char *from, size_t size) {
  size_t i;
  for (i = 0; i < size; i++) ((volatile char *)from)[i] = (char)trial_random();
}

/* 0: that is enough, or cannot be. */
static int attack(char *bytes, size_t size) {
  size_t count = 1 + (size_t)trial_below(16);
  atomic_fetch_add(&board->scribbles, 1);
  switch (target) {
  case EVERYTHING: scribble(bytes, size); return 1;
  case THE_PAGE: scribble(bytes + trial_below(PAGE - 64), 1 + (size_t)trial_below(64)); return 1;
  case A_WORD_OF_THE_PAGE:
    while (count-- > 0) write_word(bytes, PAGE);
    return 1;
  case THE_RING: scribble(bytes + PAGE, size - PAGE); return 1;
  case A_WORD_OF_THE_RING:
    while (count-- > 0) write_word(bytes + PAGE, size - PAGE);
    return 1;
  case ZEROS: memset(bytes, 0, size); return 1;
  case CUT: system_cut(group->channel, 0); return 0;
  case CUT_TO_A_PAGE: system_cut(group->channel, PAGE); return 0;
  default: return system_cut(group->channel, (size_t)trial_below(2) * PAGE) && system_cut(group->channel, size);
  }
}

/* ---- a case */

static void nap(void) { os_sleep(os_clock() + NAP); }

static void wait_for_all(void) {
  const uint64_t until = os_clock() + LIMIT;
  const uint32_t lap = atomic_fetch_add(&group->arrived, 1) / ROLES;
  while (atomic_load(&group->arrived) / ROLES == lap && os_clock() < until) {
    if (trial_failures()) exit(0);
    nap();
  }
  if (atomic_load(&group->arrived) / ROLES == lap) trial_give_up("the others are gone");
}

static void be_hostile(void) {
  size_t size = 0;
  char *bytes = system_map(group->channel, &size);
  if (!bytes || size < PAGE + CAPACITY) trial_give_up("%s cannot be had from outside", group->channel);
  wait_for_all();
  while (atomic_load(&group->done) < 2 && attack(bytes, size))
    if (trial_below(2) == 0) os_sleep(os_clock() + trial_below(TRIAL_SECOND / 2000));
  wait_for_all();
  system_unmap(bytes, size);
}

static void suffer(void) {
  const unsigned again = (unsigned)trial_below(CALLS);
  unsigned i;
  int is_open = 1;
  wait_for_all();
  for (i = 0; i < CALLS && is_open; i++) {
    if (i == again && trial_below(4) == 0) { /* what stands there now */
      close_channel();
      is_open = open_channel();
    } else {
      call_anything();
    }
  }
  atomic_fetch_add(&group->done, 1);
  wait_for_all();
  if (is_open) close_channel();
}

static void use_again(void) {
  const struct shmipc_message message = {"again", 5};
  struct shmipc_look look;
  size_t sent = 0;
  create_channel();
  if (shmipc_channel_send(&channel, &message, 1, os_clock() + DECISION, &sent).status != SHMIPC_OK ||
      shmipc_channel_look(&channel, os_clock() + DECISION, &look).status != SHMIPC_OK || look.message.length != 5 ||
      memcmp(look.message.bytes, "again", 5) != 0 || !shmipc_channel_take(&channel, &look))
    trial_fail("case %llu, target %d: a new channel does not serve", (unsigned long long)now_tried, (int)target);
  shmipc_channel_close(&channel);
  if (system_is_left(group->channel))
    trial_fail("case %llu, target %d: the name is left", (unsigned long long)now_tried, (int)target);
}

static void try_case(enum role role) {
  target = (enum target)(now_tried % TARGETS);
  trial_seed(trial_mix(now_tried) + role);
  if (role == FIRST) {
    unsigned i;
    atomic_store(&group->done, 0);
    create_channel();
    for (i = (unsigned)trial_below(CALLS); i > 0; i--) send_some();
  }
  wait_for_all();
  if (role == SECOND && !open_channel()) trial_give_up("a sound channel cannot be opened");
  if (role == HOSTILE)
    be_hostile();
  else
    suffer();
  wait_for_all();
  if (role == FIRST) use_again();
  wait_for_all();
}

static int be_member(char **arguments) {
  const enum role role = (enum role)strtoul(arguments[2], NULL, 10);
  board = trial_board_open(arguments[0]);
  group = &board->groups[strtoul(arguments[1], NULL, 10)];
  trial_count_in(&board->failures);
  now_tried = atomic_load(&group->now);
  try_case(role);
  return 0;
}

/* ---- the program */

static char board_name[TRIAL_NAME];
static struct child *children[GROUPS][ROLES];

static void start_case(unsigned which, uint64_t number) {
  char group_text[16], role_text[16];
  const char *arguments[] = {"member", board_name, group_text, role_text, NULL};
  unsigned role;
  atomic_store(&board->groups[which].now, number);
  snprintf(group_text, sizeof group_text, "%u", which);
  for (role = 0; role < ROLES; role++) {
    snprintf(role_text, sizeof role_text, "%u", role);
    children[which][role] = child_start(arguments);
    if (!children[which][role]) trial_give_up("no process can be started");
  }
}

/* Returns how many of the group run. */
static unsigned watch(unsigned which) {
  unsigned role, running = 0;
  for (role = 0; role < ROLES; role++) {
    struct child **child = &children[which][role];
    const int state = *child ? child_state(*child) : 0;
    if (state == CHILD_RUNS) running++;
    if (state == CHILD_RUNS || !*child) continue;
    if (state != 0)
      trial_fail("process %u ended with state %d in case %llu", role, state,
                 (unsigned long long)atomic_load(&board->groups[which].now));
    child_forget(*child);
    *child = NULL;
  }
  return running;
}

/* Until all have been tried, or one has failed. */
static void try_cases(uint64_t begin, uint64_t end) {
  unsigned which, running;
  do {
    running = 0;
    for (which = 0; which < GROUPS; which++) {
      unsigned of_group = watch(which);
      if (of_group == 0 && begin < end && !trial_failures()) {
        start_case(which, begin++);
        of_group = ROLES;
      }
      running += of_group;
    }
    os_sleep(os_clock() + TRIAL_SECOND / 1000);
  } while (running > 0 && !trial_failures());
  if (running == 0) return;
  os_sleep(os_clock() + TRIAL_SECOND); /* the others see it */
  for (which = 0; which < GROUPS * ROLES; which++)
    if (children[which / ROLES][which % ROLES]) child_forget(children[which / ROLES][which % ROLES]);
}

int main(int argc, char **argv) {
  struct trial_option options[] = {{"cases", 300, "how many", NULL}, {"seed", 1, "of the first case", NULL}};
  uint64_t begin;
  unsigned i;
  system_begin();
  if (argc == 5 && strcmp(argv[1], "member") == 0) return be_member(argv + 2);
  trial_options(argc, argv, options, sizeof options / sizeof options[0]);
  trial_name(board_name, "board");
  board = trial_board_create(board_name, sizeof *board);
  trial_count_in(&board->failures);
  begin = os_clock();
  for (i = 0; i < GROUPS; i++) {
    char tag[16];
    snprintf(tag, sizeof tag, "%u", i);
    trial_name(board->groups[i].channel, tag);
  }
  try_cases(trial_option("seed"), trial_option("seed") + trial_option("cases"));
  return trial_end("%llu cases, %llu calls, of which %llu failed as they may, %llu scribbles, in %.1f s",
                   (unsigned long long)trial_option("cases"), (unsigned long long)atomic_load(&board->calls),
                   (unsigned long long)atomic_load(&board->refused), (unsigned long long)atomic_load(&board->scribbles),
                   (double)(os_clock() - begin) / 1e9);
}
