/* Options that run, check and grid share: see cli.h. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "pipeline/cli/cli.h"
#include "pipeline/core/workers.h"
#include "pipeline/job/jobfile.h"
#include "prof/base/log.h"
#include "prof/base/units.h"

static int bad(const char *usage, const char *fmt, const char *what)
{
	log_error(fmt, what);
	fprintf(stderr, "%s", usage);
	return EXIT_USAGE + 1;
}

int cli_parse_job_options(int argc, char **argv, const char *usage, struct job_options *o)
{
	static const struct option longs[] = {
		{"db", required_argument, NULL, 'd'},
		{"dry-run", no_argument, NULL, 'n'},
		{"json", no_argument, NULL, 'j'},
		{"quiet", no_argument, NULL, 'q'},
		{"workers", required_argument, NULL, 'w'},
		{"memory-limit", required_argument, NULL, 'm'},
		{"keep-staging", no_argument, NULL, 'k'},
		{"again", no_argument, NULL, 'a'},
		{"claimed", required_argument, NULL, 'c'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	uint64_t bytes;
	long number;
	char *end;
	int c;

	*o = (struct job_options){0};
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "qhw:", longs, NULL)) != -1) {
		switch (c) {
		case 'd':
			o->db_url = optarg;
			break;
		case 'n':
			o->dry_run = 1;
			break;
		case 'j':
			o->json = 1;
			break;
		case 'q':
			o->quiet = 1;
			break;
		case 'w':
			errno = 0;
			number = strtol(optarg, &end, 10);
			if (errno || end == optarg || *end || number < 1 || number > INT_MAX)
				return bad(usage, "'%s' is no number of workers", optarg);
			if (number > WORKERS_MAX)
				return bad(usage, "%s workers are too many, 4096 is the most",
					   optarg);
			o->workers = (int)number;
			break;
		case 'k':
			o->keep_staging = 1;
			break;
		case 'a':
			o->again = 1;
			break;
		case 'c':
			o->claimed = optarg;
			break;
		case 'm':
			if (units_parse_bytes(optarg, &bytes) != 0)
				return bad(usage, "'%s' is no size; write 8GiB or 512M", optarg);
			o->memory_limit = bytes;
			break;
		case 'h':
			printf("%s", usage);
			return EXIT_DONE + 1;
		default:
			return bad(usage, "unknown or incomplete option '%s'", argv[optind - 1]);
		}
	}
	if (optind == argc)
		return bad(usage, "%s: which job?", argv[0]);
	if (optind + 1 < argc)
		return bad(usage, "unexpected argument '%s'", argv[optind + 1]);
	o->job = argv[optind];
	if (o->quiet)
		log_init("protea-export", LOG_WARN);
	return 0;
}

char *cli_database_url(const char *given, struct err *err)
{
	const char *url = given ? given : getenv("PROTEA_DB_URL");
	char *full;

	if (!url || !*url) {
		err_set(err, ERR_ARG, "say where it is with --db URL or PROTEA_DB_URL");
		return NULL;
	}
	full = jobfile_resolve_source(url, NULL);
	if (!full)
		err_nomem(err, "the database's URL");
	return full;
}
