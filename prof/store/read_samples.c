/* Stages, samples, ticks and counters of a run. */
#include <math.h>
#include <stdlib.h>

#include "prof/store/reader.h"

#define RANGE " BETWEEN ?1 AND ?1 + 4294967295 ORDER BY id"

static int64_t measured(sqlite3_stmt *stmt, int column)
{
	return sqlite3_column_type(stmt, column) == SQLITE_NULL ? -1 : column_int(stmt, column);
}

static double number(sqlite3_stmt *stmt, int column)
{
	double v = sqlite3_column_double(stmt, column);

	return isfinite(v) ? v : 0;
}

static void stage_numbers(struct profile_stage *g, sqlite3_stmt *stmt)
{
	g->seq = (uint64_t)column_int(stmt, 4);
	g->start_ns = column_int(stmt, 5);
	g->wall_ns = measured(stmt, 6);
	g->cpu_ns = column_int(stmt, 7);
	g->items = number(stmt, 8);
	g->alloc_bytes = measured(stmt, 10);
	g->alloc_count = measured(stmt, 11);
	g->peak_heap_bytes = measured(stmt, 12);
	g->peak_rss_bytes = measured(stmt, 13);
	g->samples = column_count(stmt, 14);
	g->folded = sqlite3_column_type(stmt, 15) == SQLITE_NULL ? 1 : column_count(stmt, 15);
}

static int stage_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_stage g = {.parent = PROFILE_NONE};
	int64_t parent = column_int(stmt, 1);
	int rc = parent ? places_get(r, &r->stages, parent, "earlier stage", &g.parent) : 0;

	if (rc == 0)
		rc = reader_thread(r, column_int(stmt, 2), &g.thread);
	if (rc == 0)
		rc = reader_string(r, stmt, 3, &g.name);
	if (rc == 0)
		rc = reader_text(r, stmt, 9, &g.params);
	stage_numbers(&g, stmt);
	if (rc == 0)
		rc = READER_GROW(r, CAP_STAGES, p->stages, (size_t)p->n_stages + 1);
	if (rc == 0)
		rc = places_set(r, &r->stages, store_n(column_int(stmt, 0)), p->n_stages);
	if (rc == 0)
		p->stages[p->n_stages++] = g;
	return rc;
}

int read_stages(struct reader *r)
{
	return reader_rows(r,
			   "SELECT id, parent, thread, name, seq, start_ns, wall_ns, cpu_ns, items,"
			   " params, alloc_bytes, alloc_count, peak_heap_bytes, peak_rss_bytes,"
			   " samples, folded FROM stage_row WHERE id" RANGE,
			   0, stage_row);
}

int reader_stack(struct reader *r, int64_t n, uint32_t *place)
{
	*place = 0;
	return n == 0 ? 0 : places_get(r, &r->stacks, n, "stack", place);
}

static int sample_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	int64_t kind = column_int(stmt, 0), stage = column_int(stmt, 1);
	struct profile_sample row = {.stage = PROFILE_NONE,
				     .count = column_count(stmt, 4),
				     .value = column_int(stmt, 5),
				     .variance = fmax(0, number(stmt, 6)),
				     .life_ns = fmax(0, number(stmt, 7))};
	int rc = 0;

	if (kind < 0 || kind >= PROFILE_KINDS)
		return reader_damaged(r, "samples of an unknown kind");
	row.kind = (uint32_t)kind;
	if (stage != 0)
		rc = places_get(r, &r->stages, stage, "stage", &row.stage);
	if (rc == 0)
		rc = reader_thread(r, column_int(stmt, 2), &row.thread);
	if (rc == 0)
		rc = reader_stack(r, column_int(stmt, 3), &row.stack);
	if (rc == 0)
		rc = READER_GROW(r, CAP_SAMPLES, p->samples, p->n_samples + 1);
	if (rc == 0)
		p->samples[p->n_samples++] = row;
	return rc;
}

static int compare(uint32_t a, uint32_t b)
{
	return a < b ? -1 : a > b;
}

static int sample_order(const void *a, const void *b)
{
	const struct profile_sample *x = a, *y = b;
	int c = compare(x->kind, y->kind);

	if (c == 0)
		c = compare(x->stage, y->stage);
	if (c == 0)
		c = compare(x->thread, y->thread);
	return c ? c : compare(x->stack, y->stack);
}

int read_samples(struct reader *r)
{
	struct profile *p = r->p;
	int rc = reader_rows(r,
			     "SELECT kind, stage, thread, stack, count, value, variance, life"
			     " FROM sample_row WHERE run = ?1",
			     1, sample_row);
	size_t i = 1;

	if (rc < 0)
		return rc;
	while (i < p->n_samples && sample_order(&p->samples[i - 1], &p->samples[i]) <= 0)
		i++;
	if (i < p->n_samples)
		qsort(p->samples, p->n_samples, sizeof *p->samples, sample_order);
	return 0;
}

static int tick_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	int64_t state = column_int(stmt, 3), t = 0;
	struct profile_tick row;
	int rc = reader_thread(r, column_int(stmt, 0), &row.thread);

	if (rc == 0)
		rc = reader_stack(r, column_int(stmt, 2), &row.stack);
	if (rc == 0 && (state < 0 || state >= PROFILE_STATES))
		rc = reader_damaged(r, "a tick in an unknown state");
	if (rc == 0 && __builtin_add_overflow(p->run.start_ns, column_int(stmt, 1), &t))
		rc = reader_damaged(r, "a tick at an impossible time");
	if (rc == 0)
		rc = READER_GROW(r, CAP_TICKS, p->ticks, p->n_ticks + 1);
	if (rc < 0)
		return rc;
	row.t_ns = t;
	row.state = (uint32_t)state;
	p->ticks[p->n_ticks++] = row;
	return 0;
}

int read_ticks(struct reader *r)
{
	return reader_rows(r,
			   "SELECT thread, t, stack, state FROM tick_row"
			   " WHERE id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY t, id",
			   0, tick_row);
}

static int counter_row(struct reader *r, sqlite3_stmt *stmt)
{
	struct profile *p = r->p;
	struct profile_counter row = {.value = number(stmt, 2)};
	int rc = reader_string(r, stmt, 1, &row.name);

	if (rc == 0 && __builtin_add_overflow(p->run.start_ns, column_int(stmt, 0), &row.t_ns))
		rc = reader_damaged(r, "a counter at an impossible time");
	if (rc == 0)
		rc = READER_GROW(r, CAP_COUNTERS, p->counters, p->n_counters + 1);
	if (rc == 0)
		p->counters[p->n_counters++] = row;
	return rc;
}

int read_counters(struct reader *r)
{
	return reader_rows(r,
			   "SELECT t, name, value FROM counter_row"
			   " WHERE id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY t, id",
			   0, counter_row);
}
