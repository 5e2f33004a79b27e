/* 95 % intervals of estimated sums. */
#ifndef BASE_INTERVAL_H
#define BASE_INTERVAL_H

/* Of a sum of sampled weights (each value / its probability, so that the sum is un-biased) whose estimated
 * variance is that: a score interval, right for few samples too. variance 0: lo = hi = value. lo >= 0. */
void interval_of_sum(double value, double variance, double *lo, double *hi);

/* The same for sums that hold much that is certain beside a few samples (blocks larger than the rate): `rate`
 * is what a sample of the smallest things stands for, bytes between samples (0 or 1: nothing was sampled, all
 * is exact). Holds for variance 0 too: what was seen was certain, but something small may have been missed.
 * The right one for bytes of a run with a known rate. */
void interval_of_sampled(double value, double variance, double rate, double *lo, double *hi);

#endif
