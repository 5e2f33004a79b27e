/* prof/attach/sampler while things come and go: threads by the hundred, execs, children, ends, with both engines.
 * Started with the argument "one" it is the program that the children become. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/resource.h>

#include "tests/unit/sampler_rig.h"

/* ---- children ---------------------------------------------------------------------------------------- */

static void *brief(void *arg)
{
	rig_burn(MS);
	return arg;
}

/* Threads that live a millisecond, one after the other. */
static int churn(int ready, int go, void *arg)
{
	(void)go, (void)arg;
	live_ready(ready);
	for (;;) {
		pthread_t t[4];

		for (int i = 0; i < 4; i++)
			if (pthread_create(&t[i], NULL, brief, NULL))
				return 1;
		for (int i = 0; i < 4; i++)
			pthread_join(t[i], NULL);
	}
	return 0;
}

/* Runs rig_nine, and becomes the test program anew when it is told to, to run rig_one there. */
static int becomes_another(int ready, int go, void *arg)
{
	char byte, *args[] = {"one", "one", NULL};
	struct timespec moment = {0, MS};

	(void)arg;
	live_ready(ready);
	if (fcntl(go, F_SETFL, O_NONBLOCK))
		return 1;
	while (read(go, &byte, 1) != 1)
		rig_nine();
	nanosleep(&moment, NULL);
	execv("/proc/self/exe", args);
	return 1;
}

static int waits_then_execs(int ready, int go, void *arg)
{
	char byte, *args[] = {"one", "one", NULL};

	(void)arg;
	live_ready(ready);
	while (read(go, &byte, 1) != 1)
		;
	rig_burn(20 * MS);
	execv("/proc/self/exe", args);
	return 1;
}

static int parent(int ready, int go, void *arg)
{
	char byte;

	(void)arg;
	live_ready(ready);
	if (read(go, &byte, 1) != 1)
		return 1;
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		rig_nine_and_one();
	}
	for (;;)
		pause();
	return 0;
}

/* Children that are gone before anybody can look at them. */
static int brief_children(int ready, int go, void *arg)
{
	char byte;

	(void)arg;
	live_ready(ready);
	if (read(go, &byte, 1) != 1)
		return 1;
	for (int i = 0; i < 40; i++) {
		int pid = fork();

		if (pid == 0) {
			rig_burn(4 * MS);
			_exit(0);
		}
		if (pid < 0 || waitpid(pid, NULL, 0) != pid)
			return 1;
	}
	return 0;
}

static int burns_then_ends(int ready, int go, void *arg)
{
	char byte;

	(void)arg;
	live_ready(ready);
	if (read(go, &byte, 1) != 1)
		return 1;
	rig_burn(300 * MS);
	return 0;
}

/* ---- coming and going --------------------------------------------------------------------------------- */

static void threads_that_come_and_go(const struct sampler_options *o)
{
	const struct sampler_thread *threads;
	uint32_t n, ended = 0;
	struct live_child c = {0, -1, -1};
	int64_t end;

	rig_open(o);
	assert_int_equal(live_start(&c, churn, NULL), 0);
	rig_add(c.pid);
	end = clock_mono_ns() + PATIENCE;
	do {
		assert_int_equal(rig_run(600 * MS), 0);
		(void)rig_threads(&n);
	} while (n <= 8 && clock_mono_ns() < end);
	rig_finish();
	threads = rig_threads(&n);
	assert_true(n > 5);
	for (uint32_t i = 0; i < n; i++) {
		assert_true(threads[i].end_ns == 0 || threads[i].end_ns >= threads[i].start_ns);
		assert_true(threads[i].start_ns >= rig.added_before_ns - 20 * MS);
		ended += threads[i].end_ns != 0;
	}
	assert_true(ended > 3 && ended < n);
	rig_close();
	live_end(&c);
}

static void perf_bears_churn(void **state)
{
	(void)state;
	threads_that_come_and_go(&rig_perf);
}

static void polling_bears_churn(void **state)
{
	(void)state;
	threads_that_come_and_go(&rig_poll);
}

static void exec_is_another_program(const struct sampler_options *o)
{
	const struct sampler_process *processes;
	struct live_child c = {0, -1, -1};
	int64_t end;

	rig_open(o);
	assert_int_equal(live_start(&c, becomes_another, NULL), 0);
	rig_add(c.pid);
	rig_run_until(8);
	assert_int_equal(write(c.go, "x", 1), 1);
	end = clock_mono_ns() + PATIENCE;
	while (rig_sum(ANY, SAMPLE_CPU, (void *)rig_one).samples < 8 && clock_mono_ns() < end)
		assert_int_equal(rig_round(20), 0);
	rig_finish();
	assert_true(rig_sum(ANY, SAMPLE_CPU, (void *)rig_nine).samples >= 4);
	assert_true(rig_sum(ANY, SAMPLE_CPU, (void *)rig_one).samples >= 8);
	assert_int_equal(sampler_processes(rig.s, &processes), 1);
	assert_int_equal(processes[0].end_ns, 0);
	rig_close();
	live_end(&c);
}

static void perf_follows_an_exec(void **state)
{
	(void)state;
	exec_is_another_program(&rig_perf);
}

static void polling_follows_an_exec(void **state)
{
	(void)state;
	exec_is_another_program(&rig_poll);
}

static void nothing_before_the_exec(const struct sampler_options *o)
{
	struct err err = ERR_INIT;
	struct live_child c = {0, -1, -1};
	int64_t end;
	int rc;

	rig_open(o);
	assert_int_equal(live_start(&c, waits_then_execs, NULL), 0);
	rc = sampler_add_before_exec(rig.s, c.pid, &err);
	if (rc == ERR_DENIED || rc == ERR_UNSUPPORTED) {
		print_message("%s\n", err.text);
		rig_close();
		live_end(&c);
		skip();
	}
	assert_int_equal(rc, 0);
	assert_int_equal(rig_run(50 * MS), 0);
	assert_int_equal(rig.samples, 0);
	assert_int_equal(write(c.go, "x", 1), 1);
	end = clock_mono_ns() + PATIENCE;
	while (rig_sum(ANY, SAMPLE_CPU, (void *)rig_one).samples < 4 && clock_mono_ns() < end)
		assert_int_equal(rig_round(20), 0);
	rig_finish();
	assert_int_equal(rig_sum(ANY, SAMPLE_CPU, (void *)rig_burn).samples, 0);
	assert_true(rig_sum(ANY, SAMPLE_CPU, (void *)rig_one).samples >= 4);
	rig_close();
	live_end(&c);
}

static void perf_begins_at_the_exec(void **state)
{
	(void)state;
	nothing_before_the_exec(&rig_perf);
}

static void polling_begins_at_the_exec(void **state)
{
	(void)state;
	nothing_before_the_exec(&rig_poll);
}

static void children_are_followed(const struct sampler_options *with)
{
	const struct sampler_process *processes;
	struct sampler_options o = *with;
	struct live_child c = {0, -1, -1};
	int64_t end;
	uint32_t n;

	o.children = 1;
	rig_open(&o);
	assert_int_equal(live_start(&c, parent, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(write(c.go, "x", 1), 1);
	end = clock_mono_ns() + PATIENCE;
	while (rig_sum(ANY, SAMPLE_CPU, (void *)rig_nine).samples < 5 && clock_mono_ns() < end)
		assert_int_equal(rig_round(20), 0);
	rig_finish();
	n = sampler_processes(rig.s, &processes);
	assert_int_equal(n, 2);
	assert_int_equal(processes[0].added, 1);
	assert_int_equal(processes[1].added, 0);
	assert_int_equal(processes[1].ppid, c.pid);
	for (uint32_t i = 0; i < rig.n; i++)
		if (rig.rows[i].code == (void *)rig_nine)
			assert_int_equal(rig.rows[i].process, 1);
	assert_true(processes[1].start_ns >= rig.added_before_ns - 20 * MS);
	rig_close();
	live_end(&c);
}

static void perf_follows_children(void **state)
{
	(void)state;
	children_are_followed(&rig_perf);
}

static void polling_follows_children(void **state)
{
	(void)state;
	children_are_followed(&rig_poll);
}

static void perf_knows_children_that_are_gone(void **state)
{
	struct sampler_options o = rig_perf;
	const struct sampler_process *processes;
	struct live_child c = {0, -1, -1};
	struct rig_row known;
	uint32_t n;

	(void)state;
	o.children = 1;
	o.rate_hz = 997;
	rig_open(&o);
	assert_int_equal(live_start(&c, brief_children, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(write(c.go, "x", 1), 1);
	assert_int_equal(rig_run(PATIENCE), 1);
	rig_finish();
	n = sampler_processes(rig.s, &processes);
	assert_in_range(n, 20, 60);
	for (uint32_t i = 1; i < n; i++) {
		assert_int_equal(processes[i].added, 0);
		assert_true(processes[i].end_ns >= processes[i].start_ns);
		assert_true(processes[i].name[0]);
	}
	known = rig_sum(ANY, SAMPLE_CPU, (void *)rig_burn);
	assert_true(known.value_ns > 40 * MS); /* of 160 */
	rig_close();
	live_end(&c);
}

static void children_may_be_left_out(const struct sampler_options *o)
{
	const struct sampler_process *processes;
	struct live_child c = {0, -1, -1};

	rig_open(o);
	assert_int_equal(live_start(&c, parent, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(write(c.go, "x", 1), 1);
	assert_int_equal(rig_run(300 * MS), 0);
	rig_finish();
	assert_int_equal(sampler_processes(rig.s, &processes), 1);
	assert_int_equal(rig_sum(ANY, SAMPLE_CPU, (void *)rig_nine).samples, 0);
	rig_close();
	live_end(&c);
}

static void perf_leaves_children_out(void **state)
{
	(void)state;
	children_may_be_left_out(&rig_perf);
}

static void polling_leaves_children_out(void **state)
{
	(void)state;
	children_may_be_left_out(&rig_poll);
}

static void the_last_end_is_told(const struct sampler_options *o)
{
	const struct sampler_process *processes;
	const struct sampler_thread *threads;
	struct live_child c = {0, -1, -1};
	struct rusage used;
	uint32_t n;

	rig_open(o);
	assert_int_equal(live_start(&c, burns_then_ends, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(write(c.go, "x", 1), 1);
	assert_int_equal(rig_run(PATIENCE), 1);
	rig_finish();
	assert_int_equal(sampler_processes(rig.s, &processes), 1);
	assert_true(processes[0].end_ns >= rig.added_ns && processes[0].end_ns <= rig.finish_ns);
	assert_int_equal(processes[0].proc.dir, -1);
	/* Nobody reaped it: its clock still told all. */
	assert_int_equal(wait4(c.pid, NULL, 0, &used), c.pid);
	c.pid = 0;
	assert_in_range(processes[0].cpu_ns - processes[0].base_cpu_ns, 299 * MS,
			(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * S +
				(used.ru_utime.tv_usec + used.ru_stime.tv_usec + 1000) * 1000);
	assert_true(rig_sum(ANY, SAMPLE_CPU, (void *)rig_burn).value_ns > 200 * MS);
	threads = rig_threads(&n);
	assert_int_equal(n, 1);
	assert_true(threads[0].end_ns > 0);
	assert_int_equal(sampler_round(rig.s, 1000, -1, rig_take, NULL),
			 1); /* at once, and again */
	rig_close();
	live_end(&c);
}

static void perf_tells_the_last_end(void **state)
{
	(void)state;
	the_last_end_is_told(&rig_perf);
}

static void polling_tells_the_last_end(void **state)
{
	(void)state;
	the_last_end_is_told(&rig_poll);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perf_bears_churn),
		cmocka_unit_test(polling_bears_churn),
		cmocka_unit_test(perf_follows_an_exec),
		cmocka_unit_test(polling_follows_an_exec),
		cmocka_unit_test(perf_begins_at_the_exec),
		cmocka_unit_test(polling_begins_at_the_exec),
		cmocka_unit_test(perf_follows_children),
		cmocka_unit_test(polling_follows_children),
		cmocka_unit_test(perf_knows_children_that_are_gone),
		cmocka_unit_test(perf_leaves_children_out),
		cmocka_unit_test(polling_leaves_children_out),
		cmocka_unit_test(perf_tells_the_last_end),
		cmocka_unit_test(polling_tells_the_last_end),
	};

	if (argc > 1 && strcmp(argv[1], "one") == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;)
			rig_one();
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
