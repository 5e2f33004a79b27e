/* nodes.dmp and merged.dmp from arbitrary bytes: the part before the first NUL is nodes.dmp, the rest
 * is merged.dmp. Whatever loads must answer every taxon within the depth limit. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/taxonomy/tax_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void ask(const struct taxonomy *t)
{
	int64_t lineage[TAXONOMY_MAX_DEPTH];
	struct tax_pair p;
	uint32_t i;

	for (i = 0; i < t->count; i++) {
		size_t len = taxonomy_lineage(t, t->ids[i], lineage);

		if (len == 0 || lineage[0] != TAX_ROOT || lineage[len - 1] != t->ids[i])
			abort();
		taxonomy_compare(t, t->ids[i], t->ids[t->count - 1 - i], &p);
		if (p.relation == TAX_UNRELATED || p.common_ancestors < 1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const char *text = (const char *)data;
	const char *cut = n ? memchr(text, '\0', n) : NULL;
	size_t n_nodes = cut ? (size_t)(cut - text) : n;
	struct taxonomy *t = tax_tree_new("fuzz");
	struct err err = ERR_INIT;

	if (!t)
		return 0;
	if (tax_parse_dump(t, "nodes.dmp", text ? text : "", n_nodes, "merged.dmp",
			   cut ? cut + 1 : NULL, cut ? n - n_nodes - 1 : 0, &err) == 0)
		ask(t);
	else if (!err.code || !err.text[0])
		abort();
	taxonomy_close(t);
	return 0;
}
