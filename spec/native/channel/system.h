/* What the programs of this folder need of the system, beyond the library's own contract: the program starts itself
 * again, and ends, stops and watches what it has started. */
#ifndef CHANNEL_SYSTEM_H
#define CHANNEL_SYSTEM_H

#include <stddef.h>

struct child;

/* Before all else. No child outlives the program. */
void system_begin(void);

/* This program again; arguments: up to a NULL, its name not among them. NULL: it cannot be started. */
struct child *child_start(const char *const *arguments);

#define CHILD_RUNS (-1)
#define CHILD_KILLED 1000 /* and more: ended by force, or crashed */

/* Its exit code, CHILD_RUNS, or CHILD_KILLED and a number that says by what. */
int child_state(struct child *child);

/* All of it stands still, wherever it is, or goes on again. */
void child_stop(struct child *child);
void child_continue(struct child *child);

void child_kill(struct child *child);

/* pre: it has ended, or is killed now. */
void child_forget(struct child *child);

/* Ends this process at once: by force, by abort(), or by an exit that closes nothing. */
#define DEATHS 3
_Noreturn void system_die(unsigned way);

unsigned system_process_number(void);

/* A line, whole, however many processes print. */
void system_print(const char *line, size_t length);

/* Another program's way to a named object: all of its bytes. NULL: it cannot be had. */
char *system_map(const char *name, size_t *size);
void system_unmap(char *bytes, size_t size);

/* Cuts the object to so many bytes; 0: that cannot be here. */
int system_cut(const char *name, size_t size);

/* Whether something of that name is left that the library would not find. */
int system_is_left(const char *name);

#endif
