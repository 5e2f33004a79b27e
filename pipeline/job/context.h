/* What a run has loaded: maps, proteins, annotation sets, pool, auxiliary files. A grid keeps one
 * context over all its cells, so nothing is loaded twice; a single run uses one once. Changed only
 * between stages, never while worker threads read it. */
#ifndef JOB_CONTEXT_H
#define JOB_CONTEXT_H

#include "pipeline/anc2vec/anc2vec.h"
#include "pipeline/core/dict.h"
#include "pipeline/events/events.h"
#include "pipeline/features/interpro.h"
#include "pipeline/features/terms.h"
#include "pipeline/job/align_texts.h"
#include "pipeline/job/payload.h"
#include "pipeline/job/plan.h"
#include "pipeline/job/pool_shelf.h"
#include "pipeline/job/ref_shelf.h"
#include "pipeline/job/settings.h"
#include "pipeline/ontology/annset.h"
#include "pipeline/ontology/buckets.h"
#include "pipeline/ontology/ontology.h"
#include "pipeline/output/artifact.h"
#include "pipeline/pca/pca_scores.h"
#include "pipeline/pool/pool.h"
#include "pipeline/pool/proteins.h"
#include "pipeline/source/source.h"
#include "pipeline/taxonomy/taxonomy.h"
#include "prof/base/err.h"

/* Ground truth read from a materialised file, before numbers are final. */
struct materialised {
	int present; /* a file was read for this pair */
	struct pairset gained[CATEGORIES],
		known; /* provisional go numbers until the maps are final */
};

/* Ground truth computed for an earlier cell. */
struct made_truth {
	int present;
	struct buckets buckets;
};

struct context {
	struct source *source;           /* borrowed */
	const struct settings *settings; /* borrowed */
	struct artifact_store *store;    /* owned */
	int sharing;                     /* a grid: keep what further cells can use */
	const char *
		neighbors_dir; /* borrowed: where a grid keeps neighbours; NULL: in the staging folder */

	struct dict strings; /* every text of the output rows */
	struct proteins proteins;
	int has_proteins;
	struct ontology ontology;
	int has_ontology;
	struct annset *sets;       /* owned: one per plan version */
	unsigned char *set_loaded; /* owned */
	unsigned char *set_told;   /* owned: its warnings are in the log of the run at hand */
	size_t n_sets;
	struct materialised *truth; /* owned: one per pair */
	struct made_truth *made;    /* owned: one per pair; filled while sharing */
	size_t n_truth;

	struct pool pool;
	int has_pool;
	int keep_pools; /* sharing, and there is memory: see context_plan_pools() */
	struct pool_shelf shelf;
	struct ref_shelf references; /* of the sets and pools that are there */
	struct align_texts texts;    /* while sharing: those that alignments have asked for */
	struct pca pca;
	struct pca_scores scores; /* of its configuration: queries, each once */
	int has_pca;
	char pca_config[UUID_TEXT];

	struct anc2vec *archive; /* owned until the vectors are made */
	struct term_vectors vectors;
	int has_vectors;
	struct taxonomy *taxonomy; /* owned */
	struct interpro interpro;
	int has_interpro;
	double *ia; /* owned: per go */
	size_t n_ia;
};

void context_init(struct context *c, struct source *source, const struct settings *settings);
void context_release(struct context *c);

/* Loads what is not there yet; each emits its events. The payload and plan of further cells differ
 * only in the embedding configuration and k. */
/* Proteins, GO terms, materialised ground truth, annotation sets. */
int context_load_maps(struct context *c, const struct payload *p, const struct plan *plan,
		      struct events *e, struct err *err);
int context_load_pool(struct context *c, const struct payload *p, struct events *e,
		      struct err *err);
/* Before a run that needs `need` bytes of `limit`, the pool of the configuration included: are other pools
 * kept beside it? Those that are there and have no room go. */
void context_plan_pools(struct context *c, const char *config_id, uint64_t need, uint64_t limit);
int context_load_pca(struct context *c, const struct payload *p, struct events *e, struct err *err);
int context_load_auxiliary(struct context *c, const struct payload *p, struct events *e,
			   struct err *err);
/* Can the whole IA file be read? For the preflight, which has no ontology yet. */
int context_check_ia(const char *path, struct err *err);
/* The state file of a configuration, malloc'ed; NULL without PROTEA_PCA_ARTIFACTS_DIR or memory. */
char *context_pca_path(const struct context *c, const struct payload *p);
/* The annotation set of a plan version; loaded if it is not there, with a warning of what it lacks. */
int context_need_set(struct context *c, const struct plan *plan, size_t version, struct events *e,
		     struct err *err);
/* Single runs: forgets a set that no later pair needs. */
void context_drop_set(struct context *c, size_t version);

#endif
