/* Handles on a bundle's file: see db.h. */
#include "pipeline/bundle/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "prof/base/buf.h"
#include "prof/base/units.h"

#define BUSY_TIMEOUT_MS 10000
#define BUSY_TRIES      3                   /* spec 6.1: transient failures are tried three times */
#define LENGTH_LIMIT    (256 * 1024 * 1024) /* no cell of a bundle comes near; a hostile one could */

const char *bundle_db_name(sqlite3 *db)
{
	const char *name = db ? sqlite3_db_filename(db, "main") : NULL;

	return name && *name ? name : "bundle in memory";
}

static int fail_full(const char *name, const char *doing, struct err *err)
{
	char text[UNITS_TEXT];
	uint64_t left;

	if (fsio_free_bytes(name, &left) < 0)
		left = 0;
	return err_set(err, ERR_IO, "cannot %s '%s': disk full (%s left)", doing, name,
		       units_bytes(text, left));
}

/* The usual reason for not getting at a file that is there and may be read. */
static int fail_wal(const char *name, const char *doing, const char *why, struct err *err)
{
	return err_set(err, ERR_IO,
		       "cannot %s '%s': %s (a file in WAL mode needs a writable folder)", doing,
		       name, why);
}

static int fail_named(sqlite3 *db, int rc, const char *name, const char *doing, struct err *err)
{
	const char *why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
	int code = ERR_DATABASE;

	if (rc == SQLITE_IOERR_NOMEM)
		return err_nomem(err, "the database");
	switch (rc & 0xff) {
	case SQLITE_NOMEM:
		return err_nomem(err, "the database");
	case SQLITE_FULL:
		return fail_full(name, doing, err);
	case SQLITE_INTERRUPT:
		if (cancel_check(err) < 0)
			return ERR_CANCELLED;
		break;
	case SQLITE_NOTADB:
		return err_set(err, ERR_FORMAT, "'%s' is not a SQLite file, so not a bundle", name);
	case SQLITE_CORRUPT:
		return err_set(err, ERR_FORMAT,
			       "cannot %s '%s': the file is damaged or cut short (%s)", doing, name,
			       why);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(err, ERR_DATABASE,
			       "cannot %s '%s': another process keeps it locked (%s)", doing, name,
			       why);
	case SQLITE_READONLY:
		if (rc == SQLITE_READONLY_DIRECTORY || rc == SQLITE_READONLY_CANTINIT)
			return fail_wal(name, doing, why, err);
		return err_set(err, ERR_DATABASE,
			       "cannot %s '%s': it is open for reading only (%s)", doing, name,
			       why);
	case SQLITE_TOOBIG:
		code = ERR_LIMIT;
		break;
	case SQLITE_CANTOPEN:
		return fail_wal(name, doing, why, err);
	case SQLITE_IOERR:
		code = ERR_IO;
		break;
	default:
		break;
	}
	code = err_set(err, code, "cannot %s '%s': %s", doing, name, why);
	if (err)
		err->sys = db ? sqlite3_system_errno(db) : 0;
	return code;
}

int bundle_db_fail(sqlite3 *db, int rc, const char *doing, struct err *err)
{
	return fail_named(db, rc, bundle_db_name(db), doing, err);
}

int bundle_db_exec(sqlite3 *db, const char *sql, const char *doing, struct err *err)
{
	int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : bundle_db_fail(db, rc, doing, err);
}

int bundle_db_int(sqlite3 *db, const char *sql, sqlite3_int64 *value, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) {
		*value = sqlite3_column_int64(stmt, 0);
		rc = 0;
	} else if (rc == SQLITE_DONE) {
		rc = err_set(err, ERR_DATABASE, "'%s' gives no row for %s", bundle_db_name(db),
			     sql);
	} else {
		rc = bundle_db_fail(db, rc, "read", err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* ---- opening ---------------------------------------------------------------------------------- */

/* The file's own triggers, views and schema functions never run: they may come from anywhere. */
int bundle_db_guard(sqlite3 *db, struct err *err)
{
	static const int off[] = {SQLITE_DBCONFIG_TRUSTED_SCHEMA, SQLITE_DBCONFIG_ENABLE_TRIGGER,
				  SQLITE_DBCONFIG_ENABLE_VIEW};
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);

	for (size_t i = 0; rc == SQLITE_OK && i < sizeof off / sizeof off[0]; i++)
		rc = sqlite3_db_config(db, off[i], 0, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
	sqlite3_limit(db, SQLITE_LIMIT_LENGTH, LENGTH_LIMIT);
	sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	/* cache_size: 64 MiB, negative because it is given in KiB */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(db, "PRAGMA cell_size_check = 1; PRAGMA cache_size = -65536",
				  NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "PRAGMA encoding", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW) {
		rc = bundle_db_fail(db, rc, "open", err);
	} else {
		const char *encoding = (const char *)sqlite3_column_text(stmt, 0);

		rc = 0;
		/* texts are compared as UTF-8 bytes (spec 4.4); UTF-16 sorts otherwise */
		if (!encoding || strcmp(encoding, "UTF-8") != 0)
			rc = err_set(err, ERR_FORMAT,
				     "'%s' stores texts as %s, a bundle must use UTF-8",
				     bundle_db_name(db), encoding ? encoding : "?");
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* 1: PATH + suffix exists. */
static int has_beside(const char *path, const char *suffix)
{
	struct buf text = BUF_INIT;
	int there = buf_printf(&text, "%s%s", path, suffix) == 0 && fsio_exists(buf_str(&text));

	buf_release(&text);
	return there;
}

/* SQLite takes a page cut in the middle for one that ends in zeros, so its end is checked here. While
 * a journal lies beside the file somebody may be writing, or was. The file is only asked through
 * SQLite and stat(2): closing a descriptor of our own would drop the locks of every handle that this
 * process has on it. */
static int check_whole(sqlite3 *db, const char *path, struct err *err)
{
	sqlite3_int64 page;
	struct stat st;
	int rc = bundle_db_int(db, "PRAGMA page_size", &page, err);

	if (rc < 0)
		return rc;
	if (has_beside(path, "-journal") || has_beside(path, "-wal"))
		return 0;
	if (stat(path, &st) < 0)
		return err_sys(err, ERR_IO, "cannot open bundle '%s'", path);
	if (st.st_size % page == 0)
		return 0;
	return err_set(err, ERR_FORMAT,
		       "bundle '%s' is cut short: %lld bytes are not whole pages of %lld", path,
		       (long long)st.st_size, (long long)page);
}

/* The file's real path, malloc'ed, so that every way to it leads to the same locks. */
static int real_path(const char *path, char **real, struct err *err)
{
	struct stat st;

	*real = realpath(path, NULL);
	if (!*real) {
		if (errno == ENOMEM)
			return err_nomem(err, "a path");
		return err_sys(err, errno == ENOENT ? ERR_NOTFOUND : ERR_IO,
			       "cannot open bundle '%s'", path);
	}
	if (stat(*real, &st) < 0)
		return err_sys(err, ERR_IO, "cannot open bundle '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_FORMAT, "'%s' is not a file, so not a bundle", path);
	if (st.st_size == 0)
		return err_set(err, ERR_FORMAT, "'%s' is empty, so not a bundle", path);
	if (faccessat(AT_FDCWD, *real, R_OK, AT_EACCESS) < 0)
		return err_sys(err, ERR_IO, "cannot open bundle '%s'", path);
	return 0;
}

static int open_handle(sqlite3 **out, const char *real, int write, struct err *err)
{
	int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX |
		    SQLITE_OPEN_EXRESCODE;
	sqlite3 *db = NULL;
	int rc = sqlite3_open_v2(real, &db, flags, NULL);

	if (rc != SQLITE_OK)
		rc = db ? fail_named(db, rc, real, "open", err) : err_nomem(err, "the database");
	if (rc == 0)
		rc = bundle_db_guard(db, err);
	if (rc == 0)
		rc = check_whole(db, real, err);
	if (rc < 0) {
		sqlite3_close(db);
		db = NULL;
	}
	*out = db;
	return rc;
}

/* A writer killed in the middle leaves a journal that only a writing handle can roll back. */
static int open_for_reading(sqlite3 **out, const char *real, struct err *err)
{
	struct err again = ERR_INIT;
	int rc = open_handle(out, real, 0, err);

	if (rc != ERR_DATABASE && rc != ERR_IO)
		return rc;
	if (!has_beside(real, "-journal") || open_handle(out, real, 1, &again) < 0)
		return rc;
	sqlite3_close(*out);
	return open_handle(out, real, 0, err);
}

static int check_writable(sqlite3 *db, const char *real, struct err *err)
{
	char *dir;
	int ok;

	if (sqlite3_db_readonly(db, "main"))
		return err_set(
			err, ERR_DATABASE,
			"bundle '%s' cannot be written: make the file writable, jobs and data "
			"sets are recorded in it",
			real);
	dir = fsio_dirname(real);
	if (!dir)
		return err_nomem(err, "a path");
	ok = faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
	free(dir);
	if (!ok)
		return err_sys(err, ERR_DATABASE,
			       "bundle '%s' cannot be written: its folder must be writable for the "
			       "journal",
			       real);
	return 0;
}

/* Journal mode by request; told by *is_wal. Failing is no failure: the file works in any mode. */
static void set_journal(sqlite3 *db, const char *sql, int *is_wal)
{
	sqlite3_stmt *stmt = NULL;

	*is_wal = 0;
	sqlite3_busy_timeout(db, 0);
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW) {
		const char *mode = (const char *)sqlite3_column_text(stmt, 0);

		*is_wal = mode && strcmp(mode, "wal") == 0;
	}
	sqlite3_finalize(stmt);
	sqlite3_busy_timeout(db, BUSY_TIMEOUT_MS);
}

int bundle_db_enter_writing(sqlite3 *db, struct err *err)
{
	int is_wal;

	set_journal(db, "PRAGMA journal_mode = WAL", &is_wal);
	/* In WAL mode NORMAL keeps the file whole and saves an fsync per event. */
	return bundle_db_exec(db,
			      is_wal ? "PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = 1"
				     : "PRAGMA synchronous = FULL; PRAGMA foreign_keys = 1",
			      "open", err);
}

/* A bundle at rest is one file, which opens on read-only media too. */
void bundle_db_leave_writing(sqlite3 *db)
{
	int is_wal;

	set_journal(db, "PRAGMA journal_mode = DELETE", &is_wal);
}

int bundle_db_open(sqlite3 **out, const char *path, int write, struct err *err)
{
	sqlite3 *db = NULL;
	char *real = NULL;
	int rc;

	*out = NULL;
	rc = real_path(path, &real, err);
	if (rc == 0)
		rc = write ? open_handle(&db, real, 1, err) : open_for_reading(&db, real, err);
	if (rc == 0 && write)
		rc = check_writable(db, real, err);
	free(real);
	if (rc < 0) {
		bundle_db_close(db);
		return rc;
	}
	*out = db;
	return 0;
}

void bundle_db_close(sqlite3 *db)
{
	sqlite3_close(db);
}

/* ---- transactions ----------------------------------------------------------------------------- */

int bundle_db_begin(sqlite3 *db, struct err *err)
{
	int rc = SQLITE_BUSY;

	for (int i = 0; i < BUSY_TRIES && (rc & 0xff) == SQLITE_BUSY; i++)
		rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : bundle_db_fail(db, rc, "write to", err);
}

int bundle_db_commit(sqlite3 *db, struct err *err)
{
	int rc = SQLITE_BUSY;

	for (int i = 0; i < BUSY_TRIES && (rc & 0xff) == SQLITE_BUSY; i++)
		rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return 0;
	rc = bundle_db_fail(db, rc, "write to", err);
	bundle_db_rollback(db);
	return rc;
}

void bundle_db_rollback(sqlite3 *db)
{
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}
