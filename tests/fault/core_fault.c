/* Every allocation of the digests and the workers fails once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdatomic.h>

#include "pipeline/core/behind.h"
#include "pipeline/core/digest.h"
#include "pipeline/core/workers.h"
#include "tests/fault/each.h"
#include "tests/unit/scratch.h"

static int digest(void)
{
	char out[SHA256_HEX];
	struct err err = ERR_INIT;
	uint64_t size = 7;
	int rc = sha256_file(scratch("f"), out, &size, &err);

	if (rc != 0) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_string_equal(out, "");
	} else {
		assert_int_equal(strlen(out), 64);
		assert_int_equal(size, 3);
	}
	return rc;
}

static void a_file_digest_is_whole_or_refused(void **state)
{
	(void)state;
	scratch_write("f", "abc", 3);
	assert_int_equal(fault_each(digest, 0), 2); /* libcrypto's own are out of reach */
}

static int count(void *ctx, size_t worker, size_t item, struct err *err)
{
	atomic_size_t *sum = ctx;

	(void)worker, (void)err;
	*sum += item;
	return 0;
}

static int add_job(void *ctx, size_t job, struct err *err)
{
	size_t *sum = ctx;

	(void)err;
	*sum += job;
	return 0;
}

static int work_behind(void)
{
	struct err err = ERR_INIT;
	size_t sum = 0;
	struct behind *b = behind_start(add_job, &sum, 2, &err);

	if (!b) {
		assert_int_equal(err.code, ERR_NOMEM);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < 10; i++)
		assert_int_equal(behind_put(b, i, &err), 0);
	assert_int_equal(behind_finish(b, &err), 0);
	assert_int_equal(sum, 45);
	return 0;
}

static void a_thread_behind_is_made_or_refused(void **state)
{
	(void)state;
	assert_int_equal(fault_each(work_behind, 0), 1);
}

static int work(void)
{
	atomic_size_t sum = 0;
	int rc = workers_run(4, 100, count, &sum, NULL);

	assert_int_equal(rc, 0); /* fewer threads, same result */
	assert_int_equal(sum, 4950);
	return rc;
}

static void the_work_is_done_without_threads_if_need_be(void **state)
{
	(void)state;
	assert_true(fault_each(work, 1) >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_digest_is_whole_or_refused),
		cmocka_unit_test(a_thread_behind_is_made_or_refused),
		cmocka_unit_test(the_work_is_done_without_threads_if_need_be),
	};

	return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
