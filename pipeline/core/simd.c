/* Levels of vector instructions: see simd.h. */
#include "pipeline/core/simd.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char *const name[SIMD_LEVELS] = {"portable", "avx2", "avx512"};

enum simd_level simd_offered(void)
{
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
		return SIMD_PORTABLE;
	if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
	    !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
		return SIMD_AVX2;
	return SIMD_AVX512;
}

static enum simd_level bounded(void)
{
	const char *wish = getenv("PROTEA_SIMD");
	enum simd_level most = simd_offered();

	for (enum simd_level l = SIMD_PORTABLE; wish && l < most; l++)
		if (strcmp(wish, name[l]) == 0)
			return l;
	return most;
}

static atomic_int known = -1; /* threads that ask first at the same time find the same */

enum simd_level simd_reread(void)
{
	enum simd_level l = bounded();

	atomic_store_explicit(&known, (int)l, memory_order_relaxed);
	return l;
}

enum simd_level simd_level(void)
{
	int l = atomic_load_explicit(&known, memory_order_relaxed);

	return l >= 0 ? (enum simd_level)l : simd_reread();
}
