/* Foreign Parquet files: every text that comes out is touched. */
#include <stddef.h>
#include <stdint.h>

#include "pipeline/output/parquet.h"

#define ROWS_ENOUGH 20000 /* run-length coded pages can stand for very many */

struct sink {
	size_t rows;
	unsigned char sum;
};

static int touch(void *ctx, const char *const *text, const size_t *len, struct err *err)
{
	struct sink *s = ctx;

	for (size_t k = 0; k < 3; k++) {
		if (!text[k])
			continue;
		if (len[k])
			s->sum ^= (unsigned char)(text[k][0] ^ text[k][len[k] - 1]);
	}
	return ++s->rows == ROWS_ENOUGH ? err_set(err, ERR_LIMIT, "enough") : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const truth[] = {"protein_accession", "go_id", "bucket"};
	static const char *const ours[] = {"aspect", "protein_accession", "qualifier"};
	struct sink s = {0};
	struct err err = ERR_INIT;

	parquet_read_strings_memory("fuzz", data, size, truth, 3, touch, &s, &err);
	parquet_read_strings_memory("fuzz", data, size, ours, 3, touch, &s, &err);
	__asm__ volatile("" : : "r"(s.sum)); /* the reads must happen */
	return 0;
}
