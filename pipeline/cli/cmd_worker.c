/* `protea-export worker`: runs the jobs of a queue. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/text.h"
#include "pipeline/core/workers.h"
#include "pipeline/job/worker.h"
#include "prof/base/log.h"

static const char usage[] =
	"usage: protea-export worker [OPTIONS]\n"
	"Claims the export jobs of a queue in the order of their creation and runs them one after "
	"the other,\n"
	"each in a process of its own, until SIGTERM. Many workers may share a queue.\n"
	"  --db URL             postgresql://... or bundle:PATH; default $PROTEA_DB_URL\n"
	"  --queue NAME         default protea.training\n"
	"  --once               run one job if there is one, and end\n"
	"  --max-jobs N         end after N jobs\n"
	"  --idle-exit SECONDS  end when there was no job for so long (0: when the queue is "
	"empty)\n"
	"  --poll SECONDS       look at the queue at least so often; default 5\n"
	"  --grace SECONDS      from SIGTERM until the job's process is killed; default 30\n"
	"  -w, --workers N      threads of a job; default $PROTEA_PAIR_FEATURE_WORKERS, else 1\n"
	"  --memory-limit SIZE  as for 'run'\n"
	"  --keep-staging       as for 'run'\n"
	"  --json               a line of JSON on standard output for each job that has ended\n"
	"  --print-trigger      print the SQL that has the database tell workers of new jobs\n"
	"  -q, --quiet          warnings and errors only\n"
	"Exit codes: 0 ended as asked, 1 failed (the jobs' own failures are in their rows), 2 "
	"usage.\n";

/* Workers that listen need not poll often. */
static const char trigger[] =
	"CREATE OR REPLACE FUNCTION protea_job_notify() RETURNS trigger LANGUAGE plpgsql AS $$\n"
	"BEGIN\n"
	"  PERFORM pg_notify('protea_job', NEW.queue_name);\n"
	"  RETURN NULL;\n"
	"END $$;\n"
	"DROP TRIGGER IF EXISTS protea_job_notify ON job;\n"
	"CREATE TRIGGER protea_job_notify AFTER INSERT OR UPDATE OF status ON job\n"
	"  FOR EACH ROW WHEN (NEW.status = 'QUEUED') EXECUTE FUNCTION protea_job_notify();\n";

#define MORE_MAX 8

struct arguments {
	struct worker_options worker;
	const char *db_url;
	const char *more[MORE_MAX]; /* of 'run' */
	int n_more;
	int json;
};

static int bad(const char *fmt, const char *what)
{
	log_error(fmt, what);
	fprintf(stderr, "%s", usage);
	return EXIT_USAGE + 1;
}

static int seconds_of(const char *text, double *out)
{
	char *end;

	errno = 0;
	*out = strtod(text, &end);
	return errno == 0 && end != text && *end == '\0' && *out >= 0 && *out < 1e7 ? 0 : -1;
}

static int count_of(const char *text, int *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	*out = (int)n;
	return errno == 0 && end != text && *end == '\0' && n >= 1 && n <= INT_MAX ? 0 : -1;
}

static void pass_on(struct arguments *a, const char *option, const char *value)
{
	if (a->n_more + 2 >= MORE_MAX)
		return; /* said again and again: the first counts */
	a->more[a->n_more++] = option;
	if (value)
		a->more[a->n_more++] = value;
}

static int take(struct arguments *a, int c, const char *value, const char *shown)
{
	int n;

	switch (c) {
	case 'd':
		a->db_url = value;
		return 0;
	case 'Q':
		a->worker.queue = value;
		return 0;
	case 'o':
		a->worker.max_jobs = 1;
		a->worker.idle_exit_s = 0;
		return 0;
	case 'M':
		return count_of(value, &a->worker.max_jobs)
			       ? bad("'%s' is no number of jobs", value)
			       : 0;
	case 'i':
		return seconds_of(value, &a->worker.idle_exit_s) ? bad("'%s' is no time", value)
								 : 0;
	case 'p':
		return seconds_of(value, &a->worker.poll_s) || a->worker.poll_s < 0.05
			       ? bad("'%s' is no time to poll", value)
			       : 0;
	case 'g':
		return seconds_of(value, &a->worker.grace_s) ? bad("'%s' is no time", value) : 0;
	case 'w':
		if (count_of(value, &n))
			return bad("'%s' is no number of workers", value);
		if (n > WORKERS_MAX)
			return bad("%s workers are too many, 4096 is the most", value);
		pass_on(a, "--workers", value);
		return 0;
	case 'm':
		pass_on(a, "--memory-limit", value);
		return 0;
	case 'k':
		pass_on(a, "--keep-staging", NULL);
		return 0;
	case 'j':
		a->json = 1;
		return 0;
	case 't':
		printf("%s", trigger);
		return EXIT_DONE + 1;
	case 'q':
		log_init("protea-export", LOG_WARN);
		pass_on(a, "--quiet", NULL);
		return 0;
	case 'h':
		printf("%s", usage);
		return EXIT_DONE + 1;
	default:
		return bad("unknown or incomplete option '%s'", shown);
	}
}

static int parse(int argc, char **argv, struct arguments *a)
{
	static const struct option longs[] = {
		{"db", required_argument, NULL, 'd'},
		{"queue", required_argument, NULL, 'Q'},
		{"once", no_argument, NULL, 'o'},
		{"max-jobs", required_argument, NULL, 'M'},
		{"idle-exit", required_argument, NULL, 'i'},
		{"poll", required_argument, NULL, 'p'},
		{"grace", required_argument, NULL, 'g'},
		{"workers", required_argument, NULL, 'w'},
		{"memory-limit", required_argument, NULL, 'm'},
		{"keep-staging", no_argument, NULL, 'k'},
		{"json", no_argument, NULL, 'j'},
		{"print-trigger", no_argument, NULL, 't'},
		{"quiet", no_argument, NULL, 'q'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c, rc;

	*a = (struct arguments){.worker = {.idle_exit_s = -1, .poll_s = 5, .grace_s = 30}};
	optind = 1;
	opterr = 0;
	while ((c = getopt_long(argc, argv, "qhw:", longs, NULL)) != -1) {
		rc = take(a, c, optarg, argv[optind - 1]);
		if (rc)
			return rc;
	}
	return optind < argc ? bad("unexpected argument '%s'", argv[optind]) : 0;
}

static void print_json(const struct worker_report *r)
{
	json_t *line = json_pack("{s:s, s:s, s:s?, s:b, s:o}", "job", r->job_id, "status",
				 r->status, "error_code", r->error_code, "reaped", r->reaped,
				 "elapsed_s", json_rounded(r->seconds, 3));
	char *text = line ? json_compact(line) : NULL;

	if (text)
		puts(text);
	fflush(stdout);
	json_decref(line);
	free(text);
}

static void tell(void *ctx, const struct worker_report *r)
{
	const struct arguments *a = ctx;

	log_info("job %s: %s%s%s%s  %.1f s", r->job_id, r->status, r->error_code ? " " : "",
		 r->error_code ? r->error_code : "", r->reaped ? " (its lease had expired)" : "",
		 r->seconds);
	if (a->json)
		print_json(r);
}

int cmd_worker(int argc, char **argv)
{
	struct arguments a;
	struct err err = ERR_INIT;
	char *url;
	int rc = parse(argc, argv, &a);

	if (rc)
		return rc - 1;
	url = cli_database_url(a.db_url, &err);
	if (!url) {
		log_error("which database? %s", err.text);
		return EXIT_USAGE;
	}
	a.worker.url = url;
	a.worker.more = (char *const *)(uintptr_t)a.more;
	a.worker.report = tell;
	a.worker.report_ctx = &a;
	cancel_install();
	rc = worker_run(&a.worker, &err);
	if (rc)
		log_error("%s", err.text);
	free(url);
	return rc ? EXIT_FAILED : EXIT_DONE;
}
