/* Making a bundle from the files a biologist has: OBO snapshots, FASTA proteins, GAF releases, NCBI
 * taxonomy names, NumPy embeddings. Ids and bytes are functions of the inputs (and of created_at).
 * Files are streamed; what is held is one entry per protein and per term. Prints nothing: counts and
 * remarks go into a report. */
#ifndef BUNDLE_CREATE_H
#define BUNDLE_CREATE_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/text.h"
#include "prof/base/err.h"

struct create_obo {
	const char *path;
	char id[UUID_TEXT]; /* forced id of the snapshot, "" = derived from its version */
};

struct create_gaf {
	const char *path;
	int64_t version;         /* -1: found in the file */
	const char *obo_version; /* native snapshot; NULL: the last OBO */
};

struct create_embeddings {
	const char *name;       /* short name of spec section 9, or a model name */
	const char *path;       /* .npy, rows x dim */
	const char *accessions; /* NULL: found beside it */
};

struct create_config { /* forces the id of a model's configuration */
	const char *name;
	char id[UUID_TEXT];
};

struct create_pair {
	int64_t old_version, new_version;
};

struct create_note {
	const char *key, *value;
};

/* Everything is borrowed for the time of the call. */
struct create_options {
	const char *out;
	int replace;
	const struct create_obo *obo;
	size_t n_obo;
	const char *const *fasta;
	size_t n_fasta;
	const struct create_gaf *gaf;
	size_t n_gaf;
	const struct create_embeddings *embeddings;
	size_t n_embeddings;
	const struct create_config *config;
	size_t n_config;
	const struct create_pair *evaluation; /* none: every two consecutive releases */
	size_t n_evaluation;
	const struct create_note *note;
	size_t n_note;
	const char *taxdump;   /* folder of nodes.dmp, names.dmp, merged.dmp; NULL: none */
	const char *source;    /* annotation_set.source */
	int keep_unknown;      /* annotated proteins without a sequence get a row of their own */
	int64_t created_at_ns; /* unix time */
	/* Told what is being read, for talk on stderr; NULL: nobody listens. */
	void (*say)(void *ctx, const char *text);
	void *say_ctx;
};

struct create_remark {
	uint64_t count;
	char *text; /* owned: what was skipped, changed or guessed, and why */
};

struct create_report {
	uint64_t snapshots, terms, edges, sequences, proteins, sets, annotations, configs,
		embeddings, evaluations;
	uint64_t file_bytes;
	struct create_remark *remark; /* owned, in the order of the work */
	size_t n_remarks;
};

/* All of it. On failure nothing has the final name. The report is the caller's to release in any
 * case. */
int bundle_create(const struct create_options *o, struct create_report *report, struct err *err);
void create_report_release(struct create_report *r);

/* Readers of the command's compound arguments: "F[=UUID]", "F[@VERSION[:OBOVERSION]]",
 * "NAME=F.npy[:ACCESSIONS]", "NAME=UUID", "OLD:NEW", "KEY=VALUE". They cut `text` in place, and what
 * they fill points into it. */
int create_parse_obo(char *text, struct create_obo *out, struct err *err);
int create_parse_gaf(char *text, struct create_gaf *out, struct err *err);
int create_parse_embeddings(char *text, struct create_embeddings *out, struct err *err);
int create_parse_config(char *text, struct create_config *out, struct err *err);
int create_parse_pair(char *text, struct create_pair *out, struct err *err);
int create_parse_note(char *text, struct create_note *out, struct err *err);

#endif
