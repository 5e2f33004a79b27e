/* From runs that were read to a page: which samples it shows, how sure their sums are, its source. Files and
 * options are the command's. */
#ifndef CLI_FLAME_PAGE_H
#define CLI_FLAME_PAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "prof/base/err.h"
#include "prof/model/profile.h"

struct flame_page { /* strings borrowed, NULL: none */
	const char *stage, *thread, *title;
	const char *up, *up_text; /* as in flame_options */
	const char *source_dir;
	int own; /* the store is this user's or the system's: source is looked for without source_dir, too */
	int kind; /* -1: by the first run */
	int only_kind, no_source, redact;
	uint64_t max_bytes; /* 0: as the viewer has it */
	int *has_text;      /* NULL, or set to whether the page holds source code */
};

/* What to read of a store for a page of `n` runs. */
unsigned flame_page_parts(size_t n);

/* Says on stderr what readers should know of the runs: that one is not over, that there are no samples to show, and
 * in what runs that are compared differ. */
void flame_page_warn(const struct flame_page *page, const struct profile *runs, size_t n);

/* Stages and threads that no run has are ERR_NOTFOUND; in a comparison one of the runs is enough. */
int flame_page_write(FILE *out, const struct flame_page *page, const struct profile *runs, size_t n,
		     struct err *err);

#endif
