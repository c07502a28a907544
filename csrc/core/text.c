#include "text.h"

#include <string.h>

#define REPLACEMENT UINT32_C(0xfffd)
#define LAST_CHARACTER UINT32_C(0x10ffff)

static int is_surrogate(uint32_t unit) { return unit >= 0xd800 && unit <= 0xdfff; }
static int is_high_surrogate(uint32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
static int is_low_surrogate(uint32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

static uint32_t unit_at(const char *text, size_t index, size_t width) {
  uint16_t half;
  uint32_t whole;
  if (width == sizeof half) {
    memcpy(&half, text + index * width, sizeof half);
    return half;
  }
  memcpy(&whole, text + index * width, sizeof whole);
  return whole;
}

static void put_unit(char *text, size_t index, size_t width, uint32_t unit) {
  uint16_t half = (uint16_t)unit;
  if (width == sizeof half)
    memcpy(text + index * width, &half, sizeof half);
  else
    memcpy(text + index * width, &unit, sizeof unit);
}

static size_t put_utf8(char *to, uint32_t character) {
  unsigned char *bytes = (unsigned char *)to;
  if (character < 0x80) {
    bytes[0] = (unsigned char)character;
    return 1;
  }
  if (character < 0x800) {
    bytes[0] = (unsigned char)(0xc0 | character >> 6);
    bytes[1] = (unsigned char)(0x80 | (character & 0x3f));
    return 2;
  }
  if (character < 0x10000) {
    bytes[0] = (unsigned char)(0xe0 | character >> 12);
    bytes[1] = (unsigned char)(0x80 | (character >> 6 & 0x3f));
    bytes[2] = (unsigned char)(0x80 | (character & 0x3f));
    return 3;
  }
  bytes[0] = (unsigned char)(0xf0 | character >> 18);
  bytes[1] = (unsigned char)(0x80 | (character >> 12 & 0x3f));
  bytes[2] = (unsigned char)(0x80 | (character >> 6 & 0x3f));
  bytes[3] = (unsigned char)(0x80 | (character & 0x3f));
  return 4;
}

size_t shmipc_text_narrow(char *to, const char *from, size_t units, size_t width) {
  size_t written = 0, i = 0;
  while (i < units) {
    uint32_t character = unit_at(from, i++, width);
    if (character == 0) break;
    if (width == sizeof(uint16_t) && is_high_surrogate(character) && i < units &&
        is_low_surrogate(unit_at(from, i, width)))
      character = 0x10000 + ((character - 0xd800) << 10) + (unit_at(from, i++, width) - 0xdc00);
    if (is_surrogate(character) || character > LAST_CHARACTER) character = REPLACEMENT;
    written += put_utf8(to + written, character);
  }
  return written;
}

/* The character at the start of the text; *length becomes how many bytes it takes, 0 if it is none. The limits are
 * those of Unicode 15, table 3-7: the shortest form, no surrogates. */
static uint32_t character_at(const unsigned char *text, size_t room, size_t *length) {
  static const uint32_t lowest[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t character = text[0];
  size_t i, size = text[0] < 0x80 ? 1 : text[0] < 0xc0 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
  *length = 0;
  if (size == 0 || size > room || text[0] > 0xf4) return 0;
  if (size > 1) character &= 0x7fu >> size;
  for (i = 1; i < size; i++) {
    if ((text[i] & 0xc0) != 0x80) return 0;
    character = character << 6 | (text[i] & 0x3f);
  }
  if (character < lowest[size] || character > LAST_CHARACTER || is_surrogate(character)) return 0;
  *length = size;
  return character;
}

size_t shmipc_text_widen(char *to, size_t units, size_t width, const char *from, size_t length) {
  size_t used = 0, done = 0, size;
  for (; done < length; done += size) {
    uint32_t character = character_at((const unsigned char *)from + done, length - done, &size);
    if (size == 0) return SHMIPC_TEXT_INVALID;
    if (width == sizeof(uint16_t) && character > 0xffff) {
      if (used < units) put_unit(to, used, width, 0xd800 + ((character - 0x10000) >> 10));
      used++;
      character = 0xdc00 + ((character - 0x10000) & 0x3ff);
    }
    if (used < units) put_unit(to, used, width, character);
    used++;
  }
  return used;
}
