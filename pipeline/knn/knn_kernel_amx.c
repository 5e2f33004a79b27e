/* The kernels for AMX. Bytes first: TDPBSSD multiplies tiles of 16 x 64 and 64 x 16 elements and adds
 * to 16 x 16 int32. Where bytes rule out too little, bfloat16: TDPBF16PS, 16 x 32 and 32 x 16 elements,
 * float32. Products of two bfloat16 are exact; each addition rounds to nearest. It flushes subnormal
 * numbers, of which there are none here: docs/knn.md. May be used only where tiles_allowed() says so,
 * between enter() and leave() of the thread. */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>

#define TARGET                 __attribute__((target("amx-tile,amx-bf16,amx-int8")))
#define TILE_ZERO(t)           _tile_zero(t)
#define TILE_LOAD(t, p)        _tile_loadd(t, p, 64)
#define TILE_DOT(t, a, b)      _tile_dpbf16ps(t, a, b)
#define TILE_DOT8(t, a, b)     _tile_dpbssd(t, a, b)
#define TILE_STORE(t, p, step) _tile_stored(t, p, step)
#define TO_FLOATS(p)           to_floats(p)

static inline void to_floats(float *p)
{
	for (size_t i = 0; i < 16; i += 4)
		_mm_store_ps(p + i, _mm_cvtepi32_ps(_mm_castps_si128(_mm_load_ps(p + i))));
}

#include "pipeline/knn/knn_kernel_amx_body.h"
#include "pipeline/knn/knn_kernel_amx_bytes.h"

/* What LDTILECFG reads: palette 1, eight tiles of 16 rows of 64 bytes. */
static const struct tile_config {
	uint8_t palette, start_row, reserved[14];
	uint16_t row_bytes[16];
	uint8_t rows[16];
} config = {
	.palette = 1,
	.row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
	.rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

TARGET static void enter(void)
{
	_tile_loadconfig(&config);
}

/* A thread whose tiles are released has 8 KiB less to save at each switch. */
TARGET static void leave(void)
{
	_tile_release();
}

static const struct knn_kernel bfloat_kernel = KERNEL_OF("amx", enter, leave);

const struct knn_kernel knn_kernel_amx = BYTES_KERNEL_OF("amx", &bfloat_kernel, enter, leave);
