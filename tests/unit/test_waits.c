/* What sleeping threads wait for: real children, a thread of which sleeps in each kind of lock, timer, child, signal. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/unit/waits_rig.h"

#define HELD_BY_MAIN "held by thread [0-9]* (holder)"

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

/* ---- mutexes --------------------------------------------------------------------------------------- */

static pthread_mutex_t mutex;
static int mutex_type, mutex_robust, mutex_protocol, mutex_shared;

static void hold_mutex(void)
{
	pthread_mutexattr_t a;

	(void)pthread_mutexattr_init(&a);
	(void)pthread_mutexattr_settype(&a, mutex_type);
	(void)pthread_mutexattr_setrobust(&a, mutex_robust);
	(void)pthread_mutexattr_setprotocol(&a, mutex_protocol);
	(void)pthread_mutexattr_setpshared(&a, mutex_shared);
	(void)pthread_mutex_init(&mutex, &a);
	(void)pthread_mutex_lock(&mutex);
}

static void lock_mutex(void)
{
	(void)pthread_mutex_lock(&mutex);
}

static void lock_mutex_timed(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 1000;
	(void)pthread_mutex_timedlock(&mutex, &t);
}

static const struct scenario on_mutex = {hold_mutex, lock_mutex};

static void mutex_case(int type, int robust, int protocol, const char *said)
{
	mutex_type = type;
	mutex_robust = robust;
	mutex_protocol = protocol;
	rig_case(&on_mutex, SYS_futex, said, "mutex 0x[0-9a-f]* " HELD_BY_MAIN);
}

static void every_kind_of_mutex_names_its_holder(void **state)
{
	(void)state;
	mutex_shared = PTHREAD_PROCESS_PRIVATE;
	mutex_case(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
		   "futex(0x[0-9a-f]*, FUTEX_WAIT_PRIVATE, 2, NULL)");
	mutex_case(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
		   "futex(*, FUTEX_WAIT_PRIVATE, 2, NULL)");
	mutex_case(PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
		   "futex(*, FUTEX_WAIT_PRIVATE, 2, NULL)");
	mutex_case(PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_NONE,
		   "futex(*, FUTEX_WAIT_PRIVATE, 2, NULL)");
	mutex_case(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE,
		   "futex(*, FUTEX_WAIT, 0x8*, NULL)");
	mutex_case(PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_NONE,
		   "futex(*, FUTEX_WAIT, 0x8*, NULL)");
	mutex_case(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_STALLED, PTHREAD_PRIO_INHERIT,
		   "futex(*, FUTEX_LOCK_PI*_PRIVATE, *, NULL)");
	mutex_case(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_ROBUST, PTHREAD_PRIO_INHERIT,
		   "futex(*, FUTEX_LOCK_PI*, *, NULL)");
}

static void a_lock_with_a_time_limit_is_a_mutex_too(void **state)
{
	static const struct scenario s = {hold_mutex, lock_mutex_timed};

	(void)state;
	mutex_type = PTHREAD_MUTEX_NORMAL;
	mutex_robust = mutex_protocol = 0;
	rig_case(&s, SYS_futex,
		 "futex(*, FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME, 2, at [0-9]*.[0-9]*, "
		 "NULL, "
		 "FUTEX_BITSET_MATCH_ANY)",
		 "mutex 0x* " HELD_BY_MAIN);
}

static pthread_mutex_t *shared_mutex;

static void hold_elsewhere(void)
{
	pthread_mutexattr_t a;
	int ready[2];
	char c;

	shared_mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)pthread_mutexattr_init(&a);
	(void)pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	(void)pthread_mutex_init(shared_mutex, &a);
	if (pipe(ready))
		_exit(1);
	if (fork() == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)prctl(PR_SET_NAME, "elsewhere");
		(void)pthread_mutex_lock(shared_mutex);
		(void)!write(ready[1], "x", 1);
		(void)alarm(60);
		for (;;)
			(void)pause();
	}
	(void)!read(ready[0], &c, 1);
}

static void lock_shared(void)
{
	(void)pthread_mutex_lock(shared_mutex);
}

static void a_shared_mutex_names_a_holder_in_another_process(void **state)
{
	static const struct scenario s = {hold_elsewhere, lock_shared};

	(void)state;
	rig_case(&s, SYS_futex, "futex(*, FUTEX_WAIT, 2, NULL)",
		 "mutex 0x* held by thread [0-9]* (elsewhere) of process [0-9]*");
}

/* ---- other locks ---------------------------------------------------------------------------------- */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;

static void hold_for_writing(void)
{
	(void)pthread_rwlock_wrlock(&rwlock);
}
static void hold_for_reading(void)
{
	(void)pthread_rwlock_rdlock(&rwlock);
	(void)pthread_rwlock_rdlock(&rwlock);
}
static void want_to_read(void)
{
	(void)pthread_rwlock_rdlock(&rwlock);
}
static void want_to_write(void)
{
	(void)pthread_rwlock_wrlock(&rwlock);
}

static void a_rwlock_names_its_writer_or_counts_its_readers(void **state)
{
	static const struct scenario cases[] = {
		{hold_for_writing, want_to_read},
		{hold_for_writing, want_to_write},
		{hold_for_reading, want_to_write},
	};

	(void)state;
	rig_case(&cases[0], SYS_futex, "futex(*)", "rwlock 0x* " HELD_BY_MAIN);
	rig_case(&cases[1], SYS_futex, "futex(*)", "rwlock 0x* " HELD_BY_MAIN);
	rig_case(&cases[2], SYS_futex, "futex(*)", "rwlock 0x* held by 2 readers");
}

static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t cond_mutex = PTHREAD_MUTEX_INITIALIZER;

static void wait_for_cond(void)
{
	(void)pthread_mutex_lock(&cond_mutex);
	for (;;)
		(void)pthread_cond_wait(&cond, &cond_mutex);
}

static void wait_for_cond_again(void)
{
	struct timespec t;

	(void)pthread_mutex_lock(&cond_mutex);
	for (int i = 0; i < 3; i++) { /* through both groups of waiters */
		(void)clock_gettime(CLOCK_REALTIME, &t);
		t.tv_sec += i < 2 ? 0 : 1000;
		(void)pthread_cond_timedwait(&cond, &cond_mutex, &t);
	}
}

static void a_condition_variable_is_told(void **state)
{
	static const struct scenario s = {NULL, wait_for_cond}, again = {NULL, wait_for_cond_again};

	(void)state;
	rig_case(&s, SYS_futex, "futex(*, FUTEX_WAIT_BITSET_PRIVATE*)", "condition variable 0x*");
	rig_case(&again, SYS_futex, "futex(*)", "condition variable 0x*");
}

static pthread_t sleeper;

static void *sleep_long(void *unused)
{
	(void)unused;
	(void)pthread_setname_np(pthread_self(), "sleeper");
	while (pause())
		;
	return NULL;
}
static void start_sleeper(void)
{
	(void)pthread_create(&sleeper, NULL, sleep_long, NULL);
}
static void join_sleeper(void)
{
	(void)pthread_join(sleeper, NULL);
}

static void a_join_names_the_thread(void **state)
{
	static const struct scenario s = {start_sleeper, join_sleeper};
	const struct timespec moment = {.tv_nsec = 20000000};
	struct rig r;

	(void)state;
	rig_start(&r, &s, SYS_futex);
	for (int i = 0; i < 200 && !strstr(r.on, "(sleeper)"); i++) { /* it names itself */
		(void)nanosleep(&moment, NULL);
		rig_look(&r);
	}
	rig_match(&r, "waits on", r.on, "thread [0-9]* (sleeper) to end");
	rig_stop(&r);
}

static void hold_stream(void)
{
	flockfile(stderr);
}
static void write_to_stream(void)
{
	(void)fputc('x', stderr);
}

static void a_stream_lock_names_its_holder(void **state)
{
	static const struct scenario s = {hold_stream, write_to_stream};

	(void)state;
	rig_case(&s, SYS_futex, "futex(*, FUTEX_WAIT_PRIVATE, 2, NULL)",
		 "stream lock 0x* " HELD_BY_MAIN);
}

/* What looks like a lock, but its owner is nobody. */
static struct {
	int lock;
	unsigned count;
	int owner;
	unsigned users;
	int kind, rest[5];
} fake;

static void fill_fake(void)
{
	fake.lock = 2;
	fake.owner = 0x3ffffff0;
	fake.users = 1;
}
static void wait_for_fake(void)
{
	(void)syscall(SYS_futex, &fake.lock, FUTEX_WAIT_PRIVATE, 2, NULL);
}
static int plain_word[16];
static void wait_for_word(void)
{
	(void)syscall(SYS_futex, &plain_word[8], FUTEX_WAIT, 0, NULL);
}
static sem_t semaphore;
static void wait_for_semaphore(void)
{
	(void)sem_wait(&semaphore);
}

static void what_is_not_certain_is_a_futex(void **state)
{
	static const struct scenario cases[] = {
		{fill_fake, wait_for_fake},
		{NULL, wait_for_word},
		{NULL, wait_for_semaphore},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		rig_case(&cases[i], SYS_futex, "futex(*)", "futex 0x[0-9a-f]*");
}

static int *first_of_page;
static void make_first_of_page(void)
{
	char *p = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)munmap(p, 4096);
	first_of_page = (int *)(void *)(p + 4096);
	*(pthread_mutex_t *)(void *)first_of_page = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	(void)pthread_mutex_lock((pthread_mutex_t *)(void *)first_of_page);
}
static void lock_first_of_page(void)
{
	(void)pthread_mutex_lock((pthread_mutex_t *)(void *)first_of_page);
}

static void a_lock_at_the_beginning_of_memory_is_read(void **state)
{
	static const struct scenario s = {make_first_of_page, lock_first_of_page};

	(void)state;
	rig_case(&s, SYS_futex, "futex(0x*000, *)", "mutex 0x*000 " HELD_BY_MAIN);
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
	struct rig r;

	(void)state;
	mutex_type = mutex_robust = mutex_protocol = 0;
	rig_start(&r, &on_mutex, SYS_futex);
	(void)kill(r.child, SIGKILL);
	(void)waitpid(r.child, NULL, 0);
	rig_look(&r);
	assert_int_equal(fnmatch("futex(0x*, FUTEX_WAIT_PRIVATE, 2, NULL)", r.said, 0), 0);
	assert_int_equal(fnmatch("futex 0x*", r.on, 0), 0);
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
		cmocka_unit_test(every_kind_of_mutex_names_its_holder),
		cmocka_unit_test(a_lock_with_a_time_limit_is_a_mutex_too),
		cmocka_unit_test(a_shared_mutex_names_a_holder_in_another_process),
		cmocka_unit_test(a_rwlock_names_its_writer_or_counts_its_readers),
		cmocka_unit_test(a_condition_variable_is_told),
		cmocka_unit_test(a_join_names_the_thread),
		cmocka_unit_test(a_stream_lock_names_its_holder),
		cmocka_unit_test(what_is_not_certain_is_a_futex),
		cmocka_unit_test(a_lock_at_the_beginning_of_memory_is_read),
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
