/* Commands of protea-export. Only this room prints results and chooses exit codes. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include <jansson.h>

#include "prof/base/err.h"

enum cli_exit {
	EXIT_DONE = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2, /* usage, or a refused payload: nothing was computed, nothing left behind */
};

int cmd_run(int argc, char **argv);
int cmd_check(int argc, char **argv);
int cmd_grid(int argc, char **argv);
int cmd_worker(int argc, char **argv);

/* Options that run, check and grid share. */
struct job_options {
	const char *job; /* path, "-" or UUID */
	const char *db_url;
	int workers; /* 0: as the settings say */
	unsigned long long memory_limit;
	int json, quiet, dry_run, keep_staging;
	int again;           /* a job that has ended too */
	const char *claimed; /* the worker's claim of the job; NULL: it is to be claimed */
};

/* 0, or an exit code + 1 when the caller should return it (help was printed, or usage is wrong). */
int cli_parse_job_options(int argc, char **argv, const char *usage, struct job_options *o);

/* --db or PROTEA_DB_URL, a bundle's path made absolute; malloc'ed. NULL: neither is there. */
char *cli_database_url(const char *given, struct err *err);

struct jobfile;
/* The preflight of a grid's cells, printed; returns the exit code. */
int cli_check_grid(const struct jobfile *job, const struct job_options *o);
/* What check_payload tells of one job, as text. */
void cli_print_check(const json_t *result);

#endif
