/* Recording a live process while allocations fail, one after the other: it is said or counted, nothing leaks, the process goes
 * on, and what went into the store is sound and can be completed. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "prof/record/outside.h"
#include "tests/fault/fault.h"
#include "tests/unit/store_rig.h"

#define STEPS_MAX 400

static pid_t child;
static volatile unsigned long sink;

static int start(void **state)
{
	if (rig_setup(state))
		return -1;
	child = fork();
	if (child == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)alarm(120);
		for (;;)
			sink++;
	}
	return child > 0 ? 0 : -1;
}

static int end(void **state)
{
	(void)kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return rig_teardown(state);
}

static int record_for(struct outside_options *o)
{
	struct outside_result result;
	struct err err = ERR_INIT;
	int rc = record_outside(o, &result, &err);

	if (rc && !err.text[0])
		fail_msg("code %d without a word", rc);
	return rc;
}

static void check_store(void)
{
	struct err err = ERR_INIT;
	int runs = 0;

	if (access(rig_path, F_OK) == 0 && record_recover(rig_path, &runs, &err) &&
	    err.code != ERR_FORMAT)
		fail_msg("%s", err.text);
	if (err.code == ERR_FORMAT && !strstr(err.text, "nothing was recorded"))
		fail_msg("%s", err.text);
}

/* The further, the larger the steps: a name costs as much as another. */
static void try_all(struct outside_options *o)
{
	size_t n = 1;
	int tries;

	for (tries = 0; tries < STEPS_MAX; tries++) {
		int rc, fired;

		fault_arm(n);
		rc = record_for(o);
		fired = fault_fired();
		fault_disarm();
		if (rc == ERR_DENIED) {
			print_message("this machine lets us see no other process\n");
			skip();
		}
		assert_int_equal(kill(child, 0), 0);
		check_store();
		if (!fired) {
			assert_int_equal(rc, 0);
			return;
		}
		n += 1 + n / 16;
	}
	fail_msg("no end after %d tries", tries);
}

static void attaching_survives_every_failure(void **state)
{
	struct outside_options o = {
		.store_path = rig_path,
		.pids = &child,
		.n_pids = 1,
		.sampler = {.rate_hz = 999},
		.duration_ns = 20000000,
		.wake_fd = -1,
	};

	(void)state;
	try_all(&o);
	o.sampler.engine = SAMPLER_POLL;
	o.sampler.wall = 1;
	try_all(&o);
}

static void so_does_a_command(void **state)
{
	char *argv[] = {"sh", "-c", "exit 0", NULL};
	struct outside_options o = {
		.store_path = rig_path,
		.argv = argv,
		.sampler = {.rate_hz = 999, .children = 1},
		.wake_fd = -1,
	};

	(void)state;
	try_all(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(attaching_survives_every_failure, start, end),
		cmocka_unit_test_setup_teardown(so_does_a_command, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
