/* Tables and columns that are moved: see transfer_tables.h. */
#include "pipeline/bundle/transfer_tables.h"

#include "pipeline/core/cancel.h"

#define UUID(n)                                                                                    \
	{                                                                                          \
		n, TRANSFER_UUID, NULL                                                             \
	}
#define TEXT(n)                                                                                    \
	{                                                                                          \
		n, TRANSFER_TEXT, NULL                                                             \
	}
#define INT(n)                                                                                     \
	{                                                                                          \
		n, TRANSFER_INT, NULL                                                              \
	}
#define STAMP(n)                                                                                   \
	{                                                                                          \
		n, TRANSFER_STAMP, NULL                                                            \
	}
#define JSON(n)                                                                                    \
	{                                                                                          \
		n, TRANSFER_JSON, NULL                                                             \
	}
#define OPT(n, kind, s)                                                                            \
	{                                                                                          \
		n, TRANSFER_##kind, s                                                              \
	}

const struct transfer_table transfer_tables[] = {
	{"ontology_snapshot",
	 "id",
	 0,
	 0,
	 {UUID("id"), TEXT("obo_version"), OPT("obo_url", TEXT, "NULL"),
	  OPT("ia_url", TEXT, "NULL"), OPT("loaded_at", STAMP, "NULL")}},
	{"go_term",
	 "id",
	 0,
	 0,
	 {INT("id"), TEXT("go_id"), TEXT("aspect"), OPT("name", TEXT, "NULL"),
	  OPT("is_obsolete", BOOL, "NULL"), UUID("ontology_snapshot_id")}},
	{"go_term_relationship",
	 "id",
	 0,
	 0,
	 {INT("id"), INT("child_go_term_id"), INT("parent_go_term_id"), TEXT("relation_type"),
	  UUID("ontology_snapshot_id")}},
	{"annotation_set",
	 "id",
	 0,
	 0,
	 {UUID("id"), TEXT("source"), TEXT("source_version"), UUID("ontology_snapshot_id"),
	  STAMP("created_at")}},
	/* the hash is made from the text where it is missing */
	{"sequence", "id", 0, 0, {INT("id"), TEXT("sequence"), OPT("sequence_hash", TEXT, "NULL")}},
	{"protein",
	 "accession",
	 0,
	 0,
	 {TEXT("accession"), INT("sequence_id"), TEXT("taxonomy_id")}},
	{"protein_go_annotation",
	 "id",
	 0,
	 0,
	 {INT("id"), UUID("annotation_set_id"), TEXT("protein_accession"), INT("go_term_id"),
	  TEXT("qualifier"), TEXT("evidence_code")}},
	{"embedding_config", "id", 0, 0, {UUID("id"), TEXT("model_name")}},
	/* the dimension stands before the vector, which is read with it */
	{"sequence_embedding",
	 "id",
	 0,
	 0,
	 {INT("id"),
	  INT("sequence_id"),
	  UUID("embedding_config_id"),
	  OPT("chunk_index_s", INT, "0"),
	  OPT("chunk_index_e", INT, "NULL"),
	  OPT("embedding_dim", INT, "NULL"),
	  {"embedding", TRANSFER_VECTOR, NULL}}},
	{"evaluation_set",
	 "id",
	 0,
	 0,
	 {UUID("id"), UUID("old_annotation_set_id"), UUID("new_annotation_set_id"), JSON("stats"),
	  TEXT("groundtruth_uri"), STAMP("created_at")}},
	{"job",
	 "id",
	 1,
	 0,
	 {UUID("id"), TEXT("operation"), TEXT("queue_name"), TEXT("status"), JSON("payload"),
	  JSON("meta"), STAMP("created_at"), STAMP("started_at"), STAMP("finished_at"),
	  INT("progress_current"), INT("progress_total"), OPT("parent_job_id", UUID, "NULL"),
	  OPT("leased_until", STAMP, "NULL"), TEXT("error_code"), TEXT("error_message")}},
	{"job_event",
	 "id",
	 1,
	 0,
	 {INT("id"), UUID("job_id"), STAMP("ts"), TEXT("level"), TEXT("event"), TEXT("message"),
	  JSON("fields")}},
	{"dataset",
	 "id",
	 1,
	 0,
	 {UUID("id"),
	  TEXT("name"),
	  TEXT("operation"),
	  UUID("job_id"),
	  TEXT("storage_backend"),
	  TEXT("key_prefix"),
	  TEXT("train_uri"),
	  TEXT("eval_uri"),
	  TEXT("manifest_uri"),
	  TEXT("schema_sha"),
	  OPT("schema_sha_v2", TEXT, "NULL"),
	  TEXT("manifest_sha"),
	  INT("n_train_rows"),
	  INT("n_eval_rows"),
	  INT("k"),
	  TEXT("annotation_source"),
	  UUID("embedding_config_id"),
	  UUID("ontology_snapshot_id"),
	  JSON("train_snapshot_pairs"),
	  TEXT("eval_snapshot_pair"),
	  TEXT("producer_version"),
	  TEXT("producer_git_sha"),
	  JSON("meta"),
	  STAMP("created_at")}},
	{"bundle_note", "key", 0, 1, {TEXT("key"), TEXT("value")}},
};

const size_t transfer_n_tables = sizeof transfer_tables / sizeof transfer_tables[0];

size_t transfer_n_columns(const struct transfer_table *t)
{
	size_t n = 0;

	while (n < TRANSFER_COLUMNS && t->column[n].name)
		n++;
	return n;
}

static int stop(void *ctx)
{
	(void)ctx;
	return cancel_requested();
}

int transfer_connect(struct pg **out, const char *url, struct err *err)
{
	const struct pg_options opt = {.application = "protea-export", .stop = stop, .tries = 4};
	int rc = pg_open_with(out, url, &opt, err);

	return rc == ERR_CANCELLED ? cancel_check(err) : rc;
}
