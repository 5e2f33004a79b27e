/* Anc2vec archives from arbitrary bytes, as NPZ or TSV by their start. What opens answers for every
 * term it names, with finite numbers. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/anc2vec/anc2vec_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int load(struct anc2vec *a, const uint8_t *data, size_t n, struct err *err)
{
	struct lines *l;
	struct npz *z;
	int rc;

	if (n >= 2 && memcmp(data, "PK", 2) == 0) {
		rc = npz_open_memory(&z, "fuzz", data, n, err);
		if (rc < 0)
			return rc;
		rc = anc2vec_load_npz(a, z, "fuzz", err);
		npz_close(z);
		return rc;
	}
	rc = lines_open_memory(&l, "fuzz", data, n, err);
	if (rc < 0)
		return rc;
	rc = anc2vec_load_tsv(a, l, err);
	lines_close(l);
	return rc;
}

static void ask(const struct anc2vec *a)
{
	for (size_t i = 0; i < anc2vec_count(a); i++) {
		const float *v = anc2vec_find(a, anc2vec_term(a, i));

		if (!v || (i > 0 && strcmp(anc2vec_term(a, i - 1), anc2vec_term(a, i)) >= 0))
			abort();
		for (size_t k = 0; k < anc2vec_dim(a); k++) {
			if (!isfinite(v[k]))
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct anc2vec *a = calloc(1, sizeof *a);
	struct err err = ERR_INIT;

	if (!a)
		return 0;
	int rc = load(a, data ? data : (const uint8_t *)"", n, &err);

	if (rc == 0)
		rc = anc2vec_finish(a, "fuzz", &err);
	if (rc == 0)
		ask(a);
	else if (!err.code || !err.text[0])
		abort();
	anc2vec_close(a);
	return 0;
}
