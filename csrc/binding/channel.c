/* shmipc.channel. User values: 1 the name, 2 the codec's encode or the layout, 3 the codec's decode. */
#include "../core/channel.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "typed.h"

#define TYPE "shmipc.channel"

enum { CHANNEL_ENCODE = 2, CHANNEL_LAYOUT = CHANNEL_ENCODE, CHANNEL_DECODE, CHANNEL_VALUES = CHANNEL_DECODE };
enum { COMPANIONS = 2 };

/* What a message is on the Lua side. */
enum form { STRINGS, CODED, RECORDS };

struct channel_handle {
  struct shmipc_handle handle;
  struct shmipc_channel channel;
  enum form form;
  const struct shmipc_layout_handle *layout; /* of RECORDS; user value 2 keeps it */
};

static struct channel_handle *channel_self(lua_State *L, const char *function) {
  struct channel_handle *self = shmipc_to(L, 1, &shmipc_channel_type);
  if (!self) shmipc_wrong_self(L, function, &shmipc_channel_type);
  if (!self->channel.arena) shmipc_closed(L, function, &shmipc_channel_type);
  return self;
}

/* After anything that may have run a finaliser or a hook. */
static void check_open(lua_State *L, const char *function, const struct channel_handle *self) {
  if (!self->channel.arena) shmipc_closed(L, function, &shmipc_channel_type);
}

/* ---- opening */

typedef struct shmipc_result (*make_function)(const struct os_name *name,
                                              const struct shmipc_channel_creation *creation, uint64_t deadline,
                                              struct shmipc_channel *out);

static const char *const creation_options[] = {"capacity", "mode", "codec", "layout", NULL};
static const char *const opening_options[] = {"codec", "layout", NULL};

static size_t option_capacity(lua_State *L, const char *function) {
  lua_Integer capacity = SHMIPC_CAPACITY_USUAL;
  if (shmipc_option(L, 2, "capacity"))
    capacity = shmipc_integer(L, lua_gettop(L), function, "capacity", 1, SHMIPC_CAPACITY_MAX);
  lua_pop(L, 1);
  return (size_t)capacity;
}

/* Pushes a function of the codec at the top. */
static void push_codec_function(lua_State *L, const char *function, const char *name) {
  if (lua_getfield(L, -1, name) != LUA_TFUNCTION)
    shmipc_raise(L, function, "codec.%s must be a function, got %s", name, shmipc_push_shown(L, lua_gettop(L)));
}

/* Sets the form, and the user values that go with it. The handle is at the top. */
static void take_form(lua_State *L, const char *function, struct channel_handle *self) {
  const int handle = lua_gettop(L);
  const int has_codec = shmipc_option(L, 2, "codec"), has_layout = shmipc_option(L, 2, "layout");
  if (has_codec && has_layout) shmipc_raise(L, function, "options may have a codec or a layout, not both");
  if (has_layout) {
    self->layout = shmipc_to(L, handle + 2, &shmipc_layout_type);
    if (!self->layout)
      shmipc_raise(L, function, "layout must be a shmipc.layout, got %s", shmipc_push_shown(L, handle + 2));
    lua_setiuservalue(L, handle, CHANNEL_LAYOUT);
    self->form = RECORDS;
  } else if (has_codec) {
    lua_settop(L, handle + 1);
    if (!lua_istable(L, -1) && !lua_isuserdata(L, -1))
      shmipc_raise(L, function, "codec must be a table with encode and decode, got %s",
                   shmipc_push_shown(L, handle + 1));
    push_codec_function(L, function, "encode");
    lua_setiuservalue(L, handle, CHANNEL_ENCODE);
    push_codec_function(L, function, "decode");
    lua_setiuservalue(L, handle, CHANNEL_DECODE);
    self->form = CODED;
  }
  lua_settop(L, handle);
}

static int push_channel(lua_State *L, const char *function, make_function make, const char *const *allowed) {
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct shmipc_channel_creation creation;
  struct channel_handle *self;
  struct shmipc_result result;
  struct os_name name;
  int results;
  lua_settop(L, 2);
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  shmipc_options(L, 2, function, allowed);
  creation.mode = shmipc_option_mode(L, 2, function);
  creation.capacity = option_capacity(L, function);
  self = shmipc_handle_push(L, &shmipc_channel_type, 1, lua_upvalueindex(1));
  take_form(L, function, self);
  do {
    result = make(&name, &creation, wait.until, &self->channel);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  return 1;
}

/***
Channels: a bounded queue of messages between processes, with any number of senders and receivers.

Each message reaches one receiver, whole, in the order of its sender, and never twice. Any process may be killed at any
instruction, and the rest go on; a message is lost only with the receiver that had taken it.

A message is a string of 0 bytes up to half the capacity less 16 bytes. With a `codec`, any module that has the
functions `encode(value)`, which gives a string, and `decode(string)`, messages are Lua values; with a `layout`, they
are structs: records and tables are sent without making strings. These two are the handle's, not the object's: the other
side says its own.

All kinds of objects share one namespace.
@module shmipc.channel
*/

/***
Creates a channel.

The name lives as long as any process holds the channel, however that process ends; messages that nobody has received
go with it.
@function create
@string name as for `shmipc.mapping.create`
@tparam[opt] table options `capacity` = bytes for the messages that wait, and 8 more for each, rounded up to a power of
two, 4096 to 2^30 (default 2^20); `codec` or `layout` (see above); `mode` = permission bits on Linux (default `0600`)
@treturn channel|nil the channel
@treturn ?string message
@treturn ?string code `EXISTS`, `WRONG_KIND`, `INVALID_NAME`, `NO_SPACE`, `ACCESS_DENIED`, `LIMIT`, `TIMEOUT`, …
@usage
local jobs = assert(shmipc.channel.create("jobs", {capacity = 1 << 16}))
assert(jobs:send("one"))
*/
static int channel_create(lua_State *L) {
  return push_channel(L, "shmipc.channel.create", shmipc_channel_create, creation_options);
}

static struct shmipc_result open_existing(const struct os_name *name, const struct shmipc_channel_creation *creation,
                                          uint64_t deadline, struct shmipc_channel *out) {
  (void)creation;
  return shmipc_channel_open(name, deadline, out);
}

/***
Opens a channel that exists.
@function open
@string name as for `shmipc.mapping.create`
@tparam[opt] table options `codec` or `layout`
@treturn channel|nil the channel
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `CORRUPT`, `NOT_SUPPORTED` (made by another version,
or in another pid namespace), …
@usage
local jobs, message, code = shmipc.channel.open("jobs")
if not jobs then print(code, message) end
*/
static int channel_open(lua_State *L) { return push_channel(L, "shmipc.channel.open", open_existing, opening_options); }

/***
Opens a channel, or creates it when there is none. `channel:created` tells which; `capacity` says nothing when it
existed.
@function open_or_create
@string name as for `shmipc.mapping.create`
@tparam[opt] table options as for `create`
@treturn channel|nil the channel
@treturn ?string message
@treturn ?string code those of `create` and `open`
@usage
local jobs = assert(shmipc.channel.open_or_create("jobs"))
print(jobs:created())
*/
static int channel_open_or_create(lua_State *L) {
  return push_channel(L, "shmipc.channel.open_or_create", shmipc_channel_open_or_create, creation_options);
}

/***
Takes a channel's name away now. Who holds it keeps it.
@function unlink
@string name as for `shmipc.mapping.create`
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `NOT_FOUND`, `WRONG_KIND`, `ACCESS_DENIED`, `INVALID_NAME`; on Windows `NOT_SUPPORTED`
@usage
local kept = assert(shmipc.channel.create("jobs"))
assert(shmipc.channel.unlink("jobs"))
*/
static int channel_unlink(lua_State *L) { return shmipc_unlink(L, "shmipc.channel.unlink", OS_CHANNEL); }

const luaL_Reg shmipc_channel_functions[] = {{"create", channel_create},
                                             {"open", channel_open},
                                             {"open_or_create", channel_open_or_create},
                                             {"unlink", channel_unlink},
                                             {NULL, NULL}};

/* ---- sending */

static struct shmipc_shape shape_of(const struct channel_handle *self) {
  struct shmipc_shape shape = {SHMIPC_CONTENT_RECORD, 0, NULL, 0, 0, NULL};
  shape.layout = &self->layout->layout;
  shape.cell = shape.size = shape.layout->size;
  return shape;
}

/* The bytes of the value at arg, which is a table, or a record: into memory of our own. May run any Lua code. */
static void take_record(lua_State *L, int arg, const char *function, const struct channel_handle *self, char *bytes,
                        const struct shmipc_place *outer, lua_Integer index) {
  const struct shmipc_shape shape = shape_of(self);
  const struct shmipc_place place = {function, outer, NULL, index, lua_upvalueindex(COMPANIONS)};
  memset(bytes, 0, shape.size);
  shmipc_value_take(L, arg, &shape, bytes, NULL, &place);
}

/* Pushes what the codec makes of the value at arg. */
static void push_encoded(lua_State *L, int arg, const char *function) {
  lua_getiuservalue(L, 1, CHANNEL_ENCODE);
  lua_pushvalue(L, arg);
  lua_call(L, 1, 1);
  if (lua_type(L, -1) != LUA_TSTRING)
    shmipc_raise(L, function, "the codec's encode must give a string, gave %s", shmipc_push_shown(L, lua_gettop(L)));
}

static void check_length(lua_State *L, const char *function, const struct channel_handle *self, size_t length) {
  const size_t largest = shmipc_channel_largest(&self->channel);
  if (length > largest)
    shmipc_raise(L, function, "a message of %I bytes is longer than %I, the longest that this channel takes",
                 (LUAI_UACINT)length, (LUAI_UACINT)largest);
}

/* The string at arg; `what` is for the error when it is none. */
static struct shmipc_message string_message(lua_State *L, int arg, const char *function, const char *what) {
  struct shmipc_message message;
  message.bytes = shmipc_string(L, arg, function, what, &message.length);
  return message;
}

#define FEW 256 /* bytes that need no allocation */

/* Waits, and sends; *sent tells how many. */
static struct shmipc_result send_all(lua_State *L, const char *function, struct channel_handle *self,
                                     const struct shmipc_message *messages, size_t count, struct shmipc_wait *wait,
                                     size_t *sent) {
  struct shmipc_result result;
  do {
    check_open(L, function, self);
    result = shmipc_channel_send(&self->channel, messages, count, wait->until, sent);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, wait));
  return result;
}

/***
A channel, as this process holds it.
@type channel
*/

/***
Sends a message. Waits while there is no space for it.
@function channel:send
@param message a string; any value with a codec; a record or a table with a layout
@number[opt] timeout in seconds; 0 tries once; default: no limit
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `TIMEOUT`, `CLOSED` (the channel was shut down), `CORRUPT`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
assert(jobs:send("one", 0.5))
*/
static int channel_send(lua_State *L) {
  static const char function[] = "channel:send";
  struct channel_handle *self = channel_self(L, function);
  struct shmipc_wait wait = shmipc_wait_begin(shmipc_seconds(L, 3, function, "timeout"));
  struct shmipc_message message;
  struct shmipc_result result;
  size_t sent = 0;
  char few[FEW];
  if (self->form == RECORDS) {
    const size_t size = self->layout->layout.size;
    char *bytes = few;
    lua_settop(L, 3);
    if (size > sizeof few) bytes = lua_newuserdatauv(L, size, 0);
    take_record(L, 2, function, self, bytes, NULL, 0);
    message.bytes = bytes;
    message.length = size;
  } else if (self->form == CODED) {
    lua_settop(L, 3);
    push_encoded(L, 2, function);
    message = string_message(L, 4, function, "message");
  } else {
    message = string_message(L, 2, function, "message");
  }
  check_open(L, function, self);
  check_length(L, function, self, message.length);
  result = send_all(L, function, self, &message, 1, &wait, &sent);
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushboolean(L, 1);
  return 1;
}

#define BATCH 128 /* messages that are published together */

/* Turns the list at index 2 into messages that need no more Lua code: into a table of strings at index 4, or into bytes
 * one record behind another, which it returns. */
static const char *prepare_list(lua_State *L, const char *function, const struct channel_handle *self,
                                lua_Integer count) {
  const struct shmipc_place list = {function, NULL, "messages", 0, lua_upvalueindex(COMPANIONS)};
  char *bytes = NULL;
  lua_Integer i;
  if (self->form == RECORDS) {
    const size_t size = self->layout->layout.size;
    if ((size_t)count > PTRDIFF_MAX / size) shmipc_raise(L, function, "the list is too long");
    bytes = lua_newuserdatauv(L, (size_t)count * size, 0);
  } else if (self->form == CODED) {
    lua_createtable(L, count < INT_MAX ? (int)count : 0, 0);
  } else {
    lua_pushvalue(L, 2);
  }
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, 2, i);
    if (self->form == RECORDS) {
      take_record(L, 5, function, self, bytes + (size_t)(i - 1) * self->layout->layout.size, &list, i);
    } else {
      if (self->form == CODED) push_encoded(L, 5, function);
      if (lua_type(L, -1) != LUA_TSTRING)
        shmipc_raise(L, function, "messages[%I] must be a string, got %s", (LUAI_UACINT)i,
                     shmipc_push_shown(L, lua_gettop(L)));
      check_open(L, function, self);
      check_length(L, function, self, lua_rawlen(L, -1));
      if (self->form == CODED) lua_rawseti(L, 4, i);
    }
    lua_settop(L, 4);
  }
  check_open(L, function, self);
  if (self->form == RECORDS && count > 0) check_length(L, function, self, self->layout->layout.size);
  return bytes;
}

/* The next messages; strings are left on the stack, where they stay while they are waited with. */
static size_t fill_batch(lua_State *L, const char *function, const struct channel_handle *self, const char *bytes,
                         lua_Integer done, lua_Integer count, struct shmipc_message *batch) {
  size_t i;
  lua_settop(L, 4);
  for (i = 0; i < BATCH && done + (lua_Integer)i < count; i++) {
    if (self->form == RECORDS) {
      batch[i].length = self->layout->layout.size;
      batch[i].bytes = bytes + ((size_t)done + i) * batch[i].length;
    } else {
      lua_rawgeti(L, 4, done + (lua_Integer)i + 1); /* a hook may have changed the list */
      batch[i] = string_message(L, lua_gettop(L), function, "message");
      check_length(L, function, self, batch[i].length);
    }
  }
  return i;
}

/***
Sends many messages in their order. Up to 128 at a time become visible to receivers at once, as far as there is space;
then it waits.
@function channel:send_many
@tparam table messages a list, of what `send` takes
@number[opt] timeout in seconds, for all of them; 0 tries once; default: no limit
@treturn int|nil how many were sent: all of them, or fewer, with the message and the code that tell why; `nil` when it
was none
@treturn ?string message
@treturn ?string code `TIMEOUT`, `CLOSED`, `CORRUPT`, as for `send`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
local count = assert(jobs:send_many({"one", "two", "three"}, 0.5))
assert(count == 3)
*/
static int channel_send_many(lua_State *L) {
  static const char function[] = "channel:send_many";
  struct channel_handle *self = channel_self(L, function);
  struct shmipc_wait wait = shmipc_wait_begin(shmipc_seconds(L, 3, function, "timeout"));
  struct shmipc_result result = {SHMIPC_OK, 0};
  struct shmipc_message batch[BATCH];
  lua_Integer count, done = 0;
  const char *bytes;
  int results;
  if (!lua_istable(L, 2)) shmipc_raise(L, function, "messages must be a table, got %s", shmipc_push_shown(L, 2));
  if (!lua_checkstack(L, BATCH + 8)) return luaL_error(L, "not enough memory");
  lua_settop(L, 3);
  count = (lua_Integer)lua_rawlen(L, 2);
  bytes = prepare_list(L, function, self, count);
  while (done < count && result.status == SHMIPC_OK) {
    const size_t filled = fill_batch(L, function, self, bytes, done, count, batch);
    size_t sent = 0;
    result = send_all(L, function, self, batch, filled, &wait, &sent);
    done += (lua_Integer)sent;
  }
  if (result.status == SHMIPC_OK) {
    lua_pushinteger(L, done);
    return 1;
  }
  results = shmipc_self_failure(L, function, result);
  if (done > 0) {
    lua_pushinteger(L, done);
    lua_replace(L, -results - 1);
  }
  return results;
}

/* ---- receiving */

/* Pushes the message as a string. Its bytes may change at any time, and Lua takes a short one's hash and its bytes one
 * after the other. */
static void push_bytes(lua_State *L, const struct shmipc_message *message) {
  char few[FEW];
  if (message->length > sizeof few) {
    lua_pushlstring(L, message->bytes, message->length);
  } else {
    shmipc_bytes_copy(few, message->bytes, message->length);
    lua_pushlstring(L, few, message->length);
  }
}

/* Pushes the message as a table of the struct's fields. 0: it is no such struct. */
static int push_record(lua_State *L, const char *function, const struct channel_handle *self,
                       const struct shmipc_message *message) {
  const struct shmipc_shape shape = shape_of(self);
  char few[FEW], *bytes;
  if (message->length != shape.size) return 0;
  bytes = shape.size > sizeof few ? lua_newuserdatauv(L, shape.size, 0) : few;
  check_open(L, function, self);
  shmipc_bytes_copy(bytes, message->bytes, shape.size);
  shmipc_value_push(L, &shape, bytes);
  if (bytes != few) lua_remove(L, -2);
  return 1;
}

/* All is there and ours before the message is taken, so that no error can lose it. *is_fit: whether it is what the
 * handle receives. Returns whether it was taken. */
static int push_message(lua_State *L, const char *function, struct channel_handle *self, const struct shmipc_look *look,
                        int *is_fit) {
  *is_fit = 1;
  if (self->form != RECORDS)
    push_bytes(L, &look->message);
  else
    *is_fit = push_record(L, function, self, &look->message);
  check_open(L, function, self);
  return *is_fit && shmipc_channel_take(&self->channel, look);
}

/* The value that the codec makes of the string at the top takes its place. */
static void decode(lua_State *L, const char *function) {
  lua_getiuservalue(L, 1, CHANNEL_DECODE);
  lua_insert(L, -2);
  lua_call(L, 1, 1);
  if (lua_isnil(L, -1)) shmipc_raise(L, function, "the codec's decode gave nil");
}

/* Others have taken the messages first: tried again at once, though not for ever. What it costs counts, so that nobody
 * who plays with the tail keeps a receiver far beyond its deadline. */
#define EFFORT_MAX 1000

static unsigned effort_of(const struct shmipc_look *look) {
  const uint64_t pieces = (look->to - look->from) >> 16; /* of 64 KiB */
  return pieces < EFFORT_MAX ? 1 + (unsigned)pieces : EFFORT_MAX;
}

/* The record at the index, to receive into; NULL when there is nothing. */
static const struct shmipc_record *record_argument(lua_State *L, int arg, const char *function,
                                                   const struct channel_handle *self) {
  const struct shmipc_record *record;
  if (lua_isnoneornil(L, arg)) return NULL;
  record = shmipc_to(L, arg, &shmipc_record_type);
  if (self->form != RECORDS) shmipc_raise(L, function, "only a channel with a layout receives into a record");
  if (!record || record->layout != self->layout)
    shmipc_raise(L, function, "record must be a shmipc.record of the channel's layout, got %s",
                 shmipc_push_shown(L, arg));
  shmipc_window_check_writable(L, function, record->view);
  return record;
}

static struct shmipc_result receive_into(lua_State *L, const char *function, struct channel_handle *self,
                                         const struct shmipc_record *record, struct shmipc_look *look) {
  char few[FEW], *bytes = record->layout->layout.size > sizeof few ? lua_touserdata(L, 4) : few;
  if (look->message.length != record->layout->layout.size) return shmipc_result(SHMIPC_WRONG_KIND);
  shmipc_window_check_writable(L, function, record->view);
  shmipc_bytes_copy(bytes, look->message.bytes, look->message.length);
  if (!shmipc_channel_take(&self->channel, look)) return shmipc_result(SHMIPC_TIMEOUT);
  shmipc_bytes_copy(record->address, bytes, look->message.length);
  shmipc_window_check_lost(L, function, record->view);
  lua_pushvalue(L, 3);
  return shmipc_result(SHMIPC_OK);
}

/* One try, until the deadline. OK: the message has been pushed. */
static struct shmipc_result try_receive(lua_State *L, const char *function, struct channel_handle *self,
                                        const struct shmipc_record *record, uint64_t deadline) {
  const int top = lua_gettop(L);
  unsigned effort = 0;
  while (effort < EFFORT_MAX) {
    struct shmipc_look look;
    struct shmipc_result result = shmipc_channel_look(&self->channel, deadline, &look);
    int is_fit = 1;
    if (result.status != SHMIPC_OK) return result;
    if (record) {
      result = receive_into(L, function, self, record, &look);
      if (result.status != SHMIPC_TIMEOUT) return result;
    } else if (push_message(L, function, self, &look, &is_fit)) {
      return result;
    }
    if (!is_fit) return shmipc_result(SHMIPC_WRONG_KIND);
    lua_settop(L, top);
    effort += effort_of(&look);
  }
  return shmipc_result(SHMIPC_TIMEOUT);
}

/* The first try, too, may wait for a moment: what comes in that needs no look at the clock. */
static struct shmipc_wait glance_begin(double seconds) {
  struct shmipc_wait wait = shmipc_wait_begin(seconds);
  if (seconds > 0) wait.until = SHMIPC_GLANCE;
  return wait;
}

/* Pushes the message, or returns why there is none. */
static struct shmipc_result receive(lua_State *L, const char *function, struct channel_handle *self,
                                    const struct shmipc_record *record, double seconds) {
  struct shmipc_wait wait = glance_begin(seconds);
  struct shmipc_result result;
  do {
    check_open(L, function, self);
    result = try_receive(L, function, self, record, wait.until);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status == SHMIPC_OK && self->form == CODED) decode(L, function);
  return result;
}

/* What receiving returns when there is no message. */
static int receive_failure(lua_State *L, const char *function, const struct channel_handle *self,
                           struct shmipc_result result) {
  const int results = shmipc_self_failure(L, function, result);
  if (result.status != SHMIPC_WRONG_KIND) return results;
  lua_getiuservalue(L, 1, 1);
  lua_pushfstring(L, "%s \"%s\": the next message does not have the %I bytes of the layout", function,
                  lua_tostring(L, -1), (LUAI_UACINT)self->layout->layout.size);
  lua_replace(L, -results - 1);
  lua_pop(L, 1);
  return results;
}

/***
Receives a message. Waits while there is none.

Of several receivers, one gets it. With a codec, a message whose `decode` fails has been taken. With a layout, one of
another size than the struct's is left where it is, and `WRONG_KIND` tells.
@function channel:receive
@number[opt] timeout in seconds; 0 tries once; default: no limit
@tparam[opt] record record of the channel's layout: it is filled, and returned
@return a string; any value with a codec; a table of the fields with a layout; or `nil`
@treturn ?string message
@treturn ?string code `TIMEOUT`, `CLOSED` (the channel was shut down, and nothing is left in it), `CORRUPT`,
`WRONG_KIND`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
jobs:send("one")
local message, why, code = jobs:receive(0.5)
assert(message or code == "TIMEOUT", why)
*/
static int channel_receive(lua_State *L) {
  static const char function[] = "channel:receive";
  struct channel_handle *self = channel_self(L, function);
  const double seconds = shmipc_seconds(L, 2, function, "timeout");
  const struct shmipc_record *record = record_argument(L, 3, function, self);
  struct shmipc_result result;
  if (record && record->layout->layout.size > FEW) {
    lua_settop(L, 3);
    lua_newuserdatauv(L, record->layout->layout.size, 0);
  }
  result = receive(L, function, self, record, seconds);
  return result.status == SHMIPC_OK ? 1 : receive_failure(L, function, self, result);
}

/* Appends the messages from *look on to the table at the top, at most `limit` and as far as they are what the handle
 * receives. Returns how many; *look is at the last of them. */
static lua_Integer push_messages(lua_State *L, const char *function, struct channel_handle *self,
                                 struct shmipc_look *look, lua_Integer limit) {
  struct shmipc_look next = *look;
  lua_Integer count = 0;
  do {
    if (self->form != RECORDS)
      push_bytes(L, &next.message);
    else if (!push_record(L, function, self, &next.message))
      break;
    check_open(L, function, self);
    lua_rawseti(L, -2, ++count);
    *look = next;
  } while (count < limit && shmipc_channel_look_further(&self->channel, &next));
  return count;
}

/* One try: pushes a list of the messages that are there, at most `limit`, and takes them. *limit becomes less when
 * others were quicker. */
static struct shmipc_result try_receive_many(lua_State *L, const char *function, struct channel_handle *self,
                                             lua_Integer *limit, uint64_t deadline) {
  const int top = lua_gettop(L);
  unsigned effort = 0;
  while (effort < EFFORT_MAX) {
    struct shmipc_look look;
    struct shmipc_result result = shmipc_channel_look(&self->channel, deadline, &look);
    lua_Integer count;
    if (result.status != SHMIPC_OK) return result;
    lua_createtable(L, *limit < BATCH ? (int)*limit : BATCH, 0);
    check_open(L, function, self);
    count = push_messages(L, function, self, &look, *limit);
    if (count == 0) return shmipc_result(SHMIPC_WRONG_KIND);
    if (shmipc_channel_take(&self->channel, &look)) return result;
    *limit = count > 1 ? count / 2 : 1;
    lua_settop(L, top);
    effort += effort_of(&look);
  }
  return shmipc_result(SHMIPC_TIMEOUT);
}

/***
Receives many messages at once: those that are there, at most `max`. Waits while there is none.

A process that is killed after it has taken them, and before it has done what they say, takes all of them with it; so
does a codec whose `decode` fails for one of them.
@function channel:receive_many
@int max 1 or more
@number[opt] timeout in seconds; 0 tries once; default: no limit
@treturn table|nil a list of what `receive` gives, 1 to `max`
@treturn ?string message
@treturn ?string code as for `receive`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
jobs:send_many {"one", "two"}
for i, message in ipairs(jobs:receive_many(10)) do print(i, message) end
*/
static int channel_receive_many(lua_State *L) {
  static const char function[] = "channel:receive_many";
  struct channel_handle *self = channel_self(L, function);
  lua_Integer limit = shmipc_integer(L, 2, function, "max", 1, LUA_MAXINTEGER), i, count;
  struct shmipc_wait wait = glance_begin(shmipc_seconds(L, 3, function, "timeout"));
  struct shmipc_result result;
  do {
    check_open(L, function, self);
    result = try_receive_many(L, function, self, &limit, wait.until);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return receive_failure(L, function, self, result);
  if (self->form != CODED) return 1;
  count = (lua_Integer)lua_rawlen(L, -1);
  for (i = 1; i <= count; i++) {
    lua_rawgeti(L, -1, i);
    decode(L, function);
    lua_rawseti(L, -2, i);
  }
  return 1;
}

/* What `for` calls: with the channel, and the message before. */
static int next_message(lua_State *L) {
  static const char function[] = "channel:messages";
  struct channel_handle *self = channel_self(L, function);
  struct shmipc_result result;
  int results;
  lua_settop(L, 1);
  result = receive(L, function, self, NULL, HUGE_VAL);
  if (result.status == SHMIPC_OK) return 1;
  if (result.status == SHMIPC_CLOSED) {
    lua_pushnil(L);
    return 1;
  }
  results = receive_failure(L, function, self, result);
  return luaL_error(L, "%s", lua_tostring(L, 1 - results));
}

/***
Gives what a `for` loop needs to receive messages until the channel is shut down and drained. It raises when it cannot
go on for another reason.
@function channel:messages
@treturn func
@treturn channel
@usage
local jobs = assert(shmipc.channel.create("jobs"))
jobs:send("one")
jobs:shutdown()
for message in jobs:messages() do print(message) end
*/
static int channel_messages(lua_State *L) {
  channel_self(L, "channel:messages");
  lua_getfield(L, lua_upvalueindex(1), "next");
  lua_pushvalue(L, 1);
  return 2;
}

/***
Ends the channel: from now on sending is `CLOSED`, for everybody and for good; receivers get what is in it, and then
`CLOSED`. Whoever waits wakes up. A second call does nothing.
@function channel:shutdown
@number[opt] timeout in seconds, for a sender that was stopped in the middle of its work; default: no limit
@treturn boolean|nil `true`
@treturn ?string message
@treturn ?string code `TIMEOUT`, `CORRUPT`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
jobs:shutdown()
local _, _, code = jobs:send("one")
assert(code == "CLOSED")
*/
static int channel_shutdown(lua_State *L) {
  static const char function[] = "channel:shutdown";
  struct channel_handle *self = channel_self(L, function);
  struct shmipc_wait wait = shmipc_wait_begin(shmipc_seconds(L, 2, function, "timeout"));
  struct shmipc_result result;
  do {
    check_open(L, function, self);
    result = shmipc_channel_shut_down(&self->channel, wait.until);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_pushboolean(L, 1);
  return 1;
}

static void set_count(lua_State *L, const char *key, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, key);
}

static void set_flag(lua_State *L, const char *key, int value) {
  lua_pushboolean(L, value);
  lua_setfield(L, -2, key);
}

/***
Tells what is in the channel at about this moment. Takes no lock.
@function channel:stats
@treturn table|nil `sent` and `received` = messages since it was created; `depth` = messages in it; `bytes` = how many
of `capacity` are in use; `largest` = bytes of the longest message; `shutdown`; `senders_waiting` and
`receivers_waiting` = whether any sleeps (for one that was killed, `true` remains for a while)
@treturn ?string message
@treturn ?string code `CORRUPT`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
jobs:send("one")
assert(jobs:stats().depth == 1)
*/
static int channel_stats(lua_State *L) {
  static const char function[] = "channel:stats";
  const struct channel_handle *self = channel_self(L, function);
  struct shmipc_channel_stats stats;
  const struct shmipc_result result = shmipc_channel_stats_read(&self->channel, &stats);
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  lua_createtable(L, 0, 9);
  shmipc_channel_stats_put(L, &stats);
  return 1;
}

struct shmipc_result shmipc_channel_stats_read(const struct shmipc_channel *channel, struct shmipc_channel_stats *out) {
  const struct shmipc_result result = shmipc_channel_inspect(channel, &out->state);
  out->capacity = channel->capacity;
  out->largest = shmipc_channel_largest(channel);
  return result;
}

void shmipc_channel_stats_put(lua_State *L, const struct shmipc_channel_stats *stats) {
  const struct shmipc_channel_state *state = &stats->state;
  set_count(L, "sent", state->sent);
  set_count(L, "received", state->received);
  set_count(L, "depth", state->depth);
  set_count(L, "bytes", state->bytes);
  set_count(L, "capacity", stats->capacity);
  set_count(L, "largest", stats->largest);
  set_flag(L, "shutdown", state->is_shut_down);
  set_flag(L, "senders_waiting", state->senders_wait);
  set_flag(L, "receivers_waiting", state->receivers_wait);
}

/***
Tells what can be known of the object from outside, as a table: one of those that `shmipc.list` gives.
@function channel:info
@treturn table|nil what is known
@treturn ?string message
@treturn ?string code `SYSTEM`, …
@usage
local jobs = assert(shmipc.channel.create("jobs"))
print(jobs:info().depth)
*/
static struct shmipc_result look(lua_State *L, const char *function, struct os_listing **out) {
  return os_arena_look(channel_self(L, function)->channel.arena, out);
}

static int channel_info(lua_State *L) {
  static const char function[] = "channel:info";
  const int results = shmipc_info(L, function, look);
  struct shmipc_channel_stats stats;
  if (results == 1 && shmipc_channel_stats_read(&channel_self(L, function)->channel, &stats).status == SHMIPC_OK)
    shmipc_channel_stats_put(L, &stats);
  return results;
}

/***
Gives the name, as it was given.
@function channel:name
@treturn string
@usage
local jobs = assert(shmipc.channel.create("jobs"))
print(jobs:name())
*/
static int channel_name(lua_State *L) {
  channel_self(L, "channel:name");
  lua_getiuservalue(L, 1, 1);
  return 1;
}

/***
Tells whether the call that gave this handle made the object.
@function channel:created
@treturn boolean
@usage
local jobs = assert(shmipc.channel.open_or_create("jobs"))
if jobs:created() then print("the first one here") end
*/
static int channel_created(lua_State *L) {
  lua_pushboolean(L, channel_self(L, "channel:created")->channel.created);
  return 1;
}

static int finalise(lua_State *L) {
  struct channel_handle *self = shmipc_to(L, 1, &shmipc_channel_type);
  if (!self) return shmipc_wrong_self(L, "channel:close", &shmipc_channel_type);
  if (self->channel.arena) shmipc_channel_close(&self->channel);
  return 0;
}

/***
Lets go of the channel; it goes on for the others. A second call does nothing.
@function channel:close
@treturn boolean `true`
@usage
local jobs = assert(shmipc.channel.create("jobs"))
jobs:close()
*/
static int channel_close(lua_State *L) {
  finalise(L);
  lua_pushboolean(L, 1);
  return 1;
}

static int channel_tostring(lua_State *L) {
  const struct channel_handle *self = shmipc_to(L, 1, &shmipc_channel_type);
  const char *name;
  if (!self) return shmipc_wrong_self(L, "tostring", &shmipc_channel_type);
  name = shmipc_push_quoted_name(L, 1);
  lua_pushfstring(L, self->channel.arena ? TYPE " %s" : TYPE " %s (closed)", name);
  return 1;
}

static const luaL_Reg methods[] = {{"send", channel_send},         {"send_many", channel_send_many},
                                   {"receive", channel_receive},   {"receive_many", channel_receive_many},
                                   {"messages", channel_messages}, {"shutdown", channel_shutdown},
                                   {"stats", channel_stats},       {"info", channel_info},
                                   {"name", channel_name},         {"created", channel_created},
                                   {"close", channel_close},       {NULL, NULL}};
static const luaL_Reg metamethods[] = {
    {"__gc", finalise}, {"__close", finalise}, {"__tostring", channel_tostring}, {"next", next_message}, {NULL, NULL}};

const struct shmipc_type shmipc_channel_type = {TYPE,       sizeof(struct channel_handle), CHANNEL_VALUES, 1, methods,
                                                metamethods};
