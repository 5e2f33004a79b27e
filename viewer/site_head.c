/* The head of a site: where, when, how and with what its runs were made, what was lost, and what a reader has to
 * mind before comparing numbers. */
#include "viewer/site_parts.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/units.h"
#include "viewer/html.h"

#define LISTED 3 /* different values of one fact */

static const char *text_at(const struct site_run *r, size_t member)
{
	return *(const char *const *)(const void *)((const char *)r + member);
}

static int is_new(const struct site *s, uint32_t run, size_t member)
{
	const char *text = text_at(&s->runs[run], member);
	uint32_t i;

	if (!text || !*text)
		return 0;
	for (i = 0; i < run; i++) {
		const char *other = text_at(&s->runs[i], member);

		if (other && strcmp(other, text) == 0)
			return 0;
	}
	return 1;
}

static uint32_t kinds_of(const struct site *s, size_t member)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->n_runs; i++)
		n += (uint32_t)is_new(s, i, member);
	return n;
}

static void open_fact(struct buf *out, const char *name)
{
	buf_printf(out, "<div><dt>%s</dt><dd>", name);
}

static void close_fact(struct buf *out)
{
	buf_puts(out, "</dd></div>\n");
}

/* The different values of one fact, in order of time; nothing if no run has it. */
static void put_fact(struct buf *out, const struct site *s, const char *name, size_t member,
		     size_t most)
{
	uint32_t i, n = 0, all = kinds_of(s, member);

	if (!all)
		return;
	open_fact(out, name);
	for (i = 0; i < s->n_runs && n < LISTED; i++) {
		const char *text = text_at(&s->runs[i], member);
		size_t len;

		if (!is_new(s, i, member))
			continue;
		len = site_cut(text, most);
		buf_puts(out, n++ ? ", " : "");
		html_name(out, text, len);
		if (text[len])
			buf_puts(out, "…");
	}
	if (all > n)
		buf_printf(out, " and %" PRIu32 " more", all - n);
	close_fact(out);
}

static void put_machine(struct buf *out, const struct site *s)
{
	const struct site_run *r = &s->runs[0];

	open_fact(out, "machine");
	if (r->cpu_model && *r->cpu_model) {
		buf_printf(out, "%" PRIu32 " × ", r->ncpu);
		site_put_text(out, r->cpu_model);
	} else {
		buf_puts(out, "not known");
	}
	if (r->host && *r->host) {
		buf_puts(out, " (");
		site_put_text(out, r->host);
		buf_putc(out, ')');
	}
	if (kinds_of(s, offsetof(struct site_run, host)) > 1 ||
	    kinds_of(s, offsetof(struct site_run, cpu_model)) > 1)
		buf_puts(out, " and others");
	close_fact(out);
}

static void put_dates(struct buf *out, const struct site *s)
{
	int64_t day = INT64_C(86400000000000);
	int64_t first = s->runs[0].started_at, last = s->runs[s->n_runs - 1].started_at;

	open_fact(out, "date");
	site_put_date(out, first, 0);
	if (first / 60000000000 != last / 60000000000) {
		struct buf text = BUF_INIT;

		site_put_date(&text, last, 0);
		buf_puts(out, " … ");
		buf_puts(out,
			 buf_str(&text) + (first / day == last / day && text.len > 11 ? 11 : 0));
		if (buf_failed(&text) && !out->failed)
			out->failed = buf_failed(&text);
		buf_release(&text);
	}
	buf_puts(out, " UTC");
	close_fact(out);
}

static void put_runs(struct buf *out, const struct site_view *v)
{
	const struct site *s = v->s;
	double lo = s->runs[0].rate_hz, hi = lo;
	uint64_t samples = 0;
	uint32_t i;

	for (i = 0; i < s->n_runs; i++) {
		samples += s->runs[i].samples;
		lo = s->runs[i].rate_hz < lo ? s->runs[i].rate_hz : lo;
		hi = s->runs[i].rate_hz > hi ? s->runs[i].rate_hz : hi;
	}
	open_fact(out, "runs");
	site_put_count(out, s->n_runs, "run");
	buf_puts(out, " in ");
	site_put_count(out, v->g->n_cells, "cell");
	close_fact(out);
	open_fact(out, "samples");
	site_put_count(out, samples, "sample");
	if (hi > lo)
		buf_printf(out, " at %.6g … %.6g Hz", lo, hi);
	else if (hi > 0)
		buf_printf(out, " at %.6g Hz", hi);
	close_fact(out);
}

/* ---- losses ---- */

static int compare_losses(const void *a, const void *b)
{
	return strcmp(((const struct site_loss *)a)->reason, ((const struct site_loss *)b)->reason);
}

static void put_sums(struct buf *out, struct site_loss *all, size_t n)
{
	char text[UNITS_TEXT];
	size_t i, k;

	qsort(all, n, sizeof *all, compare_losses);
	for (i = 0; i < n; i = k) {
		uint64_t sum = 0;

		for (k = i; k < n && strcmp(all[k].reason, all[i].reason) == 0; k++)
			sum += all[k].count;
		buf_printf(out, "%s%s ", i ? ", " : "", units_count(text, sum));
		site_put_text(out, all[i].reason);
	}
}

static void put_losses(struct buf *out, const struct site *s)
{
	struct site_loss *all;
	size_t n = 0, at = 0;
	uint32_t i;

	for (i = 0; i < s->n_runs; i++)
		n += s->runs[i].n_losses;
	open_fact(out, "lost");
	all = n ? malloc(n * sizeof *all) : NULL;
	for (i = 0; all && i < s->n_runs; at += s->runs[i++].n_losses)
		if (s->runs[i].n_losses)
			memcpy(all + at, s->runs[i].losses, s->runs[i].n_losses * sizeof *all);
	if (all)
		put_sums(out, all, n);
	else if (n && !out->failed)
		out->failed = ERR_NOMEM;
	else
		buf_puts(out, "nothing");
	close_fact(out);
	free(all);
}

/* ---- what to mind ---- */

static void mind_several(struct buf *out, const struct site *s, size_t member, const char *what)
{
	uint32_t n = kinds_of(s, member);

	if (n > 1)
		buf_printf(out,
			   "<li>The runs are of %" PRIu32 " %s: their times are not "
			   "comparable without thought.</li>\n",
			   n, what);
}

static void mind_count(struct buf *out, uint32_t n, const char *one, const char *many)
{
	if (n == 1)
		buf_printf(out, "<li>%s</li>\n", one);
	else if (n)
		buf_printf(out, "<li>%" PRIu32 " %s</li>\n", n, many);
}

static void put_notes(struct buf *out, const struct site_view *v)
{
	const struct site *s = v->s;
	struct buf list = BUF_INIT;
	uint32_t failed = 0, empty = v->g->rows.n * v->g->columns.n - v->g->n_cells, i;

	for (i = 0; i < s->n_runs; i++)
		failed += s->runs[i].failed != 0;
	mind_several(&list, s, offsetof(struct site_run, host), "machines");
	mind_several(&list, s, offsetof(struct site_run, cpu_model), "models of CPU");
	mind_several(&list, s, offsetof(struct site_run, kernel), "kernels");
	mind_several(&list, s, offsetof(struct site_run, data_set), "data sets");
	mind_several(&list, s, offsetof(struct site_run, how), "ways of sampling");
	mind_count(&list, failed, "A run failed; it stands for a cell only if no other run does.",
		   "runs failed; they stand for a cell only if no other run does.");
	mind_count(&list, empty, "One cell of the matrix has no run.",
		   "cells of the matrix have no run.");
	mind_count(&list, s->left_out, "A run has not ended and is left out.",
		   "runs have not ended and are left out.");
	if (v->links->compare && v->links->compared < v->g->n_cells)
		buf_printf(&list,
			   "<li>The comparison holds the first %" PRIu32 " of %" PRIu32
			   " cells.</li>\n",
			   v->links->compared, v->g->n_cells);
	if (list.len)
		buf_printf(out, "<ul class=\"mind\">\n%s</ul>\n", buf_str(&list));
	if (buf_failed(&list) && !out->failed)
		out->failed = buf_failed(&list);
	buf_release(&list);
}

void site_head(struct buf *out, struct site_view *v)
{
	const struct site *s = v->s;

	buf_puts(out, "<dl class=\"facts\">\n");
	put_machine(out, s);
	put_fact(out, s, "kernel", offsetof(struct site_run, kernel), 100);
	put_dates(out, s);
	put_fact(out, s, "command", offsetof(struct site_run, command), 300);
	put_fact(out, s, "data set", offsetof(struct site_run, data_set), 100);
	put_fact(out, s, "version", offsetof(struct site_run, version), 40);
	put_fact(out, s, "commit", offsetof(struct site_run, git_sha), 12);
	put_runs(out, v);
	put_fact(out, s, "sampled by", offsetof(struct site_run, how), 60);
	put_losses(out, s);
	buf_puts(out, "</dl>\n");
	put_notes(out, v);
}
