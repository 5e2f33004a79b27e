/* work_sqlite ROWS: inserts rows into a SQLite table in memory with an index, a statement each, then reads
 * them in order. Prints nanoseconds of wall time per row. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int run(sqlite3 *db, const char *sql)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int load(sqlite3 *db, long rows)
{
	unsigned state = 1;
	long i;

	for (i = 0; i < rows; i++) {
		char *sql;
		int rc;

		state = state * 1664525u + 1013904223u;
		sql = sqlite3_mprintf("INSERT INTO t VALUES(%ld, %u, 'name %u')", i, state >> 8,
				      state >> 16);
		rc = sql ? run(db, sql) : SQLITE_NOMEM;
		sqlite3_free(sql);
		if (rc)
			return rc;
	}
	return run(db, "SELECT count(*), sum(length(name)) FROM t ORDER BY key");
}

int main(int argc, char **argv)
{
	long rows = argc > 1 ? strtol(argv[1], NULL, 10) : 100000;
	struct timespec a, b;
	sqlite3 *db;

	if (sqlite3_open(":memory:", &db))
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &a);
	if (run(db, "CREATE TABLE t(id INTEGER PRIMARY KEY, key INTEGER, name TEXT)") ||
	    run(db, "CREATE INDEX i ON t(key)") || run(db, "BEGIN") || load(db, rows) ||
	    run(db, "COMMIT"))
		return 1;
	clock_gettime(CLOCK_MONOTONIC, &b);
	sqlite3_close(db);
	printf("%.2f\n", ((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
				 (double)rows);
	return 0;
}
