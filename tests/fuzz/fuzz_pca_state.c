/* PCA states from arbitrary bytes. What loads has the dimension asked for and finite numbers. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/npz.h"
#include "pipeline/pca/pca_internal.h"
#include "pipeline/pca/pca_scores.h"

#define DIM 5

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void use(const struct pca *p)
{
	const uint16_t row[DIM] = {0x3c00, 0, 0xbc00, 0x4000, 1};
	const uint32_t number = 0;
	struct pca_scores scores;

	if (p->dim != DIM || p->n_components > PCA_COMPONENTS)
		abort();
	for (size_t i = 0; i < DIM * p->n_components; i++) {
		if (!isfinite(p->components[i]))
			abort();
	}
	if (pca_scores_make(&scores, p, row, &number, 1, 1, NULL) == 0)
		pca_scores_release(&scores);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct pca_fingerprint expected = {.n_rows = 100, .dim = DIM};
	struct err err = ERR_INIT;
	struct npz *z;
	struct pca p;

	memset(expected.accessions_sha256, 'a', 64);
	if (npz_open_memory(&z, "fuzz", data ? data : (const uint8_t *)"", n, &err) < 0)
		return 0;
	int rc = pca_load_npz(&p, z, "fuzz", &expected, &err);

	if (rc == PCA_LOADED || rc == PCA_LOADED_FOREIGN)
		use(&p);
	else if (rc < 0 && (!err.code || !err.text[0]))
		abort();
	pca_release(&p);
	npz_close(z);
	return 0;
}
