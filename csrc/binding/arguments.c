/* Checking arguments and telling errors. */
#include "binding.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

static int raise_at(lua_State *L, int level, const char *function, const char *format, va_list arguments) {
  luaL_checkstack(L, 8, NULL);
  luaL_where(L, level);
  lua_pushfstring(L, "%s: ", function);
  lua_pushvfstring(L, format, arguments);
  lua_concat(L, 3);
  return lua_error(L);
}

int shmipc_raise(lua_State *L, const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  raise_at(L, 1, function, format, arguments);
  va_end(arguments);
  return 0;
}

int shmipc_raise_beyond(lua_State *L, const char *function, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  raise_at(L, 2, function, format, arguments);
  va_end(arguments);
  return 0;
}

static const struct {
  const char *code, *text;
} outcomes[] = {{NULL, NULL},
#define SHMIPC_X(name, text) {#name, text},
                SHMIPC_CODES(SHMIPC_X) SHMIPC_RAISED(SHMIPC_X)
#undef SHMIPC_X
};

/* Whether there is more to say than the status does. */
static int is_general(enum shmipc_status status) {
  return status == SHMIPC_SYSTEM || status == SHMIPC_LIMIT || status == SHMIPC_NOT_SUPPORTED ||
         status == SHMIPC_INVALID_NAME;
}

int shmipc_failure(lua_State *L, const char *function, const char *name, struct shmipc_result result) {
  char native[128];
  if (result.status == SHMIPC_NO_MEMORY) return luaL_error(L, "not enough memory");
  luaL_checkstack(L, 8, NULL);
  lua_pushnil(L);
  if (name)
    lua_pushfstring(L, "%s \"%s\": %s", function, name, outcomes[result.status].text);
  else
    lua_pushfstring(L, "%s: %s", function, outcomes[result.status].text);
  if (result.native != 0 && is_general(result.status)) {
    os_error_text(result.native, native, sizeof native);
    lua_pushfstring(L, " (%s)", native);
    lua_concat(L, 2);
  }
  lua_pushstring(L, outcomes[result.status].code);
  if (result.native == 0) return 3;
  lua_pushinteger(L, result.native);
  return 4;
}

int shmipc_self_failure(lua_State *L, const char *function, struct shmipc_result result) {
  luaL_checkstack(L, 8, NULL);
  lua_getiuservalue(L, 1, 1);
  return shmipc_failure(L, function, lua_tostring(L, -1), result);
}

static const char *push_shown_string(lua_State *L, int arg) {
  char shown[41];
  size_t length, i;
  const char *text = lua_tolstring(L, arg, &length);
  for (i = 0; i < length && i < sizeof shown - 1; i++) {
    shown[i] = text[i];
    if ((unsigned char)text[i] < ' ' || text[i] == 127) shown[i] = '?';
  }
  shown[i] = '\0';
  return lua_pushfstring(L, i < length ? "\"%s...\" (a string)" : "\"%s\" (a string)", shown);
}

const char *shmipc_push_shown(lua_State *L, int arg) {
  switch (lua_type(L, arg)) {
  case LUA_TNONE: return lua_pushliteral(L, "nothing");
  case LUA_TNIL: return lua_pushliteral(L, "nil");
  case LUA_TBOOLEAN: return lua_pushstring(L, lua_toboolean(L, arg) ? "true" : "false");
  case LUA_TNUMBER: lua_pushvalue(L, arg); return lua_tostring(L, -1);
  case LUA_TSTRING: return push_shown_string(L, arg);
  case LUA_TUSERDATA:
    if (luaL_getmetafield(L, arg, "__name") == LUA_TSTRING) return lua_pushfstring(L, "a %s", lua_tostring(L, -1));
    return lua_pushliteral(L, "a userdata");
  default: return lua_pushfstring(L, "a %s", luaL_typename(L, arg));
  }
}

static int wrong_integer(lua_State *L, int arg, const char *function, const char *what, lua_Integer lowest,
                         lua_Integer highest) {
  const char *given = shmipc_push_shown(L, arg);
  if (highest < lowest) return shmipc_raise(L, function, "%s: no value is allowed here, got %s", what, given);
  if (lowest == LUA_MININTEGER && highest == LUA_MAXINTEGER)
    return shmipc_raise(L, function, "%s must be an integer, got %s", what, given);
  return shmipc_raise(L, function, "%s must be an integer from %I to %I, got %s", what, (LUAI_UACINT)lowest,
                      (LUAI_UACINT)highest, given);
}

lua_Integer shmipc_integer(lua_State *L, int arg, const char *function, const char *what, lua_Integer lowest,
                           lua_Integer highest) {
  int is_integer = 0;
  lua_Integer value = 0;
  if (lua_type(L, arg) == LUA_TNUMBER) value = lua_tointegerx(L, arg, &is_integer);
  if (!is_integer || value < lowest || value > highest) wrong_integer(L, arg, function, what, lowest, highest);
  return value;
}

lua_Integer shmipc_integer_or(lua_State *L, int arg, const char *function, const char *what, lua_Integer lowest,
                              lua_Integer highest, lua_Integer absent) {
  return lua_isnoneornil(L, arg) ? absent : shmipc_integer(L, arg, function, what, lowest, highest);
}

lua_Number shmipc_number(lua_State *L, int arg, const char *function, const char *what) {
  if (lua_type(L, arg) != LUA_TNUMBER)
    shmipc_raise(L, function, "%s must be a number, got %s", what, shmipc_push_shown(L, arg));
  return lua_tonumber(L, arg);
}

double shmipc_real(lua_State *L, int arg, const char *function, const char *what, size_t size) {
  double value = shmipc_number(L, arg, function, what);
  if (size == sizeof(float) && fabs(value) <= DBL_MAX && fabs((double)(float)value) > (double)FLT_MAX)
    shmipc_raise(L, function, "%s must be a number from %f to %f, got %f", what, -(double)FLT_MAX, (double)FLT_MAX,
                 value);
  return value;
}

const char *shmipc_string(lua_State *L, int arg, const char *function, const char *what, size_t *length) {
  if (lua_type(L, arg) != LUA_TSTRING)
    shmipc_raise(L, function, "%s must be a string, got %s", what, shmipc_push_shown(L, arg));
  return lua_tolstring(L, arg, length);
}

double shmipc_seconds_given(lua_State *L, int arg, const char *function, const char *what) {
  const double seconds = lua_type(L, arg) == LUA_TNUMBER ? lua_tonumber(L, arg) : -1;
  if (!(seconds >= 0))
    shmipc_raise(L, function, "%s must be a number of seconds, 0 or more, got %s", what, shmipc_push_shown(L, arg));
  return seconds;
}

/* A Lua string may have a NUL inside. */
static int is_text(const char *expected, const char *text, size_t length) {
  return strlen(expected) == length && memcmp(expected, text, length) == 0;
}

void shmipc_options(lua_State *L, int arg, const char *function, const char *const *allowed) {
  if (lua_isnoneornil(L, arg)) return;
  if (!lua_istable(L, arg)) shmipc_raise(L, function, "options must be a table, got %s", shmipc_push_shown(L, arg));
  for (lua_pushnil(L); lua_next(L, arg); lua_pop(L, 1)) {
    const char *const *name = allowed;
    if (lua_type(L, -2) == LUA_TSTRING) {
      size_t length;
      const char *key = lua_tolstring(L, -2, &length);
      while (*name && !is_text(*name, key, length)) name++;
    }
    if (lua_type(L, -2) != LUA_TSTRING || !*name) {
      const char *given = shmipc_push_shown(L, lua_gettop(L) - 1);
      luaL_Buffer list;
      luaL_buffinit(L, &list);
      for (name = allowed; *name; name++) {
        if (name != allowed) luaL_addstring(&list, ", ");
        luaL_addstring(&list, *name);
      }
      if (!*allowed) luaL_addstring(&list, "nothing in them");
      luaL_pushresult(&list);
      shmipc_raise(L, function, "options may have %s, got %s", lua_tostring(L, -1), given);
    }
  }
}

int shmipc_option(lua_State *L, int arg, const char *field) {
  if (lua_isnoneornil(L, arg)) {
    lua_pushnil(L);
    return 0;
  }
  lua_pushstring(L, field);
  lua_rawget(L, arg);
  return !lua_isnil(L, -1);
}

unsigned shmipc_option_mode(lua_State *L, int arg, const char *function) {
  unsigned mode = 0600;
  if (shmipc_option(L, arg, "mode")) mode = (unsigned)shmipc_integer(L, lua_gettop(L), function, "mode", 0, 0777);
  lua_pop(L, 1);
  return mode;
}

int shmipc_option_flag(lua_State *L, int arg, const char *function, const char *field) {
  int value = 0;
  if (shmipc_option(L, arg, field)) {
    if (!lua_isboolean(L, -1))
      shmipc_raise(L, function, "%s must be true or false, got %s", field, shmipc_push_shown(L, lua_gettop(L)));
    value = lua_toboolean(L, -1);
  }
  lua_pop(L, 1);
  return value;
}

static const char *const access_names[] = {[OS_READ] = "r", [OS_READ_WRITE] = "rw", [OS_COPY_ON_WRITE] = "cow"};

const char *shmipc_access_name(enum os_access access) { return access_names[access]; }

enum os_access shmipc_access(lua_State *L, int arg, const char *function, enum shmipc_copy copy) {
  int last = copy == SHMIPC_COPY_ALLOWED ? OS_COPY_ON_WRITE : OS_READ_WRITE;
  if (lua_type(L, arg) == LUA_TSTRING) {
    size_t length;
    const char *text = lua_tolstring(L, arg, &length);
    int access;
    for (access = OS_READ; access <= last; access++)
      if (is_text(access_names[access], text, length)) return (enum os_access)access;
  }
  shmipc_raise(L, function, "access must be %s, got %s",
               copy == SHMIPC_COPY_ALLOWED ? "\"r\", \"rw\" or \"cow\"" : "\"r\" or \"rw\"", shmipc_push_shown(L, arg));
  return OS_READ;
}

enum os_access shmipc_option_access(lua_State *L, int arg, const char *function) {
  enum os_access access = OS_READ_WRITE;
  if (shmipc_option(L, arg, "access")) access = shmipc_access(L, lua_gettop(L), function, SHMIPC_COPY_NOT_ALLOWED);
  lua_pop(L, 1);
  return access;
}

int shmipc_invalid_name(lua_State *L, const char *function, const char *name, const char *fault) {
  lua_pushnil(L);
  lua_pushfstring(L, "%s \"%s\": the name is not valid: %s", function, name, fault);
  lua_pushliteral(L, "INVALID_NAME");
  return 3;
}

int shmipc_name(lua_State *L, int arg, const char *function, struct os_name *out, int *results) {
  size_t length;
  const char *text = shmipc_string(L, arg, function, "name", &length);
  const char *fault = shmipc_name_parse(text, length, out);
  if (fault) *results = shmipc_invalid_name(L, function, text, fault);
  return fault == NULL;
}
