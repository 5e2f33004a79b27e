/* The pair features of spec 4.7.2: distance, number of common ancestors, relation. Pure functions,
 * thread-safe. */
#include "pipeline/taxonomy/taxonomy.h"

static const char *const relation_names[TAX_RELATIONS] = {
	[TAX_NONE] = "",
	[TAX_UNRELATED] = "unrelated",
	[TAX_SAME] = "same",
	[TAX_ANCESTOR] = "ancestor",
	[TAX_DESCENDANT] = "descendant",
	[TAX_CHILD] = "child",
	[TAX_PARENT] = "parent",
	[TAX_ROOT_ONLY] = "root-only",
	[TAX_DISTANT] = "distant",
	[TAX_INTERMEDIATE] = "intermediate",
	[TAX_CLOSE] = "close",
};

const char *tax_relation_name(enum tax_relation r)
{
	return relation_names[r];
}

int tax_relation_is_close(enum tax_relation r)
{
	return r == TAX_SAME || r == TAX_ANCESTOR || r == TAX_DESCENDANT || r == TAX_CHILD ||
	       r == TAX_PARENT || r == TAX_CLOSE;
}

/* Index of `taxon` in the lineage, `n` if it is not there. */
static size_t place_of(int64_t taxon, const int64_t *lineage, size_t n)
{
	size_t i = 0;

	while (i < n && lineage[i] != taxon)
		i++;
	return i;
}

/* The last two tests of spec 4.7.2 (lin1[-2] = b, lin2[-2] = a) cannot hold after the first two;
 * they are written down because the specification keeps them. */
static enum tax_relation relation_of(int64_t a, const int64_t *lin1, size_t n1, int64_t b,
				     const int64_t *lin2, size_t n2, size_t common, int64_t last)
{
	if (place_of(a, lin2, n2) < n2)
		return TAX_ANCESTOR;
	if (place_of(b, lin1, n1) < n1)
		return TAX_DESCENDANT;
	if (n1 >= 2 && lin1[n1 - 2] == b)
		return TAX_CHILD;
	if (n2 >= 2 && lin2[n2 - 2] == a)
		return TAX_PARENT;
	if (common == 1 && last == 1)
		return TAX_ROOT_ONLY;
	if (common <= 2)
		return TAX_DISTANT;
	return common <= 15 ? TAX_INTERMEDIATE : TAX_CLOSE;
}

void taxonomy_compare_lineages(int64_t a, const int64_t *lin1, size_t n1, int64_t b,
			       const int64_t *lin2, size_t n2, struct tax_pair *out)
{
	size_t i, common = 0, at1 = 0, at2 = 0;
	int64_t last = 0;

	*out = (struct tax_pair){-1, 0, TAX_UNRELATED};
	if (a == 0 || b == 0)
		return;
	if (a == b) {
		*out = (struct tax_pair){0, 1, TAX_SAME};
		return;
	}
	if (n1 == 0 || n2 == 0)
		return;
	for (i = 0; i < n1; i++) {
		/* Lineages of one tree share a prefix: try the same place first. */
		size_t at = i < n2 && lin2[i] == lin1[i] ? i : place_of(lin1[i], lin2, n2);

		if (at == n2)
			continue;
		common++;
		at1 = i;
		at2 = at;
		last = lin1[i];
	}
	if (common > 0)
		out->distance = (int32_t)((n1 - at1) + (n2 - at2));
	out->common_ancestors = (int32_t)common;
	out->relation = relation_of(a, lin1, n1, b, lin2, n2, common, last);
}

void taxonomy_compare(const struct taxonomy *t, int64_t query, int64_t ref, struct tax_pair *out)
{
	int64_t lin1[TAXONOMY_MAX_DEPTH], lin2[TAXONOMY_MAX_DEPTH];
	size_t n1 = 0, n2 = 0;

	if (query != 0 && ref != 0 && query != ref) {
		n1 = taxonomy_lineage(t, query, lin1);
		n2 = taxonomy_lineage(t, ref, lin2);
	}
	taxonomy_compare_lineages(query, lin1, n1, ref, lin2, n2, out);
}
