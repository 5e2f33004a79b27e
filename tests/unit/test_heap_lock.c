/* The tracker's locks: one at a time, no wake-up lost for good, none held by a thread that is gone. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "prof/heap/core.h"

static heap_lock lock;
static uint64_t counted;

static void *count_up(void *arg)
{
	for (int i = 0; i < 200000; i++) {
		heap_lock_take(&lock);
		counted++;
		if (i % 50000 == 0)
			usleep(1500); /* the others come to wait by futex */
		heap_lock_give(&lock);
	}
	return arg;
}

static void a_lock_lets_one_in_at_a_time(void **state)
{
	pthread_t threads[4];

	(void)state;
	heap_threads_many();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counted, 800000);
	assert_int_equal(lock.held, 0);
}

static void *give_back(void *arg)
{
	usleep(20000);
	atomic_store(&lock.held, 0); /* as if the look at `waiting` had come too early */
	return arg;
}

static void a_wake_up_that_is_missed_is_made_up_for(void **state)
{
	pthread_t thread;

	(void)state;
	heap_threads_many();
	heap_lock_take(&lock);
	assert_int_equal(pthread_create(&thread, NULL, give_back, NULL), 0);
	heap_lock_take(&lock);
	heap_lock_give(&lock);
	pthread_join(thread, NULL);
}

static void *take_and_go(void *arg)
{
	heap_lock_take_as(arg, heap_lock_id(gettid()));
	return NULL;
}

static void a_thread_that_is_gone_holds_nothing_for_ever(void **state)
{
	pthread_t thread;

	(void)state;
	heap_threads_many();
	assert_int_equal(pthread_create(&thread, NULL, take_and_go, &lock), 0);
	pthread_join(thread, NULL);
	assert_int_not_equal(lock.held, 0);
	heap_lock_take_as(&lock, heap_lock_id(gettid()));
	assert_int_equal(lock.held, heap_lock_id(gettid()));
	heap_lock_give(&lock);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lock_lets_one_in_at_a_time),
		cmocka_unit_test(a_wake_up_that_is_missed_is_made_up_for),
		cmocka_unit_test(a_thread_that_is_gone_holds_nothing_for_ever),
	};

	return cmocka_run_group_tests_name("heap lock", tests, NULL, NULL);
}
