/* Stop signals set a flag once; the second of a kind ends the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pipeline/core/cancel.h"

static int reset(void **state)
{
	(void)state;
	cancel_reset();
	return 0;
}

static void nothing_is_requested_at_first(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(cancel_requested(), 0);
	assert_int_equal(cancel_check(&err), 0);
	assert_int_equal(err.code, 0);
}

static void a_request_names_its_signal(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	cancel_request(SIGTERM);
	assert_int_equal(cancel_check(&err), ERR_CANCELLED);
	assert_string_equal(err.text, "stopped by SIGTERM");
	cancel_request(SIGINT);
	assert_int_equal(cancel_check(&err), ERR_CANCELLED);
	assert_string_equal(err.text, "stopped by SIGINT");
	cancel_request(SIGUSR2);
	assert_int_equal(cancel_check(&err), ERR_CANCELLED);
	assert_string_equal(err.text, "stopped by signal 12");
}

/* The wait status of a child that runs `body`. */
static int status_of(void (*body)(void))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		body();
		_exit(99);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void one_signal(void)
{
	cancel_install();
	raise(SIGHUP);
	_exit(cancel_requested() == SIGHUP ? 7 : 8);
}

static void two_signals(void)
{
	cancel_install();
	raise(SIGTERM);
	raise(SIGTERM);
}

static void outlasting(void)
{
	cancel_install();
	raise(SIGTERM);
	cancel_outlast();
	raise(SIGTERM);
	raise(SIGTERM);
	cancel_reset();
	raise(SIGTERM);
	raise(SIGTERM);
	_exit(cancel_requested() == SIGTERM ? 7 : 8);
}

static void two_kinds(void)
{
	cancel_install();
	raise(SIGTERM);
	raise(SIGINT);
	_exit(cancel_requested() == SIGINT ? 7 : 8);
}

static void reset_in_between(void)
{
	cancel_install();
	raise(SIGTERM);
	cancel_reset();
	if (cancel_requested())
		_exit(8);
	raise(SIGTERM);
	_exit(cancel_requested() == SIGTERM ? 7 : 8);
}

static void ignored_before(void)
{
	signal(SIGHUP, SIG_IGN);
	cancel_install();
	raise(SIGHUP);
	_exit(cancel_requested() ? 8 : 7);
}

static void interrupted_call(void)
{
	int fds[2];
	char c;

	if (pipe(fds) != 0)
		_exit(8);
	cancel_install();
	signal(SIGALRM, SIG_DFL);
	alarm(20); /* a restarted read would hang: this ends it */
	if (fork() == 0) {
		usleep(50000);
		kill(getppid(), SIGTERM);
		_exit(0);
	}
	_exit(read(fds[0], &c, 1) < 0 && cancel_requested() == SIGTERM ? 7 : 8);
}

static void the_first_signal_sets_the_flag(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(status_of(one_signal)), 7);
	assert_int_equal(WEXITSTATUS(status_of(two_kinds)), 7);
}

static void the_second_of_a_kind_ends_the_process(void **state)
{
	int status = status_of(two_signals);

	(void)state;
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGTERM);
}

static void who_outlasts_is_not_ended_by_repeats(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(status_of(outlasting)), 7);
}

static void after_a_reset_the_next_signal_is_a_first_one(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(status_of(reset_in_between)), 7);
}

static void what_nohup_ignores_stays_ignored(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(status_of(ignored_before)), 7);
}

static void a_blocked_call_is_interrupted(void **state)
{
	(void)state;
	assert_int_equal(WEXITSTATUS(status_of(interrupted_call)), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nothing_is_requested_at_first, reset),
		cmocka_unit_test_teardown(a_request_names_its_signal, reset),
		cmocka_unit_test(the_first_signal_sets_the_flag),
		cmocka_unit_test(the_second_of_a_kind_ends_the_process),
		cmocka_unit_test(who_outlasts_is_not_ended_by_repeats),
		cmocka_unit_test(after_a_reset_the_next_signal_is_a_first_one),
		cmocka_unit_test(what_nohup_ignores_stays_ignored),
		cmocka_unit_test(a_blocked_call_is_interrupted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
