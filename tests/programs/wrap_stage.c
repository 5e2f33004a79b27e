/* Stages as programs should not use them: too deep, ended twice, ended by others, left open, handed around,
 * in floods, while the thread is sampled. Prints how many of each it made; what was recorded must agree.
 * wrap_stage threads N | odd | flood N | token | names */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "protea-prof.h"

static int rounds;

static void work(int n)
{
	for (volatile int i = 0; i < n; i++)
		;
}

static void *nest(void *arg)
{
	(void)arg;
	for (int i = 0; i < rounds; i++) {
		pp_stage a = pp_stage_begin("a"), b, c;

		pp_stage_items(&a, 2);
		for (int k = 0; k < 3; k++) {
			b = pp_stage_begin("b");
			c = pp_stage_begin("c");
			pp_stage_param(&c, "k", k);
			work(i % 7 == 0 ? 20000 : 20);
			pp_stage_end(&c);
			pp_stage_end(&b);
		}
		pp_stage_end(&a);
		pp_counter("rounds", i);
	}
	return NULL;
}

static void threads(int n)
{
	pthread_t t[64];

	rounds = 300;
	for (int i = 0; i < n; i++)
		pthread_create(&t[i], NULL, nest, NULL);
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	printf("a %d b %d c %d\n", n * rounds, n * rounds * 3, n * rounds * 3);
}

static void *end_it(void *arg)
{
	pp_stage_end(arg);
	return NULL;
}

static void *leave_open(void *arg)
{
	pp_stage s = pp_stage_begin("left open"), t = pp_stage_begin("left inside");

	(void)arg;
	work(100000);
	return (void *)(long)(s.id + t.id != 0);
}

static void in_thread(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	pthread_create(&t, NULL, fn, arg);
	pthread_join(t, NULL);
}

static void odd(void)
{
	static pp_stage deep[3000];
	pp_stage a, b, c, none = {0, 0}, wild = {77, ~0ull};
	pp_token zero = {0, 0};

	errno = 4711;
	for (int i = 0; i < 3000; i++)
		deep[i] = pp_stage_begin("deep");
	pp_stage_end(&deep[0]);
	for (int i = 0; i < 3000; i++)
		pp_stage_end(&deep[i]);
	a = pp_stage_begin("outer");
	b = pp_stage_begin("middle");
	c = pp_stage_begin("inner");
	pp_stage_end(&a);
	pp_stage_end(&c);
	pp_stage_end(&b);
	pp_stage_end(&a);
	a = pp_stage_begin("ended elsewhere");
	in_thread(end_it, &a);
	b = pp_stage_begin("after");
	pp_stage_end(&b);
	pp_stage_end(&a);
	in_thread(leave_open, NULL);
	pp_stage_end(&none);
	pp_stage_end(&wild);
	pp_stage_items(&wild, 1);
	pp_stage_param(&wild, "x", 1);
	pp_stage_adopt_end();
	pp_stage_adopt(zero);
	pp_stage_adopt_end();
	a = pp_stage_begin(NULL);
	pp_stage_param(&a, NULL, 1);
	for (int i = 0; i < 20; i++)
		pp_stage_param(&a, i & 1 ? "one" : "two", i);
	pp_stage_end(&a);
	pp_counter(NULL, 1);
	printf("errno %d\n", errno);
}

static void flood(int n)
{
	pp_stage out = pp_stage_begin("out");

	for (int i = 0; i < n; i++) {
		pp_stage s = pp_stage_begin("drop");

		pp_stage_items(&s, 3);
		pp_stage_end(&s);
	}
	pp_stage_end(&out);
	printf("drop %d\n", n);
}

static pp_token handed;

static void *helper(void *arg)
{
	pp_stage s;

	(void)arg;
	pp_stage_adopt(handed);
	s = pp_stage_begin("helped");
	work(20000000);
	pp_stage_end(&s);
	work(20000000);
	pp_stage_adopt_end();
	return NULL;
}

static void token(void)
{
	pp_stage s = pp_stage_begin("job");

	handed = pp_stage_token();
	in_thread(helper, NULL);
	pp_stage_end(&s);
}

static void names(void)
{
	static char longest[1000], utf8[400];
	pp_stage s;

	memset(longest, 'x', sizeof longest - 1);
	memset(utf8, 'y', 254);
	for (int i = 254; i < 390; i += 2)
		memcpy(utf8 + i, "\xc3\xa4", 2);
	s = pp_stage_begin(longest);
	pp_stage_end(&s);
	s = pp_stage_begin(utf8);
	pp_stage_param(&s, longest, 1);
	pp_stage_end(&s);
	s = pp_stage_begin("");
	pp_stage_end(&s);
	pp_counter(longest, 1);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	int n = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 1;

	if (strcmp(what, "threads") == 0)
		threads(n < 64 ? n : 64);
	else if (strcmp(what, "odd") == 0)
		odd();
	else if (strcmp(what, "flood") == 0)
		flood(n);
	else if (strcmp(what, "token") == 0)
		token();
	else if (strcmp(what, "names") == 0)
		names();
	return 0;
}
