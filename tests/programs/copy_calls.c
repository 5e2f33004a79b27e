/* copy_calls check: calls every copying function of libc with all kinds of lengths and prints a number made of
 * what they wrote and returned, which must not depend on who stands before them; and what the same came to
 * before main, in the program and (built with -DLIBRARY as a shared library beside it, -z now) in a library, whose
 * constructor runs before a preloaded one's, and in a resolver, which runs while others are not relocated yet.
 * copy_calls overflow NAME: the fortified form of NAME is asked for more than there is room for.
 * copy_calls volume BYTES: three functions copy that many bytes each, in blocks, in large blocks, as texts.
 * copy_calls storm MS: threads, signal handlers and forked children copy and allocate at once; says what of it
 * came out wrong. */
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#define ROOM 70000

void *__memcpy_chk(void *, const void *, size_t, size_t);
void *__memmove_chk(void *, const void *, size_t, size_t);
void *__mempcpy_chk(void *, const void *, size_t, size_t);
char *__strcpy_chk(char *, const char *, size_t);
char *__stpcpy_chk(char *, const char *, size_t);
char *__strcat_chk(char *, const char *, size_t);
char *__strncpy_chk(char *, const char *, size_t, size_t);
char *__stpncpy_chk(char *, const char *, size_t, size_t);
char *__strncat_chk(char *, const char *, size_t, size_t);
wchar_t *__wmemcpy_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wmemmove_chk(wchar_t *, const wchar_t *, size_t, size_t);
wchar_t *__wmempcpy_chk(wchar_t *, const wchar_t *, size_t, size_t);

/* Through pointers the compiler cannot know: it must call them. */
static void *(*volatile p_memcpy)(void *, const void *, size_t) = memcpy;
static void *(*volatile p_memmove)(void *, const void *, size_t) = memmove;
static void *(*volatile p_mempcpy)(void *, const void *, size_t) = mempcpy;
static void *(*volatile p_mempcpy2)(void *, const void *, size_t) = __mempcpy;
static void (*volatile p_bcopy)(const void *, void *, size_t) = bcopy;
static void *(*volatile p_memccpy)(void *, const void *, int, size_t) = memccpy;
static char *(*volatile p_strcpy)(char *, const char *) = strcpy;
static char *(*volatile p_stpcpy)(char *, const char *) = stpcpy;
static char *(*volatile p_stpcpy2)(char *, const char *) = __stpcpy;
static char *(*volatile p_strcat)(char *, const char *) = strcat;
static char *(*volatile p_strncpy)(char *, const char *, size_t) = strncpy;
static char *(*volatile p_stpncpy)(char *, const char *, size_t) = stpncpy;
static char *(*volatile p_stpncpy2)(char *, const char *, size_t) = __stpncpy;
static char *(*volatile p_strncat)(char *, const char *, size_t) = strncat;
static wchar_t *(*volatile p_wmemcpy)(wchar_t *, const wchar_t *, size_t) = wmemcpy;
static wchar_t *(*volatile p_wmemmove)(wchar_t *, const wchar_t *, size_t) = wmemmove;
static wchar_t *(*volatile p_wmempcpy)(wchar_t *, const wchar_t *, size_t) = wmempcpy;

static char *to, *from;
static uint64_t state, sum;

static uint64_t next(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return state >> 33;
}

static void note(const void *result)
{
	sum = (sum ^ (uint64_t)(result ? (const char *)result - to + 1 : 0)) * 0x100000001b3u;
	for (size_t i = 0; i < 2 * ROOM; i += 1 + i / 64)
		sum = (sum ^ (unsigned char)to[i]) * 0x100000001b3u;
}

static void fill(void)
{
	for (size_t i = 0; i < 2 * ROOM; i++) {
		to[i] = (char)(next() % 255 + 1);
		from[i] = (char)(next() % 255 + 1);
	}
	to[next() % 300] = '\0';
	to[ROOM] = from[ROOM] = '\0';
}

/* Mostly short, now and then long. */
static size_t length(void)
{
	return next() % 8 ? next() % 300 : next() % (ROOM / 4);
}

static void blocks(size_t n)
{
	wchar_t *wto = (wchar_t *)to, *wfrom = (wchar_t *)from;

	note(p_memcpy(to, from, n));
	note(p_memmove(to + n / 2, to, n));
	note(p_memmove(to, to + n / 2, n));
	note(p_mempcpy(to + 1, from, n));
	note(p_mempcpy2(to + 2, from, n));
	p_bcopy(to, to + n / 3, n);
	note(p_memccpy(to, from, (int)(next() % 256), n));
	note(p_memccpy(to, from, from[n / 2], n));
	note(p_wmemcpy(wto, wfrom, n / 4));
	note(p_wmemmove(wto + n / 8, wto, n / 4));
	note(p_wmempcpy(wto, wfrom, n / 4));
	note(__memcpy_chk(to + 3, from, n, n));
	note(__memmove_chk(to + 3, to, n, n));
	note(__mempcpy_chk(to + 3, from, n, SIZE_MAX));
	note(__wmemcpy_chk(wto, wfrom, n / 4, n / 4));
	note(__wmemmove_chk(wto + 1, wto, n / 4, n / 4));
	note(__wmempcpy_chk(wto, wfrom, n / 4, ROOM));
}

static void texts(size_t n, size_t max)
{
	from[n] = '\0';
	note(p_strcpy(to, from));
	note(p_stpcpy(to + 1, from));
	note(p_stpcpy2(to + 2, from));
	note(p_strncpy(to, from, max));
	note(p_stpncpy(to + 1, from, max));
	note(p_stpncpy2(to + 2, from, max));
	to[next() % 300] = '\0';
	note(p_strcat(to, from));
	to[next() % 300] = '\0';
	note(p_strncat(to, from, max));
	to[next() % 300] = '\0';
	note(p_strncat(to, from, SIZE_MAX));
	note(__strcpy_chk(to, from, n + 1));
	note(__stpcpy_chk(to, from, SIZE_MAX));
	note(__strncpy_chk(to, from, max, ROOM));
	note(__stpncpy_chk(to, from, max, max));
	to[next() % 300] = '\0';
	note(__strcat_chk(to, from, ROOM));
	to[next() % 300] = '\0';
	note(__strncat_chk(to, from, max, ROOM));
	from[n] = 'x';
}

static uint64_t check(int rounds)
{
	static char a[2 * ROOM], b[2 * ROOM];

	to = a;
	from = b;
	state = 1;
	sum = 0xcbf29ce484222325u;
	for (int i = 0; i < rounds; i++) {
		if (i % 16 == 0)
			fill();
		blocks(length());
		texts(length(), length());
	}
	return sum;
}

static uint64_t early;

__attribute__((constructor)) static void before_main(void)
{
	early = check(32);
}

#ifdef LIBRARY
static unsigned char resolved[300];

static int one(void)
{
	return 1;
}

__attribute__((used)) static int (*resolver(void))(void)
{
	unsigned char start[300];

	for (int i = 0; i < 300; i++)
		start[i] = (unsigned char)i;
	p_memcpy(resolved, start, sizeof resolved);
	return one;
}

int resolved_late(void) __attribute__((ifunc("resolver")));

uint64_t library_early(void)
{
	for (int i = 0; i < 300; i++)
		if (resolved[i] != (unsigned char)i)
			return 0;
	return resolved_late() ? early : 1;
}
#else
uint64_t library_early(void) __attribute__((weak));

static int overflow(const char *name)
{
	static char b[64], text[64];
	volatile size_t n = 20, room = 10;

	memset(text, 'x', 20);
	if (!strcmp(name, "memcpy"))
		__memcpy_chk(b, text, n, room);
	else if (!strcmp(name, "memmove"))
		__memmove_chk(b, text, n, room);
	else if (!strcmp(name, "strcpy"))
		__strcpy_chk(b, text, room);
	else if (!strcmp(name, "stpcpy"))
		__stpcpy_chk(b, text, room);
	else if (!strcmp(name, "strcat"))
		__strcat_chk(b, text, room);
	else if (!strcmp(name, "strncpy"))
		__strncpy_chk(b, text, n, room);
	else if (!strcmp(name, "strncat"))
		__strncat_chk(b, text, n, room);
	return 0;
}

/* ---- volume ---------------------------------------------------------------------------------- */

__attribute__((noinline)) static void copy_blocks(char *a, char *b, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += 100)
		p_memcpy(a, b, 100);
	__asm__ volatile("");
}

__attribute__((noinline)) static void copy_large(char *a, char *b, uint64_t bytes)
{
	for (uint64_t done = 0; done < bytes; done += 1 << 20)
		p_memmove(a, b, 1 << 20);
	__asm__ volatile("");
}

__attribute__((noinline)) static void copy_texts(char *a, char *b, uint64_t bytes)
{
	memset(b, 'x', 999);
	b[999] = '\0';
	for (uint64_t done = 0; done < bytes; done += 1000)
		p_strcpy(a, b);
	__asm__ volatile("");
}

/* ---- storm ----------------------------------------------------------------------------------- */

static _Atomic int wrong;
static _Atomic int over;

/* 0: what was copied is what is there. */
static int try_copy(unsigned seed)
{
	unsigned char a[3000], b[3000];
	char *text;
	size_t n = seed % 2900 + 1;

	for (size_t i = 0; i < n; i++)
		a[i] = (unsigned char)(seed + i * 7 + 1) | 1;
	p_memcpy(b, a, n);
	p_memmove(b + 5, b, n);
	if (b[5] != a[0] || b[n + 4] != a[n - 1])
		return 1;
	a[n] = '\0';
	text = malloc(n + 1);
	if (!text)
		return 1;
	p_strcpy(text, (char *)a);
	if (strlen(text) != n || text[n - 1] != (char)a[n - 1])
		return 1;
	free(text);
	return 0;
}

/* No malloc in a handler: glibc's is not made for it. Copies are. */
static void on_alarm(int signo)
{
	static const char from[256] = "what a handler copies";
	char to[256];

	(void)signo;
	p_memcpy(to, from, sizeof to);
	p_strcpy(to, from);
	if (strcmp(to, from))
		wrong++;
}

static void *storm_thread(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;

	while (!over) {
		seed = seed * 1664525u + 1013904223u;
		wrong += try_copy(seed >> 8);
	}
	return NULL;
}

static void storm_child(unsigned seed)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		int bad = 0;

		for (unsigned i = 0; i < 50; i++)
			bad += try_copy(seed + i);
		_exit(bad ? 1 : 0);
	}
	if (child > 0 && (waitpid(child, &status, 0) != child || status))
		wrong++;
}

static int storm(int ms)
{
	struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 100}, {0, 100}}, never = {{0, 0}, {0, 0}};
	struct timespec start, now = {0, 1};
	pthread_t thread[3];

	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (uintptr_t i = 0; i < 3; i++)
		if (pthread_create(&thread[i], NULL, storm_thread, (void *)(i + 1)))
			return 1;
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		storm_child((unsigned)now.tv_nsec);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while ((now.tv_sec - start.tv_sec) * 1000 + (now.tv_nsec - start.tv_nsec) / 1000000 < ms);
	over = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	setitimer(ITIMER_REAL, &never, NULL);
	printf("wrong %d\n", wrong);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "storm"))
		return storm((int)strtol(argv[2], NULL, 10));
	if (argc > 2 && !strcmp(argv[1], "overflow"))
		return overflow(argv[2]);
	if (argc > 2 && !strcmp(argv[1], "volume")) {
		uint64_t bytes = strtoull(argv[2], NULL, 10);
		char *a = calloc(2, 1 << 20);

		if (!a)
			return 1;
		copy_blocks(a, a + (1 << 20), bytes);
		copy_large(a, a + (1 << 20), bytes);
		copy_texts(a, a + (1 << 20), bytes);
		free(a);
		return 0;
	}
	printf("%016llx %016llx %016llx\n", (unsigned long long)early,
	       (unsigned long long)(library_early ? library_early() : 0),
	       (unsigned long long)check(2000));
	return 0;
}
#endif
