/* The interval of a Hodges-Lehmann shift by resampling (B. Efron, Ann. Stat. 7, 1979), bias-corrected and accelerated
 * (BCa: B. Efron, JASA 82, 1987): it follows skewed values, which the interval by ranks takes for symmetric ones. It
 * covers too rarely for few values, as all bootstraps do; callers join it with the interval of rank.h, which does not.
 * Pure and deterministic: the generator always starts from the same seed. */
#ifndef ANALYZE_BOOTSTRAP_H
#define ANALYZE_BOOTSTRAP_H

#include <stddef.h>
#include <stdint.h>

#define BOOTSTRAP_VALUES_MAX 128 /* of a sample; more are left to rank.h */
#define BOOTSTRAP_ROUNDS_MAX 999
#define BOOTSTRAP_ROUNDS_MIN 199

/* xoshiro256** 1.0 (D. Blackman and S. Vigna, ACM TOMS 47, 2021), seeded by splitmix64. */
struct dice {
	uint64_t s[4];
};
void dice_seed(struct dice *g, uint64_t seed);
uint64_t dice_next(struct dice *g);
uint32_t dice_below(struct dice *g, uint32_t bound); /* 0 … bound-1; bound > 0 */
double dice_uniform(struct dice *g);                 /* between 0 and 1, neither */

/* Bytes of room for samples of n values (n_a and n_b values). */
size_t bootstrap_room_one(size_t n);
size_t bootstrap_room_two(size_t n_a, size_t n_b);

/* Bounds, each wrong with a chance of about `tail`, of the median of Walsh averages of the ascending x (of
 * the differences b_j - a_i). 0, or -1 without bounds: fewer than 2 values, or more than BOOTSTRAP_VALUES_MAX. */
int bootstrap_one(const double *x, size_t n, double tail, void *room, double *lo, double *hi);
int bootstrap_two(const double *a, size_t n_a, const double *b, size_t n_b, double tail, void *room,
		  double *lo, double *hi);

#endif
