/* The report as text for people: head, ranked table, call tree, stages. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report.h"
#include "prof/cli/text.h"

#define TABLE_ROWS     30
#define TREE_MIN_SHARE 0.01

static const char *const by_names[] = {"function", "line",    "module", "stage",
				       "thread",   "process", "stack",  NULL};

const char *report_by_name(enum hot_by by)
{
	return by_names[by];
}

int report_by_parse(const char *text)
{
	int i;

	for (i = 0; by_names[i]; i++)
		if (strcmp(by_names[i], text) == 0)
			return i;
	return -1;
}

void report_value(char text[32], enum profile_kind kind, int64_t value)
{
	if (profile_kind_is_time(kind))
		units_ns(text, value);
	else
		units_bytes(text, value < 0 ? 0 : (uint64_t)value);
}

void report_date(char text[32], int64_t unix_ns)
{
	time_t s = (time_t)(unix_ns / 1000000000);
	struct tm tm;

	if (!gmtime_r(&s, &tm) || !strftime(text, 32, "%Y-%m-%d %H:%M:%S UTC", &tm))
		snprintf(text, 32, "-");
}

/* ---- head ---- */

int report_losses(FILE *out, const struct profile *p)
{
	uint32_t i;
	int shown = 0;

	for (i = 0; i < p->n_losses; i++) {
		char n[UNITS_TEXT];

		if (!p->losses[i].count)
			continue;
		fprintf(out, "%s%s ", shown++ ? ", " : "", units_count(n, p->losses[i].count));
		text_print(out, strtab_text(p->strings, p->losses[i].reason), 40, 0);
	}
	return shown;
}

static void head_line(FILE *out, const struct profile *p, const char *what, uint32_t text)
{
	if (text == STRTAB_EMPTY)
		return;
	fprintf(out, "%-9s", what);
	text_print(out, strtab_text(p->strings, text), cli_width() - 9, 0);
	putc('\n', out);
}

static void head_samples(FILE *out, const struct profile *p)
{
	uint64_t samples = 0;
	int64_t cpu = 0;
	char n[UNITS_TEXT], d[UNITS_TEXT], c[UNITS_TEXT];
	size_t i;
	int losses = 0;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == PROFILE_CPU) {
			samples += p->samples[i].count;
			cpu += p->samples[i].value;
		}
	fprintf(out, "samples  %s at %g Hz (%s), CPU %s in %s", units_count(n, samples),
		p->run.rate_hz, strtab_text(p->strings, p->run.engine), units_ns(c, cpu),
		units_ns(d, p->run.duration_ns));
	if (!p->run.finished)
		fprintf(out, "; still being recorded");
	for (i = 0; i < p->n_losses; i++)
		losses += p->losses[i].count > 0;
	fprintf(out, "\nlost     ");
	if (losses)
		report_losses(out, p);
	else
		fprintf(out, "nothing");
	fprintf(out, "\n");
}

void report_head(FILE *out, const struct profile *p)
{
	char date[32];

	report_date(date, p->run.started_at);
	fprintf(out, "run      %.8s  ", strtab_text(p->strings, p->run.id));
	text_print(out, strtab_text(p->strings, p->run.name), 40, 0);
	fprintf(out, "  %s", date);
	if (p->run.signal)
		fprintf(out, "  ended by signal %d", p->run.signal);
	else if (p->run.has_exit_code && p->run.exit_code)
		fprintf(out, "  exit code %d", p->run.exit_code);
	putc('\n', out);
	head_line(out, p, "command", p->run.command);
	fprintf(out, "host     ");
	text_print(out, strtab_text(p->strings, p->run.host), 30, 0);
	fprintf(out, ", %" PRIu32 " x ", p->run.ncpu);
	text_print(out, strtab_text(p->strings, p->run.cpu_model), 40, 0);
	fprintf(out, ", ");
	text_print(out, strtab_text(p->strings, p->run.kernel), 30, 0);
	putc('\n', out);
	if (strcmp(strtab_text(p->strings, p->run.labels), "{}") != 0)
		head_line(out, p, "labels", p->run.labels);
	head_samples(out, p);
}

/* ---- ranked table ---- */

static void share(FILE *out, double part, double whole, double lo, double hi)
{
	if (whole > 0)
		fprintf(out, "%6.1f %% ± %-4.1f", 100 * part / whole, 50 * (hi - lo));
	else
		fprintf(out, "%6s          ", "-");
}

static void say_few(FILE *out, const struct profile *p, const struct report_options *o)
{
	fprintf(out, "no samples of kind %s", profile_kind_name(o->filter.kind));
	if (o->filter.kind == PROFILE_CPU && p->run.rate_hz > 0)
		fprintf(out,
			": the program used less CPU time than one interval of %.3g ms; "
			"protea-prof run -r 10000 takes more",
			1e3 / p->run.rate_hz);
	putc('\n', out);
}

void report_table(FILE *out, struct profile *p, const struct hot_list *list,
		  const struct report_options *o)
{
	size_t limit = o->rows ? (size_t)o->rows : TABLE_ROWS, i, shown = 0;
	int width = cli_width() - 34,
	    has_total = o->by != HOT_THREAD && o->by != HOT_PROCESS && o->by != HOT_STACK;
	char value[32];

	if (!list->n) {
		say_few(out, p, o);
		return;
	}
	report_value(value, o->filter.kind, list->value);
	fprintf(out, "%s by %s, all of it %s\n\n", profile_kind_name(o->filter.kind),
		report_by_name(o->by), value);
	fprintf(out, "%-16s %-16s %s\n", "   self", has_total ? "  total" : "   time",
		report_by_name(o->by));
	for (i = 0; i < list->n && shown < limit; i++) {
		const struct hot_row *r = &list->rows[i];
		const char *detail = text_base(strtab_text(p->strings, r->detail));
		int room = *detail && o->by != HOT_LINE ? width - 1 - (int)strlen(detail) : width;

		if (list->value > 0 && (double)r->total_value < o->min_share * (double)list->value)
			continue;
		share(out, (double)r->self_value, (double)list->value, r->self_lo, r->self_hi);
		putc(' ', out);
		if (has_total) {
			share(out, (double)r->total_value, (double)list->value, r->total_lo,
			      r->total_hi);
		} else {
			report_value(value, o->filter.kind, r->self_value);
			fprintf(out, "%16s", value);
		}
		fprintf(out, "  ");
		text_print(out, strtab_text(p->strings, r->label), room > 16 ? room : 16, 0);
		if (*detail) {
			fprintf(out, "  ");
			text_print(out, detail, width > 40 ? width / 2 : 20, 0);
		}
		putc('\n', out);
		shown++;
	}
	if (shown < list->n)
		fprintf(out, "%*s… %zu more; -n %zu shows all\n", 34, "", list->n - shown, list->n);
}

/* ---- tree ---- */

static void tree_line(FILE *out, struct profile *p, const struct profile_tree *t, uint32_t node,
		      enum profile_kind kind)
{
	const struct calltree_node *n = &t->tree.nodes[node];
	double all = (double)t->tree.nodes[0].total_value;
	const struct tree_label *l = &t->labels[n->label];
	char value[32];
	int indent = (int)(n->depth - 1), room;

	report_value(value, kind, (int64_t)n->total_value);
	fprintf(out, "%6.1f %% %10s %6.1f %%  ", all > 0 ? 100 * (double)n->total_value / all : 0,
		value, all > 0 ? 100 * (double)n->self_value / all : 0);
	if (indent > 40) {
		fprintf(out, "%*s(%d) ", 40, "", indent);
		indent = 46;
	} else {
		fprintf(out, "%*s", indent, "");
	}
	room = cli_width() - 30 - indent;
	text_print(out, strtab_text(p->strings, l->function), room > 24 ? room : 24, 0);
	if (l->line) {
		fprintf(out, "  ");
		text_print(out, text_base(strtab_text(p->strings, l->file)), 30, 0);
		fprintf(out, ":%" PRIu32, l->line);
	}
	putc('\n', out);
}

void report_tree(FILE *out, struct profile *p, const struct profile_tree *t,
		 const struct report_options *o)
{
	double least = o->min_share > 0 ? o->min_share : TREE_MIN_SHARE;
	uint64_t all = t->tree.count ? t->tree.nodes[0].total_value : 0;
	uint32_t i = 1, shown = 0, hidden = 0;
	char value[32];

	if (!all) {
		say_few(out, p, o);
		return;
	}
	report_value(value, o->filter.kind, (int64_t)all);
	fprintf(out, "%s, all of it %s; parts below %.3g %% are left out\n\n",
		profile_kind_name(o->filter.kind), value, 100 * least);
	fprintf(out, "%8s %10s %8s  %s\n", "total", "", "self", "function");
	while (i < t->tree.count) {
		if ((double)t->tree.nodes[i].total_value < least * (double)all ||
		    (o->rows && shown >= (uint32_t)o->rows)) {
			hidden++;
			i = t->tree.nodes[i].end;
			continue;
		}
		tree_line(out, p, t, i, o->filter.kind);
		shown++;
		i++;
	}
	if (hidden)
		fprintf(out, "%*s… %" PRIu32 " smaller parts; --min 0 shows all\n", 28, "", hidden);
}

/* ---- stages ---- */

static const char *ns(char text[UNITS_TEXT], double v)
{
	if (v < 0)
		return "-";
	return units_ns(text, (int64_t)v);
}

void report_stages(FILE *out, const struct profile *p, const struct stage_list *list)
{
	size_t i;

	if (!list->n) {
		fprintf(out, "no stages: the program marks none (see protea-prof.h)\n");
		return;
	}
	fprintf(out, "%-28s %7s %9s %9s %9s %9s %9s %9s %10s %12s\n", "stage", "n", "min", "median",
		"p95", "max", "wall", "CPU", "peak", "items/s");
	for (i = 0; i < list->n; i++) {
		const struct stage_row *r = &list->rows[i];
		char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT], e[UNITS_TEXT],
			f[UNITS_TEXT], g[UNITS_TEXT], h[UNITS_TEXT];
		int indent = r->depth < 8 ? (int)r->depth * 2 : 16;

		fprintf(out, "%*s", indent, "");
		text_print(out, strtab_text(p->strings, r->name), 28 - indent, 28 - indent);
		fprintf(out, " %7s %9s %9s %9s %9s %9s %9s %10s", units_count(a, r->n),
			ns(b, r->wall_ns.min), ns(c, r->wall_ns.median), ns(d, r->wall_ns.p95),
			ns(e, r->wall_ns.max), ns(f, r->wall_ns.sum), ns(g, r->cpu_ns.sum),
			r->peak_heap_bytes.max < 0
				? "-"
				: units_bytes(h, (uint64_t)r->peak_heap_bytes.max));
		if (r->items > 0)
			fprintf(out, " %12.4g", r->items_per_s);
		putc('\n', out);
	}
}
