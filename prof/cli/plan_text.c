/* A plan as text: what was measured, the arithmetic line by line in one unit so that it can be followed, and a row for
 * each size. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/plan.h"
#include "prof/cli/text.h"
#include "prof/cli/wrapped.h"

#define MIB   1048576.0
#define CELL  24
#define LABEL 22 /* columns of what a number is */
#define ABOUT (2 + LABEL + 15 + 2)

/* ---- numbers ---- */

static void put_count(char text[CELL], double n)
{
	char whole[UNITS_TEXT];

	if (n > floor(n) || n >= 1e18)
		snprintf(text, CELL, "%.6g", n);
	else
		snprintf(text, CELL, "%s", units_count(whole, (uint64_t)n));
}

/* "2,873 MiB", "0.4 MiB": all sizes of a plan in one unit. */
static void put_mib(char text[CELL], double bytes)
{
	double mib = fabs(bytes) / MIB;
	char whole[UNITS_TEXT];

	if (!(mib < 1e15))
		snprintf(text, CELL, "%.4g MiB", bytes / MIB);
	else if (mib < 100 && fabs(mib - floor(mib)) > 0)
		snprintf(text, CELL, "%s%.1f MiB", bytes < 0 ? "-" : "", mib);
	else
		snprintf(text, CELL, "%s%s MiB", bytes < 0 ? "-" : "",
			 units_count(whole, (uint64_t)llround(mib)));
}

static void put_ns(char text[CELL], double ns)
{
	char time[UNITS_TEXT];

	if (!isfinite(ns))
		snprintf(text, CELL, "-");
	else
		snprintf(text, CELL, "%s", units_ns(time, ns < 9e18 ? (int64_t)ns : INT64_MAX));
}

static void put_rate(char text[CELL], double v)
{
	if (!isfinite(v))
		snprintf(text, CELL, "-");
	else if (v >= 999.5 && v < 9e18)
		put_count(text, round(v));
	else
		snprintf(text, CELL, "%.3g", v);
}

/* ---- what was measured ---- */

static void size_line(FILE *out, const char *what, double bytes, const char *about)
{
	char text[CELL];

	put_mib(text, bytes);
	fprintf(out, "  %-*s%15s", LABEL, what, text);
	if (!*about) {
		putc('\n', out);
		return;
	}
	fprintf(out, "  ");
	wrapped_print(out, about, ABOUT, ABOUT);
}

static const char *base_about(const struct plan *p)
{
	if (p->model.given_base)
		return "--base: each worker, before its batch";
	return p->memory == BATCH_RSS ? "each worker, before its batch"
				      : "each worker's heap before its batch; no code, no stacks";
}

static const char *shared_about(const struct plan *p)
{
	if (p->model.given_shared)
		return "--shared: there once for all workers";
	return p->model.shared_known ? "files and shared memory: there once for all workers"
				     : "not known, so none: see below";
}

static void per_item_line(FILE *out, const struct plan *p)
{
	const struct batch_model *m = &p->model;
	char lo[CELL], hi[CELL], about[120];

	put_mib(lo, m->lo);
	put_mib(hi, m->hi);
	if (m->given_per_item)
		snprintf(about, sizeof about, "--per-item");
	else if (isnan(m->hi))
		snprintf(about, sizeof about, "two points: how sure that is cannot be said");
	else
		snprintf(about, sizeof about, "95 %%: %s … %s", lo, hi);
	size_line(out, "per item", m->per_item, about);
}

static void time_line(FILE *out, const struct plan *p)
{
	const struct line_fit *w = &p->model.wall;
	char base[CELL], each[CELL], lo[CELL], hi[CELL];

	if (w->sizes < 2)
		return;
	put_ns(base, w->base);
	put_ns(each, w->per_item);
	fprintf(out, "\ntime of a batch = %s + items x %s", base, each);
	if (!isnan(w->hi)) {
		put_ns(lo, w->lo);
		put_ns(hi, w->hi);
		fprintf(out, " (95 %%: %s … %s)", lo, hi);
	}
	putc('\n', out);
}

/* Batches whose memory the line is of. */
static uint64_t counted(const struct batch_stage *s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s->n; i++)
		n += s->points[i].n_memory;
	return n;
}

static void runs_line(FILE *out, const struct plan *p)
{
	char least[CELL], most[CELL];

	if (!p->stage)
		return;
	fprintf(out, "stage    ");
	text_print(out, p->stage->name, cli_width() - 9, 0);
	fprintf(out, "\nruns     ");
	text_print(out, p->what ? p->what : "", cli_width() - 9, 0);
	putc('\n', out);
	if (p->model.memory.sizes >= 2) {
		put_count(least, p->model.memory.least_x);
		put_count(most, p->model.memory.most_x);
		fprintf(out, "batches  %" PRIu64 " of %zu sizes, %s to %s %s", counted(p->stage),
			p->model.memory.sizes, least, most, p->param ? "of " : "items");
		if (p->param)
			text_print(out, p->param, 40, 0);
		putc('\n', out);
	}
	putc('\n', out);
}

static void model_lines(FILE *out, const struct plan *p)
{
	const struct batch_model *m = &p->model;

	fprintf(out, "memory of a worker = base + shared + items x per item%s\n",
		!p->stage || (m->given_base && m->given_shared && m->given_per_item) ? ""
		: p->memory == BATCH_RSS                                             ? " (peak_rss)"
					 : " (peak_heap)");
	size_line(out, "base", m->base, base_about(p));
	size_line(out, "shared", m->shared, shared_about(p));
	per_item_line(out, p);
	time_line(out, p);
}

/* ---- the arithmetic ---- */

static const char *limit_about(const struct plan *p)
{
	switch (p->limit_from) {
	case PLAN_ASKED:
		return "--memory";
	case PLAN_CGROUP:
		return "limit of the container (cgroup) this runs in";
	case PLAN_AVAILABLE:
		return "what this machine has free now (MemAvailable); --memory names another";
	case PLAN_TOTAL:
		break;
	}
	return "all memory of this machine (MemTotal); --memory names another";
}

static void estimate_line(FILE *out, const struct plan *p)
{
	const struct batch_plan *b = &p->plan;
	char n[CELL], text[160];

	put_count(n, b->at_estimate);
	if (isnan(p->model.hi) || p->model.given_per_item)
		return;
	if (p->limits.optimistic)
		snprintf(text, sizeof text,
			 "planned with the estimate (--optimistic), not the upper end of its "
			 "interval");
	else if (b->at_estimate > b->largest && !b->bends && !(b->too_large > 0) &&
		 !(b->failed_at > 0))
		snprintf(text, sizeof text,
			 "planned with the upper end of the interval; with the estimate %s fit "
			 "(--optimistic)",
			 n);
	else
		snprintf(text, sizeof text, "planned with the upper end of the interval");
	fprintf(out, "    ");
	wrapped_print(out, text, 4, 4);
}

static void result_line(FILE *out, const struct plan *p)
{
	const struct batch_plan *b = &p->plan;
	char n[CELL], exact[CELL], size[CELL];

	if (b->for_items < 0) {
		fprintf(out, "\nnot one item fits: base and shared alone are more than may be "
			     "used\n");
		return;
	}
	if (b->exact < 1e6)
		snprintf(exact, sizeof exact, "%.2f", floor(b->exact * 100) / 100);
	else
		put_count(exact, floor(b->exact));
	fprintf(out, "  %-*s%15s\n", LABEL, "= items", exact);
	estimate_line(out, p);
	if (b->bends) {
		put_count(size, p->model.steep_to);
		fprintf(out, "    beyond %s, the largest size measured, the line says too little\n",
			size);
	}
	if (b->too_large > 0) {
		put_count(size, b->too_large);
		fprintf(out, "    a batch of %s was measured, and used more than that\n", size);
	}
	if (b->failed_at > 0) {
		put_count(size, b->failed_at);
		fprintf(out, "    a run failed at a batch of %s\n", size);
	}
	put_count(n, b->largest);
	if (b->largest >= 1)
		fprintf(out, "\nlargest batch: %s item%s\n", n, b->largest > 1 ? "s" : "");
	else
		fprintf(out, "\nnot one item fits\n");
}

static void arithmetic(FILE *out, const struct plan *p)
{
	const struct batch_plan *b = &p->plan;
	char share[40];

	fprintf(out, "\nlargest batch of one worker\n");
	size_line(out, "limit", p->limits.memory, limit_about(p));
	snprintf(share, sizeof share, "x %g head-room", p->limits.headroom);
	size_line(out, share, b->usable, "what may be used");
	size_line(out, "- base", p->model.base, "");
	size_line(out, "- shared", p->model.shared, "");
	size_line(out, "= for items", b->for_items, "");
	if (b->for_items >= 0)
		size_line(out, "/ per item", b->per_item, "");
	result_line(out, p);
}

/* ---- a row for each size ---- */

enum { BATCH, MEMORY, LATENCY, RANGE, RATE, WORKERS, ALL, CELLS };

static const char *const heads[CELLS] = {"batch",   "memory",  "latency",       "95 %",
					 "items/s", "workers", "items/s in all"};

typedef char cells[CELLS][3 * CELL];

static void fill(cells c, const struct batch_row *r)
{
	char lo[CELL], hi[CELL];

	put_count(c[BATCH], r->items);
	put_mib(c[MEMORY], r->memory);
	put_ns(c[LATENCY], r->latency);
	put_ns(lo, r->lo);
	put_ns(hi, r->hi);
	if (isnan(r->hi))
		snprintf(c[RANGE], sizeof c[RANGE], "-");
	else
		snprintf(c[RANGE], sizeof c[RANGE], "%s … %s", lo, hi);
	put_rate(c[RATE], r->per_second);
	put_count(c[WORKERS], r->workers);
	put_rate(c[ALL], r->all_per_second);
}

static void print_cells(FILE *out, cells c, const int width[CELLS])
{
	int k;

	for (k = 0; k < CELLS; k++)
		if (width[k])
			fprintf(out, "%*s%s", width[k] + 2 - text_columns(c[k]), "", c[k]);
}

/* How the column of that name comes about. */
static void workers_line(FILE *out, const struct plan *p)
{
	char usable[CELL], shared[CELL], base[CELL], each[CELL];

	put_mib(usable, p->plan.usable);
	put_mib(shared, p->model.shared);
	put_mib(base, p->model.base);
	put_mib(each, p->plan.per_item);
	fprintf(out, "\nworkers that fit = (%s - %s) / (%s + items x %s)\n\n", usable, shared, base,
		each);
}

static void rows(FILE *out, const struct plan *p)
{
	const struct batch_plan *b = &p->plan;
	cells lines[BATCH_ROWS_MAX + 1];
	int width[CELLS] = {0}, k;
	size_t i;

	for (k = 0; k < CELLS; k++)
		snprintf(lines[0][k], sizeof lines[0][k], "%s", heads[k]);
	for (i = 0; i < b->n_rows; i++)
		fill(lines[i + 1], &b->rows[i]);
	for (k = 0; k < CELLS; k++) {
		int empty = 1;

		for (i = 0; i <= b->n_rows; i++) {
			int columns = text_columns(lines[i][k]);

			width[k] = columns > width[k] ? columns : width[k];
			empty &= i == 0 || strcmp(lines[i][k], "-") == 0;
		}
		width[k] = empty ? 0 : width[k];
	}
	workers_line(out, p);
	for (i = 0; i <= b->n_rows; i++) {
		print_cells(out, lines[i], width);
		fprintf(out, "%s\n",
			i == 0 || b->rows[i - 1].measured || !p->stage ? "" : "  not measured");
	}
}

static void best_line(FILE *out, const struct plan *p)
{
	const struct batch_row *r;
	char items[CELL], rate[CELL], useful[CELL], fit[CELL], text[240];
	int n;

	if (p->plan.best == SIZE_MAX)
		return;
	r = &p->plan.rows[p->plan.best];
	put_count(items, r->items);
	put_rate(rate, r->all_per_second);
	put_count(useful, r->useful);
	put_count(fit, r->workers);
	n = snprintf(text, sizeof text,
		     "most items in all: %s worker%s with batches of %s: %s items/s", useful,
		     r->useful > 1 ? "s" : "", items, rate);
	if (r->useful < r->workers)
		snprintf(text + n, sizeof text - (size_t)n, " (%s fit, but %g CPU%s busy then)",
			 fit, p->limits.cpus, p->limits.cpus > 1 ? "s are" : " is");
	putc('\n', out);
	wrapped_print(out, text, 0, 2);
}

void plan_text(FILE *out, const struct plan *p)
{
	const char *remarks[PLAN_REMARKS];
	size_t i;

	runs_line(out, p);
	if (p->model.reason == BATCH_FITTED) {
		model_lines(out, p);
		arithmetic(out, p);
		if (p->plan.n_rows) {
			rows(out, p);
			best_line(out, p);
		}
	} else {
		fprintf(out, "cannot be said: ");
		wrapped_print(out, batch_reason_text(p->model.reason), 16, 2);
	}
	plan_remarks(remarks, p);
	for (i = 0; remarks[i]; i++) {
		fputs(i ? "" : "\n", out);
		wrapped_print(out, remarks[i], 0, 2);
	}
}
