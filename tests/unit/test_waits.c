/* What sleeping threads wait for that is no lock: real children with a thread that sleeps in timers, waits, signals, locks on
 * files; and any call with any arguments. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/unit/waits_rig.h"

static char folder[] = "/tmp/protea-waits.XXXXXX", path[64];

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof path, "%s/file", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder);
}

/* ---- time, children, signals, files ------------------------------------------------------------------ */

static void sleep_90(void)
{
	(void)nanosleep(&(struct timespec){90, 500000000}, NULL);
}
static void sleep_clock(void)
{
	(void)syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &(struct timespec){2000, 0}, NULL);
}
static void sleep_until(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 3000;
	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}
static void sleep_poll(void)
{
	(void)poll(NULL, 0, 1500000);
}

static void sleep_raw(void)
{
	(void)syscall(SYS_nanosleep, &(struct timespec){90, 500000000}, NULL);
}

static void timers_tell_their_time(void **state)
{
	static const struct scenario cases[] = {
		{NULL, sleep_raw},  {NULL, sleep_clock}, {NULL, sleep_until},
		{NULL, sleep_poll}, {NULL, sleep_90},
	};

	(void)state;
	rig_case(&cases[0], SYS_nanosleep, "nanosleep(90.5 s, NULL)", "timer, 90.5 s");
	rig_case(&cases[1], SYS_clock_nanosleep,
		 "clock_nanosleep(CLOCK_MONOTONIC, 0, 33 min 20 s, NULL)", "timer, 33 min 20 s");
	rig_case(&cases[2], SYS_clock_nanosleep,
		 "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, at [0-9]*.[0-9]*, NULL)",
		 "timer, [45][09] min [05][0-9] s left");
	rig_case(&cases[3], SYS_poll, "poll(NULL, 0, 1500000)", "timer, 25 min 00 s");
	rig_case(&cases[4], SYS_clock_nanosleep, "clock_nanosleep(CLOCK_REALTIME, 0, 90.5 s, NULL)",
		 "timer, 90.5 s");
}

static pid_t grandchild;

static void make_child(void)
{
	int ready[2];
	char c;

	if (pipe(ready))
		_exit(1);
	grandchild = fork();
	if (grandchild == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "offspring");
		(void)!write(ready[1], "x", 1);
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	(void)!read(ready[0], &c, 1);
}
static void wait_any(void)
{
	(void)waitpid(-1, NULL, WUNTRACED);
}
static void wait_one(void)
{
	siginfo_t si;

	(void)waitid(P_PID, (id_t)grandchild, &si, WEXITED);
}

static void a_wait_names_the_child(void **state)
{
	static const struct scenario any = {make_child, wait_any}, one = {make_child, wait_one};

	(void)state;
	rig_case(&any, SYS_wait4, "wait4(-1, NULL, WUNTRACED, NULL)", "child [0-9]* (offspring)");
	rig_case(&one, SYS_waitid, "waitid(P_PID, [0-9]*, 0x*, WEXITED, NULL)",
		 "child [0-9]* (offspring)");
}

static void wait_for_signal(void)
{
	siginfo_t si;
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGUSR1);
	(void)sigaddset(&set, SIGRTMIN + 2);
	(void)sigwaitinfo(&set, &si);
}
static void pause_here(void)
{
	(void)pause();
}

static void signals_are_named(void **state)
{
	static const struct scenario set = {NULL, wait_for_signal}, any = {NULL, pause_here};

	(void)state;
	rig_case(&set, SYS_rt_sigtimedwait, "rt_sigtimedwait(\\[USR1 RTMIN+2], 0x*, NULL, 8)",
		 "signal USR1 RTMIN+2");
	rig_case(&any, SYS_pause, "pause()", "signal");
}

static void hold_file(void)
{
	int ready[2];
	char c;

	if (pipe(ready))
		_exit(1);
	if (fork() == 0) {
		struct flock l = {.l_type = F_WRLCK, .l_start = 100, .l_len = 10};
		int fd = open(path, O_RDWR | O_CREAT, 0600);

		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "locker");
		(void)flock(fd, LOCK_EX);
		(void)fcntl(fd, F_SETLK, &l);
		(void)!write(ready[1], "x", 1);
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	(void)!read(ready[0], &c, 1);
}
static void want_flock(void)
{
	(void)flock(open(path, O_RDWR), LOCK_EX);
}
static void want_range(void)
{
	struct flock l = {.l_type = F_WRLCK, .l_start = 105, .l_len = 1};

	(void)fcntl(open(path, O_RDWR), F_SETLKW, &l);
}

static void a_file_lock_names_its_holder(void **state)
{
	static const struct scenario whole = {hold_file, want_flock},
				     range = {hold_file, want_range};

	(void)state;
	rig_case(&whole, SYS_flock, "flock([0-9]*, LOCK_EX)",
		 "lock on fd [0-9]*: /tmp/protea-waits.*/file held by [0-9]* (locker)");
	rig_case(&range, SYS_fcntl, "fcntl([0-9]*, F_SETLKW, {F_WRLCK, SEEK_SET, 105, 1})",
		 "lock on fd [0-9]*: /tmp/protea-waits.*/file held by [0-9]* (locker)");
}

static void make_fifo(void)
{
	(void)unlink(path);
	(void)mkfifo(path, 0600);
}
static void open_fifo(void)
{
	(void)open(path, O_RDONLY | O_CLOEXEC);
}

static void opening_a_fifo_waits_for_its_other_end(void **state)
{
	static const struct scenario s = {make_fifo, open_fifo};

	(void)state;
	rig_case(&s, SYS_openat,
		 "openat(AT_FDCWD, \"/tmp/protea-waits.*/file\", O_RDONLY|O_CLOEXEC)",
		 "other end of fifo /tmp/protea-waits.*/file");
}

static int set_id = -1, queue_id = -1;

static void make_ipc(void)
{
	set_id = semget(IPC_PRIVATE, 2, 0600);
	queue_id = msgget(IPC_PRIVATE, 0600);
}
static void want_sem(void)
{
	struct sembuf b = {1, -1, SEM_UNDO};

	(void)semop(set_id, &b, 1);
}
static void want_message(void)
{
	char text[64];

	(void)msgrcv(queue_id, text, 8, 5, 0);
}
static void drop_ipc(struct rig *r)
{
	(void)semctl((int)r->call.args[0], 0, IPC_RMID);
	(void)msgctl((int)r->call.args[0], IPC_RMID, NULL);
}

static void semaphore_sets_and_queues_are_named(void **state)
{
	static const struct scenario sem = {make_ipc, want_sem}, message = {make_ipc, want_message};
	struct rig r;

	(void)state;
	set_id = queue_id = -1;
	rig_start(&r, &sem, SYS_semtimedop);
	rig_match(&r, "call", r.said, "semtimedop([0-9]*, \\[{1, -1, SEM_UNDO}], 1, NULL)");
	rig_match(&r, "waits on", r.on, "semaphore 1 of set [0-9]*");
	drop_ipc(&r);
	rig_stop(&r);
	rig_start(&r, &message, SYS_msgrcv);
	rig_match(&r, "call", r.said, "msgrcv([0-9]*, 0x*, 8, 5, 0)");
	rig_match(&r, "waits on", r.on, "message queue [0-9]*");
	drop_ipc(&r);
	rig_stop(&r);
}

/* ---- the process goes away, or nothing can be read -------------------------------------------------------- */

static void a_process_that_is_gone_is_no_trouble(void **state)
{
	static const struct scenario asleep = {NULL, sleep_raw};
	struct rig r;

	(void)state;
	rig_start(&r, &asleep, SYS_nanosleep);
	(void)kill(r.child, SIGKILL);
	(void)waitpid(r.child, NULL, 0);
	rig_look(&r);
	assert_int_equal(fnmatch("nanosleep(0x*, NULL)", r.said, 0), 0);
	assert_string_equal(r.on, "timer");
	for (int64_t nr = -2; nr < 600; nr++) { /* any call, with nobody there */
		r.call.nr = nr;
		rig_look(&r);
	}
	remote_close(&r.memory);
	proc_close(&r.proc);
}

static void every_call_is_told_with_any_arguments(void **state)
{
	static const uint64_t values[] = {
		0, 1, 3, 0x7fffffff, UINT32_MAX, UINT64_MAX, 0x8000000000000000ull};
	struct proc self;
	struct remote memory;
	char out[RIG_TEXT];

	(void)state;
	assert_int_equal(proc_open(&self, getpid(), NULL), 0);
	remote_init(&memory, getpid());
	for (int64_t nr = 0; nr < 480; nr++)
		for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
			struct proc_syscall c = {.nr = nr};

			for (int k = 0; k < 6; k++)
				c.args[k] = values[(i + (size_t)k * (i % 3)) % 7];
			waits_syscall(&self, &memory, &c, out, sizeof out);
			assert_non_null(strchr(out, '('));
			assert_true(strlen(out) < sizeof out);
			waits_on(&self, &memory, &c, out, sizeof out);
			assert_true(strlen(out) < sizeof out);
			waits_syscall(&self, &memory, &c, out, 8);
			assert_true(strlen(out) < 8);
		}
	remote_close(&memory);
	proc_close(&self);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_tell_their_time),
		cmocka_unit_test(a_wait_names_the_child),
		cmocka_unit_test(signals_are_named),
		cmocka_unit_test(a_file_lock_names_its_holder),
		cmocka_unit_test(opening_a_fifo_waits_for_its_other_end),
		cmocka_unit_test(semaphore_sets_and_queues_are_named),
		cmocka_unit_test(a_process_that_is_gone_is_no_trouble),
		cmocka_unit_test(every_call_is_told_with_any_arguments),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
