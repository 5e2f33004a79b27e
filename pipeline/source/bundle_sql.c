/* Statements that write into a bundle: see bundle_sql.h. */
#include "pipeline/source/bundle_sql.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/core/text.h"

#define DO_WRITE "write to"

int bundle_sql_writing(const struct bundle_source *b, struct err *err)
{
	if (b->writing)
		return 0;
	return err_set(err, ERR_INTERNAL, "bundle '%s' was opened for reading only", b->base.name);
}

int bundle_sql_begin(struct bundle_source *b, struct err *err)
{
	int rc = bundle_sql_writing(b, err);

	return rc ? rc : bundle_db_begin(b->db, err);
}

int bundle_sql_end(struct bundle_source *b, int rc, struct err *err)
{
	int done;

	if (rc < 0) {
		bundle_db_rollback(b->db);
		return rc;
	}
	done = bundle_db_commit(b->db, err);
	return done < 0 ? done : rc;
}

static int bind_value(sqlite3_stmt *stmt, int at, const struct bundle_value *v)
{
	char stamp[STAMP_TEXT];

	switch (v->type) {
	case VALUE_INT:
		return sqlite3_bind_int64(stmt, at, v->number);
	case VALUE_STAMP:
		stamp_format(v->number, stamp);
		return sqlite3_bind_text(stmt, at, stamp, -1, SQLITE_TRANSIENT);
	default:
		return sqlite3_bind_text(stmt, at, v->text, -1, SQLITE_STATIC);
	}
}

int bundle_sql_prepare(sqlite3 *db, sqlite3_stmt **stmt, const char *sql,
		       const struct bundle_value *values, int n, struct err *err)
{
	int rc = sqlite3_prepare_v2(db, sql, -1, stmt, NULL);

	for (int i = 0; rc == SQLITE_OK && i < n; i++)
		rc = bind_value(*stmt, i + 1, &values[i]);
	if (rc == SQLITE_OK)
		return 0;
	rc = bundle_db_fail(db, rc, DO_WRITE, err);
	sqlite3_finalize(*stmt);
	*stmt = NULL;
	return rc;
}

int bundle_sql_run(sqlite3 *db, const char *sql, const struct bundle_value *values, int n,
		   int *changed, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = bundle_sql_prepare(db, &stmt, sql, values, n, err);

	if (rc < 0)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE || rc == SQLITE_ROW) {
		if (changed)
			*changed = sqlite3_changes(db);
		rc = 0;
	} else {
		rc = bundle_db_fail(db, rc, DO_WRITE, err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int copy_columns(sqlite3_stmt *stmt, char **out, int n_out, struct err *err)
{
	for (int i = 0; i < n_out; i++) {
		const char *text = (const char *)sqlite3_column_text(stmt, i);

		out[i] = strdup(text ? text : "");
		if (!out[i])
			return err_nomem(err, "a row");
	}
	return 1;
}

int bundle_sql_texts(sqlite3 *db, const char *sql, const struct bundle_value *values, int n,
		     char **out, int n_out, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = bundle_sql_prepare(db, &stmt, sql, values, n, err);

	for (int i = 0; i < n_out; i++)
		out[i] = NULL;
	if (rc < 0)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		rc = copy_columns(stmt, out, n_out, err);
	else if (rc == SQLITE_DONE)
		rc = 0;
	else
		rc = bundle_db_fail(db, rc, "read", err);
	sqlite3_finalize(stmt);
	for (int i = 0; rc < 0 && i < n_out; i++) {
		free(out[i]);
		out[i] = NULL;
	}
	return rc;
}
