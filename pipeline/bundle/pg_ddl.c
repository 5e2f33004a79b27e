/* The schema script for PostgreSQL: see pg_ddl.h. */
#include "pipeline/bundle/pg_ddl.h"

static const char types[] = "DO $$ BEGIN\n"
			    "  CREATE TYPE job_status AS ENUM ('QUEUED', 'RUNNING', 'SUCCEEDED', "
			    "'FAILED', 'CANCELLED');\n"
			    "EXCEPTION WHEN duplicate_object THEN NULL;\n"
			    "END $$;\n\n";

static const char tables_before[] = "CREATE TABLE IF NOT EXISTS ontology_snapshot (\n"
				    "  id           uuid PRIMARY KEY,\n"
				    "  obo_version  varchar NOT NULL,\n"
				    "  obo_url      varchar,\n"
				    "  ia_url       varchar,\n"
				    "  loaded_at    timestamptz\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS go_term (\n"
				    "  id                    bigint PRIMARY KEY,\n"
				    "  go_id                 varchar(15) NOT NULL,\n"
				    "  aspect                varchar(1),\n"
				    "  name                  varchar,\n"
				    "  is_obsolete           boolean,\n"
				    "  ontology_snapshot_id  uuid NOT NULL\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS go_term_relationship (\n"
				    "  id                    bigint PRIMARY KEY,\n"
				    "  child_go_term_id      bigint NOT NULL,\n"
				    "  parent_go_term_id     bigint NOT NULL,\n"
				    "  relation_type         varchar(40) NOT NULL,\n"
				    "  ontology_snapshot_id  uuid NOT NULL\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS annotation_set (\n"
				    "  id                    uuid PRIMARY KEY,\n"
				    "  source                varchar NOT NULL,\n"
				    "  source_version        varchar,\n"
				    "  ontology_snapshot_id  uuid NOT NULL,\n"
				    "  created_at            timestamptz NOT NULL DEFAULT now()\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS sequence (\n"
				    "  id             integer PRIMARY KEY,\n"
				    "  sequence       text NOT NULL,\n"
				    "  sequence_hash  varchar(32) NOT NULL\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS protein (\n"
				    "  accession    varchar PRIMARY KEY,\n"
				    "  sequence_id  integer,\n"
				    "  taxonomy_id  varchar\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS protein_go_annotation (\n"
				    "  id                 bigint PRIMARY KEY,\n"
				    "  annotation_set_id  uuid NOT NULL,\n"
				    "  protein_accession  varchar NOT NULL,\n"
				    "  go_term_id         bigint NOT NULL,\n"
				    "  qualifier          varchar,\n"
				    "  evidence_code      varchar\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS embedding_config (\n"
				    "  id          uuid PRIMARY KEY,\n"
				    "  model_name  varchar NOT NULL\n"
				    ");\n\n"

				    "CREATE TABLE IF NOT EXISTS sequence_embedding (\n"
				    "  id                   bigint PRIMARY KEY,\n"
				    "  sequence_id          integer NOT NULL,\n"
				    "  embedding_config_id  uuid NOT NULL,\n"
				    "  chunk_index_s        integer NOT NULL DEFAULT 0,\n"
				    "  chunk_index_e        integer,\n";

static const char tables_after[] = "  embedding_dim        integer NOT NULL\n"
				   ");\n\n"

				   "CREATE TABLE IF NOT EXISTS evaluation_set (\n"
				   "  id                     uuid PRIMARY KEY,\n"
				   "  old_annotation_set_id  uuid NOT NULL,\n"
				   "  new_annotation_set_id  uuid NOT NULL,\n"
				   "  stats                  jsonb NOT NULL DEFAULT '{}',\n"
				   "  groundtruth_uri        varchar(512),\n"
				   "  created_at             timestamptz NOT NULL DEFAULT now()\n"
				   ");\n\n"

				   "CREATE TABLE IF NOT EXISTS job (\n"
				   "  id                uuid PRIMARY KEY,\n"
				   "  operation         text NOT NULL,\n"
				   "  queue_name        text NOT NULL,\n"
				   "  status            job_status NOT NULL DEFAULT 'QUEUED',\n"
				   "  payload           jsonb NOT NULL DEFAULT '{}',\n"
				   "  meta              jsonb NOT NULL DEFAULT '{}',\n"
				   "  created_at        timestamptz NOT NULL DEFAULT now(),\n"
				   "  started_at        timestamptz,\n"
				   "  finished_at       timestamptz,\n"
				   "  progress_current  bigint,\n"
				   "  progress_total    bigint,\n"
				   "  parent_job_id     uuid,\n"
				   "  leased_until      timestamptz,\n"
				   "  error_code        text,\n"
				   "  error_message     text\n"
				   ");\n\n"

				   "CREATE TABLE IF NOT EXISTS job_event (\n"
				   "  id       bigserial PRIMARY KEY,\n"
				   "  job_id   uuid NOT NULL,\n"
				   "  ts       timestamptz NOT NULL DEFAULT now(),\n"
				   "  level    text NOT NULL DEFAULT 'info',\n"
				   "  event    text NOT NULL,\n"
				   "  message  text,\n"
				   "  fields   jsonb NOT NULL DEFAULT '{}'\n"
				   ");\n\n"

				   "CREATE TABLE IF NOT EXISTS dataset (\n"
				   "  id                    uuid PRIMARY KEY,\n"
				   "  name                  varchar(255) NOT NULL,\n"
				   "  operation             varchar(64) NOT NULL,\n"
				   "  job_id                uuid,\n"
				   "  storage_backend       varchar(32) NOT NULL,\n"
				   "  key_prefix            varchar(512) NOT NULL,\n"
				   "  train_uri             varchar(1024),\n"
				   "  eval_uri              varchar(1024),\n"
				   "  manifest_uri          varchar(1024) NOT NULL,\n"
				   "  schema_sha            varchar(16) NOT NULL,\n"
				   "  schema_sha_v2         text,\n"
				   "  manifest_sha          varchar(64),\n"
				   "  n_train_rows          bigint NOT NULL DEFAULT 0,\n"
				   "  n_eval_rows           bigint NOT NULL DEFAULT 0,\n"
				   "  k                     integer NOT NULL,\n"
				   "  annotation_source     varchar(32) NOT NULL,\n"
				   "  embedding_config_id   uuid,\n"
				   "  ontology_snapshot_id  uuid,\n"
				   "  train_snapshot_pairs  jsonb NOT NULL DEFAULT '[]',\n"
				   "  eval_snapshot_pair    varchar(64),\n"
				   "  producer_version      varchar(64),\n"
				   "  producer_git_sha      varchar(40),\n"
				   "  meta                  jsonb NOT NULL DEFAULT '{}',\n"
				   "  created_at            timestamptz NOT NULL DEFAULT now()\n"
				   ");\n\n";

/* Name, table, definition of a constraint. */
static const char *const constraints[][3] = {
	{"ontology_snapshot_obo_version_key", "ontology_snapshot", "UNIQUE (obo_version)"},
	{"go_term_go_id_key", "go_term", "UNIQUE (go_id, ontology_snapshot_id)"},
	{"sequence_sequence_hash_key", "sequence", "UNIQUE (sequence_hash)"},
	{"protein_go_annotation_row_key", "protein_go_annotation",
	 "UNIQUE (annotation_set_id, protein_accession, go_term_id, evidence_code)"},
	{"sequence_embedding_row_key", "sequence_embedding",
	 "UNIQUE (sequence_id, embedding_config_id, chunk_index_s)"},
	{"dataset_name_key", "dataset", "UNIQUE (name)"},
	{"go_term_snapshot_fkey", "go_term",
	 "FOREIGN KEY (ontology_snapshot_id) REFERENCES ontology_snapshot(id)"},
	{"go_term_relationship_snapshot_fkey", "go_term_relationship",
	 "FOREIGN KEY (ontology_snapshot_id) REFERENCES ontology_snapshot(id)"},
	{"go_term_relationship_child_fkey", "go_term_relationship",
	 "FOREIGN KEY (child_go_term_id) REFERENCES go_term(id)"},
	{"go_term_relationship_parent_fkey", "go_term_relationship",
	 "FOREIGN KEY (parent_go_term_id) REFERENCES go_term(id)"},
	{"annotation_set_snapshot_fkey", "annotation_set",
	 "FOREIGN KEY (ontology_snapshot_id) REFERENCES ontology_snapshot(id)"},
	{"protein_sequence_fkey", "protein", "FOREIGN KEY (sequence_id) REFERENCES sequence(id)"},
	{"protein_go_annotation_set_fkey", "protein_go_annotation",
	 "FOREIGN KEY (annotation_set_id) REFERENCES annotation_set(id)"},
	{"protein_go_annotation_protein_fkey", "protein_go_annotation",
	 "FOREIGN KEY (protein_accession) REFERENCES protein(accession)"},
	{"protein_go_annotation_term_fkey", "protein_go_annotation",
	 "FOREIGN KEY (go_term_id) REFERENCES go_term(id)"},
	{"sequence_embedding_sequence_fkey", "sequence_embedding",
	 "FOREIGN KEY (sequence_id) REFERENCES sequence(id)"},
	{"sequence_embedding_config_fkey", "sequence_embedding",
	 "FOREIGN KEY (embedding_config_id) REFERENCES embedding_config(id)"},
	{"evaluation_set_old_fkey", "evaluation_set",
	 "FOREIGN KEY (old_annotation_set_id) REFERENCES annotation_set(id)"},
	{"evaluation_set_new_fkey", "evaluation_set",
	 "FOREIGN KEY (new_annotation_set_id) REFERENCES annotation_set(id)"},
	{"job_parent_fkey", "job", "FOREIGN KEY (parent_job_id) REFERENCES job(id)"},
	{"job_event_job_fkey", "job_event",
	 "FOREIGN KEY (job_id) REFERENCES job(id) ON DELETE CASCADE"},
	{"dataset_job_fkey", "dataset", "FOREIGN KEY (job_id) REFERENCES job(id)"},
	{"dataset_config_fkey", "dataset",
	 "FOREIGN KEY (embedding_config_id) REFERENCES embedding_config(id)"},
	{"dataset_snapshot_fkey", "dataset",
	 "FOREIGN KEY (ontology_snapshot_id) REFERENCES ontology_snapshot(id)"},
};

static const char indexes[] =
	"CREATE INDEX IF NOT EXISTS go_term_snapshot ON go_term (ontology_snapshot_id);\n"
	"CREATE INDEX IF NOT EXISTS go_term_relationship_snapshot ON go_term_relationship"
	" (ontology_snapshot_id);\n"
	"CREATE INDEX IF NOT EXISTS protein_go_annotation_set_protein ON protein_go_annotation"
	" (annotation_set_id, protein_accession);\n"
	"CREATE INDEX IF NOT EXISTS sequence_embedding_config ON sequence_embedding"
	" (embedding_config_id, sequence_id);\n"
	"CREATE INDEX IF NOT EXISTS evaluation_set_pair ON evaluation_set"
	" (old_annotation_set_id, new_annotation_set_id);\n"
	"CREATE INDEX IF NOT EXISTS job_queue ON job (queue_name, status);\n"
	"CREATE INDEX IF NOT EXISTS job_event_job ON job_event (job_id);\n\n";

static const char view[] =
	"DO $$ BEGIN\n"
	"  CREATE OR REPLACE VIEW job_events AS\n"
	"    SELECT id, job_id, event, ts AS created_at, level, message, fields AS payload\n"
	"    FROM job_event;\n"
	"EXCEPTION WHEN OTHERS THEN\n"
	"  RAISE NOTICE 'the view job_events was not made: %', SQLERRM;\n"
	"END $$;\n";

void pg_ddl_tables(struct buf *out, const char *vectors)
{
	buf_puts(out, types);
	buf_puts(out, tables_before);
	buf_printf(out, "  embedding            %s NOT NULL,\n", vectors);
	buf_puts(out, tables_after);
}

/* A constraint has no IF NOT EXISTS: looked for first. */
void pg_ddl_constraints(struct buf *out)
{
	for (size_t i = 0; i < sizeof constraints / sizeof constraints[0]; i++)
		buf_printf(out,
			   "DO $$ BEGIN\n"
			   "  IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = '%s'\n"
			   "      AND conrelid = '%s'::regclass) THEN\n"
			   "    ALTER TABLE %s ADD CONSTRAINT %s\n"
			   "      %s;\n"
			   "  END IF;\n"
			   "END $$;\n\n",
			   constraints[i][0], constraints[i][1], constraints[i][1],
			   constraints[i][0], constraints[i][2]);
}

void pg_ddl_indexes(struct buf *out)
{
	buf_puts(out, indexes);
}

void pg_ddl_view(struct buf *out)
{
	buf_puts(out, view);
}
