/* The report as text for people: head, ranked table, call tree. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report.h"
#include "prof/cli/text.h"

#define TABLE_ROWS 30

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

const char *report_unit(enum profile_kind kind)
{
	return profile_kind_is_time(kind) ? "ns" : "bytes";
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

static uint64_t sum_kind(const struct profile *p, enum profile_kind kind, int64_t *value)
{
	uint64_t samples = 0;
	double sum = 0;
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == (uint32_t)kind) {
			samples += p->samples[i].count;
			sum += (double)p->samples[i].value;
		}
	*value = sum < 9e18 && sum > -9e18 ? (int64_t)sum : INT64_MAX;
	return samples;
}

static void head_samples(FILE *out, const struct profile *p)
{
	int64_t cpu, wall;
	uint64_t samples = sum_kind(p, PROFILE_CPU, &cpu), asleep;
	char n[UNITS_TEXT], d[UNITS_TEXT], c[UNITS_TEXT];

	fprintf(out, "samples  %s at %g Hz", units_count(n, samples), p->run.rate_hz);
	if (p->run.engine != STRTAB_EMPTY) { /* known once the run ended */
		fprintf(out, " (");
		text_print(out, strtab_text(p->strings, p->run.engine), 12, 0);
		putc(')', out);
	}
	fprintf(out, ", CPU %s in %s", units_ns(c, cpu), units_ns(d, p->run.duration_ns));
	asleep = sum_kind(p, PROFILE_WALL, &wall);
	if (asleep)
		fprintf(out, "; %s of wall time, %s", units_count(n, asleep), units_ns(c, wall));
	if (!p->run.finished)
		fprintf(out, " so far; still being recorded");
	fprintf(out, "\nlost     ");
	if (!report_losses(out, p))
		fprintf(out, "nothing");
	putc('\n', out);
}

static int is_text(const struct profile *p, uint32_t string, const char *text)
{
	return strcmp(strtab_text(p->strings, string), text) == 0;
}

/* A file of callgrind knows costs, by the name of their event, and no times. */
static void head_costs(FILE *out, const struct profile *p)
{
	char n[UNITS_TEXT];
	int64_t value;

	fprintf(out, "cost     %s ", units_count(n, sum_kind(p, PROFILE_CPU, &value)));
	text_print(out, strtab_text(p->strings, p->run.mode), 40, 0);
	fprintf(out, " (callgrind; shown as ns below)\n");
}

/* Of another tool's file: what kinds it had. What that tool lost, the file does not say. */
static void head_imported(FILE *out, const struct profile *p)
{
	char n[UNITS_TEXT], v[UNITS_TEXT];
	int kind, first = 1;

	fprintf(out, "samples  ");
	for (kind = 0; kind < PROFILE_KINDS; kind++) {
		int64_t value;
		uint64_t count = sum_kind(p, (enum profile_kind)kind, &value);

		if (!count && !value)
			continue;
		fprintf(out, "%s%s of %s, %s", first ? "" : "; ", units_count(n, count),
			profile_kind_name((enum profile_kind)kind),
			profile_kind_is_time((enum profile_kind)kind)
				? units_ns(v, value)
				: units_bytes(v, (uint64_t)value));
		first = 0;
	}
	if (p->run.rate_hz > 0)
		fprintf(out, ", at %g Hz", p->run.rate_hz);
	if (p->run.duration_ns > 0)
		fprintf(out, ", in %s", units_ns(v, p->run.duration_ns));
	fprintf(out, " (import)\nlost     not known\n");
}

static void head_host(FILE *out, const struct profile *p)
{
	fprintf(out, "host     ");
	text_print(out, strtab_text(p->strings, p->run.host), 30, 0);
	if (p->run.ncpu)
		fprintf(out, ", %" PRIu32 " x ", p->run.ncpu);
	else
		fprintf(out, ", ");
	text_print(out, strtab_text(p->strings, p->run.cpu_model), 40, 0);
	fprintf(out, ", ");
	text_print(out, strtab_text(p->strings, p->run.kernel), 30, 0);
	putc('\n', out);
}

void report_head(FILE *out, const struct profile *p)
{
	int costs = is_text(p, p->run.engine, "callgrind"),
	    imported = is_text(p, p->run.engine, "import");
	char date[32];

	report_date(date, p->run.started_at);
	fprintf(out, "run      %.8s", strtab_text(p->strings, p->run.id));
	fprintf(out, "  ");
	text_print(out, strtab_text(p->strings, p->run.name), 40, 0);
	fprintf(out, "  %s", date);
	if (p->run.signal)
		fprintf(out, "  ended by signal %d", p->run.signal);
	else if (p->run.has_exit_code && p->run.exit_code)
		fprintf(out, "  exit code %d", p->run.exit_code);
	putc('\n', out);
	head_line(out, p, "command", p->run.command);
	if ((!imported && !costs) || p->run.host != STRTAB_EMPTY)
		head_host(out, p);
	if (strcmp(strtab_text(p->strings, p->run.labels), "{}") != 0)
		head_line(out, p, "labels", p->run.labels);
	if (costs)
		head_costs(out, p);
	else if (imported)
		head_imported(out, p);
	else
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

/* A program that is too short for the rate is the usual reason, but not where samples were lost, or only a part of
 * them is asked for. */
static void say_few(FILE *out, const struct profile *p, const struct report_options *o)
{
	const char *part = o->filter.stage    ? " in this stage"
			   : o->filter.thread ? " of this thread"
					      : NULL;
	uint32_t i;

	fprintf(out, "no samples of kind %s%s", profile_kind_name(o->filter.kind),
		part ? part : "");
	for (i = 0; i < p->n_losses && !p->losses[i].count; i++)
		;
	if (i < p->n_losses)
		fprintf(out, "; some were lost, see above");
	else if (!part && o->filter.kind == PROFILE_CPU && p->run.rate_hz > 0)
		fprintf(out,
			": the program used less CPU time than one interval of %.3g ms; "
			"protea-prof run -r 10000 takes more",
			1e3 / p->run.rate_hz);
	putc('\n', out);
}

int report_wants(const struct hot_list *list, const struct hot_row *row,
		 const struct report_options *o)
{
	return list->value <= 0 || (double)row->total_value >= o->min_share * (double)list->value;
}

#define BARS 33 /* columns before the label */

static void table_row(FILE *out, const struct profile *p, const struct hot_list *list,
		      const struct hot_row *r, const struct report_options *o, int has_total)
{
	/* A line that is not known is shown by its function alone. */
	const char *detail = r->detail == r->label ? "" : strtab_text(p->strings, r->detail);
	char value[32];

	share(out, (double)r->self_value, (double)list->value, r->self_lo, r->self_hi);
	if (has_total) {
		putc(' ', out);
		share(out, (double)r->total_value, (double)list->value, r->total_lo, r->total_hi);
	} else {
		report_value(value, o->filter.kind, r->self_value);
		fprintf(out, "%16s", value);
	}
	fprintf(out, "  ");
	text_pair(out, strtab_text(p->strings, r->label),
		  o->by == HOT_FUNCTION ? text_base(detail) : detail, cli_width() - BARS);
	putc('\n', out);
}

void report_table(FILE *out, struct profile *p, const struct hot_list *list,
		  const struct report_options *o)
{
	size_t limit = o->rows ? (size_t)o->rows : TABLE_ROWS, i, shown = 0;
	int has_total = o->by != HOT_THREAD && o->by != HOT_PROCESS && o->by != HOT_STACK;
	char value[32];

	if (!list->n) {
		say_few(out, p, o);
		return;
	}
	report_value(value, o->filter.kind, list->value);
	fprintf(out, "%s by %s, all of it %s\n\n", profile_kind_name(o->filter.kind),
		report_by_name(o->by), value);
	if (has_total)
		fprintf(out, "%8s%16s%9s%s\n", "self", "total", "", report_by_name(o->by));
	else
		fprintf(out, "%8s%23s  %s\n", "self",
			profile_kind_is_time(o->filter.kind) ? "time" : "size",
			report_by_name(o->by));
	for (i = 0; i < list->n && shown < limit; i++) {
		if (!report_wants(list, &list->rows[i], o))
			continue;
		table_row(out, p, list, &list->rows[i], o, has_total);
		shown++;
	}
	if (shown < list->n)
		fprintf(out, "%*s… %zu more; %s shows all\n", BARS, "", list->n - shown,
			o->min_share > 0 ? "-n 0 --min 0" : "-n 0");
}

/* ---- tree ---- */

#define TREE_BARS 30 /* columns before a function */

static void tree_line(FILE *out, struct profile *p, const struct profile_tree *t, uint32_t node,
		      enum profile_kind kind)
{
	const struct calltree_node *n = &t->tree.nodes[node];
	double all = (double)t->tree.nodes[0].total_value;
	const struct tree_label *l = &t->labels[n->label];
	int indent = (int)(n->depth - 1), room = cli_width() - TREE_BARS;
	char value[32], where[64] = "";

	report_value(value, kind, (int64_t)n->total_value);
	fprintf(out, "%6.1f %% %10s %6.1f %%  ", 100 * (double)n->total_value / all, value,
		100 * (double)n->self_value / all);
	if (indent > room / 2) { /* deeper ones stay below each other and say how deep they are */
		room -= fprintf(out, "%*s(%d) ", room / 2, "", indent);
	} else {
		room -= fprintf(out, "%*s", indent, "");
	}
	if (l->line)
		snprintf(where, sizeof(where), "%.40s:%" PRIu32,
			 text_base(strtab_text(p->strings, l->file)), l->line);
	text_pair(out, strtab_text(p->strings, l->function), where, room);
	putc('\n', out);
}

void report_tree(FILE *out, struct profile *p, const struct profile_tree *t,
		 const struct report_options *o)
{
	const struct calltree_node *nodes = t->tree.nodes;
	uint64_t all = t->tree.count ? nodes[0].total_value : 0;
	uint32_t i = 1, shown = 0, hidden = 0;
	char value[32];

	if (!all) {
		say_few(out, p, o);
		return;
	}
	report_value(value, o->filter.kind, (int64_t)all);
	fprintf(out, "%s, all of it %s", profile_kind_name(o->filter.kind), value);
	if (o->min_share * (double)all >= 1)
		fprintf(out, "; parts below %.3g %% are left out", 100 * o->min_share);
	fprintf(out, "\n\n%8s %10s %8s  %s\n", "total", "", "self", "function");
	if (nodes[0].self_value) {
		report_value(value, o->filter.kind, (int64_t)nodes[0].self_value);
		fprintf(out, "%6.1f %% %10s %6.1f %%  [no stack]\n",
			100 * (double)nodes[0].self_value / (double)all, value,
			100 * (double)nodes[0].self_value / (double)all);
	}
	while (i < t->tree.count) {
		if ((double)nodes[i].total_value < o->min_share * (double)all ||
		    (o->rows && shown >= (uint32_t)o->rows)) {
			hidden++;
			i = nodes[i].end;
			continue;
		}
		tree_line(out, p, t, i++, o->filter.kind);
		shown++;
	}
	if (hidden)
		fprintf(out, "%*s… %" PRIu32 " more parts; --min 0%s shows all\n", TREE_BARS - 2,
			"", hidden, o->rows ? " -n 0" : "");
}
