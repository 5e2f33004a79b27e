/* Opening and closing the file, and transactions. */
#include "prof/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "prof/base/buf.h"
#include "prof/base/clock.h"
#include "prof/store/internal.h"

#define BUSY_MS      30000
#define CACHE_KIB    16384
#define CHECK_BYTES  (256 << 10) /* all pages of files up to here are checked before writing: 2 ms */
#define CHECK_TRIES  8
#define TABLES       18
#define LENGTH_LIMIT (64 << 20) /* of one cell: names are at most 64 KiB, parameters a page */

/* `path` as a file: URI, whatever bytes it has. */
static int make_uri(struct buf *b, const char *path, const char *options)
{
	buf_puts(b, "file:");
	if (path[0] == '/')
		buf_puts(b, "//");
	for (const char *p = path; *p; p++) {
		if (*p == '?' || *p == '#' || *p == '%' || (unsigned char)*p < 0x20)
			buf_printf(b, "%%%02x", (unsigned char)*p);
		else
			buf_putc(b, *p);
	}
	buf_puts(b, options);
	return buf_failed(b);
}

static int open_db(struct store *s, int flags, const char *options, struct err *err)
{
	struct buf uri = BUF_INIT;
	int rc;

	if (make_uri(&uri, s->path, options) < 0) {
		buf_release(&uri);
		return err_nomem(err, "the store's path");
	}
	rc = sqlite3_open_v2(buf_str(&uri), &s->db,
			     flags | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
			     NULL);
	buf_release(&uri);
	if (rc != SQLITE_OK)
		return store_fail(s, rc, "open", err);
	sqlite3_busy_timeout(s->db, BUSY_MS);
	sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, LENGTH_LIMIT);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

/* A reader needs the shared memory beside a file in WAL mode. Where it cannot be made, a file without a
 * log cannot be being written to either, and is read as it is. */
static int open_reading(struct store *s, const struct store_file *file, struct err *err)
{
	int rc;

	if (!file->folder_writable && !file->wal)
		return open_db(s, SQLITE_OPEN_READONLY, "?mode=ro&immutable=1", err);
	if (!file->folder_writable)
		return open_db(s, SQLITE_OPEN_READONLY, "?mode=ro&readonly_shm=1", err);
	/* Open for writing, so that the last one to close takes the shared memory away. */
	rc = open_db(s, file->may_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY, "", err);
	return rc < 0 ? rc : store_exec(s, "PRAGMA query_only = 1", "read", err);
}

static int check_answer(struct store *s, const char *sql, struct err *err)
{
	sqlite3_stmt *stmt;
	const char *text;
	int rc = store_prepare(s, sql, &stmt, err);

	if (rc < 0)
		return rc;
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		rc = store_fail(s, rc, "check", err);
		sqlite3_finalize(stmt);
		return rc;
	}
	text = (const char *)sqlite3_column_text(stmt, 0);
	rc = text && strcmp(text, "ok") == 0
		     ? 0
		     : err_set(err, ERR_FORMAT,
			       "'%s' is damaged (%.200s); move it away to begin a new one", s->path,
			       text ? text : "no answer");
	sqlite3_finalize(stmt);
	return rc;
}

/* Tables must be tables: what a foreign hand put there in their place could have no end. */
static int check_tables(struct store *s, struct err *err)
{
	int64_t n = 0;
	int rc = store_query_int(
		s,
		"SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name "
		"IN"
		" ('run', 'string_row', 'process_row', 'thread_row', 'module_row', 'frame_row',"
		" 'stack_row', 'path_row', 'stage_row', 'sample_kind', 'sample_row', 'tick_row',"
		" 'counter_row', 'sql_statement_row', 'loss_row', 'mark_row', 'snapshot_row',"
		" 'snapshot_sample_row')",
		0, &n, err);

	if (rc == 0 && n != TABLES)
		rc = err_set(err, ERR_FORMAT, "'%s' is damaged: %d of its %d tables are missing",
			     s->path, TABLES - (int)n, TABLES);
	return rc;
}

/* Are the tables there, and is what every run touches sound? */
static int check_sound(struct store *s, const struct store_file *file, struct err *err)
{
	static const char *const probes[] = {
		"SELECT key, id, name, labels, finished, tick_stride, memory FROM run LIMIT 1",
		"SELECT id, text, folded FROM string_row LIMIT 1",
		"SELECT id, up, frame, depth, path FROM stack_row LIMIT 1",
		"SELECT kind, stage, thread, stack, count, value, variance FROM sample_row LIMIT 1",
		"SELECT id, t, name, heap_bytes FROM snapshot_row LIMIT 1",
		"SELECT run, snapshot, stack, count, value FROM snapshot_sample_row LIMIT 1",
		"SELECT name FROM sample_kind LIMIT 1",
	};

	int rc = check_tables(s, err);

	if (rc < 0)
		return rc;
	for (size_t i = 0; i < sizeof probes / sizeof *probes; i++) {
		sqlite3_stmt *stmt;

		rc = store_prepare(s, probes[i], &stmt, err);
		if (rc == ERR_DATABASE && sqlite3_errcode(s->db) == SQLITE_ERROR)
			return err_set(err, ERR_FORMAT, "'%s' is damaged: %s", s->path,
				       sqlite3_errmsg(s->db));
		if (rc < 0)
			return rc;
		rc = sqlite3_step(stmt);
		if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
			rc = store_fail(s, rc, "read", err);
			sqlite3_finalize(stmt);
			return rc;
		}
		sqlite3_finalize(stmt);
	}
	return file->size <= CHECK_BYTES ? check_answer(s, "PRAGMA quick_check(1)", err)
					 : check_answer(s, "PRAGMA quick_check(run)", err);
}

static void close_db(struct store *s)
{
	store_close_statements(s);
	sqlite3_close(s->db);
	s->db = NULL;
}

/* Before a file is opened for writing: nothing is written, not even beside it. */
static int check_before_writing(struct store *s, const struct store_file *file, struct err *err)
{
	int rc = open_db(s, SQLITE_OPEN_READONLY, file->wal ? "?mode=ro" : "?mode=ro&immutable=1",
			 err);

	if (rc == 0)
		rc = check_sound(s, file, err);
	close_db(s);
	return rc;
}

/* The look above takes no lock, so while another process is just making the file or moving its log into it,
 * sound pages may seem damaged. What is damaged stays so; what is being written is whole soon. */
static int check_patiently(struct store *s, struct store_file *file, struct err *err)
{
	struct timespec pause = {.tv_nsec = 20000000};
	int rc = check_before_writing(s, file, err);

	for (int i = 0; i < CHECK_TRIES && (rc == ERR_FORMAT || rc == ERR_DATABASE); i++) {
		nanosleep(&pause, NULL);
		rc = store_file_check(s->path, s->mode, file, err);
		if (rc == 0 && file->exists && !file->empty)
			rc = check_before_writing(s, file, err);
	}
	return rc;
}

/* Switching needs the file alone for a moment, and SQLite does not wait for that by itself. */
static int set_wal(struct store *s, struct err *err)
{
	int64_t until = clock_mono_ns() + (int64_t)BUSY_MS * 1000000;

	for (;;) {
		int rc = sqlite3_exec(s->db, "PRAGMA journal_mode = WAL", NULL, NULL, NULL);
		struct timespec pause = {.tv_nsec = 5000000};

		if (rc == SQLITE_OK)
			return 0;
		if (((rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_LOCKED) ||
		    clock_mono_ns() > until)
			return store_fail(s, rc, "prepare", err);
		nanosleep(&pause, NULL);
	}
}

/* A file that is being made holds nothing yet that a loss of power could take: no waiting for the disk. */
static int make_schema(struct store *s, struct err *err)
{
	int rc = store_exec(s, "PRAGMA synchronous = OFF; PRAGMA auto_vacuum = INCREMENTAL",
			    "prepare", err);

	return rc < 0 ? rc : store_make_schema(s, err);
}

static int open_writing(struct store *s, struct store_file *file, struct err *err)
{
	int rc = 0;

	if (file->exists && !file->empty)
		rc = check_patiently(s, file, err);
	if (rc < 0)
		return rc;
	rc = open_db(s, SQLITE_OPEN_READWRITE | (s->mode == STORE_CREATE ? SQLITE_OPEN_CREATE : 0),
		     "", err);
	if (rc < 0)
		return rc;
	if (sqlite3_db_readonly(s->db, "main") == 1)
		return err_set(err, ERR_IO, "'%s' cannot be written to: check its permissions",
			       s->path);
	if (!file->exists || file->empty)
		rc = make_schema(s, err);
	else if (file->version < STORE_VERSION)
		rc = store_make_schema(s, err);
	if (rc == 0)
		rc = set_wal(s, err);
	return rc < 0 ? rc : store_exec(s, "PRAGMA synchronous = NORMAL", "prepare", err);
}

int store_open(struct store **out, const char *path, enum store_open_mode mode, struct err *err)
{
	char cache[64];
	struct store_file file;
	struct store *s;
	int rc;

	*out = NULL;
	rc = store_file_check(path, mode, &file, err);
	if (rc < 0)
		return rc;
	s = calloc(1, sizeof *s);
	if (!s || !(s->path = strdup(path))) {
		free(s);
		return err_nomem(err, "the store");
	}
	s->mode = mode;
	rc = mode == STORE_READ ? open_reading(s, &file, err) : open_writing(s, &file, err);
	if (rc == 0 && mode == STORE_READ)
		rc = check_sound(s, &(struct store_file){.size = CHECK_BYTES + 1}, err);
	snprintf(cache, sizeof cache, "PRAGMA cache_size = -%d", CACHE_KIB);
	if (rc == 0)
		rc = store_exec(s, cache, "prepare", err);
	if (rc < 0) {
		store_close(s);
		return rc;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	store_rollback(s);
	store_state_forget(s);
	close_db(s);
	free(s->path);
	free(s);
}

const char *store_path(const struct store *s)
{
	return s->path;
}

void store_wait(struct store *s, int ms)
{
	sqlite3_busy_timeout(s->db, ms);
}

int store_begin(struct store *s, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc;

	if (s->mode == STORE_READ)
		return err_set(err, ERR_INTERNAL, "'%s' is open for reading only", s->path);
	if (s->in_transaction)
		return err_set(err, ERR_INTERNAL, "a transaction on '%s' is open already", s->path);
	stmt = store_stmt(s, SQL_BEGIN, err);
	if (!stmt)
		return err ? err->code : ERR_DATABASE;
	rc = store_step(s, stmt, "lock", err);
	if (rc < 0)
		return rc;
	s->in_transaction = 1;
	store_state_refresh(s);
	return 0;
}

int store_commit(struct store *s, struct err *err)
{
	sqlite3_stmt *stmt = store_stmt(s, SQL_COMMIT, err);
	int rc = store_must_write(s, err);

	if (rc < 0)
		return rc;
	rc = stmt ? store_flush(s, err) : err ? err->code : ERR_DATABASE;
	if (rc == 0)
		rc = store_step(s, stmt, "write to", err);
	if (rc < 0) {
		store_rollback(s);
		return rc;
	}
	s->in_transaction = 0;
	return 0;
}

void store_rollback(struct store *s)
{
	if (s->db && !sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	store_flush_drop(s);
	if (s->in_transaction)
		store_state_forget(s);
	s->in_transaction = 0;
}
