/* Products with a panel, one kernel per vector length: see pca_panel.h. */
#include "pipeline/pca/pca_panel.h"

#include <immintrin.h>

#include "pipeline/core/simd.h"

#define P    PCA_PANEL
#define PART 256 /* rows of the panel that are used for all rows of `out` before the next: 32 KiB */

static void add_portable(double *out, size_t n_rows, struct pca_factor f, const double *panel,
			 size_t n)
{
	for (size_t r = 0; r < n_rows; r++, out += P) {
		__m128d sum[P / 2];

#pragma GCC unroll 8
		for (size_t c = 0; c < P / 2; c++)
			sum[c] = _mm_loadu_pd(out + 2 * c);
		for (size_t j = 0; j < n; j++) {
			__m128d x = _mm_set1_pd(f.at[r * f.row + j * f.column]);

#pragma GCC unroll 8
			for (size_t c = 0; c < P / 2; c++)
				sum[c] = _mm_add_pd(
					sum[c], _mm_mul_pd(x, _mm_loadu_pd(panel + j * P + 2 * c)));
		}
#pragma GCC unroll 8
		for (size_t c = 0; c < P / 2; c++)
			_mm_storeu_pd(out + 2 * c, sum[c]);
	}
}

/* `rows` (1 or 2) x 16 sums: at most eight registers, a product each in flight. */
__attribute__((target("avx2"), always_inline)) static inline void
few_avx2(double *out, size_t rows, const double *f, size_t row, size_t column, const double *panel,
	 size_t n)
{
	__m256d sum[2][4];

#pragma GCC unroll 2
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
		for (size_t c = 0; c < 4; c++)
			sum[r][c] = _mm256_loadu_pd(out + r * P + 4 * c);
	}
	for (size_t j = 0; j < n; j++, panel += P, f += column) {
#pragma GCC unroll 2
		for (size_t r = 0; r < rows; r++) {
			__m256d x = _mm256_set1_pd(f[r * row]);

#pragma GCC unroll 4
			for (size_t c = 0; c < 4; c++)
				sum[r][c] = _mm256_add_pd(
					sum[r][c],
					_mm256_mul_pd(x, _mm256_loadu_pd(panel + 4 * c)));
		}
	}
#pragma GCC unroll 2
	for (size_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
		for (size_t c = 0; c < 4; c++)
			_mm256_storeu_pd(out + r * P + 4 * c, sum[r][c]);
	}
}

__attribute__((target("avx2"))) static void
add_avx2(double *out, size_t n_rows, struct pca_factor f, const double *panel, size_t n)
{
	size_t r = 0;

	for (; r + 2 <= n_rows; r += 2)
		few_avx2(out + r * P, 2, f.at + r * f.row, f.row, f.column, panel, n);
	if (r < n_rows)
		few_avx2(out + r * P, 1, f.at + r * f.row, f.row, f.column, panel, n);
}

/* `rows` (1 or 4) x 16 sums. */
__attribute__((target("avx512f"), always_inline)) static inline void
few_avx512(double *out, size_t rows, const double *f, size_t row, size_t column,
	   const double *panel, size_t n)
{
	__m512d sum[4][2];

#pragma GCC unroll 4
	for (size_t r = 0; r < rows; r++) {
		sum[r][0] = _mm512_loadu_pd(out + r * P);
		sum[r][1] = _mm512_loadu_pd(out + r * P + 8);
	}
	for (size_t j = 0; j < n; j++, panel += P, f += column) {
		__m512d low = _mm512_loadu_pd(panel), high = _mm512_loadu_pd(panel + 8);

#pragma GCC unroll 4
		for (size_t r = 0; r < rows; r++) {
			__m512d x = _mm512_set1_pd(f[r * row]);

			sum[r][0] = _mm512_add_pd(sum[r][0], _mm512_mul_pd(x, low));
			sum[r][1] = _mm512_add_pd(sum[r][1], _mm512_mul_pd(x, high));
		}
	}
#pragma GCC unroll 4
	for (size_t r = 0; r < rows; r++) {
		_mm512_storeu_pd(out + r * P, sum[r][0]);
		_mm512_storeu_pd(out + r * P + 8, sum[r][1]);
	}
}

__attribute__((target("avx512f"))) static void
add_avx512(double *out, size_t n_rows, struct pca_factor f, const double *panel, size_t n)
{
	size_t r = 0;

	for (; r + 4 <= n_rows; r += 4)
		few_avx512(out + r * P, 4, f.at + r * f.row, f.row, f.column, panel, n);
	for (; r < n_rows; r++)
		few_avx512(out + r * P, 1, f.at + r * f.row, f.row, f.column, panel, n);
}

typedef void add_fn(double *, size_t, struct pca_factor, const double *, size_t);

static add_fn *const adders[SIMD_LEVELS] = {add_portable, add_avx2, add_avx512};

void pca_panel_add(double *out, size_t n_rows, struct pca_factor f, const double *panel, size_t n)
{
	add_fn *add = adders[simd_level()];

	for (size_t j = 0; j < n; j += PART) {
		struct pca_factor part = {f.at + j * f.column, f.row, f.column};

		add(out, n_rows, part, panel + j * P, n - j < PART ? n - j : PART);
	}
}

/* ---- rows of the reduction -------------------------------------------------------------------- */

/* Eight sums, by place modulo 8, added up in one order: what every vector length can do alike. */
#define LANES 8

static double sum_of(const double s[LANES])
{
	return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

double pca_dot(const double *a, const double *b, size_t n)
{
	__m128d sum[4] = {_mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd()};
	double lanes[LANES], rest = 0.0;
	size_t i = 0;

	for (; i + LANES <= n; i += LANES) {
#pragma GCC unroll 4
		for (size_t k = 0; k < 4; k++)
			sum[k] = _mm_add_pd(sum[k], _mm_mul_pd(_mm_loadu_pd(a + i + 2 * k),
							       _mm_loadu_pd(b + i + 2 * k)));
	}
#pragma GCC unroll 4
	for (size_t k = 0; k < 4; k++)
		_mm_storeu_pd(lanes + 2 * k, sum[k]);
	for (; i < n; i++)
		rest += a[i] * b[i];
	return sum_of(lanes) + rest;
}

static double element(const struct pca_step *t, size_t i)
{
	t->row[i] -= t->a * t->x[i] + t->b * t->y[i];
	t->sums[i] += t->c * t->row[i];
	return t->row[i] * t->v[i];
}

static void step_portable(const struct pca_step *t, size_t n, double lanes[LANES])
{
	__m128d a = _mm_set1_pd(t->a), b = _mm_set1_pd(t->b), c = _mm_set1_pd(t->c);
	__m128d sum[4] = {_mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd(), _mm_setzero_pd()};

	for (size_t i = 0; i + LANES <= n; i += LANES) {
#pragma GCC unroll 4
		for (size_t k = 0; k < 4; k++) {
			size_t at = i + 2 * k;
			__m128d off = _mm_add_pd(_mm_mul_pd(a, _mm_loadu_pd(t->x + at)),
						 _mm_mul_pd(b, _mm_loadu_pd(t->y + at)));
			__m128d row = _mm_sub_pd(_mm_loadu_pd(t->row + at), off);

			_mm_storeu_pd(t->row + at, row);
			_mm_storeu_pd(t->sums + at,
				      _mm_add_pd(_mm_loadu_pd(t->sums + at), _mm_mul_pd(c, row)));
			sum[k] = _mm_add_pd(sum[k], _mm_mul_pd(row, _mm_loadu_pd(t->v + at)));
		}
	}
#pragma GCC unroll 4
	for (size_t k = 0; k < 4; k++)
		_mm_storeu_pd(lanes + 2 * k, sum[k]);
}

__attribute__((target("avx2"))) static void step_avx2(const struct pca_step *t, size_t n,
						      double lanes[LANES])
{
	__m256d a = _mm256_set1_pd(t->a), b = _mm256_set1_pd(t->b), c = _mm256_set1_pd(t->c);
	__m256d sum[2] = {_mm256_setzero_pd(), _mm256_setzero_pd()};

	for (size_t i = 0; i + LANES <= n; i += LANES) {
#pragma GCC unroll 2
		for (size_t k = 0; k < 2; k++) {
			size_t at = i + 4 * k;
			__m256d off = _mm256_add_pd(_mm256_mul_pd(a, _mm256_loadu_pd(t->x + at)),
						    _mm256_mul_pd(b, _mm256_loadu_pd(t->y + at)));
			__m256d row = _mm256_sub_pd(_mm256_loadu_pd(t->row + at), off);

			_mm256_storeu_pd(t->row + at, row);
			_mm256_storeu_pd(t->sums + at, _mm256_add_pd(_mm256_loadu_pd(t->sums + at),
								     _mm256_mul_pd(c, row)));
			sum[k] = _mm256_add_pd(sum[k],
					       _mm256_mul_pd(row, _mm256_loadu_pd(t->v + at)));
		}
	}
	_mm256_storeu_pd(lanes, sum[0]);
	_mm256_storeu_pd(lanes + 4, sum[1]);
}

double pca_step_row(const struct pca_step *t, size_t n)
{
	double lanes[LANES], rest = 0.0;

	if (simd_level() >= SIMD_AVX2)
		step_avx2(t, n, lanes);
	else
		step_portable(t, n, lanes);
	for (size_t i = n - n % LANES; i < n; i++)
		rest += element(t, i);
	return sum_of(lanes) + rest;
}
