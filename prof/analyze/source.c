/* Lines of a file: see source.h. */
#include "prof/analyze/source.h"

#include <stdlib.h>
#include <string.h>

#include "prof/analyze/filter.h"
#include "prof/analyze/library.h"
#include "prof/base/buf.h"
#include "prof/base/hash.h"

#define NAMED_MAX 12 /* in a message */

enum profile_kind source_kind(const struct source_view *v, enum source_column column)
{
	static const enum profile_kind kinds[SOURCE_COLUMNS] = {
		PROFILE_CPU, PROFILE_ALLOC, PROFILE_PEAK, PROFILE_LIVE, PROFILE_COPY,
	};

	return column == SOURCE_TIME ? v->time_kind : kinds[column];
}

/* ---- which file ---- */

static int ends_with(const char *path, const char *tail)
{
	size_t n = strlen(path), k = strlen(tail);

	return k > 0 && k <= n && strcmp(path + n - k, tail) == 0 &&
	       (k == n || path[n - k - 1] == '/');
}

/* Distinct strings that were met, in the order of frames. */
struct found {
	uint32_t ids[NAMED_MAX];
	size_t n;
};

static void note(struct found *f, uint32_t id)
{
	size_t i;

	for (i = 0; i < f->n && i < NAMED_MAX; i++)
		if (f->ids[i] == id)
			return;
	if (f->n < NAMED_MAX)
		f->ids[f->n] = id;
	f->n++;
}

static int is_function(const struct profile *p, const struct profile_frame *f, const char *what)
{
	const char *full = strtab_text(p->strings, f->function), *name = library_name(full);
	size_t n = strlen(what);

	return strcmp(full, what) == 0 ||
	       (strncmp(name, what, n) == 0 && (name[n] == '\0' || name[n] == '('));
}

static int ambiguous(const struct profile *p, const struct found *f, const char *what,
		     const char *kind, struct err *err)
{
	struct buf text = BUF_INIT;
	size_t i;
	int rc = ERR_ARG;

	for (i = 0; i < f->n && i < NAMED_MAX; i++)
		buf_printf(&text, "%s%s", i ? ", " : "", strtab_text(p->strings, f->ids[i]));
	if (f->n > NAMED_MAX)
		buf_puts(&text, ", …");
	err_set(err, rc, "'%s' is %s: %s; say more of the path", what, kind, buf_str(&text));
	buf_release(&text);
	return rc;
}

static int find_file(const struct profile *p, const char *what, struct found *files)
{
	uint32_t i;

	for (i = 0; i < p->n_frames; i++) {
		uint32_t file = p->frames[i].file;

		if (file == STRTAB_EMPTY)
			continue;
		if (strcmp(strtab_text(p->strings, file), what) == 0) {
			*files = (struct found){{file}, 1};
			return 1;
		}
		if (ends_with(strtab_text(p->strings, file), what))
			note(files, file);
	}
	return files->n > 0;
}

static void find_function(struct source_view *v, const struct profile *p, const char *what,
			  struct found *files)
{
	uint32_t i;

	for (i = 0; i < p->n_frames; i++) {
		const struct profile_frame *f = &p->frames[i];

		if (f->file == STRTAB_EMPTY || !is_function(p, f, what))
			continue;
		note(files, f->file);
		v->function = f->function;
		if (f->line && (!v->first || f->line < v->first))
			v->first = f->line;
		if (f->line > v->last)
			v->last = f->line;
	}
}

static int find(struct source_view *v, const struct profile *p, const char *what, struct err *err)
{
	struct found files = {.n = 0};
	int is_file = find_file(p, what, &files);

	if (!is_file)
		find_function(v, p, what, &files);
	if (files.n > 1)
		return ambiguous(p, &files, what,
				 is_file ? "several files" : "a function of several files", err);
	if (!files.n)
		return err_set(
			err, ERR_NOTFOUND,
			"the run has no file or function '%s' with line numbers; protea-prof "
			"report --by line shows what it has",
			what);
	if (is_file)
		v->last = UINT32_MAX;
	v->file = files.ids[0];
	return 0;
}

/* ---- sums ---- */

struct sum {
	uint64_t count;
	int64_t value;
};

struct maker {
	struct source_view *v;
	const struct profile *p;
	struct idmap index; /* line to place in v->lines */
	uint32_t *seen; /* owned; per place: the last stack it was counted for, in this column */
	size_t cap;
	struct sum *sums; /* owned; per stack, of one column */
	enum source_column column;
};

static void grow(int64_t *to, int64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = by < 0 ? INT64_MIN : INT64_MAX;
}

static void grow_count(uint64_t *to, uint64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = UINT64_MAX;
}

static int place_of(struct maker *m, uint32_t line, uint32_t *place)
{
	struct source_view *v = m->v;

	*place = idmap_intern(&m->index, line, (uint32_t)v->n);
	if (*place == IDMAP_NONE)
		return ERR_NOMEM;
	if (*place < v->n)
		return 0;
	if (v->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 128;
		struct source_line *lines = realloc(v->lines, cap * sizeof(*lines));
		uint32_t *seen;

		if (!lines)
			return ERR_NOMEM;
		v->lines = lines;
		seen = realloc(m->seen, cap * sizeof(*seen));
		if (!seen)
			return ERR_NOMEM;
		m->seen = seen;
		m->cap = cap;
	}
	memset(&v->lines[v->n], 0, sizeof(v->lines[0]));
	v->lines[v->n].line = line;
	m->seen[v->n++] = 0;
	return 0;
}

static int is_here(const struct maker *m, uint32_t stack)
{
	const struct profile_frame *f = &m->p->frames[m->p->stacks[stack].frame];

	return f->file == m->v->file && (m->v->function == STRTAB_EMPTY ||
					 (f->line >= m->v->first && f->line <= m->v->last));
}

static int add_stack(struct maker *m, uint32_t stack, const struct sum *sum)
{
	uint32_t self = m->column == SOURCE_TIME ? stack : library_user_stack(m->p, stack), at;
	int touched = 0;

	for (at = stack; at; at = m->p->stacks[at].parent) {
		struct source_line *line;
		uint32_t place;

		if (!is_here(m, at))
			continue;
		if (place_of(m, m->p->frames[m->p->stacks[at].frame].line, &place))
			return ERR_NOMEM;
		line = &m->v->lines[place];
		if (m->seen[place] != stack + 1)
			grow(&line->total[m->column], sum->value);
		m->seen[place] = stack + 1;
		if (at == self) {
			grow(&line->self[m->column], sum->value);
			grow_count(&line->self_count[m->column], sum->count);
		}
		touched = 1;
	}
	if (touched)
		grow(&m->v->here[m->column], sum->value);
	return 0;
}

static int add_column(struct maker *m, const struct sample_filter *want, enum source_column column,
		      struct err *err)
{
	struct sample_filter one = *want;
	struct filter f;
	uint32_t i;
	size_t k;
	int rc;

	one.kind = source_kind(m->v, column);
	rc = filter_init(&f, m->p, &one, err);
	if (rc)
		return rc;
	m->column = column;
	memset(m->sums, 0, m->p->n_stacks * sizeof(*m->sums));
	if (m->v->n)
		memset(m->seen, 0, m->v->n * sizeof(*m->seen));
	for (k = 0; k < m->p->n_samples; k++) {
		const struct profile_sample *s = &m->p->samples[k];

		if (!filter_passes(&f, s))
			continue;
		grow_count(&m->sums[s->stack].count, s->count);
		grow(&m->sums[s->stack].value, s->value);
		grow(&m->v->all[column], s->value);
	}
	filter_release(&f);
	for (i = 1; rc == 0 && i < m->p->n_stacks; i++)
		if (m->sums[i].count || m->sums[i].value)
			rc = add_stack(m, i, &m->sums[i]);
	return rc ? err_nomem(err, "the lines of a file") : 0;
}

static int compare_lines(const void *a, const void *b)
{
	const struct source_line *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

int source_view_make(struct source_view *v, const struct profile *p, const char *what,
		     const struct sample_filter *filter, struct err *err)
{
	struct maker m = {.v = v, .p = p};
	struct sample_filter none = {0};
	int rc, k;

	memset(v, 0, sizeof(*v));
	v->time_kind = strcmp(strtab_text(p->strings, p->run.mode), "wall") == 0 ? PROFILE_WALL
										 : PROFILE_CPU;
	rc = find(v, p, what, err);
	if (rc)
		return rc;
	m.sums = malloc(((size_t)p->n_stacks + 1) * sizeof(*m.sums));
	if (!m.sums)
		rc = err_nomem(err, "the lines of a file");
	for (k = 0; rc == 0 && k < SOURCE_COLUMNS; k++)
		rc = add_column(&m, filter ? filter : &none, (enum source_column)k, err);
	if (rc == 0 && v->n)
		qsort(v->lines, v->n, sizeof(*v->lines), compare_lines);
	idmap_release(&m.index);
	free(m.seen);
	free(m.sums);
	if (rc)
		source_view_release(v);
	return rc;
}

void source_view_release(struct source_view *v)
{
	free(v->lines);
	memset(v, 0, sizeof(*v));
}
