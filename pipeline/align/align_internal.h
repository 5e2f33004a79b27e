/* What the files of this room share: the workspace of a thread and the engines. Every engine gives
 * the same paths; they differ in what they can take and how fast. */
#ifndef ALIGN_ALIGN_INTERNAL_H
#define ALIGN_ALIGN_INTERNAL_H

#include "pipeline/align/align_walk.h"

/* Texts are shorter than this. With it every score fits 32 bits: at most 11 a column above zero and
 * at least -(20 + n + m) below, both within +-2^28. */
#define ALIGN_MAX_LEN ((size_t)1 << 24)

struct align_workspace {
	size_t budget; /* bytes the slab may grow to */
	size_t slab_bytes;
	unsigned char *slab; /* owned; contents live within one alignment */
};

/* The slab, at least `bytes` long and aligned to 64; NULL: no memory. `bytes` is within the budget. */
unsigned char *workspace_slab(struct align_workspace *w, size_t bytes);

/* Next piece of a slab, cut at multiples of 64. */
static inline void *slab_cut(unsigned char **at, size_t bytes)
{
	void *piece = *at;

	*at += (bytes + 63) & ~(size_t)63;
	return piece;
}

static inline size_t slab_size(size_t bytes)
{
	return (bytes + 63) & ~(size_t)63;
}

/* Any two texts, one cell at a time. 0, ERR_NOMEM, ERR_LIMIT (budget), ERR_CANCELLED. */
int align_scalar(struct align_workspace *w, enum align_form form, struct align_text query,
		 struct align_text ref, struct align_path *path, struct err *err);

/* 0, or why these two texts cannot be aligned at all. */
int align_check_texts(struct align_text query, struct align_text ref, struct err *err);
int align_bad_path(struct align_text query, struct align_text ref,
		   struct err *err); /* ERR_INTERNAL */
int align_check_path(const struct align_walk *w, struct err *err);
void align_fill_values(const struct align_path *nw, const struct align_path *sw,
		       struct align_text query, struct align_text ref, struct align_values *out);

#endif
