/* What the files of this room share: the handle, its cached statements, what is known of the run that
 * is being written. Private to prof/store. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include <sqlite3.h>
#include <stdint.h>

#include "prof/base/hash.h"
#include "prof/model/profile.h"
#include "prof/store/store.h"

/* Row ids: schema.sql. */
#define STORE_N_MAX         UINT32_C(0xfffffffe)
#define STORE_RUN_MAX       INT64_C(0x7ffffffe)
#define STORE_STAGES_A_NAME 10000

static inline int64_t store_id(int64_t run, uint32_t n)
{
	return n ? (int64_t)((uint64_t)run << 32 | n) : 0;
}

static inline uint32_t store_n(int64_t id)
{
	return (uint32_t)id;
}

static inline int64_t store_run_of(int64_t id)
{
	return id >> 32;
}

enum store_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_RUN_ADD,
	SQL_RUN_END,
	SQL_STRING_ADD,
	SQL_PROCESS_ADD,
	SQL_PROCESS_SET,
	SQL_THREAD_ADD,
	SQL_THREAD_SET,
	SQL_MODULE_ADD,
	SQL_FRAME_ADD,
	SQL_STACK_ADD,
	SQL_SAMPLE_ADD,
	SQL_TICK_ADD,
	SQL_COUNTER_ADD,
	SQL_LOSS_ADD,
	SQL_STATEMENT_ADD,
	SQL_SNAPSHOT_ADD,
	SQL_SNAPSHOT_ROW_ADD,
	SQL_STAGE_ADD,
	SQL_STAGE_FOLD,
	SQL_STAGE_MORE,
	SQL_STAGE_END,
	SQL_STAGE_END_FOLD,
	SQL_STAGE_KIND,
	SQL_MARK_SET,
	SQL_STATEMENTS
};

/* Tables whose rows are numbered per run. */
enum store_table {
	TABLE_STRING,
	TABLE_PROCESS,
	TABLE_THREAD,
	TABLE_MODULE,
	TABLE_FRAME,
	TABLE_STACK,
	TABLE_PATH,
	TABLE_STAGE,
	TABLE_TICK,
	TABLE_COUNTER,
	TABLE_SQL,
	TABLE_SNAPSHOT,
	STORE_TABLES
};
extern const char *const store_table_names[STORE_TABLES];

struct store_names; /* names.c: chains collected until store_names_apply() */

struct stage_name {    /* of one name in the run */
	uint32_t rows; /* without the folded one */
	uint32_t fold; /* n of the folded row, 0: none yet */
};

/* What the writer knows of one run. Thrown away whenever the file may say otherwise. */
struct store_run_state {
	int64_t run;
	int64_t start_ns;
	int known;                   /* 0: only `run` counts */
	uint32_t next[STORE_TABLES]; /* n of the next row; 0: not asked yet */
	struct strtab *strings;      /* owned; NULL: not loaded */
	uint32_t *string_n;          /* owned; n of each string, 0: not in the file */
	uint32_t string_cap;
	struct stage_name *stages; /* owned, by id of strings; NULL: not loaded */
	uint32_t stages_cap;
	uint32_t stride;     /* ticks: every which one of a thread is kept */
	uint32_t *tick_left; /* owned, by n of the thread: how many to skip */
	uint32_t tick_threads;
	uint32_t tick_others;      /* threads with ticks besides the first */
	struct store_names *names; /* owned */
	struct store_run_state *next_run;
};

struct store {
	sqlite3 *db;
	char *path; /* owned */
	enum store_open_mode mode;
	int in_transaction;
	sqlite3_stmt *stmt[SQL_STATEMENTS]; /* owned; made on first use */
	struct store_run_state *runs;       /* owned list */
	struct sample_cache *cache;         /* owned; what store_sample_add() has not written yet */
};

/* sql.c. A failure of SQLite as one of ours; `doing` completes "cannot … 'path'". */
int store_fail(struct store *s, int rc, const char *doing, struct err *err);
int store_exec(struct store *s, const char *sql, const char *doing, struct err *err);
int store_query_int(struct store *s, const char *sql, int64_t a, int64_t *value, struct err *err);
int store_prepare(struct store *s, const char *sql, sqlite3_stmt **stmt, struct err *err);
/* Cached; reset and without bindings. NULL: *err is set. */
sqlite3_stmt *store_stmt(struct store *s, enum store_sql which, struct err *err);
/* Runs a statement that returns no rows and resets it. */
int store_step(struct store *s, sqlite3_stmt *stmt, const char *doing, struct err *err);
/* One change with ?1 = a, ?2 = b. */
int store_run(struct store *s, const char *sql, int64_t a, int64_t b, const char *doing,
	      struct err *err);
void store_close_statements(struct store *s);
int store_must_write(struct store *s, struct err *err); /* inside store_begin()? */

/* state.c */
int store_state(struct store *s, int64_t run, struct store_run_state **st, struct err *err);
void store_state_forget(struct store *s);  /* after a rollback */
void store_state_refresh(struct store *s); /* at the begin of a transaction */
int store_next_id(struct store *s, int64_t run, enum store_table table, int64_t *id,
		  struct err *err);
/* n of a text in string_row, added if need be; 0 for NULL and "". */
int store_string(struct store *s, int64_t run, const char *text, uint32_t *n, struct err *err);
/* Adds a row whether or not the text is there already. */
int store_string_insert(struct store *s, int64_t run, const char *text, uint32_t *n,
			struct err *err);
int store_string_id(struct store *s, struct store_run_state *st, const char *text, uint32_t *id,
		    uint32_t *n, struct err *err);

/* write_samples.c: samples that still wait in memory, into the file or away. Whoever reads samples
 * flushes first. */
int store_flush(struct store *s, struct err *err);
void store_flush_drop(struct store *s);

/* fold.c: path_row, and stack_row.path of `r`, which the caller saves. Depths must be right. */
struct stack_rows;
int store_fold_rows(struct store *s, int64_t run, struct stack_rows *r, struct err *err);
/* The same for a run in which a stack with samples (or in a snapshot) has no path yet. */
int store_fold_prepare(struct store *s, int64_t run, struct err *err);
void store_names_free(struct store_names *names);

/* check.c: looks at the file without SQLite and without touching it. */
struct store_file {
	int exists, empty;
	int64_t size;
	int version;
	int wal;       /* there is a log with something in it */
	int may_write; /* the file, and its folder */
	int folder_writable;
};
int store_file_check(const char *path, enum store_open_mode mode, struct store_file *file,
		     struct err *err);

/* migrate.c */
extern const char store_schema_sql[];
int store_make_schema(struct store *s, struct err *err);

#endif
