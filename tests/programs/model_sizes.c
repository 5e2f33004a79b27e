/* Work of a size: model_sizes N. Stage "load" takes N steps, "dedup" N² / 2000, "index" N log2 N, each within "job"; "fixed"
 * the same whatever N. The parameter n is the job's, and dedup's own. */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "protea-prof.h"

static volatile uint64_t sink;

static __attribute__((noinline)) void work(double steps)
{
	uint64_t x = sink, i, n = (uint64_t)(steps * 40);

	for (i = 0; i < n; i++)
		x = x * 6364136223846793005u + i;
	sink = x;
}

static void stage(const char *name, double steps, double n)
{
	pp_stage s = pp_stage_begin(name);

	if (n > 0)
		pp_stage_param(&s, "n", n);
	work(steps);
	pp_stage_end(&s);
}

int main(int argc, char **argv)
{
	double n = argc > 1 ? strtod(argv[1], NULL) : 0;
	pp_stage job;

	if (!(n >= 1) || n > 1e7) {
		fprintf(stderr, "usage: model_sizes N\n");
		return 2;
	}
	job = pp_stage_begin("job");
	pp_stage_param(&job, "n", n);
	stage("fixed", 1000000, 0);
	stage("load", 8 * n, 0);
	stage("dedup", n * n / 2000, n);
	stage("index", n * log2(n) / 2, 0);
	pp_stage_end(&job);
	return 0;
}
