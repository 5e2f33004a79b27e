/* Trying a kernel: see knn_kernel_check.h. The rows are uniform in [-1, 1), the same ones in each
 * process; queries and references are packed as for a search. */
#include "pipeline/knn/knn_kernel_check.h"

#include <math.h>
#include <string.h>

#include "pipeline/knn/knn_pack.h"

#define DIM ((size_t)150)
#define DEPTH                                                                                      \
	((size_t)192) /* a multiple of every depth_step, with padding and whole blocks of bytes */
#define REFS ((size_t)96) /* of every ref_step */
#define ROWS (REFS > KNN_QUERY_STEP_MAX ? REFS : KNN_QUERY_STEP_MAX)
#define LINE __attribute__((aligned(64)))

struct rows {
	float value[ROWS][DIM];
	struct knn_row what[ROWS];
	LINE uint16_t packed[ROWS * DEPTH];
};

/* Knuth, The Art of Computer Programming 2, section 3.3.4: his multiplier; the upper bits. */
static float next_value(uint64_t *state)
{
	*state = *state * UINT64_C(6364136223846793005) + 1;
	return (float)(int32_t)(*state >> 40) * 0x1p-23f - 1.0f;
}

static void make_rows(const struct knn_packer *p, const struct knn_kernel *kernel,
		      enum knn_side_of side, size_t n, uint64_t seed, struct rows *rows)
{
	LINE float x[DEPTH];
	LINE uint16_t k[DEPTH];

	for (size_t i = 0; i < n; i++) {
		memset(x, 0, sizeof x);
		for (size_t j = 0; j < DIM; j++)
			x[j] = next_value(&seed);
		memcpy(rows->value[i], x, sizeof rows->value[i]);
		knn_pack_row(p, side, x, k, &rows->what[i]);
		knn_place_row(kernel, side, DEPTH, k, i, rows->packed);
	}
}

static int is_close(const struct knn_packer *p, const struct rows *queries, size_t q,
		    const struct rows *refs, size_t r, float score)
{
	const struct knn_row *a = &queries->what[q], *b = &refs->what[r];
	double norm = a->norm + a->rest, real = 0, bound;

	for (size_t i = 0; i < DIM; i++)
		real += (double)queries->value[q][i] * (double)refs->value[r][i];
	bound = a->rest * b->norm + norm * (b->rest + p->gamma * (b->norm + b->rest));
	return fabs((double)score * a->scale * b->scale - real) <= bound;
}

int knn_kernel_agrees(const struct knn_kernel *kernel)
{
	LINE float mean[DEPTH] = {0};
	LINE float scores[KNN_QUERY_STEP_MAX * REFS];
	struct rows queries, refs;
	struct knn_packer p = {.metric = KNN_L2, .dim = DIM, .depth = DEPTH, .mean = mean};

	knn_packer_use(&p, kernel);
	make_rows(&p, kernel, KNN_OF_QUERIES, kernel->query_step, 1, &queries);
	make_rows(&p, kernel, KNN_OF_REFS, REFS, 2, &refs);
	memset(scores, 0, sizeof scores);
	if (kernel->enter)
		kernel->enter();
	kernel->scores(queries.packed, refs.packed, REFS, DEPTH, scores, REFS);
	if (kernel->leave)
		kernel->leave();
	for (size_t q = 0; q < kernel->query_step; q++)
		for (size_t r = 0; r < REFS; r++)
			if (!is_close(&p, &queries, q, &refs, r, scores[q * REFS + r]))
				return 0;
	return 1;
}
