/* report --trend: what changed at which commit, what drifts, and a small plot of each series. */
#include "prof/cli/trend.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report.h"
#include "prof/cli/text.h"
#include "prof/cli/wrapped.h"

#define ROWS  30
#define NAMES 24 /* columns of a stage's name, at most */
#define CELL  48
#define HASH  12 /* characters of a git hash */

/* ---- words ---- */

static const char *stage_of(const struct trend_line *l)
{
	return l->row->stage ? l->row->stage : "(whole run)";
}

static void put_pct(char text[CELL], double part)
{
	if (isfinite(part))
		snprintf(text, CELL, "%+.3g %%", part * 100);
	else
		snprintf(text, CELL, "?");
}

static void put_day(char text[32], int64_t unix_ns)
{
	report_date(text, unix_ns);
	text[strcspn(text, " ")] = '\0';
}

/* Hashes as people shorten them. */
static void put_commit(FILE *out, const struct trend *t, const struct trend_commit *c)
{
	char start[HASH + 1];

	snprintf(start, sizeof start, "%.*s", HASH, c->name);
	text_print(out, t->by_sha ? start : c->name, 40, 0);
}

static int commit_columns(const struct trend *t, const struct trend_commit *c)
{
	int n = text_columns(c->name), most = t->by_sha ? HASH : 40;

	return n < most ? n : most;
}

/* "  (95 %: +24 % … +29 %)", on a line of its own where `used` columns leave no room for it. */
static void interval(FILE *out, double lo, double hi, int exact, int used)
{
	char a[CELL], b[CELL], text[3 * CELL];

	put_pct(a, lo);
	put_pct(b, hi);
	if (exact)
		snprintf(text, sizeof text, "(exact)");
	else if (isfinite(lo) && isfinite(hi))
		snprintf(text, sizeof text, "(95 %%: %s … %s)", a, b);
	else
		return;
	if (used + 2 + text_columns(text) > cli_width())
		fprintf(out, "\n%*s%s", 18, "", text);
	else
		fprintf(out, "  %s", text);
}

/* ---- changes, by place ---- */

struct listed {
	const struct trend_line *line;
	const struct change_point *change;
	const struct trend_commit *commit;
};

static int by_place(const void *a, const void *b)
{
	const struct listed *x = a, *y = b;

	if (x->commit != y->commit) /* of one host: places in one array */
		return x->commit < y->commit ? -1 : 1;
	return x->line < y->line ? -1 : x->line > y->line;
}

static void print_change(FILE *out, const struct listed *c, int names)
{
	char before[METRIC_TEXT], after[METRIC_TEXT], change[CELL], text[2 * METRIC_TEXT + CELL];
	enum metric m = c->line->row->metric;

	fprintf(out, "    %-12s", metric_name(m));
	text_print(out, stage_of(c->line), names, names);
	put_pct(change, c->change->change);
	snprintf(text, sizeof text, "  %10s → %-10s %8s", metric_text(before, m, c->change->before),
		 metric_text(after, m, c->change->after), change);
	fputs(text, out);
	interval(out, c->change->lo, c->change->hi, c->change->exact,
		 16 + names + text_columns(text));
	putc('\n', out);
}

static void print_changes(FILE *out, const struct trend *t, const struct trend_host *h,
			  struct listed *list, size_t n, int names)
{
	char day[32];
	size_t i;

	if (!n) {
		fprintf(out, "no change of level\n");
		return;
	}
	qsort(list, n, sizeof *list, by_place);
	fprintf(out, "changes\n");
	for (i = 0; i < n; i++) {
		const struct trend_commit *c = list[i].commit;

		if (i == 0 || list[i - 1].commit != c) {
			fprintf(out, "  at ");
			put_commit(out, t, c);
			put_day(day, c->started_at);
			fprintf(out, "  %s", day);
			if (c > h->commits) {
				fprintf(out, "  (after ");
				put_commit(out, t, &c[-1]);
				putc(')', out);
			}
			putc('\n', out);
		}
		print_change(out, &list[i], names);
	}
}

static void print_drifts(FILE *out, const struct trend *t, const struct trend_host *h, int names)
{
	size_t i, shown = 0;

	for (i = 0; i < t->n; i++) {
		const struct trend_line *l = &t->lines[i];
		const struct change_drift *d = &l->found.drift;
		char change[CELL], text[2 * CELL];

		if (l->host != h || !d->n)
			continue;
		if (!shown++)
			fprintf(out, "\nslow drift\n");
		put_pct(change, d->change);
		fprintf(out, "    %-12s", metric_name(l->row->metric));
		text_print(out, stage_of(l), names, names);
		snprintf(text, sizeof text, "  %8s over %zu %s since ", change, d->n,
			 l->by_run || !t->key ? "runs" : "commits");
		fputs(text, out);
		put_commit(out, t, trend_commit_at(l, d->from));
		interval(out, d->lo, d->hi, 0,
			 16 + names + text_columns(text) +
				 commit_columns(t, trend_commit_at(l, d->from)));
		putc('\n', out);
	}
}

/* ---- plots ---- */

/* What LC_ALL, LC_CTYPE or LANG says. */
static int has_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	size_t i;

	for (i = 0; i < sizeof names / sizeof *names; i++) {
		const char *text = getenv(names[i]);

		if (text && *text)
			return strcasestr(text, "utf-8") || strcasestr(text, "utf8");
	}
	return 0;
}

static int is_change(const struct trend_line *l, size_t commit)
{
	size_t i;

	for (i = 0; i < l->found.n; i++)
		if (trend_commit_at(l, l->found.points[i].at) == &l->host->commits[commit])
			return 1;
	return 0;
}

/* The latest commits that fit, a character each, and one before each change. */
static void plot(FILE *out, const struct trend_line *l, int columns)
{
	static const char *const high[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char low[] = "_.-:=+*#";
	double least = (double)INFINITY, most = (double)-INFINITY;
	size_t n = l->host->n_commits, i, first = n;
	int utf8 = has_utf8(), used = 0;

	while (first > 0 && used + 1 + is_change(l, first - 1) <= columns) {
		first--;
		used += 1 + is_change(l, first);
	}
	for (i = first; i < n; i++)
		if (isfinite(l->values[i])) {
			least = fmin(least, l->values[i]);
			most = fmax(most, l->values[i]);
		}
	for (i = first; i < n; i++) {
		int step =
			most > least ? (int)((l->values[i] - least) / (most - least) * 7.999) : 3;

		if (is_change(l, i))
			fputs(utf8 ? "│" : "|", out);
		if (!isfinite(l->values[i]))
			putc(' ', out);
		else if (utf8)
			fputs(high[step], out);
		else
			putc(low[step], out);
	}
	fprintf(out, "%*s", columns - used, "");
}

static int plot_columns(const struct trend_host *h, int names)
{
	int room = cli_width() - 14 - names - 2 - 2 - 10 - 3 - 10, wants = (int)h->n_commits + 4;

	room = room > 12 ? room : 12;
	return wants < room ? wants : room;
}

/* First and last value of a series that changed; else the one level that it has. */
static void put_levels(FILE *out, const struct trend_line *l)
{
	const char *about = l->row->kind == METRIC_KIND_ESTIMATE ? "~" : "";
	char first[METRIC_TEXT], last[METRIC_TEXT], text[METRIC_TEXT + 1];
	enum metric m = l->row->metric;

	if (!l->found.n && !l->found.drift.n) {
		snprintf(text, sizeof text, "%s%s", about, metric_text(first, m, l->level));
		fprintf(out, "  %10s\n", text);
		return;
	}
	snprintf(text, sizeof text, "%s%s", about, metric_text(first, m, l->first));
	fprintf(out, "  %10s → %s%s\n", text, about, metric_text(last, m, l->last));
}

static void print_plots(FILE *out, const struct trend *t, const struct trend_host *h, int names)
{
	size_t most = t->o->rows == 0 ? ROWS : t->o->rows == INT32_MAX ? t->n : (size_t)t->o->rows;
	int columns = plot_columns(h, names);
	size_t i, shown = 0, left = 0;

	putc('\n', out);
	for (i = 0; i < t->n; i++) {
		const struct trend_line *l = &t->lines[i];

		if (l->host != h)
			continue;
		if (shown == most) {
			left++;
			continue;
		}
		shown++;
		fprintf(out, "%-14s", metric_name(l->row->metric));
		text_print(out, stage_of(l), names, names);
		fprintf(out, "  ");
		plot(out, l, columns);
		put_levels(out, l);
	}
	if (left)
		fprintf(out, "… %zu more; -n 0 shows all\n", left);
}

/* ---- all of it ---- */

static int name_columns(const struct trend *t)
{
	int wants = 12;
	size_t i;

	for (i = 0; i < t->n; i++) {
		int n = text_columns(stage_of(&t->lines[i]));

		wants = n > wants ? n : wants;
	}
	return wants < NAMES ? wants : NAMES;
}

static void host_line(FILE *out, const struct trend *t, const struct trend_host *h)
{
	char first[32], last[32], text[256];

	put_day(first, h->commits[0].started_at);
	put_day(last, t->table.runs_a[h->runs[h->n_runs - 1]].started_at);
	snprintf(text, sizeof text, "%.120s, %.120s", *h->name ? h->name : "not known", h->cpu);
	fprintf(out, "\nhost     ");
	wrapped_print(out, text, 9, 9);
	fprintf(out, "         %zu run%s", h->n_runs, h->n_runs == 1 ? "" : "s");
	if (t->key) {
		fprintf(out, " of %zu value%s of ", h->n_commits, h->n_commits == 1 ? "" : "s");
		text_print(out, t->key, 40, 0);
	}
	fprintf(out, ", %s … %s\n", first, last);
}

/* Is there any series of that host that was long enough to say something? */
static int says_something(const struct trend *t, const struct trend_host *h)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->lines[i].host == h && !t->lines[i].found.too_few)
			return 1;
	return 0;
}

static void say_too_few(FILE *out, const struct trend_host *h)
{
	char text[160];

	snprintf(text, sizeof text,
		 "too few to tell a change from noise: %d commits (or runs of several commits) are "
		 "needed, %zu are here",
		 CHANGE_VALUES_MIN, h->n_commits > 1 ? h->n_commits : h->n_runs);
	wrapped_print(out, text, 0, 0);
}

static void print_host(FILE *out, const struct trend *t, const struct trend_host *h,
		       struct listed *list)
{
	int names = name_columns(t);
	size_t i, k, n = 0;

	host_line(out, t, h);
	putc('\n', out);
	for (i = 0; i < t->n; i++)
		for (k = 0; t->lines[i].host == h && k < t->lines[i].found.n; k++) {
			const struct change_point *c = &t->lines[i].found.points[k];

			list[n++] = (struct listed){&t->lines[i], c,
						    trend_commit_at(&t->lines[i], c->at)};
		}
	if (n || says_something(t, h))
		print_changes(out, t, h, list, n, names);
	else
		say_too_few(out, h);
	print_drifts(out, t, h, names);
	print_plots(out, t, h, names);
}

static size_t count_changes(const struct trend *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->n; i++)
		n += t->lines[i].found.n;
	return n;
}

void trend_text(FILE *out, const struct trend *t)
{
	struct listed *list = malloc((count_changes(t) + 1) * sizeof *list);
	size_t i;

	if (!list) {
		fprintf(out, "no memory for the changes\n");
		return;
	}
	fprintf(out, "trend    ");
	text_print(out, t->what, cli_width() - 9, 0);
	putc('\n', out);
	if (t->left_out)
		fprintf(out, "left out %zu that failed or %s no end\n", t->left_out,
			t->left_out == 1 ? "has" : "have");
	if (t->unlabelled) {
		fprintf(out, "left out %zu without the label ", t->unlabelled);
		text_print(out, t->key, 40, 0);
		putc('\n', out);
	}
	if (t->n_hosts > 1)
		fprintf(out, "runs of %zu machines: a series for each\n", t->n_hosts);
	for (i = 0; i < t->n_hosts; i++)
		print_host(out, t, &t->hosts[i], list);
	free(list);
}

/* ---- the command ---- */

static int choose_metrics(struct trend_options *o, const char *text)
{
	int i;

	for (i = 0; i < METRICS; i++)
		o->metrics[i] = !text;
	while (text) {
		size_t len = strcspn(text, ",");
		char name[32];
		int m;

		snprintf(name, sizeof name, "%.*s", len < 31 ? (int)len : 31, text);
		m = metric_parse(name);
		if (m < 0) {
			log_error("report: --metric '%s': not one of wall, cpu, peak_heap, "
				  "peak_rss, alloc_count, alloc_bytes, sql, instructions",
				  name);
			return -1;
		}
		o->metrics[m] = 1;
		text = text[len] ? text + len + 1 : NULL;
	}
	return 0;
}

static int choose_least(struct trend_options *o, const char *text)
{
	char *end = NULL;

	o->least = (double)NAN;
	if (!text)
		return 0;
	o->least = strtod(text, &end) / 100;
	if (end != text && (!*end || strcmp(end, "%") == 0) && o->least >= 0 && o->least <= 100)
		return 0;
	log_error("report: --min '%s': not a percentage", text);
	return -1;
}

int report_trend(const struct report_trend *a, int n, char **runs)
{
	struct trend_options o = {.store = a->store,
				  .label = a->label,
				  .stage = a->stage,
				  .rows = a->rows,
				  .json = a->json};
	struct err err = ERR_INIT;
	struct trend t;
	int rc;

	if (choose_metrics(&o, a->metric) || choose_least(&o, a->least))
		return EXIT_USAGE;
	rc = trend_read(&t, &o, n, runs, &err);
	if (rc)
		return cli_fail(&err);
	if (a->json)
		rc = trend_json(stdout, &t, &err);
	else
		trend_text(stdout, &t);
	trend_release(&t);
	return rc ? cli_fail(&err) : EXIT_OK;
}
