/* Making the schema and bringing older stores forward. Private to prof/store and its tests. */
#ifndef STORE_MIGRATE_H
#define STORE_MIGRATE_H

#include <sqlite3.h>

/* From version `from` to `from + 1`. */
struct store_step {
	int from;
	const char *sql;
};

/* Applies the steps that lead from `version` to `target` and sets user_version; the caller holds a
 * write transaction. SQLITE_OK, what SQLite said, or SQLITE_MISMATCH when a step is missing. */
int store_migrate_steps(sqlite3 *db, const struct store_step *steps, int n_steps, int version,
			int target);

#endif
