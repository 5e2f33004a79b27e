/* prof/attach/pick: lists by number, name and descent, and every kind of process that cannot be looked at: real zombies,
 * threads, kernel threads, a 32-bit program, our own tracer. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
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

static int has(const struct pick_list *l, int pid)
{
	for (uint32_t i = 0; i < l->n; i++)
		if (l->pids[i] == pid)
			return 1;
	return 0;
}

/* ---- numbers ------------------------------------------------------------------------------------ */

static void lists_ascend_without_doubles(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	uint32_t x = 12345;

	(void)state;
	for (int i = 0; i < 2000; i++) {
		x = x * 1103515245 + 12345;
		assert_int_equal(pick_add(&l, (int)(x >> 16 & 1023) + 1), 0);
	}
	for (uint32_t i = 1; i < l.n; i++)
		assert_true(l.pids[i - 1] < l.pids[i]);
	assert_true(l.n > 800 && l.n <= 1024);
	pick_release(&l);
	assert_int_equal(l.n, 0);
	pick_release(&l);
}

static void numbers_are_parsed(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(pick_parse(&l, "77,0x1f,12,77,0012,4194304", &err), 0);
	assert_int_equal(l.n, 4);
	assert_int_equal(l.pids[0], 12);
	assert_int_equal(l.pids[1], 31);
	assert_int_equal(l.pids[2], 77);
	assert_int_equal(l.pids[3], 4194304);
	pick_release(&l);
}

static void what_is_no_number_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{"", "missing"},
		{",1", "missing"},
		{"1,", "missing"},
		{"1,,2", "missing"},
		{"x", "'x' is no process id"},
		{"12x", "'12x'"},
		{" 12", "' 12'"},
		{"12 ", "'12 '"},
		{"1,0xg", "'0xg'"},
		{"0x", "'0x'"},
		{"1.5", "'1.5'"},
		{"nginx", "--name"},
		{"0", "number 0"},
		{"-1", "number -1"},
		{"4194305", "number 4194305"},
		{"99999999999999999999999", "99999999999999999999999"},
		{"-99999999999999999999999", "from 1 to 4194304"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct pick_list l = {NULL, 0, 0};
		struct err err = ERR_INIT;

		assert_int_equal(pick_parse(&l, bad[i].text, &err), ERR_ARG);
		if (!strstr(err.text, bad[i].says))
			fail_msg("'%s': %s", bad[i].text, err.text);
		pick_release(&l);
	}
}

/* ---- names -------------------------------------------------------------------------------------- */

static char unique[32]; /* in no other command line of this machine, our own left out */

static int sleeps_as(int ready, int go, void *arg)
{
	char name[128];

	(void)ready, (void)go;
	snprintf(name, sizeof name, "%s%s", unique, (const char *)arg);
	fcntl(ready, F_SETFD, FD_CLOEXEC); /* its end is the sign that exec is done */
	execlp("sleep", name, "30", NULL);
	return 4;
}

/* Forks, and waits for its exec. */
static void start_named(struct live_child *c, const char *suffix)
{
	assert_int_equal(live_start(c, sleeps_as, (void *)suffix), -1);
	assert_true(c->pid > 0);
}

static void processes_are_found_by_name(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	struct live_child one, two;
	char pattern[64];

	(void)state;
	start_named(&one, "-one");
	start_named(&two, "-two");
	snprintf(pattern, sizeof pattern, "^%s-(one|two) 3[0-9]$", unique);
	assert_int_equal(pick_named(&l, pattern, &err), 0);
	assert_int_equal(l.n, 2);
	assert_true(has(&l, one.pid) && has(&l, two.pid));
	pick_release(&l);
	snprintf(pattern, sizeof pattern, "%s-two", unique); /* in its command line */
	assert_int_equal(pick_named(&l, pattern, &err), 0);
	assert_int_equal(l.n, 1);
	pick_release(&l);
	assert_int_equal(pick_named(&l, "^sleep$", &err), 0); /* by its program */
	assert_true(has(&l, one.pid));
	pick_release(&l);
	snprintf(pattern, sizeof pattern, "%s-three", unique);
	assert_int_equal(pick_named(&l, pattern, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "no process matches"));
	assert_non_null(strstr(err.text, "--wait"));
	live_end(&one);
	live_end(&two);
}

static int pauses_as(int ready, int go, void *arg)
{
	prctl(PR_SET_NAME, arg);
	return live_pause(ready, go, NULL);
}

static void those_that_ended_are_not_meant(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	struct live_child c;
	siginfo_t info;
	char comm[16], pattern[32];

	(void)state;
	snprintf(comm, sizeof comm, "z%d", getpid());
	snprintf(pattern, sizeof pattern, "^%s$", comm);
	assert_int_equal(live_start(&c, pauses_as, comm), 0);
	assert_int_equal(pick_named(&l, pattern, &err), 0); /* by its thread's name */
	assert_int_equal(l.n, 1);
	pick_release(&l);
	kill(c.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(pick_named(&l, pattern, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "have ended"));
	live_end(&c);
	pick_release(&l);
}

static void the_kernels_threads_are_not_meant(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
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
	assert_int_equal(pick_named(&l, "^kthreadd$", &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "kernel threads"));
}

/* In a child, so that this test's process is one of its parents. */
static int looks_for_us(int ready, int go, void *arg)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	int rc;

	(void)go, (void)arg;
	live_ready(ready);
	rc = pick_named(&l, "test_attach_pick", &err);
	return rc == ERR_NOTFOUND ? 0 : has(&l, getpid()) || has(&l, getppid()) ? 5 : 0;
}

static void we_and_our_parents_are_never_meant(void **state)
{
	struct live_child c;
	int status = -1;

	(void)state;
	assert_int_equal(live_start(&c, looks_for_us, NULL), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_int_equal(status, 0);
	c.pid = 0;
	live_end(&c);
}

static void bad_patterns_are_refused(void **state)
{
	static const char *const bad[] = {"(", "[a", "a{2,1}", "*[", ""};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct pick_list l = {NULL, 0, 0};
		struct err err = ERR_INIT;

		assert_int_equal(pick_named(&l, bad[i], &err), ERR_ARG);
		assert_non_null(strstr(err.text, "regular expression"));
		assert_int_equal(pick_wait(&l, bad[i], NULL, &err), ERR_ARG);
		assert_int_equal(l.n, 0);
	}
}

/* ---- waiting ------------------------------------------------------------------------------------ */

static int becomes_named_later(int ready, int go, void *arg)
{
	live_ready(ready);
	nap(150);
	return sleeps_as(ready, go, arg);
}

static void a_process_is_waited_for(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	struct live_child c;
	char pattern[64];

	(void)state;
	snprintf(pattern, sizeof pattern, "^%s-late ", unique);
	assert_int_equal(live_start(&c, becomes_named_later, "-late"), 0);
	assert_int_equal(pick_named(&l, pattern, &err), ERR_NOTFOUND);
	assert_int_equal(pick_wait(&l, pattern, NULL, &err), 0);
	assert_int_equal(l.n, 1);
	assert_int_equal(l.pids[0], c.pid);
	pick_release(&l);
	live_end(&c);
}

/* One that has been there for long is seen too when it becomes another program. */
static int becomes_named_much_later(int ready, int go, void *arg)
{
	live_ready(ready);
	nap(900);
	nap(900);
	return sleeps_as(ready, go, arg);
}

static void an_old_process_may_become_the_one(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	struct live_child c;
	char pattern[64];

	(void)state;
	snprintf(pattern, sizeof pattern, "^%s-old ", unique);
	assert_int_equal(live_start(&c, becomes_named_much_later, "-old"), 0);
	assert_int_equal(pick_wait(&l, pattern, NULL, &err), 0);
	assert_int_equal(l.pids[0], c.pid);
	pick_release(&l);
	live_end(&c);
}

static volatile int told_to_stop;

static void *stops_later(void *arg)
{
	nap(100);
	told_to_stop = 1;
	return arg;
}

static void waiting_can_be_stopped(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	pthread_t thread;
	char pattern[64];

	(void)state;
	snprintf(pattern, sizeof pattern, "^%s-never", unique);
	assert_int_equal(pthread_create(&thread, NULL, stops_later, NULL), 0);
	assert_int_equal(pick_wait(&l, pattern, &told_to_stop, &err), ERR_CANCELLED);
	pthread_join(thread, NULL);
	assert_int_equal(l.n, 0);
}

/* ---- children ----------------------------------------------------------------------------------- */

static int forks_deeper(int ready, int go, void *arg)
{
	int depth = (int)(intptr_t)arg, up[2];
	char byte;

	if (depth && pipe(up))
		return 4;
	for (int i = 0; depth && i < 2; i++)
		if (fork() == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(forks_deeper(up[1], go, (void *)(intptr_t)(depth - 1)));
		}
	for (int i = 0; depth && i < 2; i++)
		if (read(up[0], &byte, 1) != 1)
			return 4;
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

static void all_descendants_are_found(void **state)
{
	struct pick_list l = {NULL, 0, 0};
	struct err err = ERR_INIT;
	struct live_child tree, other;

	(void)state;
	assert_int_equal(live_start(&tree, forks_deeper, (void *)(intptr_t)3), 0);
	assert_int_equal(live_start(&other, live_pause, NULL), 0);
	assert_int_equal(pick_add(&l, tree.pid), 0);
	assert_int_equal(pick_children(&l, &err), 0);
	assert_int_equal(l.n, 15); /* 1 + 2 + 4 + 8 */
	assert_true(has(&l, tree.pid));
	assert_false(has(&l, other.pid));
	assert_false(has(&l, getpid()));
	assert_int_equal(pick_children(&l, &err), 0);
	assert_int_equal(l.n, 15);
	pick_release(&l);
	assert_int_equal(pick_children(&l, &err), 0); /* of nobody: nobody */
	assert_int_equal(l.n, 0);
	live_end(&tree);
	live_end(&other);
}

/* ---- what cannot be looked at ------------------------------------------------------------------- */

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
		cmocka_unit_test(lists_ascend_without_doubles),
		cmocka_unit_test(numbers_are_parsed),
		cmocka_unit_test(what_is_no_number_is_refused),
		cmocka_unit_test(processes_are_found_by_name),
		cmocka_unit_test(those_that_ended_are_not_meant),
		cmocka_unit_test(the_kernels_threads_are_not_meant),
		cmocka_unit_test(we_and_our_parents_are_never_meant),
		cmocka_unit_test(bad_patterns_are_refused),
		cmocka_unit_test(a_process_is_waited_for),
		cmocka_unit_test(an_old_process_may_become_the_one),
		cmocka_unit_test(waiting_can_be_stopped),
		cmocka_unit_test(all_descendants_are_found),
		cmocka_unit_test(impossible_numbers_are_refused),
		cmocka_unit_test(a_zombie_is_refused_with_who_should_reap_it),
		cmocka_unit_test(a_threads_number_tells_its_process),
		cmocka_unit_test(ourselves_are_refused_our_parents_are_not),
		cmocka_unit_test(kernel_threads_are_refused),
		cmocka_unit_test(programs_of_32_bit_are_refused),
		cmocka_unit_test(our_tracer_is_not_stopped),
	};

	snprintf(unique, sizeof unique, "pt%dx", getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
