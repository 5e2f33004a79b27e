/* The stack rows of one run in memory: see rows.h. Rewriting all rows in order leaves dense pages, where
 * changing them in place would split most. */
#include "prof/store/rows.h"

#include <stdlib.h>
#include <string.h>

static int reserve(struct stack_rows *r, uint32_t n)
{
	uint32_t cap = r->cap ? r->cap : 1024;
	struct stack_row *p;

	if (n <= r->cap)
		return 0;
	while (cap < n)
		cap = cap > STORE_N_MAX / 2 ? STORE_N_MAX : cap * 2;
	p = realloc(r->rows, (size_t)cap * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	r->rows = p;
	r->cap = cap;
	return 0;
}

void stack_rows_release(struct stack_rows *r)
{
	free(r->rows);
	memset(r, 0, sizeof *r);
}

int stack_rows_push(struct stack_rows *r, uint32_t parent, uint32_t frame)
{
	if (r->count >= STORE_N_MAX)
		return ERR_LIMIT;
	if (reserve(r, r->count + 1) < 0)
		return ERR_NOMEM;
	r->rows[r->count] = (struct stack_row){parent, frame, 0, 0};
	r->count++;
	return 0;
}

static int load_row(struct store *s, struct stack_rows *r, sqlite3_stmt *stmt, struct err *err)
{
	int64_t n = store_n(sqlite3_column_int64(stmt, 0)), up = sqlite3_column_int64(stmt, 1);
	int rc;

	if (n != (int64_t)r->count + 1)
		return err_set(err, ERR_FORMAT, "'%s' is damaged: a gap in the stacks before %lld",
			       s->path, (long long)n);
	if (up > n || n - up > STORE_N_MAX)
		return err_set(err, ERR_FORMAT, "'%s' is damaged: stack %lld has no parent",
			       s->path, (long long)n);
	rc = stack_rows_push(r, up ? (uint32_t)(n - up) : 0,
			     (uint32_t)sqlite3_column_int64(stmt, 2));
	if (rc < 0)
		return err_nomem(err, "the stacks of a run");
	r->rows[r->count - 1].depth = (uint32_t)sqlite3_column_int64(stmt, 3);
	r->rows[r->count - 1].path = (uint32_t)sqlite3_column_int64(stmt, 4);
	return 0;
}

int stack_rows_load(struct store *s, int64_t run, struct stack_rows *r, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s,
			       "SELECT id, up, frame, depth, path FROM stack_row"
			       " WHERE id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY id",
			       &stmt, err);

	memset(r, 0, sizeof *r);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, (int64_t)((uint64_t)run << 32));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		if ((rc = load_row(s, r, stmt, err)) < 0)
			break;
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	if (rc < 0)
		stack_rows_release(r);
	return rc;
}

#define DEPTH_UNKNOWN UINT32_MAX

/* The way up from `n` to a row of known depth, then down again. 0, or -1 for a circle or a parent that is
 * not there. */
static int find_depth(struct stack_rows *r, uint32_t n)
{
	uint32_t steps = 0, at = n, depth;

	while (at != 0 && r->rows[at - 1].depth == DEPTH_UNKNOWN) {
		at = r->rows[at - 1].parent;
		if (at > r->count || ++steps > r->count)
			return -1;
	}
	depth = (at ? r->rows[at - 1].depth : 0) + steps;
	for (at = n; steps > 0; steps--) {
		r->rows[at - 1].depth = depth--;
		at = r->rows[at - 1].parent;
	}
	return 0;
}

int stack_rows_depths(struct store *s, struct stack_rows *r, struct err *err)
{
	for (uint32_t i = 0; i < r->count; i++)
		r->rows[i].depth = DEPTH_UNKNOWN;
	for (uint32_t n = 1; n <= r->count; n++)
		if (find_depth(r, n) < 0)
			return err_set(err, ERR_FORMAT,
				       "'%s' is damaged: stack %u does not lead to a root", s->path,
				       n);
	return 0;
}

int stack_rows_save(struct store *s, int64_t run, const struct stack_rows *r, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_run(s, "DELETE FROM stack_row WHERE id BETWEEN ?1 AND ?1 + 4294967295",
			   (int64_t)((uint64_t)run << 32), 0, "rewrite the stacks of", err);

	if (rc == 0)
		rc = store_prepare(s, "INSERT INTO stack_row VALUES (?1, ?2, ?3, ?4, ?5)", &stmt,
				   err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 0; i < r->count && rc == 0; i++) {
		sqlite3_bind_int64(stmt, 1, store_id(run, i + 1));
		sqlite3_bind_int64(stmt, 2,
				   r->rows[i].parent ? (int64_t)i + 1 - r->rows[i].parent : 0);
		sqlite3_bind_int64(stmt, 3, r->rows[i].frame);
		sqlite3_bind_int64(stmt, 4, r->rows[i].depth);
		sqlite3_bind_int64(stmt, 5, r->rows[i].path);
		rc = store_step(s, stmt, "write to", err);
	}
	sqlite3_finalize(stmt);
	return rc;
}
