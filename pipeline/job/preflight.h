/* Everything that can fail, checked before any work (spec 10.1), and what the work will need: rows,
 * pairs, memory, disk. All problems are collected. */
#ifndef JOB_PREFLIGHT_H
#define JOB_PREFLIGHT_H

#include <jansson.h>

#include "pipeline/job/context.h"
#include "pipeline/job/problems.h"

/* Checks that need no computation: data set name, plan, files, folders, store, memory. Fills `plan`;
 * opens the artifact store and the anc2vec archive into the context. Negative only on a failure of the
 * source or of memory. memory_limit 0: what the machine has available. */
int preflight_run(struct context *c, const struct payload *p, struct plan *plan,
		  uint64_t memory_limit, struct problems *problems, struct notes *notes,
		  struct err *err);

/* The part that needs no payload: term vectors, folders, store. For `check` when the payload is refused,
 * so that these problems are listed with it. */
void preflight_settings(struct context *c, struct problems *problems);

/* Expected sizes; numbers are upper bounds where marked so in docs/pipeline.md. */
struct estimate {
	uint64_t proteins, pool_rows, pool_dim;
	uint64_t k;                    /* as asked for, or the pool where that is smaller */
	uint64_t queries, pairs, rows; /* of all pairs together */
	uint64_t largest_pair_queries;
	uint64_t memory_bytes, memory_pool, memory_maps, memory_knn, memory_align, memory_rows;
	uint64_t disk_bytes; /* staging and final files */
	json_t *by_pair;     /* owned */
};

/* `check`: loads maps and annotation sets and computes the ground truth, so that queries, pairs and rows
 * are known. */
int estimate_make(struct estimate *x, struct context *c, const struct payload *p,
		  const struct plan *plan, struct events *e, struct err *err);
/* Memory alone, from counts the source gives cheaply. */
int estimate_memory(struct estimate *x, struct context *c, const struct payload *p,
		    struct err *err);
void estimate_release(struct estimate *x);
uint64_t memory_available(void); /* MemAvailable, or less where a cgroup limits it */

#endif
