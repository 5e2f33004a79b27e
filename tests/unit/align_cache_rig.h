/* What the tests of the alignment cache's file share: rows by number, and files made by hand. The source is
 * included, so that the clock and the lock's patience can be moved. */
#ifndef ALIGN_CACHE_RIG_H
#define ALIGN_CACHE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "prof/base/clock.h"

static int64_t clock_lead_ns;
#define clock_mono_ns() (clock_mono_ns() + clock_lead_ns)
#include "pipeline/align/align_cache.c"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/align_cache_sample.h"
#include "tests/unit/scratch.h"

static inline void digest_of(uint64_t i, char out[MD5_HEX])
{
	uint64_t s = i;

	snprintf(out, MD5_HEX, "%016llx%016llx", (unsigned long long)splitmix(&s),
		 (unsigned long long)i);
}

static inline void insert_number(struct align_cache *c, uint64_t i)
{
	char q[MD5_HEX], r[MD5_HEX];
	struct align_values v = values_of(i);

	digest_of(i, q);
	digest_of(i + 1, r);
	align_cache_insert(c, q, r, &v);
}

/* Looks up the numbers from … from+n-1; checks the values of those found. */
static inline size_t find_numbers(struct align_cache *c, uint64_t from, size_t n)
{
	char(*q)[MD5_HEX] = calloc(n, sizeof *q), (*r)[MD5_HEX] = calloc(n, sizeof *r);
	struct align_values *v = calloc(n, sizeof *v);
	unsigned char *hit = malloc(n);
	size_t hits, seen = 0;

	for (size_t i = 0; i < n; i++) {
		digest_of(from + i, q[i]);
		digest_of(from + i + 1, r[i]);
	}
	memset(hit, 7, n);
	hits = align_cache_lookup(c, (const char(*)[MD5_HEX])q, (const char(*)[MD5_HEX])r, n, v,
				  hit);
	for (size_t i = 0; i < n; i++) {
		struct align_values expected = values_of(from + i);

		assert_in_range(hit[i], 0, 1);
		seen += hit[i];
		if (hit[i])
			assert_memory_equal(&v[i], &expected, sizeof expected);
	}
	assert_int_equal(seen, hits);
	free(q);
	free(r);
	free(v);
	free(hit);
	return hits;
}

static inline struct align_cache *open_at(const char *name)
{
	struct align_cache *c = align_cache_open(scratch(name));

	assert_non_null(c);
	return c;
}

static inline void run(sqlite3 *db, const char *sql)
{
	char *message = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &message) != SQLITE_OK)
		fail_msg("%s: %s", sql, message);
}

/* A cache folder `name` whose file is made by `sql`. */
static inline void make_database(const char *name, const char *sql)
{
	char path[PATH_MAX + 512];
	sqlite3 *db;

	assert_int_equal(fsio_mkdirs(scratch(name), NULL), 0);
	snprintf(path, sizeof path, "%s/alignments.sqlite", scratch(name));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	run(db, sql);
	sqlite3_close(db);
}

static inline int64_t count_rows(const char *name)
{
	char path[PATH_MAX + 512];
	sqlite3_stmt *st;
	sqlite3 *db;
	int64_t n;

	snprintf(path, sizeof path, "%s/alignments.sqlite", scratch(name));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, "SELECT count(*) FROM align", -1, &st, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

#endif
