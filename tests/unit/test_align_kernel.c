/* The loop of the lanes' engine over a 64-lane vector written in plain C. It runs on every machine,
 * covers what only AVX-512 uses (64 lanes, masks of 64 bits), and checks what the engine promises: no
 * 8-bit or 16-bit value overflows, vectors are aligned. Every width of a unit is forced. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_lanes.h"
#include "tests/unit/align_check.h"
#include "tests/unit/align_pairs.h"
#include "tests/unit/align_reference.h"

#define KERNEL_TARGET
#define KERNEL_LANES 64

typedef struct {
	int8_t lane[KERNEL_LANES];
} vec;

typedef uint64_t mask;

typedef struct {
	int16_t lane[KERNEL_LANES];
} wide;

#define EACH for (unsigned l = 0; l < KERNEL_LANES; l++)

static int8_t checked(int x)
{
	if (x < INT8_MIN || x > INT8_MAX)
		fail_msg("%d does not fit 8 bits", x);
	return (int8_t)x;
}

static int16_t checked_wide(int x)
{
	if (x < INT16_MIN || x > INT16_MAX)
		fail_msg("%d does not fit 16 bits", x);
	return (int16_t)x;
}

static vec v_load(const int8_t *p)
{
	vec v;

	assert_int_equal((uintptr_t)p % 64, 0); /* as _mm512_load_si512 needs it */
	memcpy(&v, p, sizeof v);
	return v;
}

static void v_store(int8_t *p, vec v)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(p, &v, sizeof v);
}

static vec v_set1(int8_t x)
{
	vec v;

	memset(&v, x, sizeof v);
	return v;
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

static vec v_min(vec a, vec b)
{
	EACH a.lane[l] = a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l];
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

static void v_put(unsigned char *p, mask m)
{
	memcpy(p, &m, sizeof m);
}

static wide w_load(const int16_t *p)
{
	wide w;

	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(&w, p, sizeof w);
	return w;
}

static void w_store(int16_t *p, wide w)
{
	assert_int_equal((uintptr_t)p % 64, 0);
	memcpy(p, &w, sizeof w);
}

static wide w_set1(int16_t x)
{
	wide w;

	EACH w.lane[l] = x;
	return w;
}

static wide w_add(wide a, wide b)
{
	EACH a.lane[l] = checked_wide(a.lane[l] + b.lane[l]);
	return a;
}

static wide w_min(wide a, wide b)
{
	EACH a.lane[l] = a.lane[l] < b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static wide w_max(wide a, wide b)
{
	EACH a.lane[l] = a.lane[l] > b.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static wide w_update(wide new, wide old, wide a, wide b)
{
	EACH a.lane[l] = new.lane[l] > old.lane[l] ? a.lane[l] : b.lane[l];
	return a;
}

static wide v_widen(vec v)
{
	wide w;

	EACH w.lane[lane_split(KERNEL_LANES, l)] = v.lane[l];
	return w;
}

static vec w_narrow(wide w)
{
	vec v;

	EACH v.lane[l] = checked(w.lane[lane_split(KERNEL_LANES, l)]);
	return v;
}

static void look_up(struct lane_machine *m)
{
	for (size_t r = 0; r < m->rows; r++)
		EACH
		{
			size_t at = l * m->row_stride + r;
			uint8_t low = m->query_low[at], high = m->query_high[at];
			const int8_t *table = m->table[m->letters[l]];

			m->scores[r * KERNEL_LANES + l] = low < 16 ? table[low] : table[16 + high];
		}
}

#include "pipeline/align/align_kernel.h"

static const struct align_kernel model = {
	.name = "model",
	.lanes = KERNEL_LANES,
	.sweep = kernel_sweep,
};

static void check_unit(const struct align_kernel *k, struct text_pair *p, size_t n, size_t width)
{
	struct align_workspace *w = align_workspace_new(0);
	struct lane_job *jobs = calloc(n, sizeof *jobs);
	struct align_values *got = calloc(n, sizeof *got);
	struct lane_unit unit = {jobs, n, width};
	struct err err = ERR_INIT;
	size_t steps;

	for (size_t i = 0; i < n; i++)
		jobs[i] = (struct lane_job){
			.query = pair_query(&p[i]), .ref = pair_ref(&p[i]), .out = &got[i]};
	assert_int_equal(align_lanes(k, w, &unit, &steps, &err), 0);
	for (size_t i = 0; i < n; i++) {
		struct align_values expected = ref_values(jobs[i].query, jobs[i].ref);

		assert_int_equal(jobs[i].done, 1);
		assert_same(&got[i], &expected);
	}
	align_workspace_free(w);
	free(jobs);
	free(got);
}

/* Made-up pairs of every kind, on the model and on this processor's kernel. */
static void check_units(size_t n, size_t longest, size_t width, uint64_t seed)
{
	const struct align_kernel *k = align_kernel_choose();
	struct text_pair *p = calloc(n, sizeof *p);

	for (size_t i = 0; i < n; i++)
		p[i] = make_text_pair((seed + i) % PAIR_KINDS, seed + i, longest);
	check_unit(&model, p, n, width);
	if (k && width <= k->lanes)
		check_unit(k, p, n, width);
	for (size_t i = 0; i < n; i++)
		free_text_pair(&p[i]);
	free(p);
}

static void every_width_follows_the_definition(void **state)
{
	(void)state;
	for (size_t width = 1; width <= KERNEL_LANES; width *= 2)
		for (uint64_t seed = 0; seed < 6 / FEWER + 1; seed++)
			check_units(150 / FEWER, 10 + 35 * seed, width, 1 + 1000 * seed + width);
}

static void lanes_need_not_be_full(void **state)
{
	(void)state;
	for (size_t n = 1; n < 64; n += 9)
		check_units(n, 40, 1 + n % 2, 7000 * n);
}

/* References shorter than the chain of lanes a query takes: three pairs are in one slot at once. */
static void short_references_follow_long_queries(void **state)
{
	struct text_pair p[24];

	(void)state;
	for (uint64_t i = 0; i < 24; i++) {
		uint64_t s = i;

		p[i] = (struct text_pair){.n = 100 + pick(&s, 400), .m = 1 + pick(&s, 9)};
		p[i].query = malloc(p[i].n);
		p[i].ref = malloc(p[i].m);
		fill_letters(&s, RESIDUES, 20, p[i].query, p[i].n);
		fill_letters(&s, RESIDUES, 20, p[i].ref, p[i].m);
	}
	for (size_t width = 1; width <= KERNEL_LANES; width *= 4)
		check_unit(&model, p, 24, width);
	for (size_t i = 0; i < 24; i++)
		free_text_pair(&p[i]);
}

/* The steepest rise and the steepest fall: tryptophan against itself, then against what fits it
 * nowhere, at every distance from the 16-bit rows. */
static void the_steepest_scores_fit(void **state)
{
	static const char other[] = "WWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWWCCCCCCCCHHHHHHHH";
	struct text_pair p[40];

	(void)state;
	for (size_t i = 0; i < 40; i++) {
		p[i] = (struct text_pair){.n = 60, .m = sizeof other - 1};
		p[i].query = repeat('W', 60);
		p[i].ref = repeat('W', sizeof other - 1);
		memset(p[i].query, i % 2 ? '*' : 'P', i / 2);
		memcpy(p[i].ref, other + i % 8, sizeof other - 1 - i % 8);
		memset(p[i].query + 40 - i / 2, 'N', i / 2);
	}
	check_unit(&model, p, 40, 1);
	check_unit(&model, p, 40, 4);
	for (size_t i = 0; i < 40; i++)
		free_text_pair(&p[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_width_follows_the_definition),
		cmocka_unit_test(lanes_need_not_be_full),
		cmocka_unit_test(short_references_follow_long_queries),
		cmocka_unit_test(the_steepest_scores_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
