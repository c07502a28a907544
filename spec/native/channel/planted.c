#include "planted.h"

/* All that the core's file includes must come before its calls are renamed. */
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "core/channel.h"

#define LATE_MAX 64
#define A_MOMENT 20000 /* nanoseconds */
#define CLOSED_WORD UINT32_C(0xfffffffe)

const char *const planted_bug_meaning[PLANTED_BUGS_END] = {
#define X(name, meaning) meaning,
    PLANTED_BUGS(X)
#undef X
};

enum planted_bug planted_bug;

static int is_recovering, is_writing; /* this process, as a sender */

static struct late_bytes {
  char *to;
  const void *from;
  size_t length;
} late[LATE_MAX];
static size_t late_count;

void planted_step(enum shmipc_step step) {
  if (step == SHMIPC_STEP_SEND_LOCKED) is_recovering = 1;
  if (step == SHMIPC_STEP_SEND_RECOVERED) is_recovering = 0;
  is_writing = step == SHMIPC_STEP_SEND_RECOVERED || (is_writing && step != SHMIPC_STEP_SEND_UNLOCKED);
  if (step == SHMIPC_STEP_SEND_ADVANCED)
    while (late_count > 0) {
      late_count--;
      memcpy(late[late_count].to, late[late_count].from, late[late_count].length);
    }
}

static _Bool planted_exchange_32(_Atomic(uint32_t) *object, uint32_t *expected, uint32_t desired) {
  return atomic_compare_exchange_strong(object, expected, desired);
}

static _Bool planted_exchange_64(_Atomic(uint64_t) *object, uint64_t *expected, uint64_t desired) {
  if (planted_bug != TAIL_BLIND) return atomic_compare_exchange_strong(object, expected, desired);
  os_sleep(os_clock() + A_MOMENT); /* so that it shows soon */
  atomic_store(object, desired);
  return 1;
}

static uint32_t planted_load_32(const _Atomic(uint32_t) *object) { return atomic_load(object); }

static uint64_t planted_load_64(const _Atomic(uint64_t) *object) {
  return atomic_load(object) + (planted_bug == SPACE_BLIND && is_writing ? 64 : 0);
}

static uint64_t planted_load_word_of_ring(const _Atomic(uint64_t) *object) {
  const uint64_t word = atomic_load_explicit(object, memory_order_acquire);
  return planted_bug == UNRECOVERED && is_recovering && (uint32_t)word != CLOSED_WORD ? 0 : word;
}

static void planted_store_word_of_ring(_Atomic(uint64_t) *object, uint64_t value, memory_order order) {
  if (planted_bug == NO_END && value == 0) return;
  if (order == memory_order_relaxed)
    atomic_store_explicit(object, value, memory_order_relaxed);
  else
    atomic_store_explicit(object, value, memory_order_release);
}

static void planted_copy(void *to, const void *from, size_t length) {
  if (planted_bug != BYTES_LATE || late_count == LATE_MAX) {
    memcpy(to, from, length);
    return;
  }
  late[late_count].to = to;
  late[late_count].from = from;
  late[late_count++].length = length;
}

static struct shmipc_result planted_lock(struct os_arena *arena, uint64_t deadline) {
  return planted_bug == UNLOCKED ? shmipc_result(SHMIPC_OK) : os_arena_lock(arena, deadline);
}

static struct shmipc_result planted_unlock(struct os_arena *arena) {
  return planted_bug == UNLOCKED ? shmipc_result(SHMIPC_OK) : os_arena_unlock(arena);
}

#undef atomic_compare_exchange_strong
#define atomic_compare_exchange_strong(object, expected, desired)                                                      \
  _Generic((object), _Atomic(uint32_t) * : planted_exchange_32, _Atomic(uint64_t) * : planted_exchange_64)(object, expected, desired)
#undef atomic_load
#define atomic_load(object)                                                                                            \
  _Generic((object), _Atomic(uint32_t) * : planted_load_32, const _Atomic(uint32_t) * : planted_load_32, _Atomic(uint64_t) * : planted_load_64, \
           const _Atomic(uint64_t) * : planted_load_64)(object)
#undef atomic_load_explicit
#define atomic_load_explicit(object, order) planted_load_word_of_ring(object)
#undef atomic_store_explicit
#define atomic_store_explicit planted_store_word_of_ring
#undef memcpy
#define memcpy planted_copy
#define os_arena_lock planted_lock
#define os_arena_unlock planted_unlock

#include "../../../csrc/core/channel.c"
