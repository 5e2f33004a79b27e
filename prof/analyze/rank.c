/* Order, shifts and rank tests: see rank.h. */
#include "prof/analyze/rank.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INSERTION 24 /* so few values are sorted by insertion */

/* ---- order ---------------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void rank_sort(double *values, size_t n)
{
	size_t i, k;

	if (n > INSERTION) {
		qsort(values, n, sizeof(*values), ascending);
		return;
	}
	for (i = 1; i < n; i++) {
		double v = values[i];

		for (k = i; k > 0 && values[k - 1] > v; k--)
			values[k] = values[k - 1];
		values[k] = v;
	}
}

/* Never overflows. */
static double between(double a, double b)
{
	return a / 2 + b / 2;
}

double rank_median_of_sorted(const double *sorted, size_t n)
{
	if (n == 0)
		return (double)NAN;
	return n % 2 ? sorted[n / 2] : between(sorted[n / 2 - 1], sorted[n / 2]);
}

double rank_median(double *values, size_t n)
{
	rank_sort(values, n);
	return rank_median_of_sorted(values, n);
}

/* ---- shifts --------------------------------------------------------------------------------------- */

/* Numbers in the order of their values: neighbouring doubles have neighbouring keys. */
static uint64_t key_of(double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double value_of(uint64_t key)
{
	uint64_t bits = key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key;
	double v;

	memcpy(&v, &bits, sizeof(v));
	return v;
}

/* How many Walsh averages are at most t: a walk along the staircase. */
static uint64_t walsh_up_to(const double *x, size_t n, double t)
{
	uint64_t count = 0;
	size_t i, end = n;

	for (i = 0; i < n; i++) {
		while (end > 0 && between(x[i], x[end - 1]) > t)
			end--;
		if (end <= i)
			break;
		count += end - i;
	}
	return count;
}

double rank_walsh(const double *x, size_t n, size_t k)
{
	uint64_t lo = key_of(x[0]), hi = key_of(x[n - 1]);

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (walsh_up_to(x, n, value_of(mid)) > k)
			hi = mid;
		else
			lo = mid + 1;
	}
	return value_of(lo) + 0.0; /* never -0 */
}

double rank_walsh_median(const double *x, size_t n)
{
	size_t m = n * (n + 1) / 2;

	if (n == 0)
		return (double)NAN;
	if (m % 2)
		return rank_walsh(x, n, m / 2);
	return between(rank_walsh(x, n, m / 2 - 1), rank_walsh(x, n, m / 2));
}

static uint64_t differences_up_to(const double *a, size_t n_a, const double *b, size_t n_b,
				  double t)
{
	uint64_t count = 0;
	size_t i, end = 0;

	for (i = 0; i < n_a; i++) {
		while (end < n_b && b[end] - a[i] <= t)
			end++;
		count += end;
	}
	return count;
}

double rank_difference(const double *a, size_t n_a, const double *b, size_t n_b, size_t k)
{
	uint64_t lo = key_of(b[0] - a[n_a - 1]), hi = key_of(b[n_b - 1] - a[0]);

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (differences_up_to(a, n_a, b, n_b, value_of(mid)) > k)
			hi = mid;
		else
			lo = mid + 1;
	}
	return value_of(lo) + 0.0;
}

double rank_difference_median(const double *a, size_t n_a, const double *b, size_t n_b)
{
	size_t m = n_a * n_b;

	if (m == 0)
		return (double)NAN;
	if (m % 2)
		return rank_difference(a, n_a, b, n_b, m / 2);
	return between(rank_difference(a, n_a, b, n_b, m / 2 - 1),
		       rank_difference(a, n_a, b, n_b, m / 2));
}

/* ---- the normal distribution ---------------------------------------------------------------------- */

double rank_normal_above(double z)
{
	return 0.5 * erfc(z / sqrt(2));
}

double rank_normal_quantile(double tail)
{
	double lo = -40, hi = 40;
	int i;

	for (i = 0; i < 64; i++) {
		double mid = (lo + hi) / 2;

		if (rank_normal_above(mid) > tail)
			lo = mid;
		else
			hi = mid;
	}
	return (lo + hi) / 2;
}

/* ---- null distributions, counted out -------------------------------------------------------------- */

#define SIGNED_SUM (RANK_EXACT * (RANK_EXACT + 1))           /* of doubled ranks */
#define SUM_SUM    (RANK_EXACT_TIES * (RANK_EXACT_TIES + 1)) /* likewise */
#define U_MAX      (RANK_EXACT * RANK_EXACT / 4)

/* count[s]: in how many of 2^n ways the ranks of one sign add up to s. Exact: below 2^53. */
static size_t signed_counts(double *count, const unsigned *ranks, size_t n)
{
	size_t sum = 0, i, s;

	count[0] = 1;
	for (i = 0; i < n; i++) {
		size_t r = ranks[i];

		memset(count + sum + 1, 0, r * sizeof(*count));
		for (s = sum + r; s >= r && s != SIZE_MAX; s--)
			count[s] += count[s - r];
		sum += r;
	}
	return sum;
}

/* count[u]: in how many of C(n_a + n_b, n_a) ways u pairs are in descending order: the coefficients of the Gaussian
 * binomial, built up factor by factor, each product of which is one too. Exact: n_a + n_b <= RANK_EXACT. */
static size_t sum_counts(double *count, size_t n_a, size_t n_b)
{
	size_t max = n_a * n_b, i, u;

	memset(count, 0, (max + 1) * sizeof(*count));
	count[0] = 1;
	for (i = 1; i <= n_a; i++) {
		size_t top = i * n_b;

		for (u = top; u >= n_b + i && u != SIZE_MAX; u--)
			count[u] -= count[u - n_b - i];
		for (u = i; u <= top; u++)
			count[u] += count[u - i];
	}
	return max;
}

static double total_of(const double *count, size_t from, size_t to)
{
	double total = 0;

	for (; from <= to; from++)
		total += count[from];
	return total;
}

/* The largest c of which the chance that a value of the distribution is below c is at most `tail`. */
static size_t critical(const double *count, size_t max, double tail)
{
	double all = total_of(count, 0, max), below = 0;
	size_t c;

	for (c = 0; c <= max; c++) {
		below += count[c];
		if (below > tail * all)
			break;
	}
	return c;
}

/* ---- tests ---------------------------------------------------------------------------------------- */

struct item {
	double size;
	int up; /* its sign, or its group */
};
_Static_assert(sizeof(struct item) == 2 * sizeof(double), "rank.h says how much room they need");

static int by_size(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

static void sort_items(struct item *items, size_t n)
{
	size_t i, k;

	if (n > INSERTION) {
		qsort(items, n, sizeof(*items), by_size);
		return;
	}
	for (i = 1; i < n; i++) {
		struct item it = items[i];

		for (k = i; k > 0 && items[k - 1].size > it.size; k--)
			items[k] = items[k - 1];
		items[k] = it;
	}
}

/* First of the next group: items[i … end-1] are equal. The doubled mean rank of theirs is i + 1 + end. */
static size_t tie_end(const struct item *items, size_t n, size_t i)
{
	size_t end = i + 1;

	while (end < n && !(items[end].size > items[i].size))
		end++;
	return end;
}

/* Of the normal approximation: `by` is the statistic above its mean. */
static void normal_p(struct rank_p *p, double by, double variance, double continuity)
{
	double sd = sqrt(variance);

	p->up = p->down = 1;
	if (!(sd > 0))
		return;
	p->up = rank_normal_above((by - continuity) / sd);
	p->down = rank_normal_above((-by - continuity) / sd);
}

static void signed_normal(struct rank_p *p, const struct item *items, size_t n)
{
	double by = 0, variance = 0;
	size_t i, end, k;

	for (i = 0; i < n; i = end) {
		double rank;

		end = tie_end(items, n, i);
		rank = (double)(i + 1 + end) / 2;
		for (k = i; k < end && items[k].size > 0; k++) {
			by += items[k].up ? rank / 2 : -rank / 2;
			variance += rank * rank / 4;
		}
	}
	normal_p(p, by, variance, 0.5);
}

static void signed_exact(struct rank_p *p, const struct item *items, size_t n)
{
	double count[SIGNED_SUM + 1], all;
	unsigned ranks[RANK_EXACT] = {0};
	size_t i, end, k, used = 0, at = 0, max;

	for (i = 0; i < n; i = end) {
		end = tie_end(items, n, i);
		for (k = i; k < end && items[k].size > 0; k++) {
			ranks[used++] = (unsigned)(i + 1 + end);
			at += items[k].up ? i + 1 + end : 0;
		}
	}
	max = signed_counts(count, ranks, used);
	all = ldexp(1, (int)used);
	p->up = total_of(count, at, max) / all;
	p->down = total_of(count, 0, at) / all;
}

void rank_signed(struct rank_p *p, const double *d, size_t n, double shift, double *room)
{
	struct item *items = (struct item *)(void *)room;
	size_t i;

	for (i = 0; i < n; i++) {
		double v = d[i] - shift;

		items[i] = (struct item){fabs(v), v > 0};
	}
	sort_items(items, n);
	if (n <= RANK_EXACT)
		signed_exact(p, items, n);
	else
		signed_normal(p, items, n);
}

/* With the tie correction of the variance; `at`: doubled rank sum of b. */
static void sum_normal(struct rank_p *p, const struct item *items, size_t n_a, size_t n_b,
		       size_t at)
{
	double n = (double)(n_a + n_b), m = (double)n_b, ties = 0;
	size_t i, end;

	for (i = 0; i < n_a + n_b; i = end) {
		double t;

		end = tie_end(items, n_a + n_b, i);
		t = (double)(end - i);
		ties += t * t * t - t;
	}
	normal_p(p, (double)at / 2 - m * (n + 1) / 2,
		 m * (double)n_a / 12 * (n + 1 - ties / (n * (n - 1))), 0.5);
}

/* Sums of doubled ranks of all choices of n_b items, with their ties. */
static void sum_exact_ties(struct rank_p *p, const struct item *items, size_t n_a, size_t n_b,
			   size_t at)
{
	static const size_t width = SUM_SUM + 1;
	double count[(RANK_EXACT_TIES / 2 + 1) * (SUM_SUM + 1)], all;
	size_t n = n_a + n_b, m = n_b, total = n * (n + 1), i, end, k, s, chosen;

	if (n_b > n_a) { /* the smaller group is counted */
		m = n_a;
		at = total - at;
	}
	memset(count, 0, (m + 1) * width * sizeof(*count));
	count[0] = 1;
	for (i = 0; i < n; i = end) {
		size_t rank;

		end = tie_end(items, n, i);
		rank = i + 1 + end;
		for (k = i; k < end; k++)
			for (chosen = k + 1 < m ? k + 1 : m; chosen > 0; chosen--)
				for (s = rank; s <= total; s++)
					count[chosen * width + s] +=
						count[(chosen - 1) * width + s - rank];
	}
	all = total_of(count + m * width, 0, total);
	p->up = total_of(count + m * width, at, total) / all;
	p->down = total_of(count + m * width, 0, at) / all;
	if (n_b > n_a) {
		double up = p->up;

		p->up = p->down;
		p->down = up;
	}
}

static void sum_exact(struct rank_p *p, size_t n_a, size_t n_b, size_t at)
{
	double count[U_MAX + 1], all;
	size_t max = sum_counts(count, n_a, n_b), u = at / 2 - n_b * (n_b + 1) / 2;

	all = total_of(count, 0, max);
	p->up = total_of(count, u, max) / all;
	p->down = total_of(count, 0, u) / all;
}

void rank_sum(struct rank_p *p, const double *a, size_t n_a, const double *b, size_t n_b,
	      double shift, double *room)
{
	struct item *items = (struct item *)(void *)room;
	size_t n = n_a + n_b, i, end, k, at = 0;
	int tied = 0;

	p->up = p->down = 1;
	if (n_a == 0 || n_b == 0)
		return;
	for (i = 0; i < n; i++)
		items[i] = i < n_a ? (struct item){a[i], 0} : (struct item){b[i - n_a] - shift, 1};
	sort_items(items, n);
	for (i = 0; i < n; i = end) {
		end = tie_end(items, n, i);
		tied |= end > i + 1;
		for (k = i; k < end; k++)
			at += items[k].up ? i + 1 + end : 0;
	}
	if (!tied && n <= RANK_EXACT)
		sum_exact(p, n_a, n_b, at);
	else if (n <= RANK_EXACT_TIES)
		sum_exact_ties(p, items, n_a, n_b, at);
	else
		sum_normal(p, items, n_a, n_b, at);
}

double rank_signed_least(size_t n)
{
	return n < 1000 ? ldexp(1, -(int)n) : 0;
}

double rank_sum_least(size_t n_a, size_t n_b)
{
	double ways = 1;
	size_t i;

	for (i = 1; i <= n_a && ways < 1e300; i++)
		ways *= (double)(n_b + i) / (double)i;
	return 1 / ways;
}

/* ---- intervals ------------------------------------------------------------------------------------ */

/* As critical(), of a normal distribution around half of `max`. */
static size_t normal_critical(double max, double variance, double tail)
{
	double c = max / 2 - rank_normal_quantile(tail) * sqrt(variance) - 0.5;

	return c > 0 ? (size_t)c : 0;
}

void rank_signed_interval(const double *x, size_t n, double tail, double *lo, double *hi)
{
	size_t m = n * (n + 1) / 2, c, i;

	*lo = -(double)INFINITY;
	*hi = (double)INFINITY;
	if (n <= RANK_EXACT) {
		double count[SIGNED_SUM / 2 + 1];
		unsigned ranks[RANK_EXACT] = {0};

		for (i = 0; i < n; i++)
			ranks[i] = (unsigned)i + 1;
		c = critical(count, signed_counts(count, ranks, n), tail);
	} else {
		double count = (double)n;

		c = normal_critical((double)m, count * (count + 1) * (2 * count + 1) / 24, tail);
	}
	if (c == 0)
		return;
	*lo = rank_walsh(x, n, c - 1);
	*hi = rank_walsh(x, n, m - c);
}

void rank_sum_interval(const double *a, size_t n_a, const double *b, size_t n_b, double tail,
		       double *lo, double *hi)
{
	size_t m = n_a * n_b, c;

	*lo = -(double)INFINITY;
	*hi = (double)INFINITY;
	if (m == 0)
		return;
	if (n_a + n_b <= RANK_EXACT) {
		double count[U_MAX + 1];

		c = critical(count, sum_counts(count, n_a, n_b), tail);
	} else {
		double x = (double)n_a, y = (double)n_b;

		c = normal_critical(x * y, x * y * (x + y + 1) / 12, tail);
	}
	if (c == 0)
		return;
	*lo = rank_difference(a, n_a, b, n_b, c - 1);
	*hi = rank_difference(a, n_a, b, n_b, m - c);
}
