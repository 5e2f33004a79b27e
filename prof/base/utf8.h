/* Is it UTF-8? RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* Bytes of the character at `s`, of which `n` > 0 are there; 0: it is none. */
size_t utf8_length(const char *s, size_t n);
int utf8_valid(const char *s, size_t n);

#endif
