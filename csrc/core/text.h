/* Texts between UTF-8 and the wide characters of C structs, native byte order. */
#ifndef SHMIPC_CORE_TEXT_H
#define SHMIPC_CORE_TEXT_H

#include "../os/os.h"

SHMIPC_HIDDEN_BEGIN

/* Turns a text of at most `units` units of `width` bytes (2: UTF-16, 4: UTF-32), up to its NUL, into UTF-8; returns the
 * bytes written, no NUL among them. What is no character becomes U+FFFD. `to` has room for 4 bytes a unit. */
size_t shmipc_text_narrow(char *to, const char *from, size_t units, size_t width);

#define SHMIPC_TEXT_INVALID SIZE_MAX

/* Turns UTF-8 into at most `units` units; returns how many there are, or would be if there was room (then only `units`
 * are written). No NUL is added. SHMIPC_TEXT_INVALID: it is not UTF-8. */
size_t shmipc_text_widen(char *to, size_t units, size_t width, const char *from, size_t length);

SHMIPC_HIDDEN_END

#endif
