/* Decisions: time of 1,000 series, and how often they err on recorded noise (tests/golden/noise): false alarms of whole
 * comparisons, power, coverage, and what groups give that ran one after the other. The tables of docs/statistics.md.
 * Numbers, no verdict. Arguments: comparisons per line (200; 0: only the times). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/rank.h"
#include "prof/base/clock.h"
#include "tests/unit/trials.h"

static const char *const recordings[] = {"neighbour", "neighbours", "crowded"};
static const char *const orders[] = {"coin", "ABBA/BAAB", "fixed"};

/* ---- time ---- */

static void time_series(size_t n, int paired)
{
	struct decide_scratch scratch = {0};
	struct decide_rule rule = {.relative = 0.02};
	double a[TRIAL_PAIRS], b[TRIAL_PAIRS];
	struct decision d;
	struct dice g;
	int64_t start;
	size_t i, k;

	dice_seed(&g, 1);
	start = clock_process_cpu_ns();
	for (k = 0; k < 1000; k++) {
		for (i = 0; i < n; i++) {
			a[i] = 1 + 0.1 * dice_uniform(&g);
			b[i] = 1 + 0.1 * dice_uniform(&g);
		}
		decide(&d, &(struct decide_series){a, b, n, n, paired, 1}, &rule, &scratch);
	}
	printf("1,000 series of %2zu %s: %6.1f ms of CPU time\n", n,
	       paired ? "pairs      " : "and as many",
	       (double)(clock_process_cpu_ns() - start) / 1e6);
	decide_scratch_release(&scratch);
}

static void time_family(size_t n)
{
	struct decision *d = calloc(n, sizeof(*d));
	int64_t start;
	struct dice g;
	size_t i;

	if (!d)
		return;
	dice_seed(&g, 1);
	for (i = 0; i < n; i++) {
		d[i].test = DECIDE_PAIRED;
		d[i].p = dice_uniform(&g);
		d[i].worse = 1;
	}
	start = clock_process_cpu_ns();
	decide_family(d, n, 0.01);
	printf("%zu series together: %.1f ms\n", n, (double)(clock_process_cpu_ns() - start) / 1e6);
	free(d);
}

/* ---- rates ---- */

static double part(size_t n, size_t of)
{
	return of ? 100.0 * (double)n / (double)of : 0;
}

static void show(const char *name, const struct rates *r, int looks)
{
	printf("%-34s regression %5.1f  improved %5.1f  ok %5.1f  inconclusive %5.1f", name,
	       part(r->of[VERDICT_REGRESSION], r->trials), part(r->of[VERDICT_IMPROVED], r->trials),
	       part(r->of[VERDICT_OK], r->trials), part(r->of[VERDICT_INCONCLUSIVE], r->trials));
	if (looks)
		printf("  pairs %.1f\n", (double)r->stopped_at / (double)r->trials);
	else
		printf("  covered %5.1f\n", part(r->covered, r->trials));
	fflush(stdout);
}

static struct trial trial_of(const struct noise *noise, size_t width, size_t pairs)
{
	struct trial t = {.noise = noise,
			  .pairs = pairs,
			  .width = width,
			  .relative = 0.02,
			  .absolute = 1e6,
			  .order = NOISE_QUADS};

	dice_seed(&t.dice, 17);
	return t;
}

/* How often 20 pairs of runs of 4 processes look as if a change were certain to 0.1 %, either way: 0.2 % if all is well.
 * Of wall and CPU time of the run, and of one stage in each of its processes. */
static void orders_of(const struct noise *noise, const char *name)
{
	enum { COMPARISONS = 3000, PAIRS = 20 };
	int order;
	size_t k, i, c;

	for (order = NOISE_COIN; order <= NOISE_FIXED; order++) {
		struct dice g;

		printf("%-11s p <= 0.001, %-10s", name, orders[order]);
		dice_seed(&g, 11);
		for (k = 0; k < 4; k++) {
			size_t sure = 0;

			for (c = 0; c < COMPARISONS; c++) {
				double d[PAIRS], room[2 * PAIRS];
				struct noise_draw at;
				struct rank_p p;

				noise_turns(noise, &g, PAIRS, 4, (enum noise_order)order, &at);
				for (i = 0; i < PAIRS; i++)
					d[i] = log(noise_value(noise, at.b[i], 4, k) /
						   noise_value(noise, at.a[i], 4, k));
				rank_signed(&p, d, PAIRS, 0, room);
				sure += p.up <= 0.001 || p.down <= 0.001;
			}
			printf(" %5.2f", part(sure, COMPARISONS));
		}
		printf("\n");
	}
}

/* Whole comparisons, all pairs judged at once. */
static void families(const struct noise *noise, const char *name, size_t pairs, size_t trials)
{
	static double rows[TRIAL_ROWS][2][TRIAL_PAIRS];
	struct decision d[TRIAL_ROWS];
	int order;

	for (order = NOISE_COIN; order <= NOISE_FIXED; order++) {
		struct trial t = trial_of(noise, 4, pairs);
		size_t i, alarms = 0, better = 0;

		t.order = (enum noise_order)order;
		for (i = 0; i < trials; i++) {
			size_t n = trial_rows(&t, rows);

			trial_family(&t, d, rows, n, t.pairs);
			alarms += trial_claims(d, n, VERDICT_REGRESSION) != 0;
			better += trial_claims(d, n, VERDICT_IMPROVED) != 0;
		}
		printf("%-11s 160 series, %zu pairs, %-10s regression anywhere %4.1f, "
		       "improvement anywhere %4.1f\n",
		       name, pairs, orders[order], part(alarms, trials), part(better, trials));
		fflush(stdout);
		decide_scratch_release(&t.scratch);
	}
}

static void looks(const struct noise *noise, const char *name, size_t trials)
{
	static const double effects[] = {0, 0.05, 0.1};
	size_t width, e, i;
	char text[64];

	for (width = 1; width <= 8; width *= 8)
		for (e = 0; e < 3; e++) {
			struct trial t = trial_of(noise, width, 20);
			struct rates r = {0};

			t.stages = 5;
			t.effect = effects[e];
			for (i = 0; i < trials; i++)
				trial_looks(&t, &r);
			snprintf(text, sizeof(text), "%s, %.2f s, %+.0f %%", name,
				 0.042 * (double)width, 100 * effects[e]);
			show(text, &r, 1);
			decide_scratch_release(&t.scratch);
		}
}

static void series(const struct noise *noise, const char *name, int groups, size_t trials)
{
	static const size_t sizes[] = {5, 7, 10, 20, 40};
	size_t s, i;
	char text[64];

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct trial t = trial_of(noise, 1, sizes[s]);
		struct rates r = {0};

		t.groups = groups;
		for (i = 0; i < trials; i++)
			trial_one(&t, &r, 0);
		snprintf(text, sizeof(text), "%s, %zu %s", name, sizes[s],
			 groups ? "then as many" : "pairs");
		show(text, &r, 0);
		decide_scratch_release(&t.scratch);
	}
}

int main(int argc, char **argv)
{
	static struct noise noise;
	size_t trials = argc > 1 ? strtoul(argv[1], NULL, 10) : 200, i;

	time_series(10, 1);
	time_series(20, 1);
	time_series(40, 1);
	time_series(10, 0);
	time_series(20, 0);
	time_family(100000);
	for (i = 0; trials > 0 && i < 3; i++) {
		if (noise_read(&noise, recordings[i]) != 0)
			return 1;
		printf("-- %s: a program with itself, %% of %zu comparisons\n", recordings[i],
		       trials);
		orders_of(&noise, recordings[i]);
		families(&noise, recordings[i], 10, trials);
		families(&noise, recordings[i], 20, trials);
		printf("%-11s 20 pairs, +5 %% of one stage of 20, 0.34 s: found %4.1f\n",
		       recordings[i], part(trial_one_stage(&noise, 0.05, trials), trials));
		printf("-- %s: wall time of one series\n", recordings[i]);
		series(&noise, recordings[i], 0, trials);
		printf("-- %s: the same, one group after the other\n", recordings[i]);
		series(&noise, recordings[i], 1, trials);
		printf("-- %s: 5 stages with looks, at most 20 pairs\n", recordings[i]);
		looks(&noise, recordings[i], trials);
	}
	return 0;
}
