/* Fits as text: first which stage grows worse than declared, then a row for each stage. */
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/model_cli.h"
#include "prof/cli/text.h"

#define LINE 512

static const char *name_of(const struct model_view *v, const struct fit *f)
{
	return strtab_text(v->costs->strings, f->stage);
}

/* Appends to a line of LINE bytes; what does not fit is cut. */
static void put(char line[LINE], const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(char line[LINE], const char *fmt, ...)
{
	size_t len = strlen(line);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line + len, LINE - len, fmt, ap);
	va_end(ap);
}

/* "n^1.98 (1.93 … 2.04)"; an end that the observations leave open is an ellipsis alone. */
static void put_power(char line[LINE], const char *param, const struct fit_growth *g)
{
	put(line, "%s^%.2f (", param, g->declared + g->excess);
	if (isfinite(g->lo))
		put(line, "%.2f ", g->declared + g->lo);
	put(line, "…");
	if (isfinite(g->hi))
		put(line, " %.2f", g->declared + g->hi);
	put(line, ")");
}

/* ---- what matters ---- */

static void say_worse(FILE *out, const struct model_view *v, const struct fit *f, size_t param)
{
	const struct fit_growth *g = &f->growth[param];
	const char *name = f->form.params[param];
	char line[LINE] = "", value[UNITS_TEXT];
	size_t i;

	model_value(value, f->metric, model_largest_run(v, f->stage, f->metric));
	put(line, " (%s, %s at most): grows by ", cost_metric_names[f->metric], value);
	put_power(line, name, g);
	put(line, ", declared %s^%.2g: ten times %s costs %.3g times as much, not %.3g", name,
	    g->declared, name, pow(10, g->declared + g->excess), pow(10, g->declared));
	for (i = 0; i < f->form.n_params; i++)
		if (f->growth[i].verdict == GROWTH_TIED && f->growth[i].with == param)
			put(line, "; or in %s, which varied together with it", f->form.params[i]);
	fputs("  ", out);
	text_print(out, name_of(v, f), 0, 0);
	text_print(out, line, 0, 0);
	putc('\n', out);
}

static size_t say_all_worse(FILE *out, const struct model_view *v, const size_t *order, size_t n)
{
	size_t i, found = 0;
	int metric;

	for (i = 0; i < n; i++)
		for (metric = 0; metric < COST_METRICS; metric++) {
			const struct fit *f = &v->model->fits[order[i] + (size_t)metric];
			size_t param = model_worst(f);

			if (param == f->form.n_params || (v->metric >= 0 && metric != v->metric))
				continue;
			if (!found++)
				fprintf(out, "grows worse than declared:\n");
			say_worse(out, v, f, param);
		}
	return found;
}

/* How many growths were judged, how many the observations leave open, of how many declared costs. */
static void count_judged(const struct model_view *v, size_t *judged, size_t *open, size_t *declared)
{
	size_t i, k;

	*judged = *open = *declared = 0;
	for (i = 0; i < v->model->n; i++) {
		const struct fit *f = &v->model->fits[i];

		if (f->metric >= COST_METRICS || f->by == DECLARED_NOT)
			continue;
		++*declared;
		for (k = 0; k < f->form.n_params; k++) {
			enum growth_verdict g = f->growth[k].verdict;

			if (g == GROWTH_AS_DECLARED || g == GROWTH_LESS || g == GROWTH_WORSE)
				++*judged;
			else if (g == GROWTH_OPEN)
				++*open;
		}
	}
}

static void say_none_worse(FILE *out, const struct model_view *v)
{
	size_t judged, open, declared;

	count_judged(v, &judged, &open, &declared);
	if (judged)
		fprintf(out, "no stage grows worse than declared, as far as can be said\n");
	else if (open)
		fprintf(out,
			"no growth can be judged: the values vary too much for these sizes; more "
			"runs, or sizes further\napart, would show it\n");
	else if (!declared)
		fprintf(out, "no cost is declared, so none is worse: stages follow what explains "
			     "them best (--declare\nSTAGE:METRIC=COST has one judged)\n");
	else
		fprintf(out,
			"no growth can be judged: runs of three sizes or more, of stages whose "
			"cost is declared, would show it\n");
}

/* ---- the table ---- */

static void put_growth(char line[LINE], const struct fit *f)
{
	size_t i;

	for (i = 0; i < f->form.n_params; i++) {
		const struct fit_growth *g = &f->growth[i];

		put(line, "%s", i ? ", " : "");
		if (isfinite(g->lo) || isfinite(g->hi))
			put_power(line, f->form.params[i], g);
		else if (!isnan(g->excess))
			put(line, "%s open", f->form.params[i]);
		else
			put(line, "%s", f->form.params[i]);
		if (g->verdict == GROWTH_TIED)
			put(line, " with %s", f->form.params[g->with]);
		else if (g->verdict == GROWTH_WORSE)
			put(line, " WORSE");
		else if (g->verdict == GROWTH_FIXED || g->verdict == GROWTH_FEW ||
			 g->verdict == GROWTH_SHORT)
			put(line, " %s", growth_verdict_name(g->verdict));
	}
}

static int is_around(const struct model_view *v, uint32_t stage)
{
	size_t i;

	for (i = 0; i < v->costs->n_nodes; i++)
		if (v->costs->nodes[i].name == stage && v->costs->nodes[i].has_inner)
			return 1;
	return 0;
}

static void put_detail(char line[LINE], const struct model_view *v, const struct fit *f)
{
	char form[COMPLEXITY_TEXT];

	complexity_text(&f->form, form);
	if (f->state == FIT_NO_PARAM) {
		put(line, "%s: no stage has %s", form, f->form.params[f->missing]);
		return;
	}
	if (f->by == DECLARED_NOT && is_around(v, f->stage)) {
		put(line, "around others");
		return;
	}
	if (f->by == DECLARED_NOT)
		put(line, "%s", f->form.n ? "follows " : "constant");
	if (f->by != DECLARED_NOT || f->form.n)
		put(line, "%s", form);
	if (f->form.n_params) {
		put(line, ": ");
		put_growth(line, f);
	}
}

struct table {
	struct columns columns;
	int value, share, fixed, r2, spread, cv;
};

static void add_columns(struct table *t)
{
	t->value = columns_add(&t->columns, "at most", 0);
	t->share = columns_add(&t->columns, "share", 3);
	t->fixed = columns_add(&t->columns, "fixed", 4);
	t->spread = columns_add(&t->columns, "spread", 5);
	t->r2 = columns_add(&t->columns, "R²", 6);
	t->cv = columns_add(&t->columns, "left out", 2);
}

static void fill_row(const struct model_view *v, struct table *t, size_t row, const struct fit *f,
		     double whole)
{
	double most = model_largest_run(v, f->stage, f->metric);

	model_value(t->columns.cells[row][t->value], f->metric, most);
	columns_share(&t->columns, row, t->share, most, whole);
	if (f->state == FIT_OK && f->form.n)
		columns_share(&t->columns, row, t->fixed, fmin(f->c[0], f->largest), f->largest);
	if (!isnan(f->r2))
		snprintf(t->columns.cells[row][t->r2], UNITS_TEXT, "%.3f", fmax(f->r2, 0));
	if (!isnan(f->s) && f->state == FIT_OK)
		columns_share(&t->columns, row, t->spread, f->s, 1);
	if (!isnan(f->cv_mean))
		columns_share(&t->columns, row, t->cv, f->cv_mean, 1);
}

static int is_shown(const struct model_view *v, const struct fit *f)
{
	double most = model_largest_run(v, f->stage, f->metric);

	if (isnan(most))
		return 0;
	return model_worst(f) < f->form.n_params ||
	       model_largest_run(v, f->stage, COST_WALL) >= (double)v->least_ns;
}

static void print_table(FILE *out, const struct model_view *v, const size_t *order, size_t n,
			enum cost_metric metric)
{
	struct table t = {0};
	double whole = NAN;
	size_t i, rows = 0, left = 0, row = 0;

	for (i = 0; i < n; i++) {
		const struct fit *f = &v->model->fits[order[i] + metric];

		whole = fmax(whole, model_largest_run(v, f->stage, metric));
		if (is_shown(v, f) && (!v->rows || rows < (size_t)v->rows))
			rows++;
		else if (!isnan(model_largest_run(v, f->stage, metric)))
			left++;
	}
	if (columns_init(&t.columns, rows)) {
		fprintf(out, "no memory for a table\n");
		return;
	}
	add_columns(&t);
	for (i = 0; i < n && row < rows; i++)
		if (is_shown(v, &v->model->fits[order[i] + metric]))
			fill_row(v, &t, row++, &v->model->fits[order[i] + metric], whole);
	columns_fit(&t.columns, cli_width(), 36);
	fprintf(out, "\n%s\n",
		cost_metric_is_time(metric) ? metric == COST_WALL ? "time" : "CPU time"
		: metric == COST_PEAK_HEAP  ? "memory: highest heap while open"
					    : "memory: highest resident set while open");
	columns_print(out, &t.columns, SIZE_MAX);
	fputs("stage  declared: growth\n", out);
	for (i = 0, row = 0; i < n && row < rows; i++) {
		const struct fit *f = &v->model->fits[order[i] + metric];
		char line[LINE] = "";

		if (!is_shown(v, f))
			continue;
		columns_print(out, &t.columns, row++);
		put_detail(line, v, f);
		text_print(out, name_of(v, f), 32, 0);
		fputs("  ", out);
		text_print(out, line, 0, 0);
		putc('\n', out);
	}
	if (left)
		fprintf(out, "… %zu more, shorter ones; -n 0 shows all\n", left);
	columns_release(&t.columns);
}

static void print_legend(FILE *out)
{
	fprintf(out,
		"\nat most: of the largest run. fixed: the constant's part there. spread: of one "
		"observation around the\nfit. R²: of the variance of log values. left out: mean "
		"error of a whole size predicted from the others.\ngrowth: powers with the "
		"constant "
		"left free, and their 95 %% intervals.\n");
}

static void print_counts(FILE *out, const struct model_view *v)
{
	fprintf(out, "%zu run%s, %zu stages, %zu observations\n", v->costs->n_runs,
		v->costs->n_runs == 1 ? "" : "s", v->model->n / COST_VALUES, v->costs->n_obs);
}

void model_fit_text(FILE *out, const struct model_view *v)
{
	size_t n, *order = model_order(v, &n);
	enum cost_metric memory = model_memory(v);

	if (!order) {
		fprintf(out, "no memory for the stages\n");
		return;
	}
	if (!n) {
		fprintf(out, "no stages: the programs mark none (see protea-prof.h)\n");
		free(order);
		return;
	}
	if (!say_all_worse(out, v, order, n))
		say_none_worse(out, v);
	print_counts(out, v);
	model_remarks(out, v);
	if (v->metric >= 0) {
		print_table(out, v, order, n, (enum cost_metric)v->metric);
	} else {
		print_table(out, v, order, n, COST_WALL);
		if (memory != COST_METRICS)
			print_table(out, v, order, n, memory);
	}
	print_legend(out);
	free(order);
}
