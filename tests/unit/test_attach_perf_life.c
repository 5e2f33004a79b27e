/* Perf sources and what happens to processes: threads and children that come and go, execs, limits, refusals; glances
 * at running threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/perf_rig.h"

static void body_forks(struct busy_report *r)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		busy_burn(120 * MS);
		_exit(0);
	}
	busy_burn(60 * MS);
	waitpid(child, &status, 0);
	r->tids[0] = child;
	r->n = 1;
}

static void follow_forks(int children)
{
	struct busy b;
	struct busy_report r;
	struct seen_thread *row;

	begin((struct perf_options){.rate_hz = RATE, .children = children});
	b = busy_start(NULL, body_forks);
	attach(b.pid);
	busy_go(&b);
	r = read_until_done(&b);
	finish();
	row = seen_thread(&seen, r.tids[0], r.tids[0]);
	if (children)
		assert_cpu_time(row->cpu_ns, 120 * MS, n_cpus());
	else if (seen.s->can.thread)
		assert_int_equal(row->samples, 0);
	assert_cpu_time(seen_thread(&seen, b.pid, b.pid)->cpu_ns, r.cpu_ns, n_cpus());
	assert_int_equal(seen.tasks[PERF_TASK_FORK], 1);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void children_are_sampled_where_asked(void **state)
{
	(void)state;
	follow_forks(1);
}

static void children_are_left_alone_where_not(void **state)
{
	(void)state;
	follow_forks(0);
}

static void body_execs(struct busy_report *r)
{
	(void)r;
	busy_burn(20 * MS);
	execl("/bin/sh", "sh", "-c", "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done",
	      (char *)NULL);
}

static void an_exec_is_told_and_sampling_goes_on(void **state)
{
	struct busy b;
	struct perf_facts f;
	int64_t end = clock_mono_ns() + PATIENCE;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	b = busy_start(NULL, body_execs);
	attach(b.pid);
	busy_go(&b);
	while (seen.tasks[PERF_TASK_EXIT] == 0 && clock_mono_ns() < end)
		look(20);
	finish();
	assert_int_equal(seen.tasks[PERF_TASK_EXEC], 1);
	assert_string_equal(seen.exec_name, "sh");
	assert_true(seen.tasks[PERF_TASK_MMAP] >= 2); /* the program, ld.so, libc */
	assert_int_equal(seen.tasks[PERF_TASK_EXIT], 1);
	perf_source_facts(seen.s, &f);
	assert_int_equal(f.samples, seen.samples);
	assert_true(seen.cpu_ns > 30 * MS); /* 20 ms before, the rest after */
	busy_end(&b);
	perf_source_free(seen.s);
}

static void a_command_is_sampled_from_its_exec_on(void **state)
{
	struct busy b;
	int64_t end = clock_mono_ns() + PATIENCE;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE, .on_exec = 1, .children = 1});
	b = busy_start(NULL, body_execs);
	attach(b.pid);
	busy_go(&b);
	while (seen.tasks[PERF_TASK_EXIT] == 0 && clock_mono_ns() < end) {
		look(20);
		if (seen.tasks[PERF_TASK_EXEC] == 0)
			assert_int_equal(seen.samples, 0);
	}
	finish();
	assert_int_equal(seen.tasks[PERF_TASK_EXEC], 1);
	assert_true(seen.samples > 10);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void *short_life(void *ctx)
{
	return ctx;
}

static void body_churn(struct busy_report *r)
{
	pthread_t t;

	for (int i = 0; i < 1000; i++) {
		if (pthread_create(&t, NULL, short_life, NULL) == 0)
			pthread_join(t, NULL);
	}
	(void)r;
}

static void threads_that_come_and_go_are_all_told(void **state)
{
	struct busy b;
	uint32_t rows;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	b = busy_start(NULL, body_churn);
	attach(b.pid);
	busy_go(&b);
	(void)read_until_done(&b);
	finish();
	assert_int_equal(seen.lost, 0);
	assert_int_equal(seen.tasks[PERF_TASK_FORK], 1000);
	assert_int_equal(seen.tasks[PERF_TASK_EXIT], 1000);
	rows = seen.s->weights.n;
	assert_true(rows < 200); /* rows of ended threads are used again */
	busy_end(&b);
	perf_source_free(seen.s);
}

static void attaching_amid_churn_misses_no_thread(void **state)
{
	struct busy b;
	struct busy_report r;

	(void)state;
	for (int round = 0; round < 5; round++) {
		begin((struct perf_options){.rate_hz = RATE});
		b = busy_start(before_threads, body_threads);
		busy_go(&b); /* threads are born while events are opened */
		attach(b.pid);
		r = read_until_done(&b);
		finish();
		for (int i = 3; i < r.n; i++) {
			struct seen_thread *row = seen_thread(&seen, b.pid, r.tids[i]);

			assert_true(row->cpu_ns > r.thread_ns[i] / 2);
			assert_true(row->cpu_ns < r.thread_ns[i] * 3 / 2);
		}
		busy_end(&b);
		perf_source_free(seen.s);
	}
}

static void a_handler_can_end_the_reading(void **state)
{
	struct busy b;
	struct timespec wait = {0, 100 * MS};

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	seen.stop_at = 3;
	b = busy_start(NULL, body_one);
	attach(b.pid);
	busy_go(&b);
	nanosleep(&wait, NULL);
	while (seen.samples < 3)
		assert_true(perf_source_read(seen.s, &handler) == (seen.samples == 3 ? 77 : 0));
	assert_int_equal(seen.samples, 3);
	(void)read_until_done(&b);
	assert_true(seen.samples > 10); /* the others are still there */
	busy_end(&b);
	perf_source_free(seen.s);
}

static void what_cannot_be_watched_is_refused_in_words(void **state)
{
	struct err err = ERR_INIT;
	struct busy b = busy_start(NULL, body_one);
	pid_t gone = b.pid;

	(void)state;
	busy_end(&b);
	begin((struct perf_options){.rate_hz = 199});
	assert_int_equal(perf_source_add(seen.s, gone, &err), ERR_NOTFOUND);
	assert_true(strlen(err.text) > 5);
	assert_int_equal(seen.s->n_pids, 0);
	perf_source_free(seen.s);
}

static void few_descriptors_are_said_with_the_line(void **state)
{
	struct rlimit old, few;
	struct err err = ERR_INIT;
	struct busy b;

	(void)state;
	begin((struct perf_options){.rate_hz = 199});
	b = busy_start(before_threads, body_threads);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	few.rlim_cur = few.rlim_max = (rlim_t)perf_source_fd(seen.s) + 12;
	if (fork() == 0) { /* a hard limit cannot be raised again */
		int rc;

		if (setrlimit(RLIMIT_NOFILE, &few))
			_exit(3);
		rc = perf_source_add(seen.s, b.pid, &err);
		printf("# %d %s\n", rc, err.text);
		_exit(rc != ERR_LIMIT || !strstr(err.text, "ulimit -n") || seen.s->set.open != 0);
	} else {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), 0);
	}
	busy_end(&b);
	perf_source_free(seen.s);
}

/* Of one running and three sleeping threads. */
static void before_glance(void)
{
	if (pipe(gate))
		_exit(1);
	for (int i = 0; i < 3; i++) {
		early[i].gate = gate[0];
		if (pthread_create(&early[i].id, NULL, busy_thread_main, &early[i]))
			_exit(1);
	}
}

static void body_forever(struct busy_report *r)
{
	(void)r;
	busy_burn(60 * 1000 * MS);
}

static int on_glance(void *ctx, const struct perf_sample *p)
{
	struct seen *w = ctx;

	w->samples++;
	w->unknown += !p->regs.known;
	(void)seen_thread(w, p->pid, p->tid);
	return 0;
}

static void wait_for_sleep(const struct proc *p, int tid, int but)
{
	struct proc_stat st = {.state = 0};
	struct timespec ms = {0, 1000000};
	int64_t end = clock_mono_ns() + PATIENCE;

	while (tid != but && st.state != 'S' && clock_mono_ns() < end) {
		assert_int_equal(proc_task_stat(p, tid, &st), 0);
		nanosleep(&ms, NULL);
	}
}

static void a_glance_gets_one_sample_of_each_running_thread(void **state)
{
	struct perf_handler each = {.ctx = &seen, .sample = on_glance};
	struct err err = ERR_INIT;
	struct busy b;
	struct proc p;
	int *tids = NULL;
	uint32_t n = 0, cap = 0;

	(void)state;
	begin((struct perf_options){.rate_hz = 199}); /* skips where perf is not permitted */
	perf_source_free(seen.s);
	b = busy_start(before_glance, body_forever);
	busy_go(&b);
	wait_for_threads(b.pid, 4);
	assert_int_equal(proc_open(&p, b.pid, NULL), 0);
	assert_int_equal(proc_tasks(&p, &tids, &n, &cap), 0);
	assert_int_equal(n, 4);
	for (uint32_t i = 0; i < n; i++)
		wait_for_sleep(&p, tids[i], b.pid);
	proc_close(&p);
	assert_int_equal(perf_glance(tids, n, 300 * MS, 16384, &each, &err), 0);
	assert_int_equal(seen.samples, 1);
	assert_int_equal(seen.unknown, 0);
	assert_int_equal(seen.rows[0].tid, b.pid);
	busy_end(&b);
	assert_int_equal(perf_glance(tids, n, 10 * MS, 16384, &each, &err), 0); /* all gone */
	assert_int_equal(seen.samples, 1);
	free(tids);
}

static void an_unprivileged_user_gets_a_glance(void **state)
{
	(void)state;
	as_nobody(a_glance_gets_one_sample_of_each_running_thread, "as nobody: a glance");
}

static void refuse_init(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	begin((struct perf_options){.rate_hz = 199});
	assert_int_equal(perf_source_add(seen.s, 1, &err), ERR_DENIED);
	assert_int_equal(err.sys, EACCES);
	perf_source_free(seen.s);
}

static void another_users_process_is_refused(void **state)
{
	(void)state;
	as_nobody(refuse_init, "as nobody: process 1");
}

#define HEIRS 12

static int creator_gate[2];
static struct busy_thread heirs[HEIRS];
static pthread_t creator;

static void *creator_main(void *ctx)
{
	char byte;

	(void)ctx;
	if (read(creator_gate[0], &byte, 1) != 1)
		_exit(1);
	for (int i = 0; i < HEIRS; i++) {
		heirs[i] = (struct busy_thread){.ns = 50 * MS, .gate = -1};
		if (pthread_create(&heirs[i].id, NULL, busy_thread_main, &heirs[i]))
			_exit(1);
	}
	for (int i = 0; i < HEIRS; i++)
		pthread_join(heirs[i].id, NULL);
	return NULL;
}

static void before_heirs(void)
{
	if (pipe(creator_gate) || pthread_create(&creator, NULL, creator_main, NULL))
		_exit(1);
}

static void body_heirs(struct busy_report *r)
{
	if (write(creator_gate[1], "g", 1) != 1)
		_exit(1);
	pthread_join(creator, NULL);
	for (int i = 0; i < HEIRS; i++)
		busy_note(r, &heirs[i]);
}

/* Their creator, which had its event when it was met, never ticked itself. No samples beside those of its clock: each
 * CPU may have begun a period that it did not end, and a switch shortens the last one. */
static void heirs_of_a_sleeper_tick_as_often_as_asked(void **state)
{
	struct busy b;
	struct busy_report r;
	struct seen_thread *row;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	b = busy_start(before_heirs, body_heirs);
	wait_for_threads(b.pid, 2);
	attach(b.pid);
	busy_go(&b);
	r = read_until_done(&b);
	finish();
	assert_int_equal(r.n, HEIRS);
	for (int i = 0; i < HEIRS; i++) {
		row = seen_thread(&seen, b.pid, r.tids[i]);
		if ((int64_t)row->samples > row->cpu_ns * 11 / 10 / PERIOD + 6)
			print_message("%llu samples of %.3f ms\n", (unsigned long long)row->samples,
				      (double)row->cpu_ns / 1e6);
		assert_true((int64_t)row->samples <= row->cpu_ns * 11 / 10 / PERIOD + 6);
		assert_true(row->samples >= 25); /* of 50: a lot may be stolen */
	}
	busy_end(&b);
	perf_source_free(seen.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(children_are_sampled_where_asked),
		cmocka_unit_test(children_are_left_alone_where_not),
		cmocka_unit_test(an_exec_is_told_and_sampling_goes_on),
		cmocka_unit_test(a_command_is_sampled_from_its_exec_on),
		cmocka_unit_test(threads_that_come_and_go_are_all_told),
		cmocka_unit_test(attaching_amid_churn_misses_no_thread),
		cmocka_unit_test(a_handler_can_end_the_reading),
		cmocka_unit_test(what_cannot_be_watched_is_refused_in_words),
		cmocka_unit_test(few_descriptors_are_said_with_the_line),
		cmocka_unit_test(a_glance_gets_one_sample_of_each_running_thread),
		cmocka_unit_test(an_unprivileged_user_gets_a_glance),
		cmocka_unit_test(another_users_process_is_refused),
		cmocka_unit_test(heirs_of_a_sleeper_tick_as_often_as_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
