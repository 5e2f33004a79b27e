/* The texts that alignments are made of: of the proteins that are asked for, each read once from the source,
 * equal ones kept once. A grid keeps them over its cells. Changed only between stages. */
#ifndef JOB_ALIGN_TEXTS_H
#define JOB_ALIGN_TEXTS_H

#include "pipeline/align/align.h"
#include "pipeline/core/dict.h"
#include "pipeline/core/digest.h"
#include "pipeline/pool/proteins.h"

struct source;

struct align_texts {
	uint32_t n_proteins;
	struct dict dict;         /* text -> number */
	uint32_t *text_of;        /* owned, per protein: its text or DICT_NONE */
	unsigned char *seen;      /* owned, per protein: it was asked for */
	struct align_text *view;  /* owned, per text */
	int64_t *sequence;        /* owned, per text: a sequence id that has it */
	char (*md5)[MD5_HEX];     /* owned, per text; NULL: nobody asked */
	uint32_t n_views, n_md5s; /* texts that have them */
};

/* A protein that has a sequence. */
struct sequence_of {
	int64_t sequence;
	uint32_t protein;
};

/* Those of `wanted` (n_proteins of the run), by sequence id; malloc'ed, NULL: no memory. `but`: without those
 * that are not 0 here; NULL: all. */
struct sequence_of *align_texts_list(const struct proteins *p, const unsigned char *wanted,
				     const unsigned char *but, size_t *n);

/* Reads the texts of the wanted proteins that were not asked for before. */
int align_texts_load(struct align_texts *t, const struct proteins *p, struct source *source,
		     const unsigned char *wanted, int with_md5, struct err *err);
void align_texts_release(struct align_texts *t); /* a zeroed struct is fine */

#endif
