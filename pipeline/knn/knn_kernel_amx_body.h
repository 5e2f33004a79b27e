/* The bfloat16 kernel of matrix tiles, written once. The including file defines TARGET (function
 * attribute) and, for tile registers named by constants,
 *   TILE_ZERO(t)            all of tile t = 0
 *   TILE_LOAD(t, p)         sixteen rows of 64 bytes, one after the other
 *   TILE_DOT(t, a, b)       t += a * b, with pairs of bfloat16 side by side
 *   TILE_STORE(t, p, step)  sixteen rows of 16 float32, `step` bytes apart
 * Two tiles of queries by two of references: four tiles hold sums, and each loaded tile is used
 * twice. A tile of queries is 16 rows of 32 elements, one of references 16 pairs of elements of 16
 * rows; both are what lies one after the other in memory. Not a header for anyone else. */

#define TILE_ROWS     ((size_t)16)
#define TILE_DEPTH    ((size_t)32)
#define TILE_ELEMENTS (TILE_ROWS * TILE_DEPTH)
#define STEP_ROWS     (2 * TILE_ROWS)
#define PAIR          ((size_t)2)

/* Longest chain of additions a product goes through: sixteen within a tile's row, the sum of the
 * row's even and odd elements, and one per tile of the depth, which `depth` of the bound covers. */
#define TILE_ROUNDINGS 17

TARGET static void tile_block(const uint16_t *queries, const uint16_t *refs, size_t depth,
			      float *out, size_t out_stride)
{
	const uint16_t *queries_2 = queries + TILE_ROWS * depth, *refs_2 = refs + TILE_ROWS * depth;
	float *out_2 = out + TILE_ROWS * out_stride;
	size_t step = out_stride * sizeof *out;

	TILE_ZERO(0);
	TILE_ZERO(1);
	TILE_ZERO(2);
	TILE_ZERO(3);
	for (size_t at = 0; at < TILE_ROWS * depth; at += TILE_ELEMENTS) {
		TILE_LOAD(4, queries + at);
		TILE_LOAD(6, refs + at);
		TILE_DOT(0, 4, 6);
		TILE_LOAD(7, refs_2 + at);
		TILE_DOT(1, 4, 7);
		TILE_LOAD(5, queries_2 + at);
		TILE_DOT(2, 5, 6);
		TILE_DOT(3, 5, 7);
	}
	TILE_STORE(0, out, step);
	TILE_STORE(1, out + TILE_ROWS, step);
	TILE_STORE(2, out_2, step);
	TILE_STORE(3, out_2 + TILE_ROWS, step);
}

TARGET static void tile_scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
			       size_t depth, float *out, size_t out_stride)
{
	for (size_t j = 0; j < n_refs; j += STEP_ROWS)
		tile_block(queries, refs + j * depth, depth, out + j, out_stride);
}

#define KERNEL_OF(label, enter_it, leave_it)                                                       \
	{                                                                                          \
		.name = (label), .form = KNN_FORM_BF16, .queries = {TILE_ROWS, TILE_DEPTH},        \
		.refs = {TILE_ROWS, PAIR}, .query_step = STEP_ROWS, .ref_step = STEP_ROWS,         \
		.depth_step = TILE_DEPTH, .roundings = TILE_ROUNDINGS, .scores = tile_scores,      \
		.enter = (enter_it), .leave = (leave_it)                                           \
	}
