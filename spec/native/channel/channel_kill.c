/* Senders and receivers are killed at every step of what they do to a channel, and at any moment; they stand still
 * there, and go on. Each round is a channel of its own, and ends with its shutdown. Then all that was ever in it is
 * known, and whether every promise held:
 *
 * Each receiver writes down what it is about to take, its place in the ring included, and at the step behind it that it
 * has taken it. So the places must cover the ring's whole way without a gap or an overlap, where of a receiver that was
 * killed between the two the one entry may belong there or not; and along that way each sender's messages stand
 * complete, in their order and with their bytes, from the first to the last that it has sent, or has died in sending.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/channel.h"
#include "planted.h"
#include "system.h"
#include "trial.h"

#define MEMBERS 64 /* processes of a round */
#define TAKES 4096 /* of a receiver; then another one takes its place */
#define LOGGED 8192
#define BATCH_MAX 8
#define SLOTS_MAX 6 /* that run at a time */
#define KILLS_MAX 24

#define SLICE (TRIAL_SECOND / 10)   /* a call's time */
#define SLACK (3 * TRIAL_SECOND)    /* that it may take more, on a busy machine */
#define LIMIT (20 * TRIAL_SECOND)   /* for a round's end */
#define PATIENCE (TRIAL_SECOND / 5) /* for a step that a process does not come by */
#define NAP (TRIAL_SECOND / 5000)   /* between two looks at the processes */
#define STAND (TRIAL_SECOND / 50)   /* the longest time to stand still */
#define DECISION (5 * TRIAL_SECOND) /* for a name */
#define CAPACITY SHMIPC_CAPACITY_MIN

#define STEPS SHMIPC_STEPS_END
static const char *const step_names[STEPS] = {
#define SHMIPC_X(name) #name,
    SHMIPC_STEP_LIST(SHMIPC_X)
#undef SHMIPC_X
};

enum role { SENDER, RECEIVER, CLOSER };
static const char *const role_names[] = {"a sender", "a receiver", "the closer"};
enum action { NO_ACTION, DIE, STAND_STILL };

/* One message, as a receiver has found it. */
struct found {
  uint32_t number; /* of the sender's; of a short one as many bytes as are in it */
  uint16_t length;
  uint8_t sender;
  uint8_t is_broken;
};

/* The messages of one take. */
struct take {
  uint64_t from, to;     /* in the ring */
  uint32_t first, count; /* in the log */
};

/* One process of a round. */
struct member {
  enum role role;
  uint32_t slot, batch;
  enum action action; /* when it comes by the step for the nth time */
  uint32_t step, nth, way;
  _Atomic(uint32_t) reached, goes_on;
  _Atomic(uint64_t) call_began;  /* 0: it is in none */
  _Atomic(uint64_t) meant, sent; /* a sender: numbers of messages */
  _Atomic(uint32_t) received;    /* a receiver: takes after which it has lived on */
  _Atomic(uint32_t) taken;       /* a receiver: twice the takes that are sure, and 1 if another one may have been */
  struct take takes[TAKES];
  struct found found[LOGGED];
};

struct board {
  uint64_t round; /* its seed */
  uint32_t planted;
  char channel[TRIAL_NAME];
  _Atomic(uint32_t) failures;
  struct member members[MEMBERS];
};

static struct board *board;
static uint32_t self; /* a child's member */
static struct shmipc_channel channel;

/* ---- what a message is: all follows from its sender and its number */

#define NUMBER_AT 1 /* behind the sender */
#define PATTERN_AT 5

static uint64_t bits_of(uint32_t sender, uint32_t number, size_t which) {
  return trial_mix(trial_mix(board->round * 256 + sender) ^ ((uint64_t)number << 20 | which));
}

/* Every sender's first message is long enough to tell whose it is; empty ones come from one slot only. */
static size_t length_of(uint32_t sender, uint32_t number, size_t largest) {
  const uint64_t bits = bits_of(sender, number, 0), more = bits >> 8;
  size_t length;
  switch (bits % 16) {
  case 0: length = largest; break;
  case 1: length = (size_t)(more % (largest + 1)); break;
  case 2:
  case 3: length = (size_t)(more % (largest / 2)); break;
  case 4:
  case 5: length = (size_t)(more % 8); break;
  default: length = (size_t)(more % 128); break;
  }
  if (number == 0 && length < PATTERN_AT) length += PATTERN_AT;
  if (length == 0 && board->members[sender].slot != 0) length = 1;
  return length;
}

static unsigned char byte_of(uint32_t sender, uint32_t number, size_t i, uint64_t *bits) {
  if (i == 0) return (unsigned char)sender;
  if (i < PATTERN_AT) return (unsigned char)(number >> (i - NUMBER_AT) * 8);
  if (i % 8 == 0 || i == PATTERN_AT) *bits = bits_of(sender, number, i / 8 + 1);
  return (unsigned char)(*bits >> i % 8 * 8);
}

static void write_message(char *to, uint32_t sender, uint32_t number, size_t length) {
  uint64_t bits = 0;
  size_t i;
  for (i = 0; i < length; i++) to[i] = (char)byte_of(sender, number, i, &bits);
}

static struct found describe(const char *bytes, size_t length) {
  struct found found = {0, (uint16_t)length, 0, 0};
  uint64_t bits = 0;
  size_t i;
  if (length > 0) found.sender = (uint8_t)bytes[0];
  for (i = NUMBER_AT; i < PATTERN_AT && i < length; i++)
    found.number |= (uint32_t)(unsigned char)bytes[i] << (i - NUMBER_AT) * 8;
  for (i = PATTERN_AT; i < length; i++)
    if ((unsigned char)bytes[i] != byte_of(found.sender, found.number, i, &bits)) found.is_broken = 1;
  return found;
}

/* ---- children */

static uint32_t passed;
static int is_child;

void shmipc_step(enum shmipc_step step) {
  struct member *member = &board->members[self];
  planted_step(step);
  if (is_child && step == SHMIPC_STEP_RECEIVE_TAKEN) /* before it may die here */
    atomic_store(&member->taken, (atomic_load(&member->taken) / 2 + 1) * 2);
  if (!is_child || member->action == NO_ACTION || member->step != (uint32_t)step || ++passed != member->nth) return;
  atomic_store(&member->reached, 1);
  if (member->action == DIE) system_die(member->way);
  while (!atomic_load(&member->goes_on)) os_sleep(os_clock() + TRIAL_SECOND / 1000);
}

static uint64_t call_begin(void) {
  const uint64_t now = os_clock();
  atomic_store(&board->members[self].call_began, now);
  return now + SLICE;
}

static void call_end(void) { atomic_store(&board->members[self].call_began, 0); }

/* So that the others find it empty, or full. */
static void dawdle(void) {
  if (trial_below(64) == 0) os_sleep(os_clock() + trial_below(TRIAL_SECOND / 2000));
}

static void act_as_sender(struct member *member) {
  const size_t largest = shmipc_channel_largest(&channel);
  char *bytes = malloc(BATCH_MAX * largest);
  uint32_t number = 0;
  if (!bytes) trial_give_up("no memory");
  for (;;) {
    const uint32_t count = 1 + (uint32_t)trial_below(member->batch);
    struct shmipc_message messages[BATCH_MAX];
    struct shmipc_result result;
    size_t sent = 0, i;
    for (i = 0; i < count; i++) {
      const uint32_t which = number + (uint32_t)i;
      messages[i].bytes = bytes + i * largest;
      messages[i].length = length_of(self, which, largest);
      write_message(bytes + i * largest, self, which, messages[i].length);
    }
    atomic_store(&member->meant, number + count);
    do {
      result = shmipc_channel_send(&channel, messages, count, call_begin(), &sent);
      call_end();
      atomic_store(&member->sent, number + sent);
    } while (result.status == SHMIPC_TIMEOUT);
    number += (uint32_t)sent;
    if (result.status == SHMIPC_CLOSED) break;
    if (result.status != SHMIPC_OK || sent != count) {
      trial_fail("send gave %s, %u of %u", trial_status(result.status), (unsigned)sent, (unsigned)count);
      break;
    }
    dawdle();
  }
  atomic_store(&member->meant, number);
  free(bytes);
}

/* Notes a message, from a copy of just its size. 0: there is no memory. */
static int note(struct member *member, uint32_t at, const struct shmipc_message *message) {
  char *copy = malloc(message->length + (message->length == 0));
  if (!copy) return 0;
  memcpy(copy, message->bytes, message->length);
  member->found[at] = describe(copy, message->length);
  free(copy);
  return 1;
}

/* Looks and takes; the look's status. OK also if another one was quicker. */
static enum shmipc_status receive(struct member *member, uint64_t deadline) {
  const uint32_t count = atomic_load(&member->taken) / 2;
  struct take *take = &member->takes[count];
  const uint32_t most = 1 + (uint32_t)trial_below(member->batch);
  struct shmipc_look look;
  const enum shmipc_status status = shmipc_channel_look(&channel, deadline, &look).status;
  if (status != SHMIPC_OK) return status;
  take->first = count > 0 ? take[-1].first + take[-1].count : 0;
  take->count = 0;
  do {
    if (!note(member, take->first + take->count, &look.message)) trial_give_up("no memory");
    take->count++;
  } while (take->count < most && shmipc_channel_look_further(&channel, &look));
  take->from = look.from;
  take->to = look.to;
  atomic_store(&member->taken, count * 2 + 1);
  if (shmipc_channel_take(&channel, &look)) atomic_store(&member->received, count + 1);
  atomic_store(&member->taken, atomic_load(&member->received) * 2);
  return status;
}

static int has_room(const struct member *member) {
  const uint32_t count = atomic_load(&member->taken) / 2;
  const struct take *last = &member->takes[count];
  return count < TAKES && (count == 0 || last[-1].first + last[-1].count + BATCH_MAX <= LOGGED);
}

static enum shmipc_status act_as_receiver(struct member *member) {
  enum shmipc_status status = SHMIPC_OK;
  while ((status == SHMIPC_OK || status == SHMIPC_TIMEOUT) && has_room(member)) {
    status = receive(member, call_begin());
    call_end();
    dawdle();
  }
  return status;
}

static void act_as_closer(void) {
  const struct shmipc_result result = shmipc_channel_shut_down(&channel, call_begin() - SLICE + LIMIT);
  call_end();
  if (result.status != SHMIPC_OK) trial_fail("shutdown gave %s", trial_status(result.status));
}

static int be_child(const char *board_name, const char *number) {
  const struct os_name name = {OS_SCOPE_NONE, NULL};
  struct os_name channel_name = name;
  struct member *member;
  struct shmipc_result result;
  is_child = 1;
  board = trial_board_open(board_name);
  self = (uint32_t)strtoul(number, NULL, 10);
  member = &board->members[self];
  planted_bug = (enum planted_bug)board->planted;
  trial_count_in(&board->failures);
  trial_seed(trial_mix(board->round) + self);
  channel_name.base = board->channel;
  result = shmipc_channel_open(&channel_name, os_clock() + DECISION, &channel);
  if (result.status != SHMIPC_OK) {
    trial_fail("open gave %s", trial_status(result.status));
    return 0;
  }
  switch (member->role) {
  case SENDER: act_as_sender(member); break;
  case RECEIVER: {
    const enum shmipc_status status = act_as_receiver(member);
    if (status != SHMIPC_CLOSED && status != SHMIPC_OK && status != SHMIPC_TIMEOUT)
      trial_fail("receive gave %s", trial_status(status));
    break;
  }
  case CLOSER: act_as_closer(); break;
  }
  shmipc_channel_close(&channel);
  return 0;
}

/* ---- the main process: its plans */

static uint64_t killed_at[STEPS], stood_at[STEPS], killed_anywhere, stood_anywhere, crossed, lost;
static uint32_t only_step = STEPS;

static int has_prefix(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

static int passes(enum role role, uint32_t step) {
  const char *name = step_names[step];
  switch (role) {
  case SENDER: return has_prefix(name, "SEND") || has_prefix(name, "SPACE") || has_prefix(name, "BELL");
  case RECEIVER: return has_prefix(name, "RECEIVE") || has_prefix(name, "MESSAGE") || has_prefix(name, "BELL");
  default: return has_prefix(name, "SHUTDOWN");
  }
}

/* Those that were killed at least, half of the time. */
static uint32_t choose_step(enum role role) {
  const int is_fair = trial_below(2) == 0;
  uint32_t step, chosen = STEPS, choices = 0;
  if (only_step != STEPS) return passes(role, only_step) ? only_step : STEPS;
  for (step = 0; step < STEPS; step++) {
    if (!passes(role, step)) continue;
    choices++;
    if (chosen == STEPS || (is_fair ? killed_at[step] < killed_at[chosen] : trial_below(choices) == 0)) chosen = step;
  }
  return chosen;
}

static int is_rare(uint32_t step) {
  return has_prefix(step_names[step], "SPACE") || has_prefix(step_names[step], "MESSAGE") ||
         has_prefix(step_names[step], "BELL") || has_prefix(step_names[step], "SHUTDOWN");
}

static void plan(struct member *member) {
  const uint32_t step = choose_step(member->role);
  member->action = NO_ACTION;
  if (step == STEPS || trial_below(8) == 0) return;
  member->action = trial_below(6) == 0 ? STAND_STILL : DIE;
  member->step = step;
  member->nth = member->role == CLOSER ? 1 : 1 + (uint32_t)trial_below(is_rare(step) ? 3 : 40);
  member->way = (uint32_t)trial_below(DEATHS);
}

/* ---- its processes */

struct slot {
  enum role role;
  uint32_t number, batch;
  struct member *member;
  struct child *child;   /* NULL: none */
  uint64_t due;          /* when something happens to it anyway */
  uint64_t stands_until; /* stopped from outside; 0: it is not */
  int is_standing;       /* at its step */
};

static char board_name[TRIAL_NAME];
static struct slot slots[SLOTS_MAX + 1]; /* the last one is the closer's */
static uint32_t slots_used, members_used, kills_left;
static uint64_t members_started;

static void start(struct slot *slot, int has_plan) {
  const char *arguments[] = {"member", board_name, NULL, NULL};
  char number[16];
  struct member *member = &board->members[members_used];
  member->role = slot->role;
  member->slot = slot->number;
  member->batch = slot->batch;
  member->action = NO_ACTION;
  atomic_store(&member->reached, 0);
  atomic_store(&member->goes_on, 0);
  atomic_store(&member->call_began, 0);
  atomic_store(&member->meant, 0);
  atomic_store(&member->sent, 0);
  atomic_store(&member->received, 0);
  atomic_store(&member->taken, 0);
  if (has_plan) plan(member);
  snprintf(number, sizeof number, "%u", (unsigned)members_used++);
  arguments[2] = number;
  slot->member = member;
  slot->due = os_clock() + (member->action == NO_ACTION ? trial_below(PATIENCE / 4) : PATIENCE);
  slot->stands_until = 0;
  slot->is_standing = 0;
  slot->child = child_start(arguments);
  if (!slot->child) trial_give_up("no process can be started");
  members_started++;
}

static void has_ended(struct slot *slot, int state, int was_killed) {
  const struct member *member = slot->member;
  if (!was_killed && atomic_load(&member->reached) && member->action == DIE)
    killed_at[member->step]++;
  else if (was_killed && slot->is_standing)
    killed_at[member->step]++;
  else if (was_killed)
    killed_anywhere++;
  else if (state != 0)
    trial_fail("a process ended with state %d", state);
  child_forget(slot->child);
  slot->child = NULL;
}

static void kill_slot(struct slot *slot) {
  child_kill(slot->child);
  has_ended(slot, CHILD_KILLED, 1);
}

static void spend_kill(void) {
  if (kills_left > 0) kills_left--;
}

/* Returns whether its process has ended. */
static int watch(struct slot *slot, int may_harm) {
  struct member *member = slot->member;
  const int state = child_state(slot->child);
  const uint64_t now = os_clock(), began = atomic_load(&member->call_began);
  if (state != CHILD_RUNS) {
    if (state != 0) spend_kill();
    has_ended(slot, state, 0);
    return 1;
  }
  if (!slot->is_standing && member->action == STAND_STILL && atomic_load(&member->reached) &&
      !atomic_load(&member->goes_on)) {
    slot->is_standing = 1;
    stood_at[member->step]++;
    slot->due = now + trial_below(STAND);
    return 0;
  }
  if (slot->is_standing || slot->stands_until) {
    if (now < slot->due) return 0;
    if (may_harm && trial_below(2) == 0) {
      spend_kill();
      kill_slot(slot);
      return 1;
    }
    if (slot->stands_until) child_continue(slot->child);
    atomic_store(&member->call_began, now); /* it has had no time */
    atomic_store(&member->goes_on, 1);
    slot->is_standing = 0;
    slot->stands_until = 0;
    slot->due = now + PATIENCE;
    return 0;
  }
  if (began != 0 && now > began && now - began > SLICE + SLACK && member->role != CLOSER) {
    trial_fail("a call of %s lasts %.1f s", role_names[member->role], (double)(now - began) / 1e9);
    kill_slot(slot);
    return 1;
  }
  if (may_harm && now >= slot->due) {
    if (trial_below(3) == 0) {
      child_stop(slot->child);
      stood_anywhere++;
      slot->stands_until = 1;
      slot->due = now + trial_below(STAND);
      return 0;
    }
    spend_kill();
    kill_slot(slot);
    return 1;
  }
  return 0;
}

static void nap(void) { os_sleep(os_clock() + NAP); }

static struct shmipc_channel_state inspect(void) {
  struct shmipc_channel_state state = {0};
  const struct shmipc_result result = shmipc_channel_inspect(&channel, &state);
  if (result.status != SHMIPC_OK) trial_fail("stats gave %s", trial_status(result.status));
  return state;
}

static void shut_down(void) {
  struct slot *closer = &slots[SLOTS_MAX];
  closer->role = CLOSER;
  closer->number = SLOTS_MAX;
  closer->batch = 1;
  start(closer, 1);
  closer->due = os_clock() + LIMIT;
}

/* For whoever has to find out why. */
static void report_who_is_left(void) {
  const struct shmipc_channel_state state = inspect();
  uint32_t i;
  trial_fail("after the shutdown somebody goes on for ever; %llu sent, %llu received, %llu in it, %s",
             (unsigned long long)state.sent, (unsigned long long)state.received, (unsigned long long)state.depth,
             state.is_shut_down ? "shut down" : "open");
  for (i = 0; i <= SLOTS_MAX; i++) {
    const struct slot *slot = &slots[i];
    const struct member *member = slot->member;
    if (!slot->child) continue;
    trial_fail("%s, planned: %d at %s for the %uth time, %s, %s, in a call since %.3f s, %llu sent, %u taken",
               role_names[slot->role], (int)member->action, step_names[member->step], (unsigned)member->nth,
               atomic_load(&member->reached) ? "reached" : "not reached", slot->stands_until ? "stopped" : "running",
               (double)(os_clock() - atomic_load(&member->call_began)) / 1e9,
               (unsigned long long)atomic_load(&member->sent), (unsigned)atomic_load(&member->taken) / 2);
  }
}

/* Everybody goes on until the channel is empty and shut down. */
static void end_round(void) {
  const uint64_t until = os_clock() + LIMIT;
  int are_left, is_shut_down = 0;
  shut_down();
  do {
    uint32_t i, receivers = 0;
    are_left = 0;
    for (i = 0; i <= SLOTS_MAX; i++) {
      struct slot *slot = &slots[i];
      if (slot->child) watch(slot, 0);
      if (slot->child && slot->role == RECEIVER) receivers++;
      if (slot->child) are_left = 1;
    }
    if (!slots[SLOTS_MAX].child && !is_shut_down) {
      const struct shmipc_result result = shmipc_channel_shut_down(&channel, os_clock() + LIMIT);
      is_shut_down = 1;
      if (result.status != SHMIPC_OK) trial_fail("the second shutdown gave %s", trial_status(result.status));
    }
    /* A full log, or a death, may have taken the last one. Nobody else empties the ring for the senders. */
    if (is_shut_down && receivers == 0 && members_used < MEMBERS && inspect().depth > 0) {
      slots[slots_used - 1].batch = BATCH_MAX;
      if (!slots[slots_used - 1].child) start(&slots[slots_used - 1], 0);
      are_left = 1;
    }
    nap();
  } while (are_left && os_clock() < until && !trial_failures());
  if (are_left && !trial_failures()) report_who_is_left();
}

/* ---- what there was in the end */

struct place {
  uint64_t from, to;
  const struct member *member;
  const struct take *take;
  int is_sure;
};

static int compare_places(const void *a, const void *b) {
  const struct place *first = a, *second = b;
  if (first->from != second->from) return first->from < second->from ? -1 : 1;
  return second->is_sure - first->is_sure;
}

static struct place *collect(size_t *count) {
  struct place *places;
  size_t total = 0;
  uint32_t i, k;
  for (i = 0; i < members_used; i++) total += atomic_load(&board->members[i].taken) / 2 + 1;
  places = malloc((total + 1) * sizeof *places);
  if (!places) trial_give_up("no memory");
  *count = 0;
  for (i = 0; i < members_used; i++) {
    const struct member *member = &board->members[i];
    const uint32_t taken = atomic_load(&member->taken);
    for (k = 0; k < taken / 2 + taken % 2; k++) {
      const struct take *take = &member->takes[k];
      const struct place place = {take->from, take->to, member, take, k < taken / 2};
      places[(*count)++] = place;
    }
  }
  qsort(places, *count, sizeof *places, compare_places);
  return places;
}

static uint32_t next_number[MEMBERS];
static uint32_t empties_sender; /* whose empty messages come now */

static void check_message(const struct found *found) {
  const uint32_t sender = found->length > 0 ? found->sender : empties_sender;
  const size_t largest = CAPACITY / 2 - 16;
  uint32_t number, mask = UINT32_MAX;
  if (sender >= members_used || board->members[sender].role != SENDER) {
    trial_fail("a message of %u, who sends nothing", (unsigned)sender);
    return;
  }
  if (board->members[sender].slot == 0) empties_sender = sender;
  number = next_number[sender]++;
  if (found->length < PATTERN_AT) mask = found->length <= 1 ? 0 : (UINT32_C(1) << (found->length - 1) * 8) - 1;
  if (found->length != length_of(sender, number, largest) || found->number != (number & mask))
    trial_fail("where message %u of %u should be there is %u, of %u bytes", (unsigned)number, (unsigned)sender,
               (unsigned)found->number, (unsigned)found->length);
  else if (found->is_broken)
    trial_fail("message %u of %u is not whole", (unsigned)number, (unsigned)sender);
}

static void check_senders(void) {
  uint32_t i;
  for (i = 0; i < members_used; i++) {
    const struct member *member = &board->members[i];
    if (member->role == SENDER &&
        (next_number[i] < atomic_load(&member->sent) || next_number[i] > atomic_load(&member->meant)))
      trial_fail("%u has sent %u messages, perhaps %u, and there were %u", (unsigned)i,
                 (unsigned)atomic_load(&member->sent), (unsigned)atomic_load(&member->meant), (unsigned)next_number[i]);
  }
}

static void check_round(void) {
  const struct shmipc_channel_state state = inspect();
  struct shmipc_look look;
  uint64_t position = 0, messages = 0;
  size_t count, i;
  struct place *places = collect(&count);
  enum shmipc_status status;
  uint32_t k;
  memset(next_number, 0, sizeof next_number);
  empties_sender = MEMBERS;
  for (i = 0; i < count && !trial_failures(); i++) {
    const struct place *place = &places[i];
    if (!place->is_sure && place->from != position) continue; /* another one has taken it */
    if (!place->is_sure && i + 1 < count && places[i + 1].from == position && places[i + 1].to == place->to &&
        places[i + 1].is_sure)
      continue;
    if (place->from != position)
      trial_fail(place->from > position ? "at %llu something is missing, to %llu"
                                        : "twice: at %llu comes what is at %llu",
                 (unsigned long long)position, (unsigned long long)place->from);
    if (place->take >= place->member->takes + atomic_load(&place->member->received)) lost++;
    for (k = 0; k < place->take->count && !trial_failures(); k++)
      check_message(&place->member->found[place->take->first + k]);
    messages += place->take->count;
    position = place->to;
  }
  free(places);
  if (trial_failures()) return;
  check_senders();
  status = shmipc_channel_look(&channel, os_clock() + DECISION, &look).status;
  if (status != SHMIPC_CLOSED) trial_fail("behind the last message there is %s", trial_status(status));
  if (state.sent != messages || state.depth != 0 || state.received != messages || !state.is_shut_down)
    trial_fail("of %llu messages the channel says: %llu sent, %llu received, %llu in it, %s",
               (unsigned long long)messages, (unsigned long long)state.sent, (unsigned long long)state.received,
               (unsigned long long)state.depth, state.is_shut_down ? "shut down" : "open");
  crossed += messages;
}

static void check_gone(const struct os_name *name) {
  const struct shmipc_result result = shmipc_channel_open(name, os_clock() + DECISION, &channel);
  if (result.status != SHMIPC_NOT_FOUND)
    trial_fail("nobody has it open, and open gave %s", trial_status(result.status));
  if (system_is_left(name->base)) trial_fail("the name is left");
}

/* ---- a round */

static void add_slots(enum role role, uint32_t count) {
  uint32_t i;
  for (i = 0; i < count; i++) {
    struct slot *slot = &slots[slots_used];
    slot->role = role;
    slot->number = slots_used++;
    slot->batch = trial_below(2) == 0 ? 1 : BATCH_MAX;
  }
}

static void run_round(uint64_t seed) {
  const struct os_name name = {OS_SCOPE_NONE, board->channel};
  const struct shmipc_channel_creation creation = {0600, CAPACITY};
  const uint64_t until = os_clock() + LIMIT;
  struct shmipc_result result;
  uint32_t i;
  board->round = seed;
  trial_seed(trial_mix(seed));
  result = shmipc_channel_create(&name, &creation, os_clock() + DECISION, &channel);
  if (result.status != SHMIPC_OK) {
    trial_fail("create gave %s", trial_status(result.status));
    return;
  }
  slots_used = members_used = 0;
  memset(slots, 0, sizeof slots);
  add_slots(SENDER, 1 + (uint32_t)trial_below(3));
  add_slots(RECEIVER, 1 + (uint32_t)trial_below(3));
  kills_left = 4 + (uint32_t)trial_below(KILLS_MAX);
  for (i = 0; i < slots_used; i++) start(&slots[i], 1);
  while (kills_left > 0 && members_used < MEMBERS - SLOTS_MAX && os_clock() < until && !trial_failures()) {
    for (i = 0; i < slots_used; i++)
      if (watch(&slots[i], 1)) start(&slots[i], 1);
    nap();
  }
  if (!trial_failures()) end_round();
  for (i = 0; i <= SLOTS_MAX; i++)
    if (slots[i].child) child_forget(slots[i].child);
  if (!trial_failures()) check_round();
  shmipc_channel_close(&channel);
  if (!trial_failures()) check_gone(&name);
}

/* ---- the program */

static uint32_t step_named(const char *name) {
  uint32_t step;
  if (strcmp(name, "all") == 0) return STEPS;
  for (step = 0; step < STEPS; step++)
    if (strcmp(name, step_names[step]) == 0) return step;
  trial_give_up("there is no step %s", name);
}

static uint64_t sum(const uint64_t counts[STEPS]) {
  uint64_t total = 0;
  size_t i;
  for (i = 0; i < STEPS; i++) total += counts[i];
  return total;
}

static void report_steps(void) {
  char line[1024];
  size_t used = 0;
  uint32_t step;
  for (step = 0; step < STEPS; step++) {
    if (killed_at[step] == 0 && only_step == STEPS) trial_fail("nobody was killed at %s", step_names[step]);
    if (used < sizeof line - 64)
      used += (size_t)snprintf(line + used, sizeof line - used, "%s%s %u", step > 0 ? ", " : "killed at ",
                               step_names[step], (unsigned)killed_at[step]);
  }
  line[used++] = '\n';
  system_print(line, used);
}

int main(int argc, char **argv) {
  struct trial_option options[] = {{"rounds", 0, "how many at most; 0: no matter", NULL},
                                   {"seconds", 10, "how long at most; 0: no matter", NULL},
                                   {"seed", 1, "of the first round", NULL},
                                   {"step", 0, "the only one to die at", "all"},
                                   {"bug", 0, "which one is planted", NULL}};
  uint64_t begin, rounds = 0;
  system_begin();
  if (argc == 4 && strcmp(argv[1], "member") == 0) return be_child(argv[2], argv[3]);
  trial_options(argc, argv, options, sizeof options / sizeof options[0]);
  only_step = step_named(trial_option_text("step"));
  if (trial_option("bug") >= PLANTED_BUGS_END) trial_give_up("there is no such bug");
  trial_name(board_name, "board");
  board = trial_board_create(board_name, sizeof *board);
  board->planted = (uint32_t)trial_option("bug");
  trial_count_in(&board->failures);
  trial_name(board->channel, "channel");
  begin = os_clock();
  while (!trial_failures() && (trial_option("rounds") == 0 || rounds < trial_option("rounds")) &&
         (trial_option("seconds") == 0 || os_clock() - begin < trial_option("seconds") * TRIAL_SECOND)) {
    run_round(trial_option("seed") + rounds);
    rounds++;
  }
  if (trial_failures() == 0) report_steps();
  return trial_end(
      "planted: %s; %llu rounds, the last seed=%llu, %llu processes, %llu messages, killed %llu times at a "
      "step and %llu times anywhere, stopped %llu and %llu times, %llu batches lost with their receivers, "
      "in %.1f s",
      planted_bug_meaning[board->planted], (unsigned long long)rounds,
      (unsigned long long)(trial_option("seed") + rounds - 1), (unsigned long long)members_started,
      (unsigned long long)crossed, (unsigned long long)sum(killed_at), (unsigned long long)killed_anywhere,
      (unsigned long long)sum(stood_at), (unsigned long long)stood_anywhere, (unsigned long long)lost,
      (double)(os_clock() - begin) / 1e9);
}
