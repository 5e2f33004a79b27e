/* Small made-up databases for tests of the rooms that load from a source: rows are added one by one, then
 * opened as a real bundle. Names: world_* builds, world_open() writes and opens. One at a time. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include <string.h>

#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/ontology.h"
#include "pipeline/source/source.h"
#include "tests/unit/bundle_fixture.h"

struct world {
	struct buf sql;
	char dir[PATH_MAX];
	char path[PATH_MAX + 16];
	struct source *source;
	long long next_id; /* of rows whose id is nobody's business */
};

static struct world world;

/* A text as SQL, NULL as NULL; the last eight stay valid. */
static inline const char *world_text(const char *text)
{
	static char quoted[8][256];
	static unsigned at;
	char *out = quoted[at++ % 8];

	if (!text)
		return "NULL";
	snprintf(out, sizeof quoted[0], "'%s'", text);
	return out;
}

static inline void world_sql(const char *sql)
{
	buf_puts(&world.sql, sql);
}

/* Two snapshots, two annotation sets: SET_OLD is bound to `old_snap`, SET_NEW to `new_snap`. */
static inline void world_begin(const char *old_snap, const char *new_snap)
{
	buf_init(&world.sql, BUF_NO_LIMIT);
	world.next_id = 1;
	buf_printf(&world.sql,
		   "BEGIN;"
		   "INSERT INTO ontology_snapshot (id, obo_version) VALUES ('" SNAP_1
		   "', 'one'), ('" SNAP_2 "', 'two');"
		   "INSERT INTO annotation_set VALUES"
		   " ('" SET_OLD "', 'goa', '160', '%s', '2024-01-01T00:00:00Z'),"
		   " ('" SET_NEW "', 'goa', '165', '%s', '2024-06-01T00:00:00Z');"
		   "INSERT INTO embedding_config VALUES ('" CONFIG_H "', 'half'), ('" CONFIG_F
		   "', 'float');",
		   old_snap, new_snap);
}

static inline void world_term(long long id, const char *go, const char *aspect, const char *snap)
{
	buf_printf(&world.sql,
		   "INSERT INTO go_term (id, go_id, aspect, ontology_snapshot_id)"
		   " VALUES (%lld, '%s', %s, '%s');",
		   id, go, world_text(aspect), snap);
}

static inline void world_edge(long long child, long long parent, const char *type, const char *snap)
{
	buf_printf(&world.sql,
		   "INSERT INTO go_term_relationship VALUES (%lld, %lld, %lld, '%s', '%s');",
		   world.next_id++, child, parent, type, snap);
}

/* `sequence` 0: none. Sequences are made as they are met. */
static inline void world_protein(const char *accession, int sequence)
{
	if (sequence)
		buf_printf(&world.sql,
			   "INSERT OR IGNORE INTO sequence VALUES (%d, 'MK%d', 'hash%d');",
			   sequence, sequence, sequence);
	buf_printf(&world.sql, "INSERT INTO protein VALUES ('%s', nullif(%d, 0), NULL);", accession,
		   sequence);
}

/* Rows come to the program in the order of these calls. */
static inline void world_annotation(const char *set, const char *accession, long long term,
				    const char *qualifier, const char *evidence)
{
	buf_printf(&world.sql,
		   "INSERT INTO protein_go_annotation VALUES (%lld, '%s', '%s', %lld, %s, %s);",
		   world.next_id++, set, accession, term, world_text(qualifier),
		   world_text(evidence));
}

/* `hex`: the bytes of the vector. */
static inline void world_embedding(const char *config, int sequence, int chunk, int dim,
				   const char *hex)
{
	buf_printf(&world.sql,
		   "INSERT INTO sequence_embedding VALUES (%lld, %d, '%s', %d, NULL, %d, x'%s');",
		   world.next_id++, sequence, config, chunk, dim, hex);
}

static inline void world_open(void)
{
	struct err err = ERR_INIT;
	sqlite3 *db;

	world_sql("COMMIT;");
	if (buf_failed(&world.sql))
		abort();
	fixture_dir(world.dir);
	snprintf(world.path, sizeof world.path, "%s/world.bundle", world.dir);
	if (sqlite3_open(world.path, &db) != SQLITE_OK || bundle_schema_create(db, &err) < 0)
		abort();
	sqlite3_close(db);
	fixture_sql(world.path, world.sql.data);
	buf_release(&world.sql);
	if (source_open(&world.source, world.path, SOURCE_READ, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static inline void world_close(void)
{
	source_close(world.source);
	world.source = NULL;
	if (fsio_remove_tree(world.dir, NULL) != 0)
		abort();
}

/* The ontology of both snapshots with SNAP_1 as the pivot, finished. */
static inline void world_ontology(struct ontology *o)
{
	static const char *const natives[] = {SNAP_2, SNAP_1};
	struct err err = ERR_INIT;

	if (ontology_load(o, world.source, SNAP_1, natives, 2, &err) != 0 ||
	    ontology_finish(o, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static inline void world_annset(struct annset *a, const char *set, const char *snap,
				const struct ontology *o, struct dict *accessions,
				struct dict *strings)
{
	struct err err = ERR_INIT;

	if (annset_load(a, world.source, set, o, ontology_snapshot_index(o, snap), accessions,
			strings, &err) != 0) {
		fprintf(stderr, "%s\n", err.text);
		abort();
	}
}

static inline uint32_t world_go(const struct ontology *o, const char *go)
{
	uint32_t number = ontology_find(o, go, strlen(go));

	if (number == GO_NONE)
		abort();
	return number;
}

#endif
