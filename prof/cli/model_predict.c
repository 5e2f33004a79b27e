/* A prediction as text: the whole run first, what it stands on, then a row for each stage. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/model_cli.h"
#include "prof/cli/text.h"

static void print_range(FILE *out, enum cost_metric metric, const struct predicted *x)
{
	char lo[UNITS_TEXT], hi[UNITS_TEXT];

	if (isnan(x->lo)) {
		fprintf(out, " (no interval)");
		return;
	}
	model_value(lo, metric, x->lo);
	model_value(hi, metric, x->hi);
	fprintf(out, " (%s … %s)", lo, hi);
}

static void print_total(FILE *out, const struct model_view *v, enum cost_metric metric,
			const char *what)
{
	const struct prediction *p = v->prediction;
	const struct predicted *x = &p->total[metric];
	char value[UNITS_TEXT], seen[UNITS_TEXT];

	if (!(x->value > 0))
		return;
	model_value(value, metric, x->value);
	model_value(seen, metric, x->seen);
	fprintf(out, "  %-9s %s", what, value);
	print_range(out, metric, x);
	fprintf(out, "; the pattern had %s", seen);
	if (!cost_metric_is_time(metric) && p->peak_node[metric] != COSTS_NONE) {
		fputs("; in ", out);
		text_print(
			out,
			strtab_text(v->costs->strings, v->costs->nodes[p->peak_node[metric]].name),
			40, 0);
	}
	putc('\n', out);
}

static void print_asked(FILE *out, const struct model_view *v)
{
	const struct prediction *p = v->prediction;
	const struct cost_run *like = &v->costs->runs[p->like];
	char number[UNITS_TEXT], id[9];
	size_t i;

	fputs("predicted for", out);
	for (i = 0; i < p->n_asked; i++) {
		model_number(number, p->asked[i].value);
		fputs(i ? ", " : " ", out);
		text_print(out, strtab_text(v->costs->strings, p->asked[i].name), 32, 0);
		fprintf(out, " = %s", number);
	}
	snprintf(id, sizeof id, "%s", strtab_text(v->costs->strings, like->id));
	fprintf(out, ", after the pattern of run ");
	text_print(out, id, 0, 0);
	fputs(" (", out);
	for (i = 0; i < p->n_asked; i++) {
		model_number(number, p->asked[i].like);
		fputs(i ? ", " : "", out);
		text_print(out, strtab_text(v->costs->strings, p->asked[i].name), 32, 0);
		fprintf(out, " = %s", number);
	}
	fputs(")\n", out);
}

static void print_warnings(FILE *out, const struct model_view *v)
{
	const struct prediction *p = v->prediction;
	size_t i;

	for (i = 0; i < p->n_asked; i++) {
		const struct predict_asked *a = &p->asked[i];
		const char *name = strtab_text(v->costs->strings, a->name);

		if (a->beyond > 1.05) {
			fputs("note: ", out);
			text_print(out, name, 32, 0);
			fprintf(out, " is %.3g times the largest that was measured\n", a->beyond);
		}
		if (a->state == POWER_CONSTANT && fabs(log(a->factor)) > 0.05) {
			fputs("note: ", out);
			text_print(out, name, 32, 0);
			fprintf(out, " was the same in all runs: what follows it is as declared, "
				     "unseen\n");
		}
		if (a->off) {
			fputs("note: ", out);
			text_print(out, name, 32, 0);
			fputs(" always varied together with ", out);
			text_print(out, strtab_text(v->costs->strings, p->asked[a->with].name), 32,
				   0);
			fprintf(out, ", but not in this proportion: what each does alone is as "
				     "declared, unseen\n");
		}
	}
}

/* Mean cross-validated error of stages of at least a second there (or a twentieth of the run), by their time. */
static void print_error(FILE *out, const struct model_view *v)
{
	const struct prediction *p = v->prediction;
	double least = fmin(1e9, p->total[COST_WALL].value / 20), sum = 0, weight = 0, worst = 0;
	uint32_t i, at = COSTS_NONE;

	for (i = 0; i < v->costs->n_nodes; i++) {
		const struct predict_node *n = &p->nodes[i];

		if (isnan(n->cv[COST_WALL]) || !(n->of[COST_WALL].value >= least))
			continue;
		sum += n->cv[COST_WALL] * n->of[COST_WALL].value;
		weight += n->of[COST_WALL].value;
		if (n->cv[COST_WALL] > worst) {
			worst = n->cv[COST_WALL];
			at = i;
		}
	}
	if (at == COSTS_NONE) {
		fprintf(out, "  error     not known: at least three sizes must be measured\n");
		return;
	}
	fprintf(out,
		"  error     %.1f %% on average where a size was left out and predicted from the "
		"others (stages of\n            %s or more, by their time); at most %.1f %%, in ",
		100 * sum / weight, least < 1e9 ? "5 % of the run" : "a second", 100 * worst);
	text_print(out, strtab_text(v->costs->strings, v->costs->nodes[at].name), 40, 0);
	putc('\n', out);
}

/* ---- the table ---- */

struct ordered {
	uint32_t node;
	double value;
};

static int compare_ordered(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->node < y->node ? -1 : x->node > y->node;
}

static const char *notes_text(char text[96], unsigned notes)
{
	snprintf(text, 96, "%s%s%s",
		 notes & PREDICT_WORSE ? "; worse than declared, as measured" : "",
		 notes & PREDICT_ONE_SIZE ? "; as declared, growth not seen" : "",
		 notes & PREDICT_AS_SEEN ? "; as in the pattern" : "");
	return *text ? text + 2 : text;
}

static size_t pick_nodes(const struct model_view *v, struct ordered *list, size_t *left)
{
	size_t n = 0;
	uint32_t i;

	*left = 0;
	for (i = 0; i < v->costs->n_nodes; i++) {
		const struct predict_node *p = &v->prediction->nodes[i];
		double value = p->of[COST_WALL].value;

		if (!(p->instances_seen > 0) || isnan(value))
			continue;
		if (value < (double)v->least_ns)
			(*left)++;
		else
			list[n++] = (struct ordered){i, value};
	}
	qsort(list, n, sizeof *list, compare_ordered);
	if (v->rows && n > (size_t)v->rows) {
		*left += n - (size_t)v->rows;
		n = (size_t)v->rows;
	}
	return n;
}

static void print_rows(FILE *out, const struct model_view *v, const struct ordered *list, size_t n,
		       enum cost_metric memory)
{
	struct columns c;
	int times, seen, value, lo, hi, cv, peak, room;
	size_t i;

	if (columns_init(&c, n)) {
		fprintf(out, "no memory for a table\n");
		return;
	}
	times = columns_add(&c, "n", 4);
	seen = columns_add(&c, "pattern", 3);
	value = columns_add(&c, "predicted", 0);
	lo = columns_add(&c, "from", 0);
	hi = columns_add(&c, "to", 0);
	cv = columns_add(&c, "left out", 2);
	peak = columns_add(&c, memory == COST_PEAK_RSS ? "peak RSS" : "peak heap", 1);
	for (i = 0; i < n; i++) {
		const struct predict_node *p = &v->prediction->nodes[list[i].node];

		columns_count(&c, i, times, (uint64_t)fmin(p->instances + 0.5, 1e18));
		model_value(c.cells[i][seen], COST_WALL, p->of[COST_WALL].seen);
		model_value(c.cells[i][value], COST_WALL, p->of[COST_WALL].value);
		model_value(c.cells[i][lo], COST_WALL, p->of[COST_WALL].lo);
		model_value(c.cells[i][hi], COST_WALL, p->of[COST_WALL].hi);
		if (!isnan(p->cv[COST_WALL]))
			columns_share(&c, i, cv, p->cv[COST_WALL], 1);
		if (memory != COST_METRICS)
			model_value(c.cells[i][peak], memory, p->of[memory].value);
	}
	room = columns_fit(&c, cli_width(), 24);
	columns_print(out, &c, SIZE_MAX);
	fputs("stage\n", out);
	for (i = 0; i < n; i++) {
		const struct cost_node *node = &v->costs->nodes[list[i].node];
		char notes[96];

		columns_print(out, &c, i);
		text_pair(out, strtab_text(v->costs->strings, node->name),
			  notes_text(notes, v->prediction->nodes[list[i].node].notes[COST_WALL]),
			  room > 60 ? room : 60);
		putc('\n', out);
	}
	columns_release(&c);
}

void model_predict_text(FILE *out, const struct model_view *v)
{
	struct ordered *list = malloc((v->costs->n_nodes + 1) * sizeof *list);
	size_t n, left;

	print_asked(out, v);
	print_total(out, v, COST_WALL, "duration");
	print_total(out, v, COST_CPU, "CPU");
	print_total(out, v, COST_PEAK_HEAP, "peak heap");
	print_total(out, v, COST_PEAK_RSS, "peak RSS");
	print_error(out, v);
	print_warnings(out, v);
	model_remarks(out, v);
	putc('\n', out);
	if (!list) {
		fprintf(out, "no memory for a table\n");
		return;
	}
	n = pick_nodes(v, list, &left);
	print_rows(out, v, list, n, model_memory(v));
	if (left)
		fprintf(out, "… %zu more, shorter ones; -n 0 shows all\n", left);
	fprintf(out,
		"\nA stage around others is what these take and what it does itself; the total "
		"counts each once. From … to: 95 %% intervals.\n");
	free(list);
}
