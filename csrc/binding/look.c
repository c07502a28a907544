/* shmipc.list, and handle:info of all kinds: what there is, as tables. */
#include "binding.h"

#include <string.h>

#define BOX "shmipc.listing"

static int box_finalise(lua_State *L) {
  struct os_listing **box = luaL_checkudata(L, 1, BOX);
  os_listing_release(*box);
  *box = NULL;
  return 0;
}

/* Pushes a place for a listing, from which the collector takes it when making a table of it fails. */
static struct os_listing **box_push(lua_State *L) {
  struct os_listing **box = lua_newuserdatauv(L, sizeof(struct os_listing *), 0);
  *box = NULL;
  if (luaL_newmetatable(L, BOX)) {
    lua_pushcfunction(L, box_finalise);
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, BOX);
    lua_setfield(L, -2, "__metatable");
  }
  lua_setmetatable(L, -2);
  return box;
}

/* ---- fields of the table at the top */

static void put_integer(lua_State *L, const char *field, uint64_t value) {
  lua_pushinteger(L, (lua_Integer)value);
  lua_setfield(L, -2, field);
}

static void put_seconds(lua_State *L, const char *field, uint64_t nanoseconds) {
  lua_pushnumber(L, (lua_Number)nanoseconds / 1e9);
  lua_setfield(L, -2, field);
}

static void put_flag(lua_State *L, const char *field, unsigned is_so) {
  lua_pushboolean(L, is_so != 0);
  lua_setfield(L, -2, field);
}

static void put_text(lua_State *L, const char *field, const char *text) {
  if (text[0] == '\0') return;
  lua_pushstring(L, text);
  lua_setfield(L, -2, field);
}

static void put_process(lua_State *L, const struct os_process *process) {
  if (process->id != 0) put_integer(L, "pid", process->id);
  put_text(L, "command", process->command);
  put_text(L, "command_line", process->command_line);
}

/* ---- what each kind has; a new one adds its line to `put_state` */

static void put_lock(lua_State *L, const struct os_found *found) {
  const uint64_t now = os_clock();
  put_flag(L, "locked", found->traits & OS_IS_LOCKED);
  put_flag(L, "abandoned", found->traits & OS_IS_ABANDONED);
  if (!(found->traits & OS_IS_LOCKED)) return;
  lua_createtable(L, 0, 5);
  put_process(L, &found->owner);
  if (found->owner_thread != 0) put_integer(L, "thread", found->owner_thread);
  if (found->locked_at != 0) put_seconds(L, "since", now > found->locked_at ? now - found->locked_at : 0);
  lua_setfield(L, -2, "owner");
}

static void put_event(lua_State *L, const struct os_found *found) {
  put_flag(L, "set", found->traits & OS_IS_SET);
  put_flag(L, "manual", found->traits & OS_IS_MANUAL);
}

static void put_semaphore(lua_State *L, const struct os_found *found) {
  put_integer(L, "count", found->count);
  put_integer(L, "maximum", found->maximum);
}

/* It has to be opened for that, by its name: channel:info, which has it open, does that part itself. */
static void put_channel(lua_State *L, const struct os_found *found) {
  struct shmipc_channel channel;
  struct shmipc_channel_stats stats;
  struct shmipc_result result;
  struct os_name name;
  if (found->name[0] == '\0' || shmipc_name_parse(found->name, strlen(found->name), &name)) return;
  result = shmipc_channel_peek(&name, &channel);
  if (result.status == SHMIPC_OK) {
    result = shmipc_channel_stats_read(&channel, &stats);
    shmipc_channel_close(&channel);
  }
  if (result.status == SHMIPC_OK) shmipc_channel_stats_put(L, &stats);
  if (result.status == SHMIPC_CORRUPT) put_flag(L, "corrupt", 1);
}

typedef void (*put_function)(lua_State *L, const struct os_found *found);

static const put_function put_state[OS_KINDS] = {
    [OS_MUTEX] = put_lock, [OS_EVENT] = put_event, [OS_SEMAPHORE] = put_semaphore, [OS_CHANNEL] = put_channel};

static const char *const kind_names[OS_KINDS] = {[OS_MAPPING] = "mapping",
                                                 [OS_MUTEX] = "mutex",
                                                 [OS_EVENT] = "event",
                                                 [OS_SEMAPHORE] = "semaphore",
                                                 [OS_CHANNEL] = "channel"};

/* ---- an object */

static void put_holders(lua_State *L, const struct os_listing *listing, size_t object) {
  lua_Integer count = 0;
  size_t i;
  lua_newtable(L);
  for (i = 0; i < listing->holder_count; i++) {
    if (listing->holders[i].object != object) continue;
    lua_createtable(L, 0, 3);
    put_process(L, &listing->holders[i].process);
    lua_rawseti(L, -2, ++count);
  }
  lua_setfield(L, -2, "holders");
  put_flag(L, "holders_complete", listing->objects[object].traits & OS_HAS_ALL_HOLDERS);
}

static void push_found(lua_State *L, const struct os_listing *listing, size_t object) {
  const struct os_found *found = &listing->objects[object];
  luaL_checkstack(L, 8, NULL);
  lua_createtable(L, 0, 16);
  put_text(L, "name", found->name);
  if (found->kind != OS_KINDS) put_text(L, "kind", kind_names[found->kind]);
  put_integer(L, "size", found->size);
  if (found->traits & OS_HAS_OWNER) {
    put_integer(L, "mode", found->mode);
    put_integer(L, "uid", found->user);
  }
  if (found->age != OS_NEVER) put_seconds(L, "age", found->age);
  if (found->handles != 0) put_integer(L, "handles", found->handles);
  put_flag(L, "foreign", found->traits & OS_IS_FOREIGN);
  put_flag(L, "persistent", found->traits & OS_IS_PERSISTENT);
  put_flag(L, "leftover", found->traits & OS_IS_LEFTOVER);
  put_flag(L, "file", found->traits & OS_IS_FILE);
  put_flag(L, "unlinked", found->traits & OS_IS_NAMELESS);
  put_flag(L, "corrupt", found->traits & OS_IS_CORRUPT);
  put_flag(L, "unsupported", found->traits & OS_IS_STRANGE);
  if (found->traits & OS_TELLS_WAITERS) put_flag(L, "waiting", found->traits & OS_IS_WAITED_FOR);
  if ((found->traits & OS_HAS_STATE) && found->kind != OS_KINDS && put_state[found->kind])
    put_state[found->kind](L, found);
  if (found->traits & OS_HAS_HOLDERS) put_holders(L, listing, object);
}

int shmipc_list(lua_State *L) {
  static const char *const allowed[] = {"holders", NULL};
  static const char function[] = "shmipc.list";
  enum os_look look = OS_LOOK_FOR_HOLDERS;
  struct os_listing **box;
  struct shmipc_result result;
  size_t i;
  lua_settop(L, 1);
  shmipc_options(L, 1, function, allowed);
  if (shmipc_option(L, 1, "holders")) {
    lua_pop(L, 1);
    if (!shmipc_option_flag(L, 1, function, "holders")) look = OS_LOOK_BRIEFLY;
  }
  lua_settop(L, 1);
  box = box_push(L);
  result = os_list(look, box);
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, NULL, result);
  lua_createtable(L, (int)(*box)->count, 0);
  for (i = 0; i < (*box)->count; i++) {
    push_found(L, *box, i);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  os_listing_release(*box);
  *box = NULL;
  return 1;
}

int shmipc_info(lua_State *L, const char *function, shmipc_look_function look) {
  struct os_listing **box;
  struct shmipc_result result;
  lua_settop(L, 1);
  box = box_push(L); /* first: a finaliser may close the handle */
  result = look(L, function, box);
  if (result.status != SHMIPC_OK) return shmipc_self_failure(L, function, result);
  push_found(L, *box, 0);
  lua_getiuservalue(L, 1, 1); /* as it was given */
  lua_setfield(L, -2, "name");
  os_listing_release(*box);
  *box = NULL;
  return 1;
}

int shmipc_gc(lua_State *L) {
  static const char function[] = "shmipc.gc";
  struct shmipc_wait wait = shmipc_wait_for_decision();
  struct shmipc_result result;
  struct os_name name;
  int results;
  if (!shmipc_name(L, 1, function, &name, &results)) return results;
  do {
    result = os_remove_leftover(&name, wait.until);
  } while (result.status == SHMIPC_TIMEOUT && shmipc_wait_more(L, &wait));
  if (result.status != SHMIPC_OK) return shmipc_failure(L, function, lua_tostring(L, 1), result);
  lua_pushboolean(L, 1);
  return 1;
}
