/* Private to this room: the loaded tree and how the readers fill it. Not thread-safe while it
 * grows; a finished tree is only read. */
#ifndef TAXONOMY_TAX_TREE_H
#define TAXONOMY_TAX_TREE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/taxonomy/taxonomy.h"
#include "prof/base/err.h"
#include "prof/base/hash.h"

#define TAX_ROOT ((int64_t)1)

/* Nodes are numbered 0, 1, 2, ... in the order of their appearance in the file. */
struct taxonomy {
	char *file;     /* owned: what was read */
	uint32_t *near; /* owned, by taxon below n_near: its node + 1, 0 none */
	size_t n_near;
	struct idmap far;      /* taxon -> node, of the others */
	struct idmap merged;   /* old taxon -> node of the one it was merged into */
	int64_t *ids;          /* owned; taxon of each node */
	uint32_t *parents;     /* owned; node of the parent, the root's is itself */
	uint16_t *depths;      /* owned; nodes on the way to the root, both ends counted: root 1 */
	unsigned char *listed; /* owned; 0: known only as an ancestor of another (ete3) */
	uint32_t count;
	uint32_t cap;
	uint32_t n_listed;
};

struct taxonomy *tax_tree_new(const char *file); /* NULL: no memory */
/* Appends a node that is not in the tree; returns its number, IDMAP_NONE: no memory (or more nodes
 * than 32 bits count). Parent and depth are the caller's to fill. */
uint32_t tax_tree_add(struct taxonomy *t, int64_t taxon);
uint32_t tax_tree_find(const struct taxonomy *t, int64_t taxon); /* IDMAP_NONE: absent */

/* Old and new taxon of each merged one, in file order. */
struct tax_merges {
	int64_t *old_ids, *new_ids; /* owned */
	size_t count, cap;
};

#define TAX_MERGES_INIT                                                                            \
	{                                                                                          \
		0                                                                                  \
	}
int tax_merges_add(struct tax_merges *m, int64_t old_id, int64_t new_id); /* 0 or ERR_NOMEM */
void tax_merges_release(struct tax_merges *m);
/* Enters them into the tree. A merge into a merged taxon is followed; one that ends at a taxon the
 * tree lacks, or in a circle, leaves the old taxon unknown. ERR_FORMAT if one taxon is merged into
 * two: `*bad` is the place of the second. */
int tax_tree_merge(struct taxonomy *t, const struct tax_merges *m, size_t *bad, struct err *err);

/* A positive decimal number at *at (digits only, at most `end`); moves *at behind it. 0 or -1. */
int tax_read_id(const char **at, const char *end, int64_t *id);

/* Readers. `merged` may be NULL. */
int tax_read_dump(struct taxonomy *t, const char *nodes_path, const char *merged_path,
		  struct err *err);
int tax_parse_dump(struct taxonomy *t, const char *nodes_name, const char *nodes, size_t n_nodes,
		   const char *merged_name, const char *merged, size_t n_merged, struct err *err);
int tax_read_ete(struct taxonomy *t, const char *path, struct err *err);

#endif
