/* Neighbour search: useful arithmetic per second (2 x queries x references x dimension), everything
 * included (widening, norms, ties, normative re-scoring), beside a bare single-threaded OpenBLAS
 * sgemm of the same product, which would still have to be searched. Numbers, no verdict. */
#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/core/half.h"
#include "pipeline/core/workers.h"
#include "pipeline/knn/knn.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"

void openblas_set_num_threads(int n);

static const size_t n_queries = 500, n_refs = 40000, k = 10;

static double gflops(size_t dim, int64_t start_ns)
{
	double work = 2.0 * (double)n_queries * (double)n_refs * (double)dim;

	return work / (double)(clock_mono_ns() - start_ns);
}

static double bench_search(const uint16_t *pool, size_t dim, const uint32_t *rows, size_t workers)
{
	struct knn_params params = {.k = k, .threshold = (double)NAN, .n_workers = workers};
	struct knn_hit *hits = malloc(n_queries * k * sizeof *hits);
	uint32_t *counts = malloc(n_queries * sizeof *counts);
	int64_t start = clock_mono_ns();
	double rate = 0;

	if (hits && counts &&
	    knn_search(pool, n_refs, dim, rows, n_queries, rows, n_refs, &params, hits, counts,
		       NULL) == 0)
		rate = gflops(dim, start);
	free(hits);
	free(counts);
	return rate;
}

static double bench_sgemm(size_t dim)
{
	float *refs = calloc(n_refs, dim * sizeof *refs),
	      *out = malloc(n_queries * n_refs * sizeof *out);
	int64_t start;
	double rate = 0;

	if (refs && out) {
		openblas_set_num_threads(1);
		start = clock_mono_ns();
		cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)n_queries, (int)n_refs,
			    (int)dim, 1.0f, refs, (int)dim, refs, (int)dim, 0.0f, out, (int)n_refs);
		rate = gflops(dim, start);
	}
	free(refs);
	free(out);
	return rate;
}

static int bench_dim(size_t dim)
{
	static const char *const levels[] = {"portable", "avx2", "avx512"};
	uint16_t *pool = malloc(n_refs * dim * sizeof *pool);
	uint32_t *rows = malloc(n_refs * sizeof *rows);
	size_t i, l;

	if (!pool || !rows) {
		free(pool);
		free(rows);
		return -1;
	}
	for (i = 0; i < n_refs * dim; i++)
		pool[i] = half_from_float((float)(hash_u64(i) >> 40) * 0x1p-23f - 1.0f);
	for (i = 0; i < n_refs; i++)
		rows[i] = (uint32_t)i;
	for (l = 0; l < sizeof levels / sizeof *levels; l++) {
		setenv("PROTEA_SIMD", levels[l], 1);
		printf("dim %4zu  up to %-8s  %6.1f GFLOP/s\n", dim, levels[l],
		       bench_search(pool, dim, rows, 1));
	}
	unsetenv("PROTEA_SIMD");
	printf("dim %4zu  %zu threads        %6.1f GFLOP/s\n", dim, workers_cpu_count(),
	       bench_search(pool, dim, rows, workers_cpu_count()));
	printf("dim %4zu  sgemm alone      %6.1f GFLOP/s\n", dim, bench_sgemm(dim));
	free(pool);
	free(rows);
	return 0;
}

int main(void)
{
	return bench_dim(640) || bench_dim(1280) ? EXIT_FAILURE : EXIT_SUCCESS;
}
