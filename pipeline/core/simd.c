/* Levels of vector instructions: see simd.h. */
#include "pipeline/core/simd.h"

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

enum simd_level simd_level(void)
{
	const char *wish = getenv("PROTEA_SIMD");
	enum simd_level most = simd_offered();

	for (enum simd_level l = SIMD_PORTABLE; wish && l < most; l++)
		if (strcmp(wish, name[l]) == 0)
			return l;
	return most;
}
