/* Binary COPY streams made by hand, for tests of their parser. */
#ifndef TESTS_PGCOPY_BYTES_H
#define TESTS_PGCOPY_BYTES_H

#include "prof/base/buf.h"
#include "prof/postgres/pgcopy.h"

static inline void put_be(struct buf *b, uint64_t v, int bytes)
{
	for (int i = bytes - 1; i >= 0; i--)
		buf_putc(b, (char)(v >> (8 * i)));
}

static inline void put_head(struct buf *b)
{
	buf_put(b, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", 19);
}

static inline void put_field(struct buf *b, const void *bytes, size_t n)
{
	put_be(b, n, 4);
	buf_put(b, bytes, n);
}

static inline void put_end(struct buf *b)
{
	put_be(b, 0xffff, 2);
}

#endif
