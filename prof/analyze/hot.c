/* Ranked lists. Samples are first summed per call path (or thread, or stage); then each path adds its sum
 * once to every distinct label on it. */
#include "prof/analyze/hot.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/filter.h"
#include "prof/analyze/library.h"
#include "prof/base/buf.h"
#include "prof/base/hash.h"

struct maker {
	struct profile *p;
	struct filter filter;
	enum profile_kind kind;
	enum hot_by by;
	int user_sites;
	struct hot_row *rows;
	size_t n, cap;
	struct idmap index; /* label and detail to row */
	uint32_t *label_of; /* per frame: row, where rows are made of frames */
	uint32_t *seen;     /* per row: the last path it was counted for */
	size_t seen_cap;
	double weight;  /* sum of the weights of samples */
	double weight2; /* sum of their squares */
	struct err *err;
};

/* ---- rows ---- */

static int row_of(struct maker *m, uint32_t label, uint32_t detail, uint32_t *row)
{
	uint64_t key = (uint64_t)label << 32 | detail;
	uint32_t at = idmap_get(&m->index, key);

	if (at != IDMAP_NONE) {
		*row = at;
		return 0;
	}
	if (m->n == m->cap) {
		size_t cap = m->cap ? 2 * m->cap : 256;
		struct hot_row *rows = realloc(m->rows, cap * sizeof(*rows));

		if (!rows)
			return err_nomem(m->err, "a ranked list");
		m->rows = rows;
		m->cap = cap;
	}
	if (m->n >= UINT32_MAX - 1 || idmap_set(&m->index, key, (uint32_t)m->n))
		return err_nomem(m->err, "a ranked list");
	memset(&m->rows[m->n], 0, sizeof(m->rows[0]));
	m->rows[m->n].label = label;
	m->rows[m->n].detail = detail;
	*row = (uint32_t)m->n++;
	return 0;
}

static int intern(struct maker *m, const char *text, uint32_t *id)
{
	if (strtab_intern_text(m->p->strings, text, id))
		return err_nomem(m->err, "a ranked list's names");
	return 0;
}

static int line_label(struct maker *m, const struct profile_frame *f, uint32_t *label)
{
	struct buf text = BUF_INIT;
	int rc;

	if (f->file == STRTAB_EMPTY) {
		*label = f->function;
		return 0;
	}
	buf_printf(&text, "%s:%" PRIu32, strtab_text(m->p->strings, f->file), f->line);
	rc = buf_failed(&text) ? err_nomem(m->err, "a ranked list's names")
			       : intern(m, buf_str(&text), label);
	buf_release(&text);
	return rc;
}

static int frame_label(struct maker *m, uint32_t frame, uint32_t *row)
{
	const struct profile_frame *f = &m->p->frames[frame];
	uint32_t path = f->module == PROFILE_NONE ? STRTAB_EMPTY : m->p->modules[f->module].path;
	uint32_t label = f->function, detail = path;

	if (m->by == HOT_MODULE) {
		label = path;
		detail = STRTAB_EMPTY;
		if (path == STRTAB_EMPTY)
			label = f->function; /* "[not sampled]" and the like */
	} else if (m->by == HOT_LINE) {
		detail = f->function;
		if (line_label(m, f, &label))
			return ERR_NOMEM;
	}
	return row_of(m, label, detail, row);
}

/* ---- sums ---- */

struct sum {
	uint64_t count;
	int64_t value;
	int64_t exact; /* part of the value that was measured, not sampled (rows with count 0) */
	double variance, life_ns;
};

static void grow_value(int64_t *to, int64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = by < 0 ? INT64_MIN : INT64_MAX;
}

static void grow_count(uint64_t *to, uint64_t by)
{
	if (__builtin_add_overflow(*to, by, to))
		*to = UINT64_MAX;
}

static void add(struct hot_row *r, int self, const struct sum *sum)
{
	r->total_variance += sum->variance;
	r->total_life_ns += sum->life_ns;
	grow_count(&r->total_count, sum->count);
	grow_value(&r->total_value, sum->value);
	grow_value(&r->total_exact, sum->exact);
	if (self) {
		grow_count(&r->self_count, sum->count);
		grow_value(&r->self_value, sum->value);
		grow_value(&r->self_exact, sum->exact);
		r->self_variance += sum->variance;
		r->self_life_ns += sum->life_ns;
	}
}

static void add_estimates(const struct maker *m, struct hot_list *list, struct sum *sum,
			  const struct profile_sample *s)
{
	double variance = estimate_variance(m->p, s);

	sum->variance += variance;
	sum->life_ns += s->life_ns;
	list->variance += variance;
	list->life_ns += s->life_ns;
}

/* Per stack (or, for lists by thread and stage, per thread or stage) what its samples cost. */
static struct sum *sum_samples(struct maker *m, struct hot_list *list, size_t n,
			       uint32_t (*place)(const struct profile_sample *))
{
	struct sum *sums = calloc(n + 1, sizeof(*sums));
	size_t i;

	if (!sums)
		return NULL;
	for (i = 0; i < m->p->n_samples; i++) {
		const struct profile_sample *s = &m->p->samples[i];
		uint32_t at = place(s);

		if (!filter_passes(&m->filter, s))
			continue;
		if (at >= n)
			at = (uint32_t)n; /* no stage */
		grow_count(&sums[at].count, s->count);
		grow_value(&sums[at].value, s->value);
		grow_count(&list->count, s->count);
		grow_value(&list->value, s->value);
		add_estimates(m, list, &sums[at], s);
		if (s->count) {
			m->weight += (double)s->value;
			m->weight2 += (double)s->value * (double)s->value / (double)s->count;
		} else {
			grow_value(&sums[at].exact, s->value);
		}
	}
	return sums;
}

static uint32_t place_stack(const struct profile_sample *s)
{
	return s->stack;
}

static uint32_t place_thread(const struct profile_sample *s)
{
	return s->thread;
}

static uint32_t place_stage(const struct profile_sample *s)
{
	return s->stage;
}

/* Marks row as counted for `path`; 1 if it was already. */
static int counted(struct maker *m, uint32_t row, uint32_t path)
{
	if (row >= m->seen_cap) {
		size_t cap = m->cap > row ? m->cap : row + 1u;
		uint32_t *seen = realloc(m->seen, cap * sizeof(*seen));

		if (!seen)
			return -1;
		memset(seen + m->seen_cap, 0, (cap - m->seen_cap) * sizeof(*seen));
		m->seen = seen;
		m->seen_cap = cap;
	}
	if (m->seen[row] == path + 1)
		return 1;
	m->seen[row] = path + 1;
	return 0;
}

/* What has no stack, or no stage, still belongs to the whole. */
static int add_nowhere(struct maker *m, const char *name, const struct sum *sum)
{
	uint32_t label, row;
	int rc;

	if (!sum->count && !sum->value)
		return 0;
	rc = intern(m, name, &label);
	if (rc == 0)
		rc = row_of(m, label, STRTAB_EMPTY, &row);
	if (rc == 0)
		add(&m->rows[row], 1, sum);
	return rc;
}

static int row_of_frame(struct maker *m, uint32_t frame, uint32_t *row)
{
	if (m->label_of[frame] == PROFILE_NONE && frame_label(m, frame, &m->label_of[frame]))
		return ERR_NOMEM;
	*row = m->label_of[frame];
	return 0;
}

static int add_path(struct maker *m, uint32_t stack, const struct sum *sum)
{
	uint32_t at = stack;
	uint32_t self_at = m->user_sites ? library_user_stack(m->p, stack) : stack, self_row;

	if (row_of_frame(m, m->p->stacks[self_at].frame, &self_row))
		return ERR_NOMEM;
	while (at) {
		uint32_t row;
		int twice;

		if (row_of_frame(m, m->p->stacks[at].frame, &row))
			return ERR_NOMEM;
		twice = counted(m, row, stack);
		if (twice < 0)
			return err_nomem(m->err, "a ranked list");
		if (!twice)
			add(&m->rows[row], row == self_row, sum);
		at = m->p->stacks[at].parent;
	}
	return 0;
}

static int by_frames(struct maker *m, struct hot_list *list)
{
	struct sum *sums = sum_samples(m, list, m->p->n_stacks, place_stack);
	uint32_t i;
	int rc = 0;

	m->label_of = malloc(((size_t)m->p->n_frames + 1) * sizeof(*m->label_of));
	if (!sums || !m->label_of)
		rc = err_nomem(m->err, "a ranked list");
	for (i = 0; rc == 0 && i < m->p->n_frames; i++)
		m->label_of[i] = PROFILE_NONE;
	for (i = 1; rc == 0 && i < m->p->n_stacks; i++)
		if (sums[i].count || sums[i].value)
			rc = add_path(m, i, &sums[i]);
	if (rc == 0)
		rc = add_nowhere(m, "[no stack]", &sums[0]);
	free(sums);
	return rc;
}

static int stack_text(struct maker *m, uint32_t stack, struct buf *text)
{
	uint32_t *path, depth = m->p->stacks[stack].depth, at = stack, i = 0;

	path = malloc(((size_t)depth + 1) * sizeof(*path));
	if (!path)
		return ERR_NOMEM;
	for (; at && i <= depth; at = m->p->stacks[at].parent)
		path[i++] = at;
	buf_clear(text);
	while (i--)
		buf_printf(text, "%s%s", text->len ? ";" : "",
			   strtab_text(m->p->strings,
				       m->p->frames[m->p->stacks[path[i]].frame].function));
	free(path);
	return buf_failed(text);
}

static int by_stacks(struct maker *m, struct hot_list *list)
{
	struct sum *sums = sum_samples(m, list, m->p->n_stacks, place_stack);
	struct buf text = BUF_INIT;
	uint32_t i, label, row;
	int rc = sums ? 0 : err_nomem(m->err, "a ranked list");

	for (i = 1; rc == 0 && i < m->p->n_stacks; i++) {
		if (!sums[i].count && !sums[i].value)
			continue;
		rc = stack_text(m, i, &text) ? err_nomem(m->err, "a ranked list")
					     : intern(m, buf_str(&text), &label);
		if (rc == 0)
			rc = row_of(m, label, STRTAB_EMPTY, &row);
		if (rc == 0)
			add(&m->rows[row], 1, &sums[i]);
	}
	if (rc == 0)
		rc = add_nowhere(m, "[no stack]", &sums[0]);
	buf_release(&text);
	free(sums);
	return rc;
}

static int thread_label(struct maker *m, uint32_t thread, uint32_t *label, uint32_t *detail)
{
	const struct profile_thread *t = &m->p->threads[thread];
	const struct profile_process *pr =
		t->process == PROFILE_NONE ? NULL : &m->p->processes[t->process];
	struct buf text = BUF_INIT;
	int rc;

	*detail = pr ? pr->name : STRTAB_EMPTY;
	if (m->by == HOT_PROCESS)
		buf_printf(&text, "%s (%" PRId64 ")", strtab_text(m->p->strings, *detail),
			   pr ? pr->pid : 0);
	else
		buf_printf(&text, "%s (%" PRId64 ")", strtab_text(m->p->strings, t->name), t->tid);
	if (m->by == HOT_PROCESS)
		*detail = STRTAB_EMPTY;
	rc = buf_failed(&text) ? err_nomem(m->err, "a ranked list")
			       : intern(m, buf_str(&text), label);
	buf_release(&text);
	return rc;
}

static int by_threads(struct maker *m, struct hot_list *list)
{
	struct sum *sums = sum_samples(m, list, m->p->n_threads, place_thread);
	uint32_t i, label, detail, row;
	int rc = sums ? 0 : err_nomem(m->err, "a ranked list");

	for (i = 0; rc == 0 && i < m->p->n_threads; i++) {
		if (!sums[i].count && !sums[i].value)
			continue;
		rc = thread_label(m, i, &label, &detail);
		if (rc == 0)
			rc = row_of(m, label, detail, &row);
		if (rc == 0)
			add(&m->rows[row], 1, &sums[i]);
	}
	free(sums);
	return rc;
}

static int add_stage(struct maker *m, uint32_t stage, const struct sum *sum)
{
	uint32_t at = stage, row;
	int self = 1;

	while (at != PROFILE_NONE) {
		int twice;

		if (row_of(m, m->p->stages[at].name, STRTAB_EMPTY, &row))
			return ERR_NOMEM;
		twice = counted(m, row, stage);
		if (twice < 0)
			return err_nomem(m->err, "a ranked list");
		if (!twice)
			add(&m->rows[row], self, sum);
		self = 0;
		at = m->p->stages[at].parent;
	}
	return 0;
}

static int by_stages(struct maker *m, struct hot_list *list)
{
	struct sum *sums = sum_samples(m, list, m->p->n_stages, place_stage);
	uint32_t i;
	int rc = sums ? 0 : err_nomem(m->err, "a ranked list");

	for (i = 0; rc == 0 && i < m->p->n_stages; i++)
		if (sums[i].count || sums[i].value)
			rc = add_stage(m, i, &sums[i]);
	if (rc == 0)
		rc = add_nowhere(m, "[no stage]", &sums[m->p->n_stages]);
	free(sums);
	return rc;
}

/* ---- order and error bars ---- */

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct strtab *strings = ctx;
	const struct hot_row *x = a, *y = b;
	int c;

	if (x->self_value != y->self_value)
		return x->self_value < y->self_value ? 1 : -1;
	if (x->total_value != y->total_value)
		return x->total_value < y->total_value ? 1 : -1;
	c = strcmp(strtab_text(strings, x->label), strtab_text(strings, y->label));
	return c ? c : strcmp(strtab_text(strings, x->detail), strtab_text(strings, y->detail));
}

/* Interval of a share of `all`, of which `sampled` is known by n samples and `exact` of the row's value by
 * measurement: only the sampled part of the row is uncertain. */
static void interval(double value, double exact, double sampled, double all, double n, double *lo,
		     double *hi)
{
	double k = sampled > 0 ? (value - exact) / sampled * n : 0;

	wilson_interval(k > 0 ? k : 0, n, lo, hi);
	if (all <= 0)
		return;
	if (exact > 0 && exact >= value)
		*hi = 0; /* nothing of it comes from samples */
	*lo = (exact + sampled * *lo) / all;
	*hi = (exact + sampled * *hi) / all;
	*lo = *lo > 0 ? *lo : 0;
	*hi = *hi < 1 ? *hi : 1;
}

/* Samples differ in weight (one that follows a long system call stands for more time), so the interval
 * uses Kish's effective number of samples, (sum w)^2 / sum w^2 (L. Kish, Survey Sampling, 1965); samples
 * summed into one row of the store count as equals. */
static void bars_of_time(const struct maker *m, struct hot_list *list)
{
	double all = (double)list->value;
	double sampled = m->weight > 0 ? m->weight : 0;
	double n = m->weight2 > 0 ? sampled * sampled / m->weight2 : 0;
	size_t i;

	if (n > (double)list->count)
		n = (double)list->count;
	for (i = 0; i < list->n; i++) {
		struct hot_row *r = &list->rows[i];

		interval((double)r->self_value, (double)r->self_exact, sampled, all, n, &r->self_lo,
			 &r->self_hi);
		interval((double)r->total_value, (double)r->total_exact, sampled, all, n,
			 &r->total_lo, &r->total_hi);
	}
}

static void bar_of_bytes(const struct maker *m, double all, double value, double variance,
			 double *lo, double *hi)
{
	estimate_interval(m->p, m->kind, value, variance, lo, hi);
	*lo = all > 0 ? fmin(*lo / all, 1) : 0;
	*hi = all > 0 ? fmin(*hi / all, 1) : 0;
}

/* Of the bytes themselves, as parts of what is estimated for all. */
static void bars_of_bytes(const struct maker *m, struct hot_list *list)
{
	double all = (double)list->value;
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct hot_row *r = &list->rows[i];

		bar_of_bytes(m, all, (double)r->self_value, r->self_variance, &r->self_lo,
			     &r->self_hi);
		bar_of_bytes(m, all, (double)r->total_value, r->total_variance, &r->total_lo,
			     &r->total_hi);
	}
}

int hot_list_make(struct hot_list *list, struct profile *p, enum hot_by by,
		  const struct sample_filter *filter, struct err *err)
{
	struct maker m = {.p = p, .by = by, .err = err};
	int rc;

	memset(list, 0, sizeof(*list));
	rc = filter_init(&m.filter, p, filter, err);
	if (rc)
		return rc;
	m.user_sites = filter && filter->user_sites;
	rc = by == HOT_STAGE                         ? by_stages(&m, list)
	     : by == HOT_STACK                       ? by_stacks(&m, list)
	     : by == HOT_THREAD || by == HOT_PROCESS ? by_threads(&m, list)
						     : by_frames(&m, list);
	m.kind = m.filter.kind;
	filter_release(&m.filter);
	idmap_release(&m.index);
	free(m.label_of);
	free(m.seen);
	if (rc) {
		free(m.rows);
		return rc;
	}
	list->rows = m.rows;
	list->n = m.n;
	if (list->n)
		qsort_r(list->rows, list->n, sizeof(list->rows[0]), compare_rows, p->strings);
	if (profile_kind_is_time(m.kind))
		bars_of_time(&m, list);
	else
		bars_of_bytes(&m, list);
	return 0;
}

void hot_list_release(struct hot_list *list)
{
	free(list->rows);
	memset(list, 0, sizeof(*list));
}
