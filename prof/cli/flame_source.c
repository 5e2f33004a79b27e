/* Source for a page: see flame_source.h. The numbers are those of report --source. */
#include "prof/cli/flame_source.h"

#include <stdlib.h>
#include <string.h>

#include "prof/cli/flame_text.h"

#define CONTEXT        10 /* lines around one that costs much */
#define CONTEXT_LITTLE 2  /* … and around others: most lines of a profile cost next to nothing */
#define MUCH_SELF      0.01 /* of everything */
#define MUCH_TOTAL     0.05
#define LINE_MAX_      ((size_t)1000) /* bytes; of longer ones the beginning */

struct making {
	struct flame_sources *x;
	const struct profile *p;
	const struct source_files *v;
	const struct flame_sources_options *how;
	enum source_column columns[SOURCE_COLUMNS]; /* those that the page has */
	size_t room;                                /* bytes of text that may still come */
};

static int no_memory(struct err *err)
{
	return err_nomem(err, "the source of a page");
}

/* ---- what lines cost ---- */

static void choose_columns(struct making *m)
{
	struct flame_source *s = &m->x->source;
	int k;

	for (k = 0; k < SOURCE_COLUMNS; k++) {
		enum profile_kind kind = source_files_kind(m->v, (enum source_column)k);

		if (m->v->all[k] <= 0 || (m->how->only_kind && kind != m->how->kind))
			continue;
		m->columns[s->n_columns] = (enum source_column)k;
		s->columns[s->n_columns++] = kind;
	}
}

static uint64_t amount(int64_t value)
{
	return value > 0 ? (uint64_t)value : 0;
}

/* 1: the line costs something. */
static int fill_line(const struct making *m, struct flame_line *to, const struct source_line *from)
{
	size_t k;
	uint64_t any = 0;

	memset(to, 0, sizeof(*to));
	to->line = from->line;
	for (k = 0; k < m->x->source.n_columns; k++) {
		to->self[k] = amount(from->self[m->columns[k]]);
		to->total[k] = amount(from->total[m->columns[k]]);
		any |= to->self[k] | to->total[k];
	}
	return any != 0;
}

/* The part of everything that files spend by themselves of what is shown first, and of what it is most of; then with
 * what they call. */
struct weight {
	double first, self, here;
	const struct source_file *file;
};

static void weigh(const struct making *m, struct weight *w, const struct source_file *f)
{
	size_t k, i;

	*w = (struct weight){.file = f};
	for (k = 0; k < m->x->source.n_columns; k++) {
		enum source_column c = m->columns[k];
		double self = 0, here = (double)f->here[c] / (double)m->v->all[c];

		for (i = 0; i < f->n; i++)
			self += (double)f->lines[i].self[c];
		self /= (double)m->v->all[c];
		if (m->x->source.columns[k] == m->how->kind)
			w->first = self;
		w->self = self > w->self ? self : w->self;
		w->here = here > w->here ? here : w->here;
	}
}

static int heavier(const void *pa, const void *pb)
{
	const struct weight *a = pa, *b = pb;

	if (a->first != b->first)
		return a->first > b->first ? -1 : 1;
	if (a->self != b->self)
		return a->self > b->self ? -1 : 1;
	if (a->here != b->here)
		return a->here > b->here ? -1 : 1;
	return a->file < b->file ? -1 : a->file > b->file; /* they lie by name */
}

/* ---- windows of text ---- */

static int add_window(struct flame_sources *x, const struct flame_window *w)
{
	if (x->n_windows == x->windows_cap) {
		size_t cap = x->windows_cap ? 2 * x->windows_cap : 64;
		struct flame_window *more = realloc(x->windows, cap * sizeof(*more));

		if (!more)
			return ERR_NOMEM;
		x->windows = more;
		x->windows_cap = cap;
	}
	x->windows[x->n_windows++] = *w;
	return 0;
}

static void put_line(struct buf *text, const char *line, const char *end)
{
	size_t n = (size_t)(end - line);

	while (n && (line[n - 1] == '\n' || line[n - 1] == '\r'))
		n--;
	if (n > LINE_MAX_) {
		n = LINE_MAX_;
		/* Not within a character: continuation bytes of UTF-8 are 10xxxxxx. */
		while (n > LINE_MAX_ - 3 && ((unsigned char)line[n] & 0xc0) == 0x80)
			n--;
		buf_put(text, line, n);
		buf_puts(text, "\xe2\x80\xa6");
	} else {
		buf_put(text, line, n);
	}
	buf_putc(text, '\n');
}

/* Lines first … last of the text; they lie in `text` from `at` on until all windows of the file are there. */
static int put_window(struct making *m, struct buf *text, const struct flame_text *t,
		      uint32_t first, uint32_t last)
{
	struct flame_window w = {.first = first, .lines = last - first + 1};
	size_t from = text->len;
	uint32_t i;

	for (i = first; i <= last; i++)
		put_line(text, t->lines[i - 1], t->lines[i]);
	w.bytes = text->len - from;
	return buf_failed(text) ? ERR_NOMEM : add_window(m->x, &w);
}

static uint32_t context_of(const struct making *m, const struct flame_line *l)
{
	size_t k;

	for (k = 0; k < m->x->source.n_columns; k++) {
		double all = (double)m->v->all[m->columns[k]];

		if ((double)l->self[k] >= MUCH_SELF * all ||
		    (double)l->total[k] >= MUCH_TOTAL * all)
			return CONTEXT;
	}
	return CONTEXT_LITTLE;
}

/* Which lines of the text are wanted, by number; NULL: no memory. */
static unsigned char *choose_lines(const struct making *m, const struct flame_file *f,
				   const struct flame_text *t)
{
	unsigned char *wanted = calloc((size_t)t->n + 2, 1); /* 0 and the one behind are not */
	size_t i;

	for (i = 0; wanted && i < f->n_lines; i++) {
		uint32_t line = f->lines[i].line, around = context_of(m, &f->lines[i]), from, to;

		if (line == 0 || line > t->n)
			continue;
		from = line > around ? line - around : 1;
		to = t->n - line > around ? line + around : t->n;
		memset(wanted + from, 1, to - from + 1);
	}
	return wanted;
}

/* Windows around the lines of a file that the text has. */
static int put_windows(struct making *m, const struct flame_file *f, const struct flame_text *t,
		       struct buf *text)
{
	unsigned char *wanted = choose_lines(m, f, t);
	uint32_t i, first = 0;
	int rc = wanted ? 0 : ERR_NOMEM;

	for (i = 1; rc == 0 && i <= t->n + 1; i++) {
		if (wanted[i] && !first)
			first = i;
		if (!wanted[i] && first) {
			rc = put_window(m, text, t, first, i - 1);
			first = 0;
		}
	}
	free(wanted);
	return rc;
}

/* The windows from `first` on are those of the file: where their text is, now that it does not move any more. */
static int keep_text(struct making *m, struct flame_file *f, struct buf *text, size_t first)
{
	struct flame_sources *x = m->x;
	char *at = buf_steal(text, NULL);
	size_t i;

	if (!at)
		return ERR_NOMEM;
	x->texts[x->n_texts++] = at;
	for (i = first; i < x->n_windows; i++) {
		x->windows[i].text = at;
		at += x->windows[i].bytes;
		m->room -= x->windows[i].bytes;
	}
	f->n_windows = x->n_windows - first;
	return 0;
}

static int add_text(struct making *m, struct flame_file *f, uint32_t file)
{
	struct flame_text t = {0};
	struct buf text = BUF_INIT;
	size_t first = m->x->n_windows;
	int rc = 0;

	if (m->room && (m->how->dir || (m->how->own && flame_text_is_here(m->p))))
		rc = flame_text_find(&t, m->p, file, m->how->dir);
	if (rc == 0 && t.bytes)
		rc = put_windows(m, f, &t, &text);
	if (rc == 0 && text.len && text.len <= m->room)
		rc = keep_text(m, f, &text, first);
	else
		m->x->n_windows = first;
	m->x->source.left_out += f->n_windows == 0;
	buf_release(&text);
	flame_text_release(&t);
	return rc;
}

/* ---- files ---- */

static int add_file(struct making *m, const struct source_file *from, size_t *n_lines)
{
	struct flame_sources *x = m->x;
	struct flame_file *f = &x->files[x->source.n_files];
	size_t i;

	*f = (struct flame_file){.name = strtab_text(m->p->strings, from->file),
				 .lines = &x->lines[*n_lines]};
	for (i = 0; i < from->n; i++)
		f->n_lines +=
			(size_t)fill_line(m, &x->lines[*n_lines + f->n_lines], &from->lines[i]);
	*n_lines += f->n_lines;
	if (!f->n_lines)
		return 0;
	x->source.n_files++;
	return add_text(m, f, from->file);
}

/* Windows are in one array that grew: where each file's are. */
static void point_windows(struct flame_sources *x)
{
	size_t i, at = 0;

	for (i = 0; i < x->source.n_files; i++) {
		x->files[i].windows = x->windows ? &x->windows[at] : NULL;
		at += x->files[i].n_windows;
	}
	x->source.files = x->files;
}

static int add_files(struct making *m)
{
	struct flame_sources *x = m->x;
	struct weight *order = malloc((m->v->n + 1) * sizeof(*order));
	size_t i, all = 0, n_lines = 0;
	int rc = 0;

	for (i = 0; i < m->v->n; i++)
		all += m->v->files[i].n;
	x->files = malloc((m->v->n + 1) * sizeof(*x->files));
	x->texts = malloc((m->v->n + 1) * sizeof(*x->texts));
	x->lines = malloc((all + 1) * sizeof(*x->lines));
	if (!order || !x->files || !x->texts || !x->lines)
		rc = ERR_NOMEM;
	for (i = 0; rc == 0 && i < m->v->n; i++)
		weigh(m, &order[i], &m->v->files[i]);
	if (rc == 0)
		qsort(order, m->v->n, sizeof(*order), heavier);
	for (i = 0; rc == 0 && i < m->v->n; i++)
		rc = add_file(m, order[i].file, &n_lines);
	free(order);
	return rc;
}

int flame_sources_make(struct flame_sources *x, const struct profile *p,
		       const struct sample_filter *filter, const struct flame_sources_options *how,
		       struct err *err)
{
	struct source_files v;
	/* Deflated and as base64 text is about half as long: half of the page is left for the rest. */
	struct making m = {.x = x, .p = p, .v = &v, .how = how, .room = how->room};
	int rc = source_files_make(&v, p, filter, err);

	memset(x, 0, sizeof(*x));
	if (rc)
		return rc;
	choose_columns(&m);
	rc = add_files(&m);
	source_files_release(&v);
	if (rc) {
		flame_sources_release(x);
		return no_memory(err);
	}
	point_windows(x);
	return 0;
}

void flame_sources_release(struct flame_sources *x)
{
	size_t i;

	for (i = 0; i < x->n_texts; i++)
		free(x->texts[i]);
	free(x->texts);
	free(x->files);
	free(x->lines);
	free(x->windows);
	memset(x, 0, sizeof(*x));
}
