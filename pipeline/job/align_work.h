/* The distinct text pairs of accession pairs, and their values: pairs of proteins with the same texts are one job (spec 4.7.1, 8, B.19). */
#ifndef JOB_ALIGN_WORK_H
#define JOB_ALIGN_WORK_H

#include "pipeline/align/align.h"
#include "pipeline/job/align_texts.h"
#include "pipeline/job/context.h"

#define ALIGN_WORK_NONE UINT32_MAX /* a text is missing or empty */

struct align_work {
	unsigned char *wanted; /* owned, per protein */
	uint32_t n_proteins;
	struct align_texts *texts; /* borrowed: the next, or a grid's; after align_work_load() */
	struct align_texts own_texts;

	struct align_job *job;      /* owned */
	struct align_values *value; /* owned; after align_work_room() */
	unsigned char *done;        /* owned; likewise */
	uint32_t *moved; /* owned: where a job has gone, after align_work_split(); or NULL */
	size_t n, cap;
	struct idmap index; /* pair of texts -> job */
};

int align_work_init(struct align_work *w, const struct context *c, struct err *err);
void align_work_release(struct align_work *w);

/* A protein whose text will be asked for; before align_work_load(). */
void align_work_want(struct align_work *w, uint32_t protein);
int align_work_load(struct align_work *w, struct context *c, int with_md5, struct err *err);

/* The job of two proteins, old or new (*fresh); ALIGN_WORK_NONE without one of the texts. */
int align_work_add(struct align_work *w, uint32_t query, uint32_t ref, uint32_t *job, int *fresh,
		   struct err *err);
/* Room for the values of all jobs, none of them done. */
int align_work_room(struct align_work *w, struct err *err);
/* The job of two texts by their sequence ids; ALIGN_WORK_NONE: none. Before align_work_split(). */
uint32_t align_work_find(const struct align_work *w, const struct idmap *text_of_sequence,
			 int64_t query, int64_t ref);
/* Brings the jobs that are not done to the front; returns their number. */
int align_work_split(struct align_work *w, size_t *missing, struct err *err);
/* Forgets texts and jobs: only values are asked for from here on. */
void align_work_keep_values(struct align_work *w);
/* NULL: not done. */
const struct align_values *align_work_value(const struct align_work *w, uint32_t job);
double align_work_cells(const struct align_work *w, struct align_job job);

#endif
