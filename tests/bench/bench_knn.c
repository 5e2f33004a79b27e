/* Neighbour search on clustered unit vectors: useful arithmetic per second (2 x wanted products x
 * dimension), everything included (sets, packing, scan, normative distances), the time by part and
 * what the bounds let through; then three targets that share queries and most references against
 * three searches; beside them a bare OpenBLAS sgemm of the same products, which would still have to
 * be searched. Numbers, no verdict.
 *   bench_knn [references dimension queries]      default 50000 1024 500 */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/knn/knn.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

void openblas_set_num_threads(int n);

enum { K = 10, CLUSTERS = 2000, TARGETS = 3 };

struct data {
	size_t n, dim, n_queries;
	uint16_t *pool;
	uint32_t *rows, *queries; /* references of one search, its queries */
	uint32_t *aspect[TARGETS];
	size_t n_aspect[TARGETS];
	struct knn_hit *hits;
	uint32_t *counts;
};

static float noise(uint64_t seed) /* about normal: the sum of four uniform values */
{
	float sum = 0;

	for (uint64_t i = 0; i < 4; i++)
		sum += (float)(hash_u64(seed * 4 + i) >> 40) * 0x1p-24f - 0.5f;
	return sum * 1.73f;
}

/* A row: its cluster's centre and as much noise again. */
static void make_row(const struct data *d, size_t row, float *x)
{
	uint64_t cluster = hash_u64(row) % CLUSTERS;
	double norm = 0;
	size_t i;

	for (i = 0; i < d->dim; i++) {
		x[i] = noise(cluster * d->dim + i) + noise(((uint64_t)row + CLUSTERS) * d->dim + i);
		norm += (double)x[i] * (double)x[i];
	}
	for (i = 0; i < d->dim; i++)
		d->pool[row * d->dim + i] = half_from_float(x[i] / (float)sqrt(norm));
}

static int make_item(void *ctx, size_t worker, size_t item, struct err *err)
{
	struct data *d = ctx;
	float *x = malloc(d->dim * sizeof *x);
	size_t row;

	(void)worker;
	if (!x)
		return err_nomem(err, "a row");
	for (row = item * 1000; row < d->n && row < (item + 1) * 1000; row++)
		make_row(d, row, x);
	free(x);
	return 0;
}

static int data_make(struct data *d)
{
	size_t i, t;

	d->pool = malloc(d->n * d->dim * sizeof *d->pool);
	d->rows = malloc(d->n * sizeof *d->rows);
	d->queries = malloc(d->n_queries * sizeof *d->queries);
	d->hits = malloc(TARGETS * d->n_queries * K * sizeof *d->hits);
	d->counts = malloc(TARGETS * d->n_queries * sizeof *d->counts);
	for (t = 0; t < TARGETS; t++)
		d->aspect[t] = malloc(d->n * sizeof **d->aspect);
	if (!d->pool || !d->rows || !d->queries || !d->hits || !d->counts || !d->aspect[0] ||
	    !d->aspect[1] || !d->aspect[2])
		return -1;
	for (i = 0; i < d->n; i++) {
		d->rows[i] = (uint32_t)i;
		for (t = 0; t < TARGETS; t++)
			if (hash_u64(i * TARGETS + t) % 4) /* three quarters of the rows each */
				d->aspect[t][d->n_aspect[t]++] = (uint32_t)i;
	}
	for (i = 0; i < d->n_queries; i++)
		d->queries[i] = (uint32_t)(hash_u64(i + 77) % d->n);
	return workers_run(workers_cpu_count(), (d->n + 999) / 1000, make_item, d, NULL);
}

static void data_release(struct data *d)
{
	free(d->pool);
	free(d->rows);
	free(d->queries);
	free(d->hits);
	free(d->counts);
	for (size_t t = 0; t < TARGETS; t++)
		free(d->aspect[t]);
}

static double cpu_seconds(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       1e-6 * (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

struct spent {
	double wall, cpu;
};

static struct spent since(int64_t wall_ns, double cpu)
{
	return (struct spent){1e-9 * (double)(clock_mono_ns() - wall_ns), cpu_seconds() - cpu};
}

static void print_rate(const char *what, const struct data *d, double n_refs, struct spent s)
{
	double work = 2e-9 * (double)d->n_queries * n_refs * (double)d->dim;

	printf("%-28s %7.3f s  %7.1f GFLOP/s  %7.1f per CPU second\n", what, s.wall, work / s.wall,
	       work / s.cpu);
}

static void print_stats(const struct data *d, const struct knn_stats *s)
{
	double all = (double)(s->set_ns + s->pack_ns + s->product_ns + s->settle_ns) / 100;

	printf("  per query: %.1f of %zu rows past the scores, %.1f past float32; time: sets %.1f "
	       "%%, "
	       "packing %.1f %%, products and scan %.1f %%, re-scoring %.1f %%\n",
	       (double)s->picked / (double)d->n_queries, d->n,
	       (double)s->measured / (double)d->n_queries, (double)s->set_ns / all,
	       (double)s->pack_ns / all, (double)s->product_ns / all, (double)s->settle_ns / all);
}

static struct knn_target target(const struct data *d, size_t t, const uint32_t *refs, size_t n)
{
	return (struct knn_target){d->queries,
				   d->n_queries,
				   refs,
				   n,
				   d->hits + t * d->n_queries * K,
				   d->counts + t * d->n_queries};
}

static int bench_one(const struct data *d, const char *level, size_t workers, int counted)
{
	struct knn_stats stats = {0};
	struct knn_params params = {.k = K,
				    .threshold = (double)NAN,
				    .n_workers = workers,
				    .stats = counted ? &stats : NULL};
	struct knn_target t = target(d, 0, d->rows, d->n);
	int64_t wall = clock_mono_ns();
	double cpu = cpu_seconds();
	char what[64];

	if (knn_search_many(d->pool, d->n, d->dim, &t, 1, &params, NULL) != 0)
		return -1;
	snprintf(what, sizeof what, "search, up to %s, %zu thr.", level, workers);
	print_rate(what, d, (double)d->n, since(wall, cpu));
	if (counted)
		print_stats(d, &stats);
	return 0;
}

static int bench_three(const struct data *d, size_t workers)
{
	struct knn_params params = {.k = K, .threshold = (double)NAN, .n_workers = workers};
	struct knn_target targets[TARGETS];
	double n_refs = 0, cpu = cpu_seconds();
	int64_t wall = clock_mono_ns();
	size_t t;

	for (t = 0; t < TARGETS; t++) {
		targets[t] = target(d, t, d->aspect[t], d->n_aspect[t]);
		n_refs += (double)d->n_aspect[t];
		if (knn_search_many(d->pool, d->n, d->dim, &targets[t], 1, &params, NULL) != 0)
			return -1;
	}
	print_rate("three aspects, three passes", d, n_refs, since(wall, cpu));
	wall = clock_mono_ns();
	cpu = cpu_seconds();
	if (knn_search_many(d->pool, d->n, d->dim, targets, TARGETS, &params, NULL) != 0)
		return -1;
	print_rate("three aspects, one pass", d, n_refs, since(wall, cpu));
	return 0;
}

static void bench_sgemm(const struct data *d, int threads)
{
	const size_t tile = 4096; /* references per product */
	float *refs = calloc(tile, d->dim * sizeof *refs);
	float *queries = calloc(d->n_queries, d->dim * sizeof *queries);
	float *out = malloc(d->n_queries * tile * sizeof *out);
	int64_t wall;
	double cpu;
	size_t i;

	if (refs && queries && out) {
		openblas_set_num_threads(threads);
		wall = clock_mono_ns();
		cpu = cpu_seconds();
		for (i = 0; i + tile <= d->n; i += tile) {
			half_to_floats(d->pool + i * d->dim, refs, tile * d->dim);
			cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)d->n_queries,
				    (int)tile, (int)d->dim, 1.0f, queries, (int)d->dim, refs,
				    (int)d->dim, 0.0f, out, (int)tile);
		}
		print_rate(threads == 1 ? "sgemm alone, 1 thr." : "sgemm alone, 2 thr.", d,
			   (double)(d->n / tile * tile), since(wall, cpu));
	}
	free(refs);
	free(queries);
	free(out);
}

static int bench(struct data *d)
{
	static const char *const levels[] = {"portable", "avx2", "avx512", "amx"};
	struct knn_params params = {.k = K, .n_workers = 2};
	size_t l;
	int rc = 0;

	printf("%zu references, %zu queries, dimension %zu, k %d; pool %.1f MiB, a search at most "
	       "%.1f MiB beside it\n",
	       d->n, d->n_queries, d->dim, K, (double)(d->n * d->dim * 2) / 1048576,
	       (double)knn_memory_needed(d->n_queries, d->n, d->dim, &params) / 1048576);
	for (l = 0; rc == 0 && l < sizeof levels / sizeof *levels; l++) {
		setenv("PROTEA_SIMD", levels[l], 1);
		rc = bench_one(d, levels[l], 1, 0);
	}
	unsetenv("PROTEA_SIMD");
	if (rc == 0)
		rc = bench_one(d, "any", 1, 1);
	bench_sgemm(d, 1);
	if (rc == 0)
		rc = bench_one(d, "any", 2, 1);
	bench_sgemm(d, 2);
	if (rc == 0)
		rc = bench_three(d, 2);
	return rc;
}

int main(int argc, char **argv)
{
	struct data d = {.n = 50000, .dim = 1024, .n_queries = 500};
	int rc;

	if (argc == 4) {
		d.n = strtoul(argv[1], NULL, 10);
		d.dim = strtoul(argv[2], NULL, 10);
		d.n_queries = strtoul(argv[3], NULL, 10);
	}
	rc = data_make(&d) ? -1 : bench(&d);
	data_release(&d);
	return rc ? EXIT_FAILURE : EXIT_SUCCESS;
}
