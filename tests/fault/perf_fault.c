/* Every allocation of a perf source's life fails once: making it, adding processes, reading, larger copies of stacks, a
 * glance. It is refused or done without, nothing leaks and samples go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <poll.h>
#include <string.h>

#include "prof/attach/perf_source.h"
#include "prof/base/clock.h"
#include "tests/fault/each.h"
#include "tests/unit/busy_child.h"

#define MS INT64_C(1000000)

static struct busy child;
static uint64_t samples;

static int on_sample(void *ctx, const struct perf_sample *s)
{
	perf_source_tell(ctx, 0, s->stack_bytes);
	samples++;
	return 0;
}

static int read_for(struct perf_source *s, int64_t ns)
{
	struct perf_handler h = {.ctx = s, .sample = on_sample};
	struct pollfd p = {.fd = perf_source_fd(s), .events = POLLIN};
	int64_t end = clock_mono_ns() + ns;
	int rc = 0;

	while (rc == 0 && clock_mono_ns() < end) {
		(void)poll(&p, 1, 5);
		rc = perf_source_read(s, &h);
	}
	return rc;
}

static int source_once(void)
{
	struct perf_options o = {.rate_hz = 1999, .children = 1};
	struct err err = ERR_INIT;
	struct perf_source *s;
	int rc = perf_source_new(&s, &o, &err);

	if (rc) {
		assert_null(s);
		assert_int_equal(rc, ERR_NOMEM);
		return rc;
	}
	rc = perf_source_add(s, child.pid, &err);
	if (rc == 0)
		rc = read_for(s,
			      60 * MS); /* grows on the way: every copy is told to be too short */
	perf_source_free(s);
	if (rc)
		assert_int_equal(rc, ERR_NOMEM);
	return rc;
}

static int on_glance(void *ctx, const struct perf_sample *s)
{
	(void)ctx;
	samples += s->tid == child.pid;
	return 0;
}

static int glance_once(void)
{
	struct perf_handler h = {.sample = on_glance};
	struct err err = ERR_INIT;

	return perf_glance(&child.pid, 1, 500 * MS, 4096, &h, &err);
}

static void perf_or_skip(void)
{
	struct perf_options o = {.rate_hz = 199};
	struct err err = ERR_INIT;
	struct perf_source *s;

	if (perf_source_new(&s, &o, &err)) {
		print_message("perf: %s\n", err.text);
		skip();
	}
	perf_source_free(s);
}

static void a_source_survives_each_failing_allocation(void **state)
{
	size_t n;

	(void)state;
	perf_or_skip();
	samples = 0;
	n = fault_each(source_once, 1);
	print_message("%zu allocations failed, %llu samples\n", n, (unsigned long long)samples);
	assert_true(n > 8);
	assert_true(samples > 10);
}

static void a_glance_survives_each_failing_allocation(void **state)
{
	(void)state;
	perf_or_skip();
	samples = 0;
	assert_true(fault_each(glance_once, 0) >= 2);
	assert_true(samples > 0);
}

static void body(struct busy_report *r)
{
	(void)r;
	busy_burn(600000 * MS);
}

static int set_up(void **state)
{
	(void)state;
	child = busy_start(NULL, body);
	busy_go(&child);
	return child.pid > 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	busy_end(&child);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_source_survives_each_failing_allocation),
		cmocka_unit_test(a_glance_survives_each_failing_allocation),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
