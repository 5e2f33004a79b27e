/* A bundle being written: an SQLite file beside its final name ("NAME.tmp.PID"), filled in a single
 * transaction without journal, and renamed when it is complete. Until then nothing has the final name;
 * a failure removes the file. Belongs to one thread. */
#ifndef BUNDLE_OUTFILE_H
#define BUNDLE_OUTFILE_H

#include <sqlite3.h>
#include <stdint.h>

#include "prof/base/err.h"

struct outfile {
	sqlite3 *db;
	char *path; /* owned: the final name */
	char *tmp;  /* owned */
	int replace;
};

/* `replace`: an existing file gives way at the end; otherwise it is ERR_EXISTS, now or then. */
int outfile_open(struct outfile *o, const char *path, int replace, struct err *err);
int outfile_prepare(struct outfile *o, sqlite3_stmt **stmt, const char *sql, struct err *err);
/* Steps an INSERT whose values are bound and makes it ready for the next row. `bound` is the bitwise
 * or of the results of sqlite3_bind_* (SQLITE_OK is 0). */
int outfile_insert(struct outfile *o, sqlite3_stmt *stmt, int bound, struct err *err);
/* Indexes, commit, fsync, rename. The struct is released in any case; `*bytes` is the file's size. */
int outfile_commit(struct outfile *o, uint64_t *bytes, struct err *err);
void outfile_abort(struct outfile *o); /* fine on a zeroed struct */

#endif
