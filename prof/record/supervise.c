/* record_supervise(): the same loop over a session that a program made for itself (pp_start). The program
 * is no child of ours: its end is seen by its pidfd, its wish to stop by the session's state. */
#include "prof/record/record.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <linux/futex.h>
#include <unistd.h>

#include "prof/base/clock.h"
#include "prof/record/about.h"
#include "prof/record/lease.h"
#include "prof/record/loop.h"
#include "prof/attach/procmaps.h"

struct supervision {
	struct spool_session *session;
	const char *session_path;
	struct store *store;
	struct recording recording;
	struct about about;
	int lease, pidfd;
	int64_t run;
};

static void tell(struct spool_session *session, uint32_t state)
{
	atomic_store(&session->state, state);
	(void)syscall(SYS_futex, &session->state, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void tell_failure(struct spool_session *session, const struct err *err)
{
	size_t n = strnlen(err->text, sizeof session->error - 1);

	memcpy(session->error, err->text, n);
	session->error[n] = '\0';
	tell(session, SPOOL_FAILED);
}

/* The command line of another process, as an argv of at most 63 texts in `text`. */
static char **other_argv(pid_t pid, char *text, size_t size, char *argv[64])
{
	char path[48];
	size_t n = 0;
	long len;

	snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
	len = procfile_read(text, size, path);
	for (char *p = text; p < text + len && n < 63; p += strlen(p) + 1)
		argv[n++] = p;
	argv[n] = NULL;
	return n ? argv : NULL;
}

static int add_run(struct supervision *u, pid_t pid, const char *version, const char *git_sha,
		   struct err *err)
{
	char text[8192], *argv_room[64], **argv, *base;
	struct store_run run = {
		.version = version,
		.git_sha = git_sha,
		.mode = u->session->mode == SPOOL_MODE_WALL ? "wall" : "cpu",
		.spool_path = u->session_path,
		.started_at = u->session->started_real_ns,
		.start_ns = u->session->started_mono_ns,
		.rate_hz = u->session->rate_hz,
	};
	int rc;

	argv = other_argv(pid, text, sizeof text, argv_room);
	rc = about_init(&u->about, argv, err);
	if (rc)
		return rc;
	about_fill(&u->about, u->session, &run);
	if (u->session->run_id[0])
		run.id = u->session->run_id;
	base = argv ? strrchr(argv[0], '/') : NULL;
	run.name = base ? base + 1 : argv ? argv[0] : "program";
	rc = store_begin(u->store, err);
	if (rc == 0)
		rc = store_run_add(u->store, &run, &u->run, err);
	if (rc == 0)
		rc = store_commit(u->store, err);
	if (rc)
		store_rollback(u->store);
	return rc;
}

static int wants_to_go_on(const struct supervision *u)
{
	struct pollfd fd = {.fd = u->pidfd, .events = POLLIN};

	if (atomic_load(&u->session->state) != SPOOL_RUNNING)
		return 0;
	return u->pidfd < 0 || poll(&fd, 1, 0) <= 0;
}

/* Sleeps on the session's state, so that a stop is heard at once; what is polled more often than each round is
 * polled meanwhile. */
static void pause_polling(struct supervision *u)
{
	struct recording *r = &u->recording;

	for (int left = loop_pause_ms(r), ms; left > 0; left -= ms) {
		struct timespec wait;

		ms = timeline_pause_ms(r, left);
		wait = (struct timespec){.tv_nsec = (long)ms * 1000000};
		if (syscall(SYS_futex, &u->session->state, FUTEX_WAIT, SPOOL_RUNNING, &wait, NULL,
			    0) == 0 ||
		    atomic_load(&u->session->state) != SPOOL_RUNNING)
			return;
		if (left > ms)
			timeline_poll(r);
	}
}

static int conclude(struct supervision *u, struct err *err)
{
	struct store_run_end end = {.duration_ns = clock_mono_ns() - u->session->started_mono_ns};
	char warning[256];
	uint32_t alive;
	int rc = loop_drain_all(&u->recording, &alive);

	if (rc == 0)
		rc = finish_not_sampled(&u->recording);
	if (u->recording.totals.have_engine)
		end.engine = engine_name(u->recording.totals.engine);
	return rc ? err_nomem(err, "the recording")
		  : finish_store(&u->recording, &end, warning, sizeof warning, err);
}

static int supervise(struct supervision *u, pid_t pid, const char *version, const char *git_sha,
		     struct err *err)
{
	int rc = add_run(u, pid, version, git_sha, err);

	if (rc)
		return rc;
	if (recording_init(&u->recording, u->store, u->run, u->session, u->session_path))
		return err_nomem(err, "the recording");
	u->recording.attached = 1;
	while (rc == 0 && wants_to_go_on(u)) {
		rc = loop_round(&u->recording);
		pause_polling(u);
	}
	rc = conclude(u, err);
	recording_release(&u->recording);
	return rc;
}

int record_supervise(const char *session_path, const char *store_path, pid_t pid,
		     const char *version, const char *git_sha, struct err *err)
{
	struct supervision u = {.session_path = session_path, .lease = -1, .pidfd = -1};
	int rc = session_map(&u.session, session_path, err);

	if (rc)
		return rc;
	u.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	u.lease = lease_take(session_path);
	if (u.lease < 0)
		rc = err_set(err, ERR_EXISTS, "session '%s' has a supervisor already",
			     session_path);
	if (rc == 0)
		rc = store_open(&u.store, store_path, STORE_CREATE, err);
	if (rc == 0) { /* what pp_start() waits for: from here on the store is open */
		atomic_store(&u.session->supervisor_pid, getpid());
		rc = supervise(&u, pid, version, git_sha, err);
	}
	/* Whoever waits may read the store now: the last to close it keeps others out meanwhile. */
	store_close(u.store);
	if (rc)
		tell_failure(u.session, err);
	else
		tell(u.session, SPOOL_DONE);
	session_unmap(u.session);
	if (rc == 0)
		(void)session_remove(session_path, NULL);
	lease_drop(u.lease);
	if (u.pidfd >= 0)
		(void)close(u.pidfd);
	about_release(&u.about);
	return rc;
}
