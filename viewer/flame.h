/* One self-contained HTML page of one run or several: flame graph, tables, time lines, source, and with more
 * than one run their comparison. No network, no library, any name safe (no name can end a script or become
 * markup). Streamed; the same profiles give the same bytes. */
#ifndef VIEWER_FLAME_H
#define VIEWER_FLAME_H

#include <stdio.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

#define FLAME_RUNS_MAX  256
#define FLAME_BYTES_MAX 2000000 /* of a page, unless said otherwise: fit for mail */
#define FLAME_COLUMNS   5       /* kinds that source lines have */

struct flame_precision { /* how sure the sum of a kind is */
	enum profile_kind kind;
	const char *text; /* exact, or how it was estimated, in words */
	double lo, hi;    /* 95 % interval; hi <= lo: exact, or not known */
};

struct flame_run { /* strings borrowed, NULL: none */
	const struct profile
		*p; /* its ticks, counters and stages are shown as far as they were read */
	int (*include)(void *ctx, const struct profile_sample *s); /* NULL: all; of every kind */
	/* NULL: no function is library code. */
	int (*library)(const struct profile *p, const struct profile_frame *f);
	void *ctx;
	const char *name; /* instead of the run's */
	const struct flame_precision *precisions;
	size_t n_precisions;
};

struct flame_line { /* what a line costs, by column of flame_source */
	uint32_t line;
	uint64_t self[FLAME_COLUMNS], total[FLAME_COLUMNS];
};

struct flame_window { /* consecutive lines of text, each with its '\n' */
	uint32_t first, lines;
	const char *text;
	size_t bytes;
};

struct flame_file {
	const char *name;               /* as in frames */
	const struct flame_line *lines; /* ascending, as the windows are */
	size_t n_lines;
	const struct flame_window *windows;
	size_t n_windows;
};

struct flame_source {
	const struct flame_file
		*files; /* the heaviest first: the last ones go if there is no room */
	size_t n_files;
	enum profile_kind columns[FLAME_COLUMNS];
	size_t n_columns;
	uint32_t left_out; /* files without text */
};

struct flame_options { /* strings borrowed, NULL: none */
	const struct flame_run *runs;
	size_t n_runs;          /* 1 … FLAME_RUNS_MAX */
	enum profile_kind kind; /* shown first */
	int only_kind;          /* the other kinds are left out */
	const char *title;
	const char *filter_text;           /* what `include` does, in words, for the page's head */
	const struct flame_source *source; /* NULL: none */
	size_t max_bytes;                  /* of the whole page; 0: FLAME_BYTES_MAX */
	const char *up, *up_text; /* link to the page that this one is a part of, and its words */
	int *has_text;            /* set to whether the page holds text of sources */
	int redact; /* no host, job, labels, arguments, source, nor folders of paths */
};

int flame_write(FILE *out, const struct flame_options *options, struct err *err);

#endif
