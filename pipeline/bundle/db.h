/* Handles on a bundle's file: opened with every guard against foreign and hostile files, closed so
 * that the bundle at rest is one file. Knows no tables. A handle belongs to one thread at a time. */
#ifndef BUNDLE_DB_H
#define BUNDLE_DB_H

#include <sqlite3.h>

#include "prof/base/err.h"

/* Opens an existing regular file. Without `write` nothing in it can change. Triggers and views of the
 * file are never run. */
int bundle_db_open(sqlite3 **out, const char *path, int write, struct err *err);
void bundle_db_close(sqlite3 *db); /* NULL is fine */

/* Between these two the file is in WAL mode where the file system allows that, so that events can be
 * committed while rows are being read. Only for files known to be bundles: the mode is written into
 * the file. Leaving turns WAL off unless others have the file open. */
int bundle_db_enter_writing(sqlite3 *db, struct err *err);
void bundle_db_leave_writing(sqlite3 *db);

/* The guards alone, for handles opened otherwise (a database in memory). */
int bundle_db_guard(sqlite3 *db, struct err *err);

const char *bundle_db_name(sqlite3 *db); /* the path, for messages; never NULL */

/* Turns a failed call of SQLite into a failure record: "cannot DOING 'PATH': …". */
int bundle_db_fail(sqlite3 *db, int rc, const char *doing, struct err *err);

/* One or more statements without results. `doing` for messages. */
int bundle_db_exec(sqlite3 *db, const char *sql, const char *doing, struct err *err);
/* First column of the first row as integer. */
int bundle_db_int(sqlite3 *db, const char *sql, sqlite3_int64 *value, struct err *err);

/* Write transactions: taken at once, so that a later statement cannot fail for want of the lock.
 * `commit` rolls back when it fails. */
int bundle_db_begin(sqlite3 *db, struct err *err);
int bundle_db_commit(sqlite3 *db, struct err *err);
void bundle_db_rollback(sqlite3 *db);

#endif
