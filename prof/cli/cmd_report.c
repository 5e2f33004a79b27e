/* protea-prof report: text (or JSON) views of one run. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/report_memory.h"
#include "prof/cli/report_sql.h"
#include "prof/cli/trend.h"
#include "prof/store/read.h"

struct arguments {
	const char *store, *run, *by, *kind, *stage, *thread, *least, *sort;
	int tree, stages, all, json, lines, rows;
	int memory, leaks, trend, sql;
	const char *metric, *label;
	struct memory_view view;
};

static int table(struct profile *p, const struct report_options *o, int json, struct err *err)
{
	struct hot_list list;
	int rc = hot_list_make(&list, p, o->by, &o->filter, err);

	if (rc)
		return rc;
	if (json)
		rc = report_json_list(stdout, p, &list, o, err);
	else
		report_table(stdout, p, &list, o);
	hot_list_release(&list);
	return rc;
}

static int tree(struct profile *p, const struct report_options *o, int json, struct err *err)
{
	struct profile_tree t;
	int rc = profile_tree_build(&t, p, &o->filter, o->lines, !o->all, err);

	if (rc)
		return rc;
	if (json)
		rc = report_json_tree(stdout, p, &t, o, err);
	else
		report_tree(stdout, p, &t, o);
	profile_tree_release(&t);
	return rc;
}

static int stages(struct profile *p, const struct report_options *o, int json, struct err *err)
{
	struct stage_list list;
	int rc = stage_list_make(&list, p, err);

	if (rc)
		return rc;
	if (json)
		rc = report_json_stages(stdout, p, &list, o, err);
	else
		report_stages(stdout, p, &list, o);
	stage_list_release(&list);
	return rc;
}

/* The tree of a snapshot is that of its samples. */
static int memory_tree(struct profile *p, const struct arguments *a, struct report_options *o,
		       struct err *err)
{
	size_t place;
	int rc = 0;

	o->filter.kind = memory_profile_kind(memory_sort_kind(a->view.sort));
	if (a->view.snapshot) {
		o->filter.kind = PROFILE_LIVE;
		rc = snapshot_find(p, a->view.snapshot, &place, err);
		if (rc == 0)
			rc = snapshot_as_samples(p, place, err);
	}
	return rc ? rc : tree(p, o, a->json, err);
}

static int show(struct profile *p, const struct arguments *a, struct report_options *o,
		struct err *err)
{
	if (!a->json) {
		report_head(stdout, p);
		putchar('\n');
	}
	if (a->view.source)
		return report_source(stdout, p, o, &a->view, err);
	if (a->leaks)
		return report_leaks(stdout, p, o, &a->view, err);
	if (a->view.since)
		return report_snapshot_diff(stdout, p, o, &a->view, err);
	if (a->memory && a->tree)
		return memory_tree(p, a, o, err);
	if (a->memory)
		return report_memory(stdout, p, o, &a->view, err);
	if (a->sql)
		return report_sql(stdout, p, o, a->json, err);
	if (o->stages)
		return stages(p, o, a->json, err);
	if (o->tree)
		return tree(p, o, a->json, err);
	return table(p, o, a->json, err);
}

static unsigned parts_of(const struct arguments *a)
{
	unsigned parts = STORE_READ_SAMPLES;

	if (a->leaks || a->view.snapshot)
		parts |= STORE_READ_SNAPSHOTS;
	if (a->memory && !a->view.snapshot)
		parts |= STORE_READ_COUNTERS;
	return parts;
}

static int load_and_show(const struct arguments *a, struct report_options *o)
{
	struct err err = ERR_INIT;
	struct store *s = NULL;
	struct profile p;
	int64_t run;
	int rc = cli_open_store(&s, cli_store_path(a->store), 0, &err);

	if (rc == 0)
		rc = store_find_run(s, a->run, &run, &err);
	if (rc == 0)
		rc = cli_read_run(s, run, parts_of(a), &p, &err);
	store_close(s);
	if (rc)
		return cli_fail(&err);
	if (!a->kind)
		o->filter.kind = (enum profile_kind)profile_kind_parse(cli_default_kind(&p));
	/* Who wanted the memory, not the code that hands it out. */
	o->filter.user_sites = !a->all && (a->memory || !profile_kind_is_time(o->filter.kind));
	rc = show(&p, a, o, &err);
	profile_release(&p);
	return rc ? cli_fail(&err) : EXIT_OK;
}

#define TREE_MIN_SHARE 0.01

static int choose_least(const struct arguments *a, struct report_options *o)
{
	char *end = NULL;

	o->min_share = a->tree && !a->json ? TREE_MIN_SHARE : 0;
	if (!a->least)
		return 0;
	o->min_share = strtod(a->least, &end) / 100;
	if (end != a->least && (!*end || strcmp(end, "%") == 0) && o->min_share >= 0 &&
	    o->min_share <= 1)
		return 0;
	log_error("report: --min '%s': not a percentage", a->least);
	return -1;
}

static const char *memory_contradiction(const struct arguments *a)
{
	const struct memory_view *v = &a->view;

	if (a->memory && a->kind)
		return "--memory shows all kinds of memory: --sort instead of --kind";
	if (a->leaks && (a->tree || a->by || a->kind || a->least || v->snapshot))
		return "--leaks is by stack: without --tree, --by, --kind, --min, --snapshot";
	if (v->source && (a->tree || a->by || a->kind || a->least || a->rows >= 0 || v->snapshot))
		return "--source is by line: without --tree, --by, --kind, --min, --rows, "
		       "--snapshot";
	if (v->snapshot && (a->stage || a->thread || a->sort))
		return "a snapshot knows stacks alone: without --stage, --thread, --sort";
	if (v->since && (a->tree || a->by || a->least))
		return "--since compares stacks: without --tree, --by, --min";
	if (v->since && !v->snapshot)
		return "--since is for --snapshot";
	if (a->sort && !a->memory)
		return "--sort is for --memory";
	if (v->source_dir && !v->source)
		return "--source-dir is for --source";
	if ((v->suppressions || v->no_default_suppressions) && !a->leaks)
		return "suppressions are for --leaks";
	return NULL;
}

/* What would be left unsaid without a word is refused. */
static int contradicts(const struct arguments *a)
{
	const char *what = memory_contradiction(a);

	if (a->trend && (a->stages || a->sql || a->memory || a->leaks || a->view.source ||
			 a->tree || a->by || a->kind || a->thread || a->view.snapshot))
		what = "--trend is a view of many runs: with --metric, --stage, --label, --min, -n "
		       "alone";
	else if (!a->trend && (a->metric || a->label))
		what = "--metric and --label are for --trend";
	else if (a->stages + a->memory + a->leaks + a->sql + (a->view.source != NULL) > 1)
		what = "one of --stages, --memory, --leaks, --sql and --source";
	else if (a->sql && (a->tree || a->by || a->kind || a->thread || a->least))
		what = "--sql is by statement: without --tree, --by, --kind, --thread, --min "
		       "(report --tree --kind sql is the tree)";
	else if (a->stages && (a->tree || a->by || a->kind || a->stage || a->thread || a->least))
		what = "--stages is a view of all stages: without --tree, --by, --kind, --stage, "
		       "--thread, --min";
	else if (!what && a->tree && a->by && strcmp(a->by, "function") != 0 &&
		 strcmp(a->by, "line") != 0)
		what = "--tree is by function or by line";
	if (what)
		log_error("report: %s; see protea-prof report --help", what);
	return what ? -1 : 0;
}

static int choose_sort(struct arguments *a)
{
	int sort = a->sort ? memory_sort_parse(a->sort) : MEMORY_BY_PEAK;

	if (sort < 0) {
		log_error("report: --sort '%s': not one of peak, live, leak, total, temporary, "
			  "mmap, copy, count, life",
			  a->sort);
		return -1;
	}
	a->view.sort = (enum memory_sort)sort;
	a->view.json = a->json;
	a->memory |= a->view.snapshot != NULL;
	return 0;
}

static int choose(struct arguments *a, struct report_options *o)
{
	int by = a->by ? report_by_parse(a->by) : HOT_FUNCTION;
	int kind = a->kind ? profile_kind_parse(a->kind) : PROFILE_CPU;

	if (by < 0) {
		log_error("report: --by '%s': not one of function, line, module, stage, thread, "
			  "process, "
			  "stack",
			  a->by);
		return -1;
	}
	if (kind < 0) {
		log_error("report: --kind '%s': not one of cpu, wall, offcpu, alloc, live, peak, "
			  "leak, "
			  "temporary, mmap, copy, sql, gpu",
			  a->kind);
		return -1;
	}
	o->by = (enum hot_by)by;
	o->filter.kind = (enum profile_kind)kind;
	o->filter.stage = a->stage;
	o->filter.thread = a->thread;
	o->tree = a->tree;
	o->stages = a->stages;
	o->all = a->all;
	o->lines = by == HOT_LINE;
	o->rows = a->rows == 0 ? INT_MAX : a->rows < 0 ? 0 : a->rows;
	return choose_sort(a) || choose_least(a, o) || contradicts(a) ? -1 : 0;
}

static int trend(const struct arguments *a, int n, char **runs)
{
	const struct report_trend t = {.store = a->store,
				       .label = a->label,
				       .stage = a->stage,
				       .metric = a->metric,
				       .least = a->least,
				       .rows = a->rows == 0  ? INT_MAX
					       : a->rows < 0 ? 0
							     : a->rows,
				       .json = a->json};

	return contradicts(a) ? EXIT_USAGE : report_trend(&t, n, runs);
}

int cmd_report(int argc, char **argv)
{
	struct arguments a = {.rows = -1};
	struct report_options o = {0};
	const struct opt opts[] = {
		{0, "store", OPT_TEXT, &a.store, "FILE",
		 "store to read ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'b', "by", OPT_TEXT, &a.by, "WHAT",
		 "function (default), line, module, stage, thread, process, stack", 0},
		{'k', "kind", OPT_TEXT, &a.kind, "KIND",
		 "cpu, wall, offcpu, alloc, live, peak, leak, …: what the run was taken for", 0},
		{'t', "tree", OPT_FLAG, &a.tree, NULL, "call tree; with --by line a node per line",
		 0},
		{'a', "all", OPT_FLAG, &a.all, NULL,
		 "library code by itself; whole stacks; the whole file", 0},
		{0, "stages", OPT_FLAG, &a.stages, NULL, "stages: n, min, median, p95, max, sums",
		 0},
		{0, "sql", OPT_FLAG, &a.sql, NULL,
		 "SQL statements: calls, time, sets of parameters, who issues them", 0},
		{'m', "memory", OPT_FLAG, &a.memory, NULL,
		 "who allocates, holds, leaks, copies memory", 0},
		{0, "sort", OPT_TEXT, &a.sort, "BY",
		 "peak (default), live, leak, total, temporary, mmap, copy, count, life", 0},
		{0, "leaks", OPT_FLAG, &a.leaks, NULL, "what is never freed, what grows", 0},
		{0, "suppressions", OPT_TEXT, &a.view.suppressions, "FILE",
		 "known leaks (./protea-prof.supp is read too)", 0},
		{0, "no-default-suppressions", OPT_FLAG, &a.view.no_default_suppressions, NULL,
		 "show what libc and its kin keep", 0},
		{0, "source", OPT_TEXT, &a.view.source, "FILE",
		 "lines of a source file, or of a function", 0},
		{0, "source-dir", OPT_TEXT, &a.view.source_dir, "DIR", "where sources are", 0},
		{0, "snapshot", OPT_TEXT, &a.view.snapshot, "S",
		 "what was live then: a number, a name, last, end", 0},
		{0, "since", OPT_TEXT, &a.view.since, "S", "and what changed since that one", 0},
		{0, "stage", OPT_TEXT, &a.stage, "NAME", "only samples of this stage and inside it",
		 0},
		{0, "thread", OPT_TEXT, &a.thread, "NAME", "only this thread (name or tid)", 0},
		{'n', "rows", OPT_INT, &a.rows, "N", "rows to show (30; 0: all)", 0},
		{0, "min", OPT_TEXT, &a.least, "PCT", "leave out what is less (in the tree: 1)", 0},
		{0, "trend", OPT_FLAG, &a.trend, NULL,
		 "many runs in order of time: what changed at which commit", 0},
		{0, "metric", OPT_TEXT, &a.metric, "M[,M]",
		 "of --trend: wall, cpu, peak_heap, peak_rss, alloc_count, …", 0},
		{0, "label", OPT_TEXT, &a.label, "KEY",
		 "of --trend: runs of one value are one point (commit, else the git hash)", 0},
		{0, "json", OPT_FLAG, &a.json, NULL, "the same for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"report [options] [RUN]",
		"What a run spent its time and memory on. RUN is an id prefix, a name, "
		"'last' (default), 'last~1'.\n"
		"Shares come with their 95 % interval.",
		opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (a.trend)
		return trend(&a, argc - first, argv + first);
	if (first + 1 < argc) {
		log_error("report: one run at a time, not '%s'", argv[first + 1]);
		return EXIT_USAGE;
	}
	a.run = first < argc ? argv[first] : NULL;
	return choose(&a, &o) ? EXIT_USAGE : load_and_show(&a, &o);
}
