/* One annotation set in memory: its rows grouped by protein, in ascending row id within a protein.
 * Rows whose term belongs to no snapshot of S are left out and counted. Read-only after loading. */
#ifndef ONTOLOGY_ANNSET_H
#define ONTOLOGY_ANNSET_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"
#include "pipeline/core/digest.h"
#include "pipeline/ontology/ontology.h"
#include "prof/base/err.h"

struct source;
struct shortnames;

enum ann_flags {
	ANN_NEGATED = 1 << 0,      /* qualifier contains NOT */
	ANN_EXPERIMENTAL = 1 << 1, /* by its evidence code */
};

struct ann_kind {           /* what many rows have in common */
	uint32_t qualifier; /* id in the run's strings; NULL became "" */
	uint32_t evidence;  /* likewise */
	uint8_t flags;      /* enum ann_flags */
};

/* Six bytes a row: of qualifiers and evidence codes there are a few dozen pairs. */
struct annset {
	char id[UUID_TEXT];
	int snapshot;        /* index of the native snapshot in ontology.snapshots */
	uint32_t n_proteins; /* protein numbers of the run when it was loaded */
	uint32_t n_rows;
	uint32_t *start;        /* owned: n_proteins + 1; rows of protein p */
	uint32_t *term;         /* owned: term number of each row */
	uint16_t *kind;         /* owned: index into kinds; NULL when there are too many */
	uint32_t *wide_kind;    /* owned: the same then */
	struct ann_kind *kinds; /* owned: in order of first appearance */
	uint32_t n_kinds;
	uint64_t n_foreign;      /* rows left out */
	char sha256[SHA256_HEX]; /* over all of the above but n_foreign, kinds by their texts */
};

/* `accessions` gives protein numbers and grows by accessions it does not know; `strings` gets the
 * qualifier and evidence texts. */
int annset_load(struct annset *a, struct source *s, const char *set_id, const struct ontology *o,
		int snapshot, struct dict *accessions, struct dict *strings, struct err *err);
/* The same, read by `n_workers` threads on handles of their own, with `names` of the accessions, which may be
 * from before there were further ones (NULL: they are made for this set). The same result whatever these
 * are. */
int annset_load_with(struct annset *a, struct source *s, const char *set_id,
		     const struct ontology *o, int snapshot, size_t n_workers,
		     const struct shortnames *names, struct dict *accessions, struct dict *strings,
		     struct err *err);
void annset_release(struct annset *a);

static inline const struct ann_kind *annset_kind(const struct annset *a, uint32_t row)
{
	return &a->kinds[a->kind ? a->kind[row] : a->wide_kind[row]];
}

/* Rows of a protein: [*from, *to). None for proteins that became known later. */
static inline void annset_rows(const struct annset *a, uint32_t protein, uint32_t *from,
			       uint32_t *to)
{
	*from = protein < a->n_proteins ? a->start[protein] : 0;
	*to = protein < a->n_proteins ? a->start[protein + 1] : 0;
}

#endif
