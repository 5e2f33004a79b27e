/* Statements, and SQLite's failures in our words. Every piece of SQL that is run often is in the table
 * below and prepared once per handle. */
#include <errno.h>
#include <string.h>

#include "prof/store/internal.h"

static const char *const sql_texts[SQL_STATEMENTS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_RUN_ADD] =
		"INSERT INTO run (id, name, command, argv, job, host, cpu_model, kernel, version,"
		" git_sha, labels, mode, engine, memory, spool_path, started_at, start_ns, ncpu,"
		" rate_hz, memory_rate_bytes, memory_temporary) VALUES (?1, ?2, ?3, ?4, ?5, ?6,"
		" ?7, ?8, ?9, ?10, coalesce(?11, '{}'), ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19,"
		" nullif(?20, 0), nullif(?21, 0))",
	[SQL_RUN_END] = "UPDATE run SET duration_ns = ?2, exit_code = ?3, signal = ?4,"
			" engine = coalesce(?5, engine), finished = 1, spool_path = NULL"
			" WHERE key = ?1",
	[SQL_STRING_ADD] = "INSERT INTO string_row (id, text, folded) VALUES (?1, ?2, ?3)",
	[SQL_PROCESS_ADD] = "INSERT INTO process_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_PROCESS_SET] = "UPDATE process_row SET pid = ?2, ppid = ?3, name = ?4, start_ns = ?5,"
			    " end_ns = ?6, cpu_ns = ?7, max_rss_bytes = ?8 WHERE id = ?1",
	[SQL_THREAD_ADD] = "INSERT INTO thread_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_THREAD_SET] = "UPDATE thread_row SET tid = ?3, name = ?4, start_ns = ?5, end_ns = ?6,"
			   " cpu_ns = ?7 WHERE id = ?1",
	[SQL_MODULE_ADD] = "INSERT INTO module_row VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_FRAME_ADD] = "INSERT INTO frame_row (id, module, rel_addr, function)"
			  " VALUES (?1, ?2, ?3, ?4)",
	[SQL_STACK_ADD] = "INSERT INTO stack_row (id, up, frame, depth) VALUES (?1, ?2, ?3, ?4)",
	[SQL_SAMPLE_ADD] =
		"INSERT INTO sample_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
		" ON CONFLICT DO UPDATE SET count = count + excluded.count,"
		" value = value + excluded.value,"
		" variance = coalesce(variance + excluded.variance, variance, excluded.variance),"
		" life = coalesce(life + excluded.life, life, excluded.life)",
	[SQL_TICK_ADD] = "INSERT INTO tick_row VALUES (?1, ?2, ?3, ?4, ?5)",
	[SQL_COUNTER_ADD] = "INSERT INTO counter_row VALUES (?1, ?2, ?3, ?4)",
	[SQL_LOSS_ADD] = "INSERT INTO loss_row VALUES (?1, ?2, ?3)"
			 " ON CONFLICT DO UPDATE SET count = count + excluded.count",
	[SQL_STATEMENT_ADD] =
		"INSERT INTO sql_statement_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,"
		" ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,"
		" ?22)",
	[SQL_SNAPSHOT_ADD] = "INSERT INTO snapshot_row VALUES (?1, ?2, ?3, ?4)",
	[SQL_SNAPSHOT_ROW_ADD] = "INSERT INTO snapshot_sample_row VALUES (?1, ?2, ?3, ?4, ?5)"
				 " ON CONFLICT DO UPDATE SET count = count + excluded.count,"
				 " value = value + excluded.value",
	[SQL_STAGE_ADD] = "INSERT INTO stage_row (id, parent, thread, name, seq, start_ns, wall_ns,"
			  " folded) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[SQL_STAGE_FOLD] = "UPDATE stage_row SET folded = folded + 1 WHERE id = ?1",
	[SQL_STAGE_MORE] = "UPDATE stage_row SET folded = coalesce(folded, 1) + ?2 WHERE id = ?1",
	[SQL_STAGE_END] = "UPDATE stage_row SET wall_ns = ?2, cpu_ns = ?3, items = ?4, params = ?5,"
			  " alloc_bytes = ?6, alloc_count = ?7, peak_heap_bytes = ?8,"
			  " peak_rss_bytes = ?9, samples = ?10 WHERE id = ?1",
	[SQL_STAGE_END_FOLD] =
		"UPDATE stage_row SET wall_ns = wall_ns + coalesce(?2, 0),"
		" cpu_ns = coalesce(cpu_ns, 0) + coalesce(?3, 0),"
		" items = coalesce(items + ?4, items, ?4),"
		" alloc_bytes = coalesce(alloc_bytes + ?6, alloc_bytes, ?6),"
		" alloc_count = coalesce(alloc_count + ?7, alloc_count, ?7),"
		" peak_heap_bytes = coalesce(max(peak_heap_bytes, ?8), peak_heap_bytes, ?8),"
		" peak_rss_bytes = coalesce(max(peak_rss_bytes, ?9), peak_rss_bytes, ?9),"
		" samples = samples + ?10 WHERE id = ?1",
	[SQL_STAGE_KIND] = "SELECT folded IS NOT NULL FROM stage_row WHERE id = ?1",
	[SQL_MARK_SET] = "INSERT INTO mark_row VALUES (?1, ?2, ?3, ?4, ?5)"
			 " ON CONFLICT DO UPDATE SET offset = excluded.offset",
};

int store_fail(struct store *s, int rc, const char *doing, struct err *err)
{
	const char *why = s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc);
	int sys = s->db ? sqlite3_system_errno(s->db) : 0;

	if (rc == SQLITE_IOERR_NOMEM || (rc & 0xff) == SQLITE_NOMEM)
		return err_nomem(err, "the store");
	switch (rc & 0xff) {
	case SQLITE_FULL:
		err_set(err, ERR_DATABASE, "cannot %s '%s': the disk is full", doing, s->path);
		sys = ENOSPC;
		break;
	case SQLITE_NOTADB:
		err_set(err, ERR_FORMAT, "'%s' is not a SQLite file, so not a profile store",
			s->path);
		break;
	case SQLITE_CORRUPT:
		err_set(err, ERR_FORMAT,
			"cannot %s '%s': the file is damaged or cut short (%s); move it away to"
			" begin a new one",
			doing, s->path, why);
		break;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		err_set(err, ERR_DATABASE, "cannot %s '%s': another process keeps it locked (%s)",
			doing, s->path, why);
		break;
	case SQLITE_PROTOCOL:
	case SQLITE_READONLY:
		err_set(err, ERR_DATABASE,
			"cannot %s '%s': %s (a recording that broke off is repaired by the next "
			"command"
			" that may write to the file and its folder)",
			doing, s->path, why);
		break;
	default:
		err_set(err, ERR_DATABASE, "cannot %s '%s': %s", doing, s->path, why);
		break;
	}
	if (err)
		err->sys = sys;
	return err ? err->code : ERR_DATABASE;
}

int store_exec(struct store *s, const char *sql, const char *doing, struct err *err)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(s, rc, doing, err);
}

int store_prepare(struct store *s, const char *sql, sqlite3_stmt **stmt, struct err *err)
{
	int rc = sqlite3_prepare_v2(s->db, sql, -1, stmt, NULL);

	return rc == SQLITE_OK ? 0 : store_fail(s, rc, "read", err);
}

int store_query_int(struct store *s, const char *sql, int64_t a, int64_t *value, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, sql, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, a); /* no such parameter: harmless */
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*value = sqlite3_column_int64(stmt, 0);
		rc = 0;
	} else {
		rc = rc == SQLITE_DONE ? err_set(err, ERR_NOTFOUND, "'%s' has no such row", s->path)
				       : store_fail(s, rc, "read", err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

sqlite3_stmt *store_stmt(struct store *s, enum store_sql which, struct err *err)
{
	int rc;

	if (s->stmt[which])
		return s->stmt[which];
	rc = sqlite3_prepare_v3(s->db, sql_texts[which], -1, SQLITE_PREPARE_PERSISTENT,
				&s->stmt[which], NULL);
	if (rc == SQLITE_OK)
		return s->stmt[which];
	store_fail(s, rc, "write to", err);
	return NULL;
}

int store_step(struct store *s, sqlite3_stmt *stmt, const char *doing, struct err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc != SQLITE_DONE && rc != SQLITE_ROW) {
		rc = store_fail(s, rc, doing, err);
		sqlite3_reset(stmt);
		return rc;
	}
	sqlite3_reset(stmt);
	return 0;
}

int store_run(struct store *s, const char *sql, int64_t a, int64_t b, const char *doing,
	      struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s, sql, &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, a);
	if (sqlite3_bind_parameter_count(stmt) > 1)
		sqlite3_bind_int64(stmt, 2, b);
	rc = store_step(s, stmt, doing, err);
	sqlite3_finalize(stmt);
	return rc;
}

void store_close_statements(struct store *s)
{
	for (int i = 0; i < SQL_STATEMENTS; i++) {
		sqlite3_finalize(s->stmt[i]);
		s->stmt[i] = NULL;
	}
}

int store_must_write(struct store *s, struct err *err)
{
	if (s->in_transaction)
		return 0;
	return err_set(err, ERR_INTERNAL, "a write to '%s' outside a transaction", s->path);
}
