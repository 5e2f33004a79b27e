/* What the files that read a run share. Private to prof/store. Every row comes from a file that anyone
 * may have changed: numbers of other rows are looked up here, and what is not there is ERR_FORMAT. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "prof/store/internal.h"

/* Places in the profile's arrays of the rows with number n. */
struct places {
	uint32_t *at; /* owned; PROFILE_NONE: no such row */
	uint32_t n, rows;
};

enum {
	CAP_MODULES,
	CAP_FRAMES,
	CAP_STACKS,
	CAP_SAMPLES,
	CAP_TICKS,
	CAP_PROCESSES,
	CAP_THREADS,
	CAP_STAGES,
	CAP_COUNTERS,
	CAP_LOSSES,
	CAP_SNAPSHOTS,
	CAP_SNAPSHOT_ROWS,
	CAP_SQL,
	CAP_ARRAYS
};

struct reader {
	struct store *s;
	int64_t run;
	struct profile *p;
	struct err *err;
	struct places strings, modules, frames, stacks, processes, threads, stages, snapshots;
	uint32_t no_thread; /* place of the thread of what has none, or PROFILE_NONE */
	size_t cap[CAP_ARRAYS];
};

/* Runs `sql`, with ?1 = the first id of the run (or `key` = 1: the run's key), and `row` for each row. */
typedef int row_fn(struct reader *r, sqlite3_stmt *stmt);
int reader_rows(struct reader *r, const char *sql, int key, row_fn *row);

int places_set(struct reader *r, struct places *p, uint32_t n, uint32_t place);
/* The place of row n, or ERR_FORMAT about `what`. */
int places_get(struct reader *r, const struct places *p, int64_t n, const char *what,
	       uint32_t *place);
int reader_damaged(struct reader *r, const char *what);
/* A column's text as a string of the profile; NULL is "". */
int reader_text(struct reader *r, sqlite3_stmt *stmt, int column, uint32_t *string);
/* A column that holds the number of a string. */
int reader_string(struct reader *r, sqlite3_stmt *stmt, int column, uint32_t *string);
/* The stack with number n; 0 is the root. */
int reader_stack(struct reader *r, int64_t n, uint32_t *place);
/* The thread with number n; 0 gives one that stands for none. */
int reader_thread(struct reader *r, int64_t n, uint32_t *place);
/* Room for one more in an array of the profile. */
#define READER_GROW(r, which, array, n)                                                            \
	reader_grow((r), (void **)(void *)&(array), &(r)->cap[which], (n), sizeof *(array))
int reader_grow(struct reader *r, void **array, size_t *cap, size_t n, size_t size);
static inline int64_t column_int(sqlite3_stmt *stmt, int column)
{
	return sqlite3_column_int64(stmt, column);
}

/* Something counted: never negative, whatever the file says. */
static inline uint64_t column_count(sqlite3_stmt *stmt, int column)
{
	int64_t n = column_int(stmt, column);

	return n < 0 ? 0 : (uint64_t)n;
}

int read_places(struct reader *r); /* strings, modules, processes, threads, losses */
int read_stacks(struct reader *r); /* frames and stacks */
int read_stages(struct reader *r);
int read_samples(struct reader *r);
int read_ticks(struct reader *r);
int read_counters(struct reader *r);
int read_snapshots(struct reader *r);
int read_sql(struct reader *r); /* after the stages */

#endif
