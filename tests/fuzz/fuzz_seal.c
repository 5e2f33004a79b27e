/* Any bytes as a seccomp filter: it ends, reads nothing but itself and the call, and has one answer. */
#include <linux/seccomp.h>
#include <stdint.h>
#include <stdlib.h>

#include "prof/agent/seal_filter.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const struct seccomp_data call = {.nr = 16, .args = {3, 0x2402}};
	size_t count = n / sizeof(struct sock_filter);
	struct sock_filter *filter = malloc(count * sizeof *filter + 1);
	long answer;

	if (!filter)
		return 0;
	memcpy(filter, data, count * sizeof *filter);
	answer = seal_answer(filter, count, &call);
	if (answer < -1 || answer > (long)UINT32_MAX || answer != seal_answer(filter, count, &call))
		abort();
	free(filter);
	return 0;
}
