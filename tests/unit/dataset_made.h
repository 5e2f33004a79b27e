/* A row of table dataset, of the fixture's job. */
#ifndef TESTS_DATASET_MADE_H
#define TESTS_DATASET_MADE_H

#include "pipeline/source/source.h"
#include "tests/unit/bundle_fixture.h"

static inline struct source_dataset dataset(const char *id, const char *name)
{
	return (struct source_dataset){
		.id = id,
		.name = name,
		.operation = "export_research_dataset",
		.job_id = JOB_1,
		.storage_backend = "local",
		.key_prefix = "datasets/d/",
		.train_uri = "file:///d/train.parquet",
		.manifest_uri = "file:///d/manifest.json",
		.schema_sha = "6d97a624b8a7",
		.manifest_sha = "00",
		.n_train_rows = INT64_C(5000000000),
		.k = 5,
		.annotation_source = "goa",
		.embedding_config_id = CONFIG_H,
		.ontology_snapshot_id = SNAP_1,
		.train_snapshot_pairs_json = "[\"v160-v165\"]",
		.producer_version = "0.1.0",
		.created_at_ns = INT64_C(1704112200500000000),
	};
}

#endif
