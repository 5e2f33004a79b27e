/* Making the schema and bringing older stores forward, each in one transaction: killed at any moment,
 * the file is as before or complete. */
#include "prof/store/migrate.h"

#include <stdio.h>

#include "prof/store/internal.h"

/* What is added is added as schema.sql has it, column by column in its order. The last row ends the table. */
static const struct store_step steps[] = {
	{1,
	 "ALTER TABLE sql_statement_row ADD COLUMN kind TEXT NOT NULL DEFAULT 'query';"
	 "ALTER TABLE sql_statement_row ADD COLUMN process INTEGER NOT NULL DEFAULT 0;"
	 "ALTER TABLE sql_statement_row ADD COLUMN p95_ns INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN max_ns INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN inside_ns INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN bytes_sent INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN bytes_received INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN errors INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN unfinished INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN unjudged INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN statement_distinct INTEGER;"
	 "ALTER TABLE sql_statement_row ADD COLUMN times TEXT;"
	 "ALTER TABLE sql_statement_row ADD COLUMN examples TEXT;"
	 "DROP VIEW sql_statement;"
	 "CREATE VIEW sql_statement AS "
	 "SELECT r.id AS run_id, q.fingerprint, q.text, q.calls, q.total_ns, q.rows, "
	 "q.distinct_params, "
	 "iif(q.stack, r.key << 32 | q.stack, NULL) AS stack_id, "
	 "iif(q.stage, r.key << 32 | q.stage, NULL) AS stage_id, "
	 "q.kind, iif(q.process, r.key << 32 | q.process, NULL) AS process_id, q.p95_ns, q.max_ns, "
	 "q.inside_ns, q.bytes_sent, q.bytes_received, q.errors, q.unfinished, q.unjudged, "
	 "q.statement_distinct, q.times, q.examples "
	 "FROM sql_statement_row q JOIN run r "
	 "ON r.key = q.id >> 32 AND q.id BETWEEN r.key << 32 AND (r.key << 32) + 4294967295; "},
	{0, NULL},
};

static int set_version(sqlite3 *db, int version)
{
	char sql[64];

	snprintf(sql, sizeof sql, "PRAGMA user_version = %d", version);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int store_migrate_steps(sqlite3 *db, const struct store_step *all, int n_steps, int version,
			int target)
{
	for (; version < target; version++) {
		const char *sql = NULL;
		int rc;

		for (int i = 0; i < n_steps && !sql; i++)
			if (all[i].from == version)
				sql = all[i].sql;
		if (!sql)
			return SQLITE_MISMATCH;
		rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
		if (rc == SQLITE_OK)
			rc = set_version(db, version + 1);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

static int make(struct store *s)
{
	char sql[64];
	int rc;

	snprintf(sql, sizeof sql, "PRAGMA application_id = %d", STORE_APPLICATION_ID);
	rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(s->db, store_schema_sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? set_version(s->db, STORE_VERSION) : rc;
}

/* Under the write lock, so of two processes that make the same file one finds it made. */
static int make_or_migrate(struct store *s, struct err *err)
{
	int64_t version = 0, tables = 0;
	int rc = store_query_int(s, "PRAGMA user_version", 0, &version, err);

	if (rc == 0)
		rc = store_query_int(s, "SELECT count(*) FROM sqlite_schema", 0, &tables, err);
	if (rc < 0)
		return rc;
	if (version > STORE_VERSION)
		return err_set(err, ERR_UNSUPPORTED,
			       "'%s' was just migrated by a newer protea-prof", s->path);
	if (version == 0 && tables > 0)
		return err_set(err, ERR_FORMAT, "'%s' is a SQLite file, but not a profile store",
			       s->path);
	rc = version == 0 ? make(s)
			  : store_migrate_steps(s->db, steps, (int)(sizeof steps / sizeof *steps),
						(int)version, STORE_VERSION);
	return rc == SQLITE_OK ? 0 : store_fail(s, rc, "write the tables of", err);
}

int store_make_schema(struct store *s, struct err *err)
{
	int rc = store_exec(s, "BEGIN IMMEDIATE", "lock", err);

	if (rc < 0)
		return rc;
	rc = make_or_migrate(s, err);
	if (rc == 0)
		rc = store_exec(s, "COMMIT", "write to", err);
	if (rc < 0 && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}
