/* Text files line by line, plain or gzip: see lines.h. A source (file or memory) gives raw bytes,
 * zlib unpacks them if they start as gzip, and lines are cut out of the unpacked chunk; only a line
 * that crosses chunks is copied. */
#include "pipeline/core/lines.h"

#include "prof/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define RAW_BYTES   ((size_t)64 << 10)
#define CHUNK_BYTES ((size_t)256 << 10)

enum gzip_state {
	GZ_NONE,    /* plain bytes */
	GZ_INSIDE,  /* in a member */
	GZ_BETWEEN, /* after a member: another one, zero padding, or the end */
};

struct lines {
	char *name;               /* owned */
	int fd;                   /* -1: memory */
	const unsigned char *mem; /* borrowed */
	size_t mem_left;
	unsigned char *raw; /* owned; bytes as in the file */
	size_t raw_len, raw_at;
	uint64_t raw_offset; /* file offset of raw[0] */
	int raw_end;         /* the source has no more */
	enum gzip_state gzip;
	z_stream z;
	int z_ready;
	char *chunk; /* owned; unpacked bytes, one more for a NUL */
	size_t chunk_len, chunk_at;
	struct buf line; /* a line that crosses chunks */
	size_t max_line;
	uint64_t number;
	struct err later; /* of bytes behind those in chunk: told when they are used up */
	int failed;       /* sticky */
};

/* ---- raw bytes -------------------------------------------------------------------------------- */

/* Appends up to `n` bytes of the source to raw; 0 or a failure. raw_end is set at the end. */
static int read_raw(struct lines *l, size_t n, struct err *err)
{
	ssize_t got;

	if (l->fd < 0) {
		if (n > l->mem_left)
			n = l->mem_left;
		if (n)
			memcpy(l->raw + l->raw_len, l->mem, n);
		l->mem += n;
		l->mem_left -= n;
		l->raw_len += n;
		l->raw_end = n == 0;
		return 0;
	}
	do {
		got = read(l->fd, l->raw + l->raw_len, n);
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(err, ERR_IO, "cannot read %s", l->name);
	l->raw_len += (size_t)got;
	l->raw_end = got == 0;
	return 0;
}

/* More raw bytes when all are used up. */
static int refill(struct lines *l, struct err *err)
{
	if (l->raw_at < l->raw_len || l->raw_end)
		return 0;
	l->raw_offset += l->raw_len;
	l->raw_at = l->raw_len = 0;
	return read_raw(l, RAW_BYTES, err);
}

/* ---- gzip ------------------------------------------------------------------------------------- */

static int gzip_bad(struct lines *l, struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "%s at byte %llu; fetch the file again", what,
		       (unsigned long long)(l->raw_offset + l->raw_at));
}

/* After a member: another one begins, or only zeros follow (tapes and block devices pad). Sets the
 * state; chunk stays empty at the end. */
static int next_member(struct lines *l, struct err *err)
{
	for (;;) {
		int rc = refill(l, err);

		if (rc != 0)
			return rc;
		if (l->raw_at == l->raw_len)
			return 0;
		if (l->raw[l->raw_at] == 0x1f)
			break;
		if (l->raw[l->raw_at] != 0)
			return gzip_bad(l, err, "garbage after the gzip data");
		l->raw_at++;
	}
	if (inflateReset(&l->z) != Z_OK)
		return gzip_bad(l, err, "zlib cannot go on");
	l->gzip = GZ_INSIDE;
	return 0;
}

/* One call of inflate into the free part of chunk. */
static int inflate_some(struct lines *l, struct err *err)
{
	int rc = refill(l, err), z;

	if (rc != 0)
		return rc;
	if (l->raw_at == l->raw_len)
		return gzip_bad(l, err, "the gzip data is truncated");
	l->z.next_in = l->raw + l->raw_at;
	l->z.avail_in = (uInt)(l->raw_len - l->raw_at);
	l->z.next_out = (unsigned char *)l->chunk + l->chunk_len;
	l->z.avail_out = (uInt)(CHUNK_BYTES - l->chunk_len);
	z = inflate(&l->z, Z_NO_FLUSH);
	l->raw_at = l->raw_len - l->z.avail_in;
	l->chunk_len = CHUNK_BYTES - l->z.avail_out;
	if (z == Z_MEM_ERROR)
		return err_nomem(err, l->name);
	if (z == Z_STREAM_END)
		l->gzip = GZ_BETWEEN;
	else if (z != Z_OK && z != Z_BUF_ERROR)
		return gzip_bad(l, err, l->z.msg ? l->z.msg : "the gzip data is corrupt");
	return 0;
}

static int unpack(struct lines *l, struct err *err)
{
	while (l->chunk_len < CHUNK_BYTES) {
		int rc;

		if (l->gzip == GZ_BETWEEN) {
			rc = next_member(l, err);
			if (rc != 0)
				return rc;
			if (l->gzip == GZ_BETWEEN)
				return 0;
		}
		rc = inflate_some(l, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

/* What was unpacked before a failure is handed out first, so that the failure names its line. */
static int fill_gzip(struct lines *l, struct err *err)
{
	int rc = l->later.code;

	if (rc == 0) {
		rc = unpack(l, &l->later);
		l->later.code = rc;
		if (rc == 0 || l->chunk_len > 0)
			return 0;
	}
	return err_set(err, rc, "%s: line %llu: %s", l->name, (unsigned long long)l->number + 1,
		       l->later.text);
}

/* The next unpacked chunk; chunk_len 0: end. */
static int fill(struct lines *l, struct err *err)
{
	int rc;

	l->chunk_at = l->chunk_len = 0;
	if (l->gzip != GZ_NONE)
		return fill_gzip(l, err);
	rc = refill(l, err);
	if (rc != 0)
		return rc;
	l->chunk_len = l->raw_len - l->raw_at;
	memcpy(l->chunk, l->raw + l->raw_at, l->chunk_len);
	l->raw_at = l->raw_len;
	return 0;
}

/* ---- open and close --------------------------------------------------------------------------- */

static int detect(struct lines *l, struct err *err)
{
	while (l->raw_len < 2 && !l->raw_end) {
		int rc = read_raw(l, RAW_BYTES - l->raw_len, err);

		if (rc != 0)
			return rc;
	}
	if (l->raw_len < 2 || l->raw[0] != 0x1f || l->raw[1] != 0x8b)
		return 0;
	if (inflateInit2(&l->z, 15 + 16) != Z_OK) /* 16: gzip wrapping only */
		return err_nomem(err, l->name);
	l->z_ready = 1;
	l->gzip = GZ_INSIDE;
	return 0;
}

static struct lines *lines_new(const char *name, size_t max_line_bytes)
{
	struct lines *l = calloc(1, sizeof *l);

	if (!l)
		return NULL;
	l->fd = -1;
	l->name = strdup(name);
	l->raw = malloc(RAW_BYTES);
	l->chunk = malloc(CHUNK_BYTES + 1);
	l->max_line = max_line_bytes ? max_line_bytes : LINES_MAX_BYTES;
	buf_init(&l->line, BUF_NO_LIMIT);
	if (!l->name || !l->raw || !l->chunk) {
		lines_close(l);
		return NULL;
	}
	return l;
}

static int start(struct lines **out, struct lines *l, struct err *err)
{
	int rc = detect(l, err);

	if (rc != 0) {
		lines_close(l);
		return rc;
	}
	*out = l;
	return 0;
}

int lines_open(struct lines **out, const char *path, size_t max_line_bytes, struct err *err)
{
	struct lines *l = lines_new(path, max_line_bytes);
	int rc;

	*out = NULL;
	if (!l)
		return err_nomem(err, path);
	do {
		l->fd = open(path, O_RDONLY | O_CLOEXEC);
	} while (l->fd < 0 && errno == EINTR);
	if (l->fd < 0) {
		rc = err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s", path);
		lines_close(l);
		return rc;
	}
	return start(out, l, err);
}

int lines_open_memory(struct lines **out, const char *name, const void *bytes, size_t n,
		      struct err *err)
{
	struct lines *l = lines_new(name, 0);

	*out = NULL;
	if (!l)
		return err_nomem(err, name);
	l->mem = n ? bytes : (const void *)"";
	l->mem_left = n;
	return start(out, l, err);
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	if (l->z_ready)
		inflateEnd(&l->z);
	buf_release(&l->line);
	free(l->name);
	free(l->raw);
	free(l->chunk);
	free(l);
}

/* ---- lines ------------------------------------------------------------------------------------ */

/* Cuts "\r" and a byte order mark, refuses NULs; returns 1 or the failure. */
static int deliver(struct lines *l, char *at, size_t n, int ended, char **text, size_t *len,
		   struct err *err)
{
	const char *nul;

	if (n > l->max_line)
		return err_set(err, ERR_LIMIT, "%s:%llu: line longer than %zu bytes", l->name,
			       (unsigned long long)l->number, l->max_line);
	nul = memchr(at, '\0', n);
	if (nul)
		return lines_bad(l, err, "NUL byte at column %zu: not a text file",
				 (size_t)(nul - at) + 1);
	if (ended && n > 0 && at[n - 1] == '\r')
		n--;
	if (l->number == 1 && n >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0) {
		at += 3;
		n -= 3;
	}
	at[n] = '\0';
	*text = at;
	*len = n;
	return 1;
}

/* Keeps the rest of the chunk as the start of a line that goes on. */
static int keep(struct lines *l, const char *at, size_t n, struct err *err)
{
	if (n > l->max_line || l->line.len > l->max_line - n)
		return err_set(err, ERR_LIMIT, "%s:%llu: line longer than %zu bytes", l->name,
			       (unsigned long long)l->number, l->max_line);
	return buf_put(&l->line, at, n) == 0 ? 0 : err_nomem(err, l->name);
}

static int next_line(struct lines *l, char **text, size_t *len, struct err *err)
{
	int begun = 0;

	buf_clear(&l->line);
	for (;;) {
		size_t n = l->chunk_len - l->chunk_at;
		char *at = l->chunk + l->chunk_at;
		char *end = n ? memchr(at, '\n', n) : NULL;
		int rc;

		if (n && !begun) {
			begun = 1;
			l->number++;
		}
		if (end) {
			n = (size_t)(end - at);
			l->chunk_at += n + 1;
			if (l->line.len == 0)
				return deliver(l, at, n, 1, text, len, err);
		}
		if (n || end) {
			rc = keep(l, at, n, err);
			if (rc != 0)
				return rc;
		}
		if (end)
			return deliver(l, l->line.data, l->line.len, 1, text, len, err);
		rc = fill(l, err);
		if (rc != 0)
			return rc;
		if (l->chunk_len == 0)
			return begun ? deliver(l, l->line.data, l->line.len, 0, text, len, err) : 0;
	}
}

int lines_next(struct lines *l, char **text, size_t *len, struct err *err)
{
	int rc;

	if (l->failed)
		return err_set(err, l->failed, "%s: reading has failed before", l->name);
	rc = next_line(l, text, len, err);
	if (rc < 0)
		l->failed = rc;
	return rc;
}

uint64_t lines_number(const struct lines *l)
{
	return l->number;
}

const char *lines_name(const struct lines *l)
{
	return l->name;
}

int lines_bad(const struct lines *l, struct err *err, const char *fmt, ...)
{
	char what[ERR_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	return err_set(err, ERR_FORMAT, "%s:%llu: %s", l->name, (unsigned long long)l->number,
		       what);
}

size_t lines_split(char *text, char sep, char **fields, size_t max)
{
	size_t n = 0;

	while (n < max) {
		char *end;

		fields[n++] = text;
		end = n < max ? strchr(text, sep) : NULL;
		if (!end)
			break;
		*end = '\0';
		text = end + 1;
	}
	return n;
}
