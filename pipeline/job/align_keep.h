/* Finished alignments leave the kernel's way: a thread of their own hands them to the user's cache or, without
 * one, to files of the staging folder, from which a run that was killed takes them again. */
#ifndef JOB_ALIGN_KEEP_H
#define JOB_ALIGN_KEEP_H

#include "pipeline/align/align_cache.h"
#include "pipeline/job/align_work.h"
#include "pipeline/job/staging.h"

struct align_keep;

/* One of `cache` and `staging` is there; `first_file` is the number of the next file. All are borrowed until
 * the end and not to be used meanwhile. The work must be split. */
int align_keep_start(struct align_keep **keep, const struct align_work *w,
		     struct align_cache *cache, const struct staging *staging, int first_file,
		     struct err *err);
/* `finished` of struct align_options: jobs below the work's number of missing ones, each once. */
void align_keep_push(void *keep, const uint32_t *jobs, size_t n);
/* Waits until all is kept; the number of the next file in *next_file. */
int align_keep_stop(struct align_keep *keep, int *next_file, struct err *err);

/* Takes what earlier runs have kept: values and done of the work, before it is split. Returns how many in *n,
 * and the number of the next file. */
int align_keep_load(struct align_work *w, const struct staging *staging, size_t *n, int *next_file,
		    struct err *err);

#endif
