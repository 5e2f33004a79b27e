/* The loop of the lanes' engine over a 32-lane vector written in plain C. It runs on every machine
 * and covers what only AVX-512 uses: 32 lanes, four masks a cell. The AVX-512 kernel itself differs
 * only in the few one-line operations of align_lanes_avx512.c; test_align runs it where it exists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_lanes.h"
#include "tests/unit/align_pairs.h"
#include "tests/unit/align_reference.h"

#define KERNEL_TARGET
#define KERNEL_LANES 32

typedef struct {
	int16_t lane[KERNEL_LANES];
} vec;

typedef uint32_t mask;

#define EACH for (unsigned l = 0; l < KERNEL_LANES; l++)

static vec v_load(const int16_t *p)
{
	vec v;

	assert_int_equal((uintptr_t)p % 64, 0); /* as _mm512_load_si512 needs it */
	memcpy(&v, p, sizeof v);
	return v;
}

static void v_store(int16_t *p, vec v)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(p, &v, sizeof v);
}

static vec v_widen(const int8_t *p)
{
	vec v;

	EACH v.lane[l] = p[l];
	return v;
}

static vec v_set1(int16_t x)
{
	vec v;

	EACH v.lane[l] = x;
	return v;
}

/* The engine promises that nothing overflows. */
static int16_t checked(int x)
{
	assert_in_range(x + 32768, 0, 65535);
	return (int16_t)x;
}

static vec v_add(vec a, vec b)
{
	EACH a.lane[l] = checked(a.lane[l] + b.lane[l]);
	return a;
}

static vec v_sub(vec a, vec b)
{
	EACH a.lane[l] = checked(a.lane[l] - b.lane[l]);
	return a;
}

static vec v_max(vec a, vec b)
{
	EACH a.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static mask v_greater(vec a, vec b)
{
	mask m = 0;

	EACH m |= (mask)(a.lane[l] > b.lane[l]) << l;
	return m;
}

static mask v_equal(vec a, vec b)
{
	mask m = 0;

	EACH m |= (mask)(a.lane[l] == b.lane[l]) << l;
	return m;
}

static vec v_choose(mask m, vec a, vec b)
{
	EACH a.lane[l] = m >> l & 1 ? a.lane[l] : b.lane[l];
	return a;
}

static unsigned char *put_cell(unsigned char *p, mask d, mask f, mask ins, mask del)
{
	uint32_t words[4] = {d, f, ins, del};

	memcpy(p, words, sizeof words);
	return p + sizeof words;
}

static unsigned read_cell(const unsigned char *p, unsigned lane)
{
	uint32_t words[4];
	unsigned cell = 0;

	memcpy(words, p, sizeof words);
	for (unsigned bit = 0; bit < 4; bit++)
		cell |= (words[bit] >> lane & 1) << bit;
	return cell;
}

static void look_up(struct lane_group *g, size_t rows, size_t column)
{
	for (size_t r = 0; r < rows; r++)
		EACH
		{
			size_t at = l * g->row_stride + r;
			uint8_t low = g->query_low[at], high = g->query_high[at];
			const int8_t *table = g->table[g->ref[(column - 1) * KERNEL_LANES + l]];

			g->scores[r * KERNEL_LANES + l] = low < 16 ? table[low] : table[16 + high];
		}
}

#include "pipeline/align/align_kernel.h"

static const struct align_kernel model = {
	.name = "model",
	.lanes = KERNEL_LANES,
	.cell_bytes = 16,
	.columns = kernel_columns,
	.cell = read_cell,
};

static void check_group(struct text_pair *p, size_t n, size_t budget)
{
	struct align_workspace *w = align_workspace_new(budget);
	struct lane_pair pairs[LANES_MAX];
	struct align_values got[LANES_MAX];
	struct err err = ERR_INIT;
	int rc;

	for (size_t i = 0; i < n; i++)
		pairs[i] = (struct lane_pair){pair_query(&p[i]), pair_ref(&p[i])};
	rc = align_lanes(&model, w, pairs, n, got, &err);
	assert_true(rc == 0);
	for (size_t i = 0; i < n; i++) {
		struct align_values expected = ref_values(pairs[i].query, pairs[i].ref);

		assert_memory_equal(&got[i], &expected, sizeof expected);
	}
	align_workspace_free(w);
}

/* Pairs of nearly one size, so that the engine accepts the group. */
static struct text_pair sized_pair(uint64_t seed, size_t n)
{
	for (;; seed += 1000003) {
		struct text_pair p = make_text_pair(seed % PAIR_KINDS, seed, n);

		if (p.n >= n / 2 && p.m >= n / 2)
			return p;
		free_text_pair(&p);
	}
}

static void check_groups(size_t n, size_t longest, size_t budget, uint64_t seed)
{
	struct text_pair p[LANES_MAX];

	for (size_t i = 0; i < n; i++)
		p[i] = sized_pair(seed + i, longest);
	check_group(p, n, budget);
	for (size_t i = 0; i < n; i++)
		free_text_pair(&p[i]);
}

static void thirty_two_lanes_follow_the_definition(void **state)
{
	(void)state;
	for (uint64_t seed = 0; seed < 40; seed++)
		check_groups(32, 10 + 5 * seed % 120, 0, 1 + 100 * seed);
}

static void a_group_need_not_be_full(void **state)
{
	(void)state;
	for (size_t n = 1; n < 32; n += 5)
		check_groups(n, 50, 0, 7000 * n);
}

static void pieces_of_a_group_give_the_same_paths(void **state)
{
	(void)state;
	for (size_t longest = 100; longest <= 400; longest += 100)
		check_groups(32, longest, 3200 * longest, longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thirty_two_lanes_follow_the_definition),
		cmocka_unit_test(a_group_need_not_be_full),
		cmocka_unit_test(pieces_of_a_group_give_the_same_paths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
