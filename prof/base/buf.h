/* Growing byte buffer with a stated maximum. Errors stick: after one failed append every further
 * one fails, so a caller may append many times and ask buf_failed() once. Not thread-safe. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>

#include "prof/base/err.h"

struct buf {
	char *data; /* owned; NUL-terminated whenever not NULL */
	size_t len; /* bytes in use, without the NUL */
	size_t cap; /* bytes allocated */
	size_t max; /* `len` never passes this, nor BUF_NO_LIMIT */
	int failed; /* 0, ERR_NOMEM or ERR_LIMIT: the first failure */
};

#define BUF_NO_LIMIT ((size_t)1 << 46)
#define BUF_INIT                                                                                   \
	{                                                                                          \
		.max = BUF_NO_LIMIT                                                                \
	}

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b); /* frees the bytes; the buffer is empty and usable again */
void buf_clear(struct buf *b);   /* keeps the memory, forgets bytes and failure */

/* Room for `extra` more bytes, returning where they start; NULL on failure. `len` is unchanged. */
char *buf_reserve(struct buf *b, size_t extra);
/* Appends; 0 or the sticky failure code. */
int buf_put(struct buf *b, const void *bytes, size_t n);
int buf_puts(struct buf *b, const char *text);
int buf_putc(struct buf *b, char c);
int buf_printf(struct buf *b, const char *fmt, ...) ERR_PRINTF(2, 3);
int buf_vprintf(struct buf *b, const char *fmt, va_list ap);
/* Little-endian integers. */
int buf_put_u16(struct buf *b, uint16_t v);
int buf_put_u32(struct buf *b, uint32_t v);
int buf_put_u64(struct buf *b, uint64_t v);

int buf_failed(const struct buf *b);
/* Gives the bytes away (malloc'ed, caller frees) and leaves the buffer empty; NULL if it is empty
 * or failed. */
char *buf_steal(struct buf *b, size_t *len);
const char *buf_str(const struct buf *b); /* "" if empty */

#endif
