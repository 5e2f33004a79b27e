/* Resumable staging (spec 10.3): one folder per data set name and fingerprint, a Parquet shard per
 * (pair, category), a JSON marker per finished pair. A marker counts only if its own checksum fits
 * and all its shards are there with their size and checksum. */
#ifndef JOB_STAGING_H
#define JOB_STAGING_H

#include <jansson.h>

#include "pipeline/core/digest.h"
#include "pipeline/job/context.h"
#include "pipeline/ontology/buckets.h"
#include "prof/base/err.h"

struct staging {
	char *dir; /* owned: {resume_dir}/{name}-{12 digits of the fingerprint}, see folder_name.h */
	int lock;  /* fd of dir/.lock: one run at a time */
	char fingerprint[SHA256_HEX];
	char content
		[SHA256_HEX]; /* what markers and alignments must fit: the fingerprint, and the texts
				     where alignments are made, see staged_texts.h */
	int64_t *text; /* owned: sequence ids that were checked, ascending; NULL: none were */
	size_t n_texts;
};

/* Over every input that can change a value, but texts of sequences: see fingerprint.c. */
int staging_fingerprint(struct context *c, const struct payload *p, const struct plan *plan,
			char out[SHA256_HEX], struct err *err);

int staging_open(struct staging *s, const char *resume_dir, const char *name,
		 const char *fingerprint, struct err *err);
/* Leaves a note of the source in the folder. */
int staging_own(const struct staging *s, const struct source *source, struct err *err);
void staging_close(struct staging *s); /* keeps the folder */
/* Once the data set is registered no run of its name will go on: removes its folders of other
 * fingerprints, of the same source, in which no run is at work. */
void staging_remove_others(const struct staging *s);
void staging_remove(
	struct staging *s); /* after success: removes these and the folder, then closes */

/* Path of a shard or of another file in the folder; malloc'ed. */
char *staging_shard(const struct staging *s, const char *pair_label, enum category cat);
char *staging_path(const struct staging *s, const char *name);

/* Is there a marker of any pair, good or not? */
int staging_has_marker(const struct staging *s, const struct plan *plan);
/* What is kept of a finished pair: counts and, per category, rows, bytes, sha256 and column
 * statistics. One JSON object, the marker itself. */
/* The marker of a pair if it counts, else NULL (with the reason in `why`, may be NULL). */
json_t *staging_load_marker(const struct staging *s, const char *pair_label, char why[256]);
int staging_save_marker(const struct staging *s, const char *pair_label, const json_t *marker,
			struct err *err);

#endif
