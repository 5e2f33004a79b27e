/* The kernels for AVX2, 6 queries x 16 references: 12 of 16 registers hold sums. Bytes first
 * (vpmaddubsw: 32 products an instruction), int16 where bytes rule out too little. */
#include "pipeline/knn/knn_kernel.h"

#include <immintrin.h>
#include <string.h>

#define LANES   8
#define QUERIES 6
#define VECS    2
#define TARGET  __attribute__((target("avx2")))
typedef __m256i vec;
#define ZERO()          _mm256_setzero_si256()
#define LOAD(p)         _mm256_load_si256((const __m256i *)(const void *)(p))
#define PAIR(p)         four_bytes(p)
#define MULADD(a, b, c) add_products16(a, b, c)
#define STORE(p, v)     _mm256_store_ps(p, _mm256_cvtepi32_ps(v))

TARGET static inline vec four_bytes(const void *p)
{
	int32_t all;

	memcpy(&all, p, sizeof all);
	return _mm256_set1_epi32(all);
}

/* In assembler, since compilers make two live ranges of a sum and run out of registers. */
TARGET static inline vec add_products16(vec sum, vec a, vec b)
{
	vec product;

	__asm__("vpmaddwd %3, %2, %1\n\tvpaddd %1, %0, %0"
		: "+x"(sum), "=&x"(product)
		: "x"(a), "x"(b));
	return sum;
}

#include "pipeline/knn/knn_i16_body.h"

/* int16 sums of two products each of unsigned bytes a and signed bytes b. */
TARGET static inline vec add_products8(vec sum, vec a, vec b)
{
	vec product;

	__asm__("vpmaddubsw %3, %2, %1\n\tvpaddw %1, %0, %0"
		: "+x"(sum), "=&x"(product)
		: "x"(a), "x"(b));
	return sum;
}

/* One block of KNN_I8_BLOCK elements, added to `total`. */
TARGET static inline void block_bytes(const uint8_t *queries, const int8_t *refs,
				      vec total[QUERIES][VECS])
{
	const vec ones = _mm256_set1_epi16(1);
	vec sum[QUERIES][VECS];

	UNROLL
	for (int i = 0; i < QUERIES; i++) {
		UNROLL
		for (int j = 0; j < VECS; j++)
			sum[i][j] = LOAD(refs + 4 * LANES * j);
	}
	refs += 4 * LANES * VECS;
	for (size_t at = 0; at < KNN_I8_BLOCK; at += 4) {
		vec ref[VECS];

		UNROLL
		for (int j = 0; j < VECS; j++)
			ref[j] = LOAD(refs + 4 * LANES * j);
		UNROLL
		for (int i = 0; i < QUERIES; i++) {
			vec query = four_bytes(queries + 4 * i);

			UNROLL
			for (int j = 0; j < VECS; j++)
				sum[i][j] = add_products8(sum[i][j], query, ref[j]);
		}
		queries += 4 * QUERIES;
		refs += 4 * LANES * VECS;
	}
	UNROLL
	for (int i = 0; i < QUERIES; i++) {
		UNROLL
		for (int j = 0; j < VECS; j++)
			total[i][j] =
				_mm256_add_epi32(total[i][j], _mm256_madd_epi16(sum[i][j], ones));
	}
}

TARGET static void tile_bytes(const uint8_t *queries, const int8_t *refs, size_t depth, float *out,
			      size_t out_stride)
{
	vec total[QUERIES][VECS];
	size_t at;

	memset(total, 0, sizeof total);
	for (at = 0; at < depth; at += KNN_I8_BLOCK) {
		block_bytes(queries, refs, total);
		queries += QUERIES * KNN_I8_BLOCK;
		refs += LANES * VECS * (KNN_I8_BLOCK + 4);
	}
	for (size_t i = 0; i < QUERIES; i++)
		for (size_t j = 0; j < VECS; j++)
			STORE(out + i * out_stride + LANES * j, total[i][j]);
}

TARGET static void scores_bytes(const uint16_t *queries, const uint16_t *refs, size_t n_refs,
				size_t depth, float *out, size_t out_stride)
{
	size_t group_bytes = depth / KNN_I8_BLOCK * (KNN_I8_BLOCK + 4) * LANES * VECS, j;

	for (j = 0; j < n_refs; j += LANES * VECS)
		tile_bytes((const uint8_t *)queries,
			   (const int8_t *)refs + j / (LANES * VECS) * group_bytes, depth, out + j,
			   out_stride);
}

static const struct knn_kernel int16_kernel = {
	.name = "avx2",
	.form = KNN_FORM_I16,
	.queries = {QUERIES, 2},
	.refs = {LANES * VECS, 2},
	.query_step = QUERIES,
	.ref_step = LANES * VECS,
	.depth_step = 16,
	.scores = scores,
};

const struct knn_kernel knn_kernel_avx2 = {
	.name = "avx2",
	.form = KNN_FORM_I8,
	.queries = {QUERIES, 4},
	.refs = {LANES * VECS, 4},
	.query_step = QUERIES,
	.ref_step = LANES * VECS,
	.depth_step = KNN_I8_BLOCK,
	.scores = scores_bytes,
	.finer = &int16_kernel,
};
