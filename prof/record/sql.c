/* Files of SQL statements while they grow: see sql.h. Rows of the store are sql_write.c's. */
#include "prof/record/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/sqlnorm.h"
#include "prof/base/utf8.h"
#include "prof/record/recording.h"

#define NAME_MAX_BYTES 160 /* of a statement as a frame */

static int open_file(struct recording *r, struct image *m)
{
	char path[SPOOL_PATH_MAX + 64];
	struct err err = ERR_INIT;
	struct image_sql *q;
	uint64_t stored = 0;
	int rc;

	if (!r->session->sql || m->no_sql ||
	    snprintf(path, sizeof path, "%s/%s" SQL_SUFFIX, r->session_path, m->name) >=
		    (int)sizeof path)
		return 0;
	q = calloc(1, sizeof *q);
	if (!q)
		return ERR_NOMEM;
	rc = sql_reader_open(&q->reader, path, &err);
	if (rc) {
		free(q);
		m->no_sql = rc == ERR_UNSUPPORTED || rc == ERR_FORMAT;
		return rc == ERR_NOMEM ? rc : 0;
	}
	q->sites = 1;
	if (r->recovering)
		(void)recording_marked(r, m, 0, MARK_SQL, &stored);
	q->stored = stored != 0;
	m->sql = q;
	return 0;
}

void sql_release(struct image *m)
{
	struct image_sql *q = m->sql;

	if (!q)
		return;
	sql_reader_close(&q->reader);
	idmap_release(&q->stacks);
	free(q->places);
	free(q);
	m->sql = NULL;
}

/* ---- stacks -------------------------------------------------------------------------------------- */

static int resolve(struct recording *r, struct image *m, uint32_t stack, uint32_t *row)
{
	struct resolve_request q = {.counted = 1};
	struct sql_stack_view v;
	int rc = sql_reader_stack(&m->sql->reader, stack, &v);

	if (rc)
		return rc;
	q.t_ns = v.t_ns;
	q.addresses = v.addresses;
	q.n = v.n;
	q.end = (enum unwind_end)(v.flags & SPOOL_SAMPLE_END_MASK);
	q.truncated = (v.flags & SPOOL_SAMPLE_TRUNCATED) != 0;
	return resolve_stack(&r->resolver, &m->space, &q, row);
}

static int find_stack(struct recording *r, struct image *m, uint32_t stack, uint32_t *row)
{
	int rc;

	*row = idmap_get(&m->sql->stacks, stack);
	if (*row != IDMAP_NONE)
		return 0;
	rc = resolve(r, m, stack, row);
	if (rc == ERR_NOMEM)
		return rc;
	if (rc) { /* its sums are kept, though not its path */
		if (stack)
			batch_loss(&r->batch,
				   rc == ERR_LIMIT ? SPOOL_LOSS_TABLE_FULL : SPOOL_LOSS_TORN, 1);
		*row = STACK_ROOT;
	}
	return idmap_set(&m->sql->stacks, stack, *row);
}

/* The statement's name as a frame: cut where it is long, and told apart by its fingerprint then. */
static void frame_name(char *out, size_t size, const struct sql_statement_view *s)
{
	const char *kind = s->kind == SQL_QUERY || s->kind == SQL_CONNECT ||
					   s->kind == SQL_FUNCTION || s->kind == SQL_LAST_RESORT
				   ? ""
				   : sql_kind_name(s->kind);
	size_t n = s->text_len, at;
	char hex[SQLNORM_HEX];

	at = (size_t)snprintf(out, size, "%s%s", kind, *kind ? ": " : "");
	if (n > NAME_MAX_BYTES) {
		for (n = NAME_MAX_BYTES; n > 0 && ((unsigned char)s->text[n] & 0xc0) == 0x80;)
			n--;
	}
	for (size_t i = 0; i < n;) {
		size_t c = utf8_length(s->text + i, n - i);

		memcpy(out + at, c ? s->text + i : "?", c ? c : 1);
		at += c ? c : 1;
		i += c ? c : 1;
	}
	out[at] = '\0';
	sqlnorm_hex(hex, s->fingerprint);
	if (n < s->text_len)
		snprintf(out + at, size - at, "... [%.8s]", hex);
}

static int add_leaf(struct recording *r, uint32_t stack, const struct sql_statement_view *s,
		    uint32_t *leaf)
{
	char name[NAME_MAX_BYTES + 64];
	uint32_t frame;
	int rc;

	frame_name(name, sizeof name, s);
	rc = known_label(r->resolver.k, name, &frame);
	return rc ? rc : stacktab_intern(r->resolver.k->stacks, stack, frame, leaf);
}

/* ---- sites --------------------------------------------------------------------------------------- */

static int room_for(struct image_sql *q, uint32_t site)
{
	uint32_t cap = q->cap_places ? q->cap_places : 64;
	struct sql_place *p;

	if (site < q->cap_places)
		return 0;
	while (cap <= site)
		cap *= 2;
	p = realloc(q->places, cap * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	memset(p + q->cap_places, 0, (cap - q->cap_places) * sizeof *p);
	q->places = p;
	q->cap_places = cap;
	return 0;
}

/* 1: seen, 0: not complete yet, ERR_NOMEM. */
static int know_site(struct recording *r, struct image *m, uint32_t site)
{
	struct image_sql *q = m->sql;
	struct sql_statement_view s;
	struct sql_site_view v;
	int rc;

	if (!sql_reader_site(&q->reader, site, &v) ||
	    !sql_reader_statement(&q->reader, v.statement, &s))
		return 0;
	rc = room_for(q, site);
	if (rc == 0)
		rc = find_stack(r, m, v.stack, &q->places[site].stack);
	if (rc)
		return rc;
	q->places[site].stage_id = v.stage;
	rc = add_leaf(r, q->places[site].stack, &s, &q->places[site].leaf);
	if (rc == ERR_LIMIT) {
		q->places[site].leaf = q->places[site].stack;
		rc = 0;
	}
	return rc ? rc : 1;
}

static int look(struct recording *r, struct image *m, int last)
{
	struct image_sql *q;
	int rc = m->sql ? 0 : open_file(r, m);
	uint32_t n;

	q = m->sql;
	if (rc || !q || q->stored)
		return rc;
	/* They are complete in their order; one that never will be is left out at the end. */
	for (n = sql_reader_sites(&q->reader); q->sites < n; q->sites++) {
		rc = know_site(r, m, q->sites);
		if (rc < 0 || (rc == 0 && !last))
			break;
	}
	return rc < 0 ? rc : 0;
}

int sql_look_all(struct recording *r)
{
	int rc = 0;

	for (uint32_t i = 0; i < r->n_images && rc == 0; i++)
		if (!r->images[i]->ended && r->images[i]->file.head)
			rc = look(r, r->images[i], 0);
	return rc;
}

int sql_last_look(struct recording *r, struct image *m, int64_t t_ns)
{
	int rc = look(r, m, 1);

	if (rc)
		return rc;
	if (m->sql)
		m->sql->ended_ns = t_ns;
	else if (r->session->sql && atomic_load(&m->file.head->rings_used))
		batch_loss(&r->batch, SPOOL_LOSS_TABLE_FULL, 1);
	return 0;
}
