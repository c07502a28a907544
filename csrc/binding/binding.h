/* What the binding's files share: checking arguments, telling errors, handles, and waiting.
 *
 * Errors follow two rules. Misuse raises, and names the function, the argument, what was given and what is allowed.
 * What the environment refuses is returned as nil, message, code [, native error number].
 *
 * `function` is everywhere the name that a script's author knows the function by, as "view:read_i32". */
#ifndef SHMIPC_BINDING_BINDING_H
#define SHMIPC_BINDING_BINDING_H

#include <lauxlib.h>
#include <lua.h>
#include <math.h>

#include "../core/channel.h"
#include "../core/event.h"
#include "../core/mapping.h"
#include "../core/mutex.h"
#include "../core/name.h"
#include "../core/semaphore.h"

SHMIPC_HIDDEN_BEGIN

#define SHMIPC_VERSION "0.1.0"

/* ---- errors */

/* Raises "function: text", with the caller's position in front. Never returns. */
SHMIPC_COLD int shmipc_raise(lua_State *L, const char *function, const char *format, ...);

/* The same for a check that a Lua function of this module makes: the position is that function's caller. */
int shmipc_raise_beyond(lua_State *L, const char *function, const char *format, ...);

/* Returns nil, `function "name": text`, code [, number]; NO_MEMORY raises. name may be NULL. */
int shmipc_failure(lua_State *L, const char *function, const char *name, struct shmipc_result result);

/* The same for a method of the handle at index 1, with the handle's name. */
int shmipc_self_failure(lua_State *L, const char *function, struct shmipc_result result);

/* ---- arguments: strict, so that "3" is no number and 3 is no string */

lua_Integer shmipc_integer(lua_State *L, int arg, const char *function, const char *what, lua_Integer lowest,
                           lua_Integer highest);

/* The same for an argument that may be nil or absent. */
lua_Integer shmipc_integer_or(lua_State *L, int arg, const char *function, const char *what, lua_Integer lowest,
                              lua_Integer highest, lua_Integer absent);

lua_Number shmipc_number(lua_State *L, int arg, const char *function, const char *what);

const char *shmipc_string(lua_State *L, int arg, const char *function, const char *what, size_t *length);

/* A time in seconds, 0 to math.huge; absent: HUGE_VAL. */
double shmipc_seconds_given(lua_State *L, int arg, const char *function, const char *what);

static inline double shmipc_seconds(lua_State *L, int arg, const char *function, const char *what) {
  return lua_isnoneornil(L, arg) ? HUGE_VAL : shmipc_seconds_given(L, arg, function, what);
}

/* Pushes a short text that shows the value at arg: for messages. */
const char *shmipc_push_shown(lua_State *L, int arg);

/* A number for a floating-point type of that many bytes. A finite one that overflows raises. */
double shmipc_real(lua_State *L, int arg, const char *function, const char *what, size_t size);

/* A table with string keys out of `allowed` (NULL-terminated), nil, or nothing. Afterwards a field is read by
 * shmipc_option, which leaves it on the stack and says whether it is there. */
void shmipc_options(lua_State *L, int arg, const char *function, const char *const *allowed);
int shmipc_option(lua_State *L, int arg, const char *field);

/* The fields that several functions take. */
unsigned shmipc_option_mode(lua_State *L, int arg, const char *function);
int shmipc_option_flag(lua_State *L, int arg, const char *function, const char *field);
enum os_access shmipc_option_access(lua_State *L, int arg, const char *function);

/* One of "r", "rw", and where `copy` says so "cow". */
enum shmipc_copy { SHMIPC_COPY_NOT_ALLOWED, SHMIPC_COPY_ALLOWED };
enum os_access shmipc_access(lua_State *L, int arg, const char *function, enum shmipc_copy copy);
const char *shmipc_access_name(enum os_access access);

/* The name of an object at arg. 1: *out is filled (it points into the Lua string). 0: INVALID_NAME has been pushed, the
 * function returns *results. */
int shmipc_invalid_name(lua_State *L, const char *function, const char *name, const char *fault);
int shmipc_name(lua_State *L, int arg, const char *function, struct os_name *out, int *results);

/* ---- handles: userdata that begin with their type */

struct shmipc_type {
  const char *name; /* "shmipc.view" */
  size_t size;      /* of a userdata, in bytes */
  int values;       /* how many Lua values a userdata keeps: its user values */
  int companions;   /* how many upvalues the functions have, besides the metatable */
  const luaL_Reg *methods;
  const luaL_Reg *metamethods;
};

struct shmipc_handle {
  const struct shmipc_type *type;
};

/* Pushes a new metatable, whose field `methods` is the table of methods. Upvalues of all functions: 1 the metatable
 * itself, then the type's companions, which stand at the top of the stack, in their order.
 * A type with an __index of its own finds its methods by shmipc_method_push. */
void shmipc_type_push(lua_State *L, const struct shmipc_type *type);

/* The userdata at arg if it is of the type; else NULL. This is part of every access to shared memory: comparing the
 * metatable would cost a fifth of one more. The size is looked at before any byte. */
static inline void *shmipc_to(lua_State *L, int arg, const struct shmipc_type *type) {
  struct shmipc_handle *handle = lua_touserdata(L, arg);
  return handle && lua_rawlen(L, arg) == type->size && handle->type == type ? handle : NULL;
}

/* Pushes a userdata whose bytes after the type are zero, which every type takes for a closed handle, with the value at
 * `kept` (its name, or what it must keep alive) as user value 1. The resource is acquired afterwards, so that an error
 * in between leaks nothing. */
void *shmipc_handle_push(lua_State *L, const struct shmipc_type *type, int kept, int metatable);

/* Pushes the method that the key at the index names, or nil. pre: called by a metamethod of the type. */
void shmipc_method_push(lua_State *L, int key);

/* Raise for a wrong self, and for a closed one. */
SHMIPC_COLD int shmipc_wrong_self(lua_State *L, const char *function, const struct shmipc_type *type);
SHMIPC_COLD int shmipc_closed(lua_State *L, const char *function, const struct shmipc_type *type);

/* For methods that are written in Lua, (self, function): raises as the two above, at the place that called the method.
 * is_closed: whether the self (NULL: it is none) is closed. */
typedef int (*shmipc_is_closed)(const void *self);
void shmipc_expect(lua_State *L, const struct shmipc_type *type, shmipc_is_closed is_closed);

/* Pushes the handle's name, quoted, control bytes replaced; returns it. */
const char *shmipc_push_quoted_name(lua_State *L, int arg);

/* ---- waiting: in slices, between which Lua's hooks get a chance (Ctrl-C). Nothing is held then. */

struct shmipc_wait {
  double seconds;
  uint64_t until;    /* the deadline for the next try */
  uint64_t deadline; /* 0: not known yet */
};

/* The first try does not wait. */
static inline struct shmipc_wait shmipc_wait_begin(double seconds) {
  struct shmipc_wait wait = {seconds, 0, 0};
  return wait;
}

/* For an attempt to create or open while others are deciding about the name: 1 s. */
struct shmipc_wait shmipc_wait_for_decision(void);

/* After a try that ended in TIMEOUT: whether there is another. May run any Lua code (a hook), and raise. */
int shmipc_wait_more(lua_State *L, struct shmipc_wait *wait);

/* Makes what shmipc_wait_more needs in the registry. */
void shmipc_wait_prepare(lua_State *L);

/* ---- the types, and their companions */

extern const struct shmipc_type shmipc_view_type;    /* string.pack, string.unpack, string.packsize, typed.h's table */
extern const struct shmipc_type shmipc_mapping_type; /* the view's metatable */
extern const struct shmipc_type shmipc_guard_type;   /* none */
extern const struct shmipc_type shmipc_mutex_type;   /* the string "abandoned" */
extern const struct shmipc_type shmipc_event_type;   /* none */
extern const struct shmipc_type shmipc_semaphore_type; /* none */
extern const struct shmipc_type shmipc_channel_type;   /* typed.h's table */

/* Functions of the module's tables: upvalue 1 is the metatable of what they make. */
extern const luaL_Reg shmipc_mapping_functions[];
extern const luaL_Reg shmipc_mutex_functions[];
extern const luaL_Reg shmipc_event_functions[];
extern const luaL_Reg shmipc_semaphore_functions[];
extern const luaL_Reg shmipc_channel_functions[];

/* unlink(name) of every kind. */
int shmipc_unlink(lua_State *L, const char *function, enum os_kind kind);

/* ---- looking: functions of the module, and info() of every kind. look: checks the self, and fills the listing. */

int shmipc_list(lua_State *L);
int shmipc_gc(lua_State *L);

typedef struct shmipc_result (*shmipc_look_function)(lua_State *L, const char *function, struct os_listing **out);
int shmipc_info(lua_State *L, const char *function, shmipc_look_function look);

/* What channel:stats tells: read first, so that no error finds the channel open, and then put into the table at the
 * top. */
struct shmipc_channel_stats {
  struct shmipc_channel_state state;
  size_t capacity, largest;
};
struct shmipc_result shmipc_channel_stats_read(const struct shmipc_channel *channel, struct shmipc_channel_stats *out);
void shmipc_channel_stats_put(lua_State *L, const struct shmipc_channel_stats *stats);

/* ---- the handles that more than one file knows */

struct shmipc_view_handle {
  struct shmipc_handle handle;
  struct shmipc_view view;
};

/* User values: 1 the name, 2 the metatable of its guards. */
enum { SHMIPC_MUTEX_GUARDS = 2 };

struct shmipc_mutex_handle {
  struct shmipc_handle handle;
  struct shmipc_mutex mutex;
};

/* One level of a mutex. */
struct shmipc_guard {
  struct shmipc_handle handle;
  uint64_t serial; /* 0: it holds nothing */
};

/* Pushes the metatable of the guards of the mutex handle at the index. metatable: the index of the type's. */
void shmipc_guard_metatable_push(lua_State *L, int mutex, int metatable);

/* Pushes a guard that holds nothing yet, of the mutex at index 1. */
struct shmipc_guard *shmipc_guard_push(lua_State *L);

SHMIPC_HIDDEN_END

#endif
