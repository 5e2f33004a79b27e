/* Our neighbour search for the comparison with FAISS and NumPy: knn_ours N D Q K THREADS FILE RESULT.npy
 * The file of knn_data.py is the pool, every row a reference; queries are rows at equal steps. Prints one JSON line;
 * the neighbours' rows go to RESULT.npy as int64. */
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "pipeline/knn/knn.h"
#include "prof/base/clock.h"

struct search {
	size_t n, dim, q, k, threads;
	const uint16_t *pool;
	uint32_t *queries, *refs, *counts;
	struct knn_hit *hits;
};

static void die(const char *what)
{
	fprintf(stderr, "knn_ours: %s\n", what);
	exit(1);
}

static void map_pool(struct search *s, const char *path)
{
	size_t bytes = s->n * s->dim * sizeof *s->pool;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint16_t sum = 0;

	s->pool = fd < 0 ? MAP_FAILED
			 : mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (s->pool == MAP_FAILED)
		die("cannot map the file");
	for (size_t i = 0; i < s->n * s->dim; i += 2048)
		sum = (uint16_t)(sum + s->pool[i]);
	close(fd);
	if (sum == 1) /* read, so that no page is missing when the clock runs */
		fputc('\n', stderr);
}

static void make_rows(struct search *s)
{
	s->queries = malloc(s->q * sizeof *s->queries);
	s->refs = malloc(s->n * sizeof *s->refs);
	s->counts = calloc(s->q, sizeof *s->counts);
	s->hits = calloc(s->q * s->k, sizeof *s->hits);
	if (!s->queries || !s->refs || !s->counts || !s->hits)
		die("out of memory");
	for (size_t i = 0; i < s->q; i++)
		s->queries[i] = (uint32_t)(i * (s->n / s->q));
	for (size_t i = 0; i < s->n; i++)
		s->refs[i] = (uint32_t)i;
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + 1e-6 * (double)t->tv_usec;
}

static void write_npy(const struct search *s, const char *path)
{
	FILE *f = fopen(path, "wb");
	char text[118];
	int len = snprintf(text, sizeof text,
			   "{'descr': '<i8', 'fortran_order': False, 'shape': (%zu, %zu), }", s->q,
			   s->k);

	if (!f || len < 0)
		die("cannot write the result");
	memset(text + len, ' ', sizeof text - (size_t)len);
	text[sizeof text - 1] = '\n';
	fwrite("\x93NUMPY\x01\x00\x76\x00", 1, 10, f);
	fwrite(text, 1, sizeof text, f);
	for (size_t i = 0; i < s->q * s->k; i++) {
		int64_t ref = s->hits[i].ref;

		fwrite(&ref, sizeof ref, 1, f);
	}
	if (fclose(f) != 0)
		die("cannot write the result");
}

int main(int argc, char **argv)
{
	struct search s = {0};
	struct knn_params params = {.metric = KNN_COSINE, .threshold = (double)NAN};
	struct err err = ERR_INIT;
	struct rusage before, after;
	int64_t start, took;

	if (argc != 8)
		die("usage: knn_ours N D Q K THREADS FILE RESULT.npy");
	s.n = strtoul(argv[1], NULL, 10);
	s.dim = strtoul(argv[2], NULL, 10);
	s.q = strtoul(argv[3], NULL, 10);
	s.k = strtoul(argv[4], NULL, 10);
	params.k = s.k;
	params.n_workers = strtoul(argv[5], NULL, 10);
	if (s.n == 0 || s.dim == 0 || s.q == 0 || s.q > s.n || s.k == 0)
		die("sizes are wrong");
	map_pool(&s, argv[6]);
	make_rows(&s);
	getrusage(RUSAGE_SELF, &before);
	start = clock_mono_ns();
	if (knn_search(s.pool, s.n, s.dim, s.queries, s.q, s.refs, s.n, &params, s.hits, s.counts,
		       &err) != 0)
		die(err.text);
	took = clock_mono_ns() - start;
	getrusage(RUSAGE_SELF, &after);
	printf("{\"seconds\": %.4f, \"cpu\": %.4f, \"extra_mib\": %.1f, \"gmacs\": %.1f}\n",
	       (double)took / 1e9,
	       seconds(&after.ru_utime) + seconds(&after.ru_stime) - seconds(&before.ru_utime) -
		       seconds(&before.ru_stime),
	       (double)(after.ru_maxrss - before.ru_maxrss) / 1024,
	       (double)s.n * (double)s.dim * (double)s.q / (double)took);
	write_npy(&s, argv[7]);
	return 0;
}
