/* How long a verdict takes: 200 stages and 5,000 functions, each function on two call paths in one stage, in 20 runs of
 * each side (made up; times with a spread of 3 %, counts that do not vary). Medians of rounds, by the clock and of the
 * processor; numbers, no verdict.
 * Arguments: stages, functions, runs of a side. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare.h"
#include "prof/analyze/gate.h"
#include "prof/base/clock.h"
#include "prof/base/hash.h"
#include "tests/unit/gate_rig.h"

#define ROUNDS 5

static size_t stages = 200, functions = 5000, runs = 20;

/* About 1, with that spread. */
static double noise(uint64_t seed, double spread)
{
	double sum = 0;
	uint64_t i;

	for (i = 0; i < 12; i++)
		sum += (double)(hash_u64(seed * 12 + i) >> 11) / 9007199254740992.0;
	return 1 + spread * (sum - 6);
}

static uint32_t frame(struct profile *p, size_t f)
{
	char name[32];

	snprintf(name, sizeof(name), "function_%zu", f);
	p->frames[p->n_frames] = (struct profile_frame){
		.module = 0, .function = made_text(p, name), .line = (uint32_t)f};
	return p->n_frames++;
}

static uint32_t stack(struct profile *p, uint32_t parent, uint32_t of)
{
	p->stacks[p->n_stacks] = (struct profile_stack){
		.parent = parent, .frame = of, .depth = p->stacks[parent].depth + 1};
	return p->n_stacks++;
}

/* main → one of 50 → the function, and main → one of 50 → another of 50 → the function. */
static void fill(struct profile *p, uint64_t run)
{
	uint32_t outer, callers[50], paths[50];
	size_t f, k, n = functions;

	p->frames = calloc(n + 64, sizeof(*p->frames));
	p->stacks = realloc(p->stacks, (3 * n + 256) * sizeof(*p->stacks));
	p->samples = calloc(2 * n + 1, sizeof(*p->samples));
	if (!p->frames || !p->stacks || !p->samples)
		abort();
	made_module(p, "/opt/prog");
	outer = stack(p, 0, frame(p, 1000000));
	for (k = 0; k < 50; k++) {
		callers[k] = frame(p, 2000000 + k);
		paths[k] = stack(p, outer, callers[k]);
	}
	for (f = 0; f < n; f++) {
		uint32_t of = frame(p, f), on[2];

		on[0] = stack(p, paths[f % 50], of);
		on[1] = stack(p, stack(p, paths[(f + 7) % 50], callers[f % 50]), of);
		for (k = 0; k < 2; k++)
			p->samples[p->n_samples++] = (struct profile_sample){
				.kind = PROFILE_CPU,
				.stage = (uint32_t)(f * stages / n),
				.stack = on[k],
				.count = 5,
				.value = (int64_t)(5e6 * noise(f * 2 + k + 1000000 * run, 0.1)),
			};
	}
}

static void make(struct profile *p, size_t at, int group)
{
	size_t s;

	gate_profile(p, (int)(2 * at) + group, "full");
	for (s = 0; s < stages; s++) {
		uint64_t seed = (2 * at + (uint64_t)group) * 1000 + s;
		char name[32];
		uint32_t g;

		snprintf(name, sizeof(name), "stage %zu", s);
		g = made_stage(p, name, PROFILE_NONE, (int64_t)(1e8 * noise(seed, 0.03)));
		p->stages[g].cpu_ns = (int64_t)(9e7 * noise(seed + 500, 0.03));
		p->stages[g].alloc_count = 1000 + (int64_t)s;
		p->stages[g].alloc_bytes = 100000 + (int64_t)s;
		p->stages[g].peak_heap_bytes = 5000 + (int64_t)s;
		p->stages[g].peak_rss_bytes = (int64_t)(1e8 * noise(seed + 700, 0.01));
	}
	fill(p, 2 * at + (uint64_t)group);
}

enum part { VALUES, STACKS, FUNCTIONS, VERDICT, PARTS };
static const char *const names[PARTS] = {"values of the runs", "stacks of the runs",
					 "functions compared", "verdict"};

struct moment {
	int64_t wall, cpu;
};

static struct moment now(void)
{
	return (struct moment){clock_mono_ns(), clock_process_cpu_ns()};
}

struct took {
	double wall, cpu; /* ms */
};

static struct took since(struct moment *from)
{
	struct moment at = now();
	struct took t = {(double)(at.wall - from->wall) / 1e6, (double)(at.cpu - from->cpu) / 1e6};

	*from = at;
	return t;
}

static void turn(struct profile *all, struct took took[PARTS], int tell)
{
	const struct compare_options by = {.kind = PROFILE_CPU};
	const struct gate_options o = {.kind = PROFILE_CPU};
	struct metric_table t = {0};
	struct compare *c = NULL;
	struct gate_result g;
	struct moment from = now();
	size_t i;

	for (i = 0; i < 2 * runs; i++)
		if (metrics_add_run(&t, i % 2, &all[i], NULL))
			abort();
	took[VALUES] = since(&from);
	if (compare_new(&c, &by, NULL))
		abort();
	for (i = 0; i < 2 * runs; i++)
		if (compare_add_run(c, i % 2, &all[i], NULL))
			abort();
	took[STACKS] = since(&from);
	if (compare_finish(c, NULL))
		abort();
	took[FUNCTIONS] = since(&from);
	if (gate_judge(&g, &t, c, &o, NULL))
		abort();
	took[VERDICT] = since(&from);
	if (tell)
		printf("%zu stages, %zu functions, %zu + %zu runs: %zu rows, verdict %s\n", stages,
		       functions, runs, runs, g.n, verdict_name(g.verdict));
	gate_release(&g);
	compare_free(c);
	metrics_release(&t);
}

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Of a part (PARTS: all of them), the middle of the rounds. */
static double middle(struct took took[ROUNDS][PARTS], size_t part, int cpu)
{
	double of[ROUNDS] = {0};
	size_t i, k;

	for (i = 0; i < ROUNDS; i++)
		for (k = 0; k < PARTS; k++)
			if (part == PARTS || part == k)
				of[i] += cpu ? took[i][k].cpu : took[i][k].wall;
	qsort(of, ROUNDS, sizeof(of[0]), by_size);
	return of[ROUNDS / 2];
}

int main(int argc, char **argv)
{
	struct took took[ROUNDS][PARTS];
	struct profile *all;
	size_t i;

	stages = argc > 1 ? strtoul(argv[1], NULL, 10) : stages;
	functions = argc > 2 ? strtoul(argv[2], NULL, 10) : functions;
	runs = argc > 3 ? strtoul(argv[3], NULL, 10) : runs;
	all = calloc(2 * runs + 1, sizeof(*all));
	if (!all || !stages || !functions)
		return 1;
	for (i = 0; i < 2 * runs; i++)
		make(&all[i], i / 2, i % 2);
	for (i = 0; i < ROUNDS; i++)
		turn(all, took[i], i == 0);
	printf("  %-20s %11s %11s\n", "", "clock", "CPU");
	for (i = 0; i <= PARTS; i++)
		printf("  %-20s %8.1f ms %8.1f ms\n", i < PARTS ? names[i] : "all of it",
		       middle(took, i, 0), middle(took, i, 1));
	for (i = 0; i < 2 * runs; i++)
		profile_release(&all[i]);
	free(all);
	return 0;
}
