/* Moving the tables of spec 2.1 between a bundle and a PostgreSQL database, by binary COPY, each direction in one
 * transaction: what comes out is complete or is not there. Prints nothing. */
#ifndef BUNDLE_TRANSFER_H
#define BUNDLE_TRANSFER_H

#include <stddef.h>
#include <stdint.h>

#include "prof/base/err.h"

#define TRANSFER_TABLES 14 /* 13 of the schema, and the notes of a bundle */

struct transfer_report {
	const char *table[TRANSFER_TABLES];
	uint64_t rows[TRANSFER_TABLES];
	size_t n_tables;
	uint64_t bytes; /* sent to the database, or size of the bundle */
	double seconds;
	char vectors[16]; /* type of sequence_embedding.embedding in the database */
	int schema_created;
};

typedef void transfer_say_fn(void *ctx, const char *text);

struct transfer_options {
	const char *bundle;  /* file */
	const char *url;     /* database */
	int replace;         /* save: an existing file gives way */
	int jobs;            /* jobs, events and data sets too */
	int create_schema;   /* load: make what is missing of the tables even if there are some */
	int no_constraints;  /* load: new tables without uniqueness and foreign keys */
	const char *vectors; /* load: halfvec, vector, real, bytea; NULL: what suits the database */
	transfer_say_fn *say;
	void *say_ctx;
};

/* Bundle into database. Tables that hold rows already are refused (ERR_EXISTS). */
int transfer_load(const struct transfer_options *opt, struct transfer_report *report,
		  struct err *err);
/* Database into bundle, from one state of the database. */
int transfer_save(const struct transfer_options *opt, struct transfer_report *report,
		  struct err *err);

#endif
