/* protea-prof record: running processes, or a command, sampled from outside into the store; nothing is put into them. stdout is
 * the command's; everything here goes to stderr. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "prof/attach/pick.h"
#include "prof/base/log.h"
#include "prof/base/units.h"
#include "prof/cli/cmd.h"
#include "prof/cli/summary.h"
#include "prof/cli/version.h"
#include "prof/record/launch.h"
#include "prof/record/outside.h"

struct record_cli {
	const char *store, *name, *run_name, *mode, *engine;
	struct opt_list pids, labels;
	double rate_hz;
	int64_t duration_ns, max_pause_ns;
	int children, wait, nonblocking;
};

/* ---- Ctrl-C: the first one ends the recording, the second one us ---- */

static volatile int stop;
static int wake[2] = {-1, -1};

static void on_signal(int signo)
{
	int saved = errno;

	if (stop) {
		(void)signal(signo, SIG_DFL);
		(void)raise(signo);
	}
	stop = 1;
	(void)!write(wake[1], "", 1);
	errno = saved;
}

/* A signal that we were started to ignore (nohup) stays ignored. */
static void listen_to(int signo)
{
	struct sigaction now, ours = {.sa_handler = on_signal, .sa_flags = SA_RESTART};

	if (sigaction(signo, NULL, &now) == 0 && now.sa_handler != SIG_IGN)
		(void)sigaction(signo, &ours, NULL);
}

static int listen_to_signals(void)
{
	if (pipe2(wake, O_CLOEXEC | O_NONBLOCK)) {
		log_error("cannot make a pipe: %s", strerror(errno));
		return -1;
	}
	listen_to(SIGINT);
	listen_to(SIGTERM);
	listen_to(SIGHUP);
	return 0;
}

/* ---- a line on a terminal ---- */

static void show_progress(void *ctx, uint64_t samples, int64_t elapsed_ns)
{
	int64_t seconds = elapsed_ns / 1000000000;
	char n[UNITS_TEXT], t[UNITS_TEXT];

	(void)ctx;
	fprintf(stderr, "\r\033[Kprotea-prof: recording, %s, %s samples; Ctrl-C ends it ",
		seconds ? units_ns(t, seconds * 1000000000) : "0 s", units_count(n, samples));
	(void)fflush(stderr);
}

static void end_progress(const struct outside_options *r)
{
	if (r->progress)
		fputs("\r\033[K", stderr);
}

/* ---- who ---- */

static int pick(const struct record_cli *o, struct pick_list *list, struct err *err)
{
	int rc = 0;
	size_t i;

	for (i = 0; i < o->pids.n && rc == 0; i++)
		rc = pick_parse(list, o->pids.values[i], err);
	if (rc || o->pids.n)
		return rc;
	if (!o->wait)
		return pick_named(list, o->name, err);
	log_info("waiting for a process that matches '%s'", o->name);
	return pick_wait(list, o->name, &stop, err);
}

static int check(const struct record_cli *o, const struct pick_list *list, int engine,
		 struct err *err)
{
	uint32_t i;

	for (i = 0; i < list->n; i++) {
		struct proc p;
		int rc = pick_check(&p, list->pids[i], engine != 1 && !o->nonblocking, err);

		if (rc)
			return rc;
		proc_close(&p);
	}
	return 0;
}

/* ---- what ---- */

static int fill(const struct record_cli *o, struct outside_options *r, int *engine)
{
	static const char *const modes[] = {"cpu", "wall", NULL};
	static const char *const engines[] = {"auto", "perf", "clock", NULL};
	static const enum sampler_engine as[] = {SAMPLER_AUTO, SAMPLER_PERF, SAMPLER_POLL};
	int mode;

	if (cli_choose("record", "mode", o->mode, modes, &mode) ||
	    cli_choose("record", "engine", o->engine, engines, engine))
		return -1;
	r->store_path = cli_store_path(o->store);
	r->duration_ns = o->duration_ns;
	r->sampler = (struct sampler_options){.rate_hz = (uint32_t)(o->rate_hz + 0.5),
					      .engine = as[*engine],
					      .wall = mode,
					      .children = o->children,
					      .nonblocking = o->nonblocking,
					      .max_pause_ns = o->max_pause_ns};
	r->stop = &stop;
	r->wake_fd = -1;
	r->version = prof_version;
	r->git_sha = prof_git_sha;
	if (isatty(STDERR_FILENO) && log_get_level() >= LOG_INFO)
		r->progress = show_progress;
	return 0;
}

static int conclude(const struct record_cli *o, const struct outside_options *r,
		    const struct outside_result *result, int rc, const struct err *err)
{
	end_progress(r);
	if (rc == 0) {
		summary_print_outside(r->store_path, o->store != NULL, result);
		return result->run.exit_code;
	}
	if (r->argv && !result->run.started && (rc == ERR_NOTFOUND || rc == ERR_UNSUPPORTED)) {
		(void)cli_fail(err);
		return EXIT_NO_TARGET;
	}
	rc = cli_fail(err);
	/* The program's own answer counts for more than our failure to keep its data. */
	return r->argv && result->run.started ? result->run.exit_code : rc;
}

static int record_pids(const struct record_cli *o, struct outside_options *r, int engine)
{
	struct outside_result result = {0};
	struct pick_list list = {0};
	struct err err = ERR_INIT;
	int rc;

	if (listen_to_signals())
		return EXIT_FAIL;
	r->wake_fd = wake[0];
	rc = pick(o, &list, &err);
	if (rc == 0)
		rc = check(o, &list, engine, &err);
	if (rc == 0 && o->children)
		rc = pick_children(&list, &err);
	if (rc == 0) {
		r->pids = list.pids;
		r->n_pids = list.n;
		rc = record_outside(r, &result, &err);
	}
	pick_release(&list);
	if (rc == ERR_CANCELLED && stop == 1) /* while nobody was there yet */
		return EXIT_OK;
	return conclude(o, r, &result, rc, &err);
}

static int record_command(const struct record_cli *o, struct outside_options *r, char **argv)
{
	struct outside_result result = {0};
	struct err err = ERR_INIT;
	int rc;

	r->argv = argv;
	rc = record_outside(r, &result, &err);
	return conclude(o, r, &result, rc, &err);
}

static int usage_error(const char *what)
{
	log_error("record: %s; see protea-prof record --help", what);
	return EXIT_USAGE;
}

static int record(struct record_cli *o, int argc, char **argv, int first)
{
	int is_command = first < argc && strcmp(argv[first - 1], "--") == 0, engine, rc;
	struct outside_options r = {0};
	char *labels;

	if (first < argc && !is_command)
		return usage_error("a program to start stands behind '--'");
	if (!is_command && strcmp(argv[first - 1], "--") == 0 && first > 1)
		return usage_error("no program stands behind '--'");
	if (is_command && o->pids.n)
		return usage_error("either -p or a program, not both");
	if (!is_command && !o->pids.n && !o->name)
		return usage_error("say whom: -p PID, --name PATTERN, or '--' and a program");
	if (o->wait && (is_command || o->pids.n || !o->name))
		return usage_error("--wait goes with --name PATTERN alone");
	if (fill(o, &r, &engine))
		return EXIT_USAGE;
	r.name = o->run_name ? o->run_name : is_command || o->pids.n ? o->name : NULL;
	labels = cli_labels_json("record", &o->labels);
	if (!labels)
		return EXIT_USAGE;
	r.labels_json = labels;
	if (is_command && o->children < 0)
		r.sampler.children = 1;
	else
		r.sampler.children = o->children > 0;
	o->children = r.sampler.children;
	rc = is_command ? record_command(o, &r, argv + first) : record_pids(o, &r, engine);
	free(labels);
	return rc;
}

int cmd_record(int argc, char **argv)
{
	struct record_cli o = {.mode = "cpu", .engine = "auto", .rate_hz = 199, .children = -1};
	const struct opt opts[] = {
		{'p', "pid", OPT_TEXT_LIST, &o.pids, "PID[,PID]",
		 "running processes; may be repeated", 0},
		{0, "name", OPT_TEXT, &o.name, "PATTERN",
		 "all whose name or command line matches; with -p or CMD: name of the run", 0},
		{0, "wait", OPT_FLAG, &o.wait, NULL, "with --name: until there is one", 0},
		{0, "children", OPT_FLAG, &o.children, NULL,
		 "their children too, those to come as well (the default for CMD)", 0},
		{0, "no-children", OPT_FLAG, &o.children, NULL,
		 "not (the default for -p and --name)", 1},
		{'o', "store", OPT_TEXT, &o.store, "FILE",
		 "store to fill ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'n', "run-name", OPT_TEXT, &o.run_name, "NAME", "name of the run (the program's)",
		 0},
		{'l', "label", OPT_TEXT_LIST, &o.labels, "K=V", "label of the run; may be repeated",
		 0},
		{'r', "rate", OPT_RATE, &o.rate_hz, "HZ", "samples per second of CPU time (199)",
		 0},
		{0, "mode", OPT_TEXT, &o.mode, "MODE", "cpu, or wall: sleeping threads too", 0},
		{0, "engine", OPT_TEXT, &o.engine, "E",
		 "auto, perf (no pauses), clock (polls; pauses of microseconds)", 0},
		{0, "nonblocking", OPT_FLAG, &o.nonblocking, NULL,
		 "never stop a thread, whatever the engine; torn stacks are marked", 0},
		{0, "max-pause", OPT_DURATION, &o.max_pause_ns, "TIME",
		 "of one thread (1ms); what would take longer is left out", 0},
		{'d', "duration", OPT_DURATION, &o.duration_ns, "TIME",
		 "stop recording, not the program, after 30s, 5m, 2h", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {"record [options] -p PID[,PID]\n"
				    "       protea-prof record [options] --name PATTERN [--wait]\n"
				    "       protea-prof record [options] -- CMD [ARG…]",
				    "Samples running processes, or a program that it starts, from "
				    "outside: nothing is put\n"
				    "into them. Ends with them, with Ctrl-C, or after --duration; "
				    "the data are kept, and can\n"
				    "be read while it runs. A second Ctrl-C ends it at once.",
				    opts};
	int done, first = opts_parse(argc, argv, &usage, 0, &done), rc;

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	launch_outlive_reader();
	rc = record(&o, argc, argv, first);
	free(o.pids.values);
	free(o.labels.values);
	return rc;
}
