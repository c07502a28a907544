/* The ring, its publication, and who sleeps.
 *
 * Positions count bytes since the channel was made, and only grow; a position's place in the ring is its remainder by
 * the capacity. Positions are multiples of 8. A message lies in one piece: a header word, then its bytes, up to the
 * next multiple of 8. One that would reach over the ring's end begins at its start, and a word SKIP stands where it
 * would have begun.
 *
 * What processes share, who writes it, and what a death leaves:
 *
 *   tail      where the oldest message begins. Receivers advance it by compare-and-swap, from where they have looked to
 *             where that ends: that is how a message is taken, whole or not at all. It never goes back, so nobody takes
 *             what another one took. Who dies before has taken nothing. Senders never write beyond tail + capacity, so
 *             what a receiver looks at stands still as long as tail does; it is believed only when tail has not moved.
 *   words     the header at each message: 0 there is none yet; SKIP; CLOSED nothing will come any more; else the
 *             message's length + 1, and the low half of its number. The word at the end of the messages is 0 or CLOSED,
 *             always. It is written by the sender who has the lock: first all that comes behind, a 0 behind that, and
 *             then the word itself, by one store with release order. That is the publication, of one message or of
 *             many. A sender that dies before it leaves bytes that nobody looks at; after it, messages that are there.
 *   end       (guarded by the lock) where the messages ended when the last sender let go of the lock, or before that if
 *             one died: behind it there may be messages that were published. Whoever has the lock next goes through
 *             them and writes it anew, so no sender needs to know of a death. Nobody reads the tail for its space
 *             before that: the tail may have gone on, and what `end` still points at is written over then.
 *   count     (guarded) how many messages were published, or too few by those of a sender that died: the numbers in the
 *             words tell. Written before `end`, so it is right when `end` is.
 *   tail_seen (guarded) a tail that was read once: it is looked at anew only when there is no space by this one.
 *   enough    what tail should reach before sleeping senders are worth waking. The last one to go to sleep writes it. A
 *             wrong one delays a wake, until the ring is empty or the sleep is over.
 *   bells     who sleeps (below).
 *
 * Nothing that another program writes there can lead outside of the ring: every position and length is loaded once, and
 * checked before it is used. */
#include "channel.h"

#include <stdatomic.h>
#include <string.h>

#include "step.h"

#define WORD sizeof(uint64_t)
#define LENGTH_BITS UINT64_C(0xffffffff)
#define SKIP UINT64_C(0xffffffff)   /* in the length's bits */
#define CLOSED UINT64_C(0xfffffffe) /* likewise */

typedef _Atomic(uint64_t) shared_word;

struct guarded {
  volatile uint64_t end;
  volatile uint64_t count;
  volatile uint64_t tail_seen;
};

struct state { /* in lines of their own, two apart */
  shared_word tail;
  char apart[128 - sizeof(shared_word)];
  shared_word enough;
};

_Static_assert(sizeof(struct guarded) <= OS_ARENA_GUARDED_SIZE, "it fits beside the lock");
_Static_assert(sizeof(struct state) <= OS_ARENA_STATE_SIZE, "it fits into the arena's state");

static struct guarded *guarded_of(const struct shmipc_channel *channel) { return (void *)channel->arena->guarded; }
static struct state *state_of(const struct shmipc_channel *channel) { return (void *)channel->arena->state; }

/* Passed by value: no store into the ring can have changed it, so it stays in registers. */
struct ring {
  char *memory;
  size_t capacity;
};

static struct ring ring_of(const struct shmipc_channel *channel) {
  const struct ring ring = {channel->arena->memory, channel->capacity};
  return ring;
}

static char *place_of(struct ring ring, uint64_t position) { return ring.memory + (position & (ring.capacity - 1)); }

static shared_word *word_at(struct ring ring, uint64_t position) { return (void *)place_of(ring, position); }

static size_t left_before_wrap(struct ring ring, uint64_t position) {
  return ring.capacity - (size_t)(position & (ring.capacity - 1));
}

/* The room that a message takes, its header included. */
static size_t room_of(size_t length) { return (WORD + length + WORD - 1) & ~(WORD - 1); }

static uint64_t word_of(size_t length, uint64_t number) { return number << 32 | (uint64_t)(length + 1); }
static uint64_t length_in(uint64_t word) { return (word & LENGTH_BITS) - 1; }
static int is_closed(uint64_t word) { return (word & LENGTH_BITS) == CLOSED; }
static int is_skip(uint64_t word) { return (word & LENGTH_BITS) == SKIP; }

/* Half of the ring less two words: a skip never needs more than the other half. */
static size_t largest_of(struct ring ring) { return ring.capacity / 2 - 2 * WORD; }

size_t shmipc_channel_largest(const struct shmipc_channel *channel) { return largest_of(ring_of(channel)); }

/* ---- bells
 *
 * A bell is one word. ASLEEP: somebody sleeps, or is about to. SEVERAL: once, two slept at the same time. The other
 * bits count the rings, so that who is about to sleep notices one.
 *
 * Who wants to sleep sets ASLEEP, looks once more whether there is what it waits for, and has the system compare the
 * word. Who brings it about (publishes, or advances the tail) looks at the bell afterwards; if ASLEEP is set it clears
 * it, counts, and wakes one. Both first write and then look, with a full barrier between, so one of them sees the
 * other.
 *
 * The one who was woken, and goes, sets ASLEEP again if there are SEVERAL: for the others. And if it then leaves behind
 * what another one may wait for, it rings on. Who is woken while the word is as it was when it went to sleep has got
 * the wake of one who slept before: that one sleeps on, and its ASLEEP is gone; so there are SEVERAL. A death anywhere
 * leaves at worst: ASLEEP without a sleeper, which costs one vain wake; or a sleeper without ASLEEP, which looks by
 * itself when its time (0.1 s at most) is over. */

#define ASLEEP UINT32_C(1)
#define SEVERAL UINT32_C(2)
#define RING UINT32_C(4)

static _Atomic(uint32_t) *bell_of(const struct shmipc_channel *channel, enum os_bell bell) {
  return (void *)channel->arena->bells[bell];
}

static SHMIPC_APART void bell_ring_slowly(struct shmipc_channel *channel, enum os_bell bell, uint32_t value) {
  while (value & ASLEEP) {
    if (!atomic_compare_exchange_weak(bell_of(channel, bell), &value, (value + RING) & ~ASLEEP)) continue;
    SHMIPC_STEP(BELL_CLEARED);
    os_arena_ring(channel->arena, bell);
    return;
  }
}

/* pre: what was done for the sleepers is followed by a full barrier. */
static void bell_ring(struct shmipc_channel *channel, enum os_bell bell) {
  const uint32_t value = atomic_load(bell_of(channel, bell));
  if (value & ASLEEP) bell_ring_slowly(channel, bell, value);
}

/* Returns the value to sleep on. before: what this wait announced last, or 0. */
static uint32_t bell_announce(struct shmipc_channel *channel, enum os_bell bell, uint32_t before) {
  uint32_t value = atomic_fetch_or(bell_of(channel, bell), ASLEEP);
  if ((value & ASLEEP) && value != before) value = atomic_fetch_or(bell_of(channel, bell), SEVERAL) | SEVERAL;
  atomic_thread_fence(memory_order_seq_cst); /* before the look that follows */
  return value | ASLEEP;
}

static void bell_sleep(struct shmipc_channel *channel, enum os_bell bell, uint32_t value, uint64_t deadline) {
  if (!os_arena_sleep(channel->arena, bell, value, deadline)) return;
  SHMIPC_STEP(BELL_WOKEN);
  atomic_compare_exchange_strong(bell_of(channel, bell), &value, value | SEVERAL);
}

/* The end of a wait that has announced `value`. */
static void bell_leave(struct shmipc_channel *channel, enum os_bell bell, uint32_t value) {
  if (atomic_load(bell_of(channel, bell)) & SEVERAL)
    atomic_fetch_or(bell_of(channel, bell), ASLEEP);
  else
    atomic_compare_exchange_strong(bell_of(channel, bell), &value, value & ~ASLEEP);
}

/* ---- spinning
 *
 * A sleep and a wake take some tens of microseconds. Where waits are as short as that, looking again and again is
 * quicker: as long as it succeeds, it may take BUDGET_MAX. Once it was in vain it takes BUDGET_MIN, until waits have
 * been short again, several in a row: the more, the more often it was in vain. (What comes soon, but only after we
 * sleep, may come from one who wants our processor.) A machine with one processor does not spin at all: its budget is
 * 0. */

#define BUDGET_MAX (UINT64_C(50) * 1000) /* ns */
#define BUDGET_MIN (UINT64_C(2) * 1000)
#define DOUBTS_MAX 63
#define STOLEN BUDGET_MAX /* between two looks at the clock: another process had the processor meanwhile */
#define GLANCES 64        /* looks without a look at the clock */
#define RESTS 16          /* between two looks at the clock, at least */
#define LAG_MIN 64        /* rests */
#define LAG_MAX 256
#define QUICK 8       /* looks: what came so soon may be of a stream */
#define STREAK_MIN 64 /* so many quick ones, and a lag is tried; more, where it was in vain before */
#define STREAK_MAX 8192

struct spin {
  struct shmipc_patience *patience;
  uint64_t begin, now, deadline; /* begin 0: no look at the clock yet */
  unsigned rests;                /* between two looks */
  unsigned looks;
};

static struct spin spin_begin(struct shmipc_patience *patience, unsigned rests, uint64_t deadline) {
  struct spin spin = {patience, 0, 0, deadline, rests, 0};
  unsigned i;
  for (i = patience->lag; i > 0; i--) os_pause();
  return spin;
}

/* After a vain look: whether to look once more. */
static int spin_more(struct spin *spin) {
  uint64_t now;
  unsigned i;
  if (spin->patience->budget == 0) return 0;
  for (i = 0; i < spin->rests; i++) os_pause();
  if (spin->deadline == SHMIPC_GLANCE) return ++spin->looks < GLANCES;
  if (spin->looks++ * spin->rests % RESTS != 0) return 1;
  now = os_clock();
  if (spin->begin == 0)
    spin->begin = now;
  else if (now - spin->now > STOLEN)
    return 0;
  spin->now = now;
  return now - spin->begin < spin->patience->budget && now < spin->deadline;
}

/* The wait was a short one. */
static void trust(struct shmipc_patience *patience) {
  if (patience->budget == BUDGET_MAX) {
    if (patience->doubts > 0) patience->doubts--;
  } else if (++patience->short_waits > patience->doubts) {
    patience->budget = BUDGET_MAX;
  }
}

static void spin_succeeded(const struct spin *spin) {
  struct shmipc_patience *patience = spin->patience;
  patience->streak = spin->looks <= QUICK ? patience->streak + 1 : 0;
  if (patience->budget != 0) trust(patience);
}

static void spin_failed(const struct spin *spin) {
  struct shmipc_patience *patience = spin->patience;
  if (spin->deadline == SHMIPC_GLANCE) return;
  patience->lag = patience->streak = 0;
  if (patience->budget == 0 || spin->now >= spin->deadline) return;
  if (patience->budget == BUDGET_MAX && patience->doubts < DOUBTS_MAX) patience->doubts = patience->doubts * 2 + 1;
  patience->budget = BUDGET_MIN;
  patience->short_waits = 0;
}

/* After a sleep that has ended with what was waited for. */
static void sleep_succeeded(const struct spin *spin) {
  if (spin->patience->budget == 0) return;
  if (os_clock() - spin->begin <= BUDGET_MAX)
    trust(spin->patience);
  else
    spin->patience->short_waits = 0;
}

/* Messages that come in a stream are better looked for a little later: each look takes the cache line from the sender,
 * who is writing the next one into it. The lag is worth something as long as it finds several at once. */
static void learn_lag(struct shmipc_patience *patience, int are_several) {
  if (are_several) {
    if (patience->lag > 0) patience->lag_streak = STREAK_MIN;
    if (patience->lag > 0 && patience->lag < LAG_MAX) patience->lag *= 2;
  } else if (patience->lag > 0) {
    if (patience->lag_streak < STREAK_MAX) patience->lag_streak *= 2;
    patience->lag = patience->streak = 0;
  } else if (patience->streak >= patience->lag_streak) {
    patience->lag = LAG_MIN;
  }
}

/* ---- opening */

static void channel_fill(struct shmipc_channel *channel, struct os_arena *arena, int created) {
  const struct shmipc_patience patience = {os_processors() > 1 ? BUDGET_MAX : 0, 0, 0, 0, 0, STREAK_MIN};
  channel->arena = arena;
  channel->capacity = arena->size;
  channel->created = created;
  channel->has_slept = 0;
  channel->receiving = channel->sending = patience;
}

static int is_capacity(size_t size) {
  return size >= SHMIPC_CAPACITY_MIN && size <= SHMIPC_CAPACITY_MAX && (size & (size - 1)) == 0;
}

struct shmipc_result shmipc_channel_create(const struct os_name *name, const struct shmipc_channel_creation *creation,
                                           uint64_t deadline, struct shmipc_channel *out) {
  size_t capacity = SHMIPC_CAPACITY_MIN;
  struct os_arena *arena;
  struct shmipc_result result;
  while (capacity < creation->capacity) capacity *= 2;
  result = os_arena_create(name, OS_CHANNEL, creation->mode, capacity, deadline, &arena);
  if (result.status == SHMIPC_OK) channel_fill(out, arena, 1);
  return result;
}

/* What has come of opening the arena. */
static struct shmipc_result channel_begin(struct os_arena *arena, struct shmipc_result result,
                                          struct shmipc_channel *out) {
  if (result.status != SHMIPC_OK) return result;
  if (!is_capacity(arena->size)) {
    os_arena_close(arena);
    return shmipc_result(SHMIPC_CORRUPT);
  }
  channel_fill(out, arena, 0);
  return result;
}

struct shmipc_result shmipc_channel_open(const struct os_name *name, uint64_t deadline, struct shmipc_channel *out) {
  struct os_arena *arena = NULL;
  const struct shmipc_result result = os_arena_open(name, OS_CHANNEL, deadline, &arena);
  return channel_begin(arena, result, out);
}

struct shmipc_result shmipc_channel_peek(const struct os_name *name, struct shmipc_channel *out) {
  struct os_arena *arena = NULL;
  const struct shmipc_result result = os_arena_peek(name, OS_CHANNEL, &arena);
  return channel_begin(arena, result, out);
}

struct shmipc_result shmipc_channel_open_or_create(const struct os_name *name,
                                                   const struct shmipc_channel_creation *creation, uint64_t deadline,
                                                   struct shmipc_channel *out) {
  for (;;) { /* it may go, or come, between the two looks */
    struct shmipc_result result = shmipc_channel_open(name, deadline, out);
    if (result.status != SHMIPC_NOT_FOUND) return result;
    result = shmipc_channel_create(name, creation, deadline, out);
    if (result.status != SHMIPC_EXISTS) return result;
    if (os_clock() >= deadline) return shmipc_result(SHMIPC_TIMEOUT);
  }
}

void shmipc_channel_close(struct shmipc_channel *channel) {
  os_arena_close(channel->arena);
  channel->arena = NULL;
}

/* ---- what stands at a position */

static uint64_t load_tail(const struct shmipc_channel *channel) { return atomic_load(&state_of(channel)->tail); }

static uint64_t load_word(struct ring ring, uint64_t position) {
  return atomic_load_explicit(word_at(ring, position), memory_order_acquire);
}

enum found { NOTHING, MESSAGE, THE_END, GARBAGE };

/* Reads what stands at the position; for a message, *look goes to it, and *word is its header. */
static inline enum found find(struct ring ring, uint64_t position, struct shmipc_look *look, uint64_t *word) {
  uint64_t found = load_word(ring, position), length;
  if (found == 0) return NOTHING;
  if (is_closed(found)) return THE_END;
  if (is_skip(found)) {
    position += left_before_wrap(ring, position);
    found = load_word(ring, position);
    if (found == 0 || is_closed(found) || is_skip(found)) return GARBAGE;
  }
  length = length_in(found);
  if (length > largest_of(ring) || room_of((size_t)length) > left_before_wrap(ring, position)) return GARBAGE;
  look->message.bytes = place_of(ring, position) + WORD;
  look->message.length = (size_t)length;
  look->to = position + room_of((size_t)length);
  *word = found;
  return MESSAGE;
}

/* ---- cache lines: asked for before they are needed, when nobody waits for that. (Beyond the ring's end it does
 * nothing.) */

#define LINE ((ptrdiff_t)64)

#if defined(__GNUC__)
#define FETCH(address, for_writing) __builtin_prefetch(address, for_writing)
#else
#define FETCH(address, for_writing) ((void)(address))
#endif

/* What the next message will be written to is still the receivers', who have read it a lap ago. */
static void fetch_for_writing(const char *end) {
  FETCH(end + LINE, 1);
  FETCH(end + 2 * LINE, 1);
}

/* What the next messages are read from is the senders'. While there is no next one, it is left to them: they are about
 * to write there. */
static void fetch_for_reading(struct ring ring, uint64_t next) {
  const char *place = place_of(ring, next);
  if (load_word(ring, next) == 0) return;
  FETCH(place + LINE, 0);
  FETCH(place + 2 * LINE, 0);
}

/* ---- sending */

/* Goes through what a sender has published that died before it could say so: *end and *count go from where it is
 * written down to where it is. Not further than a ring beyond `tail`. Returns what stands at the end. */
static enum found walk(struct ring ring, uint64_t tail, uint64_t *end, uint64_t *count) {
  struct shmipc_look look;
  uint64_t word = 0;
  enum found found;
  if (*end % WORD != 0) return GARBAGE;
  while ((found = find(ring, *end, &look, &word)) == MESSAGE) {
    const int32_t further = (int32_t)((uint32_t)(word >> 32) + 1 - (uint32_t)*count);
    if (further > 0) *count += (uint64_t)further;
    *end = look.to;
    if (*end - tail > ring.capacity) return GARBAGE;
  }
  return found;
}

/* The same, and writes it down. */
static SHMIPC_APART enum found recover_end(struct ring ring, struct guarded *guarded) {
  uint64_t end = guarded->end, count = guarded->count;
  const enum found found = walk(ring, guarded->tail_seen, &end, &count);
  if (end != guarded->end && found != GARBAGE) {
    guarded->count = count;
    guarded->end = end;
    atomic_signal_fence(memory_order_seq_cst);
  }
  return found;
}

/* Sees to it that guarded->end and ->count are right. Before anything else: receivers may have taken what a sender has
 * left that died, and once the tail is seen that lies behind it, its place is written over. pre: the lock is held. */
static inline enum found find_end(struct ring ring, struct guarded *guarded) {
  const uint64_t end = guarded->end;
  return end % WORD == 0 && load_word(ring, end) == 0 ? NOTHING : recover_end(ring, guarded);
}

/* How much the next message needs, what has to be skipped and the word behind it included. */
static size_t need_of(struct ring ring, uint64_t end, size_t length, size_t *skip) {
  const size_t left = left_before_wrap(ring, end), room = room_of(length);
  *skip = room > left ? left : 0;
  return *skip + room + WORD;
}

static void store_word(struct ring ring, uint64_t position, uint64_t word) {
  atomic_store_explicit(word_at(ring, position), word, memory_order_relaxed);
}

static void store_bytes(char *to, const struct shmipc_message *message) {
#ifdef SHMIPC_STEPS
  memcpy(to, message->bytes, message->length / 2);
  SHMIPC_STEP(SEND_HALF_WRITTEN);
#endif
  memcpy(to, message->bytes, message->length);
}

/* Writes as many messages as there is space for and publishes them. *missing: where tail must come for the next one.
 * pre: the lock is held. OK: all; TIMEOUT: not all; CLOSED, CORRUPT. */
static enum shmipc_status publish(struct shmipc_channel *channel, const struct shmipc_message *messages, size_t count,
                                  size_t *published, uint64_t *missing) {
  const struct ring ring = ring_of(channel);
  struct guarded *guarded = guarded_of(channel);
  uint64_t tail, begin, end, number, first = 0;
  enum shmipc_status status = SHMIPC_OK;
  size_t i;
  switch (find_end(ring, guarded)) {
  case NOTHING: break;
  case THE_END: return SHMIPC_CLOSED;
  default: return SHMIPC_CORRUPT;
  }
  SHMIPC_STEP(SEND_RECOVERED);
  tail = guarded->tail_seen;
  begin = end = guarded->end;
  number = guarded->count;
  for (i = 0; i < count; i++) {
    size_t skip, need = need_of(ring, end, messages[i].length, &skip);
    uint64_t word = word_of(messages[i].length, number + i);
    if (end + need - tail > ring.capacity) {
      guarded->tail_seen = tail = load_tail(channel);
      if (end - tail > ring.capacity) return SHMIPC_CORRUPT;
      if (end + need - tail > ring.capacity) {
        *missing = end + need - ring.capacity;
        status = SHMIPC_TIMEOUT;
        break;
      }
    }
    store_bytes(place_of(ring, end + skip) + WORD, &messages[i]);
    if (skip > 0) {
      store_word(ring, end + skip, word);
      word = SKIP;
    }
    if (i > 0)
      store_word(ring, end, word);
    else
      first = word;
    end += need - WORD;
    SHMIPC_STEP(SEND_WRITTEN);
  }
  if (i == 0) return status;
  store_word(ring, end, 0);
  SHMIPC_STEP(SEND_ENDED);
  atomic_store_explicit(word_at(ring, begin), first, memory_order_release);
  atomic_signal_fence(memory_order_seq_cst); /* `end` never points behind what a death left unpublished */
  SHMIPC_STEP(SEND_PUBLISHED);
  guarded->count = number + i;
  SHMIPC_STEP(SEND_COUNTED);
  guarded->end = end;
  SHMIPC_STEP(SEND_ADVANCED);
  fetch_for_writing(place_of(ring, end));
  *published = i;
  return status;
}

/* Sleeping senders are woken for so much: a quarter of the ring, so that they find space for some time. */
static uint64_t enough_for(const struct shmipc_channel *channel, uint64_t missing) {
  const uint64_t tail = load_tail(channel), more = tail + channel->capacity / 4;
  return (int64_t)(more - missing) > 0 ? more : missing;
}

static int has_come(const struct shmipc_channel *channel, uint64_t position) {
  return (int64_t)(load_tail(channel) - position) >= 0;
}

/* Without the lock: while others send, the answer may be wrong, and costs one look more. */
static int is_shut_down(const struct shmipc_channel *channel) {
  return is_closed(load_word(ring_of(channel), guarded_of(channel)->end & ~(uint64_t)(WORD - 1)));
}

#define SPARSE 32 /* rests between two looks at the tail, which its writer would rather keep to itself */
_Static_assert(SPARSE % RESTS == 0, "each is followed by a look at the clock");

static int spin_for_space(const struct shmipc_channel *channel, struct spin *spin, uint64_t position) {
  do {
    if (has_come(channel, position)) {
      spin_succeeded(spin);
      return 1;
    }
  } while (spin_more(spin));
  spin_failed(spin);
  return 0;
}

/* Until the tail has come to `missing`, or the deadline. Returns whether it has slept. */
static SHMIPC_APART int await_space(struct shmipc_channel *channel, uint64_t missing, uint64_t deadline) {
  const uint64_t enough = enough_for(channel, missing);
  struct spin spin = spin_begin(&channel->sending, SPARSE, deadline);
  uint32_t value = 0;
  if (spin_for_space(channel, &spin, enough) || has_come(channel, missing)) return 0;
  atomic_store(&state_of(channel)->enough, enough);
  for (;;) {
    value = bell_announce(channel, OS_BELL_SENDERS, value);
    SHMIPC_STEP(SPACE_ANNOUNCED);
    if (has_come(channel, missing) || is_shut_down(channel) || os_clock() >= deadline) break;
    bell_sleep(channel, OS_BELL_SENDERS, value, deadline);
    SHMIPC_STEP(SPACE_SLEPT);
    if (has_come(channel, missing) || is_shut_down(channel) || os_clock() >= deadline || *channel->arena->lost) break;
  }
  bell_leave(channel, OS_BELL_SENDERS, value);
  if (has_come(channel, missing)) sleep_succeeded(&spin);
  return 1;
}

#define MOMENT (UINT64_C(10) * 1000 * 1000) /* 10 ms */

/* Another sender has the lock for some instructions only: that is waited for even by one who would not wait, unless
 * that sender was stopped among them. */
static SHMIPC_APART struct shmipc_result lock_patiently(struct shmipc_channel *channel, uint64_t deadline) {
  const uint64_t moment = os_clock() + MOMENT;
  return os_arena_lock(channel->arena, deadline > moment ? deadline : moment);
}

static inline struct shmipc_result lock(struct shmipc_channel *channel, uint64_t deadline) {
  const struct shmipc_result result = os_arena_lock(channel->arena, 0);
  return result.status == SHMIPC_TIMEOUT ? lock_patiently(channel, deadline) : result;
}

struct shmipc_result shmipc_channel_send(struct shmipc_channel *channel, const struct shmipc_message *messages,
                                         size_t count, uint64_t deadline, size_t *sent) {
  int has_slept = 0;
  for (;;) {
    uint64_t missing = 0;
    size_t published = 0;
    struct shmipc_result result = lock(channel, deadline), unlocked;
    if (result.status != SHMIPC_OK) return result;
    SHMIPC_STEP(SEND_LOCKED);
    result.status = publish(channel, messages + *sent, count - *sent, &published, &missing);
    unlocked = os_arena_unlock(channel->arena);
    SHMIPC_STEP(SEND_UNLOCKED);
    *sent += published;
    if (published > 0) bell_ring(channel, OS_BELL_RECEIVERS);
    /* Others may wait for less space than there is, or need to know that nothing can be sent any more. */
    if (has_slept && (published > 0 || result.status == SHMIPC_CLOSED)) bell_ring(channel, OS_BELL_SENDERS);
    SHMIPC_STEP(SEND_RUNG);
    if (*channel->arena->lost) return shmipc_result(SHMIPC_CORRUPT);
    if (unlocked.status != SHMIPC_OK) return unlocked;
    if (result.status != SHMIPC_TIMEOUT || os_clock() >= deadline) return result;
    has_slept = await_space(channel, missing, deadline);
  }
}

struct shmipc_result shmipc_channel_shut_down(struct shmipc_channel *channel, uint64_t deadline) {
  struct shmipc_result result = lock(channel, deadline), unlocked;
  struct guarded *guarded = guarded_of(channel);
  if (result.status != SHMIPC_OK) return result;
  switch (find_end(ring_of(channel), guarded)) {
  case NOTHING: atomic_store_explicit(word_at(ring_of(channel), guarded->end), CLOSED, memory_order_release); break;
  case THE_END: break;
  default: result.status = SHMIPC_CORRUPT; break;
  }
  SHMIPC_STEP(SHUTDOWN_MARKED);
  unlocked = os_arena_unlock(channel->arena);
  SHMIPC_STEP(SHUTDOWN_UNLOCKED);
  bell_ring(channel, OS_BELL_RECEIVERS);
  bell_ring(channel, OS_BELL_SENDERS);
  if (*channel->arena->lost) return shmipc_result(SHMIPC_CORRUPT);
  return result.status == SHMIPC_OK ? unlocked : result;
}

/* ---- receiving */

/* One look, at the tail. What it found is sure when the tail was still there afterwards: nobody had given the space to
 * something else. */
static int look_once(const struct shmipc_channel *channel, struct shmipc_look *look, enum found *found) {
  uint64_t word;
  look->from = load_tail(channel);
  *found = look->from % WORD == 0 ? find(ring_of(channel), look->from, look, &word) : GARBAGE;
  return load_tail(channel) == look->from;
}

#define TRIES 64 /* between two looks at the clock */

static int has_something(const struct shmipc_channel *channel) {
  return load_word(ring_of(channel), load_tail(channel) & ~(uint64_t)(WORD - 1)) != 0;
}

static int spin_for_message(const struct shmipc_channel *channel, struct spin *spin) {
  do {
    if (has_something(channel)) {
      spin_succeeded(spin);
      return 1;
    }
  } while (spin_more(spin));
  spin_failed(spin);
  return 0;
}

/* Until there is something, or the deadline. Returns whether it has slept. */
static SHMIPC_APART int await_message(struct shmipc_channel *channel, uint64_t deadline) {
  struct spin spin = spin_begin(&channel->receiving, 1, deadline);
  uint32_t value = 0;
  if (spin_for_message(channel, &spin) || deadline == SHMIPC_GLANCE) return 0;
  for (;;) {
    value = bell_announce(channel, OS_BELL_RECEIVERS, value);
    SHMIPC_STEP(MESSAGE_ANNOUNCED);
    if (has_something(channel) || os_clock() >= deadline) break;
    bell_sleep(channel, OS_BELL_RECEIVERS, value, deadline);
    SHMIPC_STEP(MESSAGE_SLEPT);
    if (has_something(channel) || os_clock() >= deadline || *channel->arena->lost) break;
  }
  bell_leave(channel, OS_BELL_RECEIVERS, value);
  if (has_something(channel)) sleep_succeeded(&spin);
  return 1;
}

/* There is nothing, and no time is left. */
static struct shmipc_result look_in_vain(const struct shmipc_channel *channel) {
  const struct shmipc_result whole = os_arena_check(channel->arena);
  return whole.status == SHMIPC_OK ? shmipc_result(SHMIPC_TIMEOUT) : whole;
}

struct shmipc_result shmipc_channel_look(struct shmipc_channel *channel, uint64_t deadline, struct shmipc_look *look) {
  unsigned tries = 0;
  int has_waited = 0;
  for (;;) {
    enum found found;
    const int is_sure = look_once(channel, look, &found);
    if (*channel->arena->lost) return shmipc_result(SHMIPC_CORRUPT);
    if (!is_sure) { /* others are at it; or a program plays with the tail */
      if (++tries % TRIES == 0 && os_clock() >= deadline) return look_in_vain(channel);
      continue;
    }
    if (found == MESSAGE) {
      if (has_waited) learn_lag(&channel->receiving, load_word(ring_of(channel), look->to) != 0);
      SHMIPC_STEP(RECEIVE_SEEN);
      return shmipc_result(SHMIPC_OK);
    }
    if (found == GARBAGE) return shmipc_result(SHMIPC_CORRUPT);
    if (found == THE_END) {
      bell_ring(channel, OS_BELL_RECEIVERS); /* others may sleep who need to know it, too */
      return shmipc_result(SHMIPC_CLOSED);
    }
    if (deadline <= SHMIPC_GLANCE ? has_waited || deadline == 0 : os_clock() >= deadline) return look_in_vain(channel);
    channel->has_slept |= await_message(channel, deadline);
    has_waited = 1;
  }
}

int shmipc_channel_look_further(const struct shmipc_channel *channel, struct shmipc_look *look) {
  struct shmipc_look further = *look;
  uint64_t word;
  if (find(ring_of(channel), look->to, &further, &word) != MESSAGE || further.to - look->from > channel->capacity)
    return 0;
  *look = further;
  return 1;
}

int shmipc_channel_take(struct shmipc_channel *channel, const struct shmipc_look *look) {
  struct state *state = state_of(channel);
  uint64_t tail = look->from;
  if (*channel->arena->lost) return 0; /* what was copied may have been zeros in its place */
  if (!atomic_compare_exchange_strong(&state->tail, &tail, look->to)) return 0;
  SHMIPC_STEP(RECEIVE_TAKEN);
  fetch_for_reading(ring_of(channel), look->to);
  if (atomic_load(bell_of(channel, OS_BELL_SENDERS)) & ASLEEP) {
    if ((int64_t)(look->to - atomic_load(&state->enough)) >= 0 || load_word(ring_of(channel), look->to) == 0)
      bell_ring(channel, OS_BELL_SENDERS);
  }
  if (channel->has_slept) { /* who was woken for more than it takes */
    channel->has_slept = 0;
    if (load_word(ring_of(channel), look->to) != 0) bell_ring(channel, OS_BELL_RECEIVERS);
  }
  SHMIPC_STEP(RECEIVE_RUNG);
  return 1;
}

/* ---- looking at it */

/* Where the messages end, and how many there have been. Returns whether no more will come. */
static int read_end(const struct shmipc_channel *channel, uint64_t *end, uint64_t *count) {
  const struct guarded *guarded = guarded_of(channel);
  const uint64_t begin = *end = guarded->end;
  enum found found;
  *count = guarded->count;
  found = walk(ring_of(channel), begin, end, count);
  if (found != GARBAGE && guarded->end == begin) return found == THE_END;
  *end = guarded->end; /* senders are at it, and do not wait for who only looks */
  *count = guarded->count;
  return is_closed(load_word(ring_of(channel), *end & ~(uint64_t)(WORD - 1)));
}

static struct shmipc_channel_state read_state(const struct shmipc_channel *channel, uint64_t tail, enum found found,
                                              uint64_t word) {
  struct shmipc_channel_state state = {0};
  uint64_t end;
  state.is_shut_down = read_end(channel, &end, &state.sent);
  if (found == MESSAGE) {
    const int32_t behind = (int32_t)((uint32_t)state.sent - (uint32_t)(word >> 32));
    state.depth = behind > 0 ? (uint64_t)behind : 0;
    state.bytes = end - tail <= channel->capacity ? (size_t)(end - tail) : 0;
  }
  state.received = state.sent - state.depth;
  return state;
}

struct shmipc_result shmipc_channel_inspect(const struct shmipc_channel *channel, struct shmipc_channel_state *out) {
  const struct shmipc_result whole = os_arena_check(channel->arena);
  struct shmipc_channel_state state;
  struct shmipc_look look;
  uint64_t tail, word = 0;
  enum found found;
  unsigned tries = 0;
  if (whole.status != SHMIPC_OK) return whole;
  do {
    tail = load_tail(channel);
    if (tail % WORD != 0) return shmipc_result(SHMIPC_CORRUPT);
    found = find(ring_of(channel), tail, &look, &word);
    state = read_state(channel, tail, found, word);
    if (found == GARBAGE && load_tail(channel) == tail) return shmipc_result(SHMIPC_CORRUPT);
  } while (load_tail(channel) != tail && ++tries < TRIES);
  state.senders_wait = (atomic_load(bell_of(channel, OS_BELL_SENDERS)) & ASLEEP) != 0;
  state.receivers_wait = (atomic_load(bell_of(channel, OS_BELL_RECEIVERS)) & ASLEEP) != 0;
  *out = state;
  return whole;
}
