/* Four named threads with uneven load: w1 … w4 do 1, 2, 3 and 4 parts; main only waits.
 * Answer: threads w1 10 %, w2 20 %, w3 30 %, w4 40 %; inside each, `nine` 90 % and `tenth` 10 %.
 * build: -O2 -fno-ipa-icf -pthread */
#include <pthread.h>
#include <stdio.h>

#include "samples/programs/spin.h"

struct job {
	int part, rounds;
};

static __attribute__((noinline)) uint64_t nine(uint64_t x)
{
	return spin_body(9 * SPIN_UNIT / 10, x);
}

static __attribute__((noinline)) uint64_t tenth(uint64_t x)
{
	return spin_body(SPIN_UNIT / 10, x);
}

static void *worker(void *arg)
{
	const struct job *job = arg;
	char name[16];
	uint64_t x = 7;
	int i;

	snprintf(name, sizeof(name), "w%d", job->part);
	pthread_setname_np(pthread_self(), name);
	for (i = 0; i < job->part * job->rounds; i++)
		x = tenth(nine(x));
	spin_sink = x;
	return NULL;
}

int main(int argc, char **argv)
{
	int i, rounds = (int)(160 * spin_scale(argc, argv));
	struct job jobs[4];
	pthread_t threads[4];

	for (i = 0; i < 4; i++) {
		jobs[i].part = i + 1;
		jobs[i].rounds = rounds;
		if (pthread_create(&threads[i], NULL, worker, &jobs[i]))
			return 1;
	}
	for (i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}
