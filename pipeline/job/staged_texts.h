/* Which texts the work in a staging folder was made of. They are known when neighbours are, and read once, for
 * the alignments; their ids are listed in the folder, and their digest is part of what markers and kept
 * alignments must fit. So a run that goes on from finished pairs reads these texts again, and no others; a
 * run from nothing reads none for its fingerprint. */
#ifndef JOB_STAGED_TEXTS_H
#define JOB_STAGED_TEXTS_H

#include "pipeline/job/align_texts.h"
#include "pipeline/job/staging.h"

/* Before markers are looked at: what the source has now for the ids in the folder's list becomes part of
 * s->content. Nothing happens without a list. */
int staged_texts_check(struct staging *s, struct source *source, size_t n_workers, struct err *err);
/* The texts of these proteins are there: unless a list has been checked that has them all, they become part of
 * s->content, and their ids the folder's list. */
int staged_texts_note(struct staging *s, const struct align_texts *t, const struct proteins *p,
		      const unsigned char *wanted, size_t n_workers, struct err *err);

#endif
