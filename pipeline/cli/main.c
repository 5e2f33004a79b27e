/* protea-export: the command table. Commands may be abbreviated while they are unambiguous. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "pipeline/cli/cli.h"
#include "pipeline/cli/cmd_bundle.h"
#include "pipeline/core/version.h"
#include "prof/base/log.h"

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
};

static const struct command commands[] = {
	{"run", cmd_run, "run an export job: a job file, '-', or a job's UUID with --db"},
	{"check", cmd_check, "check a job: everything that would fail, and what it would need"},
	{"grid", cmd_grid, "run a grid of cells: embedding configurations x K"},
	{"worker", cmd_worker, "run the jobs of a database's queue, one after the other"},
	{"bundle", cmd_bundle,
	 "create, info, check, anc2vec: bundles from OBO, FASTA, GAF, NumPy files"},
};

#define N_COMMANDS (sizeof commands / sizeof commands[0])

static void print_help(FILE *out)
{
	size_t i;

	fprintf(out, "usage: protea-export COMMAND [OPTIONS] …\n\n"
		     "Exports research data sets of protein-function candidates (train.parquet, "
		     "eval.parquet,\n"
		     "manifest.json) from a bundle or a database.\n\n");
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].help);
	fprintf(out,
		"\n'protea-export COMMAND --help' tells more; --version prints the version.\n");
}

static const struct command *find_command(const char *name, int *ambiguous)
{
	const struct command *hit = NULL;
	size_t i, len = strlen(name);

	*ambiguous = 0;
	for (i = 0; i < N_COMMANDS; i++) {
		if (strncmp(commands[i].name, name, len) != 0)
			continue;
		if (!commands[i].name[len])
			return &commands[i];
		*ambiguous = hit != NULL;
		hit = &commands[i];
	}
	return *ambiguous ? NULL : hit;
}

/* Who reads the result must not take a lost one for none. */
static int printed(int rc)
{
	if (rc != EXIT_DONE || (fflush(stdout) == 0 && !ferror(stdout)))
		return rc;
	log_error("cannot write to standard output: %s", strerror(errno));
	return EXIT_FAILED;
}

int main(int argc, char **argv)
{
	const struct command *c;
	int ambiguous;

	log_init("protea-export", LOG_INFO);
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is a write error, not the end */
	signal(SIGXFSZ, SIG_IGN); /* so is a file beyond the shell's limit */
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	if (strcmp(argv[1], "help") == 0 && argc > 2) {
		char *ask[] = {argv[2], "--help", NULL};

		c = find_command(argv[2], &ambiguous);
		if (c)
			return c->run(2, ask);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		print_help(stdout);
		return EXIT_DONE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "version") == 0) {
		printf("protea-export %s%s%s\n", version_text(), version_git_sha() ? " " : "",
		       version_git_sha() ? version_git_sha() : "");
		return EXIT_DONE;
	}
	c = *argv[1] ? find_command(argv[1], &ambiguous) : NULL;
	if (!c) {
		log_error("'%s' is no command of protea-export; see: protea-export help", argv[1]);
		return EXIT_USAGE;
	}
	return printed(c->run(argc - 1, argv + 1));
}
