/* prof/attach/pick_check: every kind of process that cannot be looked at: real zombies, threads, kernel threads, a
 * 32-bit program, ourselves, our own tracer. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/pick.h"
#include "tests/unit/live_child.h"

static void nap(long ms)
{
	const struct timespec t = {0, ms * 1000000};

	nanosleep(&t, NULL);
}

static void refused(int pid, int stops, int code, const char *says)
{
	struct err err = ERR_INIT;
	struct proc p;
	int rc = pick_check(&p, pid, stops, &err);

	if (rc != code || !strstr(err.text, says))
		fail_msg("%d: %d, '%s'; expected %d, '%s'", pid, rc, err.text, code, says);
	assert_int_equal(p.dir, -1);
}

static void allowed(int pid, int stops)
{
	struct err err = ERR_INIT;
	struct proc p;

	if (pick_check(&p, pid, stops, &err))
		fail_msg("%d: %s", pid, err.text);
	assert_int_equal(p.pid, pid);
	assert_true(p.dir >= 0);
	proc_close(&p);
}

static void impossible_numbers_are_refused(void **state)
{
	struct live_child c;
	int pid;

	(void)state;
	refused(0, 1, ERR_ARG, "number 0");
	refused(-5, 1, ERR_ARG, "number -5");
	refused(INT32_MAX, 1, ERR_ARG, "from 1 to 4194304");
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	pid = c.pid;
	allowed(pid, 1);
	live_end(&c);
	refused(pid, 1, ERR_NOTFOUND, "no process");
}

static void a_zombie_is_refused_with_who_should_reap_it(void **state)
{
	struct live_child c;
	siginfo_t info;
	char says[64];

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	kill(c.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	snprintf(says, sizeof says, "process %d (%s)", getpid(), program_invocation_short_name);
	refused(c.pid, 0, ERR_NOTFOUND, says);
	refused(c.pid, 0, ERR_NOTFOUND, "has ended");
	live_end(&c);
}

static void *waits(void *arg)
{
	*(volatile int *)arg = (int)syscall(SYS_gettid);
	for (;;)
		pause();
	return NULL;
}

static int starts_a_thread(int ready, int go, void *arg)
{
	static volatile int tid;
	pthread_t thread;

	(void)go, (void)arg;
	if (pthread_create(&thread, NULL, waits, (void *)&tid))
		return 4;
	while (!tid)
		nap(1);
	if (write(ready, "", 1) != 1 || write(ready, (const void *)&tid, sizeof tid) != sizeof tid)
		return 4;
	for (;;)
		pause();
	return 0;
}

static void a_threads_number_tells_its_process(void **state)
{
	struct live_child c;
	char says[64];
	int tid;

	(void)state;
	assert_int_equal(live_start(&c, starts_a_thread, NULL), 0);
	assert_int_equal(read(c.ready, &tid, sizeof tid), sizeof tid);
	snprintf(says, sizeof says, "a thread of process %d", c.pid);
	refused(tid, 1, ERR_NOTFOUND, says);
	snprintf(says, sizeof says, "-p %d", c.pid);
	refused(tid, 1, ERR_NOTFOUND, says);
	allowed(c.pid, 1);
	live_end(&c);
}

static void ourselves_are_refused_our_parents_are_not(void **state)
{
	(void)state;
	refused(getpid(), 0, ERR_UNSUPPORTED, "this profiler itself");
	refused(getpid(), 1, ERR_UNSUPPORTED, "protea-prof run");
	if (getppid() > 1)
		allowed(getppid(), 1);
}

static void kernel_threads_are_refused(void **state)
{
	char comm[32] = "";
	FILE *in = fopen("/proc/2/comm", "re");

	(void)state;
	if (!in || !fgets(comm, sizeof comm, in) || strcmp(comm, "kthreadd\n") != 0) {
		if (in)
			fclose(in);
		print_message("no kernel threads are seen from here\n");
		skip();
	}
	fclose(in);
	refused(2, 0, ERR_UNSUPPORTED, "a thread of the kernel");
	refused(2, 0, ERR_UNSUPPORTED, "/proc/2/stack");
}

/* The smallest program of its class: "for (;;) pause();" by the i386 calls. */
static int write_program32(const char *path)
{
	static const unsigned char code[] = {0xb8, 29, 0, 0, 0, 0xcd, 0x80, 0xeb, 0xf7};
	unsigned char file[0x54 + sizeof code] = {
		0x7f,        'E',      'L',  'F',  1, 1, 1,    [16] = 2,    0, 3,           0, 1, 0,
		0,           0,        0x54, 0x80, 4, 8, 0x34, [40] = 0x34, 0, 0x20,        0, 1, 0,
		[52] = 1,    [60] = 0, 0x80, 4,    8, 0, 0x80, 4,           8, sizeof file, 0, 0, 0,
		sizeof file, 0,        0,    0,    5, 0, 0,    0,           0, 0x10};
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755), rc;

	memcpy(file + 0x54, code, sizeof code);
	rc = fd >= 0 && write(fd, file, sizeof file) == sizeof file ? 0 : -1;
	if (fd >= 0)
		close(fd);
	return rc;
}

static int runs_it(int ready, int go, void *arg)
{
	(void)go;
	fcntl(ready, F_SETFD, FD_CLOEXEC);
	execl(arg, arg, NULL);
	live_ready(ready); /* the kernel does not run it */
	return 4;
}

static void programs_of_32_bit_are_refused(void **state)
{
	char dir[] = "/tmp/protea-test.XXXXXX", path[64];
	struct live_child c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/small", dir);
	assert_int_equal(write_program32(path), 0);
	if (live_start(&c, runs_it, path) == 0) {
		unlink(path), rmdir(dir);
		live_end(&c);
		print_message("this kernel runs no 32-bit programs\n");
		skip();
	}
	refused(c.pid, 0, ERR_UNSUPPORTED, "(small) is a 32-bit program");
	refused(c.pid, 0, ERR_UNSUPPORTED, "gdb -p");
	live_end(&c);
	unlink(path);
	rmdir(dir);
}

/* The child looks at us, its tracer. */
static int looks_at_its_tracer(int ready, int go, void *arg)
{
	struct err err = ERR_INIT;
	struct proc p;
	char byte;
	int rc;

	(void)arg;
	live_ready(ready);
	if (read(go, &byte, 1) != 1)
		return 4;
	rc = pick_check(&p, getppid(), 1, &err);
	proc_close(&p);
	if (rc != ERR_UNSUPPORTED || !strstr(err.text, "traces this profiler") ||
	    !strstr(err.text, "--nonblocking"))
		return 5;
	rc = pick_check(&p, getppid(), 0, &err);
	proc_close(&p);
	return rc ? 6 : 0;
}

static void our_tracer_is_not_stopped(void **state)
{
	struct live_child c;
	int status = -1;

	(void)state;
	assert_int_equal(live_start(&c, looks_at_its_tracer, NULL), 0);
	if (ptrace(PTRACE_SEIZE, c.pid, NULL, NULL)) {
		print_message("ptrace: %s\n", strerror(errno));
		live_end(&c);
		skip();
	}
	assert_int_equal(write(c.go, "", 1), 1);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_int_equal(status, 0);
	c.pid = 0;
	live_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_numbers_are_refused),
		cmocka_unit_test(a_zombie_is_refused_with_who_should_reap_it),
		cmocka_unit_test(a_threads_number_tells_its_process),
		cmocka_unit_test(ourselves_are_refused_our_parents_are_not),
		cmocka_unit_test(kernel_threads_are_refused),
		cmocka_unit_test(programs_of_32_bit_are_refused),
		cmocka_unit_test(our_tracer_is_not_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
