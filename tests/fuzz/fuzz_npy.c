/* NPY headers and texts from arbitrary bytes: what parses has sizes that fit, and its elements convert
 * without reading past the data. */
#include <stdint.h>
#include <stdlib.h>

#include "pipeline/core/npy.h"
#include "pipeline/core/npy_data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void read_all(const struct npy_header *h, const uint8_t *data)
{
	struct buf text = BUF_INIT;
	struct err err = ERR_INIT;

	if (npy_is_float(h->type)) {
		float *out = malloc((size_t)h->n_items * sizeof *out + 1);

		if (out)
			npy_floats(h->type, h->big_endian, data, (size_t)h->n_items, out);
		free(out);
	}
	for (uint64_t i = 0; h->item_size && i < h->n_items; i++) {
		if (npy_text(h, data, i, &text, &err) < 0)
			break;
	}
	buf_release(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct npy_header h;
	struct err err = ERR_INIT;
	uint64_t bytes;

	if (npy_parse(data ? data : (const uint8_t *)"", n, "fuzz", &h, &err) < 0) {
		if (!err.code || !err.text[0])
			abort();
		return 0;
	}
	if (h.n_dims > NPY_MAX_DIMS || h.data_offset > n ||
	    __builtin_mul_overflow(h.n_items, h.item_size, &bytes))
		abort();
	if (bytes <= n - h.data_offset)
		read_all(&h, data + h.data_offset);
	return 0;
}
