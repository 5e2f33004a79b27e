/* Columns of a database's tables: see pg_columns.h. */
#include "pipeline/bundle/pg_columns.h"

#include <string.h>

static const char columns_sql[] =
	"SELECT c.table_name, c.column_name, c.udt_name FROM information_schema.columns c"
	" JOIN pg_catalog.pg_class k ON k.oid ="
	"  pg_catalog.to_regclass(pg_catalog.quote_ident(c.table_name))"
	" JOIN pg_catalog.pg_namespace n ON n.oid = k.relnamespace AND n.nspname = c.table_schema"
	" WHERE c.table_name IN ('ontology_snapshot', 'go_term', 'go_term_relationship',"
	" 'annotation_set', 'sequence', 'protein', 'protein_go_annotation', 'embedding_config',"
	" 'sequence_embedding', 'evaluation_set', 'job', 'job_event', 'dataset', 'job_events',"
	" 'bundle_note')";

int pg_columns_read(struct pg *pg, struct pg_rows **out, struct err *err)
{
	return pg_query(pg, out, columns_sql, NULL, 0, err);
}

const char *pg_columns_type(const struct pg_rows *columns, const char *table, const char *column)
{
	for (int i = 0; i < pg_rows_count(columns); i++)
		if (strcmp(pg_rows_text(columns, i, 0), table) == 0 &&
		    (!*column || strcmp(pg_rows_text(columns, i, 1), column) == 0))
			return pg_rows_text(columns, i, 2);
	return NULL;
}
