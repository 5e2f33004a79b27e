/* Saying what descriptors are and who has their other ends while allocations fail: less is said, nothing wrong, nothing leaks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "prof/attach/waits.h"
#include "tests/fault/fault.h"

static struct proc self;
static int fds[4];

static int make(void **state)
{
	(void)state;
	if (proc_open(&self, getpid(), NULL) || pipe(fds) ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, fds + 2))
		return -1;
	return 0;
}

static int drop(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++)
		(void)close(fds[i]);
	proc_close(&self);
	return 0;
}

/* With the n-th allocation failing, until none does: `word` is said in any case. */
static void each_failure(void (*say)(char *, size_t), const char *word)
{
	char out[192];
	size_t n = 0;

	do {
		fault_arm(++n);
		say(out, sizeof out);
		assert_true(strlen(out) < sizeof out);
		if (!fault_fired())
			break;
		assert_non_null(strstr(out, word));
	} while (n < 1000);
	fault_disarm();
	assert_true(n > 1 && n < 1000);
	assert_non_null(strstr(out, word));
}

static void say_pipe(char *out, size_t size)
{
	const struct timespec stale = {.tv_nsec = 120000000}; /* the list of ends is made anew */

	(void)nanosleep(&stale, NULL);
	waits_fd(&self, fds[0], out, size);
}

static void say_socket(char *out, size_t size)
{
	waits_fd(&self, fds[2], out, size);
}

static void say_lock(char *out, size_t size)
{
	struct proc_syscall call = {.nr = SYS_flock, .args = {(uint64_t)fds[0], LOCK_EX}};
	struct remote memory;

	remote_init(&memory, getpid());
	waits_on(&self, &memory, &call, out, size);
	remote_close(&memory);
}

static void say_child(char *out, size_t size)
{
	struct proc_syscall call = {.nr = SYS_wait4, .args = {UINT64_MAX}};
	struct remote memory;

	remote_init(&memory, getpid());
	waits_on(&self, &memory, &call, out, size);
	remote_close(&memory);
}

static void less_is_said_and_nothing_leaks(void **state)
{
	(void)state;
	each_failure(say_pipe, "pipe:[");
	each_failure(say_socket, "socket");
	each_failure(say_lock, "lock on fd");
	each_failure(say_child, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(less_is_said_and_nothing_leaks, make, drop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
