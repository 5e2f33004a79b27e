/* Text files line by line, plain or gzip (told by content, not by name). Lines lose "\n" and
 * "\r\n", the first one a UTF-8 byte order mark. A NUL byte, a line above the limit, and truncated or corrupt gzip are errors that name
 * file and line. One reader belongs to one thread. */
#ifndef CORE_LINES_H
#define CORE_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct lines;

#define LINES_MAX_BYTES ((size_t)64 << 20) /* the default limit: a protein or comment line fits */

int lines_open(struct lines **out, const char *path, size_t max_line_bytes, struct err *err);
/* The same over bytes in memory (fuzzing, tests); `name` for messages; bytes are borrowed. */
int lines_open_memory(struct lines **out, const char *name, const void *bytes, size_t n,
		      struct err *err);
/* 1: `*text` (NUL-terminated, writable, valid until the next call) of `*len` bytes; 0: end;
 * negative: failure. */
int lines_next(struct lines *l, char **text, size_t *len, struct err *err);
uint64_t lines_number(const struct lines *l); /* of the last line, from 1 */
const char *lines_name(const struct lines *l);
/* Fills err with "FILE:LINE: ..." and returns ERR_FORMAT. */
int lines_bad(const struct lines *l, struct err *err, const char *fmt, ...) ERR_PRINTF(3, 4);
void lines_close(struct lines *l);

/* Splits at every `sep`, in place. Fields beyond `max` stay joined in the last one. Returns the
 * number of fields. */
size_t lines_split(char *text, char sep, char **fields, size_t max);

#endif
