/* What a database has of the tables of spec 2.1. Private to this room. */
#ifndef SOURCE_PG_SCHEMA_H
#define SOURCE_PG_SCHEMA_H

#include "prof/postgres/pg.h"
#include "prof/postgres/pgvalue.h"

struct pg_schema {
	int has_chunk; /* columns that may be absent */
	int has_dim;
	int has_parent_job;
	int has_lease;
	int has_sha_v2;
	int has_events_view; /* job_events */
	enum pgvalue_vector_kind vectors;
};

/* ERR_FORMAT names all tables and columns that are missing or of a wrong type; `name` is for that message.
 * `writing`: jobs, events and data sets are needed too. */
int pg_schema_probe(struct pg *pg, const char *name, int writing, struct pg_schema *found,
		    struct err *err);

#endif
