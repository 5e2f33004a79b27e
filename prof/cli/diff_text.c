/* A comparison as text: what moved first, with its call path, then the stages. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/cli/cmd.h"
#include "prof/cli/columns.h"
#include "prof/cli/diff_print.h"
#include "prof/cli/gate_view.h"
#include "prof/cli/text.h"
#include "prof/cli/wrapped.h"

#define NOISE_ROWS 3 /* shown when nothing moved */

/* A path without what comes before main and before the first function of a thread. */
static const char *without_start(const char *path)
{
	static const char *const starts[] = {"_start",
					     "__libc_start_main",
					     "__libc_start_main_impl",
					     "__libc_start_call_main",
					     "clone",
					     "clone3",
					     "__clone3",
					     "start_thread"};
	size_t n = sizeof starts / sizeof starts[0], i, len;

	do {
		len = strcspn(path, ";");
		for (i = 0; i < n; i++)
			if (strlen(starts[i]) == len && memcmp(path, starts[i], len) == 0)
				break;
		if (i == n || !path[len])
			return path;
		path += len + 1;
	} while (*path);
	return path;
}

/* ---- the head ---- */

static void print_side(const struct diff_printing *x, int group)
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
	wrapped_print(x->out, buf_str(&line), 11, 11);
	buf_release(&line);
}

static void print_total(const struct diff_printing *x)
{
	const struct compare_value *w = compare_whole(x->d->functions);
	const struct compare_place *e = compare_explanation(x->d->functions);
	char a[UNITS_TEXT], b[UNITS_TEXT], delta[UNITS_TEXT], change[UNITS_TEXT];

	diff_put_ratio(change, w->change);
	diff_put_value(a, x->o, w->a, 0);
	diff_put_value(b, x->o, w->b, 0);
	diff_put_value(delta, x->o, w->delta, 1);
	fprintf(x->out, "%s  %s \u2192 %s", diff_kind_title(x->o), a, b);
	if (w->delta > 0 || w->delta < 0) {
		fputs(", ", x->out);
		diff_begin_colour(x, w->delta, w->q <= COMPARE_ALPHA);
		fputs(delta, x->out);
		if (isfinite(w->change))
			fprintf(x->out, " (%s)", change);
		diff_end_colour(x, w->delta, w->q <= COMPARE_ALPHA);
		diff_put_error(a, x->o, w);
		/* All that was sampled in one run is known, how it varies between runs is not. */
		if (w->hi > w->lo || compare_test(x->d->functions) != COMPARE_SAMPLING)
			fprintf(x->out, " %s", a);
	}
	fputs(x->o->stage ? ", in stage " : "", x->out);
	text_print(x->out, x->o->stage ? x->o->stage : "", 40, 0);
	putc('\n', x->out);
	if (!e->stack)
		return;
	diff_put_value(delta, x->o, e->delta, 1);
	fprintf(x->out, "  %s of it (%.0f %%) in\n", delta, 100 * e->part);
	diff_put_dim(x, without_start(compare_text(x->d->functions, e->stack)), 4);
}

/* ---- functions ---- */

/* What became of it, as far as the numbers tell. */
static void print_fate(const struct diff_printing *x, const struct compare_function *f)
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
		diff_put_dim(x, buf_str(&text), 4);
	buf_release(&text);
}

static void print_where(const struct diff_printing *x, const struct compare_function *f)
{
	const struct compare *c = x->d->functions;
	const char *stage = compare_text(c, f->stage), *stack = compare_text(c, f->stack);
	struct buf text = BUF_INIT;

	if (x->o->by == COMPARE_BY_STACK && *stage)
		buf_printf(&text, "in stage %s", stage);
	else if (x->o->by != COMPARE_BY_STAGE && *stage)
		buf_printf(&text, "%s: ", stage);
	if (x->o->by != COMPARE_BY_STACK &&
	    (text.len || strcmp(stack, compare_text(c, f->function)) != 0))
		buf_puts(&text, without_start(stack));
	if (text.len)
		diff_put_dim(x, buf_str(&text), 4);
	buf_release(&text);
}

static void put_change(char out[UNITS_TEXT], const struct compare_function *f)
{
	if (!(f->self.a > 0) && f->self.b > 0)
		snprintf(out, UNITS_TEXT, "new");
	else if (f->self.a > 0 && !(f->self.b > 0))
		snprintf(out, UNITS_TEXT, "gone");
	else
		diff_put_ratio(out, f->self.change);
}

enum { CHANGE, PERCENT, ERROR, BASE, CANDIDATE, SHARE, TOTAL };

static void fill_row(struct columns *t, size_t row, const struct diff_printing *x,
		     const struct compare_function *f)
{
	const struct compare_value *whole = compare_whole(x->d->functions);

	diff_put_value(t->cells[row][CHANGE], x->o, f->self.delta, 1);
	put_change(t->cells[row][PERCENT], f);
	diff_put_error(t->cells[row][ERROR], x->o, &f->self);
	diff_put_value(t->cells[row][BASE], x->o, f->self.a, 0);
	diff_put_value(t->cells[row][CANDIDATE], x->o, f->self.b, 0);
	diff_put_share(t->cells[row][SHARE], f->self.delta, whole->a);
	if (fabs(f->total.delta - f->self.delta) > 0)
		diff_put_value(t->cells[row][TOTAL], x->o, f->total.delta, 1);
}

static void print_row(const struct diff_printing *x, const struct columns *t, size_t row,
		      const struct compare_function *f, int room)
{
	const struct compare *c = x->d->functions;
	const char *detail = text_base(compare_text(c, f->module));
	int moved = compare_moved(f);

	if (f->detail)
		detail = compare_text(c, f->detail);
	diff_begin_colour(x, f->self.delta, moved);
	columns_print(x->out, t, row);
	diff_end_colour(x, f->self.delta, moved);
	if (x->o->by == COMPARE_BY_STACK)
		text_print(x->out, without_start(compare_text(c, f->function)), room, 0);
	else
		text_pair(x->out, compare_text(c, f->function), detail, room);
	putc('\n', x->out);
	print_where(x, f);
	print_fate(x, f);
}

static void add_columns(struct columns *t)
{
	columns_add(t, "change", 0);
	columns_add(t, "%", 0);
	columns_add(t, "95 %", 1);
	columns_add(t, "base", 0);
	columns_add(t, "candidate", 0);
	columns_add(t, "of total", 2);
	columns_add(t, "with callees", 3);
}

static void print_table(const struct diff_printing *x, const struct compare_function *rows,
			size_t n)
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

static void print_rest(const struct diff_printing *x, const struct tally *t, size_t shown)
{
	const char *by = compare_by_name(x->o->by);

	if (x->wish->all)
		return;
	if (t->moved > shown)
		fprintf(x->out, "%zu more %s%s moved (--limit)\n", t->moved - shown, by,
			diff_plural(t->moved - shown));
	if (t->still)
		fprintf(x->out, "%s: %zu %s%s",
			compare_test(x->d->functions) == COMPARE_EXACT ? "as before"
								       : "not beyond noise",
			t->still, by, diff_plural(t->still));
	if (t->unsaid)
		fprintf(x->out, "%stoo few samples to say: %zu", t->still ? "; " : "", t->unsaid);
	if (t->still || t->unsaid)
		fputs(" (--all)\n", x->out);
}

/* When nothing moved: some of the largest differences. */
static size_t largest(const struct compare_function *rows, size_t n)
{
	size_t i = 0;

	while (i < n && i < NOISE_ROWS && (rows[i].self.delta > 0 || rows[i].self.delta < 0))
		i++;
	return i;
}

static void print_functions(const struct diff_printing *x)
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
	if (!t.moved)
		fprintf(x->out, "no %s moved%s\n", by,
			!n || !(rows[0].self.delta > 0 || rows[0].self.delta < 0)
				? ""
				: " beyond noise; the largest differences:");
	if (!t.moved && !x->wish->all)
		shown = largest(rows, n);
	if (shown)
		print_table(x, rows, shown);
	print_rest(x, &t, t.moved ? shown : 0);
}

/* ---- with callees ---- */

static void print_sum(const struct diff_printing *x, const struct columns *t, size_t row,
		      const struct compare_function *f, int room)
{
	const struct compare *c = x->d->functions;

	diff_begin_colour(x, f->total.delta, 1);
	columns_print(x->out, t, row);
	diff_end_colour(x, f->total.delta, 1);
	text_pair(x->out, compare_text(c, f->function), text_base(compare_text(c, f->module)),
		  room);
	putc('\n', x->out);
	if (strcmp(compare_text(c, f->stack), compare_text(c, f->function)) != 0)
		diff_put_dim(x, without_start(compare_text(c, f->stack)), 4);
}

static void fill_sum(struct columns *t, size_t row, const struct diff_printing *x,
		     const struct compare_function *f)
{
	const struct compare_function as_self = {.self = f->total, .total = f->total};

	fill_row(t, row, x, &as_self);
}

/* Functions that cost more or less with all they call, while nothing below them moved by enough to be named. */
static void print_sums(const struct diff_printing *x)
{
	size_t n, i, k = 0, limit = x->wish->limit > 0 ? (size_t)x->wish->limit : DIFF_ROWS;
	const struct compare_function *rows = compare_rows(x->d->functions, &n);
	const struct compare_function **sums = calloc(n + 1, sizeof *sums);
	struct columns t;
	int room;

	for (i = 0; sums && i < n && k < limit; i++)
		if (rows[i].is_sum)
			sums[k++] = &rows[i];
	if (!k || columns_init(&t, k)) {
		free(sums);
		return;
	}
	add_columns(&t);
	for (i = 0; i < k; i++)
		fill_sum(&t, i, x, sums[i]);
	fputs("\nwith all that they call, where nothing alone moved by enough:\n", x->out);
	room = columns_fit(&t, x->line, 26);
	columns_print(x->out, &t, SIZE_MAX);
	fprintf(x->out, "%s\n", compare_by_name(x->o->by));
	for (i = 0; i < k; i++)
		print_sum(x, &t, i, sums[i], room);
	columns_release(&t);
	free(sums);
}

/* ---- what to make of it ---- */

static void print_scale(const struct diff_printing *x)
{
	static const char *const of[] = {NULL, "its total is that of the base",
					 "it took as long as the base",
					 "each stage's total is that of the base",
					 "each stage had as many items as in the base"};

	if (x->o->norm != COMPARE_NONE)
		fprintf(x->out, "each run is scaled so that %s\n", of[x->o->norm]);
}

static void print_runs(const struct diff_printing *x)
{
	struct buf text = BUF_INIT;

	buf_printf(
		&text,
		"%ss: means of %zu + %zu runs; values of stages: medians; \"95 %%\": what varies "
		"between runs",
		compare_by_name(x->o->by), compare_runs(x->d->functions, 0),
		compare_runs(x->d->functions, 1));
	diff_put_wrapped(x, buf_str(&text));
	buf_release(&text);
}

static void print_remarks(const struct diff_printing *x)
{
	const struct compare *c = x->d->functions;
	const char *remark;
	size_t i;

	putc('\n', x->out);
	print_scale(x);
	if (compare_test(c) == COMPARE_EXACT)
		diff_put_wrapped(x, "measured in full: every difference is one of these runs");
	else if (compare_test(c) == COMPARE_RUNS)
		print_runs(x);
	for (i = 0; (remark = diff_remark_text(x->d, i)); i++)
		diff_put_wrapped(x, remark);
}

void diff_text(FILE *out, const struct diff *d, const struct diff_wish *wish)
{
	struct diff_printing x = {.out = out,
				  .d = d,
				  .wish = wish,
				  .o = compare_options(d->functions),
				  .line = cli_width(),
				  .colour = cli_colour()};

	print_side(&x, 0);
	print_side(&x, 1);
	print_total(&x);
	print_functions(&x);
	print_sums(&x);
	diff_text_values(&x);
	print_remarks(&x);
}
