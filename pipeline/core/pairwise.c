/* NumPy's pairwise summation. The eight running sums of a block are held in two or four SSE
 * registers through the compiler's vector types: element j only ever meets sum j, so the order of
 * additions is the scalar one. Thread-safe. */
#include "pipeline/core/pairwise.h"

#include <math.h>
#include <string.h>

/* Up to this many elements are summed in one go (PW_BLOCKSIZE of NumPy). */
#define BLOCK 128
#define LANES 8

typedef float lanes_f32 __attribute__((vector_size(LANES * sizeof(float))));
typedef double lanes_f64 __attribute__((vector_size(LANES * sizeof(double))));

/* Length of the first half of a longer range: a multiple of eight. */
static size_t first_half(size_t n)
{
	size_t h = n / 2;

	return h - h % LANES;
}

static float block_sum_f32(const float *a, size_t n)
{
	float s = 0.0f;
	size_t i = 0;

	if (n >= LANES) {
		lanes_f32 r, next;

		memcpy(&r, a, sizeof r);
		for (i = LANES; i + LANES <= n; i += LANES) {
			memcpy(&next, a + i, sizeof next);
			r += next;
		}
		s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
	}
	for (; i < n; i++)
		s += a[i];
	return s;
}

float pairwise_sum_f32(const float *a, size_t n)
{
	if (n <= BLOCK)
		return block_sum_f32(a, n);
	size_t h = first_half(n);

	return pairwise_sum_f32(a, h) + pairwise_sum_f32(a + h, n - h);
}

static double block_sum_f64(const double *a, size_t n)
{
	double s = 0.0;
	size_t i = 0;

	if (n >= LANES) {
		lanes_f64 r, next;

		memcpy(&r, a, sizeof r);
		for (i = LANES; i + LANES <= n; i += LANES) {
			memcpy(&next, a + i, sizeof next);
			r += next;
		}
		s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
	}
	for (; i < n; i++)
		s += a[i];
	return s;
}

double pairwise_sum_f64(const double *a, size_t n)
{
	if (n <= BLOCK)
		return block_sum_f64(a, n);
	size_t h = first_half(n);

	return pairwise_sum_f64(a, h) + pairwise_sum_f64(a + h, n - h);
}

static float block_sumsq_f32(const float *a, size_t n)
{
	float s = 0.0f;
	size_t i = 0;

	if (n >= LANES) {
		lanes_f32 r, next;

		memcpy(&r, a, sizeof r);
		r *= r;
		for (i = LANES; i + LANES <= n; i += LANES) {
			memcpy(&next, a + i, sizeof next);
			next *= next;
			r += next;
		}
		s = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
	}
	for (; i < n; i++) {
		float square = a[i] * a[i];

		s += square;
	}
	return s;
}

float pairwise_sumsq_f32(const float *a, size_t n)
{
	if (n <= BLOCK)
		return block_sumsq_f32(a, n);
	size_t h = first_half(n);

	return pairwise_sumsq_f32(a, h) + pairwise_sumsq_f32(a + h, n - h);
}

float pairwise_norm_f32(const float *a, size_t n)
{
	return sqrtf(pairwise_sumsq_f32(a, n));
}

double pairwise_std_f64(const double *a, size_t n, double *scratch)
{
	if (n < 2)
		return 0.0;
	double mean = pairwise_sum_f64(a, n) / (double)n;

	for (size_t i = 0; i < n; i++) {
		double off = a[i] - mean;

		scratch[i] = off * off;
	}
	return sqrt(pairwise_sum_f64(scratch, n) / (double)n);
}
