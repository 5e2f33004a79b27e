/* Stages with memory of known size, each by a name of its own:
 *   outer    all below it, by this thread and by one that adopts it
 *   flood    30,000 of 10 bytes each, too many for rows of their own
 *   ended    ended by another thread; what is allocated after that raises no peak of it
 *   handler  begun and ended in a signal handler, wherever that comes
 *   low      begun while little is live, while another thread is at its highest
 *   early    (late) ended, and its row long written, when the thread that has adopted it does its 1,000 of 1,000 bytes
 *            and 100 ms of work; "around" is around it */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "protea-prof.h"

static volatile sig_atomic_t handled;
static pthread_barrier_t meet;

__attribute__((noinline)) static void *block(size_t bytes)
{
	void *p = malloc(bytes);

	__asm__ volatile("" : "+r"(p));
	if (!p)
		abort();
	return p;
}

static void *adopter(void *token)
{
	pp_stage_adopt(*(pp_token *)token);
	free(block(50000));
	pp_stage_adopt_end();
	free(block(77)); /* nobody's */
	return NULL;
}

static void *late_adopter(void *token)
{
	struct timespec now, end;

	pp_stage_adopt(*(pp_token *)token);
	usleep(2500000);
	for (int i = 0; i < 1000; i++)
		free(block(1000));
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	end.tv_nsec += 100000000;
	do {
		for (volatile int i = 0; i < 100000; i++)
			;
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	} while ((now.tv_sec - end.tv_sec) * 1000000000 + now.tv_nsec < end.tv_nsec);
	pp_stage_adopt_end();
	return NULL;
}

static void come_late(void)
{
	pp_stage around = pp_stage_begin("around"), early = pp_stage_begin("early");
	pp_token token = pp_stage_token();
	pthread_t thread;

	if (pthread_create(&thread, NULL, late_adopter, &token))
		abort();
	pp_stage_end(&early);
	pp_stage_end(&around);
	pthread_join(thread, NULL);
}

static void *ender(void *stage)
{
	pp_stage_end(stage);
	return NULL;
}

static void *high(void *arg)
{
	void *p = block(5000000);

	(void)arg;
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	free(p);
	pthread_barrier_wait(&meet);
	return NULL;
}

static void on_signal(int signo)
{
	pp_stage s = pp_stage_begin("handler");

	(void)signo;
	handled++;
	pp_stage_end(&s);
}

static void in_thread(void *(*run)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, run, arg))
		abort();
	pthread_join(t, NULL);
}

static void low_beside_high(void)
{
	pthread_t t;
	pp_stage s, low;

	pthread_barrier_init(&meet, NULL, 2);
	if (pthread_create(&t, NULL, high, NULL))
		abort();
	pthread_barrier_wait(&meet);
	s = pp_stage_begin("beside high");
	pp_stage_end(&s);
	low = pp_stage_begin("low, then high's end");
	pthread_barrier_wait(&meet);
	pthread_barrier_wait(&meet);
	s = pp_stage_begin("after high");
	free(block(1000));
	pp_stage_end(&s);
	pp_stage_end(&low);
	pthread_join(t, NULL);
}

/* Stages and allocations, and a handler with stages of its own in the middle of them. */
static void interrupted(void)
{
	struct itimerval every = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};

	(void)signal(SIGALRM, on_signal);
	(void)setitimer(ITIMER_REAL, &every, NULL);
	while (handled < 200) {
		pp_stage s = pp_stage_begin("interrupted");

		free(block(64));
		pp_stage_end(&s);
	}
	(void)setitimer(ITIMER_REAL, &never, NULL);
}

int main(int argc, char **argv)
{
	pp_stage outer = pp_stage_begin("outer"), ended;
	pp_token token;
	void *p;

	for (int i = 0; i < 30000; i++) {
		pp_stage s = pp_stage_begin("flood");

		free(block(10));
		pp_stage_end(&s);
	}
	token = pp_stage_token();
	in_thread(adopter, &token);
	ended = pp_stage_begin("ended");
	p = block(300000);
	in_thread(ender, &ended);
	free(p);
	free(block(2000000));
	pp_stage_end(&outer);
	low_beside_high();
	if (argc > 1 && strcmp(argv[1], "signals") == 0)
		interrupted();
	if (argc > 1 && strcmp(argv[1], "late") == 0)
		come_late();
	return 0;
}
