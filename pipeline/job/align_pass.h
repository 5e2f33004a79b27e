/* One pass of the alignment kernel over the distinct text pairs of many accession pairs: what the cache or an
 * earlier run has is looked up in batches, what is missing is aligned in one go while a thread keeps it. */
#ifndef JOB_ALIGN_PASS_H
#define JOB_ALIGN_PASS_H

#include "pipeline/align/align_cache.h"
#include "pipeline/job/align_work.h"
#include "pipeline/job/staging.h"

struct align_pass {
	struct context *c; /* borrowed, these three */
	struct events *events;
	const struct staging
		*staging; /* keeps alignments when there is no cache; NULL: a cache is there */
	struct align_cache *cache; /* owned; NULL: none */
	struct align_work work;
	size_t hits; /* of the cache, or kept by an earlier run */
	size_t missing;
	int next_file;  /* of the staging folder */
	double seconds; /* of the kernel */
};

/* Opens the cache of the settings; one that cannot be used is told of and done without. */
void align_pass_open(struct align_pass *p);
/* After align_work_add(): values that are there. */
int align_pass_look_up(struct align_pass *p, struct err *err);
/* After align_work_split(). */
int align_pass_run(struct align_pass *p, struct err *err);
/* Commits and closes the cache; the work stays. */
void align_pass_close(struct align_pass *p);
/* The sizes of an alignment stage. */
void align_pass_mark(const struct align_pass *p, pp_stage *mark, double cells);

#endif
