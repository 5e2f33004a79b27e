/* The kernel of bytes of matrix tiles, written once, for the steps of knn_kernel_amx_body.h, which comes
 * before. The including file defines besides TILE_DOT8(t, a, b): t += a * b with four signed bytes side by
 * side and int32 sums, and TO_FLOATS(p): the sixteen int32 at p become float32. A tile has 64 elements
 * of a row where one of bfloat16 has 32; all else is alike. Not a header for anyone else. */

#define BYTES_DEPTH ((size_t)64)
#define BYTES_UNIT  ((size_t)4)

TARGET static void bytes_block(const int8_t *queries, const int8_t *refs, size_t depth, float *out,
			       size_t out_stride)
{
	const int8_t *queries_2 = queries + TILE_ROWS * depth, *refs_2 = refs + TILE_ROWS * depth;
	float *out_2 = out + TILE_ROWS * out_stride;
	size_t step = out_stride * sizeof *out;

	TILE_ZERO(0);
	TILE_ZERO(1);
	TILE_ZERO(2);
	TILE_ZERO(3);
	for (size_t at = 0; at < TILE_ROWS * depth; at += TILE_ROWS * BYTES_DEPTH) {
		TILE_LOAD(4, queries + at);
		TILE_LOAD(6, refs + at);
		TILE_DOT8(0, 4, 6);
		TILE_LOAD(7, refs_2 + at);
		TILE_DOT8(1, 4, 7);
		TILE_LOAD(5, queries_2 + at);
		TILE_DOT8(2, 5, 6);
		TILE_DOT8(3, 5, 7);
	}
	TILE_STORE(0, out, step);
	TILE_STORE(1, out + TILE_ROWS, step);
	TILE_STORE(2, out_2, step);
	TILE_STORE(3, out_2 + TILE_ROWS, step);
	for (size_t i = 0; i < STEP_ROWS; i++, out += out_stride) {
		TO_FLOATS(out);
		TO_FLOATS(out + TILE_ROWS);
	}
}

TARGET static void bytes_scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
				size_t depth, float *out, size_t out_stride)
{
	for (size_t j = 0; j < n_refs; j += STEP_ROWS)
		bytes_block((const int8_t *)queries, (const int8_t *)refs + j * depth, depth,
			    out + j, out_stride);
}

#define BYTES_KERNEL_OF(label, then, enter_it, leave_it)                                           \
	{                                                                                          \
		.name = (label), .form = KNN_FORM_S8, .queries = {TILE_ROWS, BYTES_DEPTH},         \
		.refs = {TILE_ROWS, BYTES_UNIT}, .query_step = STEP_ROWS, .ref_step = STEP_ROWS,   \
		.depth_step = BYTES_DEPTH, .scores = bytes_scores, .finer = (then),                \
		.enter = (enter_it), .leave = (leave_it)                                           \
	}
