/* What the view `folded` needs: the tree of names (path_row) under the stacks that have samples, and the
 * path of each such stack. In large trees some rows get their whole path as text, so that the view does
 * not walk to the root for each of many stacks. */
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/hash.h"
#include "prof/store/internal.h"
#include "prof/store/rows.h"

/* Ready texts only pay where many paths meet. With these numbers a run of 200,000 stacks of depth 30
 * grows by a tenth (tests/bench/bench_store.c), and a run of fewer than TEXT_LEAVES not at all. */
#define TEXT_LEAVES                                                                                \
	8192 /* paths with samples: below, walking all of them takes a fraction of a second */
#define TEXT_BELOW 32 /* paths with samples below a row with a text */
#define TEXT_STEPS 6  /* rows from one text up to the next, at least */
#define TEXT_BYTES 4096

struct path {
	uint32_t parent, name;
	uint32_t below;  /* paths with samples at or below */
	uint32_t steps;  /* to the nearest row above that has a text */
	char *text;      /* owned; NULL: none */
	uint8_t sampled; /* some stack with samples is this path */
};

struct paths {             /* 1, 2, …; parents before children */
	struct path *rows; /* owned; rows[0] is the root */
	uint32_t n, cap;
	struct idmap known; /* parent << 32 | name to path */
};

struct fold {
	struct store *s;
	int64_t run;
	struct stack_rows *r;
	struct err *err;
	uint32_t *function; /* owned; string of each frame, by n */
	size_t n_functions;
	uint8_t *use;    /* owned, by place of the stack row: 1 on the way to samples, 2 has some */
	uint32_t *above; /* owned; places of the rows above one without a path */
	struct paths p;
};

static int fold_nomem(struct fold *f)
{
	return err_nomem(f->err, "the names of stacks");
}

static int load_functions(struct fold *f)
{
	sqlite3_stmt *stmt;
	int64_t last = 0, first = (int64_t)((uint64_t)f->run << 32);
	int rc = store_query_int(f->s,
				 "SELECT coalesce(max(id), 0) FROM frame_row"
				 " WHERE id BETWEEN ?1 AND ?1 + 4294967295",
				 first, &last, f->err);

	if (rc < 0)
		return rc;
	f->n_functions = (size_t)store_n(last) + 1;
	f->function = calloc(f->n_functions, sizeof *f->function);
	if (!f->function)
		return fold_nomem(f);
	rc = store_prepare(f->s,
			   "SELECT id, function FROM frame_row"
			   " WHERE id BETWEEN ?1 AND ?1 + 4294967295",
			   &stmt, f->err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, first);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW)
		if (store_n(sqlite3_column_int64(stmt, 0)) < f->n_functions)
			f->function[store_n(sqlite3_column_int64(stmt, 0))] =
				(uint32_t)sqlite3_column_int64(stmt, 1);
	rc = rc == SQLITE_DONE ? 0 : store_fail(f->s, rc, "read", f->err);
	sqlite3_finalize(stmt);
	return rc;
}

enum { USE_ON_WAY = 1, USE_SAMPLED = 2 };

/* Marks the rows with samples, also those of snapshots, and those above them. */
static int mark_used(struct fold *f)
{
	sqlite3_stmt *stmt;
	int rc;

	f->use = calloc((size_t)f->r->count + 1, 1);
	if (!f->use)
		return fold_nomem(f);
	rc = store_prepare(f->s,
			   "SELECT stack FROM sample_row WHERE run = ?1"
			   " UNION ALL SELECT stack FROM snapshot_sample_row WHERE run = ?1",
			   &stmt, f->err);
	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, f->run);
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		int64_t n = sqlite3_column_int64(stmt, 0);

		if (n < 1 || n > f->r->count)
			continue;
		f->use[n - 1] |= USE_SAMPLED;
		for (; n > 0 && !(f->use[n - 1] & USE_ON_WAY); n = f->r->rows[n - 1].parent)
			f->use[n - 1] |= USE_ON_WAY;
	}
	rc = rc == SQLITE_DONE ? 0 : store_fail(f->s, rc, "read", f->err);
	sqlite3_finalize(stmt);
	return rc;
}

/* The path of `parent` and `name`, made if need be; 0: no memory. */
static uint32_t intern_path(struct paths *p, uint32_t parent, uint32_t name)
{
	uint32_t path = idmap_intern(&p->known, (uint64_t)parent << 32 | name, p->n);

	if (path == IDMAP_NONE)
		return 0;
	if (path < p->n)
		return path;
	if (p->n == p->cap) {
		uint32_t cap = p->cap > UINT32_MAX / 2 ? UINT32_MAX : p->cap * 2;
		struct path *rows = realloc(p->rows, (size_t)cap * sizeof *rows);

		if (!rows)
			return 0;
		p->rows = rows;
		p->cap = cap;
	}
	p->rows[p->n++] = (struct path){.parent = parent, .name = name};
	return path;
}

/* Paths of row `i` and of all above it, the outermost first: paths that follow each other are near each
 * other in the file. */
static int path_of_row(struct fold *f, uint32_t i)
{
	struct stack_row *rows = f->r->rows;
	uint32_t n = 0, path = 0;

	for (uint32_t at = i + 1; at != 0; at = rows[at - 1].parent) {
		path = rows[at - 1].path;
		if (path)
			break;
		f->above[n++] = at - 1;
	}
	while (n > 0) {
		struct stack_row *row = &rows[f->above[--n]];

		path = intern_path(&f->p, path,
				   row->frame < f->n_functions ? f->function[row->frame] : 0);
		if (path == 0)
			return fold_nomem(f);
		row->path = path;
	}
	if (f->use[i] & USE_SAMPLED)
		f->p.rows[rows[i].path].sampled = 1;
	return 0;
}

static int make_paths(struct fold *f)
{
	int rc = 0;

	f->p.cap = 1024;
	f->p.rows = calloc(f->p.cap, sizeof *f->p.rows);
	f->above = malloc(((size_t)f->r->count + 1) * sizeof *f->above);
	if (!f->p.rows || !f->above)
		return fold_nomem(f);
	f->p.n = 1;
	for (uint32_t i = 0; i < f->r->count; i++)
		f->r->rows[i].path = 0;
	for (uint32_t i = 0; i < f->r->count && rc == 0; i++)
		if (f->use[i])
			rc = path_of_row(f, i);
	return rc;
}

/* The name of a path's last frame as the format can hold it; "[unknown]" if it has none. */
static const char *folded_name(sqlite3_stmt *stmt, int64_t id)
{
	const char *text = NULL;

	sqlite3_reset(stmt);
	sqlite3_bind_int64(stmt, 1, id);
	if (sqlite3_step(stmt) == SQLITE_ROW)
		text = (const char *)sqlite3_column_text(stmt, 0);
	return text ? text : "[unknown]";
}

/* The text of a path: that of the nearest row above that has one, and the names from there. */
static int make_text(struct fold *f, sqlite3_stmt *stmt, uint32_t path)
{
	uint32_t chain[TEXT_BYTES], n = 0, at = path;
	struct buf b;
	int failed;

	buf_init(&b, TEXT_BYTES);
	for (; at != 0 && !f->p.rows[at].text && n < TEXT_BYTES; at = f->p.rows[at].parent)
		chain[n++] = at;
	if (n == TEXT_BYTES)
		return 0; /* far too deep: walking is the only way */
	if (at != 0)
		buf_puts(&b, f->p.rows[at].text);
	while (n > 0) {
		if (b.len)
			buf_putc(&b, ';');
		buf_puts(&b, folded_name(stmt, store_id(f->run, f->p.rows[chain[--n]].name)));
	}
	failed = buf_failed(&b);
	if (!failed)
		f->p.rows[path].text = buf_steal(&b, NULL);
	buf_release(&b);
	return failed == ERR_NOMEM ? fold_nomem(f) : 0; /* too long: none */
}

/* Picks the rows that get a text: from the root down, where many paths lead through. */
static int make_texts(struct fold *f)
{
	struct path *rows = f->p.rows;
	sqlite3_stmt *stmt;
	int rc;

	for (uint32_t i = f->p.n - 1; i > 0; i--) {
		rows[i].below += rows[i].sampled;
		rows[rows[i].parent].below += rows[i].below;
	}
	if (rows[0].below < TEXT_LEAVES)
		return 0;
	rc = store_prepare(f->s, "SELECT coalesce(folded, text) FROM string_row WHERE id = ?1",
			   &stmt, f->err);
	for (uint32_t i = 1; i < f->p.n && rc == 0; i++) {
		rows[i].steps = rows[i].parent && rows[rows[i].parent].text
					? 1
					: rows[rows[i].parent].steps + 1;
		if (rows[i].below >= TEXT_BELOW && rows[i].steps >= TEXT_STEPS)
			rc = make_text(f, stmt, i);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int save_paths(struct fold *f)
{
	sqlite3_stmt *stmt;
	int rc = store_run(f->s, "DELETE FROM path_row WHERE id BETWEEN ?1 AND ?1 + 4294967295",
			   (int64_t)((uint64_t)f->run << 32), 0, "write to", f->err);

	if (rc == 0)
		rc = store_prepare(f->s, "INSERT INTO path_row VALUES (?1, ?2, ?3, ?4)", &stmt,
				   f->err);
	if (rc < 0)
		return rc;
	for (uint32_t i = 1; i < f->p.n && rc == 0; i++) {
		sqlite3_bind_int64(stmt, 1, store_id(f->run, i));
		sqlite3_bind_int64(stmt, 2, f->p.rows[i].parent ? i - f->p.rows[i].parent : 0);
		sqlite3_bind_int64(stmt, 3, f->p.rows[i].name);
		sqlite3_bind_text(stmt, 4, f->p.rows[i].text, -1, SQLITE_STATIC);
		rc = store_step(f->s, stmt, "write to", f->err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static void fold_release(struct fold *f)
{
	for (uint32_t i = 0; f->p.rows && i < f->p.n; i++)
		free(f->p.rows[i].text);
	free(f->p.rows);
	idmap_release(&f->p.known);
	free(f->function);
	free(f->use);
	free(f->above);
}

int store_fold_rows(struct store *s, int64_t run, struct stack_rows *r, struct err *err)
{
	struct fold f = {.s = s, .run = run, .r = r, .err = err};
	int rc = load_functions(&f);

	if (rc == 0)
		rc = mark_used(&f);
	if (rc == 0)
		rc = make_paths(&f);
	if (rc == 0)
		rc = make_texts(&f);
	if (rc == 0)
		rc = save_paths(&f);
	/* Only stacks with samples are asked for. */
	for (uint32_t i = 0; rc == 0 && i < r->count; i++)
		if (!(f.use[i] & USE_SAMPLED))
			r->rows[i].path = 0;
	fold_release(&f);
	return rc;
}

int store_fold_prepare(struct store *s, int64_t run, struct err *err)
{
	struct stack_rows r;
	int64_t missing = 0;
	int rc = store_query_int(s,
				 "SELECT EXISTS (SELECT 1 FROM sample_row a JOIN stack_row k ON"
				 " k.id = (a.run << 32 | a.stack) WHERE a.run = ?1 AND k.path = 0)"
				 " OR EXISTS (SELECT 1 FROM snapshot_sample_row a JOIN stack_row k"
				 " ON k.id = (a.run << 32 | a.stack) WHERE a.run = ?1 AND"
				 " k.path = 0)",
				 run, &missing, err);

	if (rc < 0 || !missing)
		return rc;
	rc = stack_rows_load(s, run, &r, err);
	if (rc < 0)
		return rc;
	rc = stack_rows_depths(s, &r, err);
	if (rc == 0)
		rc = store_fold_rows(s, run, &r, err);
	if (rc == 0)
		rc = stack_rows_save(s, run, &r, err);
	stack_rows_release(&r);
	return rc;
}
