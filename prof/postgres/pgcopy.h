/* Binary COPY in both directions. Reading pushes one tuple at a time to a callback; writing puts fields
 * into a buffer that is sent in pieces. The parser of the stream is apart from the connection: it takes
 * bytes in pieces of any size, and believes nothing. */
#ifndef POSTGRES_PGCOPY_H
#define POSTGRES_PGCOPY_H

#include <stdint.h>

#include "prof/base/buf.h"
#include "prof/postgres/pg.h"

struct pgcopy_field {
	const unsigned char *bytes; /* borrowed until the callback returns; a NUL follows them */
	int32_t len;                /* -1: NULL */
};

/* 0 to go on; a negative code ends the stream and becomes its result. */
typedef int pgcopy_fn(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err);

/* ---- the stream ------------------------------------------------------------------------------- */

#define PGCOPY_FIELDS_MAX 64

struct pgcopy_parser {
	pgcopy_fn *fn;
	void *ctx;
	int n_fields;     /* every tuple has so many */
	int state;        /* 0 head, 1 tuples, 2 behind the trailer */
	uint64_t tuples;  /* pushed so far */
	struct buf rest;  /* the beginning of a tuple whose end is not here yet */
	size_t tuple_max; /* bytes of one tuple */
};

void pgcopy_parser_init(struct pgcopy_parser *p, int n_fields, pgcopy_fn *fn, void *ctx);
void pgcopy_parser_release(struct pgcopy_parser *p);
/* `bytes[n]` must be writable too: NULs are put behind fields, and taken back. */
int pgcopy_parser_feed(struct pgcopy_parser *p, char *bytes, size_t n, struct err *err);
int pgcopy_parser_end(struct pgcopy_parser *p, struct err *err); /* ERR_FORMAT: cut off */

/* `select` is a SELECT without parameters (pg_put_literal). The wait can be stopped, and the callback's
 * failure cancels what is left. *tuples (may be NULL): how many were pushed, also on failure, so that the
 * caller knows whether trying again would push rows twice. */
int pgcopy_read(struct pg *pg, const char *select, int n_fields, pgcopy_fn *fn, void *ctx,
		uint64_t *tuples, struct err *err);

/* ---- writing ---------------------------------------------------------------------------------- */

struct pgcopy_writer {
	struct pg *pg;
	struct buf out;
	int n_fields;
	int open;   /* the server waits for data */
	int failed; /* sticky: the first failure */
	uint64_t tuples;
	uint64_t bytes; /* sent */
	struct err *err;
};

/* `into`: "table (column, …)". A failure sticks; the caller may ask once, at the end. `err` must live until
 * pgcopy_end() or pgcopy_abort(). */
int pgcopy_begin(struct pgcopy_writer *w, struct pg *pg, const char *into, int n_fields,
		 struct err *err);
void pgcopy_row(struct pgcopy_writer *w); /* first, then n_fields times one of: */
void pgcopy_put_null(struct pgcopy_writer *w);
void pgcopy_put_bytes(struct pgcopy_writer *w, const void *bytes, size_t n);
void pgcopy_put_text(struct pgcopy_writer *w, const char *text); /* NULL: NULL */
void pgcopy_put_int2(struct pgcopy_writer *w, int16_t v);
void pgcopy_put_int4(struct pgcopy_writer *w, int32_t v);
void pgcopy_put_int8(struct pgcopy_writer *w, int64_t v);
void pgcopy_put_real8(struct pgcopy_writer *w, double v);
void pgcopy_put_bool(struct pgcopy_writer *w, int v);
void pgcopy_put_uuid(struct pgcopy_writer *w, const char *text); /* 36 characters; NULL: NULL */
void pgcopy_put_jsonb(struct pgcopy_writer *w, const char *json);
void pgcopy_put_stamp(struct pgcopy_writer *w,
		      int64_t unix_ns);     /* timestamptz, to the microsecond */
int pgcopy_end(struct pgcopy_writer *w);    /* 0: the server has taken all rows */
void pgcopy_abort(struct pgcopy_writer *w); /* fine after a failure and on a zeroed struct */

#endif
