/* The perf source on real processes: samples come at the rate, carry the CPU time that was used, from all threads, those
 * born later and children too; nothing is counted twice; losses are counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/live_child.h"
#include "tests/unit/perf_rig.h"

static void samples_come_at_the_rate_and_carry_the_cpu_time(void **state)
{
	struct busy b;
	struct busy_report r;
	int64_t begun = clock_mono_ns();

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	b = busy_start(NULL, body_one);
	attach(b.pid);
	busy_go(&b);
	r = read_until_done(&b);
	finish();
	busy_end(&b);
	assert_cpu_time(seen.cpu_ns, r.cpu_ns, n_cpus());
	assert_samples(r.cpu_ns, 85, clock_mono_ns() - begun);
	assert_int_equal(seen.lost, 0);
	assert_int_equal(seen.unknown, 0);
	assert_int_equal(seen.n, 1);
	perf_source_free(seen.s);
}

static void body_kernel(struct busy_report *r)
{
	int64_t end = busy_clock(CLOCK_THREAD_CPUTIME_ID) + 300 * MS;
	void *p;

	(void)r;
	while (busy_clock(CLOCK_THREAD_CPUTIME_ID) < end) {
		p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
		if (p != MAP_FAILED)
			munmap(p, 1 << 20);
		busy_burn(MS / 20);
	}
}

static void kernel_time_is_in_the_sum(void **state)
{
	struct busy b;
	struct busy_report r;
	int wide;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	wide = seen.s->can.kernel || seen.s->can.value;
	b = busy_start(NULL, body_kernel);
	attach(b.pid);
	busy_go(&b);
	r = read_until_done(&b);
	finish();
	busy_end(&b);
	perf_source_free(seen.s);
	if (!wide) {
		print_message("this kernel tells an unprivileged user of time in user mode only\n");
		skip();
	}
	assert_cpu_time(seen.cpu_ns, r.cpu_ns,
			20 * n_cpus()); /* a tick in the kernel may give none */
}

static void threads_born_later_are_sampled_like_those_before(void **state)
{
	struct busy b;
	struct busy_report r;
	int i;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	b = busy_start(before_threads, body_threads);
	attach(b.pid);
	busy_go(&b);
	r = read_until_done(&b);
	finish();
	assert_int_equal(r.n, 7);
	for (i = 0; i < r.n; i++)
		assert_cpu_time(seen_thread(&seen, b.pid, r.tids[i])->cpu_ns, r.thread_ns[i],
				n_cpus());
	assert_int_equal(seen.tasks[PERF_TASK_FORK], 4);
	assert_int_equal(seen.tasks[PERF_TASK_EXIT], 7);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void body_twice(struct busy_report *r)
{
	struct busy_thread t = {.ns = 200 * MS, .gate = gate[0]};

	if (pthread_create(&t.id, NULL, busy_thread_main, &t))
		_exit(1);
	busy_burn(100 * MS); /* meanwhile the parent attaches once more */
	if (write(gate[1], "a", 1) != 1)
		_exit(1);
	pthread_join(t.id, NULL);
	busy_note(r, &t);
}

static void before_twice(void)
{
	if (pipe(gate))
		_exit(1);
}

/* 1: the machine took so much meanwhile that this says little. */
static int attach_twice(void)
{
	struct busy b;
	struct busy_report r;
	struct perf_facts before, after;
	int again;

	begin((struct perf_options){.rate_hz = RATE});
	b = busy_start(before_twice, body_twice);
	attach(b.pid);
	busy_go(&b);
	wait_for_threads(b.pid, 2);
	attach(b.pid); /* as if the thread had been created while we opened */
	perf_source_facts(seen.s, &before);
	assert_int_equal(before.events, 2 * 2 * n_cpus()); /* an early one beside each */
	r = read_until_done(&b);
	finish();
	perf_source_facts(seen.s, &after);
	assert_true(after.events < before.events);
	assert_cpu_time(seen_thread(&seen, b.pid, r.tids[0])->cpu_ns, r.thread_ns[0], 2 * n_cpus());
	again = is_disturbed(r.thread_ns[0]);
	busy_end(&b);
	perf_source_free(seen.s);
	return again;
}

static void a_thread_with_two_events_counts_once(void **state)
{
	int tries = 8;

	(void)state;
	while (attach_twice() && --tries > 0) {
	}
}

static uint8_t pattern[64];

static void body_pattern(struct busy_report *r)
{
	volatile uint8_t local[sizeof pattern];

	for (size_t i = 0; i < sizeof pattern; i++)
		local[i] = pattern[i];
	busy_burn(200 * MS);
	r->place = (uint64_t)(uintptr_t)&local[0];
	r->n = local[3];
}

static void the_copied_stack_is_the_threads_own(void **state)
{
	struct busy b;

	(void)state;
	for (size_t i = 0; i < sizeof pattern; i++)
		pattern[i] = (uint8_t)(i * 37 + 11);
	begin((struct perf_options){.rate_hz = RATE, .stack_bytes = 4096});
	seen.pattern = pattern;
	seen.pattern_bytes = sizeof pattern;
	b = busy_start(NULL, body_pattern);
	attach(b.pid);
	busy_go(&b);
	(void)read_until_done(&b);
	finish();
	assert_true(seen.samples > 100);
	assert_true(seen.found * 100 > seen.samples * 95);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void copies_grow_when_they_are_too_short(void **state)
{
	struct busy b;
	struct busy_report r;
	struct perf_facts f;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	seen.complete = 0;
	b = busy_start(before_threads, body_threads);
	attach(b.pid);
	perf_source_facts(seen.s, &f);
	assert_true(f.stack_bytes > 0 && f.stack_bytes < 60000);
	busy_go(&b);
	r = read_until_done(&b);
	finish();
	perf_source_facts(seen.s, &f);
	assert_true(f.stack_bytes > 60000);
	/* Each change may leave a piece behind, or count it twice, per thread and CPU. */
	assert_true(seen.cpu_ns > r.cpu_ns - 20 * 7 * n_cpus() * (int64_t)PERIOD);
	assert_true(seen.cpu_ns < r.cpu_ns + 4 * 7 * n_cpus() * (int64_t)PERIOD);
	for (int i = 0; i < r.n; i++)
		assert_true(seen_thread(&seen, b.pid, r.tids[i])->samples > 20);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void what_does_not_fit_is_counted(void **state)
{
	struct busy b;
	struct busy_report r;
	int64_t begun = clock_mono_ns();
	uint64_t all;

	(void)state;
	begin((struct perf_options){.rate_hz = 9973, .stack_bytes = 60000});
	b = busy_start(NULL, body_one);
	attach(b.pid);
	busy_go(&b);
	assert_int_equal(live_wait_cpu(b.pid, 200 * MS), 0); /* 180 MB/s into 4 MiB or less */
	r = read_until_done(&b);
	finish();
	all = seen.samples + seen.lost;
	print_message("%llu samples and %llu lost in %.0f ms of CPU time\n",
		      (unsigned long long)seen.samples, (unsigned long long)seen.lost,
		      (double)r.cpu_ns / 1e6);
	assert_true(seen.lost > 0);
	assert_true((double)all > (double)r.cpu_ns * 9973e-9 * 0.5);
	assert_true((double)all <
		    (double)(clock_mono_ns() - begun) * 9973e-9); /* stolen time counts */
	assert_cpu_time(seen.cpu_ns, r.cpu_ns, 200); /* the next sample carries what was lost */
	busy_end(&b);
	perf_source_free(seen.s);
}

static void the_last_losses_are_told_too(void **state)
{
	struct busy b;
	struct busy_report r;
	struct perf_facts f;

	(void)state;
	begin((struct perf_options){.rate_hz = 9973, .stack_bytes = 60000});
	b = busy_start(NULL, body_one);
	attach(b.pid);
	busy_go(&b);
	assert_int_equal(read(b.from, &r, sizeof r), (long)sizeof r); /* nobody reads the rings */
	finish();
	perf_source_facts(seen.s, &f);
	assert_int_equal(f.lost, seen.lost);
	assert_int_equal(f.samples, seen.samples);
	print_message("%llu samples and %llu lost\n", (unsigned long long)seen.samples,
		      (unsigned long long)seen.lost);
	assert_true(seen.samples > 10 && seen.samples < 1000);
	assert_true((double)(seen.samples + seen.lost) > (double)r.cpu_ns * 9973e-9 * 0.5);
	assert_int_equal(seen.tasks[PERF_TASK_COMM], 0); /* our own way of asking is not told */
	busy_end(&b);
	perf_source_free(seen.s);
}

static size_t pinned_to;

static void pin(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(pinned_to, &one);
	if (sched_setaffinity(0, sizeof one, &one))
		_exit(1);
}

static void body_until_met(struct busy_report *r)
{
	(void)r;
	busy_burn(600000 * MS);
}

/* The CPU is there all the time; what is taken away is its ring. */
static void a_cpu_that_comes_online_is_met(void **state)
{
	struct busy b;
	int64_t end = clock_mono_ns() + PATIENCE;

	(void)state;
	begin((struct perf_options){.rate_hz = RATE});
	for (pinned_to = 0; seen.s->rings[pinned_to].fd < 0; pinned_to++) {
	}
	perf_ring_close(&seen.s->rings[pinned_to]);
	seen.s->n_offline++;
	b = busy_start(pin, body_until_met);
	attach(b.pid);
	busy_go(&b);
	seen.s->cpus_due = INT64_MAX; /* the next look at CPUs is not due yet */
	for (int i = 0; i < 10; i++)
		look(20);
	assert_int_equal(seen.samples, 0);
	seen.s->cpus_due = 0;
	while (seen.samples < 20 && clock_mono_ns() < end)
		look(20);
	assert_true(seen.samples >= 20);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void body_sleeps(struct busy_report *r)
{
	struct timespec ms = {0, 1000000};

	(void)r;
	for (int i = 0; i < 50; i++)
		nanosleep(&ms, NULL);
}

static void context_switches_are_told_where_asked(void **state)
{
	struct busy b;
	struct perf_facts f;

	(void)state;
	begin((struct perf_options){.rate_hz = 199, .switches = 1});
	b = busy_start(NULL, body_sleeps);
	attach(b.pid);
	busy_go(&b);
	(void)read_until_done(&b);
	finish();
	perf_source_facts(seen.s, &f);
	assert_true(f.switches);
	assert_true(seen.switched_in >= 50 && seen.switched_out >= 50);
	busy_end(&b);
	perf_source_free(seen.s);
}

static void an_unprivileged_user_samples_their_own(void **state)
{
	(void)state;
	as_nobody(samples_come_at_the_rate_and_carry_the_cpu_time, "as nobody: one thread");
	as_nobody(threads_born_later_are_sampled_like_those_before, "as nobody: threads");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(samples_come_at_the_rate_and_carry_the_cpu_time),
		cmocka_unit_test(kernel_time_is_in_the_sum),
		cmocka_unit_test(threads_born_later_are_sampled_like_those_before),
		cmocka_unit_test(a_thread_with_two_events_counts_once),
		cmocka_unit_test(the_copied_stack_is_the_threads_own),
		cmocka_unit_test(copies_grow_when_they_are_too_short),
		cmocka_unit_test(what_does_not_fit_is_counted),
		cmocka_unit_test(the_last_losses_are_told_too),
		cmocka_unit_test(a_cpu_that_comes_online_is_met),
		cmocka_unit_test(context_switches_are_told_where_asked),
		cmocka_unit_test(an_unprivileged_user_samples_their_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
