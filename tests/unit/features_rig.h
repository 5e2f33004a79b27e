/* Everything the features room reads, small and by hand: a world (world.h) with an old annotation set,
 * proteins P0 … P9 with embeddings, neighbours as the test says, three-digit term vectors. One at a time.
 *
 * Order of use: world_begin(), terms, edges, rig_proteins(), annotations, rig_open(), neighbours,
 * known terms, gains, then rig_seal(); rig_close(). */
#ifndef TESTS_FEATURES_RIG_H
#define TESTS_FEATURES_RIG_H

#include "pipeline/features/association.h"
#include "pipeline/features/candidates.h"
#include "pipeline/features/inputs.h"
#include "tests/unit/world.h"

#define RIG_PROTEINS 10

struct rig {
	struct ontology ontology;
	struct proteins proteins;
	struct dict strings;
	struct annset set;
	struct pool pool;
	struct references refs;
	struct neighbors neighbors;
	struct pair_list pairs;
	struct buckets buckets;
	struct anc2vec *archive;
	struct term_vectors vectors;
	unsigned char in_pool[64];
	uint32_t query_row[RIG_PROTEINS];
	struct tax_pair *tax; /* owned */
	struct feature_inputs in;
	struct err err;
};

static struct rig rig;

/* Terms of the usual ontology: 1 <- 2 <- 3 (P), 4 <- 5 (F), 5 part_of 2 (P), 6 <-> 7 (C, a cycle),
 * 9 without an aspect. Ids 100 + digit. 13 of SNAP_2 has the go_id of 3, 8 is only there (P). */
static inline void rig_terms(void)
{
	static const char *const aspects[] = {"P", "P", "P", "F", "F", "C", "C", NULL, NULL};
	char go[16];

	for (int i = 1; i <= 9; i++) {
		snprintf(go, sizeof go, "GO:000000%d", i);
		if (i != 8)
			world_term(100 + i, go, aspects[i - 1], SNAP_1);
	}
	world_term(13, "GO:0000003", "P", SNAP_2);
	world_term(18, "GO:0000008", "P", SNAP_2);
	world_edge(102, 101, "is_a", SNAP_1);
	world_edge(103, 102, "is_a", SNAP_1);
	world_edge(105, 104, "is_a", SNAP_1);
	world_edge(105, 102, "part_of", SNAP_1);
	world_edge(106, 107, "is_a", SNAP_1);
	world_edge(107, 106, "is_a", SNAP_1);
}

static inline void rig_proteins(void)
{
	for (int i = 0; i < RIG_PROTEINS; i++) {
		world_protein((char[]){'P', (char)('0' + i), 0}, i + 1);
		world_embedding(CONFIG_H, i + 1, 0, 2, "003c0040");
	}
}

#define RIG_MUST(call)                                                                             \
	do {                                                                                       \
		if ((call) != 0) {                                                                 \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, rig.err.text);          \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* `vectors`: lines of "GO:…\tx\ty". Queries are P0 … P9, in this order. */
static inline void rig_open(uint32_t k, const char *vectors)
{
	static const struct pool_options options = {0};
	char path[PATH_MAX + 32];

	memset(&rig, 0, sizeof rig);
	world_open();
	world_ontology(&rig.ontology);
	RIG_MUST(proteins_load(&rig.proteins, world.source, &rig.err));
	world_annset(&rig.set, SET_OLD, SNAP_1, &rig.ontology, &rig.proteins.accessions,
		     &rig.strings);
	RIG_MUST(pool_load(&rig.pool, world.source, CONFIG_H, &rig.proteins, &options, &rig.err));
	RIG_MUST(references_build(&rig.refs, &rig.set, &rig.ontology, &rig.pool, &rig.err));
	RIG_MUST(neighbors_alloc(&rig.neighbors, RIG_PROTEINS, k, &rig.refs, &rig.err));
	snprintf(path, sizeof path, "%s/vectors.tsv", world.dir);
	fixture_write(path, vectors, strlen(vectors));
	RIG_MUST(anc2vec_open(&rig.archive, path, &rig.err));
	RIG_MUST(term_vectors_build(&rig.vectors, rig.archive, &rig.ontology, &rig.err));
	for (uint32_t i = 0; i < RIG_PROTEINS; i++)
		rig.query_row[i] = i;
	rig.in.k = k;
}

static inline uint32_t rig_go(int digit)
{
	char go[16];

	snprintf(go, sizeof go, "GO:000000%d", digit);
	return world_go(&rig.ontology, go);
}

/* Appends P<ref> at `distance` to the neighbours of query P<query>. It must be a reference. */
static inline void rig_neighbor(int aspect, uint32_t query, uint32_t ref, float distance)
{
	const struct ref_list *l = &rig.refs.aspect[aspect];
	uint32_t at = rig.neighbors.count[aspect][query]++, i = 0;

	while (i < l->n && l->row[i] != ref)
		i++;
	if (i == l->n || at >= rig.neighbors.stride)
		abort();
	rig.neighbors.hit[aspect][query * rig.neighbors.stride + at] =
		(struct knn_hit){.ref = i, .dist = distance};
}

static inline void rig_known(uint32_t protein, int digit)
{
	RIG_MUST(pairset_add(&rig.buckets.known, PAIR_KEY(protein, rig_go(digit)), &rig.err));
}

static inline void rig_gain(enum category cat, uint32_t protein, int digit)
{
	RIG_MUST(pairset_add(&rig.buckets.gained[cat], PAIR_KEY(protein, rig_go(digit)), &rig.err));
}

/* From here on the inputs are complete. */
static inline void rig_seal(void)
{
	uint32_t with_vector;

	pairset_seal(&rig.buckets.known);
	for (int c = 0; c < CATEGORIES; c++)
		pairset_seal(&rig.buckets.gained[c]);
	RIG_MUST(pair_list_build(&rig.pairs, &rig.neighbors, &rig.refs, rig.in.k, &rig.err));
	rig.tax = calloc((size_t)rig.pairs.n + 1, sizeof *rig.tax);
	if (!rig.tax || rig.ontology.n_go > sizeof rig.in_pool)
		abort();
	term_pool_mark(rig.in_pool, &rig.vectors, &rig.ontology, &rig.refs, &rig.buckets.known,
		       &with_vector);
	rig.in.ontology = &rig.ontology;
	rig.in.pool = &rig.pool;
	rig.in.refs = &rig.refs;
	rig.in.neighbors = &rig.neighbors;
	rig.in.pairs = &rig.pairs;
	rig.in.buckets = &rig.buckets;
	rig.in.query_row = rig.query_row;
	rig.in.n_queries = RIG_PROTEINS;
	rig.in.vectors = &rig.vectors;
	rig.in.in_pool = rig.in_pool;
}

static inline void rig_close(void)
{
	free(rig.tax);
	pair_list_release(&rig.pairs);
	buckets_release(&rig.buckets);
	neighbors_release(&rig.neighbors);
	term_vectors_release(&rig.vectors);
	anc2vec_close(rig.archive);
	references_release(&rig.refs);
	pool_release(&rig.pool);
	annset_release(&rig.set);
	dict_release(&rig.strings);
	proteins_release(&rig.proteins);
	ontology_release(&rig.ontology);
	world_close();
}

#endif
