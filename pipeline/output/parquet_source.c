/* Bytes and footer of a Parquet file: see parquet_source.h. */
#include "pipeline/output/parquet_source.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIN_BYTES (PARQUET_MAGIC_LEN + PARQUET_TAIL_BYTES)

static int read_fully(const struct parquet_source *s, uint64_t offset, char *to, size_t n,
		      struct err *err)
{
	while (n) {
		ssize_t got = pread(s->fd, to, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, ERR_IO, "cannot read %s", s->name);
		if (got == 0)
			return err_set(err, ERR_IO, "%s became shorter while it was read", s->name);
		to += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Any range within the file. */
static int get_bytes(const struct parquet_source *s, uint64_t offset, uint64_t n, struct buf *store,
		     const unsigned char **bytes, struct err *err)
{
	char *to;
	int rc;

	if (s->fd < 0) {
		*bytes = s->memory + offset;
		return 0;
	}
	buf_clear(store);
	to = buf_reserve(store, (size_t)n);
	if (!to)
		return err_nomem(err, s->name);
	rc = read_fully(s, offset, to, (size_t)n, err);
	store->len = rc < 0 ? 0 : (size_t)n;
	*bytes = (const unsigned char *)to;
	return rc;
}

int parquet_source_get(const struct parquet_source *s, uint64_t offset, uint64_t n,
		       struct buf *store, const unsigned char **bytes, struct err *err)
{
	if (n > s->data_end || offset > s->data_end - n)
		return err_set(err, ERR_FORMAT,
			       "%s: pages at offset %llu go past the data of the file", s->name,
			       (unsigned long long)offset);
	return get_bytes(s, offset, n, store, bytes, err);
}

int64_t parquet_chunk_start(const struct parquet_chunk *c)
{
	/* Some writers set the dictionary's offset to 0 where there is none. */
	if (c->dictionary_offset > 0 && c->dictionary_offset < c->data_offset)
		return c->dictionary_offset;
	return c->data_offset;
}

static int load_footer(struct parquet_source *s, struct err *err)
{
	const unsigned char *at;
	uint32_t len;
	int rc;

	if (s->size < MIN_BYTES)
		return err_set(err, ERR_FORMAT, "%s: %llu bytes are no Parquet file", s->name,
			       (unsigned long long)s->size);
	rc = get_bytes(s, s->size - PARQUET_TAIL_BYTES, PARQUET_TAIL_BYTES, &s->footer, &at, err);
	if (rc < 0)
		return rc;
	if (!memcmp(at + 4, "PARE", PARQUET_MAGIC_LEN))
		return err_set(err, ERR_UNSUPPORTED, "%s: encrypted Parquet files cannot be read",
			       s->name);
	if (memcmp(at + 4, PARQUET_MAGIC, PARQUET_MAGIC_LEN))
		return err_set(err, ERR_FORMAT,
			       "%s: no Parquet file, or cut short: it does not end with %s",
			       s->name, PARQUET_MAGIC);
	memcpy(&len, at, sizeof len);
	if (len > s->size - MIN_BYTES)
		return err_set(err, ERR_FORMAT, "%s: a footer of %u bytes is longer than the file",
			       s->name, len);
	rc = get_bytes(s, 0, PARQUET_MAGIC_LEN, &s->footer, &at, err);
	if (rc < 0)
		return rc;
	if (memcmp(at, PARQUET_MAGIC, PARQUET_MAGIC_LEN))
		return err_set(err, ERR_FORMAT, "%s: no Parquet file: it does not start with %s",
			       s->name, PARQUET_MAGIC);
	s->data_end = s->size - PARQUET_TAIL_BYTES - len;
	rc = get_bytes(s, s->data_end, len, &s->footer, &at, err);
	return rc < 0 ? rc : parquet_meta_parse(&s->meta, at, len, s->name, err);
}

int parquet_source_open(struct parquet_source *s, const char *path, struct err *err)
{
	struct stat st;
	int rc;

	*s = (struct parquet_source){.name = path};
	buf_init(&s->footer, BUF_NO_LIMIT);
	s->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open %s",
			       path);
	if (fstat(s->fd, &st) < 0)
		rc = err_sys(err, ERR_IO, "cannot read %s", path);
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, ERR_ARG, "%s is not a file", path);
	else {
		s->size = (uint64_t)st.st_size;
		rc = load_footer(s, err);
	}
	if (rc < 0)
		parquet_source_close(s);
	return rc;
}

int parquet_source_open_memory(struct parquet_source *s, const char *name, const void *bytes,
			       size_t n, struct err *err)
{
	int rc;

	*s = (struct parquet_source){.name = name, .fd = -1, .memory = bytes, .size = n};
	buf_init(&s->footer, BUF_NO_LIMIT);
	rc = load_footer(s, err);
	if (rc < 0)
		parquet_source_close(s);
	return rc;
}

void parquet_source_close(struct parquet_source *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	parquet_meta_release(&s->meta);
	buf_release(&s->footer);
}
