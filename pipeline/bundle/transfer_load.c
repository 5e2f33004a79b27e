/* A bundle into a database: schema if there is none, all rows by binary COPY, constraints and indexes last, in
 * one transaction. A failure at any point leaves the database as it was. */
#include "pipeline/bundle/transfer.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/bundle/db.h"
#include "pipeline/bundle/pg_columns.h"
#include "pipeline/bundle/pg_ddl.h"
#include "pipeline/bundle/rows.h"
#include "pipeline/bundle/schema.h"
#include "pipeline/bundle/transfer_tables.h"
#include "pipeline/bundle/transfer_vector.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/text.h"
#include "prof/base/clock.h"
#include "prof/postgres/pgcopy.h"

/* Loads wait for each other, so that two of them cannot both find the tables empty. */
#define ONE_AT_A_TIME "SELECT pg_advisory_xact_lock(5787213827046133841)"

struct load {
	const struct transfer_options *opt;
	struct transfer_report *report;
	sqlite3 *db;             /* owned */
	struct pg *pg;           /* owned */
	struct pg_rows *columns; /* owned: what the database has */
	struct err *err;
};

/* One table on its way: which of its columns both sides have. */
struct moving {
	struct load *l;
	const struct transfer_table *t;
	const struct transfer_column *column[TRANSFER_COLUMNS];
	const char *type[TRANSFER_COLUMNS]; /* in the database */
	int is_hash[TRANSFER_COLUMNS];      /* of the text: made where the bundle has none */
	int n;
	int dim_col; /* where embedding_dim is read, -1 */
	struct bundle_rows rows;
	struct pgcopy_writer w;
	struct transfer_vector vector;
};

static void say(struct load *l, const char *text)
{
	if (l->opt->say)
		l->opt->say(l->opt->say_ctx, text);
}

/* ---- one value -------------------------------------------------------------------------------- */

static void put_int(struct moving *m, int col, int64_t v)
{
	const char *type = m->type[col];

	if (strcmp(type, "int8") == 0)
		pgcopy_put_int8(&m->w, v);
	else if (strcmp(type, "int4") == 0 && v >= INT32_MIN && v <= INT32_MAX)
		pgcopy_put_int4(&m->w, (int32_t)v);
	else if (strcmp(type, "int2") == 0 && v >= INT16_MIN && v <= INT16_MAX)
		pgcopy_put_int2(&m->w, (int16_t)v);
	else
		bundle_rows_bad(&m->rows, "column %s: %lld does not fit the database's %s",
				m->column[col]->name, (long long)v, type);
}

static void put_json(struct moving *m, int col)
{
	const char *text = bundle_rows_text(&m->rows, col, NULL);

	if (strcmp(m->type[col], "jsonb") == 0)
		pgcopy_put_jsonb(&m->w, text);
	else
		pgcopy_put_text(&m->w, text);
}

/* The hash of a sequence, from its text, which is the column before. */
static void put_hash(struct moving *m, int col)
{
	char hex[MD5_HEX] = "";
	size_t len;
	const char *text = bundle_rows_text(&m->rows, col - 1, &len);

	if (!m->rows.failed && md5_hex(text, len, hex) < 0)
		m->rows.failed = err_set(m->l->err, ERR_INTERNAL, "cannot digest a sequence");
	pgcopy_put_text(&m->w, hex);
}

static void put_vector(struct moving *m, int col)
{
	int64_t dim = m->dim_col >= 0 ? bundle_rows_int(&m->rows, m->dim_col) : 0;
	size_t len;
	const void *bytes = bundle_rows_blob(&m->rows, col, &len);
	int rc;

	if (m->rows.failed)
		return;
	rc = transfer_vector_put(&m->vector, &m->w, bytes, len, dim, m->type[col]);
	if (rc == ERR_FORMAT)
		bundle_rows_bad(&m->rows,
				"embedding has %zu bytes for embedding_dim %lld, 2 or 4 bytes per "
				"value are needed",
				len, (long long)dim);
	else if (rc < 0)
		m->rows.failed = err_nomem(m->l->err, "an embedding");
}

static void put_value(struct moving *m, int col)
{
	if (bundle_rows_is_null(&m->rows, col)) {
		if (m->is_hash[col])
			put_hash(m, col);
		else
			pgcopy_put_null(&m->w);
		return;
	}
	switch (m->column[col]->kind) {
	case TRANSFER_UUID:
		pgcopy_put_uuid(&m->w, bundle_rows_uuid(&m->rows, col));
		break;
	case TRANSFER_TEXT:
		pgcopy_put_text(&m->w, bundle_rows_text(&m->rows, col, NULL));
		break;
	case TRANSFER_INT:
		put_int(m, col, bundle_rows_int(&m->rows, col));
		break;
	case TRANSFER_BOOL:
		pgcopy_put_bool(&m->w, bundle_rows_int(&m->rows, col) != 0);
		break;
	case TRANSFER_STAMP:
		pgcopy_put_stamp(&m->w, bundle_rows_stamp(&m->rows, col));
		break;
	case TRANSFER_JSON:
		put_json(m, col);
		break;
	case TRANSFER_VECTOR:
		put_vector(m, col);
		break;
	}
}

/* ---- one table -------------------------------------------------------------------------------- */

static int has_type(const char *list, const char *type)
{
	size_t n = strlen(type);
	const char *at = strstr(list, type);

	return at && (at == list || at[-1] == ' ') && (at[n] == ' ' || !at[n]);
}

static int check_type(const struct moving *m, const struct transfer_column *c, const char *type)
{
	static const char *const fit[] = {
		[TRANSFER_UUID] = "uuid",
		[TRANSFER_TEXT] = "varchar text bpchar job_status name",
		[TRANSFER_INT] = "int2 int4 int8",
		[TRANSFER_BOOL] = "bool",
		[TRANSFER_STAMP] = "timestamptz timestamp",
		[TRANSFER_JSON] = "jsonb json",
		[TRANSFER_VECTOR] = "halfvec vector _float4 bytea",
	};

	if (has_type(fit[c->kind], type))
		return 0;
	return err_set(m->l->err, ERR_FORMAT,
		       "'%s': column %s.%s is %s, which a bundle's does not fit", pg_name(m->l->pg),
		       m->t->name, c->name, type);
}

/* 1: the column goes over; 0: one of the two sides does without it. */
static int join_column(struct moving *m, const struct transfer_column *c, struct buf *select,
		       struct buf *into)
{
	struct load *l = m->l;
	const char *type = pg_columns_type(l->columns, m->t->name, c->name);
	int here = bundle_schema_has_column(l->db, m->t->name, c->name, l->err);
	int rc;

	if (here < 0)
		return here;
	if (!type && c->if_absent)
		return 0;
	if (!type)
		return err_set(l->err, ERR_NOTFOUND,
			       "'%s': table %s has no column %s; make the tables with --create",
			       pg_name(l->pg), m->t->name, c->name);
	rc = check_type(m, c, type);
	if (rc < 0)
		return rc;
	if (c->kind == TRANSFER_INT && strcmp(c->name, "embedding_dim") == 0 && here)
		m->dim_col = m->n;
	m->is_hash[m->n] = strcmp(c->name, "sequence_hash") == 0;
	buf_printf(select, "%s%s", m->n ? ", " : "", here ? c->name : c->if_absent);
	buf_printf(into, "%s%s", m->n ? ", " : "", c->name);
	m->column[m->n] = c;
	m->type[m->n++] = type;
	return 1;
}

/* embedding_dim is read for the vector even if the database has no such column. */
static int join_columns(struct moving *m, struct buf *select, struct buf *into)
{
	int rc = 0;

	m->dim_col = -1;
	buf_puts(select, "SELECT ");
	buf_printf(into, "%s (", m->t->name);
	for (size_t i = 0; rc >= 0 && i < transfer_n_columns(m->t); i++)
		rc = join_column(m, &m->t->column[i], select, into);
	if (rc < 0)
		return rc;
	if (strcmp(m->t->name, "sequence_embedding") == 0 && m->dim_col < 0) {
		m->dim_col = m->n;
		buf_puts(select, ", embedding_dim");
	}
	buf_printf(select, " FROM %s ORDER BY %s", m->t->name, m->t->key);
	buf_puts(into, ")");
	return buf_failed(select) || buf_failed(into) ? err_nomem(m->l->err, "a statement") : 0;
}

static int move_rows(struct moving *m, const char *select, const char *into)
{
	struct load *l = m->l;
	int rc = pgcopy_begin(&m->w, l->pg, into, m->n, l->err);

	if (rc < 0)
		return err_prefix(l->err, "table %s", m->t->name);
	bundle_rows_begin(&m->rows, l->db, m->t->name, select, l->err);
	while (bundle_rows_next(&m->rows) > 0) {
		pgcopy_row(&m->w);
		for (int col = 0; col < m->n && !m->rows.failed; col++)
			put_value(m, col);
		if (m->w.failed)
			break;
	}
	rc = bundle_rows_end(&m->rows);
	if (rc < 0)
		pgcopy_abort(&m->w);
	else if (pgcopy_end(&m->w) < 0)
		rc = err_prefix(l->err, "table %s", m->t->name);
	l->report->bytes += m->w.bytes;
	transfer_vector_release(&m->vector);
	return rc;
}

static int move_table(struct load *l, const struct transfer_table *t)
{
	struct moving m = {.l = l, .t = t};
	struct buf select = BUF_INIT, into = BUF_INIT;
	char text[80];
	int rc;

	snprintf(text, sizeof text, "loading %s", t->name);
	say(l, text);
	rc = join_columns(&m, &select, &into);
	if (rc == 0)
		rc = move_rows(&m, buf_str(&select), buf_str(&into));
	buf_release(&select);
	buf_release(&into);
	if (rc == 0) {
		l->report->table[l->report->n_tables] = t->name;
		l->report->rows[l->report->n_tables++] = m.w.tuples;
	}
	return rc;
}

/* ---- the database beforehand ------------------------------------------------------------------ */

static int is_wanted(const struct load *l, const struct transfer_table *t)
{
	return (!t->is_job || l->opt->jobs) && !t->is_note;
}

static int refuse_rows(struct load *l, const struct transfer_table *t)
{
	char sql[120];
	struct pg_rows *rows;
	int rc, any;

	if (!pg_columns_type(l->columns, t->name, ""))
		return 0;
	snprintf(sql, sizeof sql, "SELECT EXISTS (SELECT 1 FROM %s)", t->name);
	rc = pg_query(l->pg, &rows, sql, NULL, 0, l->err);
	if (rc < 0)
		return rc;
	any = pg_rows_true(rows, 0, 0);
	pg_rows_free(rows);
	if (!any)
		return 0;
	return err_set(l->err, ERR_EXISTS,
		       "'%s': table %s holds rows already; load into an empty database or schema",
		       pg_name(l->pg), t->name);
}

static int read_columns(struct load *l)
{
	pg_rows_free(l->columns);
	l->columns = NULL;
	return pg_columns_read(l->pg, &l->columns, l->err);
}

/* Does any embedding of the bundle hold float32? Asked of the first row of each configuration. */
static int has_float32(struct load *l, int *any)
{
	sqlite3_int64 n;
	int rc = bundle_db_int(l->db,
			       "SELECT count(*) FROM embedding_config c WHERE"
			       " (SELECT length(e.embedding) = 4 * e.embedding_dim"
			       " FROM sequence_embedding e WHERE e.embedding_config_id = c.id"
			       " ORDER BY e.sequence_id, e.id LIMIT 1)",
			       &n, l->err);

	*any = rc == 0 && n > 0;
	return rc;
}

static int type_exists(struct load *l, const char *type, int *there)
{
	struct pg_rows *rows;
	int rc = pg_query(l->pg, &rows, "SELECT to_regtype($1) IS NOT NULL", &type, 1, l->err);

	*there = rc == 0 && pg_rows_true(rows, 0, 0);
	if (rc == 0)
		pg_rows_free(rows);
	return rc;
}

/* halfvec where the extension is there (vector for float32 values, which halfvec would round), else bytea,
 * which holds either as it is. */
static int choose_vectors(struct load *l, const char **type)
{
	int floats = 0, there = 0, rc;

	if (l->opt->vectors) {
		*type = strcmp(l->opt->vectors, "real") == 0 ? "real[]" : l->opt->vectors;
		rc = type_exists(l, *type, &there);
		if (rc == 0 && !there)
			rc = err_set(
				l->err, ERR_UNSUPPORTED,
				"'%s' has no type %s: install pgvector and run CREATE EXTENSION "
				"vector, or choose --vectors bytea",
				pg_name(l->pg), *type);
		return rc;
	}
	rc = has_float32(l, &floats);
	*type = floats ? "vector" : "halfvec";
	if (rc == 0)
		rc = type_exists(l, *type, &there);
	if (!there)
		*type = "bytea";
	return rc;
}

static int run_script(struct load *l, struct buf *script)
{
	int rc = buf_failed(script) ? err_nomem(l->err, "the schema") : 0;

	if (rc == 0)
		rc = pg_exec(l->pg, buf_str(script), l->err);
	buf_release(script);
	return rc;
}

static int any_table(const struct load *l)
{
	for (size_t i = 0; i < transfer_n_tables; i++)
		if (pg_columns_type(l->columns, transfer_tables[i].name, ""))
			return 1;
	return 0;
}

/* Tables of the schema if there are none, or if asked; all that will be filled must be empty. */
static int prepare_database(struct load *l)
{
	struct buf script = BUF_INIT;
	const char *type;
	int rc = pg_exec(l->pg, ONE_AT_A_TIME, l->err);

	if (rc == 0)
		rc = read_columns(l);
	for (size_t i = 0; rc == 0 && i < transfer_n_tables; i++)
		if (is_wanted(l, &transfer_tables[i]))
			rc = refuse_rows(l, &transfer_tables[i]);
	if (rc < 0 || (any_table(l) && !l->opt->create_schema))
		return rc;
	rc = choose_vectors(l, &type);
	if (rc < 0)
		return rc;
	say(l, "making the tables");
	pg_ddl_tables(&script, type);
	rc = run_script(l, &script);
	l->report->schema_created = rc == 0;
	return rc < 0 ? rc : read_columns(l);
}

/* ---- notes ------------------------------------------------------------------------------------ */

static const struct transfer_table *notes(void)
{
	return &transfer_tables[transfer_n_tables - 1];
}

/* Notes of the bundle go into a table of the same name beside the others. */
static int move_notes(struct load *l)
{
	sqlite3_int64 n = 0;
	int rc = bundle_schema_has_column(l->db, "bundle_note", "key", l->err);

	if (rc == 1)
		rc = bundle_db_int(l->db, "SELECT count(*) FROM bundle_note", &n, l->err);
	if (rc < 0 || n == 0)
		return rc < 0 ? rc : 0;
	rc = pg_exec(l->pg,
		     "CREATE TABLE IF NOT EXISTS bundle_note (key text PRIMARY KEY, value text)",
		     l->err);
	if (rc == 0)
		rc = read_columns(l);
	if (rc == 0)
		rc = refuse_rows(l, notes());
	return rc < 0 ? rc : move_table(l, notes());
}

/* ---- all of it -------------------------------------------------------------------------------- */

/* The next event gets an id of its own. */
static int advance_ids(struct load *l)
{
	return pg_exec(
		l->pg,
		"SELECT setval(pg_get_serial_sequence('job_event', 'id'), m)"
		" FROM (SELECT max(id) AS m FROM job_event) AS t"
		" WHERE m IS NOT NULL AND pg_get_serial_sequence('job_event', 'id') IS NOT NULL",
		l->err);
}

static int finish_schema(struct load *l)
{
	struct buf script = BUF_INIT;

	if (!l->report->schema_created)
		return 0;
	say(l, "making constraints and indexes");
	if (!l->opt->no_constraints)
		pg_ddl_constraints(&script);
	pg_ddl_indexes(&script);
	pg_ddl_view(&script);
	return run_script(l, &script);
}

static int fill(struct load *l)
{
	const char *type;
	int rc = prepare_database(l);

	for (size_t i = 0; rc == 0 && i < transfer_n_tables; i++)
		if (is_wanted(l, &transfer_tables[i]))
			rc = move_table(l, &transfer_tables[i]);
	if (rc == 0)
		rc = move_notes(l);
	if (rc == 0 && l->opt->jobs)
		rc = advance_ids(l);
	if (rc == 0)
		rc = finish_schema(l);
	if (rc == 0) {
		type = pg_columns_type(l->columns, "sequence_embedding", "embedding");
		snprintf(l->report->vectors, sizeof l->report->vectors, "%s",
			 strcmp(type, "_float4") == 0 ? "real[]" : type);
	}
	return rc;
}

/* What a signal stopped is told in the signal's words. */
static int told(int rc, struct err *err)
{
	return rc == ERR_CANCELLED ? cancel_check(err) : rc;
}

int transfer_load(const struct transfer_options *opt, struct transfer_report *report,
		  struct err *err)
{
	struct load l = {.opt = opt, .report = report, .err = err};
	struct err none = ERR_INIT;
	int64_t start = clock_mono_ns();
	int rc;

	*report = (struct transfer_report){0};
	rc = bundle_db_open(&l.db, opt->bundle, 0, err);
	if (rc == 0)
		rc = bundle_schema_check(l.db, opt->bundle, err);
	if (rc == 0)
		rc = transfer_connect(&l.pg, opt->url, err);
	if (rc == 0)
		rc = pg_begin(l.pg, err);
	if (rc == 0)
		rc = fill(&l);
	if (rc == 0)
		rc = pg_commit(l.pg, err);
	if (rc == 0)
		pg_exec(l.pg, "ANALYZE", &none); /* what the planner needs; it does without */
	else if (l.pg)
		pg_rollback(l.pg);
	pg_rows_free(l.columns);
	pg_close(l.pg);
	bundle_db_close(l.db);
	report->seconds = clock_elapsed_s(start);
	return told(rc, err);
}
