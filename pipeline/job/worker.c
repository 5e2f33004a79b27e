/* A worker: see worker.h. The job's process extends the lease and writes the end; the worker only looks at
 * the row when the process is gone, and ends what was left open. */
#include "pipeline/job/worker.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/job/jobfile.h"
#include "pipeline/job/problems.h"
#include "pipeline/job/retry.h"
#include "pipeline/job/settings.h"
#include "pipeline/job/settle.h"
#include "pipeline/job/worker_child.h"
#include "prof/base/clock.h"
#include "prof/base/log.h"

#define REAP_MAX_S   30  /* expired leases are looked for at least so often */
#define WAIT_MS      500 /* between two looks at a job's process */
#define FOREVER_S    (INT32_MAX / 2)
#define KILL_WAIT_MS 10000
#define NOMEM_TRIES  20

struct worker {
	const struct worker_options *options;
	struct settings settings;
	struct source *source;
	char name[WORKER_NAME];
	int64_t reap_ns; /* when to look for expired leases again */
	int done;        /* jobs */
};

void worker_name(char out[WORKER_NAME])
{
	char host[256];

	if (gethostname(host, sizeof host) != 0)
		host[0] = '\0';
	host[sizeof host - 1] = '\0';
	snprintf(out, WORKER_NAME, "protea-export@%s:%d", host, (int)getpid());
}

static const char *queue_of(const struct worker *w)
{
	return w->options->queue ? w->options->queue : SOURCE_QUEUE;
}

static struct source_claimant claimant(const struct worker *w)
{
	return (struct source_claimant){.worker = w->name, .lease_s = w->settings.lease_s};
}

static void report(const struct worker *w, const struct source_job *job, const char *status,
		   const char *code, int reaped, int64_t start_ns)
{
	const struct worker_report r = {.job_id = job->claim.job_id,
					.status = status,
					.error_code = code,
					.reaped = reaped,
					.seconds = clock_elapsed_s(start_ns)};

	if (w->options->report)
		w->options->report(w->options->report_ctx, &r);
}

/* ---- jobs without a run -------------------------------------------------------------------------------- */

static const char *status_of(enum settled what)
{
	switch (what) {
	case SETTLED_SUCCEEDED:
		return "SUCCEEDED";
	case SETTLED_REQUEUED:
		return "QUEUED";
	case SETTLED_FAILED:
		return "FAILED";
	default:
		return "ELSEWHERE";
	}
}

/* As long as the database does not answer: a worker has nothing better to do. A lack of memory passes too, mostly. */
static int once_more(struct retry *t, const struct err *why)
{
	return why->code == ERR_NOMEM && t->tries < NOMEM_TRIES ? retry_anyway(t)
								: retry_again(t, why);
}

static void settle(struct worker *w, const struct source_job *job, const struct settle_reason *why,
		   int reaped, int64_t start_ns)
{
	struct err err = ERR_INIT;
	enum settled what = SETTLED_ELSEWHERE;
	struct retry t;
	int rc;

	retry_begin(&t, FOREVER_S);
	do {
		rc = settle_job(w->source, &w->settings, job, why, &what, &err);
		if (rc && t.tries == 0)
			log_warn("job %s could not be ended yet: %s", job->claim.job_id, err.text);
	} while (rc && once_more(&t, &err));
	if (rc)
		log_error("job %s stays RUNNING until its lease expires: %s", job->claim.job_id,
			  err.text);
	report(w, job,
	       rc                ? "RUNNING"
	       : status_of(what) ? status_of(what)
				 : "ELSEWHERE",
	       !rc && what == SETTLED_FAILED ? why->code : NULL, reaped, start_ns);
}

/* Puts jobs back whose worker is gone. 0, or a failure of the database. */
static int reap(struct worker *w, struct err *err)
{
	const struct settle_reason why = {
		.code = "LeaseExpired",
		.message = "the job's worker gave no sign of life, again and again; what it had "
			   "finished is kept in its staging folder",
		.requeue = "lease_expired"};
	struct source_claimant who = claimant(w);
	struct source_job job;
	int every_s = w->settings.lease_s / 4 + 1;
	int rc;

	if (clock_mono_ns() < w->reap_ns)
		return 0;
	while ((rc = source_take_expired(w->source, queue_of(w), OPERATION_EXPORT, &who, &job,
					 err)) == 1) {
		settle(w, &job, &why, 1, clock_mono_ns());
		source_job_release(&job);
		if (cancel_requested())
			break;
	}
	if (every_s > REAP_MAX_S)
		every_s = REAP_MAX_S;
	w->reap_ns = clock_mono_ns() + every_s * INT64_C(1000000000);
	return rc < 0 ? rc : 0;
}

/* ---- one job ------------------------------------------------------------------------------------------- */

/* From the stop signal on: the process gets it too, and then its time. 1: it had to be killed. */
static int stop_child(const struct worker *w, struct worker_child *c)
{
	int64_t until = clock_mono_ns() + (int64_t)(w->options->grace_s * 1e9);

	worker_child_signal(c, SIGTERM);
	while (!worker_child_wait(c, WAIT_MS))
		if (clock_mono_ns() >= until) {
			worker_child_signal(c, SIGKILL);
			(void)worker_child_wait(c, KILL_WAIT_MS);
			return 1;
		}
	return 0;
}

/* 1: the process was killed because it did not stop in time. */
static int wait_for_child(struct worker *w, struct worker_child *c)
{
	struct err err = ERR_INIT;

	while (!worker_child_wait(c, WAIT_MS)) {
		if (cancel_requested())
			return stop_child(w, c);
		(void)reap(
			w,
			&err); /* looked for again; the next claim tells of a database in trouble */
	}
	return 0;
}

/* Read again and again, as long as the database does not answer. */
static int read_row(struct worker *w, const char *job_id, struct source_job *row)
{
	struct err err = ERR_INIT;
	struct retry t;
	int rc;

	retry_begin(&t, FOREVER_S);
	do {
		rc = source_read_job(w->source, job_id, row, &err);
		if (rc < 0 && t.tries == 0)
			log_warn("job %s: its end cannot be looked up yet: %s", job_id, err.text);
	} while (rc < 0 && once_more(&t, &err));
	if (rc < 0)
		log_error("job %s: its end could not be looked up: %s", job_id, err.text);
	return rc;
}

static int is_running(const struct source_job *row)
{
	return strcmp(row->status, "RUNNING") == 0 || strcmp(row->status, "QUEUED") == 0;
}

static int is_open(const struct source_job *row, const struct source_job *job)
{
	return strcmp(row->status, "RUNNING") == 0 &&
	       row->claim.started_us == job->claim.started_us;
}

/* The process left the row open: it crashed, was killed, or could not reach the database. */
static void settle_gone(struct worker *w, const struct source_job *job,
			const struct worker_child *c, int killed, int64_t start_ns)
{
	char text[512], end[64];
	struct settle_reason why = {.message = text};

	worker_child_end_text(c, end, sizeof end);
	if (killed || cancel_requested()) {
		why.code = "WorkerShutdown";
		snprintf(
			text, sizeof text,
			"the worker was stopped and the job's process %s; what is finished is kept "
			"in its staging folder",
			killed ? "did not end in time" : end);
	} else if (WIFSIGNALED(c->status)) {
		why.code = "WorkerCrashed";
		snprintf(text, sizeof text,
			 "the job's process %s%s; what it had finished is kept in its staging "
			 "folder",
			 end, WTERMSIG(c->status) == SIGKILL ? ": perhaps no memory was left" : "");
	} else {
		why.code = "WorkerCrashed";
		why.requeue = "no_end_written";
		snprintf(text, sizeof text,
			 "the job's process %s without having written the job's end", end);
	}
	log_warn("job %s: %s", job->claim.job_id, text);
	settle(w, job, &why, 0, start_ns);
}

static void run_job(struct worker *w, const struct source_job *job)
{
	const struct settle_reason no_process = {.code = "WorkerCrashed",
						 .message =
							 "no process could be started for the job",
						 .requeue = "no_process"};
	int64_t start_ns = clock_mono_ns();
	struct source_job row = {0};
	struct worker_child child;
	struct err err = ERR_INIT;
	int killed, rc;

	if (worker_child_start(&child, w->options, &job->claim, &err) != 0) {
		log_error("job %s: %s", job->claim.job_id, err.text);
		settle(w, job, &no_process, 0, start_ns);
		retry_pause(1000);
		return;
	}
	killed = wait_for_child(w, &child);
	rc = read_row(w, job->claim.job_id, &row);
	if (rc == 1 && is_open(&row, job))
		settle_gone(w, job, &child, killed, start_ns);
	else
		report(w, job, rc != 1 || is_running(&row) ? "ELSEWHERE" : row.status, NULL, 0,
		       start_ns);
	source_job_release(&row);
}

/* ---- the loop ------------------------------------------------------------------------------------------ */

/* Claims and runs one. 1 done, 0 there was none. */
static int next_job(struct worker *w, struct err *err)
{
	struct source_claimant who = claimant(w);
	struct source_job job;
	int rc = reap(w, err);

	if (rc == 0 && !cancel_requested())
		rc = source_claim_next(w->source, queue_of(w), OPERATION_EXPORT, &who, &job, err);
	if (rc == 1) {
		run_job(w, &job);
		source_job_release(&job);
		w->done++;
	}
	return rc;
}

/* Until there may be a job: 0, 1 it is time to go, or a failure. */
static int idle(struct worker *w, int64_t idle_ns, struct err *err)
{
	double left = w->options->idle_exit_s < 0
			      ? w->options->poll_s
			      : w->options->idle_exit_s - clock_elapsed_s(idle_ns);
	double wait = left < w->options->poll_s ? left : w->options->poll_s;
	int rc;

	if (left <= 0)
		return 1;
	rc = source_wait_jobs(w->source, (int)(wait * 1000) + 1, err);
	return rc < 0 ? rc : 0;
}

static int is_over(const struct worker *w)
{
	return cancel_requested() || (w->options->max_jobs && w->done >= w->options->max_jobs);
}

static int loop(struct worker *w, struct err *err)
{
	int64_t idle_ns = clock_mono_ns();
	struct retry t;
	int rc;

	retry_begin(&t, FOREVER_S);
	while (!is_over(w)) {
		rc = next_job(w, err);
		if (rc == 1) {
			idle_ns = clock_mono_ns();
		} else if (rc == 0) {
			rc = idle(w, idle_ns, err);
			if (rc == 1)
				return 0;
		}
		if (rc >= 0) {
			if (t.tries)
				log_info("the database answers again");
			retry_begin(&t, FOREVER_S);
			continue;
		}
		if (t.tries == 0)
			log_warn("%s", err->text);
		if (!cancel_requested() && !retry_again(&t, err))
			return rc;
	}
	return 0;
}

int worker_run(const struct worker_options *options, struct err *err)
{
	struct problems problems = PROBLEMS_INIT;
	struct worker w = {.options = options};
	int rc = settings_load(&w.settings, NULL, NULL, &problems, err);

	worker_name(w.name);
	if (!rc)
		rc = retry_open(&w.source, options->url, SOURCE_READ | SOURCE_WRITE, FOREVER_S,
				err);
	if (!rc)
		rc = loop(&w, err);
	else if (cancel_requested() && source_is_passing(err))
		rc = 0; /* it was waiting for its database */
	source_close(w.source);
	settings_release(&w.settings);
	problems_release(&problems);
	return rc;
}
