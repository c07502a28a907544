/* Names of objects: one rule for all kinds and systems. */
#ifndef SHMIPC_CORE_NAME_H
#define SHMIPC_CORE_NAME_H

#include <stddef.h>

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

/* Takes `Local\` or `Global\` off and checks the rest: UTF-8, 1 to OS_NAME_MAX bytes, without `/`, `\`, NUL, and not
 * `.` or `..`. Returns NULL and fills *out (which points into text), or says in a few words what is wrong. */
const char *shmipc_name_parse(const char *text, size_t length, struct os_name *out);

/* Whether the bytes are well-formed UTF-8 (The Unicode Standard, table 3-7). */
int shmipc_is_utf8(const char *text, size_t length);

SHMIPC_HIDDEN_END

#endif
