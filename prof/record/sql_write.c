/* Files of SQL statements as rows of the store, in the transaction of a flush: see sql.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/sqlnorm.h"
#include "prof/base/utf8.h"
#include "prof/record/jsontext.h"
#include "prof/record/recording.h"

#define TIMES_BYTES (SQL_BUCKETS * 16)

struct writer {
	struct recording *r;
	struct image *m;
	struct err *err;
	struct buf text, examples;
	char times[TIMES_BYTES];
};

static int64_t row_id(const struct recording *r, uint32_t n)
{
	return n ? (int64_t)((uint64_t)r->run << 32 | n) : 0;
}

static int64_t ns_of(uint64_t ns)
{
	return ns > INT64_MAX ? INT64_MAX : (int64_t)ns;
}

/* Bytes from a program, as text. */
static void put_clean(struct buf *b, const char *text, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t c = utf8_length(text + i, n - i);

		(void)buf_put(b, c ? text + i : "?", c ? c : 1);
		i += c ? c : 1;
	}
}

static void put_examples(struct writer *w, uint32_t at)
{
	uint32_t len, n = 0;
	const char *bytes;

	buf_clear(&w->examples);
	while (n < SQL_EXAMPLES_MAX && sql_reader_example(&w->m->sql->reader, &at, &bytes, &len)) {
		(void)buf_putc(&w->examples, n++ ? ',' : '[');
		json_put_text(&w->examples, bytes, len);
	}
	if (n)
		(void)buf_putc(&w->examples, ']');
}

static void put_times(char out[TIMES_BYTES], const uint32_t times[SQL_BUCKETS])
{
	size_t at = 0;

	out[0] = '\0';
	for (uint32_t b = 0; b < SQL_BUCKETS; b++)
		if (times[b] && at < TIMES_BYTES - 16)
			at += (size_t)snprintf(out + at, TIMES_BYTES - at, "%s%u:%u", at ? " " : "",
					       b, times[b]);
}

/* What its process did not live to see the end of, and for how long it had waited. */
static uint64_t unfinished(const struct writer *w, uint32_t site, uint64_t *ns)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < SQL_CONNS_MAX; i++) {
		int64_t since;

		if (sql_reader_waiting(&w->m->sql->reader, i, &since) != site)
			continue;
		n++;
		if (since > 0 && w->m->sql->ended_ns > since)
			*ns += (uint64_t)(w->m->sql->ended_ns - since);
	}
	return n;
}

static int write_sample(const struct writer *w, const struct store_statement *row,
			const struct sql_place *p, uint64_t count)
{
	const struct known *k = &w->r->known;

	return store_sample_add(w->r->store, w->r->run, PROFILE_SQL, row->stage, 0,
				k->stack_ids[p->leaf], count, row->total_ns, w->err);
}

static int write_site(struct writer *w, uint32_t site)
{
	const struct image_sql *q = w->m->sql;
	const struct sql_place *p = &q->places[site];
	const struct known *k = &w->r->known;
	struct sql_statement_view s;
	struct sql_site_view v;
	char hex[SQLNORM_HEX];
	struct store_statement row = {.fingerprint = hex};
	uint64_t waiting, waited = 0;
	int rc;

	if (!sql_reader_site(&q->reader, site, &v) ||
	    !sql_reader_statement(&q->reader, v.statement, &s))
		return 0;
	waiting = unfinished(w, site, &waited);
	if (v.calls + waiting == 0)
		return 0;
	sqlnorm_hex(hex, s.fingerprint);
	buf_clear(&w->text);
	put_clean(&w->text, s.text, s.text_len);
	put_examples(w, s.example);
	put_times(w->times, v.times);
	if (buf_failed(&w->text) || buf_failed(&w->examples))
		return err_nomem(w->err, "statements");
	row.text = buf_str(&w->text);
	row.kind = sql_kind_name(s.kind);
	row.times = w->times;
	row.examples_json = w->examples.len ? buf_str(&w->examples) : NULL;
	row.stack = k->stack_ids[p->stack];
	row.stage = row_id(w->r, p->stage);
	row.process = k->processes[w->m->process].id;
	row.calls = v.calls;
	row.rows = v.rows;
	row.distinct_params = v.distinct;
	row.sent = v.sent;
	row.received = v.received;
	row.errors = v.errors;
	row.unfinished = waiting;
	row.unjudged = v.unjudged;
	row.statement_distinct = s.distinct;
	row.total_ns = ns_of(v.total_ns + waited);
	row.p95_ns = ns_of(sql_quantile_ns(v.times, v.max_ns, 0.95));
	row.max_ns = ns_of(v.max_ns);
	row.inside_ns = ns_of(v.inside_ns);
	rc = store_sql_add(w->r->store, w->r->run, &row, w->err);
	return rc ? rc : write_sample(w, &row, p, v.calls + waiting);
}

static int write_losses(const struct writer *w)
{
	static const char *const names[SQL_LOSSES] = {
		[SQL_LOSS_STATEMENTS] = "table_full",   [SQL_LOSS_SITES] = "table_full",
		[SQL_LOSS_STACKS] = "table_full",       [SQL_LOSS_CONNS] = "table_full",
		[SQL_LOSS_QUEUE] = "table_full",        [SQL_LOSS_SETS] = "table_full",
		[SQL_LOSS_BUSY] = "record_dropped",     [SQL_LOSS_TRUNCATED] = "truncated",
		[SQL_LOSS_NO_UNWIND] = "no_unwind_info"};
	const struct sql_head *head = w->m->sql->reader.head;
	int rc = 0;

	for (int i = 0; i < SQL_LOSSES && rc == 0; i++)
		rc = store_loss_add(w->r->store, w->r->run, names[i],
				    atomic_load_explicit(&head->losses[i], memory_order_relaxed),
				    w->err);
	return rc;
}

/* Another supervisor that takes up this file must not add it again: the mark goes with the rows. */
static int write_all(struct writer *w)
{
	int rc = 0;

	for (uint32_t i = 1; i < w->m->sql->sites && rc == 0; i++)
		if (i < w->m->sql->cap_places)
			rc = write_site(w, i);
	if (rc == 0)
		rc = write_losses(w);
	return rc ? rc
		  : store_mark_set(w->r->store, w->r->run, w->m->name,
				   SPOOL_RINGS_MAX * (uint32_t)MARK_SQL, 0, 1, w->err);
}

/* Stages that sites name have their rows now, or are not known (yet): their numbers go with a mark, for a stage that
 * has ended by the end of the image is forgotten. */
static int write_stages(const struct writer *w)
{
	struct image_sql *q = w->m->sql;
	const struct known *k = &w->r->known;
	int rc = 0;

	for (uint32_t i = 1; i < q->sites && i < q->cap_places && rc == 0; i++) {
		struct sql_place *p = &q->places[i];
		uint32_t stage;

		if (p->stage_id == 0 || p->stage)
			continue;
		stage = known_stage_find(k, w->m->space.id, p->stage_id);
		if (stage == KNOWN_NONE)
			continue;
		p->stage = (uint32_t)k->stages[stage].row_id;
		rc = store_mark_set(w->r->store, w->r->run, w->m->name,
				    SPOOL_RINGS_MAX * (uint32_t)MARK_STAGE, p->stage_id, p->stage,
				    w->err);
	}
	return rc;
}

static void recover_stages(const struct recording *r, const struct image *m)
{
	struct image_sql *q = m->sql;

	for (uint32_t i = 1; r->recovering && i < q->sites && i < q->cap_places; i++)
		for (uint32_t j = 0; j < r->n_stage_marks && q->places[i].stage == 0; j++)
			if (r->stage_marks[j].id == q->places[i].stage_id &&
			    r->stage_marks[j].row < KNOWN_NONE &&
			    strcmp(r->stage_marks[j].file, m->name) == 0)
				q->places[i].stage = (uint32_t)r->stage_marks[j].row;
}

int sql_write(struct recording *r, struct err *err)
{
	struct writer *w = r->session->sql ? calloc(1, sizeof *w) : NULL;
	int rc = 0;

	if (!r->session->sql)
		return 0;
	if (!w)
		return err_nomem(err, "statements");
	buf_init(&w->text, BUF_NO_LIMIT);
	buf_init(&w->examples, BUF_NO_LIMIT);
	w->r = r;
	w->err = err;
	for (uint32_t i = 0; i < r->n_images && rc == 0; i++) {
		w->m = r->images[i];
		if (!w->m->sql || w->m->sql->stored)
			continue;
		recover_stages(r, w->m);
		rc = write_stages(w);
		if (rc == 0 && w->m->ended)
			rc = write_all(w);
	}
	buf_release(&w->text);
	buf_release(&w->examples);
	free(w);
	return rc;
}

void sql_written(struct recording *r)
{
	for (uint32_t i = 0; i < r->n_images; i++)
		if (r->images[i]->sql)
			r->images[i]->sql->stored |= r->images[i]->ended;
}
