/* Bytes of a foreign profile: see bytes.h. One window, filled from the file or memory, directly or through zlib. */
#include "prof/formats/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#define READ_BYTES ((size_t)256 << 10)

struct bytes {
	int fd;                    /* -1: memory */
	const unsigned char *from; /* borrowed; memory that is left */
	size_t from_left;
	char *data; /* owned: the window */
	size_t at, end, cap;
	int ended; /* nothing more comes into the window */
	uint64_t line;
	int begun; /* the first bytes were looked at */
	int packed;
	z_stream z;
	unsigned char *raw; /* owned, twice READ_BYTES: what is not unpacked yet */
	int between;        /* before a member of the gzip file */
};

static int make(struct bytes **out, int fd, const void *data, size_t n, struct err *err)
{
	struct bytes *b = calloc(1, sizeof(*b));

	*out = b;
	if (!b)
		return err_nomem(err, "a profile's bytes");
	b->fd = fd;
	b->from = data;
	b->from_left = n;
	return 0;
}

int bytes_from_fd(struct bytes **out, int fd, struct err *err)
{
	return make(out, fd, NULL, 0, err);
}

int bytes_from_memory(struct bytes **out, const void *data, size_t n, struct err *err)
{
	return make(out, -1, data, n, err);
}

void bytes_close(struct bytes *b)
{
	if (!b)
		return;
	if (b->packed)
		inflateEnd(&b->z);
	free(b->raw);
	free(b->data);
	free(b);
}

/* Bytes as they lie there: how many, 0 at the end, or an error. */
static ssize_t take(struct bytes *b, void *to, size_t n, struct err *err)
{
	ssize_t got;

	if (b->fd < 0) {
		if (n > b->from_left)
			n = b->from_left;
		if (n > 0)
			memcpy(to, b->from, n);
		b->from += n;
		b->from_left -= n;
		return (ssize_t)n;
	}
	do
		got = read(b->fd, to, n);
	while (got < 0 && errno == EINTR);
	return got < 0 ? err_sys(err, ERR_IO, "cannot read") : got;
}

static int damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_FORMAT, "the gzip packing is %s: fetch or make the file again",
		       what);
}

/* Unpacked bytes: how many, 0 at the end, or an error. A file may be several members one after the other. */
static ssize_t unpack(struct bytes *b, void *to, size_t n, struct err *err)
{
	b->z.next_out = to;
	b->z.avail_out = (uInt)n;
	while (b->z.avail_out == n) {
		int rc;

		if (b->z.avail_in == 0) {
			ssize_t got = take(b, b->raw, READ_BYTES, err);

			if (got < 0)
				return got;
			if (got == 0)
				return b->between ? 0 : damaged(err, "cut short");
			b->z.next_in = b->raw;
			b->z.avail_in = (uInt)got;
		}
		b->between = 0;
		rc = inflate(&b->z, Z_NO_FLUSH);
		if (rc == Z_STREAM_END) {
			b->between = 1;
			rc = inflateReset(&b->z);
		}
		if (rc == Z_MEM_ERROR)
			return err_nomem(err, "unpacking");
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			return damaged(err, "damaged");
	}
	return (ssize_t)(n - b->z.avail_out);
}

/* Room for `n` bytes behind those in the window, and a zero. */
static int room(struct bytes *b, size_t n, struct err *err)
{
	size_t cap = b->cap ? b->cap : READ_BYTES * 2;
	char *more;

	if (b->at > 0 && b->cap - b->end < n + 1) {
		memmove(b->data, b->data + b->at, b->end - b->at);
		b->end -= b->at;
		b->at = 0;
	}
	if (b->data && b->cap - b->end >= n + 1)
		return 0;
	while (cap - b->end < n + 1)
		cap *= 2;
	more = realloc(b->data, cap);
	if (!more)
		return err_nomem(err, "a profile's bytes");
	b->data = more;
	b->cap = cap;
	return 0;
}

/* 1: the window has more; 0: there is no more. */
static int fill(struct bytes *b, struct err *err)
{
	ssize_t got;
	int rc;

	if (b->ended)
		return 0;
	rc = room(b, READ_BYTES, err);
	if (rc)
		return rc;
	got = b->packed ? unpack(b, b->data + b->end, READ_BYTES, err)
			: take(b, b->data + b->end, READ_BYTES, err);
	if (got < 0)
		return (int)got;
	b->end += (size_t)got;
	b->data[b->end] = '\0';
	b->ended = got == 0;
	return got > 0;
}

/* What is in the window turns out to be packed: it becomes the first input of zlib. */
static int begin_unpacking(struct bytes *b, struct err *err)
{
	size_t n = b->end;

	b->raw = malloc(2 * READ_BYTES);
	if (!b->raw || inflateInit2(&b->z, 16 + MAX_WBITS) != Z_OK)
		return err_nomem(err, "unpacking");
	memcpy(b->raw, b->data, n); /* a byte and one fill at most */
	b->z.next_in = b->raw;
	b->z.avail_in = (uInt)n;
	b->end = 0;
	b->ended = 0;
	b->packed = 1;
	return 0;
}

static int begin(struct bytes *b, struct err *err)
{
	static const char gzip[] = "\x1f\x8b", mark[] = "\xef\xbb\xbf";
	int rc = 1;

	if (b->begun)
		return 0;
	b->begun = 1;
	rc = fill(b, err);
	/* A pipe may give a byte at a time; two tell. */
	while (rc > 0 && b->end < 2)
		rc = fill(b, err);
	if (rc >= 0 && b->end >= 2 && memcmp(b->data, gzip, 2) == 0) {
		rc = begin_unpacking(b, err);
		if (rc == 0)
			rc = fill(b, err);
	}
	while (rc > 0 && b->end < 3)
		rc = fill(b, err);
	if (rc >= 0 && b->end >= 3 && memcmp(b->data, mark, 3) == 0)
		b->at = 3;
	return rc < 0 ? rc : 0;
}

int bytes_head(struct bytes *b, const char **head, size_t *n, int *all, struct err *err)
{
	int rc = begin(b, err);

	if (rc == 0)
		rc = 1;
	while (rc > 0 && b->end - b->at < BYTES_HEAD_MAX)
		rc = fill(b, err);
	if (rc < 0)
		return rc;
	*head = b->data ? b->data + b->at : "";
	*n = b->end - b->at;
	*all = b->ended;
	if (*n > BYTES_HEAD_MAX) {
		*n = BYTES_HEAD_MAX;
		*all = 0;
	}
	return 0;
}

static int give_line(struct bytes *b, size_t len, size_t with_end, const char **line, size_t *n)
{
	*line = b->data + b->at;
	if (len > 0 && (*line)[len - 1] == '\r')
		len--;
	*n = len;
	b->at += with_end;
	b->line++;
	return 1;
}

int bytes_line(struct bytes *b, const char **line, size_t *n, struct err *err)
{
	size_t seen = 0;
	int rc = begin(b, err);

	while (rc >= 0) {
		const char *lf = b->end - b->at > seen ? memchr(b->data + b->at + seen, '\n',
								b->end - b->at - seen)
						       : NULL;

		if (lf) {
			size_t len = (size_t)(lf - (b->data + b->at));

			return give_line(b, len, len + 1, line, n);
		}
		seen = b->end - b->at;
		if (seen > BYTES_LINE_MAX)
			return err_set(err, ERR_LIMIT,
				       "line %llu is longer than 16 MiB: this is no such text",
				       (unsigned long long)b->line + 1);
		rc = fill(b, err);
		if (rc == 0)
			return seen ? give_line(b, seen, seen, line, n) : 0;
	}
	return rc;
}

uint64_t bytes_line_number(const struct bytes *b)
{
	return b->line;
}

int bytes_all(struct bytes *b, const char **data, size_t *n, struct err *err)
{
	int rc = begin(b, err);

	if (rc == 0)
		rc = 1;
	while (rc > 0 && b->end - b->at <= BYTES_ALL_MAX)
		rc = fill(b, err);
	if (rc < 0)
		return rc;
	if (b->end - b->at > BYTES_ALL_MAX)
		return err_set(err, ERR_LIMIT,
			       "more than 1 GiB (unpacked) does not fit into memory at once: "
			       "record less, or use a format that is read by lines (folded, perf)");
	*data = b->data + b->at;
	*n = b->end - b->at;
	return 0;
}
