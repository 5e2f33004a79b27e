/* NCBI taxonomy dump files (nodes.dmp, names.dmp, merged.dmp), record by record: fields between
 * "\t|\t", records ending in "\t|". Keeps nothing. One read belongs to one thread. */
#ifndef BUNDLE_TAXDUMP_H
#define BUNDLE_TAXDUMP_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/lines.h"
#include "prof/base/err.h"

/* Texts are borrowed and valid during the callback only. Callbacks return 0 to go on or a negative
 * code, which ends the reading and becomes its result. */
typedef int taxdump_node_fn(void *ctx, int64_t taxon, int64_t parent, const char *rank,
			    struct err *err);
typedef int taxdump_name_fn(void *ctx, int64_t taxon, const char *name, const char *name_class,
			    struct err *err);
typedef int taxdump_merged_fn(void *ctx, int64_t old_taxon, int64_t new_taxon, struct err *err);

int taxdump_read_nodes(struct lines *in, taxdump_node_fn *fn, void *ctx, struct err *err);
int taxdump_read_names(struct lines *in, taxdump_name_fn *fn, void *ctx, struct err *err);
int taxdump_read_merged(struct lines *in, taxdump_merged_fn *fn, void *ctx, struct err *err);

#endif
