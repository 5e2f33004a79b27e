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

/* Zero before and after, or (a run per side) hardly changed: not without --all. */
static int is_shown(const struct diff_printing *x, const struct diff_value *v)
{
	int known = isfinite(v->d.lo) && isfinite(v->d.hi);

	if (x->wish->all)
		return 1;
	if (!(v->d.base > 0) && !(v->d.candidate > 0))
		return 0;
	if (!v->row->stage)
		return 1;
	return diff_value_moved(v) && (known || !(fabs(v->d.change) < WORTH_SHOWING));
}

static void fill_value(struct columns *t, size_t row, const struct diff_value *v)
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
		 isnan(v->d.base) && isfinite(v->d.candidate)   ? "new"
		 : isnan(v->d.candidate) && isfinite(v->d.base) ? "gone"
								: change);
	snprintf(t->cells[row][V_INTERVAL], UNITS_TEXT, "%.31s",
		 gate_view_interval(text, &as_gate));
}

static void print_values_of(const struct diff_printing *x, struct columns *t, int room)
{
	const char *last = NULL;
	size_t i, row = 0;

	for (i = 0; i < x->d->n_values; i++) {
		const struct diff_value *v = &x->d->values[i];
		const char *stage = gate_view_stage(v->row->stage);
		int moved = diff_value_moved(v);
		double delta = v->d.candidate - v->d.base;

		if (!is_shown(x, v))
			continue;
		diff_begin_colour(x, delta, moved);
		columns_print(x->out, t, row++);
		diff_end_colour(x, delta, moved);
		text_print(x->out, last && strcmp(last, stage) == 0 ? "" : stage, room, 0);
		putc('\n', x->out);
		last = stage;
	}
}

void diff_text_values(const struct diff_printing *x)
{
	struct columns t;
	size_t i, n = 0, shown = 0;

	for (i = 0; i < x->d->n_values; i++)
		shown += is_shown(x, &x->d->values[i]) != 0;
	if (!shown || columns_init(&t, shown))
		return;
	columns_add(&t, "metric", 0);
	columns_add(&t, "base", 0);
	columns_add(&t, "candidate", 0);
	columns_add(&t, "change", 0);
	columns_add(&t, "95 %", 1);
	for (i = 0; i < x->d->n_values; i++)
		if (is_shown(x, &x->d->values[i]))
			fill_value(&t, n++, &x->d->values[i]);
	putc('\n', x->out);
	i = (size_t)columns_fit(&t, x->line, 16);
	columns_print(x->out, &t, SIZE_MAX);
	fputs("stage\n", x->out);
	print_values_of(x, &t, (int)i);
	if (shown < x->d->n_values)
		fprintf(x->out, "little or no change: %zu other value%s (--all)\n",
			x->d->n_values - shown, diff_plural(x->d->n_values - shown));
	columns_release(&t);
}
