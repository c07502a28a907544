/* Mappings and the views cut from them. A mapping is counted: it lives until it and all its views are released, so a
 * view is a holder too. One thread at a time uses a mapping and its views. */
#ifndef SHMIPC_CORE_MAPPING_H
#define SHMIPC_CORE_MAPPING_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

struct shmipc_mapping {
  struct os_section *section;
  uint64_t size; /* bytes */
  enum os_access access;
  int created; /* by the call that gave this mapping */
  unsigned users;
};

struct shmipc_creation {
  uint64_t size; /* bytes, > 0 */
  unsigned mode;
  enum os_lifetime lifetime;
};

/* Each gives a mapping with one user: the caller. Failures as in os.h. */
struct shmipc_result shmipc_mapping_create(const struct os_name *name, const struct shmipc_creation *creation,
                                           enum os_access access, uint64_t deadline, struct shmipc_mapping **out);
struct shmipc_result shmipc_mapping_open(const struct os_name *name, enum os_access access, uint64_t deadline,
                                         struct shmipc_mapping **out);

/* TOO_SMALL: the one that exists has fewer bytes than creation->size. */
struct shmipc_result shmipc_mapping_open_or_create(const struct os_name *name, const struct shmipc_creation *creation,
                                                   enum os_access access, uint64_t deadline,
                                                   struct shmipc_mapping **out);

/* For reading only, of any kind, and without becoming a holder (os_section_peek). */
struct shmipc_result shmipc_mapping_peek(const struct os_name *name, struct shmipc_mapping **out);

/* size: 0 takes the file as it is. */
struct shmipc_result shmipc_mapping_file(const char *path, enum os_access access, uint64_t size, unsigned mode,
                                         struct shmipc_mapping **out);

/* The last user's release closes it. */
void shmipc_mapping_release(struct shmipc_mapping *mapping);

struct shmipc_view {
  struct os_view memory;
  struct shmipc_mapping *mapping;
};

/* pre: [offset, offset + length) lies in the mapping, length > 0; access is one that the mapping allows. */
struct shmipc_result shmipc_view_open(struct shmipc_mapping *mapping, uint64_t offset, size_t length,
                                      enum os_access access, struct shmipc_view *out);
void shmipc_view_close(struct shmipc_view *view);

/* Whether the view's memory vanished; to be asked after an access. */
int shmipc_view_is_lost(const struct shmipc_view *view);

/* All three: offsets in bytes from 0, ranges checked by the caller. Copies may overlap, through two views of one object
 * too. */
void shmipc_view_read(const struct shmipc_view *view, size_t offset, void *to, size_t length);
void shmipc_view_write(struct shmipc_view *view, size_t offset, const void *from, size_t length);
void shmipc_view_fill(struct shmipc_view *view, int byte, size_t offset, size_t length);
void shmipc_view_copy(struct shmipc_view *to_view, size_t to, const struct shmipc_view *from_view, size_t from,
                      size_t length);

/* The same for memory that other processes change, by address. Not for memory that overlaps. */
void shmipc_bytes_copy(char *to, const char *from, size_t length);
void shmipc_bytes_fill(char *to, int byte, size_t length);

/* How many bytes from offset on come before a NUL: at most limit. */
size_t shmipc_view_cstring_length(const struct shmipc_view *view, size_t offset, size_t limit);

SHMIPC_HIDDEN_END

#endif
