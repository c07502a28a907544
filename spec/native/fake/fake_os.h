/* Control of the fake platform (fake_os.c): a system inside one process, whose calls fail on demand, which watches the
 * preconditions of csrc/os/os.h, and which counts what was not given back.
 *
 * Its clock moves only when somebody looks at it or waits, so an hour's time-out takes no time. Its threads are
 * numbers: the one caller plays them in turn. */
#ifndef SHMIPC_FAKE_OS_H
#define SHMIPC_FAKE_OS_H

#include <stddef.h>
#include <stdint.h>

#include "../../../csrc/os/status.h"

/* The calls of functions that can fail are counted from 1, beginning anew here. Calls `first` to `first + count - 1`
 * fail: with `with`, or with NULL or 0 where the function gives a pointer or a token. first = 0: none fails. */
void fake_fail_at(unsigned long first, unsigned long count, struct shmipc_result with);

/* How many there were since. */
unsigned long fake_calls(void);

/* The function of the first call that was made to fail since, or NULL. */
const char *fake_failed(void);

/* What is there now. */
struct fake_live {
  size_t allocations, sections, views, mutexes, events, semaphores, arenas, listings;
  size_t names; /* of named objects */
  size_t locks; /* mutexes, and arenas' locks, held by threads of this process */
};
struct fake_live fake_live(void);

/* The first precondition that was broken, or NULL. */
const char *fake_violation(void);

/* The longest single wait that was asked for, in nanoseconds. */
uint64_t fake_longest_wait(void);

/* What other processes and programs may have done to a named mutex, or a channel's lock: FAKE_CORRUPT (of a mutex) at
 * any time, the others while no thread of this process holds it. These four return 0 when there is no such object, or
 * it cannot be. */
enum fake_mutex_state { FAKE_FREE, FAKE_HELD_ELSEWHERE, FAKE_ABANDONED, FAKE_CORRUPT };
int fake_set_mutex(const char *name, enum fake_mutex_state state);

/* Another program destroys the bytes of an event, a semaphore or a channel, or repairs them. */
enum fake_bytes { FAKE_WHOLE, FAKE_DESTROYED };
int fake_set_waitable(const char *name, enum fake_bytes bytes);

/* Another process cuts the mapping or the channel: its users lose their memory. */
int fake_truncate(const char *name);

/* Another program makes a mapping or takes hold of a persistent one: its name stays until it is unlinked. */
int fake_create_foreign(const char *name, size_t size);

/* A mapping that somebody made and did not live to close: nobody but os_remove_leftover takes it away here. */
int fake_leave_behind(const char *name);

/* Plays a thread; 0: a new one, whose number is returned. */
uintptr_t fake_enter_thread(uintptr_t thread);

/* The thread ends: what it had locked is given up. pre: it is not the one that is being played. */
void fake_end_thread(uintptr_t thread);

/* The process becomes a forked child of what it was (with one thread, whose number is returned), and its parent ends
 * (giving up what it had locked). */
uintptr_t fake_fork(void);
void fake_end_parent(void);

/* Names that nobody holds (persistent or foreign objects) and files go. */
void fake_forget(void);

#endif
