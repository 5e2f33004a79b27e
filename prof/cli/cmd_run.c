/* protea-prof run: start a program or an export job with the agent in it, wait, say what was found. The
 * program owns stdout; everything here goes to stderr. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/jobcmd.h"
#include "prof/cli/summary.h"
#include "prof/heap/heap.h"
#include "prof/cli/version.h"
#include "prof/record/launch.h"
#include "prof/record/record.h"
#include "prof/spool/sqlfile.h"

struct run_options {
	const char *store, *name, *mode, *engine, *memory, *db;
	struct opt_list labels;
	double rate_hz;
	int64_t duration_ns;
	uint64_t memory_rate;
	int children, temporary, sql, sql_params;
};

#define MEMORY_RATE_MAX (UINT64_C(1) << 40)

static int check_memory(const struct run_options *o)
{
	if (o->memory_rate < 1 || o->memory_rate > MEMORY_RATE_MAX) {
		log_error("run: --memory-rate: not between 1 byte and 1 TiB; see protea-prof run "
			  "--help");
		return -1;
	}
	if (o->temporary < 1 || o->temporary > HEAP_TEMPORARY_MAX) {
		log_error("run: --memory-temporary %d: not between 1 and %d; see protea-prof run "
			  "--help",
			  o->temporary, HEAP_TEMPORARY_MAX);
		return -1;
	}
	return 0;
}

static int check_sql(const struct run_options *o)
{
	if (o->sql_params < 0 || o->sql_params > (int)SQL_EXAMPLES_MAX) {
		log_error("run: --sql-params %d: not between 0 and %u; see protea-prof run --help",
			  o->sql_params, SQL_EXAMPLES_MAX);
		return -1;
	}
	return 0;
}

static int fill(const struct run_options *o, struct record_options *r)
{
	static const char *const modes[] = {"cpu", "wall", NULL};
	static const char *const engines[] = {"auto", "perf", "clock", NULL};
	static const char *const memory[] = {"off", "sampled", "full", NULL};
	int mode, engine, memory_mode;

	if (cli_choose("run", "mode", o->mode, modes, &mode) ||
	    cli_choose("run", "engine", o->engine, engines, &engine) ||
	    cli_choose("run", "memory", o->memory, memory, &memory_mode) || check_memory(o) ||
	    check_sql(o))
		return -1;
	r->store_path = cli_store_path(o->store);
	r->name = o->name;
	r->rate_hz = (uint32_t)(o->rate_hz + 0.5);
	r->mode = mode ? SPOOL_MODE_WALL : SPOOL_MODE_CPU;
	r->engine = engine == 1   ? SPOOL_ENGINE_PERF
		    : engine == 2 ? SPOOL_ENGINE_CLOCK
				  : SPOOL_ENGINE_AUTO;
	r->memory_mode = (uint32_t)memory_mode;
	r->memory_rate_bytes = o->memory_rate;
	r->memory_temporary = (uint32_t)o->temporary;
	r->sql = o->sql || o->sql_params > 0;
	r->sql_params = (uint32_t)o->sql_params;
	r->children = o->children;
	r->duration_ns = o->duration_ns;
	r->version = prof_version;
	r->git_sha = prof_git_sha;
	return 0;
}

static int record(const struct run_options *o, struct record_options *r)
{
	struct record_result result = {0};
	struct err err = ERR_INIT;
	int rc = record_run(r, &result, &err);

	if (rc) {
		log_error("%s", err.text);
		if (rc == ERR_ARG)
			return EXIT_USAGE;
		/* The program's own answer counts for more than our failure to keep its data. */
		if (!result.started)
			return rc == ERR_NOTFOUND || rc == ERR_UNSUPPORTED ? EXIT_NO_TARGET
									   : EXIT_FAIL;
		return result.exit_code;
	}
	summary_print(r->store_path, o->store != NULL, &result);
	return result.exit_code;
}

static int run(const struct run_options *o, int argc, char **argv, int first, int after_dashes)
{
	struct record_options r = {0};
	struct jobcmd job = {0};
	struct err err = ERR_INIT;
	char *labels;
	int rc;

	if (fill(o, &r))
		return EXIT_USAGE;
	labels = cli_labels_json("run", &o->labels);
	if (!labels)
		return EXIT_USAGE;
	r.labels_json = labels;
	r.argv = argv + first;
	if (!after_dashes) {
		rc = jobcmd_make(&job, argv[first], o->db, argv + first + 1, argc - first - 1,
				 &err);
		if (rc) {
			free(labels);
			return cli_fail(&err);
		}
		r.argv = job.argv;
		r.job = argv[first];
		if (!r.name)
			r.name = job.name;
	}
	rc = record(o, &r);
	jobcmd_release(&job);
	free(labels);
	return rc;
}

int cmd_run(int argc, char **argv)
{
	struct run_options o = {.mode = "cpu",
				.engine = "auto",
				.memory = "sampled",
				.memory_rate = 512 << 10,
				.temporary = 1,
				.rate_hz = 199,
				.children = 1};
	const struct opt opts[] = {
		{'o', "store", OPT_TEXT, &o.store, "FILE",
		 "store to fill ($PROTEA_PROF_STORE, ./protea-prof.sqlite)", 0},
		{'n', "name", OPT_TEXT, &o.name, "NAME", "name of the run (the program's)", 0},
		{'l', "label", OPT_TEXT_LIST, &o.labels, "K=V", "label of the run; may be repeated",
		 0},
		{'r', "rate", OPT_RATE, &o.rate_hz, "HZ",
		 "samples per second of CPU time (199); 5khz", 0},
		{0, "mode", OPT_TEXT, &o.mode, "MODE", "cpu, or wall: sleeping threads too", 0},
		{0, "engine", OPT_TEXT, &o.engine, "E", "auto, perf, clock (at most CONFIG_HZ)", 0},
		{0, "memory", OPT_TEXT, &o.memory, "M",
		 "off, sampled (the default), full: every allocation, exact", 0},
		{0, "memory-rate", OPT_BYTES, &o.memory_rate, "BYTES",
		 "mean distance of memory samples (512k)", 0},
		{0, "memory-temporary", OPT_INT, &o.temporary, "N",
		 "temporary: freed within N next allocations (1; up to 64)", 0},
		{0, "sql", OPT_FLAG, &o.sql, NULL,
		 "statements sent through libpq, by the stack and stage that issued them", 0},
		{0, "sql-params", OPT_INT, &o.sql_params, "N",
		 "with --sql: keep N sets of parameters of each statement (0: none)", 0},
		{'d', "duration", OPT_DURATION, &o.duration_ns, "TIME",
		 "stop recording, not the program, after 30s, 5m, 2h", 0},
		{0, "children", OPT_FLAG, &o.children, NULL, "follow fork and exec (the default)",
		 0},
		{0, "no-children", OPT_FLAG, &o.children, NULL, "only the program itself", 1},
		{0, "db", OPT_TEXT, &o.db, "URL",
		 "where a job's UUID is looked up ($PROTEA_DB_URL)", 0},
		{0, NULL, OPT_FLAG, NULL, NULL, NULL, 0},
	};
	const struct usage usage = {
		"run [options] JOB [options of protea-export]\n"
		"       protea-prof run [options] -- CMD [ARG…]",
		"Starts a program, or an export job, with the profiler in it. The program's "
		"output, input,\n"
		"signals and exit code are its own; the run goes into the store.\n"
		"JOB is a job file, '-', or a job's UUID (--db).",
		opts};
	int done, first = opts_parse(argc, argv, &usage, 0, &done), rc;

	if (first < 0)
		return EXIT_USAGE;
	if (done)
		return EXIT_OK;
	if (first >= argc) {
		log_error("run: say what to run: a job file, or '--' and a program; see "
			  "protea-prof run "
			  "--help");
		return EXIT_USAGE;
	}
	launch_outlive_reader();
	rc = run(&o, argc, argv, first, strcmp(argv[first - 1], "--") == 0);
	free(o.labels.values);
	return rc;
}
