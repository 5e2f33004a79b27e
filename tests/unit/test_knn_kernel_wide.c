/* The kernels of processors that few machines have, int16 and bfloat16 (bytes: test_knn_kernel_bytes). Their loops run everywhere, over vectors and
 * tiles written in plain C; the kernels themselves run where the processor has them and must give
 * the same bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/simd.h"
#include "pipeline/core/tiles.h"
#include "pipeline/knn/knn_kernel.h"
#include "pipeline/knn/knn_kernel_check.h"
#include "prof/base/hash.h"
#include "tests/unit/knn_pack_plain.h"
#include "tests/unit/knn_tile_model.h"

#define TARGET
typedef struct {
	int32_t lane[16];
} vec;

static vec v_zero(void)
{
	return (vec){{0}};
}

static vec v_load(const uint16_t *p)
{
	vec v;

	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(&v, p, sizeof v);
	return v;
}

static vec v_fill(const uint16_t *p)
{
	vec v;

	for (int l = 0; l < 16; l++)
		memcpy(&v.lane[l], p, sizeof v.lane[l]);
	return v;
}

/* No partial sum may leave int32. */
static vec v_add_products(vec sum, vec a, vec b)
{
	for (int l = 0; l < 16; l++) {
		int64_t low = (int64_t)(int16_t)a.lane[l] * (int16_t)b.lane[l];
		int64_t high = (int64_t)(a.lane[l] >> 16) * (b.lane[l] >> 16);
		int64_t all = sum.lane[l] + low + high;

		assert_true(all >= INT32_MIN && all <= INT32_MAX);
		sum.lane[l] = (int32_t)all;
	}
	return sum;
}

static void v_store(float *p, vec v)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	for (int l = 0; l < 16; l++)
		p[l] = (float)v.lane[l];
}

#define ZERO   v_zero
#define LOAD   v_load
#define FILL   v_fill
#define MULADD v_add_products
#define STORE  v_store
#include "pipeline/knn/knn_kernel_avx512_body.h"
static const struct knn_kernel vector_model = KERNEL_OF("vectors in C");
#undef KERNEL_OF

#define TILE_ZERO(t)           model_zero(t)
#define TILE_LOAD(t, p)        model_load(t, p, 64)
#define TILE_DOT(t, a, b)      model_dot(t, a, b)
#define TILE_STORE(t, p, step) model_store(t, p, step)
#include "pipeline/knn/knn_kernel_amx_body.h"
static const struct knn_kernel tile_model = KERNEL_OF("tiles in C", NULL, NULL);

struct operands {
	size_t n_queries, n_refs, depth;
	uint16_t *queries, *refs; /* row-major */
	float *out;               /* [n_queries][stride] */
	size_t stride;
};

static uint16_t *random_rows(size_t n, uint64_t seed, uint16_t (*value)(uint64_t))
{
	uint16_t *rows = malloc(n * sizeof *rows);

	assert_non_null(rows);
	for (size_t i = 0; i < n; i++)
		rows[i] = value(hash_u64(seed + i));
	return rows;
}

static void operands_make(struct operands *o, const struct knn_kernel *k, size_t n_refs,
			  size_t depth, uint16_t (*value)(uint64_t))
{
	*o = (struct operands){.n_queries = k->query_step, .n_refs = n_refs, .depth = depth};
	o->stride = n_refs + 16;
	o->queries = random_rows(o->n_queries * depth, depth * 1000, value);
	o->refs = random_rows(n_refs * depth, depth * 1000000 + n_refs, value);
	o->out = aligned_alloc(64, o->n_queries * o->stride * sizeof *o->out);
	assert_non_null(o->out);
}

static void operands_release(struct operands *o)
{
	free(o->queries);
	free(o->refs);
	free(o->out);
}

/* Scores of all pairs; what lies behind the references of a row stays untouched. */
static void score(struct operands *o, const struct knn_kernel *k)
{
	uint16_t *queries = pack_plain(k->queries, o->queries, o->n_queries, o->depth);
	uint16_t *refs = pack_plain(k->refs, o->refs, o->n_refs, o->depth);

	assert_true(queries && refs);
	for (size_t i = 0; i < o->n_queries * o->stride; i++)
		o->out[i] = -1234.5f;
	if (k->enter)
		k->enter();
	k->scores(queries, refs, o->n_refs, o->depth, o->out, o->stride);
	if (k->leave)
		k->leave();
	for (size_t i = 0; i < o->n_queries; i++)
		for (size_t j = o->n_refs; j < o->stride; j++)
			assert_true(o->out[i * o->stride + j] == -1234.5f);
	free(queries);
	free(refs);
}

static uint16_t small_integer(uint64_t random)
{
	return (uint16_t)(random % 1201 - 600); /* norms of 1,280 stay below 46340 */
}

static uint16_t wide_integer(uint64_t random)
{
	return (uint16_t)(random % 65535 - 32767);
}

static void keep_two_elements(uint16_t *rows, size_t n, size_t depth)
{
	for (size_t i = 0; i < n * depth; i++)
		if (i % depth >= 2)
			rows[i] = 0;
}

static void check_integers(const struct knn_kernel *k, size_t n_refs, size_t depth,
			   uint16_t (*value)(uint64_t))
{
	struct operands o;

	operands_make(&o, k, n_refs, depth, value);
	if (value == wide_integer) {
		keep_two_elements(o.queries, o.n_queries, depth);
		keep_two_elements(o.refs, n_refs, depth);
	}
	score(&o, k);
	for (size_t i = 0; i < o.n_queries; i++)
		for (size_t j = 0; j < n_refs; j++) {
			int64_t sum = 0;

			for (size_t d = 0; d < depth; d++)
				sum += (int64_t)(int16_t)o.queries[i * depth + d] *
				       (int16_t)o.refs[j * depth + d];
			if (o.out[i * o.stride + j] != (float)sum)
				fail_msg("%s, depth %zu: query %zu, reference %zu: %.9g, not %.9g",
					 k->name, depth, i, j, (double)o.out[i * o.stride + j],
					 (double)(float)sum);
		}
	operands_release(&o);
}

static void check_integer_kernel(const struct knn_kernel *k)
{
	for (size_t n = 1; n <= 5; n += 2)
		for (size_t depth = k->depth_step; depth <= 1280; depth = depth * 5 / 2)
			check_integers(k, n * k->ref_step,
				       (depth + k->depth_step - 1) / k->depth_step * k->depth_step,
				       small_integer);
	check_integers(k, 3 * k->ref_step, k->depth_step, wide_integer);
}

static void integer_sums_are_exact_in_the_vector_loop(void **state)
{
	(void)state;
	check_integer_kernel(&vector_model);
}

static int has_vnni(void)
{
	return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni");
}

static void integer_sums_are_exact_with_avx512bw(void **state)
{
	(void)state;
	if (!__builtin_cpu_supports("avx512bw"))
		skip();
	check_integer_kernel(knn_kernel_avx512.finer);
}

static void integer_sums_are_exact_with_avx512vnni(void **state)
{
	(void)state;
	if (!has_vnni())
		skip();
	check_integer_kernel(knn_kernel_avx512vnni.finer);
}

static uint16_t any_sign(uint64_t random) /* 2^-9 … 2^6 */
{
	return (uint16_t)((random >> 20 & 0x8000) | ((118 + random % 16) << 7) |
			  (random >> 8 & 127));
}

static uint16_t tiny(uint64_t random) /* about 2^-63: products at the edge of what is flushed */
{
	return (uint16_t)((random >> 20 & 0x8000) | ((60 + random % 8) << 7) | (random >> 8 & 127));
}

static uint16_t subnormal_too(uint64_t random)
{
	return random % 3 ? any_sign(random >> 2) : (uint16_t)(random >> 8 & 0x807f);
}

/* Against float64 sums: a product goes through at most depth + roundings additions. */
static void check_bf16_bound(const struct knn_kernel *k, size_t n_refs, size_t depth)
{
	struct operands o;
	double u = 0x1p-24 * (double)(depth + k->roundings);

	operands_make(&o, k, n_refs, depth, any_sign);
	score(&o, k);
	for (size_t i = 0; i < o.n_queries; i++)
		for (size_t j = 0; j < n_refs; j++) {
			double sum = 0, sizes = 0;

			for (size_t d = 0; d < depth; d++) {
				double p = (double)bf16_plain(o.queries[i * depth + d]) *
					   (double)bf16_plain(o.refs[j * depth + d]);

				sum += p;
				sizes += fabs(p);
			}
			assert_true(fabs((double)o.out[i * o.stride + j] - sum) <= u * sizes);
		}
	operands_release(&o);
}

static void check_bf16_kernel(const struct knn_kernel *k)
{
	for (size_t n = 1; n <= 3; n += 2)
		for (size_t depth = k->depth_step; depth <= 1280; depth += 13 * k->depth_step)
			check_bf16_bound(k, n * k->ref_step, depth);
}

static void bfloat16_sums_keep_to_the_bound_in_the_tile_loop(void **state)
{
	(void)state;
	check_bf16_kernel(&tile_model);
}

static void check_same_bits(const struct knn_kernel *k, const struct knn_kernel *model,
			    uint16_t (*value)(uint64_t))
{
	for (size_t depth = k->depth_step; depth <= 640; depth += 5 * k->depth_step) {
		struct operands got, want;

		operands_make(&got, k, 2 * k->ref_step, depth, value);
		operands_make(&want, model, 2 * k->ref_step, depth, value);
		score(&got, k);
		score(&want, model);
		assert_memory_equal(got.out, want.out,
				    got.n_queries * got.stride * sizeof *got.out);
		operands_release(&got);
		operands_release(&want);
	}
}

static void the_tile_unit_does_what_its_model_does(void **state)
{
	(void)state;
	if (!tiles_allowed())
		skip();
	check_bf16_kernel(knn_kernel_amx.finer);
	check_same_bits(knn_kernel_amx.finer, &tile_model, any_sign);
	check_same_bits(knn_kernel_amx.finer, &tile_model, tiny);
	check_same_bits(knn_kernel_amx.finer, &tile_model, subnormal_too);
}

static void *score_in_a_thread(void *arg)
{
	check_same_bits(knn_kernel_amx.finer, arg, any_sign);
	return NULL;
}

/* Every thread configures its own tiles; while one waits, others use theirs. */
static void threads_have_their_own_tiles(void **state)
{
	pthread_t threads[3];

	(void)state;
	if (!tiles_allowed())
		skip();
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, score_in_a_thread,
						(void *)(uintptr_t)knn_kernel_amx.finer),
				 0);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	check_same_bits(knn_kernel_amx.finer, &tile_model, any_sign);
}

static void check_steps(const struct knn_kernel *k)
{
	assert_true(k->query_step <= KNN_QUERY_STEP_MAX);
	assert_int_equal(k->query_step % k->queries.group, 0);
	assert_int_equal(k->ref_step % k->refs.group, 0);
	assert_int_equal(k->depth_step % k->queries.unit, 0);
	assert_int_equal(k->depth_step % k->refs.unit, 0);
	assert_int_equal(!k->enter, !k->leave);
}

static void steps_suit_the_layouts(void **state)
{
	const struct knn_kernel *const all[] = {&knn_kernel_avx2, &knn_kernel_avx512,
						&knn_kernel_avx512vnni, &knn_kernel_amx};

	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		const struct knn_kernel *k = all[i], *finer = k->finer;

		check_steps(k);
		assert_non_null(finer);
		check_steps(finer);
		assert_null(finer->finer);
		assert_int_equal(finer->query_step, k->query_step);
		assert_int_equal(finer->ref_step, k->ref_step);
		assert_int_equal(k->depth_step % finer->depth_step, 0);
	}
}

static float spoil_how;

/* A kernel whose last score is wrong by a part of itself. */
static void spoiled_scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
			   size_t depth, float *out, size_t out_stride)
{
	knn_kernel_portable.scores(queries, refs, n_refs, depth, out, out_stride);
	out[(knn_kernel_portable.query_step - 1) * out_stride + n_refs - 1] *= spoil_how;
}

/* A kernel that takes two neighbouring references for one another. */
static void swapped_scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
			   size_t depth, float *out, size_t out_stride)
{
	float first;

	knn_kernel_portable.scores(queries, refs, n_refs, depth, out, out_stride);
	first = out[0];
	out[0] = out[1];
	out[1] = first;
}

static void a_kernel_that_multiplies_wrongly_is_found_out(void **state)
{
	struct knn_kernel wrong = knn_kernel_portable;

	(void)state;
	assert_true(knn_kernel_agrees(&knn_kernel_portable));
	assert_true(knn_kernel_agrees(&vector_model));
	assert_true(knn_kernel_agrees(&tile_model));
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		for (const struct knn_kernel *k = &knn_kernel_avx2; k; k = k->finer)
			assert_true(knn_kernel_agrees(k));
	wrong.scores = spoiled_scores;
	spoil_how = 1;
	assert_true(knn_kernel_agrees(&wrong));
	spoil_how = 0;
	assert_false(knn_kernel_agrees(&wrong));
	spoil_how = 1.02f;
	assert_false(knn_kernel_agrees(&wrong));
	spoil_how = NAN;
	assert_false(knn_kernel_agrees(&wrong));
	wrong.scores = swapped_scores;
	assert_false(knn_kernel_agrees(&wrong));
}

static const char *chosen(const char *wish)
{
	if (wish)
		setenv("PROTEA_SIMD", wish, 1);
	else
		unsetenv("PROTEA_SIMD");
	return knn_kernel_choose()->name;
}

static int one_of(const char *name, const char *const *names)
{
	while (*names && strcmp(name, *names) != 0)
		names++;
	return *names != NULL;
}

/* On every processor: never beyond the level that was named, the widest without a name. */
static void the_choice_keeps_to_the_level_that_was_named(void **state)
{
	static const char *const vectors[] = {"portable", "avx2", "avx512", "avx512vnni", NULL};
	const char *best = chosen(NULL);

	(void)state;
	assert_string_equal(chosen("portable"), "portable");
	assert_true(one_of(chosen("avx2"), (const char *const[]){"portable", "avx2", NULL}));
	assert_true(one_of(chosen("avx512"), vectors));
	assert_string_equal(chosen("amx"), best);
	assert_string_equal(chosen("mmx"), best);
	assert_string_equal(chosen(""), best);
	if (tiles_allowed())
		assert_string_equal(best, "amx");
	else
		assert_string_equal(best, chosen("avx512"));
	if (simd_offered() >= SIMD_AVX2)
		assert_string_equal(chosen("avx2"), "avx2");
	if (simd_offered() >= SIMD_AVX512)
		assert_string_equal(chosen("avx512"), has_vnni() ? "avx512vnni" : "avx512");
	unsetenv("PROTEA_SIMD");
	print_message("kernel without a named level: %s\n", best);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_suit_the_layouts),
		cmocka_unit_test(integer_sums_are_exact_in_the_vector_loop),
		cmocka_unit_test(integer_sums_are_exact_with_avx512bw),
		cmocka_unit_test(integer_sums_are_exact_with_avx512vnni),
		cmocka_unit_test(bfloat16_sums_keep_to_the_bound_in_the_tile_loop),
		cmocka_unit_test(the_tile_unit_does_what_its_model_does),
		cmocka_unit_test(threads_have_their_own_tiles),
		cmocka_unit_test(a_kernel_that_multiplies_wrongly_is_found_out),
		cmocka_unit_test(the_choice_keeps_to_the_level_that_was_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
