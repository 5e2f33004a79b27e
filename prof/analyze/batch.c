/* From stages of several sizes to the largest batch: see batch.h. */
#include "prof/analyze/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STEEP      1.25 /* times what an item took before: the last step of sizes is steeper */
#define STEEP_PART 0.03 /* and this part of the memory is more than can be expected */
#define NEARLY     0.995
#define SIZES_MAX  256 /* that are thought of */

const char *batch_reason_text(enum batch_reason r)
{
	switch (r) {
	case BATCH_FITTED:
		return "fitted";
	case BATCH_NO_ITEMS:
		return "no stage has a number of items: mark it with pp_stage_items(), or name a "
		       "parameter with --param";
	case BATCH_ONE_SIZE:
		return "all batches had one size, so what an item costs cannot be told from what "
		       "is there anyway: run it with another size too";
	case BATCH_NO_MEMORY:
		return "the memory of these stages was not measured: record with --memory sampled "
		       "or full, or give --base and --per-item";
	case BATCH_DOES_NOT_GROW:
		return "larger batches do not use more memory, so memory does not limit them: run "
		       "sizes further apart, or give --per-item";
	case BATCH_NOT_FINITE:
		return "what was measured makes no line";
	}
	return "";
}

/* ---- fits ---- */

struct columns { /* of points; owned */
	double *x, *y, *scratch;
	char *out;
	size_t n;
};

static int columns_make(struct columns *c, size_t n)
{
	n++;
	*c = (struct columns){malloc(n * sizeof *c->x), malloc(n * sizeof *c->y),
			      malloc(n * sizeof *c->scratch), malloc(n), 0};
	return c->x && c->y && c->scratch && c->out ? 0 : ERR_NOMEM;
}

static void columns_release(struct columns *c)
{
	free(c->x);
	free(c->y);
	free(c->scratch);
	free(c->out);
}

enum field { MEMORY, SHARED, WALL, CPU };

static double field_of(const struct batch_point *p, enum field what)
{
	switch (what) {
	case MEMORY:
		return p->memory;
	case SHARED:
		return p->shared;
	case WALL:
		return p->wall_ns;
	case CPU:
		break;
	}
	return p->cpu_ns;
}

/* A line of that, if there is one. 0 or ERR_NOMEM. */
static int try_line(struct line_fit *f, struct columns *c, const struct batch_stage *s,
		    enum field what, struct err *err)
{
	enum line_noise noise = what == WALL || what == CPU ? LINE_RELATIVE : LINE_ABSOLUTE;
	int rc;

	c->n = s->n;
	for (size_t i = 0; i < s->n; i++) {
		c->x[i] = s->points[i].items;
		c->y[i] = field_of(&s->points[i], what);
	}
	rc = line_fit_make(f, c->x, c->y, c->n, noise, c->out, err);
	return rc == ERR_LIMIT ? 0 : rc;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* The median of the points of that size; those left out as wrong do not count. */
static double median_at(struct columns *c, double x)
{
	double *v = c->scratch;
	size_t i, n = 0;

	for (i = 0; i < c->n; i++)
		if (!(c->x[i] < x || c->x[i] > x) && isfinite(c->y[i]) && !c->out[i])
			v[n++] = c->y[i];
	if (!n)
		return (double)NAN;
	qsort(v, n, sizeof *v, ascending);
	return n % 2 ? v[n / 2] : v[n / 2 - 1] / 2 + v[n / 2] / 2;
}

/* The next smaller size that has memory. */
static double size_below(const struct columns *c, double x)
{
	double below = 0;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->x[i] < x && isfinite(c->y[i]) && !c->out[i])
			below = fmax(below, c->x[i]);
	return below;
}

/* Does an item take much more between the two largest sizes than before? A line would promise too much. */
static void look_for_bend(struct batch_model *m, struct columns *c)
{
	double top = m->memory.most_x, below = size_below(c, top), least = m->memory.least_x;
	double before, last, high = median_at(c, top), middle = median_at(c, below);

	if (m->memory.sizes < 3 || !(below > least))
		return;
	before = fmax((middle - median_at(c, least)) / (below - least), 0);
	last = (high - middle) / (top - below);
	if (last > STEEP * before && (last - before) * (top - below) > STEEP_PART * high) {
		m->steep = last;
		m->steep_from = below;
		m->steep_to = top;
	}
}

/* ---- the model ---- */

static int fit_memory(struct batch_model *m, struct columns *c, struct batch_stage *s,
		      struct err *err)
{
	size_t i;
	int rc = try_line(&m->memory, c, s, MEMORY, err);

	if (rc || m->memory.sizes < 2)
		return rc;
	for (i = 0; i < s->n; i++)
		s->points[i].left_out = c->out[i];
	look_for_bend(m, c);
	m->per_item = m->memory.per_item;
	m->lo = m->memory.lo;
	m->hi = m->memory.hi;
	m->base = m->memory.base;
	rc = try_line(&m->shared_line, c, s, SHARED, err);
	if (rc == 0 && m->shared_line.sizes >= 2) {
		m->shared_known = 1;
		m->shared = fmin(m->shared_line.base, m->base);
		m->base -= m->shared;
	}
	return rc;
}

/* What the user says counts; what is shared was a part of the base. */
static void take_given(struct batch_model *m, const struct batch_given *g)
{
	if (!isnan(g->shared)) {
		m->base = fmax(m->base + m->shared - g->shared, 0);
		m->shared = g->shared;
		m->given_shared = m->shared_known = 1;
	}
	if (!isnan(g->base)) {
		m->base = g->base;
		m->given_base = 1;
	}
	if (!isnan(g->per_item)) {
		m->per_item = g->per_item;
		m->lo = m->hi = (double)NAN;
		m->given_per_item = 1;
		m->steep = 0;
	}
}

static enum batch_reason judge(const struct batch_model *m, const struct batch_stage *s)
{
	size_t i, with = 0;

	for (i = 0; s && i < s->n; i++)
		with += isfinite(s->points[i].memory) != 0;
	if (!m->given_per_item && m->memory.sizes < 2)
		return !s || !s->n ? BATCH_NO_ITEMS : with ? BATCH_ONE_SIZE : BATCH_NO_MEMORY;
	if (!isfinite(m->base) || !isfinite(m->shared) || !isfinite(m->per_item))
		return BATCH_NOT_FINITE;
	return m->per_item > 0 ? BATCH_FITTED : BATCH_DOES_NOT_GROW;
}

int batch_fit(struct batch_model *m, struct batch_stage *s, const struct batch_given *given,
	      struct err *err)
{
	struct columns c;
	int rc = 0;

	*m = (struct batch_model){.lo = (double)NAN, .hi = (double)NAN};
	if (s && s->n) {
		rc = columns_make(&c, s->n) ? err_nomem(err, "the fits of a stage") : 0;
		if (rc == 0)
			rc = fit_memory(m, &c, s, err);
		if (rc == 0)
			rc = try_line(&m->wall, &c, s, WALL, err);
		if (rc == 0)
			rc = try_line(&m->cpu, &c, s, CPU, err);
		columns_release(&c);
	}
	if (rc == 0) {
		take_given(m, given);
		m->reason = judge(m, s);
	}
	return rc;
}

/* ---- the plan ---- */

static double whole(double exact)
{
	double n = floor(exact + 1e-9);

	return n > 0 ? fmin(n, BATCH_ITEMS_MAX) : 0;
}

static void find_largest(struct batch_plan *plan, const struct batch_model *m,
			 const struct batch_stage *s)
{
	size_t i;

	plan->exact = plan->for_items / plan->per_item;
	plan->largest = whole(plan->exact);
	plan->at_estimate = whole(plan->for_items / m->per_item);
	if (m->steep > 0 && plan->largest > m->steep_to) {
		plan->largest = m->steep_to;
		plan->bends = 1;
	}
	for (i = 0; s && i < s->n && !m->given_per_item; i++) {
		const struct batch_point *p = &s->points[i];

		if (!(p->memory > plan->usable) || p->items > plan->largest)
			continue;
		plan->too_large = p->items;
		plan->largest = whole(p->items - 1);
	}
	if (s && s->failed_at > 0 && !m->given_per_item && plan->largest >= s->failed_at) {
		plan->failed_at = s->failed_at;
		plan->largest = whole(ceil(s->failed_at) - 1);
	}
}

static void describe(struct batch_row *r, const struct batch_plan *plan,
		     const struct batch_model *m, const struct batch_limits *l)
{
	double own = m->base + plan->per_item * r->items, cpu;

	r->memory = own + m->shared;
	r->workers = fmax(whole((plan->usable - m->shared) / own), 1);
	r->latency = r->lo = r->hi = r->per_second = r->useful = r->all_per_second = (double)NAN;
	if (m->wall.sizes < 2)
		return;
	r->latency = line_fit_at(&m->wall, r->items);
	r->hi = r->latency + line_fit_half(&m->wall, r->items, 1);
	r->lo = fmax(r->latency - line_fit_half(&m->wall, r->items, 1), 0);
	if (isnan(r->hi))
		r->lo = r->hi;
	if (!(r->latency > 0)) {
		r->latency = r->lo = r->hi = (double)NAN;
		return;
	}
	r->per_second = r->items / r->latency * 1e9;
	r->useful = r->workers;
	r->all_per_second = r->workers * r->per_second;
	cpu = m->cpu.sizes >= 2 ? line_fit_at(&m->cpu, r->items) : 0;
	if (l->cpus > 0 && cpu > 0 && r->workers * cpu / r->latency > l->cpus) {
		r->useful = fmax(fmin(ceil(l->cpus * r->latency / cpu - 1e-9), r->workers), 1);
		r->all_per_second = fmin(r->all_per_second, l->cpus * r->items / cpu * 1e9);
	}
}

/* Sizes worth a row: powers of two, those measured, the largest. */
static size_t choose_sizes(double *sizes, const struct batch_plan *plan,
			   const struct batch_stage *s)
{
	size_t n = 0, i, k = 0;
	double x;

	for (x = 1; x < plan->largest && n < SIZES_MAX / 2; x *= 2)
		sizes[n++] = x;
	for (i = 0; s && i < s->n && n < SIZES_MAX - 1; i++)
		if (s->points[i].items < plan->largest)
			sizes[n++] = s->points[i].items;
	sizes[n++] = plan->largest;
	qsort(sizes, n, sizeof *sizes, ascending);
	for (i = 0; i < n; i++)
		if (k == 0 || sizes[i] > sizes[k - 1])
			sizes[k++] = sizes[i];
	for (i = 0; k > BATCH_ROWS_MAX && i < BATCH_ROWS_MAX; i++) /* evenly, both ends */
		sizes[i] = sizes[i * (k - 1) / (BATCH_ROWS_MAX - 1)];
	return k < BATCH_ROWS_MAX ? k : BATCH_ROWS_MAX;
}

static int was_measured(const struct batch_stage *s, double items)
{
	size_t i;

	for (i = 0; s && i < s->n; i++)
		if (!(s->points[i].items < items || s->points[i].items > items))
			return 1;
	return 0;
}

static void choose_best(struct batch_plan *plan)
{
	double most = 0;
	size_t i;

	plan->best = SIZE_MAX;
	for (i = 0; i < plan->n_rows; i++)
		most = fmax(most, plan->rows[i].all_per_second);
	for (i = 0; i < plan->n_rows && plan->best == SIZE_MAX; i++)
		if (plan->rows[i].all_per_second >= NEARLY * most)
			plan->best = i;
}

void batch_plan_make(struct batch_plan *plan, const struct batch_model *m,
		     const struct batch_stage *s, const struct batch_limits *l)
{
	double sizes[SIZES_MAX];
	size_t i;

	*plan = (struct batch_plan){.usable = l->memory * l->headroom};
	plan->for_items = plan->usable - m->base - m->shared;
	plan->per_item = l->optimistic || isnan(m->hi) ? m->per_item : m->hi;
	find_largest(plan, m, s);
	plan->best = SIZE_MAX;
	if (!(plan->largest >= 1))
		return;
	plan->n_rows = choose_sizes(sizes, plan, s);
	for (i = 0; i < plan->n_rows; i++) {
		plan->rows[i].items = sizes[i];
		plan->rows[i].measured = was_measured(s, sizes[i]);
		describe(&plan->rows[i], plan, m, l);
	}
	choose_best(plan);
}
