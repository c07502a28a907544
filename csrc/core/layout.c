#include "layout.h"

size_t shmipc_content_unit(unsigned content) {
  static const size_t units[SHMIPC_CONTENT_COUNT] = {
#define SHMIPC_X(name, type, class, lowest, highest) [SHMIPC_ELEMENT_##name] = sizeof(type),
      SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
          [SHMIPC_CONTENT_BOOL] = 1,
      [SHMIPC_CONTENT_TEXT8] = 1, [SHMIPC_CONTENT_TEXT16] = 2, [SHMIPC_CONTENT_TEXT32] = 4};
  return units[content];
}

/* One behind another, one store each. */
static void write_elements(unsigned element, char *to, const char *from, size_t count) {
  size_t i;
  switch (element) {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  case SHMIPC_ELEMENT_##name:                                                                                          \
    for (i = 0; i < count; i++)                                                                                        \
      shmipc_store_##name(to + i * sizeof(type), shmipc_load_##name(from + i * sizeof(type)));                         \
    break;
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  default: break;
  }
}

static void write_record(const struct shmipc_layout *layout, char *to, const char *from, const char *mask) {
  size_t i;
  for (i = 0; i < layout->field_count; i++) {
    const struct shmipc_field *field = &layout->fields[i];
    shmipc_shape_write(&field->shape, to + field->offset, 1, from + field->offset, mask ? mask + field->offset : NULL);
  }
}

static void write_cell(const struct shmipc_shape *shape, char *to, const char *from, const char *mask) {
  if (shape->content == SHMIPC_CONTENT_RECORD)
    write_record(shape->layout, to, from, mask);
  else if (mask && memchr(mask, 0, shape->cell))
    return;
  else if (shape->content < SHMIPC_ELEMENT_COUNT)
    write_elements(shape->content, to, from, 1);
  else
    shmipc_bytes_copy(to, from, shape->cell);
}

void shmipc_shape_write(const struct shmipc_shape *shape, char *to, size_t count, const char *from, const char *mask) {
  size_t at, size = shape->size * count;
  if (shape->content < SHMIPC_ELEMENT_COUNT && !mask) {
    write_elements(shape->content, to, from, size / shape->cell);
    return;
  }
  for (at = 0; at < size; at += shape->cell) write_cell(shape, to + at, from + at, mask ? mask + at : NULL);
}

static void fill_elements(unsigned element, char *to, const char *from, size_t count) {
  size_t i;
  switch (element) {
#define SHMIPC_X(name, type, class, lowest, highest)                                                                   \
  case SHMIPC_ELEMENT_##name: {                                                                                        \
    type value = shmipc_load_##name(from);                                                                             \
    for (i = 0; i < count; i++) shmipc_store_##name(to + i * sizeof value, value);                                     \
    break;                                                                                                             \
  }
    SHMIPC_ELEMENTS(SHMIPC_X)
#undef SHMIPC_X
  default: break;
  }
}

static int is_one_byte_repeated(const char *bytes, size_t length) { return memcmp(bytes, bytes + 1, length - 1) == 0; }

void shmipc_shape_fill(const struct shmipc_shape *shape, char *to, size_t count, const char *from, const char *mask) {
  size_t i;
  if (mask || shape->dimensions > 0 || shape->content >= SHMIPC_ELEMENT_COUNT) {
    for (i = 0; i < count; i++) shmipc_shape_write(shape, to + i * shape->size, 1, from, mask);
  } else if (is_one_byte_repeated(from, shape->size)) {
    shmipc_bytes_fill(to, (unsigned char)*from, shape->size * count);
  } else {
    fill_elements(shape->content, to, from, count);
  }
}
