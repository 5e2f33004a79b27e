/* The tile of knn_wide.h, written once. The including file defines: TARGET (function attribute),
 * vec (vector of LANES floats), LOAD(p), STORE(p, v), FILL(x), MULADD(a, b, c) = a * b + c,
 * ROWS (references per tile) and sum4(), the sums of four vectors. Four queries and ROWS references
 * need 4 * ROWS running sums plus ROWS + 1 operands: what the register file holds. Not a header for
 * anyone else. */

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

TARGET static void tile(const float *queries, const float *refs, size_t stride, float *out,
			size_t out_stride)
{
	vec sum[ROWS][KNN_QUERY_STEP];
	size_t at;

	UNROLL
	for (int j = 0; j < ROWS; j++) {
		UNROLL
		for (int i = 0; i < KNN_QUERY_STEP; i++)
			sum[j][i] = FILL(0.0f);
	}
	for (at = 0; at < stride; at += LANES) {
		vec ref[ROWS];

		UNROLL
		for (int j = 0; j < ROWS; j++)
			ref[j] = LOAD(refs + (size_t)j * stride + at);
		UNROLL
		for (int i = 0; i < KNN_QUERY_STEP; i++) {
			vec query = LOAD(queries + (size_t)i * stride + at);

			UNROLL
			for (int j = 0; j < ROWS; j++)
				sum[j][i] = MULADD(query, ref[j], sum[j][i]);
		}
	}
	UNROLL
	for (int j = 0; j < ROWS; j++) {
		float dots[KNN_QUERY_STEP];

		sum4(sum[j], dots);
		UNROLL
		for (int i = 0; i < KNN_QUERY_STEP; i++)
			out[(size_t)i * out_stride + (size_t)j] = dots[i];
	}
}

TARGET static void scores(const float *queries, const float *refs, size_t n_refs, size_t stride,
			  float *out, size_t out_stride)
{
	size_t j;

	for (j = 0; j < n_refs; j += ROWS)
		tile(queries, refs + j * stride, stride, out + j, out_stride);
}

TARGET static void divide(float *row, size_t n, float divisor)
{
	vec by = FILL(divisor);
	size_t i;

	for (i = 0; i < n; i += LANES)
		STORE(row + i, LOAD(row + i) / by);
}
