/* Stages: rows that open and end, and the one row per name in which those beyond the 10,000th are added
 * up. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/write.h"

static int no_stmt(const struct err *err)
{
	return err ? err->code : ERR_DATABASE;
}

static int know_name(struct store_run_state *st, uint32_t name, struct err *err)
{
	uint32_t cap = st->stages_cap ? st->stages_cap : 64;
	struct stage_name *p;

	if (name < st->stages_cap)
		return 0;
	while (cap <= name)
		cap = cap > UINT32_MAX / 2 ? UINT32_MAX : cap * 2;
	p = realloc(st->stages, (size_t)cap * sizeof *p);
	if (!p)
		return err_nomem(err, "the stages of a run");
	memset(p + st->stages_cap, 0, (cap - st->stages_cap) * sizeof *p);
	st->stages = p;
	st->stages_cap = cap;
	return 0;
}

/* What is in the file already, when a run goes on being filled. */
static int load_names(struct store *s, struct store_run_state *st, struct err *err)
{
	sqlite3_stmt *stmt;
	uint32_t id, n;
	int rc = store_string_id(s, st, NULL, &id, &n, err);

	if (rc == 0)
		rc = know_name(st, 0, err);
	if (rc == 0)
		rc = store_prepare(
			s,
			"SELECT g.text, count(*) - count(s.folded), max(CASE WHEN s.folded"
			" IS NOT NULL THEN s.id END) FROM stage_row s JOIN string_row g"
			" ON g.id = (?1 | s.name) WHERE s.id BETWEEN ?1 AND"
			" ?1 + 4294967295 GROUP BY s.name",
			&stmt, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, (int64_t)((uint64_t)st->run << 32));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 0);

		if (!text || !strtab_find(st->strings, text, strlen(text), &id))
			continue;
		rc = know_name(st, id, err);
		if (rc < 0)
			break;
		st->stages[id].rows = (uint32_t)sqlite3_column_int64(stmt, 1);
		st->stages[id].fold = store_n(sqlite3_column_int64(stmt, 2));
	}
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

struct new_stage {
	uint32_t parent, thread, name;
	uint64_t seq;
	int64_t start_ns;
	int fold;
};

static int insert_stage(struct store *s, int64_t run, const struct new_stage *g, int64_t *id,
			struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_STAGE_ADD, err);
	int rc;

	if (!stmt)
		return no_stmt(err);
	rc = store_next_id(s, run, TABLE_STAGE, id, err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, *id);
	sqlite3_bind_int64(stmt, 2, g->parent);
	sqlite3_bind_int64(stmt, 3, g->thread);
	sqlite3_bind_int64(stmt, 4, g->name);
	sqlite3_bind_int64(stmt, 5, (int64_t)g->seq);
	sqlite3_bind_int64(stmt, 6, g->start_ns);
	if (g->fold) {
		sqlite3_bind_int64(stmt, 7, 0);
		sqlite3_bind_int64(stmt, 8, 1);
	} else {
		sqlite3_bind_null(stmt, 7);
		sqlite3_bind_null(stmt, 8);
	}
	return store_step(s, stmt, "write to", err);
}

static int count_folded(struct store *s, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_STAGE_FOLD, err);

	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, id);
	return store_step(s, stmt, "write to", err);
}

int store_stage_add(struct store *s, int64_t run, int64_t parent, int64_t thread, const char *name,
		    uint64_t seq, int64_t start_ns, int64_t *id, struct err *err)
{
	struct new_stage g = {.parent = store_n(parent),
			      .thread = store_n(thread),
			      .seq = seq,
			      .start_ns = start_ns};
	struct store_run_state *st;
	uint32_t string;
	int rc = store_state(s, run, &st, err);

	if (rc == 0 && !st->stages)
		rc = load_names(s, st, err);
	if (rc == 0)
		rc = store_string_id(s, st, name && *name ? name : "[unnamed]", &string, &g.name,
				     err);
	if (rc == 0)
		rc = know_name(st, string, err);
	if (rc < 0)
		return rc;
	if (st->stages[string].rows >= STORE_STAGES_A_NAME && st->stages[string].fold) {
		*id = store_id(run, st->stages[string].fold);
		return count_folded(s, *id, err);
	}
	g.fold = st->stages[string].rows >= STORE_STAGES_A_NAME;
	rc = insert_stage(s, run, &g, id, err);
	if (rc < 0)
		return rc;
	if (g.fold)
		st->stages[string].fold = store_n(*id);
	else
		st->stages[string].rows++;
	return 0;
}

static int is_folded(struct store *s, int64_t id, int *folded, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_STAGE_KIND, err);
	int rc;

	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, id);
	rc = sqlite3_step(stmt);
	*folded = rc == SQLITE_ROW && sqlite3_column_int(stmt, 0);
	if (rc == SQLITE_ROW)
		rc = 0;
	else if (rc == SQLITE_DONE)
		rc = err_set(err, ERR_DATABASE, "stage %lld is not in '%s'", (long long)id,
			     s->path);
	else
		rc = store_fail(s, rc, "read", err);
	sqlite3_reset(stmt);
	return rc;
}

static void bind_measured(sqlite3_stmt *stmt, int at, int64_t value)
{
	if (value < 0)
		sqlite3_bind_null(stmt, at);
	else
		sqlite3_bind_int64(stmt, at, value);
}

int store_stage_end(struct store *s, int64_t id, const struct profile_stage *end,
		    const char *params_json, struct err *err)
{
	sqlite3_stmt *stmt;
	int folded, rc = store_must_write(s, err);

	if (rc == 0)
		rc = is_folded(s, id, &folded, err);
	if (rc < 0)
		return rc;
	stmt = store_stmt(s, folded ? SQL_STAGE_END_FOLD : SQL_STAGE_END, err);
	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, id);
	bind_measured(stmt, 2, end->wall_ns);
	bind_measured(stmt, 3, end->cpu_ns);
	if (isfinite(end->items) && end->items != 0)
		sqlite3_bind_double(stmt, 4, end->items);
	else
		sqlite3_bind_null(stmt, 4);
	if (!folded)
		sqlite3_bind_text(stmt, 5, params_json, -1, SQLITE_STATIC);
	bind_measured(stmt, 6, end->alloc_bytes);
	bind_measured(stmt, 7, end->alloc_count);
	bind_measured(stmt, 8, end->peak_heap_bytes);
	bind_measured(stmt, 9, end->peak_rss_bytes);
	sqlite3_bind_int64(stmt, 10, (int64_t)end->samples);
	rc = store_step(s, stmt, "write to", err);
	sqlite3_clear_bindings(stmt);
	return rc;
}

int store_stage_more(struct store *s, int64_t id, uint64_t more, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	stmt = store_stmt(s, SQL_STAGE_MORE, err);
	if (!stmt)
		return no_stmt(err);
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_int64(stmt, 2, more > INT32_MAX ? INT32_MAX : (int64_t)more);
	return store_step(s, stmt, "write to", err);
}
