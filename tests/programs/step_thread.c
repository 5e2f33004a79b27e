/* Stepped by test_unwind_step: a thread from its first instruction to its last, and who made it. */
#include <pthread.h>
#include <signal.h>

static volatile long sink;

static __attribute__((noinline)) long leaf(long a)
{
	return a * 3 + 1;
}

static void cleanup(void *p)
{
	sink += leaf((long)p);
}

static void *work(void *p)
{
	pthread_cleanup_push(cleanup, p);
	sink += leaf((long)p);
	if (sink)
		pthread_exit(NULL); /* by forced unwinding */
	pthread_cleanup_pop(0);
	return NULL;
}

static void run_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, work, (void *)5) == 0)
		pthread_join(thread, NULL);
}

int main(void)
{
	run_thread(); /* loads libgcc for pthread_exit: that would be most of the steps */
	raise(SIGSTOP);
	run_thread();
	raise(SIGSTOP);
	return 0;
}
