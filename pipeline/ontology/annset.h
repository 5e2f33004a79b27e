/* One annotation set in memory: its rows grouped by protein, in ascending row id within a protein.
 * Rows whose term belongs to no snapshot of S are left out and counted. Read-only after loading. */
#ifndef ONTOLOGY_ANNSET_H
#define ONTOLOGY_ANNSET_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"
#include "pipeline/ontology/ontology.h"
#include "prof/base/err.h"

struct source;

enum ann_flags {
	ANN_NEGATED = 1 << 0,      /* qualifier contains NOT */
	ANN_EXPERIMENTAL = 1 << 1, /* by its evidence code */
};

struct annset {
	char id[UUID_TEXT];
	int snapshot;        /* index of the native snapshot in ontology.snapshots */
	uint32_t n_proteins; /* protein numbers of the run when it was loaded */
	uint32_t n_rows;
	uint32_t *start;     /* owned: n_proteins + 1; rows of protein p */
	uint32_t *term;      /* owned: term number of each row */
	uint32_t *qualifier; /* owned: id in the run's strings; NULL became "" */
	uint32_t *evidence;  /* owned: likewise */
	uint8_t *flags;      /* owned: enum ann_flags */
	uint64_t n_foreign;  /* rows left out */
};

/* `accessions` gives protein numbers and grows by accessions it does not know; `strings` gets the
 * qualifier and evidence texts. */
int annset_load(struct annset *a, struct source *s, const char *set_id, const struct ontology *o,
		int snapshot, struct dict *accessions, struct dict *strings, struct err *err);
void annset_release(struct annset *a);

/* Rows of a protein: [*from, *to). None for proteins that became known later. */
static inline void annset_rows(const struct annset *a, uint32_t protein, uint32_t *from,
			       uint32_t *to)
{
	*from = protein < a->n_proteins ? a->start[protein] : 0;
	*to = protein < a->n_proteins ? a->start[protein + 1] : 0;
}

#endif
