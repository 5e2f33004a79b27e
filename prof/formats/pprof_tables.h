/* What the files of pprof's reader share: the message, its tables as they are read. Private to them. */
#ifndef FORMATS_PPROF_TABLES_H
#define FORMATS_PPROF_TABLES_H

#include "prof/formats/intake.h"
#include "prof/formats/pprof_types.h"
#include "prof/formats/proto_in.h"

enum { /* fields of Profile */
       SAMPLE_TYPE = 1,
       SAMPLE = 2,
       MAPPING = 3,
       LOCATION = 4,
       FUNCTION = 5,
       STRING = 6,
       TIME_NANOS = 9,
       DURATION_NANOS = 10,
       PERIOD_TYPE = 11,
       PERIOD = 12,
       DEFAULT_TYPE = 14
};

struct text {
	const char *at;
	uint32_t n, id; /* UINT32_MAX: not in the profile yet */
};

struct mapping {
	uint64_t start, offset;
	uint32_t module;
};

struct function {
	uint32_t name, file; /* strings of the profile */
};

struct location {
	uint32_t first, n; /* of the pool, outermost first */
};

struct line { /* of the place that is being read, the innermost first */
	uint32_t name, file, line;
};

struct pprof {
	struct intake in;
	const struct import_options *o;
	struct buf *notes;
	struct err *err;
	struct proto_in all;
	struct text *texts; /* owned, all below */
	struct mapping *mappings;
	struct function *functions;
	struct location *locations;
	uint32_t *pool;
	struct line *lines;
	size_t n_lines, cap_lines;
	size_t n_texts, cap_texts, n_mappings, cap_mappings, n_functions, cap_functions,
		n_locations, cap_locations, n_pool, cap_pool;
	struct idmap mapping_ids, function_ids, location_ids;
	struct pprof_type types[PPROF_TYPES_MAX];
	unsigned n_types;
	struct buf type_texts; /* their names, each with a zero */
	double period;
	uint64_t period_unit, default_type;
	struct pprof_columns columns;
	uint64_t *places; /* owned: location ids of one sample */
	size_t n_places, cap_places;
	int64_t values[PPROF_TYPES_MAX];
	unsigned n_values;
	uint64_t samples;
	uint32_t no_thread;
};

/* Calls `each` for the fields of a message with that number (0: all). */
typedef int pprof_field_fn(struct pprof *x, struct proto_field *f, void *ctx);
int pprof_fields(struct pprof *x, struct proto_in in, uint32_t number, pprof_field_fn *each,
		 void *ctx);
/* For pprof_fields: numbers of fields 1 to 6 into uint64_t[7]. */
int pprof_numbers(struct pprof *x, struct proto_field *f, void *ctx);
int pprof_damaged(struct pprof *x, const char *what); /* ERR_FORMAT */
#define PPROF_GROW(x, array, cap, n)                                                               \
	pprof_grow((x), (void **)(void *)&(array), &(cap), (n), sizeof(*(array)))
int pprof_grow(struct pprof *x, void **array, size_t *cap, size_t n, size_t size);

int pprof_texts(struct pprof *x);
/* Mappings, functions, places; after the texts. */
int pprof_tables(struct pprof *x);
int pprof_text(struct pprof *x, uint64_t at, uint32_t *id); /* string of the profile */
void pprof_tables_release(struct pprof *x);

#endif
