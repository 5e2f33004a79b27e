/* CPU work of a known kind on a known number of threads: agent_spin ROUNDS THREADS DEPTH. A round is about
 * a millisecond of user time without system calls, under DEPTH frames. Prints a checksum. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static long rounds = 100;
static int depth = 20;
static _Atomic uint64_t sink;

__attribute__((noinline)) static uint64_t leaf(uint64_t x)
{
	for (int i = 0; i < 500000; i++) { /* xorshift64 */
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

__attribute__((noinline)) static uint64_t descend(int d, uint64_t x)
{
	uint64_t r = d > 0 ? descend(d - 1, x) : leaf(x);

	__asm__ volatile("" : "+r"(r)); /* no tail call */
	return r;
}

static void *work(void *unused)
{
	for (long i = 0; i < rounds; i++)
		sink += descend(depth, (uint64_t)i + 1);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t t[256];
	int n;

	rounds = argc > 1 ? strtol(argv[1], NULL, 10) : rounds;
	n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;
	depth = argc > 3 ? (int)strtol(argv[3], NULL, 10) : depth;
	for (int i = 1; i < n && i < 256; i++)
		if (pthread_create(&t[i], NULL, work, NULL))
			return 1;
	work(NULL);
	for (int i = 1; i < n && i < 256; i++)
		pthread_join(t[i], NULL);
	printf("%016llx\n", (unsigned long long)sink);
	return 7;
}
