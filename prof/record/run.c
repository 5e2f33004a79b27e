/* record_run(): a program from its start to the names of its frames. */
#include "prof/record/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/record/about.h"
#include "prof/record/launch.h"
#include "prof/record/lease.h"
#include "prof/record/loop.h"
#include "prof/record/outside.h"
#include "prof/record/program.h"
#include "prof/record/sweep.h"

extern char **environ;

struct running {
	const struct record_options *o;
	struct record_result *result;
	struct program program;
	char agent[PATH_MAX];
	struct about about;
	struct store *store;
	struct spool_session *session;
	char session_path[SPOOL_PATH_MAX];
	int lease;
	struct launch launch;
	struct recording recording;
	int64_t run;
	uint32_t alive;
	int stopped; /* by its duration, before the program's end */
};

/* About a second of records, 300 bytes each: 30 addresses and the rest. */
static uint32_t ring_bytes(uint32_t rate_hz)
{
	return rate_hz <= 400 ? 256u << 10 : rate_hz <= 2000 ? 512u << 10 : 1u << 20;
}

static void note(struct record_result *result, const char *text)
{
	for (size_t i = 0; i < sizeof result->notes / sizeof *result->notes; i++)
		if (!result->notes[i][0]) {
			snprintf(result->notes[i], sizeof result->notes[i], "%.*s",
				 (int)sizeof result->notes[i] - 1, text);
			return;
		}
}

/* A store that cannot be used is no fault of the command line and no missing program. */
static int open_store(struct running *u, struct err *err)
{
	int rc = store_open(&u->store, u->o->store_path, STORE_CREATE, err);

	if (rc == ERR_ARG || rc == ERR_NOTFOUND || rc == ERR_UNSUPPORTED)
		err->code = rc = ERR_DATABASE;
	return rc;
}

static int open_session(struct running *u, struct err *err)
{
	struct spool_session config = {
		.started_real_ns = clock_real_ns(),
		.started_mono_ns = clock_mono_ns(),
		.rate_hz = u->o->rate_hz,
		.engine = (uint32_t)u->o->engine,
		.mode = (uint32_t)u->o->mode,
		.children = (uint32_t)u->o->children,
		.ring_bytes = ring_bytes(u->o->rate_hz),
		.memory_mode = u->o->memory_mode,
		.memory_temporary = u->o->memory_temporary,
		.memory_rate_bytes = u->o->memory_rate_bytes,
		.sql = (uint32_t)u->o->sql,
		.sql_params = u->o->sql_params,
	};
	const char *fallback = getenv("TMPDIR");
	int rc;

	memcpy(config.run_id, u->about.id, sizeof u->about.id);
	atomic_store(&config.supervisor_pid, getpid());
	unwind_table_dir(config.cache_dir, sizeof config.cache_dir, environ);
	rc = session_make(&u->session, u->session_path, &config, fallback ? fallback : "/tmp", err);
	if (rc)
		return rc;
	u->lease = lease_take(u->session_path);
	return u->lease < 0 ? err_set(err, ERR_IO, "cannot lock session '%s'", u->session_path) : 0;
}

/* Everything that may say no before anything is started. */
static int prepare(struct running *u, struct err *err)
{
	int rc = program_find(&u->program, u->o->argv[0], err);

	if (rc == 0)
		rc = agent_find(u->agent, u->o->agent_path, err);
	if (rc == 0)
		rc = about_init(&u->about, u->o->argv, err);
	if (rc == 0)
		rc = open_store(u, err);
	if (rc == 0)
		rc = open_session(u, err);
	return rc;
}

static int add_run(struct running *u, struct err *err)
{
	const char *base = strrchr(u->o->argv[0], '/');
	struct store_run run = {
		.name = u->o->name ? u->o->name
			: base     ? base + 1
				   : u->o->argv[0],
		.job = u->o->job,
		.version = u->o->version,
		.git_sha = u->o->git_sha,
		.labels_json = u->o->labels_json,
		.mode = u->o->mode == SPOOL_MODE_WALL ? "wall" : "cpu",
		.spool_path = u->session_path,
		.started_at = u->session->started_real_ns,
		.start_ns = u->session->started_mono_ns,
		.rate_hz = u->o->rate_hz,
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

static void wait_for_program(struct running *u)
{
	while (!u->launch.exited)
		launch_wait(&u->launch, -1);
}

/* Until the next round; what is polled more often is polled meanwhile. */
static void pause_polling(struct running *u)
{
	struct recording *r = &u->recording;

	for (int left = loop_pause_ms(r), ms; left > 0 && !u->launch.exited; left -= ms) {
		ms = timeline_pause_ms(r, left);
		launch_wait(&u->launch, ms);
		if (left > ms)
			timeline_poll(r);
		if (u->launch.asked)
			break;
	}
}

/* Rounds until the program ends, or its time is over. */
static int record(struct running *u)
{
	int64_t stop_ns = u->o->duration_ns > 0 ? u->launch.start_ns + u->o->duration_ns : 0;
	int rc = 0;

	while (rc == 0 && !u->launch.exited) {
		rc = loop_round(&u->recording);
		pause_polling(u);
		if (u->launch.asked)
			(void)atomic_fetch_add(&u->session->snapshot_asked, 1);
		u->launch.asked = 0;
		if (stop_ns && clock_mono_ns() >= stop_ns && !u->launch.exited) {
			u->stopped = 1;
			break;
		}
	}
	return rc;
}

static const char *base_name(const char *path)
{
	const char *base = strrchr(path, '/');

	return base ? base + 1 : path;
}

/* The program's own row: also where no agent told of it. With --no-children only its own time counts. */
static int note_program(struct running *u)
{
	struct launch *l = &u->launch;
	struct known *k = &u->recording.known;
	uint32_t i = known_process(k, l->pid, (int)getpid(), l->start_ticks, l->start_ns);
	struct known_process *p;
	int64_t cpu = l->own_cpu_ns;

	if (i == KNOWN_NONE)
		return ERR_NOMEM;
	p = &k->processes[i];
	if (cpu < 0 && k->n_processes == 1)
		cpu = l->cpu_ns;
	if (!p->name[0])
		snprintf(p->name, sizeof p->name, "%.15s", base_name(u->o->argv[0]));
	if (l->exited && !u->stopped) {
		if (cpu > p->row.cpu_ns)
			p->row.cpu_ns = cpu;
		if (l->max_rss_bytes > p->row.max_rss_bytes && k->n_processes == 1)
			p->row.max_rss_bytes = l->max_rss_bytes;
		if (p->row.end_ns < 0)
			p->row.end_ns = l->end_ns;
	}
	p->changed = 1;
	return 0;
}

/* The agent is not in it, and it could not be sampled from outside. */
static void note_no_agent(struct running *u)
{
	const char *more = "";
	char text[256];

	if (u->program.kind == PROGRAM_STATIC)
		more = ", dynamically linked programs that it starts are profiled in full";
	else if (u->program.kind == PROGRAM_PRIVILEGED)
		more = "; profile it as the user it becomes, or as root";
	snprintf(text, sizeof text, "%s; its CPU time is recorded without stacks%s",
		 u->program.note, more);
	note(u->result, text);
}

static void note_findings(struct running *u, const char *warning)
{
	char text[256];

	if (u->program.note[0])
		note_no_agent(u);
	else if (u->recording.totals.images == 0)
		note(u->result, "the agent did not start in the program: its CPU time is recorded "
				"without stacks");
	if (u->recording.totals.sealed) {
		snprintf(text, sizeof text,
			 "%u process%s shut %s in with a seccomp filter that kills for calls of a "
			 "profiler: recorded up to there; 'protea-prof record -- CMD' samples from "
			 "outside",
			 u->recording.totals.sealed, u->recording.totals.sealed == 1 ? "" : "es",
			 u->recording.totals.sealed == 1 ? "itself" : "themselves");
		note(u->result, text);
	}
	if (u->recording.totals.untracked) {
		snprintf(text, sizeof text,
			 "memory of %u process%s was not tracked: no room for its tables (in "
			 "%.100s, "
			 "by a limit on sizes)",
			 u->recording.totals.untracked,
			 u->recording.totals.untracked == 1 ? "" : "es", u->session_path);
		note(u->result, text);
	}
	if (u->recording.totals.foreign_malloc[0]) {
		snprintf(text, sizeof text,
			 "'%s' has a malloc of its own: only what that maps is tracked",
			 u->recording.totals.foreign_malloc);
		note(u->result, text);
	}
	if (u->alive && !u->stopped) {
		snprintf(text, sizeof text,
			 "%u process%s that the program started still run%s; the recording ended "
			 "with the program",
			 u->alive, u->alive == 1 ? "" : "es", u->alive == 1 ? "s" : "");
		note(u->result, text);
	}
	if (warning[0])
		note(u->result, warning);
	if (u->recording.batch.all_losses[SPOOL_LOSS_DISK_FULL])
		note(u->result, u->recording.flush_error);
}

static void fill_exit(struct running *u, struct store_run_end *end)
{
	struct record_result *result = u->result;
	int status = u->launch.status;

	result->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	result->exit_code = result->signal ? 128 + result->signal : WEXITSTATUS(status);
	end->has_exit_code = result->signal == 0;
	end->exit_code = result->exit_code;
	end->signal = result->signal;
	end->engine = engine_name(u->recording.totals.have_engine ? u->recording.totals.engine
								  : SPOOL_ENGINE_NONE);
}

static int conclude(struct running *u, struct err *err)
{
	struct store_run_end end = {0};
	char warning[256] = "";
	int64_t ended = clock_mono_ns();
	int rc = loop_drain_all(&u->recording, &u->alive);

	if (rc == 0 && u->stopped) /* nothing more is recorded; the store is not held meanwhile */
		rc = recording_flush(&u->recording, 1, err);
	wait_for_program(u);
	u->result->duration_ns = (u->stopped ? ended : u->launch.end_ns) - u->launch.start_ns;
	end.duration_ns = u->result->duration_ns;
	if (rc == 0)
		rc = note_program(u);
	if (rc == 0)
		rc = finish_not_sampled(&u->recording);
	fill_exit(u, &end);
	finish_result(&u->recording, u->result);
	launch_end(
		&u->launch); /* a second Ctrl-C may end what follows; the run is recovered then */
	if (rc == 0)
		rc = finish_store(&u->recording, &end, warning, sizeof warning, err);
	else
		err_nomem(err, "the recording");
	note_findings(u, warning);
	return rc;
}

static int supervise(struct running *u, struct err *err)
{
	int rc = add_run(u, err);

	if (rc == 0 && recording_init(&u->recording, u->store, u->run, u->session, u->session_path))
		rc = err_nomem(err, "the recording");
	if (rc) { /* the program runs all the same, without anybody listening */
		atomic_store(&u->session->state, SPOOL_CLOSED);
		wait_for_program(u);
		fill_exit(u, &(struct store_run_end){0});
		return rc;
	}
	if (record(u))
		note(u->result, "out of memory: the recording ended early");
	rc = conclude(u, err);
	recording_release(&u->recording);
	return rc;
}

static int start(struct running *u, struct err *err)
{
	const char *agent = u->program.preload ? u->agent : NULL;
	int rc = launch_start(&u->launch, &u->program, u->o->argv, agent, u->session_path, err);

	u->result->started = rc == 0;
	return rc;
}

static void release(struct running *u, int recorded)
{
	if (u->session) {
		session_unmap(u->session);
		if (recorded)
			(void)session_remove(u->session_path, NULL);
	}
	lease_drop(u->lease);
	store_close(u->store);
	about_release(&u->about);
}

static int run_with_agent(const struct record_options *options, struct record_result *result,
			  struct err *err)
{
	struct running u = {.o = options, .result = result, .lease = -1};
	int rc;

	memset(result, 0, sizeof *result);
	result->engine = "none";
	rc = prepare(&u, err);
	if (rc == 0)
		rc = launch_begin(&u.launch, err);
	if (rc == 0) {
		memcpy(result->run_id, u.about.id, sizeof u.about.id);
		rc = start(&u, err);
		if (rc == 0)
			rc = supervise(&u, err);
		launch_end(&u.launch);
	}
	(void)sweep_sessions("/dev/shm", SWEEP_AGE_NS);
	/* What failed on its way into the store can be recovered, as long as the store knows of it. */
	release(&u, rc == 0 || u.run == 0);
	return rc;
}

/* ---- programs that cannot take the agent ---- */

/* Can it be looked at while it runs? The kernel shows a set-user-ID program to root only; a 32-bit one has other
 * registers. */
static int is_for_outside(const struct program *p)
{
	return p->kind == PROGRAM_STATIC || p->kind == PROGRAM_OTHER_LIBC ||
	       (p->kind == PROGRAM_PRIVILEGED && geteuid() == 0);
}

static int run_from_outside(const struct record_options *o, const struct program *p,
			    struct record_result *result, struct err *err)
{
	struct outside_options options = {
		.store_path = o->store_path,
		.name = o->name,
		.labels_json = o->labels_json,
		.job = o->job,
		.argv = o->argv,
		.sampler = {.rate_hz = o->rate_hz,
			    .engine = o->engine == SPOOL_ENGINE_PERF    ? SAMPLER_PERF
				      : o->engine == SPOOL_ENGINE_CLOCK ? SAMPLER_POLL
									: SAMPLER_AUTO,
			    .wall = o->mode == SPOOL_MODE_WALL,
			    .children = o->children},
		.duration_ns = o->duration_ns,
		.wake_fd = -1,
		.version = o->version,
		.git_sha = o->git_sha,
	};
	struct outside_result outside;
	char text[256];
	int rc = record_outside(&options, &outside, err);

	*result = outside.run;
	snprintf(text, sizeof text, "%s; it is sampled from outside%s", p->note,
		 o->memory_mode ? ", its memory is not followed" : "");
	note(result, text);
	return rc;
}

int record_run(const struct record_options *options, struct record_result *result, struct err *err)
{
	struct err why = ERR_INIT;
	struct program p;
	int rc;

	if (program_find(&p, options->argv[0], &why) == 0 && is_for_outside(&p)) {
		rc = run_from_outside(options, &p, result, err);
		/* Not allowed: it runs all the same. */
		if (rc != ERR_DENIED || result->started)
			return rc;
	}
	return run_with_agent(options, result, err);
}
