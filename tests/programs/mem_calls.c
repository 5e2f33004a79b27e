/* Calls every entry point of the malloc family and prints what a program can see of them: values, errors,
 * errno, alignment, contents. The same with and without tracking, whichever allocator there is. What each
 * function was given goes to the file named first: lines "function bytes blocks live_bytes live_blocks".
 *   mem_calls SUMS [ROUNDS] */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define APART __attribute__((noinline))
#define KEEP  5 /* blocks of each kind that are never freed */

struct sums {
	const char *name;
	uint64_t bytes, blocks, live_bytes, live_blocks;
};

static struct sums all[32];
static int n_all;
static void *kept[32 * KEEP];
static int n_kept;
static volatile size_t huge = SIZE_MAX - 100, most = SIZE_MAX / 2 + 1;

static struct sums *sums_of(const char *name)
{
	for (int i = 0; i < n_all; i++)
		if (strcmp(all[i].name, name) == 0)
			return &all[i];
	all[n_all].name = name;
	return &all[n_all++];
}

static void *noted(struct sums *s, void *p, size_t bytes)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	if (p) {
		s->bytes += bytes;
		s->blocks++;
		memset(p, 0x5a, bytes);
	}
	return p;
}

static size_t size_of(int i)
{
	static const size_t sizes[] = {0, 1, 7, 8, 16, 24, 100, 1000, 4096, 5000, 70000, 200001};

	return sizes[(unsigned int)i % (sizeof sizes / sizeof *sizes)];
}

/* The block is kept or freed, by the number of the round; how to free is varied too. */
static void let_go(struct sums *s, void *p, size_t bytes, int i)
{
	static void (*old_free)(void *);

	if (!old_free)
		*(void **)&old_free = dlsym(RTLD_DEFAULT, "cfree");
	if (p && i < KEEP) {
		kept[n_kept++] = p;
		s->live_bytes += bytes;
		s->live_blocks++;
		return;
	}
	if (old_free && i % 7 == 3)
		old_free(p);
	else
		free(p);
}

static int aligned(const void *p, size_t to)
{
	return (uintptr_t)p % to == 0;
}

static void say(const char *what, int i, const void *p, size_t align, size_t usable)
{
	if (i < 12)
		printf("%s %d: %s, aligned %d, enough %d, errno %d\n", what, i,
		       p ? "block" : "NULL", aligned(p, align),
		       !p || malloc_usable_size((void *)(uintptr_t)p) >= usable, errno);
}

APART static void by_malloc(int i)
{
	struct sums *s = sums_of("by_malloc");
	size_t n = size_of(i);
	void *p = malloc(n);

	say("malloc", i, p, 8, n);
	let_go(s, noted(s, p, n), n, i);
}

APART static void by_calloc(int i)
{
	struct sums *s = sums_of("by_calloc");
	size_t n = size_of(i), zeros = 0;
	uint8_t *p = calloc(n, 3);

	for (size_t k = 0; p && k < 3 * n; k++)
		zeros += p[k] == 0;
	say("calloc", i, p, 8, 3 * n);
	if (zeros != 3 * n)
		printf("calloc %d: not zeroed\n", i);
	let_go(s, noted(s, p, 3 * n), 3 * n, i);
}

APART static void by_realloc(int i)
{
	struct sums *s = sums_of("by_realloc");
	size_t n = size_of(i), more = n * 2 + 1, bad = 0;
	uint8_t *p = noted(s, realloc(NULL, n), n);
	uint8_t *q = realloc(p, more);

	for (size_t k = 0; q && k < n; k++)
		bad += q[k] != 0x5a;
	noted(s, q, more);
	q = noted(s, realloc(q, 10), 10);
	say("realloc", i, q, 8, 10);
	if (bad)
		printf("realloc %d: contents are lost\n", i);
	let_go(s, q, 10, i);
}

APART static void by_realloc_to_nothing(int i)
{
	struct sums *s = sums_of("by_realloc_to_nothing");
	void *p = noted(s, malloc(40), 40);

	p = noted(s, realloc(p, 0), 0);
	if (i < 12)
		printf("realloc to nothing: %s\n", p ? "block" : "NULL");
	free(p);
}

APART static void by_reallocarray(int i)
{
	struct sums *s = sums_of("by_reallocarray");
	size_t n = size_of(i) + 1;
	void *p = noted(s, reallocarray(NULL, n, 2), 2 * n);

	p = noted(s, reallocarray(p, 3, n), 3 * n);
	say("reallocarray", i, p, 8, 3 * n);
	let_go(s, p, 3 * n, i);
}

APART static void by_posix_memalign(int i)
{
	struct sums *s = sums_of("by_posix_memalign");
	size_t n = size_of(i), align = (size_t)8 << i % 10;
	void *p = &n;
	int rc = posix_memalign(&p, align, n);

	say("posix_memalign", i, p, align, n);
	if (rc)
		printf("posix_memalign %d: %d\n", i, rc);
	let_go(s, noted(s, p, n), n, i);
}

APART static void by_aligned_alloc(int i)
{
	struct sums *s = sums_of("by_aligned_alloc");
	size_t align = (size_t)16 << i % 9, n = align * (unsigned int)(i % 4 + 1);
	void *p = aligned_alloc(align, n);

	say("aligned_alloc", i, p, align, n);
	let_go(s, noted(s, p, n), n, i);
}

APART static void by_memalign(int i)
{
	struct sums *s = sums_of("by_memalign");
	size_t n = size_of(i), align = (size_t)16 << i % 12;
	void *p = memalign(align, n);

	say("memalign", i, p, align, n);
	let_go(s, noted(s, p, n), n, i);
}

APART static void by_valloc(int i)
{
	struct sums *s = sums_of("by_valloc");
	size_t n = size_of(i);
	void *p = valloc(n);

	say("valloc", i, p, 4096, n);
	let_go(s, noted(s, p, n), n, i);
}

APART static void by_pvalloc(int i)
{
	struct sums *s = sums_of("by_pvalloc");
	size_t n = size_of(i);
	void *p = pvalloc(n);

	say("pvalloc", i, p, 4096, n);
	let_go(s, noted(s, p, n), n, i);
}

/* A function of libc's that allocates. */
APART static void by_strdup(int i)
{
	struct sums *s = sums_of("by_strdup");
	char text[40];

	snprintf(text, sizeof text, "%030d", i);
	let_go(s, noted(s, strdup(text), 31), 31, i);
}

/* C23's, where a libc or an allocator has them. */
APART static void by_free_sized(int i)
{
	struct sums *s = sums_of("by_free_sized");
	void (*sized)(void *, size_t), (*aligned_sized)(void *, size_t, size_t);
	size_t n = size_of(i);
	void *p = noted(s, malloc(n), n), *q = noted(s, aligned_alloc(64, 128), 128);

	*(void **)&sized = dlsym(RTLD_DEFAULT, "free_sized");
	*(void **)&aligned_sized = dlsym(RTLD_DEFAULT, "free_aligned_sized");
	if (sized)
		sized(p, n);
	else
		free(p);
	if (aligned_sized)
		aligned_sized(q, 64, 128);
	else
		free(q);
}

static void say_failed(const char *what, const void *p)
{
	printf("%s: %s, errno %d\n", what, p ? "block" : "NULL", errno);
	errno = 0;
}

/* Nothing of it is counted. */
APART static void by_failing(void)
{
	struct sums *s = sums_of("by_failing");
	char *volatile p =
		noted(s, malloc(100), 100); /* the compiler believes that realloc() frees it */
	void *out = p, *q;
	int rc;

	errno = 0;
	say_failed("malloc", malloc(huge));
	say_failed("malloc of half", malloc(most));
	say_failed("calloc", calloc(huge / 2, 3));
	say_failed("calloc of one", calloc(1, most));
	say_failed("realloc", realloc(NULL, huge));
	q = realloc(p, most);
	say_failed("realloc of a block", q);
	printf("is as it was %d\n", p[0] == 0x5a && p[99] == 0x5a);
	say_failed("reallocarray", reallocarray(p, huge, 16));
	printf("is as it was %d\n", p[0] == 0x5a && p[99] == 0x5a);
	rc = posix_memalign(&out, 64, most);
	printf("posix_memalign: %d, untouched %d\n", rc, out == (void *)p);
	rc = posix_memalign(&out, 3, 10);
	printf("posix_memalign: %d, untouched %d\n", rc, out == (void *)p);
	errno = 0;
	say_failed("aligned_alloc", aligned_alloc(64, most));
	say_failed("memalign", memalign(64, most));
	say_failed("valloc", valloc(most));
	if (!getenv("NO_PVALLOC"))
		say_failed("pvalloc", pvalloc(most));
	free(NULL);
	errno = 4711;
	free(p);
	printf("free of NULL, errno %d, usable size of NULL %zu\n", errno,
	       malloc_usable_size(NULL));
}

static void write_sums(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f)
		return;
	for (int i = 0; i < n_all; i++)
		fprintf(f, "%s %llu %llu %llu %llu\n", all[i].name,
			(unsigned long long)all[i].bytes, (unsigned long long)all[i].blocks,
			(unsigned long long)all[i].live_bytes,
			(unsigned long long)all[i].live_blocks);
	fclose(f);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 200;
	static char buffer[BUFSIZ];

	setvbuf(stdout, buffer, _IOFBF, sizeof buffer); /* or stdio allocates it in between */
	free(malloc(1));                                /* some start with their first call */
	for (int i = 0; i < rounds; i++) {
		errno = 4711;
		by_malloc(i);
		by_calloc(i);
		by_realloc(i);
		by_realloc_to_nothing(i);
		by_reallocarray(i);
		by_posix_memalign(i);
		by_aligned_alloc(i);
		by_memalign(i);
		by_valloc(i);
		if (!getenv("NO_PVALLOC")) /* jemalloc has none, and cannot free libc's */
			by_pvalloc(i);
		by_strdup(i);
		by_free_sized(i);
	}
	by_failing();
	if (argc > 1)
		write_sums(argv[1]);
	printf("kept %d\n", n_kept);
	fflush(stdout);
	return n_kept == (n_all - 3) * KEEP ? 7 : 1;
}
