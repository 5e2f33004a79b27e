/* Memory with a known answer, function by function (bytes / blocks, by the function that asks for them):
 *            alloc              temporary         peak, live, leak
 *  keep      200,000 / 200      0                 leaked, live at the mark
 *  scratch   640,000 / 10,000   640,000 / 10,000  0
 *  grow      16,368 / 10        16,368 / 10       0          one block, doubled by realloc from 16 to 8,192
 *  swell     5,120,000 / 50     102,400 / 1       5,120,000 / 50 at the mark; the last one is freed first
 *  maker     153,600 / 300      0                 0          in thread "maker", freed by the main thread
 *  aligned   50,000 / 5         0                 50,000 / 5 leaked
 *  mapped    mmap: 4 MiB at the mark (8 MiB, of which the upper half is unmapped before)
 * The heap's high-water mark is in swell. An argument is a factor for the number of rounds of scratch.
 * build: -O2 -fno-builtin -pthread */
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "samples/programs/spin.h"

#define NOINLINE __attribute__((noinline, noclone))

static void *kept[200], *swollen[50], *made[300];
void *volatile heap_sink;

static NOINLINE void keep(void)
{
	int i;

	for (i = 0; i < 200; i++)
		kept[i] = malloc(1000);
}

static NOINLINE void scratch(int rounds)
{
	int i;

	for (i = 0; i < rounds; i++) {
		heap_sink = malloc(64);
		free(heap_sink);
	}
}

static NOINLINE void grow(void)
{
	size_t bytes;
	void *p = NULL;

	for (bytes = 16; bytes <= 8192; bytes *= 2) {
		void *q = realloc(p, bytes);

		if (!q)
			abort();
		p = q;
	}
	free(p);
}

static NOINLINE void swell(void)
{
	int i;

	for (i = 0; i < 50; i++)
		swollen[i] = malloc(102400);
}

static NOINLINE void *maker(void *arg)
{
	int i;

	pthread_setname_np(pthread_self(), "maker");
	for (i = 0; i < 300; i++)
		made[i] = malloc(512);
	return arg;
}

static NOINLINE void aligned(void)
{
	void *p;
	int i;

	for (i = 0; i < 5; i++) {
		if (posix_memalign(&p, 4096, 10000))
			abort();
		heap_sink = p;
	}
}

static NOINLINE void mapped(void)
{
	char *p = mmap(NULL, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || munmap(p + (4 << 20), 4 << 20))
		abort();
	heap_sink = p;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int i;

	keep();
	scratch((int)(10000 * spin_scale(argc, argv)));
	grow();
	aligned();
	mapped();
	if (pthread_create(&thread, NULL, maker, NULL) || pthread_join(thread, NULL))
		return 1;
	for (i = 0; i < 300; i++)
		free(made[i]);
	swell();
	for (i = 49; i >= 0; i--)
		free(swollen[i]);
	return 0;
}
