/* Ticks, thinned: when a run has as many as it may, every other one of each thread goes, and from then on
 * only every 2nd (4th, 8th, …) one of a thread is kept. A thread begins at an offset of its own, so that
 * many short threads are thinned like a few long ones. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"
#include "prof/store/internal.h"
#include "prof/store/write.h"

struct tick {
	int64_t t;
	uint32_t thread, stack;
	int state;
};

static int no_stmt(const struct err *err)
{
	return err ? err->code : ERR_DATABASE;
}

static uint32_t first_left(const struct store_run_state *st, uint32_t thread)
{
	return (uint32_t)(hash_u64(thread) % st->stride);
}

/* `tick_left[thread]` is there; new threads get their offset. */
static int know_thread(struct store_run_state *st, uint32_t thread, struct err *err)
{
	uint32_t cap = st->tick_threads ? st->tick_threads : 64;
	uint32_t *p;

	if (thread > st->tick_others + 1)
		st->tick_others = thread - 1; /* threads are numbered from 1 */
	if (thread < st->tick_threads)
		return 0;
	while (cap <= thread)
		cap = cap > UINT32_MAX / 2 ? UINT32_MAX : cap * 2;
	p = realloc(st->tick_left, (size_t)cap * sizeof *p);
	if (!p)
		return err_nomem(err, "the threads of a run");
	st->tick_left = p;
	for (; st->tick_threads < cap; st->tick_threads++)
		p[st->tick_threads] = first_left(st, st->tick_threads);
	return 0;
}

static int insert(struct store *s, int64_t run, const struct tick *t, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_TICK_ADD, err);
	int64_t id;
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_next_id(s, run, TABLE_TICK, &id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, t->thread);
	sqlite3_bind_int64(stmt, 3, t->t);
	sqlite3_bind_int64(stmt, 4, t->stack);
	sqlite3_bind_int(stmt, 5, t->state);
	return store_step(s, stmt, "write to", err);
}

/* What halving needs to know of each thread, by n. */
enum { TICK_SEEN = 1, TICK_LAST_KEPT = 2 };

/* Every other tick of each thread into `kept` (STORE_TICKS_MAX of them fit). */
static int read_half(struct store *s, struct store_run_state *st, struct tick *kept, size_t *n,
		     uint8_t *marks, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s,
			       "SELECT thread, t, stack, state FROM tick_row"
			       " WHERE id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY id",
			       &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, (int64_t)((uint64_t)st->run << 32));
	*n = 0;
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && *n < STORE_TICKS_MAX) {
		uint32_t thread = (uint32_t)sqlite3_column_int64(stmt, 0);

		if (thread >= st->tick_threads)
			continue;
		if (!(marks[thread] &
		      TICK_SEEN)) /* which half goes differs from thread to thread */
			marks[thread] =
				TICK_SEEN | ((hash_u64(thread) & st->stride) ? TICK_LAST_KEPT : 0);
		marks[thread] ^= TICK_LAST_KEPT;
		if (!(marks[thread] & TICK_LAST_KEPT))
			continue;
		kept[(*n)++] = (struct tick){sqlite3_column_int64(stmt, 1), thread,
					     (uint32_t)sqlite3_column_int64(stmt, 2),
					     sqlite3_column_int(stmt, 3)};
	}
	rc = rc == SQLITE_DONE || rc == SQLITE_ROW ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

static int write_half(struct store *s, struct store_run_state *st, const struct tick *kept,
		      size_t n, struct err *err)
{
	int64_t first = (int64_t)((uint64_t)st->run << 32);
	int rc = store_run(s, "DELETE FROM tick_row WHERE id BETWEEN ?1 AND ?1 + 4294967295", first,
			   0, "thin the ticks of", err);

	st->next[TABLE_TICK] = 1;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = insert(s, st->run, &kept[i], err);
	if (rc == 0)
		rc = store_run(s, "UPDATE run SET tick_stride = ?2 WHERE key = ?1", st->run,
			       (int64_t)st->stride * 2, "write to", err);
	return rc;
}

static int halve(struct store *s, struct store_run_state *st, struct err *err)
{
	struct tick *kept = malloc(STORE_TICKS_MAX * sizeof *kept);
	uint8_t *marks = calloc(st->tick_threads, 1);
	size_t n = 0;
	int rc = 0;

	if (!kept || !marks)
		rc = err_nomem(err, "the ticks of a run");
	if (rc == 0)
		rc = read_half(s, st, kept, &n, marks, err);
	if (rc == 0)
		rc = write_half(s, st, kept, n, err);
	if (rc == 0) {
		uint32_t old = st->stride;

		st->stride *= 2;
		for (uint32_t i = 0; i < st->tick_threads; i++)
			if (!(marks[i] & TICK_SEEN))
				st->tick_left[i] = first_left(st, i);
			else if (marks[i] & TICK_LAST_KEPT)
				st->tick_left[i] += old;
	}
	free(kept);
	free(marks);
	return rc;
}

static uint32_t limit(const struct store_run_state *st)
{
	uint64_t n = STORE_TICKS_FIRST + (uint64_t)STORE_TICKS_MORE * st->tick_others;

	return n < STORE_TICKS_MAX ? (uint32_t)n : STORE_TICKS_MAX;
}

int store_tick_add(struct store *s, int64_t run, int64_t thread, int64_t t_ns, int64_t stack,
		   enum profile_state state, struct err *err)
{
	struct store_run_state *st;
	struct tick tick = {
		.thread = store_n(thread), .stack = store_n(stack), .state = (int)state};
	int rc = store_state(s, run, &st, err);

	if (rc == 0)
		rc = know_thread(st, tick.thread, err);
	if (rc < 0)
		return rc;
	if (st->tick_left[tick.thread] > 0) {
		st->tick_left[tick.thread]--;
		return 0;
	}
	tick.t = t_ns - st->start_ns;
	rc = insert(s, run, &tick, err);
	if (rc < 0)
		return rc;
	st->tick_left[tick.thread] = st->stride - 1;
	return st->next[TABLE_TICK] > limit(st) && st->stride < UINT32_C(1) << 30
		       ? halve(s, st, err)
		       : 0;
}
