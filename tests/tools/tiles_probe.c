/* Does this processor multiply tiles as Intel's manual has it? For emulators, some of which do not:
 *   tiles_probe    "tdpbssd right" or "wrong", tdpbf16ps, xsave; nothing without tiles
 * The first product has signed bytes, the second a difference in the lowest binade of normal numbers; what
 * the third stores is what a switch of threads keeps. */
#include <cpuid.h>
#include <immintrin.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/core/tiles.h"

#define TARGET      __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define TILE_CONFIG 17 /* of the processor's states */

static const struct {
	uint8_t palette, start_row, reserved[14];
	uint16_t row_bytes[16];
	uint8_t rows[16];
} config = {.palette = 1, .row_bytes = {64, 64, 64}, .rows = {16, 16, 16}};

TARGET static int signed_bytes_are_signed(void)
{
	int8_t a[16][64], b[16][64];
	int32_t sum[16][16];

	memset(a, -1, sizeof a);
	memset(b, 1, sizeof b);
	_tile_zero(0);
	_tile_loadd(1, a, 64);
	_tile_loadd(2, b, 64);
	_tile_dpbssd(0, 1, 2);
	_tile_stored(0, sum, 64);
	return sum[0][0] == -64 && sum[15][15] == -64;
}

/* 1.75 * 2^-125 - 1.25 * 2^-125 */
TARGET static int least_normal_numbers_are_kept(void)
{
	uint16_t a[16][32] = {{0x3fe0, 0x3fa0}}, b[16][32] = {{0x0100, 0x8100}};
	float sum[16][16];

	_tile_zero(0);
	_tile_loadd(1, a, 64);
	_tile_loadd(2, b, 64);
	_tile_dpbf16ps(0, 1, 2);
	_tile_stored(0, sum, 64);
	return sum[0][0] == 0x1p-126f;
}

__attribute__((target("xsave"))) static int the_configuration_is_kept(void)
{
	static unsigned char area[16384] __attribute__((aligned(64)));
	unsigned a = 0, at = 0, c = 0, d = 0;

	if (!__get_cpuid_count(13, TILE_CONFIG, &a, &at, &c, &d) || at > sizeof area - 64)
		return 0;
	_xsave64(area, 1ull << TILE_CONFIG);
	return memcmp(area + at, &config, sizeof config) == 0;
}

TARGET int main(void)
{
	if (!tiles_allowed())
		return 0;
	_tile_loadconfig(&config);
	printf("tdpbssd %s\n", signed_bytes_are_signed() ? "right" : "wrong");
	printf("tdpbf16ps %s\n", least_normal_numbers_are_kept() ? "right" : "wrong");
	printf("xsave %s\n", the_configuration_is_kept() ? "right" : "wrong");
	_tile_release();
	return 0;
}
