/* Pairwise alignment of protein texts: the twelve values of spec 4.7.1, exact on every input, in
 * bounded memory. Needleman-Wunsch and Smith-Waterman, BLOSUM62, gap open 10, extend 1, traceback
 * priority diagonal > DEL > INS, ties extend the gap. Ordered: (a, b) is not (b, a).
 * Knows nothing of proteins, caches or databases. Thread-safe; a workspace belongs to one thread. */
#ifndef ALIGN_ALIGN_H
#define ALIGN_ALIGN_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

struct align_values { /* in the order of the cache's JSON (spec 8) */
	double identity_nw;
	double similarity_nw;
	double score_nw;
	double gaps_pct_nw;
	double length_nw;    /* columns */
	double length_query; /* characters */
	double length_ref;
	double identity_sw;
	double similarity_sw;
	double score_sw; /* ALIGN_EMPTY_SW_SCORE when no cell is positive */
	double gaps_pct_sw;
	double length_sw;
};

#define ALIGN_EMPTY_SW_SCORE (-1073741824.0)

struct align_text {
	const char *bytes; /* borrowed; any bytes */
	size_t len;        /* > 0 for every text that is aligned */
};

struct align_job {      /* one ordered pair */
	uint32_t query; /* index into the texts */
	uint32_t ref;
};

struct align_options {
	size_t n_workers;    /* threads, < 1 means 1 */
	size_t memory_bytes; /* per thread, for traceback; 0: ALIGN_DEFAULT_MEMORY */
	void (*progress)(void *ctx, size_t done); /* pairs newly done; any thread; NULL: none */
	void *progress_ctx;
	/* `n` jobs (numbers in the caller's array) whose values are in out[]; called as they come, by
	 * any thread but never by two at once, so that a caller can store them while others are
	 * computed. Every job that ends up done was reported exactly once. NULL: none. */
	void (*finished)(void *ctx, const uint32_t *jobs, size_t n);
	void *finished_ctx;
	struct align_stats *stats; /* added to when the call ends; NULL: none */
};

struct align_stats {
	uint64_t pairs;      /* done */
	uint64_t lane_pairs; /* of these, by the vector lanes */
	uint64_t pair_cells; /* of these: query times reference */
	uint64_t lane_cells; /* the part of them that can matter (align_band.h) */
	uint64_t lane_room;  /* cells the lanes went over, filling included */
};

/* Pairs beyond some 10,000 by 10,000 letters are swept twice within it; others use a part of it. */
#define ALIGN_DEFAULT_MEMORY ((size_t)16 << 20)

struct align_workspace; /* buffers of one thread; grows to the budget, never beyond */
struct align_workspace *align_workspace_new(size_t memory_bytes);
void align_workspace_free(struct align_workspace *w);

/* One pair. Both texts must be non-empty and shorter than 2^24. 0, ERR_NOMEM, ERR_LIMIT. */
int align_pair(struct align_workspace *w, struct align_text query, struct align_text ref,
	       struct align_values *out, struct err *err);

/* Many pairs, at most 2^32 - 1; memory beside the arguments does not grow with their number. out[i]
 * belongs to jobs[i]; the same values whatever n_workers. `done[i]` (may be NULL) is set to 1 once out[i] is complete, so that a cancelled run can keep what it has. */
int align_batch(const struct align_text *texts, const struct align_job *jobs, size_t n_jobs,
		const struct align_options *options, struct align_values *out, unsigned char *done,
		struct err *err);

/* Peak memory of one worker for texts of these lengths, for the memory plan. */
size_t align_memory_needed(size_t max_query_len, size_t max_ref_len, size_t memory_bytes);

#endif
