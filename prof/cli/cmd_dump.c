/* protea-prof dump: the stacks of all threads of live processes, or of a core file, now. Everything is read first and
 * each process let go before names are looked up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/attach/pick.h"
#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/dump.h"
#include "prof/cli/shown_command.h"
#include "prof/unwind/unwind.h"

struct dump_arguments {
	struct opt_list pids, threads;
	const char *name, *core, *sysroot;
	int json, children, nonblocking, all, full_paths, max_frames;
	int64_t max_pause_ns;
};

/* ---- live processes ---- */

/* How many could be read. */
static uint32_t take_all(struct dump *d, const struct pick_list *pids, const struct snap_options *o)
{
	uint32_t i, good = 0;

	for (i = 0; i < d->n; i++)
		if (dump_take(d, &d->targets[i], pids->pids[i], o) == 0)
			good++;
	return good;
}

static int list_pids(const struct dump_arguments *a, struct pick_list *pids, struct err *err)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < a->pids.n && rc == 0; i++)
		rc = pick_parse(pids, a->pids.values[i], err);
	if (rc == 0 && a->name)
		rc = pick_named(pids, a->name, err);
	if (rc == 0 && a->children)
		rc = pick_children(pids, err);
	return rc;
}

/* ---- what was read, shown ---- */

static int show(struct dump *d, const struct dump_arguments *a, const struct dump_filter *filter,
		struct err *err)
{
	int rc = dump_filter_check(filter, err);

	if (rc == 0)
		rc = dump_join(d, err);
	d->all = a->all;
	d->full_paths = a->full_paths;
	if (rc)
		return rc;
	return a->json ? dump_json(stdout, d, err) : dump_text(stdout, d, err);
}

/* Of several, those that could not be read are told besides. */
static int tell_failures(const struct dump *d)
{
	int rc = EXIT_OK;
	uint32_t i;

	for (i = 0; i < d->n; i++)
		if (!d->targets[i].open)
			rc = cli_fail(&d->targets[i].err);
	return rc;
}

static int dump_processes(struct dump *d, const struct dump_arguments *a,
			  struct dump_filter *filter, const struct pick_list *pids)
{
	struct snap_options o = {.nonblocking = a->nonblocking,
				 .max_pause_ns = a->max_pause_ns,
				 .max_frames = (uint32_t)a->max_frames,
				 .wanted = filter->n ? dump_filter_wants : NULL,
				 .wanted_ctx = filter};
	struct err err = ERR_INIT;
	int rc, failed;

	if (dump_init(d, pids->n, &err))
		return cli_fail(&err);
	d->several = pids->n > 1 || a->children || a->name;
	if (take_all(d, pids, &o) == 0 && !(a->json && d->several))
		return tell_failures(d);
	rc = show(d, a, filter, &err);
	failed = tell_failures(d);
	return rc ? cli_fail(&err) : failed;
}

static int dump_live(const struct dump_arguments *a, struct dump_filter *filter)
{
	struct pick_list pids = {0};
	struct err err = ERR_INIT;
	struct dump d = {0};
	int rc = list_pids(a, &pids, &err);

	rc = rc ? cli_fail(&err) : dump_processes(&d, a, filter, &pids);
	dump_release(&d);
	pick_release(&pids);
	return rc;
}

/* ---- core files ---- */

static int take_core(struct dump *d, const struct dump_arguments *a, struct dump_filter *filter,
		     struct err *err)
{
	struct dump_target *t = &d->targets[0];
	int rc = core_open(&t->core, a->core, a->sysroot, d->set, err);

	if (rc)
		return rc;
	t->space = core_space(t->core);
	t->open = 1;
	shown_core_command(t->core, t->command, sizeof(t->command));
	rc = core_snap(t->core, &t->snap, (uint32_t)a->max_frames, err);
	t->pid = t->snap.pid;
	dump_filter_apply(filter, &t->snap);
	return rc;
}

static int dump_core(const struct dump_arguments *a, struct dump_filter *filter)
{
	struct err err = ERR_INIT;
	struct dump d = {0};
	int rc = dump_init(&d, 1, &err);

	if (rc == 0)
		rc = take_core(&d, a, filter, &err);
	if (rc == 0)
		rc = show(&d, a, filter, &err);
	if (rc == 0 && *core_warning(d.targets[0].core))
		log_warn("%s", core_warning(d.targets[0].core));
	dump_release(&d);
	return rc ? cli_fail(&err) : EXIT_OK;
}

/* ---- the command ---- */

static int complain(const char *what)
{
	log_error("dump: %s; see protea-prof dump --help", what);
	return EXIT_USAGE;
}

static int act(const struct dump_arguments *a, int operands)
{
	int live = a->pids.n || a->name, rc;
	struct dump_filter filter;
	struct err err = ERR_INIT;

	if (operands)
		return complain("processes are given as -p PID");
	if (a->core && (live || a->children || a->nonblocking || a->max_pause_ns))
		return complain("--core is of a file; -p and what goes with it are of live "
				"processes");
	if (!a->core && a->sysroot)
		return complain("--sysroot goes with --core");
	if (!a->core && !live)
		return complain("-p PID, --name PATTERN or --core FILE is missing");
	if (a->max_frames < 1 || a->max_frames > UNWIND_DEPTH_MAX)
		return complain("--max-frames takes 1 to 2048");
	if (dump_filter_init(&filter, &a->threads, &err))
		rc = cli_fail(&err);
	else
		rc = a->core ? dump_core(a, &filter) : dump_live(a, &filter);
	dump_filter_release(&filter);
	return rc;
}

int cmd_dump(int argc, char **argv)
{
	struct dump_arguments a = {.max_frames = UNWIND_DEPTH_MAX};
	const struct opt opts[] = {
		{'p', "pid", OPT_TEXT_LIST, &a.pids, "PID[,PID]", "live processes; may be repeated",
		 0},
		{0, "name", OPT_TEXT, &a.name, "PATTERN", "processes whose name or command matches",
		 0},
		{0, "children", OPT_FLAG, &a.children, NULL, "and all processes they have started",
		 0},
		{0, "core", OPT_TEXT, &a.core, "FILE", "a core file instead", 0},
		{0, "sysroot", OPT_TEXT, &a.sysroot, "DIR",
		 "where the program's files are as they were (--core)", 0},
		{'t', "thread", OPT_TEXT_LIST, &a.threads, "TID|PATTERN",
		 "only threads of that id or name; may be repeated", 0},
		{'a', "all", OPT_FLAG, &a.all, NULL, "each thread, also those that stand alike", 0},
		{0, "full-paths", OPT_FLAG, &a.full_paths, NULL,
		 "whole paths of sources and modules", 0},
		{0, "max-frames", OPT_INT, &a.max_frames, "N", "innermost frames of a stack (2048)",
		 0},
		{0, "max-pause", OPT_DURATION, &a.max_pause_ns, "TIME",
		 "a running thread is stopped no longer (1ms)", 0},
		{0, "nonblocking", OPT_FLAG, &a.nonblocking, NULL,
		 "stop nothing: running threads may give torn stacks", 0},
		{0, "json", OPT_FLAG, &a.json, NULL, "the same for scripts", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"dump -p PID[,PID]… | --name PATTERN | --core FILE",
		"Shows the stacks of all threads, the call and the lock each waits in. Sleeping "
		"threads\n"
		"are read without a stop, running ones stopped for microseconds.",
		opts};
	int done, first = opts_parse(argc, argv, &usage, 1, &done);
	int rc = first < 0 ? EXIT_USAGE : EXIT_OK;

	if (first >= 0 && !done)
		rc = act(&a, argc - first);
	free(a.pids.values);
	free(a.threads.values);
	return rc;
}
