/* What the writer keeps in memory of the runs it fills: next row numbers, strings. Every bit of it can
 * be read from the file again, and is after a rollback. */
#include "prof/store/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const store_table_names[STORE_TABLES] = {
	[TABLE_STRING] = "string_row",     [TABLE_PROCESS] = "process_row",
	[TABLE_THREAD] = "thread_row",     [TABLE_MODULE] = "module_row",
	[TABLE_FRAME] = "frame_row",       [TABLE_STACK] = "stack_row",
	[TABLE_PATH] = "path_row",         [TABLE_STAGE] = "stage_row",
	[TABLE_TICK] = "tick_row",         [TABLE_COUNTER] = "counter_row",
	[TABLE_SQL] = "sql_statement_row", [TABLE_SNAPSHOT] = "snapshot_row",
};

static void state_clear(struct store_run_state *st)
{
	strtab_free(st->strings);
	free(st->string_n);
	free(st->stages);
	free(st->tick_left);
	store_names_free(st->names);
}

void store_state_forget(struct store *s)
{
	struct store_run_state *next;

	for (struct store_run_state *st = s->runs; st; st = next) {
		next = st->next_run;
		state_clear(st);
		free(st);
	}
	s->runs = NULL;
}

void store_state_refresh(struct store *s)
{
	for (struct store_run_state *st = s->runs; st; st = st->next_run) {
		memset(st->next, 0, sizeof st->next);
		st->known = 0; /* somebody may have removed the run */
	}
}

static int state_load(struct store *s, struct store_run_state *st, struct err *err)
{
	int64_t stride = 1;
	int rc = store_query_int(s, "SELECT start_ns FROM run WHERE key = ?1", st->run,
				 &st->start_ns, err);

	if (rc == 0)
		rc = store_query_int(s, "SELECT tick_stride FROM run WHERE key = ?1", st->run,
				     &stride, err);
	if (rc == ERR_NOTFOUND)
		return err_set(err, ERR_DATABASE, "the run is not in '%s' any more", s->path);
	if (rc < 0)
		return rc;
	st->stride = stride >= 1 && stride <= INT32_MAX ? (uint32_t)stride : 1;
	st->known = 1;
	return 0;
}

int store_state(struct store *s, int64_t run, struct store_run_state **out, struct err *err)
{
	struct store_run_state *st = s->runs;
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	while (st && st->run != run)
		st = st->next_run;
	if (!st) {
		if (run < 1 || run > STORE_RUN_MAX)
			return err_set(err, ERR_ARG, "no run has the key %lld", (long long)run);
		st = calloc(1, sizeof *st);
		if (!st)
			return err_nomem(err, "the store");
		st->run = run;
		st->next_run = s->runs;
		s->runs = st;
	}
	if (!st->known && (rc = state_load(s, st, err)) < 0)
		return rc;
	*out = st;
	return 0;
}

static int first_free(struct store *s, struct store_run_state *st, enum store_table table,
		      struct err *err)
{
	char sql[128];
	int64_t last = 0;
	int rc;

	snprintf(sql, sizeof sql,
		 "SELECT coalesce(max(id), 0) FROM %s WHERE id BETWEEN ?1 AND ?1 + 4294967295",
		 store_table_names[table]);
	rc = store_query_int(s, sql, (int64_t)((uint64_t)st->run << 32), &last, err);
	if (rc < 0)
		return rc;
	st->next[table] = store_n(last) + 1;
	return 0;
}

int store_next_id(struct store *s, int64_t run, enum store_table table, int64_t *id,
		  struct err *err)
{
	struct store_run_state *st;
	int rc = store_state(s, run, &st, err);

	if (rc == 0 && st->next[table] == 0)
		rc = first_free(s, st, table, err);
	if (rc < 0)
		return rc;
	if (st->next[table] > STORE_N_MAX)
		return err_set(err, ERR_LIMIT, "a run holds no more than %u rows of %s",
			       STORE_N_MAX, store_table_names[table]);
	*id = store_id(run, st->next[table]++);
	return 0;
}

static int grow_string_n(struct store_run_state *st, uint32_t id)
{
	uint32_t cap = st->string_cap ? st->string_cap : 256;
	uint32_t *p;

	if (id < st->string_cap)
		return 0;
	while (cap <= id)
		cap = cap > UINT32_MAX / 2 ? UINT32_MAX : cap * 2;
	p = realloc(st->string_n, cap * sizeof *p);
	if (!p)
		return ERR_NOMEM;
	memset(p + st->string_cap, 0, (cap - st->string_cap) * sizeof *p);
	st->string_n = p;
	st->string_cap = cap;
	return 0;
}

static int load_string_rows(struct store *s, struct store_run_state *st, sqlite3_stmt *stmt,
			    struct err *err)
{
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(stmt, 1);
		int len = sqlite3_column_bytes(stmt, 1);
		uint32_t id;

		if (!text)
			continue;
		if (strtab_intern(st->strings, text, (size_t)len, &id) < 0 ||
		    grow_string_n(st, id) < 0)
			return err_nomem(err, "the names of a run");
		if (id != STRTAB_EMPTY)
			st->string_n[id] = store_n(sqlite3_column_int64(stmt, 0));
	}
	return rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
}

static int load_strings(struct store *s, struct store_run_state *st, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc;

	st->strings = strtab_new();
	if (!st->strings)
		return err_nomem(err, "the names of a run");
	rc = store_prepare(
		s, "SELECT id, text FROM string_row WHERE id BETWEEN ?1 AND ?1 + 4294967295", &stmt,
		err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, (int64_t)((uint64_t)st->run << 32));
		rc = load_string_rows(s, st, stmt, err);
		sqlite3_finalize(stmt);
	}
	if (rc < 0) {
		strtab_free(st->strings);
		st->strings = NULL;
	}
	return rc;
}

/* The text as the folded format can hold it: its own separators are `;` and the line's end. NULL and
 * *same: no change is needed. */
static char *folded_text(const char *text, int *same)
{
	size_t len = strlen(text);
	char *copy = NULL;

	*same = 1;
	for (size_t i = 0; i < len; i++) {
		char c = text[i] == ';' ? ':' : text[i];

		if ((unsigned char)c < 0x20 || c == 0x7f)
			c = '?';
		if (c == text[i])
			continue;
		if (*same && !(copy = strdup(text)))
			return NULL;
		*same = 0;
		copy[i] = c;
	}
	return copy;
}

int store_string_insert(struct store *s, int64_t run, const char *text, uint32_t *n,
			struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_STRING_ADD, err);
	int same;
	char *folded;
	int64_t id;
	int rc;

	if (!stmt)
		return err ? err->code : ERR_DATABASE;
	rc = store_next_id(s, run, TABLE_STRING, &id, err);
	if (rc < 0)
		return rc;
	folded = folded_text(text, &same);
	if (!folded && !same)
		return err_nomem(err, "a name");
	sqlite3_bind_int64(stmt, 1, id);
	sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, folded, -1, SQLITE_STATIC); /* NULL binds NULL */
	rc = store_step(s, stmt, "write to", err);
	free(folded);
	*n = store_n(id);
	return rc;
}

int store_string_id(struct store *s, struct store_run_state *st, const char *text, uint32_t *id,
		    uint32_t *n, struct err *err)
{
	int rc;

	*id = STRTAB_EMPTY;
	*n = 0;
	if (!st->strings && (rc = load_strings(s, st, err)) < 0)
		return rc;
	if (!text || !*text)
		return 0;
	rc = strtab_intern_text(st->strings, text, id);
	if (rc < 0 || grow_string_n(st, *id) < 0)
		return rc == ERR_LIMIT ? err_set(err, rc, "the names of a run pass 4 GiB")
				       : err_nomem(err, "the names of a run");
	if (st->string_n[*id] == 0 &&
	    (rc = store_string_insert(s, st->run, text, &st->string_n[*id], err)) < 0)
		return rc;
	*n = st->string_n[*id];
	return 0;
}

int store_string(struct store *s, int64_t run, const char *text, uint32_t *n, struct err *err)
{
	struct store_run_state *st;
	uint32_t id;
	int rc = store_state(s, run, &st, err);

	return rc < 0 ? rc : store_string_id(s, st, text, &id, n, err);
}
