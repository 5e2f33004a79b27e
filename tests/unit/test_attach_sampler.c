/* prof/attach/sampler: both engines on real children whose right answer is known: shares of functions, sums of CPU time,
 * deep stacks, what is refused. What comes and goes: test_attach_sampler_life.c; sleep: test_attach_sampler_wall.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "tests/unit/sampler_rig.h"

/* ---- children ---------------------------------------------------------------------------------------- */

static int spin(int ready, int go, void *arg)
{
	(void)go, (void)arg;
	live_ready(ready);
	rig_nine_and_one();
	return 0;
}

static int deep(int ready, int go, void *arg)
{
	(void)go;
	live_ready(ready);
	rig_deep(*(int *)arg);
	return 0;
}

static void *named(void *arg)
{
	prctl(PR_SET_NAME, arg);
	for (;;)
		rig_burn(S);
	return NULL;
}

static void *asleep(void *arg)
{
	prctl(PR_SET_NAME, arg);
	for (;;)
		pause();
	return NULL;
}

static int crowd(int ready, int go, void *arg)
{
	static char busy[] = "busy", idle[] = "idle";
	pthread_attr_t attr;
	pthread_t t;

	(void)go, (void)arg;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (int i = 0; i < 60; i++)
		if (pthread_create(&t, &attr, asleep, idle))
			return 1;
	if (pthread_create(&t, &attr, named, busy))
		return 1;
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

/* Code that comes and goes, while other code runs. */
static void *maps_and_unmaps(void *arg)
{
	struct timespec moment = {0, MS};

	for (;;) {
		void *p = mmap(NULL, 65536, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			       0);

		nanosleep(&moment, NULL);
		if (p != MAP_FAILED)
			munmap(p, 65536);
	}
	return arg;
}

static int moving_maps(int ready, int go, void *arg)
{
	pthread_t t;

	(void)go, (void)arg;
	if (pthread_create(&t, NULL, maps_and_unmaps, NULL))
		return 1;
	live_ready(ready);
	rig_nine_and_one();
	return 0;
}

/* ---- shares and sums ---------------------------------------------------------------------------------- */

static int64_t cpu_of(int pid)
{
	struct timespec ts;
	clockid_t clock;

	assert_int_equal(clock_getcpuclockid(pid, &clock), 0);
	assert_int_equal(clock_gettime(clock, &ts), 0);
	return ts.tv_sec * S + ts.tv_nsec;
}

static void shares_are_right(const struct sampler_options *o, double samples)
{
	struct live_child c = {0, -1, -1};
	struct rig_row all;
	uint32_t n;

	rig_open(o);
	assert_int_equal(live_start(&c, spin, NULL), 0);
	rig_add(c.pid);
	rig_run_until(samples);
	rig_finish();
	all = rig_sum(ANY, SAMPLE_CPU, NULL);
	assert_share(rig_sum(ANY, SAMPLE_CPU, (void *)rig_nine), all, 0.9);
	assert_share(rig_sum(ANY, SAMPLE_CPU, (void *)rig_one), all, 0.1);
	assert_true(rig.whole * 100 >= rig.samples * 95);
	assert_int_equal(rig_sum(ANY, SAMPLE_WALL, NULL).samples, 0);
	(void)rig_threads(&n);
	assert_int_equal(n, 1);
	rig_close();
	live_end(&c);
}

static void perf_finds_nine_to_one(void **state)
{
	(void)state;
	shares_are_right(&rig_perf, 150);
}

static void polling_finds_nine_to_one(void **state)
{
	(void)state;
	shares_are_right(&rig_poll, 50);
}

/* `slack_ns`: what the last sample of each thread left. */
static void sums_are_cpu_time(const struct sampler_options *o, int64_t slack_ns)
{
	const struct sampler_process *processes;
	const struct sampler_thread *threads;
	int64_t before, most, least, sum, end;
	struct live_child c = {0, -1, -1};
	uint32_t n;

	rig_open(o);
	assert_int_equal(live_start(&c, crowd, NULL), 0);
	assert_int_equal(live_wait_in(c.pid, SYS_pause, 61), 0);
	most = -cpu_of(c.pid);
	rig_add(c.pid);
	before = cpu_of(c.pid);
	end = clock_mono_ns() + PATIENCE;
	do
		assert_int_equal(rig_run(700 * MS), 0);
	while (cpu_of(c.pid) - before < 300 * MS && clock_mono_ns() < end);
	least = cpu_of(c.pid) - before;
	rig_finish();
	most += cpu_of(c.pid);
	slack_ns +=
		most /
		20; /* a stream's last piece is lost whenever copies of stacks change their size */
	sum = rig_sum(ANY, SAMPLE_CPU, NULL).value_ns;
	if (sum < least - slack_ns || sum > most + slack_ns)
		print_message("%.3f ms, should be %.3f to %.3f\n", (double)sum / 1e6,
			      (double)least / 1e6, (double)most / 1e6);
	assert_in_range(sum + slack_ns, least, most + 2 * slack_ns);
	threads = rig_threads(&n);
	assert_int_equal(n, 62);
	for (uint32_t i = 0; i < n; i++) {
		assert_int_equal(threads[i].sampled_ns, rig_sum(i, SAMPLE_CPU, NULL).value_ns);
		if (strcmp(threads[i].name, "idle") == 0)
			assert_true(threads[i].sampled_ns < 5 * MS); /* going to sleep */
	}
	assert_true(rig_sum(rig_thread("busy"), SAMPLE_CPU, (void *)rig_burn).value_ns >
		    sum * 9 / 10);
	assert_int_equal(sampler_processes(rig.s, &processes), 1);
	assert_in_range(processes[0].cpu_ns - processes[0].base_cpu_ns, least - 20 * MS, most);
	assert_true(processes[0].rss_bytes > 100000 &&
		    processes[0].max_rss_bytes >= processes[0].rss_bytes);
	rig_close();
	live_end(&c);
}

static void perf_adds_up_to_the_cpu_time(void **state)
{
	(void)state;
	sums_are_cpu_time(&rig_perf, 6 * S / RATE);
}

/* The kernel counts a thread on a CPU up to its last tick. */
static void polling_adds_up_to_the_cpu_time(void **state)
{
	(void)state;
	sums_are_cpu_time(&rig_poll, 2 * S / sysconf(_SC_CLK_TCK));
}

static void nonblocking_stops_nobody(void **state)
{
	struct sampler_options o = rig_poll;
	struct pause_stats pauses;
	struct live_child c = {0, -1, -1};
	int64_t cpu;

	(void)state;
	o.nonblocking = 1;
	rig_open(&o);
	assert_int_equal(live_start(&c, spin, NULL), 0);
	rig_add(c.pid);
	cpu = cpu_of(c.pid);
	assert_int_equal(rig_run(300 * MS), 0);
	cpu = cpu_of(c.pid) - cpu;
	rig_finish();
	sampler_pauses(rig.s, &pauses);
	assert_int_equal(pauses.n, 0);
	assert_true(rig_sum(ANY, SAMPLE_CPU, NULL).value_ns >= cpu - 20 * MS);
	assert_string_equal(sampler_engine_name(rig.s), "poll");
	rig_close();
	live_end(&c);
}

static void pauses_keep_their_budget(void **state)
{
	struct pause_stats pauses;
	struct live_child c = {0, -1, -1};
	int64_t spent, end = clock_mono_ns() + PATIENCE;

	(void)state;
	rig_open(&rig_poll);
	assert_int_equal(live_start(&c, spin, NULL), 0);
	rig_add(c.pid);
	do {
		assert_int_equal(rig_run(500 * MS), 0);
		sampler_pauses(rig.s, &pauses);
	} while (pauses.n == 0 && clock_mono_ns() < end);
	rig_finish();
	sampler_pauses(rig.s, &pauses);
	assert_true(pauses.n > 0);
	/* Half of them were at least as long as the median; one look may go over it. */
	spent = (int64_t)(pauses.n / 2) * pauses.p50_ns;
	assert_true(spent <= (rig.finished_ns - rig.added_before_ns) / 200 + 20 * MS);
	rig_close();
	live_end(&c);
}

/* ---- stacks ------------------------------------------------------------------------------------------- */

/* Deeper than any copy: the rest is read from the process. */
static void deep_stacks(const struct sampler_options *o, int levels, int whole)
{
	struct live_child c = {0, -1, -1};

	rig_open(o);
	assert_int_equal(live_start(&c, deep, &levels), 0);
	rig_add(c.pid);
	rig_run_until(20);
	rig_finish();
	assert_true(rig.deepest > (uint32_t)levels || !whole);
	assert_true(rig.whole * 10 >= rig.samples * 9 * (uint64_t)whole);
	assert_true(rig.empty * 10 <= rig.samples);
	rig_close();
	live_end(&c);
}

static void perf_follows_stacks_beyond_the_copy(void **state)
{
	(void)state;
	deep_stacks(&rig_perf, 100, 1);
}

static void polling_follows_stacks_beyond_the_copy(void **state)
{
	(void)state;
	deep_stacks(&rig_poll, 100, 1);
}

static void moving_maps_spoil_nothing(const struct sampler_options *o)
{
	struct live_child c = {0, -1, -1};
	struct rig_row all;

	rig_open(o);
	assert_int_equal(live_start(&c, moving_maps, NULL), 0);
	rig_add(c.pid);
	rig_run_until(30);
	rig_finish();
	all = rig_sum(ANY, SAMPLE_CPU, NULL);
	assert_share(rig_sum(ANY, SAMPLE_CPU, (void *)rig_nine), all, 0.9);
	rig_close();
	live_end(&c);
}

static void perf_bears_moving_maps(void **state)
{
	(void)state;
	moving_maps_spoil_nothing(&rig_perf);
}

static void polling_bears_moving_maps(void **state)
{
	(void)state;
	moving_maps_spoil_nothing(&rig_poll);
}

/* ---- the caller --------------------------------------------------------------------------------------- */

static void who_is_not_there_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct live_child c = {0, -1, -1};

	(void)state;
	rig_open(&rig_poll);
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	kill(c.pid, SIGKILL);
	assert_int_equal(waitpid(c.pid, NULL, 0), c.pid);
	assert_int_equal(sampler_add(rig.s, c.pid, &err), ERR_NOTFOUND);
	assert_true(strlen(err.text) > 0);
	assert_int_equal(sampler_add(rig.s, 0, &err), ERR_ARG);
	assert_int_equal(sampler_round(rig.s, 1000, -1, rig_take, NULL), 1);
	c.pid = 0;
	rig_close();
	live_end(&c);
}

static void another_users_process_is_refused(void **state)
{
	struct err err = ERR_INIT;
	struct live_child c = {0, -1, -1};
	pid_t pid;
	int status;

	(void)state;
	if (geteuid() != 0) {
		print_message("only root can become another user\n");
		skip();
	}
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		struct sampler *s;

		if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534) ||
		    sampler_new(&s, &rig_poll, &err))
			_exit(9);
		_exit(sampler_add(s, c.pid, &err) == ERR_DENIED && err.text[0] ? 0 : 8);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 0);
	live_end(&c);
}

static void the_callers_word_ends_a_round(void **state)
{
	struct live_child c = {0, -1, -1};
	int64_t end = clock_mono_ns() + PATIENCE;
	int rc = 0;

	(void)state;
	rig_open(&rig_poll);
	rig.stop_at = 3;
	assert_int_equal(live_start(&c, spin, NULL), 0);
	rig_add(c.pid);
	while (rc == 0 && clock_mono_ns() < end)
		rc = rig_round(20);
	assert_int_equal(rc, -77);
	assert_int_equal(rig.samples, 3);
	rig_close();
	live_end(&c);
}

static void a_wake_up_ends_the_waiting(void **state)
{
	struct live_child c = {0, -1, -1};
	int64_t begin = clock_mono_ns();
	int fds[2], rounds = 0;

	(void)state;
	rig_open(&rig_poll);
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(write(fds[1], "x", 1), 1);
	while (rounds++ < 100) /* half an hour, were it not for the byte */
		assert_int_equal(sampler_round(rig.s, 20000, fds[0], rig_take, NULL), 0);
	assert_true(clock_mono_ns() - begin < 60 * S);
	close(fds[0]);
	close(fds[1]);
	rig_close();
	live_end(&c);
}

static void the_first_sample_comes_soon(void **state)
{
	struct live_child c = {0, -1, -1};
	int64_t end = clock_mono_ns() + PATIENCE;

	(void)state;
	rig_open(&rig_perf);
	assert_int_equal(live_start(&c, spin, NULL), 0);
	rig_add(c.pid);
	while (!rig.first_ns && clock_mono_ns() < end)
		assert_int_equal(rig_round(20), 0);
	print_message("first sample %.1f ms after sampler_add() was called\n",
		      (double)(rig.first_ns - rig.added_before_ns) / 1e6);
	assert_true(rig.first_ns > 0);
	rig_close();
	live_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perf_finds_nine_to_one),
		cmocka_unit_test(polling_finds_nine_to_one),
		cmocka_unit_test(perf_adds_up_to_the_cpu_time),
		cmocka_unit_test(polling_adds_up_to_the_cpu_time),
		cmocka_unit_test(nonblocking_stops_nobody),
		cmocka_unit_test(pauses_keep_their_budget),
		cmocka_unit_test(perf_follows_stacks_beyond_the_copy),
		cmocka_unit_test(polling_follows_stacks_beyond_the_copy),
		cmocka_unit_test(perf_bears_moving_maps),
		cmocka_unit_test(polling_bears_moving_maps),
		cmocka_unit_test(who_is_not_there_is_refused),
		cmocka_unit_test(another_users_process_is_refused),
		cmocka_unit_test(the_callers_word_ends_a_round),
		cmocka_unit_test(a_wake_up_ends_the_waiting),
		cmocka_unit_test(the_first_sample_comes_soon),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
