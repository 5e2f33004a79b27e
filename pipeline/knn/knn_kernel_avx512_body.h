/* The int16 kernel of 512-bit vectors, written once. The including file defines TARGET (function
 * attribute), vec (16 int32), ZERO(), LOAD(p) (16 pairs of int16), FILL(p) (one pair, 16 times),
 * MULADD(sum, a, b) (adds a pair's two products to each sum) and STORE(p, sum) (as float32).
 * Twelve queries by 32 references hold 24 sums; two references and one query make 27 of the 32
 * registers. Not a header for anyone else. */

#define STEP_QUERIES 12
#define VECTOR_REFS  ((size_t)16)
#define STEP_REFS    (2 * VECTOR_REFS)
#define UNIT         ((size_t)2)
#define DEPTH_STEP   ((size_t)16)

/* Sums are named, not indexed: gcc keeps an array of so many vectors in memory. */
#define EACH_QUERY(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9) DO(10) DO(11)
#define START(i)       vec low_##i = ZERO(), high_##i = ZERO();
#define ADD(i)                                                                                     \
	query = FILL(queries + (i)*UNIT);                                                          \
	low_##i = MULADD(low_##i, query, low);                                                     \
	high_##i = MULADD(high_##i, query, high);
#define FINISH(i)                                                                                  \
	STORE(out + (i)*out_stride, low_##i);                                                      \
	STORE(out + (i)*out_stride + VECTOR_REFS, high_##i);

TARGET static void vector_block(const uint16_t *queries, const uint16_t *refs, size_t depth,
				float *out, size_t out_stride)
{
	EACH_QUERY(START)

	for (size_t at = 0; at < depth; at += UNIT) {
		vec low = LOAD(refs), high = LOAD(refs + VECTOR_REFS * UNIT), query;

		EACH_QUERY(ADD)
		queries += STEP_QUERIES * UNIT;
		refs += STEP_REFS * UNIT;
	}
	EACH_QUERY(FINISH)
}

TARGET static void vector_scores(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
				 size_t depth, float *out, size_t out_stride)
{
	for (size_t j = 0; j < n_refs; j += STEP_REFS)
		vector_block(queries, refs + j * depth, depth, out + j, out_stride);
}

#define KERNEL_OF(label)                                                                           \
	{                                                                                          \
		.name = (label), .form = KNN_FORM_I16, .queries = {STEP_QUERIES, UNIT},            \
		.refs = {STEP_REFS, UNIT}, .query_step = STEP_QUERIES, .ref_step = STEP_REFS,      \
		.depth_step = DEPTH_STEP, .scores = vector_scores                                  \
	}
