/* The source of a run for its page: what lines cost, and their text where it is certain to be that of the run. */
#ifndef CLI_FLAME_SOURCE_H
#define CLI_FLAME_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "prof/analyze/source.h"
#include "prof/base/buf.h"
#include "viewer/flame.h"

struct flame_sources_options {
	/* Where the files are: below it with ever fewer of their leading folders. NULL: where debug information says,
	 * if the store is `own` and the run was recorded on this machine. */
	const char *dir;
	int own;                /* of this user or the system: see flame_text.h */
	size_t room;            /* bytes of text, at most */
	enum profile_kind kind; /* shown first */
	int only_kind;          /* no other columns */
};

struct flame_sources {
	struct flame_source source; /* points into the others */
	struct flame_file *files;   /* owned, all arrays */
	struct flame_line *lines;
	struct flame_window *windows;
	size_t n_windows, windows_cap;
	char **texts; /* owned, and so are its texts; one per file */
	size_t n_texts;
};

/* Files are in the order of what they cost by themselves, first of all of `kind`. Text is that of lines
 * that cost anything, with two lines around them, ten around those of a hundredth of everything or more (a twentieth with
 * what they call).
 * A file has none when it cannot be read, is no regular file of source text of up to 8 MiB, or may not be what was
 * compiled: changed since the run began or since its module was built; with `dir` the user vouches for it. */
int flame_sources_make(struct flame_sources *x, const struct profile *p,
		       const struct sample_filter *filter, const struct flame_sources_options *how,
		       struct err *err);
void flame_sources_release(struct flame_sources *x);

#endif
