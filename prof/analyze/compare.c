/* A comparison from its making to its rows: see compare.h. The parts are in compare_*.c, in the order in which they
 * run: names, add, match, sums, judge, explain (with fate). */
#include "prof/analyze/compare.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"
#include "prof/base/buf.h"

/* ---- making ---- */

static int make_roots(struct compare *c)
{
	c->nodes = malloc(sizeof *c->nodes);
	c->spots = malloc(sizeof *c->spots);
	c->spot_norm = malloc(sizeof *c->spot_norm);
	if (!c->nodes || !c->spots || !c->spot_norm)
		return ERR_NOMEM;
	c->nodes[0] = (struct profile_stack){.frame = PROFILE_NONE};
	c->spots[0] = (struct profile_stack){.frame = STRTAB_EMPTY};
	c->spot_norm[0] = STRTAB_EMPTY;
	c->n_nodes = c->cap_nodes = c->n_spots = c->cap_spots = 1;
	return 0;
}

/* "" and what is not asked for are the same; the texts are the comparison's own. */
static int copy_options(struct compare *c, const struct compare_options *o)
{
	c->o = *o;
	c->o.stage = c->o.thread = NULL;
	if (o->stage) {
		c->stage = strdup(o->stage);
		if (!c->stage)
			return ERR_NOMEM;
		c->o.stage = c->stage;
	}
	if (o->thread) {
		c->thread = strdup(o->thread);
		if (!c->thread)
			return ERR_NOMEM;
		c->o.thread = c->thread;
	}
	return 0;
}

int compare_new(struct compare **out, const struct compare_options *options, struct err *err)
{
	struct compare *c = calloc(1, sizeof *c);

	*out = NULL;
	if (c)
		c->strings = strtab_new();
	if (!c || !c->strings || copy_options(c, options) || make_roots(c)) {
		compare_free(c);
		return err_nomem(err, "a comparison of runs");
	}
	*out = c;
	return 0;
}

static void free_tables(struct compare *c)
{
	strtab_free(c->strings);
	idmap_release(&c->function_keys);
	idmap_release(&c->module_keys);
	hashidx_release(&c->label_index);
	idmap_release(&c->node_index);
	hashidx_release(&c->spot_index);
	idmap_release(&c->key_index);
	free(c->labels);
	free(c->nodes);
	free(c->spots);
	free(c->spot_norm);
	free(c->keys);
	free(c->cell_of);
}

void compare_free(struct compare *c)
{
	size_t i;

	if (!c)
		return;
	free_tables(c);
	for (i = 0; i < c->n_runs; i++) {
		free(c->runs[i].cells);
		free(c->runs[i].amounts);
	}
	for (i = 0; i < c->n_remarks; i++)
		free(c->remarks[i]);
	for (i = 0; i < 2; i++) {
		free(c->node_mean[i]);
		free(c->node_total[i]);
	}
	free(c->runs);
	free(c->remarks);
	free(c->seen);
	free(c->row_of);
	free(c->first);
	free(c->key_delta);
	free(c->sums);
	free(c->rows);
	free(c->stage);
	free(c->thread);
	free(c);
}

/* ---- is there anything to compare? ---- */

static int is_memory(enum profile_kind kind)
{
	return kind == PROFILE_ALLOC || kind == PROFILE_LIVE || kind == PROFILE_PEAK ||
	       kind == PROFILE_LEAK || kind == PROFILE_TEMPORARY || kind == PROFILE_MMAP ||
	       kind == PROFILE_COPY;
}

/* Runs that could have had samples of the kind, and had none, are an answer: 0 leaks, no statement. */
static int could_have(const struct compare_group *g, enum profile_kind kind)
{
	int k;

	if (g->kinds >> kind & 1)
		return 1;
	if (!is_memory(kind))
		return 0;
	for (k = 0; k < PROFILE_KINDS; k++)
		if (is_memory((enum profile_kind)k) && (g->kinds >> k & 1))
			return 1;
	return g->tracked;
}

static void put_kinds(struct buf *text, unsigned kinds)
{
	int k, n = 0;

	for (k = 0; k < PROFILE_KINDS; k++)
		if (kinds >> k & 1)
			buf_printf(text, "%s%s", n++ ? ", " : "",
				   profile_kind_name((enum profile_kind)k));
	if (!n)
		buf_puts(text, "none");
}

static int check_kind(const struct compare *c, struct err *err)
{
	const struct compare_group *g = c->groups;
	const char *name = profile_kind_name(c->o.kind), *who;
	struct buf text = BUF_INIT;
	int a = could_have(&g[0], c->o.kind), b = could_have(&g[1], c->o.kind);

	if ((c->o.kind == PROFILE_SQL || c->o.kind == PROFILE_GPU) && (a || b))
		return 0;
	if (a && b && ((g[0].kinds | g[1].kinds) >> c->o.kind & 1))
		return 0;
	who = a == b ? "neither group has" : a ? "the candidate has no" : "the base has no";
	buf_printf(&text, "%s samples of kind %s; both have: ", who, name);
	put_kinds(&text, g[0].kinds & g[1].kinds);
	err_set(err, ERR_NOTFOUND, "%s", buf_str(&text));
	buf_release(&text);
	return ERR_NOTFOUND;
}

static int check_filter(struct compare *c, struct err *err)
{
	static const char *const names[] = {"base", "candidate"};
	int g, rc = 0;

	if (c->filter_missing[0] == c->groups[0].n && c->filter_missing[1] == c->groups[1].n) {
		if (err)
			*err = c->filter_err;
		return ERR_NOTFOUND;
	}
	for (g = 0; rc == 0 && g < 2; g++)
		if (c->filter_missing[g])
			rc = compare_remember(c, "%zu of the %zu run%s of the %s %s no %s '%s'",
					      c->filter_missing[g], c->groups[g].n,
					      c->groups[g].n == 1 ? "" : "s", names[g],
					      c->filter_missing[g] == 1 ? "has" : "have",
					      c->o.stage && c->o.thread ? "such stage or thread"
					      : c->o.stage              ? "stage"
									: "thread",
					      c->o.stage ? c->o.stage : c->o.thread);
	return rc ? err_nomem(err, "a comparison of runs") : 0;
}

/* Nothing to normalise by: a run that took no time, a group without samples. */
static int check_norm(const struct compare *c, struct err *err)
{
	size_t r;

	if (c->o.norm != COMPARE_DURATION && c->o.norm != COMPARE_TOTAL)
		return 0;
	for (r = 0; r < c->n_runs; r++)
		if (!((c->o.norm == COMPARE_TOTAL ? c->runs[r].value : c->runs[r].duration_ns) > 0))
			return err_set(err, ERR_NOTFOUND,
				       "a run of the %s has no %s to normalise by; take "
				       "none",
				       c->runs[r].group ? "candidate" : "base",
				       c->o.norm == COMPARE_TOTAL ? "samples" : "duration");
	return 0;
}

static int check(struct compare *c, struct err *err)
{
	int rc;

	if (!c->groups[0].n || !c->groups[1].n)
		return err_set(err, ERR_ARG, "the %s has no run: nothing to compare",
			       c->groups[0].n ? "candidate" : "base");
	rc = check_kind(c, err);
	if (rc == 0)
		rc = check_filter(c, err);
	return rc ? rc : check_norm(c, err);
}

/* ---- what readers should know ---- */

#define FATES_TOLD 3

int compare_remember(struct compare *c, const char *fmt, ...)
{
	char **more = realloc(c->remarks, (c->n_remarks + 1) * sizeof *more);
	struct buf text = BUF_INIT;
	va_list ap;

	if (!more)
		return ERR_NOMEM;
	c->remarks = more;
	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	more[c->n_remarks] = buf_steal(&text, NULL);
	buf_release(&text);
	if (!more[c->n_remarks])
		return ERR_NOMEM;
	c->n_remarks++;
	return 0;
}

/* Part of a group's cost below paths that begin with `name`. */
static double root_part(const struct compare *c, int group, const char *name)
{
	double all = c->node_total[group][0], sum = 0;
	uint32_t i;

	for (i = 1; i < c->n_nodes; i++)
		if (!c->nodes[i].parent &&
		    strcmp(strtab_text(c->strings, c->labels[c->nodes[i].frame].function), name) ==
			    0)
			sum += c->node_total[group][i];
	return all > 0 ? sum / all : 0;
}

/* Part of a group's cost that no name is known of. */
static double unknown_part(const struct compare *c, int group)
{
	double all = c->node_total[group][0], sum = 0;
	uint32_t i;

	for (i = 1; i < c->n_nodes; i++)
		if (strncmp(strtab_text(c->strings, c->labels[c->nodes[i].frame].function),
			    "[unknown", 8) == 0)
			sum += c->node_mean[group][i];
	return all > 0 ? sum / all : 0;
}

/* Where only the noise of samples is known, what is said of rows holds for these runs and no others. */
static int remark_test(struct compare *c)
{
	if (c->test != COMPARE_SAMPLING)
		return 0;
	return compare_remember(
		c,
		"%ss: one run a side, so intervals and what moved are beyond the "
		"noise of sampling alone; how much runs differ by themselves is not "
		"known: record each side several times",
		compare_by_name(c->o.by));
}

/* Cost that went from one function to another by itself is no change of the program's. */
static int remark_fates(struct compare *c)
{
	size_t i, shown = 0;
	int rc = 0;

	for (i = 0; rc == 0 && i < c->n_rows && shown < FATES_TOLD; i++) {
		const struct compare_function *f = &c->rows[i];

		if (f->fate != COMPARE_INLINED && f->fate != COMPARE_OUTLINED)
			continue;
		shown++;
		rc = compare_remember(
			c,
			f->fate == COMPARE_INLINED
				? "'%s' is gone and '%s', which called it, took over its "
				  "cost: likely inlined"
				: "'%s' is new and has cost that '%s', which calls it, had: "
				  "likely no longer inlined",
			strtab_text(c->strings, f->function),
			strtab_text(c->strings, c->rows[f->partner].function));
	}
	return rc;
}

#define PART_TOLD 0.02

static int remark_stacks(struct compare *c)
{
	double a = root_part(c, 0, "[truncated]"), b = root_part(c, 1, "[truncated]");
	int rc = 0;

	if (fabs(a - b) > PART_TOLD)
		rc = compare_remember(c,
				      "stacks cut short: %.0f %% of the base, %.0f %% of the "
				      "candidate: what callers cost in total cannot be compared",
				      100 * a, 100 * b);
	a = unknown_part(c, 0);
	b = unknown_part(c, 1);
	if (rc == 0 && (a > 5 * PART_TOLD || b > 5 * PART_TOLD))
		rc = compare_remember(c,
				      "without names: %.0f %% of the base, %.0f %% of the "
				      "candidate (compared by file alone)",
				      100 * a, 100 * b);
	return rc;
}

/* ---- finishing ---- */

int compare_finish(struct compare *c, struct err *err)
{
	int rc = check(c, err);

	c->finished = 1;
	if (rc == 0)
		rc = compare_match(c, err);
	if (rc == 0)
		rc = compare_sum_rows(c, err);
	if (rc == 0)
		rc = compare_judge(c, err);
	if (rc == 0)
		rc = compare_explain(c, err);
	if (rc == 0 && (remark_test(c) || remark_fates(c) || remark_stacks(c)))
		rc = err_nomem(err, "what a comparison explains");
	if (rc)
		c->n_rows = 0;
	return rc;
}

/* ---- what came out ---- */

const struct compare_function *compare_rows(const struct compare *c, size_t *n)
{
	*n = c->n_rows;
	return c->rows;
}

int compare_moved(const struct compare_function *f)
{
	return f->self.q <= COMPARE_ALPHA;
}

int compare_total_moved(const struct compare_function *f)
{
	return f->total.q <= COMPARE_ALPHA;
}

const struct compare_value *compare_whole(const struct compare *c)
{
	return &c->whole;
}

const struct compare_place *compare_explanation(const struct compare *c)
{
	return &c->explanation;
}

enum compare_test compare_test(const struct compare *c)
{
	return c->test;
}

const struct compare_options *compare_options(const struct compare *c)
{
	return &c->o;
}

size_t compare_runs(const struct compare *c, int group)
{
	return c->groups[group].n;
}

const char *compare_remark(const struct compare *c, size_t i)
{
	return i < c->n_remarks ? c->remarks[i] : NULL;
}

const char *compare_text(const struct compare *c, uint32_t string)
{
	return strtab_text(c->strings, string);
}

/* ---- words ---- */

static const char *const norm_names[] = {"none", "total", "duration", "stage", "items"};
static const char *const by_names[] = {"function", "line", "module", "stage", "stack"};

static int find(const char *const *names, int n, const char *text)
{
	int i;

	for (i = 0; i < n; i++)
		if (strcmp(names[i], text) == 0)
			return i;
	return -1;
}

const char *compare_norm_name(enum compare_norm norm)
{
	return norm_names[norm];
}

int compare_norm_parse(const char *text)
{
	return find(norm_names, sizeof norm_names / sizeof norm_names[0], text);
}

const char *compare_by_name(enum compare_by by)
{
	return by_names[by];
}

int compare_by_parse(const char *text)
{
	return find(by_names, sizeof by_names / sizeof by_names[0], text);
}
