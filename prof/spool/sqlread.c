/* Files of SQL statements, read: see sqlread.h. */
#include "prof/spool/sqlread.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static uint64_t word(const _Atomic uint64_t *w)
{
	return atomic_load_explicit(w, memory_order_relaxed);
}

static const uint8_t *at(const struct sql_reader *r, uint64_t offset)
{
	return (const uint8_t *)r->head + offset;
}

static int check(const struct sql_head *h, uint64_t bytes, const char *path, struct err *err)
{
	if (h->magic == 0)
		return err_set(err, ERR_NOTFOUND, "'%s' is not complete", path);
	if (h->magic != SQL_MAGIC)
		return err_set(err, ERR_FORMAT, "'%s' is no file of SQL statements", path);
	if (h->version != SQL_VERSION)
		return err_set(err, ERR_UNSUPPORTED, "'%s' has version %u, not %u", path,
			       h->version, SQL_VERSION);
	if (h->head_bytes != SQL_HEAD_BYTES || h->file_bytes != SQL_FILE_BYTES ||
	    bytes < SQL_FILE_BYTES)
		return err_set(err, ERR_FORMAT, "'%s' has parts of wrong sizes", path);
	return 0;
}

int sql_reader_open(struct sql_reader *r, const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc;
	struct stat st;
	void *p;

	*r = (struct sql_reader){0};
	if (fd < 0)
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO, "cannot open '%s'",
			       path);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		(void)close(fd);
		return err_set(err, ERR_FORMAT, "'%s' is no file of SQL statements", path);
	}
	if (st.st_size < (off_t)SQL_HEAD_BYTES) {
		(void)close(fd);
		return err_set(err, ERR_NOTFOUND, "'%s' is not complete", path);
	}
	p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (p == MAP_FAILED)
		return err_sys(err, ERR_IO, "cannot map '%s'", path);
	r->head = p;
	r->bytes = (uint64_t)st.st_size;
	rc = check(r->head, r->bytes, path, err);
	if (rc)
		sql_reader_close(r);
	return rc;
}

void sql_reader_close(struct sql_reader *r)
{
	if (r->head)
		(void)munmap((void *)(uintptr_t)r->head, r->bytes);
	*r = (struct sql_reader){0};
}

uint32_t sql_reader_sites(const struct sql_reader *r)
{
	uint32_t n = atomic_load_explicit(&r->head->sites_used, memory_order_acquire);

	return n > SQL_SITES_MAX ? SQL_SITES_MAX : n;
}

static const struct sql_site *site_at(const struct sql_reader *r, uint32_t i)
{
	return (const struct sql_site *)(const void *)at(r, SQL_SITES_OFFSET) + i;
}

int sql_reader_site(const struct sql_reader *r, uint32_t i, struct sql_site_view *out)
{
	const struct sql_site *s;

	if (i == 0 || i >= SQL_SITES_MAX)
		return 0;
	s = site_at(r, i);
	if (atomic_load_explicit(&s->ready, memory_order_acquire) != 1)
		return 0;
	out->calls = word(&s->calls);
	out->total_ns = word(&s->total_ns);
	out->inside_ns = word(&s->inside_ns);
	out->max_ns = word(&s->max_ns);
	out->rows = word(&s->rows);
	out->sent = word(&s->sent);
	out->received = word(&s->received);
	out->errors = word(&s->errors);
	out->distinct = word(&s->distinct);
	out->unjudged = word(&s->unjudged);
	out->stage = s->stage;
	out->statement = s->statement;
	out->stack = s->stack;
	for (uint32_t b = 0; b < SQL_BUCKETS; b++)
		out->times[b] = atomic_load_explicit(&s->times[b], memory_order_relaxed);
	return 1;
}

int sql_reader_statement(const struct sql_reader *r, uint32_t i, struct sql_statement_view *out)
{
	const struct sql_statement_row *s;
	uint32_t text, len;

	if (i == 0 || i >= SQL_STATEMENTS_MAX)
		return 0;
	s = (const struct sql_statement_row *)(const void *)at(r, SQL_STATEMENTS_OFFSET) + i;
	out->kind = atomic_load_explicit(&s->kind, memory_order_acquire);
	text = s->text;
	len = s->text_len;
	if (out->kind == 0 || len >= SQL_TEXT_MAX || text > SQL_TEXTS_BYTES - SQL_TEXT_MAX)
		return 0;
	out->fingerprint = s->fingerprint;
	out->distinct = word(&s->distinct);
	out->unjudged = word(&s->unjudged);
	out->params = s->params;
	out->example = atomic_load_explicit(&s->example, memory_order_acquire);
	out->text = (const char *)at(r, SQL_TEXTS_OFFSET + text);
	out->text_len = len;
	return 1;
}

int sql_reader_example(const struct sql_reader *r, uint32_t *place, const char **bytes,
		       uint32_t *len)
{
	struct sql_example e;
	uint32_t from = *place;

	if (from == 0 || from > SQL_TEXTS_BYTES - sizeof e - SQL_EXAMPLE_MAX)
		return 0;
	memcpy(&e, at(r, SQL_TEXTS_OFFSET + from), sizeof e);
	if (e.len > SQL_EXAMPLE_MAX || e.next >= from) /* they were made in order */
		return 0;
	*bytes = (const char *)at(r, SQL_TEXTS_OFFSET + from + sizeof e);
	*len = e.len;
	*place = e.next;
	return 1;
}

int sql_reader_stack(const struct sql_reader *r, uint32_t stack, struct sql_stack_view *out)
{
	uint64_t offset = (uint64_t)stack * 8;
	struct sql_stack_row row;

	if (stack == 0)
		return ERR_NOTFOUND;
	if (offset > SQL_STACKS_BYTES - sizeof row)
		return ERR_FORMAT;
	memcpy(&row, at(r, SQL_STACKS_OFFSET + offset), sizeof row);
	if (row.n > SQL_DEPTH_MAX || offset + sizeof row + row.n * 8ull > SQL_STACKS_BYTES)
		return ERR_FORMAT;
	out->addresses =
		(const uint64_t *)(const void *)at(r, SQL_STACKS_OFFSET + offset + sizeof row);
	out->n = row.n;
	out->flags = row.flags;
	out->t_ns = row.t_ns;
	return 0;
}

uint32_t sql_reader_waiting(const struct sql_reader *r, uint32_t i, int64_t *since_ns)
{
	const struct sql_conn_row *c;
	uint32_t site;

	if (i >= SQL_CONNS_MAX)
		return 0;
	c = (const struct sql_conn_row *)(const void *)at(r, SQL_CONNS_OFFSET) + i;
	site = atomic_load_explicit(&c->site, memory_order_acquire);
	*since_ns = atomic_load_explicit(&c->start_ns, memory_order_relaxed);
	return site < SQL_SITES_MAX ? site : 0;
}

const char *sql_kind_name(uint32_t kind)
{
	static const char *const names[] = {"",        "query",    "prepare", "describe",
					    "connect", "function", "other"};

	return kind < sizeof names / sizeof names[0] ? names[kind] : "";
}
