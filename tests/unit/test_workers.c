/* Threads for independent items. A small agent of the profiler's is defined here, to see which stage
 * the threads work for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"
#include "pipeline/core/workers.h"
#include "protea-prof.h"

static _Thread_local uint64_t adopted;
static atomic_int adoptions, endings;

void pp_agent_stage_token(pp_token *token)
{
	token->id = 4711;
}

void pp_agent_stage_adopt(const pp_token *token)
{
	adopted = token->id;
	adoptions++;
}

void pp_agent_stage_adopt_end(void)
{
	adopted = 0;
	endings++;
}

#define N 5000

struct run {
	atomic_int times[N];
	size_t n_workers;
	pthread_t caller;
	atomic_int wrong;             /* items on an unexpected worker or stage */
	atomic_size_t fail_a, fail_b; /* items that fail; N: none */
	atomic_size_t begun;
};

static int item(void *ctx, size_t worker, size_t i, struct err *err)
{
	struct run *r = ctx;
	int here = pthread_equal(pthread_self(), r->caller) != 0;

	r->times[i]++;
	r->begun++;
	if (worker >= r->n_workers || adopted != (here ? 0 : 4711u))
		r->wrong++;
	if (i == r->fail_a || i == r->fail_b)
		return err_set(err, i == r->fail_a ? ERR_FORMAT : ERR_IO, "item %zu", i);
	return 0;
}

static struct run *run_new(size_t n_workers)
{
	struct run *r = calloc(1, sizeof *r);

	r->n_workers = n_workers;
	r->caller = pthread_self();
	r->fail_a = r->fail_b = N;
	return r;
}

static void every_item_is_done_once(void **state)
{
	static const size_t counts[] = {0, 1, 2, 7, 16};
	size_t c, i;

	(void)state;
	for (c = 0; c < sizeof counts / sizeof counts[0]; c++) {
		struct run *r = run_new(counts[c] ? counts[c] : 1);
		struct err err = ERR_INIT;

		assert_int_equal(workers_run(counts[c], N, item, r, &err), 0);
		for (i = 0; i < N; i++)
			assert_int_equal(r->times[i], 1);
		assert_int_equal(r->wrong, 0);
		free(r);
	}
}

static void no_items_are_no_work(void **state)
{
	struct run *r = run_new(4);

	(void)state;
	assert_int_equal(workers_run(4, 0, item, r, NULL), 0);
	assert_int_equal(r->begun, 0);
	free(r);
}

static void one_worker_is_the_caller(void **state)
{
	struct run *r = run_new(1);

	(void)state;
	adoptions = endings = 0;
	assert_int_equal(workers_run(1, N, item, r, NULL), 0);
	assert_int_equal(adoptions, 0);
	free(r);
}

static void threads_carry_the_stage_and_give_it_back(void **state)
{
	struct run *r = run_new(5);

	(void)state;
	adoptions = endings = 0;
	assert_int_equal(workers_run(5, N, item, r, NULL), 0);
	assert_int_equal(adoptions, 4); /* the fifth is the caller */
	assert_int_equal(endings, 4);
	assert_int_equal(adopted, 0);
	free(r);
}

static void a_failure_stops_the_run_and_keeps_its_message(void **state)
{
	struct run *r = run_new(1);
	struct err err = ERR_INIT;

	(void)state;
	r->fail_a = 100;
	assert_int_equal(workers_run(1, N, item, r, &err), ERR_FORMAT);
	assert_string_equal(err.text, "item 100");
	assert_int_equal(r->begun, 101);
	free(r);
}

/* Both items fail, the later one first. */
static int late_first(void *ctx, size_t worker, size_t i, struct err *err)
{
	atomic_int *later_failed = ctx;

	(void)worker;
	if (i == 1) {
		*later_failed = 1;
		return err_set(err, ERR_IO, "item 1");
	}
	while (!*later_failed)
		usleep(100);
	usleep(1000);
	return err_set(err, ERR_FORMAT, "item 0");
}

static void the_failed_item_of_lowest_number_wins(void **state)
{
	atomic_int later_failed = 0;
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(workers_run(2, 2, late_first, &later_failed, &err), ERR_FORMAT);
	assert_string_equal(err.text, "item 0");
	later_failed = 0;
	assert_int_equal(workers_run(2, 2, late_first, &later_failed, NULL), ERR_FORMAT);
}

static int cancel_at_50(void *ctx, size_t worker, size_t i, struct err *err)
{
	atomic_size_t *begun = ctx;

	(void)worker, (void)err;
	(*begun)++;
	while (i > 50 && !cancel_requested())
		usleep(100);
	if (i == 50)
		cancel_request(SIGINT);
	return 0;
}

static void a_cancellation_is_seen_between_items(void **state)
{
	static const size_t counts[] = {1, 4};
	size_t c;

	(void)state;
	for (c = 0; c < 2; c++) {
		struct err err = ERR_INIT;
		atomic_size_t begun = 0;

		assert_int_equal(workers_run(counts[c], N, cancel_at_50, &begun, &err),
				 ERR_CANCELLED);
		assert_string_equal(err.text, "stopped by SIGINT");
		assert_true(begun >= 51 && begun <= 50 + counts[c]);
		cancel_reset();
	}
}

/* Signals that end a job must find the thread that waits in system calls. */
static int stops_blocked(void *ctx, size_t worker, size_t i, struct err *err)
{
	atomic_int *wrong = ctx;
	sigset_t now;

	(void)i, (void)err;
	pthread_sigmask(SIG_SETMASK, NULL, &now);
	if (sigismember(&now, SIGTERM) != (worker != 0) || sigismember(&now, SIGPROF))
		(*wrong)++;
	usleep(100);
	return 0;
}

static void stop_signals_reach_the_caller_only(void **state)
{
	atomic_int wrong = 0;

	(void)state;
	assert_int_equal(workers_run(4, 200, stops_blocked, &wrong, NULL), 0);
	assert_int_equal(wrong, 0);
}

static void there_is_a_processor(void **state)
{
	(void)state;
	assert_true(workers_cpu_count() >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_item_is_done_once),
		cmocka_unit_test(no_items_are_no_work),
		cmocka_unit_test(one_worker_is_the_caller),
		cmocka_unit_test(threads_carry_the_stage_and_give_it_back),
		cmocka_unit_test(a_failure_stops_the_run_and_keeps_its_message),
		cmocka_unit_test(the_failed_item_of_lowest_number_wins),
		cmocka_unit_test(a_cancellation_is_seen_between_items),
		cmocka_unit_test(stop_signals_reach_the_caller_only),
		cmocka_unit_test(there_is_a_processor),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
