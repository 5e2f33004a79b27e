/* Costs by source line, for a set of frames: what source.c needs, one file or all. A line counts once per stack.
 * Each kind is one pass over the stacks, whatever their depth. */
#ifndef ANALYZE_SOURCE_SUMS_H
#define ANALYZE_SOURCE_SUMS_H

#include "prof/analyze/source.h"
#include "prof/base/hash.h"

struct source_sums {
	const struct profile *p; /* set by the caller, as is time_kind */
	enum profile_kind time_kind;
	struct source_line *lines; /* owned, all arrays; in the order in which they were taken */
	uint32_t *file_of_line;    /* per line: place in `files` */
	unsigned char *touched;    /* per line: a stack with a sample goes through it */
	uint32_t n_lines;
	uint32_t *files; /* strings */
	int64_t (
		*here)[SOURCE_COLUMNS]; /* per file: of stacks that touch it; a stack counts once */
	uint32_t n_files;
	int64_t all[SOURCE_COLUMNS]; /* of the run */
	/* private */
	uint32_t *line_of, *file_of;            /* per frame; PROFILE_NONE: not taken */
	uint32_t *user;                         /* per stack: as library_user_stack() */
	unsigned char *first_line, *first_file; /* per stack: outermost.h */
	struct source_sum *sums;                /* per stack, of one column */
	struct idmap line_index, file_index;
	size_t lines_cap, files_cap;
};

enum profile_kind source_time_kind(const struct profile *p);
enum profile_kind source_sums_kind(enum profile_kind time_kind, enum source_column column);

/* In this order; each 0, ERR_NOMEM, or what the filter says. */
int source_sums_init(struct source_sums *s, struct err *err);
int source_sums_take(struct source_sums *s, uint32_t frame, struct err *err);
int source_sums_make(struct source_sums *s, const struct sample_filter *filter, struct err *err);
void source_sums_release(struct source_sums *s);

#endif
