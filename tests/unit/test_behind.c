/* core/behind: jobs are done in order, one at a time, never more unfinished than allowed; a failure is
 * told once and nothing is done after it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sched.h>
#include <string.h>

#include "pipeline/core/behind.h"

#define JOBS 500

struct log {
	size_t job[JOBS];
	atomic_size_t n;
	atomic_size_t handed; /* by the owner, just before behind_put */
	size_t most_behind;
	size_t fails_at;
	atomic_int hold; /* the thread waits while it is set */
};

static int note(void *ctx, size_t job, struct err *err)
{
	struct log *l = ctx;
	size_t behind;

	while (atomic_load(&l->hold))
		sched_yield();
	behind = atomic_load(&l->handed) - atomic_load(&l->n);
	if (behind > l->most_behind)
		l->most_behind = behind;
	if (job == l->fails_at)
		return err_set(err, ERR_IO, "job %zu fails", job);
	l->job[atomic_load(&l->n)] = job;
	atomic_fetch_add(&l->n, 1);
	return 0;
}

static void jobs_are_done_in_order_and_bounded(void **state)
{
	(void)state;
	for (size_t most = 0; most < 4; most++) {
		struct log l = {.fails_at = SIZE_MAX};
		struct err err = ERR_INIT;
		struct behind *b = behind_start(note, &l, most, &err);

		assert_non_null(b);
		for (size_t i = 0; i < JOBS; i++) {
			atomic_store(&l.handed, i + 1);
			assert_int_equal(behind_put(b, i * 3, &err), 0);
		}
		assert_int_equal(behind_finish(b, &err), 0);
		assert_int_equal(atomic_load(&l.n), JOBS);
		for (size_t i = 0; i < JOBS; i++)
			assert_int_equal(l.job[i], i * 3);
		/* Those unfinished, and the one whose owner waits. */
		assert_true(l.most_behind <= (most ? most : 1) + 1);
	}
}

static void the_owner_goes_on_while_a_job_is_done(void **state)
{
	struct log l = {.fails_at = SIZE_MAX};
	struct err err = ERR_INIT;
	struct behind *b = behind_start(note, &l, 2, &err);

	(void)state;
	atomic_store(&l.hold, 1);
	assert_int_equal(behind_put(b, 1, &err), 0);
	assert_int_equal(behind_put(b, 2, &err), 0);
	assert_int_equal(atomic_load(&l.n), 0);
	atomic_store(&l.hold, 0);
	assert_int_equal(behind_finish(b, &err), 0);
	assert_int_equal(atomic_load(&l.n), 2);
}

static void nothing_is_done_after_a_failure(void **state)
{
	struct log l = {.fails_at = 3};
	struct err err = ERR_INIT, last = ERR_INIT;
	struct behind *b = behind_start(note, &l, 1, &err);
	int rc = 0;

	(void)state;
	for (size_t i = 0; !rc && i < JOBS; i++)
		rc = behind_put(b, i, &err);
	assert_int_equal(rc, ERR_IO);
	assert_string_equal(err.text, "job 3 fails");
	assert_int_equal(behind_put(b, 7, NULL), ERR_IO);
	assert_int_equal(behind_finish(b, &last), ERR_IO);
	assert_string_equal(last.text, "job 3 fails");
	assert_int_equal(atomic_load(&l.n), 3);
}

static void no_thread_and_no_job_are_fine(void **state)
{
	struct log l = {.fails_at = 0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(behind_finish(NULL, &err), 0);
	assert_int_equal(behind_finish(behind_start(note, &l, 5, &err), &err), 0);
	assert_int_equal(atomic_load(&l.n), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_done_in_order_and_bounded),
		cmocka_unit_test(the_owner_goes_on_while_a_job_is_done),
		cmocka_unit_test(nothing_is_done_after_a_failure),
		cmocka_unit_test(no_thread_and_no_job_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
