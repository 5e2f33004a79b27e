/* prof/attach/snap: all threads of a process, each once, sleeping ones without a stop; many threads, threads that come
 * and go, processes that end; what is left out says why. */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/snap.h"
#include "prof/base/clock.h"
#include "tests/unit/live_child.h"

struct rig {
	struct live_child child;
	struct proc p;
	struct module_set *set;
	struct attach_space *space;
};

static void nap_us(long us)
{
	const struct timespec t = {us / 1000000, us % 1000000 * 1000};

	nanosleep(&t, NULL);
}

static void rig_open(struct rig *r, int (*body)(int, int, void *), void *arg)
{
	memset(r, 0, sizeof *r);
	assert_int_equal(live_start(&r->child, body, arg), 0);
	assert_int_equal(proc_open(&r->p, r->child.pid, NULL), 0);
	r->set = module_set_new("");
	assert_non_null(r->set);
	r->space = attach_space_new(r->set, &r->p);
	assert_non_null(r->space);
}

static void rig_close(struct rig *r)
{
	attach_space_free(r->space);
	module_set_free(r->set);
	proc_close(&r->p);
	live_end(&r->child);
}

static void take(struct rig *r, struct snap *s, const struct snap_options *o)
{
	struct err err = ERR_INIT;

	if (snap_take(s, &r->p, r->space, o, &err) != 0)
		fail_msg("%s", err.text);
}

/* ---- bodies ---- */

static void *sleeper(void *arg)
{
	char name[16];

	(void)snprintf(name, sizeof name, "sleeper %d", (int)(intptr_t)arg);
	prctl(PR_SET_NAME, name);
	for (;;)
		pause();
	return NULL;
}

static int64_t own_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static _Atomic int spinning;

static void *spinner(void *arg)
{
	volatile uint64_t n = 0;

	(void)arg;
	prctl(PR_SET_NAME, "spinner");
	while (own_cpu_ns() < 10000000) /* the kernel counts by ticks */
		n++;
	atomic_fetch_add(&spinning, 1);
	for (;;)
		n++;
	return NULL;
}

static int start_threads(void *(*body)(void *), int n)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (intptr_t i = 0; i < n; i++)
		if (pthread_create(&t, &attr, body, (void *)i) != 0)
			return -1;
	return 0;
}

static int mixed(int ready, int go, void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, "the main one");
	if (start_threads(sleeper, 5) != 0 || start_threads(spinner, 3) != 0)
		return 1;
	while (atomic_load(&spinning) < 3)
		nap_us(1000);
	return live_pause(ready, go, NULL);
}

static int crowd(int ready, int go, void *arg)
{
	(void)arg;
	if (start_threads(sleeper, *(int *)arg) != 0)
		return 1;
	return live_pause(ready, go, NULL);
}

static void *moment(void *arg)
{
	nap_us(200);
	return arg;
}

static int churn(int ready, int go, void *arg)
{
	(void)go;
	(void)arg;
	for (int round = 0;; round++) {
		pthread_t t[200];

		for (int i = 0; i < 200; i++)
			if (pthread_create(&t[i], NULL, moment, NULL) != 0)
				return 1;
		if (round == 0)
			live_ready(ready);
		for (int i = 0; i < 200; i++)
			pthread_join(t[i], NULL);
	}
	return 0;
}

static __attribute__((noinline)) int deep(int n)
{
	volatile int local[4] = {n};

	if (n > 0)
		return deep(n - 1) + local[0];
	while (local[0] == 0)
		pause();
	return 1;
}

static int deep_sleep(int ready, int go, void *arg)
{
	(void)go;
	live_ready(ready);
	return deep(*(int *)arg);
}

static int main_ends(int ready, int go, void *arg)
{
	(void)go;
	(void)arg;
	if (start_threads(sleeper, 1) != 0)
		return 1;
	live_ready(ready);
	syscall(SYS_exit, 0); /* only this thread */
	return 0;
}

/* ---- tests ---- */

/* All are where they stay: so many of its threads wait in pause(). */
static void come_to_rest(const struct rig *r, int n)
{
	assert_int_equal(live_wait_in(r->child.pid, SYS_pause, n), 0);
}

static void each_thread_is_there_once(void **state)
{
	struct snap_options o = {0};
	struct rig r;
	struct snap s;
	uint32_t spinners = 0, sleepers = 0, stopped = 0;

	(void)state;
	rig_open(&r, mixed, NULL);
	come_to_rest(&r, 6);
	take(&r, &s, &o);
	assert_int_equal(s.pid, r.child.pid);
	assert_int_equal(s.n, 9);
	assert_int_equal(s.threads[0].tid, r.child.pid);
	assert_string_equal(s.threads[0].name, "the main one");
	assert_true(s.at_ns > 0 && s.took_ns > 0);
	for (uint32_t i = 0; i < s.n; i++) {
		const struct snap_thread *t = &s.threads[i];

		assert_true(i < 2 || t->tid > s.threads[i - 1].tid);
		assert_int_equal(t->ns_tid, t->tid);
		stopped += t->how == SNAP_STOPPED;
		if (strcmp(t->name, "spinner") == 0) {
			spinners++;
			assert_int_equal(t->state, PROFILE_RUNNING);
			assert_true(t->cpu_ns > 0);
			if (t->how == SNAP_NONE)
				assert_non_null(t->why);
			else
				assert_true(t->n_frames > 0);
			continue;
		}
		sleepers += strncmp(t->name, "sleeper ", 8) == 0;
		assert_int_equal(t->how, SNAP_BLOCKED);
		assert_int_equal(t->pause_ns, 0);
		assert_int_equal(t->torn, 0);
		assert_int_equal(t->end, UNWIND_ROOT);
		assert_int_equal(t->call.nr, SYS_pause);
		assert_string_equal(t->syscall, "pause()");
		assert_true(t->n_frames >= 3);
	}
	assert_int_equal(spinners, 3);
	assert_int_equal(sleepers, 5);
	assert_true(s.pause.n >= stopped);
	snap_release(&s);
	snap_release(&s);
	rig_close(&r);
}

static void nobody_is_stopped_if_so_told(void **state)
{
	struct snap_options o = {.nonblocking = 1};
	struct rig r;
	struct snap s;

	(void)state;
	rig_open(&r, mixed, NULL);
	come_to_rest(&r, 6);
	for (int i = 0; i < 5; i++) {
		take(&r, &s, &o);
		assert_int_equal(s.n, 9);
		assert_int_equal(s.pause.n, 0);
		for (uint32_t k = 0; k < s.n; k++) {
			assert_int_equal(s.threads[k].pause_ns, 0);
			assert_int_not_equal(s.threads[k].how, SNAP_STOPPED);
			assert_true(s.threads[k].how != SNAP_NONE || s.threads[k].why);
		}
		snap_release(&s);
	}
	rig_close(&r);
}

/* A stopper of the caller's counts on from snap to snap. */
static void a_stopper_can_be_lent(void **state)
{
	struct stop_options stops = {0};
	struct snap_options o = {.stopper = stopper_new(&stops, NULL)};
	struct pause_stats stats;
	struct rig r;
	struct snap s;

	(void)state;
	assert_non_null(o.stopper);
	rig_open(&r, mixed, NULL);
	come_to_rest(&r, 6);
	for (int i = 0; i < 3; i++) {
		take(&r, &s, &o);
		stopper_stats(o.stopper, &stats);
		assert_int_equal(s.pause.n, stats.n);
		snap_release(&s);
	}
	rig_close(&r);
	stopper_free(o.stopper);
}

static void deep_stacks_keep_the_leaf_end(void **state)
{
	int depth = 1500;
	struct snap_options o = {.max_frames = 100};
	struct rig r;
	struct snap s;
	uint64_t leaf;

	(void)state;
	rig_open(&r, deep_sleep, &depth);
	come_to_rest(&r, 1);
	take(&r, &s, &o);
	assert_int_equal(s.threads[0].n_frames, 100);
	assert_int_equal(s.threads[0].end, UNWIND_DEPTH);
	leaf = s.threads[0].addresses[0];
	snap_release(&s);
	o.max_frames = 0;
	take(&r, &s, &o);
	assert_true(s.threads[0].n_frames > 1500);
	assert_int_equal(s.threads[0].end, UNWIND_ROOT);
	assert_true(s.threads[0].addresses[0] == leaf);
	snap_release(&s);
	rig_close(&r);
}

static void five_thousand_threads(void **state)
{
	int n = 5000;
	struct rlimit limit;
	struct snap_options o = {0};
	struct rig r;
	struct snap s;

	(void)state;
	if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur < 6000)
		n = 500;
	rig_open(&r, crowd, &n);
	come_to_rest(&r, n + 1);
	for (int round = 0; round < 2; round++) {
		uint32_t whole = 0;

		take(&r, &s, &o);
		assert_int_equal(s.n, n + 1);
		for (uint32_t i = 0; i < s.n; i++)
			whole += s.threads[i].how == SNAP_BLOCKED &&
				 s.threads[i].end == UNWIND_ROOT && !s.threads[i].torn;
		print_message("%u threads in %lld ms\n", s.n, (long long)s.took_ns / 1000000);
		assert_int_equal(whole, n + 1);
		assert_int_equal(s.pause.n, 0);
		snap_release(&s);
	}
	rig_close(&r);
}

static void threads_come_and_go(void **state)
{
	struct snap_options o = {0};
	struct rig r;
	struct snap s;

	(void)state;
	rig_open(&r, churn, NULL);
	for (int round = 0; round < 20; round++) {
		take(&r, &s, &o);
		assert_true(s.n >= 1);
		assert_int_equal(s.threads[0].tid, r.child.pid);
		for (uint32_t i = 0; i < s.n; i++) {
			const struct snap_thread *t = &s.threads[i];

			assert_true(t->tid > 0);
			assert_true(i < 2 || t->tid > s.threads[i - 1].tid);
			assert_true(t->how != SNAP_NONE || t->why);
		}
		snap_release(&s);
	}
	assert_int_equal(waitpid(r.child.pid, NULL, WNOHANG), 0);
	rig_close(&r);
}

static void a_main_thread_that_ended_is_said_to_have(void **state)
{
	struct proc_stat stat = {.state = 0};
	struct snap_options o = {0};
	struct rig r;
	struct snap s;

	(void)state;
	rig_open(&r, main_ends, NULL);
	come_to_rest(&r, 1);
	for (int i = 0; i < LIVE_PATIENCE_MS && stat.state != 'Z'; i++, live_nap())
		assert_int_equal(proc_stat(&r.p, &stat), 0);
	take(&r, &s, &o);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.threads[0].letter, 'Z');
	assert_int_equal(s.threads[0].how, SNAP_NONE);
	assert_non_null(s.threads[0].why);
	assert_int_equal(s.threads[1].how, SNAP_BLOCKED);
	snap_release(&s);
	rig_close(&r);
}

static void a_process_that_ended_is_not_found(void **state)
{
	struct snap_options o = {0};
	struct err err = ERR_INIT;
	struct rig r;
	struct snap s;

	(void)state;
	rig_open(&r, live_pause, NULL);
	kill(r.child.pid, SIGKILL);
	assert_int_equal(waitpid(r.child.pid, NULL, 0), r.child.pid);
	r.child.pid = 0;
	assert_int_equal(snap_take(&s, &r.p, r.space, &o, &err), ERR_NOTFOUND);
	assert_true(strlen(err.text) > 0);
	assert_int_equal(s.n, 0);
	rig_close(&r);
}

static void who_may_not_look_is_told_why(void **state)
{
	struct snap_options o = {0};
	struct err err = ERR_INIT;
	struct rig r;
	struct snap s;

	(void)state;
	if (geteuid() != 0) {
		print_message("needs to become another user\n");
		skip();
	}
	rig_open(&r, live_pause, NULL);
	assert_int_equal(seteuid(65534), 0);
	assert_int_equal(snap_take(&s, &r.p, r.space, &o, &err), ERR_DENIED);
	assert_int_equal(seteuid(0), 0);
	assert_true(strlen(err.text) > 20);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_thread_is_there_once),
		cmocka_unit_test(nobody_is_stopped_if_so_told),
		cmocka_unit_test(a_stopper_can_be_lent),
		cmocka_unit_test(deep_stacks_keep_the_leaf_end),
		cmocka_unit_test(five_thousand_threads),
		cmocka_unit_test(threads_come_and_go),
		cmocka_unit_test(a_main_thread_that_ended_is_said_to_have),
		cmocka_unit_test(a_process_that_ended_is_not_found),
		cmocka_unit_test(who_may_not_look_is_told_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
