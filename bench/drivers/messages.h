/* The tasks of the works about messages, for whatever carries them between two processes of C or C++. messages.lua has
 * those of Lua, messages.py those of Python: the same tasks by the same names.
 *
 * A task is called WIRE_WORK_SIZE, as in `pipe_round_trip_64`.
 */
#ifndef SHMIPC_BENCH_MESSAGES_H
#define SHMIPC_BENCH_MESSAGES_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
  MESSAGES_CAPACITY = 1 << 20, /* bytes that may be under way in a direction, for those that have a say in it */
  MESSAGES_SIZE_MAX = 1 << 16,
};

/* What carries messages both ways. The direction is the sender's seat. Each call carries one whole message, of the size
 * given at the opening, which is a multiple of 8; its first 8 bytes are its number, counted from 1 in each direction.
 */
struct messages_wire {
  const char *name;
  void *(*open)(const char *name, size_t size); /* before the processes part; leaves no name */
  void (*send)(void *wire, int direction, const void *message, size_t size);
  void (*receive)(void *wire, int direction, void *message, size_t size);
};

/* The wires end with one whose name is NULL. */
int messages_main(int argc, char **argv, const struct messages_wire *wires, const char *version);

/* Lets `turns`, 0 at first, spins go by: a short while each, and the processor to others when it has been many. */
void messages_spin(int *turns);

#ifdef __cplusplus
}
#endif

#endif
