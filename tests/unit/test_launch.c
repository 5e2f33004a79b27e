/* prof/record/launch: when the program has ended, and when it only stands still because a thread of ours traces it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <time.h>

#include <cmocka.h>

#include "prof/record/launch.h"
#include "tests/unit/live_child.h"

static int spin(int ready, int go, void *arg)
{
	(void)go;
	(void)arg;
	live_ready(ready);
	for (;;)
		continue;
	return 0;
}

static void nap_ms(long ms)
{
	const struct timespec t = {0, ms * 1000000};

	nanosleep(&t, NULL);
}

/* Until the kernel has something to tell of it. */
static int has_news(int pid)
{
	for (int i = 0; i < 5000; i++, nap_ms(1)) {
		siginfo_t si = {0};

		if (waitid(P_PID, (id_t)pid, &si, WEXITED | WSTOPPED | WNOHANG | WNOWAIT) == 0 &&
		    si.si_pid == pid)
			return 1;
	}
	return 0;
}

static void a_stop_is_no_end(void **state)
{
	struct live_child c = {0};
	struct launch l = {0};

	(void)state;
	assert_int_equal(launch_ended(&l), 0);
	assert_int_equal(live_start(&c, spin, NULL), 0);
	l.pid = c.pid;
	assert_int_equal(launch_ended(&l), 0);
	if (ptrace(PTRACE_SEIZE, c.pid, NULL, NULL) != 0) {
		live_end(&c);
		print_message("may not trace here\n");
		skip();
	}
	assert_int_equal(ptrace(PTRACE_INTERRUPT, c.pid, NULL, NULL), 0);
	assert_true(has_news(c.pid));
	assert_int_equal(launch_ended(&l), 0);
	assert_int_equal(kill(c.pid, SIGKILL), 0);
	for (int i = 0; i < 5000 && !launch_ended(&l); i++)
		nap_ms(1);
	assert_int_equal(launch_ended(&l), 1);
	live_end(&c);
}

static void an_end_that_was_noticed_is_no_news(void **state)
{
	struct launch l = {.pid = fork()};

	(void)state;
	if (l.pid == 0)
		_exit(3);
	assert_true(has_news(l.pid));
	assert_int_equal(launch_ended(&l), 1);
	assert_int_equal(waitpid(l.pid, &l.status, 0), l.pid);
	l.exited = 1;
	assert_int_equal(launch_ended(&l), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stop_is_no_end),
		cmocka_unit_test(an_end_that_was_noticed_is_no_news),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
