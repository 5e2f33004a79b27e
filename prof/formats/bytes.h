/* Where a foreign profile's bytes come from: a file, a pipe, memory; what gzip packed is unpacked on the way. By
 * lines in bounded memory, or all of it up to a limit. Knows no format. Not thread-safe. */
#ifndef FORMATS_BYTES_H
#define FORMATS_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define BYTES_LINE_MAX ((size_t)16 << 20) /* longest line */
#define BYTES_ALL_MAX  ((size_t)1 << 30)  /* of what has to be in memory as a whole, unpacked */
#define BYTES_HEAD_MAX ((size_t)64 << 10)

struct bytes;

/* `fd` is borrowed and read from where it stands. 0 or ERR_NOMEM. */
int bytes_from_fd(struct bytes **out, int fd, struct err *err);
/* `data` is borrowed. */
int bytes_from_memory(struct bytes **out, const void *data, size_t n, struct err *err);
void bytes_close(struct bytes *b); /* NULL is fine */

/* The first bytes without taking them, BYTES_HEAD_MAX at most and *all = 1 if there are no more. */
int bytes_head(struct bytes *b, const char **head, size_t *n, int *all, struct err *err);

/* The next line without its end (LF or CR LF), not terminated by a zero, borrowed until the next call. 1, 0 at the
 * end, or an error. A mark of byte order before the first line is left out. */
int bytes_line(struct bytes *b, const char **line, size_t *n, struct err *err);
uint64_t bytes_line_number(const struct bytes *b); /* of the last line, from 1 */

/* All that is left, with a zero behind it, borrowed until bytes_close(). */
int bytes_all(struct bytes *b, const char **data, size_t *n, struct err *err);

#endif
