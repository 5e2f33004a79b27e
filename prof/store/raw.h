/* A run's rows as they lie in the file, for carrying them elsewhere and back: which tables and columns there are is read
 * from the schema, values stay what they are. Ids go without the run's number (schema.sql): a row of a run is
 * named by its n, and whoever puts it somewhere gives it the number that the run has there. What only a recording
 * in progress needs (marks, the path of the spool) is not carried. */
#ifndef STORE_RAW_H
#define STORE_RAW_H

#include <stddef.h>
#include <stdint.h>

#include "prof/store/store.h"

#define STORE_RAW_COLUMNS 60 /* of one table, at most */

enum store_raw_type { STORE_RAW_INT, STORE_RAW_REAL, STORE_RAW_TEXT };

struct store_raw_column {
	char *name; /* owned */
	enum store_raw_type type;
	int not_null;
	char *standard; /* owned: DEFAULT as SQL, or NULL */
	int key;        /* place in the primary key, from 1; 0: not in it */
};

struct store_raw_table {
	char *name; /* owned */
	struct store_raw_column columns[STORE_RAW_COLUMNS];
	size_t n;
	int by_run; /* 1: the first column is the run's key; 0: it is the row's id */
};

struct store_raw_layout {
	struct store_raw_table run;     /* first column `key` */
	struct store_raw_table *tables; /* owned; what a run has rows in */
	size_t n;
	struct store_raw_table kinds; /* sample_kind: not of a run */
	struct store_raw_table
		marks; /* mark_row: of a recording in progress, which only another file can go on with */
};

/* The tables of this program's version, whatever the version of any file. */
int store_raw_layout(struct store_raw_layout *l, struct err *err);
/* Those of the file, which may be of an older version. */
int store_raw_layout_of(struct store_raw_layout *l, struct store *s, struct err *err);
void store_raw_layout_release(struct store_raw_layout *l);
/* Place of the column, -1: there is none. */
int store_raw_find(const struct store_raw_table *t, const char *column);

struct store_raw_value {
	int null;
	int64_t i;        /* STORE_RAW_INT */
	double d;         /* STORE_RAW_REAL */
	const char *text; /* STORE_RAW_TEXT: borrowed until the next row; any bytes, NUL included */
	size_t len;
};

/* Reading. Between begin and end the file is seen as it was at the beginning. */
int store_raw_begin(struct store *s, struct err *err);
void store_raw_end(struct store *s);

struct store_raw_rows;
/* The rows of a run in a table (also `run` itself), in the order of their ids. Columns that an older file does not have are NULL or
 * their default. */
int store_raw_open(struct store_raw_rows **out, struct store *s, const struct store_raw_table *t,
		   int64_t run, struct err *err);
/* 1: a row, the first value being its n (0 in tables by run); 0: no more. ERR_FORMAT: a value is of another type than its
 * column. */
int store_raw_next(struct store_raw_rows *r, struct store_raw_value *values, struct err *err);
void store_raw_close(struct store_raw_rows *r); /* NULL is fine */

/* All rows of `kinds`. */
int store_raw_open_kinds(struct store_raw_rows **out, struct store *s,
			 const struct store_raw_table *t, struct err *err);

/* Writing, inside store_begin(). The row of `run` first: it gives the run its key. */
int store_raw_put_run(struct store *s, const struct store_raw_table *t,
		      const struct store_raw_value *values, int64_t *run, struct err *err);
struct store_raw_writer;
int store_raw_writer_open(struct store_raw_writer **out, struct store *s,
			  const struct store_raw_table *t, int64_t run, struct err *err);
/* ERR_FORMAT: n is none, there is such a row already, or a value is missing. */
int store_raw_put(struct store_raw_writer *w, const struct store_raw_value *values,
		  struct err *err);
void store_raw_writer_close(struct store_raw_writer *w); /* NULL is fine */

/* A store of one's own that nobody else sees and that is gone with the process, however that ends. `shown` is what
 * messages call it. Open for writing and reading. */
int store_open_private(struct store **out, const char *shown, struct err *err);

#endif
