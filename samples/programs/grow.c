/* What grows while it runs, and what does not (bytes / blocks, by the function that asks for them):
 *  fill_cache  1,000,000 / 100 at the start, kept
 *  remember    500 each round, kept: grows for ever
 *  scratch     a string copied and freed each round: temporary
 *  lose        12,345 / 1 at the end, lost
 * The argument is the number of rounds of 3 ms (1000). Says its pid and waits for a line on standard input at the end
 * when there is a second argument.
 * build: -O1 -fno-builtin */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))

static void *cache[100], *chain;
void *volatile grow_sink;

static void wait_ms(int ms)
{
	struct timespec t = {0, ms * 1000000L};

	nanosleep(&t, NULL);
}

static NOINLINE void fill_cache(void)
{
	for (int i = 0; i < 100; i++) {
		cache[i] = malloc(10000);
		wait_ms(4);
	}
}

static NOINLINE void remember(void)
{
	void **p = malloc(500);

	if (!p)
		abort();
	*p = chain;
	chain = p;
}

static NOINLINE void scratch(void)
{
	char *p = strdup("copied and freed");

	grow_sink = p;
	free(p);
}

static NOINLINE void lose(void)
{
	grow_sink = malloc(12345);
}

int main(int argc, char **argv)
{
	int n = (int)(argc > 1 ? strtol(argv[1], NULL, 10) : 1000);

	fill_cache();
	for (int i = 0; i < n; i++) {
		remember();
		scratch();
		wait_ms(3);
	}
	if (argc > 2) {
		char line[16];

		printf("%d\n", (int)getpid());
		fflush(stdout);
		if (!fgets(line, sizeof line, stdin))
			return 1;
	}
	lose();
	return 0;
}
