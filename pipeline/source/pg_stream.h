/* One SELECT of a PostgreSQL source as a binary COPY stream, each field checked for what it must be. The
 * first failure sticks, so a row's fields are fetched one after the other and asked once. Field 0 names the
 * row in messages. Private to this room. */
#ifndef SOURCE_PG_STREAM_H
#define SOURCE_PG_STREAM_H

#include "pipeline/core/text.h"
#include "pipeline/source/pg_source.h"

struct pg_stream;
typedef void pg_stream_fn(struct pg_stream *r); /* one row; failures go into r->failed */

struct pg_stream {
	struct pg_source *p;
	const char *table;   /* for messages */
	const char *columns; /* blank-separated names of the fields, for messages */
	int n_fields;
	pg_stream_fn *fn;
	void *ctx;                         /* the caller's */
	struct err *err;                   /* borrowed */
	const struct pgcopy_field *fields; /* of the row at hand */
	uint64_t count;                    /* rows so far, with this one */
	int64_t last_id;                   /* what pg_stream_next_id() saw */
	int failed;
};

/* Reads the stream. A connection lost or a server that refuses for a passing reason is tried again up to
 * three times, as long as no row was passed on; a signal ends it. */
int pg_stream_run(struct pg_stream *r, const char *select);

/* A SELECT with texts in it: each '$' of `format` becomes the next of the quoted `texts`. malloc'ed, NULL
 * with *rc set on failure. */
char *pg_stream_select(struct pg_source *p, const char *format, const char *const *texts, int *rc,
		       struct err *err);

int pg_stream_is_null(const struct pg_stream *r, int col);
int64_t pg_stream_int(struct pg_stream *r, int col);
int64_t pg_stream_int_or(struct pg_stream *r, int col, int64_t if_null);
int64_t pg_stream_next_id(struct pg_stream *r, int col); /* above the one of the row before */
const char *pg_stream_text(struct pg_stream *r, int col, size_t *len); /* len may be NULL */
const char *pg_stream_text_or_null(struct pg_stream *r, int col);
const char *pg_stream_uuid(struct pg_stream *r, int col, char out[UUID_TEXT]);
int64_t pg_stream_stamp(struct pg_stream *r, int col);
/* "'NAME': table TABLE, row ROW: …" as ERR_FORMAT. */
int pg_stream_bad(struct pg_stream *r, const char *fmt, ...) ERR_PRINTF(2, 3);

#endif
