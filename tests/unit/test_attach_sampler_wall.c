/* prof/attach/sampler in wall mode: what threads do adds up to their lives, sleep is told by place, call and state, with
 * either engine. CPU time: test_attach_sampler.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#include "tests/unit/sampler_rig.h"

/* ---- children ---------------------------------------------------------------------------------------- */

static void *reads(void *arg)
{
	prctl(PR_SET_NAME, "reads");
	rig_read();
	return arg;
}

/* What the naps really took, less what their thread waited for a CPU: shared with the test. */
static struct slept {
	_Atomic int64_t in_long, in_short;
} * slept;

static int64_t waited_ns(void)
{
	long long ran = 0, waited = 0;
	FILE *f = fopen("/proc/thread-self/schedstat", "re");

	if (f && fscanf(f, "%lld %lld", &ran, &waited) != 2)
		waited = 0;
	if (f)
		fclose(f);
	return waited;
}

static int64_t nap_took(void (*nap)(void))
{
	int64_t waited = waited_ns(), begin = clock_mono_ns();

	nap();
	begin = clock_mono_ns() - begin;
	return begin - (waited_ns() - waited);
}

static void *naps(void *arg)
{
	prctl(PR_SET_NAME, "naps");
	for (;;) {
		int64_t took = nap_took(rig_long_nap);

		if (slept)
			atomic_fetch_add(&slept->in_long, took);
		took = nap_took(rig_short_nap);
		if (slept)
			atomic_fetch_add(&slept->in_short, took);
	}
	return arg;
}

static void *works(void *arg)
{
	prctl(PR_SET_NAME, "works");
	for (;;)
		rig_burn(S);
	return arg;
}

static void *both(void *arg)
{
	prctl(PR_SET_NAME, "both");
	for (;;) {
		rig_burn(10 * MS);
		rig_short_nap();
	}
	return arg;
}

static void *hardly(void *arg)
{
	struct timespec moment = {0, MS / 2};

	prctl(PR_SET_NAME, "hardly");
	for (;;) {
		nanosleep(&moment, NULL);
		rig_sink++;
	}
	return arg;
}

static int start_all(void *(*const *bodies)(void *), int n)
{
	pthread_t t;

	for (int i = 0; i < n; i++)
		if (pthread_create(&t, NULL, bodies[i], NULL))
			return -1;
	return 0;
}

static int all_kinds(int ready, int go, void *arg)
{
	void *(*const bodies[])(void *) = {reads, naps, works, both, hardly};

	(void)go, (void)arg;
	if (pipe(rig_pipe) || start_all(bodies, 5))
		return 1;
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

static int sleepers(int ready, int go, void *arg)
{
	void *(*const bodies[])(void *) = {reads, naps};

	(void)go, (void)arg;
	if (pipe(rig_pipe) || start_all(bodies, 2))
		return 1;
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

/* All that only wait do so: none is on its way there any more. */
static void wait_for_readers(const struct live_child *c, int n)
{
	assert_int_equal(live_wait_in(c->pid, SYS_read, n), 0);
	assert_int_equal(live_wait_in(c->pid, SYS_pause, 1), 0);
}

static int starts_a_thread(int ready, int go, void *arg)
{
	void *(*const bodies[])(void *) = {naps};
	char byte;

	(void)arg;
	live_ready(ready);
	if (read(go, &byte, 1) != 1 || start_all(bodies, 1))
		return 1;
	if (read(go, &byte, 1) != 1)
		return 1;
	return 0;
}

static int crowd(int ready, int go, void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	(void)go, (void)arg;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	if (pipe(rig_pipe))
		return 1;
	for (int i = 0; i < 200; i++)
		if (pthread_create(&t, &attr, reads, NULL))
			return 1;
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

static void *answers(void *arg)
{
	const int *fds = arg;
	char c = 0;

	while (read(fds[0], &c, 1) == 1)
		if (write(fds[3], &c, 1) != 1)
			break;
	return arg;
}

/* Two threads that wait for each other, without end. */
static int ping_pong(int ready, int go, void *arg)
{
	static int fds[4];
	pthread_t t;
	char c = 0;

	(void)go, (void)arg;
	if (pipe(fds) || pipe(fds + 2) || pthread_create(&t, NULL, answers, fds))
		return 1;
	live_ready(ready);
	while (write(fds[1], &c, 1) == 1)
		if (read(fds[2], &c, 1) != 1)
			break;
	return 1;
}

/* ---- tests -------------------------------------------------------------------------------------------- */

static void open_wall(const struct sampler_options *with)
{
	struct sampler_options o = *with;

	o.wall = 1;
	rig_open(&o);
}

/* The parts of a thread are its life. `slack_ns`: of CPU time that a sample told before the looks did. */
static void assert_life(uint32_t thread, int64_t slack_ns)
{
	int64_t least = rig.finish_ns - rig.added_ns, most = rig.finished_ns - rig.added_before_ns;
	int64_t wall = rig_sum(thread, SAMPLE_WALL, NULL).value_ns;

	if (wall < least - slack_ns || wall > most + slack_ns)
		print_message("thread %u: wall %.3f ms, recorded for %.3f to %.3f\n", thread,
			      (double)wall / 1e6, (double)least / 1e6, (double)most / 1e6);
	assert_in_range(wall + slack_ns, least, most + 2 * slack_ns);
}

static void parts_add_up_to_lives(const struct sampler_options *o)
{
	const char *const quiet[] = {"reads", "naps"};
	struct live_child c = {0, -1, -1};
	uint32_t n;

	open_wall(o);
	assert_int_equal(live_start(&c, all_kinds, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(rig_run(900 * MS), 0);
	rig_finish();
	(void)rig_threads(&n);
	assert_int_equal(n, 6);
	for (uint32_t i = 0; i < n; i++)
		assert_life(i, 2 * S / RATE);
	for (int i = 0; i < 2; i++)
		assert_life(rig_thread(quiet[i]), 0);
	rig_close();
	live_end(&c);
}

static void perf_parts_add_up_to_lives(void **state)
{
	(void)state;
	parts_add_up_to_lives(&rig_perf);
}

static void polled_parts_add_up_to_lives(void **state)
{
	(void)state;
	parts_add_up_to_lives(&rig_poll);
}

static void sleep_has_a_place(const struct sampler_options *o)
{
	struct rig_row wall, off, cpu;
	struct live_child c = {0, -1, -1};
	uint32_t reader, main_thread;
	int64_t end;

	open_wall(o);
	assert_int_equal(live_start(&c, sleepers, NULL), 0);
	wait_for_readers(&c, 1);
	rig_add(c.pid);
	end = clock_mono_ns() + PATIENCE;
	do
		assert_int_equal(rig_run(700 * MS), 0);
	while (rig_sum(ANY, SAMPLE_OFFCPU, (void *)rig_read).value_ns < 500 * MS &&
	       clock_mono_ns() < end);
	rig_finish();
	reader = rig_thread("reads");
	main_thread = 0;
	wall = rig_sum(reader, SAMPLE_WALL, (void *)rig_read);
	off = rig_sum(reader, SAMPLE_OFFCPU, (void *)rig_read);
	cpu = rig_sum(reader, SAMPLE_CPU, NULL);
	assert_true(off.value_ns <= wall.value_ns && off.value_ns > wall.value_ns * 9 / 10);
	/* On a busy machine it may still be on its way there when it is first looked at. */
	assert_true(wall.value_ns > rig_sum(reader, SAMPLE_WALL, NULL).value_ns / 2);
	assert_true(cpu.value_ns < 5 * MS);
	assert_true(off.syscall && strcmp(off.syscall, "read") == 0);
	assert_int_equal(off.state, PROFILE_SLEEPING);
	/* Looks that found nothing new were not delivered one by one. */
	assert_true(off.samples * 5 < off.count || off.samples < 20);
	off = rig_sum(main_thread, SAMPLE_OFFCPU, NULL);
	assert_true(off.syscall && strcmp(off.syscall, "pause") == 0);
	rig_close();
	live_end(&c);
}

static void perf_sleep_has_a_place(void **state)
{
	(void)state;
	sleep_has_a_place(&rig_perf);
}

static void polled_sleep_has_a_place(void **state)
{
	(void)state;
	sleep_has_a_place(&rig_poll);
}

/* 60 ms here, 20 ms there, and more where the machine stalls. A look can be late then, so that a nap goes to its neighbour. */
static void sleep_is_told_apart(const struct sampler_options *o)
{
	struct live_child c = {0, -1, -1};
	double longer, shorter, share, late, slack, want;
	uint32_t t;

	slept = mmap(NULL, sizeof *slept, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	assert_ptr_not_equal(slept, MAP_FAILED);
	open_wall(o);
	assert_int_equal(live_start(&c, sleepers, NULL), 0);
	wait_for_readers(&c, 1);
	rig_add(c.pid);
	longer = (double)atomic_load(&slept->in_long);
	shorter = (double)atomic_load(&slept->in_short);
	assert_int_equal(rig_run(2 * S), 0);
	longer = (double)atomic_load(&slept->in_long) - longer;
	shorter = (double)atomic_load(&slept->in_short) - shorter;
	want = longer / (longer + shorter);
	rig_finish();
	t = rig_thread("naps");
	longer = (double)rig_sum(t, SAMPLE_OFFCPU, (void *)rig_long_nap).value_ns;
	shorter = (double)rig_sum(t, SAMPLE_OFFCPU, (void *)rig_short_nap).value_ns;
	share = longer / (longer + shorter);
	/* A look that came late may have missed a whole nap. */
	late = (double)sampler_loss(rig.s, SAMPLER_LATE) /
	       ((double)(rig.finish_ns - rig.added_ns) * RATE / 1e9);
	slack = 0.08 + late;
	print_message(
		"share of the long naps %.3f, should be %.3f; %.0f %% of the looks were late\n",
		share, want, 100 * late);
	assert_true(share > want - slack && share < want + slack);
	rig_close();
	live_end(&c);
	assert_int_equal(munmap(slept, sizeof *slept), 0);
	slept = NULL;
}

static void perf_sleep_is_told_apart(void **state)
{
	(void)state;
	sleep_is_told_apart(&rig_perf);
}

static void polled_sleep_is_told_apart(void **state)
{
	(void)state;
	sleep_is_told_apart(&rig_poll);
}

static void work_is_not_sleep(const struct sampler_options *o)
{
	struct live_child c = {0, -1, -1};
	int64_t wall, off, cpu, end;
	uint32_t t;

	open_wall(o);
	assert_int_equal(live_start(&c, all_kinds, NULL), 0);
	rig_add(c.pid);
	end = clock_mono_ns() + PATIENCE;
	do
		assert_int_equal(rig_run(1200 * MS), 0);
	while (rig_sum(rig_thread("both"), SAMPLE_CPU, NULL).value_ns < 60 * MS &&
	       clock_mono_ns() < end);
	rig_finish();
	t = rig_thread("works");
	wall = rig_sum(t, SAMPLE_WALL, NULL).value_ns;
	off = rig_sum(t, SAMPLE_OFFCPU, NULL).value_ns;
	cpu = rig_sum(t, SAMPLE_CPU, (void *)rig_burn).value_ns;
	/* It waits for a CPU at most; only what was not told yet when the recording ended may look like sleep. */
	assert_true(off < wall / 5);
	assert_true(cpu <= wall + 2 * S / RATE);
	assert_true(rig_sum(t, SAMPLE_WALL, (void *)rig_burn).value_ns > wall * 7 / 10);
	t = rig_thread("both");
	off = rig_sum(t, SAMPLE_OFFCPU, NULL).value_ns;
	cpu = rig_sum(t, SAMPLE_CPU, NULL).value_ns;
	assert_true(rig_sum(t, SAMPLE_OFFCPU, (void *)rig_short_nap).value_ns > off * 6 / 10);
	assert_true(cpu > 50 * MS);
	rig_close();
	live_end(&c);
}

static void perf_work_is_not_sleep(void **state)
{
	(void)state;
	work_is_not_sleep(&rig_perf);
}

static void polled_work_is_not_sleep(void **state)
{
	(void)state;
	work_is_not_sleep(&rig_poll);
}

static void a_stopped_process_is_stopped(void **state)
{
	const struct sampler_thread *rows;
	struct live_child c = {0, -1, -1};
	int64_t end = clock_mono_ns() + PATIENCE;
	const struct sampler_process *process;
	struct proc_stat stat = {.state = 'R'};
	uint32_t n;

	(void)state;
	open_wall(&rig_poll);
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(rig_run(100 * MS), 0);
	assert_int_equal(sampler_processes(rig.s, &process), 1);
	kill(c.pid, SIGSTOP);
	while (stat.state != 'T' &&
	       clock_mono_ns() < end) { /* a wait would take our tracer's answer */
		assert_int_equal(rig_round(20), 0);
		assert_int_equal(proc_task_stat(&process->proc, c.pid, &stat), 0);
	}
	assert_int_equal(rig_run(500 * MS), 0);
	rows = rig_threads(&n);
	assert_int_equal(rows[0].state, PROFILE_STOPPED);
	rig_finish();
	assert_int_equal(rig_sum(0, SAMPLE_OFFCPU, NULL).state, PROFILE_STOPPED);
	assert_true(rig_sum(0, SAMPLE_OFFCPU, NULL).value_ns > 300 * MS);
	rig_close();
	live_end(&c);
}

/* It was asked to stand still, came late, and nobody has let it go yet. It is no program that somebody stopped. */
static void one_that_we_hold_is_not_stopped(void **state)
{
	struct sampler_options o = rig_poll;
	const struct sampler_thread *rows;
	struct live_child c = {0, -1, -1};
	uint32_t n;

	(void)state;
	o.nonblocking = 1; /* the hold is this test's own */
	open_wall(&o);
	assert_int_equal(live_start(&c, live_spin, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(rig_run(50 * MS), 0);
	if (ptrace(PTRACE_SEIZE, c.pid, NULL, NULL)) {
		print_message("may not trace here\n");
		rig_close();
		live_end(&c);
		skip();
	}
	assert_int_equal(ptrace(PTRACE_INTERRUPT, c.pid, NULL, NULL), 0);
	assert_int_equal(waitpid(c.pid, NULL, __WALL), c.pid);
	assert_int_equal(rig_run(200 * MS), 0);
	rows = rig_threads(&n);
	assert_true(rows[0].state == PROFILE_RUNNING || rows[0].state == PROFILE_RUNNABLE);
	rig_finish();
	assert_int_not_equal(rig_sum(0, SAMPLE_OFFCPU, NULL).state, PROFILE_STOPPED);
	rig_close();
	live_end(&c);
}

static void a_late_thread_has_its_own_life(const struct sampler_options *o)
{
	const struct sampler_thread *rows;
	struct live_child c = {0, -1, -1};
	int64_t wall, life;
	uint32_t n;

	open_wall(o);
	assert_int_equal(live_start(&c, starts_a_thread, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(rig_run(200 * MS), 0);
	assert_int_equal(write(c.go, "x", 1), 1);
	assert_int_equal(rig_run(400 * MS), 0);
	assert_int_equal(write(c.go, "x", 1), 1);
	assert_int_equal(rig_run(PATIENCE), 1);
	rig_finish();
	rows = rig_threads(&n);
	assert_int_equal(n, 2);
	for (uint32_t i = 0; i < n; i++) {
		wall = rig_sum(i, SAMPLE_WALL, NULL).value_ns;
		life = rows[i].end_ns - rows[i].start_ns;
		assert_true(rows[i].end_ns > 0);
		assert_in_range(wall, life - 20 * MS, life + 20 * MS);
	}
	assert_true(rows[1].start_ns - rows[0].start_ns >= 150 * MS);
	rig_close();
	live_end(&c);
}

static void perf_late_threads_have_their_lives(void **state)
{
	(void)state;
	a_late_thread_has_its_own_life(&rig_perf);
}

static void polled_late_threads_have_their_lives(void **state)
{
	(void)state;
	a_late_thread_has_its_own_life(&rig_poll);
}

static void switching_fast_is_borne(const struct sampler_options *o)
{
	struct live_child c = {0, -1, -1};
	uint32_t n;

	open_wall(o);
	assert_int_equal(live_start(&c, ping_pong, NULL), 0);
	rig_add(c.pid);
	assert_int_equal(rig_run(900 * MS), 0);
	rig_finish();
	(void)rig_threads(&n);
	assert_int_equal(n, 2);
	for (uint32_t i = 0; i < n; i++) {
		assert_life(i, 4 * S / RATE);
		assert_true(rig_sum(i, SAMPLE_CPU, NULL).value_ns > 0);
	}
	if (sampler_note(rig.s)[0])
		print_message("%s\n", sampler_note(rig.s));
	rig_close();
	live_end(&c);
}

static void perf_bears_fast_switching(void **state)
{
	(void)state;
	switching_fast_is_borne(&rig_perf);
}

static void polling_bears_fast_switching(void **state)
{
	(void)state;
	switching_fast_is_borne(&rig_poll);
}

static void two_hundred_sleepers(const struct sampler_options *o)
{
	struct live_child c = {0, -1, -1};
	int64_t own, begin;
	uint32_t n;

	open_wall(o);
	assert_int_equal(live_start(&c, crowd, NULL), 0);
	wait_for_readers(&c, 200);
	rig_add(c.pid);
	own = sampler_own_cpu_ns(rig.s);
	begin = clock_mono_ns();
	assert_int_equal(rig_run(2 * S), 0);
	print_message("200 sleeping threads: %.2f %% of a CPU\n",
		      (double)(sampler_own_cpu_ns(rig.s) - own) * 100 /
			      (double)(clock_mono_ns() - begin));
	rig_finish();
	(void)rig_threads(&n);
	assert_int_equal(n, 201);
	for (uint32_t i = 0; i < n; i++)
		assert_life(i, 0);
	assert_true(rig_sum(ANY, SAMPLE_WALL, (void *)rig_read).value_ns >
		    rig_sum(ANY, SAMPLE_WALL, NULL).value_ns * 9 / 10);
	rig_close();
	live_end(&c);
}

static void perf_bears_two_hundred_sleepers(void **state)
{
	(void)state;
	two_hundred_sleepers(&rig_perf);
}

static void polling_bears_two_hundred_sleepers(void **state)
{
	(void)state;
	two_hundred_sleepers(&rig_poll);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(perf_parts_add_up_to_lives),
		cmocka_unit_test(polled_parts_add_up_to_lives),
		cmocka_unit_test(perf_sleep_has_a_place),
		cmocka_unit_test(polled_sleep_has_a_place),
		cmocka_unit_test(perf_sleep_is_told_apart),
		cmocka_unit_test(polled_sleep_is_told_apart),
		cmocka_unit_test(perf_work_is_not_sleep),
		cmocka_unit_test(polled_work_is_not_sleep),
		cmocka_unit_test(a_stopped_process_is_stopped),
		cmocka_unit_test(one_that_we_hold_is_not_stopped),
		cmocka_unit_test(perf_late_threads_have_their_lives),
		cmocka_unit_test(polled_late_threads_have_their_lives),
		cmocka_unit_test(perf_bears_fast_switching),
		cmocka_unit_test(polling_bears_fast_switching),
		cmocka_unit_test(perf_bears_two_hundred_sleepers),
		cmocka_unit_test(polling_bears_two_hundred_sleepers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
