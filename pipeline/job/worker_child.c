/* The process of a worker's job: see worker_child.h. */
#include "pipeline/job/worker_child.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "prof/base/buf.h"

#define SELF     "/proc/self/exe" /* the program that runs, even if its file was replaced */
#define URL_NAME "PROTEA_DB_URL"
#define FIXED    6 /* arguments besides the caller's, and the end */

/* Our environment with the URL in it. The texts are borrowed but for out[0]. */
static char **make_environment(const char *url)
{
	struct buf text = BUF_INIT;
	size_t n = 0, i, at = 1;
	char **out;

	while (environ[n])
		n++;
	out = calloc(n + 2, sizeof *out);
	if (!out || buf_printf(&text, URL_NAME "=%s", url) != 0) {
		buf_release(&text);
		free(out);
		return NULL;
	}
	out[0] = buf_steal(&text, NULL);
	for (i = 0; i < n; i++)
		if (strncmp(environ[i], URL_NAME "=", sizeof URL_NAME) != 0)
			out[at++] = environ[i];
	return out;
}

static const char **make_arguments(const struct worker_options *o, const struct source_claim *claim,
				   const char *started)
{
	size_t n = 0, i, at = 0;
	const char **out;

	while (o->more && o->more[n])
		n++;
	out = calloc(n + FIXED, sizeof *out);
	if (!out)
		return NULL;
	out[at++] = "protea-export";
	out[at++] = "run";
	for (i = 0; i < n; i++)
		out[at++] = o->more[i];
	out[at++] = "--claimed";
	out[at++] = started;
	out[at] = claim->job_id;
	return out;
}

/* Its result is nobody's but the row's; our stdout is for our own. Signals are as for any program. */
static int spawn(struct worker_child *c, const char *program, const char **argv, char **env)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc = posix_spawn_file_actions_init(&actions);

	if (rc)
		return rc;
	rc = posix_spawnattr_init(&attr);
	if (!rc) {
		sigemptyset(&none);
		rc = posix_spawnattr_setsigmask(&attr, &none) |
		     posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
		if (!rc)
			rc = posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null",
							      O_WRONLY, 0);
		if (!rc)
			rc = posix_spawn(&c->pid, program, &actions, &attr,
					 (char *const *)(uintptr_t)argv, env);
		posix_spawnattr_destroy(&attr);
	}
	posix_spawn_file_actions_destroy(&actions);
	return rc;
}

int worker_child_start(struct worker_child *c, const struct worker_options *options,
		       const struct source_claim *claim, struct err *err)
{
	char started[24];
	char **env = make_environment(options->url);
	const char **argv;
	int rc = ENOMEM;

	*c = (struct worker_child){.pid = -1};
	snprintf(started, sizeof started, "%" PRId64, claim->started_us);
	argv = make_arguments(options, claim, started);
	if (env && argv)
		rc = spawn(c, options->program ? options->program : SELF, argv, env);
	if (env)
		free(env[0]);
	free(env);
	free(argv);
	if (!rc)
		return 0;
	errno = rc;
	return err_sys(err, rc == ENOMEM ? ERR_NOMEM : ERR_IO,
		       "a process for the job could not be started");
}

/* 1: it has ended, or is no child of ours any more. */
static int has_ended(struct worker_child *c)
{
	pid_t got;

	do {
		got = waitpid(c->pid, &c->status, WNOHANG);
	} while (got < 0 && errno == EINTR);
	if (got == 0)
		return 0;
	if (got < 0)
		c->status = 0;
	return 1;
}

int worker_child_wait(struct worker_child *c, int ms)
{
	int stopped = cancel_requested(), pause = 2;

	while (!has_ended(c)) {
		struct timespec t = {.tv_nsec = pause * 1000000L};

		if (ms <= 0 || cancel_requested() != stopped)
			return 0;
		nanosleep(&t, NULL);
		ms -= pause;
		pause = pause < 100 ? pause + pause / 2 : 100;
	}
	return 1;
}

void worker_child_signal(const struct worker_child *c, int sig)
{
	if (c->pid > 0)
		(void)kill(c->pid, sig);
}

void worker_child_end_text(const struct worker_child *c, char *out, size_t size)
{
	if (WIFSIGNALED(c->status))
		snprintf(out, size, "ended by signal %d (%s)", WTERMSIG(c->status),
			 sigabbrev_np(WTERMSIG(c->status)) ? sigabbrev_np(WTERMSIG(c->status))
							   : "unknown");
	else
		snprintf(out, size, "ended with exit code %d", WEXITSTATUS(c->status));
}
