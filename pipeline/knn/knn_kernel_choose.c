/* Choice of the kernel at run time. A kernel is tried once per process before it is trusted: what a
 * processor, an emulator or a hypervisor gets wrong costs speed and a warning, no result. */
#include "pipeline/knn/knn_kernel.h"

#include <stdlib.h>
#include <string.h>

#include "pipeline/core/simd.h"
#include "pipeline/core/tiles.h"
#include "pipeline/knn/knn_kernel_check.h"
#include "prof/base/log.h"

/* From the fastest on; the last one is the C of every processor. */
static const struct knn_kernel *const kernels[] = {&knn_kernel_amx, &knn_kernel_avx512vnni,
						   &knn_kernel_avx512, &knn_kernel_avx2,
						   &knn_kernel_portable};
#define KERNELS (sizeof kernels / sizeof *kernels)

/* Racing threads try it twice and get the same answer. */
static int is_sound(size_t i)
{
	static int kept[KERNELS]; /* 0 not tried, 1 no, 2 yes */
	int answer = __atomic_load_n(&kept[i], __ATOMIC_RELAXED);
	const struct knn_kernel *k;

	if (answer)
		return answer == 2;
	answer = 2;
	for (k = kernels[i]; k && answer == 2; k = k->finer)
		answer = knn_kernel_agrees(k) ? 2 : 1;
	if (answer == 1)
		log_warn("neighbour search: the %s kernel gives wrong products on this processor "
			 "and is not used",
			 kernels[i]->name);
	__atomic_store_n(&kept[i], answer, __ATOMIC_RELAXED);
	return answer == 2;
}

/* Does the processor have what the kernel needs, and does PROTEA_SIMD allow it? */
static int is_offered(const struct knn_kernel *k, enum simd_level offered, const char *wish)
{
	if (k == &knn_kernel_portable)
		return 1;
	if (offered == SIMD_PORTABLE || strcmp(wish, "portable") == 0)
		return 0;
	if (k == &knn_kernel_avx2)
		return 1;
	if (strcmp(wish, "avx2") == 0)
		return 0;
	if (k == &knn_kernel_amx)
		return strcmp(wish, "avx512") != 0 && tiles_allowed();
	if (offered < SIMD_AVX512)
		return 0;
	return k == &knn_kernel_avx512 || __builtin_cpu_supports("avx512vnni");
}

const struct knn_kernel *knn_kernel_choose(void)
{
	const char *wish = getenv("PROTEA_SIMD");
	enum simd_level offered = simd_offered();
	size_t i = 0;

	wish = wish ? wish : "";
	while (i < KERNELS - 1 && !(is_offered(kernels[i], offered, wish) && is_sound(i)))
		i++;
	return kernels[i];
}
