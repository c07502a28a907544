/* The Lua modules as data, written by cmake/EmbedLua.cmake. */
#ifndef SHMIPC_BINDING_PRELOAD_H
#define SHMIPC_BINDING_PRELOAD_H

#include <stddef.h>

struct shmipc_embedded {
  const char *module;
  const char *chunk_name;
  const char *source;
  size_t length;
};

/* Ends with an entry whose module is NULL. */
extern const struct shmipc_embedded shmipc_embedded[];

#endif
