/* What text and JSON of a model share: order of stages, numbers, remarks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/model_cli.h"
#include "prof/cli/text.h"

enum cost_metric model_memory(const struct model_view *v)
{
	size_t i, heap = 0, rss = 0;

	for (i = 0; i < v->costs->n_obs; i++) {
		heap += v->costs->obs[i].value[COST_PEAK_HEAP] > 0;
		rss += v->costs->obs[i].value[COST_PEAK_RSS] > 0;
	}
	/* Runs may have followed memory or not: what more of them have is compared. */
	if (rss > heap)
		return COST_PEAK_RSS;
	return heap ? COST_PEAK_HEAP : COST_METRICS;
}

double model_largest_run(const struct model_view *v, uint32_t stage, enum cost_metric metric)
{
	double most = NAN, sum = NAN;
	uint32_t i, run = COSTS_NONE;

	for (i = costs_first(v->costs, stage); i != COSTS_NONE; i = v->costs->obs[i].next) {
		const struct cost_obs *o = &v->costs->obs[i];
		double value = o->value[metric];

		if (o->run != run)
			sum = NAN;
		run = o->run;
		if (isnan(value))
			continue;
		sum = isnan(sum) || !cost_metric_is_time(metric) ? fmax(sum, value) : sum + value;
		most = fmax(most, sum);
	}
	return most;
}

struct ordered {
	size_t fit;
	double value;
};

static int compare_ordered(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->fit < y->fit ? -1 : x->fit > y->fit;
}

size_t *model_order(const struct model_view *v, size_t *n)
{
	enum cost_metric by = v->metric >= 0 ? (enum cost_metric)v->metric : COST_WALL;
	size_t stages = v->model->n / COST_VALUES, i;
	struct ordered *list = malloc((stages + 1) * sizeof *list);
	size_t *order = malloc((stages + 1) * sizeof *order);

	*n = 0;
	if (list && order) {
		for (i = 0; i < stages; i++) {
			double value =
				model_largest_run(v, v->model->fits[i * COST_VALUES].stage, by);

			list[i] = (struct ordered){i * COST_VALUES, isnan(value) ? -1 : value};
		}
		qsort(list, stages, sizeof *list, compare_ordered);
		for (i = 0; i < stages; i++)
			order[i] = list[i].fit;
		*n = stages;
	}
	free(list);
	if (*n || order)
		return order;
	return NULL;
}

void model_value(char text[UNITS_TEXT], enum cost_metric metric, double value)
{
	if (isnan(value) || value < 0)
		snprintf(text, UNITS_TEXT, "-");
	else if (cost_metric_is_time(metric) && value < 9e18)
		units_ns(text, (int64_t)value);
	else if (!cost_metric_is_time(metric) && value < 1.8e19)
		units_bytes(text, (uint64_t)value);
	else
		snprintf(text, UNITS_TEXT, "%.3g %s", value,
			 cost_metric_is_time(metric) ? "ns" : "B");
}

void model_number(char text[UNITS_TEXT], double value)
{
	if (isnan(value))
		snprintf(text, UNITS_TEXT, "-");
	else if (value >= 10 && value < 1e15)
		units_count(text, (uint64_t)(value + 0.5));
	else
		snprintf(text, UNITS_TEXT, "%.3g", value);
}

/* ---- remarks ---- */

static size_t count_runs(const struct costs *c,
			 int (*is)(const struct costs *, const struct cost_run *))
{
	size_t i, n = 0;

	for (i = 0; i < c->n_runs; i++)
		n += (size_t)is(c, &c->runs[i]);
	return n;
}

static int is_other_machine(const struct costs *c, const struct cost_run *r)
{
	return r->host != c->runs[0].host || r->cpu_model != c->runs[0].cpu_model;
}

static int is_unfinished(const struct costs *c, const struct cost_run *r)
{
	(void)c;
	return !r->finished || r->open;
}

static int has_losses(const struct costs *c, const struct cost_run *r)
{
	(void)c;
	return r->lost > 0;
}

static int has_no_stages(const struct costs *c, const struct cost_run *r)
{
	(void)c;
	return r->n == 0;
}

static int has_folded(const struct costs *c, const struct cost_run *r)
{
	(void)c;
	return r->many > 0;
}

void model_remarks(FILE *out, const struct model_view *v)
{
	static const struct {
		int (*is)(const struct costs *, const struct cost_run *);
		const char *text;
	} remarks[] = {
		{is_other_machine,
		 "of another host or CPU than the first: their times are not comparable"},
		{is_unfinished, "not finished: stages that had not ended are left out"},
		{has_losses, "with losses by which stages may be missing"},
		{has_no_stages, "without stages: they say nothing here"},
		{has_folded, "with more than 10,000 stages of a name: those beyond have no sizes "
			     "and are left out"},
	};
	size_t i;

	for (i = 0; v->costs->n_runs && i < sizeof remarks / sizeof *remarks; i++) {
		size_t n = count_runs(v->costs, remarks[i].is);

		if (n)
			fprintf(out, "note: %zu of %zu runs %s\n", n, v->costs->n_runs,
				remarks[i].text);
	}
	if (v->costs->n_runs == 1)
		fprintf(out,
			"note: one run only: what differs from run to run is in no interval\n");
}
