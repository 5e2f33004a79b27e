/* Recording from outside: real children are attached to, or started; what the store says of them, and how the recording
 * ends. The sampler's own accuracy is tested elsewhere. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/base/clock.h"
#include "prof/record/outside.h"
#include "tests/unit/store_check.h"
#include "tests/unit/store_rig.h"

static volatile unsigned long sink;
static pid_t child;

static __attribute__((noinline)) void burn_here(void)
{
	for (int i = 0; i < 10000; i++)
		sink += (unsigned long)i;
}

static void *burn_thread(void *unused)
{
	(void)unused;
	(void)pthread_setname_np(pthread_self(), "burner");
	for (;;)
		burn_here();
	return NULL;
}

/* A child that burns CPU time in two threads, for `ms` or until it is killed. */
static void start_child(int ms)
{
	pthread_t t;
	int ready[2];
	char c;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	assert_true(child >= 0);
	if (child > 0) {
		(void)close(ready[1]);
		assert_int_equal(read(ready[0], &c, 1), 1); /* it runs */
		(void)close(ready[0]);
		return;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)alarm(60);
	(void)pthread_create(&t, NULL, burn_thread, NULL);
	(void)!write(ready[1], "x", 1);
	for (int64_t end = clock_mono_ns() + (int64_t)ms * 1000000; !ms || clock_mono_ns() < end;)
		burn_here();
	_exit(0);
}

static int stop_child(void **state)
{
	(void)state;
	if (child > 0) {
		(void)kill(child, SIGKILL);
		(void)waitpid(child, NULL, 0);
	}
	child = 0;
	return rig_teardown(NULL);
}

static struct outside_options options(void)
{
	struct outside_options o = {
		.store_path = rig_path,
		.pids = &child,
		.n_pids = 1,
		.sampler = {.rate_hz = 499},
		.duration_ns = 300000000,
		.wake_fd = -1,
		.version = "test",
		.git_sha = "",
	};

	return o;
}

/* 0, or skips where this machine lets us see no other process. */
static void record_or_skip(const struct outside_options *o, struct outside_result *result)
{
	struct err err = ERR_INIT;
	int rc = record_outside(o, result, &err);

	if (rc == ERR_DENIED) {
		print_message("%s\n", err.text);
		skip();
	}
	if (rc)
		fail_msg("%s", err.text);
}

static void read_run(const struct outside_result *result, struct profile *p)
{
	struct err err = ERR_INIT;
	struct store *s;
	int64_t run;

	assert_int_equal(store_open(&s, rig_path, STORE_READ, &err), 0);
	assert_int_equal(store_find_run(s, result->run.run_id, &run, &err), 0);
	assert_int_equal(store_read_run(s, run, STORE_READ_ALL, p, &err), 0);
	store_close(s);
	assert_true(store_check_profile(p));
}

static int64_t sum_of(const struct profile *p, enum profile_kind kind)
{
	int64_t sum = 0;

	for (size_t i = 0; i < p->n_samples; i++)
		sum += p->samples[i].kind == kind ? p->samples[i].value : 0;
	return sum;
}

static int has_function(const struct profile *p, const char *name)
{
	for (uint32_t i = 0; i < p->n_frames; i++)
		if (strcmp(strtab_text(p->strings, p->frames[i].function), name) == 0)
			return 1;
	return 0;
}

static void a_live_process_is_recorded_for_a_while(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct profile p;

	(void)state;
	start_child(0);
	record_or_skip(&o, &result);
	assert_int_equal(kill(child, 0), 0);
	assert_int_equal(result.run.started, 1);
	assert_int_equal(result.run.exit_code, 0);
	assert_true(result.run.duration_ns >= o.duration_ns);
	assert_true(result.run.samples > 0);
	assert_true(result.first_sample_ns > 0);
	assert_int_equal(result.run.processes, 1);
	assert_int_equal(result.run.threads, 2);
	read_run(&result, &p);
	assert_int_equal(p.n_processes, 1);
	assert_int_equal(p.processes[0].pid, child);
	assert_true(p.processes[0].end_ns > p.processes[0].start_ns);
	assert_true(has_function(&p, "burn_here"));
	assert_true(sum_of(&p, PROFILE_CPU) > 0);
	assert_int_equal(sum_of(&p, PROFILE_OFFCPU), 0);
	assert_true(p.n_ticks > 0);
	assert_true(p.n_counters >= 1);
	profile_release(&p);
}

/* All CPU time that the threads' clocks tell is in the samples, and no more than one interval beyond. */
static void the_sum_is_what_the_clocks_say(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	int64_t clocks = 0, sum;
	struct profile p;

	(void)state;
	start_child(0);
	record_or_skip(&o, &result);
	read_run(&result, &p);
	for (uint32_t i = 0; i < p.n_threads; i++)
		clocks += p.threads[i].cpu_ns;
	sum = sum_of(&p, PROFILE_CPU);
	assert_true(sum >= clocks - 1000 && sum <= clocks + 1000);
	profile_release(&p);
}

static void polling_says_what_it_cost(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct profile p;

	(void)state;
	o.sampler.engine = SAMPLER_POLL;
	start_child(0);
	record_or_skip(&o, &result);
	assert_string_equal(result.run.engine, "clock");
	assert_true(result.pause.n > 0 || result.pause.skipped > 0);
	assert_true(result.pause.p50_ns <= result.pause.p99_ns &&
		    result.pause.p99_ns <= result.pause.max_ns);
	assert_true(result.own_cpu_ns > 0);
	read_run(&result, &p);
	assert_string_equal(strtab_text(p.strings, p.run.engine), "clock");
	profile_release(&p);
}

static void without_stops_no_thread_is_stopped(void **state)
{
	struct outside_options o = options();
	struct outside_result result;

	(void)state;
	o.sampler.engine = SAMPLER_POLL;
	o.sampler.nonblocking = 1;
	start_child(0);
	record_or_skip(&o, &result);
	assert_int_equal(result.pause.n, 0);
}

static void wall_mode_covers_the_threads_lives(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	int64_t lives = 0, sum;
	struct profile p;

	(void)state;
	o.sampler.wall = 1;
	o.duration_ns = 600000000;
	start_child(0);
	record_or_skip(&o, &result);
	read_run(&result, &p);
	for (uint32_t i = 0; i < p.n_threads; i++)
		lives += p.threads[i].end_ns - p.threads[i].start_ns;
	sum = sum_of(&p, PROFILE_WALL);
	assert_true(sum > lives * 8 / 10 && sum < lives * 12 / 10);
	assert_string_equal(strtab_text(p.strings, p.run.mode), "wall");
	profile_release(&p);
}

static void the_end_of_the_process_is_the_end(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct profile p;

	(void)state;
	o.duration_ns = 0;
	start_child(400);
	record_or_skip(&o, &result);
	read_run(&result, &p);
	assert_true(p.run.finished);
	assert_true(p.processes[0].end_ns <= p.run.start_ns + result.run.duration_ns);
	profile_release(&p);
}

static volatile int stop;
static int steps;

static void stop_at_second(void *ctx, uint64_t samples, int64_t elapsed_ns)
{
	(void)ctx;
	(void)samples;
	assert_true(elapsed_ns >= 0);
	if (++steps == 2)
		stop = 1;
}

static void being_told_to_stop_keeps_the_data(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct profile p;

	(void)state;
	stop = steps = 0;
	o.duration_ns = 0;
	o.stop = &stop;
	o.progress = stop_at_second;
	start_child(0);
	record_or_skip(&o, &result);
	assert_int_equal(steps, 2);
	read_run(&result, &p);
	assert_true(p.run.finished);
	if (sum_of(&p, PROFILE_CPU) <= 0)
		fail_msg("CPU %lld, %lld samples, %lld ns long", (long long)p.processes[0].cpu_ns,
			 (long long)result.run.samples, (long long)result.run.duration_ns);
	profile_release(&p);
}

static void stop_at_once(void *ctx, uint64_t samples, int64_t elapsed_ns)
{
	(void)ctx;
	(void)samples;
	(void)elapsed_ns;
	if (++steps == 3)
		stop = 2;
}

static void what_is_left_behind_is_completed_later(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct err err = ERR_INIT;
	struct profile p;
	int runs = 0, rc;

	(void)state;
	stop = steps = 0;
	o.duration_ns = 0;
	o.stop = &stop;
	o.progress = stop_at_once;
	start_child(0);
	rc = record_outside(&o, &result, &err);
	if (rc == ERR_DENIED)
		skip();
	assert_int_equal(rc, ERR_CANCELLED);
	assert_int_equal(record_recover(rig_path, &runs, &err), 0);
	assert_int_equal(runs, 1);
	read_run(&result, &p);
	assert_true(p.run.finished);
	assert_true(sum_of(&p, PROFILE_CPU) > 0);
	assert_true(strcmp(strtab_text(p.strings, p.run.engine), "perf") == 0 ||
		    strcmp(strtab_text(p.strings, p.run.engine), "clock") == 0);
	profile_release(&p);
}

/* ---- several, none ----------------------------------------------------------------------------------- */

static void one_of_several_may_be_gone(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	pid_t gone = fork();
	int pids[2];

	(void)state;
	if (gone == 0)
		_exit(0);
	(void)waitpid(gone, NULL, 0);
	start_child(0);
	pids[0] = gone;
	pids[1] = child;
	o.pids = pids;
	o.n_pids = 2;
	o.name = "both";
	record_or_skip(&o, &result);
	assert_int_equal(result.run.processes, 1);
}

static void nobody_to_record_makes_no_store(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct err err = ERR_INIT;
	pid_t gone = fork();

	(void)state;
	if (gone == 0)
		_exit(0);
	(void)waitpid(gone, NULL, 0);
	o.pids = &gone;
	assert_int_equal(record_outside(&o, &result, &err), ERR_NOTFOUND);
	assert_int_equal(result.run.started, 0);
	assert_int_equal(access(rig_path, F_OK), -1);
	o.n_pids = 0;
	assert_int_equal(record_outside(&o, &result, &err), ERR_ARG);
}

static void a_store_that_cannot_be_made_is_said(void **state)
{
	struct outside_options o = options();
	struct outside_result result;
	struct err err = ERR_INIT;
	char path[400];
	int rc;

	(void)state;
	snprintf(path, sizeof path, "%s/no/such/folder/s.sqlite", rig_folder);
	o.store_path = path;
	start_child(0);
	rc = record_outside(&o, &result, &err);
	if (rc == ERR_DENIED)
		skip();
	assert_int_equal(rc, ERR_DATABASE);
	assert_non_null(strstr(err.text, "s.sqlite"));
}

/* ---- commands ------------------------------------------------------------------------------------------ */

static struct outside_options command(char *const *argv)
{
	struct outside_options o = options();

	o.pids = NULL;
	o.n_pids = 0;
	o.argv = argv;
	o.duration_ns = 0;
	return o;
}

static void a_command_gives_its_own_answer(void **state)
{
	char *exits[] = {"sh", "-c", "exit 7", NULL}, *dies[] = {"sh", "-c", "kill -9 $$", NULL};
	struct outside_options o = command(exits);
	struct outside_result result;
	struct profile p;

	(void)state;
	record_or_skip(&o, &result);
	assert_int_equal(result.run.exit_code, 7);
	assert_int_equal(result.run.signal, 0);
	read_run(&result, &p);
	assert_string_equal(strtab_text(p.strings, p.run.name), "sh");
	assert_int_equal(p.run.exit_code, 7);
	profile_release(&p);
	o = command(dies);
	record_or_skip(&o, &result);
	assert_int_equal(result.run.exit_code, 137);
	assert_int_equal(result.run.signal, 9);
}

static void a_command_that_is_not_there_starts_nothing(void **state)
{
	char *argv[] = {"/no/such/command", NULL};
	struct outside_options o = command(argv);
	struct outside_result result;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(record_outside(&o, &result, &err), ERR_NOTFOUND);
	assert_int_equal(result.run.started, 0);
	assert_non_null(strstr(err.text, "/no/such/command"));
	assert_int_equal(access(rig_path, F_OK), -1);
}

static void what_exec_refuses_starts_nothing(void **state)
{
	char script[400], *argv[] = {script, NULL};
	struct outside_options o = command(argv);
	struct outside_result result;
	struct err err = ERR_INIT;
	int fd, rc;

	(void)state;
	snprintf(script, sizeof script, "%s/script", rig_folder);
	fd = open(script, O_CREAT | O_WRONLY | O_CLOEXEC, 0700);
	assert_true(fd >= 0 && write(fd, "#!/no/such/shell\n", 17) == 17);
	(void)close(fd);
	rc = record_outside(&o, &result, &err);
	if (rc == ERR_DENIED)
		skip();
	assert_int_equal(rc, ERR_NOTFOUND);
	assert_int_equal(result.run.started, 0);
}

static void the_duration_ends_the_recording_not_the_command(void **state)
{
	char *argv[] = {"sh", "-c", "sleep 0.6; exit 5", NULL};
	struct outside_options o = command(argv);
	struct outside_result result;
	int64_t begun = clock_mono_ns();

	(void)state;
	o.duration_ns = 100000000;
	record_or_skip(&o, &result);
	assert_int_equal(result.run.exit_code, 5);
	assert_true(clock_mono_ns() - begun > 500000000);
	assert_true(result.run.duration_ns < clock_mono_ns() - begun);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_live_process_is_recorded_for_a_while, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(the_sum_is_what_the_clocks_say, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(polling_says_what_it_cost, rig_setup, stop_child),
		cmocka_unit_test_setup_teardown(without_stops_no_thread_is_stopped, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(wall_mode_covers_the_threads_lives, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(the_end_of_the_process_is_the_end, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(being_told_to_stop_keeps_the_data, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(what_is_left_behind_is_completed_later, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(one_of_several_may_be_gone, rig_setup, stop_child),
		cmocka_unit_test_setup_teardown(nobody_to_record_makes_no_store, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(a_store_that_cannot_be_made_is_said, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(a_command_gives_its_own_answer, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(a_command_that_is_not_there_starts_nothing,
						rig_setup, stop_child),
		cmocka_unit_test_setup_teardown(what_exec_refuses_starts_nothing, rig_setup,
						stop_child),
		cmocka_unit_test_setup_teardown(the_duration_ends_the_recording_not_the_command,
						rig_setup, stop_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
