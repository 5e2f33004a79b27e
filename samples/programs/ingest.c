/* A worker that "ingests", with a slow path that nobody sees from outside; the story of docs/attach.md.
 * Threads: "reader" makes records of 8 GO terms each, worker-1 to worker-3 look the terms up and write a line a
 * record into a journal, "archiver" now and then tidies the journal up.
 *   CPU: more than 80 % in term_index() and the strcmp() it calls: a linear search of 40,000 names. With the
 *     argument "quick" it is a binary search, and records per second are more than ten times as many.
 *   Waiting: archiver holds journal_lock while it sleeps in throttle(), every second for 300 ms; all workers
 *     then wait in journal_append(), and the mutex's owner is archiver.
 * Ends after the seconds of its first argument or at SIGTERM, and prints how many records it wrote.
 * build: -O2 -fno-inline -pthread */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define TERMS   40000
#define QUEUE   64
#define WORKERS 3

struct record {
	char terms[8][16];
};

static char names[TERMS][16]; /* sorted */
static struct record queue[QUEUE];
static unsigned queued, taken;
static pthread_mutex_t queue_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t queue_changed = PTHREAD_COND_INITIALIZER;
static pthread_mutex_t journal_lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *journal;
static long written, throttled;
static int quick;
static volatile int ending;

static int by_search(const char *term)
{
	int lo = 0, hi = TERMS - 1;

	while (lo <= hi) {
		int mid = (lo + hi) / 2, c = strcmp(names[mid], term);

		if (c == 0)
			return mid;
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid - 1;
	}
	return -1;
}

static int term_index(const char *term)
{
	if (quick)
		return by_search(term);
	for (int i = 0; i < TERMS; i++)
		if (strcmp(names[i], term) == 0)
			return i;
	return -1;
}

static uint64_t annotate(const struct record *r)
{
	uint64_t digest = 0;

	for (int i = 0; i < 8; i++)
		digest = digest * 31 + (uint64_t)(unsigned)term_index(r->terms[i]);
	return digest;
}

static void journal_append(uint64_t digest)
{
	pthread_mutex_lock(&journal_lock);
	fprintf(journal, "%016llx\n", (unsigned long long)digest);
	written++;
	pthread_mutex_unlock(&journal_lock);
}

static int next_record(struct record *r)
{
	pthread_mutex_lock(&queue_lock);
	while (queued == taken && !ending)
		pthread_cond_wait(&queue_changed, &queue_lock);
	if (queued != taken)
		*r = queue[taken++ % QUEUE];
	pthread_cond_broadcast(&queue_changed);
	pthread_mutex_unlock(&queue_lock);
	return !ending;
}

static void *work(void *name)
{
	struct record r;

	pthread_setname_np(pthread_self(), name);
	while (next_record(&r))
		journal_append(annotate(&r));
	return NULL;
}

static void *read_records(void *name)
{
	uint64_t x = 88172645463325252u; /* xorshift64, G. Marsaglia 2003 */

	pthread_setname_np(pthread_self(), name);
	while (!ending) {
		struct record r;

		for (int i = 0; i < 8; i++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			memcpy(r.terms[i], names[x % TERMS], sizeof r.terms[i]);
		}
		pthread_mutex_lock(&queue_lock);
		while (queued - taken == QUEUE && !ending)
			pthread_cond_wait(&queue_changed, &queue_lock);
		queue[queued++ % QUEUE] = r;
		pthread_cond_broadcast(&queue_changed);
		pthread_mutex_unlock(&queue_lock);
	}
	return NULL;
}

static void pause_ms(long ms)
{
	const struct timespec t = {ms / 1000, ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

static void throttle(void)
{
	pause_ms(300); /* "be nice to the disk" */
	throttled++;
}

static void tidy_up(void)
{
	pthread_mutex_lock(&journal_lock);
	fflush(journal);
	rewind(journal);
	throttle();
	pthread_mutex_unlock(&journal_lock);
}

static void *archive(void *name)
{
	pthread_setname_np(pthread_self(), name);
	while (!ending) {
		pause_ms(700);
		tidy_up();
	}
	return NULL;
}

static void end_all(pthread_t *threads, int n)
{
	pthread_mutex_lock(&queue_lock);
	ending = 1;
	pthread_cond_broadcast(&queue_changed);
	pthread_mutex_unlock(&queue_lock);
	for (int i = 0; i < n; i++)
		pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
	static char worker_names[WORKERS][16];
	const struct timespec limit = {argc > 1 ? strtol(argv[1], NULL, 10) : 3600, 0};
	pthread_t threads[WORKERS + 2];
	sigset_t set;
	int n = 0;

	quick = argc > 2 && strcmp(argv[2], "quick") == 0;
	for (int i = 0; i < TERMS; i++)
		snprintf(names[i], sizeof names[i], "GO:%07u", 3u * (unsigned)i + 1);
	journal = tmpfile();
	if (!journal)
		return 1;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	pthread_create(&threads[n++], NULL, read_records, "reader");
	for (int i = 0; i < WORKERS; i++) {
		snprintf(worker_names[i], sizeof worker_names[i], "worker-%d", i + 1);
		pthread_create(&threads[n++], NULL, work, worker_names[i]);
	}
	pthread_create(&threads[n++], NULL, archive, "archiver");
	sigtimedwait(&set, NULL, &limit);
	end_all(threads, n);
	printf("%ld records, throttled %ld times\n", written, throttled);
	return fclose(journal) != 0;
}
