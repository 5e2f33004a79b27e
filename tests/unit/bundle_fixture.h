/* A small bundle with a known content for tests: two snapshots, two releases, five proteins. */
#ifndef TESTS_BUNDLE_FIXTURE_H
#define TESTS_BUNDLE_FIXTURE_H

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/bundle/schema.h"
#include "pipeline/core/fsio.h"
#include "prof/base/buf.h"

#define SNAP_1   "11111111-0000-4000-8000-000000000001"
#define SNAP_2   "11111111-0000-4000-8000-000000000002"
#define SET_OLD  "22222222-0000-4000-8000-000000000001"
#define SET_NEW  "22222222-0000-4000-8000-000000000002"
#define SET_QGO  "22222222-0000-4000-8000-000000000003"
#define CONFIG_H "33333333-0000-4000-8000-000000000001" /* float16, dimension 4 */
#define CONFIG_F "33333333-0000-4000-8000-000000000002" /* float32, dimension 2 */
#define EVAL_1   "44444444-0000-4000-8000-000000000001"
#define JOB_1    "55555555-0000-4000-8000-000000000001"
#define JOB_2    "55555555-0000-4000-8000-000000000002"

static const char fixture_rows[] =
	"INSERT INTO ontology_snapshot (id, obo_version) VALUES"
	" ('" SNAP_1 "', 'releases/2024-01-17'), ('" SNAP_2 "', 'releases/2025-02-06');"
	"INSERT INTO go_term (id, go_id, aspect, name, is_obsolete, ontology_snapshot_id) VALUES"
	" (1, 'GO:0003674', 'F', 'molecular_function', 0, '" SNAP_1 "'),"
	" (2, 'GO:0008150', 'P', 'biological_process', 0, '" SNAP_1 "'),"
	" (3, 'GO:0005488', 'F', 'binding', 0, '" SNAP_1 "'),"
	" (4, 'GO:0005515', 'F', 'protein binding', 0, '" SNAP_1 "'),"
	" (5, 'GO:0000005', NULL, 'obsolete', 1, '" SNAP_1 "'),"
	" (6, 'GO:0000006', '', 'no aspect', 0, '" SNAP_1 "'),"
	" (11, 'GO:0003674', 'F', 'molecular_function', 0, '" SNAP_2 "'),"
	" (12, 'GO:0005488', 'F', 'binding', 0, '" SNAP_2 "');"
	"INSERT INTO go_term_relationship VALUES"
	" (1, 3, 1, 'is_a', '" SNAP_1 "'), (2, 4, 3, 'is_a', '" SNAP_1 "'),"
	" (3, 4, 2, 'regulates', '" SNAP_1 "'), (4, 4, 2, 'part_of', '" SNAP_1 "'),"
	" (5, 12, 11, 'is_a', '" SNAP_2 "');"
	"INSERT INTO annotation_set VALUES"
	" ('" SET_NEW "', 'goa', '165', '" SNAP_2 "', '2024-06-01T00:00:00Z'),"
	" ('" SET_OLD "', 'goa', '160', '" SNAP_1 "', '2024-01-01T12:30:00.500000Z'),"
	" ('" SET_QGO "', 'quickgo', NULL, '" SNAP_1 "', '2024-01-02T00:00:00Z');"
	"INSERT INTO sequence VALUES (1, 'MKV', 'bc5a0dfbf35ec22ac2c0f8c1e5534d8e'),"
	" (2, 'MKVLA', '78f24a5d046064dc4f4b7bf0b4386891'), (3, '', "
	"'d41d8cd98f00b204e9800998ecf8427e'), (7, 'WWW', '793b899a4f8fdf8109b9b0e71aa0f28e');"
	"INSERT INTO protein VALUES ('P3', 3, ''), ('P1', 1, '9606'), ('A0A', NULL, NULL),"
	" ('P2-2', 2, '10090'), ('P2', 2, '10090');"
	"INSERT INTO protein_go_annotation VALUES"
	" (10, '" SET_OLD "', 'P2', 3, NULL, 'EXP'),"
	" (11, '" SET_NEW "', 'P1', 12, 'enables', 'IDA'),"
	" (12, '" SET_OLD "', 'P1', 4, 'NOT|enables', NULL),"
	" (13, '" SET_OLD "', 'A0A', 2, 'involved_in', 'IEA');"
	"INSERT INTO embedding_config VALUES ('" CONFIG_F "', 'prot_t5'), ('" CONFIG_H "', 'esm2');"
	"INSERT INTO sequence_embedding"
	" (id, sequence_id, embedding_config_id, chunk_index_s, chunk_index_e, embedding_dim,"
	"  embedding) VALUES"
	" (1, 2, '" CONFIG_H "', 0, NULL, 4, x'003c004000420044'),"
	" (2, 1, '" CONFIG_H "', 512, NULL, 4, x'003c003c003c003c'),"
	" (3, 1, '" CONFIG_H "', 0, NULL, 4, x'00bc00bc00bc00bc'),"
	" (4, 1, '" CONFIG_F "', 0, NULL, 2, x'0000803f00000040');"
	"INSERT INTO evaluation_set VALUES"
	" ('" EVAL_1 "', '" SET_OLD "', '" SET_NEW "',"
	"  '{\"pivot_ontology_snapshot_id\": \"" SNAP_2 "\", \"n\": 3}', NULL,"
	"  '2024-07-01T00:00:00Z');"
	"INSERT INTO job (id, operation, queue_name, payload) VALUES"
	" ('" JOB_1 "', 'export_research_dataset', 'protea.training', '{\"k\": 5}');"
	"INSERT INTO bundle_note VALUES ('embeddings:esm2', 'made up for tests');";

/* A fresh folder; `path` of a bundle to be in it. */
static inline void fixture_dir(char dir[PATH_MAX])
{
	const char *base = getenv("TMPDIR");

	snprintf(dir, PATH_MAX, "%s/bundle.XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(dir))
		abort();
}

/* Bytes as a file, without waiting for the disk. */
static inline void fixture_write(const char *path, const void *bytes, size_t n)
{
	FILE *f = fopen(path, "wb");

	if (!f || fwrite(bytes, 1, n, f) != n || fclose(f) != 0)
		abort();
}

static inline void fixture_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK) {
		fprintf(stderr, "%s\n", message);
		abort();
	}
	sqlite3_close(db);
}

/* The fixture under `path`, which must not exist. */
static inline void fixture_make(const char *path)
{
	struct err err = ERR_INIT;
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL) != SQLITE_OK)
		abort();
	if (bundle_schema_create(db, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
	sqlite3_close(db);
	fixture_sql(path, fixture_rows);
}

/* One integer out of a bundle. */
static inline long long fixture_int(const char *path, const char *sql)
{
	sqlite3_stmt *stmt;
	long long value;
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		abort();
	value = sqlite3_step(stmt) == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : LLONG_MIN;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}

#endif
