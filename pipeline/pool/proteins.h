/* All proteins of the source: numbers in ascending accession (bytes), sequence and taxon of each.
 * Accessions met later (annotations of proteins without a row) get further numbers, without order.
 * Read-only while threads work. */
#ifndef POOL_PROTEINS_H
#define POOL_PROTEINS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/dict.h"
#include "prof/base/err.h"

struct source;

struct proteins {
	struct dict accessions; /* accession -> number */
	uint32_t n;           /* rows of table `protein`: the numbers below it are in byte order */
	int64_t *sequence_id; /* owned: -1 none */
	char **taxonomy;      /* owned array, texts in the arena; NULL: none */
	struct arena arena;
	uint64_t n_without_sequence;
};

int proteins_load(struct proteins *p, struct source *s, struct err *err);
void proteins_release(struct proteins *p);

#endif
