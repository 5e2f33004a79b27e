/* Statements that write into a bundle: values bound, run, rows counted. Private to this room. */
#ifndef SOURCE_BUNDLE_SQL_H
#define SOURCE_BUNDLE_SQL_H

#include "pipeline/source/bundle_source.h"

/* One value of a statement; texts are borrowed. */
struct bundle_value {
	enum { VALUE_TEXT, VALUE_INT, VALUE_STAMP } type;
	const char *text; /* NULL: NULL */
	int64_t number;
};

#define TEXT(t)         ((struct bundle_value){.type = VALUE_TEXT, .text = (t)})
#define INT(n)          ((struct bundle_value){.type = VALUE_INT, .number = (n)})
#define STAMP(n)        ((struct bundle_value){.type = VALUE_STAMP, .number = (n)})
#define N_VALUES(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Opened with SOURCE_WRITE? */
int bundle_sql_writing(const struct bundle_source *b, struct err *err);
/* Begins a transaction that may write. */
int bundle_sql_begin(struct bundle_source *b, struct err *err);
/* Commits when rc is not negative, else undoes all; returns rc or the commit's failure. */
int bundle_sql_end(struct bundle_source *b, int rc, struct err *err);

int bundle_sql_prepare(sqlite3 *db, sqlite3_stmt **stmt, const char *sql,
		       const struct bundle_value *values, int n, struct err *err);
/* Runs one statement; *changed (may be NULL): rows touched. */
int bundle_sql_run(sqlite3 *db, const char *sql, const struct bundle_value *values, int n,
		   int *changed, struct err *err);
/* Copies of the first row's columns as text (malloc'ed, "" for NULL; n_out of them). 1, 0 no row; on
 * failure all are NULL. */
int bundle_sql_texts(sqlite3 *db, const char *sql, const struct bundle_value *values, int n,
		     char **out, int n_out, struct err *err);

/* One row of job_event, inside the caller's transaction. */
int bundle_put_event(sqlite3 *db, const struct source_event *e, struct err *err);

#endif
