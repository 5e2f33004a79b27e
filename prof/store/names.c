/* Naming: which frames have no names, and the names once they are known. A frame in whose code others
 * were inlined becomes the innermost of them, with rows for the outer ones; the stacks get these rows in
 * one pass at the end. */
#include <stdlib.h>
#include <string.h>

#include "prof/store/internal.h"
#include "prof/store/rows.h"
#include "prof/store/write.h"

struct name { /* of string_row */
	uint32_t function, file, language, line;
};

struct chain {
	uint32_t frame, first, n; /* names[first] … names[first + n - 1], outermost first */
	uint32_t outer;           /* n of the first outer frame's row; the others follow */
};

struct store_names {
	struct chain *chains; /* owned; by frame once sorted */
	struct name *names;   /* owned */
	size_t n_chains, cap_chains, n_names, cap_names;
};

void store_names_free(struct store_names *names)
{
	if (!names)
		return;
	free(names->chains);
	free(names->names);
	free(names);
}

static int grow(void **array, size_t *cap, size_t n, size_t size)
{
	size_t next = *cap ? *cap : 256;
	void *p;

	if (n <= *cap)
		return 0;
	while (next < n)
		next *= 2;
	p = realloc(*array, next * size);
	if (!p)
		return -1;
	*array = p;
	*cap = next;
	return 0;
}

static int intern_name(struct store *s, struct store_run_state *st, const struct store_name *from,
		       struct name *to, struct err *err)
{
	uint32_t id;
	const char *function = from->function && *from->function ? from->function : "[unknown]";
	int rc = store_string_id(s, st, function, &id, &to->function, err);

	if (rc == 0)
		rc = store_string_id(s, st, from->file, &id, &to->file, err);
	if (rc == 0)
		rc = store_string_id(s, st, from->language, &id, &to->language, err);
	to->line = from->line;
	return rc;
}

int store_name_frame(struct store *s, int64_t run, int64_t frame, const struct store_name *chain,
		     size_t n, struct err *err)
{
	struct store_run_state *st;
	struct store_names *names;
	int rc = store_state(s, run, &st, err);

	if (rc < 0)
		return rc;
	if (n == 0 || n > UINT16_MAX || store_run_of(frame) != run)
		return err_set(err, ERR_ARG, "a frame of run %lld cannot be named so",
			       (long long)run);
	if (!st->names && !(st->names = calloc(1, sizeof *st->names)))
		return err_nomem(err, "the names of a run");
	names = st->names;
	if (names->n_names + n > UINT32_MAX)
		return err_set(err, ERR_LIMIT, "too many names in a run");
	if (grow((void **)(void *)&names->chains, &names->cap_chains, names->n_chains + 1,
		 sizeof *names->chains) < 0 ||
	    grow((void **)(void *)&names->names, &names->cap_names, names->n_names + n,
		 sizeof *names->names) < 0)
		return err_nomem(err, "the names of a run");
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = intern_name(s, st, &chain[i], &names->names[names->n_names + i], err);
	if (rc < 0)
		return rc;
	names->chains[names->n_chains++] =
		(struct chain){store_n(frame), (uint32_t)names->n_names, (uint32_t)n, 0};
	names->n_names += n;
	return 0;
}

static int by_frame(const void *a, const void *b)
{
	const struct chain *x = a, *y = b;

	if (x->frame != y->frame)
		return x->frame < y->frame ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

/* In order, and of several chains of one frame the last. */
static void sort_chains(struct store_names *names)
{
	size_t n = 0;

	qsort(names->chains, names->n_chains, sizeof *names->chains, by_frame);
	for (size_t i = 0; i < names->n_chains; i++) {
		if (n > 0 && names->chains[n - 1].frame == names->chains[i].frame)
			n--;
		names->chains[n++] = names->chains[i];
	}
	names->n_chains = n;
}

static struct chain *find_chain(const struct store_names *names, uint32_t frame)
{
	size_t lo = 0, hi = names->n_chains;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (names->chains[mid].frame < frame)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < names->n_chains && names->chains[lo].frame == frame ? &names->chains[lo] : NULL;
}

/* ---- frames ---- */

struct frame_row {
	uint32_t n, module, line, inline_depth;
	uint32_t function, file, language;
	int64_t rel_addr;
};

struct frame_rows {
	struct frame_row *rows; /* owned, by n */
	size_t count, cap;
};

static int load_frames(struct store *s, int64_t run, struct frame_rows *f, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_prepare(s,
			       "SELECT id, module, rel_addr, function, file, line, inline_depth,"
			       " language FROM frame_row WHERE id BETWEEN ?1 AND ?1 + 4294967295"
			       " ORDER BY id",
			       &stmt, err);

	if (rc < 0)
		return rc;
	sqlite3_bind_int64(stmt, 1, (int64_t)((uint64_t)run << 32));
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		if (grow((void **)(void *)&f->rows, &f->cap, f->count + 1, sizeof *f->rows) < 0) {
			rc = err_nomem(err, "the frames of a run");
			break;
		}
		f->rows[f->count++] = (struct frame_row){
			.n = store_n(sqlite3_column_int64(stmt, 0)),
			.module = (uint32_t)sqlite3_column_int64(stmt, 1),
			.rel_addr = sqlite3_column_int64(stmt, 2),
			.function = (uint32_t)sqlite3_column_int64(stmt, 3),
			.file = (uint32_t)sqlite3_column_int64(stmt, 4),
			.line = (uint32_t)sqlite3_column_int64(stmt, 5),
			.inline_depth = (uint32_t)sqlite3_column_int64(stmt, 6),
			.language = (uint32_t)sqlite3_column_int64(stmt, 7),
		};
	}
	if (rc > 0)
		rc = rc == SQLITE_DONE ? 0 : store_fail(s, rc, "read", err);
	sqlite3_finalize(stmt);
	return rc;
}

static void name_row(struct frame_row *row, const struct name *name, uint32_t inline_depth)
{
	row->function = name->function;
	row->file = name->file;
	row->language = name->language;
	row->line = name->line;
	row->inline_depth = inline_depth;
}

/* Names the rows, and puts the outer ones at the end. */
static int name_frames(struct store *s, int64_t run, struct frame_rows *f,
		       struct store_names *names, struct err *err)
{
	size_t old = f->count;
	int64_t id;

	for (size_t i = 0; i < old; i++) {
		struct chain *c = find_chain(names, f->rows[i].n);

		if (!c)
			continue;
		if (f->rows[i].function != 0) { /* named before: its outer ones are in place */
			name_row(&f->rows[i], &names->names[c->first + c->n - 1],
				 f->rows[i].inline_depth);
			continue;
		}
		for (uint32_t k = 0; k + 1 < c->n; k++) {
			int rc = store_next_id(s, run, TABLE_FRAME, &id, err);

			if (rc < 0)
				return rc;
			if (grow((void **)(void *)&f->rows, &f->cap, f->count + 1,
				 sizeof *f->rows) < 0)
				return err_nomem(err, "the frames of a run");
			if (k == 0)
				c->outer = store_n(id);
			f->rows[f->count] = f->rows[i];
			f->rows[f->count].n = store_n(id);
			name_row(&f->rows[f->count++], &names->names[c->first + k], k);
		}
		name_row(&f->rows[i], &names->names[c->first + c->n - 1], c->n - 1);
	}
	return 0;
}

static int save_frames(struct store *s, int64_t run, const struct frame_rows *f, struct err *err)
{
	sqlite3_stmt *stmt;
	int rc = store_run(s, "DELETE FROM frame_row WHERE id BETWEEN ?1 AND ?1 + 4294967295",
			   (int64_t)((uint64_t)run << 32), 0, "rewrite the frames of", err);

	if (rc == 0)
		rc = store_prepare(s,
				   "INSERT INTO frame_row VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
				   &stmt, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < f->count && rc == 0; i++) {
		const struct frame_row *r = &f->rows[i];

		sqlite3_bind_int64(stmt, 1, store_id(run, r->n));
		sqlite3_bind_int64(stmt, 2, r->module);
		sqlite3_bind_int64(stmt, 3, r->rel_addr);
		sqlite3_bind_int64(stmt, 4, r->function);
		sqlite3_bind_int64(stmt, 5, r->file);
		sqlite3_bind_int64(stmt, 6, r->line);
		sqlite3_bind_int64(stmt, 7, r->inline_depth);
		sqlite3_bind_int64(stmt, 8, r->language);
		rc = store_step(s, stmt, "write to", err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int rewrite_frames(struct store *s, int64_t run, struct store_names *names, struct err *err)
{
	struct frame_rows f = {0};
	int rc = load_frames(s, run, &f, err);

	if (rc == 0)
		rc = name_frames(s, run, &f, names, err);
	if (rc == 0)
		rc = save_frames(s, run, &f, err);
	free(f.rows);
	return rc;
}

/* ---- stacks ---- */

/* Rows for the outer functions between each row with a chain and its parent. */
static int splice(struct stack_rows *r, const struct store_names *names)
{
	uint32_t old = r->count;

	for (uint32_t i = 0; i < old; i++) {
		const struct chain *c = find_chain(names, r->rows[i].frame);

		if (!c || c->outer == 0)
			continue;
		for (uint32_t k = 0; k + 1 < c->n; k++) {
			int rc = stack_rows_push(r, r->rows[i].parent, c->outer + k);

			if (rc < 0)
				return rc;
			r->rows[i].parent = r->count;
		}
	}
	return 0;
}

static int rewrite_stacks(struct store *s, int64_t run, const struct store_names *names,
			  struct err *err)
{
	struct stack_rows r;
	int rc = stack_rows_load(s, run, &r, err);

	if (rc < 0)
		return rc;
	rc = splice(&r, names);
	if (rc < 0)
		err_set(err, rc, "a run with inlined functions has too many stacks");
	if (rc == 0)
		rc = stack_rows_depths(s, &r, err);
	if (rc == 0)
		rc = store_fold_rows(s, run, &r, err);
	if (rc == 0)
		rc = stack_rows_save(s, run, &r, err);
	stack_rows_release(&r);
	return rc;
}

int store_names_apply(struct store *s, int64_t run, struct err *err)
{
	static struct store_names none;
	struct store_run_state *st;
	int rc = store_state(s, run, &st, err);

	if (rc == 0)
		rc = store_flush(s, err);
	if (rc < 0)
		return rc;
	if (st->names) {
		sort_chains(st->names);
		rc = rewrite_frames(s, run, st->names, err);
	}
	if (rc == 0)
		rc = rewrite_stacks(s, run, st->names ? st->names : &none, err);
	st->next[TABLE_STACK] = 0;
	store_names_free(st->names);
	st->names = NULL;
	return rc;
}
