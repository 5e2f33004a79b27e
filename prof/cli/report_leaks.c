/* report --leaks: what was never freed, what grows, what of it is suppressed; the file of suppressions. */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/analyze/estimate.h"
#include "prof/analyze/library.h"
#include "prof/analyze/trend.h"
#include "prof/base/buf.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report_memory.h"
#include "prof/cli/text.h"

#define LEAK_ROWS         10
#define STACK_FRAMES      6
#define SUPPRESSIONS_FILE "protea-prof.supp"
#define FILE_MAX          (1u << 20) /* bytes of a suppressions file */

/* ---- suppressions ---- */

static int read_all(FILE *in, const char *path, struct buf *text, struct err *err)
{
	char part[4096];
	size_t n;

	while ((n = fread(part, 1, sizeof(part), in)) > 0)
		if (buf_put(text, part, n))
			return buf_failed(text) == ERR_LIMIT
				       ? err_set(err, ERR_LIMIT, "'%s' is larger than 1 MiB", path)
				       : err_nomem(err, "suppressions");
	return ferror(in) ? err_sys(err, ERR_IO, "cannot read '%s'", path) : 0;
}

/* The file that was named must be there, the usual one need not. */
static int load_file(struct suppress *rules, const char *path, int must, struct err *err)
{
	struct buf text;
	FILE *in = fopen(path, "re");
	int rc;

	if (!in)
		return !must && errno == ENOENT
			       ? 0
			       : err_sys(err, ERR_IO, "cannot read suppressions '%s'", path);
	buf_init(&text, FILE_MAX);
	rc = read_all(in, path, &text, err);
	fclose(in);
	if (rc == 0)
		rc = suppress_add_text(rules, buf_str(&text), text.len, path, err);
	buf_release(&text);
	return rc;
}

static int load_rules(struct suppress *rules, const struct memory_view *v, struct err *err)
{
	int rc = load_file(rules, SUPPRESSIONS_FILE, 0, err);

	if (rc == 0 && v->suppressions)
		rc = load_file(rules, v->suppressions, 1, err);
	if (rc == 0 && !v->no_default_suppressions)
		rc = suppress_add_builtin(rules, err);
	return rc;
}

/* ---- stacks ---- */

static void stack_line(FILE *out, const struct profile *p, uint32_t stack, int indent)
{
	const struct profile_frame *f = &p->frames[p->stacks[stack].frame];
	char place[128] = "";

	if (f->file != STRTAB_EMPTY)
		snprintf(place, sizeof(place), "%.100s:%" PRIu32,
			 text_base(strtab_text(p->strings, f->file)), f->line);
	else if (f->module != PROFILE_NONE)
		snprintf(place, sizeof(place), "%.100s",
			 text_base(strtab_text(p->strings, p->modules[f->module].path)));
	fprintf(out, "%*s", indent, "");
	text_pair(out, strtab_text(p->strings, f->function), place, cli_width() - indent);
	putc('\n', out);
}

/* The frame that the stack may end at: what called main, and thread starts, tell nothing. */
static uint32_t outermost_user(const struct profile *p, uint32_t stack)
{
	uint32_t hit = 0;

	for (; stack; stack = p->stacks[stack].parent)
		if (!library_is_frame(p, &p->frames[p->stacks[stack].frame]))
			hit = stack;
	return hit;
}

void report_stack(FILE *out, const struct profile *p, uint32_t stack, int most, int indent)
{
	uint32_t user = library_user_stack(p, stack), at = stack;
	uint32_t last = most == INT_MAX ? 0 : outermost_user(p, stack);
	int shown = 0;

	if (most == INT_MAX)
		user = stack;

	if (!stack)
		fprintf(out, "%*s[no stack]\n", indent, "");
	/* Of what hands the request on, the outermost is enough: it is what the program called. */
	while (at != user && p->stacks[at].parent != user)
		at = p->stacks[at].parent;
	for (; at && shown < most; at = p->stacks[at].parent, shown++) {
		stack_line(out, p, at, indent);
		if (at == last)
			return;
	}
	if (at)
		fprintf(out, "%*s… %" PRIu32 " more\n", indent, "", p->stacks[at].depth);
}

/* ---- text ---- */

#define INDENT 4

static void leak_rows(FILE *out, const struct profile *p, const struct leak_list *l,
		      const struct report_options *o, enum profile_kind kind)
{
	size_t limit = o->rows ? (size_t)o->rows : LEAK_ROWS, i;
	int frames = o->all ? INT_MAX : STACK_FRAMES;

	for (i = 0; i < l->n_shown && i < limit; i++) {
		const struct leak_row *r = &l->rows[i];
		struct memory_sum sum = {r->count, r->value, 0, 0};
		char n[UNITS_TEXT], share[UNITS_TEXT];

		estimate_interval(p, kind, (double)r->value, r->variance, &sum.lo, &sum.hi);
		putc('\n', out);
		report_estimate(out, &sum);
		fprintf(out, " in %s block%s, %s\n", units_count(n, r->count),
			r->count == 1 ? "" : "s",
			units_pct(share, (double)r->value, (double)l->value));
		report_stack(out, p, r->stack, frames, INDENT);
	}
	if (i < l->n_shown)
		fprintf(out, "\n… %zu more stacks; -n 0 shows all\n", l->n_shown - i);
}

static void leaks_text(FILE *out, const struct profile *p, const struct leak_list *l,
		       const struct report_options *o, enum profile_kind kind)
{
	struct memory_sum sum = {l->count, l->value, 0, 0};
	char n[UNITS_TEXT], s[UNITS_TEXT];

	estimate_interval(p, kind, (double)l->value, l->variance, &sum.lo, &sum.hi);
	fprintf(out, kind == PROFILE_LEAK ? "never freed: " : "not freed at the end: ");
	if (!l->n_shown) {
		fprintf(out, "nothing%s\n", l->n ? " that is not suppressed" : "");
		return;
	}
	report_estimate(out, &sum);
	fprintf(out, " in %s block%s of %s stack%s\n", units_count(n, l->count),
		l->count == 1 ? "" : "s", units_count(s, l->n_shown), l->n_shown == 1 ? "" : "s");
	leak_rows(out, p, l, o, kind);
}

static void growth_rows(FILE *out, const struct profile *p, const struct growth_list *g,
			const struct report_options *o)
{
	size_t limit = o->rows ? (size_t)o->rows : LEAK_ROWS, i;
	int frames = o->all ? INT_MAX : STACK_FRAMES;

	for (i = 0; i < g->n_shown && i < limit; i++) {
		const struct growth_row *r = &g->rows[i];
		char s[32], h[32], from[32], to[32];

		report_value(s, PROFILE_LIVE,
			     r->bytes_per_s < 9e18 ? (int64_t)r->bytes_per_s : INT64_MAX);
		report_value(h, PROFILE_LIVE,
			     r->bytes_per_s < 2e15 ? (int64_t)(3600 * r->bytes_per_s) : INT64_MAX);
		report_value(from, PROFILE_LIVE, r->first);
		report_value(to, PROFILE_LIVE, r->last);
		fprintf(out, "\n%s per second, %s per hour; from %s to %s; q = %.2g\n", s, h, from,
			to, r->q);
		report_stack(out, p, r->stack, frames, INDENT);
	}
	if (i < g->n_shown)
		fprintf(out, "\n… %zu more stacks; -n 0 shows all\n", g->n_shown - i);
}

static void growth_text(FILE *out, const struct profile *p, const struct growth_list *g,
			const struct report_options *o)
{
	char t[UNITS_TEXT], n[UNITS_TEXT];

	fprintf(out, "\ngrowing: ");
	if (g->points < TREND_POINTS_MIN) {
		fprintf(out,
			"not known: %zu of the %d snapshots it takes (one every 250 ms at first)\n",
			g->points, TREND_POINTS_MIN);
		return;
	}
	if (g->n_shown)
		fprintf(out, "%s of ", units_count(n, g->n_shown));
	else
		fprintf(out, "none of ");
	fprintf(out, "%s stacks, by %zu snapshots over %s\n", units_count(n, g->stacks), g->points,
		units_ns(t, g->span_ns));
	growth_rows(out, p, g, o);
}

static void suppressed_text(FILE *out, const struct leak_list *l, const struct growth_list *g,
			    const struct suppress *rules)
{
	uint32_t rule;

	for (rule = 0; rule < rules->n; rule++) {
		const struct suppress_rule *r = &rules->rules[rule];
		char bytes[UNITS_TEXT], n[UNITS_TEXT];
		uint64_t value = 0, stacks = 0;
		size_t i;

		for (i = l->n_shown; i < l->n; i++)
			if (l->rows[i].rule == rule) {
				value += l->rows[i].value > 0 ? (uint64_t)l->rows[i].value : 0;
				stacks++;
			}
		for (i = g->n_shown; i < g->n; i++)
			stacks += g->rows[i].rule == rule && !value;
		if (!stacks)
			continue;
		fprintf(out, "%-11s %s in %s stack%s: ", "suppressed", units_bytes(bytes, value),
			units_count(n, stacks), stacks == 1 ? "" : "s");
		text_print(out, r->pattern, 60, 0);
		if (*r->reason) {
			fprintf(out, r->builtin ? " (built in: " : " (");
			text_print(out, r->reason, 100, 0);
			putc(')', out);
		}
		putc('\n', out);
	}
}

/* ---- both ---- */

static int has_kind(const struct profile *p, enum profile_kind kind)
{
	size_t i;

	for (i = 0; i < p->n_samples; i++)
		if (p->samples[i].kind == (uint32_t)kind)
			return 1;
	return 0;
}

/* Of a program that goes on nothing is leaked yet, but something may be live. */
static enum profile_kind kind_of(const struct profile *p)
{
	return has_kind(p, PROFILE_LEAK) || !has_kind(p, PROFILE_LIVE) ? PROFILE_LEAK
								       : PROFILE_LIVE;
}

static int show(FILE *out, struct profile *p, const struct report_options *o,
		const struct memory_view *v, const struct suppress *rules, struct err *err)
{
	struct report_options own = *o;
	struct growth_list growth;
	struct leak_list leaks;
	int rc;

	own.filter.kind = kind_of(p);
	rc = leak_list_make(&leaks, p, &own.filter, rules, err);
	if (rc)
		return rc;
	rc = growth_list_make(&growth, p, rules, err);
	if (rc == 0 && v->json) {
		rc = report_leaks_json(out, p, &leaks, &growth, rules, &own, err);
	} else if (rc == 0) {
		fprintf(out, "memory   ");
		report_memory_mode(out, p);
		fprintf(out, "\n\n");
		leaks_text(out, p, &leaks, &own, own.filter.kind);
		growth_text(out, p, &growth, &own);
		if (leaks.n > leaks.n_shown || growth.n > growth.n_shown)
			putc('\n', out);
		suppressed_text(out, &leaks, &growth, rules);
	}
	growth_list_release(&growth);
	leak_list_release(&leaks);
	return rc;
}

int report_leaks(FILE *out, struct profile *p, const struct report_options *o,
		 const struct memory_view *v, struct err *err)
{
	struct suppress rules = {0};
	int rc = load_rules(&rules, v, err);

	if (rc == 0)
		rc = show(out, p, o, v, &rules, err);
	suppress_release(&rules);
	return rc;
}
