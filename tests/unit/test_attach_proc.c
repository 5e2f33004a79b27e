/* prof/attach/proc on real processes: threads with hostile names, zombies, a main thread that ended, numbers used
 * again, other pid namespaces, deleted programs. Texts: test_attach_proc_text.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/proc.h"
#include "tests/unit/live_child.h"

static void nap(void)
{
	const struct timespec t = {0, 2000000};

	nanosleep(&t, NULL);
}

static void we_can_look_at_ourselves(void **state)
{
	struct err err = ERR_INIT;
	struct proc_status status;
	struct proc_stat stat;
	struct proc p;
	char name[64];

	(void)state;
	assert_int_equal(proc_open(&p, getpid(), &err), 0);
	assert_int_equal(proc_stat(&p, &stat), 0);
	assert_int_equal(proc_status(&p, &status), 0);
	assert_int_equal(stat.ppid, getppid());
	assert_int_equal(stat.start_ticks, p.start_ticks);
	assert_int_equal(status.tgid, getpid());
	assert_int_equal(status.uid, getuid());
	assert_int_equal(status.threads, stat.n_threads);
	assert_true(status.rss_bytes > 0 && status.peak_rss_bytes >= status.rss_bytes);
	assert_true(proc_is_alive(&p));
	proc_name(&p, name, sizeof name);
	assert_string_equal(name, program_invocation_short_name);
	proc_name(&p, name, 5); /* cut, with its end */
	assert_int_equal(strlen(name), 4);
	proc_close(&p);
	assert_int_equal(p.dir, -1);
	proc_close(&p);
}

static void numbers_that_nobody_has_are_refused(void **state)
{
	struct err err = ERR_INIT;
	struct proc p;

	(void)state;
	assert_int_equal(proc_open(&p, 0, &err), ERR_ARG);
	assert_int_equal(proc_open(&p, -7, &err), ERR_ARG);
	assert_int_equal(proc_open(&p, INT32_MAX, &err), ERR_NOTFOUND);
	assert_non_null(strstr(err.text, "no process 2147483647"));
	assert_non_null(strstr(err.text, "ps -e"));
	assert_int_equal(p.dir, -1);
	proc_close(&p);
}

static void a_zombie_is_not_alive_and_a_reaped_one_is_gone(void **state)
{
	struct err err = ERR_INIT;
	struct proc_stat stat;
	struct live_child c;
	struct proc p, no_pidfd;
	siginfo_t info;
	char text[64];

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	no_pidfd = p;
	no_pidfd.pidfd = -1;
	assert_true(proc_is_alive(&p));
	assert_true(proc_is_alive(&no_pidfd));
	kill(c.pid, SIGKILL);
	assert_int_equal(waitid(P_PID, (id_t)c.pid, &info, WEXITED | WNOWAIT), 0);
	assert_false(proc_is_alive(&p));
	assert_false(proc_is_alive(&no_pidfd));
	assert_int_equal(proc_stat(&p, &stat), 0);
	assert_int_equal(stat.state, 'Z');
	live_end(&c);
	assert_false(proc_is_alive(&p));
	assert_false(proc_is_alive(&no_pidfd));
	assert_int_equal(proc_read(&p, "stat", text, sizeof text), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(proc_stat(&p, &stat), -1);
	proc_close(&p);
}

/* A new process with the very number of the old one. */
static int fork_as(int pid)
{
	pid_t wanted = pid;
	struct clone_args args = {
		.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&wanted, .set_tid_size = 1};
	long child = syscall(SYS_clone3, &args, sizeof args);

	if (child == 0)
		for (;;)
			pause();
	return (int)child;
}

static void a_number_used_again_is_not_the_same_process(void **state)
{
	struct err err = ERR_INIT;
	struct live_child c;
	struct proc p, other;
	char text[64];
	int old, new;

	(void)state;
	assert_int_equal(live_start(&c, live_pause, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	old = c.pid;
	live_end(&c);
	new = fork_as(old);
	if (new != old) {
		print_message("a process cannot be given a number here: %s\n", strerror(errno));
		proc_close(&p);
		skip();
	}
	assert_false(proc_is_alive(&p));
	assert_int_equal(proc_read(&p, "stat", text, sizeof text), -1);
	assert_int_equal(errno, ESRCH);
	assert_int_equal(proc_open(&other, new, &err), 0);
	assert_true(proc_is_alive(&other));
	assert_true(other.start_ticks >= p.start_ticks);
	kill(new, SIGKILL);
	waitpid(new, NULL, 0);
	proc_close(&other);
	proc_close(&p);
}

/* ---- threads ------------------------------------------------------------------------------------ */

#define THREADS 150 /* more than the first piece of memory for tids holds */

static void *named(void *arg)
{
	prctl(PR_SET_NAME, arg);
	for (;;)
		pause();
	return NULL;
}

static int many_threads(int ready, int go, void *arg)
{
	static const char *const names[] = {") R 1 (x", "a\nb", "back\\"};

	(void)go, (void)arg;
	for (int i = 0; i < THREADS; i++) {
		pthread_attr_t attr;
		pthread_t thread;

		pthread_attr_init(&attr);
		pthread_attr_setstacksize(&attr, 65536);
		if (pthread_create(&thread, &attr, named, (void *)names[i % 3]))
			return 4;
		pthread_attr_destroy(&attr);
	}
	live_ready(ready);
	for (;;)
		pause();
	return 0;
}

static void threads_are_listed_with_their_names(void **state)
{
	uint32_t n = 0, cap = 0, odd = 0;
	struct err err = ERR_INIT;
	int *tids = NULL;
	struct live_child c;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&c, many_threads, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	assert_int_equal(proc_tasks(&p, &tids, &n, &cap), 0);
	assert_int_equal(n, THREADS + 1);
	assert_int_equal(tids[0], c.pid);
	assert_int_equal(live_wait_in(c.pid, SYS_pause, THREADS + 1), 0); /* named by then */
	for (uint32_t i = 1; i < n; i++) {
		struct proc_stat s;

		assert_true(tids[i] > tids[i - 1]);
		assert_int_equal(proc_task_stat(&p, tids[i], &s), 0);
		assert_int_equal(s.ppid, getpid());
		assert_int_equal(s.n_threads, THREADS + 1);
		odd += strcmp(s.comm, ") R 1 (x") == 0 || strcmp(s.comm, "a\nb") == 0 ||
		       strcmp(s.comm, "back\\") == 0;
	}
	assert_int_equal(odd, THREADS);
	live_end(&c);
	assert_int_equal(proc_tasks(&p, &tids, &n, &cap), ERR_NOTFOUND);
	assert_int_equal(n, 0);
	free(tids);
	proc_close(&p);
}

static void *stays(void *arg)
{
	live_ready(*(int *)arg);
	for (;;)
		pause();
	return NULL;
}

static int main_thread_ends(int ready, int go, void *arg)
{
	static int fd;
	pthread_t thread;

	(void)go, (void)arg;
	fd = ready;
	if (pthread_create(&thread, NULL, stays, &fd))
		return 4;
	syscall(SYS_exit, 0); /* this thread's end, not the process's */
	return 0;
}

static void a_process_outlives_its_main_thread(void **state)
{
	struct err err = ERR_INIT;
	struct proc_stat stat = {.state = 'R'};
	uint32_t n = 0, cap = 0;
	int *tids = NULL;
	struct live_child c;
	struct proc p, no_pidfd;
	char name[64];

	(void)state;
	assert_int_equal(live_start(&c, main_thread_ends, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	for (int i = 0; i < LIVE_PATIENCE_MS && stat.state != 'Z'; i++) {
		nap();
		assert_int_equal(proc_stat(&p, &stat), 0);
	}
	assert_int_equal(stat.state, 'Z');
	no_pidfd = p;
	no_pidfd.pidfd = -1;
	assert_true(proc_is_alive(&p));
	assert_true(proc_is_alive(&no_pidfd));
	proc_name(&p, name, sizeof name); /* exe is not told any more */
	assert_string_not_equal(name, "");
	assert_int_equal(proc_tasks(&p, &tids, &n, &cap), 0);
	assert_int_equal(n, 2);
	free(tids);
	live_end(&c);
	proc_close(&p);
}

static void what_threads_do_is_told(void **state)
{
	struct live_child sleeps, spins;
	struct proc_schedstat before, after;
	enum proc_call call;
	struct err err = ERR_INIT;
	struct proc_syscall s;
	struct proc p;

	(void)state;
	assert_int_equal(live_start(&sleeps, live_pause, NULL), 0);
	assert_int_equal(proc_open(&p, sleeps.pid, &err), 0);
	assert_int_equal(live_wait_in(sleeps.pid, SYS_pause, 1), 0);
	call = proc_syscall(&p, sleeps.pid, &s);
	assert_int_equal(call, PROC_CALL_IN);
	assert_int_equal(s.nr, SYS_pause);
	assert_true(s.sp && s.pc);
	assert_int_equal(proc_syscall(&p, INT32_MAX, &s), PROC_CALL_DENIED);
	live_end(&sleeps);
	assert_int_equal(proc_syscall(&p, p.pid, &s), PROC_CALL_DENIED);
	proc_close(&p);

	assert_int_equal(live_start(&spins, live_spin, NULL), 0);
	assert_int_equal(proc_open(&p, spins.pid, &err), 0);
	assert_int_equal(live_wait_cpu(spins.pid, 5000000), 0); /* it spins */
	assert_int_equal(proc_syscall(&p, spins.pid, &s), PROC_CALL_RUNNING);
	assert_int_equal(proc_schedstat(&p, spins.pid, &before), 0);
	for (int i = 0; i < LIVE_PATIENCE_MS; i++, nap()) {
		assert_int_equal(proc_schedstat(&p, spins.pid, &after), 0);
		if (after.run_ns > before.run_ns)
			break;
	}
	assert_true(after.run_ns > before.run_ns);
	live_end(&spins);
	proc_close(&p);
}

/* ---- names and namespaces ----------------------------------------------------------------------- */

static int runs_a_copy(int ready, int go, void *arg)
{
	char tell[16];

	(void)go;
	snprintf(tell, sizeof tell, "%d", ready);
	execl(arg, "other name", "5", NULL);
	return 4;
}

static void a_deleted_program_keeps_its_name(void **state)
{
	char dir[] = "/tmp/protea-test.XXXXXX", path[64], command[160], name[64];
	struct err err = ERR_INIT;
	struct live_child c = {0, -1, -1};
	struct proc p;
	int up[2];

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/my-sleep", dir);
	snprintf(command, sizeof command, "cp \"$(command -v sleep)\" %s", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(pipe2(up, O_CLOEXEC), 0);
	c.pid = fork();
	if (c.pid == 0)
		_exit(runs_a_copy(up[1], -1, path));
	close(up[1]);
	assert_int_equal(read(up[0], name, 1), 0); /* closed by exec */
	close(up[0]);
	assert_int_equal(proc_open(&p, c.pid, &err), 0);
	proc_name(&p, name, sizeof name);
	assert_string_equal(name, "my-sleep");
	unlink(path);
	proc_name(&p, name, sizeof name);
	assert_string_equal(name, "my-sleep");
	live_end(&c);
	proc_close(&p);
	rmdir(dir);
}

static int in_new_pid_namespace(int ready, int go, void *arg)
{
	int child;

	(void)arg;
	if (unshare(CLONE_NEWPID))
		return 4;
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		return live_pause(ready, go, NULL);
	}
	waitpid(child, NULL, 0);
	return 0;
}

static void tids_of_other_namespaces_are_found(void **state)
{
	struct err err = ERR_INIT;
	struct proc_status status;
	struct live_child c = {0, -1, -1};
	char name[64], text[64];
	struct proc outer, p;
	int pid;

	(void)state;
	if (geteuid() || live_start(&c, in_new_pid_namespace, NULL)) {
		print_message("no pid namespaces here\n");
		skip();
	}
	assert_int_equal(proc_open(&outer, c.pid, &err), 0);
	snprintf(name, sizeof name, "task/%d/children", c.pid);
	assert_true(proc_read(&outer, name, text, sizeof text) > 0);
	pid = (int)strtol(text, NULL, 10);
	assert_int_equal(proc_open(&p, pid, &err), 0);
	assert_int_equal(proc_status(&p, &status), 0);
	assert_int_equal(status.ns_pid, 1);
	assert_int_equal(proc_tid_from_ns(&p, 1), pid);
	assert_int_equal(proc_tid_from_ns(&p, 77), 0);
	assert_int_equal(proc_tid_from_ns(&p, 0), 0);
	assert_int_equal(proc_tid_from_ns(&outer, c.pid), c.pid);
	kill(pid, SIGKILL);
	proc_close(&p);
	proc_close(&outer);
	live_end(&c);
}

/* Its own number there is 1, and /proc/1 is somebody else. */
static int looks_through_foreign_proc(int ready, int go, void *arg)
{
	struct err err = ERR_INIT;
	struct proc p;
	int child, status = 0;

	(void)go, (void)arg;
	if (unshare(CLONE_NEWPID))
		return 4;
	child = fork();
	if (child == 0)
		_exit(proc_open(&p, 1, &err) == ERR_UNSUPPORTED &&
				      strstr(err.text, "pid namespace") &&
				      strstr(err.text, "mount -t proc")
			      ? 0
			      : 5);
	waitpid(child, &status, 0);
	live_ready(ready);
	return WEXITSTATUS(status);
}

static void proc_of_another_namespace_is_not_ours(void **state)
{
	struct live_child c = {0, -1, -1};
	int status = 0;

	(void)state;
	if (geteuid() || live_start(&c, looks_through_foreign_proc, NULL)) {
		print_message("no pid namespaces here\n");
		skip();
	}
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_int_equal(status, 0);
	c.pid = 0;
	live_end(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(we_can_look_at_ourselves),
		cmocka_unit_test(numbers_that_nobody_has_are_refused),
		cmocka_unit_test(a_zombie_is_not_alive_and_a_reaped_one_is_gone),
		cmocka_unit_test(a_number_used_again_is_not_the_same_process),
		cmocka_unit_test(threads_are_listed_with_their_names),
		cmocka_unit_test(a_process_outlives_its_main_thread),
		cmocka_unit_test(what_threads_do_is_told),
		cmocka_unit_test(a_deleted_program_keeps_its_name),
		cmocka_unit_test(tids_of_other_namespaces_are_found),
		cmocka_unit_test(proc_of_another_namespace_is_not_ours),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
