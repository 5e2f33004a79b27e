/* What the lines of source files cost, of one or of all of a run: CPU time, allocation, memory held, copies. */
#ifndef ANALYZE_SOURCE_H
#define ANALYZE_SOURCE_H

#include <stddef.h>

#include "prof/analyze/hot.h"

enum source_column {
	SOURCE_TIME, /* cpu, or wall of a run in wall mode */
	SOURCE_ALLOC,
	SOURCE_PEAK,
	SOURCE_LIVE,
	SOURCE_COPY,
	SOURCE_COLUMNS
};

struct source_line {
	uint32_t line; /* 0: the file is known, the line is not */
	uint64_t self_count[SOURCE_COLUMNS];
	int64_t self
		[SOURCE_COLUMNS]; /* time: its own; bytes: asked for here, by library code called here too */
	int64_t total[SOURCE_COLUMNS]; /* with what it calls; a line counts once per stack */
};

struct source_view {
	struct source_line *lines; /* owned; by line */
	size_t n;
	uint32_t file; /* string */
	uint32_t
		function; /* string: what was asked for, when it was a function; else STRTAB_EMPTY */
	uint32_t first,
		last; /* lines of that function that anything is known of; 0, UINT32_MAX: the file */
	int64_t all[SOURCE_COLUMNS];  /* of the run */
	int64_t here[SOURCE_COLUMNS]; /* of stacks that touch the file; a stack counts once */
	enum profile_kind time_kind;
};

/* `what`: a file as debug information has it, or the end of its path from a slash on; else a function. ERR_NOTFOUND,
 * or ERR_ARG when several files or functions are meant: the text lists them. */
int source_view_make(struct source_view *v, const struct profile *p, const char *what,
		     const struct sample_filter *filter, struct err *err);
void source_view_release(struct source_view *v);
enum profile_kind source_kind(const struct source_view *v, enum source_column column);

struct source_file {
	uint32_t file;             /* string */
	struct source_line *lines; /* into those of all; by line */
	size_t n;
	int64_t here[SOURCE_COLUMNS]; /* as above */
};

struct source_files {
	struct source_file *files; /* owned; by name */
	size_t n;
	struct source_line *lines;   /* owned; of all files */
	int64_t all[SOURCE_COLUMNS]; /* of the run */
	enum profile_kind time_kind;
};

/* The same numbers as source_view_make() for each file that a stack with a sample goes through, in one pass over
 * the stacks. */
int source_files_make(struct source_files *v, const struct profile *p,
		      const struct sample_filter *filter, struct err *err);
void source_files_release(struct source_files *v);
enum profile_kind source_files_kind(const struct source_files *v, enum source_column column);

#endif
