/* GO annotation files (GAF 2.0, 2.1, 2.2), line by line, with what their header says about release
 * and date. Knows neither proteins nor terms: it hands over fields. One read belongs to one thread. */
#ifndef BUNDLE_GAF_H
#define BUNDLE_GAF_H

#include <stddef.h>
#include <stdint.h>

#include "pipeline/core/lines.h"
#include "prof/base/err.h"

struct gaf_header {
	int major, minor; /* of "!gaf-version: 2.2"; 0, 0 if not stated */
	int64_t release; /* a whole number after "!release:", "!version:" or "!goa-version:"; -1: none */
	int64_t date; /* YYYYMMDD of the first date line; -1: none */
};

/* Texts are borrowed and valid during the callback only; optional columns may be "". */
struct gaf_record {
	const char *db;
	const char *object_id; /* without a leading "DB:" */
	const char *qualifier;
	const char *go_id;
	const char *evidence;
	char aspect; /* 'P', 'F', 'C' */
	const char *object_type;
	const char *taxon; /* digits of the first "taxon:…", "" if there is none */
	uint64_t line;
};

/* Callbacks return 0 to go on or a negative code, which ends the reading and becomes its result. The
 * header comes once, before the first record, also for a file without any. */
struct gaf_handler {
	int (*header)(void *ctx, const struct gaf_header *header, struct err *err);
	int (*record)(void *ctx, const struct gaf_record *record, struct err *err);
};

int gaf_read(struct lines *in, const struct gaf_handler *handler, void *ctx, struct err *err);

#endif
