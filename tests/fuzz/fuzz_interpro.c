/* Any bytes as an InterPro table: what is loaded is grouped, sorted and finite. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "pipeline/features/interpro.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/small_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void look(const struct interpro *t)
{
	uint32_t p, i, n, all = 0;

	for (p = 0; p < WORLD_PROTEINS + 2; p++) {
		const struct interpro_hit *hit = interpro_of(t, p, &n);

		for (i = 0; i < n; i++) {
			if (hit[i].go >= WORLD_TERMS || hit[i].dbs >> IPR_DBS ||
			    !isfinite(hit[i].score) || (i && hit[i].go <= hit[i - 1].go))
				abort();
		}
		all += n;
	}
	if (t->n_skipped > t->n_lines || all > t->n_lines - t->n_skipped)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct proteins proteins;
	static struct ontology ontology;
	struct err err = ERR_INIT;
	char path[SCRATCH_PATH];
	struct interpro t;
	int rc;

	if (!proteins.n) {
		world_proteins(&proteins);
		world_ontology(&ontology);
	}
	scratch_write(path, "interpro.tsv", data, size);
	rc = interpro_load(&t, path, &proteins.accessions, &ontology, &err);
	if (rc > 0 || (rc == 0) != (err.text[0] == '\0'))
		abort();
	if (rc == 0)
		look(&t);
	interpro_release(&t);
	return 0;
}
