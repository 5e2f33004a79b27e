/* Bytes of a compressed page -> bytes: none, snappy, gzip, zstd (when built with it). The size a page
 * claims is held against what its codec can make of the bytes there before memory is taken. Private
 * to the Parquet reader. Thread-safe as far as the arguments are. */
#ifndef OUTPUT_PAGE_UNPACK_H
#define OUTPUT_PAGE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/base/err.h"

#define PAGE_MAX_BYTES ((size_t)256 << 20) /* writers aim at 1 MiB */

/* Exactly `raw` bytes; *out points into `store`, or at `in` where there is nothing to unpack.
 * ERR_FORMAT, ERR_LIMIT, ERR_UNSUPPORTED or ERR_NOMEM; the message is for err_prefix. */
int page_unpack(int32_t codec, const unsigned char *in, size_t n, size_t raw, struct buf *store,
		const unsigned char **out, struct err *err);

#endif
