/* What is counted while a run goes on: samples, ticks, counters, losses, marks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/write.h"

static int no_stmt(const struct err *err)
{
	return err ? err->code : ERR_DATABASE;
}

/* Samples of one transaction meet in memory first: the same stack is hit again and again, and rows in
 * order go into the tree of the table several times as fast. */
#define CACHE_MAX 65536 /* rows: 4 MiB */

struct waiting {
	int64_t run;
	uint32_t kind, stage, thread, stack;
	uint64_t count;
	int64_t value;
	double variance, life_ns;
};

struct sample_cache {
	struct waiting *rows; /* owned */
	uint32_t n, cap;
	struct hashidx index;
};

struct sought {
	const struct sample_cache *cache;
	const struct waiting *key;
};

static int same_key(const void *ctx, uint32_t id)
{
	const struct sought *k = ctx;
	const struct waiting *a = k->key, *b = &k->cache->rows[id];

	return a->stack == b->stack && a->thread == b->thread && a->stage == b->stage &&
	       a->kind == b->kind && a->run == b->run;
}

static uint64_t key_hash(const struct waiting *k)
{
	return hash_u64(((uint64_t)k->thread << 32 | k->stack) ^
			hash_u64((uint64_t)k->stage << 32 | (uint64_t)k->run << 4 | k->kind));
}

static int64_t add_capped(int64_t a, int64_t b)
{
	int64_t sum;

	if (!__builtin_add_overflow(a, b, &sum))
		return sum;
	return a > 0 ? INT64_MAX : INT64_MIN;
}

static int cache_row(struct store *s, const struct waiting *row, struct err *err)
{
	struct sample_cache *c = s->cache;

	if (c->n == c->cap) {
		uint32_t cap = c->cap ? c->cap * 2 : 1024;
		struct waiting *p = realloc(c->rows, cap * sizeof *p);

		if (!p)
			return err_nomem(err, "samples");
		c->rows = p;
		c->cap = cap;
	}
	c->rows[c->n] = *row;
	if (hashidx_add(&c->index, key_hash(row), c->n) < 0)
		return err_nomem(err, "samples");
	c->n++;
	return 0;
}

static void add_to_row(struct waiting *w, const struct waiting *more)
{
	w->value = add_capped(w->value, more->value);
	if (__builtin_add_overflow(w->count, more->count, &w->count))
		w->count = UINT64_MAX;
	w->variance += more->variance;
	w->life_ns += more->life_ns;
}

int store_sample_add_memory(struct store *s, int64_t run, const struct store_sample *sample,
			    struct err *err)
{
	struct waiting row = {.run = run,
			      .kind = (uint32_t)sample->kind,
			      .stage = store_n(sample->stage),
			      .thread = store_n(sample->thread),
			      .stack = store_n(sample->stack),
			      .count = sample->count,
			      .value = sample->value,
			      .variance = sample->variance,
			      .life_ns = sample->life_ns};
	struct sought sought = {s->cache, &row};
	struct store_run_state *st;
	uint32_t at;
	int rc = store_state(s, run, &st, err);

	if (rc < 0)
		return rc;
	if (!s->cache && !(s->cache = calloc(1, sizeof *s->cache)))
		return err_nomem(err, "samples");
	sought.cache = s->cache;
	at = hashidx_find(&s->cache->index, key_hash(&row), same_key, &sought);
	if (at != HASHIDX_NONE) {
		add_to_row(&s->cache->rows[at], &row);
		return 0;
	}
	if (s->cache->n >= CACHE_MAX && (rc = store_flush(s, err)) < 0)
		return rc;
	return cache_row(s, &row, err);
}

int store_sample_add(struct store *s, int64_t run, enum profile_kind kind, int64_t stage,
		     int64_t thread, int64_t stack, uint64_t count, int64_t value, struct err *err)
{
	struct store_sample sample = {kind, stage, thread, stack, count, value, 0, 0};

	return store_sample_add_memory(s, run, &sample, err);
}

static int by_key(const void *a, const void *b)
{
	const struct waiting *x = a, *y = b;

	if (x->run != y->run)
		return x->run < y->run ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->stage != y->stage)
		return x->stage < y->stage ? -1 : 1;
	if (x->thread != y->thread)
		return x->thread < y->thread ? -1 : 1;
	return x->stack < y->stack ? -1 : x->stack > y->stack;
}

/* What is not measured takes no room. */
static void bind_number(sqlite3_stmt *stmt, int at, double value)
{
	if (isfinite(value) && value > 0)
		sqlite3_bind_double(stmt, at, value);
	else
		sqlite3_bind_null(stmt, at);
}

static int write_row(struct store *s, sqlite3_stmt *stmt, const struct waiting *w, struct err *err)
{
	sqlite3_bind_int64(stmt, 1, w->run);
	sqlite3_bind_int64(stmt, 2, w->kind);
	sqlite3_bind_int64(stmt, 3, w->stage);
	sqlite3_bind_int64(stmt, 4, w->thread);
	sqlite3_bind_int64(stmt, 5, w->stack);
	sqlite3_bind_int64(stmt, 6, w->count > INT64_MAX ? INT64_MAX : (int64_t)w->count);
	sqlite3_bind_int64(stmt, 7, w->value);
	bind_number(stmt, 8, w->variance);
	bind_number(stmt, 9, w->life_ns);
	return store_step(s, stmt, "write to", err);
}

int store_flush(struct store *s, struct err *err)
{
	struct sample_cache *c = s->cache;
	sqlite3_stmt *stmt;
	int rc = 0;

	if (!c || c->n == 0)
		return 0;
	stmt = store_stmt(s, SQL_SAMPLE_ADD, err);
	if (!stmt)
		return no_stmt(err);
	qsort(c->rows, c->n, sizeof *c->rows, by_key);
	for (uint32_t i = 0; i < c->n && rc == 0; i++)
		rc = write_row(s, stmt, &c->rows[i], err);
	c->n = 0; /* after a failure there is nothing left but to roll back */
	hashidx_release(&c->index);
	return rc;
}

void store_flush_drop(struct store *s)
{
	if (!s->cache)
		return;
	free(s->cache->rows);
	hashidx_release(&s->cache->index);
	free(s->cache);
	s->cache = NULL;
}

int store_counter_add(struct store *s, int64_t run, int64_t t_ns, const char *name, double value,
		      struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_COUNTER_ADD, err);
	struct store_run_state *st;
	uint32_t n, string;
	int64_t id;
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_state(s, run, &st, err);
	if (rc == 0)
		rc = store_string_id(s, st, name, &string, &n, err);
	if (rc == 0)
		rc = store_next_id(s, run, TABLE_COUNTER, &id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, t_ns - st->start_ns);
	sqlite3_bind_int64(stmt, 3, n);
	sqlite3_bind_double(stmt, 4, isfinite(value) ? value : 0);
	return store_step(s, stmt, "write to", err);
}

int store_loss_add(struct store *s, int64_t run, const char *reason, uint64_t count,
		   struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_LOSS_ADD, err);
	struct store_run_state *st;
	int rc = store_state(s, run, &st, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	if (count == 0)
		return 0;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_text(stmt, 2, reason, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, count > INT64_MAX ? INT64_MAX : (int64_t)count);
	return store_step(s, stmt, "write to", err);
}

int store_mark_set(struct store *s, int64_t run, const char *file, uint32_t ring, uint64_t opened,
		   uint64_t offset, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_MARK_SET, err);
	struct store_run_state *st;
	int rc = store_state(s, run, &st, err);

	if (rc < 0)
		return rc;
	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_text(stmt, 2, file, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 3, ring);
	sqlite3_bind_int64(stmt, 4, (int64_t)opened);
	sqlite3_bind_int64(stmt, 5, (int64_t)offset);
	return store_step(s, stmt, "write to", err);
}

int store_marks(struct store *s, int64_t run,
		int (*each)(void *ctx, const char *file, uint32_t ring, uint64_t opened,
			    uint64_t offset),
		void *ctx, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, "SELECT file, ring, opened, offset FROM mark_row WHERE run = ?1",
			       &stmt, err);
	int stop = 0;

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, run);
	while (!stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *file = (const char *)sqlite3_column_text(stmt, 0);

		stop = each(ctx, file ? file : "", (uint32_t)sqlite3_column_int64(stmt, 1),
			    (uint64_t)sqlite3_column_int64(stmt, 2),
			    (uint64_t)sqlite3_column_int64(stmt, 3));
	}
	if (!stop && rc != SQLITE_DONE)
		stop = store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return stop;
}

int store_unfinished(struct store *s,
		     int (*each)(void *ctx, int64_t run, const char *id, const char *spool_path),
		     void *ctx, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(
		s, "SELECT key, id, spool_path FROM run WHERE finished = 0 ORDER BY key", &stmt,
		err);
	int stop = 0;

	if (rc < 0)
		return rc;
	while (!stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *id = (const char *)sqlite3_column_text(stmt, 1);
		const char *spool = (const char *)sqlite3_column_text(stmt, 2);

		stop = each(ctx, sqlite3_column_int64(stmt, 0), id ? id : "", spool);
	}
	if (!stop && rc != SQLITE_DONE)
		stop = store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return stop;
}
