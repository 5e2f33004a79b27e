/* From cells to rows: each run's values are normalised, summed up the trees, and added to what is known of the row in
 * the run's group. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/compare_internal.h"
#include "prof/model/outermost.h"

#define RATIO_MAX 1e12

struct summing {
	struct compare *c;
	const struct profile_stack *tree; /* of calls or of stages */
	uint32_t n;
	double *value, *variance;                              /* owned; per node of the tree */
	double *self, *self_variance, *total, *total_variance; /* owned; per row */
	uint64_t *count, *self_count, *total_count;            /* owned; per node; per row */
	double *factor;       /* owned; per spot: what values of the run are multiplied by */
	unsigned char *known; /* owned; per spot: both the run and the base have that amount */
	struct compare_amount *base; /* owned; per name: mean of the base's runs */
	size_t n_base;
	double unscaled, scaled; /* values without and with something to be normalised by */
};

/* ---- rows ---- */

static uint32_t add_row(struct compare *c, const struct compare_function *like)
{
	c->rows[c->n_rows] = *like;
	return (uint32_t)c->n_rows++;
}

static uint32_t word(struct compare *c, const char *text)
{
	uint32_t id = STRTAB_EMPTY;

	return strtab_intern_text(c->strings, text, &id) ? PROFILE_NONE : id;
}

/* Row of what has no function, or no stage: PROFILE_NONE where there is none of it. */
static int add_nowhere(struct compare *c, const char *name)
{
	struct compare_function row = {0};
	size_t r, i;

	for (r = 0; r < c->n_runs; r++)
		for (i = 0; i < c->runs[r].n; i++) {
			const struct compare_key *k = &c->keys[c->runs[r].cells[i].key];

			if (c->o.by == COMPARE_BY_STAGE ? k->spot : k->node)
				continue;
			row.function = word(c, name);
			c->row_of[0] = add_row(c, &row);
			return row.function == PROFILE_NONE ? ERR_NOMEM : 0;
		}
	c->row_of[0] = PROFILE_NONE;
	return 0;
}

static uint32_t row_of_label(struct compare *c, const struct compare_label *l)
{
	struct compare_function row = {.function = l->function, .module = l->path, .file = l->file};

	if (c->o.by == COMPARE_BY_LINE) {
		row.detail = l->line ? l->function : STRTAB_EMPTY;
		row.function = l->line ? l->shown : l->function;
	} else if (c->o.by == COMPARE_BY_MODULE) {
		row.function = l->module ? l->module : l->function;
		row.file = STRTAB_EMPTY;
	}
	return add_row(c, &row);
}

/* A row per label, or per module. */
static int rows_of_labels(struct compare *c, uint32_t *row_of)
{
	struct idmap modules = IDMAP_INIT;
	uint32_t i;
	int rc = 0;

	for (i = 0; i < c->n_labels; i++)
		row_of[i] = PROFILE_NONE;
	for (i = 1; rc == 0 && i < c->n_nodes; i++) {
		uint32_t label = c->nodes[i].frame, row = row_of[label];
		const struct compare_label *l = &c->labels[label];
		uint32_t name = l->module ? l->module : l->function;

		if (row != PROFILE_NONE)
			continue;
		if (c->o.by == COMPARE_BY_MODULE)
			row = idmap_get(&modules, name);
		if (row == PROFILE_NONE) {
			row = row_of_label(c, l);
			if (c->o.by == COMPARE_BY_MODULE)
				rc = idmap_set(&modules, name, row);
		}
		row_of[label] = row;
	}
	idmap_release(&modules);
	return rc;
}

static int make_function_rows(struct compare *c)
{
	struct profile shape = {.stacks = c->nodes, .n_stacks = c->n_nodes};
	uint32_t *row_of = malloc(((size_t)c->n_labels + 1) * sizeof *row_of), i;
	int rc = row_of ? rows_of_labels(c, row_of) : ERR_NOMEM;

	if (rc == 0)
		rc = outermost_find(&shape, row_of, (uint32_t)c->n_rows, c->first);
	for (i = 1; rc == 0 && i < c->n_nodes; i++)
		c->row_of[i] = row_of[c->nodes[i].frame];
	free(row_of);
	return rc;
}

/* Rows are named when their paths are written. */
static int make_stack_rows(struct compare *c)
{
	struct compare_function none = {0};
	size_t r, i;

	for (i = 1; i < c->n_nodes; i++)
		c->row_of[i] = PROFILE_NONE;
	memset(c->first, 1, c->n_nodes);
	for (r = 0; r < c->n_runs; r++)
		for (i = 0; i < c->runs[r].n; i++) {
			uint32_t *row = &c->row_of[c->keys[c->runs[r].cells[i].key].node];

			if (row != c->row_of && *row == PROFILE_NONE)
				*row = add_row(c, &none);
		}
	return 0;
}

static int make_stage_rows(struct compare *c)
{
	struct profile shape = {.stacks = c->spots, .n_stacks = c->n_spots};
	size_t strings = strtab_count(c->strings), i;
	uint32_t *row_of = malloc((strings + 1) * sizeof *row_of);
	int rc = row_of ? 0 : ERR_NOMEM;

	for (i = 0; rc == 0 && i < strings; i++)
		row_of[i] = PROFILE_NONE;
	for (i = 1; rc == 0 && i < c->n_spots; i++) {
		struct compare_function row = {.function = c->spots[i].frame};
		uint32_t *of = &row_of[row.function];

		if (*of == PROFILE_NONE)
			*of = add_row(c, &row);
		c->row_of[i] = *of;
	}
	if (rc == 0)
		rc = outermost_find(&shape, row_of, (uint32_t)c->n_rows, c->first);
	free(row_of);
	return rc;
}

static int make_rows(struct compare *c)
{
	size_t nodes = c->n_nodes > c->n_spots ? c->n_nodes : c->n_spots;
	size_t rows = c->o.by == COMPARE_BY_STAGE   ? c->n_spots
		      : c->o.by == COMPARE_BY_STACK ? c->n_nodes
						    : c->n_labels;
	int rc;

	c->rows = calloc(rows + 2, sizeof *c->rows);
	c->row_of = malloc((nodes + 1) * sizeof *c->row_of);
	c->first = calloc(nodes + 1, 1);
	if (!c->rows || !c->row_of || !c->first)
		return ERR_NOMEM;
	rc = c->o.by == COMPARE_BY_STAGE   ? make_stage_rows(c)
	     : c->o.by == COMPARE_BY_STACK ? make_stack_rows(c)
					   : make_function_rows(c);
	if (rc == 0)
		rc = add_nowhere(c, c->o.by == COMPARE_BY_STAGE ? "[no stage]" : "[no stack]");
	if (rc == 0)
		c->first[0] = 0; /* nothing is below it: see spread() */
	return rc;
}

/* ---- normalising ---- */

static double amount_of(const struct compare_amount *amounts, size_t n, uint32_t name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (amounts[i].name == name)
			return amounts[i].value;
	return 0;
}

/* Mean of the base, run by run, of each name that a spot is normalised by. */
static int base_amounts(struct summing *s)
{
	struct compare *c = s->c;
	uint32_t i;
	size_t r;

	s->base = calloc((size_t)c->n_spots + 1, sizeof *s->base);
	if (!s->base)
		return ERR_NOMEM;
	for (i = 0; i < c->n_spots; i++) {
		struct compare_amount *b = &s->base[i];

		b->name = c->spot_norm[i];
		for (r = 0; r < c->n_runs; r++)
			if (c->runs[r].group == 0 && b->name)
				b->value += amount_of(c->runs[r].amounts, c->runs[r].n_amounts,
						      b->name) /
					    (double)c->groups[0].n;
	}
	return 0;
}

/* Mean of the base's total or duration. */
static double base_mean(const struct compare *c)
{
	double sum = 0;
	size_t r;

	for (r = 0; r < c->n_runs; r++)
		if (c->runs[r].group == 0)
			sum += c->o.norm == COMPARE_TOTAL ? c->runs[r].value
							  : c->runs[r].duration_ns;
	return sum / (double)c->groups[0].n;
}

static double ratio(double wanted, double has)
{
	double r = wanted > 0 && has > 0 ? wanted / has : 1;

	return fmin(fmax(r, 1 / RATIO_MAX), RATIO_MAX); /* no run is that much larger */
}

static void make_factors(struct summing *s, const struct compare_run *run)
{
	const struct compare *c = s->c;
	double all = 1;
	uint32_t i;

	if (c->o.norm == COMPARE_TOTAL)
		all = ratio(base_mean(c), run->value);
	else if (c->o.norm == COMPARE_DURATION)
		all = ratio(base_mean(c), run->duration_ns);
	for (i = 0; i < c->n_spots; i++) {
		double has = 0;

		if (c->spot_norm[i])
			has = amount_of(run->amounts, run->n_amounts, c->spot_norm[i]);
		s->known[i] = has > 0 && s->base[i].value > 0;
		s->factor[i] = c->spot_norm[i] ? ratio(s->base[i].value, has) : all;
	}
}

/* ---- sums of a run ---- */

static void add_cells(struct summing *s, const struct compare_run *run)
{
	struct compare *c = s->c;
	double part = 1 / (double)c->groups[run->group].n;
	size_t i;

	for (i = 0; i < run->n; i++) {
		const struct compare_cell *cell = &run->cells[i];
		const struct compare_key *k = &c->keys[cell->key];
		double factor = s->factor[k->spot], value = (double)cell->value * factor;
		uint32_t at = c->o.by == COMPARE_BY_STAGE ? k->spot : k->node;

		s->value[at] += value;
		s->variance[at] += cell->variance * factor * factor;
		s->count[at] += cell->count;
		c->node_mean[run->group][k->node] += value * part;
		c->key_delta[cell->key] += run->group ? value * part : -value * part;
		if (s->known[k->spot])
			s->scaled += (double)cell->value;
		else
			s->unscaled += (double)cell->value;
	}
}

/* What is at node `i` goes to its row and, with what is below, to the node above. */
static void spread_node(struct summing *s, uint32_t i, int below)
{
	const struct compare *c = s->c;
	uint32_t row = c->row_of[i], up = s->tree[i].parent;

	if (!below && row != PROFILE_NONE) {
		s->self[row] += s->value[i];
		s->self_variance[row] += s->variance[i];
		s->self_count[row] += s->count[i];
	}
	if (!below)
		return;
	if (row != PROFILE_NONE && c->first[i]) {
		s->total[row] += s->value[i];
		s->total_variance[row] += s->variance[i];
		s->total_count[row] += s->count[i];
	}
	s->value[up] += s->value[i];
	s->variance[up] += s->variance[i];
	s->count[up] += s->count[i];
}

static void spread(struct summing *s)
{
	uint32_t i, nowhere = s->c->row_of[0];

	for (i = 0; i < s->n; i++)
		spread_node(s, i, 0);
	if (nowhere != PROFILE_NONE) {
		s->total[nowhere] = s->self[nowhere];
		s->total_variance[nowhere] = s->self_variance[nowhere];
		s->total_count[nowhere] = s->self_count[nowhere];
	}
	for (i = s->n; i-- > 1;)
		spread_node(s, i, 1);
}

/* ---- into what is known of a group (B. P. Welford, Technometrics 4, 1962) ---- */

static void take(struct compare_moments *m, double value, double variance, uint64_t count,
		 double all)
{
	double from = value - m->mean;

	m->n++;
	m->mean += from / m->n;
	m->m2 += from * (value - m->mean);
	m->variance += (variance - m->variance) / m->n;
	m->share += ((all > 0 ? value / all : 0) - m->share) / m->n;
	if (__builtin_add_overflow(m->count, count, &m->count))
		m->count = UINT64_MAX;
}

static void take_run(struct summing *s, const struct compare_run *run)
{
	struct compare *c = s->c;
	double all = run->value > 0 ? run->all * (s->value[0] / run->value) : run->all;
	size_t i;

	for (i = 0; i < c->n_rows; i++) {
		struct compare_sum *sum = &c->sums[i];

		take(&sum->self[run->group], s->self[i], s->self_variance[i], s->self_count[i],
		     all);
		take(&sum->total[run->group], s->total[i], s->total_variance[i], s->total_count[i],
		     all);
	}
	take(&c->whole_sum.self[run->group], s->value[0], s->variance[0], s->count[0], all);
}

static void sum_run(struct summing *s, const struct compare_run *run)
{
	size_t rows = s->c->n_rows + 1, n = (size_t)s->n + 1;

	memset(s->value, 0, n * sizeof *s->value);
	memset(s->variance, 0, n * sizeof *s->variance);
	memset(s->count, 0, n * sizeof *s->count);
	memset(s->self, 0, rows * sizeof *s->self);
	memset(s->self_variance, 0, rows * sizeof *s->self_variance);
	memset(s->self_count, 0, rows * sizeof *s->self_count);
	memset(s->total, 0, rows * sizeof *s->total);
	memset(s->total_variance, 0, rows * sizeof *s->total_variance);
	memset(s->total_count, 0, rows * sizeof *s->total_count);
	make_factors(s, run);
	add_cells(s, run);
	spread(s);
	take_run(s, run);
}

/* ---- all ---- */

static int make_room(struct summing *s)
{
	struct compare *c = s->c;
	size_t rows = c->n_rows + 1, n = (size_t)s->n + 1, g;

	s->value = malloc(n * sizeof *s->value);
	s->variance = malloc(n * sizeof *s->variance);
	s->count = malloc(n * sizeof *s->count);
	s->self = malloc(rows * sizeof *s->self);
	s->self_variance = malloc(rows * sizeof *s->self_variance);
	s->self_count = malloc(rows * sizeof *s->self_count);
	s->total = malloc(rows * sizeof *s->total);
	s->total_variance = malloc(rows * sizeof *s->total_variance);
	s->total_count = malloc(rows * sizeof *s->total_count);
	s->factor = malloc(((size_t)c->n_spots + 1) * sizeof *s->factor);
	s->known = malloc((size_t)c->n_spots + 1);
	for (g = 0; g < 2; g++) {
		c->node_mean[g] = calloc((size_t)c->n_nodes + 1, sizeof(double));
		if (!c->node_mean[g])
			return ERR_NOMEM;
	}
	c->key_delta = calloc((size_t)c->n_keys + 1, sizeof *c->key_delta);
	c->sums = calloc(rows, sizeof *c->sums);
	return s->value && s->variance && s->count && s->self && s->self_variance &&
			       s->self_count && s->total && s->total_variance && s->total_count &&
			       s->factor && s->known && c->key_delta && c->sums
		       ? 0
		       : ERR_NOMEM;
}

static void release(struct summing *s)
{
	free(s->value);
	free(s->variance);
	free(s->count);
	free(s->self);
	free(s->self_variance);
	free(s->self_count);
	free(s->total);
	free(s->total_variance);
	free(s->total_count);
	free(s->factor);
	free(s->known);
	free(s->base);
}

/* Items that are missing: nothing to normalise by, or only for a part. */
static int check_scaled(struct summing *s, struct err *err)
{
	struct compare *c = s->c;
	double all = s->scaled + s->unscaled;

	if (c->o.norm != COMPARE_ITEMS || !(s->unscaled > 0))
		return 0;
	if (!(s->scaled > 0))
		return err_set(err, ERR_NOTFOUND,
			       "no stage has items in both groups (pp_stage_items), so nothing can "
			       "be normalised by items; take total, duration or stage");
	if (compare_remember(c,
			     "%.0f %% is in no stage that has items in both groups: it is "
			     "compared as it was measured",
			     100 * s->unscaled / all))
		return err_nomem(err, "the sums of a comparison");
	return 0;
}

static int sum_all(struct summing *s, struct err *err)
{
	struct compare *c = s->c;
	size_t r;

	if (base_amounts(s) || make_room(s))
		return err_nomem(err, "the sums of a comparison");
	for (r = 0; r < c->n_runs; r++)
		sum_run(s, &c->runs[r]);
	return check_scaled(s, err);
}

int compare_sum_rows(struct compare *c, struct err *err)
{
	struct summing s = {.c = c};
	int rc = make_rows(c);

	if (rc)
		return err_nomem(err, "the rows of a comparison");
	s.tree = c->o.by == COMPARE_BY_STAGE ? c->spots : c->nodes;
	s.n = c->o.by == COMPARE_BY_STAGE ? c->n_spots : c->n_nodes;
	rc = sum_all(&s, err);
	release(&s);
	return rc;
}
