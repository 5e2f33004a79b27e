/* Private to this room: the fast products that preselect neighbours, in several widths and number
 * forms. A kernel multiplies packed queries with a packed panel of references; what its scores may
 * be off by is known per row (knn_pack.h) and proved in docs/knn.md, so that no kernel can change a
 * result. Everything here is plain data and pure functions: any thread, no state. */
#ifndef KNN_KNN_KERNEL_H
#define KNN_KNN_KERNEL_H

#include <stddef.h>
#include <stdint.h>

/* How a row is written down: 16 bits an element but for I8.
 * I16: integers; the norm of a row stays below 46340 = floor(sqrt(2^31)), so every partial sum of
 *      a product of two rows fits an int32, in any order (Cauchy-Schwarz), and scores are exact
 *      before their one rounding to float32.
 * BF16: the float32 element rounded to bfloat16 (to nearest even, subnormals as zero); the sums are
 *      float32 in any order, each term going through at most `roundings` roundings.
 * I8:  bytes, of queries -63 … 63 with 64 added, of references -127 … 127; the norm of each block of
 *      KNN_I8_BLOCK neighbouring elements stays below 181 = floor(sqrt(2^15)), so that sums over
 *      any part of a block fit an int16: what the 64 add is taken away modulo 2^16. For that,
 *      references carry before each block -64 times the sum of its elements 4i and 4i + 1 and -64
 *      times that of its elements 4i + 2 and 4i + 3, two int16 a row. Scores are exact before their
 *      rounding.
 * S8:  bytes, -127 … 127 of both, with the blocks' norms of I8 and nothing else beside them; sums are
 *      int32 and exact. */
enum knn_form { KNN_FORM_I16, KNN_FORM_BF16, KNN_FORM_I8, KNN_FORM_S8 };
#define KNN_I8_BLOCK  ((size_t)64)
#define KNN_I8_OFFSET 64

/* Packed rows: `group` rows lie side by side, `unit` neighbouring elements of a row together:
 * [group of rows][unit of elements][row of the group][element of the unit]. So unit = depth is
 * row-major, and four bytes together are what vpmaddwd, vpdpwssd, vpdpbusd and B tiles read. */
struct knn_layout {
	size_t group, unit;
};

struct knn_kernel {
	const char *name; /* "portable", "avx2", "avx512", "avx512vnni", "amx" */
	enum knn_form form;
	struct knn_layout queries, refs;
	size_t query_step; /* queries of one scores() call; a multiple of queries.group */
	size_t ref_step;   /* references come in multiples of it; a multiple of refs.group */
	size_t depth_step; /* rows are padded with zeros to a multiple of it; of both units too */
	size_t roundings;  /* BF16: see above, beside one for each element; else 0 */

	/* out[i * out_stride + j] = (float) product of query i and reference j, for query_step
	 * queries and n_refs references of `depth` elements. Inputs and out lie on 64-byte
	 * boundaries; out_stride is a multiple of 16 floats. */
	void (*scores)(const uint16_t *queries, const uint16_t *refs, size_t n_refs, size_t depth,
		       float *out, size_t out_stride);

	/* What to go on with when this kernel's scores rule out too little: the same steps, and a
	 * depth_step that divides this one; NULL: nothing better. */
	const struct knn_kernel *finer;

	/* Around the scores() calls of one thread (AMX: tile configuration); NULL: nothing to do. */
	void (*enter)(void);
	void (*leave)(void);
};

#define KNN_QUERY_STEP_MAX 64 /* what callers make room for */

extern const struct knn_kernel knn_kernel_portable, knn_kernel_avx2;
extern const struct knn_kernel knn_kernel_avx512, knn_kernel_avx512vnni; /* F and BW; and VNNI */
extern const struct knn_kernel knn_kernel_amx; /* where tiles_allowed() says so */

/* The fastest kernel of this processor: amx, avx512vnni, avx512, avx2 or portable, and none beyond
 * the level that PROTEA_SIMD names (portable, avx2, avx512, amx). Anything else in the variable
 * counts as unset. The variable is read at each call. */
const struct knn_kernel *knn_kernel_choose(void);

#endif
