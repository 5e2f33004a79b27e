/* Page codecs: see page_unpack.h. */
#include "pipeline/output/page_unpack.h"

#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "pipeline/output/parquet_meta.h"

#define DEFLATE_MAX_RATIO 1032 /* zlib's technical details: 1032:1 at most */
#define GZIP_OR_ZLIB      32   /* inflateInit2: tell the header by looking */

static int corrupt(struct err *err, const char *codec)
{
	return err_set(err, ERR_FORMAT,
		       "a page's %s data are corrupt or of another size than stated", codec);
}

static char *room(struct buf *store, size_t raw, struct err *err)
{
	char *to;

	buf_clear(store);
	to = buf_reserve(store, raw);
	if (!to)
		err_nomem(err, "a Parquet page");
	return to;
}

static int unpack_snappy(const unsigned char *in, size_t n, size_t raw, struct buf *store,
			 struct err *err)
{
	const char *bytes = (const char *)in;
	size_t made;
	char *to;

	if (snappy_uncompressed_length(bytes, n, &made) != SNAPPY_OK || made != raw ||
	    snappy_validate_compressed_buffer(bytes, n) != SNAPPY_OK)
		return corrupt(err, "snappy");
	to = room(store, raw, err);
	if (!to)
		return ERR_NOMEM;
	if (snappy_uncompress(bytes, n, to, &made) != SNAPPY_OK || made != raw)
		return corrupt(err, "snappy");
	return 0;
}

static int unpack_gzip(const unsigned char *in, size_t n, size_t raw, struct buf *store,
		       struct err *err)
{
	z_stream z = {0};
	char *to;
	int rc;

	if (raw / DEFLATE_MAX_RATIO > n)
		return corrupt(err, "gzip");
	to = room(store, raw, err);
	if (!to)
		return ERR_NOMEM;
	if (inflateInit2(&z, MAX_WBITS + GZIP_OR_ZLIB) != Z_OK)
		return err_nomem(err, "zlib");
	z.next_in = (unsigned char *)(uintptr_t)in; /* zlib only reads it */
	z.avail_in = (uInt)n;
	z.next_out = (unsigned char *)to;
	z.avail_out = (uInt)raw;
	rc = inflate(&z, Z_FINISH);
	inflateEnd(&z);
	return rc == Z_STREAM_END && z.avail_out == 0 ? 0 : corrupt(err, "gzip");
}

#ifdef HAVE_ZSTD
static int unpack_zstd(const unsigned char *in, size_t n, size_t raw, struct buf *store,
		       struct err *err)
{
	unsigned long long made = ZSTD_getFrameContentSize(in, n); /* need not be stated */
	char *to;

	if (made == ZSTD_CONTENTSIZE_ERROR || (made != ZSTD_CONTENTSIZE_UNKNOWN && made != raw))
		return corrupt(err, "zstd");
	to = room(store, raw, err);
	if (!to)
		return ERR_NOMEM;
	return ZSTD_decompress(to, raw, in, n) == raw ? 0 : corrupt(err, "zstd");
}
#else
static int unpack_zstd(const unsigned char *in, size_t n, size_t raw, struct buf *store,
		       struct err *err)
{
	(void)in, (void)n, (void)raw, (void)store;
	return err_set(
		err, ERR_UNSUPPORTED,
		"compressed with zstd, which this build cannot read; install libzstd-dev and build "
		"again, or write the file with snappy");
}
#endif

int page_unpack(int32_t codec, const unsigned char *in, size_t n, size_t raw, struct buf *store,
		const unsigned char **out, struct err *err)
{
	int rc;

	*out = in;
	if (codec == PARQUET_UNCOMPRESSED)
		return n == raw ? 0 : corrupt(err, "plain");
	if (raw > PAGE_MAX_BYTES)
		return err_set(err, ERR_LIMIT, "a page of %zu bytes, above the limit of %zu", raw,
			       PAGE_MAX_BYTES);
	if (raw == 0)
		return 0;
	switch (codec) {
	case PARQUET_SNAPPY:
		rc = unpack_snappy(in, n, raw, store, err);
		break;
	case PARQUET_GZIP:
		rc = unpack_gzip(in, n, raw, store, err);
		break;
	case PARQUET_ZSTD:
		rc = unpack_zstd(in, n, raw, store, err);
		break;
	default:
		return err_set(err, ERR_UNSUPPORTED,
			       "compression codec %d cannot be read; write the file with snappy",
			       codec);
	}
	*out = (const unsigned char *)store->data;
	return rc;
}
