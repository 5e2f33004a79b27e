/* 95 % intervals of estimated sums. */
#ifndef BASE_INTERVAL_H
#define BASE_INTERVAL_H

/* Of a sum of sampled weights (each value / its probability, so that the sum is un-biased) whose estimated
 * variance is that: a score interval, right for few samples too. variance 0: lo = hi = value. lo >= 0. */
void interval_of_sum(double value, double variance, double *lo, double *hi);

#endif
