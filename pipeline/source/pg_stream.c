/* SELECTs as binary COPY streams: see pg_stream.h. */
#include "pipeline/source/pg_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/core/cancel.h"
#include "prof/base/buf.h"

#define TRIES     4 /* three more than one */
#define KEY_SHOWN 64

/* ---- reading ---------------------------------------------------------------------------------- */

static int stop_reading(void *ctx)
{
	(void)ctx;
	return cancel_requested();
}

static int take_row(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	struct pg_stream *r = ctx;

	(void)n_fields;
	(void)err; /* it is the stream's own */
	r->fields = fields;
	r->count++;
	r->fn(r);
	return r->failed;
}

/* The signal's own words instead of those of a wait that was stopped. */
static int told_by_signal(struct pg_stream *r, int rc)
{
	if (rc == ERR_CANCELLED && !r->failed)
		cancel_check(r->err);
	return rc;
}

static int run_once(struct pg_stream *r, const char *select)
{
	struct pg *pg = r->p->pg;
	int rc;

	pg_set_stop(pg, stop_reading, NULL);
	rc = pgcopy_read(pg, select, r->n_fields, take_row, r, NULL, r->err);
	pg_set_stop(pg, NULL, NULL);
	return told_by_signal(r, rc);
}

/* 0: the connection works (again), so that another try makes sense. */
static int recover(struct pg_stream *r, int attempt)
{
	struct pg *pg = r->p->pg;
	struct err why = ERR_INIT;
	int rc;

	pg_set_stop(pg, stop_reading, NULL);
	rc = pg_back_off(pg, attempt, &why);
	if (rc == 0 && !pg_usable(pg))
		rc = pg_reopen(pg, &why);
	pg_set_stop(pg, NULL, NULL);
	if (rc == ERR_CANCELLED)
		return cancel_check(r->err);
	if (rc < 0 && r->err)
		*r->err = why;
	return rc;
}

static int fail(struct pg_stream *r, int rc)
{
	if (r->failed || rc == ERR_CANCELLED)
		return rc;
	return err_prefix(r->err, "reading table %s%s", r->table,
			  r->count ? ", in the middle of it" : "");
}

int pg_stream_run(struct pg_stream *r, const char *select)
{
	int rc = cancel_check(r->err);

	if (rc == 0 && !pg_usable(r->p->pg))
		rc = recover(r, 0);
	for (int attempt = 0; rc == 0; attempt++) {
		rc = run_once(r, select);
		if (rc == 0)
			return 0;
		if (r->count || r->failed || attempt + 1 >= TRIES || !pg_is_transient(r->err))
			break;
		rc = recover(r, attempt);
	}
	return fail(r, rc);
}

char *pg_stream_select(struct pg_source *p, const char *format, const char *const *texts, int *rc,
		       struct err *err)
{
	struct buf sql = BUF_INIT;
	char *text;

	*rc = pg_usable(p->pg) ? 0 : pg_source_alive(p, err);
	for (; *rc == 0 && *format; format++) {
		if (*format == '$')
			*rc = pg_put_literal(p->pg, &sql, *texts++, err);
		else
			buf_putc(&sql, *format);
	}
	if (*rc == 0 && buf_failed(&sql))
		*rc = err_nomem(err, "a statement");
	text = *rc ? NULL : buf_steal(&sql, NULL);
	buf_release(&sql);
	return text;
}

/* ---- fields ----------------------------------------------------------------------------------- */

/* Printable form of the row's key: an integer, a UUID or a text by its bytes. */
static void key_text(const struct pg_stream *r, char out[KEY_SHOWN])
{
	const struct pgcopy_field *f = &r->fields[0];
	char id[PGVALUE_UUID];
	int64_t number;
	int n = f->len < 0 ? 0 : f->len < KEY_SHOWN ? f->len : KEY_SHOWN - 1;

	if (pgvalue_uuid(f, id) == 0 && memchr(f->bytes, 0, 16)) {
		snprintf(out, KEY_SHOWN, "%s", id);
		return;
	}
	if (pgvalue_int(f, &number) == 0 && f->bytes[0] < 0x20) {
		snprintf(out, KEY_SHOWN, "%lld", (long long)number);
		return;
	}
	for (int i = 0; i < n; i++)
		out[i] = (char)(f->bytes[i] < 0x20 || f->bytes[i] >= 0x7f ? '?' : f->bytes[i]);
	out[n] = '\0';
}

int pg_stream_bad(struct pg_stream *r, const char *fmt, ...)
{
	char key[KEY_SHOWN];
	char what[512];
	va_list ap;

	if (r->failed)
		return r->failed;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	key_text(r, key);
	r->failed = err_set(r->err, ERR_FORMAT, "'%s': table %s, row '%s': %s", r->p->base.name,
			    r->table, key, what);
	return r->failed;
}

static const char *column_name(const struct pg_stream *r, int col, char out[KEY_SHOWN])
{
	const char *at = r->columns;

	for (; col > 0 && *at; col--) {
		at += strcspn(at, " ");
		at += strspn(at, " ");
	}
	snprintf(out, KEY_SHOWN, "%.*s", (int)strcspn(at, " "), at);
	return out;
}

static void bad_field(struct pg_stream *r, int col, const char *needed)
{
	char name[KEY_SHOWN];

	pg_stream_bad(r, "column %s holds %s, must hold %s", column_name(r, col, name),
		      r->fields[col].len < 0 ? "NULL" : "something else", needed);
}

int pg_stream_is_null(const struct pg_stream *r, int col)
{
	return r->fields[col].len < 0;
}

int64_t pg_stream_int(struct pg_stream *r, int col)
{
	int64_t v = 0;

	if (!r->failed && pgvalue_int(&r->fields[col], &v) < 0)
		bad_field(r, col, "an integer");
	return v;
}

int64_t pg_stream_int_or(struct pg_stream *r, int col, int64_t if_null)
{
	return pg_stream_is_null(r, col) ? if_null : pg_stream_int(r, col);
}

int64_t pg_stream_next_id(struct pg_stream *r, int col)
{
	int64_t id = pg_stream_int(r, col);

	if (!r->failed && r->count > 1 && id <= r->last_id)
		pg_stream_bad(r, "rows are not in order of id, or an id comes twice");
	r->last_id = id;
	return id;
}

const char *pg_stream_text(struct pg_stream *r, int col, size_t *len)
{
	const char *text = "";
	char name[KEY_SHOWN];
	size_t bad;

	if (len)
		*len = 0;
	if (r->failed)
		return text;
	if (r->fields[col].len < 0)
		bad_field(r, col, "text");
	else if (pgvalue_text(&r->fields[col], &text, len, &bad) < 0)
		pg_stream_bad(r,
			      "column %s has invalid UTF-8 at byte %zu (a database of encoding "
			      "SQL_ASCII holds what it was given: convert the text)",
			      column_name(r, col, name), bad);
	return text;
}

const char *pg_stream_text_or_null(struct pg_stream *r, int col)
{
	return pg_stream_is_null(r, col) ? NULL : pg_stream_text(r, col, NULL);
}

const char *pg_stream_uuid(struct pg_stream *r, int col, char out[UUID_TEXT])
{
	out[0] = '\0';
	if (!r->failed && pgvalue_uuid(&r->fields[col], out) < 0)
		bad_field(r, col, "a UUID");
	return out;
}

int64_t pg_stream_stamp(struct pg_stream *r, int col)
{
	int64_t ns = 0;

	if (!r->failed && pgvalue_stamp(&r->fields[col], &ns) < 0)
		bad_field(r, col, "a time between 1678 and 2262");
	return ns;
}
