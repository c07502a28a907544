#include "mapping.h"

#include <string.h>

static struct shmipc_mapping *mapping_new(enum os_access access, int created) {
  struct shmipc_mapping *mapping = os_allocate(sizeof *mapping);
  if (!mapping) return NULL;
  mapping->access = access;
  mapping->created = created;
  mapping->users = 1;
  return mapping;
}

/* What has come of a new mapping's section. */
static struct shmipc_result mapping_finish(struct shmipc_mapping *mapping, struct shmipc_result result,
                                           struct shmipc_mapping **out) {
  if (result.status == SHMIPC_OK) {
    mapping->size = os_section_size(mapping->section);
    *out = mapping;
  } else {
    os_release(mapping);
  }
  return result;
}

struct shmipc_result shmipc_mapping_create(const struct os_name *name, const struct shmipc_creation *creation,
                                           enum os_access access, uint64_t deadline, struct shmipc_mapping **out) {
  struct shmipc_mapping *mapping = mapping_new(access, 1);
  if (!mapping) return shmipc_result(SHMIPC_NO_MEMORY);
  return mapping_finish(
      mapping, os_section_create(name, creation->size, creation->mode, creation->lifetime, deadline, &mapping->section),
      out);
}

struct shmipc_result shmipc_mapping_open(const struct os_name *name, enum os_access access, uint64_t deadline,
                                         struct shmipc_mapping **out) {
  struct shmipc_mapping *mapping = mapping_new(access, 0);
  if (!mapping) return shmipc_result(SHMIPC_NO_MEMORY);
  return mapping_finish(mapping, os_section_open(name, access, deadline, &mapping->section), out);
}

struct shmipc_result shmipc_mapping_open_or_create(const struct os_name *name, const struct shmipc_creation *creation,
                                                   enum os_access access, uint64_t deadline,
                                                   struct shmipc_mapping **out) {
  struct shmipc_result result;
  for (;;) { /* it may go, or come, between the two looks */
    result = shmipc_mapping_open(name, access, deadline, out);
    if (result.status != SHMIPC_NOT_FOUND) break;
    result = shmipc_mapping_create(name, creation, access, deadline, out);
    if (result.status != SHMIPC_EXISTS) return result;
    if (os_clock() >= deadline) return shmipc_result(SHMIPC_TIMEOUT);
  }
  if (result.status == SHMIPC_OK && (*out)->size < creation->size) {
    shmipc_mapping_release(*out);
    *out = NULL;
    return shmipc_result(SHMIPC_TOO_SMALL);
  }
  return result;
}

struct shmipc_result shmipc_mapping_peek(const struct os_name *name, struct shmipc_mapping **out) {
  struct shmipc_mapping *mapping = mapping_new(OS_READ, 0);
  if (!mapping) return shmipc_result(SHMIPC_NO_MEMORY);
  return mapping_finish(mapping, os_section_peek(name, &mapping->section), out);
}

struct shmipc_result shmipc_mapping_file(const char *path, enum os_access access, uint64_t size, unsigned mode,
                                         struct shmipc_mapping **out) {
  struct shmipc_mapping *mapping = mapping_new(access, 0);
  if (!mapping) return shmipc_result(SHMIPC_NO_MEMORY);
  return mapping_finish(mapping, os_section_file(path, access, size, mode, &mapping->section, &mapping->created), out);
}

void shmipc_mapping_release(struct shmipc_mapping *mapping) {
  if (--mapping->users > 0) return;
  os_section_close(mapping->section);
  os_release(mapping);
}

struct shmipc_result shmipc_view_open(struct shmipc_mapping *mapping, uint64_t offset, size_t length,
                                      enum os_access access, struct shmipc_view *out) {
  struct shmipc_result result = os_view_map(mapping->section, offset, length, access, &out->memory);
  if (result.status == SHMIPC_OK) {
    out->mapping = mapping;
    mapping->users++;
  }
  return result;
}

void shmipc_view_close(struct shmipc_view *view) {
  os_view_unmap(&view->memory);
  shmipc_mapping_release(view->mapping);
  view->mapping = NULL;
}

/* By pointers that a compiler cannot see through: it would move an access behind the question whether it went well, and
 * make one memmove out of two copies. */
static void *(*const volatile copy_bytes)(void *, const void *, size_t) = memcpy;
static void *(*const volatile move_bytes)(void *, const void *, size_t) = memmove;
static void *(*const volatile set_bytes)(void *, int, size_t) = memset;

void shmipc_bytes_copy(char *to, const char *from, size_t length) { copy_bytes(to, from, length); }

void shmipc_bytes_fill(char *to, int byte, size_t length) { set_bytes(to, byte, length); }

int shmipc_view_is_lost(const struct shmipc_view *view) { return view->memory.lost; }

void shmipc_view_read(const struct shmipc_view *view, size_t offset, void *to, size_t length) {
  copy_bytes(to, view->memory.address + offset, length);
}

void shmipc_view_write(struct shmipc_view *view, size_t offset, const void *from, size_t length) {
  copy_bytes(view->memory.address + offset, from, length);
}

void shmipc_view_fill(struct shmipc_view *view, int byte, size_t offset, size_t length) {
  set_bytes(view->memory.address + offset, byte, length);
}

/* Two views of one object show the same bytes at different addresses, so memmove cannot see an overlap. */
static int overlap_unseen(const struct shmipc_view *to_view, size_t to, const struct shmipc_view *from_view,
                          size_t from, size_t length) {
  uint64_t target = to_view->memory.offset + to, source = from_view->memory.offset + from;
  uint64_t distance = target > source ? target - source : source - target;
  return to_view != from_view && distance < length && os_view_same_object(&to_view->memory, &from_view->memory);
}

/* The places in the object tell the direction; each portion goes through a buffer of our own. */
static void copy_between_views(struct shmipc_view *to_view, size_t to, const struct shmipc_view *from_view, size_t from,
                               size_t length) {
  char portion[4096];
  int backward = to_view->memory.offset + to > from_view->memory.offset + from;
  size_t done = 0;
  while (done < length) {
    size_t count = length - done < sizeof portion ? length - done : sizeof portion;
    size_t at = backward ? length - done - count : done;
    shmipc_view_read(from_view, from + at, portion, count);
    shmipc_view_write(to_view, to + at, portion, count);
    done += count;
  }
}

void shmipc_view_copy(struct shmipc_view *to_view, size_t to, const struct shmipc_view *from_view, size_t from,
                      size_t length) {
  if (overlap_unseen(to_view, to, from_view, from, length))
    copy_between_views(to_view, to, from_view, from, length);
  else
    move_bytes(to_view->memory.address + to, from_view->memory.address + from, length);
}

size_t shmipc_view_cstring_length(const struct shmipc_view *view, size_t offset, size_t limit) {
  const char *text = view->memory.address + offset;
  const char *end = memchr(text, 0, limit);
  return end ? (size_t)(end - text) : limit;
}
