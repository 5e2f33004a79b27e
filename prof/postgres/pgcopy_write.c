/* Rows written as a binary COPY stream, sent in pieces. */
#include "prof/postgres/pg_int.h"
#include "prof/postgres/pgcopy.h"

#ifdef HAVE_LIBPQ

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define PIECE         (256u << 10)
#define SIGNATURE_LEN 11
#define WRITE_ROWS    "write rows"
#define EPOCH_US      INT64_C(946684800000000) /* 2000-01-01 */

/* ---- sending ---------------------------------------------------------------------------------- */

static int fail(struct pgcopy_writer *w, int rc)
{
	if (!w->failed)
		w->failed = rc;
	return w->failed;
}

static void send_piece(struct pgcopy_writer *w)
{
	int sent, rc;

	if (w->failed || !w->open)
		return;
	if (buf_failed(&w->out)) {
		fail(w, err_nomem(w->err, "rows to write"));
		return;
	}
	if (w->out.len > INT_MAX) { /* one row: pieces end behind rows */
		fail(w, err_set(w->err, ERR_LIMIT, "a row of %zu bytes is too large", w->out.len));
		return;
	}
	while ((sent = PQputCopyData(w->pg->conn, w->out.data, (int)w->out.len)) == 0) {
		rc = pg_wait(w->pg, 1, 0, w->err);
		if (rc < 0) {
			fail(w, rc);
			return;
		}
		if (!PQconsumeInput(w->pg->conn))
			break;
	}
	if (sent != 1) {
		fail(w, pg_fail(w->pg, NULL, WRITE_ROWS, w->err));
		return;
	}
	w->bytes += w->out.len;
	buf_clear(&w->out);
	rc = pg_flush(w->pg, w->err);
	if (rc < 0)
		fail(w, rc);
}

int pgcopy_begin(struct pgcopy_writer *w, struct pg *pg, const char *into, int n_fields,
		 struct err *err)
{
	struct buf sql = BUF_INIT;
	PGresult *res = NULL;
	int rc = 0;

	*w = (struct pgcopy_writer){.pg = pg, .n_fields = n_fields, .err = err};
	buf_init(&w->out, BUF_NO_LIMIT);
	if (!pg_usable(pg))
		return fail(w, pg_fail(pg, NULL, WRITE_ROWS, err));
	buf_printf(&sql, "COPY %s FROM STDIN (FORMAT binary)", into);
	if (buf_failed(&sql))
		rc = err_nomem(err, "a statement");
	else if (!PQsendQuery(pg->conn, buf_str(&sql)))
		rc = pg_fail(pg, NULL, WRITE_ROWS, err);
	buf_release(&sql);
	if (rc == 0)
		rc = pg_flush(pg, err);
	if (rc == 0)
		rc = pg_result(pg, &res, err);
	if (rc == 0 && PQresultStatus(res) != PGRES_COPY_IN)
		rc = pg_fail(pg, res, WRITE_ROWS, err);
	PQclear(res);
	if (rc < 0) {
		pg_drain(pg, 1);
		return fail(w, rc);
	}
	w->open = 1;
	pg->in_copy = 1;
	buf_put(&w->out, "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0", SIGNATURE_LEN + 8);
	return 0;
}

/* Why the server took no more, if it said so; what is left is thrown away. */
static void close_stream(struct pgcopy_writer *w, const char *reason)
{
	PGresult *res;

	w->open = 0;
	w->pg->in_copy = 0;
	if (!pg_usable(w->pg))
		return;
	if (PQputCopyEnd(w->pg->conn, reason) != 1 && !w->failed)
		fail(w, pg_fail(w->pg, NULL, WRITE_ROWS, w->err));
	while (!w->failed) {
		int rc = pg_flush(w->pg, w->err);

		if (rc == 0)
			rc = pg_result(w->pg, &res, w->err);
		if (rc < 0) {
			fail(w, rc);
			break;
		}
		if (!res)
			return;
		if (PQresultStatus(res) != PGRES_COMMAND_OK)
			fail(w, pg_fail(w->pg, res, WRITE_ROWS, w->err));
		PQclear(res);
	}
	pg_drain(w->pg, 1);
}

int pgcopy_end(struct pgcopy_writer *w)
{
	if (w->open) {
		buf_put(&w->out, "\377\377", 2);
		send_piece(w);
		close_stream(w, w->failed ? "given up" : NULL);
	}
	buf_release(&w->out);
	return w->failed;
}

void pgcopy_abort(struct pgcopy_writer *w)
{
	if (w->open) {
		fail(w, ERR_CANCELLED);
		close_stream(w, "given up");
	}
	if (w->pg)
		buf_release(&w->out);
}

/* ---- fields ----------------------------------------------------------------------------------- */

static void put_be(struct buf *out, uint64_t v, int bytes)
{
	char b[8];

	for (int i = 0; i < bytes; i++)
		b[i] = (char)(v >> (8 * (bytes - 1 - i)));
	buf_put(out, b, (size_t)bytes);
}

void pgcopy_row(struct pgcopy_writer *w)
{
	if (w->failed)
		buf_clear(&w->out); /* nobody wants it any more */
	else if (w->out.len >= PIECE)
		send_piece(w);
	put_be(&w->out, (uint64_t)w->n_fields, 2);
	w->tuples++;
}

void pgcopy_put_null(struct pgcopy_writer *w)
{
	put_be(&w->out, UINT32_MAX, 4);
}

void pgcopy_put_bytes(struct pgcopy_writer *w, const void *bytes, size_t n)
{
	if (n > INT32_MAX) {
		fail(w, err_set(w->err, ERR_LIMIT, "a value of %zu bytes does not fit a row", n));
		return;
	}
	put_be(&w->out, n, 4);
	buf_put(&w->out, bytes, n);
}

void pgcopy_put_text(struct pgcopy_writer *w, const char *text)
{
	if (text)
		pgcopy_put_bytes(w, text, strlen(text));
	else
		pgcopy_put_null(w);
}

static void put_number(struct pgcopy_writer *w, uint64_t v, int bytes)
{
	put_be(&w->out, (uint64_t)bytes, 4);
	put_be(&w->out, v, bytes);
}

void pgcopy_put_int2(struct pgcopy_writer *w, int16_t v)
{
	put_number(w, (uint64_t)v, 2);
}

void pgcopy_put_int4(struct pgcopy_writer *w, int32_t v)
{
	put_number(w, (uint64_t)v, 4);
}

void pgcopy_put_int8(struct pgcopy_writer *w, int64_t v)
{
	put_number(w, (uint64_t)v, 8);
}

void pgcopy_put_real8(struct pgcopy_writer *w, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	put_number(w, bits, 8);
}

void pgcopy_put_bool(struct pgcopy_writer *w, int v)
{
	put_number(w, v != 0, 1);
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

void pgcopy_put_uuid(struct pgcopy_writer *w, const char *text)
{
	unsigned char id[16];
	size_t n = 0;

	if (!text) {
		pgcopy_put_null(w);
		return;
	}
	for (const char *at = text; *at && n <= 16; at++) {
		if (*at == '-')
			continue;
		if (n == 16 || hex_digit(at[0]) < 0 || hex_digit(at[1]) < 0) {
			n = 0;
			break;
		}
		id[n++] = (unsigned char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
		at++;
	}
	if (n != 16)
		fail(w, err_set(w->err, ERR_FORMAT, "'%.60s' is no UUID", text));
	else
		pgcopy_put_bytes(w, id, sizeof id);
}

void pgcopy_put_jsonb(struct pgcopy_writer *w, const char *json)
{
	size_t n = json ? strlen(json) : 0;

	if (!json) {
		pgcopy_put_null(w);
		return;
	}
	if (n > INT32_MAX - 1) {
		fail(w, err_set(w->err, ERR_LIMIT, "a value of %zu bytes does not fit a row", n));
		return;
	}
	put_be(&w->out, n + 1, 4);
	buf_putc(&w->out, 1);
	buf_put(&w->out, json, n);
}

void pgcopy_put_stamp(struct pgcopy_writer *w, int64_t unix_ns)
{
	int64_t us = unix_ns / 1000 - (unix_ns % 1000 < 0);

	pgcopy_put_int8(w, us - EPOCH_US);
}

#endif
