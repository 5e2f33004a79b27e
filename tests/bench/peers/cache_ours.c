/* Pairs served from a warm alignment cache: cache_ours FOLDER ROUNDS
 * Every key of FOLDER/alignments.sqlite is asked for, as a run asks whose pairs are all there; opening the file is not
 * timed. Prints one JSON line a round. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pipeline/align/align_cache.h"
#include "prof/base/clock.h"

struct keys {
	char (*query)[MD5_HEX], (*ref)[MD5_HEX];
	size_t n;
};

static void die(const char *what)
{
	fprintf(stderr, "cache_ours: %s\n", what);
	exit(1);
}

static void add_key(struct keys *k, const char *text)
{
	if (strlen(text) < 2 * MD5_HEX - 1)
		die("a key is no key");
	if ((k->n & (k->n - 1)) == 0) {
		size_t room = k->n ? 2 * k->n : 1;

		k->query = realloc(k->query, room * sizeof *k->query);
		k->ref = realloc(k->ref, room * sizeof *k->ref);
		if (!k->query || !k->ref)
			die("out of memory");
	}
	snprintf(k->query[k->n], MD5_HEX, "%s", text);
	snprintf(k->ref[k->n], MD5_HEX, "%s", text + MD5_HEX);
	k->n++;
}

/* In the order of the rows, which is that of earlier runs, not of the keys. */
static void read_keys(struct keys *k, const char *folder)
{
	char path[4096];
	sqlite3 *db;
	sqlite3_stmt *q;

	snprintf(path, sizeof path, "%s/alignments.sqlite", folder);
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, "SELECT k FROM align ORDER BY rowid", -1, &q, NULL) != SQLITE_OK)
		die("cannot read the cache");
	while (sqlite3_step(q) == SQLITE_ROW)
		add_key(k, (const char *)sqlite3_column_text(q, 0));
	sqlite3_finalize(q);
	sqlite3_close(db);
	if (k->n == 0)
		die("the cache is empty");
}

int main(int argc, char **argv)
{
	struct keys k = {0};
	struct align_values *values;
	unsigned char *hit;

	if (argc != 3)
		die("usage: cache_ours FOLDER ROUNDS");
	read_keys(&k, argv[1]);
	values = calloc(k.n, sizeof *values);
	hit = calloc(k.n, 1);
	if (!values || !hit)
		die("out of memory");
	for (unsigned long round = strtoul(argv[2], NULL, 10); round > 0; round--) {
		struct align_cache *c = align_cache_open(argv[1]);
		int64_t start = clock_mono_ns(), took;
		clock_t cpu = clock();
		size_t hits;

		if (!c || align_cache_trouble(c))
			die("the cache does not open");
		hits = align_cache_lookup(c, (const char(*)[MD5_HEX])k.query,
					  (const char(*)[MD5_HEX])k.ref, k.n, values, hit);
		took = clock_mono_ns() - start;
		cpu = clock() - cpu;
		printf("{\"seconds\": %.4f, \"cpu\": %.4f, \"pairs\": %zu, \"hits\": %zu}\n",
		       (double)took / 1e9, (double)cpu / CLOCKS_PER_SEC, k.n, hits);
		align_cache_close(c);
	}
	return 0;
}
