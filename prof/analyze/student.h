/* Student's t distribution, with any number of degrees of freedom above 0. Pure functions. */
#ifndef ANALYZE_STUDENT_H
#define ANALYZE_STUDENT_H

/* How probable is a value above t? */
double student_tail(double t, double freedom);
/* The t that a value is below with probability p (0 < p < 1). */
double student_quantile(double p, double freedom);

#endif
