/* From candidates to output rows (spec 4.13): pivot filter, category filter, label, columns. One
 * struct recorder is the scratch memory of one thread. */
#ifndef FEATURES_RECORDS_H
#define FEATURES_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/features/association.h"
#include "pipeline/features/candidates.h"
#include "pipeline/features/inputs.h"
#include "pipeline/output/rows.h"
#include "prof/base/err.h"

/* Ids in the run's strings, made before the threads start. */
struct record_strings {
	uint32_t *protein;             /* owned: per query */
	uint32_t *go;                  /* owned: per go */
	uint32_t category[CATEGORIES];
	uint32_t label;                /* snapshot_pair */
	uint32_t relation[TAX_RELATIONS];
	uint32_t aspect[ASPECTS];
	uint32_t empty;
};

int record_strings_make(struct record_strings *s, struct dict *strings,
                        const struct feature_inputs *in, const struct proteins *proteins,
                        const char *pair_label, struct err *err);
void record_strings_release(struct record_strings *s);

struct recorder {
	const struct feature_inputs *in;          /* borrowed */
	const struct record_strings *strings;     /* borrowed */
	struct group group;
	struct association_table association;
	int has_association;
	double scores[PCA_COMPONENTS];
};

int recorder_init(struct recorder *r, const struct feature_inputs *in,
                  const struct record_strings *strings, struct err *err);
void recorder_release(struct recorder *r);

struct record_counts {
	uint64_t candidates;             /* before the pivot filter */
	uint64_t leaves;
	uint64_t unlabeled;              /* after the pivot filter, before the category filter */
	uint64_t positives[CATEGORIES], negatives[CATEGORIES];
	uint64_t self_neighbors;         /* (query, aspect) groups whose first neighbour is the query */
	uint64_t groups;                 /* (query, aspect) groups with a neighbour */
};

/* Appends all rows of one query, in record order, to the batch of each category. */
int recorder_query(struct recorder *r, uint32_t query, struct rows out[CATEGORIES],
                   struct record_counts *counts, struct err *err);

#endif
