/* prof/attach/watchdog, pauses: a stopper that hangs in a stop is killed, one that hangs elsewhere is not; the watchdog
 * sleeps in between and ends with us. Pauses are never told too short. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/pauses.h"
#include "prof/attach/proc.h"
#include "prof/attach/watchdog.h"
#include "tests/unit/live_child.h"

static void nap_us(long us)
{
	const struct timespec t = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&t, NULL);
}

static char state_of(int pid)
{
	struct proc p;
	struct proc_stat stat = {.state = '-'};

	if (proc_open(&p, pid, NULL) != 0)
		return '-';
	(void)proc_stat(&p, &stat);
	proc_close(&p);
	return stat.state;
}

static int comes_to(int pid, const char *states)
{
	for (int i = 0; i < LIVE_PATIENCE_MS; i++, nap_us(1000))
		if (strchr(states, state_of(pid)))
			return 1;
	return 0;
}

static uint64_t slices(int pid)
{
	struct proc_schedstat s = {0};
	struct proc p;

	assert_int_equal(proc_open(&p, pid, NULL), 0);
	assert_int_equal(proc_schedstat(&p, pid, &s), 0);
	proc_close(&p);
	return s.slices;
}

/* ---- pauses ---- */

static void pauses_are_never_told_too_short(void **state)
{
	static struct pauses p;
	struct pause_stats s;

	(void)state;
	pauses_stats(&p, &s);
	assert_int_equal(s.n + (uint64_t)(s.p50_ns + s.p99_ns + s.max_ns), 0);
	for (int64_t v = 1; v < INT64_C(1) << 39; v = v * 5 / 3 + 1) {
		memset(&p, 0, sizeof p);
		for (int i = 0; i < 98; i++)
			pauses_add(&p, v);
		pauses_add(&p, 3 * v);
		pauses_add(&p, 9 * v);
		pauses_stats(&p, &s);
		assert_int_equal(s.n, 100);
		assert_in_range(s.p50_ns, v, v + v / 32 + 1);
		assert_in_range(s.p99_ns, 3 * v, 3 * v + 3 * v / 32 + 1);
		assert_int_equal(s.max_ns, 9 * v);
	}
	pauses_add(&p, INT64_MAX);
	pauses_add(&p, -5);
	pauses_stats(&p, &s);
	assert_true(s.max_ns == INT64_MAX);
}

/* ---- the watchdog ---- */

static int hang(int ready, int go, void *arg)
{
	struct watchdog *w = watchdog_new(100000000, NULL);

	(void)go;
	if (!w)
		return 1;
	for (int i = 0; i < 3; i++) { /* short ones are nothing to it */
		if (watchdog_begin(w, NULL) != 0)
			return 1;
		watchdog_end(w);
		nap_us(i * 50000);
	}
	live_ready(ready);
	if (arg && watchdog_begin(w, NULL) != 0)
		return 1;
	raise(SIGSTOP);
	return 0;
}

static void who_hangs_in_a_stop_is_killed(void **state)
{
	struct live_child c = {0};
	int status;

	(void)state;
	assert_int_equal(live_start(&c, hang, (void *)1), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(c.ready);
	close(c.go);
}

static void who_hangs_elsewhere_is_not(void **state)
{
	struct live_child c = {0};

	(void)state;
	assert_int_equal(live_start(&c, hang, NULL), 0);
	assert_true(comes_to(c.pid, "T"));
	nap_us(500000);
	assert_int_equal(state_of(c.pid), 'T');
	live_end(&c);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* As when a machine stands still for a while: the watchdog does not run either. */
static int is_stalled(int ready, int go, void *arg)
{
	struct watchdog *w = watchdog_new(arg ? 100000000 : 500000000, NULL);
	int64_t to;

	(void)go;
	if (!w || watchdog_begin(w, NULL) != 0)
		return 1;
	nap_us(30000);
	kill(watchdog_pid(w), SIGSTOP);
	if (!comes_to(watchdog_pid(w), "T"))
		return 1;
	live_ready(ready);
	nap_us(900000);
	kill(watchdog_pid(w), SIGCONT);
	to = now_ns() + (arg ? 5000000000 : 40000000);
	while (now_ns() < to)
		nap_us(1000);
	watchdog_end(w);
	return 0;
}

static void a_machine_that_stood_still_is_not_who_hangs(void **state)
{
	struct live_child c = {0};
	int status;

	(void)state;
	assert_int_equal(live_start(&c, is_stalled, NULL), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(c.ready);
	close(c.go);
}

static void but_it_does_not_stand_still_for_ever(void **state)
{
	struct live_child c = {0};
	int status;

	(void)state;
	assert_int_equal(live_start(&c, is_stalled, (void *)1), 0);
	assert_int_equal(waitpid(c.pid, &status, 0), c.pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(c.ready);
	close(c.go);
}

static void it_sleeps_when_nothing_is_stopped_and_is_replaced_when_killed(void **state)
{
	struct watchdog *w = watchdog_new(100000000, NULL);
	int first;
	uint64_t before;

	(void)state;
	assert_non_null(w);
	first = watchdog_pid(w);
	assert_int_equal(watchdog_begin(w, NULL), 0);
	watchdog_end(w);
	assert_int_equal(live_wait_in(first, SYS_read, 1), 0); /* it looks on for a while */
	before = slices(first);
	nap_us(200000);
	assert_int_equal(slices(first), before);
	kill(first, SIGKILL);
	assert_true(comes_to(first, "Z-"));
	assert_int_equal(watchdog_begin(w, NULL), 0);
	assert_int_not_equal(watchdog_pid(w), first);
	assert_true(state_of(watchdog_pid(w)) != 'Z');
	watchdog_end(w);
	first = watchdog_pid(w);
	watchdog_free(w);
	assert_int_equal(state_of(first), '-');
	watchdog_free(NULL);
}

static int have_watchdog(int ready, int go, void *arg)
{
	struct watchdog *w = watchdog_new(100000000, NULL);

	(void)go;
	(void)arg;
	if (!w || write(ready, &(int){watchdog_pid(w)}, sizeof(int)) != sizeof(int))
		return 1;
	for (;;)
		pause();
	return 0;
}

static void it_ends_with_us(void **state)
{
	struct live_child c = {0};
	int pid = 0, up[2];

	(void)state;
	assert_int_equal(pipe(up), 0);
	c.pid = fork();
	if (c.pid == 0)
		_exit(have_watchdog(up[1], -1, NULL));
	assert_int_equal(read(up[0], &pid, sizeof pid), sizeof pid);
	assert_int_equal(kill(pid, 0), 0);
	kill(c.pid, SIGKILL);
	waitpid(c.pid, NULL, 0);
	assert_true(comes_to(pid, "-Z"));
	close(up[0]);
	close(up[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pauses_are_never_told_too_short),
		cmocka_unit_test(who_hangs_in_a_stop_is_killed),
		cmocka_unit_test(who_hangs_elsewhere_is_not),
		cmocka_unit_test(a_machine_that_stood_still_is_not_who_hangs),
		cmocka_unit_test(but_it_does_not_stand_still_for_ever),
		cmocka_unit_test(it_sleeps_when_nothing_is_stopped_and_is_replaced_when_killed),
		cmocka_unit_test(it_ends_with_us),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
