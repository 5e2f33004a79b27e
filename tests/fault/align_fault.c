/* Every allocation of an alignment batch fails once, on each engine: the batch says so, what is
 * marked done is right, nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "pipeline/align/align.h"
#include "tests/fault/fault.h"

#define N 40

static const char letters[] = "MKVLAAGIWPRSTDEQNHYFCX*";
static char bytes[N][60];
static struct align_text texts[N];
static struct align_job jobs[N];
static struct align_values expected[N];

static int prepare(void **state)
{
	struct align_options o = {.n_workers = 1};

	(void)state;
	for (uint32_t i = 0; i < N; i++) {
		texts[i] = (struct align_text){bytes[i], 1 + (i * 7) % 60};
		for (size_t k = 0; k < texts[i].len; k++)
			bytes[i][k] = letters[(k * k + i * k + i / 3) % (sizeof letters - 1)];
		jobs[i] = (struct align_job){i, (i + 1) % N};
	}
	return align_batch(texts, jobs, N, &o, expected, NULL, NULL);
}

/* 1: an allocation failed and the batch said so; 0: it succeeded. */
static int try_batch(size_t workers, size_t fail_at, int from_there_on)
{
	struct align_options o = {.n_workers = workers, .memory_bytes = 1 << 20};
	struct align_values got[N];
	unsigned char done[N] = {0};
	struct err err = ERR_INIT;
	int rc;

	if (from_there_on)
		fault_arm_forever(fail_at);
	else
		fault_arm(fail_at);
	rc = align_batch(texts, jobs, N, &o, got, done, &err);
	fault_disarm();
	for (size_t i = 0; i < N; i++) {
		if (done[i])
			assert_memory_equal(&got[i], &expected[i], sizeof got[i]);
		assert_true(done[i] || rc != 0);
	}
	if (rc == 0)
		return 0;
	assert_int_equal(rc, ERR_NOMEM);
	assert_int_equal(err.code, ERR_NOMEM);
	assert_true(fault_fired());
	return 1;
}

static void fail_each(size_t workers)
{
	size_t n, failures = 0, successes = 0;

	/* threads that cannot be had are done without, so a success does not end the search */
	for (n = 1; n < 200 && successes < 20; n++) {
		int failed = try_batch(workers, n, 0);

		failures += (size_t)failed;
		successes += !failed;
		try_batch(workers, n, 1);
	}
	assert_true(failures >= 4);
	assert_true(successes >= 20);
}

static void a_batch_without_memory_says_so(void **state)
{
	(void)state;
	fail_each(1);
	fail_each(2);
}

static void a_batch_of_the_scalar_engine_says_so(void **state)
{
	(void)state;
	setenv("PROTEA_SIMD", "portable", 1);
	fail_each(1);
	fail_each(2);
	unsetenv("PROTEA_SIMD");
}

static void a_workspace_survives_a_failure(void **state)
{
	struct align_workspace *w = align_workspace_new(0);
	struct align_values v;
	struct err err = ERR_INIT;

	(void)state;
	assert_non_null(w);
	fault_arm(1);
	assert_int_equal(align_pair(w, texts[3], texts[4], &v, &err), ERR_NOMEM);
	fault_disarm();
	assert_int_equal(align_pair(w, texts[3], texts[4], &v, &err), 0);
	assert_memory_equal(&v, &expected[3], sizeof v);
	align_workspace_free(w);
	fault_arm(1);
	assert_null(align_workspace_new(0));
	fault_disarm();
	align_workspace_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_without_memory_says_so),
		cmocka_unit_test(a_batch_of_the_scalar_engine_says_so),
		cmocka_unit_test(a_workspace_survives_a_failure),
	};

	return cmocka_run_group_tests(tests, prepare, NULL);
}
