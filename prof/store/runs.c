/* Which runs there are, which one is meant, and changes by hand. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "prof/store/internal.h"
#include "prof/store/read.h"

static const char *column_str(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	return text ? text : "";
}

static int each_run(struct store *s, const char *sql,
		    int (*each)(void *ctx, const struct store_run_row *row), void *ctx,
		    struct err *err)
{
	sqlite3_stmt *stmt;
	int stop = 0;
	int rc = store_prepare(s, sql, &stmt, err);

	if (rc < 0)
		return rc;
	while (!stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_run_row row = {
			.key = sqlite3_column_int64(stmt, 0),
			.started_at = sqlite3_column_int64(stmt, 1),
			.duration_ns = sqlite3_column_int64(stmt, 2),
			.id = column_str(stmt, 3),
			.name = column_str(stmt, 4),
			.command = column_str(stmt, 5),
			.labels_json = column_str(stmt, 6),
			.has_exit_code = sqlite3_column_type(stmt, 7) != SQLITE_NULL,
			.exit_code = sqlite3_column_int(stmt, 7),
			.signal = sqlite3_column_int(stmt, 8),
			.finished = sqlite3_column_int(stmt, 9) != 0,
			.rate_hz = sqlite3_column_double(stmt, 10),
			.samples = (uint64_t)sqlite3_column_int64(stmt, 11),
		};

		stop = each(ctx, &row);
	}
	if (!stop && rc != SQLITE_DONE)
		stop = store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return stop;
}

#define RUN_COLUMNS                                                                                \
	"key, started_at, duration_ns, id, name, command, labels, exit_code, signal, finished,"    \
	" rate_hz"
#define NEWEST_FIRST " FROM run ORDER BY started_at DESC, key DESC"

int store_list_runs(struct store *s, int (*each)(void *ctx, const struct store_run_row *row),
		    void *ctx, struct err *err)
{
	return each_run(s,
			"SELECT " RUN_COLUMNS ", (SELECT sum(count) FROM sample_row WHERE run = key"
			" AND kind IN (0, 1))" NEWEST_FIRST,
			each, ctx, err);
}

int store_list_heads(struct store *s, int (*each)(void *ctx, const struct store_run_row *row),
		     void *ctx, struct err *err)
{
	return each_run(s, "SELECT " RUN_COLUMNS ", 0" NEWEST_FIRST, each, ctx, err);
}

int store_labelled_runs(struct store *s, const char *key, const char *value,
			int (*each)(void *ctx, int64_t run), void *ctx, struct err *err)
{
	sqlite3_stmt *stmt;
	int stop = 0;
	int rc = store_prepare(
		s,
		"SELECT run.key FROM run,"
		" json_each(CASE WHEN json_valid(labels) THEN labels ELSE '{}' END) AS label"
		" WHERE label.key = ?1 AND CAST(label.atom AS TEXT) = ?2"
		" ORDER BY started_at, run.key",
		&stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, value, -1, SQLITE_STATIC);
	while (!stop && (rc = sqlite3_step(stmt)) == SQLITE_ROW)
		stop = each(ctx, sqlite3_column_int64(stmt, 0));
	if (!stop && rc != SQLITE_DONE)
		stop = store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return stop;
}

/* ---- which run ---- */

/* The first row of a query with ?1 = text and ?2 = n: 1, 0 if there is none, or a failure. */
static int pick(struct store *s, const char *sql, const char *text, int64_t n, int64_t *run,
		struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, sql, &stmt, err);

	if (rc < 0)
		return rc;
	if (text)
		sqlite3_bind_text(stmt, 1, text, -1, SQLITE_STATIC);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_int64(stmt, 2, n);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*run = sqlite3_column_int64(stmt, 0);
	rc = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

/* "", "last", "last~N": *back, and 1. */
static int is_last(const char *which, int64_t *back)
{
	*back = 0;
	if (!which || !*which || strcmp(which, "last") == 0)
		return 1;
	if (strncmp(which, "last~", 5) != 0 || !which[5] || strlen(which + 5) > 9 ||
	    strspn(which + 5, "0123456789") != strlen(which + 5))
		return 0;
	*back = strtol(which + 5, NULL, 10);
	return 1;
}

static int find_last(struct store *s, int64_t back, int64_t *run, struct err *err)
{
	int64_t n = 0;
	int rc = pick(s, "SELECT key FROM run ORDER BY started_at DESC, key DESC LIMIT 1 OFFSET ?2",
		      NULL, back, run, err);

	if (rc != 0)
		return rc < 0 ? rc : 0;
	rc = store_query_int(s, "SELECT count(*) FROM run", 0, &n, err);
	if (rc < 0)
		return rc;
	if (n == 0)
		return err_set(err, ERR_NOTFOUND,
			       "'%s' holds no run yet; record one with: protea-prof run -- CMD",
			       s->path);
	return err_set(err, ERR_NOTFOUND, "'%s' holds %lld runs, so none is %lld before the last",
		       s->path, (long long)n, (long long)back);
}

static int not_found(struct store *s, const char *which, struct err *err)
{
	sqlite3_stmt *stmt;
	char names[512] = "";
	size_t used = 0;
	int rc = store_prepare(s,
			       "SELECT substr(id, 1, 8) || coalesce(' (' || substr(name, 1, 40) ||"
			       " ')', '') FROM run ORDER BY started_at DESC, key DESC LIMIT 5",
			       &stmt, err);

	if (rc < 0)
		return rc;
	while (sqlite3_step(stmt) == SQLITE_ROW && used < sizeof names) {
		int n = snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "",
				 column_str(stmt, 0));

		used += n > 0 ? (size_t)n : 0;
	}
	sqlite3_finalize(stmt);
	if (!used)
		return err_set(err, ERR_NOTFOUND,
			       "'%s' holds no run yet; record one with: protea-prof run -- CMD",
			       s->path);
	return err_set(err, ERR_NOTFOUND,
		       "no run '%.100s' in '%s' (an id, its first characters, a name or 'last');"
		       " the latest are: %s",
		       which, s->path, names);
}

#define PREFIX_MIN 4

/* By id: 1, 0 if none begins so, ERR_ARG if several do. */
static int find_prefix(struct store *s, const char *which, int64_t *run, struct err *err)
{
	int64_t other;
	int rc;

	if (strlen(which) < PREFIX_MIN)
		return 0;
	rc = pick(s, "SELECT key FROM run WHERE substr(id, 1, length(?1)) = lower(?1) ORDER BY key",
		  which, 0, run, err);
	if (rc != 1)
		return rc;
	rc = pick(s,
		  "SELECT key FROM run WHERE substr(id, 1, length(?1)) = lower(?1) AND key <> ?2",
		  which, *run, &other, err);
	if (rc == 1)
		return err_set(err, ERR_ARG,
			       "several runs of '%s' begin with '%s': give more of the id", s->path,
			       which);
	return rc < 0 ? rc : 1;
}

int store_find_run(struct store *s, const char *which, int64_t *run, struct err *err)
{
	int64_t back;
	int rc, by_id;

	if (is_last(which, &back))
		return find_last(s, back, run, err);
	rc = pick(s,
		  "SELECT key FROM run WHERE name = ?1 ORDER BY started_at DESC, key DESC LIMIT 1",
		  which, 0, run, err);
	if (rc != 0)
		return rc < 0 ? rc : 0;
	by_id = find_prefix(s, which, run, err);
	if (by_id != 0)
		return by_id < 0 ? by_id : 0;
	return not_found(s, which, err);
}

/* ---- changes ---- */

static int begin_or_join(struct store *s, int *own, struct err *err)
{
	*own = !s->in_transaction;
	return *own ? store_begin(s, err) : 0;
}

static int end_own(struct store *s, int own, int rc, struct err *err)
{
	if (!own)
		return rc;
	if (rc == 0)
		return store_commit(s, err);
	store_rollback(s);
	return rc;
}

/* The labels with `key` set or removed, malloc'ed JSON; NULL: no memory. */
static char *change_labels(const char *old, const char *key, const char *value)
{
	json_t *labels = json_loads(old, 0, NULL);
	char *text = NULL;
	int rc = 0;

	if (!json_is_object(labels)) {
		json_decref(labels);
		labels = json_object();
	}
	if (value)
		rc = json_object_set_new(labels, key, json_string(value));
	else
		json_object_del(labels, key);
	if (labels && rc == 0)
		text = json_dumps(labels, JSON_SORT_KEYS | JSON_COMPACT);
	json_decref(labels);
	return text;
}

static int set_text(struct store *s, const char *sql, int64_t run, const char *text,
		    struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, sql, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, run);
	sqlite3_bind_text(stmt, 2, text, -1, SQLITE_STATIC);
	rc = store_step(s, stmt, "write to", err);
	sqlite3_finalize(stmt);
	if (rc == 0 && sqlite3_changes(s->db) == 0)
		rc = err_set(err, ERR_NOTFOUND, "the run is not in '%s'", s->path);
	return rc;
}

static int label(struct store *s, int64_t run, const char *key, const char *value, struct err *err)
{
	sqlite3_stmt *stmt;
	char *text = NULL;
	int rc = store_prepare(s, "SELECT labels FROM run WHERE key = ?1", &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, run);
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		text = change_labels(column_str(stmt, 0), key, value);
		rc = text ? 0
			  : err_set(err, ERR_ARG, "the label '%.100s' cannot be set: is it UTF-8?",
				    key);
	} else {
		rc = rc == SQLITE_DONE
			     ? err_set(err, ERR_NOTFOUND, "the run is not in '%s'", s->path)
			     : store_fail(s, rc, "read", err);
	}
	sqlite3_finalize(stmt);
	if (rc == 0)
		rc = set_text(s, "UPDATE run SET labels = ?2 WHERE key = ?1", run, text, err);
	free(text);
	return rc;
}

int store_run_label(struct store *s, int64_t run, const char *key, const char *value,
		    struct err *err)
{
	int own, rc;

	if (!key || !*key)
		return err_set(err, ERR_ARG, "a label needs a name");
	rc = begin_or_join(s, &own, err);
	if (rc < 0)
		return rc;
	return end_own(s, own, label(s, run, key, value, err), err);
}

int store_run_rename(struct store *s, int64_t run, const char *name, struct err *err)
{
	int own, rc = begin_or_join(s, &own, err);

	if (rc < 0)
		return rc;
	return end_own(s, own,
		       set_text(s, "UPDATE run SET name = ?2 WHERE key = ?1", run, name, err), err);
}

static int remove_rows(struct store *s, int64_t run, struct err *err)
{
	static const char *const by_run[] = {
		"DELETE FROM sample_row WHERE run = ?1",
		"DELETE FROM snapshot_sample_row WHERE run = ?1",
		"DELETE FROM loss_row WHERE run = ?1",
		"DELETE FROM mark_row WHERE run = ?1",
		"DELETE FROM run WHERE key = ?1",
	};
	char sql[128];
	int rc = 0;

	for (int i = 0; i < STORE_TABLES && rc == 0; i++) {
		snprintf(sql, sizeof sql, "DELETE FROM %s WHERE id BETWEEN ?1 AND ?1 + 4294967295",
			 store_table_names[i]);
		rc = store_run(s, sql, (int64_t)((uint64_t)run << 32), 0, "remove a run from", err);
	}
	for (size_t i = 0; i < sizeof by_run / sizeof *by_run && rc == 0; i++)
		rc = store_run(s, by_run[i], run, 0, "remove a run from", err);
	if (rc == 0 && sqlite3_changes(s->db) == 0)
		rc = err_set(err, ERR_NOTFOUND, "the run is not in '%s'", s->path);
	return rc;
}

int store_run_remove(struct store *s, int64_t run, struct err *err)
{
	int own, rc = begin_or_join(s, &own, err);

	if (rc == 0)
		rc = end_own(s, own, remove_rows(s, run, err), err);
	/* The pages are free now; giving them back may wait, if somebody else writes. */
	if (rc == 0 && own)
		sqlite3_exec(s->db, "PRAGMA incremental_vacuum", NULL, NULL, NULL);
	return rc;
}
