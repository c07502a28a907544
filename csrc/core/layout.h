/* What stands where in typed memory: numbers, booleans, texts, structs, and arrays of all of them. Shapes only
 * describe; the bytes lie in a view. */
#ifndef SHMIPC_CORE_LAYOUT_H
#define SHMIPC_CORE_LAYOUT_H

#include "element.h"
#include "mapping.h"

SHMIPC_HIDDEN_BEGIN

/* What a cell holds, the smallest thing that has a value: the elements come first, with their own numbers. */
enum shmipc_content {
  SHMIPC_CONTENT_BOOL = SHMIPC_ELEMENT_COUNT, /* a byte: 0 is false, what is written is 0 or 1 */
  SHMIPC_CONTENT_TEXT8,                       /* a text up to its NUL, in bytes */
  SHMIPC_CONTENT_TEXT16,                      /* in UTF-16, native byte order */
  SHMIPC_CONTENT_TEXT32,                      /* in UTF-32, native byte order */
  SHMIPC_CONTENT_RECORD,
  SHMIPC_CONTENT_COUNT
};

/* A cell, or with dimensions an array (of arrays) of cells, in C's order. */
struct shmipc_shape {
  unsigned content; /* enum shmipc_content or shmipc_element */
  unsigned dimensions;
  const size_t *counts;               /* one a dimension, the outermost first */
  size_t cell;                        /* bytes of one cell */
  size_t size;                        /* bytes of all of it */
  const struct shmipc_layout *layout; /* of a record's cell */
};

struct shmipc_field {
  const char *name;
  size_t offset; /* in the struct, bytes from 0 */
  struct shmipc_shape shape;
};

/* A struct or a union. Every field lies in it: offset <= size && shape.size <= size - offset. */
struct shmipc_layout {
  size_t size, align;
  unsigned depth; /* 1 for one without records in it */
  size_t field_count;
  const struct shmipc_field *fields;
};

#define SHMIPC_LAYOUT_DEPTH_MAX 64

/* The bytes of one unit of a content: an element's size, a text's character; 0 for a record. */
size_t shmipc_content_unit(unsigned content);

/* pre: the shape has dimensions, and is not empty. */
static inline struct shmipc_shape shmipc_shape_element(const struct shmipc_shape *shape) {
  struct shmipc_shape element = *shape;
  element.size /= shape->counts[0];
  element.dimensions--;
  element.counts++;
  return element;
}

/* Writes `count` values of the shape, one behind another, from memory of our own, which has the same form. Numbers are
 * written by single stores where they are aligned. mask: NULL, or as many bytes: a cell is
 * written when all of its bytes are marked by 1, so that of a union's members only those that were given are. */
void shmipc_shape_write(const struct shmipc_shape *shape, char *to, size_t count, const char *from, const char *mask);

/* Writes one value of the shape `count` times. */
void shmipc_shape_fill(const struct shmipc_shape *shape, char *to, size_t count, const char *from, const char *mask);

SHMIPC_HIDDEN_END

#endif
