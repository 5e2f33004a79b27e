/* A file of SQL statements as a target leaves it: two statements, three sites, a call that was never answered. Mapped
 * for writing, so that more can be put into it, or damage done. */
#ifndef TESTS_SQL_MADE_H
#define TESTS_SQL_MADE_H

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "prof/base/sqlnorm.h"
#include "prof/spool/sqlfile.h"

#define SQL_MADE_SITES 4 /* 1 … 3 */

static inline uint8_t *sql_made_at(struct sql_head *h, uint64_t offset)
{
	return (uint8_t *)h + offset;
}

static inline struct sql_statement_row *sql_made_statement(struct sql_head *h, uint32_t i)
{
	return (struct sql_statement_row *)(void *)sql_made_at(h, SQL_STATEMENTS_OFFSET) + i;
}

static inline struct sql_site *sql_made_site(struct sql_head *h, uint32_t i)
{
	return (struct sql_site *)(void *)sql_made_at(h, SQL_SITES_OFFSET) + i;
}

static inline struct sql_conn_row *sql_made_conn(struct sql_head *h, uint32_t i)
{
	return (struct sql_conn_row *)(void *)sql_made_at(h, SQL_CONNS_OFFSET) + i;
}

static inline void sql_made_put_statement(struct sql_head *h, uint32_t i, uint32_t kind,
					  uint32_t at, const char *text)
{
	struct sql_statement_row *s = sql_made_statement(h, i);
	struct sqlnorm norm;

	sqlnorm(&norm, (char *)sql_made_at(h, SQL_TEXTS_OFFSET + at), SQL_TEXT_MAX, text,
		strlen(text), 0);
	*s = (struct sql_statement_row){.fingerprint = norm.fingerprint,
					.text = at,
					.text_len = norm.len,
					.distinct = 30,
					.kind = kind};
}

/* Such a site: `calls` calls of one microsecond each. */
static inline void sql_made_put_site(struct sql_head *h, uint32_t i, uint32_t statement,
				     uint32_t stack, uint32_t calls)
{
	struct sql_site *s = sql_made_site(h, i);

	memset(s, 0, sizeof *s);
	s->calls = calls;
	s->total_ns = (uint64_t)calls * 1000;
	s->max_ns = 1000;
	s->rows = 2 * calls;
	s->distinct = 20;
	s->stage = i == 2 ? 1 : 0;
	s->statement = statement;
	s->stack = stack;
	s->times[sql_bucket(1000)] = calls;
	s->ready = 1;
}

/* The last of a statement's examples is the first of their chain. */
static inline void sql_made_put_example(struct sql_head *h, uint32_t statement, uint32_t at,
					const char *text)
{
	struct sql_statement_row *s = sql_made_statement(h, statement);
	struct sql_example e = {s->example, (uint32_t)strlen(text)};

	memcpy(sql_made_at(h, SQL_TEXTS_OFFSET + at), &e, sizeof e);
	memcpy(sql_made_at(h, SQL_TEXTS_OFFSET + at + sizeof e), text, e.len);
	s->example = at;
	s->n_examples++;
}

static inline void sql_made_fill(struct sql_head *h)
{
	static const uint64_t path[] = {0x400030, 0x400020, 0x400010};
	const struct sql_stack_row stack = {3, 0, 20};

	*h = (struct sql_head){.version = SQL_VERSION,
			       .head_bytes = SQL_HEAD_BYTES,
			       .file_bytes = SQL_FILE_BYTES,
			       .statements_used = 3,
			       .sites_used = SQL_MADE_SITES,
			       .stacks_used = 6,
			       .texts_used = 1024};
	sql_made_put_statement(h, 1, SQL_QUERY, 8, "SELECT a FROM b WHERE c = 17");
	sql_made_put_statement(h, 2, SQL_PREPARE, 128, "INSERT INTO t VALUES (1), (2)");
	sql_made_put_example(h, 1, 256, "'x', \"y\"");
	sql_made_put_example(h, 1, 320, "'z\n\xff'");
	memcpy(sql_made_at(h, SQL_STACKS_OFFSET + 8), &stack, sizeof stack);
	memcpy(sql_made_at(h, SQL_STACKS_OFFSET + 8 + sizeof stack), path, sizeof path);
	sql_made_put_site(h, 1, 1, 1, 40);
	sql_made_put_site(h, 2, 1, 0, 2);
	sql_made_put_site(h, 3, 2, 1, 1);
	sql_made_conn(h, 5)->site = 3;
	sql_made_conn(h, 5)->start_ns = 100;
	h->magic = SQL_MAGIC;
}

static inline struct sql_head *sql_made_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *p;

	if (fd < 0 || ftruncate(fd, (off_t)SQL_FILE_BYTES))
		abort();
	p = mmap(NULL, SQL_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED || close(fd))
		abort();
	sql_made_fill(p);
	return p;
}

static inline void sql_made_unmap(struct sql_head *h)
{
	(void)munmap(h, SQL_FILE_BYTES);
}

#endif
