/* record_outside(): the course of a recording from outside, from the first look to the names. What is sampled goes through the
 * same tables and flushes as the data of an agent; its session folder holds nothing but the lease, by which others see that the run
 * goes on, or that it was left behind. */
#include "prof/record/outside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "prof/base/clock.h"
#include "prof/record/about.h"
#include "prof/record/launch.h"
#include "prof/record/lease.h"
#include "prof/record/livenames.h"
#include "prof/record/loop.h"
#include "prof/record/outside_internal.h"
#include "prof/record/sweep.h"

extern char **environ;

#define ROUND_MS    100
#define ROWS_NS     INT64_C(250000000) /* between looks at who is there */
#define PROGRESS_NS INT64_C(1000000000)
#define RING_BYTES  4096u /* no agent writes here */
#define COMMAND_MAX 65536
#define WORDS_MAX   4096

struct outside {
	const struct outside_options *o;
	struct outside_result *result;
	struct sampler *sampler;
	struct about about;
	struct store *store;
	struct spool_session *session;
	char session_path[SPOOL_PATH_MAX], cache_dir[SPOOL_PATH_MAX], name[256];
	int lease;
	struct program program;
	struct launch launch;
	int launched; /* a command of ours */
	struct recording recording;
	struct outside_take take;
	int64_t run, begun_ns, ended_ns, rows_ns, progress_ns;
	int stopped; /* before all have ended */
};

static void note(struct outside *u, const char *text)
{
	struct record_result *r = &u->result->run;

	for (size_t i = 0; i < sizeof r->notes / sizeof *r->notes && *text; i++)
		if (!r->notes[i][0]) {
			snprintf(r->notes[i], sizeof r->notes[i], "%.*s",
				 (int)sizeof r->notes[i] - 1, text);
			return;
		}
}

/* ---- before anything is recorded ----------------------------------------------------------------------- */

static int asked(const struct outside *u)
{
	return u->o->stop ? *u->o->stop : 0;
}

static int make_sampler(struct outside *u, struct err *err)
{
	struct sampler_options o = u->o->sampler;

	unwind_table_dir(u->cache_dir, sizeof u->cache_dir, environ);
	if (!o.cache_dir)
		o.cache_dir = u->cache_dir;
	return sampler_new(&u->sampler, &o, err);
}

/* Of several processes those that ended meanwhile are left out, as long as one is there. */
static int attach(struct outside *u, struct err *err)
{
	uint32_t n = 0;
	int rc = 0;

	for (uint32_t i = 0; i < u->o->n_pids; i++) {
		rc = sampler_add(u->sampler, u->o->pids[i], err);
		if (rc && rc != ERR_NOTFOUND)
			return rc;
		n += rc == 0;
	}
	return n ? 0 : rc ? rc : err_set(err, ERR_ARG, "no process to record");
}

/* The command line of a process as `words`, which point into `text`. */
static int read_command(const struct proc *p, char text[COMMAND_MAX], char *words[WORDS_MAX])
{
	long n = proc_read(p, "cmdline", text, COMMAND_MAX), at = 0;
	int k = 0;

	while (at < n && k < WORDS_MAX - 1) {
		words[k++] = text + at;
		at += (long)strlen(text + at) + 1;
	}
	words[k] = NULL;
	return k;
}

/* What is recorded, in the words of the run's row: the first process stands for all. */
static int describe_pids(struct outside *u, struct err *err)
{
	const struct sampler_process *rows;
	uint32_t n = sampler_processes(u->sampler, &rows);
	char *text = malloc(COMMAND_MAX), **words = malloc(WORDS_MAX * sizeof *words);
	int rc = text && words ? 0 : err_nomem(err, "a command line");

	if (rc == 0)
		rc = about_init(&u->about,
				n && read_command(&rows[0].proc, text, words) > 0 ? words : NULL,
				err);
	if (n)
		snprintf(u->name, sizeof u->name, "%s", rows[0].name);
	free(text);
	free(words);
	return rc;
}

static int open_store(struct outside *u, struct err *err)
{
	int rc = store_open(&u->store, u->o->store_path, STORE_CREATE, err);

	/* A store that cannot be used is no fault of the command line and no missing program. */
	if (rc == ERR_ARG || rc == ERR_NOTFOUND || rc == ERR_UNSUPPORTED || rc == ERR_DENIED)
		err->code = rc = ERR_DATABASE;
	return rc;
}

static int open_session(struct outside *u, struct err *err)
{
	struct spool_session config = {
		.started_real_ns = clock_real_ns(),
		.started_mono_ns = clock_mono_ns(),
		.rate_hz = u->o->sampler.rate_hz,
		.mode = u->o->sampler.wall ? SPOOL_MODE_WALL : SPOOL_MODE_CPU,
		.children = (uint32_t)u->o->sampler.children,
		.ring_bytes = RING_BYTES,
	};
	const char *fallback = getenv("TMPDIR");
	int rc;

	memcpy(config.run_id, u->about.id, sizeof u->about.id);
	atomic_store(&config.supervisor_pid, getpid());
	snprintf(config.cache_dir, sizeof config.cache_dir, "%s", u->cache_dir);
	rc = session_make(&u->session, u->session_path, &config, fallback ? fallback : "/tmp", err);
	if (rc)
		return rc;
	u->lease = lease_take(u->session_path);
	return u->lease < 0 ? err_set(err, ERR_IO, "cannot lock session '%s'", u->session_path) : 0;
}

/* Of nobody, where nothing could be attached to. */
static uint32_t engine_of(const struct outside *u)
{
	const struct sampler_process *rows;

	if (sampler_processes(u->sampler, &rows) == 0)
		return SPOOL_ENGINE_NONE;
	return strcmp(sampler_engine_name(u->sampler), "perf") == 0 ? SPOOL_ENGINE_PERF
								    : SPOOL_ENGINE_CLOCK;
}

static int add_run(struct outside *u, struct err *err)
{
	struct store_run run = {
		.name = u->o->name ? u->o->name : u->name,
		.job = u->o->job,
		.version = u->o->version,
		.git_sha = u->o->git_sha,
		.labels_json = u->o->labels_json,
		.mode = u->o->sampler.wall ? "wall" : "cpu",
		.engine = engine_name(engine_of(u)),
		.spool_path = u->session_path,
		.started_at = u->session->started_real_ns,
		.start_ns = u->session->started_mono_ns,
		.rate_hz = u->o->sampler.rate_hz,
	};
	int rc;

	about_fill(&u->about, u->session, &run);
	rc = store_begin(u->store, err);
	if (rc == 0)
		rc = store_run_add(u->store, &run, &u->run, err);
	if (rc == 0)
		rc = store_commit(u->store, err);
	if (rc)
		store_rollback(u->store);
	return rc;
}

static int make_recording(struct outside *u, struct err *err)
{
	int rc = add_run(u, err);

	if (rc)
		return rc;
	memcpy(u->result->run.run_id, u->about.id, sizeof u->about.id);
	if (recording_init(&u->recording, u->store, u->run, u->session, u->session_path))
		return err_nomem(err, "the recording");
	u->recording.attached = !u->launched;
	u->recording.totals.have_engine = 1;
	u->recording.totals.engine = engine_of(u);
	u->take.r = &u->recording;
	u->take.sampler = u->sampler;
	u->take.wall = u->o->sampler.wall;
	return 0;
}

/* Processes that run: first whether they can be looked at, then a place for the data. */
static int begin_pids(struct outside *u, struct err *err)
{
	int rc = make_sampler(u, err);

	if (rc == 0)
		rc = attach(u, err);
	if (rc == 0)
		rc = describe_pids(u, err);
	if (rc == 0)
		rc = open_store(u, err);
	if (rc == 0)
		rc = open_session(u, err);
	return rc ? rc : make_recording(u, err);
}

/* It runs already: what cannot be sampled is said, and its time is kept without stacks. */
static void note_failure(struct outside *u, int rc, const struct err *err)
{
	if (rc)
		note(u, err->text);
}

/* A command: everything that may say no before it runs. */
static int begin_command(struct outside *u, struct err *err)
{
	const char *base = strrchr(u->o->argv[0], '/');
	int rc = program_find(&u->program, u->o->argv[0], err);

	snprintf(u->name, sizeof u->name, "%s", base ? base + 1 : u->o->argv[0]);
	if (rc == 0)
		rc = about_init(&u->about, u->o->argv, err);
	if (rc == 0)
		rc = open_store(u, err);
	if (rc == 0)
		rc = make_sampler(u, err);
	if (rc == 0)
		rc = open_session(u, err);
	if (rc == 0)
		rc = launch_begin(&u->launch, err);
	if (rc)
		return rc;
	u->launched = 1;
	rc = launch_hold(&u->launch, &u->program, u->o->argv, NULL, NULL, err);
	if (rc == 0 && u->program.kind != PROGRAM_PRIVILEGED)
		rc = sampler_add_before_exec(u->sampler, u->launch.pid, err);
	if (rc == 0)
		rc = launch_go(&u->launch, u->o->argv[0], err);
	if (rc)
		return rc;
	u->result->run.started = 1;
	if (u->program.kind == PROGRAM_PRIVILEGED) /* its exec takes all events away */
		note_failure(u, sampler_add(u->sampler, u->launch.pid, err), err);
	return make_recording(u, err);
}

/* ---- while it is recorded --------------------------------------------------------------------------------- */

/* What a program did last is compared with its clock, which is gone once the end was noticed. */
static int last_look(struct outside *u)
{
	int rc = 0;

	if (launch_ended(&u->launch))
		rc = sampler_round(u->sampler, 0, -1, outside_take_sample, &u->take);
	return rc < 0 ? rc : 0;
}

static int is_over(struct outside *u, int all_ended)
{
	int64_t now = clock_mono_ns();

	if (u->launched)
		launch_wait(&u->launch, 0);
	if (u->launched ? u->launch.exited : all_ended)
		return 1;
	u->stopped = asked(u) || (u->o->duration_ns > 0 && now - u->begun_ns >= u->o->duration_ns);
	return u->stopped;
}

static void tell_progress(struct outside *u, int64_t now)
{
	if (!u->o->progress || (u->progress_ns && now - u->progress_ns < PROGRESS_NS))
		return;
	u->progress_ns = now;
	u->o->progress(u->o->progress_ctx, u->take.samples, now - u->begun_ns);
}

static int wait_ms(const struct outside *u)
{
	int64_t left = u->o->duration_ns > 0 ? u->begun_ns + u->o->duration_ns - clock_mono_ns()
					     : ROUND_MS * INT64_C(1000000);

	return left <= 0                            ? 0
	       : left < ROUND_MS * INT64_C(1000000) ? (int)(left / 1000000) + 1
						    : ROUND_MS;
}

static int round_once(struct outside *u, int *all_ended)
{
	int fd = u->launched ? u->launch.signal_fd : u->o->wake_fd;
	int rc = sampler_round(u->sampler, wait_ms(u), fd, outside_take_sample, &u->take);
	int64_t now = clock_mono_ns();

	*all_ended = rc == 1;
	if (*all_ended && u->launched && !u->launch.exited) /* nothing to wait for but its end */
		launch_wait(&u->launch, wait_ms(u));
	if (rc >= 0)
		rc = 0;
	if (rc == 0 && now - u->rows_ns >= ROWS_NS) {
		u->rows_ns = now;
		rc = outside_take_rows(&u->take, now);
	}
	if (rc == 0)
		(void)recording_flush(&u->recording, 0,
				      NULL); /* what fails is kept and tried again */
	tell_progress(u, now);
	return rc;
}

static int record(struct outside *u)
{
	int all_ended = 0, rc;

	do {
		rc = round_once(u, &all_ended);
		if (rc == 0 && u->launched)
			rc = last_look(u);
	} while (rc == 0 && !is_over(u, all_ended));
	return rc;
}

/* ---- the end ------------------------------------------------------------------------------------------------ */

static int64_t living(const struct outside *u)
{
	const struct sampler_process *rows;
	uint32_t n = sampler_processes(u->sampler, &rows), alive = 0;

	for (uint32_t i = 0; i < n; i++)
		alive += rows[i].end_ns == 0;
	return alive;
}

/* The command's own clock, read as it ended. */
static int note_command(struct outside *u)
{
	struct launch *l = &u->launch;
	struct known *k = &u->recording.known;
	uint32_t i = known_process(k, l->pid, (int)getpid(), l->start_ticks, l->start_ns);
	struct known_process *p;

	if (i == KNOWN_NONE)
		return ERR_NOMEM;
	p = &k->processes[i];
	if (!p->name[0])
		snprintf(p->name, sizeof p->name, "%.15s", u->name);
	if (l->exited && !u->stopped) {
		if (l->own_cpu_ns > p->row.cpu_ns)
			p->row.cpu_ns = l->own_cpu_ns;
		p->row.end_ns = l->end_ns;
	}
	p->changed = 1;
	return 0;
}

static void fill_exit(struct outside *u, struct store_run_end *end)
{
	struct record_result *result = &u->result->run;
	int status = u->launch.status;

	end->engine = engine_name(engine_of(u));
	if (!u->launched)
		return;
	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->exit_code = result->signal ? 128 + result->signal : WEXITSTATUS(status);
	end->has_exit_code = result->signal == 0;
	end->exit_code = result->exit_code;
	end->signal = result->signal;
}

static void fill_result(struct outside *u)
{
	struct record_result *r = &u->result->run;
	uint64_t torn = u->recording.batch.all_losses[SPOOL_LOSS_TORN];

	finish_result(&u->recording, r);
	r->lost -= torn < r->lost ? torn : r->lost; /* they are there, with a mark */
	if (u->take.wall)
		r->samples = u->take.samples;
	u->result->wall = u->take.wall;
	r->duration_ns = u->ended_ns - u->begun_ns;
	u->result->torn = torn < UINT32_MAX ? (uint32_t)torn : UINT32_MAX;
	u->result->own_cpu_ns = sampler_own_cpu_ns(u->sampler);
	r->overhead = r->cpu_ns > 0 ? (double)u->result->own_cpu_ns / (double)r->cpu_ns : 0;
	sampler_pauses(u->sampler, &u->result->pause);
}

static void note_findings(struct outside *u, int64_t alive, const char *warning)
{
	char text[256];

	note(u, sampler_note(u->sampler));
	if (u->launched && !u->stopped && alive > 0) {
		snprintf(text, sizeof text,
			 "%lld process%s that the program started still run%s; the recording ended "
			 "with the "
			 "program",
			 (long long)alive, alive == 1 ? "" : "es", alive == 1 ? "s" : "");
		note(u, text);
	}
	note(u, warning);
	if (u->recording.batch.all_losses[SPOOL_LOSS_DISK_FULL])
		note(u, u->recording.flush_error);
}

static void wait_for_command(struct outside *u)
{
	while (u->launched && u->result->run.started && !u->launch.exited)
		launch_wait(&u->launch, -1);
}

static int conclude(struct outside *u, struct err *err)
{
	struct store_run_end end = {0};
	char warning[256] = "";
	int64_t alive;
	int rc;

	u->ended_ns =
		u->launched && u->launch.exited && !u->stopped ? u->launch.end_ns : clock_mono_ns();
	rc = sampler_finish(u->sampler, outside_take_sample, &u->take);
	if (rc == 0)
		rc = outside_take_rows(&u->take, u->ended_ns);
	alive = living(u);
	outside_take_end(&u->take, u->ended_ns);
	if (rc == 0 && u->launched &&
	    u->stopped) /* the store is not held while the program goes on */
		rc = recording_flush(&u->recording, 1, err) == ERR_NOMEM ? ERR_NOMEM : 0;
	wait_for_command(u);
	if (rc == 0 && u->launched)
		rc = note_command(u);
	if (rc == 0)
		rc = finish_not_sampled(&u->recording);
	fill_exit(u, &end);
	fill_result(u);
	end.duration_ns = u->result->run.duration_ns;
	if (u->launched)
		launch_end(
			&u->launch); /* a Ctrl-C may end what follows; the run is recovered then */
	if (rc)
		rc = err_nomem(err, "the recording");
	else
		rc = finish_store_located(&u->recording, &end, livenames_locate,
					  sampler_modules(u->sampler), warning, sizeof warning,
					  err);
	note_findings(u, alive, warning);
	return rc;
}

static int run(struct outside *u, struct err *err)
{
	int rc = u->o->argv ? begin_command(u, err) : begin_pids(u, err);

	if (rc) {
		struct store_run_end end;

		wait_for_command(u); /* it runs all the same */
		if (u->result->run.started)
			fill_exit(u, &end);
		return rc;
	}
	u->begun_ns = u->launched ? u->launch.start_ns : u->begun_ns;
	u->result->run.started = 1;
	rc = record(u);
	if (asked(u) > 1)
		return err_set(
			err, ERR_CANCELLED,
			"stopped at once: the next command that opens the store completes the run");
	if (rc)
		note(u, "out of memory: the recording ended early");
	return conclude(u, err);
}

static void release(struct outside *u, int recorded)
{
	if (u->launched)
		launch_end(&u->launch);
	outside_take_release(&u->take);
	if (u->recording.store)
		recording_release(&u->recording);
	sampler_free(u->sampler);
	if (u->session) {
		session_unmap(u->session);
		if (recorded)
			(void)session_remove(u->session_path, NULL);
	}
	lease_drop(u->lease);
	store_close(u->store);
	about_release(&u->about);
}

int record_outside(const struct outside_options *o, struct outside_result *result, struct err *err)
{
	struct outside u = {.o = o,
			    .result = result,
			    .lease = -1,
			    .launch.signal_fd = -1,
			    .launch.go_fd = -1,
			    .launch.report_fd = -1};
	int64_t first;
	int rc;

	memset(result, 0, sizeof *result);
	result->run.engine = "none";
	u.begun_ns = clock_mono_ns();
	rc = run(&u, err);
	if (rc == ERR_NOMEM)
		err_nomem(err, "the recording");
	first = u.take.first_ns;
	result->first_sample_ns = first > u.begun_ns ? first - u.begun_ns : first ? 1 : 0;
	(void)sweep_sessions("/dev/shm", SWEEP_AGE_NS);
	/* What failed on its way into the store can be recovered, as long as the store knows of it. */
	release(&u, rc == 0 || u.run == 0);
	return rc;
}
