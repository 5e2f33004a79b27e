/* prof/attach/stop_late: a thread that waits for a CPU longer than a stop may take. It is let go when it comes, whoever asks
 * for it again or not, and none of its calls answers EINTR: the child here sleeps for moments in io_getevents(), which would if
 * a signal is due when it has slept enough, and then waits for a CPU that another process takes most of. */
#include <errno.h>
#include <linux/aio_abi.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/stop.h"
#include "prof/base/clock.h"
#include "tests/unit/live_child.h"

#define STACK    65536u
#define NICE     10 /* a tenth of the other one's share */
#define SPIN_NS  INT64_C(5000)
#define NAP_NS   60000
#define LATE     20 /* that many of them have to be seen */
#define AT_MOST  INT64_C(60000000000)
#define PAUSE_NS 400000

static uint8_t stack[STACK];
static struct tally { /* shared with the child */
	_Atomic uint64_t turns, eintr;
} * tally;

static void nap_ns(long ns)
{
	const struct timespec t = {0, ns};

	nanosleep(&t, NULL);
}

/* ---- the scene ---- */

static void on_last_cpu(void)
{
	cpu_set_t set;
	int last = -1;

	if (sched_getaffinity(0, sizeof set, &set) != 0)
		return;
	for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET((unsigned)cpu, &set))
			last = cpu;
	CPU_ZERO(&set);
	CPU_SET((unsigned)last, &set);
	(void)sched_setaffinity(0, sizeof set, &set);
}

static int hog(int ready, int go, void *arg)
{
	(void)go;
	(void)arg;
	on_last_cpu();
	live_ready(ready);
	for (;;)
		continue;
	return 0;
}

static int spin_and_nap(int ready, int go, void *arg)
{
	const struct timespec nap = {0, NAP_NS};
	aio_context_t aio = 0;
	struct io_event e;

	(void)go;
	(void)arg;
	on_last_cpu();
	(void)setpriority(PRIO_PROCESS, 0, NICE);
	if (syscall(SYS_io_setup, 1, &aio) != 0)
		return 4;
	live_ready(ready);
	for (;;) {
		int64_t until = clock_mono_ns() + SPIN_NS;

		while (clock_mono_ns() < until)
			continue;
		if (syscall(SYS_io_getevents, aio, 1, 1, &e, &nap) < 0)
			atomic_fetch_add(&tally->eintr, 1);
		atomic_fetch_add(&tally->turns, 1);
	}
	return 0;
}

struct scene {
	struct live_child child, hog;
	int can_nap; /* io_setup() may be forbidden */
};

static int set_up(void **state)
{
	static struct scene s;

	tally = mmap(NULL, sizeof *tally, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		     0);
	if (tally == MAP_FAILED || live_start(&s.hog, hog, NULL) != 0)
		return -1;
	s.can_nap = live_start(&s.child, spin_and_nap, NULL) == 0;
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct scene *s = *state;

	live_end(&s->child);
	live_end(&s->hog);
	return munmap(tally, sizeof *tally);
}

static void need_nap(const struct scene *s)
{
	if (!s->can_nap) {
		print_message("no io_setup() here\n");
		skip();
	}
}

static struct stopper *hasty(void)
{
	const struct stop_options o = {.arrive_ns = 200000};
	struct err err = ERR_INIT;
	struct stopper *s = stopper_new(&o, &err);

	if (!s)
		fail_msg("%s", err.text);
	return s;
}

static enum stop_result ask(struct stopper *s, int pid)
{
	struct stop_copy c = {.tid = pid, .stack = stack, .size = STACK};
	struct err err = ERR_INIT;

	assert_int_equal(stop_and_copy(s, pid, &c, 1, &err), 0);
	if (c.result == STOP_DENIED) {
		stopper_free(s);
		print_message("may not trace here\n");
		skip();
	}
	/* Nobody but us looks at it. */
	assert_true(c.result == STOP_COPIED || c.result == STOP_BLOCKED || c.result == STOP_BUDGET);
	return c.result;
}

/* Runs on, and is nobody's. */
static int is_free(int pid)
{
	char path[64], line[256];
	int tracer = -1;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/status", pid);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof line, f))
		(void)sscanf(line, "TracerPid: %d", &tracer);
	if (f)
		(void)fclose(f);
	return tracer == 0;
}

static int comes_free(int pid)
{
	for (int i = 0; i < 3000; i++, nap_ns(1000000))
		if (is_free(pid))
			return 1;
	return 0;
}

/* ---- */

static void one_that_comes_late_is_copied_then(void **state)
{
	struct scene *s = *state;
	struct stopper *stopper;
	int64_t end = clock_mono_ns() + AT_MOST;
	int late = 0, copied = 0, waits = 0;

	need_nap(s);
	stopper = hasty();
	while ((late < LATE || copied == 0) && clock_mono_ns() < end) {
		enum stop_result r = ask(stopper, s->child.pid);

		late += r == STOP_BUDGET && !waits;
		waits = r == STOP_BUDGET;
		copied += r == STOP_COPIED;
		nap_ns(PAUSE_NS);
	}
	stopper_free(stopper);
	assert_true(late >= LATE);
	assert_true(copied > 0);
	assert_true(is_free(s->child.pid));
	assert_int_equal(atomic_load(&tally->eintr), 0);
}

static void one_that_nobody_asks_for_again_is_let_go(void **state)
{
	struct scene *s = *state;
	struct stopper *stopper;
	struct pause_stats stats;
	int64_t end = clock_mono_ns() + AT_MOST;
	int late = 0;

	need_nap(s);
	stopper = hasty();
	while (late < LATE && clock_mono_ns() < end) {
		if (ask(stopper, s->child.pid) == STOP_BUDGET) {
			late++;
			assert_true(comes_free(s->child.pid));
		}
		nap_ns(PAUSE_NS);
	}
	stopper_stats(stopper, &stats);
	stopper_free(stopper);
	assert_int_equal(late, LATE);
	assert_true(stats.n >= LATE);
	assert_int_equal(atomic_load(&tally->eintr), 0);
}

static void the_end_of_all_stops_waits_for_it(void **state)
{
	struct scene *s = *state;
	int64_t end = clock_mono_ns() + AT_MOST;
	int late = 0;

	need_nap(s);
	while (late < LATE && clock_mono_ns() < end) {
		struct stopper *stopper = hasty();

		late += ask(stopper, s->child.pid) == STOP_BUDGET;
		stopper_free(stopper);
		assert_true(is_free(s->child.pid));
		nap_ns(PAUSE_NS);
	}
	assert_int_equal(late, LATE);
	assert_true(atomic_load(&tally->turns) > 0);
	assert_int_equal(atomic_load(&tally->eintr), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_comes_late_is_copied_then, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(one_that_nobody_asks_for_again_is_let_go, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_end_of_all_stops_waits_for_it, set_up,
						tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
