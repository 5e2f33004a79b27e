/* The kernel of bytes of 512-bit vectors, written once, for the steps of knn_kernel_avx512_body.h, which
 * comes before. The including file defines besides: FILL4(p) (four bytes, 16 times), HEAD(v) (what sums
 * start from, from a block's two int16 a reference), MULADD8(sum, a, b) (adds products of unsigned bytes a
 * and signed bytes b) and TOTAL(total, sum) (adds a block's sums). Totals lie in memory, since sums, two
 * references and one query take the registers. Not a header for anyone else. */

#define BYTES_UNIT ((size_t)4)

#define BEGIN_BLOCK(i) vec low_##i = HEAD(low), high_##i = HEAD(high);
#define ADD_BYTES(i)                                                                               \
	query = FILL4(queries + (i)*BYTES_UNIT);                                                   \
	low_##i = MULADD8(low_##i, query, low);                                                    \
	high_##i = MULADD8(high_##i, query, high);
#define END_BLOCK(i)                                                                               \
	total[2 * (i)] = TOTAL(total[2 * (i)], low_##i);                                           \
	total[2 * (i) + 1] = TOTAL(total[2 * (i) + 1], high_##i);

/* One block of KNN_I8_BLOCK elements. */
TARGET static inline void block_bytes(const uint8_t *queries, const int8_t *refs, vec *total)
{
	vec low = LOAD((const void *)refs);
	vec high = LOAD((const void *)(refs + VECTOR_REFS * BYTES_UNIT)), query;

	EACH_QUERY(BEGIN_BLOCK)
	for (size_t at = 0; at < KNN_I8_BLOCK; at += BYTES_UNIT) {
		refs += STEP_REFS * BYTES_UNIT;
		low = LOAD((const void *)refs);
		high = LOAD((const void *)(refs + VECTOR_REFS * BYTES_UNIT));
		EACH_QUERY(ADD_BYTES)
		queries += STEP_QUERIES * BYTES_UNIT;
	}
	EACH_QUERY(END_BLOCK)
}

TARGET static void bytes_of_group(const uint8_t *queries, const int8_t *refs, size_t depth,
				  float *out, size_t out_stride)
{
	vec total[2 * STEP_QUERIES];

	for (size_t i = 0; i < 2 * STEP_QUERIES; i++)
		total[i] = ZERO();
	for (size_t at = 0; at < depth; at += KNN_I8_BLOCK) {
		block_bytes(queries, refs, total);
		queries += STEP_QUERIES * KNN_I8_BLOCK;
		refs += STEP_REFS * (KNN_I8_BLOCK + BYTES_UNIT);
	}
	for (size_t i = 0; i < STEP_QUERIES; i++) {
		STORE(out + i * out_stride, total[2 * i]);
		STORE(out + i * out_stride + VECTOR_REFS, total[2 * i + 1]);
	}
}

TARGET static void bytes_scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
				size_t depth, float *out, size_t out_stride)
{
	size_t group = depth / KNN_I8_BLOCK * (KNN_I8_BLOCK + BYTES_UNIT) * STEP_REFS;
	const int8_t *bytes = (const int8_t *)refs;

	for (size_t j = 0; j < n_refs; j += STEP_REFS, bytes += group)
		bytes_of_group((const uint8_t *)queries, bytes, depth, out + j, out_stride);
}

#define BYTES_KERNEL_OF(label, then)                                                               \
	{                                                                                          \
		.name = (label), .form = KNN_FORM_I8, .queries = {STEP_QUERIES, BYTES_UNIT},       \
		.refs = {STEP_REFS, BYTES_UNIT}, .query_step = STEP_QUERIES,                       \
		.ref_step = STEP_REFS, .depth_step = KNN_I8_BLOCK, .scores = bytes_scores,         \
		.finer = (then)                                                                    \
	}
