/* From candidates to output rows (spec 4.13): pivot filter, category filter, label, columns. One
 * struct recorder is the scratch memory of one thread; blocks of queries go through it in two steps. */
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
	uint32_t *protein; /* owned: per query */
	uint32_t *go;      /* owned: per go */
	uint32_t category[CATEGORIES];
	uint32_t label; /* snapshot_pair */
	uint32_t relation[TAX_RELATIONS];
	uint32_t aspect[ASPECTS];
	uint32_t empty;
};

int record_strings_make(struct record_strings *s, struct dict *strings,
			const struct feature_inputs *in, const struct proteins *proteins,
			const char *pair_label, struct err *err);
void record_strings_release(struct record_strings *s);

/* A run of queries on their way through one thread: first their candidates, then their rows. */
struct block_mark { /* one (query, aspect) with candidates */
	uint32_t query;
	int aspect;
	uint32_t n; /* candidates, in record order */
	double distance_std;
	double n_known;
};

struct record_counts {
	uint64_t candidates; /* before the pivot filter */
	uint64_t unlabeled;  /* after the pivot filter, before the category filter */
	uint64_t positives[CATEGORIES], negatives[CATEGORIES];
	uint64_t self_neighbors; /* (query, aspect) groups whose first neighbour is the query */
	uint64_t groups;         /* (query, aspect) groups with a neighbour */
};

struct block {
	uint32_t from, to;           /* queries */
	struct candidate *candidate; /* owned */
	uint32_t n_candidates, candidate_cap;
	struct block_mark *mark; /* owned */
	uint32_t n_marks, mark_cap;
	struct rows rows[CATEGORIES];
	struct record_counts counts;
};

int block_init(struct block *b, enum schema_profile profile, struct dict *strings, struct err *err);
void block_clear(struct block *b, uint32_t from, uint32_t to);
void block_release(struct block *b);

struct recorder {
	const struct feature_inputs *in;      /* borrowed */
	const struct record_strings *strings; /* borrowed */
	struct group group;
	struct association_table association;
	int has_association;
};

int recorder_init(struct recorder *r, const struct feature_inputs *in,
		  const struct record_strings *strings, struct err *err);
void recorder_release(struct recorder *r);

/* Candidates with all their features, of the block's queries. */
int recorder_transfer(struct recorder *r, struct block *b, struct err *err);
/* Their rows by category, in record order. */
int recorder_rows(struct recorder *r, struct block *b, struct err *err);

#endif
