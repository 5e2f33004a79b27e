/* Keys, references and what else one SELECT can say: part of bundle_check(). Each query gives one text
 * for each bad row. NOT IN looks the key up by index, or in a table made once where there is none. */
#include "pipeline/bundle/check_parts.h"

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/rows.h"
#include "pipeline/bundle/schema.h"

struct query {
	struct check_kind kind;
	const char *needs_table, *needs_column; /* optional column it reads; NULL: none */
	const char *sql;
};

#define DANGLING(table, column, target, key, name)                                                 \
	{                                                                                          \
		{"dangling-reference",                                                             \
		 table "." column " names a row of " target " that is not there", BUNDLE_ERROR},   \
			NULL, NULL,                                                                \
			"SELECT '" table " ' || " name " || ': ' || " column " FROM " table        \
			" WHERE " column " NOT IN (SELECT " key " FROM " target ")"                \
	}

/* Rows that share what must be unique. */
#define DUPLICATE(table, columns, shown, severity)                                                 \
	{                                                                                          \
		{"duplicate", "several rows of " table " have the same " columns, severity}, NULL, \
			NULL,                                                                      \
			"SELECT '" table ": ' || count(*) || ' rows with ' || " shown              \
			" FROM " table " GROUP BY " columns " HAVING count(*) > 1"                 \
	}

static const struct query queries[] = {
	DANGLING("go_term", "ontology_snapshot_id", "ontology_snapshot", "id", "id"),
	DANGLING("go_term_relationship", "child_go_term_id", "go_term", "id", "id"),
	DANGLING("go_term_relationship", "parent_go_term_id", "go_term", "id", "id"),
	DANGLING("go_term_relationship", "ontology_snapshot_id", "ontology_snapshot", "id", "id"),
	DANGLING("annotation_set", "ontology_snapshot_id", "ontology_snapshot", "id", "id"),
	DANGLING("protein", "sequence_id", "sequence", "id", "accession"),
	DANGLING("protein_go_annotation", "annotation_set_id", "annotation_set", "id", "id"),
	DANGLING("protein_go_annotation", "protein_accession", "protein", "accession", "id"),
	DANGLING("protein_go_annotation", "go_term_id", "go_term", "id", "id"),
	DANGLING("sequence_embedding", "sequence_id", "sequence", "id", "id"),
	DANGLING("sequence_embedding", "embedding_config_id", "embedding_config", "id", "id"),
	DANGLING("evaluation_set", "old_annotation_set_id", "annotation_set", "id", "id"),
	DANGLING("evaluation_set", "new_annotation_set_id", "annotation_set", "id", "id"),
	DANGLING("job_event", "job_id", "job", "id", "id"),
	DANGLING("dataset", "job_id", "job", "id", "id"),

	DUPLICATE("ontology_snapshot", "obo_version", "obo_version", BUNDLE_WARNING),
	DUPLICATE("ontology_snapshot", "id", "id", BUNDLE_ERROR),
	DUPLICATE("go_term", "id", "id", BUNDLE_ERROR),
	DUPLICATE("go_term", "go_id, ontology_snapshot_id", "go_id || ', ' || ontology_snapshot_id",
		  BUNDLE_ERROR),
	DUPLICATE("annotation_set", "source, source_version",
		  "source || ' ' || ifnull(source_version, 'NULL')", BUNDLE_WARNING),
	DUPLICATE("annotation_set", "id", "id", BUNDLE_ERROR),
	DUPLICATE("sequence", "id", "id", BUNDLE_ERROR),
	DUPLICATE("protein", "accession", "accession", BUNDLE_ERROR),
	DUPLICATE("protein_go_annotation", "id", "id", BUNDLE_ERROR),
	DUPLICATE("protein_go_annotation",
		  "annotation_set_id, protein_accession, go_term_id, evidence_code",
		  "protein_accession || ', ' || go_term_id || ', ' || ifnull(evidence_code, 'NULL')"
		  " || ', ' || annotation_set_id",
		  BUNDLE_WARNING),
	DUPLICATE("embedding_config", "id", "id", BUNDLE_ERROR),
	DUPLICATE("sequence_embedding", "id", "id", BUNDLE_ERROR),
	DUPLICATE("dataset", "name", "name", BUNDLE_ERROR),

	{{"foreign-edge", "a relationship joins terms of another snapshot than its own",
	  BUNDLE_ERROR},
	 NULL,
	 NULL,
	 "SELECT 'go_term_relationship ' || r.id || ': ' || c.go_id || ' ' || r.relation_type ||"
	 " ' ' || p.go_id FROM go_term_relationship r"
	 " JOIN go_term c ON c.id = r.child_go_term_id"
	 " JOIN go_term p ON p.id = r.parent_go_term_id"
	 " WHERE c.ontology_snapshot_id <> r.ontology_snapshot_id"
	 " OR p.ontology_snapshot_id <> r.ontology_snapshot_id"},
	{{"foreign-annotation",
	  "an annotation names a term of another snapshot than its set's: it is ignored",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'protein_go_annotation ' || a.id || ': ' || a.protein_accession || ' ' ||"
	 " t.go_id FROM protein_go_annotation a"
	 " JOIN annotation_set s ON s.id = a.annotation_set_id"
	 " JOIN go_term t ON t.id = a.go_term_id"
	 " WHERE t.ontology_snapshot_id <> s.ontology_snapshot_id"},
	{{"unknown-aspect", "go_term.aspect is not P, F, C, empty or NULL: such terms are not used",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'go_term ' || id || ': ' || go_id || ' has aspect ' || aspect FROM go_term"
	 " WHERE aspect NOT IN ('P', 'F', 'C', '')"},
	{{"odd-go-id", "go_term.go_id is not GO: and seven digits", BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'go_term ' || id || ': ' || go_id FROM go_term"
	 " WHERE go_id NOT GLOB 'GO:[0-9][0-9][0-9][0-9][0-9][0-9][0-9]'"},
	{{"empty-accession", "protein.accession is empty: reading proteins stops there",
	  BUNDLE_ERROR},
	 NULL,
	 NULL,
	 "SELECT 'protein ''''' FROM protein WHERE accession = ''"},
	{{"odd-accession", "protein.accession has blanks or what is not printable ASCII",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'protein ''' || accession || '''' FROM protein WHERE accession GLOB '*[^!-~]*'"},
	{{"odd-taxon", "protein.taxonomy_id is not a number: such proteins count as without taxon",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'protein ' || accession || ': ' || taxonomy_id FROM protein"
	 " WHERE trim(taxonomy_id, ' ' || char(9, 10, 11, 12, 13)) GLOB '*[^0-9]*'"
	 " AND trim(taxonomy_id, ' ' || char(9, 10, 11, 12, 13)) NOT GLOB '[-+][0-9]*'"},
	{{"odd-evidence",
	  "protein_go_annotation.evidence_code is neither a GO code nor an ECO id: it counts as "
	  "not experimental",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT evidence_code || ' in ' || count(*) || ' rows' FROM protein_go_annotation"
	 " WHERE evidence_code NOT IN ('EXP', 'IDA', 'IPI', 'IMP', 'IGI', 'IEP', 'HTP', 'HDA',"
	 " 'HMP', 'HGI', 'HEP', 'IBA', 'IBD', 'IKR', 'IRD', 'ISS', 'ISO', 'ISA', 'ISM', 'IGC',"
	 " 'RCA', 'TAS', 'NAS', 'IC', 'ND', 'IEA')"
	 " AND evidence_code NOT GLOB 'ECO:[0-9][0-9][0-9][0-9][0-9][0-9][0-9]'"
	 " GROUP BY evidence_code"},
	{{"odd-version",
	  "annotation_set.source_version is not a whole number: no job can name this release",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'annotation_set ' || id || ': ' || source || ' ' ||"
	 " ifnull(source_version, 'NULL') FROM annotation_set WHERE source_version IS NULL OR"
	 " CAST(CAST(source_version AS INTEGER) AS TEXT) <> source_version"},
	{{"empty-set", "an annotation set has no annotations", BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'annotation_set ' || s.id FROM annotation_set s WHERE NOT EXISTS"
	 " (SELECT 1 FROM protein_go_annotation a WHERE a.annotation_set_id = s.id)"},
	{{"empty-snapshot", "an ontology snapshot has no term with an aspect", BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'ontology_snapshot ' || s.id FROM ontology_snapshot s WHERE NOT EXISTS (SELECT 1"
	 " FROM go_term t WHERE t.ontology_snapshot_id = s.id AND t.aspect <> '')"},
	{{"empty-configuration", "an embedding configuration has no embeddings", BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'embedding_config ' || c.id || ': ' || c.model_name FROM embedding_config c"
	 " WHERE NOT EXISTS (SELECT 1 FROM sequence_embedding e"
	 " WHERE e.embedding_config_id = c.id)"},
	{{"unknown-pivot",
	  "stats.pivot_ontology_snapshot_id of an evaluation set is no snapshot here",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT 'evaluation_set ' || id || ': ' ||"
	 " json_extract(stats, '$.pivot_ontology_snapshot_id') FROM evaluation_set"
	 " WHERE json_valid(stats) AND lower(json_extract(stats,"
	 " '$.pivot_ontology_snapshot_id')) NOT IN (SELECT id FROM ontology_snapshot)"},
	{{"several-evaluation-sets",
	  "a pair of annotation sets has several evaluation sets: one is chosen by pivot and date",
	  BUNDLE_WARNING},
	 NULL,
	 NULL,
	 "SELECT count(*) || ' for ' || old_annotation_set_id || ' and ' || new_annotation_set_id"
	 " FROM evaluation_set GROUP BY old_annotation_set_id, new_annotation_set_id"
	 " HAVING count(*) > 1"},
	{{"unknown-status", "job.status is none of the five words", BUNDLE_ERROR},
	 NULL,
	 NULL,
	 "SELECT 'job ' || id || ': ' || status FROM job WHERE status NOT IN"
	 " ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')"},
	{{"duplicate", "several rows of sequence have the same sequence_hash", BUNDLE_WARNING},
	 "sequence",
	 "sequence_hash",
	 "SELECT 'sequence: ' || count(*) || ' rows with ' || sequence_hash FROM sequence"
	 " GROUP BY sequence_hash HAVING count(*) > 1"},
	{{"duplicate",
	  "several rows of sequence_embedding have the same sequence, configuration and chunk: "
	  "the smallest id counts",
	  BUNDLE_WARNING},
	 "sequence_embedding",
	 "chunk_index_s",
	 "SELECT 'sequence_embedding: ' || count(*) || ' rows with sequence ' || sequence_id ||"
	 " ', ' || embedding_config_id FROM sequence_embedding"
	 " GROUP BY sequence_id, embedding_config_id, chunk_index_s HAVING count(*) > 1"},
};

/* A text of any type and shape, as it comes. */
static const char *raw_text(struct bundle_rows *r)
{
	const char *text = (const char *)sqlite3_column_text(r->stmt, 0);

	return text ? text : "NULL";
}

static int run_query(struct bundle_checker *c, const struct query *q)
{
	struct bundle_rows r;
	int rc;

	if (q->needs_table) {
		rc = bundle_schema_has_column(c->db, q->needs_table, q->needs_column, c->err);
		if (rc <= 0)
			return rc;
	}
	bundle_rows_begin(&r, c->db, "of the check", q->sql, c->err);
	while (bundle_rows_next(&r) > 0)
		r.failed = check_add(c, &q->kind, raw_text(&r));
	return bundle_rows_end(&r);
}

int check_references(struct bundle_checker *c)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof queries / sizeof queries[0]; i++)
		rc = run_query(c, &queries[i]);
	return rc;
}
