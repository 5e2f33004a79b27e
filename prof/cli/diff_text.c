/* A comparison as text: what moved first, with its call path, then the stages. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/diff.h"
#include "prof/cli/gate_view.h"
#include "prof/cli/text.h"

#define NOISE_ROWS 3 /* shown when nothing moved */

struct printing {
	FILE *out;
	const struct diff *d;
	const struct diff_wish *wish;
	const struct compare_options *o;
	int line, colour;
};

/* ---- numbers ---- */

static const char *const titles[PROFILE_KINDS] = {
	[PROFILE_CPU] = "CPU time",
	[PROFILE_WALL] = "wall time",
	[PROFILE_OFFCPU] = "time off the CPU",
	[PROFILE_ALLOC] = "bytes allocated",
	[PROFILE_LIVE] = "live bytes",
	[PROFILE_PEAK] = "bytes at the peak",
	[PROFILE_LEAK] = "leaked bytes",
	[PROFILE_TEMPORARY] = "temporary bytes",
	[PROFILE_MMAP] = "mapped bytes",
	[PROFILE_COPY] = "bytes copied",
	[PROFILE_SQL] = "SQL time",
	[PROFILE_GPU] = "GPU time",
};

static const char *const count_titles[PROFILE_KINDS] = {
	[PROFILE_CPU] = "CPU samples",
	[PROFILE_WALL] = "wall samples",
	[PROFILE_OFFCPU] = "samples off the CPU",
	[PROFILE_ALLOC] = "blocks allocated",
	[PROFILE_LIVE] = "live blocks",
	[PROFILE_PEAK] = "blocks at the peak",
	[PROFILE_LEAK] = "leaked blocks",
	[PROFILE_TEMPORARY] = "temporary blocks",
	[PROFILE_MMAP] = "mappings",
	[PROFILE_COPY] = "copies",
	[PROFILE_SQL] = "SQL statements",
	[PROFILE_GPU] = "GPU calls",
};

const char *diff_kind_title(const struct compare_options *o)
{
	return o->counts ? count_titles[o->kind] : titles[o->kind];
}

/* `sign`: "+" in front of what is not negative. */
static void put_value(char out[UNITS_TEXT], const struct compare_options *o, double value, int sign)
{
	char text[UNITS_TEXT];
	double size = fabs(value);

	if (!isfinite(value))
		snprintf(text, sizeof text, "-");
	else if (o->counts)
		units_count(text, size < 1.8e19 ? (uint64_t)(size + 0.5) : UINT64_MAX);
	else if (profile_kind_is_time(o->kind))
		units_ns(text, size < 9e18 ? (int64_t)(size + 0.5) : INT64_MAX);
	else
		units_bytes(text, size < 1.8e19 ? (uint64_t)(size + 0.5) : UINT64_MAX);
	snprintf(out, UNITS_TEXT, "%s%.28s", value < 0 ? "-" : sign && value > 0 ? "+" : "", text);
}

static void put_share(char out[UNITS_TEXT], double part, double whole)
{
	if (whole > 0 && isfinite(part))
		snprintf(out, UNITS_TEXT, "%+.1f %%", 100 * part / whole);
	else
		snprintf(out, UNITS_TEXT, "-");
}

static void put_error(char out[UNITS_TEXT], const struct compare_options *o,
		      const struct compare_value *v)
{
	char text[UNITS_TEXT];

	if (!(v->hi > v->lo)) {
		snprintf(out, UNITS_TEXT, "exact");
		return;
	}
	put_value(text, o, (v->hi - v->lo) / 2, 0);
	snprintf(out, UNITS_TEXT, "± %.24s", text);
}

static void put_change(char out[UNITS_TEXT], const struct compare_function *f)
{
	char text[GATE_TEXT];

	if (!(f->self.a > 0) && f->self.b > 0)
		snprintf(out, UNITS_TEXT, "new");
	else if (f->self.a > 0 && !(f->self.b > 0))
		snprintf(out, UNITS_TEXT, "gone");
	else
		snprintf(out, UNITS_TEXT, "%.30s", gate_view_change(text, f->self.change));
}

/* ---- colours: red is more, green is less ---- */

static void begin_colour(const struct printing *x, double delta, int moved)
{
	if (x->colour && moved && (delta > 0 || delta < 0))
		fputs(delta > 0 ? "\033[31m" : "\033[32m", x->out);
}

static void end_colour(const struct printing *x, double delta, int moved)
{
	if (x->colour && moved && (delta > 0 || delta < 0))
		fputs("\033[0m", x->out);
}

static void put_dim(const struct printing *x, const char *text, int indent)
{
	int room = x->line - indent;

	fprintf(x->out, "%*s%s", indent, "", x->colour ? "\033[2m" : "");
	text_print(x->out, text, room > 20 ? room : 20, 0);
	fprintf(x->out, "%s\n", x->colour ? "\033[0m" : "");
}

/* ---- the head ---- */

static void print_side(const struct printing *x, int group)
{
	static const char *const names[METRICS_GROUPS] = {"base", "candidate"};
	const struct gate_shown side = {
		.text = x->d->groups[group].text,
		.what = x->d->groups[group].what,
		.runs = group ? x->d->table.runs_b : x->d->table.runs_a,
		.n = group ? x->d->table.n_b : x->d->table.n_a,
	};
	struct buf line = BUF_INIT;

	gate_view_side(&line, &side);
	fprintf(x->out, "%-11s", names[group]);
	text_print(x->out, buf_str(&line), x->line > 40 ? x->line - 11 : 29, 0);
	putc('\n', x->out);
	buf_release(&line);
}

static void print_total(const struct printing *x)
{
	const struct compare_value *w = compare_whole(x->d->functions);
	const struct compare_place *e = compare_explanation(x->d->functions);
	char a[UNITS_TEXT], b[UNITS_TEXT], delta[UNITS_TEXT], change[GATE_TEXT];

	put_value(a, x->o, w->a, 0);
	put_value(b, x->o, w->b, 0);
	put_value(delta, x->o, w->delta, 1);
	fprintf(x->out, "%s  %s \u2192 %s", diff_kind_title(x->o), a, b);
	if (w->delta > 0 || w->delta < 0) {
		fputs(", ", x->out);
		begin_colour(x, w->delta, w->q <= COMPARE_ALPHA);
		fputs(delta, x->out);
		if (isfinite(w->change))
			fprintf(x->out, " (%s)", gate_view_change(change, w->change));
		end_colour(x, w->delta, w->q <= COMPARE_ALPHA);
		put_error(a, x->o, w);
		fprintf(x->out, " %s", a);
	}
	fputs(x->o->stage ? ", in stage " : "", x->out);
	text_print(x->out, x->o->stage ? x->o->stage : "", 40, 0);
	putc('\n', x->out);
	if (!e->stack)
		return;
	put_value(delta, x->o, e->delta, 1);
	fprintf(x->out, "  %s of it (%.0f %%) in\n", delta, 100 * e->part);
	put_dim(x, compare_text(x->d->functions, e->stack), 4);
}

/* ---- functions ---- */

const char *diff_fate_name(enum compare_fate fate)
{
	static const char *const names[] = {NULL, "new", "gone", "inlined", "outlined", "renamed"};

	return names[fate];
}

/* What became of it, as far as the numbers tell. */
static void print_fate(const struct printing *x, const struct compare_function *f)
{
	const struct compare_function *rows;
	const char *partner = "";
	struct buf text = BUF_INIT;
	size_t n;

	rows = compare_rows(x->d->functions, &n);
	if (f->partner < n)
		partner = compare_text(x->d->functions, rows[f->partner].function);
	if (f->fate == COMPARE_INLINED)
		buf_printf(&text, "likely inlined: what it took is now in %s", partner);
	else if (f->fate == COMPARE_OUTLINED)
		buf_printf(&text, "likely no longer inlined: what it takes was in %s", partner);
	else if (f->fate == COMPARE_RENAMED)
		buf_printf(&text, "likely renamed: %s has the same callers and cost", partner);
	if (text.len)
		put_dim(x, buf_str(&text), 4);
	buf_release(&text);
}

static void print_where(const struct printing *x, const struct compare_function *f)
{
	const struct compare *c = x->d->functions;
	const char *stage = compare_text(c, f->stage), *stack = compare_text(c, f->stack);
	struct buf text = BUF_INIT;

	if (x->o->by != COMPARE_BY_STAGE && *stage)
		buf_printf(&text, "%s: ", stage);
	if (x->o->by != COMPARE_BY_STACK)
		buf_puts(&text, stack);
	if (text.len)
		put_dim(x, buf_str(&text), 4);
	buf_release(&text);
}

enum { CHANGE, PERCENT, ERROR, BASE, CANDIDATE, SHARE, TOTAL };

static void fill_row(struct columns *t, size_t row, const struct printing *x,
		     const struct compare_function *f)
{
	const struct compare_value *whole = compare_whole(x->d->functions);

	put_value(t->cells[row][CHANGE], x->o, f->self.delta, 1);
	put_change(t->cells[row][PERCENT], f);
	put_error(t->cells[row][ERROR], x->o, &f->self);
	put_value(t->cells[row][BASE], x->o, f->self.a, 0);
	put_value(t->cells[row][CANDIDATE], x->o, f->self.b, 0);
	put_share(t->cells[row][SHARE], f->self.delta, whole->a);
	if (fabs(f->total.delta - f->self.delta) > 0)
		put_value(t->cells[row][TOTAL], x->o, f->total.delta, 1);
}

static void print_row(const struct printing *x, const struct columns *t, size_t row,
		      const struct compare_function *f, int room)
{
	const struct compare *c = x->d->functions;
	const char *detail = text_base(compare_text(c, f->module));
	int moved = compare_moved(f);

	if (f->detail)
		detail = compare_text(c, f->detail);
	begin_colour(x, f->self.delta, moved);
	columns_print(x->out, t, row);
	end_colour(x, f->self.delta, moved);
	text_pair(x->out, compare_text(c, f->function), x->o->by == COMPARE_BY_STACK ? "" : detail,
		  room);
	putc('\n', x->out);
	print_where(x, f);
	print_fate(x, f);
}

static int add_columns(struct columns *t)
{
	columns_add(t, "change", 0);
	columns_add(t, "%", 0);
	columns_add(t, "95 %", 1);
	columns_add(t, "base", 0);
	columns_add(t, "candidate", 0);
	columns_add(t, "of total", 2);
	columns_add(t, "with calls", 3);
	return 0;
}

static void print_table(const struct printing *x, const struct compare_function *rows, size_t n)
{
	struct columns t;
	size_t i;
	int room;

	if (columns_init(&t, n))
		return;
	add_columns(&t);
	for (i = 0; i < n; i++)
		fill_row(&t, i, x, &rows[i]);
	room = columns_fit(&t, x->line, 26);
	columns_print(x->out, &t, SIZE_MAX);
	fprintf(x->out, "%s\n", compare_by_name(x->o->by));
	for (i = 0; i < n; i++)
		print_row(x, &t, i, &rows[i], room);
	columns_release(&t);
}

struct tally {
	size_t moved, still, unsaid; /* rows; unsaid: too few samples */
};

static struct tally count_rows(const struct compare_function *rows, size_t n)
{
	struct tally t = {0};
	size_t i;

	for (i = 0; i < n; i++) {
		if (!(rows[i].self.a > 0) && !(rows[i].self.b > 0))
			continue; /* only calls others */
		t.moved += compare_moved(&rows[i]) != 0;
		t.unsaid += isnan(rows[i].self.q) != 0;
		t.still += rows[i].self.q > COMPARE_ALPHA;
	}
	return t;
}

static const char *plural(size_t n)
{
	return n == 1 ? "" : "s";
}

static void print_rest(const struct printing *x, const struct tally *t, size_t shown)
{
	const char *by = compare_by_name(x->o->by);

	if (x->wish->all)
		return;
	if (t->moved > shown)
		fprintf(x->out, "%zu more %s%s moved (--limit)\n", t->moved - shown, by,
			plural(t->moved - shown));
	if (t->still || t->unsaid)
		fprintf(x->out, "not beyond noise: %zu %s%s", t->still, by, plural(t->still));
	if (t->unsaid)
		fprintf(x->out, "; too few samples to say: %zu", t->unsaid);
	if (t->still || t->unsaid)
		fputs(" (--all)\n", x->out);
}

static void print_functions(const struct printing *x)
{
	size_t n, limit = x->wish->limit > 0 ? (size_t)x->wish->limit : DIFF_ROWS, shown;
	const struct compare_function *rows = compare_rows(x->d->functions, &n);
	struct tally t = count_rows(rows, n);
	const char *by = compare_by_name(x->o->by);

	putc('\n', x->out);
	shown = t.moved < limit ? t.moved : limit;
	if (x->wish->all && !x->wish->limit)
		shown = n;
	else if (x->wish->all)
		shown = n < limit ? n : limit;
	if (!t.moved && n)
		fprintf(x->out, "no %s moved beyond noise; the largest differences:\n", by);
	if (!t.moved && !x->wish->all)
		shown = n < NOISE_ROWS ? n : NOISE_ROWS;
	if (shown)
		print_table(x, rows, shown);
	print_rest(x, &t, t.moved ? shown : 0);
}

/* ---- stages ---- */

enum { V_METRIC, V_BASE, V_CANDIDATE, V_CHANGE, V_INTERVAL };

static int is_shown(const struct printing *x, const struct diff_value *v)
{
	return x->wish->all || !v->row->stage || diff_value_moved(v);
}

static void fill_value(struct columns *t, size_t row, const struct diff_value *v)
{
	const struct gate_row as_gate = {.d = v->d};
	char text[GATE_TEXT], value[METRIC_TEXT];

	snprintf(t->cells[row][V_METRIC], UNITS_TEXT, "%.31s", metric_title(v->row->metric));
	snprintf(t->cells[row][V_BASE], UNITS_TEXT, "%.31s",
		 metric_text(value, v->row->metric, v->d.base));
	snprintf(t->cells[row][V_CANDIDATE], UNITS_TEXT, "%.31s",
		 metric_text(value, v->row->metric, v->d.candidate));
	snprintf(t->cells[row][V_CHANGE], UNITS_TEXT, "%.31s",
		 isnan(v->d.base) && isfinite(v->d.candidate) ? "new"
		 : isnan(v->d.candidate) && isfinite(v->d.base)
			 ? "gone"
			 : gate_view_change(text, v->d.change));
	snprintf(t->cells[row][V_INTERVAL], UNITS_TEXT, "%.31s",
		 gate_view_interval(text, &as_gate));
}

static void print_values_of(const struct printing *x, struct columns *t, int room)
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
		begin_colour(x, delta, moved);
		columns_print(x->out, t, row++);
		end_colour(x, delta, moved);
		text_print(x->out, last && strcmp(last, stage) == 0 ? "" : stage, room, 0);
		putc('\n', x->out);
		last = stage;
	}
}

static void print_values(const struct printing *x)
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
		fprintf(x->out, "as before: %zu other value%s of stages (--all)\n",
			x->d->n_values - shown, plural(x->d->n_values - shown));
	columns_release(&t);
}

/* ---- what to make of it ---- */

static void print_remark(const struct printing *x, const char *text)
{
	text_print(x->out, text, 0, 0);
	putc('\n', x->out);
}

static void print_scale(const struct printing *x)
{
	static const char *const of[] = {NULL, "its total is that of the base",
					 "it took as long as the base",
					 "each stage's total is that of the base",
					 "each stage had as many items as in the base"};

	if (x->o->norm != COMPARE_NONE)
		fprintf(x->out, "each run is scaled so that %s\n", of[x->o->norm]);
}

static void print_remarks(const struct printing *x)
{
	const struct compare *c = x->d->functions;
	const char *remark;
	size_t i;

	putc('\n', x->out);
	print_scale(x);
	if (compare_test(c) == COMPARE_SAMPLING)
		print_remark(x, "one run a side: \"95 %\" is the noise of sampling alone; what "
				"varies from run to run is not known: record each side several "
				"times");
	else if (compare_test(c) == COMPARE_EXACT)
		print_remark(x, "measured in full: every difference is one of these runs");
	else
		fprintf(x->out, "means of %zu + %zu runs; \"95 %%\" is what varies between runs\n",
			compare_runs(c, 0), compare_runs(c, 1));
	for (i = 0; (remark = compare_remark(c, i)); i++)
		print_remark(x, remark);
}

void diff_text(FILE *out, const struct diff *d, const struct diff_wish *wish)
{
	struct printing x = {.out = out,
			     .d = d,
			     .wish = wish,
			     .o = compare_options(d->functions),
			     .line = cli_width(),
			     .colour = cli_colour()};

	print_side(&x, 0);
	print_side(&x, 1);
	print_total(&x);
	print_functions(&x);
	print_values(&x);
	print_remarks(&x);
}
