/* What a payload means for a source: annotation sets of all versions, the pairs, and where the ground
 * truth of each comes from (spec 4.1, 4.3, 10.1). All problems are collected, none stops the search. */
#ifndef JOB_PLAN_H
#define JOB_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/text.h"
#include "pipeline/job/notes.h"
#include "pipeline/job/payload.h"
#include "pipeline/job/problems.h"
#include "pipeline/source/source.h"
#include "prof/base/err.h"

struct plan_version {
	int64_t version;
	char set_id[UUID_TEXT]; /* "" when missing */
	char snapshot_id[UUID_TEXT];
};

#define PLAN_LABEL_TEXT 48

struct plan_pair {
	char label[PLAN_LABEL_TEXT]; /* "v160-v165" */
	size_t old_version;          /* index into versions */
	size_t new_version;
	int is_test;                    /* the last pair */
	char evaluation_set[UUID_TEXT]; /* "" when there is none */
	char *groundtruth_uri;          /* owned: NULL: compute the buckets */
};

struct plan {
	struct plan_version *versions; /* owned, ascending, distinct */
	size_t n_versions;
	struct plan_pair *pairs; /* owned: train pairs in order, then the test pair */
	size_t n_pairs;
	size_t n_train_pairs;
	char *model_name; /* owned: of the embedding configuration; NULL if unknown */
};

/* Negative only when the source itself fails; everything a user can mend goes to `problems`. */
int plan_make(struct plan *plan, struct source *s, const struct payload *payload,
	      struct problems *problems, struct notes *notes, struct err *err);
void plan_release(struct plan *plan);
/* The pair's name in events: 1, 2, … for train pairs, "test". A new reference. */
json_t *plan_split_name(const struct plan *plan, size_t pair);

#endif
