/* Error bars of shares: the Wilson score interval (E. B. Wilson, Probable inference, the law of
 * succession, and statistical inference, JASA 22, 1927), which stays inside [0, 1] and is honest for few
 * samples and for shares near 0. */
#include <math.h>

#include "prof/analyze/hot.h"

#define Z_95 1.959963984540054 /* 97.5 % point of the normal distribution */

void wilson_interval(double k, double n, double *lo, double *hi)
{
	double p, z2 = Z_95 * Z_95, centre, half;

	*lo = 0;
	*hi = 1;
	if (!(n > 0) || !(k >= 0))
		return;
	p = k < n ? k / n : 1;
	centre = (p + z2 / (2 * n)) / (1 + z2 / n);
	half = Z_95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
	*lo = centre - half > 0 ? centre - half : 0;
	*hi = centre + half < 1 ? centre + half : 1;
	if (p <= 0)
		*lo = 0;
	if (p >= 1)
		*hi = 1;
}
