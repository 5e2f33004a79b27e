/* Choice of the kernel at run time. */
#include "pipeline/knn/knn_kernel.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/simd.h"
#include "pipeline/core/tiles.h"

const struct knn_kernel *knn_kernel_choose(void)
{
	enum simd_level offered = simd_offered();
	const char *wish = getenv("PROTEA_SIMD");

	wish = wish ? wish : "";
	if (offered == SIMD_PORTABLE || strcmp(wish, "portable") == 0)
		return &knn_kernel_portable;
	if (strcmp(wish, "avx2") == 0)
		return &knn_kernel_avx2;
	if (strcmp(wish, "avx512") != 0 && tiles_allowed())
		return &knn_kernel_amx;
	if (offered < SIMD_AVX512)
		return &knn_kernel_avx2;
	return __builtin_cpu_supports("avx512vnni") ? &knn_kernel_avx512vnni : &knn_kernel_avx512;
}
