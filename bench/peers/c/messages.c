/* Messages between two processes: by shared memory and spinning, by a ring, by a futex, by pipes, by a Unix socket. */
#define _GNU_SOURCE
#include "../../drivers/wires.h"

#include <linux/futex.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../drivers/driver.h"

enum { LINE = WIRES_LINE };

/* ---- spin: one place in each direction, whose number is the first word of the message. */

static void *open_spin(const char *name, size_t size) {
  (void)size;
  return driver_private_memory(name, 2 * sizeof(struct place));
}

static void send_spin(void *wire, int direction, const void *message, size_t size) {
  uint64_t number;
  memcpy(&number, message, sizeof number);
  place_put((struct place *)wire + direction, number, (const unsigned char *)message + sizeof number,
            size - sizeof number);
}

static void receive_spin(void *wire, int direction, void *message, size_t size) {
  const struct place *place = (struct place *)wire + direction;
  static uint64_t last;
  last = place_await(place, last);
  memcpy(message, &last, sizeof last);
  memcpy((unsigned char *)message + sizeof last, place->rest, size - sizeof last);
}

/* ---- futex: the same, but who receives sleeps at once, and who sends always wakes. */

struct bed {
  _Alignas(LINE) _Atomic uint32_t sent;
  _Alignas(LINE) unsigned char message[MESSAGES_SIZE_MAX];
};

static void *open_futex(const char *name, size_t size) {
  (void)size;
  return driver_private_memory(name, 2 * sizeof(struct bed));
}

static void send_futex(void *wire, int direction, const void *message, size_t size) {
  struct bed *bed = (struct bed *)wire + direction;
  memcpy(bed->message, message, size);
  atomic_fetch_add(&bed->sent, 1);
  syscall(SYS_futex, &bed->sent, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static void receive_futex(void *wire, int direction, void *message, size_t size) {
  struct bed *bed = (struct bed *)wire + direction;
  static uint32_t received;
  while (atomic_load(&bed->sent) == received) syscall(SYS_futex, &bed->sent, FUTEX_WAIT, received, NULL, NULL, 0);
  received++;
  memcpy(message, bed->message, size);
}

/* ---- ring */

static void *open_ring(const char *name, size_t size) {
  (void)size;
  return driver_private_memory(name, 2 * sizeof(struct ring));
}

static void send_ring(void *wire, int direction, const void *message, size_t size) {
  ring_put((struct ring *)wire + direction, message, size);
}

static void receive_ring(void *wire, int direction, void *message, size_t size) {
  struct ring *ring = (struct ring *)wire + direction;
  memcpy(message, ring_await(ring, size), size);
  ring_done(ring);
}

/* ---- pipes and a Unix socket: descriptors to write to and to read from, by direction */

struct descriptors {
  int to[2], from[2];
};

static void *open_pipes(const char *name, size_t size) {
  static struct descriptors descriptors;
  (void)name, (void)size;
  for (int direction = 0; direction < 2; direction++) {
    int ends[2];
    if (pipe(ends) != 0) driver_fail("pipe");
    descriptors.from[direction] = ends[0];
    descriptors.to[direction] = ends[1];
  }
  return &descriptors;
}

static void *open_socket(const char *name, size_t size) {
  static struct descriptors descriptors;
  int ends[2];
  (void)name, (void)size;
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) driver_fail("socketpair");
  descriptors.to[0] = descriptors.from[1] = ends[0];
  descriptors.to[1] = descriptors.from[0] = ends[1];
  return &descriptors;
}

static void send_bytes(void *wire, int direction, const void *message, size_t size) {
  const struct descriptors *descriptors = wire;
  const unsigned char *next = message;
  while (size > 0) {
    ssize_t written = write(descriptors->to[direction], next, size);
    if (written <= 0) driver_fail("write");
    next += written;
    size -= (size_t)written;
  }
}

static void receive_bytes(void *wire, int direction, void *message, size_t size) {
  const struct descriptors *descriptors = wire;
  unsigned char *next = message;
  while (size > 0) {
    ssize_t taken = read(descriptors->from[direction], next, size);
    if (taken <= 0) driver_fail("read");
    next += taken;
    size -= (size_t)taken;
  }
}

static const struct messages_wire wires[] = {
    {"spin", open_spin, send_spin, receive_spin},       {"futex", open_futex, send_futex, receive_futex},
    {"ring", open_ring, send_ring, receive_ring},       {"pipe", open_pipes, send_bytes, receive_bytes},
    {"socket", open_socket, send_bytes, receive_bytes}, {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv) { return messages_main(argc, argv, wires, BENCH_VERSION); }
