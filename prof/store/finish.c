/* The end of a run, and which of its frames have no names yet. */
#include <stdlib.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/write.h"

static int end_row(struct store *s, int64_t run, const struct store_run_end *end, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_RUN_END, err);
	int rc;

	if (!stmt)
		return err ? err->code : ERR_DATABASE;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_int64(stmt, 2, end->duration_ns);
	if (end->has_exit_code)
		sqlite3_bind_int(stmt, 3, end->exit_code);
	if (end->signal)
		sqlite3_bind_int(stmt, 4, end->signal);
	sqlite3_bind_text(stmt, 5, end->engine, -1, SQLITE_STATIC);
	rc = store_step(s, stmt, "write to", err);
	sqlite3_clear_bindings(stmt);
	return rc;
}

/* Stages nobody ended stop with the run; each gets the samples taken in it. */
static int end_stages(struct store *s, int64_t run, int64_t end_ns, struct err *err)
{
	int64_t first = (int64_t)((uint64_t)run << 32);
	int rc = store_run(s,
			   "UPDATE stage_row SET wall_ns = max(0, ?2 - start_ns)"
			   " WHERE wall_ns IS NULL AND id BETWEEN ?1 AND ?1 + 4294967295",
			   first, end_ns, "write to", err);

	if (rc == 0)
		rc = store_run(
			s,
			"UPDATE stage_row SET samples = c.n FROM (SELECT stage, sum(count) AS n"
			" FROM sample_row WHERE run = ?2 AND kind IN (0, 1) GROUP BY stage) AS c"
			" WHERE stage_row.id = (?1 | c.stage) AND c.stage > 0",
			first, run, "write to", err);
	return rc;
}

int store_run_finish(struct store *s, int64_t run, const struct store_run_end *end, struct err *err)
{
	struct store_run_state *st;
	int rc = store_state(s, run, &st, err);

	if (rc == 0)
		rc = store_flush(s, err);
	if (rc == 0)
		rc = end_stages(s, run, st->start_ns + end->duration_ns, err);
	if (rc == 0)
		rc = store_fold_prepare(s, run, err);
	if (rc == 0)
		rc = store_run(s, "DELETE FROM mark_row WHERE run = ?1", run, 0, "write to", err);
	if (rc == 0)
		rc = end_row(s, run, end, err);
	return rc;
}

/* ---- frames without names ---- */

struct unnamed {
	int64_t *frames;
	uint64_t *rel_addrs;
	size_t n, cap;
};

static int keep(struct unnamed *u, int64_t frame, uint64_t rel_addr, struct err *err)
{
	if (u->n == u->cap) {
		size_t cap = u->cap ? 2 * u->cap : 1024;
		int64_t *frames = realloc(u->frames, cap * sizeof *frames);
		uint64_t *addrs;

		if (frames)
			u->frames = frames;
		addrs = frames ? realloc(u->rel_addrs, cap * sizeof *addrs) : NULL;
		if (!addrs)
			return err_nomem(err, "the frames of a run");
		u->rel_addrs = addrs;
		u->cap = cap;
	}
	u->frames[u->n] = frame;
	u->rel_addrs[u->n++] = rel_addr;
	return 0;
}

typedef int each_fn(void *ctx, const struct store_unnamed *u, struct err *err);

static int tell(struct store *s, int64_t run, uint32_t module, const struct unnamed *u, int64_t pid,
		each_fn *each, void *ctx, struct err *err)
{
	struct store_unnamed out = {.module = store_id(run, module),
				    .path = "",
				    .build_id = "",
				    .pid = pid,
				    .frames = u->frames,
				    .rel_addrs = u->rel_addrs,
				    .n = u->n};
	sqlite3_stmt *stmt;
	int rc =
		store_prepare(s, "SELECT path, build_id FROM module_row WHERE id = ?1", &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, out.module);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		const char *path = (const char *)sqlite3_column_text(stmt, 0);
		const char *build_id = (const char *)sqlite3_column_text(stmt, 1);

		out.path = path ? path : "";
		out.build_id = build_id ? build_id : "";
	}
	rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? each(ctx, &out, err)
						   : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

/* Frames come sorted by module. */
static int tell_all(struct store *s, int64_t run, sqlite3_stmt *stmt, int64_t pid, each_fn *each,
		    void *ctx, struct err *err)
{
	struct unnamed u = {0};
	uint32_t module = 0;
	int rc, got;

	do {
		uint32_t next = 0;

		got = sqlite3_step(stmt);
		rc = got == SQLITE_ROW || got == SQLITE_DONE ? 0 : store_fail(s, got, "read", err);
		if (got == SQLITE_ROW)
			next = (uint32_t)sqlite3_column_int64(stmt, 0);
		if (rc == 0 && u.n > 0 && (got != SQLITE_ROW || next != module)) {
			rc = tell(s, run, module, &u, pid, each, ctx, err);
			u.n = 0;
		}
		module = next;
		if (rc == 0 && got == SQLITE_ROW)
			rc = keep(&u, sqlite3_column_int64(stmt, 1),
				  (uint64_t)sqlite3_column_int64(stmt, 2), err);
	} while (rc == 0 && got == SQLITE_ROW);
	free(u.frames);
	free(u.rel_addrs);
	return rc;
}

int store_unnamed(struct store *s, int64_t run,
		  int (*each)(void *ctx, const struct store_unnamed *u, struct err *err), void *ctx,
		  struct err *err)
{
	int64_t first = (int64_t)((uint64_t)run << 32), pid = 0;
	sqlite3_stmt *stmt;
	int rc = store_query_int(
		s,
		"SELECT coalesce((SELECT pid FROM process_row WHERE id BETWEEN ?1 AND"
		" ?1 + 4294967295 ORDER BY id LIMIT 1), 0)",
		first, &pid, err);

	if (rc == 0)
		rc = store_prepare(
			s,
			"SELECT module, id, rel_addr FROM frame_row WHERE function = 0 AND"
			" id BETWEEN ?1 AND ?1 + 4294967295 ORDER BY module, id",
			&stmt, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, first);
	rc = tell_all(s, run, stmt, pid, each, ctx, err);
	sqlite3_finalize(stmt);
	return rc;
}
