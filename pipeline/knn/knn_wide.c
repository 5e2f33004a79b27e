/* Choice of the kernel, and the one that needs nothing beyond SSE2 (or any other baseline). */
#include "pipeline/knn/knn_wide.h"

#include <stdlib.h>
#include <string.h>

#define LANES 4
#define ROWS  2
#define TARGET
typedef float vec __attribute__((vector_size(LANES * sizeof(float)), may_alias));
#define LOAD(p)         (*(const vec *)(const void *)(p))
#define STORE(p, v)     (*(vec *)(void *)(p) = (v))
#define FILL(x)         ((vec){(x), (x), (x), (x)})
#define MULADD(a, b, c) ((a) * (b) + (c))

static void sum4(const vec v[4], float out[4])
{
	int i;

	for (i = 0; i < 4; i++)
		out[i] = (v[i][0] + v[i][1]) + (v[i][2] + v[i][3]);
}

#include "pipeline/knn/knn_wide_body.h"

const struct knn_wide knn_wide_portable = {"portable", scores, divide};

const struct knn_wide *knn_wide_choose(void)
{
	const char *wanted = getenv("PROTEA_SIMD");
	int portable = wanted && strcmp(wanted, "portable") == 0;
	int avx2 = wanted && strcmp(wanted, "avx2") == 0;

	if (portable)
		return &knn_wide_portable;
	if (!avx2 && __builtin_cpu_supports("avx512f"))
		return &knn_wide_avx512;
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
		return &knn_wide_avx2;
	return &knn_wide_portable;
}
