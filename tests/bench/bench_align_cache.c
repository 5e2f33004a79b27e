/* The alignment cache: rows written and pairs served per second. A file of `rows` pairs is made, then
 * all of it is asked in an order of its own (a second export of the same pairs), and a tenth of it (one
 * model's pairs out of many). One and two threads. Arguments: rows (300,000). Numbers, no verdict. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "pipeline/align/align_cache.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/fsio.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

#define PER_QUERY 15 /* references of a query: three aspects, K = 5 */

static double cpu_s(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void say(const char *what, size_t n, int64_t wall, double cpu)
{
	double s = clock_elapsed_s(wall);

	printf("%-34s %8.0f pairs/s  (%.3f s wall, %.3f s CPU)\n", what, (double)n / s, s,
	       cpu_s() - cpu);
	fflush(stdout);
}

/* Values as two sequences of some 300 letters give them. */
static struct align_values values_of(uint64_t i)
{
	uint64_t h = hash_u64(i + 1);
	double len = 100 + (double)(h % 500), same = (double)(h >> 20 & 63);

	return (struct align_values){
		.identity_nw = same / len,
		.similarity_nw = 2 * same / len,
		.score_nw = 5 * same - 40,
		.gaps_pct_nw = (double)(h >> 30 & 31) / len,
		.length_nw = len,
		.length_query = len - 12,
		.length_ref = len - 30,
		.identity_sw = same / (len - 50),
		.similarity_sw = 2 * same / (len - 50),
		.score_sw = 5 * same,
		.gaps_pct_sw = (double)(h >> 40 & 15) / (len - 50),
		.length_sw = len - 50,
	};
}

struct bench {
	size_t rows, n_texts;
	char (*md5)[MD5_HEX];
	struct align_job *job;
	struct align_values *value;
	unsigned char *hit;
};

static int make(struct bench *b)
{
	size_t i;

	b->n_texts = b->rows / 2 + 2;
	b->md5 = malloc(b->n_texts * sizeof *b->md5);
	b->job = malloc(b->rows * sizeof *b->job);
	b->value = malloc(b->rows * sizeof *b->value);
	b->hit = malloc(b->rows);
	if (!b->md5 || !b->job || !b->value || !b->hit)
		return -1;
	for (i = 0; i < b->n_texts; i++)
		if (md5_hex(&i, sizeof i, b->md5[i]) != 0)
			return -1;
	for (i = 0; i < b->rows; i++)
		b->job[i] = (struct align_job){
			(uint32_t)(i / PER_QUERY),
			(uint32_t)(hash_u64(i) % (b->n_texts / PER_QUERY) * PER_QUERY +
				   i % PER_QUERY)};
	return 0;
}

static void shuffle(struct bench *b)
{
	size_t i;

	for (i = b->rows; i-- > 1;) {
		size_t j = hash_u64(i + 77) % (i + 1);
		struct align_job x = b->job[i];

		b->job[i] = b->job[j];
		b->job[j] = x;
	}
}

static void write_all(const struct bench *b, const char *dir)
{
	struct align_cache *c = align_cache_open(dir);
	int64_t wall = clock_mono_ns();
	double cpu = cpu_s();
	size_t i;

	for (i = 0; c && i < b->rows; i++) {
		struct align_values v = values_of(i);

		align_cache_insert(c, b->md5[b->job[i].query], b->md5[b->job[i].ref], &v);
	}
	align_cache_close(c);
	say("written", b->rows, wall, cpu);
}

static void ask(const struct bench *b, const char *dir, size_t n, size_t workers, const char *what)
{
	struct align_cache *c = align_cache_open(dir);
	int64_t wall = clock_mono_ns();
	double cpu = cpu_s();
	size_t hits;
	char line[80];

	if (!c)
		return;
	hits = align_cache_lookup_jobs(c, (const char(*)[MD5_HEX])b->md5, b->job, n, workers,
				       b->value, b->hit);
	snprintf(line, sizeof line, "%s, %zu thread%s", what, workers, workers > 1 ? "s" : "");
	say(line, n, wall, cpu);
	if (hits != n)
		printf("  only %zu of %zu were there: %s\n", hits, n,
		       align_cache_trouble(c) ? align_cache_trouble(c) : "no trouble");
	align_cache_close(c);
}

int main(int argc, char **argv)
{
	struct bench b = {.rows = argc > 1 ? strtoul(argv[1], NULL, 10) : 300000};
	char dir[] = "/tmp/bench_align_cache.XXXXXX";
	int i;

	if (b.rows < 100 || make(&b) != 0 || !mkdtemp(dir))
		return 1;
	printf("%zu rows\n", b.rows);
	write_all(&b, dir);
	shuffle(&b);
	for (i = 0; i < 3; i++) {
		ask(&b, dir, b.rows, 1, "all of them");
		ask(&b, dir, b.rows, 2, "all of them");
		ask(&b, dir, b.rows / 10, 1, "a tenth");
		ask(&b, dir, b.rows / 10, 2, "a tenth");
	}
	(void)fsio_remove_tree(dir, NULL);
	free(b.md5);
	free(b.job);
	free(b.value);
	free(b.hit);
	return 0;
}
