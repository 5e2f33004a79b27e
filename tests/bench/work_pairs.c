/* work_pairs WHAT [N]: the cost of a single call, with nothing around it.
 *   pair SIZE    malloc(SIZE) and free
 *   mixed 0      the same with sizes of 16 to 2,048 bytes, eight blocks alive
 *   copy SIZE    memcpy of SIZE bytes that lie in the cache
 *   text SIZE    strcpy of a text of SIZE characters
 * Prints nanoseconds per pair or call, the best of ten rounds. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void *(*volatile copy)(void *, const void *, size_t) = memcpy;
static char *(*volatile copy_text)(char *, const char *) = strcpy;

static void pairs(long n, size_t size)
{
	for (long i = 0; i < n; i++) {
		void *volatile p = malloc(size);

		free(p);
	}
}

static void mixed(long n)
{
	void *alive[8] = {0};
	uint64_t state = 1;

	for (long i = 0; i < n; i++) {
		state = state * 6364136223846793005u + 1442695040888963407u;
		free(alive[i & 7]);
		alive[i & 7] = malloc(16 + (state >> 40) % 2033);
	}
	for (int i = 0; i < 8; i++)
		free(alive[i]);
}

static char a[1 << 16], b[1 << 16];

static void copies(long n, size_t size)
{
	void *(*f)(void *, const void *, size_t) = copy;

	for (long i = 0; i < n; i++)
		f(a, b, size);
}

static void texts(long n, size_t size)
{
	char *(*f)(char *, const char *) = copy_text;

	memset(b, 'x', size);
	b[size] = '\0';
	for (long i = 0; i < n; i++)
		f(a, b);
}

static double now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "pair";
	size_t size = argc > 2 ? strtoul(argv[2], NULL, 10) : 64;
	long n = argc > 3 ? strtol(argv[3], NULL, 10) : 2000000;
	double best = 1e30;

	if (size >= sizeof a)
		return 2;
	for (int round = 0; round < 10; round++) {
		double start = now_ns(), ns;

		if (!strcmp(what, "pair"))
			pairs(n / 10, size);
		else if (!strcmp(what, "mixed"))
			mixed(n / 10);
		else if (!strcmp(what, "copy"))
			copies(n / 10, size);
		else
			texts(n / 10, size);
		ns = (now_ns() - start) / ((double)n / 10);
		best = ns < best ? ns : best;
	}
	printf("%.2f\n", best);
	return 0;
}
