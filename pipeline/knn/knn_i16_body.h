/* The integer tile of knn_kernel.h, written once. The including file defines: TARGET (function
 * attribute), vec (a vector of LANES int32), ZERO(), LOAD(p), PAIR(p) (the two int16 at p in every
 * place), MULADD(a, b, c) = a + sums of neighbouring products of b and c, STORE(p, v) (as float32),
 * QUERIES and VECS: a tile is QUERIES queries times VECS vectors of references, so that its sums,
 * VECS references, one pair and one product fill the register file. Not a header for anyone else. */

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

TARGET static void tile(const uint16_t *queries, const uint16_t *refs, size_t depth, float *out,
			size_t out_stride)
{
	vec sum[QUERIES][VECS];
	size_t at;

	UNROLL
	for (int i = 0; i < QUERIES; i++) {
		UNROLL
		for (int j = 0; j < VECS; j++)
			sum[i][j] = ZERO();
	}
	for (at = 0; at < depth; at += 2) {
		vec ref[VECS];

		UNROLL
		for (int j = 0; j < VECS; j++)
			ref[j] = LOAD(refs + 2 * LANES * j);
		UNROLL
		for (int i = 0; i < QUERIES; i++) {
			vec query = PAIR(queries + 2 * i);

			UNROLL
			for (int j = 0; j < VECS; j++)
				sum[i][j] = MULADD(sum[i][j], query, ref[j]);
		}
		queries += 2 * QUERIES;
		refs += 2 * LANES * VECS;
	}
	UNROLL
	for (int i = 0; i < QUERIES; i++) {
		UNROLL
		for (int j = 0; j < VECS; j++)
			STORE(out + (size_t)i * out_stride + LANES * j, sum[i][j]);
	}
}

TARGET static void scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
			  size_t depth, float *out, size_t out_stride)
{
	size_t j;

	for (j = 0; j < n_refs; j += LANES * VECS)
		tile(queries, refs + j * depth, depth, out + j, out_stride);
}
