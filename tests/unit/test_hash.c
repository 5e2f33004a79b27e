/* Hashes that depend on every byte, and tables that agree with plain arrays. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "prof/base/hash.h"
#include "tests/unit/numbers.h"

static void every_byte_and_the_length_count(void **state)
{
	unsigned char bytes[64] = {0};

	(void)state;
	for (size_t n = 0; n <= sizeof bytes; n++) {
		uint64_t h = hash_bytes(bytes, n, 1);

		assert_true(h == hash_bytes(bytes, n, 1));
		assert_true(h != hash_bytes(bytes, n, 2));
		for (size_t m = 0; m < n; m++) /* zeros only: lengths still differ */
			assert_true(h != hash_bytes(bytes, m, 1));
		for (size_t i = 0; i < n; i++)
			for (int bit = 0; bit < 8; bit++) {
				bytes[i] ^= (unsigned char)(1 << bit);
				assert_true(h != hash_bytes(bytes, n, 1));
				bytes[i] ^= (unsigned char)(1 << bit);
			}
	}
	assert_true(hash_bytes(NULL, 0, 5) == hash_bytes(bytes, 0, 5));
}

/* Flipping one bit of the key turns about half of the bits: 64 * 1000 trials of 64 coins, and 10
 * standard deviations (of sqrt(64000 * 16)) around the mean. */
static void mixing_turns_half_of_the_bits(void **state)
{
	uint64_t s = 9, turned = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t key = splitmix(&s);

		for (int bit = 0; bit < 64; bit++)
			turned += (uint64_t)__builtin_popcountll(
				hash_u64(key) ^ hash_u64(key ^ UINT64_C(1) << bit));
	}
	assert_in_range(turned, 64000 * 32 - 10120, 64000 * 32 + 10120);
}

static void maps_agree_with_an_array(void **state)
{
	enum { KEYS = 3000, ROUNDS = 60000 };
	struct idmap m = IDMAP_INIT;
	uint32_t *want = malloc(KEYS * sizeof *want);
	size_t count = 0;
	uint64_t s = 3;

	(void)state;
	memset(want, 0xff, KEYS * sizeof *want);
	assert_int_equal(idmap_get(&m, 0), IDMAP_NONE);
	for (uint32_t i = 0; i < ROUNDS; i++) {
		uint64_t r = splitmix(&s), k = r % KEYS;
		uint64_t key = k << 52 | k; /* equal low bits in families */

		if (r & 1 << 20) {
			assert_int_equal(idmap_set(&m, key, i), 0);
			count += want[k] == IDMAP_NONE;
			want[k] = i;
		} else if (r & 1 << 21) {
			uint32_t got = idmap_intern(&m, key, i);

			count += want[k] == IDMAP_NONE;
			if (want[k] == IDMAP_NONE)
				want[k] = i;
			assert_int_equal(got, want[k]);
		}
		assert_int_equal(idmap_get(&m, key), want[k]);
		assert_int_equal(m.count, count);
	}
	for (uint64_t k = 0; k < KEYS; k++)
		assert_int_equal(idmap_get(&m, k << 52 | k), want[k]);
	assert_true(2 * m.count <= m.mask + 1);
	idmap_release(&m);
	assert_int_equal(idmap_get(&m, 1), IDMAP_NONE);
	free(want);
}

static void the_extreme_keys_are_keys(void **state)
{
	struct idmap m = IDMAP_INIT;

	(void)state;
	assert_int_equal(idmap_set(&m, 0, 1), 0);
	assert_int_equal(idmap_set(&m, UINT64_MAX, 2), 0);
	assert_int_equal(idmap_get(&m, 0), 1);
	assert_int_equal(idmap_get(&m, UINT64_MAX), 2);
	assert_int_equal(m.count, 2);
	idmap_release(&m);
}

struct sought {
	const uint32_t *keys;
	uint32_t key;
};

static int equal(const void *ctx, uint32_t id)
{
	const struct sought *s = ctx;

	return s->keys[id] == s->key;
}

/* All keys under very few hash values: only the comparison tells them apart. */
static void an_index_survives_equal_hashes(void **state)
{
	enum { KEYS = 700 };
	uint32_t keys[KEYS];
	struct hashidx h = HASHIDX_INIT;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++)
		keys[i] = 10 * i;
	for (uint32_t i = 0; i < KEYS; i++) {
		struct sought s = {keys, keys[i]};
		uint64_t hash = (uint64_t)(i % 3) << 32;

		assert_int_equal(hashidx_find(&h, hash, equal, &s), HASHIDX_NONE);
		assert_int_equal(hashidx_add(&h, hash, i), 0);
	}
	for (uint32_t i = 0; i < KEYS; i++) {
		struct sought s = {keys, keys[i]}, absent = {keys, keys[i] + 1};

		assert_int_equal(hashidx_find(&h, (uint64_t)(i % 3) << 32, equal, &s), i);
		assert_int_equal(hashidx_find(&h, (uint64_t)(i % 3) << 32, equal, &absent),
				 HASHIDX_NONE);
	}
	assert_int_equal(h.count, KEYS);
	hashidx_release(&h);
	assert_int_equal(hashidx_find(&h, 0, equal, NULL), HASHIDX_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_byte_and_the_length_count),
		cmocka_unit_test(mixing_turns_half_of_the_bits),
		cmocka_unit_test(maps_agree_with_an_array),
		cmocka_unit_test(the_extreme_keys_are_keys),
		cmocka_unit_test(an_index_survives_equal_hashes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
