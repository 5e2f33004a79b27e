/* A child in which one thread, "blocked", sleeps in a chosen call; what waits.h says of it. */
#ifndef TEST_WAITS_RIG_H
#define TEST_WAITS_RIG_H

#include <fnmatch.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/attach/waits.h"
#include "prof/base/clock.h"

#define RIG_TEXT    192
#define RIG_WAIT_NS INT64_C(10000000000)

struct scenario {
	void (*before)(void); /* in the child's main thread; NULL */
	void (*block)(void);  /* in its thread "blocked" */
};

struct rig {
	pid_t child;
	int tid;
	struct proc proc;
	struct remote memory;
	struct proc_syscall call;
	char said[RIG_TEXT], on[RIG_TEXT];
};

static const struct scenario *rig_scenario;

static void *rig_thread(void *unused)
{
	(void)unused;
	(void)pthread_setname_np(pthread_self(), "blocked");
	rig_scenario->block();
	while (pause())
		;
	return NULL;
}

static void rig_child(void)
{
	pthread_t t;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(60);
	(void)prctl(PR_SET_NAME, "holder");
	if (rig_scenario->before)
		rig_scenario->before();
	if (pthread_create(&t, NULL, rig_thread, NULL))
		_exit(1);
	for (;;)
		(void)pause();
}

/* The thread called "blocked", once it is in that call. */
static int rig_find(struct rig *r, int64_t nr)
{
	uint32_t n = 0, cap = 0;
	int *tids = NULL, found = 0;

	if (proc_tasks(&r->proc, &tids, &n, &cap))
		n = 0;
	for (uint32_t i = 0; i < n && !found; i++) {
		struct proc_stat s;

		if (proc_task_stat(&r->proc, tids[i], &s) || strcmp(s.comm, "blocked") != 0 ||
		    proc_syscall(&r->proc, tids[i], &r->call) != PROC_CALL_IN || r->call.nr != nr)
			continue;
		r->tid = tids[i];
		found = 1;
	}
	free(tids);
	return found;
}

static void rig_look(struct rig *r)
{
	waits_syscall(&r->proc, &r->memory, &r->call, r->said, sizeof r->said);
	waits_on(&r->proc, &r->memory, &r->call, r->on, sizeof r->on);
}

static void rig_start(struct rig *r, const struct scenario *s, int64_t nr)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int64_t until = clock_mono_ns() + RIG_WAIT_NS;
	int found;

	memset(r, 0, sizeof *r);
	rig_scenario = s;
	r->child = fork();
	if (r->child == 0)
		rig_child();
	assert_true(r->child > 0);
	assert_int_equal(proc_open(&r->proc, r->child, NULL), 0);
	remote_init(&r->memory, r->child);
	while (!(found = rig_find(r, nr)) && clock_mono_ns() < until)
		(void)nanosleep(&pause, NULL);
	if (!found) {
		(void)kill(r->child, SIGKILL);
		fail_msg("the thread never slept in call %lld", (long long)nr);
	}
	rig_look(r);
}

static void rig_stop(struct rig *r)
{
	(void)kill(r->child, SIGKILL);
	(void)waitpid(r->child, NULL, 0);
	remote_close(&r->memory);
	proc_close(&r->proc);
}

static void rig_match(struct rig *r, const char *what, const char *text, const char *pattern)
{
	if (fnmatch(pattern, text, 0) == 0)
		return;
	(void)kill(r->child, SIGKILL);
	fail_msg("%s: \"%s\" does not match \"%s\"", what, text, pattern);
}

/* Both texts by patterns of fnmatch(): at once, or soon (who holds what elsewhere is looked up anew only so often). */
static void rig_case(const struct scenario *s, int64_t nr, const char *said, const char *on)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct rig r;

	rig_start(&r, s, nr);
	for (int i = 0; i < 100 && (fnmatch(said, r.said, 0) || fnmatch(on, r.on, 0)); i++) {
		(void)nanosleep(&pause, NULL);
		rig_look(&r);
	}
	rig_match(&r, "call", r.said, said);
	rig_match(&r, "waits on", r.on, on);
	rig_stop(&r);
}

#endif
