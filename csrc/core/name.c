#include "name.h"

#include <string.h>

int shmipc_is_utf8(const char *text, size_t length) {
  const unsigned char *p = (const unsigned char *)text, *end = p + length;
  while (p < end) {
    unsigned lead = *p++, low = 0x80, high = 0xBF, more;
    if (lead < 0x80) continue;
    if (lead >= 0xC2 && lead <= 0xDF)
      more = 1;
    else if (lead >= 0xE0 && lead <= 0xEF)
      more = 2;
    else if (lead >= 0xF0 && lead <= 0xF4)
      more = 3;
    else
      return 0;
    if (lead == 0xE0) low = 0xA0;  /* no longer form than needed */
    if (lead == 0xED) high = 0x9F; /* no surrogates */
    if (lead == 0xF0) low = 0x90;
    if (lead == 0xF4) high = 0x8F; /* nothing above U+10FFFF */
    for (; more > 0; more--) {
      if (p == end || *p < low || *p > high) return 0;
      p++;
      low = 0x80;
      high = 0xBF;
    }
  }
  return 1;
}

static int starts_with(const char *text, const char *prefix) { return strncmp(text, prefix, strlen(prefix)) == 0; }

const char *shmipc_name_parse(const char *text, size_t length, struct os_name *out) {
  struct os_name name = {OS_SCOPE_NONE, text};
  if (strlen(text) != length) return "it has a NUL byte";
  if (starts_with(text, "Local\\")) {
    name.scope = OS_SCOPE_LOCAL;
    name.base = text + strlen("Local\\");
  } else if (starts_with(text, "Global\\")) {
    name.scope = OS_SCOPE_GLOBAL;
    name.base = text + strlen("Global\\");
  }
  length -= (size_t)(name.base - text);
  if (length == 0) return "it is empty";
  if (length > OS_NAME_MAX) return "it has more than 200 bytes";
  if (strchr(name.base, '/')) return "it has a '/'";
  if (strchr(name.base, '\\')) return "it has a '\\' that is not of a Local\\ or Global\\ in front";
  if (strcmp(name.base, ".") == 0 || strcmp(name.base, "..") == 0) return "'.' and '..' are no names";
  if (!shmipc_is_utf8(name.base, length)) return "it is not UTF-8";
  *out = name;
  return NULL;
}
