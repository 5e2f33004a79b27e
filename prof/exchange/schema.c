/* Making the schema and bringing an older one forward. Tables and columns are those of the store's own schema, so a
 * step from one version to the next is: add what is missing, make the views anew. What only moves values between
 * columns would be a step of its own here, as in prof/store/migrate.c. All in one transaction, under a lock that
 * others who want the same wait for. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/exchange/internal.h"

#define LOCK_WAIT "SET LOCAL lock_timeout = '60s'"

/* ---- what is there ------------------------------------------------------------------------------ */

/* The columns of one table, as bits of the layout. */
static uint64_t bits_of(const struct pg_rows *rows, const struct store_raw_table *t)
{
	uint64_t bits = 0;

	for (int i = 0; i < pg_rows_count(rows); i++) {
		int at = strcmp(pg_rows_text(rows, i, 0), t->name) == 0
				 ? store_raw_find(t, pg_rows_text(rows, i, 1))
				 : -1;

		if (at >= 0)
			bits |= UINT64_C(1) << at;
	}
	return bits;
}

/* Tables must be tables: what a foreign hand put in their place does not count. */
static int read_columns(struct team *t, struct err *err)
{
	struct pg_rows *rows;
	int rc = pg_query(
		t->pg, &rows,
		"SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = "
		"c.oid"
		" JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = '" TEAM_SCHEMA
		"' AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped",
		NULL, 0, err);

	if (rc < 0)
		return rc;
	t->have_run = bits_of(rows, &t->layout.run);
	for (size_t i = 0; i < t->layout.n; i++)
		t->have[i] = bits_of(rows, &t->layout.tables[i]);
	pg_rows_free(rows);
	return 0;
}

static int read_version(struct team *t, struct err *err)
{
	struct pg_rows *rows;
	int rc = pg_query(t->pg, &rows, "SELECT max(version) FROM " TEAM_SCHEMA ".store_version",
			  NULL, 0, err);

	if (rc < 0)
		return rc;
	t->version = (int)pg_rows_int(rows, 0, 0, -1);
	pg_rows_free(rows);
	if (t->version < 1)
		return err_set(err, ERR_FORMAT,
			       "%s: " TEAM_SCHEMA ".store_version names no version of a store",
			       pg_name(t->pg));
	return 0;
}

static int foreign(struct team *t, struct err *err)
{
	return err_set(err, ERR_FORMAT,
		       "%s: there is a schema " TEAM_SCHEMA
		       ", but it holds no runs of protea-prof; name another database",
		       pg_name(t->pg));
}

/* Fills version (0: nothing there) and columns. An empty schema is nothing: somebody made it for us. */
static int look(struct team *t, struct err *err)
{
	struct pg_rows *rows;
	int any, ours, rc;

	rc = pg_query(
		t->pg, &rows,
		"SELECT count(*), count(*) FILTER (WHERE c.relname = 'store_version' AND"
		" c.relkind = 'r') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
		" WHERE n.nspname = '" TEAM_SCHEMA "'",
		NULL, 0, err);
	if (rc < 0)
		return rc;
	any = pg_rows_int(rows, 0, 0, 0) > 0;
	ours = pg_rows_int(rows, 0, 1, 0) > 0;
	pg_rows_free(rows);
	t->version = 0;
	if (!ours)
		return any ? foreign(t, err) : 0;
	rc = read_version(t, err);
	return rc == 0 ? read_columns(t, err) : rc;
}

static int check_encoding(struct team *t, struct err *err)
{
	struct pg_rows *rows;
	int utf8, rc = pg_query(t->pg, &rows, "SELECT current_setting('server_encoding')", NULL, 0,
				err);

	if (rc < 0)
		return rc;
	utf8 = strcmp(pg_rows_text(rows, 0, 0), "UTF8") == 0;
	if (!utf8)
		rc = err_set(
			err, ERR_UNSUPPORTED,
			"%s: the database's encoding is %s, and names of functions and files need "
			"UTF8; make one with: createdb -T template0 -E UTF8 NAME",
			pg_name(t->pg), pg_rows_text(rows, 0, 0));
	pg_rows_free(rows);
	return rc;
}

static int newer(struct team *t, struct err *err)
{
	return err_set(
		err, ERR_UNSUPPORTED,
		"%s was brought forward by a newer protea-prof (store version %d, this one knows "
		"up to %d); use that one",
		pg_name(t->pg), t->version, STORE_VERSION);
}

/* ---- the statements ----------------------------------------------------------------------------- */

static void put_definition(struct buf *sql, const struct store_raw_column *c)
{
	buf_printf(sql, "\"%s\" %s%s", c->name, team_type(c->type), c->not_null ? " NOT NULL" : "");
	if (c->standard)
		buf_printf(sql, " DEFAULT %s", c->standard);
}

static void put_key(struct buf *sql, const struct store_raw_table *t)
{
	int n = 0;

	for (int place = 1; place <= (int)t->n; place++)
		for (size_t i = 0; i < t->n; i++)
			if (t->columns[i].key == place)
				buf_printf(sql, "%s\"%s\"", n++ ? ", " : ", PRIMARY KEY (",
					   t->columns[i].name);
	buf_puts(sql, n ? ")" : "");
}

static void put_create(struct buf *sql, const struct store_raw_table *t)
{
	buf_puts(sql, "CREATE TABLE ");
	team_put_table(sql, t);
	buf_puts(sql, " (");
	for (size_t i = 0; i < t->n; i++) {
		buf_puts(sql, i ? ", " : "");
		put_definition(sql, &t->columns[i]);
	}
	put_key(sql, t);
	buf_puts(sql, ");\n");
}

/* The key of a run is given here: it is another one in each store. */
static void put_create_run(struct buf *sql, const struct store_raw_table *t)
{
	buf_puts(sql,
		 "CREATE TABLE " TEAM_SCHEMA ".run (key bigint GENERATED BY DEFAULT AS IDENTITY "
		 "(MAXVALUE 2147483646) PRIMARY KEY");
	for (size_t i = 1; i < t->n; i++) {
		buf_puts(sql, ", ");
		put_definition(sql, &t->columns[i]);
	}
	buf_puts(sql,
		 ", pushed_at timestamptz NOT NULL DEFAULT now(), pushed_by text NOT NULL DEFAULT "
		 "session_user, UNIQUE (id));\n"
		 "CREATE INDEX run_started_at ON " TEAM_SCHEMA ".run (started_at);\n");
}

static void put_missing(struct buf *sql, const struct store_raw_table *t, uint64_t have)
{
	for (size_t i = 0; i < t->n; i++) {
		if (have >> i & 1)
			continue;
		buf_puts(sql, "ALTER TABLE ");
		team_put_table(sql, t);
		buf_puts(sql, " ADD COLUMN ");
		put_definition(sql, &t->columns[i]);
		buf_puts(sql, ";\n");
	}
}

static void put_tables(struct buf *sql, const struct team *t)
{
	if (t->have_run)
		put_missing(sql, &t->layout.run, t->have_run);
	else
		put_create_run(sql, &t->layout.run);
	for (size_t i = 0; i < t->layout.n; i++)
		if (t->have[i])
			put_missing(sql, &t->layout.tables[i], t->have[i]);
		else
			put_create(sql, &t->layout.tables[i]);
}

/* The kinds of samples of this version, from a store of its own. */
static int put_kinds(struct buf *sql, const struct team *t, struct err *err)
{
	const struct store_raw_table *k = &t->layout.kinds;
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct store_raw_rows *rows = NULL;
	struct store *s;
	int rc = store_open_private(&s, "the kinds of samples", err);

	if (rc < 0)
		return rc;
	rc = store_raw_open_kinds(&rows, s, k, err);
	while (rc == 0 && (rc = store_raw_next(rows, v, err)) > 0) {
		buf_printf(sql, "INSERT INTO " TEAM_SCHEMA ".sample_kind VALUES (%lld, ",
			   (long long)v[0].i);
		rc = pg_put_literal(t->pg, sql, v[1].text, err);
		buf_puts(sql, ", ");
		if (rc == 0)
			rc = pg_put_literal(t->pg, sql, v[2].text, err);
		buf_puts(sql, ") ON CONFLICT DO NOTHING;\n");
	}
	store_raw_close(rows);
	store_close(s);
	return rc;
}

#define START                                                                                      \
	"CREATE SCHEMA IF NOT EXISTS " TEAM_SCHEMA ";\n"                                           \
	"COMMENT ON SCHEMA " TEAM_SCHEMA " IS 'runs of protea-prof: see its docs/store.md';\n"     \
	"CREATE TABLE " TEAM_SCHEMA                                                                \
	".store_version (version int NOT NULL, at timestamptz NOT NULL DEFAULT now());\n"          \
	"CREATE TABLE " TEAM_SCHEMA                                                                \
	".sample_kind (id bigint PRIMARY KEY, name text NOT NULL UNIQUE, unit text NOT NULL);\n"

static int put_all(struct buf *sql, const struct team *t, struct err *err)
{
	int rc;

	if (!t->version)
		buf_puts(sql, START);
	put_tables(sql, t);
	rc = put_kinds(sql, t, err);
	buf_puts(sql, "SET LOCAL search_path = " TEAM_SCHEMA ", pg_temp;\n");
	buf_puts(sql, exchange_views_sql);
	buf_printf(sql, "\nINSERT INTO " TEAM_SCHEMA ".store_version VALUES (%d);\n",
		   STORE_VERSION);
	if (rc == 0 && buf_failed(sql))
		rc = err_nomem(err, "the schema");
	return rc;
}

/* ---- rights of the views, which making them anew would take away --------------------------------- */

static int read_grants(struct team *t, struct buf *grants, struct err *err)
{
	struct pg_rows *rows;
	int rc = pg_query(
		t->pg, &rows,
		"SELECT format('GRANT %s ON %I.%I TO %s%s', a.privilege_type, n.nspname, c.relname,"
		" CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE "
		"quote_ident(pg_get_userbyid(a.grantee)) END,"
		" CASE WHEN a.is_grantable AND a.grantee <> c.relowner THEN ' WITH GRANT OPTION' "
		"ELSE '' END)"
		" FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace, "
		"aclexplode(c.relacl) a"
		" WHERE n.nspname = '" TEAM_SCHEMA "' AND c.relkind = 'v'",
		NULL, 0, err);

	if (rc < 0)
		return rc;
	for (int i = 0; i < pg_rows_count(rows); i++)
		buf_printf(grants, "%s;\n", pg_rows_text(rows, i, 0));
	pg_rows_free(rows);
	return buf_failed(grants) ? err_nomem(err, "the rights of the views") : 0;
}

/* ---- making ------------------------------------------------------------------------------------- */

/* Who only adds runs need not own the schema; who makes or changes it must. */
static int explain(struct team *t, int rc, struct err *err)
{
	if (rc != ERR_DENIED || !err)
		return rc;
	err_prefix(err, t->version ? "the schema " TEAM_SCHEMA
				     " there is of an older version, and its owner "
				     "has to bring it forward (runs push does)"
				   : "the schema " TEAM_SCHEMA
				     " has to be made there first, by a role that may");
	return rc;
}

/* Under the lock. */
static int make_or_migrate(struct team *t, struct err *err)
{
	struct buf sql = BUF_INIT, grants = BUF_INIT;
	int rc = look(t, err);

	if (rc == 0 && t->version > STORE_VERSION)
		rc = newer(t, err);
	if (rc < 0 || t->version == STORE_VERSION)
		return rc;
	rc = t->version ? read_grants(t, &grants, err) : 0;
	if (rc == 0)
		rc = put_all(&sql, t, err);
	if (rc == 0)
		rc = pg_exec(t->pg, buf_str(&sql), err);
	if (rc == 0 && grants.len)
		rc = pg_exec(t->pg, buf_str(&grants), err);
	buf_release(&sql);
	buf_release(&grants);
	return rc < 0 ? explain(t, rc, err) : look(t, err);
}

static int make(struct team *t, struct err *err)
{
	int rc = pg_begin(t->pg, err);

	if (rc == 0)
		rc = pg_exec(t->pg, LOCK_WAIT "; SELECT pg_advisory_xact_lock(" TEAM_LOCK ")", err);
	if (rc == 0)
		rc = make_or_migrate(t, err);
	if (rc == 0)
		rc = pg_commit(t->pg, err);
	if (rc < 0)
		pg_rollback(t->pg);
	return rc;
}

int team_make_schema(struct team *t, struct err *err)
{
	int rc = check_encoding(t, err);

	if (rc == 0)
		rc = look(t, err);
	if (rc < 0)
		return rc;
	if (t->version > STORE_VERSION)
		return newer(t, err);
	if (t->mode == TEAM_READ)
		return t->version ? 0
				  : err_set(err, ERR_NOTFOUND,
					    "%s holds no runs yet; put some there with: "
					    "protea-prof runs "
					    "push URL",
					    pg_name(t->pg));
	return t->version == STORE_VERSION ? 0 : make(t, err);
}
