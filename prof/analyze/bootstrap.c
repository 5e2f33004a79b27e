/* Bootstrap of Hodges-Lehmann shifts: see bootstrap.h.
 *
 * A resampled shift is never reckoned anew: the averages (or differences) of a resample are those of the sample, each
 * as often as both its values were drawn. So they are sorted once, and a round is a walk along them to the place where
 * half of the weight lies. Shifts are kept as counts of such places, from which quantiles are read. */
#include "prof/analyze/bootstrap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/rank.h"

#define SEED  UINT64_C(0x70726f746561)
#define STEPS 260000 /* of walks per interval, about: many values get fewer rounds */

/* ---- generator ------------------------------------------------------------------------------------ */

static uint64_t rotl(uint64_t x, int k)
{
	return x << k | x >> (64 - k);
}

void dice_seed(struct dice *g, uint64_t seed)
{
	int i;

	for (i = 0; i < 4; i++) {
		uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

		z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
		z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
		g->s[i] = z ^ z >> 31;
	}
}

uint64_t dice_next(struct dice *g)
{
	uint64_t *s = g->s, out = rotl(s[1] * 5, 7) * 9, t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

/* D. Lemire's multiplication (ACM TOMACS 29, 2019); a bias below 2^-32 x bound is let be. */
uint32_t dice_below(struct dice *g, uint32_t bound)
{
	return (uint32_t)((dice_next(g) >> 32) * bound >> 32);
}

double dice_uniform(struct dice *g)
{
	return ((double)(dice_next(g) >> 11) + 0.5) * 0x1p-53;
}

/* ---- places --------------------------------------------------------------------------------------- */

/* An average or difference of values i and j of the sample, by where their weights are. */
struct place {
	double value;
	uint16_t u, v;
};

struct boot {
	struct place *places; /* ascending */
	size_t m;
	uint32_t *seen;  /* 2 m: shifts at place k are at 2 k, between k and k + 1 at 2 k + 1 */
	uint32_t *u, *v; /* weights */
	size_t rounds;
};

static int by_value(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	return (x->value > y->value) - (x->value < y->value);
}

static size_t places_of_one(size_t n)
{
	return n * (n + 1) / 2;
}

static size_t room_of(size_t m, size_t weights)
{
	return m * sizeof(struct place) + (2 * m + weights) * sizeof(uint32_t);
}

size_t bootstrap_room_one(size_t n)
{
	return n > BOOTSTRAP_VALUES_MAX ? 0 : room_of(places_of_one(n), 3 * n);
}

size_t bootstrap_room_two(size_t n_a, size_t n_b)
{
	if (n_a > BOOTSTRAP_VALUES_MAX || n_b > BOOTSTRAP_VALUES_MAX)
		return 0;
	return room_of(n_a * n_b, n_a + n_b);
}

static void boot_init(struct boot *t, void *room, size_t m, size_t weights)
{
	t->places = room;
	t->m = m;
	t->seen = (uint32_t *)(void *)(t->places + m);
	t->u = t->seen + 2 * m;
	memset(t->seen, 0, 2 * m * sizeof(*t->seen));
	t->rounds = STEPS / (m / 2 + 2 * weights + 1);
	if (t->rounds > BOOTSTRAP_ROUNDS_MAX)
		t->rounds = BOOTSTRAP_ROUNDS_MAX;
	if (t->rounds < BOOTSTRAP_ROUNDS_MIN)
		t->rounds = BOOTSTRAP_ROUNDS_MIN;
}

/* Where half of the weight `all` lies. */
static size_t walk(const struct boot *t, uint64_t all)
{
	const struct place *p = t->places;
	const uint32_t *u = t->u, *v = t->v;
	uint64_t sum = 0;
	size_t k;

	for (k = 0;; k++) {
		sum += (uint64_t)2 * u[p[k].u] * v[p[k].v];
		if (sum >= all)
			break;
	}
	return 2 * k + (sum == all);
}

/* The next place that weighs anything. */
static size_t after(const struct boot *t, size_t k)
{
	for (k++; k < t->m - 1 && t->u[t->places[k].u] * t->v[t->places[k].v] == 0; k++)
		;
	return k;
}

static double value_at(const struct boot *t, size_t place)
{
	size_t k = place / 2, next = place % 2 && k + 1 < t->m ? k + 1 : k;

	return t->places[k].value / 2 + t->places[next].value / 2;
}

/* ---- BCa ------------------------------------------------------------------------------------------ */

/* The place below which that part of the rounds lies. */
static double quantile(const struct boot *t, double part)
{
	double want = part * (double)(t->rounds + 1), sum = 0;
	size_t k, last = 0;

	for (k = 0; k < 2 * t->m; k++) {
		sum += t->seen[k];
		if (t->seen[k])
			last = k;
		if (sum >= want && sum > 0)
			break;
	}
	return value_at(t, k < 2 * t->m ? k : last);
}

/* Bias: the normal quantile of the part of rounds below the shift itself, equal ones half. */
static double bias_of(const struct boot *t, double shift)
{
	double below = 0;
	size_t k;

	for (k = 0; k < 2 * t->m; k++) {
		double v;

		if (!t->seen[k])
			continue;
		v = value_at(t, k);
		if (v > shift)
			break;
		below += v < shift ? t->seen[k] : t->seen[k] / 2.0;
	}
	below = (below + 0.5) / ((double)t->rounds + 1);
	return -rank_normal_quantile(below);
}

/* Adds to the sums of which the acceleration is made: of shifts without each one of the values (jackknife). */
static void accelerate(const double *shifts, size_t n, double *cubes, double *squares)
{
	double mean = 0;
	size_t i;

	for (i = 0; i < n; i++)
		mean += shifts[i] / (double)n;
	for (i = 0; i < n; i++) {
		double by = (mean - shifts[i]) * (double)(n - 1) / (double)n;

		*cubes += by * by * by;
		*squares += by * by;
	}
}

static double part_of(double z0, double a, double z)
{
	double by = z0 + z, divisor = 1 - a * by;

	if (!(divisor > 0.1)) /* skewed beyond what the formula is for */
		divisor = 0.1;
	return 1 - rank_normal_above(z0 + by / divisor);
}

static void bounds(const struct boot *t, double shift, double a, double tail, double *lo,
		   double *hi)
{
	double z = rank_normal_quantile(tail), z0 = bias_of(t, shift);

	*lo = quantile(t, part_of(z0, a, -z));
	*hi = quantile(t, part_of(z0, a, z));
}

static double acceleration(double cubes, double squares)
{
	return squares > 0 ? cubes / (6 * pow(squares, 1.5)) : 0;
}

/* ---- one sample ----------------------------------------------------------------------------------- */

/* Weights of pairs i < j are 2 c_i c_j and of i = j: c_i (c_i + 1), so u has c_i, and v has 2 c_i, then c_i + 1. */
static void weigh_one(struct boot *t, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		t->v[i] = 2 * t->u[i];
		t->v[n + i] = t->u[i] + 1;
	}
}

static void places_one(struct boot *t, const double *x, size_t n)
{
	size_t i, j, k = 0;

	for (i = 0; i < n; i++)
		for (j = i; j < n; j++)
			t->places[k++] = (struct place){x[i] / 2 + x[j] / 2, (uint16_t)i,
							(uint16_t)(i == j ? n + i : j)};
	qsort(t->places, t->m, sizeof(*t->places), by_value);
}

static double shift_of(const struct boot *t, uint64_t all)
{
	size_t place = walk(t, all), k = place / 2;

	if (place % 2)
		return t->places[k].value / 2 + t->places[after(t, k)].value / 2;
	return t->places[k].value;
}

static double acceleration_one(struct boot *t, size_t n)
{
	double shifts[BOOTSTRAP_VALUES_MAX], cubes = 0, squares = 0;
	size_t i;

	for (i = 0; i < n; i++)
		t->u[i] = 1;
	for (i = 0; i < n; i++) {
		t->u[i] = 0;
		weigh_one(t, n);
		shifts[i] = shift_of(t, n * (n - 1));
		t->u[i] = 1;
	}
	accelerate(shifts, n, &cubes, &squares);
	return acceleration(cubes, squares);
}

int bootstrap_one(const double *x, size_t n, double tail, void *room, double *lo, double *hi)
{
	struct boot t;
	struct dice g;
	size_t round, i;
	double a;

	if (n < 2 || n > BOOTSTRAP_VALUES_MAX)
		return -1;
	boot_init(&t, room, places_of_one(n), n);
	t.v = t.u + n;
	places_one(&t, x, n);
	a = acceleration_one(&t, n);
	dice_seed(&g, SEED);
	for (round = 0; round < t.rounds; round++) {
		memset(t.u, 0, n * sizeof(*t.u));
		for (i = 0; i < n; i++)
			t.u[dice_below(&g, (uint32_t)n)]++;
		weigh_one(&t, n);
		t.seen[walk(&t, n * (n + 1))]++;
	}
	bounds(&t, rank_walsh_median(x, n), a, tail, lo, hi);
	return 0;
}

/* ---- two samples ---------------------------------------------------------------------------------- */

static void places_two(struct boot *t, const double *a, size_t n_a, const double *b, size_t n_b)
{
	size_t i, j, k = 0;

	for (i = 0; i < n_a; i++)
		for (j = 0; j < n_b; j++)
			t->places[k++] = (struct place){b[j] - a[i], (uint16_t)i, (uint16_t)j};
	qsort(t->places, t->m, sizeof(*t->places), by_value);
}

/* Shifts without each value of one group; `weights` are that group's. */
static void without_each(struct boot *t, uint32_t *weights, size_t n, size_t n_other, double *cubes,
			 double *squares)
{
	double shifts[BOOTSTRAP_VALUES_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		weights[i] = 0;
		shifts[i] = shift_of(t, (n - 1) * n_other);
		weights[i] = 1;
	}
	accelerate(shifts, n, cubes, squares);
}

static double acceleration_two(struct boot *t, size_t n_a, size_t n_b)
{
	double cubes = 0, squares = 0;
	size_t i;

	for (i = 0; i < n_a + n_b; i++)
		t->u[i] = 1;
	without_each(t, t->u, n_a, n_b, &cubes, &squares);
	without_each(t, t->v, n_b, n_a, &cubes, &squares);
	return acceleration(cubes, squares);
}

int bootstrap_two(const double *a, size_t n_a, const double *b, size_t n_b, double tail, void *room,
		  double *lo, double *hi)
{
	struct boot t;
	struct dice g;
	size_t round, i;
	double acc;

	if (n_a < 2 || n_b < 2 || n_a > BOOTSTRAP_VALUES_MAX || n_b > BOOTSTRAP_VALUES_MAX)
		return -1;
	boot_init(&t, room, n_a * n_b, n_a + n_b);
	t.v = t.u + n_a;
	places_two(&t, a, n_a, b, n_b);
	acc = acceleration_two(&t, n_a, n_b);
	dice_seed(&g, SEED);
	for (round = 0; round < t.rounds; round++) {
		memset(t.u, 0, (n_a + n_b) * sizeof(*t.u));
		for (i = 0; i < n_a; i++)
			t.u[dice_below(&g, (uint32_t)n_a)]++;
		for (i = 0; i < n_b; i++)
			t.v[dice_below(&g, (uint32_t)n_b)]++;
		t.seen[walk(&t, n_a * n_b)]++;
	}
	bounds(&t, rank_difference_median(a, n_a, b, n_b), acc, tail, lo, hi);
	return 0;
}
