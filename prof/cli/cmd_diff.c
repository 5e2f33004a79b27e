/* protea-prof diff: what differs between two groups of runs, without a verdict. Operands and options; what is read and
 * shown is in diff_*.c. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/buf.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/diff.h"
#include "prof/cli/flame_page.h"
#include "prof/cli/gate_view.h"
#include "prof/cli/outfile.h"
#include "prof/cli/text.h"

struct arguments {
	const char *store, *kind, *by, *norm, *html;
	int limit;
	int json;
	struct diff_wish wish;
};

/* ---- the page ---- */

struct page {
	struct flame_page options;
	struct profile runs[METRICS_GROUPS];
};

static int write_page(FILE *out, void *ctx, struct err *err)
{
	struct page *p = ctx;

	return flame_page_write(out, &p->options, p->runs, METRICS_GROUPS, err);
}

/* Reads the runs that stand for their groups: those of median wall time. */
static int read_page(struct page *p, const struct diff *d, int *read, struct err *err)
{
	int rc = 0;

	for (*read = 0; rc == 0 && *read < METRICS_GROUPS; *read += rc == 0)
		rc = gate_group_read(&d->groups[*read], gate_view_median(&d->table, *read),
				     flame_page_parts(METRICS_GROUPS), &p->runs[*read], err);
	return rc;
}

static int put_page(const struct arguments *a, const struct diff *d, struct err *err)
{
	struct page p = {.options = {.kind = (int)a->wish.compare.kind,
				     .stage = a->wish.compare.stage,
				     .thread = a->wish.compare.thread}};
	struct buf title = BUF_INIT;
	int read = 0, rc;

	buf_printf(&title, "%s against %s", d->groups[METRICS_CANDIDATE].text,
		   d->groups[METRICS_BASE].text);
	p.options.title = buf_str(&title);
	rc = buf_failed(&title) ? err_nomem(err, "a page") : read_page(&p, d, &read, err);
	if (rc == 0)
		rc = strcmp(a->html, "-") == 0 ? write_page(stdout, &p, err)
					       : outfile_write(a->html, write_page, &p, err);
	while (read-- > 0)
		profile_release(&p.runs[read]);
	buf_release(&title);
	return rc;
}

static void say_page(const struct arguments *a, const struct diff *d)
{
	char *shown = text_valid(a->html, 1);
	int many = d->groups[0].n > 1 || d->groups[1].n > 1;

	if (strcmp(a->html, "-") != 0)
		log_info("wrote %s%s", shown ? shown : "the page",
			 many ? ": of each group the run of median wall time" : "");
	free(shown);
}

/* ---- work ---- */

static int read_groups(struct diff *d, const struct arguments *a, char **operands, struct err *err)
{
	int g, rc = 0;

	for (g = 0; rc == 0 && g < METRICS_GROUPS; g++)
		rc = gate_group_add(&d->stores, &d->groups[g], a->store, operands[g], 1, err);
	return rc ? rc : gate_groups_apart(&d->groups[0], &d->groups[1], err);
}

static int show(const struct arguments *a, const struct diff *d, struct err *err)
{
	int to_stdout = a->html && strcmp(a->html, "-") == 0, rc = 0;

	if (a->html)
		rc = put_page(a, d, err);
	if (rc == 0 && a->html)
		say_page(a, d);
	if (rc || to_stdout)
		return rc;
	if (a->json)
		return diff_json(stdout, d, &a->wish, err);
	diff_text(stdout, d, &a->wish);
	return ferror(stdout) || fflush(stdout)
		       ? err_sys(err, ERR_IO, "cannot write to standard output")
		       : 0;
}

static int diff(struct arguments *a, char **operands)
{
	struct err err = ERR_INIT;
	struct diff d = {0};
	int rc = read_groups(&d, a, operands, &err);

	if (rc == 0)
		rc = diff_read(&d, &a->wish, &err);
	if (rc == 0)
		rc = show(a, &d, &err);
	diff_release(&d);
	return rc ? cli_fail(&err) : EXIT_OK;
}

/* ---- options ---- */

static const char about[] =
	"Compares two groups of runs and says what takes more or less: functions with their call\n"
	"paths, and the stages. What moved by more than noise comes first. It gives no verdict:\n"
	"'protea-prof gate' does.\n"
	"\n"
	"A and B are runs: a name (all its runs), k=v (all runs with that label), an id prefix,\n"
	"'last', 'last~1', FILE (a store: all its runs), FILE:RUN, or several of them with commas.";

static int choose(const struct arguments *a, int *by, int *norm)
{
	static const char *const bys[] = {"function", "line", "module", "stage", "stack", NULL};
	static const char *const norms[] = {"none", "total", "duration", "stage", "items", NULL};

	if (a->by && cli_choose("diff", "by", a->by, bys, by))
		return -1;
	if (a->norm && cli_choose("diff", "normalise", a->norm, norms, norm))
		return -1;
	return 0;
}

static int check(struct arguments *a, int operands)
{
	struct diff_wish *w = &a->wish;
	int by = COMPARE_BY_FUNCTION, norm = COMPARE_NONE;

	if (operands != 2) {
		log_error("diff: two operands are needed, the base and the candidate: "
			  "protea-prof diff A B");
		return -1;
	}
	w->kind = a->kind ? profile_kind_parse(a->kind) : -1;
	if (a->kind && w->kind < 0) {
		log_error("diff: --kind '%s' is no kind of sample; see protea-prof diff --help",
			  a->kind);
		return -1;
	}
	if (a->limit < 0) {
		log_error("diff: --limit is a number of rows from 1 on");
		return -1;
	}
	if (a->json && a->html && strcmp(a->html, "-") == 0) {
		log_error("diff: only one of --json and --html - can go to standard output");
		return -1;
	}
	w->limit = a->limit;
	if (choose(a, &by, &norm))
		return -1;
	w->compare.by = (enum compare_by)by;
	w->compare.norm = (enum compare_norm)norm;
	return 0;
}

int cmd_diff(int argc, char **argv)
{
	struct arguments a = {0};
	struct diff_wish *w = &a.wish;
	const struct opt opts[] = {
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "cpu, wall, offcpu, alloc, live, peak, leak, temporary, … (by the runs)", 0},
		{0, "count", OPT_FLAG, &w->compare.counts, NULL,
		 "blocks, calls or samples instead of bytes or time", 0},
		{0, "by", OPT_TEXT, &a.by, "WHAT", "function (default), line, module, stage, stack",
		 0},
		{0, "normalise", OPT_TEXT, &a.norm, "BY",
		 "scale to the base's total, duration, stage or items (none)", 0},
		{0, "stage", OPT_TEXT, &w->compare.stage, "NAME", "only this stage and inside it",
		 0},
		{0, "thread", OPT_TEXT, &w->compare.thread, "NAME",
		 "only this thread (name or tid)", 0},
		{'n', "limit", OPT_INT, &a.limit, "N", "rows at most (15; --json: all)", 0},
		{0, "all", OPT_FLAG, &w->all, NULL, "what did not move, too", 0},
		{0, "json", OPT_FLAG, &a.json, NULL, "JSON", 0},
		{0, "html", OPT_TEXT, &a.html, "FILE", "write the differential page, too", 0},
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"diff A B [options]", about, opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (check(&a, argc - first))
		return EXIT_USAGE;
	return diff(&a, argv + first);
}
