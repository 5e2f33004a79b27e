/* Rows of a SELECT, each column checked for its type: wrong types, NULL where a value must be, NUL
 * bytes and invalid UTF-8 become ERR_FORMAT with file, table, row and column. The first failure
 * sticks, so a caller fetches all columns and asks once. Column 0 names the row in messages. Reading
 * stops with ERR_CANCELLED when a signal asks for it, and with ERR_FORMAT when it takes more steps than
 * a file of that size can need (pages that lead to each other). Belongs to the thread of its handle. */
#ifndef BUNDLE_ROWS_H
#define BUNDLE_ROWS_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct bundle_rows {
	sqlite3 *db;
	sqlite3_stmt *stmt; /* owned until bundle_rows_end() */
	const char *table;  /* borrowed; for messages */
	struct err *err;    /* borrowed */
	uint64_t count;     /* rows fetched */
	int failed;         /* the first failure, 0 */
	uint64_t ticks;     /* steps left, in units of rows.c */
};

/* Prepares; a failure is told by the first bundle_rows_next(). */
void bundle_rows_begin(struct bundle_rows *r, sqlite3 *db, const char *table, const char *sql,
		       struct err *err);
void bundle_rows_bind_text(struct bundle_rows *r, int at,
			   const char *text); /* borrowed; NULL: NULL */
void bundle_rows_bind_int(struct bundle_rows *r, int at, int64_t value);
int bundle_rows_next(struct bundle_rows *r);     /* 1 a row, 0 the end, negative: failure */
void bundle_rows_restart(struct bundle_rows *r); /* same statement, other bindings */
int bundle_rows_end(struct bundle_rows *r);      /* frees; 0 or the failure */

int bundle_rows_is_null(const struct bundle_rows *r, int col);
int64_t bundle_rows_int(struct bundle_rows *r, int col);
int64_t bundle_rows_int_or(struct bundle_rows *r, int col, int64_t if_null);
/* NUL-terminated, valid until the next row. */
const char *bundle_rows_text(struct bundle_rows *r, int col, size_t *len); /* len may be NULL */
const char *bundle_rows_text_or_null(struct bundle_rows *r, int col);
const char *bundle_rows_uuid(struct bundle_rows *r, int col); /* lower-case form only */
int64_t bundle_rows_stamp(struct bundle_rows *r, int col);    /* unix nanoseconds */
const void *bundle_rows_blob(struct bundle_rows *r, int col, size_t *len);

/* "'FILE': table TABLE, row ROW: …" as ERR_FORMAT; returns the sticky failure. */
int bundle_rows_bad(struct bundle_rows *r, const char *fmt, ...) ERR_PRINTF(2, 3);

#endif
