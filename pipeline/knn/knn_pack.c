/* Packing and the test of scores: see knn_pack.h; the proof is in docs/knn.md.
 *
 * With q = m + c_q, r = m + c_r and c = s k + e for either (m the mean, e the rest),
 *     q.r = m.q + m.c_r + c_q.c_r,
 *     |c_q.c_r - s_q s_r k_q.k_r| <= |e_q| |c_r| + |s_q k_q| |e_r|
 * by Cauchy-Schwarz, and |s_q k_q| <= |c_q| + |e_q|. Norms are taken in float32 and enlarged by more
 * than their rounding (depth / 8 + 3 additions in a row); the rounding of x - m, at most 2^-24 of
 * each difference, is added to the rest. Divided by s_r this is the test of knn_pack.h; its float32
 * roundings, at most nine of each term, are covered by ROUNDINGS of every term. */
#include "pipeline/knn/knn_pack.h"

#include <immintrin.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/knn/knn_wide.h"

#define CACHE_LINE ((size_t)64)
#define ROUNDINGS  0x1p-20
#define I16_MAX    32767.0
/* (46330 + rounding)^2 < 2^31; see I16 in knn_kernel.h. */
#define I16_NORM  46330.0
#define I8_NORM   176.9   /* (176.9 + rounding, at most sqrt(64) / 2)^2 < 2^15 */
#define SCALE_MIN 0x1p-60 /* below it everything counts as rest; no term overflows above it */

typedef float v8f __attribute__((vector_size(32), may_alias));
typedef float v4f __attribute__((vector_size(16), may_alias));
typedef double v4d __attribute__((vector_size(32)));
typedef int32_t v8i __attribute__((vector_size(32)));
typedef uint32_t v8u __attribute__((vector_size(32)));
typedef uint16_t v8h __attribute__((vector_size(16), may_alias));
typedef int8_t v8b __attribute__((vector_size(8), may_alias));

#define LOAD8(p)      (*(const v8f *)(const void *)(p))
#define LOAD4(p)      (*(const v4f *)(const void *)(p))
#define STORE8(p, v)  (*(v8f *)(void *)(p) = (v))
#define STORE8H(p, v) (*(v8h *)(void *)(p) = (v))
#define STORE8B(p, v) (*(v8b *)(void *)(p) = (v))

#define SUM_LANES(v)                                                                               \
	((((v)[0] + (v)[4]) + ((v)[2] + (v)[6])) + (((v)[1] + (v)[5]) + ((v)[3] + (v)[7])))

#define TARGET
#define NAME(f) f##_base
#include "pipeline/knn/knn_pack_body.h"
#undef TARGET
#undef NAME
#define TARGET  __attribute__((target("avx2")))
#define NAME(f) f##_avx2
#include "pipeline/knn/knn_pack_body.h"

static float *alloc_floats(size_t n)
{
	size_t bytes = (n * sizeof(float) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	float *p = aligned_alloc(CACHE_LINE, bytes);

	return p ? memset(p, 0, bytes) : NULL;
}

void knn_packer_use(struct knn_packer *p, const struct knn_kernel *kernel)
{
	p->form = kernel->form;
	p->wide = strcmp(kernel->name, "portable") != 0;
	p->halves = p->wide && half_has_f16c() && p->dim % 8 == 0;
	p->gamma = ROUNDINGS;
	if (p->form == KNN_FORM_BF16)
		p->gamma += 1.01 * 0x1p-24 * (double)(kernel->roundings + p->depth);
}

int knn_packer_init(struct knn_packer *p, enum knn_metric metric, const struct knn_kernel *kernel,
		    size_t dim)
{
	size_t step = kernel->depth_step;

	*p = (struct knn_packer){.metric = metric, .dim = dim};
	p->depth = (dim + step - 1) / step * step;
	knn_packer_use(p, kernel);
	p->mean = alloc_floats(p->depth);
	return p->mean ? 0 : ERR_NOMEM;
}

void knn_packer_release(struct knn_packer *p)
{
	free(p->mean);
	p->mean = NULL;
}

void knn_packer_center(struct knn_packer *p, const double *sum, size_t n_rows)
{
	size_t i;

	p->mean_square = 0;
	for (i = 0; i < p->dim && n_rows; i++) {
		p->mean[i] = (float)(sum[i] / (double)n_rows);
		p->mean_square += (double)p->mean[i] * (double)p->mean[i];
	}
}

void knn_load_row(const struct knn_packer *p, const uint16_t *bits, float scale, float *out)
{
	half_to_floats(bits, out, p->dim);
	if (p->metric == KNN_COSINE)
		knn_wide_divide(p->wide, out, p->depth, scale);
}

/* What a sum of `depth` squares may have lost, as a factor of its root. */
static double enlarged(const struct knn_packer *p, float sumsq)
{
	double rounding = (double)(p->depth / 8 + 8) * 0x1p-24;

	return sqrt((double)sumsq + (double)p->depth * 0x1p-140) * (1.0 + 1.01 * rounding);
}

static float choose_scale(const struct knn_packer *p, double norm, float largest)
{
	double room = I16_NORM - sqrt((double)p->depth) / 2, scale;

	/* A dimension in the billions leaves no room and so no integers. */
	scale = room > 1 ? norm / room : norm * 0x1p20;
	scale = fmax(scale, (double)largest / I16_MAX);
	return (float)fmax(scale * (1.0 + 0x1p-22), SCALE_MIN);
}

static float to_bytes(const struct knn_packer *p, const float *c, double scale, int32_t top,
		      struct knn_row *row, int8_t *k)
{
	float s = (float)fmax(scale * (1.0 + 0x1p-20), SCALE_MIN);

	row->scale = (double)s;
	return (p->wide ? to_bytes_avx2 : to_bytes_base)(c, p->depth, s, top, k);
}

/* Bytes have no room for both a row's many small elements and its few large ones: large ones are cut
 * off or scales enlarged, whatever leaves the smallest rest of three. */
static float pack_bytes(const struct knn_packer *p, enum knn_side_of side, const float *c,
			float largest, struct knn_row *row, int8_t *k)
{
	int32_t top = side == KNN_OF_QUERIES && p->form == KNN_FORM_I8 ? KNN_I8_OFFSET - 1 : 127;
	float block = (p->wide ? largest_block_avx2 : largest_block_base)(c, p->depth);
	double least = sqrt((double)block) * (1 + 0x1p-18) / I8_NORM;
	double most = fmax(least, (double)largest / top), middle = sqrt(least * most);
	double best = middle;
	float rest, other;

	if (most <= least)
		return to_bytes(p, c, least, top, row, k);
	rest = to_bytes(p, c, middle, top, row, k);
	other = to_bytes(p, c, least, top, row, k);
	if (other < rest) {
		best = least;
		rest = other;
	}
	other = to_bytes(p, c, most, top, row, k);
	return other <= rest ? other : to_bytes(p, c, best, top, row, k);
}

void knn_pack_row(const struct knn_packer *p, enum knn_side_of side, float *x, uint16_t *k,
		  struct knn_row *row)
{
	float largest, sumsq;

	row->along = (p->wide ? along_avx2 : along_base)(p->mean, x, p->depth);
	(p->wide ? center_avx2 : center_base)(p->mean, x, p->depth, &largest, &sumsq);
	row->norm = enlarged(p, sumsq);
	if (p->form == KNN_FORM_I16) {
		float scale = choose_scale(p, row->norm, largest);

		row->scale = (double)scale;
		sumsq = (p->wide ? to_integers_avx2 : to_integers_base)(x, p->depth, scale, k);
	} else if (p->form == KNN_FORM_BF16) {
		row->scale = 1.0;
		sumsq = (p->wide ? to_bfloats_avx2 : to_bfloats_base)(x, p->depth, k);
	} else {
		sumsq = pack_bytes(p, side, x, largest, row, (int8_t *)k);
	}
	/* Roundings of x - mean, of scale * k and of their difference. */
	row->rest = enlarged(p, sumsq) + row->norm * 0x1p-21;
	row->norm *= 1.0 + 0x1p-22;
}

/* Blocks of bytes, each after its sums: see I8 in knn_kernel.h. */
static void place_ref_bytes(struct knn_layout layout, size_t depth, const int8_t *k, size_t at,
			    int8_t *packed)
{
	size_t step = layout.group * layout.unit, blocks = depth / KNN_I8_BLOCK, b, i;
	int8_t *to = packed + at / layout.group * blocks * (KNN_I8_BLOCK / layout.unit + 1) * step +
		     at % layout.group * layout.unit;

	for (b = 0; b < blocks; b++, k += KNN_I8_BLOCK) {
		int16_t sums[2] = {0, 0};
		int8_t *head = to;

		for (to += step, i = 0; i < KNN_I8_BLOCK; i += 4, to += step) {
			memcpy(to, k + i, 4);
			sums[0] = (int16_t)(sums[0] + k[i] + k[i + 1]);
			sums[1] = (int16_t)(sums[1] + k[i + 2] + k[i + 3]);
		}
		sums[0] = (int16_t)(-KNN_I8_OFFSET * sums[0]);
		sums[1] = (int16_t)(-KNN_I8_OFFSET * sums[1]);
		memcpy(head, sums, sizeof sums);
	}
}

static void place_query_bytes(struct knn_layout layout, size_t depth, const int8_t *k, size_t at,
			      uint8_t *packed)
{
	size_t step = layout.group * layout.unit, i, j;
	uint8_t *to = packed + at / layout.group * layout.group * depth * sizeof(uint16_t) +
		      at % layout.group * layout.unit;

	for (i = 0; i < depth; i += layout.unit, to += step)
		for (j = 0; j < layout.unit; j++)
			to[j] = (uint8_t)(k[i + j] + KNN_I8_OFFSET);
}

/* Signed bytes as they are. `step` rows lie together, in the room of as many uint16. */
static void place_plain_bytes(struct knn_layout layout, size_t step, size_t depth, const int8_t *k,
			      size_t at, int8_t *packed)
{
	size_t unit_step = layout.group * layout.unit, row = at % step, i;
	int8_t *to = packed + at / step * step * depth * sizeof(uint16_t) +
		     row / layout.group * layout.group * depth + row % layout.group * layout.unit;

	for (i = 0; i < depth; i += layout.unit, to += unit_step)
		memcpy(to, k + i, layout.unit);
}

static void place_halves(struct knn_layout layout, size_t depth, const uint16_t *k, size_t at,
			 uint16_t *packed)
{
	size_t step = layout.group * layout.unit, i;
	uint16_t *to =
		packed + at / layout.group * layout.group * depth + at % layout.group * layout.unit;

	if (layout.unit == 2) {
		for (i = 0; i < depth; i += 2, to += step)
			memcpy(to, k + i, 2 * sizeof *k);
		return;
	}
	for (i = 0; i < depth; i += layout.unit, to += step)
		memcpy(to, k + i, layout.unit * sizeof *k);
}

void knn_place_row(const struct knn_kernel *kernel, enum knn_side_of side, size_t depth,
		   const uint16_t *k, size_t at, uint16_t *packed)
{
	struct knn_layout layout = side == KNN_OF_QUERIES ? kernel->queries : kernel->refs;

	if (kernel->form == KNN_FORM_S8)
		place_plain_bytes(layout, side == KNN_OF_QUERIES ? kernel->query_step : SIZE_MAX,
				  depth, (const int8_t *)k, at, (int8_t *)packed);
	else if (kernel->form != KNN_FORM_I8)
		place_halves(layout, depth, k, at, packed);
	else if (side == KNN_OF_QUERIES)
		place_query_bytes(layout, depth, (const int8_t *)k, at, (uint8_t *)packed);
	else
		place_ref_bytes(layout, depth, (const int8_t *)k, at, (int8_t *)packed);
}

/* A float32 that is not below v. */
static float above(double v)
{
	float f = (float)v;

	return (double)f < v ? nextafterf(f, INFINITY) : f;
}

void knn_side_set(const struct knn_packer *p, const struct knn_side *side, size_t at,
		  const struct knn_row *row, double bias)
{
	double over = 1.0 / row->scale, mean = sqrt(p->mean_square);
	double along = row->along - p->mean_square; /* mean . c */
	double share = along - bias;

	/* The float64 sums, whose terms are below mean * (norm + mean). */
	share += fabs(share) * ROUNDINGS + mean * (row->norm + mean) * 0x1p-40;
	side->over[at] = (float)over;
	side->bias[at] = above(share * over);
	side->norms[at] = above(row->norm * over * (1 + ROUNDINGS));
	side->rests[at] =
		above((row->rest + p->gamma * (row->norm + row->rest)) * over * (1 + ROUNDINGS));
}

void knn_side_clear(const struct knn_side *side, size_t at)
{
	side->over[at] = side->norms[at] = side->rests[at] = 0;
	side->bias[at] = -INFINITY;
}

void knn_test_set(const struct knn_packer *p, struct knn_test *t, const struct knn_row *query,
		  double cut)
{
	double mean = sqrt(p->mean_square);

	cut -= query->along;
	cut -= fabs(cut) * ROUNDINGS + mean * (query->norm + mean) * 0x1p-40;
	t->cut = -above(-cut);
	t->scale = (float)query->scale;
	t->rest = above(query->rest);
	t->norm = above(query->norm + query->rest);
}

int knn_passes(const struct knn_test *t, const struct knn_side *side, const float *scores,
	       size_t at)
{
	float least = t->cut * side->over[at] - side->bias[at] - t->rest * side->norms[at] -
		      t->norm * side->rests[at];

	return scores[at] * t->scale >= least;
}

__attribute__((target("avx2,fma"))) static size_t pick_wide(const struct knn_test *t,
							    const struct knn_side *side,
							    const float *scores, size_t n,
							    uint32_t *picked)
{
	__m256 scale = _mm256_set1_ps(t->scale), cut = _mm256_set1_ps(t->cut);
	__m256 rest = _mm256_set1_ps(t->rest), norm = _mm256_set1_ps(t->norm);
	size_t count = 0, j;

	for (j = 0; j < n; j += 8) {
		__m256 least = _mm256_fmsub_ps(cut, _mm256_load_ps(side->over + j),
					       _mm256_load_ps(side->bias + j));
		__m256 score = _mm256_mul_ps(scale, _mm256_load_ps(scores + j));
		unsigned mask;

		least = _mm256_fnmadd_ps(rest, _mm256_load_ps(side->norms + j), least);
		least = _mm256_fnmadd_ps(norm, _mm256_load_ps(side->rests + j), least);
		mask = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(score, least, _CMP_GE_OQ));
		for (; mask; mask &= mask - 1)
			picked[count++] = (uint32_t)j + (uint32_t)__builtin_ctz(mask);
	}
	return count;
}

size_t knn_pick(int wide, const struct knn_test *t, const struct knn_side *side,
		const float *scores, size_t n, uint32_t *picked)
{
	size_t count = 0, j;

	if (wide)
		return pick_wide(t, side, scores, n, picked);
	for (j = 0; j < n; j++)
		if (knn_passes(t, side, scores, j))
			picked[count++] = (uint32_t)j;
	return count;
}
