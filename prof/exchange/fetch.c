/* A run out of the database into a private store: see team.h. The rows are somebody else's: values have the types that
 * were asked for, whatever the tables have become, and what they say together is checked as a foreign store is. */
#include <string.h>

#include "prof/exchange/internal.h"
#include "prof/exchange/oddtext.h"
#include "prof/postgres/pgcopy.h"
#include "prof/store/read.h"

/* ---- the row of the run -------------------------------------------------------------------------- */

static int damaged(struct team *t, const struct team_run *from, int rc, struct err *err)
{
	if (rc == ERR_FORMAT)
		err_prefix(err, "the run %.8s of %s is damaged", from->id, pg_name(t->pg));
	return rc;
}

static int check_run(const struct store_raw_table *t, const struct store_raw_value *v,
		     const struct team_run *from, struct err *err)
{
	const struct store_raw_value *id = &v[store_raw_find(t, "id")];
	const struct store_raw_value *finished = &v[store_raw_find(t, "finished")];

	if (id->null || id->len != 36 || strlen(from->id) != 36 ||
	    memcmp(id->text, from->id, 36) != 0 || strspn(from->id, "0123456789abcdef-") != 36)
		return err_set(err, ERR_FORMAT, "its id is no UUID");
	if (finished->null || finished->i != 1)
		return err_set(err, ERR_FORMAT, "it has not finished");
	return 0;
}

static int fetch_run(struct team *t, const struct team_run *from, struct store *to, int64_t *run,
		     struct err *err)
{
	const struct store_raw_table *table = &t->layout.run;
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct buf room = BUF_INIT;
	struct pg_rows *rows;
	int rc = team_query_run(t, from->id, &rows, err);

	if (rc < 0)
		return rc;
	if (!pg_rows_count(rows)) {
		pg_rows_free(rows);
		return err_set(err, ERR_NOTFOUND, "the run %.8s is not in %s any more", from->id,
			       pg_name(t->pg));
	}
	rc = team_run_values(t, rows, v, &room, err);
	pg_rows_free(rows);
	if (rc == 0)
		rc = check_run(table, v, from, err);
	if (rc == 0)
		v[store_raw_find(table, "spool_path")] = (struct store_raw_value){.null = 1};
	if (rc == 0)
		rc = store_raw_put_run(to, table, v, run, err);
	buf_release(&room);
	return rc;
}

/* ---- rows ---------------------------------------------------------------------------------------- */

struct taking {
	struct team *t;
	const struct store_raw_table *table;
	struct store_raw_writer *writer;
	struct buf *room; /* the texts of one row */
};

static int64_t big_endian(const unsigned char *p)
{
	uint64_t v = 0;

	for (int i = 0; i < 8; i++)
		v = v << 8 | p[i];
	return (int64_t)v;
}

static int take_text(struct taking *x, const struct pgcopy_field *f, struct store_raw_value *v,
		     struct err *err)
{
	size_t n = (size_t)f->len;
	char *copy;

	v->text = (const char *)f->bytes;
	v->len = n;
	if (oddtext_is_plain(v->text, n))
		return 0;
	copy = buf_reserve(x->room, n + 1);
	if (!copy)
		return err_nomem(err, "a text of a run");
	memcpy(copy, f->bytes, n);
	v->len = oddtext_back(copy, n);
	v->text = copy;
	x->room->len += n + 1;
	return 0;
}

static int take_value(struct taking *x, const struct store_raw_column *c,
		      const struct pgcopy_field *f, struct store_raw_value *v, struct err *err)
{
	int64_t bits;

	*v = (struct store_raw_value){.null = f->len < 0};
	if (v->null)
		return 0;
	if (c->type == STORE_RAW_TEXT)
		return take_text(x, f, v, err);
	if (f->len != 8)
		return err_set(err, ERR_FORMAT, "%s of %s has %d bytes instead of 8", c->name,
			       x->table->name, f->len);
	bits = big_endian(f->bytes);
	if (c->type == STORE_RAW_INT)
		v->i = bits;
	else
		memcpy(&v->d, &bits, sizeof v->d);
	return 0;
}

/* Room for all odd texts of a row, so that none moves. */
static int make_room(struct taking *x, const struct pgcopy_field *fields, struct err *err)
{
	size_t bytes = 1;

	for (size_t i = 0; i < x->table->n; i++)
		if (x->table->columns[i].type == STORE_RAW_TEXT && fields[i].len >= 0)
			bytes += (size_t)fields[i].len + 1;
	buf_clear(x->room);
	return buf_reserve(x->room, bytes) ? 0 : err_nomem(err, "a text of a run");
}

static int take_row(void *ctx, const struct pgcopy_field *fields, int n_fields, struct err *err)
{
	struct store_raw_value v[STORE_RAW_COLUMNS];
	struct taking *x = ctx;
	int rc = make_room(x, fields, err);

	for (int i = 0; rc == 0 && i < n_fields; i++) {
		rc = take_value(x, &x->table->columns[i], &fields[i], &v[i], err);
		x->t->moved->bytes += fields[i].len > 0 ? (uint64_t)fields[i].len + 4 : 4;
	}
	if (rc == 0 && v[0].null)
		rc = err_set(err, ERR_FORMAT, "a row of %s has no number", x->table->name);
	if (rc < 0)
		return rc;
	x->t->moved->rows++;
	v[0].i &= UINT32_MAX;
	return store_raw_put(x->writer, v, err);
}

static void put_query(struct buf *sql, const struct store_raw_table *t, uint64_t have, int64_t key)
{
	buf_puts(sql, "SELECT ");
	team_put_selected(sql, t, 0, have);
	buf_puts(sql, " FROM ");
	team_put_table(sql, t);
	if (t->by_run)
		buf_printf(sql, " WHERE run = %lld", (long long)key);
	else
		buf_printf(sql, " WHERE id BETWEEN %lld AND %lld", (long long)key << 32,
			   ((long long)key << 32) + UINT32_MAX);
	/* Rows of a store lie in the order of their ids. */
	for (size_t place = 1, n = 0; place <= t->n; place++)
		for (size_t i = 0; i < t->n; i++)
			if (t->columns[i].key == (int)place)
				buf_printf(sql, "%s\"%s\"", n++ ? ", " : " ORDER BY ",
					   t->columns[i].name);
}

static int fetch_table(struct team *t, size_t at, int64_t key, struct store *to, int64_t run,
		       struct err *err)
{
	const struct store_raw_table *table = &t->layout.tables[at];
	struct buf sql = BUF_INIT, room = BUF_INIT;
	struct taking x = {.t = t, .table = table, .room = &room};
	int rc;

	if (!t->have[at]) /* an older schema without this table */
		return 0;
	put_query(&sql, table, t->have[at], key);
	rc = buf_failed(&sql) ? err_nomem(err, "the rows of a run")
			      : store_raw_writer_open(&x.writer, to, table, run, err);
	if (rc == 0)
		rc = pgcopy_read(t->pg, buf_str(&sql), (int)table->n, take_row, &x, NULL, err);
	store_raw_writer_close(x.writer);
	buf_release(&sql);
	buf_release(&room);
	return rc;
}

/* ---- the run ------------------------------------------------------------------------------------- */

static int fetch(struct team *t, const struct team_run *from, struct store *to, int64_t *run,
		 struct err *err)
{
	int rc = fetch_run(t, from, to, run, err);

	for (size_t i = 0; rc == 0 && i < t->layout.n; i++)
		rc = fetch_table(t, i, from->key, to, *run, err);
	return rc;
}

/* Reads it as every command will: rows that contradict each other are found here. */
static int check(struct store *to, int64_t run, struct err *err)
{
	struct profile p;
	int rc = store_read_run(to, run, STORE_READ_ALL, &p, err);

	if (rc == 0)
		profile_release(&p);
	return rc;
}

int team_fetch(struct team *t, const struct team_run *from, struct store *to, int64_t *run,
	       struct team_moved *moved, struct err *err)
{
	struct team_moved own = {0};
	int rc = store_begin(to, err);

	if (rc < 0)
		return rc;
	t->moved = &own;
	rc = pg_begin_reading(t->pg, err);
	if (rc == 0)
		rc = fetch(t, from, to, run, err);
	if (rc == 0)
		rc = pg_commit(t->pg, err);
	else
		pg_rollback(t->pg);
	if (rc == 0)
		rc = store_commit(to, err);
	else
		store_rollback(to);
	if (rc == 0)
		rc = check(to, *run, err);
	if (rc == 0) {
		moved->rows += own.rows;
		moved->bytes += own.bytes;
	}
	return damaged(t, from, rc, err);
}
