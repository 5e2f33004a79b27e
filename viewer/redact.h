/* What is left of texts that tell of the place where a profile was made. */
#ifndef VIEWER_REDACT_H
#define VIEWER_REDACT_H

#include <stddef.h>

#include "prof/base/buf.h"

/* Of a command line the program: its first word, without quotes and folder; `*n` its length. */
const char *redact_program(const char *command, size_t *n);

/* Appends a name without the folders of absolute paths in it, such as those of scripts in the names of their functions:
 * "JS:*fib /people/x/fib.js:3" is "JS:*fib fib.js:3". Folders may have blanks and other signs in their names: what
 * is between a path and a later slash goes, too. What divides, as "operator/(A, B)" does, stays. */
void redact_name(struct buf *out, const char *text, size_t n);

#endif
