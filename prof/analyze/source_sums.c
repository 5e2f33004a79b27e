/* Sums by source line: see source_sums.h. Of each stack the part below it is added up first; a line's total is
 * then the sum of those of its stacks that are the first on their way to reach it. */
#include "prof/analyze/source_sums.h"

#include <stdlib.h>
#include <string.h>

#include "prof/analyze/filter.h"
#include "prof/analyze/library.h"
#include "prof/model/outermost.h"

struct source_sum {
	uint64_t count;
	int64_t value;
};

enum profile_kind source_sums_kind(enum profile_kind time_kind, enum source_column column)
{
	static const enum profile_kind kinds[SOURCE_COLUMNS] = {
		PROFILE_CPU, PROFILE_ALLOC, PROFILE_PEAK, PROFILE_LIVE, PROFILE_COPY,
	};

	return column == SOURCE_TIME ? time_kind : kinds[column];
}

enum profile_kind source_time_kind(const struct profile *p)
{
	return strcmp(strtab_text(p->strings, p->run.mode), "wall") == 0 ? PROFILE_WALL
									 : PROFILE_CPU;
}

static int no_memory(struct err *err)
{
	return err_nomem(err, "the lines of source files");
}

/* ---- lines and files ---- */

int source_sums_init(struct source_sums *s, struct err *err)
{
	size_t n = (size_t)s->p->n_frames + 1;

	s->line_of = malloc(n * sizeof(*s->line_of));
	s->file_of = malloc(n * sizeof(*s->file_of));
	if (!s->line_of || !s->file_of)
		return no_memory(err);
	memset(s->line_of, 0xff, n * sizeof(*s->line_of));
	memset(s->file_of, 0xff, n * sizeof(*s->file_of));
	return 0;
}

static int grow_lines(struct source_sums *s)
{
	size_t cap = s->lines_cap ? 2 * s->lines_cap : 128;
	struct source_line *lines;
	uint32_t *files;

	if (s->n_lines < s->lines_cap)
		return 0;
	lines = realloc(s->lines, cap * sizeof(*lines));
	if (!lines)
		return ERR_NOMEM;
	s->lines = lines;
	files = realloc(s->file_of_line, cap * sizeof(*files));
	if (!files)
		return ERR_NOMEM;
	s->file_of_line = files;
	s->lines_cap = cap;
	return 0;
}

static int grow_files(struct source_sums *s)
{
	size_t cap = s->files_cap ? 2 * s->files_cap : 16;
	uint32_t *files;

	if (s->n_files < s->files_cap)
		return 0;
	files = realloc(s->files, cap * sizeof(*files));
	if (!files)
		return ERR_NOMEM;
	s->files = files;
	s->files_cap = cap;
	return 0;
}

int source_sums_take(struct source_sums *s, uint32_t frame, struct err *err)
{
	const struct profile_frame *f = &s->p->frames[frame];
	uint32_t file, line;

	if (grow_lines(s) || grow_files(s))
		return no_memory(err);
	file = idmap_intern(&s->file_index, f->file, s->n_files);
	line = idmap_intern(&s->line_index, (uint64_t)f->file << 32 | f->line, s->n_lines);
	if (file == IDMAP_NONE || line == IDMAP_NONE)
		return no_memory(err);
	if (file == s->n_files)
		s->files[s->n_files++] = f->file;
	if (line == s->n_lines) {
		s->lines[line] = (struct source_line){.line = f->line};
		s->file_of_line[line] = file;
		s->n_lines++;
	}
	s->line_of[frame] = line;
	s->file_of[frame] = file;
	return 0;
}

/* ---- sums ---- */

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

/* Per stack its part that ends in code of the program's own. */
static int find_users(struct source_sums *s)
{
	const struct profile *p = s->p;
	unsigned char *plumbing = malloc((size_t)p->n_frames + 1);
	uint32_t i;

	if (!plumbing)
		return ERR_NOMEM;
	for (i = 0; i < p->n_frames; i++)
		plumbing[i] = library_is_plumbing(p, &p->frames[i]) != 0;
	s->user[0] = 0;
	for (i = 1; i < p->n_stacks; i++)
		s->user[i] = plumbing[p->stacks[i].frame] ? s->user[p->stacks[i].parent] : i;
	free(plumbing);
	return 0;
}

static int prepare(struct source_sums *s)
{
	size_t stacks = s->p->n_stacks;

	s->touched = calloc((size_t)s->n_lines + 1, 1);
	s->here = calloc((size_t)s->n_files + 1, sizeof(*s->here));
	s->sums = malloc(stacks * sizeof(*s->sums));
	s->user = malloc(stacks * sizeof(*s->user));
	s->first_line = malloc(stacks);
	s->first_file = malloc(stacks);
	if (!s->touched || !s->here || !s->sums || !s->user || !s->first_line || !s->first_file ||
	    find_users(s))
		return ERR_NOMEM;
	if (outermost_find(s->p, s->line_of, s->n_lines, s->first_line))
		return ERR_NOMEM;
	return outermost_find(s->p, s->file_of, s->n_files, s->first_file);
}

/* Own costs, before anything is added to `sums`. */
static void add_self(struct source_sums *s, enum source_column column)
{
	const struct profile *p = s->p;
	uint32_t i;

	for (i = 1; i < p->n_stacks; i++) {
		uint32_t at = column != SOURCE_TIME && s->user[i] ? s->user[i] : i;
		uint32_t line = s->line_of[p->stacks[at].frame];

		if (line == PROFILE_NONE)
			continue;
		grow(&s->lines[line].self[column], s->sums[i].value);
		grow_count(&s->lines[line].self_count[column], s->sums[i].count);
	}
}

static void add_totals(struct source_sums *s, enum source_column column)
{
	const struct profile *p = s->p;
	uint32_t i;

	for (i = p->n_stacks; i-- > 1;) {
		const struct source_sum *sum = &s->sums[i];
		uint32_t frame = p->stacks[i].frame, parent = p->stacks[i].parent;

		if (!sum->count && !sum->value)
			continue;
		if (s->first_line[i]) {
			grow(&s->lines[s->line_of[frame]].total[column], sum->value);
			s->touched[s->line_of[frame]] = 1;
		}
		if (s->first_file[i])
			grow(&s->here[s->file_of[frame]][column], sum->value);
		grow(&s->sums[parent].value, sum->value);
		grow_count(&s->sums[parent].count, sum->count);
	}
}

/* 1: there are any. */
static int sum_stacks(struct source_sums *s, const struct filter *f, enum source_column column)
{
	const struct profile *p = s->p;
	size_t i, n = 0;

	for (i = 0; i < p->n_samples; i++) {
		const struct profile_sample *sample = &p->samples[i];

		if (!filter_passes(f, sample))
			continue;
		if (n++ == 0)
			memset(s->sums, 0, p->n_stacks * sizeof(*s->sums));
		grow_count(&s->sums[sample->stack].count, sample->count);
		grow(&s->sums[sample->stack].value, sample->value);
		grow(&s->all[column], sample->value);
	}
	return n > 0;
}

static int add_column(struct source_sums *s, const struct sample_filter *want,
		      enum source_column column, struct err *err)
{
	struct sample_filter one = *want;
	struct filter f;
	int rc;

	one.kind = source_sums_kind(s->time_kind, column);
	rc = filter_init(&f, s->p, &one, err);
	if (rc)
		return rc;
	if (sum_stacks(s, &f, column)) {
		add_self(s, column);
		add_totals(s, column);
	}
	filter_release(&f);
	return 0;
}

int source_sums_make(struct source_sums *s, const struct sample_filter *filter, struct err *err)
{
	struct sample_filter none = {0};
	int rc, k;

	if (s->n_lines && prepare(s))
		return no_memory(err);
	if (!s->n_lines)
		return 0;
	for (rc = k = 0; rc == 0 && k < SOURCE_COLUMNS; k++)
		rc = add_column(s, filter ? filter : &none, (enum source_column)k, err);
	return rc;
}

void source_sums_release(struct source_sums *s)
{
	free(s->lines);
	free(s->file_of_line);
	free(s->touched);
	free(s->files);
	free(s->here);
	free(s->line_of);
	free(s->file_of);
	free(s->user);
	free(s->first_line);
	free(s->first_file);
	free(s->sums);
	idmap_release(&s->line_index);
	idmap_release(&s->file_index);
	memset(s, 0, sizeof(*s));
}
