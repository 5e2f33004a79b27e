/* Comparisons of recorded noise, judged as `gate` does: how often is something claimed? */
#ifndef TESTS_TRIALS_H
#define TESTS_TRIALS_H

#include "prof/analyze/decide.h"
#include "prof/analyze/sequential.h"
#include "tests/unit/noise.h"

#define TRIAL_PAIRS 64
#define TRIAL_ROWS  200

struct trial {
	const struct noise *noise;
	struct dice dice;
	struct decide_scratch scratch;
	size_t width; /* recorded processes that make one run */
	size_t pairs;
	int groups; /* one after the other */
	int mixed;  /* what is said of groups */
	enum noise_order order;
	double relative, absolute, alpha, size;
	/* The candidate takes so much more: of everything, or of one process of the run alone. */
	double effect;
	size_t only;   /* 1 …: that process; 0: everything */
	size_t stages; /* of 40, in trial_rows(); 0: all */
};

struct rates {
	size_t trials, of[4], covered, stopped_at, reasons[DECIDE_REASONS];
};

static inline void trial_draw(struct trial *t, struct noise_draw *d)
{
	if (t->groups)
		noise_groups(t->noise, &t->dice, t->pairs, t->width, d);
	else
		noise_turns(t->noise, &t->dice, t->pairs, t->width, t->order, d);
}

/* Value k of processes [first, first + n) of the run that begins at `at`. */
static inline double trial_value(const struct trial *t, size_t at, size_t first, size_t n, size_t k,
				 int candidate)
{
	double v = noise_value(t->noise, at + first, n, k);

	if (!candidate)
		return v;
	if (t->only == 0)
		return v * (1 + t->effect);
	if (first < t->only && t->only <= first + n)
		v += t->effect * noise_value(t->noise, at + t->only - 1, 1, k);
	return v;
}

static inline int trial_decide(struct trial *t, struct decision *d, const double *a,
			       const double *b, size_t n, int whole)
{
	struct decide_rule r = {.relative = t->relative,
				.absolute = t->absolute,
				.alpha = t->alpha,
				.size = t->size,
				.whole = whole};

	return decide(d, &(struct decide_series){a, b, n, n, !t->groups, t->mixed}, &r,
		      &t->scratch);
}

static inline void trial_count(struct rates *r, const struct decision *d, double effect)
{
	r->trials++;
	r->of[d->verdict]++;
	r->reasons[d->reason]++;
	r->covered += d->lo <= effect && effect <= d->hi;
}

/* One series: value k of the whole run. */
static inline void trial_one(struct trial *t, struct rates *r, size_t k)
{
	double a[TRIAL_PAIRS], b[TRIAL_PAIRS];
	struct noise_draw at;
	struct decision d;
	size_t i;

	trial_draw(t, &at);
	for (i = 0; i < t->pairs; i++) {
		a[i] = trial_value(t, at.a[i], 0, t->width, k, 0);
		b[i] = trial_value(t, at.b[i], 0, t->width, k, 1);
	}
	trial_decide(t, &d, a, b, t->pairs, 0);
	trial_count(r, &d, t->effect);
}

/* ---- a whole comparison ---- */

#define TRIAL_STAGES 40

/* A run of several processes as 40 stages: itself, each process, each of their 5 stages, and stages around two neighbours
 * of those; of each, wall time, CPU time, CPU time as samples would tell it (1,000 a second), and memory in use (pages,
 * nearly the same in each run). They have in common what the recording has. */
struct trial_stage {
	size_t first, n;     /* processes */
	size_t stage, until; /* stages of a process; 0 … 0: the whole process */
};

static inline size_t trial_stages(struct trial_stage *s, size_t width)
{
	size_t n = 0, p, k;

	s[n++] = (struct trial_stage){0, width, 0, 0};
	for (p = 0; p < width; p++)
		s[n++] = (struct trial_stage){p, 1, 0, 0};
	for (p = 0; p < width; p++)
		for (k = 0; k < NOISE_STAGES && n < TRIAL_STAGES; k++)
			s[n++] = (struct trial_stage){p, 1, k, k + 1};
	for (p = 0; p < width; p++)
		for (k = 0; k + 1 < NOISE_STAGES && n < TRIAL_STAGES; k++)
			s[n++] = (struct trial_stage){p, 1, k, k + 2};
	return n;
}

static inline double trial_metric(struct trial *t, const struct trial_stage *s, size_t metric,
				  size_t at, int candidate)
{
	double wall = 0, cpu = 0;
	size_t k;

	if (s->until == 0) {
		wall = trial_value(t, at, s->first, s->n, 0, candidate);
		cpu = trial_value(t, at, s->first, s->n, 1, candidate);
	}
	for (k = s->stage; k < s->until; k++) {
		wall += trial_value(t, at, s->first, s->n, 2 + 2 * k, candidate);
		cpu += trial_value(t, at, s->first, s->n, 3 + 2 * k, candidate);
	}
	switch (metric) {
	case 0:
		return wall;
	case 1:
		return cpu;
	case 2:
		return 1e6 * (double)(long)(cpu / 1e6 + dice_uniform(&t->dice));
	default:
		return 40e6 + 4096.0 * dice_below(&t->dice, 100) + cpu / 100;
	}
}

/* Draws one comparison into rows[TRIAL_ROWS][2][TRIAL_PAIRS]; returns how many. Row 0 … 3 are the whole run's. */
static inline size_t trial_rows(struct trial *t, double (*rows)[2][TRIAL_PAIRS])
{
	struct trial_stage stages[TRIAL_STAGES];
	size_t n, i, s, metric;
	struct noise_draw at;

	if (t->width == 0)
		t->width = 4;
	n = trial_stages(stages, t->width);
	if (t->stages)
		n = t->stages;
	trial_draw(t, &at);
	for (s = 0; s < n; s++)
		for (metric = 0; metric < 4; metric++)
			for (i = 0; i < t->pairs; i++) {
				rows[4 * s + metric][0][i] =
					trial_metric(t, &stages[s], metric, at.a[i], 0);
				rows[4 * s + metric][1][i] =
					trial_metric(t, &stages[s], metric, at.b[i], 1);
			}
	return 4 * n;
}

/* As `gate` does: a stage's part of the run's value of the same metric, both sides taken together. */
static inline void trial_weigh(struct decision *d, size_t n, const struct decision *whole)
{
	size_t i;

	for (i = 0; i < n; i++)
		d[i].weight =
			(d[i].base + d[i].candidate) / (whole[i % 4].base + whole[i % 4].candidate);
}

/* Judges the first n pairs of all rows together. */
static inline int trial_family(struct trial *t, struct decision *d, double (*rows)[2][TRIAL_PAIRS],
			       size_t n_rows, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n_rows && rc == 0; i++)
		rc = trial_decide(t, &d[i], rows[i][0], rows[i][1], n, i < 4);
	trial_weigh(d, n_rows, d);
	return rc ? rc : decide_family(d, n_rows, t->alpha);
}

static inline int trial_claims(const struct decision *d, size_t n, enum verdict v)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (d[i].verdict == v)
			return 1;
	return 0;
}

/* Looks as `gate --exec` does, until a look says stop; of[]: verdicts of the whole comparison, as `gate` joins them: a
 * regression of any row, else what is open of the whole run, else an improvement. */
static inline void trial_looks(struct trial *t, struct rates *r)
{
	static double rows[TRIAL_ROWS][2][TRIAL_PAIRS];
	struct decision d[TRIAL_ROWS];
	struct sequential s;
	size_t n_rows = trial_rows(t, rows), n;

	sequential_start(&s, t->pairs, 0, 0);
	for (n = 1; n <= t->pairs; n++) {
		if (!sequential_due(&s, n))
			continue;
		sequential_look(&s, n);
		t->alpha = s.alpha_now;
		t->size = s.size_now;
		trial_family(t, d, rows, n_rows, n);
		if (sequential_stops(&s, d, 4) != SEQUENTIAL_GO_ON ||
		    trial_claims(d, n_rows, VERDICT_REGRESSION))
			break;
	}
	r->trials++;
	r->stopped_at += s.n;
	if (trial_claims(d, n_rows, VERDICT_REGRESSION))
		r->of[VERDICT_REGRESSION]++;
	else if (trial_claims(d, 4, VERDICT_INCONCLUSIVE))
		r->of[VERDICT_INCONCLUSIVE]++;
	else if (trial_claims(d, n_rows, VERDICT_IMPROVED))
		r->of[VERDICT_IMPROVED]++;
	else
		r->of[VERDICT_OK]++;
}

/* One stage of 20 with 4 times each, of 8 processes, takes so much more; the others and the run as a whole are unchanged.
 * In how many of `rounds` comparisons of 20 pairs is it found? */
static inline size_t trial_one_stage(const struct noise *noise, double effect, size_t rounds)
{
	static double rows[TRIAL_ROWS][2][TRIAL_PAIRS];
	struct trial slower = {.noise = noise,
			       .pairs = 20,
			       .width = 8,
			       .relative = 0.02,
			       .absolute = 1e6,
			       .stages = 1,
			       .effect = effect,
			       .order = NOISE_QUADS};
	struct trial same = slower;
	struct decision d[TRIAL_ROWS];
	size_t round, found = 0, i, n;

	same.effect = 0;
	same.stages = 19;
	dice_seed(&slower.dice, 43);
	dice_seed(&same.dice, 44);
	for (round = 0; round < rounds; round++) {
		n = trial_rows(&slower, rows);
		n += trial_rows(&same, rows + n);
		for (i = 0; i < n; i++)
			trial_decide(&same, &d[i], rows[i][0], rows[i][1], 20, 4 <= i && i < 8);
		trial_weigh(d, n, d + 4);
		if (decide_family(d, n, 0.01) != 0)
			break;
		found += (size_t)trial_claims(d, 4, VERDICT_REGRESSION);
	}
	decide_scratch_release(&same.scratch);
	return found;
}

#endif
