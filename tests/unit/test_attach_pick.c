/* prof/attach/pick: lists of processes by number, by name and descent, and those that are waited for. What cannot be
 * looked at: test_attach_pick_check.c. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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
	char byte;

	live_ready(ready);
	if (read(go, &byte, 1) != 1)
		return 4;
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
	assert_int_equal(write(c.go, "x", 1), 1);
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
	};

	snprintf(unique, sizeof unique, "pt%dx", getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
