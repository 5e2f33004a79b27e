/* The tables of spec 2.1 for PostgreSQL, as a script that may be run again and again: what exists is left as it
 * is. */
#ifndef BUNDLE_PG_DDL_H
#define BUNDLE_PG_DDL_H

#include "prof/base/buf.h"

/* Types and tables. `vectors`: type of sequence_embedding.embedding: halfvec, vector, real[] or bytea. */
void pg_ddl_tables(struct buf *out, const char *vectors);
/* What is quicker made once the rows are in: uniqueness and foreign keys; indexes. */
void pg_ddl_constraints(struct buf *out);
void pg_ddl_indexes(struct buf *out);
/* The view job_events; a database that refuses it only gives notice. */
void pg_ddl_view(struct buf *out);

#endif
