/* The second filter's products: as near to the real ones as its bound says, whichever way they are taken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "pipeline/core/half.h"
#include "pipeline/knn/knn_kernel.h"
#include "pipeline/knn/knn_wide.h"
#include "prof/base/hash.h"

#define DEPTH_MAX 1280
#define ROWS      8

static uint16_t half[DEPTH_MAX + 1];
static float query[DEPTH_MAX] __attribute__((aligned(64)));
static float row[ROWS][DEPTH_MAX] __attribute__((aligned(64)));
static const float *rows[ROWS];

static float noise(uint64_t seed)
{
	return (float)(hash_u64(seed) >> 40) * 0x1p-23f - 1.0f;
}

static void make(size_t depth, float scale, uint64_t seed)
{
	for (size_t i = 0; i < depth; i++) {
		half[i + 1] = half_from_float(scale * noise(seed + i));
		query[i] = half_to_float(half[i + 1]);
	}
	for (size_t r = 0; r < ROWS; r++) {
		rows[r] = row[r];
		for (size_t i = 0; i < depth; i++)
			row[r][i] = noise(seed + (r + 1) * 100000 + i) / 16;
	}
}

/* Sums of `depth` products, and what they may be off by. */
static void is_near(const float *got, size_t n, size_t depth, const char *what)
{
	for (size_t r = 0; r < n; r++) {
		double sum = 0, size = 0, off = (double)knn_wide_roundings(depth) * 0x1p-24;

		for (size_t i = 0; i < depth; i++) {
			sum += (double)query[i] * (double)row[r][i];
			size += fabs((double)query[i] * (double)row[r][i]);
		}
		if (!(fabs((double)got[r] - sum) <= off * size))
			fail_msg("%s, depth %zu, row %zu of %zu: %g, expected %g", what, depth, r,
				 n, (double)got[r], sum);
	}
}

static void products_are_near(void **state)
{
	static const size_t depths[] = {16, 32, 48, 64, 320, 1024, 1280};
	int wide = strcmp(knn_kernel_choose()->name, "portable") != 0;
	float got[ROWS];

	(void)state;
	for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++) {
		for (size_t n = 1; n <= ROWS; n++) {
			make(depths[d], 3, 1000 * d + n);
			knn_wide_dots(0, query, rows, n, depths[d], got);
			is_near(got, n, depths[d], "base");
			if (!wide)
				continue;
			knn_wide_dots(1, query, rows, n, depths[d], got);
			is_near(got, n, depths[d], "wide");
		}
	}
}

/* The largest halves, the smallest, and any place in memory. */
static void halves_are_multiplied_as_they_are(void **state)
{
	static const size_t depths[] = {8, 16, 24, 40, 320, 1000, 1024, 1280};
	static const float scales[] = {65504, 1, 0x1p-14f, 0x1p-23f};
	float got[ROWS];

	(void)state;
	if (strcmp(knn_kernel_choose()->name, "portable") == 0 || !half_has_f16c())
		skip();
	for (size_t d = 0; d < sizeof depths / sizeof depths[0]; d++) {
		for (size_t n = 1; n <= ROWS; n++) {
			make(depths[d], scales[n % 4], 777 * d + n);
			knn_wide_dots_half(half + 1, rows, n, depths[d], got);
			is_near(got, n, depths[d], "halves");
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(products_are_near),
		cmocka_unit_test(halves_are_multiplied_as_they_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
