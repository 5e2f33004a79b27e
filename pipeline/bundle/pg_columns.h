/* Which of the tables of spec 2.1 a database has, with the types of their columns: one look at
 * information_schema.columns, asked many times. Names are found as the connection's search_path finds them;
 * what this user may not see is not there. */
#ifndef BUNDLE_PG_COLUMNS_H
#define BUNDLE_PG_COLUMNS_H

#include "prof/postgres/pg.h"

int pg_columns_read(struct pg *pg, struct pg_rows **out, struct err *err); /* pg_rows_free() */
/* Type as PostgreSQL calls it inside ("int4", "varchar", "_float4", "halfvec"; of the base type where a domain is
 * used); NULL: no such column. An empty column: any of the table. */
const char *pg_columns_type(const struct pg_rows *columns, const char *table, const char *column);

#endif
