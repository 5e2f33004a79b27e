/* NPZ archives from arbitrary bytes, read as an anc2vec archive and as numbers. */
#include <stdint.h>
#include <stdlib.h>

#include "pipeline/core/npz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int take(void *ctx, uint64_t index, const char *text, size_t len, struct err *err)
{
	uint64_t *last = ctx;

	(void)err;
	if (len > 0 && text[len - 1] == '\0' && index < *last)
		abort();
	*last = index;
	return 0;
}

static void read_all(struct npz *z)
{
	struct err err = ERR_INIT;
	struct npy_header h;
	unsigned char *bytes;
	const unsigned char *at;
	uint64_t rows, cols, count, last = 0;
	float *v;

	if (npz_read_floats(z, "embeddings", &v, &rows, &cols, &err) == 0) {
		volatile float end = rows * cols ? v[rows * cols - 1] : 0;

		(void)end;
		free(v);
	}
	npz_read_texts(z, "go_ids", take, &last, &count, &err);
	last = 0;
	npz_read_texts(z, "ontology_release", take, &last, &count, &err);
	if (npz_read(z, "embeddings", 1 << 16, &h, &bytes, &at, &err) == 0)
		free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct err err = ERR_INIT;
	struct npz *z;

	if (npz_open_memory(&z, "fuzz", data ? data : (const uint8_t *)"", n, &err) < 0) {
		if (!err.code || !err.text[0])
			abort();
		return 0;
	}
	read_all(z);
	npz_close(z);
	return 0;
}
