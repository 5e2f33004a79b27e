/* What the view `folded` needs in stack_row: the name of each row's function. */
#include <stdlib.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/rows.h"

struct functions {    /* string of each frame, by n */
	uint32_t *of; /* owned */
	size_t n;
};

static int load_functions(struct store *s, int64_t run, struct functions *f, struct err *err)
{
	sqlite3_stmt *stmt;
	int64_t last = 0, first = (int64_t)((uint64_t)run << 32);
	int rc = store_query_int(s,
				 "SELECT coalesce(max(id), 0) FROM frame_row"
				 " WHERE id BETWEEN ?1 AND ?1 + 4294967295",
				 first, &last, err);

	if (rc < 0)
		return rc;
	f->n = (size_t)store_n(last) + 1;
	f->of = calloc(f->n, sizeof *f->of);
	if (!f->of)
		return err_nomem(err, "the frames of a run");
	rc = store_prepare(s,
			   "SELECT id, function FROM frame_row"
			   " WHERE id BETWEEN ?1 AND ?1 + 4294967295",
			   &stmt, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, first);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		if (store_n(sqlite3_column_int64(stmt, 0)) < f->n)
			f->of[store_n(sqlite3_column_int64(stmt, 0))] =
				(uint32_t)sqlite3_column_int64(stmt, 1);
	rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

int store_fold_rows(struct store *s, int64_t run, struct stack_rows *r, struct err *err)
{
	struct functions f = {0};
	int rc = load_functions(s, run, &f, err);

	for (uint32_t i = 0; i < r->count && rc == 0; i++)
		r->rows[i].name = r->rows[i].frame < f.n ? f.of[r->rows[i].frame] : 0;
	free(f.of);
	return rc;
}

int store_fold_prepare(struct store *s, int64_t run, struct err *err)
{
	struct stack_rows r;
	int64_t missing = 0;
	int rc = store_query_int(s,
				 "SELECT EXISTS (SELECT 1 FROM stack_row WHERE name = 0 AND"
				 " id BETWEEN ?1 AND ?1 + 4294967295)",
				 (int64_t)((uint64_t)run << 32), &missing, err);

	if (rc < 0 || !missing)
		return rc;
	rc = stack_rows_load(s, run, &r, err);
	if (rc < 0)
		return rc;
	rc = stack_rows_depths(s, &r, err);
	if (rc == 0)
		rc = store_fold_rows(s, run, &r, err);
	if (rc == 0)
		rc = stack_rows_save(s, run, &r, err);
	stack_rows_release(&r);
	return rc;
}
