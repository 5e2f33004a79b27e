/* The kernels of bytes: sums of packed rows are exact to the last one, at the limits of what rows may
 * have too. The loops of processors that few machines have run over vectors and tiles written in plain C
 * after the instructions' descriptions; the kernels themselves run where the processor has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/tiles.h"
#include "pipeline/knn/knn_kernel.h"
#include "pipeline/knn/knn_kernel_check.h"
#include "pipeline/knn/knn_pack.h"
#include "prof/base/hash.h"
#include "tests/unit/knn_tile_model.h"

/* ---- vectors in C ----------------------------------------------------------------------------- */

#define TARGET
typedef struct {
	int32_t lane[16];
} vec;

static vec v_zero(void)
{
	return (vec){{0}};
}

static vec v_load(const void *p)
{
	vec v;

	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(&v, p, sizeof v);
	return v;
}

static vec v_fill(const void *p)
{
	vec v;

	for (int l = 0; l < 16; l++)
		memcpy(&v.lane[l], p, sizeof v.lane[l]);
	return v;
}

static void v_store(float *p, vec v)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	for (int l = 0; l < 16; l++)
		p[l] = (float)v.lane[l];
}

static vec v_add(vec a, vec b)
{
	for (int l = 0; l < 16; l++)
		a.lane[l] += b.lane[l];
	return a;
}

/* VPMADDWD with ones. */
static vec v_add_halves(vec a)
{
	for (int l = 0; l < 16; l++) {
		int16_t h[2];

		memcpy(h, &a.lane[l], sizeof h);
		a.lane[l] = h[0] + h[1];
	}
	return a;
}

/* VPMADDWD and VPADDD. */
static vec v_add_products(vec sum, vec a, vec b)
{
	for (int l = 0; l < 16; l++) {
		int16_t x[2], y[2];

		memcpy(x, &a.lane[l], sizeof x);
		memcpy(y, &b.lane[l], sizeof y);
		sum.lane[l] += x[0] * y[0] + x[1] * y[1];
	}
	return sum;
}

/* VPMADDUBSW, which must not saturate, and VPADDW, which goes around. */
static vec v_add_pairs(vec sum, vec a, vec b)
{
	for (int l = 0; l < 16; l++) {
		uint8_t x[4];
		int8_t y[4];
		int16_t h[2];

		memcpy(x, &a.lane[l], sizeof x);
		memcpy(y, &b.lane[l], sizeof y);
		memcpy(h, &sum.lane[l], sizeof h);
		for (int i = 0; i < 2; i++) {
			int both = x[2 * i] * y[2 * i] + x[2 * i + 1] * y[2 * i + 1];

			assert_true(both >= INT16_MIN && both <= INT16_MAX);
			h[i] = (int16_t)(h[i] + both);
		}
		memcpy(&sum.lane[l], h, sizeof h);
	}
	return sum;
}

/* VPDPBUSD. */
static vec v_add_fours(vec sum, vec a, vec b)
{
	for (int l = 0; l < 16; l++) {
		uint8_t x[4];
		int8_t y[4];

		memcpy(x, &a.lane[l], sizeof x);
		memcpy(y, &b.lane[l], sizeof y);
		for (int i = 0; i < 4; i++)
			sum.lane[l] += x[i] * y[i];
	}
	return sum;
}

static vec v_lower_halves(vec a)
{
	for (int l = 0; l < 16; l++)
		a.lane[l] = (int16_t)a.lane[l];
	return a;
}

#define ZERO   v_zero
#define LOAD   v_load
#define FILL   v_fill
#define FILL4  v_fill
#define STORE  v_store
#define MULADD v_add_products
#include "pipeline/knn/knn_kernel_avx512_body.h"
static const struct knn_kernel vector_int16 = KERNEL_OF("vectors in C");
#undef KERNEL_OF

#define block_bytes       block_bytes_bw
#define bytes_of_group    bytes_of_group_bw
#define bytes_scores      bytes_scores_bw
#define MULADD8           v_add_pairs
#define HEAD(v)           (v)
#define TOTAL(total, sum) v_add(total, v_add_halves(sum))
#include "pipeline/knn/knn_kernel_avx512_bytes.h"
static const struct knn_kernel bw_model = BYTES_KERNEL_OF("BW in C", &vector_int16);
#undef block_bytes
#undef bytes_of_group
#undef bytes_scores
#undef MULADD8
#undef HEAD
#undef TOTAL

#define block_bytes       block_bytes_vnni
#define bytes_of_group    bytes_of_group_vnni
#define bytes_scores      bytes_scores_vnni
#define MULADD8           v_add_fours
#define HEAD(v)           v_add_halves(v)
#define TOTAL(total, sum) v_add(total, v_lower_halves(sum))
#include "pipeline/knn/knn_kernel_avx512_bytes.h"
static const struct knn_kernel vnni_model = BYTES_KERNEL_OF("VNNI in C", &vector_int16);
#undef block_bytes
#undef bytes_of_group
#undef bytes_scores
#undef BYTES_UNIT
#undef BYTES_KERNEL_OF

/* ---- tiles in C ------------------------------------------------------------------------------- */

/* TDPBSSD. */
static void model_dot8(int to, int a, int b)
{
	for (size_t m = 0; m < 16; m++)
		for (size_t n = 0; n < 16; n++)
			for (size_t k = 0; k < 16; k++) {
				int8_t x[4], y[4];

				memcpy(x, &tiles[a].row[m][k], sizeof x);
				memcpy(y, &tiles[b].row[k][n], sizeof y);
				for (int i = 0; i < 4; i++)
					tiles[to].row[m][n] += (uint32_t)(x[i] * y[i]);
			}
}

static void to_floats(float *p)
{
	for (size_t i = 0; i < 16; i++) {
		int32_t sum;

		memcpy(&sum, p + i, sizeof sum);
		p[i] = (float)sum;
	}
}

#define TILE_ZERO(t)           model_zero(t)
#define TILE_LOAD(t, p)        model_load(t, p, 64)
#define TILE_DOT(t, a, b)      model_dot(t, a, b)
#define TILE_DOT8(t, a, b)     model_dot8(t, a, b)
#define TILE_STORE(t, p, step) model_store(t, p, step)
#define TO_FLOATS(p)           to_floats(p)
#include "pipeline/knn/knn_kernel_amx_body.h"
#include "pipeline/knn/knn_kernel_amx_bytes.h"
static const struct knn_kernel tile_bfloat = KERNEL_OF("tiles in C", NULL, NULL);
static const struct knn_kernel tile_model = BYTES_KERNEL_OF("tiles in C", &tile_bfloat, NULL, NULL);

/* ---- sums ------------------------------------------------------------------------------------- */

enum shape { SMALL, FEW_LARGE, ALL_ALIKE, SHAPES };

/* A row whose blocks have norms below 181; elements of at most `top`. */
static void make_row(int8_t *k, size_t depth, int top, enum shape shape, uint64_t seed)
{
	int large = 181 * 181 / (top * top); /* elements of a block */

	memset(k, 0, depth);
	for (size_t i = 0; i < depth; i++) {
		uint64_t random = hash_u64(seed + i);

		if (shape == SMALL)
			k[i] = (int8_t)((int)(random % 45) - 22);
		else if (shape == ALL_ALIKE) /* norms of 176, all of one sign */
			k[i] = seed % 2 ? 22 : -22;
		else if (i % KNN_I8_BLOCK < (size_t)large)
			k[i / KNN_I8_BLOCK * KNN_I8_BLOCK + random % 60] =
				(int8_t)(random >> 32 & 1 ? top : -top);
	}
}

struct rows {
	int8_t *k;
	uint16_t *packed;
};

static struct rows make_rows(const struct knn_kernel *kernel, enum knn_side_of side, size_t n,
			     size_t depth, enum shape shape, uint64_t seed)
{
	struct rows r = {malloc(n * depth), aligned_alloc(64, n * depth * sizeof(uint16_t))};
	int top = side == KNN_OF_QUERIES && kernel->form == KNN_FORM_I8 ? 63 : 127;

	assert_true(r.k && r.packed);
	for (size_t i = 0; i < n; i++) {
		uint16_t *row = aligned_alloc(64, depth * sizeof *row);

		assert_non_null(row);
		make_row(r.k + i * depth, depth, top, shape, seed + i * 100001);
		memcpy(row, r.k + i * depth, depth);
		knn_place_row(kernel, side, depth, row, i, r.packed);
		free(row);
	}
	return r;
}

static void check_scores(const struct knn_kernel *kernel, const struct rows *q, size_t first,
			 const struct rows *r, size_t n_refs, size_t depth, float *out)
{
	size_t stride = n_refs + 16;

	for (size_t i = 0; i < kernel->query_step * stride; i++)
		out[i] = -1234.5f;
	if (kernel->enter)
		kernel->enter();
	kernel->scores(q->packed + first * depth, r->packed, n_refs, depth, out, stride);
	if (kernel->leave)
		kernel->leave();
	for (size_t i = 0; i < kernel->query_step; i++)
		for (size_t j = 0; j < stride; j++) {
			int64_t sum = 0;

			for (size_t d = 0; j < n_refs && d < depth; d++)
				sum += q->k[(first + i) * depth + d] * r->k[j * depth + d];
			if (out[i * stride + j] != (j < n_refs ? (float)sum : -1234.5f))
				fail_msg("%s, depth %zu: query %zu, reference %zu: %.9g, not %ld",
					 kernel->name, depth, i, j, (double)out[i * stride + j],
					 (long)sum);
		}
}

/* Two steps of queries, as a pass packs and reads them. */
static void check_kernel(const struct knn_kernel *kernel)
{
	for (size_t depth = KNN_I8_BLOCK; depth <= 1280; depth = depth * 5 / 128 * 64 + 64)
		for (enum shape shape = 0; shape < SHAPES; shape++) {
			size_t n_refs = 3 * kernel->ref_step, step = kernel->query_step;
			struct rows q =
				make_rows(kernel, KNN_OF_QUERIES, 2 * step, depth, shape, 1);
			struct rows r = make_rows(kernel, KNN_OF_REFS, n_refs, depth, shape, 77);
			float *out = aligned_alloc(64, step * (n_refs + 16) * sizeof *out);

			assert_non_null(out);
			check_scores(kernel, &q, 0, &r, n_refs, depth, out);
			check_scores(kernel, &q, step, &r, n_refs, depth, out);
			free(q.k);
			free(q.packed);
			free(r.k);
			free(r.packed);
			free(out);
		}
	assert_true(knn_kernel_agrees(kernel));
	assert_true(knn_kernel_agrees(kernel->finer));
}

static void sums_are_exact_in_the_loop_of_avx512bw(void **state)
{
	(void)state;
	check_kernel(&bw_model);
}

static void sums_are_exact_in_the_loop_of_avx512vnni(void **state)
{
	(void)state;
	check_kernel(&vnni_model);
}

static void sums_are_exact_in_the_loop_of_tiles(void **state)
{
	(void)state;
	check_kernel(&tile_model);
}

static void sums_are_exact_with_avx2(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		skip();
	check_kernel(&knn_kernel_avx2);
}

static void sums_are_exact_with_avx512bw(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx512bw"))
		skip();
	check_kernel(&knn_kernel_avx512);
}

static void sums_are_exact_with_avx512vnni(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vnni"))
		skip();
	check_kernel(&knn_kernel_avx512vnni);
}

static void sums_are_exact_with_tiles(void **state)
{
	(void)state;
	if (!tiles_allowed())
		skip();
	check_kernel(&knn_kernel_amx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_exact_in_the_loop_of_avx512bw),
		cmocka_unit_test(sums_are_exact_in_the_loop_of_avx512vnni),
		cmocka_unit_test(sums_are_exact_in_the_loop_of_tiles),
		cmocka_unit_test(sums_are_exact_with_avx2),
		cmocka_unit_test(sums_are_exact_with_avx512bw),
		cmocka_unit_test(sums_are_exact_with_avx512vnni),
		cmocka_unit_test(sums_are_exact_with_tiles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
