/* Pickles from arbitrary bytes: the first byte tells the dimensions (0 or 1), the second the number of
 * items, the rest is the pickle. What is accepted gives exactly that many texts. */
#include <stdint.h>
#include <stdlib.h>

#include "pipeline/core/pickle.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int take(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	uint64_t *count = ctx;
	unsigned sum = 0;

	(void)err;
	if (index != *count)
		abort();
	for (size_t i = 0; i < len; i++)
		sum += (unsigned char)text[i];
	++*count;
	return sum == UINT32_MAX ? ERR_CANCELLED : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	uint64_t count = 0;

	if (n < 2)
		return 0;
	size_t n_dims = data[0] & 1;
	uint64_t n_items = n_dims ? data[1] : 1;
	int rc = pickle_texts("fuzz", data + 2, n - 2, n_dims, n_items, take, &count, &err);

	if (rc == 0 ? count != n_items : !err.code || !err.text[0])
		abort();
	return 0;
}
