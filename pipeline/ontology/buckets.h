/* Ground truth of a pair (spec 4.3): what each protein gained, by category, and what it had. Computed
 * from two annotation sets, or filled from a materialised file. */
#ifndef ONTOLOGY_BUCKETS_H
#define ONTOLOGY_BUCKETS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/ontology.h"
#include "prof/base/err.h"

enum category { CAT_NK, CAT_LK, CAT_PK, CATEGORIES };
extern const char *const category_name[CATEGORIES]; /* "nk", "lk", "pk" */

/* A set of (protein, go) as sorted keys protein << 32 | go. */
struct pairset {
	uint64_t *key; /* owned, ascending and distinct after pairset_seal() */
	size_t n, cap;
};

#define PAIRSET_INIT                                                                               \
	{                                                                                          \
		0                                                                                  \
	}
#define PAIR_KEY(protein, go) ((uint64_t)(protein) << 32 | (go))
#define PAIR_PROTEIN(key)     ((uint32_t)((key) >> 32))
#define PAIR_GO(key)          ((uint32_t)(key))

int pairset_add(struct pairset *s, uint64_t key, struct err *err);
void pairset_seal(struct pairset *s);
/* Seals the keys from index `from` on; those before it are sealed and smaller. */
void pairset_seal_tail(struct pairset *s, size_t from);
int pairset_has(const struct pairset *s, uint64_t key);
/* Keys of one protein: the index of the first one; *end is one past the last. */
size_t pairset_range(const struct pairset *s, uint32_t protein, size_t *end);
void pairset_release(struct pairset *s);

struct buckets {
	struct pairset gained[CATEGORIES];
	struct pairset known;
};

/* Computes both from the sets; the native snapshots' ancestor lists are made where case B needs
 * them. */
int buckets_compute(struct buckets *b, struct ontology *o, const struct annset *old_set,
		    const struct annset *new_set, struct err *err);
/* The same by `n_workers` threads. */
int buckets_compute_with(struct buckets *b, struct ontology *o, const struct annset *old_set,
			 const struct annset *new_set, size_t n_workers, struct err *err);
void buckets_release(struct buckets *b);

#endif
