/* Which vector kernels a run on this processor takes, one line for each value of PROTEA_SIMD:
 *   kernels    "LEVEL align NAME knn NAME simd NUMBER"; LEVEL "-" is the variable unset
 * A kernel that fails its trial is left with a warning on standard error, and another one is named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align_strips.h"
#include "pipeline/core/simd.h"
#include "pipeline/knn/knn_kernel.h"

int main(void)
{
	static const char *const levels[] = {"-", "portable", "avx2", "avx512", "amx"};

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		const struct align_kernel *align;

		if (strcmp(levels[i], "-") == 0)
			unsetenv("PROTEA_SIMD");
		else
			setenv("PROTEA_SIMD", levels[i], 1);
		align = align_kernel_choose();
		printf("%s align %s knn %s simd %d\n", levels[i], align ? align->name : "scalar",
		       knn_kernel_choose()->name, (int)simd_reread());
	}
	return 0;
}
