/* The table of values by stage: before, after, change and interval of each. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/columns.h"
#include "prof/cli/diff_print.h"
#include "prof/cli/gate_view.h"
#include "prof/cli/text.h"

enum { V_METRIC, V_BASE, V_CANDIDATE, V_CHANGE, V_INTERVAL };

#define WORTH_SHOWING 0.05 /* of a value whose spread is not known */
#define ROWS_SHOWN    20   /* of stages; the largest changes */

struct choice {
	const struct diff_value **rows; /* owned; in the table's order */
	size_t n, left_out;             /* left_out: moved, but there was no room */
};

static int is_of_one_side(const struct diff_value *v)
{
	return isnan(v->d.base) != isnan(v->d.candidate);
}

/* The stage itself is of one side alone: a stage that ran took time. What else is of one side was not measured there. */
static int is_new_or_gone(const struct diff_printing *x, const struct diff_value *v)
{
	const struct metric_row *wall;
	size_t i, with[METRICS_GROUPS] = {0};

	if (!v->row->stage || !is_of_one_side(v))
		return 0;
	wall = metrics_row(&x->d->table, v->row->stage, METRIC_WALL);
	for (i = 0; wall && i < x->d->table.n_a; i++)
		with[0] += isfinite(wall->a[i]) != 0;
	for (i = 0; wall && i < x->d->table.n_b; i++)
		with[1] += isfinite(wall->b[i]) != 0;
	return !with[0] != !with[1];
}

/* Zero before and after, or (a run per side) hardly changed: not without --all. Stages that one side lacks are named in a
 * line of their own. */
static int is_wanted(const struct diff_printing *x, const struct diff_value *v)
{
	int known = isfinite(v->d.lo) && isfinite(v->d.hi);

	if (x->wish->all)
		return 1;
	if (is_of_one_side(v) || (!(v->d.base > 0) && !(v->d.candidate > 0)))
		return 0;
	if (!v->row->stage)
		return 1;
	return diff_value_moved(v) && (known || !(fabs(v->d.change) < WORTH_SHOWING));
}

/* By how many times it became larger or smaller; the whole run first. */
static double weight(const struct diff_value *v)
{
	double ratio = v->d.base > 0 ? v->d.candidate / v->d.base : INFINITY;

	if (!v->row->stage)
		return INFINITY;
	/* Resident memory of a stage is mostly what stages before it have left. */
	return (ratio > 0 ? fabs(log(ratio)) : 1e9) / (v->row->metric == METRIC_PEAK_RSS ? 10 : 1);
}

static int by_weight(const void *a, const void *b)
{
	const struct diff_value *x = *(const struct diff_value *const *)a;
	const struct diff_value *y = *(const struct diff_value *const *)b;
	double wx = weight(x), wy = weight(y);

	if (wx > wy || wx < wy)
		return wx > wy ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int by_place(const void *a, const void *b)
{
	const struct diff_value *x = *(const struct diff_value *const *)a;
	const struct diff_value *y = *(const struct diff_value *const *)b;

	return x < y ? -1 : x > y;
}

static int choose(struct choice *c, const struct diff_printing *x)
{
	size_t i;

	*c = (struct choice){.rows = calloc(x->d->n_values + 1, sizeof(*c->rows))};
	if (!c->rows)
		return ERR_NOMEM;
	for (i = 0; i < x->d->n_values; i++)
		if (is_wanted(x, &x->d->values[i]))
			c->rows[c->n++] = &x->d->values[i];
	if (x->wish->all || c->n <= ROWS_SHOWN)
		return 0;
	qsort(c->rows, c->n, sizeof(*c->rows), by_weight);
	c->left_out = c->n - ROWS_SHOWN;
	c->n = ROWS_SHOWN;
	qsort(c->rows, c->n, sizeof(*c->rows), by_place);
	return 0;
}

static void fill_value(struct columns *t, size_t row, const struct diff_printing *x,
		       const struct diff_value *v)
{
	const struct gate_row as_gate = {.d = v->d};
	char text[GATE_TEXT], value[METRIC_TEXT], change[UNITS_TEXT];

	snprintf(t->cells[row][V_METRIC], UNITS_TEXT, "%.31s", metric_title(v->row->metric));
	snprintf(t->cells[row][V_BASE], UNITS_TEXT, "%.31s",
		 metric_text(value, v->row->metric, v->d.base));
	snprintf(t->cells[row][V_CANDIDATE], UNITS_TEXT, "%.31s",
		 metric_text(value, v->row->metric, v->d.candidate));
	diff_put_ratio(change, v->d.change);
	snprintf(t->cells[row][V_CHANGE], UNITS_TEXT, "%.31s",
		 !is_of_one_side(v)      ? change
		 : !is_new_or_gone(x, v) ? "not measured"
		 : isnan(v->d.base)      ? "new"
					 : "gone");
	snprintf(t->cells[row][V_INTERVAL], UNITS_TEXT, "%.31s",
		 gate_view_interval(text, &as_gate));
}

static void print_rows(const struct diff_printing *x, struct columns *t, const struct choice *c,
		       int room)
{
	const char *last = NULL;
	size_t i;

	for (i = 0; i < c->n; i++) {
		const struct diff_value *v = c->rows[i];
		const char *stage = gate_view_stage(v->row->stage);
		int moved = diff_value_moved(v);
		double delta = v->d.candidate - v->d.base;

		diff_begin_colour(x, delta, moved);
		columns_print(x->out, t, i);
		diff_end_colour(x, delta, moved);
		text_print(x->out, last && strcmp(last, stage) == 0 ? "" : stage, room, 0);
		putc('\n', x->out);
		last = stage;
	}
}

static void print_table(const struct diff_printing *x, const struct choice *c)
{
	struct columns t;
	size_t i;
	int room;

	if (columns_init(&t, c->n))
		return;
	columns_add(&t, "metric", 0);
	columns_add(&t, "base", 0);
	columns_add(&t, "candidate", 0);
	columns_add(&t, "change", 0);
	columns_add(&t, "95 %", 1);
	for (i = 0; i < c->n; i++)
		fill_value(&t, i, x, c->rows[i]);
	room = columns_fit(&t, x->line, 16);
	columns_print(x->out, &t, SIZE_MAX);
	fputs("stage\n", x->out);
	print_rows(x, &t, c, room);
	columns_release(&t);
}

/* "new stages: a, b" of one side (0: those that are gone). */
static void print_one_sided(const struct diff_printing *x, int candidate, const char *what)
{
	const char *last = NULL;
	struct buf text = BUF_INIT;
	size_t i;

	for (i = 0; i < x->d->n_values; i++) {
		const struct diff_value *v = &x->d->values[i];

		if (!is_new_or_gone(x, v) || isnan(v->d.base) != candidate ||
		    v->row->metric != METRIC_WALL || last == v->row->stage)
			continue;
		buf_printf(&text, "%s%s", last ? ", " : what, v->row->stage);
		last = v->row->stage;
	}
	if (text.len)
		diff_put_wrapped(x, buf_str(&text));
	buf_release(&text);
}

/* Values that neither the table nor the lines below it have. */
static size_t count_still(const struct diff_printing *x, const struct choice *c)
{
	size_t i, n = 0;

	for (i = 0; i < x->d->n_values; i++)
		n += !is_wanted(x, &x->d->values[i]) && !is_new_or_gone(x, &x->d->values[i]);
	return n + c->left_out;
}

void diff_text_values(const struct diff_printing *x)
{
	struct choice c;
	size_t rest;

	if (choose(&c, x))
		return;
	putc('\n', x->out);
	if (c.n)
		print_table(x, &c);
	if (!x->wish->all) {
		print_one_sided(x, 1, "new stages: ");
		print_one_sided(x, 0, "stages that are gone: ");
	}
	rest = count_still(x, &c);
	if (rest && !x->wish->all)
		fprintf(x->out, "%s: %zu other value%s (--all)\n",
			c.left_out ? "smaller or no change" : "little or no change", rest,
			diff_plural(rest));
	free(c.rows);
}
