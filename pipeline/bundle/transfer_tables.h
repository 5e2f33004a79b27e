/* What is moved: tables in an order in which rows come after those they refer to, and their columns. Private to
 * the transfer. */
#ifndef BUNDLE_TRANSFER_TABLES_H
#define BUNDLE_TRANSFER_TABLES_H

#include <stddef.h>

#include "prof/postgres/pg.h"

enum transfer_kind {
	TRANSFER_UUID,
	TRANSFER_TEXT,
	TRANSFER_INT,
	TRANSFER_BOOL,
	TRANSFER_STAMP,
	TRANSFER_JSON,
	TRANSFER_VECTOR,
};

#define TRANSFER_COLUMNS 24

struct transfer_column {
	const char *name;
	enum transfer_kind kind;
	const char
		*if_absent; /* SQL of both sides for a column that may be missing; NULL: it must be
				* there */
};

struct transfer_table {
	const char *name;
	const char *key; /* rows are moved in its order */
	int is_job;      /* only with the option */
	int is_note;     /* only if it is there */
	struct transfer_column column[TRANSFER_COLUMNS];
};

extern const struct transfer_table transfer_tables[];
extern const size_t transfer_n_tables;

size_t transfer_n_columns(const struct transfer_table *t);

/* A connection for moving, which a signal stops. */
int transfer_connect(struct pg **out, const char *url, struct err *err);

#endif
