/* work_spin UNITS: UNITS times the same work, about a tenth of a millisecond each: arithmetic and a walk through 256 KiB.
 * work_spin neighbour SECONDS SEED: bursts of such work and pauses, 20 to 200 ms each, for that long. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WORDS 32768

static uint64_t words[WORDS];

static uint64_t next(uint64_t x)
{
	x ^= x << 13;
	x ^= x >> 7;
	return x ^ x << 17;
}

static uint64_t unit(uint64_t x)
{
	for (int i = 0; i < 40000; i++) {
		x = next(x);
		words[x % WORDS] += x;
	}
	return x;
}

static double now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static uint64_t neighbour(double seconds, uint64_t seed)
{
	double end = now() + seconds;
	uint64_t x = seed ? seed : 1, r = x;

	while (now() < end) {
		double busy = now() + 0.02 + 0.18 * (double)((r = next(r)) % 1000) / 1000;
		struct timespec pause = {0, 20000000 + (long)(next(r) % 180000000)};

		while (now() < busy)
			x = unit(x);
		(void)nanosleep(&pause, NULL);
	}
	return x;
}

int main(int argc, char **argv)
{
	uint64_t x = 88172645463325252;

	if (argc == 4 && strcmp(argv[1], "neighbour") == 0) {
		x = neighbour(strtod(argv[2], NULL), strtoull(argv[3], NULL, 10));
	} else if (argc == 2) {
		for (long n = strtol(argv[1], NULL, 10); n > 0; n--)
			x = unit(x);
	} else {
		return 2;
	}
	printf("%llu\n", (unsigned long long)(x + words[x % WORDS]));
	return 0;
}
