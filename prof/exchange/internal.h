/* What the files of this room share. Private to prof/exchange. */
#ifndef EXCHANGE_INTERNAL_H
#define EXCHANGE_INTERNAL_H

#include "prof/exchange/team.h"
#include "prof/postgres/pg.h"
#include "prof/store/raw.h"

#define TEAM_LOCK "1347441222" /* of pg_advisory_xact_lock(): "PPRF" */

struct team {
	struct pg *pg; /* owned */
	enum team_mode mode;
	int version;                    /* of the schema there; 0: there is none */
	struct store_raw_layout layout; /* of this program's version */
	uint64_t have_run,
		*have; /* owned; columns of the layout that the database has, a bit each */
	struct team_moved *moved; /* of the call under way */
};

extern const char exchange_views_sql[];

/* schema.c. Makes the schema or brings it forward, in one transaction of its own. */
int team_make_schema(struct team *t, struct err *err);

/* columns.c: lists of columns for statements. */
/* The table with its schema: protea_prof.stage_row. */
void team_put_table(struct buf *sql, const struct store_raw_table *t);
/* "a", "b", …: from column `first` on, those with a bit in `have`; with `cast` each as a value of its type. What the
 * database lacks is its default then. */
void team_put_columns(struct buf *sql, const struct store_raw_table *t, size_t first);
void team_put_selected(struct buf *sql, const struct store_raw_table *t, size_t first,
		       uint64_t have);
const char *team_type(enum store_raw_type type); /* "bigint" */

/* A text as PostgreSQL takes it: `text` itself or what was put into `room`. NULL: no memory. */
const char *team_text(struct buf *room, const char *text, size_t n, size_t *len);

/* The value as a parameter of a statement; NULL for NULL. Appended to `room` with a NUL behind it; failures stick to
 * it. Gives the offset, or SIZE_MAX for NULL. */
size_t team_param(struct buf *room, const struct store_raw_column *c,
		  const struct store_raw_value *v);
/* The row of a run, as texts, in the order of the layout; no rows: it is not there. */
int team_query_run(struct team *t, const char *id, struct pg_rows **rows, struct err *err);
/* All of its values; texts stay in `room`, which is empty before. */
int team_run_values(struct team *t, const struct pg_rows *rows, struct store_raw_value *v,
		    struct buf *room, struct err *err);

#endif
