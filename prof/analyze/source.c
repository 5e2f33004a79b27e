/* Lines of a file, or of all files: see source.h. Which frames they are is decided here; source_sums.c adds up. */
#include "prof/analyze/source.h"

#include <stdlib.h>
#include <string.h>

#include "prof/analyze/library.h"
#include "prof/analyze/source_sums.h"
#include "prof/base/buf.h"

#define NAMED_MAX 12 /* in a message */

enum profile_kind source_kind(const struct source_view *v, enum source_column column)
{
	return source_sums_kind(v->time_kind, column);
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

/* ---- one file ---- */

static int is_here(const struct source_view *v, const struct profile_frame *f)
{
	return f->file == v->file &&
	       (v->function == STRTAB_EMPTY || (f->line >= v->first && f->line <= v->last));
}

static int compare_lines(const void *a, const void *b)
{
	const struct source_line *x = a, *y = b;

	return x->line < y->line ? -1 : x->line > y->line;
}

static int sum_view(struct source_view *v, struct source_sums *s,
		    const struct sample_filter *filter, struct err *err)
{
	uint32_t i;
	int rc = source_sums_init(s, err);

	for (i = 0; rc == 0 && i < s->p->n_frames; i++)
		if (is_here(v, &s->p->frames[i]))
			rc = source_sums_take(s, i, err);
	if (rc == 0)
		rc = source_sums_make(s, filter, err);
	if (rc)
		return rc;
	for (i = 0; i < s->n_lines; i++)
		if (s->touched[i])
			s->lines[v->n++] = s->lines[i];
	v->lines = s->lines;
	s->lines = NULL;
	qsort(v->lines, v->n, sizeof(*v->lines), compare_lines);
	memcpy(v->all, s->all, sizeof(v->all));
	if (s->n_files)
		memcpy(v->here, s->here[0], sizeof(v->here));
	return 0;
}

int source_view_make(struct source_view *v, const struct profile *p, const char *what,
		     const struct sample_filter *filter, struct err *err)
{
	struct source_sums s = {.p = p, .time_kind = source_time_kind(p)};
	int rc;

	memset(v, 0, sizeof(*v));
	v->time_kind = s.time_kind;
	rc = find(v, p, what, err);
	if (rc)
		return rc;
	rc = sum_view(v, &s, filter, err);
	source_sums_release(&s);
	if (rc)
		source_view_release(v);
	return rc;
}

void source_view_release(struct source_view *v)
{
	free(v->lines);
	memset(v, 0, sizeof(*v));
}

/* ---- all files ---- */

enum profile_kind source_files_kind(const struct source_files *v, enum source_column column)
{
	return source_sums_kind(v->time_kind, column);
}

/* Places of lines by file name, then line. */
struct ordering {
	const struct source_sums *s;
};

static int compare_places(const void *pa, const void *pb, void *ctx)
{
	const struct source_sums *s = ((const struct ordering *)ctx)->s;
	uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
	uint32_t fa = s->files[s->file_of_line[a]], fb = s->files[s->file_of_line[b]];

	if (fa != fb)
		return strcmp(strtab_text(s->p->strings, fa), strtab_text(s->p->strings, fb)) < 0
			       ? -1
			       : 1;
	return compare_lines(&s->lines[a], &s->lines[b]);
}

static int group_lines(struct source_files *v, const struct source_sums *s, struct err *err)
{
	uint32_t *order = malloc(((size_t)s->n_lines + 1) * sizeof(*order)), i, n = 0;
	struct ordering by = {s};

	v->files = malloc(((size_t)s->n_files + 1) * sizeof(*v->files));
	v->lines = malloc(((size_t)s->n_lines + 1) * sizeof(*v->lines));
	if (!order || !v->files || !v->lines) {
		free(order);
		return err_nomem(err, "the lines of files");
	}
	for (i = 0; i < s->n_lines; i++)
		if (s->touched[i])
			order[n++] = i;
	qsort_r(order, n, sizeof(*order), compare_places, &by);
	for (i = 0; i < n; i++) {
		uint32_t file = s->file_of_line[order[i]];
		struct source_file *f = v->n ? &v->files[v->n - 1] : NULL;

		if (!f || f->file != s->files[file]) {
			f = &v->files[v->n++];
			*f = (struct source_file){.file = s->files[file], .lines = &v->lines[i]};
			memcpy(f->here, s->here[file], sizeof(f->here));
		}
		v->lines[i] = s->lines[order[i]];
		f->n++;
	}
	free(order);
	return 0;
}

int source_files_make(struct source_files *v, const struct profile *p,
		      const struct sample_filter *filter, struct err *err)
{
	struct source_sums s = {.p = p, .time_kind = source_time_kind(p)};
	uint32_t i;
	int rc = source_sums_init(&s, err);

	memset(v, 0, sizeof(*v));
	v->time_kind = s.time_kind;
	for (i = 0; rc == 0 && i < p->n_frames; i++)
		if (p->frames[i].file != STRTAB_EMPTY)
			rc = source_sums_take(&s, i, err);
	if (rc == 0)
		rc = source_sums_make(&s, filter, err);
	if (rc == 0)
		rc = group_lines(v, &s, err);
	memcpy(v->all, s.all, sizeof(v->all));
	source_sums_release(&s);
	if (rc)
		source_files_release(v);
	return rc;
}

void source_files_release(struct source_files *v)
{
	free(v->files);
	free(v->lines);
	memset(v, 0, sizeof(*v));
}
