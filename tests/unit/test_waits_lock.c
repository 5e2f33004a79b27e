/* Which lock a sleeping thread waits for, and who holds it: real children with a thread that sleeps in each kind of lock that
 * glibc has. */
#include <fcntl.h>
#include <linux/futex.h>
#include <semaphore.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "tests/unit/waits_rig.h"

#define HELD_BY_MAIN "held by thread [0-9]* (holder)"

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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
