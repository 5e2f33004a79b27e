/* prof/attach/snap, stop, watchdog, blocked without memory: the n-th allocation fails, for each n: an error is told or the
 * snap is whole, nothing leaks, the target runs on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <time.h>

#include <cmocka.h>

#include "prof/attach/snap.h"
#include "tests/fault/fault.h"
#include "tests/unit/live_child.h"

static void *spin(void *arg)
{
	volatile uint64_t n = 0;

	(void)arg;
	for (;;)
		n++;
	return NULL;
}

static int two_threads(int ready, int go, void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, spin, NULL) != 0)
		return 1;
	return live_pause(ready, go, arg);
}

static char state_of(const struct proc *p, int tid)
{
	struct proc_stat s = {.state = '-'};

	(void)proc_task_stat(p, tid, &s);
	return s.state;
}

static void a_snap_without_memory_harms_nobody(void **state)
{
	const struct timespec moment = {0, 1000000};
	struct live_child c = {0};
	struct proc p;
	int denied = 0, done = 0;

	(void)state;
	assert_int_equal(live_start(&c, two_threads, NULL), 0);
	assert_int_equal(proc_open(&p, c.pid, NULL), 0);
	for (size_t n = 1; !done; n++) {
		struct module_set *set = module_set_new("");
		struct attach_space *space = attach_space_new(set, &p);
		struct snap_options o = {0};
		struct err err = ERR_INIT;
		struct snap s;
		int rc;

		assert_non_null(space);
		fault_arm(n);
		rc = snap_take(&s, &p, space, &o, &err);
		done = !fault_fired();
		fault_disarm();
		if (rc == 0) {
			assert_int_equal(s.n, 2);
			for (uint32_t i = 0; i < s.n; i++)
				assert_true(s.threads[i].n_frames > 0 || s.threads[i].why);
			snap_release(&s);
		} else {
			assert_int_equal(rc, ERR_NOMEM);
			assert_true(err.text[0] != '\0');
			assert_null(s.threads);
			denied++;
		}
		attach_space_free(space);
		module_set_free(set);
		for (int i = 0; i < 30000 && state_of(&p, c.pid) != 'S'; i++)
			nanosleep(&moment, NULL);
		assert_int_equal(state_of(&p, c.pid), 'S');
		assert_true(n < 10000);
	}
	print_message("%d times refused\n", denied);
	assert_true(denied > 3);
	proc_close(&p);
	live_end(&c);
}

static void a_stopper_without_memory_is_refused(void **state)
{
	struct stop_options o = {0};
	struct stopper *s = NULL;
	int refused = 0;

	(void)state;
	for (size_t n = 1; !s; n++) {
		struct err err = ERR_INIT;

		fault_arm(n);
		s = stopper_new(&o, &err);
		refused += s == NULL && err.code == ERR_NOMEM;
		fault_disarm();
		assert_true(n < 100);
	}
	stopper_free(s);
	assert_true(refused >= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_snap_without_memory_harms_nobody),
		cmocka_unit_test(a_stopper_without_memory_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
