/* Any bytes as the list of accessions beside a matrix of three rows: a text file, or, if they begin
 * like one, a NumPy array. What opens has three names that differ. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/embeddings.h"
#include "pipeline/core/npy.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ROWS 3

static void make_matrix(char path[SCRATCH_PATH])
{
	static const uint16_t values[ROWS * 2] = {0x3c00, 0, 0xbc00, 0x7c00, 0x4000, 1};
	const uint64_t shape[2] = {ROWS, 2};
	struct buf b = BUF_INIT;

	if (npy_write_header(&b, "<f2", shape, 2) != 0 || buf_put(&b, values, sizeof values) != 0)
		abort();
	scratch_write(path, "matrix.npy", b.data, b.len);
	buf_release(&b);
}

static void look(struct embeddings *e)
{
	struct err err = ERR_INIT;
	const void *bytes;
	size_t i, k;
	int finite;

	if (embeddings_count(e) != ROWS)
		abort();
	for (i = 0; i < ROWS; i++) {
		if (!embeddings_accession(e, i)[0] ||
		    embeddings_row(e, i, &bytes, &finite, &err) != 0 || finite != (i != 1))
			abort();
		for (k = 0; k < i; k++)
			if (strcmp(embeddings_accession(e, i), embeddings_accession(e, k)) == 0)
				abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char matrix[SCRATCH_PATH];
	struct embeddings *e = NULL;
	struct err err = ERR_INIT;
	char list[SCRATCH_PATH];
	int rc, numpy = size > 5 && memcmp(data, "\x93NUMPY", 6) == 0;

	if (!matrix[0])
		make_matrix(matrix);
	scratch_write(list, numpy ? "names.npy" : "names.txt", data, size);
	rc = embeddings_open(&e, matrix, list, &err);
	if (rc > 0 || (rc == 0) != (e != NULL) || (rc < 0 && !err.text[0]))
		abort();
	if (e)
		look(e);
	embeddings_close(e);
	return 0;
}
