/* Texts of a store hold any bytes; PostgreSQL's hold UTF-8 without NUL. Every byte that has no place there becomes a character
 * of the private block U+10FF00 to U+10FFFF, and so does every byte of a character of that block: what comes back
 * is byte for byte what went in, and what was sound text looks as it did. */
#ifndef EXCHANGE_ODDTEXT_H
#define EXCHANGE_ODDTEXT_H

#include <stddef.h>

#include "prof/base/buf.h"

int oddtext_is_plain(const char *text, size_t n); /* 1: it may go as it is */
/* Appends the text as PostgreSQL takes it; the buffer's failure. */
int oddtext_put(struct buf *out, const char *text, size_t n);
/* Turns it back, in place: the new length, never more than `n`. */
size_t oddtext_back(char *text, size_t n);

#endif
