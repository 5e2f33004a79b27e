/* Any bytes as the SQLite file of ete3; bytes that are no such file become the rows of one, a line
 * "taxid<TAB>track" each and after an empty line "old<TAB>new". What loads answers every taxon. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/lines.h"
#include "pipeline/taxonomy/tax_tree.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char magic[] = "SQLite format 3";

static void run_sql(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		abort();
}

static void insert(sqlite3_stmt *q, char *line)
{
	char *field[2];

	if (lines_split(line, '\t', field, 2) == 2) {
		sqlite3_bind_text(q, 1, field[0], -1, SQLITE_STATIC);
		sqlite3_bind_text(q, 2, field[1], -1, SQLITE_STATIC);
		(void)sqlite3_step(q); /* what a table refuses is not in it */
		sqlite3_reset(q);
	}
}

static void make_database(const char *path, const uint8_t *data, size_t size)
{
	sqlite3_stmt *species, *merged, *q;
	struct err err = ERR_INIT;
	struct lines *in = NULL;
	sqlite3 *db;
	char *line;
	size_t len;

	unlink(path);
	if (sqlite3_open(path, &db) != SQLITE_OK)
		abort();
	run_sql(db, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
		    "CREATE TABLE species (taxid INT, track TEXT);"
		    "CREATE TABLE merged (taxid_old INT, taxid_new INT); BEGIN");
	sqlite3_prepare_v2(db, "INSERT INTO species VALUES (?1, ?2)", -1, &species, NULL);
	sqlite3_prepare_v2(db, "INSERT INTO merged VALUES (?1, ?2)", -1, &merged, NULL);
	q = species;
	if (lines_open_memory(&in, "fuzz", data, size, &err) == 0)
		while (lines_next(in, &line, &len, &err) > 0) {
			if (!len)
				q = merged;
			insert(q, line);
		}
	lines_close(in);
	sqlite3_finalize(species);
	sqlite3_finalize(merged);
	run_sql(db, "COMMIT");
	sqlite3_close(db);
}

static void ask(const struct taxonomy *t)
{
	int64_t lineage[TAXONOMY_MAX_DEPTH];
	struct tax_pair pair;
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		size_t len = taxonomy_lineage(t, t->ids[i], lineage);

		if (t->listed[i] &&
		    (!len || lineage[0] != TAX_ROOT || lineage[len - 1] != t->ids[i]))
			abort();
		taxonomy_compare(t, t->ids[i], t->ids[t->count - 1 - i], &pair);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct taxonomy *t = tax_tree_new("fuzz");
	struct err err = ERR_INIT;
	char path[SCRATCH_PATH];

	if (!t)
		return 0;
	scratch_path(path, "taxa.sqlite");
	if (size >= sizeof magic && memcmp(data, magic, sizeof magic) == 0)
		scratch_write(path, "taxa.sqlite", data, size);
	else
		make_database(path, data, size);
	if (tax_read_ete(t, path, &err) == 0)
		ask(t);
	else if (!err.code || !err.text[0])
		abort();
	taxonomy_close(t);
	return 0;
}
