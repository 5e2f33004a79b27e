/* Inlined calls in each other, a nested function, a cold part, aliases: C for tests/cli/74_symbols.sh. */
#include <stdio.h>
#include <stdlib.h>

volatile int sink;

static inline __attribute__((always_inline)) int leaf(int x)
{
	sink += x;
	return sink * 3;
}

static inline __attribute__((always_inline)) int middle(int x)
{
	int a = leaf(x + 1);

	for (int i = 0; i < x; i++)
		a ^= leaf(i) + leaf(i + 2);
	return a;
}

__attribute__((noinline)) int outer(int x)
{
	if (x > 100)
		return middle(x) + middle(x / 2);
	return leaf(x);
}

__attribute__((cold, noinline)) static int seldom(int x)
{
	fprintf(stderr, "seldom %d\n", x);
	return leaf(x);
}

__attribute__((noinline)) int hot(int x)
{
	if (__builtin_expect(x == 12345, 0)) {
		seldom(x);
		if (sink == 77)
			abort();
	}
	return outer(x) + x;
}

int hot_alias(int x) __attribute__((alias("hot")));
int weak_alias(int x) __attribute__((weak, alias("hot")));

#if defined(__GNUC__) && !defined(__clang__)
__attribute__((noinline)) static int apply(int (*f)(int), int n)
{
	return f(n) + 1;
}

int nesting(int k)
{
	__attribute__((noinline)) int inner(int n)
	{
		return leaf(n + k);
	}
	return apply(inner, k);
}
#else
int nesting(int k)
{
	return k;
}
#endif

#ifndef NO_MAIN
int main(int argc, char **argv)
{
	(void)argv;
	return hot(argc) + nesting(argc) + hot_alias(argc) > 1 << 30;
}
#endif
