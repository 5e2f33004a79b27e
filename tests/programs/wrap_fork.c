/* Forks in every way: a tree, a storm, from threads, in a handler, daemon(), forkpty(), _Fork(). Prints what
 * a program sees of its children; the agent changes nothing of it. wrap_fork [storm N] */
#include <errno.h>
#include <pthread.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "protea-prof.h"

static void work(void)
{
	for (volatile int i = 0; i < 3000000; i++)
		;
}

static void reap(int want)
{
	int status, n = 0, bad = 0;

	while (wait(&status) > 0) {
		n++;
		bad += status != 0;
	}
	printf("children %d of %d, bad %d, none left %d\n", n, want, bad, errno == ECHILD);
	fflush(stdout);
}

/* Each level forks two; leaves work. */
static void tree(int depth)
{
	int kids = 0, status, bad = 0;

	work();
	if (depth == 0)
		return;
	for (int i = 0; i < 2; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			tree(depth - 1);
			_exit(0);
		}
		kids += pid > 0;
	}
	while (wait(&status) > 0)
		bad += status != 0;
	if (bad || kids != 2)
		_exit(1);
}

static void storm(int n)
{
	int left = 0, status, bad = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(i & 1);
		left++;
		if (left == 16 || i == n - 1)
			for (; left > 0; left--)
				bad += wait(&status) < 0 || !WIFEXITED(status);
	}
	printf("storm %d bad %d\n", n, bad);
	fflush(stdout);
}

static void *forker(void *arg)
{
	long *bad = arg;
	int status;

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work();
			_exit(0);
		}
		if (waitpid(pid, &status, 0) != pid || status)
			++*bad;
	}
	return NULL;
}

static void from_threads(void)
{
	pthread_t t[4];
	long bad[4] = {0};

	for (int i = 0; i < 4; i++)
		pthread_create(&t[i], NULL, forker, &bad[i]);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	printf("threads bad %ld\n", bad[0] + bad[1] + bad[2] + bad[3]);
	fflush(stdout);
}

static void fork_in_handler(int signo)
{
	(void)signo;
	if (fork() == 0) {
		work();
		_exit(0);
	}
}

static void in_stage(void)
{
	pp_stage s = pp_stage_begin("around"), inner;

	fflush(stdout);
	if (fork() == 0) {
		inner = pp_stage_begin("child's");
		work();
		pp_stage_end(&inner);
		pp_stage_end(&s);
		pp_stage_end(&s);
		_exit(0);
	}
	reap(1);
	pp_stage_end(&s);
}

static void others(void)
{
	int master, p[2];
	char c = 0;
	pid_t pid;

	if (_Fork() == 0) {
		work();
		_exit(0);
	}
	reap(1);
	pid = forkpty(&master, NULL, NULL, NULL);
	if (pid == 0) {
		work();
		_exit(0);
	}
	reap(1);
	close(master);
	if (pipe(p) == 0 && fork() == 0) {
		close(p[0]);
		if (daemon(1, 1) == 0) {
			work();
			if (write(p[1], "d", 1) != 1)
				_exit(1);
		}
		_exit(0);
	}
	close(p[1]);
	printf("daemon %d %c\n", read(p[0], &c, 1) == 1, c);
	fflush(stdout);
	reap(1);
}

int main(int argc, char **argv)
{
	if (argc > 2 && strcmp(argv[1], "storm") == 0) {
		storm((int)strtol(argv[2], NULL, 10));
		return 0;
	}
	tree(4);
	reap(0);
	from_threads();
	signal(SIGUSR1, fork_in_handler);
	for (int i = 0; i < 5; i++)
		raise(SIGUSR1);
	reap(5);
	in_stage();
	others();
	storm(200);
	return 0;
}
