/* What samples stand for: counts' differences, corrected by the threads' clocks; and how large copies of stacks are. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "prof/attach/perf_adapt.h"
#include "prof/attach/perf_attr.h"
#include "prof/attach/perf_weight.h"
#include "prof/base/clock.h"

#define PERIOD INT64_C(5000000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define STALE  (4 * MS)

static struct perf_weights w;
static int64_t clock_now;
static int clock_reads;

static int64_t made_clock(int pid, int tid)
{
	assert_true(pid > 0 && tid > 0);
	clock_reads++;
	return clock_now;
}

static int setup(void **state)
{
	(void)state;
	perf_weights_init(&w, 4, (uint64_t)PERIOD, SECOND, STALE);
	clock_now = 0;
	clock_reads = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	perf_weights_release(&w);
	return 0;
}

static int64_t weigh(int tid, uint32_t ring, uint64_t stream, int64_t value)
{
	struct perf_weighed s = {.pid = 1,
				 .tid = tid,
				 .ring = ring,
				 .stream = stream,
				 .value = (uint64_t)value,
				 .has_value = 1};

	return perf_weights_take(&w, tid, perf_weights_note(&w, &s));
}

static void a_sample_stands_for_what_was_counted_since_the_one_before(void **state)
{
	(void)state;
	assert_int_equal(weigh(7, 0, 1, 5 * MS), 5 * MS);
	assert_int_equal(weigh(7, 0, 1, 17 * MS), 12 * MS); /* two ticks fell into the kernel */
	assert_int_equal(weigh(7, 1, 2, 3 * MS), 3 * MS);   /* on another CPU by another event */
	assert_int_equal(weigh(7, 0, 1, 18 * MS), MS);
	assert_int_equal(weigh(8, 0, 3, 4 * MS), 4 * MS); /* another thread */
}

static void an_event_that_takes_over_goes_on_where_the_other_was(void **state)
{
	struct perf_weighed s = {1, 7, 0, 9, 12 * (uint64_t)MS, 1, 1};

	(void)state;
	assert_int_equal(weigh(7, 0, 1, 10 * MS), 10 * MS);
	assert_int_equal(perf_weights_note(&w, &s), 2 * MS);
	assert_int_equal(weigh(7, 0, 9, 20 * MS), 8 * MS);
	assert_int_equal(weigh(7, 0, 10, 6 * MS), 6 * MS); /* a new one counts from 0 */
	assert_int_equal(weigh(7, 0, 10, 5 * MS), 0);      /* never backwards */
}

static void without_a_count_it_is_the_period(void **state)
{
	struct perf_weighed s = {.pid = 1, .tid = 7, .ring = 0, .stream = 1};

	(void)state;
	assert_int_equal(perf_weights_note(&w, &s), PERIOD);
	assert_int_equal(perf_weights_note(&w, &s), PERIOD);
}

static void rows_of_ended_threads_are_used_again(void **state)
{
	(void)state;
	for (int tid = 1; tid <= 5000; tid++) {
		assert_int_equal(weigh(tid, 1, (uint64_t)tid, MS), MS);
		if (tid > 10)
			perf_weights_exit(&w, tid - 10);
		if (tid % 7 == 0)
			perf_weights_compare(&w, tid, made_clock);
	}
	assert_true(w.n <= 64);
	perf_weights_exit(&w, 99999);
	assert_int_equal(weigh(5000, 1, 5000, 3 * MS), 2 * MS); /* still known */
	assert_int_equal(weigh(4990, 1, 77, 3 * MS), 3 * MS);   /* the number is another's now */
}

/* `n` samples of a thread whose events count `percent` of its CPU time, four at a time: what they carried. */
static int64_t run_for(int n, int percent, int64_t *count, int64_t *now)
{
	int64_t given = 0, counted[4];
	struct perf_weighed s = {.pid = 1, .tid = 7, .ring = 0, .stream = 1, .has_value = 1};

	for (int i = 0; i < n; i++) {
		*count += PERIOD;
		clock_now += PERIOD * 100 / percent;
		*now += PERIOD * 2;
		s.value = (uint64_t)*count;
		counted[i % 4] = perf_weights_note(&w, &s);
		if (i % 4 < 3 && i < n - 1)
			continue;
		perf_weights_compare(&w, *now, made_clock);
		for (int j = 0; j <= i % 4; j++)
			given += perf_weights_take(&w, 7, counted[j]);
	}
	return given;
}

static void assert_near(int64_t got, int64_t want, int64_t by)
{
	if (got < want - by || got > want + by)
		print_message("%.1f ms instead of %.1f\n", (double)got / 1e6, (double)want / 1e6);
	assert_true(got >= want - by && got <= want + by);
}

static void stolen_time_is_given_back(void **state)
{
	int64_t count = 0, now = SECOND, given;

	(void)state;
	given = run_for(2000, 110, &count, &now); /* 10 % of what is counted is the hypervisor's */
	assert_near(given, clock_now, 4 * PERIOD);
	assert_true(clock_reads < 100); /* reading a clock costs system calls */
}

static void time_that_no_event_told_is_made_good(void **state)
{
	int64_t count = 0, now = SECOND, given;

	(void)state;
	given = run_for(2000, 90, &count, &now);
	assert_near(given, clock_now, 5 * PERIOD);
}

/* A sample after another of a thread whose clock is read at once: what it carries. */
static int64_t one_more(int64_t counted, int64_t used, int64_t *count, int64_t *now)
{
	struct perf_weighed s = {.pid = 1, .tid = 7, .ring = 0, .stream = 1, .has_value = 1};
	int64_t ns;

	*count += counted;
	*now += counted;
	clock_now += used;
	s.value = (uint64_t)*count;
	ns = perf_weights_note(&w, &s);
	perf_weights_compare(&w, *now, made_clock);
	return perf_weights_take(&w, 7, ns);
}

static void a_sample_that_was_held_up_gives_that_back_at_once(void **state)
{
	int64_t count = 0, now = SECOND;

	(void)state;
	assert_int_equal(one_more(PERIOD, PERIOD, &count, &now), PERIOD);
	assert_int_equal(clock_reads, 1);
	assert_int_equal(one_more(PERIOD, PERIOD, &count, &now), PERIOD);
	assert_int_equal(clock_reads, 1);
	/* All but what the clock may be behind by. */
	assert_int_equal(one_more(PERIOD + 50 * MS, PERIOD, &count, &now), PERIOD + STALE);
	assert_int_equal(clock_reads, 2);
	for (int i = 0; i < 10; i++) /* and those after it give nothing */
		assert_int_equal(one_more(PERIOD, PERIOD, &count, &now), PERIOD);
	assert_int_equal(one_more(6 * PERIOD, 6 * PERIOD, &count, &now), 6 * PERIOD);
	assert_int_equal(clock_reads, 3); /* a late one with nothing stolen keeps all */
}

static void a_clock_behind_by_a_tick_takes_nothing(void **state)
{
	int64_t count = 0, now = SECOND, given = 0;

	(void)state;
	clock_now = -STALE;
	for (int i = 0; i < 12; i++)
		given += one_more(PERIOD, PERIOD, &count, &now);
	given += one_more(4 * PERIOD, 4 * PERIOD, &count, &now);
	assert_int_equal(given, 16 * PERIOD);
	assert_true(clock_reads > 1);
	/* A little that was stolen beside that does not let the rest be taken. */
	assert_int_equal(one_more(4 * PERIOD + MS, 4 * PERIOD, &count, &now), 4 * PERIOD);
}

/* The clock of a command goes on from before its exec, so it is not known at first; what is stolen from then on is
 * given back all the same. */
static void after_an_exec_stolen_time_is_given_back(void **state)
{
	int64_t count = 0, now = SECOND, given = 0;

	(void)state;
	perf_weights_meet(&w, 7, 7, 0);
	perf_weights_exec(&w, 7);
	given += one_more(PERIOD + MS, PERIOD, &count, &now);
	for (int i = 0; i < 4 * 32; i++) /* a sixth is stolen, no sample is late */
		given += one_more(6 * MS, PERIOD, &count, &now);
	assert_near(given, 129 * PERIOD, STALE + 32 * MS);
	assert_true(given >= 129 * PERIOD);
}

/* The clock of one that ended does not move any more: all that was stolen is given back. */
static void a_clock_that_stands_is_not_behind(void **state)
{
	struct perf_weighed s = {.pid = 1, .tid = 7, .stream = 1, .has_value = 1};
	int64_t count = 0, now = SECOND, ns;

	(void)state;
	assert_int_equal(one_more(PERIOD, PERIOD, &count, &now), PERIOD);
	now += PERIOD;
	count += PERIOD + 2 * MS;
	clock_now += PERIOD;
	s.value = (uint64_t)count;
	ns = perf_weights_note(&w, &s);
	perf_weights_ends(&w, 7);
	perf_weights_compare(&w, now, made_clock);
	assert_int_equal(perf_weights_take(&w, 7, ns), PERIOD);
}

static void a_threads_first_sample_carries_what_it_ran_on_other_cpus(void **state)
{
	int64_t count = 0, now = SECOND;

	(void)state;
	perf_weights_meet(&w, 1, 7, 100 * MS);
	clock_now = 100 * MS + 6 * PERIOD;
	now += SECOND;
	assert_near(run_for(1, 100, &count, &now), 7 * PERIOD, PERIOD / 2);
	assert_near(run_for(1, 100, &count, &now), PERIOD, PERIOD / 2);
}

static void a_piece_not_told_yet_is_no_difference(void **state)
{
	int64_t count = 0, now = SECOND;

	(void)state;
	clock_now = PERIOD - 1;
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(run_for(1, 100, &count, &now), PERIOD);
		now += SECOND;
	}
}

static void a_clock_that_cannot_be_right_is_taken_as_a_new_one(void **state)
{
	int64_t count = 0, now = SECOND;

	(void)state;
	(void)run_for(40, 100, &count, &now);
	clock_now += 3600 * SECOND; /* the number is another thread's */
	assert_near(run_for(400, 100, &count, &now), 400 * PERIOD, 2 * PERIOD);
	clock_now = 0;
	assert_near(run_for(400, 100, &count, &now), 400 * PERIOD, 2 * PERIOD);
	clock_now = -1000 * SECOND; /* gone */
	assert_near(run_for(40, 100, &count, &now), 40 * PERIOD, 2 * PERIOD);
}

static void an_exec_begins_anew(void **state)
{
	int64_t count = 0, now = SECOND;

	(void)state;
	(void)run_for(40, 100, &count, &now);
	perf_weights_exec(&w, 7);
	clock_now +=
		20 * PERIOD; /* of the thread that called it, and has the first one's number now */
	now += SECOND;
	assert_near(run_for(4, 100, &count, &now), 4 * PERIOD, 0);
	perf_weights_exec(&w, 8); /* one that had no sample yet */
	assert_near(weigh(8, 0, 5, PERIOD), PERIOD, 0);
}

static void the_kernels_clock_of_a_thread_is_read(void **state)
{
	int64_t before, after;

	(void)state;
	before = perf_thread_schedstat(getpid(), getpid());
	if (before < 0) {
		print_message("this kernel has no schedstat\n");
		skip();
	}
	while (clock_thread_cpu_ns() < 20 * MS) {
	}
	after = perf_thread_schedstat(getpid(), getpid());
	assert_true(after > before);
	assert_near(after, clock_thread_cpu_ns(), 10 * MS);
	assert_int_equal(perf_thread_schedstat(getpid(), 1), -1);
	assert_int_equal(perf_thread_schedstat(-5, 1), -1);
	assert_true(perf_thread_stale_ns() > 0 && perf_thread_stale_ns() <= 10 * MS);
}

static void tell(struct perf_adapt *a, int n, int complete, size_t used)
{
	while (n-- > 0)
		perf_adapt_tell(a, complete, used);
}

static void copies_grow_when_one_in_200_is_too_short(void **state)
{
	struct perf_adapt a;
	uint32_t first;

	(void)state;
	perf_adapt_init(&a, 20000);
	first = a.bytes;
	assert_true(first <= 20000 && first >= 16384);
	assert_int_equal(perf_adapt_next(&a), 0); /* nothing is known */
	tell(&a, 3990, 1, first - 100);
	tell(&a, 10, 0, first);
	assert_int_equal(perf_adapt_next(&a), 0); /* 0.25 % */
	tell(&a, 11, 0, first);
	assert_int_equal(perf_adapt_next(&a), 2 * first);
	for (int i = 0; i < 10 && perf_adapt_next(&a); i++) {
		perf_adapt_set(&a, perf_adapt_next(&a));
		tell(&a, 3, 0, a.bytes);
	}
	assert_int_equal(a.bytes, PERF_STACK_MAX);
	assert_int_equal(perf_adapt_next(&a), 0);
	assert_int_equal(PERF_STACK_MAX % 8, 0);
}

static void copies_begin_wide_and_are_cut_to_measure(void **state)
{
	struct perf_adapt a;

	(void)state;
	perf_adapt_init(&a, 1 << 30);
	assert_true(a.bytes > 32768 && a.bytes <= PERF_STACK_MAX && a.bytes % 8 == 0);
	tell(&a, 99, 1, 3000);
	assert_int_equal(perf_adapt_next(&a), 0);
	tell(&a, 1, 1, 5000);
	assert_int_equal(perf_adapt_next(&a), 16384); /* twice of what was needed, and some */
	perf_adapt_set(&a, 16384);
	tell(&a, 3999, 1, 200);
	assert_int_equal(perf_adapt_next(&a), 0); /* now it takes long */
	tell(&a, 1, 1, 200);
	assert_int_equal(perf_adapt_next(&a), 8192);
	perf_adapt_set(&a, 8192);
	tell(&a, 100000, 1, 200);
	assert_int_equal(perf_adapt_next(&a), 0); /* no smaller */
	perf_adapt_init(&a, 1 << 30);
	tell(&a, 100000, 1, 40000);
	assert_int_equal(perf_adapt_next(&a), 0); /* needed as it is */
	perf_adapt_init(&a, 10);
	assert_true(a.bytes >= 8192);
}

static void a_program_that_swings_keeps_the_larger(void **state)
{
	struct perf_adapt a;
	uint32_t next;
	int changes = 0;

	(void)state;
	perf_adapt_init(&a, 1 << 16);
	for (int i = 0; i < 10000; i++) {
		tell(&a, 1000, i % 12 != 0, i % 12 ? 200 : a.bytes);
		next = perf_adapt_next(&a);
		if (next) {
			perf_adapt_set(&a, next);
			changes++;
		}
	}
	assert_true(changes < 30);
	a.frozen = 1;
	tell(&a, 1000, 0, a.bytes);
	assert_int_equal(perf_adapt_next(&a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_sample_stands_for_what_was_counted_since_the_one_before, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_event_that_takes_over_goes_on_where_the_other_was, setup, teardown),
		cmocka_unit_test_setup_teardown(without_a_count_it_is_the_period, setup, teardown),
		cmocka_unit_test_setup_teardown(rows_of_ended_threads_are_used_again, setup,
						teardown),
		cmocka_unit_test_setup_teardown(stolen_time_is_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(time_that_no_event_told_is_made_good, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_sample_that_was_held_up_gives_that_back_at_once,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_behind_by_a_tick_takes_nothing, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			a_threads_first_sample_carries_what_it_ran_on_other_cpus, setup, teardown),
		cmocka_unit_test_setup_teardown(a_clock_that_stands_is_not_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(after_an_exec_stolen_time_is_given_back, setup,
						teardown),
		cmocka_unit_test_setup_teardown(an_exec_begins_anew, setup, teardown),
		cmocka_unit_test_setup_teardown(a_piece_not_told_yet_is_no_difference, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_clock_that_cannot_be_right_is_taken_as_a_new_one,
						setup, teardown),
		cmocka_unit_test(the_kernels_clock_of_a_thread_is_read),
		cmocka_unit_test(copies_grow_when_one_in_200_is_too_short),
		cmocka_unit_test(copies_begin_wide_and_are_cut_to_measure),
		cmocka_unit_test(a_program_that_swings_keeps_the_larger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
