/* Two ways for messages between one sender and one receiver that need nothing but shared memory and spin. Zeros are an
 * empty one. Checks nothing. */
#ifndef SHMIPC_BENCH_WIRES_H
#define SHMIPC_BENCH_WIRES_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "messages.h"

enum { WIRES_LINE = 64 };

/* ---- one place: a number and what goes with it. To write the number is to hand the message over, and the answer gives
 * the place back. The least that two processes can do. */

struct place {
  _Alignas(WIRES_LINE) _Atomic uint64_t number;
  unsigned char rest[MESSAGES_SIZE_MAX];
};

static inline void place_put(struct place *place, uint64_t number, const void *rest, size_t length) {
  memcpy(place->rest, rest, length);
  atomic_store_explicit(&place->number, number, memory_order_release);
}

/* Returns the number, once it is not that of the last one. */
static inline uint64_t place_await(const struct place *place, uint64_t last) {
  uint64_t number;
  int turns = 0;
  while ((number = atomic_load_explicit(&place->number, memory_order_acquire)) == last) messages_spin(&turns);
  return number;
}

/* ---- a ring of slots of whole lines. Each end keeps what it last saw of the other's index, and looks again only when
 * that says full or empty. Sizes are powers of two, so the number of slots is one. */

struct ring {
  _Alignas(WIRES_LINE) _Atomic uint64_t sent;     /* the sender's: messages ever written */
  _Alignas(WIRES_LINE) _Atomic uint64_t received; /* the receiver's: messages ever copied out */
  _Alignas(WIRES_LINE) uint64_t sent_seen;        /* the receiver's own */
  _Alignas(WIRES_LINE) uint64_t received_seen;    /* the sender's own */
  _Alignas(WIRES_LINE) unsigned char slots[MESSAGES_CAPACITY];
};

static inline size_t ring_slot_size(size_t size) { return (size + WIRES_LINE - 1) / WIRES_LINE * WIRES_LINE; }

static inline unsigned char *ring_slot(struct ring *ring, uint64_t number, size_t size) {
  return ring->slots + number * ring_slot_size(size) % sizeof ring->slots;
}

static inline void ring_put(struct ring *ring, const void *message, size_t size) {
  uint64_t sent = atomic_load_explicit(&ring->sent, memory_order_relaxed);
  int turns = 0;
  while ((sent - ring->received_seen + 1) * ring_slot_size(size) > sizeof ring->slots) {
    ring->received_seen = atomic_load_explicit(&ring->received, memory_order_acquire);
    if (sent - ring->received_seen == sizeof ring->slots / ring_slot_size(size)) messages_spin(&turns);
  }
  memcpy(ring_slot(ring, sent, size), message, size);
  atomic_store_explicit(&ring->sent, sent + 1, memory_order_release);
}

/* The next message, where it lies. */
static inline const void *ring_await(struct ring *ring, size_t size) {
  uint64_t received = atomic_load_explicit(&ring->received, memory_order_relaxed);
  int turns = 0;
  while (received == ring->sent_seen) {
    ring->sent_seen = atomic_load_explicit(&ring->sent, memory_order_acquire);
    if (received == ring->sent_seen) messages_spin(&turns);
  }
  return ring_slot(ring, received, size);
}

/* Gives its slot back. */
static inline void ring_done(struct ring *ring) {
  uint64_t received = atomic_load_explicit(&ring->received, memory_order_relaxed);
  atomic_store_explicit(&ring->received, received + 1, memory_order_release);
}

#endif
