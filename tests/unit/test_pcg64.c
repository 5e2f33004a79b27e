/* core/pcg64: the test values of spec A.3, and NumPy's own generator (tests/golden/numerics.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "pipeline/core/pcg64.h"
#include "tests/golden/numerics.h"
#include "tests/unit/numbers.h"

static uint32_t *sample_of(uint32_t seed, uint32_t n, uint32_t m)
{
	uint32_t *out = malloc(m * sizeof *out);
	struct pcg64 g;

	assert_non_null(out);
	pcg64_seed(&g, seed);
	assert_int_equal(pcg64_sample(&g, n, m, out), 0);
	return out;
}

static void check_spec_sample(uint32_t n, const uint32_t first[5], uint64_t want_sum)
{
	uint32_t *s = sample_of(42, n, 50000);
	uint64_t sum = 0;

	for (size_t i = 0; i < 5; i++)
		assert_int_equal(s[i], first[i]);
	for (size_t i = 0; i < 50000; i++)
		sum += s[i];
	assert_true(sum == want_sum);
	free(s);
}

static void the_sample_of_60000_is_that_of_the_spec(void **state)
{
	(void)state;
	check_spec_sample(60000, (const uint32_t[5]){36986, 15073, 40217, 13514, 55104},
			  1498346282u);
}

static void the_sample_of_527424_is_that_of_the_spec(void **state)
{
	(void)state;
	check_spec_sample(527424, (const uint32_t[5]){249989, 455579, 44751, 305485, 148023},
			  13181087935u);
}

static void raw_outputs_equal_numpy(void **state)
{
	struct pcg64 g;
	uint64_t hash = FNV_START;

	(void)state;
	pcg64_seed(&g, 42);
	for (size_t i = 0; i < 64; i++) {
		uint64_t v = pcg64_next64(&g);

		if (i < sizeof golden_raw_42 / sizeof *golden_raw_42)
			assert_true(v == golden_raw_42[i]);
		hash = fnv_word(hash, v);
	}
	assert_true(hash == GOLDEN_RAW_42);
	pcg64_seed(&g, 4294967295u);
	hash = FNV_START;
	for (size_t i = 0; i < 64; i++)
		hash = fnv_word(hash, pcg64_next64(&g));
	assert_true(hash == GOLDEN_RAW_MAX_SEED);
}

static void halves_come_low_first(void **state)
{
	struct pcg64 a, b;

	(void)state;
	pcg64_seed(&a, 42);
	pcg64_seed(&b, 42);
	for (size_t i = 0; i < 10; i++) {
		uint64_t whole = pcg64_next64(&a);

		assert_int_equal(pcg64_next32(&b), (uint32_t)whole);
		assert_int_equal(pcg64_next32(&b), (uint32_t)(whole >> 32));
	}
}

static void samples_equal_numpys_choice(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof golden_samples / sizeof *golden_samples; i++) {
		const struct golden_sample *want = &golden_samples[i];
		uint32_t *s = sample_of(want->seed, want->n, want->m);
		uint64_t hash = FNV_START;

		for (size_t k = 0; k < want->m; k++)
			hash = fnv_word(hash, s[k]);
		free(s);
		assert_true(hash == want->hash);
	}
}

static void a_sample_holds_each_index_once(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 40; n++) {
		uint32_t *s = sample_of(n, n, n ? n : 0);
		uint64_t seen = 0;

		for (uint32_t i = 0; i < n; i++) {
			assert_true(s[i] < n);
			seen |= (uint64_t)1 << s[i];
		}
		assert_true(seen == ((uint64_t)1 << n) - 1);
		free(s);
	}
}

static void bounded_draws_stay_below_the_bound(void **state)
{
	const uint32_t bounds[] = {1, 2, 3, 1000, 0x80000001u, 0xfffffffeu, 0xffffffffu};
	struct pcg64 g;

	(void)state;
	pcg64_seed(&g, 1);
	for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
		for (size_t i = 0; i < 1000; i++)
			assert_true(pcg64_below(&g, bounds[b]) < bounds[b]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sample_of_60000_is_that_of_the_spec),
		cmocka_unit_test(the_sample_of_527424_is_that_of_the_spec),
		cmocka_unit_test(raw_outputs_equal_numpy),
		cmocka_unit_test(halves_come_low_first),
		cmocka_unit_test(samples_equal_numpys_choice),
		cmocka_unit_test(a_sample_holds_each_index_once),
		cmocka_unit_test(bounded_draws_stay_below_the_bound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
