/* Any bytes as a file of IA weights: the preflight and the run agree, weights are finite. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "pipeline/job/context.h"
#include "tests/fuzz/scratch.h"
#include "tests/fuzz/small_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct ontology ontology;
	static char name[] = "ia.tsv";
	struct settings settings = {.base_dir = (char *)(uintptr_t)scratch_folder()};
	struct context c = {.settings = &settings, .has_vectors = 1};
	struct payload p = {.ia_file = name};
	struct err checked = ERR_INIT, loaded = ERR_INIT;
	char path[SCRATCH_PATH];
	int rc;
	uint32_t i;

	if (!ontology.n_go)
		world_ontology(&ontology);
	c.ontology = ontology;
	scratch_write(path, name, data, size);
	rc = context_check_ia(path, &checked);
	if (rc > 0 || context_load_auxiliary(&c, &p, NULL, &loaded) != rc ||
	    strcmp(checked.text, loaded.text) != 0)
		abort();
	for (i = 0; i < WORLD_TERMS; i++)
		if (!isfinite(c.ia[i]))
			abort();
	free(c.ia);
	return 0;
}
