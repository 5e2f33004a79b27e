/* protea-prof: the command table and the hub. A command may be abbreviated while unambiguous. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prof/base/log.h"
#include "prof/cli/cmd.h"
#include "prof/cli/version.h"

const struct cmd cmds[] = {
	{"run", cmd_run, "start a program or an export job under the profiler", 0},
	{"record", cmd_record, "sample running processes, or a command, from outside", 0},
	{"top", cmd_top, "what running processes do now: a live view", 0},
	{"dump", cmd_dump, "stacks of all threads of a live process, or of a core file, now", 0},
	{"report", cmd_report, "rank functions, lines, stages; memory, leaks; call tree", 0},
	{"flame", cmd_flame, "one self-contained interactive page", 0},
	{"diff", cmd_diff, "what differs between two groups of runs", 0},
	{"site", cmd_site, "pages for many runs, with an index and a matrix", 0},
	{"gate", cmd_gate, "is B worse than A? a verdict with an exit code, for CI", 0},
	{"model", cmd_model, "cost of stages against their sizes: fit it, predict larger runs", 0},
	{"plan", cmd_plan, "the largest batch under a memory limit, and how many workers fit", 0},
	{"snapshot", cmd_snapshot, "what is live in a running program, now", 0},
	{"runs", cmd_runs, "list, show, label, rename, remove, merge runs", 0},
	{"import", cmd_import, "make a run of another profiler's file", 0},
	{"export", cmd_export, "write a run in a foreign format (folded, speedscope, pprof)", 0},
	{"pg", cmd_pg, "PostgreSQL: who waits for whom, long runners, repeated statements", 0},
	{"check", cmd_check, "what works on this machine, and what would make the rest work", 0},
	{"_supervise", cmd_supervise, "", 1},
	{NULL, NULL, NULL, 0},
};

static void print_usage(FILE *to)
{
	const struct cmd *c;

	fprintf(to, "usage: protea-prof COMMAND [options]\n\n");
	for (c = cmds; c->name; c++)
		if (!c->hidden)
			fprintf(to, "  %-8s %s\n", c->name, c->summary);
	fprintf(to, "\n  protea-prof COMMAND --help tells more; -q, --version\n"
		    "  exit codes: 0 ok, 1 failure, 2 usage, 4 the program could not be started;\n"
		    "  run and record -- CMD return the program's own code, 128 + N when signal N "
		    "ended it\n");
}

static const struct cmd *find(const char *name)
{
	const struct cmd *c, *hit = NULL;
	size_t len = strlen(name);
	int hits = 0;

	for (c = cmds; c->name; c++) {
		if (strncmp(c->name, name, len) != 0)
			continue;
		if (strlen(c->name) == len)
			return c;
		if (!c->hidden) {
			hit = c;
			hits++;
		}
	}
	if (hits == 1)
		return hit;
	log_error("%s command '%s'; protea-prof --help lists all", hits ? "ambiguous" : "unknown",
		  name);
	return NULL;
}

/* What could not be printed must not pass for success; of a reader that went away (a pipe into head, where
 * SIGPIPE is ignored) there is nothing to say. */
static int finish(int rc)
{
	int bad = ferror(stdout);

	errno = 0;
	if (fflush(stdout))
		bad = 1;
	if (!bad || rc != EXIT_OK)
		return rc;
	if (errno != EPIPE)
		log_error("cannot write to standard output%s%s", errno ? ": " : "",
			  errno ? strerror(errno) : "");
	return EXIT_FAIL;
}

int main(int argc, char **argv)
{
	const struct cmd *c;
	int i = 1, rc;

	log_init("protea-prof", LOG_INFO);
	if (i < argc && (strcmp(argv[i], "-q") == 0 || strcmp(argv[i], "--quiet") == 0)) {
		log_init("protea-prof", LOG_QUIET);
		i++;
	}
	if (i >= argc) {
		print_usage(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[i], "--version") == 0) {
		printf("protea-prof %s%s%s\n", prof_version, *prof_git_sha ? " " : "",
		       prof_git_sha);
		return finish(EXIT_OK);
	}
	if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0 ||
	    strcmp(argv[i], "help") == 0) {
		print_usage(stdout);
		return finish(EXIT_OK);
	}
	c = find(argv[i]);
	if (!c)
		return EXIT_USAGE;
	argv[i] = (char *)(uintptr_t)c->name;
	rc = c->run(argc - i, argv + i);
	return finish(rc);
}
