/* `protea-export run` and `check`. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "pipeline/cli/cli.h"
#include "pipeline/core/cancel.h"
#include "pipeline/core/fsio.h"
#include "pipeline/job/check.h"
#include "pipeline/job/jobfile.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/run.h"
#include "pipeline/job/settle.h"
#include "pipeline/job/worker.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"
#include "prof/base/units.h"

static const char run_usage[] =
	"usage: protea-export run [OPTIONS] JOB\n"
	"Runs an export job. JOB is a job file, '-' (JSON on standard input), or with --db the "
	"UUID of a\n"
	"queued job in that database.\n"
	"  --db URL            bundle:PATH or postgresql://...; default $PROTEA_DB_URL\n"
	"  -w, --workers N     threads; default $PROTEA_PAIR_FEATURE_WORKERS, else 1\n"
	"  --memory-limit SIZE refuse to start if the plan needs more; default: what is available\n"
	"  --dry-run           check only, like 'protea-export check'\n"
	"  --keep-staging      keep the staging folder after success\n"
	"  --again             with a UUID: also a job that has failed or was cancelled; it goes "
	"on "
	"from what\n"
	"                      is in its staging folder, and registers what is complete\n"
	"  --claimed STARTED   with a UUID: the job is RUNNING and ours (this is how a worker runs "
	"it)\n"
	"  --json              print the result as JSON\n"
	"  -q, --quiet         warnings and errors only\n"
	"Exit codes: 0 done, 1 failed, 2 usage or refused payload (nothing was computed).\n"
	"\n"
	"A job file; relative paths are relative to it, 'protea-export bundle info' shows the "
	"ids:\n"
	"  {\"operation\": \"export_research_dataset\", \"source\": \"bundle:my.bundle\",\n"
	"   \"payload\": {\"output_name\": \"first\", \"embedding_config_id\": \"UUID\",\n"
	"     \"ontology_snapshot_id\": \"UUID\", \"train_versions\": [160, 165, 170],\n"
	"     \"test_versions\": [175], \"k\": 5},\n"
	"   \"environment\": {\"PROTEA_ANC2VEC_PATH\": \"anc2vec.npz\",\n"
	"     \"PROTEA_STORAGE_ROOT\": \"datasets\"}}\n"
	"Also true or false in the payload: compute_alignments, compute_taxonomy,\n"
	"expand_votes_to_ancestors, use_embedding_pca; see docs/pipeline.md.\n";

static const char check_usage[] =
	"usage: protea-export check [OPTIONS] JOB\n"
	"Checks a job without running it: lists everything that would make it fail, and what it "
	"would need:\n"
	"queries, pairs, rows, memory, disk. Options as for 'run'. Vectors and texts of sequences\n"
	"are not read: 'bundle check' does that.\n"
	"Exit codes: 0 nothing stands in the way, 1 it would fail, 2 usage or refused payload.\n";

static int exit_code(enum run_outcome outcome)
{
	return outcome == RUN_DONE ? EXIT_DONE : outcome == RUN_REFUSED ? EXIT_USAGE : EXIT_FAILED;
}

static void print_json(const json_t *value)
{
	char *text = json_pretty_ascii(value);

	if (text)
		puts(text);
	free(text);
}

/* ---- result -------------------------------------------------------------------------------------------- */

static void print_result(const json_t *r)
{
	const json_t *stats = json_object_get(r, "dump_stats"),
		     *eval = json_object_get(r, "eval_uri");
	char train_rows[UNITS_TEXT], eval_rows[UNITS_TEXT];

	units_count(train_rows,
		    (uint64_t)json_integer_value(json_object_get(stats, "n_train_rows")));
	units_count(eval_rows, (uint64_t)json_integer_value(json_object_get(stats, "n_eval_rows")));
	printf("data set  %s\n", json_string_value(json_object_get(r, "output_name")));
	printf("train     %s  (%s rows)\n", json_string_value(json_object_get(r, "train_uri")),
	       train_rows);
	if (json_is_string(eval))
		printf("eval      %s  (%s rows)\n", json_string_value(eval), eval_rows);
	else
		printf("eval      none: the test pair has no row\n");
	printf("manifest  %s\n", json_string_value(json_object_get(r, "manifest_uri")));
	printf("elapsed   %.1f s\n", json_number_value(json_object_get(r, "elapsed_seconds")));
}

/* One line for each thing that stood in the way. */
static void say_failure(const struct problems *problems, const struct err *err)
{
	size_t i;

	if (problems->count < 2) {
		log_error("%s", err->text);
		return;
	}
	for (i = 0; i < problems->count; i++)
		log_error("%s", problems->list[i].text);
	log_error("%zu problems: nothing was computed", problems->count);
}

static void say_end(enum run_outcome outcome, const struct problems *problems,
		    const struct err *err, const json_t *result, const struct job_options *o)
{
	if (outcome != RUN_DONE)
		say_failure(problems, err);
	else if (o->json)
		print_json(result);
	else
		print_result(result);
}

static struct run_options run_options_of(const struct job_options *o, struct problems *problems)
{
	return (struct run_options){.memory_limit = o->memory_limit,
				    .workers = o->workers,
				    .keep_staging = o->keep_staging,
				    .problems = problems};
}

/* ---- check ---------------------------------------------------------------------------------------------- */

static const char *bytes_of(const json_t *o, const char *key, char out[UNITS_TEXT])
{
	return units_bytes(out, (uint64_t)json_integer_value(json_object_get(o, key)));
}

static const char *count_of(const json_t *o, const char *key, char out[UNITS_TEXT])
{
	return units_count(out, (uint64_t)json_integer_value(json_object_get(o, key)));
}

static void print_estimate(const json_t *x)
{
	const json_t *m = json_object_get(x, "memory_bytes"), *pair;
	char a[UNITS_TEXT], b[UNITS_TEXT], c[UNITS_TEXT], d[UNITS_TEXT], e[UNITS_TEXT],
		f[UNITS_TEXT];
	size_t i;

	printf("%-16s %9s %9s %9s %10s %12s %12s\n", "pair", "nk", "lk", "pk", "queries",
	       "pairs <=", "rows <=");
	json_array_foreach(json_object_get(x, "by_pair"), i, pair) printf(
		"%-16s %9s %9s %9s %10s %12s %12s\n",
		json_string_value(json_object_get(pair, "pair")), count_of(pair, "nk", a),
		count_of(pair, "lk", b), count_of(pair, "pk", c), count_of(pair, "queries", d),
		count_of(pair, "pairs", e), count_of(pair, "rows", f));
	printf("\nproteins %s, pool %s x %s\n", count_of(x, "proteins", a),
	       count_of(x, "pool_rows", b), count_of(x, "dim", c));
	printf("memory   %s of %s available (pool %s, maps %s, neighbours %s, alignment %s",
	       bytes_of(m, "total", a), bytes_of(m, "available", b), bytes_of(m, "pool", c),
	       bytes_of(m, "maps", d), bytes_of(m, "knn", e), bytes_of(m, "alignment", f));
	printf(", rows %s)\n", bytes_of(m, "rows", a));
	printf("disk     about %s\n", bytes_of(x, "disk_bytes", a));
}

void cli_print_check(const json_t *r)
{
	const json_t *text, *estimate = json_object_get(r, "estimate");
	size_t i;

	json_array_foreach(json_object_get(r, "problems"), i, text)
		printf("problem: %s\n", json_string_value(text));
	json_array_foreach(json_object_get(r, "warnings"), i, text)
		printf("warning: %s\n", json_string_value(text));
	if (estimate)
		print_estimate(estimate);
	if (json_is_true(json_object_get(r, "ok")))
		printf("ok: nothing stands in the way of this job\n");
	else
		printf("%zu problem(s): the job would not start\n",
		       json_array_size(json_object_get(r, "problems")));
}

static int check_one(const char *url, const json_t *payload, const json_t *environment,
		     const char *base_dir, const struct job_options *o)
{
	struct run_options options = {.memory_limit = o->memory_limit, .workers = o->workers};
	enum run_outcome outcome;
	json_t *r;

	if (log_get_level() > LOG_WARN)
		log_init("protea-export", LOG_WARN); /* what is loaded on the way is no news */
	r = check_payload(url, payload, environment, base_dir, &options, &outcome);

	if (!r) {
		log_error("no memory for the check");
		return EXIT_FAILED;
	}
	if (o->json)
		print_json(r);
	else
		cli_print_check(r);
	json_decref(r);
	return exit_code(outcome);
}

/* ---- a job in a database -------------------------------------------------------------------------------- */

/* A job that failed before its run could say so itself: its row must not stay RUNNING (spec 6.1). */
static void fail_claimed(struct source *s, const struct source_claim *claim, const struct err *err,
			 int patience_s)
{
	struct err why = ERR_INIT;
	char *text = text_utf8(err->text);
	const struct source_end end = {
		.status = "FAILED", .error_code = err_name(err->code), .error_message = text};
	int rc = settle_write(s, claim, &end, patience_s, &why);

	if (rc < 0 && rc != ERR_CANCELLED &&
	    rc != ERR_EXISTS) /* 1: its end is its worker's to write */
		log_warn("%s", why.text);
	free(text);
}

/* What the row says, run. */
static enum run_outcome run_row(struct source *s, const struct source_job *job,
				const struct settings *settings, const struct job_options *o)
{
	struct problems problems = PROBLEMS_INIT;
	struct run_options options = run_options_of(o, &problems);
	enum run_outcome outcome = RUN_FAILED;
	struct err err = ERR_INIT;
	json_t *result = NULL;
	json_t *payload =
		json_parse("the job's payload", job->payload_json, strlen(job->payload_json), &err);

	if (payload && strcmp(job->operation, OPERATION_EXPORT) != 0)
		err_set(&err, ERR_ARG, "job %s is of operation '%s', not %s", job->claim.job_id,
			job->operation, OPERATION_EXPORT);
	else if (payload)
		outcome = run_payload(source_url(s), payload, NULL, NULL, &job->claim, &options,
				      &result, &err);
	if (outcome != RUN_DONE)
		fail_claimed(s, &job->claim, &err, settings->db_retry_s);
	say_end(outcome, &problems, &err, result, o);
	problems_release(&problems);
	json_decref(payload);
	json_decref(result);
	return outcome;
}

/* The row as its worker claimed it: 1, 0 it is not that claim's any more. */
static int read_claimed(struct source *s, const char *job_id, int64_t started_us,
			struct source_job *job, struct err *err)
{
	int rc = source_read_job(s, job_id, job, err);

	if (rc == 1 && (strcmp(job->status, "RUNNING") != 0 || job->claim.started_us != started_us))
		source_job_release(job);
	return rc == 1 ? job->status != NULL : rc;
}

static int take_job(struct source *s, const char *job_id, const struct settings *settings,
		    const struct job_options *o, struct source_job *job, struct err *err)
{
	char name[WORKER_NAME];
	const struct source_claimant who = {
		.worker = name, .lease_s = settings->lease_s, .again = o->again};
	int rc;

	worker_name(name);
	if (!o->claimed)
		return source_claim_job(s, job_id, &who, job, err);
	rc = read_claimed(s, job_id, strtoll(o->claimed, NULL, 10), job, err);
	job->claim.lease_s = settings->lease_s;
	return rc;
}

static int run_claimed(const char *url, const char *job_id, const struct settings *settings,
		       const struct job_options *o)
{
	struct source_job job = {0};
	struct err err = ERR_INIT;
	struct source *s = NULL;
	enum run_outcome outcome = RUN_FAILED;
	int rc = retry_open(&s, url, SOURCE_READ | SOURCE_WRITE,
			    o->claimed ? settings->db_retry_s : 0, &err);

	if (!rc)
		rc = take_job(s, job_id, settings, o, &job, &err);
	if (rc == 1) {
		outcome = run_row(s, &job, settings, o);
	} else if (rc == 0) {
		log_info("job %s is not queued: somebody else has it, or it is done", job_id);
		outcome = RUN_DONE;
	} else if (rc == ERR_NOTFOUND && s) {
		log_warn("%s: nothing to do", err.text); /* no failure, spec 6.1 */
		outcome = RUN_DONE;
	} else {
		log_error("%s", err.text);
	}
	source_job_release(&job);
	source_close(s);
	return exit_code(outcome);
}

static int run_uuid(const char *job_id, const struct job_options *o)
{
	struct problems problems = PROBLEMS_INIT;
	struct settings settings = {0};
	struct err err = ERR_INIT;
	char *url = cli_database_url(o->db_url, &err);
	int rc = EXIT_USAGE;

	if (o->claimed) {
		cancel_outlast();
		(void)prctl(PR_SET_PDEATHSIG, SIGTERM); /* no job without its worker */
	}
	if (!url || settings_load(&settings, NULL, NULL, &problems, &err) != 0)
		log_error("'%s' is a job's UUID: %s", o->job, err.text);
	else
		rc = run_claimed(url, job_id, &settings, o);
	settings_release(&settings);
	problems_release(&problems);
	free(url);
	return rc;
}

/* ---- a job file ------------------------------------------------------------------------------------------ */

static int run_file(const struct jobfile *job, const struct job_options *o)
{
	struct problems problems = PROBLEMS_INIT;
	struct run_options options = run_options_of(o, &problems);
	struct err err = ERR_INIT;
	json_t *result = NULL;
	enum run_outcome outcome;

	outcome = run_payload(job->source_url, job->payload, job->environment, job->base_dir, NULL,
			      &options, &result, &err);
	say_end(outcome, &problems, &err, result, o);
	json_decref(result);
	problems_release(&problems);
	return exit_code(outcome);
}

static int with_file(const struct job_options *o, int check)
{
	struct err err = ERR_INIT;
	struct jobfile job;
	int rc;

	if (jobfile_read(&job, o->job, &err) != 0) {
		log_error("%s", err.text);
		return EXIT_USAGE;
	}
	if (o->db_url) {
		char *url = jobfile_resolve_source(o->db_url, NULL);

		if (url) {
			free(job.source_url);
			job.source_url = url;
		}
	}
	if (check && strcmp(job.operation, OPERATION_GRID) == 0) {
		rc = cli_check_grid(&job, o);
	} else if (strcmp(job.operation, OPERATION_EXPORT) != 0) {
		log_error("'%s' is a grid: run it with: protea-export grid %s", job.path, job.path);
		rc = EXIT_USAGE;
	} else if (check) {
		rc = check_one(job.source_url, job.payload, job.environment, job.base_dir, o);
	} else {
		rc = run_file(&job, o);
	}
	jobfile_release(&job);
	return rc;
}

static int run_or_check(int argc, char **argv, const char *usage, int check)
{
	struct job_options o;
	char uuid[UUID_TEXT];
	int rc = cli_parse_job_options(argc, argv, usage, &o);

	if (rc)
		return rc - 1;
	cancel_install();
	if (uuid_normalise(o.job, uuid) == 0 && !fsio_exists(o.job)) {
		if (!check && !o.dry_run)
			return run_uuid(uuid, &o);
		log_error("check and --dry-run take a job file");
		return EXIT_USAGE;
	}
	if (o.again || o.claimed) {
		log_error("--again and --claimed take a job's UUID");
		return EXIT_USAGE;
	}
	return with_file(&o, check || o.dry_run);
}

int cmd_run(int argc, char **argv)
{
	return run_or_check(argc, argv, run_usage, 0);
}

int cmd_check(int argc, char **argv)
{
	return run_or_check(argc, argv, check_usage, 1);
}
