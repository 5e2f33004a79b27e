/* NCBI taxonomy: lineages and the pair features of spec 4.7.2. Read from an ete3 SQLite file, from
 * nodes.dmp (merged.dmp beside it, if any), or from a folder with both. Nothing is downloaded. A
 * loaded taxonomy may be read by any number of threads. */
#ifndef TAXONOMY_TAXONOMY_H
#define TAXONOMY_TAXONOMY_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct taxonomy;

int taxonomy_open(struct taxonomy **out, const char *path, struct err *err);
void taxonomy_close(struct taxonomy *t);
size_t taxonomy_count(const struct taxonomy *t);     /* taxa, without merged ones */
const char *taxonomy_file(const struct taxonomy *t); /* the file that was read, for fingerprints */

/* Reads a protein's taxonomy text (spec B.16): 1 and *taxon, or 0 for "none". NULL text is none. */
int taxonomy_parse_id(const char *text, int64_t *taxon);

#define TAXONOMY_MAX_DEPTH 256

/* Root first, `taxon` (or what it was merged into) last. Returns its length, 0 if unknown. */
size_t taxonomy_lineage(const struct taxonomy *t, int64_t taxon, int64_t out[TAXONOMY_MAX_DEPTH]);

enum tax_relation {
	TAX_NONE, /* family off: empty string */
	TAX_UNRELATED,
	TAX_SAME,
	TAX_ANCESTOR,
	TAX_DESCENDANT,
	TAX_CHILD,
	TAX_PARENT,
	TAX_ROOT_ONLY,
	TAX_DISTANT,
	TAX_INTERMEDIATE,
	TAX_CLOSE,
	TAX_RELATIONS,
};

struct tax_pair {
	int32_t distance; /* -1: null */
	int32_t common_ancestors;
	enum tax_relation relation;
};

/* taxon 0 means none. */
void taxonomy_compare(const struct taxonomy *t, int64_t query, int64_t ref, struct tax_pair *out);
/* The rule itself on given lineages (n = 0: no lineage); a, b as in the spec. */
void taxonomy_compare_lineages(int64_t a, const int64_t *lin1, size_t n1, int64_t b,
			       const int64_t *lin2, size_t n2, struct tax_pair *out);
const char *tax_relation_name(enum tax_relation r); /* "" for TAX_NONE */
int tax_relation_is_close(enum tax_relation r);     /* counts for close[t] of 4.7.3 */

#endif
