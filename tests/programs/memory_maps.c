/* Address space with a known answer: threads map, unmap in part, map over, move, grow and shrink at random, at
 * addresses that the kernel chooses, so that one gets what another has just let go; each keeps a record of every
 * page. Then main allocates the block that makes the heap's high-water mark, and writes to the file named by the
 * first argument, line by line, what is mapped at that moment: function, bytes, ranges. The second argument
 * changes the random stream, the third is the number of operations. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#define PAGE     4096
#define PAGES    64 /* of a mapping at most */
#define HELD     48 /* mappings of a thread */
#define THREADS  4
#define STACK    (256 << 10)
#define END                                                                                        \
	__asm__ volatile("" ::: "memory") /* no call is the last thing: it would leave no frame */

enum by { NONE, MAP, MAP64, OVER, GROW, SBRK, SHM, SPAWN, STACK_GIVEN, BYS };
static const char *const names[BYS] = {"",        "by_map", "by_map64", "by_over",       "by_grow",
				       "by_sbrk", "by_shm", "by_spawn", "by_stack_given"};

struct mapping {
	char *at; /* NULL: none */
	int pages;
	struct {
		enum by by;
		int range;
	} page[PAGES];
};

struct worker {
	pthread_t thread;
	uint64_t x;
	int operations, ranges;
	struct mapping held[HELD];
};

static pthread_barrier_t barrier;
static long long bytes[BYS], ranges[BYS];

static void need(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static NOINLINE void *by_map(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	END;
	return p;
}

static NOINLINE void *by_map64(size_t n)
{
	void *p = mmap64(NULL, n, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	END;
	return p;
}

static NOINLINE void *by_over(void *at, size_t n)
{
	void *p =
		mmap(at, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	END;
	return p;
}

static NOINLINE void *by_grow(void *at, size_t old, size_t n)
{
	void *p = mremap(at, old, n, MREMAP_MAYMOVE);

	END;
	return p;
}

static int pick(struct worker *w, int n)
{
	w->x ^= w->x << 13;
	w->x ^= w->x >> 7;
	w->x ^= w->x << 17;
	return (int)(w->x % (uint64_t)n);
}

static void fill(struct worker *w, struct mapping *m, int from, int to, enum by by)
{
	w->ranges++;
	for (int i = from; i < to; i++) {
		m->page[i].by = by;
		m->page[i].range = w->ranges;
	}
}

/* A change that ends in the middle of a range leaves two. */
static void cut(struct worker *w, struct mapping *m, int at)
{
	int old;

	if (at <= 0 || at >= m->pages || !m->page[at].by || !m->page[at - 1].by ||
	    m->page[at].range != m->page[at - 1].range)
		return;
	old = m->page[at].range;
	w->ranges++;
	for (int i = at; i < m->pages && m->page[i].by && m->page[i].range == old; i++)
		m->page[i].range = w->ranges;
}

static void map_new(struct worker *w, struct mapping *m)
{
	int n = 1 + pick(w, PAGES), wide = pick(w, 2);

	m->at = wide ? by_map64((size_t)n * PAGE)
		     : by_map((size_t)n * PAGE - (size_t)pick(w, PAGE));
	need(m->at != MAP_FAILED, "mmap");
	m->pages = n;
	fill(w, m, 0, n, wide ? MAP64 : MAP);
}

static int is_whole(const struct mapping *m)
{
	for (int i = 0; i < m->pages; i++)
		if (!m->page[i].by)
			return 0;
	return 1;
}

/* A part of it, or all. Pages that are gone already may be another thread's now: they are left alone. */
static void unmap_part(struct worker *w, struct mapping *m)
{
	int from = pick(w, m->pages), to = from + 1 + pick(w, m->pages - from), left = 0;

	for (int i = from; i < to; i++)
		if (!m->page[i].by)
			return;
	cut(w, m, from);
	cut(w, m, to);
	need(munmap(m->at + (size_t)from * PAGE, (size_t)(to - from) * PAGE) == 0, "munmap");
	for (int i = from; i < to; i++)
		m->page[i].by = NONE;
	for (int i = 0; i < m->pages; i++)
		left |= m->page[i].by != NONE;
	if (!left)
		m->at = NULL;
}

static void map_over(struct worker *w, struct mapping *m)
{
	int from = pick(w, m->pages), to = from + 1 + pick(w, m->pages - from);

	if (!is_whole(m))
		return;
	cut(w, m, from);
	cut(w, m, to);
	need(by_over(m->at + (size_t)from * PAGE, (size_t)(to - from) * PAGE) != MAP_FAILED,
	     "mmap");
	fill(w, m, from, to, OVER);
}

/* Fails where it is more than one mapping to the kernel; nothing has changed then. */
static void resize(struct worker *w, struct mapping *m)
{
	int n = 1 + pick(w, PAGES), old = m->pages;
	char *p;

	if (!is_whole(m))
		return;
	p = by_grow(m->at, (size_t)old * PAGE, (size_t)n * PAGE);
	if (p == MAP_FAILED)
		return;
	m->at = p;
	if (n < old)
		cut(w, m, n);
	m->pages = n;
	if (n > old)
		fill(w, m, old, n, GROW);
}

static int is_one_range(const struct mapping *m)
{
	for (int i = 0; i < m->pages; i++)
		if (!m->page[i].by || m->page[i].range != m->page[0].range)
			return 0;
	return 1;
}

/* All of one mapping onto the beginning of another. One range: where the source is several mappings, the call
 * fails after the kernel has unmapped the target. */
static void move(struct worker *w, struct mapping *m, struct mapping *to)
{
	size_t n = (size_t)m->pages * PAGE;

	if (m == to || !to->at || !is_one_range(m) || !is_whole(to) || m->pages > to->pages)
		return;
	need(mremap(m->at, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to->at) == to->at, "mremap");
	cut(w, to, m->pages);
	memcpy(to->page, m->page, (size_t)m->pages * sizeof *m->page);
	m->at = NULL;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < w->operations; i++) {
		struct mapping *m = &w->held[pick(w, HELD)];

		if (!m->at)
			map_new(w, m);
		else if (pick(w, 5) == 0)
			map_over(w, m);
		else if (pick(w, 4) == 0)
			resize(w, m);
		else if (pick(w, 3) == 0)
			move(w, m, &w->held[pick(w, HELD)]);
		else
			unmap_part(w, m);
	}
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	return NULL;
}

static void count(const struct worker *w)
{
	for (int k = 0; k < HELD; k++) {
		const struct mapping *m = &w->held[k];

		for (int i = 0; m->at && i < m->pages; i++) {
			enum by by = m->page[i].by;

			if (!by)
				continue;
			bytes[by] += PAGE;
			ranges[by] += i == 0 || !m->page[i - 1].by ||
				      m->page[i - 1].range != m->page[i].range;
		}
	}
}

static NOINLINE void by_sbrk(void)
{
	need(sbrk(3 << 20) != (void *)-1, "sbrk");
	need(sbrk(-(1 << 20)) != (void *)-1, "sbrk");
	bytes[SBRK] = 2 << 20;
	ranges[SBRK] = 1;
}

static NOINLINE void by_shm(void)
{
	int id = shmget(IPC_PRIVATE, 5 * PAGE + 1, IPC_CREAT | 0600);
	void *a, *b;

	if (id < 0)
		return; /* not everywhere */
	a = shmat(id, NULL, 0);
	b = shmat(id, NULL, SHM_RDONLY);
	need(a != (void *)-1 && b != (void *)-1 && shmctl(id, IPC_RMID, NULL) == 0, "shmat");
	need(shmdt(b) == 0, "shmdt");
	bytes[SHM] = 6 * PAGE;
	ranges[SHM] = 1;
}

/* Memory that the program gives a thread for its stack is what the program mapped. */
static NOINLINE void *by_stack_given(void)
{
	void *p = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	need(p != MAP_FAILED, "mmap");
	bytes[STACK_GIVEN] = STACK;
	ranges[STACK_GIVEN] = 1;
	return p;
}

static NOINLINE void by_spawn(struct worker *w, void *stack)
{
	pthread_attr_t attr;

	need(pthread_attr_init(&attr) == 0, "pthread_attr_init");
	if (stack)
		need(pthread_attr_setstack(&attr, stack, STACK) == 0, "pthread_attr_setstack");
	else
		need(pthread_attr_setstacksize(&attr, STACK) == 0, "pthread_attr_setstacksize");
	need(pthread_create(&w->thread, &attr, work, w) == 0, "pthread_create");
	need(pthread_attr_destroy(&attr) == 0, "pthread_attr_destroy");
	bytes[SPAWN] += stack ? 0 : STACK;
	ranges[SPAWN] += !stack;
}

static void fails(void)
{
	need(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED, "mmap");
	need(munmap((void *)1, PAGE) == -1, "munmap");
	need(mremap((void *)(uintptr_t)PAGE, PAGE, 2 * PAGE, 0) == MAP_FAILED, "mremap");
	need(shmat(-1, NULL, 0) == (void *)-1 && shmdt((void *)(uintptr_t)PAGE) == -1, "shmat");
}

static struct worker workers[THREADS];

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	void *volatile mark;
	FILE *f;

	need(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0, "pthread_barrier_init");
	by_sbrk();
	by_shm();
	fails();
	for (int i = 0; i < THREADS; i++) {
		workers[i].x = (seed * THREADS + (uint64_t)i) * 0x9e3779b97f4a7c15u | 1;
		workers[i].operations = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20000;
		by_spawn(&workers[i], i == 0 ? by_stack_given() : NULL);
	}
	pthread_barrier_wait(&barrier);
	mark = malloc(64 << 20);
	need(mark != NULL, "malloc");
	free(mark);
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < THREADS; i++)
		need(pthread_join(workers[i].thread, NULL) == 0, "pthread_join");
	for (int i = 0; i < THREADS; i++)
		count(&workers[i]);
	f = argc > 1 ? fopen(argv[1], "w") : stdout;
	need(f != NULL, "fopen");
	for (int i = 1; i < BYS; i++)
		if (bytes[i])
			fprintf(f, "%s %lld %lld\n", names[i], bytes[i], ranges[i]);
	need(fclose(f) == 0, "fclose");
	return 0;
}
