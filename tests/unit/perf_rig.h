/* A perf source with a handler that notes all it is told, and busy children for it, shared by the tests of perf sources
 * and of glances. One source at a time. */
#ifndef TESTS_PERF_RIG_H
#define TESTS_PERF_RIG_H

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "prof/attach/perf.h"
#include "prof/attach/perf_source.h"
#include "prof/attach/proc.h"
#include "prof/base/clock.h"
#include "tests/unit/busy_child.h"

#define MS       INT64_C(1000000)
#define RATE     997
#define PERIOD   (1000000000 / RATE)
#define ROWS     4096
#define PATIENCE (30 * 1000 * MS)

struct seen_thread {
	int pid, tid;
	uint64_t samples;
	int64_t cpu_ns;
};

struct seen { /* what a handler got */
	struct perf_source *s;
	struct seen_thread rows[ROWS];
	uint32_t n;
	uint64_t samples, tasks[5], lost, disorder, records, switched_in, switched_out, unknown;
	int64_t cpu_ns, last_ns, begin_ns, read_begin_ns;
	const uint8_t *pattern; /* looked for in copies of stacks */
	size_t pattern_bytes;
	uint64_t found;
	int complete; /* told about each sample; -1: nothing is told */
	char exec_name[64];
	int stop_at; /* the handler returns 77 at this sample */
	int64_t stolen_before;
};

static struct seen seen;

static inline struct seen_thread *seen_thread(struct seen *w, int pid, int tid)
{
	for (uint32_t i = 0; i < w->n; i++) {
		if (w->rows[i].tid == tid && w->rows[i].pid == pid)
			return &w->rows[i];
	}
	assert_true(w->n < ROWS);
	w->rows[w->n] = (struct seen_thread){pid, tid, 0, 0};
	return &w->rows[w->n++];
}

static void in_order(struct seen *w, int64_t t_ns)
{
	w->records++;
	if (t_ns < w->last_ns)
		w->disorder++;
	w->last_ns = t_ns;
}

static int on_sample(void *ctx, const struct perf_sample *p)
{
	struct seen *w = ctx;
	struct seen_thread *row = seen_thread(w, p->pid, p->tid);

	in_order(w, p->t_ns);
	w->samples++;
	w->cpu_ns += p->cpu_ns;
	row->samples++;
	row->cpu_ns += p->cpu_ns;
	if (!p->regs.known)
		w->unknown++;
	if (w->pattern && memmem(p->stack, p->stack_bytes, w->pattern, w->pattern_bytes))
		w->found++;
	if (w->complete >= 0)
		perf_source_tell(w->s, w->complete, p->stack_bytes);
	return w->stop_at && w->samples == (uint64_t)w->stop_at ? 77 : 0;
}

static int on_task(void *ctx, const struct perf_task *t)
{
	struct seen *w = ctx;

	in_order(w, t->t_ns);
	w->tasks[t->event]++;
	if (t->event == PERF_TASK_EXEC)
		snprintf(w->exec_name, sizeof w->exec_name, "%s", t->comm);
	if (t->event == PERF_TASK_MMAP)
		assert_true(t->length > 0 && t->path);
	return 0;
}

static int on_switch(void *ctx, const struct perf_switch *p)
{
	struct seen *w = ctx;

	in_order(w, p->t_ns);
	if (p->in)
		w->switched_in++;
	else
		w->switched_out++;
	return 0;
}

static void on_lost(void *ctx, uint64_t records)
{
	((struct seen *)ctx)->lost += records;
}

static const struct perf_handler handler = {&seen, on_sample, on_task, on_switch, on_lost};

/* What a hypervisor took from all CPUs since the machine started, in steps of STOLEN_STEP. */
#define STOLEN_STEP (10 * MS)

static int64_t stolen(void)
{
	unsigned long long ticks = 0;
	FILE *f = fopen("/proc/stat", "re");

	assert_non_null(f);
	if (fscanf(f, "cpu %*u %*u %*u %*u %*u %*u %*u %llu", &ticks) != 1)
		ticks = 0; /* a kernel that does not count it */
	(void)fclose(f);
	return (int64_t)ticks * STOLEN_STEP;
}

/* So much was stolen since begin() that twice of `want` might pass for once. */
static inline int is_disturbed(int64_t want)
{
	return stolen() - seen.stolen_before > want / 2;
}

static void begin(struct perf_options o)
{
	struct err err = ERR_INIT;
	int rc;

	memset(&seen, 0, sizeof seen);
	seen.complete = -1;
	seen.stolen_before = stolen();
	/* The ring of a user without privilege is small, however long its reader waits for a CPU. */
	if (geteuid() != 0 && !o.stack_bytes)
		o.stack_bytes = 1024;
	rc = perf_source_new(&seen.s, &o, &err);
	if (rc == ERR_DENIED || rc == ERR_UNSUPPORTED) {
		print_message("perf: %s\n", err.text);
		skip();
	}
	if (rc)
		print_message("%s\n", err.text);
	assert_int_equal(rc, 0);
}

static void attach(int pid)
{
	struct err err = ERR_INIT;
	int rc = perf_source_add(seen.s, pid, &err);

	if (rc)
		print_message("%s\n", err.text);
	assert_int_equal(rc, 0);
}

static void look(int ms)
{
	struct pollfd p = {.fd = perf_source_fd(seen.s), .events = POLLIN};

	(void)poll(&p, 1, ms);
	assert_int_equal(perf_source_read(seen.s, &handler), 0);
}

static void finish(void)
{
	perf_source_stop(seen.s);
	assert_int_equal(perf_source_read(seen.s, &handler), 0);
	/* An interrupt may write between a record's taking of the time and its being written. */
	assert_true(seen.disorder * 100 <= seen.records);
}

static int is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* Reads until the child reports. */
static inline struct busy_report read_until_done(struct busy *b)
{
	struct busy_report r;
	int64_t end = clock_mono_ns() + PATIENCE;

	while (!is_readable(b->from) && clock_mono_ns() < end)
		look(20);
	assert_int_equal(read(b->from, &r, sizeof r), (long)sizeof r);
	return r;
}

/* `streams`: threads times CPUs that may each have a piece left over that no sample carried. What was stolen, as far as
 * the kernel tells, comes late: at a thread's end nothing carries it, and it may be in what the thread's clock says, or
 * not yet. */
static void assert_cpu_time(int64_t got, int64_t want, int streams)
{
	int64_t taken = stolen() - seen.stolen_before + STOLEN_STEP;
	int64_t least = want - want / 100 - streams * (int64_t)PERIOD - (taken - STOLEN_STEP);
	int64_t most = want + want / 100 + 2 * (int64_t)PERIOD + perf_thread_stale_ns() + taken;

	if (got < least || got > most)
		print_message("samples carry %.3f ms, %.3f ms were used, at most %.3f stolen\n",
			      (double)got / 1e6, (double)want / 1e6, (double)taken / 1e6);
	assert_true(got >= least && got <= most);
}

/* Fewer than one for each period, by what was stolen (a timer that is late fires once) and by `least` percent. */
static inline void assert_samples(int64_t cpu_ns, int least, int64_t most_ns)
{
	int64_t got = (int64_t)seen.samples * PERIOD, taken = stolen() - seen.stolen_before;

	if (got <= (cpu_ns - taken) * least / 100 || got >= most_ns)
		print_message("samples of %.3f ms, %.3f ms were used, %.3f stolen\n",
			      (double)got / 1e6, (double)cpu_ns / 1e6, (double)taken / 1e6);
	assert_true(got > (cpu_ns - taken) * least / 100 && got < most_ns);
}

static int n_cpus(void)
{
	return (int)sysconf(_SC_NPROCESSORS_ONLN);
}

static void body_one(struct busy_report *r)
{
	(void)r;
	busy_burn(600 * MS);
}

static int gate[2];

static struct busy_thread early[3] = {{.ns = 60 * MS}, {.ns = 90 * MS}, {.ns = 120 * MS}};

static void before_threads(void)
{
	if (pipe(gate))
		_exit(1);
	for (int i = 0; i < 3; i++) {
		early[i].gate = gate[0];
		if (pthread_create(&early[i].id, NULL, busy_thread_main, &early[i]))
			_exit(1);
	}
}

static void body_threads(struct busy_report *r)
{
	struct busy_thread late[4];

	if (write(gate[1], "abc", 3) != 3)
		_exit(1);
	for (int i = 0; i < 4; i++) {
		late[i] = (struct busy_thread){.ns = 80 * MS, .gate = -1};
		if (pthread_create(&late[i].id, NULL, busy_thread_main, &late[i]))
			_exit(1);
	}
	for (int i = 0; i < 7; i++) {
		pthread_join(i < 3 ? early[i].id : late[i - 3].id, NULL);
		busy_note(r, i < 3 ? &early[i] : &late[i - 3]);
	}
}

static void wait_for_threads(int pid, int n)
{
	char path[64];
	struct timespec ms = {0, 1000000};
	int64_t end = clock_mono_ns() + PATIENCE;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	while (clock_mono_ns() < end) {
		struct proc p;
		int *tids = NULL, rc;
		uint32_t have = 0, cap = 0;

		assert_int_equal(proc_open(&p, pid, NULL), 0);
		rc = proc_tasks(&p, &tids, &have, &cap);
		proc_close(&p);
		free(tids);
		if (rc == 0 && have >= (uint32_t)n)
			return;
		nanosleep(&ms, NULL);
	}
	fail_msg("%s never had %d entries", path, n);
}

/* Runs a test as nobody, in a process of its own. */
static void as_nobody(void (*test)(void **), const char *name)
{
	const struct CMUnitTest one[] = {{name, test, NULL, NULL, NULL}};
	int status;
	pid_t pid;

	if (geteuid() != 0) {
		print_message("only root can become another user\n");
		skip();
	}
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
		    prctl(PR_SET_DUMPABLE, 1))
			_exit(9);
		_exit(_cmocka_run_group_tests(name, one, 1, NULL, NULL));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif
