/* Is it UTF-8? RFC 3629: no surrogates, nothing overlong, nothing above U+10FFFF. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of the character at `s`, of which `n` > 0 are there; 0: it is none. */
size_t utf8_length(const char *s, size_t n);
/* The same, and which character it is; what is none leaves `*code` as it was. */
size_t utf8_take(const char *s, size_t n, uint32_t *code);
int utf8_valid(const char *s, size_t n);

#endif
