/* Shifts of values by ranks, without assumptions on how they are distributed: estimates (J. L. Hodges and
 * E. L. Lehmann, Ann. Math. Stat. 34, 1963), exact tests (F. Wilcoxon, Biometrics Bulletin 1, 1945; H. B. Mann and
 * D. R. Whitney, Ann. Math. Stat. 18, 1947), and the intervals that follow from them (M. Hollander and D. A. Wolfe,
 * Nonparametric Statistical Methods, 1973, chapters 3 and 4). Pure; nothing is allocated. Values are finite. */
#ifndef ANALYZE_RANK_H
#define ANALYZE_RANK_H

#include <stddef.h>

/* Up to so many values in all the null distributions are counted out; with ties up to RANK_EXACT_TIES in the case of
 * two groups (one sample: RANK_EXACT). Beyond, the normal distribution with continuity and tie corrections. */
#define RANK_EXACT      50
#define RANK_EXACT_TIES 30

/* ---- order ---- */

void rank_sort(double *values, size_t n);                     /* ascending */
double rank_median(double *values, size_t n);                 /* reorders; NAN for n = 0 */
double rank_median_of_sorted(const double *sorted, size_t n); /* NAN for n = 0 */

/* ---- shifts; arguments ascending, k from 0 ---- */

/* The k-th smallest of the n (n + 1) / 2 Walsh averages (x_i + x_j) / 2, i <= j; their median: the Hodges-Lehmann
 * estimate of the middle of one sample. Steps: 64 n at most. */
double rank_walsh(const double *sorted, size_t n, size_t k);
double rank_walsh_median(const double *sorted, size_t n);
/* The same for the n_a n_b differences b_j - a_i: the shift from a to b. */
double rank_difference(const double *a, size_t n_a, const double *b, size_t n_b, size_t k);
double rank_difference_median(const double *a, size_t n_a, const double *b, size_t n_b);

/* ---- tests ---- */

struct rank_p {
	double up;   /* of values so high, or higher, where there is no shift */
	double down; /* so low, or lower */
};
/* Signed ranks of d_i - shift. Zeros are ranked and then left out (J. W. Pratt, JASA 54, 1959), ties get their mean
 * rank; the distribution is that of these very ranks. `room`: 2 n numbers. */
void rank_signed(struct rank_p *p, const double *d, size_t n, double shift, double *room);
/* Rank sum of b_j - shift among a_i. `room`: 2 (n_a + n_b) numbers. */
void rank_sum(struct rank_p *p, const double *a, size_t n_a, const double *b, size_t n_b,
	      double shift, double *room);

/* The least p that n pairs (n_a and n_b values) can give. */
double rank_signed_least(size_t n);
double rank_sum_least(size_t n_a, size_t n_b);

/* ---- intervals; arguments ascending ---- */

/* Each bound is wrong with a chance of at most `tail`; infinite where so few values cannot say it. Exact without
 * ties and conservative with them. */
void rank_signed_interval(const double *sorted, size_t n, double tail, double *lo, double *hi);
void rank_sum_interval(const double *a, size_t n_a, const double *b, size_t n_b, double tail,
		       double *lo, double *hi);

/* ---- the normal distribution ---- */

double rank_normal_above(double z);       /* chance of more than z */
double rank_normal_quantile(double tail); /* z with that chance of more; 0 < tail < 1 */

#endif
