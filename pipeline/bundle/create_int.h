/* Shared by the create_*.c files only: what one run of bundle_create() holds. */
#ifndef BUNDLE_CREATE_INT_H
#define BUNDLE_CREATE_INT_H

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#include "pipeline/bundle/create.h"
#include "pipeline/bundle/outfile.h"
#include "pipeline/core/dict.h"
#include "prof/base/hash.h"

/* One ontology. Terms are numbered from 0 in file order; go_term.id is first_id + number. */
struct snapshot {
	char id[UUID_TEXT];
	char *version; /* owned */
	struct dict terms;
	struct buf aspect; /* one byte per term, 0 = none */
	struct dict alt;
	uint32_t *alt_term; /* owned: term of each alternative id */
	size_t alt_cap;
	int64_t first_id;
};

/* One protein per text of `accession`. */
struct protein {
	uint32_t sequence_id; /* 0: none */
	uint32_t organism;    /* id in `organism`, DICT_NONE: none */
	int64_t taxon;        /* 0: none */
	int64_t gaf_taxon;    /* of its first annotation; used where FASTA gives none */
	uint32_t file;        /* number of the FASTA file, for messages about duplicates */
	uint64_t line;
};

struct proteins {
	struct dict accession;
	struct protein *row; /* owned, by id of accession */
	size_t cap;
	struct dict hash; /* MD5 of each distinct sequence; sequence id is the text's id + 1 */
	struct dict organism;
};

/* One release of annotations, from one or several files. */
struct annotation_set {
	char id[UUID_TEXT];
	int64_t version;
	uint32_t snapshot;
};

struct create {
	const struct create_options *opt;
	struct create_report *report;
	struct err *err;
	struct outfile out;
	char stamp[STAMP_TEXT];    /* created_at of every row */
	struct snapshot *snapshot; /* owned, n_obo */
	size_t n_snapshots;
	struct proteins proteins;
	struct annotation_set *set; /* owned, ascending version */
	size_t n_sets;
	int64_t *gaf_version; /* owned: version of each file of opt->gaf */
	uint32_t *gaf_order;  /* owned: file numbers by version, then place */
};

/* Each returns 0 or a negative code with c->err filled. */
int create_ontologies(struct create *c);
int create_sequences(struct create *c); /* FASTA: sequence rows; proteins are held */
int create_check_gaf(struct create *c); /* versions, before any work */
int create_annotations(struct create *c);
int create_resolve_taxa(struct create *c);
int create_proteins(struct create *c); /* protein rows, by accession */
int create_check_embeddings(struct create *c);
int create_embeddings(struct create *c);
int create_evaluations(struct create *c);

/* The protein of an accession, made when it is new (then with *is_new = 1); NULL: no memory. */
struct protein *create_protein(struct create *c, const char *accession, int *is_new);
/* The term of a GO id or alternative id; DICT_NONE: the snapshot has none. */
uint32_t create_find_term(const struct snapshot *s, const char *go_id, int *by_alt);
void create_snapshots_release(struct create *c);

void create_say(const struct create *c, const char *fmt, ...) ERR_PRINTF(2, 3);
/* Adds a remark unless `count` is 0. */
int create_remark(struct create *c, uint64_t count, const char *fmt, ...) ERR_PRINTF(3, 4);
const char *create_base_name(const char *path);
/* Not empty, printable ASCII without blanks. */
int create_is_plain(const char *text);
/* SQLite bindings of borrowed texts; NULL and "" become NULL. */
int create_bind(sqlite3_stmt *stmt, int at, const char *text);

#endif
