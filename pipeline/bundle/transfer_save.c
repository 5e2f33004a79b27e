/* A database into a bundle: every table by a binary COPY stream, all from one state of the database (a REPEATABLE
 * READ transaction), into a file that gets its name when it is complete. */
#include "pipeline/bundle/transfer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/outfile.h"
#include "pipeline/bundle/pg_columns.h"
#include "pipeline/bundle/transfer_tables.h"
#include "pipeline/bundle/transfer_vector.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/text.h"
#include "prof/base/clock.h"
#include "prof/postgres/pgcopy.h"

struct save {
	const struct transfer_options *opt;
	struct transfer_report *report;
	struct pg *pg;           /* owned */
	struct pg_rows *columns; /* owned */
	struct outfile out;
	int outfile_open;
	struct err *err;
};

/* One table on its way. */
struct moving {
	struct save *s;
	const struct transfer_table *t;
	int n;
	sqlite3_stmt *stmt; /* owned */
	enum pgvalue_vector_kind vectors;
	struct transfer_vector vector;
	int64_t dim; /* embedding_dim of the row at hand, -1 */
	int dim_at;  /* its parameter */
	uint64_t row;
	int failed;
};

static void say(struct save *s, const char *text)
{
	if (s->opt->say)
		s->opt->say(s->opt->say_ctx, text);
}

/* ---- one value -------------------------------------------------------------------------------- */

static int bad(struct moving *m, int col, const char *why)
{
	if (!m->failed)
		m->failed =
			err_set(m->s->err, ERR_FORMAT, "'%s': table %s, row %llu, column %s: %s",
				pg_name(m->s->pg), m->t->name, (unsigned long long)m->row,
				m->t->column[col].name, why);
	return SQLITE_OK;
}

static int bind_text(struct moving *m, int col, const struct pgcopy_field *f)
{
	const char *text;
	size_t len;

	if (pgvalue_text(f, &text, &len, NULL) < 0)
		return bad(m, col, "the text is not UTF-8");
	return sqlite3_bind_text64(m->stmt, col + 1, text, len, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_stamp(struct moving *m, int col, const struct pgcopy_field *f)
{
	char text[STAMP_TEXT];
	int64_t ns;

	if (pgvalue_stamp(f, &ns) < 0)
		return bad(m, col, "the time lies outside of 1678 to 2262");
	stamp_format(ns, text);
	return sqlite3_bind_text(m->stmt, col + 1, text, -1, SQLITE_TRANSIENT);
}

static int bind_vector(struct moving *m, int col, const struct pgcopy_field *f)
{
	struct err why = ERR_INIT;
	struct pgvalue_vector value;
	const void *bytes;
	size_t len;
	int rc;

	if (pgvalue_vector(f, m->vectors, m->dim, &m->vector.scratch, &value, &why) < 0)
		return why.code == ERR_NOMEM ? SQLITE_NOMEM : bad(m, col, why.text);
	if (m->dim >= 0 && (uint64_t)m->dim != value.dim)
		return bad(m, col, "its number of values is not embedding_dim");
	bytes = transfer_vector_bytes(&m->vector, &value, &len);
	if (!bytes)
		return SQLITE_NOMEM;
	rc = sqlite3_bind_int64(m->stmt, m->dim_at + 1, (sqlite3_int64)value.dim);
	return rc | sqlite3_bind_blob64(m->stmt, col + 1, bytes, len, SQLITE_STATIC);
}

static int bind_number(struct moving *m, int col, const struct pgcopy_field *f)
{
	int64_t v;

	if (pgvalue_int(f, &v) < 0)
		return bad(m, col, "it is no integer");
	if (col == m->dim_at)
		m->dim = v;
	return sqlite3_bind_int64(m->stmt, col + 1, v);
}

static int bind_value(struct moving *m, int col, const struct pgcopy_field *f)
{
	char id[UUID_TEXT];
	int flag;

	if (f->len < 0)
		return sqlite3_bind_null(m->stmt, col + 1);
	switch (m->t->column[col].kind) {
	case TRANSFER_UUID:
		if (pgvalue_uuid(f, id) < 0)
			return bad(m, col, "it is no UUID");
		return sqlite3_bind_text(m->stmt, col + 1, id, -1, SQLITE_TRANSIENT);
	case TRANSFER_INT:
		return bind_number(m, col, f);
	case TRANSFER_BOOL:
		if (pgvalue_bool(f, &flag) < 0)
			return bad(m, col, "it is neither true nor false");
		return sqlite3_bind_int(m->stmt, col + 1, flag);
	case TRANSFER_STAMP:
		return bind_stamp(m, col, f);
	case TRANSFER_VECTOR:
		return bind_vector(m, col, f);
	default: /* JSON as the database spells it */
		return bind_text(m, col, f);
	}
}

/* A sequence without hash gets the one of its text. */
static int bind_hash(struct moving *m, const struct pgcopy_field *fields)
{
	char hex[MD5_HEX];

	if (strcmp(m->t->name, "sequence") != 0 || fields[2].len >= 0 || fields[1].len < 0)
		return SQLITE_OK;
	if (md5_hex(fields[1].bytes, (size_t)fields[1].len, hex) < 0)
		return SQLITE_NOMEM;
	return sqlite3_bind_text(m->stmt, 3, hex, -1, SQLITE_TRANSIENT);
}

static int take_row(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	struct moving *m = ctx;
	int bound = SQLITE_OK, rc;

	m->row++;
	m->dim = -1;
	for (int col = 0; col < n_fields && !m->failed; col++)
		bound |= bind_value(m, col, &fields[col]);
	if (!m->failed)
		bound |= bind_hash(m, fields);
	if (m->failed)
		return m->failed;
	rc = outfile_insert(&m->s->out, m->stmt, bound, err);
	return rc < 0 ? err_prefix(err, "table %s, row %llu", m->t->name,
				   (unsigned long long)m->row)
		      : 0;
}

/* ---- one table -------------------------------------------------------------------------------- */

static const char *cast_of(enum transfer_kind kind)
{
	static const char *const casts[] = {
		[TRANSFER_UUID] = "::uuid",
		[TRANSFER_TEXT] = "::text",
		[TRANSFER_INT] = "::bigint",
		[TRANSFER_BOOL] = "::boolean",
		[TRANSFER_STAMP] = "::timestamptz",
		[TRANSFER_JSON] = "::text",
		[TRANSFER_VECTOR] = "",
	};

	return casts[kind];
}

static int join_columns(struct moving *m, struct buf *select, struct buf *insert)
{
	struct save *s = m->s;

	buf_puts(select, "SELECT ");
	buf_printf(insert, "INSERT INTO %s (", m->t->name);
	m->dim_at = -1;
	for (int i = 0; i < m->n; i++) {
		const struct transfer_column *c = &m->t->column[i];
		const char *type = pg_columns_type(s->columns, m->t->name, c->name);

		if (!type && !c->if_absent)
			return err_set(s->err, ERR_FORMAT, "'%s': table %s has no column %s",
				       pg_name(s->pg), m->t->name, c->name);
		buf_printf(select, "%s%s%s", i ? ", " : "", type ? c->name : c->if_absent,
			   cast_of(c->kind));
		buf_printf(insert, "%s%s", i ? ", " : "", c->name);
		if (strcmp(c->name, "embedding_dim") == 0)
			m->dim_at = i;
	}
	buf_printf(select, " FROM %s ORDER BY %s%s", m->t->name, m->t->key,
		   m->t->column[0].kind == TRANSFER_TEXT ? " COLLATE \"C\"" : "");
	buf_puts(insert, ") VALUES (");
	for (int i = 0; i < m->n; i++)
		buf_printf(insert, "%s?%d", i ? ", " : "", i + 1);
	buf_puts(insert, ")");
	return buf_failed(select) || buf_failed(insert) ? err_nomem(s->err, "a statement") : 0;
}

static int vector_kind(struct save *s, enum pgvalue_vector_kind *kind)
{
	const char *type = pg_columns_type(s->columns, "sequence_embedding", "embedding");

	if (!type)
		return err_set(s->err, ERR_FORMAT,
			       "'%s': table sequence_embedding has no column embedding",
			       pg_name(s->pg));
	snprintf(s->report->vectors, sizeof s->report->vectors, "%s",
		 strcmp(type, "_float4") == 0 ? "real[]" : type);
	if (strcmp(type, "halfvec") == 0)
		*kind = PGVALUE_HALFVEC;
	else if (strcmp(type, "vector") == 0)
		*kind = PGVALUE_VECTOR;
	else if (strcmp(type, "bytea") == 0)
		*kind = PGVALUE_BYTEA;
	else if (strcmp(type, "_float4") == 0)
		*kind = PGVALUE_REAL;
	else
		return err_set(
			s->err, ERR_FORMAT,
			"'%s': sequence_embedding.embedding is %s (halfvec, vector, real[] or "
			"bytea is needed)",
			pg_name(s->pg), type);
	return 0;
}

static int move_table(struct save *s, const struct transfer_table *t)
{
	struct moving m = {.s = s, .t = t, .n = (int)transfer_n_columns(t)};
	struct buf select = BUF_INIT, insert = BUF_INIT;
	char text[80];
	int rc;

	snprintf(text, sizeof text, "reading %s", t->name);
	say(s, text);
	buf_init(&m.vector.scratch, BUF_NO_LIMIT);
	rc = vector_kind(s, &m.vectors);
	if (rc == 0)
		rc = join_columns(&m, &select, &insert);
	if (rc == 0)
		rc = outfile_prepare(&s->out, &m.stmt, buf_str(&insert), s->err);
	if (rc == 0) {
		rc = pgcopy_read(s->pg, buf_str(&select), m.n, take_row, &m, NULL, s->err);
		if (rc < 0 && !m.failed && rc != ERR_CANCELLED)
			err_prefix(s->err, "reading table %s", t->name);
	}
	sqlite3_finalize(m.stmt);
	transfer_vector_release(&m.vector);
	buf_release(&select);
	buf_release(&insert);
	if (rc == 0) {
		s->report->table[s->report->n_tables] = t->name;
		s->report->rows[s->report->n_tables++] = m.row;
	}
	return rc;
}

/* ---- all of it -------------------------------------------------------------------------------- */

/* A database that has no jobs at all is none of the original's, but its data may be taken all the same. */
static int is_wanted(const struct save *s, const struct transfer_table *t)
{
	if (t->is_note)
		return pg_columns_type(s->columns, t->name, "key") != NULL;
	return !t->is_job || s->opt->jobs;
}

static int check_tables(struct save *s)
{
	struct buf missing = BUF_INIT;
	int rc;

	for (size_t i = 0; i < transfer_n_tables; i++)
		if (is_wanted(s, &transfer_tables[i]) &&
		    !pg_columns_type(s->columns, transfer_tables[i].name, ""))
			buf_printf(&missing, "%s%s", missing.len ? ", " : "",
				   transfer_tables[i].name);
	rc = buf_failed(&missing) ? err_nomem(s->err, "the check of a database")
	     : missing.len        ? err_set(s->err, ERR_FORMAT,
					    "'%s' has no table %s (or this user may not see it)",
					    pg_name(s->pg), buf_str(&missing))
				  : 0;
	buf_release(&missing);
	return rc;
}

static int fill(struct save *s)
{
	int rc = pg_columns_read(s->pg, &s->columns, s->err);

	if (rc == 0)
		rc = check_tables(s);
	if (rc == 0) {
		rc = outfile_open(&s->out, s->opt->bundle, s->opt->replace, s->err);
		s->outfile_open = rc == 0;
	}
	for (size_t i = 0; rc == 0 && i < transfer_n_tables; i++)
		if (is_wanted(s, &transfer_tables[i]))
			rc = move_table(s, &transfer_tables[i]);
	return rc;
}

int transfer_save(const struct transfer_options *opt, struct transfer_report *report,
		  struct err *err)
{
	struct save s = {.opt = opt, .report = report, .err = err};
	int64_t start = clock_mono_ns();
	int rc;

	*report = (struct transfer_report){0};
	rc = transfer_connect(&s.pg, opt->url, err);
	if (rc == 0)
		rc = pg_begin_reading(s.pg, err);
	if (rc == 0)
		rc = fill(&s);
	if (s.pg)
		pg_rollback(s.pg); /* nothing was written */
	if (rc == 0)
		rc = outfile_commit(&s.out, &report->bytes, err);
	else if (s.outfile_open)
		outfile_abort(&s.out);
	pg_rows_free(s.columns);
	pg_close(s.pg);
	report->seconds = clock_elapsed_s(start);
	return rc == ERR_CANCELLED ? cancel_check(err) : rc;
}
