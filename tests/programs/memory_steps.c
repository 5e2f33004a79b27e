/* Allocates as it is told, a letter a step on standard input, without stdio: a test knows to the byte what it
 * holds at any moment.
 *   a  hold: 1,000 blocks of 64 bytes      b  hold_large: 10 blocks of 4,096
 *   f  frees the last 500 of hold          t  churn: 100 times malloc(32), free
 *   S  begins stage "steps"                E  ends it
 *   c  a forked child: hold_child: 7 blocks of 1,000, then it ends
 *   x  becomes itself again by exec        w  writes a dot: all before is done
 *   k  kills itself                        q, end of input: ends */
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "protea-prof.h"

#define NOINLINE __attribute__((noinline, noclone))

static void *held[100000], *large[1000];
static int n_held, n_large;
static pp_stage stage;

static NOINLINE void hold(void)
{
	for (int i = 0; i < 1000; i++)
		held[n_held++] = malloc(64);
}

static NOINLINE void hold_large(void)
{
	for (int i = 0; i < 10; i++)
		large[n_large++] = malloc(4096);
}

static NOINLINE void hold_child(void)
{
	for (int i = 0; i < 7; i++)
		large[n_large++] = malloc(1000);
}

static NOINLINE void churn(void)
{
	for (int i = 0; i < 100; i++) {
		void *volatile p = malloc(32);

		free(p);
	}
}

static void with_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		hold_child();
		_exit(0);
	}
	(void)waitpid(pid, NULL, 0);
}

static void step(char c, char **argv)
{
	switch (c) {
	case 'a':
		hold();
		break;
	case 'b':
		hold_large();
		break;
	case 'f':
		for (int i = 0; i < 500; i++)
			free(held[--n_held]);
		break;
	case 't':
		churn();
		break;
	case 'S':
		stage = pp_stage_begin("steps");
		break;
	case 'E':
		pp_stage_end(&stage);
		break;
	case 'c':
		with_child();
		break;
	case 'x':
		(void)execv("/proc/self/exe", argv);
		_exit(9);
	case 'w':
		(void)!write(1, ".\n", 2);
		break;
	case 'k':
		(void)raise(SIGKILL);
		break;
	case 'q':
		exit(0);
	default:
		break;
	}
}

int main(int argc, char **argv)
{
	char c;

	(void)argc;
	while (read(0, &c, 1) == 1)
		step(c, argv);
	return 0;
}
