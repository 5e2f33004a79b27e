/* A run into the database, in one transaction: see team.h. Whoever dies in the middle leaves nothing, and the unique id
 * makes a second sender of the same run wait for the first one's end. */
#include <string.h>

#include "prof/exchange/internal.h"
#include "prof/postgres/pgcopy.h"

/* ---- the row of the run -------------------------------------------------------------------------- */

#define ID_LENGTH 36

/* Ids are what makes pushing twice harmless, so they must be ids. */
static int check_id(const struct store_raw_value *id, struct err *err)
{
	if (!id->null && id->len == ID_LENGTH && strspn(id->text, "0123456789abcdef-") >= ID_LENGTH)
		return 0;
	return err_set(err, ERR_FORMAT, "the run's id is no UUID");
}

struct row {
	const struct store_raw_table *t;
	struct store_raw_rows *rows; /* owned; texts of `v` are its */
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct buf room;                      /* values as texts */
	const char *param[STORE_RAW_COLUMNS]; /* in `room`, or NULL */
};

static void row_release(struct row *r)
{
	store_raw_close(r->rows);
	buf_release(&r->room);
}

static int make_params(struct row *r, struct err *err)
{
	size_t at[STORE_RAW_COLUMNS];

	for (size_t i = 1; i < r->t->n; i++)
		at[i] = team_param(&r->room, &r->t->columns[i], &r->v[i]);
	if (buf_failed(&r->room))
		return err_nomem(err, "a run");
	for (size_t i = 1; i < r->t->n; i++)
		r->param[i] = at[i] == SIZE_MAX ? NULL : r->room.data + at[i];
	return 0;
}

static const struct store_raw_value *value(const struct row *r, const char *column)
{
	int at = store_raw_find(r->t, column);

	return at < 0 ? NULL : &r->v[at];
}

/* Where a recording waits for data has no meaning elsewhere. */
static void forget_local(struct row *r)
{
	int at = store_raw_find(r->t, "spool_path");

	if (at >= 0)
		r->v[at] = (struct store_raw_value){.null = 1};
}

static int read_row(struct team *t, struct store *s, int64_t run, struct row *r, struct err *err)
{
	int rc = store_raw_open(&r->rows, s, &t->layout.run, run, err);

	if (rc < 0)
		return rc;
	r->t = &t->layout.run;
	rc = store_raw_next(r->rows, r->v, err);
	if (rc == 0)
		rc = err_set(err, ERR_NOTFOUND, "the run is not in '%s' any more", store_path(s));
	if (rc > 0)
		rc = check_id(value(r, "id"), err);
	if (rc == 0 && !value(r, "finished")->i)
		rc = err_set(err, ERR_ARG, "the run %.8s has not finished: push it when it has",
			     value(r, "id")->text);
	if (rc < 0)
		return rc;
	forget_local(r);
	return make_params(r, err);
}

/* INSERT … ON CONFLICT DO NOTHING RETURNING key: *key 0 when the run is there already. */
static int insert_run(struct team *t, const struct row *r, int64_t *key, struct err *err)
{
	struct buf sql = BUF_INIT;
	struct pg_rows *rows = NULL;
	int rc;

	buf_puts(&sql, "INSERT INTO " TEAM_SCHEMA ".run (");
	team_put_columns(&sql, r->t, 1);
	buf_puts(&sql, ") VALUES (");
	for (size_t i = 1; i < r->t->n; i++)
		buf_printf(&sql, "%s$%zu::%s", i > 1 ? ", " : "", i,
			   team_type(r->t->columns[i].type));
	buf_puts(&sql, ") ON CONFLICT (id) DO NOTHING RETURNING key");
	rc = buf_failed(&sql)
		     ? err_nomem(err, "a run")
		     : pg_query(t->pg, &rows, buf_str(&sql), r->param + 1, (int)r->t->n - 1, err);
	if (rc == 0)
		*key = pg_rows_count(rows) ? pg_rows_int(rows, 0, 0, 0) : 0;
	pg_rows_free(rows);
	buf_release(&sql);
	return rc;
}

/* ---- a run that is there already ----------------------------------------------------------------- */

/* What people change afterwards, and what is of one store alone. */
static int may_differ(const char *column)
{
	static const char *const names[] = {"key", "name", "labels", "spool_path", NULL};

	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], column) == 0)
			return 1;
	return 0;
}

static int same(const struct store_raw_column *c, const struct store_raw_value *a,
		const struct store_raw_value *b)
{
	if (a->null || b->null)
		return a->null == b->null;
	if (c->type == STORE_RAW_INT)
		return a->i == b->i;
	if (c->type == STORE_RAW_REAL)
		return memcmp(&a->d, &b->d, sizeof a->d) == 0;
	return a->len == b->len && memcmp(a->text, b->text, a->len) == 0;
}

/* The row in the database, as values; *there 0: no such run. Texts are in `room`. */
static int read_there(struct team *t, const char *id, struct store_raw_value *v, struct buf *room,
		      int *there, struct err *err)
{
	struct pg_rows *rows = NULL;
	int rc = team_query_run(t, id, &rows, err);

	*there = rc == 0 && pg_rows_count(rows) > 0;
	if (*there)
		rc = team_run_values(t, rows, v, room, err);
	pg_rows_free(rows);
	return rc;
}

static int compare(struct team *t, const struct row *r, const struct store_raw_value *there,
		   int *relabelled, struct err *err)
{
	*relabelled = 0;
	for (size_t i = 1; i < r->t->n; i++) {
		const struct store_raw_column *c = &r->t->columns[i];

		if (!(t->have_run >> i & 1) || same(c, &r->v[i], &there[i]))
			continue;
		if (!may_differ(c->name))
			return err_set(err, ERR_EXISTS,
				       "%s has another run with the id %.*s: its %s differs",
				       pg_name(t->pg), ID_LENGTH, value(r, "id")->text, c->name);
		*relabelled |= strcmp(c->name, "name") == 0 || strcmp(c->name, "labels") == 0;
	}
	return 0;
}

static int relabel(struct team *t, const struct row *r, struct err *err)
{
	const char *params[] = {r->param[store_raw_find(r->t, "id")],
				r->param[store_raw_find(r->t, "name")],
				r->param[store_raw_find(r->t, "labels")]};

	return pg_run(t->pg, "UPDATE " TEAM_SCHEMA ".run SET name = $2, labels = $3 WHERE id = $1",
		      params, 3, NULL, err);
}

/* *fate TEAM_MOVED: it is not there. */
static int look_there(struct team *t, struct row *r, int update, enum team_fate *fate,
		      struct err *err)
{
	struct store_raw_value there[STORE_RAW_COLUMNS];
	struct buf room = BUF_INIT;
	int found, relabelled = 0;
	int rc = read_there(t, r->param[store_raw_find(r->t, "id")], there, &room, &found, err);

	*fate = found ? TEAM_KNOWN : TEAM_MOVED;
	if (rc == 0 && found)
		rc = compare(t, r, there, &relabelled, err);
	if (rc == 0 && found && relabelled && update) {
		rc = relabel(t, r, err);
		*fate = TEAM_UPDATED;
	}
	buf_release(&room);
	return rc;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

static void put_value(struct pgcopy_writer *w, const struct store_raw_column *c,
		      const struct store_raw_value *v, struct buf *room)
{
	const char *text;
	size_t len;

	if (v->null) {
		pgcopy_put_null(w);
	} else if (c->type == STORE_RAW_INT) {
		pgcopy_put_int8(w, v->i);
	} else if (c->type == STORE_RAW_REAL) {
		pgcopy_put_real8(w, v->d);
	} else {
		text = team_text(room, v->text, v->len, &len);
		if (text)
			pgcopy_put_bytes(w, text, len);
		else
			w->failed = err_nomem(w->err, "a text");
	}
}

static void put_row(struct pgcopy_writer *w, const struct store_raw_table *t,
		    const struct store_raw_value *v, int64_t key, struct buf *room)
{
	pgcopy_row(w);
	pgcopy_put_int8(w, t->by_run ? key : (int64_t)((uint64_t)key << 32 | (uint32_t)v[0].i));
	for (size_t i = 1; i < t->n; i++)
		put_value(w, &t->columns[i], &v[i], room);
}

static int begin_copy(struct pgcopy_writer *w, struct team *t, const struct store_raw_table *table,
		      struct err *err)
{
	struct buf into = BUF_INIT;
	int rc;

	team_put_table(&into, table);
	buf_puts(&into, " (");
	team_put_columns(&into, table, 0);
	buf_putc(&into, ')');
	rc = buf_failed(&into) ? err_nomem(err, "rows of a run")
			       : pgcopy_begin(w, t->pg, buf_str(&into), (int)table->n, err);
	buf_release(&into);
	return rc;
}

/* A table without rows costs the server nothing. */
static int push_table(struct team *t, struct store *s, const struct store_raw_table *table,
		      int64_t run, int64_t key, struct err *err)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct pgcopy_writer w = {0};
	struct store_raw_rows *rows;
	struct buf room = BUF_INIT;
	int begun = 0, rc = store_raw_open(&rows, s, table, run, err);

	while (rc == 0 && (rc = store_raw_next(rows, v, err)) > 0) {
		rc = begun ? 0 : begin_copy(&w, t, table, err);
		begun = 1;
		if (rc == 0)
			put_row(&w, table, v, key, &room);
		if (rc == 0)
			rc = w.failed;
	}
	if (rc == 0 && begun)
		rc = pgcopy_end(&w);
	else if (begun)
		pgcopy_abort(&w);
	t->moved->rows += w.tuples;
	t->moved->bytes += w.bytes;
	store_raw_close(rows);
	buf_release(&room);
	return rc;
}

/* ---- the run ------------------------------------------------------------------------------------- */

static int push_new(struct team *t, struct store *s, int64_t run, const struct row *r,
		    enum team_fate *fate, struct err *err)
{
	int64_t key = 0;
	int rc = insert_run(t, r, &key, err);

	if (rc < 0 || !key) {
		*fate = TEAM_KNOWN; /* by somebody else, since we looked */
		return rc;
	}
	for (size_t i = 0; rc == 0 && i < t->layout.n; i++)
		rc = push_table(t, s, &t->layout.tables[i], run, key, err);
	return rc;
}

static int push(struct team *t, struct store *s, int64_t run, int update, enum team_fate *fate,
		struct err *err)
{
	struct row r = {0};
	int rc;

	buf_init(&r.room, BUF_NO_LIMIT);
	rc = read_row(t, s, run, &r, err);
	if (rc == 0)
		rc = look_there(t, &r, update, fate, err);
	if (rc == 0 && *fate == TEAM_MOVED)
		rc = push_new(t, s, run, &r, fate, err);
	row_release(&r);
	return rc;
}

int team_push(struct team *t, struct store *s, int64_t run, int update, enum team_fate *fate,
	      struct team_moved *moved, struct err *err)
{
	struct team_moved own = {0};
	int rc = store_raw_begin(s, err);

	*fate = TEAM_KNOWN;
	if (rc < 0)
		return rc;
	t->moved = &own;
	rc = pg_begin(t->pg, err);
	if (rc == 0)
		rc = push(t, s, run, update, fate, err);
	if (rc == 0)
		rc = pg_commit(t->pg, err);
	if (rc < 0)
		pg_rollback(t->pg);
	store_raw_end(s);
	if (rc == 0) {
		moved->rows += own.rows;
		moved->bytes += own.bytes;
	}
	return rc;
}
