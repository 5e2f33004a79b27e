/* The InterPro prediction table of spec 4.11: per protein the terms it predicts, ascending, with score,
 * member databases and signature count. Read-only after loading. */
#ifndef FEATURES_INTERPRO_H
#define FEATURES_INTERPRO_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"
#include "pipeline/ontology/ontology.h"
#include "prof/base/err.h"

enum interpro_db {
	IPR_PFAM,
	IPR_PANTHER,
	IPR_SUPERFAMILY,
	IPR_SMART,
	IPR_CDD,
	IPR_PROSITE,
	IPR_DBS
};

struct interpro_hit {
	uint32_t go;
	uint8_t dbs; /* bit per enum interpro_db */
	double score;
	int64_t count; /* signatures */
};

struct interpro {
	uint32_t n_proteins;
	uint32_t *start;             /* owned: n_proteins + 1 */
	struct interpro_hit *hit;    /* owned: per protein ascending by go */
	uint64_t n_lines, n_skipped; /* malformed lines, and lines of unknown proteins or terms */
};

/* Proteins and terms that the run does not know cannot meet a candidate and are left out. */
int interpro_load(struct interpro *t, const char *path, const struct dict *accessions,
		  const struct ontology *o, struct err *err);
void interpro_release(struct interpro *t);

/* Entries of a protein; *n of them. */
static inline const struct interpro_hit *interpro_of(const struct interpro *t, uint32_t protein,
						     uint32_t *n)
{
	if (protein >= t->n_proteins) {
		*n = 0;
		return NULL;
	}
	*n = t->start[protein + 1] - t->start[protein];
	return t->hit + t->start[protein];
}

#endif
